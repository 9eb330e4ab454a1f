//! The truth of a clip in the words of the dataset: boxes that follow time, and who is heard when.

use super::picture::ThingTruth;
use super::plan::ClipPlan;
use crate::dataset::{Annotation, BetweenKeys, ClipAnnotations, SoundInterval, Span};
use crate::geometry::Rect;

/// Gathers what is true frame by frame; a key wherever something of a thing changes.
pub(super) struct TruthKeeper<'a> {
    plan: &'a ClipPlan,
    /// One for each thing of the plan.
    tracks: Vec<Vec<Annotation>>,
}

impl<'a> TruthKeeper<'a> {
    pub fn new(plan: &'a ClipPlan) -> Self {
        Self { plan, tracks: vec![Vec::new(); plan.things.len()] }
    }

    pub fn add(&mut self, frame: u64, truths: &[ThingTruth]) {
        /// Less than this is not worth being called hidden.
        const SEEN_WHOLLY: f64 = 0.995;
        let frame_pixels = Rect::of_size(self.plan.size());
        for truth in truths {
            let Some(keys) = self.tracks.get_mut(truth.thing) else { continue };
            // Two digits: smaller changes would only make keys.
            let visibility = (f64::from(truth.visibility) * 100.0).round() / 100.0;
            let visible = truth.rect_pixels.is_some();
            let rect = truth.rect_pixels.unwrap_or_default().fraction_of(&frame_pixels);
            let same = keys.last().is_some_and(|key| {
                key.visible == visible
                    && (!visible || key.rect_fraction == rect && key.visibility == Some(visibility))
                    && key.sounding == Some(truth.sounding)
            });
            // A thing that has not come yet needs no key that says so.
            if same || keys.is_empty() && !visible {
                continue;
            }
            let rect = if visible { rect } else { keys.last().map_or(rect, |key| key.rect_fraction) };
            let label = truth.kind.label();
            keys.push(Annotation {
                track: Some(format!("{label} {}", truth.thing + 1)),
                span: Span::Frame(frame),
                between: BetweenKeys::Hold,
                sounding: Some(truth.sounding),
                visible,
                occluded: visible && visibility < SEEN_WHOLLY,
                visibility: visible.then_some(visibility),
                ..Annotation::new(rect, Some(label.to_owned()))
            });
        }
    }

    pub fn finish(self) -> ClipAnnotations {
        let boxes = self.tracks.into_iter().flatten().collect();
        ClipAnnotations::of_boxes(boxes).with_sounds(sounds(self.plan))
    }
}

/// Who is heard when.
fn sounds(plan: &ClipPlan) -> Vec<SoundInterval> {
    let mut sounds: Vec<SoundInterval> = plan
        .things
        .iter()
        .flat_map(|thing| {
            thing.sounding.iter().map(|span| SoundInterval {
                start_secs: span.start,
                end_secs: span.end.min(plan.lasts_secs()),
                label: Some(thing.kind.label().to_owned()),
                annotator: None,
                off_screen: thing.off_screen,
                unidentified: false,
            })
        })
        .collect();
    sounds.sort_by(|a, b| a.start_secs.total_cmp(&b.start_secs));
    sounds
}

impl ClipPlan {
    /// Frames of the clip at a rate given as a fraction.
    pub fn frame_count(&self, (frames, secs): (u32, u32)) -> u64 {
        (self.lasts_secs() * f64::from(frames) / f64::from(secs.max(1))).round() as u64
    }

    /// The whole truth at a frame rate, without painting a picture.
    pub fn annotations(&self, rate: (u32, u32)) -> ClipAnnotations {
        let mut keeper = TruthKeeper::new(self);
        for frame in 0..self.frame_count(rate) {
            keeper.add(frame, &self.truth(frame_secs(frame, rate)));
        }
        keeper.finish()
    }
}

/// When a frame is shown.
pub(super) fn frame_secs(frame: u64, (frames, secs): (u32, u32)) -> f64 {
    frame as f64 * f64::from(secs) / f64::from(frames.max(1))
}
