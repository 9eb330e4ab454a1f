use std::path::PathBuf;

use super::described::DESCRIBED;
use super::needs::needs;
use super::{Shelf, StoreError};
use crate::localizers::registry::{self, Status};
use crate::localizers::{Localizer, LocalizerError, Result};

/// The id and the weight files of `ID` or `ID=WEIGHTS[,WEIGHTS…]`.
pub fn spec_parts(spec: &str) -> (&str, Vec<PathBuf>) {
    let (id, files) = spec.split_once('=').unwrap_or((spec, ""));
    let files = files.split(',').map(str::trim).filter(|file| !file.is_empty());
    (id.trim(), files.map(PathBuf::from).collect())
}

/// Opens a model as it is named on a command line: `ID=WEIGHTS[,WEIGHTS…]` with these files; `ID` alone as it is where
/// it needs no files, else as the model of that name on the shelf.
///
/// # Errors
/// As [`registry::open`]; a name that is neither a system that runs by itself nor on the shelf (which files the system
/// needs is said), and what is wrong with the stored model.
pub fn open_spec(spec: &str, shelf: &Shelf) -> Result<Box<dyn Localizer>> {
    let (id, weights) = resolve_spec(spec, shelf)?;
    registry::open(&id, &weights)
}

/// The system and the weight files that [`open_spec`] opens for a name.
///
/// # Errors
/// A name that is neither a system that runs by itself nor on the shelf, and what is wrong with the stored model.
pub fn resolve_spec(spec: &str, shelf: &Shelf) -> Result<(String, Vec<PathBuf>)> {
    let (id, weights) = spec_parts(spec);
    let system = registry::find(id);
    if !weights.is_empty() || system.is_some_and(|system| system.status == Status::Runs) {
        return Ok((id.to_owned(), weights));
    }
    match (shelf.find(id), system) {
        (Ok(model), _) => Ok((model.card.system.clone(), model.weights())),
        (Err(StoreError::NoSuchModel { .. }), Some(system)) => match system.status {
            Status::NeedsFiles(needed) if needs(id).is_ok() || id == DESCRIBED => {
                Err(LocalizerError::NotStored { id: system.id, needed })
            }
            _ => Ok((id.to_owned(), Vec::new())),
        },
        (Err(StoreError::NoSuchModel { .. }), None) => Err(LocalizerError::UnknownSystem { id: id.to_owned() }),
        (Err(damaged), _) => Err(Box::new(damaged).into()),
    }
}
