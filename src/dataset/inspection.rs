//! Looking into the media of a dataset: what cannot be read, is silent, still, too short, or of two lengths.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use super::clip::{Clip, ClipMedia, Dataset};
use super::identity;
use super::report::MediaProblem;
use crate::media::{self, FrameTable, MediaError};

/// What counts as a problem.
#[derive(Clone, Copy, Debug)]
pub struct InspectionRules {
    /// Shortest sound that the models of a benchmark need.
    pub needed_secs: f64,
    /// Most that picture and sound may differ in length.
    pub tolerance_secs: f64,
    /// Loudest sample, of full scale 1, of a sound that counts as silent.
    pub silence: f32,
}

impl Default for InspectionRules {
    /// Three seconds, the longest audio window that the published evaluations cut; half a second; half of the
    /// smallest step of 16-bit sound.
    fn default() -> Self {
        Self { needed_secs: 3.0, tolerance_secs: 0.5, silence: 0.5 / 32_768.0 }
    }
}

/// The problems of each clip that has any, in the dataset's order, found by all cores. `progress` hears how many clips
/// are done of how many, and ends the work by breaking; what was found until then is the answer.
pub fn inspect(
    dataset: &Dataset,
    rules: InspectionRules,
    stop: &Arc<AtomicBool>,
    mut progress: impl FnMut(usize, usize) -> ControlFlow<()>,
) -> Vec<(String, Vec<MediaProblem>)> {
    let clips = &dataset.clips;
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(clips.len());
    let mut found: Vec<(usize, Vec<MediaProblem>)> = Vec::new();
    if progress(0, clips.len()).is_break() {
        return Vec::new();
    }
    std::thread::scope(|scope| {
        let (answers, answered) = mpsc::channel();
        for _ in 0..workers {
            let (answers, next) = (answers.clone(), &next);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(clip) = clips.get(place) else { break };
                    if answers.send((place, inspect_clip(clip, rules, stop))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(answers);
        for (done, (place, problems)) in answered.iter().enumerate() {
            if !problems.is_empty() {
                found.push((place, problems));
            }
            if progress(done + 1, clips.len()).is_break() {
                next.store(clips.len(), Ordering::Relaxed);
                break;
            }
        }
    });
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().filter_map(|(place, problems)| Some((clips.get(place)?.id.clone(), problems))).collect()
}

/// The problems of one clip: its picture's frames are counted and its sound is decoded whole.
pub fn inspect_clip(clip: &Clip, rules: InspectionRules, stop: &Arc<AtomicBool>) -> Vec<MediaProblem> {
    if let ClipMedia::Missing { wanted } = &clip.media {
        return vec![MediaProblem::Missing { wanted: wanted.clone() }];
    }
    let mut problems = Vec::new();
    let is_video = matches!(clip.media, ClipMedia::Video(_) | ClipMedia::VideoAndSound { .. });
    let mut picture_secs = None;
    if let Some(path) = clip.media.picture() {
        match picture_length(path, is_video, stop) {
            Ok(Some((frames, secs))) => {
                picture_secs = Some(secs);
                if frames < 2 {
                    problems.push(MediaProblem::Still);
                }
            }
            Ok(None) => {}
            Err(error) => problems.push(unreadable(path, &error)),
        }
    }
    match clip.media.sound() {
        None => problems.push(MediaProblem::NoSound),
        Some(path) => match media::open(path).and_then(|media| media::decode_audio(&media, stop)) {
            Err(error) => {
                let problem = unreadable(path, &error);
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
            Ok(None) => problems.push(MediaProblem::NoSound),
            Ok(Some(sound)) => {
                let secs = sound.waveform.duration_secs();
                if sound.waveform.samples.iter().all(|sample| sample.abs() <= rules.silence) {
                    problems.push(MediaProblem::Silent);
                }
                if secs < rules.needed_secs {
                    problems.push(MediaProblem::TooShort { secs, needed_secs: rules.needed_secs });
                }
                // The sound of another clip has a length of its own.
                let own = match &clip.media {
                    ClipMedia::VideoAndSound { video, sound } => {
                        identity::key(&identity::file_name(video)) == identity::key(&identity::file_name(sound))
                    }
                    _ => true,
                };
                if let (Some(picture_secs), true) = (picture_secs, own)
                    && (picture_secs - sound.end_secs()).abs() > rules.tolerance_secs
                {
                    problems.push(MediaProblem::LengthsDisagree { picture_secs, sound_secs: sound.end_secs() });
                }
            }
        },
    }
    problems
}

fn unreadable(path: &Path, error: &MediaError) -> MediaProblem {
    MediaProblem::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

/// Number of frames and seconds of a video; nothing for a picture, which is only opened.
fn picture_length(path: &Path, is_video: bool, stop: &Arc<AtomicBool>) -> Result<Option<(usize, f64)>, MediaError> {
    let opened = media::open(path)?;
    if !is_video {
        return Ok(None);
    }
    if opened.video().is_none() {
        return Err(MediaError::NoPicture { path: path.to_owned() });
    }
    let table = FrameTable::read(&opened, stop)?;
    Ok(Some((table.len(), table.end_secs())))
}
