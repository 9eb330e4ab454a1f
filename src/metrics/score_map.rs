use std::cell::RefCell;
use std::fmt;

use crate::heatmap::{Grid, Heatmap, Mixture, Normalization, Resampling, range};

use super::mask_counts::{Level, Rule};
use super::{Binarization, Bitmap, ConfidenceRule, GroundTruthMap, Placement, Protocol, ciou, mask_counts};

/// A heatmap as a protocol compares it with a threshold, on the protocol's grid over the whole stretched frame.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreMap {
    /// side × side values; NaN where the model does not see. Computed in double precision and rounded once; where
    /// rounding would put a cell on the wrong side of the rule's own threshold, the cell is moved to the next number,
    /// so that comparing these values with [`Binarized::threshold`] gives exactly the rule's mask.
    pub grid: Grid,
    /// Why the mask of this map may mean nothing.
    pub degenerate: Option<Degenerate>,
    /// The rule's own threshold, where it does not depend on a ground truth that was not given.
    threshold: Option<f32>,
}

/// A map of which a protocol makes a mask that says nothing about where it is high. To be shown with the score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Degenerate {
    /// All cells hold one value: the mask is all or nothing, by the letter of the protocol's formula.
    Constant,
    /// More than half of the cells hold the smallest value.
    TiedAtMinimum,
    /// More than half of the cells hold the largest value.
    TiedAtMaximum,
    /// More than a tenth of the cells hold exactly the threshold, so > and ≥ give very different masks.
    TiedAtThreshold,
    /// The model gave values that are not numbers; their surroundings count as not seen.
    NotFinite,
    /// The model sees no part of the frame.
    NothingSeen,
}

impl fmt::Display for Degenerate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Constant => "the map is constant: it points nowhere, and its score is an accident of the rule",
            Self::TiedAtMinimum => "more than half of the map is at its minimum: > and ≥ rules disagree about it",
            Self::TiedAtMaximum => "more than half of the map is at its maximum: > and ≥ rules disagree about it",
            Self::TiedAtThreshold => "many cells are exactly at the threshold: > and ≥ rules disagree about them",
            Self::NotFinite => "the map holds values that are not numbers",
            Self::NothingSeen => "the model sees no part of this frame",
        })
    }
}

/// The mask of a score map, and the comparison that makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binarized {
    /// A cell is positive if its value in [`ScoreMap::grid`] is above this; NaN if no cell is.
    pub threshold: f32,
    /// `value > threshold` if true, `value >= threshold` if false.
    pub strict: bool,
    pub mask: Bitmap,
    /// Number of positive cells.
    pub positives: usize,
}

impl Binarized {
    /// The mask of any grid by a comparison.
    pub fn of(grid: &Grid, threshold: f32, strict: bool) -> Self {
        let values = grid.values();
        let mut mask = Bitmap::new(grid.rows());
        for (word, cells) in mask.words_mut().iter_mut().zip(values.chunks(64)) {
            *word = cells.iter().enumerate().fold(0, |word, (bit, &value)| {
                let positive = if strict { value > threshold } else { value >= threshold };
                word | u64::from(positive) << bit
            });
        }
        let positives = mask.count();
        Self { threshold, strict, mask, positives }
    }
}

/// A heatmap as a protocol upsamples, places, mixes and normalizes it, before any threshold: what all rules that differ
/// only in a fixed threshold have in common.
#[derive(Clone, Debug)]
pub struct NormalizedMap {
    values: Vec<f64>,
    /// The values, each rounded once.
    nearest: Grid,
    /// As far as no threshold has to do with it.
    degenerate: Option<Degenerate>,
}

impl NormalizedMap {
    /// The score map of a rule with this fixed threshold, as [`Protocol::score_map`] gives it.
    pub fn score_map(&self, threshold: f64) -> ScoreMap {
        let single = in_single(threshold);
        if self.is_as_rounded(threshold) {
            return ScoreMap { grid: self.nearest.clone(), degenerate: self.degenerate, threshold: Some(single) };
        }
        let settled = |&value: &f64| settled(value, value > threshold, value < threshold, single);
        let [rows, columns] = [self.nearest.rows(), self.nearest.columns()];
        let grid = Grid::new(rows, columns, self.values.iter().map(settled).collect());
        let at_threshold = self.values.iter().filter(|&&value| value == threshold).count();
        let seen = self.values.iter().filter(|value| !value.is_nan()).count();
        let tied = (at_threshold * 10 > seen).then_some(Degenerate::TiedAtThreshold);
        ScoreMap {
            grid: grid.unwrap_or_else(|| self.nearest.clone()),
            degenerate: self.degenerate.or(tied),
            threshold: Some(single),
        }
    }

