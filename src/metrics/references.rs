//! What a list answers to something that does not look or listen: no figure is shown without these.

use crate::heatmap::Grid;

use super::{Binarization, Bitmap, GroundTruthMap, Protocol};

/// The centred box of half the image's area: side trunc(n·√½), rows and columns [33, 191) of 224.
pub fn centre_box(side: usize) -> Bitmap {
    let extent = (side as f64 * 0.5f64.sqrt()) as usize;
    let start = (side - extent) / 2;
    let mut mask = Bitmap::new(side);
    mask.fill(start..start + extent, start..start + extent);
    mask
}

/// Every cell.
pub fn full_frame(side: usize) -> Bitmap {
    let mut mask = Bitmap::new(side);
    mask.fill(0..side, 0..side);
    mask
}

/// The fixed probe: one 14 × 14 Gaussian blob for every clip, which checks a whole protocol end to end and shows what
/// a model that ignores its input reaches.
pub fn fixed_probe() -> Grid {
    Grid::from_fn(14, 14, |row, column| {
        let across = (column as f64 - 6.13) / 3.7;
        let down = (row as f64 - 6.81) / 3.1;
        (-0.5 * (across * across + down * down)).exp() as f32
    })
}

/// The ceiling of a rule that marks a fixed number of cells: the best cIoU that any mask of `cells` cells reaches.
pub fn ceiling(truth: &GroundTruthMap, cells: usize) -> f64 {
    best_of(truth, cells, [truth.full_cells(), truth.nonzero_cells()])
}

/// The best cIoU of `cells` cells of which at most so many can lie on full and on any weight.
fn best_of(truth: &GroundTruthMap, cells: usize, [full_cells, nonzero_cells]: [usize; 2]) -> f64 {
    let full = cells.min(full_cells);
    let half = (cells - full).min(nonzero_cells - full_cells);
    let outside = cells - full - half;
    (full as f64 + half as f64 / 2.0) / (truth.area() + outside as f64)
}

/// The [`ceiling`] of a protocol's own rule, for maps without ties that cover the whole frame; `None` where the rule has
/// no fixed size.
pub fn rule_ceiling(protocol: &Protocol, truth: &GroundTruthMap) -> Option<f64> {
    let marked = marked(protocol.binarization, protocol.side * protocol.side, truth)?;
    Some(ceiling(truth, marked)).filter(|value| value.is_finite())
}

/// The [`rule_ceiling`] for a model that sees only the cells `seen`: the rule marks a part of those, and what lies beyond
/// them cannot be hit.
pub fn rule_ceiling_within(protocol: &Protocol, truth: &GroundTruthMap, seen: &Bitmap) -> Option<f64> {
    let marked = marked(protocol.binarization, seen.count(), truth)?;
    let within = [seen.count_and(truth.full()), seen.count_and(truth.nonzero())];
    Some(best_of(truth, marked, within)).filter(|value| value.is_finite())
}

/// How many of `cells` seen cells a rule marks, where it has a fixed number.
fn marked(rule: Binarization, cells: usize, truth: &GroundTruthMap) -> Option<usize> {
    match rule {
        Binarization::MedianGt | Binarization::MedianGtBare => Some((cells / 2).saturating_sub(1)),
        Binarization::MedianGe => Some(cells / 2),
        Binarization::Adaptive if truth.nonzero_cells() > 0 => Some(cells.min(truth.nonzero_cells() - 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;
    use crate::metrics::{GroundTruthRule, TruthBox, mask_ciou};

    #[test]
    fn the_centre_box_is_the_published_one() {
        let mask = centre_box(224);
        assert_eq!(mask.count(), 158 * 158);
        assert!(mask.get(33, 190) && !mask.get(32, 100) && !mask.get(100, 191));
        assert_eq!(full_frame(224).count(), 50176);
    }

    #[test]
    fn the_ceiling_is_reached_by_the_truth_itself() {
        let boxes = [Rect::new(0.0, 0.0, 0.5, 0.5), Rect::new(0.25, 0.0, 0.75, 0.5)].map(TruthBox::new);
        let truth = GroundTruthMap::from_boxes(&boxes, GroundTruthRule::Consensus, 224);
        assert_eq!(ceiling(&truth, truth.nonzero_cells()), mask_ciou(truth.nonzero(), &truth));
        assert_eq!(ceiling(&truth, 50176), mask_ciou(&full_frame(224), &truth));
        assert!(ceiling(&truth, 100) < ceiling(&truth, 1000));
    }

    #[test]
    fn who_sees_a_part_has_a_ceiling_of_his_own() {
        let protocol: Protocol = "ezvsl".parse().unwrap();
        let truth = |rect| GroundTruthMap::from_boxes(&[TruthBox::new(rect)], GroundTruthRule::Union, 224);
        let mut left = Bitmap::new(224);
        left.fill(0..224, 0..112);
        // A quarter of the frame is half of what is seen.
        let quarter = truth(Rect::new(0.0, 0.0, 0.25, 1.0));
        assert_eq!(rule_ceiling_within(&protocol, &quarter, &left), Some(1.0));
        assert_eq!(rule_ceiling(&protocol, &quarter), Some(0.5));
        assert_eq!(rule_ceiling_within(&protocol, &truth(Rect::new(0.75, 0.0, 1.0, 1.0)), &left), Some(0.0));
        let whole = full_frame(224);
        assert_eq!(rule_ceiling_within(&protocol, &quarter, &whole), rule_ceiling(&protocol, &quarter));
    }
}
