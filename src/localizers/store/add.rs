use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use sha2::{Digest, Sha256};

use crate::localizers::{LocalizerError, dsol, registry};
use crate::network::arrays::ArrayError;
use crate::network::checkpoint;
use crate::network::{StateDict, open_plain};

use super::StoreError;
use super::card::{ModelCard, WeightFile};
use super::layout::{Comparison, Layout, Shapes};
use super::needs::{made_of, needs, origin};
use super::recognize::{recognize, shapes_of};
use super::shelf::{Shelf, StoredModel};

/// Checkpoints that were found to be a whole model, before anything is stored.
pub struct Addition {
    pub system: &'static str,
    /// In the order in which the system is opened with them.
    pub files: Vec<Checked>,
}

/// One checkpoint, read and checked.
pub struct Checked {
    pub source: Source,
    pub layout: &'static Layout,
    pub comparison: Comparison,
    state: StateDict,
}

/// What a checkpoint was before it was converted.
#[derive(Clone, Debug)]
pub struct Source {
    pub path: PathBuf,
    /// What kind of file it is, on screen.
    pub container: &'static str,
    /// Keys that led to the weights, and prefixes that were stripped.
    pub level: Vec<String>,
    pub stripped: Vec<String>,
    pub notes: Vec<(String, String)>,
}

impl Checked {
    /// Shapes of all that the file holds.
    pub fn shapes(&self) -> Shapes {
        shapes_of(&self.state)
    }
}

/// Reads checkpoints, recognizes whose weights they are and checks every key and shape; `system` decides where
/// several systems share one network.
///
/// # Errors
/// Files that are no checkpoints, that no system has, that lack something (all of it named), that are not all of a
/// system's files, and files that several systems could have while `system` is `None`.
pub fn examine(paths: &[PathBuf], system: Option<&str>) -> Result<Addition, StoreError> {
    if paths.is_empty() {
        return Err(StoreError::NoFiles);
    }
    if let Some(array) = paths.iter().find(|path| dsol::is_dictionary(path) && paths.len() == 1) {
        return Err(StoreError::ArrayAlone { path: array.clone() });
    }
    let wanted: Option<Vec<&'static Layout>> =
        system.map(|id| Ok::<_, StoreError>(needs(id)?.all().collect())).transpose()?;
    let mut files = Vec::new();
    for path in paths {
        files.push(check_file(path, wanted.as_deref())?);
    }
    let given: Vec<&'static Layout> = files.iter().map(|file| file.layout).collect();
    let names = || given.iter().map(|layout| layout.name).collect::<Vec<_>>();
    let candidates = made_of(&given);
    let chosen = match (system, candidates.as_slice()) {
        (Some(id), candidates) => match candidates.iter().find(|needs| needs.system == id) {
            Some(needs) => *needs,
            None => {
                let needed = needs(id)?.required().map(|layout| layout.name).collect();
                return Err(StoreError::Incomplete { id: id.to_owned(), needed, given: names() });
            }
        },
        (None, [only]) => *only,
        (None, []) => {
            let id = given.first().and_then(|layout| layout.systems.first()).copied().unwrap_or("no system");
            let needed = needs(id).map(|needs| needs.required().map(|layout| layout.name).collect());
            return Err(StoreError::Incomplete {
                id: id.to_owned(),
                needed: needed.unwrap_or_default(),
                given: names(),
            });
        }
        (None, several) => {
            let systems = several.iter().map(|needs| needs.system).collect();
            return Err(StoreError::Ambiguous { layout: names().join(" and "), systems });
        }
    };
    let place = |file: &Checked| chosen.all().position(|layout| layout.id == file.layout.id);
    files.sort_by_key(place);
    if given.len() > chosen.all().count() {
        let needed = chosen.required().map(|layout| layout.name).collect();
        return Err(StoreError::Incomplete { id: chosen.system.to_owned(), needed, given: names() });
    }
    let addition = Addition { system: chosen.system, files };
    opens(&addition)?;
    Ok(addition)
}

/// Builds the system once: what is stored shall run.
fn opens(addition: &Addition) -> Result<(), StoreError> {
    let mut together = StateDict::new();
    for (key, tensor) in addition.files.iter().flat_map(|file| file.state.iter()) {
        together.insert(key, tensor.clone());
    }
    let path = addition.files.first().map(|file| file.source.path.clone()).unwrap_or_default();
    let problem = |error: LocalizerError| StoreError::Damaged { path, problem: error.to_string() };
    registry::build(addition.system, &together).map(|_| ()).map_err(problem)
}

