use std::path::Path;

use super::add::{new_folder, sha256_of};
use super::card::{ModelCard, WeightFile};
use super::{Shelf, StoreError, StoredModel};
use crate::localizers::{Localizer, LocalizerError, onnx, registry};

/// The system whose models are described rather than recognized.
pub const DESCRIBED: &str = "onnx";

/// Checks a described model by opening it, and stores description and networks on the shelf under `name`, else under
/// the description's file name; with no shelf nothing is stored.
///
/// # Errors
/// As opening the model, and as storing any.
pub fn add_described(
    description: &Path,
    shelf: Option<&Shelf>,
    name: Option<&str>,
) -> Result<(Box<dyn Localizer>, Option<StoredModel>), LocalizerError> {
    let localizer = registry::open(DESCRIBED, &[description.to_owned()])?;
    let stored = shelf.map(|shelf| store(description, localizer.name(), shelf, name)).transpose()?;
    Ok((localizer, stored))
}

fn store(description: &Path, own_name: &str, shelf: &Shelf, name: Option<&str>) -> Result<StoredModel, LocalizerError> {
    let stem = description.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let networks = onnx::files_of(description)?;
    let mut files = Vec::new();
    let in_store = |error: StoreError| LocalizerError::from(Box::new(error));
    let folder = new_folder(shelf, name.unwrap_or(&stem)).map_err(in_store)?;
    for path in [description.to_owned()].iter().chain(&networks) {
        let io = |error| in_store(StoreError::Io { path: path.clone(), error });
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if file == ModelCard::FILE_NAME {
            let problem = format!("a description cannot be called {file}, as the card of a stored model is");
            return Err(LocalizerError::Described { place: path.clone(), problem });
        }
        std::fs::copy(path, folder.unfinished().join(&file)).map_err(io)?;
        let (tensors, parameters) = if path == description { (0, 0) } else { onnx::count_weights(path)? };
        let sha256 = sha256_of(path).map_err(io)?;
        files.push(WeightFile {
            converted_from: file.clone(),
            converted_from_sha256: sha256.clone(),
            sha256,
            file,
            layout: DESCRIBED.to_owned(),
            tensors,
            parameters,
            widths: Vec::new(),
            notes: Default::default(),
        });
    }
    let card = ModelCard {
        system: DESCRIBED.to_owned(),
        name: own_name.to_owned(),
        source: String::new(),
        license: String::new(),
        citation: String::new(),
        preprocessing: Default::default(),
        files,
    };
    folder.finish(card).map_err(in_store)
}
