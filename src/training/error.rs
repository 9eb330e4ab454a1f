use std::io;
use std::path::PathBuf;

use crate::dataset::DatasetError;
use crate::localizers::LocalizerError;
use crate::media::MediaError;
use crate::network::{NetworkError, WeightError};

/// Why a training run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("'{id}' cannot be trained here; these can: {}", .known.join(", "))]
    UnknownSystem { id: String, known: Vec<&'static str> },
    #[error("{option}: {problem}")]
    Option { option: &'static str, problem: String },
    #[error("{what}: {samples} samples are too few for batches of {batch}; take more samples or smaller batches")]
    TooFewSamples { what: String, samples: usize, batch: usize },
    #[error("{what}: no clip in it has both a picture and a sound{}", .because.as_ref().map_or_else(String::new, |because| format!(" ({because})")))]
    NothingToLearnFrom { what: String, because: Option<String> },
    #[error("sample {index} of {what}: {problem}")]
    Sample { what: String, index: usize, problem: String },
    #[error("{} belongs to another run: {difference}; give another --out or the same options", .path.display())]
    OtherRun { path: PathBuf, difference: String },
    #[error("{} is damaged: {problem}; remove it to start again", .path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("{}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {problem}", .path.display())]
    Teacher { path: PathBuf, problem: String },
    #[error("the loss became {loss} in step {step}; a lower --rate may help")]
    Diverged { loss: f64, step: u64 },
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Localizer(#[from] LocalizerError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Weights(#[from] WeightError),
    #[error("tensors: {0}")]
    Tensor(#[from] candle_core::Error),
    #[error("stopped")]
    Stopped,
    #[error("{0}; this is a mistake in the program")]
    Internal(&'static str),
}
