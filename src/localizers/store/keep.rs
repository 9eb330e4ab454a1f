use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Tensor};

use super::StoreError;
use super::add::sha256_of;
use super::card::{ModelCard, WeightFile};
use super::layout;
use super::recognize::shapes_of;
use crate::localizers::registry;
use crate::network::StateDict;

/// Weights that were made here, to be kept as a model.
pub struct Made<'a> {
    pub system: &'static str,
    /// Layout and weights of each file, in the order in which the system is opened with them.
    pub files: Vec<(&'static str, StateDict)>,
    /// How they came to be, in a line.
    pub source: String,
    /// What the system's published preprocessing is not, by name.
    pub preprocessing: BTreeMap<String, String>,
    pub notes: BTreeMap<String, String>,
    /// The text of the card for people.
    pub readme: &'a str,
}

/// Writes a model's folder: weights, `model.toml`, `README.md`. What was there before is replaced once the new files
/// are whole, each by itself, the card last. Matrices and filters are stored at half precision.
///
/// # Errors
/// Weights that do not fit their layout, and files that cannot be written.
pub fn keep(made: &Made, folder: &Path) -> Result<ModelCard, StoreError> {
    let io = |error| StoreError::Io { path: folder.to_owned(), error };
    std::fs::create_dir_all(folder).map_err(io)?;
    let mut files = Vec::new();
    for (index, (layout_id, state)) in made.files.iter().enumerate() {
        let file = if index == 0 { "weights.safetensors".to_owned() } else { format!("{layout_id}.safetensors") };
        let path = folder.join(&file);
        let damaged = |problem: String| StoreError::Damaged { path: path.clone(), problem };
        let found = shapes_of(state);
        let Some(layout) = layout::find(layout_id) else {
            return Err(damaged(format!("'{layout_id}' is no layout of weights")));
        };
        let comparison = layout.compare(&found);
        comparison.check().map_err(|error| StoreError::Unfit { path: path.clone(), layout: layout.name, error })?;
        let mut kept: HashMap<String, Tensor> = HashMap::new();
        for (key, tensor) in state.iter() {
            let stored = if tensor.rank() >= 2 { tensor.to_dtype(DType::F16) } else { Ok(tensor.clone()) };
            kept.insert(key.to_owned(), stored.map_err(|error| damaged(error.to_string()))?);
        }
        let unfinished = folder.join(format!(".{file}.unfinished"));
        candle_core::safetensors::save(&kept, &unfinished).map_err(|error| damaged(error.to_string()))?;
        let sha256 = sha256_of(&unfinished).map_err(io)?;
        readable_by_all(&unfinished).map_err(io)?;
        std::fs::rename(&unfinished, &path).map_err(io)?;
        let widths = (1..=4).filter_map(|stage| {
            let first = format!("layer{stage}.0.conv1.weight");
            found.iter().find(|(key, _)| key.ends_with(&first)).and_then(|(_, shape)| shape.first().copied())
        });
        files.push(WeightFile {
            file,
            layout: (*layout_id).to_owned(),
            sha256,
            tensors: kept.len(),
            parameters: kept.values().map(Tensor::elem_count).sum(),
            widths: widths.collect(),
            converted_from: String::new(),
            converted_from_sha256: String::new(),
            notes: made.notes.clone(),
        });
    }
    let system = registry::find(made.system);
    let card = ModelCard {
        system: made.system.to_owned(),
        name: format!("{}, trained here", system.map_or(made.system, |system| system.name)),
        source: made.source.clone(),
        license: env!("CARGO_PKG_LICENSE").to_owned(),
        citation: system.map_or("", |system| system.citation).to_owned(),
        preprocessing: made.preprocessing.clone(),
        files,
    };
    let text = toml::to_string_pretty(&card)
        .map_err(|error| StoreError::Damaged { path: folder.to_owned(), problem: error.to_string() })?;
    for (name, text) in [("README.md", made.readme), (ModelCard::FILE_NAME, text.as_str())] {
        let unfinished = folder.join(format!(".{name}.unfinished"));
        std::fs::write(&unfinished, text).map_err(io)?;
        std::fs::rename(&unfinished, folder.join(name)).map_err(io)?;
    }
    Ok(card)
}

/// Lets everybody read what was written for its owner alone.
fn readable_by_all(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
