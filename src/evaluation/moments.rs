//! Which frames of a clip are scored, and what is true of each.

use std::path::PathBuf;

use super::row::ClipKind;
use crate::dataset::formats::evaluated_frames;
use crate::dataset::{Benchmark, Clip, ClipAnnotations, Moment, NegativeKind, ScoredFrame, Span};
use crate::media::FrameTable;
use crate::metrics::TruthBox;

/// A frame to score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredMoment {
    /// Place in the frame table; `None` where the clip's file is not there.
    pub frame: Option<usize>,
    /// In the clip's time.
    pub time_secs: f64,
    /// Why this frame.
    pub reason: &'static str,
    pub truth: Truth,
    /// On Urbansas, every box in the picture at this half second with its label, whether it is seen whole and whatever is
    /// heard; `None` where such boxes are not given.
    pub in_picture: Option<Vec<LabelledBox>>,
}

/// A box of the ground truth and its label.
pub type LabelledBox = (TruthBox, Option<String>);

/// What is true of a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    pub kind: ClipKind,
    /// The boxes of what sounds, each with its label.
    pub boxes: Vec<LabelledBox>,
    /// Pictures of what sounds, where the ground truth is given so.
    pub masks: Vec<PathBuf>,
}

impl Truth {
    fn without_boxes(kind: ClipKind) -> Self {
        Self { kind, boxes: Vec::new(), masks: Vec::new() }
    }

    /// The labels of the boxes, each once, in the order in which they occur.
    pub fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = Vec::new();
        for label in self.boxes.iter().filter_map(|(_, label)| label.as_deref()) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels
    }
}

/// The label that all boxes have.
pub fn only_label(boxes: &[LabelledBox]) -> Option<&str> {
    let first = boxes.first().and_then(|(_, label)| label.as_deref());
    first.filter(|first| boxes.iter().all(|(_, label)| label.as_deref() == Some(*first)))
}

/// Why a moment of a video is looked at although no annotation names it.
const MISSING: &str = "the clip's file is missing: the one saved map is of whichever frame was meant";
const FLOWGRAD: &str = "a vehicle is visible and an identified sound is heard: FlowGrad's choice of frames";
const HALF_SECOND: &str = "a half second of the clip: it counts in Urbansas' own figure alone";

/// The moments of a clip that are scored. `table` is the frame table of a video, `None` for a still image and where
/// the file is not there.
///
/// # Errors
/// The annotation names frames that the file does not have, or nothing that can be looked at.
pub fn scored_moments(
    clip: &Clip,
    benchmark: Benchmark,
    table: Option<&FrameTable>,
) -> Result<Vec<ScoredMoment>, String> {
    let is_still = clip.scored == ScoredFrame::Still;
    let Some(table) = table.filter(|_| !is_still) else {
        if !is_still && clip.scored != ScoredFrame::Middle {
            return Err("its annotations follow time, so its frames must be known: the file is missing".into());
        }
        let frame = is_still.then_some(0);
        let reason = if is_still { clip.scored.reason() } else { MISSING };
        let truth = truth_at(clip, benchmark, None);
        return Ok(vec![ScoredMoment { frame, time_secs: 0.0, reason, truth, in_picture: None }]);
    };
    if table.is_empty() {
        return Err("the video has no frames".into());
    }
    let at_frame = |frame: usize, reason: &'static str| {
        let time_secs = table.time_secs(frame);
        let moment = Moment::of_frame(frame as u64, time_secs, table.until_secs(frame) - time_secs);
        let truth = truth_at(clip, benchmark, Some(moment));
        ScoredMoment { frame: Some(frame), time_secs, reason, truth, in_picture: None }
    };
    let at_time = |secs: f64| table.index_at(secs + crate::playback::DUE_TOLERANCE_SECS);
    let reason = clip.scored.reason();
    let named = |secs: f64| {
        if (0.0..=table.end_secs()).contains(&secs) {
            Ok(at_time(secs))
        } else {
            Err(format!("the annotation is about {secs:.3} s, the video ends at {:.3} s", table.end_secs()))
        }
    };
    match (clip.scored, &clip.annotations) {
        (ScoredFrame::Secs(secs), _) => Ok(vec![at_frame(named(secs)?, reason)]),
        (ScoredFrame::EveryAnnotated, Some(annotations)) => {
            let mut moments = Vec::new();
            if benchmark == Benchmark::Urbansas && heard(annotations) {
                for number in evaluated_frames(annotations) {
                    let secs = number as f64 / FLOWGRAD_RATE;
                    let truth = visible_at(annotations, secs);
                    moments.push(ScoredMoment { truth, ..at_frame(named(secs)?, FLOWGRAD) });
                }
            } else {
                let mut frames = Vec::new();
                for span in annotations.annotated_spans() {
                    frames.push(match (span, annotations.frame_rate) {
                        (Span::Whole, _) => continue,
                        (Span::Frame(number), Some(rate)) if rate > 0.0 => named(number as f64 / rate)?,
                        (Span::Frame(number), _) => {
                            let count = table.len();
                            usize::try_from(number).ok().filter(|&index| index < count).ok_or_else(|| {
                                format!("the annotation is about frame {number}, the video has {count} frames")
                            })?
                        }
                        (Span::Secs(secs) | Span::Interval { start: secs, .. }, _) => named(secs)?,
                    });
                }
                frames.sort_unstable();
                frames.dedup();
                moments.extend(frames.into_iter().map(|frame| at_frame(frame, reason)));
            }
            Ok(match benchmark {
                Benchmark::Urbansas => with_half_seconds(moments, annotations, table, &at_frame, &at_time),
                _ => moments,
            })
        }
        _ => Ok(vec![at_frame(at_time(table.end_secs() / 2.0), reason)]),
    }
}