/// Reads one file as the layout among `wanted` that it comes closest to, or as any.
fn check_file(path: &Path, wanted: Option<&[&'static Layout]>) -> Result<Checked, StoreError> {
    let (state, source) = read_file(path)?;
    let found = shapes_of(&state);
    let (layout, comparison) = match wanted {
        None => {
            let recognition = recognize(path, &found)?;
            (recognition.layout, recognition.comparison)
        }
        Some(wanted) => {
            let compared = wanted.iter().map(|&layout| (layout, layout.compare(&found)));
            let share = |(_, comparison): &(_, Comparison)| comparison.matched() * 1000 / comparison.needed.max(1);
            compared.max_by_key(share).ok_or(StoreError::NoFiles)?
        }
    };
    comparison.check().map_err(|error| StoreError::Unfit { path: path.to_owned(), layout: layout.name, error })?;
    Ok(Checked { source, layout, comparison, state })
}

/// Reads a checkpoint, or an array file as the dictionary of DSOL, the only weights that are published as one.
fn read_file(path: &Path) -> Result<(StateDict, Source), StoreError> {
    if dsol::is_dictionary(path) {
        let damaged =
            |error: ArrayError| StoreError::Damaged { path: path.to_owned(), problem: error.problem.to_string() };
        let source = Source {
            path: path.to_owned(),
            container: "numpy array",
            level: Vec::new(),
            stripped: Vec::new(),
            notes: Vec::new(),
        };
        return Ok((dsol::read_dictionary(path).map_err(damaged)?, source));
    }
    let checkpoint = checkpoint::read(path)?;
    let weights = checkpoint.weights()?;
    let source = Source {
        path: path.to_owned(),
        container: checkpoint.container().name(),
        level: weights.level,
        stripped: weights.stripped,
        notes: checkpoint.notes(),
    };
    Ok((checkpoint.state_dict()?, source))
}

/// Stores a model on the shelf under `name` (else under its system's id). Only what its networks use is kept. The
/// folder appears whole or not at all.
pub fn add(addition: &Addition, shelf: &Shelf, name: Option<&str>) -> Result<StoredModel, StoreError> {
    let folder = new_folder(shelf, name.unwrap_or(addition.system))?;
    let mut files = Vec::new();
    for (index, checked) in addition.files.iter().enumerate() {
        let file =
            if index == 0 { "weights.safetensors".to_owned() } else { format!("{}.safetensors", checked.layout.id) };
        files.push(store_file(checked, folder.unfinished(), file)?);
    }
    let system = registry::find(addition.system);
    let origin = origin(addition.system);
    folder.finish(ModelCard {
        system: addition.system.to_owned(),
        name: system.map_or(addition.system, |system| system.name).to_owned(),
        source: origin.map_or("", |origin| origin.source).to_owned(),
        license: origin.map_or("", |origin| origin.license).to_owned(),
        citation: system.map_or("", |system| system.citation).to_owned(),
        preprocessing: Default::default(),
        files,
    })
}

/// A folder of a model on its way to the shelf. Dropped before it is finished, it is gone.
pub(super) struct NewFolder {
    id: String,
    folder: PathBuf,
    unfinished: tempfile::TempDir,
}

/// A new folder called `id` on the shelf.
pub(super) fn new_folder(shelf: &Shelf, id: &str) -> Result<NewFolder, StoreError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if id.is_empty() || id.starts_with('.') || id.len() > 100 || !id.chars().all(allowed) {
        return Err(StoreError::Name { name: id.to_owned() });
    }
    let shelf = shelf.writable()?;
    let folder = shelf.join(id);
    if folder.exists() {
        return Err(StoreError::Taken { path: folder });
    }
    let io = |error| StoreError::Io { path: folder.clone(), error };
    std::fs::create_dir_all(shelf).map_err(io)?;
    let unfinished = tempfile::Builder::new().prefix(".adding-").tempdir_in(shelf).map_err(io)?;
    Ok(NewFolder { id: id.to_owned(), folder, unfinished })
}

impl NewFolder {
    /// Where its files go.
    pub(super) fn unfinished(&self) -> &Path {
        self.unfinished.path()
    }

    /// Writes the card and puts the folder in its place.
    pub(super) fn finish(self, card: ModelCard) -> Result<StoredModel, StoreError> {
        let Self { id, folder, unfinished } = self;
        let io = |error| StoreError::Io { path: folder.clone(), error };
        let damaged = |problem: String| StoreError::Damaged { path: folder.clone(), problem };
        let text = toml::to_string_pretty(&card).map_err(|error| damaged(error.to_string()))?;
        std::fs::write(unfinished.path().join(ModelCard::FILE_NAME), text).map_err(io)?;
        let whole = unfinished.keep();
        std::fs::rename(&whole, &folder).map_err(|error| {
            // What cannot be put in its place is not left behind.
            let _ = std::fs::remove_dir_all(&whole);
            io(error)
        })?;
        #[cfg(unix)]
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).map_err(io)?;
        Ok(StoredModel { id, folder, card })
    }
}

fn store_file(checked: &Checked, folder: &Path, file: String) -> Result<WeightFile, StoreError> {
    let path = folder.join(&file);
    let found = checked.shapes();
    let expected = checked.layout.expected(&found);
    let kept = checked.state.iter().filter(|(key, _)| expected.contains_key(*key));
    let kept: HashMap<String, Tensor> = kept.map(|(key, tensor)| (key.to_owned(), tensor.clone())).collect();
    candle_core::safetensors::save(&kept, &path)
        .map_err(|error| StoreError::Damaged { path: path.clone(), problem: error.to_string() })?;
    let hash = |path: &Path| sha256_of(path).map_err(|error| StoreError::Io { path: path.to_owned(), error });
    let widths = (1..=4).filter_map(|stage| {
        let first = format!("layer{stage}.0.conv1.weight");
        expected.iter().find(|(key, _)| key.ends_with(&first)).and_then(|(_, shape)| shape.first().copied())
    });
    let source = &checked.source;
    Ok(WeightFile {
        sha256: hash(&path)?,
        file,
        layout: checked.layout.id.to_owned(),
        tensors: kept.len(),
        parameters: kept.values().map(Tensor::elem_count).sum(),
        widths: widths.collect(),
        converted_from: source.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        converted_from_sha256: hash(&source.path)?,
        notes: source.notes.iter().cloned().collect(),
    })
}

/// SHA-256 of a file's bytes, in hexadecimal.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = open_plain(path)?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part)? {
            0 => break,
            length => hash.update(&part[..length]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
