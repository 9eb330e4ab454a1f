use std::path::{Path, PathBuf};

use crate::dataset::DatasetError;
use crate::localizers::LocalizerError;
use crate::metrics::ProtocolError;
use crate::network::arrays::ArrayError;

/// Why a run could not be started, continued, read or joined. What is wrong with a single clip is a row of the run.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Localizer(#[from] LocalizerError),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Arrays(#[from] ArrayError),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("{}: {problem}", path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("{0}")]
    Wrong(String),
}

impl EvaluationError {
    pub(super) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }

    pub(super) fn damaged(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.to_string() }
    }
}
