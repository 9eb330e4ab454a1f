//! What a model does where nothing visible sounds: peaks of its maps on positives and on negatives by kind, whether
//! one threshold tells them apart, and how much of the image it marks anyway.
//!
//! The universal threshold, pIA, AUC_N and their balance with the figures of positives (F_LOC, F_AUC) are those of
//! Juanola, Haro and Fuentes, "A critical assessment of visual sound source localization models including negative
//! audio" (2024), as their published evaluation computes them: on the similarity itself, enlarged by `cv-bilinear`
//! and not normalized, with cells strictly above the threshold (`normalise=none`, `binarize=fixed-gt:…`).

use std::fmt;

/// Why a clip is a negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NegativeKind {
    /// The clip's own sound, whose source is not in the picture (extended sets).
    Real,
    /// The sound of a clip of another class (extended sets).
    Easy,
    /// The sound of another clip of the same class, so that something like its source is visible (extended sets).
    Hard,
    /// Digital silence.
    Silence,
    /// White noise.
    Noise,
    /// A sound whose source is out of the picture.
    OffScreen,
}

impl NegativeKind {
    pub const ALL: [Self; 6] = [Self::Real, Self::Easy, Self::Hard, Self::Silence, Self::Noise, Self::OffScreen];

    /// The kind of a row of an extended list, which pairs a frame with a sound.
    pub fn of_pair(same_clip: bool, same_class: bool) -> Self {
        match (same_clip, same_class) {
            (true, _) => Self::Real,
            (false, true) => Self::Hard,
            (false, false) => Self::Easy,
        }
    }
}

impl fmt::Display for NegativeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Real => "real",
            Self::Easy => "easy",
            Self::Hard => "hard",
            Self::Silence => "silence",
            Self::Noise => "noise",
            Self::OffScreen => "off-screen",
        })
    }
}

/// The quantile `share` (0..1) with linear interpolation between order statistics; NaN values are passed over, and
/// nothing gives NaN.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = share.clamp(0.0, 1.0) * last as f64;
    let at = |index: usize| sorted.get(index.min(last)).copied().unwrap_or(f64::NAN);
    let below = position.floor() as usize;
    at(below) + (position - below as f64) * (at(below + 1) - at(below))
}

/// Five numbers of a distribution, for a box plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub min: f64,
    pub q1: f64,
    pub median: f64,
    pub q3: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(values: &[f64]) -> Self {
        let [min, q1, median, q3, max] = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(values, share));
        Self { min, q1, median, q3, max }
    }
}

/// The universal threshold of a model: the largest, over the kinds of negatives (in the paper silence, noise and
/// off-screen sound), of the third quartile of the maps' peaks. Above it a cell counts as sounding without any
/// knowledge of size or visibility. NaN without negatives.
pub fn universal_threshold(peaks_by_kind: &[&[f64]]) -> f64 {
    peaks_by_kind.iter().map(|peaks| quantile(peaks, 0.75)).fold(f64::NAN, f64::max)
}

/// Separability of positives and negatives: the probability that a positive's value is above a negative's, ties
/// counting half (the area under the ROC curve). 0.5 says that the model does not listen. NaN if either is missing.
/// The paper shows the quartiles of both ([`Spread`]) and gives no such number; a later paper's "separability" (of
/// embeddings) is another thing.
pub fn separability(positives: &[f64], negatives: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = positives.iter().map(|&value| (value, true)).collect();
    all.extend(negatives.iter().map(|&value| (value, false)));
    all.retain(|(value, _)| !value.is_nan());
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins, mut count) = (0.0, 0.0, 0.0);
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|(_, positive)| *positive).count() as f64;
        let negative = tied.len() as f64 - positive;
        wins += positive * (below + negative / 2.0);
        below += negative;
        count += positive;
    }
    wins / (count * below)
}

/// How far a model marks images in which nothing sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarkedArea {
    /// pIA: mean share of the image that is positive; lower is better.
    pub mean_share: f64,
    /// AUC_N: the trapezoidal area under the share of negatives of which at most the fraction x is marked, x being the
    /// 21 thresholds of the positives' AUC; higher is better.
    pub area_under_curve: f64,
}

impl MarkedArea {
    /// From the positive share of each negative's mask. NaN for no negatives.
    pub fn of(shares: &[f64]) -> Self {
        let within = super::success_thresholds().map(|most| {
            let count = shares.iter().filter(|&&share| share <= most).count();
            count as f64 / shares.len() as f64
        });
        let area_under_curve = within.windows(2).map(|pair| pair.iter().sum::<f64>() / 2.0 * 0.05).sum();
        Self { mean_share: super::mean(shares), area_under_curve }
    }

    /// F_LOC of the positives' mean cIoU and 1 − pIA, F_AUC of their AUC and AUC_N, each averaged over the kinds of
    /// negatives first: the harmonic mean, high only where a model both finds sources and stays silent.
    pub fn balance(on_positives: f64, on_negatives: f64) -> f64 {
        let sum = on_positives + on_negatives;
        if sum > 0.0 { 2.0 * on_positives * on_negatives / sum } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.75), 3.25);
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(Spread::of(&[1.0, 2.0, 3.0]).median, 2.0);
    }

    #[test]
    fn the_loudest_kind_of_silence_sets_the_threshold() {
        assert_eq!(universal_threshold(&[&[0.1, 0.2, 0.3], &[0.5, 0.5]]), 0.5);
        assert!(universal_threshold(&[]).is_nan());
    }

    #[test]
    fn separability_counts_ties_half() {
        assert_eq!(separability(&[2.0, 3.0], &[0.0, 1.0]), 1.0);
        assert_eq!(separability(&[1.0], &[1.0]), 0.5);
        assert_eq!(separability(&[1.0, 2.0], &[2.0, 0.0]), 0.625);
        assert!(separability(&[1.0], &[]).is_nan());
    }

    #[test]
    fn silence_marks_nothing() {
        let silent = MarkedArea::of(&[0.0, 0.0]);
        assert!(silent.mean_share == 0.0 && (silent.area_under_curve - 1.0).abs() < 1e-12);
        // Half marked: within at 0.5 and above, so eleven of 21 thresholds, the first of them in half a step.
        let half = MarkedArea::of(&[0.5]);
        assert!((half.area_under_curve - (0.5 + 0.025)).abs() < 1e-12 && half.mean_share == 0.5);
        assert!(MarkedArea::of(&[]).area_under_curve.is_nan());
        assert_eq!(MarkedArea::balance(0.5, 0.5), 0.5);
        assert_eq!(MarkedArea::balance(1.0, 0.0), 0.0);
    }
}
