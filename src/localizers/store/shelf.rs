use std::path::{Path, PathBuf};

use super::StoreError;
use super::add::sha256_of;
use super::card::ModelCard;

/// The folders in which models are kept, in the order in which they are searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    folders: Vec<PathBuf>,
    /// Where new models go.
    writable: Option<PathBuf>,
}

/// A model in its folder.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredModel {
    /// The folder's name, by which it is asked for.
    pub id: String,
    pub folder: PathBuf,
    pub card: ModelCard,
}

impl StoredModel {
    /// The model in a folder, if there is a card in it.
    fn in_folder(folder: &Path) -> Option<Result<Self, StoreError>> {
        let card = folder.join(ModelCard::FILE_NAME);
        let id = folder.file_name().and_then(|name| name.to_str())?.to_owned();
        let read = |card| Ok(Self { id, folder: folder.to_owned(), card });
        card.is_file().then(|| ModelCard::read(&card).and_then(read))
    }

    /// The weight files in the order in which the system is opened with them.
    pub fn weights(&self) -> Vec<PathBuf> {
        self.card.files.iter().map(|weights| self.folder.join(&weights.file)).collect()
    }

    /// Compares the stored files with the hashes that the card gives.
    pub fn verify_hashes(&self) -> Result<(), StoreError> {
        for (path, weights) in self.weights().into_iter().zip(&self.card.files) {
            let found = sha256_of(&path).map_err(|error| StoreError::Io { path: path.clone(), error })?;
            if found != weights.sha256 {
                let problem = format!("its SHA-256 is {found}, the card says {}; add the model again", weights.sha256);
                return Err(StoreError::Damaged { path, problem });
            }
        }
        Ok(())
    }
}

impl Shelf {
    /// The folders of `SONOLENS_MODELS`, the user's data folder, and `models` beside the program (or above it, as in
    /// a source tree). New models go into the first of them, but never beside the program.
    pub fn discover() -> Self {
        let named = std::env::var_os("SONOLENS_MODELS");
        let mut folders: Vec<PathBuf> = named.iter().flat_map(std::env::split_paths).collect();
        folders.retain(|folder| !folder.as_os_str().is_empty());
        let user = directories::ProjectDirs::from("", "", "sonolens").map(|user| user.data_dir().join("models"));
        folders.extend(user);
        let writable = folders.first().cloned();
        if let Ok(program) = std::env::current_exe() {
            folders.extend(program.ancestors().skip(1).take(3).map(|folder| folder.join("models")));
        }
        Self { folders, writable }
    }

    /// A shelf of one folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self { folders: vec![folder.clone()], writable: Some(folder) }
    }

    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Where new models go.
    pub fn writable(&self) -> Result<&Path, StoreError> {
        self.writable.as_deref().ok_or(StoreError::NoDataFolder)
    }

    /// Every stored model once, by its id, and what is wrong with those whose card cannot be read. Of two with the
    /// same id the one in the earlier folder counts.
    pub fn list(&self) -> (Vec<StoredModel>, Vec<StoreError>) {
        let (mut models, mut problems) = (Vec::<StoredModel>::new(), Vec::new());
        for folder in &self.folders {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            entries.sort();
            for folder in entries {
                let card = folder.join(ModelCard::FILE_NAME);
                let Some(id) = folder.file_name().and_then(|name| name.to_str()) else { continue };
                if id.starts_with('.') || !card.is_file() || models.iter().any(|model| model.id == id) {
                    continue;
                }
                match ModelCard::read(&card) {
                    Ok(card) => models.push(StoredModel { id: id.to_owned(), folder: folder.clone(), card }),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        models.sort_by(|a, b| a.id.cmp(&b.id));
        (models, problems)
    }

    /// The stored model with this id, or else the one in the folder of this path, as a training run leaves it.
    pub fn find(&self, id: &str) -> Result<StoredModel, StoreError> {
        let (models, mut problems) = self.list();
        let present = models.iter().map(|model| model.id.clone()).collect();
        if let Some(model) = models.into_iter().find(|model| model.id == id) {
            return Ok(model);
        }
        let of_id = |problem: &StoreError| match problem {
            StoreError::Card { path, .. } | StoreError::Damaged { path, .. } | StoreError::Io { path, .. } => {
                path.parent().is_some_and(|folder| folder.ends_with(id))
            }
            _ => false,
        };
        match problems.iter().position(of_id) {
            Some(index) => Err(problems.swap_remove(index)),
            None => StoredModel::in_folder(Path::new(id)).unwrap_or_else(|| {
                let folder = Path::new(id);
                Err(if folder.is_dir() && folder.components().count() > 1 {
                    let problem = format!("there is no {} in this folder, as a model's has", ModelCard::FILE_NAME);
                    StoreError::Damaged { path: folder.to_owned(), problem }
                } else {
                    StoreError::NoSuchModel { id: id.to_owned(), present }
                })
            }),
        }
    }
}
