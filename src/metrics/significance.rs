//! How far a figure could be off, and whether two models differ on the same clips.

use super::{mean, quantile};

/// A figure with the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Resamplings of a bootstrap or permutations of a test, where nothing else is said.
pub const RESAMPLINGS: usize = 2000;

/// Percentile bootstrap over clips: `statistic` of `clips`, and the 2.5 % and 97.5 % quantiles of it over
/// `resamplings` draws with replacement. The same seed gives the same interval. NaN bounds for no clips.
pub fn bootstrap<T: Copy>(clips: &[T], resamplings: usize, seed: u64, statistic: impl Fn(&[T]) -> f64) -> Interval {
    let value = statistic(clips);
    let mut random = SplitMix::new(seed);
    let mut drawn: Vec<T> = Vec::with_capacity(clips.len());
    let values: Vec<f64> = (0..if clips.is_empty() { 0 } else { resamplings })
        .map(|_| {
            drawn.clear();
            drawn.extend((0..clips.len()).filter_map(|_| clips.get(random.below(clips.len())).copied()));
            statistic(&drawn)
        })
        .collect();
    Interval { value, low: quantile(&values, 0.025), high: quantile(&values, 0.975) }
}

/// Percentile bootstrap of several means at once: `clips` holds `width` values a clip, one after the other, and each
/// draw of clips serves all of them. The same intervals as [`bootstrap`] with [`mean`] gives for each by itself, in one
/// pass. NaN bounds for no clips.
pub fn bootstrap_means(clips: &[f64], width: usize, resamplings: usize, seed: u64) -> Vec<Interval> {
    let count = clips.len() / width.max(1);
    let mean_of = |sums: &[f64]| sums.iter().map(|sum| sum / count as f64).collect::<Vec<f64>>();
    let add = |sums: &mut [f64], clip: &[f64]| sums.iter_mut().zip(clip).for_each(|(sum, value)| *sum += value);
    let mut sums = vec![0.0; width];
    clips.chunks_exact(width.max(1)).for_each(|clip| add(&mut sums, clip));
    let values = mean_of(&sums);
    let mut drawn: Vec<Vec<f64>> = vec![Vec::new(); width];
    let mut random = SplitMix::new(seed);
    for _ in 0..if count == 0 { 0 } else { resamplings } {
        sums.fill(0.0);
        for _ in 0..count {
            let at = random.below(count) * width;
            add(&mut sums, clips.get(at..at + width).unwrap_or_default());
        }
        drawn.iter_mut().zip(mean_of(&sums)).for_each(|(drawn, mean)| drawn.push(mean));
    }
    let bounds = |drawn: &Vec<f64>| (quantile(drawn, 0.025), quantile(drawn, 0.975));
    values.into_iter().zip(drawn.iter().map(bounds)).map(|(value, (low, high))| Interval { value, low, high }).collect()
}

/// How often each of `clips` is drawn in each of `resamplings` draws with replacement: for statistics that want the
/// clips in an order. The draws are those of [`bootstrap`] with the same seed.
pub fn draws(clips: usize, resamplings: usize, seed: u64) -> impl Iterator<Item = Vec<u32>> {
    let mut random = SplitMix::new(seed);
    (0..if clips == 0 { 0 } else { resamplings }).map(move |_| {
        let mut times = vec![0; clips];
        for _ in 0..clips {
            if let Some(times) = times.get_mut(random.below(clips)) {
                *times += 1;
            }
        }
        times
    })
}

/// The difference of two models on the same clips.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// Mean of (first − second), with its bootstrap interval over clips.
    pub difference: Interval,
    /// Probability of a mean at least as far from 0 if the models' names were exchanged at random on each clip
    /// (two-sided permutation test, the observed assignment counted as one).
    pub p_value: f64,
}

