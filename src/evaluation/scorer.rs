//! One heatmap under one protocol: everything that a row says about it.

use super::curve::{Curve, FLevels};
use super::row::ScoreRow;
use crate::geometry::Size;
use crate::heatmap::{Grid, Heatmap, Normalization};
use crate::metrics::references::{centre_box, fixed_probe, full_frame, rule_ceiling, rule_ceiling_within};
use crate::metrics::sources::segmentation::f_levels;
use crate::metrics::sources::silent_share;
use crate::metrics::{
    Binarized, Bitmap, CiouCurve, GroundTruthMap, NormalizedMap, Protocol, ScoreMap, mask_ciou, mean,
};

/// A protocol with what does not change from map to map.
pub struct Scorer {
    pub protocol: Protocol,
    /// What rows are marked with.
    pub text: String,
    centre_box: Bitmap,
    full_frame: Bitmap,
    probe: Heatmap,
    /// The mask of the probe, where it is the same on every ground truth.
    probe_mask: Option<Binarized>,
}

/// What neither looks nor listens scores on one ground truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct References {
    pub centre_box: f64,
    pub full_frame: f64,
    pub fixed_probe: f64,
    pub ceiling: Option<f64>,
}

/// The answer to one question with what protocols have read off it so far: most of them differ in other parts.
pub struct Answered<'a> {
    pub heatmap: &'a Heatmap,
    confidences: Vec<(&'a Protocol, f64)>,
    maps: Vec<(&'a Protocol, SharedMap)>,
}

/// What protocols share that differ in a fixed threshold alone.
struct SharedMap {
    map: NormalizedMap,
    /// Of the rounded map, against the ground truth that the protocols share, once they were needed.
    curve: Option<Option<Curve>>,
    f_levels: Option<Option<FLevels>>,
}

impl<'a> Answered<'a> {
    pub fn new(heatmap: &'a Heatmap) -> Self {
        Self { heatmap, confidences: Vec::new(), maps: Vec::new() }
    }

    /// What `protocol` shares with others; `None` where its threshold is not fixed.
    fn shared(&mut self, protocol: &'a Protocol) -> Option<&mut SharedMap> {
        protocol.fixed_threshold()?;
        let place = self.maps.iter().position(|(known, _)| protocol.has_map_of(known)).unwrap_or(self.maps.len());
        if place == self.maps.len() {
            let map = protocol.normalized_map(self.heatmap);
            self.maps.push((protocol, SharedMap { map, curve: None, f_levels: None }));
        }
        self.maps.get_mut(place).map(|(_, shared)| shared)
    }

    fn confidence(&mut self, protocol: &'a Protocol) -> f64 {
        match self.confidences.iter().find(|(known, _)| protocol.has_confidence_of(known)) {
            Some(&(_, confidence)) => confidence,
            None => {
                let confidence = protocol.confidence(self.heatmap);
                self.confidences.push((protocol, confidence));
                confidence
            }
        }
    }
}

impl Scorer {
    /// `protocol` with its ground-truth rule settled; `text` is what its rows are marked with.
    pub fn new(protocol: Protocol, text: String) -> Self {
        let probe = Heatmap {
            nominal_range: Some([0.0, 1.0]),
            ..Heatmap::over_whole_frame(fixed_probe(), Size::new(224, 224))
        };
        let side = protocol.side;
        let always = !protocol.binarization.needs_truth();
        let probe_mask = always.then(|| protocol.binarize(&protocol.score_map(&probe), None, None));
        Self { centre_box: centre_box(side), full_frame: full_frame(side), probe, probe_mask, protocol, text }
    }

    /// The references of a ground truth.
    pub fn references(&self, truth: &GroundTruthMap) -> References {
        References {
            centre_box: mask_ciou(&self.centre_box, truth),
            full_frame: mask_ciou(&self.full_frame, truth),
            fixed_probe: match &self.probe_mask {
                Some(mask) => self.protocol.ciou(mask, truth),
                None => self.protocol.score(&self.probe, truth),
            },
            ceiling: rule_ceiling(&self.protocol, truth),
        }
    }

    /// Fills what `row` says about a map; the mask. `truth` is `None` where nothing is known to be true; a negative's is empty.
    pub fn fill<'a>(
        &'a self,
        row: &mut ScoreRow,
        answered: &mut Answered<'a>,
        truth: Option<&GroundTruthMap>,
        references: Option<&References>,
    ) -> Binarized {
        let finite = |value: f64| value.is_finite().then_some(value);
        let heatmap = answered.heatmap;
        let confidence = answered.confidence(&self.protocol);
        let mut shared = answered.shared(&self.protocol).zip(self.protocol.fixed_threshold());
        let map = match &shared {
            Some((shared, threshold)) => shared.map.score_map(*threshold),
            None => self.protocol.score_map_against(heatmap, truth),
        };
        let binarized = self.protocol.binarize(&map, truth, None);
        let cells = (self.protocol.side * self.protocol.side) as f64;
        row.ciou = truth.and_then(|truth| finite(self.protocol.ciou(&binarized, truth)));
        row.confidence = finite(confidence);
        row.peak = finite(f64::from(heatmap.values.range().1));
        row.positive_share = Some(binarized.positives as f64 / cells);
        if let Some((x, y)) = centre_of(&binarized) {
            (row.positive_x, row.positive_y) = (Some(x), Some(y));
        }
        row.degenerate = map.degenerate.map(|degenerate| degenerate.to_string());
        let Some(truth) = truth else { return binarized };
        let to_common = ScoreRow::AREA_SIDE * ScoreRow::AREA_SIDE / cells;
        row.truth_area = Some(truth.area() * to_common);
        if truth.boxes() > 0 {
            let curve = || curve_of(&map, truth);
            // Only of a probability are the levels 0 to 1 thresholds.
            let is_probability = self.protocol.normalization == Normalization::Sigmoid;
            let levels = || is_probability.then(|| f_levels(&map.grid, truth.full()).map(FLevels::new)).flatten();
            (row.curve, row.f_levels) = match &mut shared {
                Some((shared, threshold)) if shared.map.is_as_rounded(*threshold) => {
                    (*shared.curve.get_or_insert_with(curve), shared.f_levels.get_or_insert_with(levels).clone())
                }
                _ => (curve(), levels()),
            };
        }
        if let Some(references) = references {
            row.centre_box = finite(references.centre_box);
            row.full_frame = finite(references.full_frame);
            row.fixed_probe = finite(references.fixed_probe);
            let values = map.grid.values();
            row.ceiling = if values.iter().any(|value| value.is_nan()) {
                let sees = |index: usize| values.get(index).is_some_and(|value| !value.is_nan());
                let seen = Bitmap::from_fn(self.protocol.side, sees);
                rule_ceiling_within(&self.protocol, truth, &seen).and_then(finite)
            } else {
                references.ceiling.and_then(finite)
            };
        }
        binarized
    }
}

