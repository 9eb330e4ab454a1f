//! The files of one clip: its pictures, and the sounds that its questions need.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::plan::Plan;
use super::questions::Asked;
use crate::dataset::{Clip, ClipMedia};
use crate::engine::{Sound, SoundChoice};
use crate::geometry::Size;
use crate::heatmap::Grid;
use crate::media::{self, FrameTable, Picture, VideoReader};

/// Size of a frame that nobody knows, where only saved maps of whole frames are scored.
const UNKNOWN_FRAME: Size = Size::new(224, 224);
/// Length of made sounds for a picture whose own sound cannot be read.
const MADE_SECS: f64 = 10.0;

/// The pictures of an opened clip.
pub struct Pictures {
    reader: Option<VideoReader>,
    size: Size,
    /// Seconds of a video; `None` for a still image and where the file is missing.
    pub clip_secs: Option<f64>,
    pub frames: usize,
}

impl Pictures {
    /// The picture of a frame; where only sizes count, or the file is missing, one without pixels.
    pub fn at(&mut self, frame: Option<usize>) -> Result<Picture, String> {
        match (&mut self.reader, frame) {
            (Some(reader), Some(frame)) => Ok(reader.frame(frame).map_err(|error| error.to_string())?.to_picture()),
            _ => Ok(Picture { size: self.size, rgb: Vec::new() }),
        }
    }
}

/// Opens a clip's pictures, with the frame table of a video. Without pictures where only saved maps are scored.
pub fn open_pictures(
    plan: &Plan,
    clip: &Clip,
    stop: &Arc<AtomicBool>,
) -> Result<(Pictures, Option<Arc<FrameTable>>), String> {
    let path = match (&clip.media, clip.media.picture()) {
        (_, Some(path)) => path,
        (ClipMedia::Missing { wanted }, _) if plan.pictures => {
            return Err(format!("its files are missing: {}", wanted.join(", ")));
        }
        (ClipMedia::Missing { .. }, _) => {
            return Ok((Pictures { reader: None, size: UNKNOWN_FRAME, clip_secs: None, frames: 0 }, None));
        }
        _ => return Err("there is no picture, only a sound".into()),
    };
    let text = |error: media::MediaError| error.to_string();
    let opened = media::open(path).map_err(text)?;
    let Some(video) = opened.video() else { return Err(format!("there are no pictures in it: {}", path.display())) };
    let size = video.presented_size;
    if opened.is_still() && !plan.pictures {
        return Ok((Pictures { reader: None, size, clip_secs: None, frames: 1 }, None));
    }
    let table = Arc::new(FrameTable::read(&opened, stop).map_err(text)?);
    let is_still = opened.is_still();
    let reader = plan.pictures.then(|| VideoReader::new(&opened, Arc::clone(&table), Arc::clone(stop)));
    let clip_secs = (!is_still).then(|| table.end_secs());
    Ok((Pictures { reader, size, clip_secs, frames: table.len() }, (!is_still).then_some(table)))
}

/// The sounds that a clip's questions need, each read when it is first needed.
pub struct Sounds<'a> {
    plan: &'a Plan,
    clip: &'a Clip,
    clip_secs: Option<f64>,
    stop: &'a Arc<AtomicBool>,
    read: HashMap<Asked, Result<Arc<Sound>, String>>,
}

impl<'a> Sounds<'a> {
    /// `clip_secs` as [`Pictures`] have it.
    pub fn new(plan: &'a Plan, clip: &'a Clip, clip_secs: Option<f64>, stop: &'a Arc<AtomicBool>) -> Self {
        Self { plan, clip, clip_secs, stop, read: HashMap::new() }
    }

    pub fn get(&mut self, asked: Asked) -> Result<Arc<Sound>, String> {
        if let Some(known) = self.read.get(&asked) {
            return known.clone();
        }
        let made = match asked {
            Asked::Own => self.own(),
            Asked::Silence => Ok(Sound::silence(self.secs())),
            Asked::Noise => Ok(Sound::noise(self.secs())),
            Asked::Other(index) => self.of_other(index),
        };
        let made = made.map(Arc::new);
        self.read.insert(asked, made.clone());
        made
    }

    /// How long made sounds last: as long as the clip, or as its sound.
    pub fn secs(&mut self) -> f64 {
        self.clip_secs.unwrap_or_else(|| self.get(Asked::Own).map_or(MADE_SECS, |own| own.track.duration_secs()))
    }

    fn own(&self) -> Result<Sound, String> {
        let path = self.clip.media.sound().ok_or("the clip has no sound")?;
        let sound = decode(path, self.stop)?;
        Ok(match (&self.clip.media, self.clip_secs) {
            (ClipMedia::VideoAndSound { .. }, Some(secs)) => {
                Sound::foreign(SoundChoice::File(path.to_owned()), &sound.waveform, secs)
            }
            (_, secs) => Sound::own(&sound.waveform, sound.start_secs, secs.unwrap_or_else(|| sound.end_secs())),
        })
    }

    fn of_other(&mut self, index: usize) -> Result<Sound, String> {
        let other = self.plan.dataset.clips.get(index).and_then(|clip| clip.media.sound());
        let path = other.ok_or("the other clip has no sound")?;
        let sound = decode(path, self.stop)?;
        let secs = self.clip_secs.unwrap_or_else(|| sound.waveform.duration_secs());
        Ok(Sound::foreign(SoundChoice::File(path.to_owned()), &sound.waveform, secs))
    }
}

fn decode(path: &Path, stop: &Arc<AtomicBool>) -> Result<media::Soundtrack, String> {
    let opened = media::open(path).map_err(|error| error.to_string())?;
    let sound = media::decode_audio(&opened, stop).map_err(|error| error.to_string())?;
    sound.ok_or_else(|| format!("there is no sound in it: {}", path.display()))
}

/// A mask as numbers from 0 to 255.
pub fn read_mask(path: &Path) -> Result<Grid, String> {
    let unread = |error: &dyn std::fmt::Display| format!("its mask cannot be read: {}: {error}", path.display());
    let mut reader = image::ImageReader::open(path)
        .and_then(image::ImageReader::with_guessed_format)
        .map_err(|error| unread(&error))?;
    reader.limits(image::Limits::default());
    let gray = reader.decode().map_err(|error| unread(&error))?.into_luma8();
    let (columns, rows) = (gray.width() as usize, gray.height() as usize);
    Grid::new(rows, columns, gray.into_raw().into_iter().map(f32::from).collect())
        .ok_or_else(|| unread(&"it has no pixels"))
}