/// Compares `first` and `second`, values of two models (cIoU, or success as 0 and 1) on the same clips in the same
/// order; clips where either is NaN are left out. `None` if no clip is left or the lengths differ.
pub fn paired_difference(first: &[f64], second: &[f64], resamplings: usize, seed: u64) -> Option<PairedDifference> {
    if first.len() != second.len() {
        return None;
    }
    let differences: Vec<f64> =
        first.iter().zip(second).map(|(a, b)| a - b).filter(|difference| !difference.is_nan()).collect();
    if differences.is_empty() {
        return None;
    }
    let difference = bootstrap(&differences, resamplings, seed, mean);
    let observed = differences.iter().sum::<f64>().abs();
    let mut random = SplitMix::new(seed ^ 0x5851_f42d_4c95_7f2d);
    let as_far = (0..resamplings)
        .filter(|_| {
            let mut bits = 0;
            let sum: f64 = differences
                .iter()
                .enumerate()
                .map(|(index, difference)| {
                    if index % 64 == 0 {
                        bits = random.next();
                    }
                    let flipped = if bits & 1 == 1 { -difference } else { *difference };
                    bits >>= 1;
                    flipped
                })
                .sum();
            sum.abs() >= observed * (1.0 - 1e-12)
        })
        .count();
    Some(PairedDifference { difference, p_value: (as_far + 1) as f64 / (resamplings + 1) as f64 })
}

/// McNemar's exact test: the probability, if both models succeed equally often, of a split of the clips on which just
/// one succeeds (`only_first`, `only_second`) at least as uneven.
pub fn mcnemar(only_first: usize, only_second: usize) -> f64 {
    let n = only_first + only_second;
    let fewer = only_first.min(only_second);
    if n == 0 || only_first == only_second {
        return 1.0;
    }
    // Binomial tail at 1/2, in logarithms so that thousands of clips do not underflow.
    let mut term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=fewer {
        tail += term.exp();
        term += ((n - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// SplitMix64 (Steele, Lea and Flood, 2014): a small generator whose sequence never changes under a report's seed.
pub(super) struct SplitMix(u64);

impl SplitMix {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, by the high part of a product.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_the_binomial_one() {
        let clips: Vec<f64> = (0..1000).map(|index| f64::from(u8::from(index % 10 < 3))).collect();
        let interval = bootstrap(&clips, RESAMPLINGS, 7, mean);
        // 0.3 ± 1.96 · √(0.3 · 0.7 / 1000)
        assert!((interval.low - 0.2716).abs() < 0.003 && (interval.high - 0.3284).abs() < 0.003, "{interval:?}");
        assert_eq!(interval, bootstrap(&clips, RESAMPLINGS, 7, mean));
    }

    #[test]
    fn means_together_have_the_intervals_that_they_have_alone() {
        let first: Vec<f64> = (0..200).map(|index| f64::from(index * 7919 % 1000) / 1000.0).collect();
        let second: Vec<f64> = (0..200).map(|index| f64::from(u8::from(index % 3 == 0))).collect();
        let both: Vec<f64> = first.iter().zip(&second).flat_map(|(a, b)| [*a, *b]).collect();
        let together = bootstrap_means(&both, 2, 300, 5);
        assert_eq!(together, [bootstrap(&first, 300, 5, mean), bootstrap(&second, 300, 5, mean)]);
        assert!(bootstrap_means(&[], 2, 300, 5)[0].low.is_nan());
        assert!(draws(7, 3, 5).all(|times| times.iter().sum::<u32>() == 7));
    }

    #[test]
    fn equal_models_do_not_differ_and_better_ones_do() {
        let first: Vec<f64> = (0..400).map(|index| f64::from(index * 7919 % 1000) / 1000.0).collect();
        let noisy: Vec<f64> =
            (0..400).map(|index| f64::from(index * 7919 % 1000 + index * 31 % 11 - 5) / 1000.0).collect();
        let worse: Vec<f64> = first.iter().map(|value| value - 0.05).collect();
        assert!(paired_difference(&first, &noisy, 500, 1).unwrap().p_value > 0.05);
        let found = paired_difference(&first, &worse, 500, 1).unwrap();
        assert!(found.p_value < 0.01 && (found.difference.value - 0.05).abs() < 1e-12);
        assert_eq!(paired_difference(&first, &worse[1..], 10, 1), None);
    }

    #[test]
    fn mcnemar_is_the_binomial_test() {
        // 2 · Σ_{k ≤ 2} C(12, k) / 2¹²
        assert!((mcnemar(2, 10) - 2.0 * 79.0 / 4096.0).abs() < 1e-12);
        assert_eq!((mcnemar(0, 0), mcnemar(5, 5)), (1.0, 1.0));
        assert!(mcnemar(2000, 2600) < 1e-15);
    }
}
