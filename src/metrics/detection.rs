//! Precision, recall, AP and F1 over clips with a confidence, positives and negatives together: as the authors' code
//! (SLAVC's evaluator and those copied from it) computes them, and by the standard definitions.

use std::fmt;

use super::SizeGroup;

/// One scored clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// How sure the model is that something visible sounds.
    pub confidence: f64,
    pub ciou: f64,
    /// Number of boxes; 0 for a negative.
    pub boxes: usize,
    /// ΣG of its ground truth.
    pub area: f64,
}

/// The clips that a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subset {
    /// Positives and negatives.
    All,
    /// Positives.
    Visible,
    /// Positives of one size.
    Size(SizeGroup),
}

impl Subset {
    pub const ALL: [Self; 6] = [
        Self::All,
        Self::Visible,
        Self::Size(SizeGroup::Small),
        Self::Size(SizeGroup::Medium),
        Self::Size(SizeGroup::Large),
        Self::Size(SizeGroup::Huge),
    ];

    pub fn contains(self, clip: &Detection) -> bool {
        match self {
            Self::All => true,
            Self::Visible => clip.boxes > 0,
            Self::Size(size) => clip.boxes > 0 && SizeGroup::of(clip.area) == size,
        }
    }

    pub fn of(self, clips: &[Detection]) -> Vec<Detection> {
        clips.iter().filter(|clip| self.contains(clip)).copied().collect()
    }
}

impl fmt::Display for Subset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("all"),
            Self::Visible => formatter.write_str("visible"),
            Self::Size(size) => size.fmt(formatter),
        }
    }
}

/// Outcomes at one confidence threshold δ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Positives with confidence ≥ δ and cIoU ≥ success.
    pub true_positives: usize,
    /// Positives with confidence ≥ δ whose cIoU is too low.
    pub misplaced: usize,
    /// Negatives with confidence ≥ δ.
    pub false_alarms: usize,
    /// Positives with confidence below δ.
    pub missed: usize,
}

impl Outcomes {
    pub fn at(clips: &[Detection], threshold: f64, success: f64) -> Self {
        let mut outcomes = Self::default();
        for clip in clips {
            outcomes.add(clip, clip.confidence >= threshold, success);
        }
        outcomes
    }

    fn add(&mut self, clip: &Detection, confident: bool, success: f64) {
        match (clip.boxes > 0, confident) {
            (true, true) if clip.ciou >= success => self.true_positives += 1,
            (true, true) => self.misplaced += 1,
            (true, false) => self.missed += 1,
            (false, true) => self.false_alarms += 1,
            (false, false) => {}
        }
    }

