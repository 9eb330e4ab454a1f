//! Writing clips and sounds as files.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::path::Path;

use super::SoundstageError;
use super::plan::ClipPlan;
use super::truth::{TruthKeeper, frame_secs};
use crate::dataset::ClipAnnotations;
use crate::dataset::formats::{Item, MediaKind};
use crate::media::{self, EncodeSettings};
use crate::signal::Waveform;

/// Of the sound in videos.
pub const VIDEO_SOUND_RATE: u32 = 48_000;

/// Writes a clip as a video (H.264 and AAC in MP4) and answers with its truth, frame by frame.
///
/// `progress` is told the share that is done, 0 to 1, and answers whether to go on.
///
/// # Errors
/// When `progress` said no, or the file cannot be written; nothing is left then.
pub fn write_clip(
    plan: &ClipPlan,
    path: &Path,
    rate: (u32, u32),
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<ClipAnnotations, SoundstageError> {
    let count = plan.frame_count(rate);
    if rate.0 == 0 || rate.1 == 0 || count == 0 {
        return Err(SoundstageError::Rate(rate));
    }
    if !progress(0.0) {
        return Err(SoundstageError::Cancelled);
    }
    let sound = plan.whole_sound(VIDEO_SOUND_RATE);
    let going_on = Cell::new(true);
    let keeper = RefCell::new(TruthKeeper::new(plan));
    let mut painter = plan.painter();
    let pictures = (0..count).map_while(|frame| {
        going_on.set(progress(frame as f32 / count as f32));
        going_on.get().then(|| {
            let (picture, truth) = painter.picture_and_truth(frame_secs(frame, rate));
            keeper.borrow_mut().add(frame, &truth);
            picture
        })
    });
    let settings = EncodeSettings { rate, quick: true, ..EncodeSettings::default() };
    let encoded = media::encode(path, settings, pictures, Some(&sound));
    if !going_on.get() || !progress(1.0) {
        if encoded.is_ok() {
            std::fs::remove_file(path).map_err(SoundstageError::io(path))?;
        }
        return Err(SoundstageError::Cancelled);
    }
    encoded?;
    Ok(keeper.into_inner().finish())
}

/// A clip's entry in a file of annotations.
pub(super) fn item(plan: &ClipPlan, name: String, rate: (u32, u32), truth: ClipAnnotations) -> Item {
    Item {
        picture: name,
        kind: MediaKind::Video,
        frame_size: Some(plan.size()),
        frame_count: Some(plan.frame_count(rate)),
        class: plan.class().map(|kind| kind.label().to_owned()),
        annotations: Some(truth),
        ..Item::default()
    }
}

/// Writes a sound as 16-bit PCM in a WAVE file.
///
/// # Errors
/// When the file cannot be written.
pub fn write_wave(path: &Path, sound: &Waveform) -> Result<(), SoundstageError> {
    let bytes_per_frame = u32::from(sound.channels) * 2;
    let length = u32::try_from(sound.samples.len() * 2).unwrap_or(u32::MAX - 44);
    let mut bytes = Vec::with_capacity(length as usize + 44);
    bytes.extend(b"RIFF");
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(1u16.to_le_bytes());
    bytes.extend(sound.channels.to_le_bytes());
    bytes.extend(sound.rate.to_le_bytes());
    bytes.extend((sound.rate * bytes_per_frame).to_le_bytes());
    bytes.extend((bytes_per_frame as u16).to_le_bytes());
    bytes.extend(16u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(length.to_le_bytes());
    // The cast saturates.
    bytes.extend(sound.samples.iter().flat_map(|sample| ((sample * 32_767.0).round() as i16).to_le_bytes()));
    let mut file = std::fs::File::create(path).map_err(SoundstageError::io(path))?;
    file.write_all(&bytes).map_err(SoundstageError::io(path))
}
