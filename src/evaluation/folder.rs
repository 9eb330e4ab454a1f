use std::path::{Path, PathBuf};

use super::error::EvaluationError;
use super::row::ScoreRow;
use super::summary::RunSummary;
use super::table::read_rows;

/// The table of a run as Parquet.
pub const SCORES_PARQUET: &str = "scores.parquet";
/// The same table as CSV.
pub const SCORES_CSV: &str = "scores.csv";
/// The description of a run and its figures.
pub const SUMMARY_JSON: &str = "summary.json";

/// The folder of a run that has come to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    pub folder: PathBuf,
    pub summary: RunSummary,
}

impl FinishedRun {
    /// Most bytes that a summary may have.
    const LARGEST_SUMMARY_BYTES: u64 = 1 << 30;

    /// Opens a run by its folder.
    ///
    /// # Errors
    /// There is no summary, or it cannot be understood.
    pub fn open(folder: &Path) -> Result<Self, EvaluationError> {
        let path = folder.join(SUMMARY_JSON);
        let io = |error| EvaluationError::io(&path, error);
        let size = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let problem = format!("there is no finished run in it ({SUMMARY_JSON} is missing)");
                return Err(EvaluationError::damaged(folder, problem));
            }
            facts => facts.map_err(io)?.len(),
        };
        if size > Self::LARGEST_SUMMARY_BYTES {
            return Err(EvaluationError::damaged(&path, format_args!("{size} bytes are no summary of a run")));
        }
        let text = std::fs::read_to_string(&path).map_err(io)?;
        let summary = serde_json::from_str(&text).map_err(|error| EvaluationError::damaged(&path, error))?;
        Ok(Self { folder: folder.to_owned(), summary })
    }

    /// Gives every row to `visit`, in the table's order: by clip, then as the description lists models and protocols.
    ///
    /// # Errors
    /// The table cannot be read, or what `visit` fails with.
    pub fn visit_rows(
        &self,
        visit: impl FnMut(ScoreRow) -> Result<(), EvaluationError>,
    ) -> Result<(), EvaluationError> {
        read_rows(&self.folder.join(SCORES_PARQUET), visit)
    }

    /// All rows at once; about half a kilobyte each.
    ///
    /// # Errors
    /// As [`FinishedRun::visit_rows`].
    pub fn rows(&self) -> Result<Vec<ScoreRow>, EvaluationError> {
        let mut rows = Vec::new();
        self.visit_rows(|row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }
}