/// Frames a second of FlowGrad's Urbansas.
const FLOWGRAD_RATE: f64 = 8.0;

/// Half seconds of a clip that Urbansas' own figure is over: those of its ten seconds.
const HALF_SECONDS: u32 = 20;

/// The moments of an Urbansas clip with what is in the picture at each half second, as the authors' evaluation takes it:
/// every box, whatever is heard. Half seconds that are not among `moments` are added, and count in nothing else.
/// Annotations of single frames say nothing about the others, so there nothing is added.
fn with_half_seconds(
    mut moments: Vec<ScoredMoment>,
    annotations: &ClipAnnotations,
    table: &FrameTable,
    at_frame: &dyn Fn(usize, &'static str) -> ScoredMoment,
    at_time: &dyn Fn(f64) -> usize,
) -> Vec<ScoredMoment> {
    if annotations.boxes().iter().any(|found| matches!(found.span, Span::Frame(_))) {
        return moments;
    }
    let seconds = (0..HALF_SECONDS).map(|number| 0.5 * f64::from(number)).take_while(|secs| *secs < table.end_secs());
    for secs in seconds {
        let frame = at_time(secs);
        let standing = annotations.at(secs).into_iter();
        let boxes: Vec<LabelledBox> =
            standing.map(|found| (TruthBox::new(found.rect_fraction), found.annotation.label.clone())).collect();
        match moments.iter_mut().find(|moment| moment.frame == Some(frame)) {
            Some(moment) => {
                moment.in_picture.get_or_insert(boxes);
            }
            None => moments.push(ScoredMoment {
                truth: Truth { boxes: boxes.clone(), ..Truth::without_boxes(ClipKind::RegionsOnly) },
                in_picture: Some(boxes),
                ..at_frame(frame, HALF_SECOND)
            }),
        }
    }
    moments.sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
    moments
}

fn heard(annotations: &ClipAnnotations) -> bool {
    !annotations.sounds.is_empty()
}

/// FlowGrad's ground truth: every box that is not occluded, whatever its label and the sound's.
fn visible_at(annotations: &ClipAnnotations, secs: f64) -> Truth {
    let standing = annotations.at(secs).into_iter().filter(|found| !found.annotation.occluded);
    let boxes = standing.map(|found| (TruthBox::new(found.rect_fraction), found.annotation.label.clone()));
    Truth { kind: ClipKind::Positive, boxes: boxes.collect(), masks: Vec::new() }
}

fn truth_at(clip: &Clip, benchmark: Benchmark, moment: Option<Moment>) -> Truth {
    if let Some(negative) = clip.negative {
        return Truth::without_boxes(kind_of(negative));
    }
    let Some(annotations) = &clip.annotations else { return Truth::without_boxes(ClipKind::Unannotated) };
    let boxes: Vec<_> =
        annotations.labelled_truth(moment).into_iter().map(|(one, label)| (one, label.map(str::to_owned))).collect();
    let masks: Vec<PathBuf> = match moment {
        Some(moment) => annotations.masks_at(moment).into_iter().map(|mask| mask.path.clone()).collect(),
        None => annotations.masks.iter().map(|mask| mask.path.clone()).collect(),
    };
    if boxes.is_empty() && masks.is_empty() {
        let off_screen = moment.is_some_and(|at| annotations.sounds_at(at.time_secs).any(|sound| sound.off_screen));
        return Truth::without_boxes(match benchmark {
            _ if off_screen => ClipKind::OffScreen,
            // Whoever annotated this clip saw nothing that sounds.
            Benchmark::Plain | Benchmark::Urbansas => ClipKind::Real,
            // The benchmarks count their silent frames as failures.
            _ => ClipKind::Positive,
        });
    }
    Truth { kind: ClipKind::Positive, boxes, masks }
}

fn kind_of(negative: NegativeKind) -> ClipKind {
    match negative {
        NegativeKind::Real => ClipKind::Real,
        NegativeKind::Easy => ClipKind::Easy,
        NegativeKind::Hard => ClipKind::Hard,
        NegativeKind::Swapped => ClipKind::Swapped,
        NegativeKind::Silence => ClipKind::Silence,
        NegativeKind::Noise => ClipKind::Noise,
        NegativeKind::OffScreen => ClipKind::OffScreen,
    }
}