impl Scorer {
    /// The mean share of the frame that the maps of silent classes leave silent, in the model's own unit. `None` where
    /// there are no such maps, or the protocol brings maps to another range, in which DSOL's level means nothing.
    pub fn silent_share<'a>(&self, silent: impl Iterator<Item = &'a Heatmap>) -> Option<f64> {
        let own_unit = self.protocol.normalization == Normalization::None;
        let share = |map: &Heatmap| silent_share(&self.protocol.score_map(map).grid, SILENT_LEVEL);
        let shares: Vec<f64> = silent.filter(|_| own_unit).map(share).collect();
        (!shares.is_empty()).then(|| mean(&shares))
    }
}

/// cIoU at the thresholds of a row's curve.
fn curve_of(map: &ScoreMap, truth: &GroundTruthMap) -> Option<Curve> {
    let thresholds = (0..Curve::POINTS).map(|step| (0.05 * step as f64) as f32).collect();
    CiouCurve::at(map, truth, false, thresholds).ciou.try_into().ok().map(Curve::new)
}

/// Up to here a cell of a silent class's map counts as silent (DSOL).
const SILENT_LEVEL: f32 = 0.2;

/// The mean place of the positive cells, as fractions of the frame.
fn centre_of(binarized: &Binarized) -> Option<(f64, f64)> {
    let side = binarized.mask.side();
    let words = binarized.mask.words();
    let (mut columns, mut rows) = (0usize, 0usize);
    for row in 0..side {
        let mut column = 0;
        while column < side {
            let cell = row * side + column;
            let (skipped, length) = (cell % 64, (64 - cell % 64).min(side - column));
            let bits = words.get(cell / 64).map_or(0, |word| word >> skipped & u64::MAX >> (64 - length));
            let count = bits.count_ones() as usize;
            rows += count * row;
            columns += count * column + places(bits);
            column += length;
        }
    }
    let count = binarized.positives as f64;
    let middle = |sum: usize| (sum as f64 / count + 0.5) / side as f64;
    (binarized.positives > 0).then(|| (middle(columns), middle(rows)))
}