    /// Whether no cell is so near to the threshold that rounding could put it on the wrong side: then the score map holds
    /// the rounded values, whatever the threshold is.
    pub fn is_as_rounded(&self, threshold: f64) -> bool {
        let single = in_single(threshold);
        single == threshold as f32 && !self.nearest.values().contains(&single)
    }
}

/// Buffers that are kept from one map to the next.
#[derive(Default)]
struct Workspace {
    resampling: Option<Resampling>,
    between: Vec<f64>,
    raw: Vec<f64>,
    values: Vec<f64>,
    prior: Vec<f64>,
    sorted: Vec<f64>,
    counting: mask_counts::Space,
}

thread_local! {
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

impl Protocol {
    /// The heatmap as this protocol upsamples, places, mixes and normalizes it.
    pub fn score_map(&self, heatmap: &Heatmap) -> ScoreMap {
        self.score_map_against(heatmap, None)
    }

    /// As [`Protocol::score_map`], for a rule whose threshold depends on the ground truth.
    pub fn score_map_against(&self, heatmap: &Heatmap, truth: Option<&GroundTruthMap>) -> ScoreMap {
        WORKSPACE.with_borrow_mut(|workspace| {
            let finite = workspace.fixed_range(self, heatmap);
            let truth_cells = truth.map(GroundTruthMap::nonzero_cells);
            // A rank is taken before normalization, whose rounding may tie what differs.
            workspace.raw.clear();
            let mut rank_threshold = None;
            if self.ranks_raw_values() {
                rank_threshold = workspace.rule_threshold(self.binarization, truth_cells);
                workspace.raw.extend_from_slice(&workspace.values);
            }
            self.normalization.apply(&mut workspace.values, nominal_range(heatmap));
            let Workspace { raw, values, .. } = &*workspace;
            let rule = match rank_threshold {
                Some(threshold) => raw.iter().position(|&raw| raw == threshold).and_then(|at| values.get(at)).copied(),
                None => workspace.rule_threshold(self.binarization, truth_cells),
            };
            let degenerate = if finite { workspace.degenerate(rule) } else { Some(Degenerate::NotFinite) };
            let threshold = rule.map(in_single);
            let values = &workspace.values;
            let settled: Vec<f32> = match (rule, rank_threshold) {
                (Some(rule), Some(rank)) => {
                    let ranked = values.iter().zip(&workspace.raw);
                    ranked.map(|(&value, &raw)| settled(value, raw > rank, raw < rank, in_single(rule))).collect()
                }
                (Some(rule), None) => {
                    values.iter().map(|&value| settled(value, value > rule, value < rule, in_single(rule))).collect()
                }
                (None, _) => values.iter().map(|&value| value as f32).collect(),
            };
            let grid = Grid::new(self.side, self.side, settled).unwrap_or_else(|| Grid::filled(1, 1, f32::NAN));
            ScoreMap { grid, degenerate, threshold }
        })
    }

    /// The threshold of a rule that has a fixed one; of a sweep, that for one map.
    pub fn fixed_threshold(&self) -> Option<f64> {
        match self.binarization {
            Binarization::FixedGe(value) | Binarization::FixedGt(value) => Some(value),
            Binarization::Sweep => Some(0.5),
            _ => None,
        }
    }

    /// True if both compare the same map with a fixed threshold each, against the same ground truth.
    pub fn has_map_of(&self, other: &Self) -> bool {
        let fixed = self.fixed_threshold().is_some() && other.fixed_threshold().is_some();
        fixed
            && (self.kernel, self.normalization, self.placement, self.side, self.truth)
                == (other.kernel, other.normalization, other.placement, other.side, other.truth)
    }

    /// The part of [`Protocol::score_map`] in which a threshold has no part.
    pub fn normalized_map(&self, heatmap: &Heatmap) -> NormalizedMap {
        WORKSPACE.with_borrow_mut(|workspace| {
            let finite = workspace.fixed_range(self, heatmap);
            self.normalization.apply(&mut workspace.values, nominal_range(heatmap));
            let degenerate = if finite { workspace.degenerate(None) } else { Some(Degenerate::NotFinite) };
            let values = workspace.values.clone();
            let nearest = values.iter().map(|&value| value as f32).collect();
            let nearest = Grid::new(self.side, self.side, nearest).unwrap_or_else(|| Grid::filled(1, 1, f32::NAN));
            NormalizedMap { values, nearest, degenerate }
        })
    }

    /// Which cells are positive: by the rule, or above `threshold_override` with the rule's comparison. An adaptive
    /// rule without ground truth takes half of the cells.
    pub fn binarize(
        &self,
        map: &ScoreMap,
        truth: Option<&GroundTruthMap>,
        threshold_override: Option<f32>,
    ) -> Binarized {
        let mut strict = self.binarization.is_strict();
        let threshold = threshold_override.or(map.threshold).unwrap_or_else(|| {
            let mut seen: Vec<f32> = map.grid.values().iter().copied().filter(|value| !value.is_nan()).collect();
            let rank = rank_of(self.binarization, seen.len(), truth.map(GroundTruthMap::nonzero_cells));
            if seen.is_empty() { f32::NAN } else { *seen.select_nth_unstable_by(rank, f32::total_cmp).1 }
        });
        if threshold_override.is_none() && self.binarization == Binarization::MedianGt && threshold >= 1.0 {
            return Binarized::of(&map.grid, 1.0, false);
        }
        strict &= !threshold.is_nan();
        Binarized::of(&map.grid, threshold, strict)
    }

    /// Straight from a heatmap to its cIoU: what [`Protocol::score_map_against`], [`Protocol::binarize`] and
    /// [`Protocol::ciou`] give one after the other, without keeping the map. For scoring many.
    pub fn score(&self, heatmap: &Heatmap, truth: &GroundTruthMap) -> f64 {
        if let Some([positives, in_nonzero, in_full]) = self.mask_counts(heatmap, truth) {
            let value = ciou::ratio(in_nonzero, in_full, positives - in_nonzero, truth);
            return if value.is_nan() && self.empty_is_zero { 0.0 } else { value };
        }
        let map = self.score_map_against(heatmap, Some(truth));
        self.ciou(&self.binarize(&map, Some(truth), None), truth)
    }

    /// Positive cells, weighted and fully weighted ones among them, where that takes no map.
    pub(super) fn mask_counts(&self, heatmap: &Heatmap, truth: &GroundTruthMap) -> Option<[usize; 3]> {
        if heatmap.object_prior.is_some() {
            return None;
        }
        let cells = self.side * self.side;
        let rank = rank_of(self.binarization, cells, Some(truth.nonzero_cells()));
        WORKSPACE.with_borrow_mut(|workspace| {
            let Workspace { resampling, counting, .. } = workspace;
            let resampling = prepared(resampling, self, &heatmap.values, self.covered(heatmap));
            let mut count = |rule: Rule| {
                let (source, side) = (&heatmap.values, self.side);
                let question = mask_counts::Question { resampling, source, side, rule, truth };
                mask_counts::count(&question, counting)
            };
            let strict = self.binarization.is_strict();
            let counts = if self.ranks_raw_values() {
                count(Rule::Rank { rank, strict })
            } else {
                self.level(heatmap).and_then(|level| count(Rule::Level(level)))
            };
            match (self.binarization, counts) {
                // More than the upper part: then the rank decides.
                (Binarization::Capped(_), Some([positives, ..])) if positives > cells - rank => {
                    count(Rule::Rank { rank, strict })
                }
                (_, counts) => counts,
            }
        })
    }

    /// The level that a rule compares with, before normalization; `None` where it has none, or order is not kept.
    fn level(&self, heatmap: &Heatmap) -> Option<Level> {
        let (value, of_peak) = match self.binarization {
            Binarization::FixedGe(value) | Binarization::FixedGt(value) | Binarization::Capped(value) => (value, false),
            Binarization::Sweep => (0.5, false),
            Binarization::Peak(share) => (share, true),
            _ => return None,
        };
        let [low, high] = match self.normalization {
            Normalization::Sigmoid => return None,
            Normalization::MinMax | Normalization::MinMaxInverted | Normalization::MinMaxUnguarded => {
                return Some(Level::OfRange(value));
            }
            Normalization::None => [0.0, 1.0],
            Normalization::Range { low, high } => [low, high],
            Normalization::Nominal => nominal_range(heatmap).unwrap_or([-1.0, 1.0]),
        };
        if low >= high {
            return None;
        }
        Some(if of_peak { Level::OfPeak { from: low, share: value } } else { Level::Value(low + value * (high - low)) })
    }

    /// True if the mask depends only on the order of the values before normalization.
    fn ranks_raw_values(&self) -> bool {
        let ranks = matches!(
            self.binarization,
            Binarization::MedianGt | Binarization::MedianGtBare | Binarization::MedianGe | Binarization::Adaptive
        );
        let keeps_order = match self.normalization {
            Normalization::Sigmoid => false,
            Normalization::Range { low, high } => low < high,
            _ => true,
        };
        ranks && keeps_order
    }

    /// The part of the frame that is scored as the map's own: left, top, right, bottom as fractions.
    fn covered(&self, heatmap: &Heatmap) -> [f64; 4] {
        match self.placement {
            Placement::InFrame => {
                let covers = heatmap.covers_fraction();
                [covers.left, covers.top, covers.right, covers.bottom]
            }
            Placement::AsPublished => [0.0, 0.0, 1.0, 1.0],
        }
    }

    /// True if both read the same confidence off any map.
    pub fn has_confidence_of(&self, other: &Self) -> bool {
        (self.kernel, self.placement, self.side, self.confidence)
            == (other.kernel, other.placement, other.side, other.confidence)
    }

    /// The score that something visible sounds, by the protocol's confidence rule. NaN if the model sees nothing.
    pub fn confidence(&self, heatmap: &Heatmap) -> f64 {
        match (self.confidence, heatmap.confidence) {
            (ConfidenceRule::Own, Some(own)) => f64::from(own),
            (ConfidenceRule::Peak, _) => f64::from(heatmap.values.range().1),
            _ => WORKSPACE.with_borrow_mut(|workspace| {
                workspace.fixed_range(self, heatmap);
                Normalization::Nominal.apply(&mut workspace.values, nominal_range(heatmap));
                workspace.top_quarter_mean()
            }),
        }
    }
}

/// The range of the map that [`Workspace::fixed_range`] leaves.
fn nominal_range(heatmap: &Heatmap) -> Option<[f64; 2]> {
    match &heatmap.object_prior {
        Some(_) => Some([0.0, 1.0]),
        None => heatmap.nominal_range.map(|range| range.map(f64::from)),
    }
}

/// A threshold in single precision; one below 1 stays below, since one of 1 keeps the plateau at the maximum.
fn in_single(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if threshold < 1.0 && nearest >= 1.0 { 1f32.next_down() } else { nearest }
}

/// `value` in single precision, on the side of `threshold` (rounded itself) on which its exact value is: above, below,
/// or at it where it is neither.
fn settled(value: f64, above: bool, below: bool, threshold: f32) -> f32 {
    let nearest = value as f32;
    let (least, most) = (threshold.next_up(), threshold.next_down());
    let higher = if nearest < least { least } else { nearest };
    let lower = if nearest > most { most } else { nearest };
    match (above, below) {
        (true, _) => higher,
        (_, true) => lower,
        _ if nearest.is_nan() || threshold.is_nan() => nearest,
        _ => threshold,
    }
}

/// The rank (from 0) of the threshold among `seen` values.
fn rank_of(rule: Binarization, seen: usize, truth_cells: Option<usize>) -> usize {
    match (rule, truth_cells) {
        (Binarization::Adaptive, Some(cells)) if cells > 0 => seen.saturating_sub(cells),
        _ => seen / 2,
    }
    .min(seen.saturating_sub(1))
}

/// What was prepared for such a source and protocol before, or is now.
fn prepared<'a>(
    kept: &'a mut Option<Resampling>,
    protocol: &Protocol,
    source: &Grid,
    covered: [f64; 4],
) -> &'a Resampling {
    let (size, from) = ([protocol.side; 2], [source.rows(), source.columns()]);
    if !kept.as_ref().is_some_and(|kept| kept.is_for(protocol.kernel, from, size, covered)) {
        *kept = None;
    }
    kept.get_or_insert_with(|| Resampling::new(protocol.kernel, from, size, covered))
}

