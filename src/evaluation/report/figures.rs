//! What is drawn of a run: success, precision, confidence, size, place and number of boxes, model beside model.

use crate::evaluation::{ClipKind, RunSummary, Summary};
use crate::metrics::detection::sweep;
use crate::metrics::{mean, success_rate, success_thresholds};

use super::chart::{Axis, Chart, Look, Series};
use super::points::{Point, Points};

/// One model's part of a protocol's charts.
pub struct Drawn<'a> {
    pub place: usize,
    pub result: &'a Summary,
    pub points: &'a Points,
}

/// The models of one protocol that have points.
pub fn drawn<'a>(run: &'a RunSummary, points: &'a [Points], protocol: &str) -> Vec<Drawn<'a>> {
    let results = run.results.iter().zip(points).filter(|(result, _)| result.protocol == protocol);
    results
        .filter_map(|(result, points)| {
            let place = run.run.models.iter().position(|model| model.label == result.model)?;
            Some(Drawn { place, result, points })
        })
        .collect()
}

impl Drawn<'_> {
    fn series(&self, points: Vec<[f64; 2]>, marked: bool) -> Series {
        Series { name: self.result.model.clone(), look: Look::Model(self.place), points, marked }
    }

    fn success(&self) -> f64 {
        self.result.accuracy.first().map_or(0.5, |accuracy| accuracy.success)
    }
}

