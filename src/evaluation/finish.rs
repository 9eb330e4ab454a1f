//! The end of a run: the sorted table, the predictions, the figures.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::description::RunDescription;
use super::error::EvaluationError;
use super::figures::{Score, summarize};
use super::folder::{FinishedRun, SCORES_PARQUET, SUMMARY_JSON};
use super::journal::{ClipLine, Journal};
use super::row::ScoreRow;
use super::scorer::MEAN_SIDE;
use super::summary::{MeanMap, RowFailure, RunSummary};
use super::table::{TableWriter, read_rows};

/// Rows of which the figures are made at a time; about 200 bytes each.
const ROWS_AT_ONCE: usize = 1_000_000;
/// Failures that a summary names.
const FAILURES_NAMED: usize = 100;

/// What is counted while the table is written.
#[derive(Default)]
pub struct Tally {
    pub failed_clips: usize,
    failures: Vec<RowFailure>,
    named: HashSet<(String, String)>,
}

impl Tally {
    /// Counts the rows of one clip.
    pub fn clip(&mut self, rows: &[ScoreRow]) {
        let mut failed = false;
        for row in rows {
            let Some(reason) = &row.error else { continue };
            failed = true;
            let key = (row.clip.clone(), row.model.clone());
            if self.failures.len() < FAILURES_NAMED && self.named.insert(key) {
                self.failures.push(RowFailure {
                    clip: row.clip.clone(),
                    model: row.model.clone(),
                    reason: reason.clone(),
                });
            }
        }
        self.failed_clips += usize::from(failed);
    }
}

/// The sums of mean maps.
pub struct MeanMaps {
    sums: Vec<(u64, Vec<u64>)>,
}

impl MeanMaps {
    pub fn new(models: usize) -> Self {
        Self { sums: vec![(0, vec![0; MEAN_SIDE * MEAN_SIDE]); models] }
    }

    pub fn add(&mut self, line: &ClipLine) {
        for (model, digits) in &line.coarse {
            let Some((maps, sums)) = self.sums.get_mut(*model) else { continue };
            *maps += 1;
            for (cell, sum) in sums.iter_mut().enumerate() {
                let value = digits.get(cell * 2..cell * 2 + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                *sum += u64::from(value.unwrap_or(0));
            }
        }
    }

    pub fn into_maps(self, run: &RunDescription) -> Vec<MeanMap> {
        let labels = run.models.iter().map(|model| model.label.clone());
        labels
            .zip(self.sums)
            .filter(|(_, (maps, _))| *maps > 0)
            .map(|(model, (maps, sums))| MeanMap { model, side: MEAN_SIDE, maps, sums })
            .collect()
    }
}

/// Writes table and summary of everything that the journal holds.
///
/// # Errors
/// The disk refuses, or the journal cannot be read again.
pub fn finish(folder: &Path, run: &RunDescription, journal: &Journal) -> Result<FinishedRun, EvaluationError> {
    let mut table = TableWriter::create(folder)?;
    let mut tally = Tally::default();
    let mut maps = MeanMaps::new(run.models.len());
    journal.visit_in_order(|line| {
        tally.clip(&line.rows);
        maps.add(&line);
        line.rows.into_iter().try_for_each(|row| table.push(row))
    })?;
    let rows = table.finish()?;
    write_summary(folder, run, rows, tally, maps.into_maps(run))
}

/// Makes the figures of the table in `folder` and writes the summary.
///
/// # Errors
/// The disk refuses.
pub fn write_summary(
    folder: &Path,
    run: &RunDescription,
    rows: usize,
    tally: Tally,
    mean_maps: Vec<MeanMap>,
) -> Result<FinishedRun, EvaluationError> {
    let summary = RunSummary {
        run: run.clone(),
        rows,
        failed_clips: tally.failed_clips,
        failures: tally.failures,
        results: results(&folder.join(SCORES_PARQUET), run, rows)?,
        mean_maps,
    };
    let path = folder.join(SUMMARY_JSON);
    let unfinished = folder.join(format!("{SUMMARY_JSON}.part"));
    let text = serde_json::to_string_pretty(&summary).map_err(|error| EvaluationError::damaged(&path, error))?;
    std::fs::write(&unfinished, text + "\n").map_err(|error| EvaluationError::io(&unfinished, error))?;
    std::fs::rename(&unfinished, &path).map_err(|error| EvaluationError::io(&path, error))?;
    Ok(FinishedRun { folder: folder.to_owned(), summary })
}

/// The figures of every model under every protocol. So many models at a time that memory is bounded; the table is
/// read once for each such group.
fn results(table: &Path, run: &RunDescription, rows: usize) -> Result<Vec<super::Summary>, EvaluationError> {
    let at_once = (run.models.len() * ROWS_AT_ONCE / rows.max(1)).clamp(1, run.models.len().max(1));
    let mut results = Vec::new();
    for models in run.models.chunks(at_once) {
        let mut scores: HashMap<(String, String), Vec<Score>> = HashMap::new();
        read_rows(table, |row| {
            if models.iter().any(|model| model.label == row.model) {
                let key = (row.model.clone(), row.protocol.clone());
                scores.entry(key).or_default().push(row.into());
            }
            Ok(())
        })?;
        let scores: HashMap<_, _> = scores.into_iter().map(|(key, scores)| (key, Arc::new(scores))).collect();
        let mut work = Vec::new();
        for model in models {
            for protocol in &run.protocols {
                let own = vec![protocol.protocol.clone()];
                let texts = if protocol.tried.is_empty() { &own } else { &protocol.tried };
                let of = |text: &String| {
                    scores.get(&(model.label.clone(), text.clone())).map(|scores| (text.clone(), Arc::clone(scores)))
                };
                work.push((model, protocol, texts.iter().filter_map(of).collect::<Vec<_>>()));
            }
        }
        drop(scores);
        // Each on a core of its own: a bootstrap is all arithmetic.
        use rayon::iter::{IntoParallelIterator, ParallelIterator};
        let group: Vec<_> =
            work.into_par_iter().map(|(model, protocol, scores)| summarize(&model.label, protocol, scores)).collect();
        results.extend(group);
    }
    Ok(results)
}