impl Workspace {
    /// Leaves the upsampled, placed and mixed map in `values`, before normalization. False if the model gave values
    /// that are not finite (they become NaN).
    fn fixed_range(&mut self, protocol: &Protocol, heatmap: &Heatmap) -> bool {
        let covered = protocol.covered(heatmap);
        let mut finite = self.upsample(protocol, &heatmap.values, covered);
        let Some(prior) = &heatmap.object_prior else { return finite };
        std::mem::swap(&mut self.values, &mut self.prior);
        finite &= self.upsample(protocol, &prior.values, covered);
        std::mem::swap(&mut self.values, &mut self.prior);
        match prior.mixture {
            Mixture::MinMax { alpha } => {
                Normalization::MinMax.apply(&mut self.values, None);
                Normalization::MinMax.apply(&mut self.prior, None);
                self.mix(single(alpha));
                Normalization::MinMax.apply(&mut self.values, None);
            }
            Mixture::FixedRange { alpha, object_full_scale } => {
                let nominal = heatmap.nominal_range.map(|range| range.map(f64::from));
                Normalization::Nominal.apply(&mut self.values, nominal);
                Normalization::Range { low: 0.0, high: single(object_full_scale) }.apply(&mut self.prior, None);
                self.mix(single(alpha));
            }
        }
        finite
    }

