//! The systems of the field: one file each, from a frame and a query to a heatmap.
//!
//! A localizer has an image side (once per frame), a query side (once per sound) and a join. Also in here: the
//! registry, and the views and audio windows that the systems use. Not in here: when to run one (`engine`).

mod baselines;
mod error;
mod localizer;
mod parts;
pub mod registry;
mod view;

pub use error::LocalizerError;
pub use localizer::{FrameInput, Hearing, Localizer, LocalizerInfo, Query, WindowRule};
pub use parts::{Array, ImageFeatures, Parts, QueryEmbedding};
pub use view::{Normalization, Resizing, View, ViewRule};

pub type Result<T> = std::result::Result<T, LocalizerError>;