/// The sum of the places of the bits that are set: by each digit of a place in turn.
fn places(bits: u64) -> usize {
    const DIGITS: [u64; 6] = [
        0xaaaa_aaaa_aaaa_aaaa,
        0xcccc_cccc_cccc_cccc,
        0xf0f0_f0f0_f0f0_f0f0,
        0xff00_ff00_ff00_ff00,
        0xffff_0000_ffff_0000,
        0xffff_ffff_0000_0000,
    ];
    DIGITS.iter().enumerate().map(|(digit, mask)| ((bits & mask).count_ones() as usize) << digit).sum()
}

/// Side of the coarse grid of mean maps.
pub const MEAN_SIDE: usize = 14;

/// A map over the whole frame on a coarse grid, stretched to 0..255; 0 where the model does not see. For mean maps.
pub fn coarse(heatmap: &Heatmap) -> Vec<u8> {
    let covers = heatmap.covers_fraction();
    let (low, high) = heatmap.values.range();
    let span = if high > low { high - low } else { 1.0 };
    let under = |at: usize, from: f64, to: f64, cells: usize| -> Option<usize> {
        let position = ((at as f64 + 0.5) / MEAN_SIDE as f64 - from) / (to - from);
        (0.0..1.0).contains(&position).then_some((position * cells as f64) as usize)
    };
    let value = |grid: &Grid, row: usize, column: usize| {
        let row = under(row, covers.top, covers.bottom, grid.rows())?;
        let column = under(column, covers.left, covers.right, grid.columns())?;
        grid.get(row, column).filter(|value| value.is_finite())
    };
    let stretched = |value: f32| ((value - low) / span * 255.0).round().clamp(0.0, 255.0) as u8;
    (0..MEAN_SIDE * MEAN_SIDE)
        .map(|cell| value(&heatmap.values, cell / MEAN_SIDE, cell % MEAN_SIDE).map_or(0, stretched))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;
    use crate::geometry::Rect;
    use crate::metrics::{GroundTruthRule, TruthBox};

    #[test]
    fn a_row_says_what_the_protocol_says() {
        let scorer = Scorer::new("ezvsl".parse().unwrap(), "ezvsl".into());
        let boxes = [TruthBox::new(Rect::new(0.0, 0.0, 0.5, 1.0))];
        let truth = GroundTruthMap::from_boxes(&boxes, GroundTruthRule::Union, 224);
        let left = Grid::from_fn(14, 14, |_, column| 1.0 - column as f32 / 13.0);
        let heatmap = Heatmap::over_whole_frame(left, Size::new(320, 240));
        let mut scored = row("a", 0.0);
        let references = scorer.references(&truth);
        scorer.fill(&mut scored, &mut Answered::new(&heatmap), Some(&truth), Some(&references));
        assert_eq!(scored.ciou, Some(scorer.protocol.score(&heatmap, &truth)));
        assert_eq!(scored.truth_share(), Some(0.5));
        assert_eq!((scored.full_frame, scored.ceiling), (Some(0.5), Some(1.0)));
        assert!((scored.positive_x.unwrap() - 0.25).abs() < 0.01 && (scored.positive_y.unwrap() - 0.5).abs() < 0.01);
        let curve = scored.curve.unwrap().values();
        assert!((curve[0] - 0.5).abs() < 1e-4 && curve[10] > 0.95, "{curve:?}");
    }

    /// A map with cells exactly at thresholds, next to them, and where rounding to single precision crosses them.
    fn delicate() -> Heatmap {
        let values = Grid::from_fn(224, 224, |row, column| match (row * 224 + column) % 97 {
            0 => 0.0,
            1 => (0.35f64 / 0.65).ln() as f32,
            2 => ((0.35f64 / 0.65).ln() as f32).next_up(),
            3 => ((0.8f64 / 0.2).ln() as f32).next_down(),
            place => (place as f32 - 48.0) / 20.0 + row as f32 / 1000.0,
        });
        Heatmap::over_whole_frame(values, Size::new(224, 224))
    }

    #[test]
    fn what_thresholds_share_changes_no_row() {
        let boxes = [TruthBox::new(Rect::new(0.1, 0.2, 0.6, 0.7))];
        let mut partly = Heatmap::over_whole_frame(
            Grid::from_fn(14, 14, |row, column| (row * column) as f32 / 90.0 - 1.0),
            Size::new(320, 240),
        );
        partly.covers = Rect::new(40.0, 0.0, 280.0, 240.0);
        let flat = Heatmap::over_whole_frame(Grid::filled(14, 14, 0.0), Size::new(320, 240));
        let mut hole = partly.clone();
        hole.values.values_mut()[40] = f32::NAN;
        let texts = (1..20).map(|step| format!("acl+binarize=fixed:{}", 0.05 * f64::from(step)));
        let texts: Vec<String> = texts
            .chain(["acl".into(), "avsbench".into(), "sspl".into(), "acl+binarize=fixed-gt:0.99999999".into()])
            .collect();
        let scorers: Vec<Scorer> = texts.iter().map(|text| Scorer::new(text.parse().unwrap(), text.clone())).collect();
        let mut moved = 0;
        for heatmap in [&delicate(), &partly, &flat, &hole] {
            let mut answered = Answered::new(heatmap);
            for scorer in &scorers {
                let Protocol { truth, side, .. } = scorer.protocol;
                let truth = GroundTruthMap::from_boxes(&boxes, truth, side);
                let mut found = row("a", 0.0);
                let mask = scorer.fill(&mut found, &mut answered, Some(&truth), None);
                let map = scorer.protocol.score_map(heatmap);
                let alone = scorer.protocol.binarize(&map, Some(&truth), None);
                assert!(mask.mask == alone.mask && mask.threshold == alone.threshold, "{}", scorer.text);
                assert_eq!(found.ciou, Some(scorer.protocol.ciou(&alone, &truth)).filter(|value| value.is_finite()));
                assert_eq!(found.curve, curve_of(&map, &truth), "{}", scorer.text);
                let levels = f_levels(&map.grid, truth.full()).map(FLevels::new);
                let sigmoid = scorer.protocol.normalization == Normalization::Sigmoid;
                assert_eq!(found.f_levels, levels.filter(|_| sigmoid), "{}", scorer.text);
                assert_eq!(
                    found.degenerate,
                    map.degenerate.map(|degenerate| degenerate.to_string()),
                    "{}",
                    scorer.text
                );
                let normalized = scorer.protocol.normalized_map(heatmap);
                moved += usize::from(!normalized.is_as_rounded(scorer.protocol.fixed_threshold().unwrap()));
            }
        }
        assert!(moved > 5, "no map has cells near a threshold");
    }

    #[test]
    fn the_probe_is_scored_as_any_map() {
        let boxes = [TruthBox::new(Rect::new(0.3, 0.2, 0.55, 0.8)), TruthBox::new(Rect::new(0.0, 0.0, 0.2, 0.1))];
        for known in crate::metrics::protocols() {
            let scorer = Scorer::new(known.protocol.clone(), String::new());
            for boxes in [&boxes[..], &boxes[1..], &[]] {
                let truth = GroundTruthMap::from_boxes(boxes, scorer.protocol.truth, scorer.protocol.side);
                let (found, plain) =
                    (scorer.references(&truth).fixed_probe, scorer.protocol.score(&scorer.probe, &truth));
                assert!(found == plain || found.is_nan() && plain.is_nan(), "{}: {found} {plain}", scorer.protocol);
            }
        }
    }

    #[test]
    fn the_centre_is_the_mean_place_of_the_cells() {
        for side in [100usize, 224, 256] {
            let grid =
                Grid::from_fn(side, side, |row, column| f32::from(u8::from((row * 7 + column * column) % 11 < 3)));
            let mask = Binarized::of(&grid, 0.5, true);
            let cells = || (0..side * side).filter(|cell| mask.mask.get(cell / side, cell % side));
            let count = cells().count() as f64;
            let mean = |sum: usize| (sum as f64 / count + 0.5) / side as f64;
            let expected = (mean(cells().map(|cell| cell % side).sum()), mean(cells().map(|cell| cell / side).sum()));
            assert_eq!(centre_of(&mask), Some(expected), "{side}");
        }
    }

    #[test]
    fn a_cropped_map_lies_where_it_was_seen() {
        let mut heatmap = Heatmap::over_whole_frame(Grid::filled(7, 7, 2.0), Size::new(280, 140));
        heatmap.values.values_mut()[0] = 1.0;
        heatmap.covers = Rect::new(70.0, 0.0, 210.0, 140.0);
        let coarse = coarse(&heatmap);
        assert_eq!((coarse[0], coarse[7], coarse[13]), (0, 255, 0));
    }
}