    /// α · values + (1 − α) · prior.
    fn mix(&mut self, alpha: f64) {
        for (value, &prior) in self.values.iter_mut().zip(&self.prior) {
            *value = alpha * *value + (1.0 - alpha) * prior;
        }
    }

    fn upsample(&mut self, protocol: &Protocol, source: &Grid, covered: [f64; 4]) -> bool {
        let resampling = prepared(&mut self.resampling, protocol, source, covered);
        let finite = source.values().iter().all(|value| value.is_finite());
        if finite {
            resampling.apply(source, &mut self.between, &mut self.values);
        } else {
            let cleaned = source.map(|value| if value.is_finite() { value } else { f32::NAN });
            resampling.apply(&cleaned, &mut self.between, &mut self.values);
        }
        finite
    }

    /// The exact threshold of a rule on `values`; `None` if it depends on a ground truth that is not given.
    fn rule_threshold(&mut self, rule: Binarization, truth_cells: Option<usize>) -> Option<f64> {
        match rule {
            Binarization::FixedGe(value) | Binarization::FixedGt(value) => Some(value),
            Binarization::Sweep => Some(0.5),
            Binarization::Peak(share) => Some(share * range(&self.values).1),
            Binarization::Capped(value) => Some(self.ranked(|seen| rank_of(rule, seen, None)).max(value)),
            Binarization::Adaptive => {
                let cells = truth_cells?;
                Some(self.ranked(|seen| rank_of(rule, seen, Some(cells))))
            }
            Binarization::MedianGt | Binarization::MedianGtBare | Binarization::MedianGe => {
                Some(self.ranked(|seen| rank_of(rule, seen, None)))
            }
        }
    }