/// All charts of a protocol; one that would show nothing is left out.
pub fn charts(drawn: &[Drawn<'_>]) -> Vec<Chart> {
    let charts = [success(drawn), thresholds(drawn), precision(drawn), confidence(drawn), areas(drawn), boxes(drawn)];
    charts.into_iter().flatten().filter(|chart| chart.series.iter().any(|series| series.points.len() > 1)).collect()
}

fn curve(values: &[f64]) -> Vec<[f64; 2]> {
    success_thresholds().map(|at| [at, success_rate(values, at)]).to_vec()
}

/// The share of clips with at least so much cIoU: the curve whose area is the AUC.
fn success(drawn: &[Drawn<'_>]) -> Option<Chart> {
    let values = |points: &Points, value: fn(&Point) -> f64| points.positives().map(value).collect::<Vec<f64>>();
    let mut series: Vec<Series> =
        drawn.iter().map(|drawn| drawn.series(curve(&values(drawn.points, |point| point.ciou)), false)).collect();
    // References of the list, from whichever model has most of it.
    let fullest = drawn.iter().max_by_key(|drawn| drawn.points.positives().count())?;
    type Value = fn(&Point) -> f64;
    let references: [(&str, Value); 2] =
        [("fixed probe", |point| point.fixed_probe), ("ceiling of the rule", |point| point.ceiling)];
    for (number, (name, value)) in references.into_iter().enumerate() {
        let values = values(fullest.points, value);
        if values.iter().any(|value| !value.is_nan()) {
            let points = curve(&values);
            series.push(Series { name: name.into(), look: Look::Reference(number), points, marked: false });
        }
    }
    Some(Chart {
        title: "Success over its threshold".into(),
        reading: "How many clips reach how much cIoU; the area below a line is its AUC.".into(),
        x: Axis::unit("cIoU at least"),
        y: Axis::percent("share of clips, %"),
        series,
    })
}

/// Mean cIoU of the mask at every threshold of the score map.
fn thresholds(drawn: &[Drawn<'_>]) -> Option<Chart> {
    let mut series = Vec::new();
    for drawn in drawn {
        let last = drawn.result.curve.len().saturating_sub(1).max(1) as f64;
        let points = drawn.result.curve.iter().enumerate().map(|(step, ciou)| [step as f64 / last, *ciou]);
        series.push(drawn.series(points.collect(), false));
    }
    let top = series.iter().flat_map(|series| &series.points).map(|point| point[1]).fold(0.0, f64::max);
    Some(Chart {
        title: "cIoU over the map's threshold".into(),
        reading: "Mean cIoU if every cell of at least this value were positive, whatever the rule says.".into(),
        x: Axis::unit("threshold of the score map"),
        y: Axis::between("mean cIoU", 0.0, (top * 1.1).clamp(0.1, 1.0)),
        series,
    })
}

/// Precision over recall as the confidence threshold falls, by the standard definitions.
fn precision(drawn: &[Drawn<'_>]) -> Option<Chart> {
    let line = |drawn: &Drawn<'_>| {
        let steps = sweep(&drawn.points.detections(), drawn.success());
        drawn.series(steps.iter().map(|(_, outcomes)| [outcomes.recall(), outcomes.precision()]).collect(), false)
    };
    let first = drawn.first()?;
    Some(Chart {
        title: "Precision over recall".into(),
        reading: format!(
            "From the most confident clip to the least; right is cIoU of at least {}, recall counts all positives.",
            first.success()
        ),
        x: Axis::percent("recall, %"),
        y: Axis::percent("precision, %"),
        series: drawn.iter().map(line).collect(),
    })
}

/// Quantiles of confidence on positives, solid, and on negatives: lines that lie on each other say that the model
/// does not listen.
fn confidence(drawn: &[Drawn<'_>]) -> Option<Chart> {
    let mut series = Vec::new();
    let mut extremes = [f64::INFINITY, f64::NEG_INFINITY];
    for drawn in drawn {
        let of = |negative: bool| -> Vec<f64> {
            let wanted = drawn
                .points
                .0
                .iter()
                .filter(|point| if negative { point.kind.is_negative() } else { point.kind == ClipKind::Positive });
            wanted.map(|point| point.confidence).filter(|value| value.is_finite()).collect()
        };
        for negative in [false, true] {
            let mut values = of(negative);
            values.sort_by(f64::total_cmp);
            let (Some(low), Some(high)) = (values.first(), values.last()) else { continue };
            extremes = [extremes[0].min(*low), extremes[1].max(*high)];
            let count = values.len() as f64;
            let stride = values.len().div_ceil(100).max(1);
            let last = values.len() - 1;
            let kept = values.iter().enumerate().filter(|(place, _)| place % stride == 0 || *place == last);
            let points = kept.map(|(place, value)| [*value, (place + 1) as f64 / count]).collect();
            let name = format!("{}, {}", drawn.result.model, if negative { "negatives" } else { "positives" });
            let look = if negative { Look::Negatives(drawn.place) } else { Look::Model(drawn.place) };
            series.push(Series { name, look, points, marked: false });
        }
    }
    let [low, high] = extremes;
    (low <= high).then(|| Chart {
        title: "Confidence of positives and negatives".into(),
        reading:
            "Share of clips up to a confidence. Where positives and negatives lie on each other, no threshold tells \
                  them apart."
                .into(),
        x: Axis::between("confidence", low, high),
        y: Axis::percent("share of clips, %"),
        series,
    })
}

/// Mean cIoU by the area of the ground truth.
fn areas(drawn: &[Drawn<'_>]) -> Option<Chart> {
    const BINS: usize = 10;
    let cells = crate::evaluation::ScoreRow::AREA_SIDE * crate::evaluation::ScoreRow::AREA_SIDE;
    let binned = |points: &Points, value: fn(&Point) -> f64| -> Vec<[f64; 2]> {
        let mut bins = vec![Vec::new(); BINS];
        for point in points.positives() {
            let bin = (point.truth_area / cells * BINS as f64).clamp(0.0, BINS as f64 - 1.0) as usize;
            let value = value(point);
            if let (Some(bin), false) = (bins.get_mut(bin), value.is_nan()) {
                bin.push(value);
            }
        }
        let middle = |bin: usize| (bin as f64 + 0.5) / BINS as f64;
        bins.iter()
            .enumerate()
            .filter(|(_, bin)| !bin.is_empty())
            .map(|(bin, values)| [middle(bin), mean(values)])
            .collect()
    };
    let mut series: Vec<Series> =
        drawn.iter().map(|drawn| drawn.series(binned(drawn.points, |point| point.ciou), true)).collect();
    let fullest = drawn.iter().max_by_key(|drawn| drawn.points.positives().count())?;
    let ceiling = binned(fullest.points, |point| point.ceiling);
    if !ceiling.is_empty() {
        series.push(Series {
            name: "ceiling of the rule".into(),
            look: Look::Reference(1),
            points: ceiling,
            marked: false,
        });
    }
    Some(Chart {
        title: "By the area of what sounds".into(),
        reading:
            "Mean cIoU in tenths of ground-truth area. A rule that marks half of the frame cannot fit what is small."
                .into(),
        x: Axis::percent("ground truth, % of the frame"),
        y: Axis::unit("mean cIoU"),
        series,
    })
}

/// Success by the number of boxes.
fn boxes(drawn: &[Drawn<'_>]) -> Option<Chart> {
    let most = drawn.iter().flat_map(|drawn| drawn.points.positives()).map(|point| point.boxes).max()?.min(8);
    if most < 2 {
        return None;
    }
    let line = |drawn: &Drawn<'_>| {
        let at = |boxes: u64| {
            let same = |point: &&Point| point.boxes == boxes || boxes == most && point.boxes > most;
            let values: Vec<f64> = drawn.points.positives().filter(same).map(|point| point.ciou).collect();
            (!values.is_empty()).then(|| [boxes as f64, success_rate(&values, drawn.success())])
        };
        drawn.series((1..=most).filter_map(at).collect(), true)
    };
    let ticks = (1..=most).map(|boxes| (boxes as f64, if boxes == 8 { "8+".into() } else { boxes.to_string() }));
    Some(Chart {
        title: "By the number of boxes".into(),
        reading: "Share of success among the clips with so many boxes.".into(),
        x: Axis { label: "boxes a frame".into(), range: [0.5, most as f64 + 0.5], ticks: ticks.collect() },
        y: Axis::percent("share of success, %"),
        series: drawn.iter().map(line).collect(),
    })
}

/// How often the middle of a model's positive cells lies where: counts on `side` × `side`.
pub fn centres(points: &Points, side: usize) -> Vec<f32> {
    let mut counts = vec![0.0; side * side];
    for point in points.positives() {
        let [x, y] = point.centre;
        if x.is_finite() && y.is_finite() {
            let cell = |part: f64| (part.clamp(0.0, 1.0) * side as f64).min(side as f64 - 1.0) as usize;
            if let Some(count) = counts.get_mut(cell(y) * side + cell(x)) {
                *count += 1.0;
            }
        }
    }
    counts
}

/// Classes of at least `fewest` positives with their mean cIoU, the worst first.
pub fn classes(points: &Points, fewest: usize) -> Vec<(String, usize, f64)> {
    let mut by_class: std::collections::BTreeMap<&str, Vec<f64>> = std::collections::BTreeMap::new();
    for point in points.positives() {
        if let (Some(class), false) = (&point.class, point.ciou.is_nan()) {
            by_class.entry(class).or_default().push(point.ciou);
        }
    }
    let enough = by_class.into_iter().filter(|(_, values)| values.len() >= fewest);
    let mut classes: Vec<_> = enough.map(|(class, values)| (class.to_owned(), values.len(), mean(&values))).collect();
    classes.sort_by(|a, b| a.2.total_cmp(&b.2));
    classes
}
