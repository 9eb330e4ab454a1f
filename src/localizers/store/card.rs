use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::described::DESCRIBED;
use super::needs::needs;
use crate::network::open_plain;

/// `model.toml`: what a stored model is and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// The system whose architecture it is, by its id.
    pub system: String,
    pub name: String,
    /// Where the weights come from.
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub license: String,
    #[serde(default)]
    pub citation: String,
    /// What this release does differently from the system's published preprocessing, by the system's own names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub preprocessing: BTreeMap<String, String>,
    /// In the order in which the system is opened with them.
    #[serde(rename = "weights")]
    pub files: Vec<WeightFile>,
}

/// A weight file of a stored model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightFile {
    /// Within the model's folder.
    pub file: String,
    /// The kind of network in it.
    pub layout: String,
    /// Of the stored file, in hexadecimal.
    pub sha256: String,
    pub tensors: usize,
    pub parameters: usize,
    /// Channels of the four stages of a ResNet backbone, where the network has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<usize>,
    /// The name and hash of the file that was converted.
    #[serde(default)]
    pub converted_from: String,
    #[serde(default)]
    pub converted_from_sha256: String,
    /// What the checkpoint said beside its weights (epoch, best score).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

impl ModelCard {
    pub const FILE_NAME: &str = "model.toml";
    const LARGEST_BYTES: u64 = 1 << 20;

    /// Reads and checks a card: a known system, plain file names.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let io = |error| StoreError::Io { path: path.to_owned(), error };
        let damaged = |problem: String| StoreError::Damaged { path: path.to_owned(), problem };
        let mut file = open_plain(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        if size > Self::LARGEST_BYTES {
            return Err(damaged(format!("{size} bytes are no card of a model")));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io)?;
        let card: Self = toml::from_str(&text).map_err(|error| StoreError::Card { path: path.to_owned(), error })?;
        if card.system != DESCRIBED {
            needs(&card.system).map_err(|error| damaged(error.to_string()))?;
        }
        if card.files.is_empty() {
            return Err(damaged("it names no weights".to_owned()));
        }
        for weights in &card.files {
            // A card may come from anyone; its files lie beside it.
            let plain = Path::new(&weights.file).components().count() == 1 && !weights.file.starts_with('.');
            if !plain || weights.file.contains(['/', '\\', ':']) {
                return Err(damaged(format!("'{}' is no file of its folder", weights.file)));
            }
        }
        Ok(card)
    }
}
