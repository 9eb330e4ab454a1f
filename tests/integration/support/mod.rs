//! What several integration tests share: where the reference material lies, where fixtures lie.

pub mod checksum;
pub mod fill_rule;
pub mod frames;
pub mod golden;
pub mod program;
pub mod scene;
pub mod screen;
pub mod small_models;
pub mod slurm;
pub mod sound_server;
pub mod tones;
pub mod windows;

use std::path::PathBuf;

/// The reference material (real media, annotation files), if this machine has it: `SONOLENS_REFERENCE`, else
/// `../shared/reference` beside the checkout. Tests that need it say so and pass where it is missing.
#[allow(dead_code)]
pub fn reference_dir() -> Option<PathBuf> {
    let named = std::env::var_os("SONOLENS_REFERENCE").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    let found = named.unwrap_or(beside);
    if found.is_dir() {
        Some(found)
    } else {
        eprintln!("skipped: no reference material (set SONOLENS_REFERENCE to its folder)");
        None
    }
}

/// A file of `tests/fixtures`.
#[allow(dead_code)]
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
