//! What `retrieve` answered, where it lies in a run's folder, for the page.

use super::chart::{Axis, Chart, Look, Series};
use super::table::{Cell, Column, Row, RowKind, Table, Unit};
use crate::evaluation::{Recalls, Retrieval, RetrievalRun, RunSummary};

/// Retrieval figures by model.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieved(pub RetrievalRun);

type Way = fn(&Retrieval) -> &Recalls;

impl Retrieved {
    fn place(run: &RunSummary, label: &str) -> usize {
        run.run.models.iter().position(|model| model.label == label).unwrap_or_default()
    }

    /// R@1, R@5 and R@10 both ways, ties against the pair, and for it where that differs.
    pub fn table(&self, run: &RunSummary) -> Table {
        let mut columns = Vec::new();
        for way in ["A→I", "I→A"] {
            for k in [1, 5, 10] {
                let meaning = "How often the true pair is among the first so many; ties count against it";
                columns.push(Column::new(format!("{way} R@{k}"), meaning, Unit::Percent));
            }
        }
        columns.push(Column::new("clips", "Clips that took part", Unit::Count).unranked());
        let mut notes = Vec::new();
        let mut rows = Vec::new();
        for model in &self.0.results {
            let ways = [&model.audio_to_image, &model.image_to_audio];
            let cells = ways.iter().flat_map(|way| way.pessimistic.into_iter().zip(way.intervals));
            let mut cells: Vec<Cell> =
                cells.map(|(value, interval)| Cell { interval: Some(interval), ..Cell::plain(value) }).collect();
            if ways.iter().any(|way| way.optimistic != way.pessimistic) {
                let kindly: Vec<String> =
                    ways.iter().flat_map(|way| way.optimistic).map(super::words::percent).collect();
                notes.push(format!("{} with ties counted for the pair: {}", model.model, kindly.join(", ")));
            }
            cells.push(Cell::plain(model.clips as f64));
            rows.push(Row { name: model.model.clone(), kind: RowKind::Model(Self::place(run, &model.model)), cells });
        }
        if let Some(clips) = self.0.results.iter().map(|model| model.clips).max() {
            let chance = |k: usize| Cell::plain((k as f64 / clips as f64).min(1.0));
            let mut cells: Vec<Cell> = [1, 5, 10, 1, 5, 10].map(chance).to_vec();
            cells.push(Cell::NONE);
            rows.push(Row { name: "Chance".into(), kind: RowKind::Reference, cells });
        }
        if !self.0.deaf.is_empty() {
            notes.push(format!("Left out, since they hear nothing: {}", self.0.deaf.join(", ")));
        }
        let title = format!("Retrieval by the {} of the heatmap", self.0.similarity.name());
        Table { id: "retrieval".into(), title: title.clone(), caption: title, columns, rows, notes }
    }

    /// R@k over k, both ways.
    pub fn charts(&self, run: &RunSummary) -> Vec<Chart> {
        let ways: [(&str, Way); 2] = [
            ("Images for sounds", |model| &model.audio_to_image),
            ("Sounds for images", |model| &model.image_to_audio),
        ];
        let chart = |(title, way): (&str, Way)| {
            let series = self.0.results.iter().map(|model| {
                let points = way(model).curve.iter().enumerate();
                Series {
                    name: model.model.clone(),
                    look: Look::Model(Self::place(run, &model.model)),
                    points: points.map(|(place, recall)| [(place + 1) as f64, *recall]).collect(),
                    marked: false,
                }
            });
            let mut series: Vec<Series> = series.collect();
            let most = series.iter().map(|series| series.points.len()).max().unwrap_or(1).max(2);
            if let Some(clips) = self.0.results.iter().map(|model| model.clips).max() {
                let chance = |k: usize| [k as f64, (k as f64 / clips as f64).min(1.0)];
                let points = (1..=most).map(chance).collect();
                series.push(Series { name: "chance".into(), look: Look::Reference(0), points, marked: false });
            }
            Chart {
                title: title.into(),
                reading: "How often the true pair is among the first k, ties counting against it.".into(),
                x: Axis::between("k", 1.0, most as f64),
                y: Axis::percent("recall, %"),
                series,
            }
        };
        ways.into_iter().map(chart).collect()
    }
}
