//! What is remembered between starts: a TOML file in the user's configuration folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::command::StageView;
use super::theme::ThemeChoice;

/// Everything the user can set. Unknown keys are kept out, missing ones take their defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    pub theme: ThemeChoice,
    pub view: StageView,
    pub volume: f32,
    pub opacity: f32,
    pub colour_map: String,
    pub protocol: String,
    pub show_boxes: bool,
    pub show_contours: bool,
    /// Budget of decoded frames.
    pub frame_cache_mib: usize,
    /// Budget of features, embeddings and heatmaps together.
    pub result_cache_mib: usize,
    /// Threads that run models; 0 means one less than there are cores.
    pub inference_threads: usize,
    /// Newest first.
    pub recent: Vec<PathBuf>,
    /// Models loaded at the last end, as `ID=WEIGHTS`.
    pub models: Vec<String>,
    /// The panels' layout, as egui_tiles writes it (JSON).
    pub layout: Option<String>,
    pub window_size: Option<[f32; 2]>,
    /// The tour was seen to its end or dismissed.
    pub tour_done: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::Dark,
            view: StageView::Overlay,
            volume: 0.8,
            opacity: 0.7,
            colour_map: "magma".into(),
            protocol: "lvs".into(),
            show_boxes: true,
            show_contours: true,
            frame_cache_mib: 1024,
            result_cache_mib: 512,
            inference_threads: 0,
            recent: Vec::new(),
            models: Vec::new(),
            layout: None,
            window_size: None,
            tour_done: false,
        }
    }
}

/// How many recent paths are kept.
const RECENT: usize = 12;

/// Why settings could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the settings file could not be read ({source}); the defaults are used: {path}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the settings file is not valid and was kept as it is ({message}); the defaults are used: {path}", path = path.display())]
    Parse { path: PathBuf, message: String },
    #[error("the settings could not be written ({message}): {path}", path = path.display())]
    Write { path: PathBuf, message: String },
}

impl Settings {
    /// Where the settings lie: `SONOLENS_CONFIG` or the user's configuration folder. `None` on a system without one.
    pub fn default_path() -> Option<PathBuf> {
        if let Some(folder) = std::env::var_os("SONOLENS_CONFIG") {
            return Some(PathBuf::from(folder).join("settings.toml"));
        }
        directories::ProjectDirs::from("", "", "sonolens").map(|dirs| dirs.config_dir().join("settings.toml"))
    }

    /// The settings in `path`; the defaults where there is no such file.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .map_err(|error| SettingsError::Parse { path: path.to_owned(), message: error.message().to_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SettingsError::Read { path: path.to_owned(), source }),
        }
    }

    /// Writes beside the file and renames, so that a stop in between leaves the old settings whole.
    pub fn save(&self, path: &Path) -> Result<(), SettingsError> {
        let failed = |message: String| SettingsError::Write { path: path.to_owned(), message };
        let text = toml::to_string_pretty(self).map_err(|error| failed(error.to_string()))?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(error.to_string()))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| failed(error.to_string()))?;
        file.persist(path).map_err(|error| failed(error.to_string()))?;
        Ok(())
    }

    /// Puts `path` first among the recent ones.
    pub fn remember(&mut self, path: &Path) {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.recent.retain(|other| *other != path);
        self.recent.insert(0, path);
        self.recent.truncate(RECENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_round_trip_and_a_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/settings.toml");
        assert_eq!(Settings::load(&path).unwrap(), Settings::default());
        let changed = Settings {
            volume: 0.25,
            theme: ThemeChoice::Light,
            models: vec!["lvs=a.pth".into()],
            ..Settings::default()
        };
        changed.save(&path).unwrap();
        assert_eq!(Settings::load(&path).unwrap(), changed);
    }

    #[test]
    fn a_damaged_file_is_reported_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "volume = [").unwrap();
        assert!(matches!(Settings::load(&path), Err(SettingsError::Parse { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "volume = [");
    }

    #[test]
    fn recent_paths_are_unique_and_bounded() {
        let mut settings = Settings::default();
        for index in 0..20 {
            settings.remember(Path::new(&format!("/nowhere/{}", index % 15)));
        }
        assert_eq!(settings.recent.len(), RECENT);
        assert_eq!(settings.recent[0], PathBuf::from("/nowhere/4"));
    }
}
