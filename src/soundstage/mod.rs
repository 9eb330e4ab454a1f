//! The soundstage: clips with exact ground truth that are drawn and synthesized from a few numbers.
//!
//! A [`ClipRequest`] (seed, split, index, kind of scene, size) becomes a [`ClipPlan`], from which any single frame, any
//! stretch of sound and the truth at any time are had directly. The same request gives the same bytes on every machine
//! for as long as [`VERSION`] stays the same; the encoded file also depends on the encoder.

mod backdrop;
mod canvas;
mod composition;
mod exact;
mod pen;
mod performance;
mod picture;
mod plan;
mod sound;
mod things;
mod voices;

pub mod demo_clip;

pub use demo_clip::{DemoError, demo_path};
pub use picture::{Painter, ThingTruth};
pub use plan::{ClipPlan, ClipRequest, Program, SceneKind, SceneryKind, Split, Thing};
pub use things::{Note, ThingKind};

use crate::geometry::Size;

/// Raised with each change of what clips look, sound or are like.
pub const VERSION: u32 = 1;

/// Why there is no clip.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SoundstageError {
    #[error(
        "clips of {}×{} cannot be made: sides are 16 to 8192 pixels, and none is more than four times the other",
        .0.width, .0.height
    )]
    Size(Size),
    #[error("clips of {0} seconds cannot be made: they last 1 to 600 seconds")]
    Length(f64),
}
