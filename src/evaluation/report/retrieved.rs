//! What `retrieve` answered, where it lies in a run's folder, for the page.

use super::chart::{Axis, Chart, Look, Series};
use super::table::{Cell, Column, Row, RowKind, Table, Unit};
use super::words::count;
use crate::evaluation::{NDCG_PLACES, Recalls, Retrieval, RetrievalRun, RunSummary};

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
        for way in ["A→I", "I→A"] {
            let meaning = "How early in the list the clips of the same or a near class come, 1 at best";
            columns.push(Column::new(format!("{way} nDCG@{NDCG_PLACES}"), meaning, Unit::Number));
        }
        let by_rule = "Pairs, the clip's own and a drawn one, that the system's own rule decides rightly";
        columns.push(Column::new("AVC", by_rule, Unit::Percent));
        let chosen = "How often a clip's own sound agrees with its picture more than a drawn clip's does";
        columns.push(Column::new("own above other", chosen, Unit::Percent));
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
            let ndcg = model.ndcg.as_ref();
            let graded = [ndcg.map(|found| found.audio_to_image), ndcg.map(|found| found.image_to_audio)];
            let told = model.correspondence.as_ref();
            let ruled = told.and_then(|found| found.accuracy.as_ref());
            let told = [ruled.map(|ruled| ruled.accuracy), told.map(|found| found.own_above_other)];
            cells.extend(graded.into_iter().chain(told).map(|figure| figure.map_or(Cell::NONE, Cell::from)));
            if let Some(ruled) = ruled {
                notes.push(format!("AVC of {}: {}", model.model, ruled.rule));
            }
            cells.push(Cell::plain(model.clips as f64));
            rows.push(Row { name: model.model.clone(), kind: RowKind::Model(Self::place(run, &model.model)), cells });
        }
        if let Some(clips) = self.0.results.iter().map(|model| model.clips).max() {
            let chance = |k: usize| Cell::plain((k as f64 / clips as f64).min(1.0));
            let mut cells: Vec<Cell> = [1, 5, 10, 1, 5, 10].map(chance).to_vec();
            let ndcg = self.0.results.iter().find_map(|model| model.ndcg.as_ref());
            cells.extend([ndcg, ndcg].map(|found| found.map_or(Cell::NONE, |found| Cell::plain(found.chance))));
            let two = self.0.results.iter().any(|model| model.correspondence.is_some());
            cells.extend([two, two].map(|two| if two { Cell::plain(0.5) } else { Cell::NONE }));
            cells.push(Cell::NONE);
            rows.push(Row { name: "Chance".into(), kind: RowKind::Reference, cells });
        }
        notes.extend(self.what_was_asked());
        if !self.0.deaf.is_empty() {
            notes.push(format!("Left out, since they hear nothing: {}", self.0.deaf.join(", ")));
        }
        let title = format!("Retrieval by the {} of the heatmap", self.0.similarity.name());
        Table { id: "retrieval".into(), title: title.clone(), caption: title, columns, rows, notes }
    }

    /// What stands behind nDCG and the two columns of pairs; nothing for what older versions kept.
    fn what_was_asked(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(relevance) = &self.0.relevance {
            let asked = self.0.results.iter().filter_map(|model| Some(model.ndcg.as_ref()?.clips)).max();
            notes.push(match asked {
                Some(clips) => {
                    format!("nDCG@{NDCG_PLACES}: {}; over {} clips with a class", relevance.text(), count(clips))
                }
                None => format!("No nDCG@{NDCG_PLACES}: no clip has a class by which another could be relevant"),
            });
        }
        if let Some(found) = self.0.results.iter().find_map(|model| model.correspondence.as_ref()) {
            notes.push(format!(
                "Pairs: each clip with its own sound and with that of another, drawn with seed {}. AVC decides about each \
                 pair alone, by the rule that a system's authors published (– where there is none); \u{201c}own above \
                 other\u{201d} is a choice between the two, which needs no rule and is easier",
                found.seed
            ));
        }
        notes
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

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn cells(table: &Table, column: &str) -> Vec<String> {
        let place = table.columns.iter().position(|other| other.name == column).unwrap();
        table.rows.iter().map(|row| table.columns[place].text(row.cells[place].value)).collect()
    }

    #[test]
    fn graded_figures_and_pairs_stand_beside_what_chance_reaches() {
        let run = sample::run();
        let retrieved = sample::retrieved();
        let table = retrieved.table(&run);
        assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()));
        assert_eq!(cells(&table, "A→I nDCG@30"), ["0.600", "0.400"]);
        assert_eq!(
            (cells(&table, "AVC"), cells(&table, "own above other")),
            (vec!["70.00".to_owned(), "50.00".to_owned()], vec!["80.00".to_owned(), "50.00".to_owned()])
        );
        let told = |notes: &[String], words: &str| notes.iter().any(|note| note.contains(words));
        assert!(told(&table.notes, "gain 1 for the same class") && told(&table.notes, "drawn with seed 1"));

        // No rule and no classes: no figure, and why.
        let mut without = retrieved.clone();
        without.0.results[0].ndcg = None;
        without.0.results[0].correspondence.as_mut().unwrap().accuracy = None;
        let table = without.table(&run);
        assert_eq!((cells(&table, "AVC")[0].as_str(), cells(&table, "I→A nDCG@30")[1].as_str()), ("–", "–"));
        assert!(told(&table.notes, "No nDCG@30: no clip has a class"));
    }

    #[test]
    fn what_older_versions_kept_still_reads() {
        let run = sample::run();
        let mut kept = serde_json::to_value(&sample::retrieved().0).unwrap();
        kept.as_object_mut().unwrap().remove("relevance").unwrap();
        let result = kept["results"][0].as_object_mut().unwrap();
        result.remove("correspondence").unwrap();
        result.remove("ndcg").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(crate::evaluation::RETRIEVAL_JSON), kept.to_string()).unwrap();
        let old = RetrievalRun::of_folder(folder.path()).unwrap().unwrap();
        // Read, but not taken for what is asked for today.
        assert!(!old.is_of(&run.run, old.similarity, &crate::evaluation::Relevance::Class));
        let table = Retrieved(old).table(&run);
        assert_eq!((cells(&table, "AVC"), cells(&table, "A→I R@1")[0].as_str()), (vec!["–".to_owned(); 2], "10.00"));
        assert!(!table.notes.iter().any(|note| note.contains("nDCG") || note.contains("Pairs")));
    }
}
