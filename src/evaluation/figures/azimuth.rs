//! Urbansas' own figure: intersection over union of the regions across the frame that are marked and that boxes reach.

use std::collections::BTreeMap;

use super::{Score, of_mean};
use crate::evaluation::regions::AzimuthRegions;
use crate::evaluation::summary::{AzimuthSummary, ClassAzimuth, Figure};
use crate::metrics::references::{centre_box, full_frame};
use crate::metrics::sources::azimuth::{THRESHOLD, of_mask};
use crate::metrics::{Bitmap, mean};

/// `None` where no row has regions. As in the authors' evaluation a figure is the mean over a clip's half seconds, then
/// over the clips that have any. (Theirs is by class, and reads predictions of frames by classes as if they were of classes
/// by frames, which mixes them up; with one class, as here, the two are the same.)
pub fn summary(scores: &[Score]) -> Option<AzimuthSummary> {
    let of_frames = || {
        let scored = scores.iter().filter(|score| !score.failed);
        scored.filter_map(|score| Some((score, score.regions.as_deref()?)))
    };
    let frames: Vec<(u64, &AzimuthRegions)> = of_frames()
        .filter(|(score, _)| score.source.is_none())
        .map(|(score, regions)| (score.picture.0, regions))
        .collect();
    if frames.is_empty() {
        return None;
    }
    let of = |counts: &dyn Fn(&AzimuthRegions) -> bool, iou: &dyn Fn(&AzimuthRegions) -> f64| {
        of_clips(frames.iter().filter(|(_, regions)| counts(regions)).map(|&(clip, regions)| (clip, iou(regions))))
    };
    let of_mask = |mask: &Bitmap| {
        let predicted = of_mask(mask).map(|share| share > THRESHOLD);
        of(&|_| true, &|regions| regions.iou_of(predicted))
    };
    let mut classes: BTreeMap<&str, Vec<(u64, f64)>> = BTreeMap::new();
    for (score, regions) in of_frames().filter(|(_, regions)| regions.is_active()) {
        if let Some(label) = &regions.label {
            classes.entry(label).or_default().push((score.picture.0, regions.iou()));
        }
    }
    let classes = classes.into_iter().map(|(class, ious)| ClassAzimuth {
        class: class.to_owned(),
        frames: ious.len(),
        iou: of_clips(ious.into_iter()),
    });
    Some(AzimuthSummary {
        frames: frames.len(),
        active_frames: frames.iter().filter(|(_, regions)| regions.is_active()).count(),
        all: of(&|_| true, &AzimuthRegions::iou),
        active: of(&AzimuthRegions::is_active, &AzimuthRegions::iou),
        inactive: of(&|regions| !regions.is_active(), &AzimuthRegions::iou),
        centre_box: of_mask(&centre_box(SIDE)),
        full_frame: of_mask(&full_frame(SIDE)),
        classes: classes.collect(),
    })
}

/// The mean over clips of their means over frames.
fn of_clips(ious: impl Iterator<Item = (u64, f64)>) -> Figure {
    let mut by_clip: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    ious.for_each(|(clip, iou)| by_clip.entry(clip).or_default().push(iou));
    of_mean(&by_clip.values().map(|ious| mean(ious)).collect::<Vec<f64>>())
}

/// Any side: regions are fractions of the frame.
const SIDE: usize = 224;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::row::{ClipKind, ScoreRow, tests::row};

    fn score(clip: u64, regions: &str, kind: ClipKind) -> Score {
        let azimuth = Some(regions.parse().unwrap());
        ScoreRow { clip_index: clip, kind, azimuth, ..row("a", 0.5) }.into()
    }

    #[test]
    fn a_figure_is_over_clips_and_half_seconds_without_a_vehicle_count_what_is_left_unmarked() {
        let scores = [
            score(0, "01110/11100 car", ClipKind::Positive),
            score(0, "00000/00000", ClipKind::RegionsOnly),
            score(0, "00100/00000", ClipKind::RegionsOnly),
            score(0, "00000/00000", ClipKind::RegionsOnly),
            score(1, "11111/11111 bus", ClipKind::RegionsOnly),
        ];
        let found = summary(&scores).unwrap();
        assert_eq!((found.frames, found.active_frames), (5, 2));
        // The first clip: 1/2, 1, 0, 1; the second has its bus alone, and no half second without.
        assert!((found.all.value - (2.5 / 4.0 + 1.0) / 2.0).abs() < 1e-12, "{found:?}");
        assert_eq!((found.active.value, found.inactive.value), (0.75, 2.0 / 3.0));
        assert!((found.full_frame.value - (0.6 / 4.0 + 1.0) / 2.0).abs() < 1e-12, "{found:?}");
        let classes: Vec<(&str, usize)> =
            found.classes.iter().map(|class| (class.class.as_str(), class.frames)).collect();
        assert_eq!(classes, [("bus", 1), ("car", 1)]);
    }
}
