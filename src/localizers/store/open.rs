use std::path::PathBuf;

use super::described::DESCRIBED;
use super::needs::needs;
use super::{Shelf, StoreError};
use crate::localizers::registry::{self, Status};
use crate::localizers::{Localizer, LocalizerError, Result};

/// The id and the weight files of `ID[:VARIANT]` or `ID[:VARIANT]=WEIGHTS[,WEIGHTS…]`.
pub fn spec_parts(spec: &str) -> (&str, Vec<PathBuf>) {
    let (name, files) = spec.split_once('=').unwrap_or((spec, ""));
    let files = files.split(',').map(str::trim).filter(|file| !file.is_empty());
    let id = name.split_once(':').map_or(name, |(id, _)| id);
    (id.trim(), files.map(PathBuf::from).collect())
}

/// The variant that a model is named with, if any.
pub fn spec_variant(spec: &str) -> Option<&str> {
    let name = spec.split_once('=').map_or(spec, |(name, _)| name);
    name.split_once(':').map(|(_, variant)| variant.trim())
}

/// The same model in another variant, or in its usual form.
pub fn spec_with_variant(spec: &str, variant: Option<&str>) -> String {
    let (name, files) = spec.split_once('=').map_or((spec, None), |(name, files)| (name, Some(files)));
    let id = name.split_once(':').map_or(name, |(id, _)| id);
    let variant = variant.map(|variant| format!(":{variant}")).unwrap_or_default();
    let files = files.map(|files| format!("={files}")).unwrap_or_default();
    format!("{id}{variant}{files}")
}

/// Opens a model as it is named on a command line: `ID=WEIGHTS[,WEIGHTS…]` with these files; `ID` alone as it is where
/// it needs no files, else as the model of that name on the shelf; `ID:VARIANT` in a variant of the system.
///
/// # Errors
/// As [`registry::open_variant`]; a name that is neither a system that runs by itself nor on the shelf (which files
/// the system needs is said), and what is wrong with the stored model.
pub fn open_spec(spec: &str, shelf: &Shelf) -> Result<Box<dyn Localizer>> {
    let (id, weights) = resolve_spec(spec, shelf)?;
    registry::open_variant(&id, spec_variant(spec), &weights)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_id_variant_and_files() {
        let spec = "slavc-ogl:momentum=/a b/latest.pth, resnet18.pth";
        assert_eq!(spec_parts(spec), ("slavc-ogl", vec!["/a b/latest.pth".into(), "resnet18.pth".into()]));
        assert_eq!((spec_variant(spec), spec_variant("lvs=C:\\x.pth")), (Some("momentum"), None));
        assert_eq!(spec_with_variant(spec, None), "slavc-ogl=/a b/latest.pth, resnet18.pth");
        assert_eq!(spec_with_variant("rcgrad", Some("running-statistics")), "rcgrad:running-statistics");
    }
}
