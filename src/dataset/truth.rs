//! Annotations as protocols take them.

use super::annotation::{Annotation, ClipAnnotations, Moment};
use super::clip::Benchmark;
use crate::geometry::Rect;
use crate::metrics::{GroundTruthRule, TruthBox};

impl ClipAnnotations {
    /// The boxes that count as ground truth: those that stand at `moment`, or all visible ones where the clip is one
    /// picture; what is known to be silent is left out.
    ///
    /// Annotators are numbered in the order in which they occur.
    pub fn truth_boxes(&self, moment: Option<Moment>) -> Vec<TruthBox> {
        self.labelled_truth(moment).into_iter().map(|(one, _)| one).collect()
    }

    /// [`ClipAnnotations::truth_boxes`], each with its label.
    pub fn labelled_truth(&self, moment: Option<Moment>) -> Vec<(TruthBox, Option<&str>)> {
        let standing: Vec<(Rect, &Annotation)> = match moment {
            Some(moment) => {
                let sounding = self.at(moment).into_iter().filter(|found| found.sounding);
                sounding.map(|found| (found.rect_fraction, found.annotation)).collect()
            }
            None => {
                let counts = |annotation: &&Annotation| annotation.visible && annotation.sounding != Some(false);
                self.boxes().iter().filter(counts).map(|annotation| (annotation.rect_fraction, annotation)).collect()
            }
        };
        let mut annotators: Vec<&str> = Vec::new();
        standing
            .into_iter()
            .map(|(rect_fraction, annotation)| {
                let annotator = number_of(&mut annotators, annotation.annotator.as_deref());
                (TruthBox { annotator, ..TruthBox::new(rect_fraction) }, annotation.label.as_deref())
            })
            .collect()
    }
}

/// The number of an annotator among those who were met, who is added if new.
fn number_of<'a>(met: &mut Vec<&'a str>, name: Option<&'a str>) -> Option<u32> {
    let name = name?;
    let place = met.iter().position(|known| *known == name).unwrap_or_else(|| {
        met.push(name);
        met.len() - 1
    });
    u32::try_from(place).ok()
}

impl Benchmark {
    /// How this benchmark's own evaluators make a ground-truth map of its boxes.
    pub fn ground_truth_rule(&self) -> GroundTruthRule {
        match self {
            Self::VggSs | Self::ExtendedVggSs | Self::Plain => GroundTruthRule::Union,
            Self::FlickrSoundNet | Self::ExtendedFlickr => GroundTruthRule::Consensus,
            Self::Is3 | Self::VpoSs | Self::VpoMs | Self::AvsBenchS4 | Self::AvsBenchMs3 => GroundTruthRule::Boxes,
            Self::MusicSolo | Self::MusicDuet | Self::MusicSynthetic | Self::AudioSetInstruments => {
                GroundTruthRule::ExtentBoxes
            }
            Self::Urbansas => GroundTruthRule::ExtentTruncated,
        }
    }
}
