use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::network::WeightError;
use crate::network::checkpoint::CheckpointError;

/// Why weights cannot be recognized, stored or found.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("{}: not the weights of {layout}: {error}", .path.display())]
    Unfit { path: PathBuf, layout: &'static str, error: WeightError },
    #[error("{}: no system of the field has such weights; its first keys are {}", .path.display(), .keys.join(", "))]
    Unrecognized { path: PathBuf, keys: Vec<String> },
    #[error("{} weights can belong to {}; say which with --as ID", .layout, .systems.join(", "))]
    Ambiguous { layout: String, systems: Vec<&'static str> },
    #[error("{id} is made of {}; given: {}", .needed.join(" and "), .given.join(" and "))]
    Incomplete { id: String, needed: Vec<&'static str>, given: Vec<&'static str> },
    #[error("'{id}' is no system with weights; those are {}", .known.join(", "))]
    UnknownSystem { id: String, known: Vec<&'static str> },
    #[error(
        "{}: an array file; of weights only DSOL's dictionary of categories is one, and is added together with its \
         checkpoint. Heatmaps of another program are not added but opened: precomputed={}",
        .path.display(), .path.display()
    )]
    ArrayAlone { path: PathBuf },
    #[error("no weight file was given")]
    NoFiles,
    #[error("'{name}' cannot name a model: use letters, digits, '-', '_' and '.'")]
    Name { name: String },
    #[error("{} is there already; remove it or give another --name", .path.display())]
    Taken { path: PathBuf },
    #[error("no model '{id}' is stored; there are: {}", if .present.is_empty() { "none".to_owned() } else { .present.join(", ") })]
    NoSuchModel { id: String, present: Vec<String> },
    #[error("{}: {error}", .path.display())]
    Card { path: PathBuf, error: toml::de::Error },
    #[error("{}: {problem}", .path.display())]
    Damaged { path: PathBuf, problem: String },
    #[error("{}: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("no folder for the user's data is known here; name one with SONOLENS_MODELS")]
    NoDataFolder,
}
