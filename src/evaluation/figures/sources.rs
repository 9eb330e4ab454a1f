//! Pictures in which several things sound together, each with the boxes of one of them as ground truth.

use std::collections::BTreeMap;

use super::{Placed, Score, of_mean, whole};
use crate::evaluation::row::ClipKind;
use crate::evaluation::summary::{Figure, SourceSummary};
use crate::metrics::sources::TwoClassScores;
use crate::metrics::{mean, success_thresholds};

/// `None` where no picture shows several sources.
pub fn summary(scores: &[Score]) -> Option<SourceSummary> {
    let mut pictures: BTreeMap<(u64, u64), Vec<f64>> = BTreeMap::new();
    let of_sources = scores.iter().filter(|score| !score.failed && score.source.is_some() && score.kind.is_judged());
    for score in of_sources {
        pictures.entry(score.picture).or_default().push(score.ciou);
    }
    if pictures.is_empty() {
        return None;
    }
    let blind: BTreeMap<(u64, u64), f64> = whole(scores)
        .filter(|score| score.kind == ClipKind::Positive)
        .map(|score| (score.picture, score.ciou))
        .collect();
    let silent: Vec<f64> = whole(scores).map(|score| score.silent_share).filter(|share| !share.is_nan()).collect();
    let means: Vec<f64> = pictures.values().map(|cious| mean(cious)).collect();
    let pairs: Vec<TwoClassScores> = pictures
        .iter()
        .filter_map(|(picture, cious)| TwoClassScores::of(cious, blind.get(picture).copied().unwrap_or(f64::NAN)))
        .collect();
    let [_, _, _, _, _, _, at_30, _, _, _, at_50, ..] = success_thresholds();
    let placed = Placed::of(&means, &[at_30, at_50]);
    let rate = |index: usize| placed.accuracy.get(index).map_or(Figure::NONE, |accuracy| accuracy.rate);
    Some(SourceSummary {
        images: means.len(),
        success_at_30: rate(0),
        success_at_50: rate(1),
        auc: placed.auc,
        silent_area: if silent.is_empty() { Figure::NONE } else { of_mean(&silent) },
        class_aware: of_mean(&pairs.iter().map(|pair| pair.class_aware).collect::<Vec<_>>()),
        class_agnostic: of_mean(&pairs.iter().map(|pair| pair.class_agnostic).collect::<Vec<_>>()),
    })
}
