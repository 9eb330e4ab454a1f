//! The soundstage: clips with exact ground truth that are drawn and synthesized from a few numbers.
//!
//! A [`ClipRequest`] (seed, split, index, kind of scene, size) becomes a [`ClipPlan`], from which any single frame, any
//! stretch of sound and the truth at any time are had directly. The same request gives the same bytes on every machine
//! for as long as [`VERSION`] stays the same; the encoded file also depends on the encoder.

mod backdrop;
mod canvas;
mod clip_file;
mod collection;
mod composition;
mod counterparts;
mod demo;
mod exact;
mod pen;
mod performance;
mod picture;
mod plan;
mod sound;
mod things;
mod truth;
mod voices;

use std::path::{Path, PathBuf};

pub use clip_file::{VIDEO_SOUND_RATE, write_clip, write_wave};
pub use collection::{CollectionReport, CollectionRequest, write_collection};
pub use demo::{DEMO_CLIPS, demo_path};
pub use picture::{Painter, ThingTruth};
pub use plan::{ClipPlan, ClipRequest, Program, SceneKind, SceneryKind, Split, Thing};
pub use things::{Note, ThingKind};

use crate::dataset::DatasetError;
use crate::geometry::Size;
use crate::media::MediaError;

/// Raised with each change of what clips look, sound or are like.
pub const VERSION: u32 = 1;

/// Why there is no clip.
#[derive(Debug, thiserror::Error)]
pub enum SoundstageError {
    #[error(
        "clips of {}×{} cannot be made: sides are 16 to 8192 pixels, and none is more than four times the other",
        .0.width, .0.height
    )]
    Size(Size),
    #[error("clips of {0} seconds cannot be made: they last 1 to 600 seconds")]
    Length(f64),
    #[error("clips of {}/{} frames a second cannot be made", .0.0, .0.1)]
    Rate((u32, u32)),
    #[error("the folder {} holds something already; name a new one", .0.display())]
    NotEmpty(PathBuf),
    #[error("making clips was cancelled")]
    Cancelled,
    #[error("this user has no cache folder for the demo clip; name a folder in SONOLENS_CACHE")]
    NoCacheFolder,
    #[error("{} cannot be written: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
}

impl SoundstageError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

#[cfg(test)]
mod tests;
