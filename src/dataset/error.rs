//! What can go wrong between a file and a dataset.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where in a file something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// 1-based line of a text file.
    Line(u64),
    /// 1-based line and column.
    LineColumn(u64, u64),
    /// A byte offset, in formats without lines.
    Byte(u64),
    /// A named field, as a path from the root (`[12].bbox[0]`, `track[3]/box[7]/@xtl`).
    Field(String),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(formatter, "line {line}"),
            Self::LineColumn(line, column) => write!(formatter, "line {line}, column {column}"),
            Self::Byte(offset) => write!(formatter, "byte {offset}"),
            Self::Field(field) => write!(formatter, "{field}"),
        }
    }
}

/// What is wrong, apart from where.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// The content contradicts its format.
    #[error("{0}")]
    Malformed(String),
    /// Well formed, but nothing that this room knows.
    #[error("{0}")]
    Unrecognized(String),
    /// Larger than what is read at all.
    #[error("{what} is {found}, more than the {limit} that are read")]
    TooLarge { what: &'static str, found: u64, limit: u64 },
    /// The target format has no way to say what the source says.
    #[error("{0}")]
    CannotExpress(String),
    /// The project database.
    #[error("project database: {0}")]
    Store(#[from] rusqlite::Error),
}

/// A failure to read or write annotations, lists, folders or the project store: which file, where in it, and what.
#[derive(Debug)]
pub struct DatasetError {
    pub path: PathBuf,
    pub place: Option<Place>,
    pub problem: Problem,
}

impl DatasetError {
    pub fn new(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), place: None, problem }
    }

    pub fn io(path: &Path, error: std::io::Error) -> Self {
        Self::new(path, Problem::Io(error))
    }

    pub fn malformed(path: &Path, place: impl Into<Option<Place>>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), place: place.into(), problem: Problem::Malformed(message.into()) }
    }

    pub fn unrecognized(path: &Path, message: impl Into<String>) -> Self {
        Self::new(path, Problem::Unrecognized(message.into()))
    }
}

impl fmt::Display for DatasetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if let Some(place) = &self.place {
            write!(formatter, ", {place}")?;
        }
        write!(formatter, ": {}", self.problem)
    }
}

impl std::error::Error for DatasetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => Some(error),
            Problem::Store(error) => Some(error),
            _ => None,
        }
    }
}
