//! Figures of a list of cIoUs: shares of success, the area under them, size groups, pairs of sounds of one image.

use std::collections::BTreeMap;
use std::fmt;

/// cIoU@g, also printed as LocAcc and AP50: the share of clips with cIoU ≥ `success`. NaN is a failure; NaN for no clips.
pub fn success_rate(cious: &[f64], success: f64) -> f64 {
    cious.iter().filter(|&&ciou| ciou >= success).count() as f64 / cious.len() as f64
}

/// Arithmetic mean (Avg-cIoU, mIoU). A NaN makes it NaN, as in the authors' code.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The 21 thresholds 0.05·i, in the doubles that this product gives (0.15000000000000002 and so on).
pub fn success_thresholds() -> [f64; 21] {
    std::array::from_fn(|step| 0.05 * step as f64)
}

/// AUC: the trapezoidal area under the success rate over the thresholds 0, 0.05 … 1.
pub fn area_under_success(cious: &[f64]) -> f64 {
    let rates = success_thresholds().map(|threshold| success_rate(cious, threshold));
    rates.windows(2).map(|pair| pair.iter().sum::<f64>() / 2.0 * 0.05).sum()
}

/// Size groups by ΣG on a 224 × 224 grid, the measure that reproduces the published counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SizeGroup {
    /// Below 32², and the positives whose boxes are all degenerate.
    Small,
    /// From 32², below 96².
    Medium,
    /// From 96², below 144².
    Large,
    /// From 144².
    Huge,
}

impl SizeGroup {
    pub const ALL: [Self; 4] = [Self::Small, Self::Medium, Self::Large, Self::Huge];

    /// The group of a positive with the ground-truth area `area` (see `GroundTruthMap::area`).
    pub fn of(area: f64) -> Self {
        match area {
            area if area >= 20736.0 => Self::Huge,
            area if area >= 9216.0 => Self::Large,
            area if area >= 1024.0 => Self::Medium,
            _ => Self::Small,
        }
    }
}

impl fmt::Display for SizeGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::Huge => "huge",
        })
    }
}

/// The key under which SSL-Align groups the sounds of one image: the name without `.jpg` and without what follows
/// its last `_`. `None` if that leaves nothing (Flickr's names), where the figure means nothing.
pub fn pair_key(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".jpg").unwrap_or(name);
    stem.rsplit_once('_').map(|(key, _)| key).filter(|key| !key.is_empty())
}

/// IIoU and IAUC: success only where every sound of an image is localized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairFigures {
    pub groups: usize,
    /// Mean over the groups of "all members have cIoU ≥ `success`".
    pub iiou: f64,
    /// Area under that mean over the 21 thresholds.
    pub iauc: f64,
}

/// Groups `scores` of (key, cIoU) and counts a group as right where all of it is. `None` for no scores.
pub fn pair_figures<'a>(scores: impl IntoIterator<Item = (&'a str, f64)>, success: f64) -> Option<PairFigures> {
    // The worst member decides; NaN (which no threshold passes) is worse than all.
    let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
    for (key, ciou) in scores {
        let entry = worst.entry(key).or_insert(f64::INFINITY);
        *entry = if ciou.is_nan() { f64::NEG_INFINITY } else { entry.min(ciou) };
    }
    let worst: Vec<f64> = worst.into_values().collect();
    (!worst.is_empty()).then(|| PairFigures {
        groups: worst.len(),
        iiou: success_rate(&worst, success),
        iauc: area_under_success(&worst),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_fails_at_every_threshold() {
        assert_eq!(success_rate(&[0.6, f64::NAN], 0.0), 0.5);
        assert_eq!(area_under_success(&[f64::NAN]), 0.0);
        assert!(mean(&[1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn the_area_tracks_the_mean() {
        let cious: Vec<f64> = (0..1000).map(|step| f64::from(step) / 1000.0).collect();
        assert!((area_under_success(&cious) - mean(&cious)).abs() < 0.005);
    }

    #[test]
    fn edges_of_the_size_groups_belong_to_the_larger() {
        let groups = [0.0, 1023.5, 1024.0, 9216.0, 20736.0].map(SizeGroup::of);
        assert_eq!(groups, [SizeGroup::Small, SizeGroup::Small, SizeGroup::Medium, SizeGroup::Large, SizeGroup::Huge]);
    }

    #[test]
    fn one_failing_member_fails_its_pair() {
        let scores = [("a", 0.9), ("a", 0.4), ("b", 0.6), ("b", 0.7), ("c", f64::NAN), ("c", 0.9)];
        let figures = pair_figures(scores, 0.5).unwrap();
        assert_eq!((figures.groups, figures.iiou), (3, 1.0 / 3.0));
        assert_eq!(
            (pair_key("child_lion_2464_child.jpg"), pair_key("3908875350.jpg")),
            (Some("child_lion_2464"), None)
        );
    }
}
