//! AVSBench's figures: M_J and M_F, as its code computes them and over all pictures at once.

use std::collections::BTreeMap;

use super::{FEWEST_RESAMPLINGS, SEED, SORTED_CLIPS, Score, of_mean};
use crate::evaluation::curve::FLevels;
use crate::evaluation::summary::{Figure, SegmentationSummary};
use crate::metrics::sources::segmentation::LEVELS;
use crate::metrics::{RESAMPLINGS, draws, quantile};

/// `None` where no score map was a probability.
pub fn summary(positives: &[&Score]) -> Option<SegmentationSummary> {
    let with_target: Vec<&FLevels> = positives.iter().filter_map(|score| score.levels.as_ref()).collect();
    if with_target.is_empty() {
        return None;
    }
    // Where nothing is to be marked, what is left unmarked counts.
    let overlap = |score: &&Score| if score.area > 0.0 { score.ciou } else { 1.0 - score.marked };
    let overlaps: Vec<f64> = positives.iter().map(overlap).map(|iou| if iou.is_nan() { 0.0 } else { iou }).collect();
    let mut videos: BTreeMap<VideoKey, Vec<&FLevels>> = BTreeMap::new();
    for score in positives {
        let key = match &score.pair {
            Some(video) => VideoKey::Named(video),
            None => VideoKey::Clip(score.picture.0),
        };
        // A video in which nothing is ever to be marked counts as 0.
        videos.entry(key).or_default().extend(score.levels.as_ref());
    }
    let by_video: Vec<f64> = videos.values().map(|pictures| f_of(pictures.iter().map(|levels| (*levels, 1)))).collect();
    Some(SegmentationSummary {
        pictures: positives.len(),
        without_target: positives.len() - with_target.len(),
        videos: videos.len(),
        mean_iou: of_mean(&overlaps),
        f_measure: of_mean(&by_video),
        f_measure_at_once: at_once(&with_target),
    })
}

/// Five pictures are a video where their names say so; the frames of a clip otherwise.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum VideoKey<'a> {
    Named(&'a str),
    Clip(u64),
}

/// The largest, over the levels, of the mean F-measure of some pictures, each so many times; 0 of none.
fn f_of<'a>(pictures: impl Iterator<Item = (&'a FLevels, u64)>) -> f64 {
    let (mut sums, mut count) = ([0u64; LEVELS], 0);
    for (levels, times) in pictures {
        count += times;
        sums.iter_mut().zip(levels.steps()).for_each(|(sum, step)| *sum += u64::from(*step) * times);
    }
    let whole = f64::from(FLevels::WHOLE) * count as f64;
    if count == 0 { 0.0 } else { sums.iter().copied().max().unwrap_or(0) as f64 / whole }
}

fn at_once(pictures: &[&FLevels]) -> Figure {
    let resamplings = (SORTED_CLIPS / pictures.len().max(1)).clamp(FEWEST_RESAMPLINGS, RESAMPLINGS);
    let drawn: Vec<f64> = draws(pictures.len(), resamplings, SEED)
        .map(|times| f_of(pictures.iter().zip(times).map(|(levels, times)| (*levels, u64::from(times)))))
        .collect();
    Figure {
        value: f_of(pictures.iter().map(|levels| (*levels, 1))),
        low: quantile(&drawn, 0.025),
        high: quantile(&drawn, 0.975),
    }
}
