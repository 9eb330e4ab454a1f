//! The clip that the program makes itself: a bell at the left and a guitar at the right, which sound in turn, for two
//! seconds together, and are silent between.
//!
//! Picture, sound and truth are pure functions of one timetable, `score`. What is seen moves just when it is heard.

mod bell;
mod canvas;
mod guitar;
mod picture;
mod room;
mod score;
mod sound;

use std::cell::Cell;
use std::path::{Path, PathBuf};

pub use picture::{SIZE, frame};
pub use score::{FRAME_COUNT, FRAMES_PER_SEC};
pub use sound::sound;

use crate::dataset::formats::{self, AnnotationSet, Format, Item, MediaKind, WriteOptions};
use crate::dataset::{Annotation, Benchmark, BetweenKeys, ClipAnnotations, DatasetError, SoundInterval, Span};
use crate::geometry::Rect;
use crate::media::{self, EncodeSettings, MediaError};

/// Version of the clip in its file name: raised with each change of what is seen, heard or true.
const NAME: &str = "bell-and-guitar-1";

/// Why there is no demo clip.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("this user has no cache folder for the demo clip; name a folder in SONOLENS_CACHE")]
    NoCacheFolder,
    #[error("making the demo clip was cancelled")]
    Cancelled,
    #[error("the demo clip cannot be kept: {path}: {source}; name another folder in SONOLENS_CACHE", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the demo clip cannot be written: {0}")]
    Media(#[from] MediaError),
    #[error("the truth of the demo clip cannot be written: {0}")]
    Dataset(#[from] DatasetError),
}

/// Where the boxes stand and who sounds, frame by frame.
pub fn annotations() -> ClipAnnotations {
    let bell = (0..FRAME_COUNT).map(|index| bell::bounds(bell::pose(score::frame_secs(index))));
    let guitar = guitar::bounds();
    let mut keys = track("bell", &score::BELL_SOUNDS, bell);
    keys.extend(track("guitar", &score::GUITAR_SOUNDS, (0..FRAME_COUNT).map(|_| guitar)));
    let intervals = |label: &'static str, stretches: &'static [std::ops::Range<f64>]| {
        stretches.iter().map(move |stretch| SoundInterval {
            start_secs: stretch.start,
            end_secs: stretch.end,
            label: Some(label.into()),
            annotator: None,
            off_screen: false,
            unidentified: false,
        })
    };
    let mut sounds: Vec<SoundInterval> = intervals("bell", &score::BELL_SOUNDS).collect();
    sounds.extend(intervals("guitar", &score::GUITAR_SOUNDS));
    sounds.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
    ClipAnnotations::of_boxes(keys).with_sounds(sounds)
}

/// The keys of one thing: one wherever its box moves or it starts or stops sounding.
fn track(
    label: &str,
    stretches: &[std::ops::Range<f64>],
    bounds_pixels: impl Iterator<Item = Rect>,
) -> Vec<Annotation> {
    let frame_pixels = Rect::of_size(SIZE);
    let mut keys: Vec<Annotation> = Vec::new();
    for (index, bounds) in (0..).zip(bounds_pixels) {
        let rect_fraction = bounds.fraction_of(&frame_pixels);
        let sounding = Some(score::heard(stretches, score::frame_secs(index)));
        if keys.last().is_some_and(|key| key.rect_fraction == rect_fraction && key.sounding == sounding) {
            continue;
        }
        keys.push(Annotation {
            track: Some(label.into()),
            span: Span::Frame(u64::from(index)),
            between: BetweenKeys::Hold,
            sounding,
            ..Annotation::new(rect_fraction, Some(label.into()))
        });
    }
    keys
}

/// The demo clip as a file that [`crate::dataset::open`] takes, truth and all; made at the first call (some seconds)
/// and kept in the user's cache folder, or in the one that `SONOLENS_CACHE` names.
///
/// `progress` is told the share that is done, 0 to 1, and answers whether to go on.
///
/// # Errors
/// When `progress` said no, there is no cache folder, or the files cannot be written.
pub fn demo_path(progress: &mut dyn FnMut(f32) -> bool) -> Result<PathBuf, DemoError> {
    let named = std::env::var_os("SONOLENS_CACHE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let own = || directories::ProjectDirs::from("", "", "sonolens").map(|user| user.cache_dir().to_owned());
    let folder = named.or_else(own).ok_or(DemoError::NoCacheFolder)?;
    kept_in(&folder, progress)
}

fn kept_in(folder: &Path, progress: &mut dyn FnMut(f32) -> bool) -> Result<PathBuf, DemoError> {
    let video = folder.join(format!("{NAME}.mp4"));
    let truth = folder.join(format!("{NAME}.sonolens.json"));
    if video.is_file() && truth.is_file() {
        return Ok(video);
    }
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| DemoError::Io { path, source }
    };
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    // Made aside, so that two programs that start at once never show half a clip.
    let aside = tempfile::Builder::new().prefix(".making-").tempdir_in(folder).map_err(io(folder))?;
    let (new_video, new_truth) = (aside.path().join("clip.mp4"), aside.path().join("truth.json"));
    write_truth(&new_truth)?;
    write_video(&new_video, progress)?;
    std::fs::rename(&new_truth, &truth).map_err(io(&truth))?;
    std::fs::rename(&new_video, &video).map_err(io(&video))?;
    Ok(video)
}

fn write_truth(path: &Path) -> Result<(), DemoError> {
    let item = Item {
        picture: format!("{NAME}.mp4"),
        kind: MediaKind::Video,
        frame_size: Some(SIZE),
        frame_count: Some(u64::from(FRAME_COUNT)),
        annotations: Some(annotations()),
        ..Item::default()
    };
    let set = AnnotationSet::new(Format::Sonolens, Benchmark::Plain, vec![item]);
    formats::write(path, &set, Format::Sonolens, &WriteOptions::default())?;
    Ok(())
}

fn write_video(path: &Path, progress: &mut dyn FnMut(f32) -> bool) -> Result<(), DemoError> {
    // Drawing and encoding share the work; the sound is the first twentieth of it.
    const SOUND_SHARE: f32 = 0.05;
    if !progress(0.0) {
        return Err(DemoError::Cancelled);
    }
    let sound = sound();
    let going_on = Cell::new(true);
    let pictures = (0..FRAME_COUNT).map_while(|index| {
        going_on.set(progress(SOUND_SHARE + (1.0 - SOUND_SHARE) * index as f32 / FRAME_COUNT as f32));
        going_on.get().then(|| frame(index))
    });
    let settings = EncodeSettings { rate: (FRAMES_PER_SEC, 1), ..EncodeSettings::default() };
    let encoded = media::encode(path, settings, pictures, Some(&sound));
    if !going_on.get() || !progress(1.0) {
        return Err(DemoError::Cancelled);
    }
    Ok(encoded?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::dataset::{self, Moment};
    use crate::media::{FrameTable, VideoReader};

    fn sounding_at(truth: &ClipAnnotations, index: u32) -> Vec<&str> {
        let moment = Moment::of_frame(u64::from(index), score::frame_secs(index), 0.04);
        let boxes = truth.at(moment);
        assert_eq!(boxes.len(), 2, "both things are in the picture");
        boxes.iter().filter(|found| found.sounding).filter_map(|found| found.annotation.label.as_deref()).collect()
    }

    #[test]
    fn truth_says_who_sounds_in_each_frame_and_where() {
        let truth = annotations();
        let expected: [(std::ops::Range<u32>, &[&str]); 6] = [
            (0..80, &["bell"]),
            (80..100, &[]),
            (100..170, &["guitar"]),
            (170..220, &["bell", "guitar"]),
            (220..235, &["guitar"]),
            (235..250, &[]),
        ];
        for (frames, names) in expected {
            frames.for_each(|index| assert_eq!(sounding_at(&truth, index), names, "frame {index}"));
        }
        for index in 0..FRAME_COUNT {
            let bell = bell::bounds(bell::pose(score::frame_secs(index))).fraction_of(&Rect::of_size(SIZE));
            let boxes = truth.at(Moment::of_frame(u64::from(index), score::frame_secs(index), 0.04));
            assert_eq!(boxes[0].rect_fraction, bell);
            assert!(truth.sounds_at(score::frame_secs(index)).count() == sounding_at(&truth, index).len());
        }
    }

    #[test]
    fn the_clip_opens_with_its_truth_and_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut shares = Vec::new();
        let path = kept_in(folder.path(), &mut |share| {
            shares.push(share);
            true
        })
        .unwrap();
        assert!(shares.is_sorted() && shares.first() == Some(&0.0) && shares.last() == Some(&1.0));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "video and truth, nothing else");
        let opened = dataset::open(&path).unwrap();
        assert_eq!(opened.clips.len(), 1);
        assert_eq!(opened.clips[0].annotations, Some(annotations()));

        let media = media::open(&path).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let table = Arc::new(FrameTable::read(&media, &stop).unwrap());
        assert_eq!(table.len(), FRAME_COUNT as usize);
        let mut reader = VideoReader::new(&media, table, Arc::clone(&stop));
        let (seen, made) = (reader.frame(176).unwrap().to_picture(), frame(176));
        let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
        let error = seen.rgb.iter().zip(&made.rgb).map(square).sum::<f64>() / made.rgb.len() as f64;
        assert!(error.sqrt() < 6.0, "{}", error.sqrt());
        let heard = media::decode_audio(&media, &stop).unwrap().unwrap();
        assert!(heard.waveform.duration_secs() > 9.9);

        let again = kept_in(folder.path(), &mut |_| panic!("it is there already")).unwrap();
        assert_eq!(again, path);
    }

    #[test]
    fn a_cancelled_clip_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cancelled = kept_in(folder.path(), &mut |share| share < 0.06);
        assert!(matches!(cancelled, Err(DemoError::Cancelled)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(kept_in(&folder.path().join("a\0b"), &mut |_| true).is_err());
    }
}