    /// TP / (TP + FP), misplaced maps being false positives; 1 where nothing is confident.
    pub fn precision(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.misplaced + self.false_alarms)
    }

    /// TP / (TP + FN) of the authors' code, where a confident but misplaced positive is *not* a false negative: tends
    /// to 1 as δ falls and is not monotone in δ. 1 where there is neither.
    pub fn recall_as_published(&self) -> f64 {
        share(self.true_positives, self.true_positives + self.missed)
    }

    /// TP / positives; 0 where there is none.
    pub fn recall(&self) -> f64 {
        let positives = self.true_positives + self.misplaced + self.missed;
        if positives == 0 { 0.0 } else { self.true_positives as f64 / positives as f64 }
    }

    /// Harmonic mean of precision and the published recall, 0 where both are 0.
    pub fn f1_as_published(&self) -> f64 {
        f1(self.precision(), self.recall_as_published())
    }

    /// Harmonic mean of precision and recall, 0 where both are 0.
    pub fn f1(&self) -> f64 {
        f1(self.precision(), self.recall())
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn f1(precision: f64, recall: f64) -> f64 {
    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
}

/// Precision over all clips, confident or not; on the visible subset it is the success rate. NaN for no clips.
pub fn precision(clips: &[Detection], success: f64) -> f64 {
    if clips.is_empty() { f64::NAN } else { Outcomes::at(clips, f64::NEG_INFINITY, success).precision() }
}

/// The outcomes at every distinct confidence, the highest first: one sort and one pass. Clips whose confidence is
/// NaN are never confident.
pub fn sweep(clips: &[Detection], success: f64) -> Vec<(f64, Outcomes)> {
    let mut order: Vec<&Detection> = clips.iter().filter(|clip| !clip.confidence.is_nan()).collect();
    order.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let missed = clips.iter().filter(|clip| clip.boxes > 0).count();
    let mut running = Outcomes { missed, ..Outcomes::default() };
    let mut steps: Vec<(f64, Outcomes)> = Vec::new();
    for clip in order {
        running.add(clip, true, success);
        running.missed -= usize::from(clip.boxes > 0);
        match steps.last_mut() {
            Some((threshold, outcomes)) if *threshold == clip.confidence => *outcomes = running,
            _ => steps.push((clip.confidence, running)),
        }
    }
    steps
}

/// Outcomes at the thresholds `wanted` (descending), each of which is one of the clips' confidences.
fn outcomes_at(steps: &[(f64, Outcomes)], wanted: impl Iterator<Item = f64>) -> Vec<Outcomes> {
    wanted
        .filter_map(|threshold| {
            let after = steps.partition_point(|(confidence, _)| *confidence >= threshold);
            after.checked_sub(1).and_then(|index| steps.get(index)).map(|&(_, outcomes)| outcomes)
        })
        .collect()
}

fn sorted_confidences(clips: &[Detection]) -> Vec<f64> {
    let mut confidences: Vec<f64> = clips.iter().map(|clip| clip.confidence).filter(|value| !value.is_nan()).collect();
    confidences.sort_by(f64::total_cmp);
    confidences
}

/// AP as SLAVC's evaluator computes it. Thresholds are the confidences without the largest, every ⌊n/200⌋-th of them
/// from the second largest down; recall is the published one; the area left of the first recall is dropped and steps
/// back in recall count negatively, so fewer than three clips give 0.
pub fn average_precision_as_published(clips: &[Detection], success: f64) -> f64 {
    let confidences = sorted_confidences(clips);
    let step = (clips.len() / 200).max(1);
    let steps = sweep(clips, success);
    let thinned = confidences.iter().rev().skip(1).step_by(step).copied();
    let outcomes = outcomes_at(&steps, thinned);
    let mut envelope: Vec<f64> = outcomes.iter().map(Outcomes::precision).collect();
    let mut best = f64::NEG_INFINITY;
    for precision in envelope.iter_mut().rev() {
        best = best.max(*precision);
        *precision = best;
    }
    outcomes
        .windows(2)
        .zip(&envelope)
        .map(|(pair, precision)| match pair {
            [now, next] => precision * (next.recall_as_published() - now.recall_as_published()),
            _ => 0.0,
        })
        .sum()
}

/// AP by its standard definition: the area under the precision envelope over recall = TP / positives, clips of equal
/// confidence taken together. 0 where there are no positives.
pub fn average_precision(clips: &[Detection], success: f64) -> f64 {
    let steps = sweep(clips, success);
    let mut best: f64 = 0.0;
    let mut area = 0.0;
    let mut recalls = steps.iter().map(|(_, outcomes)| outcomes.recall()).collect::<Vec<_>>();
    recalls.insert(0, 0.0);
    for ((_, outcomes), pair) in steps.iter().zip(recalls.windows(2)).rev() {
        best = best.max(outcomes.precision());
        if let [before, now] = pair {
            area += best * (now - before);
        }
    }
    area
}

/// The F1 values that the authors' code prints: at every ⌊n/10⌋-th confidence from the lowest up.
pub fn f1_list_as_published(clips: &[Detection], success: f64) -> Vec<f64> {
    let step = (clips.len() / 10).max(1);
    let steps = sweep(clips, success);
    let thinned: Vec<f64> = sorted_confidences(clips).into_iter().step_by(step).collect();
    outcomes_at(&steps, thinned.into_iter()).iter().map(Outcomes::f1_as_published).collect()
}

/// max-F1 as the authors' code takes it: the largest of [`f1_list_as_published`]. NaN for no clips.
pub fn max_f1_as_published(clips: &[Detection], success: f64) -> f64 {
    f1_list_as_published(clips, success).into_iter().fold(f64::NAN, f64::max)
}

/// max-F1 over all confidences, as the papers define it, with the published recall, and the δ where it is reached.
/// `None` for no clips.
pub fn max_f1_over_all(clips: &[Detection], success: f64) -> Option<(f64, f64)> {
    best_f1(clips, success, Outcomes::f1_as_published)
}

/// max-F1 over all confidences with recall = TP / positives, and the δ where it is reached. `None` for no clips.
pub fn max_f1(clips: &[Detection], success: f64) -> Option<(f64, f64)> {
    best_f1(clips, success, Outcomes::f1)
}

fn best_f1(clips: &[Detection], success: f64, value: impl Fn(&Outcomes) -> f64) -> Option<(f64, f64)> {
    sweep(clips, success)
        .into_iter()
        .map(|(threshold, outcomes)| (value(&outcomes), threshold))
        .max_by(|a, b| a.0.total_cmp(&b.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(confidence: f64, ciou: f64, boxes: usize) -> Detection {
        Detection { confidence, ciou, boxes, area: 5000.0 }
    }

    #[test]
    fn a_perfect_detector_has_everything_at_one() {
        let clips = [clip(0.9, 0.8, 1), clip(0.8, 0.7, 2), clip(0.2, 0.0, 0), clip(0.1, f64::NAN, 0)];
        assert_eq!(average_precision(&clips, 0.5), 1.0);
        assert_eq!(max_f1(&clips, 0.5), Some((1.0, 0.8)));
        assert_eq!(precision(&clips, 0.5), 0.5);
    }

    #[test]
    fn the_published_recall_forgives_misplaced_maps() {
        let clips = [clip(0.9, 0.1, 1), clip(0.8, 0.9, 1)];
        let outcomes = Outcomes::at(&clips, 0.0, 0.5);
        assert_eq!((outcomes.recall_as_published(), outcomes.recall()), (1.0, 0.5));
    }

    #[test]
    fn the_sweep_agrees_with_counting_at_each_threshold() {
        let clips: Vec<Detection> = (0..97)
            .map(|i| clip(f64::from(i * 37 % 41) / 41.0, f64::from(i * 53 % 89) / 89.0, i as usize % 3))
            .collect();
        for (threshold, outcomes) in sweep(&clips, 0.5) {
            assert_eq!(outcomes, Outcomes::at(&clips, threshold, 0.5));
        }
    }

    #[test]
    fn no_clips_have_no_figures() {
        assert!(precision(&[], 0.5).is_nan() && max_f1_as_published(&[], 0.5).is_nan());
        assert_eq!((average_precision(&[], 0.5), max_f1(&[], 0.5)), (0.0, None));
    }
}
