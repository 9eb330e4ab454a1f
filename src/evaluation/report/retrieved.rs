//! What `retrieve` answered, where it lies in a run's folder, for the page.

use std::path::Path;

use serde::Deserialize;

use super::chart::{Axis, Chart, Look, Series};
use super::table::{Cell, Column, Row, RowKind, Table, Unit};
use crate::evaluation::{EvaluationError, RunSummary};

/// The answer of `sonolens retrieve --json`, kept in the folder of a run.
pub const RETRIEVAL_JSON: &str = "retrieval.json";

/// Retrieval figures by model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Retrieved {
    results: Vec<OfModel>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct OfModel {
    model: String,
    similarity: String,
    clips: usize,
    audio_to_image: OneWay,
    image_to_audio: OneWay,
}

/// R@1, R@5 and R@10 by what ties count, and R@1, R@2 … with ties against the pair.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct OneWay {
    optimistic: [f64; 3],
    pessimistic: [f64; 3],
    curve: Vec<f64>,
}

type Way = fn(&OfModel) -> &OneWay;

impl Retrieved {
    /// Reads the answer in a run's folder; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read or is no such answer.
    pub fn of_run(folder: &Path) -> Result<Option<Self>, EvaluationError> {
        let path = folder.join(RETRIEVAL_JSON);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(|error| EvaluationError::io(&path, error))?;
        serde_json::from_str(&text).map(Some).map_err(|error| EvaluationError::damaged(&path, error))
    }

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
        columns.push(Column::new("clips", "Clips that took part; chance is k of them", Unit::Count).unranked());
        let mut notes = Vec::new();
        let mut rows = Vec::new();
        for model in &self.results {
            let ways = [&model.audio_to_image, &model.image_to_audio];
            let mut cells: Vec<Cell> = ways.iter().flat_map(|way| way.pessimistic).map(Cell::plain).collect();
            if ways.iter().any(|way| way.optimistic != way.pessimistic) {
                let kindly: Vec<String> =
                    ways.iter().flat_map(|way| way.optimistic).map(super::words::percent).collect();
                notes.push(format!("{} with ties counted for the pair: {}", model.model, kindly.join(", ")));
            }
            cells.push(Cell::plain(model.clips as f64));
            rows.push(Row { name: model.model.clone(), kind: RowKind::Model(Self::place(run, &model.model)), cells });
        }
        let similarity = self.results.first().map_or("", |model| model.similarity.as_str());
        let title = format!("Retrieval by the {similarity} of the heatmap");
        Table { id: "retrieval".into(), title: title.clone(), caption: title, columns, rows, notes }
    }

    /// R@k over k, both ways.
    pub fn charts(&self, run: &RunSummary) -> Vec<Chart> {
        let ways: [(&str, Way); 2] = [
            ("Images for sounds", |model| &model.audio_to_image),
            ("Sounds for images", |model| &model.image_to_audio),
        ];
        let chart = |(title, way): (&str, Way)| {
            let series = self.results.iter().map(|model| {
                let points = way(model).curve.iter().enumerate();
                Series {
                    name: model.model.clone(),
                    look: Look::Model(Self::place(run, &model.model)),
                    points: points.map(|(place, recall)| [(place + 1) as f64, *recall]).collect(),
                    marked: false,
                }
            });
            let series: Vec<Series> = series.collect();
            let most = series.iter().map(|series| series.points.len()).max().unwrap_or(1).max(2);
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
