//! The rows of a run, gathered by model and protocol into what plots and clip lists need.

use std::collections::HashMap;
use std::sync::Arc;

use crate::evaluation::{ClipKind, EvaluationError, FinishedRun, RunSummary, ScoreRow};
use crate::metrics::detection::Detection;
use crate::metrics::{PairedDifference, RESAMPLINGS, paired_difference};

/// The page of a run is the same whenever it is made.
const SEED: u64 = 1;

/// One scored question.
#[derive(Clone, Debug)]
pub struct Point {
    pub clip_index: u64,
    pub clip: Arc<str>,
    pub class: Option<Arc<str>>,
    pub asked: Arc<str>,
    pub frame: Option<u64>,
    pub kind: ClipKind,
    /// NaN where there is none.
    pub ciou: f64,
    pub confidence: f64,
    pub peak: f64,
    pub boxes: u64,
    /// ΣG on 224 × 224 cells.
    pub truth_area: f64,
    pub positive_share: f64,
    /// Centre of the positive cells, as fractions of the frame.
    pub centre: [f64; 2],
    /// cIoU of the fixed probe on the same ground truth.
    pub fixed_probe: f64,
    pub centre_box: f64,
    pub ceiling: f64,
}

impl Point {
    fn new(row: ScoreRow, names: &mut Names) -> Self {
        let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
        Self {
            clip_index: row.clip_index,
            clip: names.of(&row.clip),
            class: row.class.as_deref().map(|class| names.of(class)),
            asked: names.of(&row.asked),
            frame: row.frame,
            kind: row.kind,
            ciou: number(row.ciou),
            confidence: number(row.confidence),
            peak: number(row.peak),
            boxes: row.boxes,
            truth_area: number(row.truth_area),
            positive_share: number(row.positive_share),
            centre: [number(row.positive_x), number(row.positive_y)],
            fixed_probe: number(row.fixed_probe),
            centre_box: number(row.centre_box),
            ceiling: number(row.ceiling),
        }
    }

    pub fn is_positive(&self) -> bool {
        self.kind == ClipKind::Positive
    }

    /// As the detection figures take it.
    pub fn detection(&self) -> Detection {
        Detection {
            confidence: self.confidence,
            ciou: self.ciou,
            boxes: if self.is_positive() { self.boxes.max(1) as usize } else { 0 },
            area: self.truth_area,
        }
    }
}

/// Names that occur often, each kept once.
#[derive(Default)]
struct Names(HashMap<String, Arc<str>>);

impl Names {
    fn of(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let kept: Arc<str> = name.into();
        self.0.insert(name.to_owned(), Arc::clone(&kept));
        kept
    }
}

/// The scored rows of one model under one protocol.
#[derive(Clone, Debug, Default)]
pub struct Points(pub Vec<Point>);

impl Points {
    pub fn positives(&self) -> impl Iterator<Item = &Point> {
        self.0.iter().filter(|point| point.is_positive())
    }

    pub fn negatives(&self) -> impl Iterator<Item = &Point> {
        self.0.iter().filter(|point| point.kind.is_negative())
    }

    pub fn detections(&self) -> Vec<Detection> {
        self.0.iter().filter(|point| point.kind.is_judged()).map(Point::detection).collect()
    }
}

/// All scored rows of a run by the place of their summary in [`RunSummary::results`]. Rows about one of several
/// sources, and those without a map, are left out.
pub fn gather(run: &FinishedRun) -> Result<Vec<Points>, EvaluationError> {
    let mut gathered = Gathering::new(&run.summary);
    run.visit_rows(|row| {
        gathered.add(row);
        Ok(())
    })?;
    Ok(gathered.points)
}

/// As [`gather`], of rows in memory.
pub fn gather_rows(summary: &RunSummary, rows: impl IntoIterator<Item = ScoreRow>) -> Vec<Points> {
    let mut gathered = Gathering::new(summary);
    rows.into_iter().for_each(|row| gathered.add(row));
    gathered.points
}

struct Gathering {
    places: HashMap<(String, String), usize>,
    points: Vec<Points>,
    names: Names,
}

impl Gathering {
    fn new(summary: &RunSummary) -> Self {
        let places = summary.results.iter().enumerate().map(|(place, result)| {
            // Where the best of several thresholds is reported, its rows are the ones behind the figures.
            let best = result.best_of.iter().max_by(|a, b| a.auc.total_cmp(&b.auc));
            let protocol = best.map_or(&result.protocol, |best| &best.protocol);
            ((result.model.clone(), protocol.clone()), place)
        });
        let points = vec![Points::default(); summary.results.len()];
        Self { places: places.collect(), points, names: Names::default() }
    }

    fn add(&mut self, row: ScoreRow) {
        if !row.is_scored() || row.source.is_some() {
            return;
        }
        // The pair of keys is looked up by value, since the map owns its texts.
        let key = (row.model.clone(), row.protocol.clone());
        if let Some(points) = self.places.get(&key).and_then(|place| self.points.get_mut(*place)) {
            points.0.push(Point::new(row, &mut self.names));
        }
    }
}

/// How far the mean cIoU of two models differs on the clips that both answered. `None` where they share none.
pub fn paired(first: &Points, second: &Points) -> Option<PairedDifference> {
    let key = |point: &Point| (point.clip_index, point.frame);
    let of_second: HashMap<_, f64> = second.positives().map(|point| (key(point), point.ciou)).collect();
    let shared: Vec<(f64, f64)> =
        first.positives().filter_map(|point| Some((point.ciou, *of_second.get(&key(point))?))).collect();
    let (first, second): (Vec<f64>, Vec<f64>) = shared.into_iter().unzip();
    paired_difference(&first, &second, RESAMPLINGS, SEED)
}
