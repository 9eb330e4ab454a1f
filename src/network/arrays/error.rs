use std::io;

use thiserror::Error;

/// What is wrong with an array file, and where.
#[derive(Debug, Error)]
#[error("{place}: {problem}")]
pub struct ArrayError {
    /// The file, and for an archive the array in it.
    pub place: String,
    #[source]
    pub problem: ArrayProblem,
}

#[derive(Debug, Error)]
pub enum ArrayProblem {
    #[error("cannot be read or written: {0}")]
    Io(#[from] io::Error),
    #[error("is not a readable zip archive: {0}")]
    Zip(#[from] zip::result::ZipError),
    #[error("does not begin as a .npy array does")]
    NotNpy,
    #[error("has .npy format version {0}.{1}; versions 1 to 3 are known")]
    Version(u8, u8),
    #[error("has a damaged .npy header: {0}")]
    Header(String),
    #[error("holds elements of type '{0}', which are not read; save numbers, booleans or strings")]
    Element(String),
    #[error("holds Python objects, which would have to be executed to be read; save it with a numeric dtype")]
    Objects,
    #[error("ends early or lies about its size: {claimed} bytes are claimed, {held} can be there")]
    Truncated { claimed: u64, held: u64 },
    #[error("has no array named '{wanted}'; there are: {}", list(.present))]
    NoSuchArray { wanted: String, present: Vec<String> },
    #[error("cannot be written: {0}")]
    Unwritable(&'static str),
}

impl ArrayProblem {
    pub(super) fn at(self, place: impl Into<String>) -> ArrayError {
        ArrayError { place: place.into(), problem: self }
    }
}

/// The first names of a list, so that an archive of thousands does not flood the message.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    if text.is_empty() { "none".to_owned() } else { text }
}