    /// The value of the rank that `rank` gives for the number of cells that are seen; NaN if there is none.
    fn ranked(&mut self, rank: impl Fn(usize) -> usize) -> f64 {
        self.sorted.clear();
        self.sorted.extend(self.values.iter().copied().filter(|value| !value.is_nan()));
        let rank = rank(self.sorted.len());
        if self.sorted.is_empty() { f64::NAN } else { *self.sorted.select_nth_unstable_by(rank, f64::total_cmp).1 }
    }

    /// Mean of the largest quarter (rounded up) of the seen values.
    fn top_quarter_mean(&mut self) -> f64 {
        self.sorted.clear();
        self.sorted.extend(self.values.iter().copied().filter(|value| !value.is_nan()));
        let count = self.sorted.len().div_ceil(4);
        if count == 0 {
            return f64::NAN;
        }
        let first = self.sorted.len() - count;
        self.sorted.select_nth_unstable_by(first, f64::total_cmp);
        self.sorted.iter().skip(first).sum::<f64>() / count as f64
    }

    fn degenerate(&self, threshold: Option<f64>) -> Option<Degenerate> {
        let (low, high) = range(&self.values);
        let (mut seen, mut at_low, mut at_high, mut at_threshold) = (0usize, 0usize, 0usize, 0usize);
        let threshold = threshold.unwrap_or(f64::NAN);
        for &value in &self.values {
            seen += usize::from(!value.is_nan());
            at_low += usize::from(value == low);
            at_high += usize::from(value == high);
            at_threshold += usize::from(value == threshold);
        }
        if seen == 0 {
            Some(Degenerate::NothingSeen)
        } else if low == high {
            Some(Degenerate::Constant)
        } else if at_low * 2 > seen {
            Some(Degenerate::TiedAtMinimum)
        } else if at_high * 2 > seen {
            Some(Degenerate::TiedAtMaximum)
        } else if at_threshold * 10 > seen {
            Some(Degenerate::TiedAtThreshold)
        } else {
            None
        }
    }
}

/// The double that the decimal in a checkpoint's or command's text means, not the nearest single's: 0.4, not
/// 0.4000000059604645, which would shift every mixture.
fn single(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
