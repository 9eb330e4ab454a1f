use std::path::PathBuf;

use thiserror::Error;

use super::store::StoreError;
use crate::network::checkpoint::CheckpointError;
use crate::network::{NetworkError, WeightError};

/// Why a localizer could not be opened or could not answer.
#[derive(Debug, Error)]
pub enum LocalizerError {
    #[error("'{text}' has words that this model was not trained with")]
    UnknownWords { text: String },
    #[error("no model is called '{id}'; `sonolens models list` shows those that are")]
    UnknownSystem { id: String },
    #[error("{id} has no variant '{variant}'{}", if .known.is_empty() { ", it has no variants".to_owned() } else { format!("; there are: {}", .known.join(", ")) })]
    UnknownVariant { id: &'static str, variant: String, known: Vec<&'static str> },
    #[error("{name}: {reason}")]
    NotAvailable { name: &'static str, reason: &'static str },
    #[error("{id}: {needed}; {given} files given (several are joined by commas: {id}=first,second)")]
    WeightFiles { id: &'static str, needed: &'static str, given: usize },
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("{}: {message}", listed(paths))]
    Weights { paths: Vec<PathBuf>, message: String },
    #[error("{}: {problem}", .place.display())]
    Described { place: PathBuf, problem: String },
    #[error("{message}")]
    Predictions { message: String },
    #[error("{id}: {needed}. Keep them once with `sonolens models add FILE…`, or give them as {id}=FILE")]
    NotStored { id: &'static str, needed: &'static str },
    #[error(transparent)]
    Store(#[from] Box<StoreError>),
    #[error("{message}")]
    WrongWeights { message: String },
    #[error("{id} is asked with {accepted}, not with {given}")]
    QueryKind { id: &'static str, accepted: &'static str, given: &'static str },
    #[error("the sound has no samples at {start_secs:.3} s")]
    NothingToHear { start_secs: f64 },
    #[error("the text is too long: {tokens} tokens, at most {limit} fit")]
    TextTooLong { tokens: usize, limit: usize },
    #[error("the sound vector has {given} values; {id} takes {expected}")]
    SoundVectorLength { id: &'static str, expected: usize, given: usize },
    #[error("the picture is {width}×{height} with {bytes} bytes; nothing can be seen in it")]
    Picture { width: u32, height: u32, bytes: usize },
    #[error("features of {made_by} were given to another model ('{missing}' is not in them)")]
    ForeignParts { made_by: &'static str, missing: &'static str },
    #[error("the network failed: {message}")]
    Network { message: String },
}

impl From<NetworkError> for LocalizerError {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Weights(error) => error.into(),
            other => Self::Network { message: other.to_string() },
        }
    }
}

impl From<WeightError> for LocalizerError {
    fn from(error: WeightError) -> Self {
        Self::WrongWeights { message: error.to_string() }
    }
}

impl From<candle_core::Error> for LocalizerError {
    fn from(error: candle_core::Error) -> Self {
        Self::Network { message: error.to_string() }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
