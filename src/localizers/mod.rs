//! The systems of the field: one file each, from a frame and a query to a heatmap.
//!
//! A localizer has an image side (once per frame), a query side (once per sound) and a join. Also in here: the
//! registry, and the views and audio windows that the systems use. Not in here: when to run one (`engine`).

mod alignment;
mod attention10k;
mod ave_net;
pub mod avol;
mod baselines;
pub mod clip;
mod coarse_to_fine;
mod cosine;
mod dmc;
mod dsol;
mod error;
mod ez_vsl;
pub mod gray_jpeg;
pub mod hear_the_flow;
mod localizer;
mod lvs;
mod object_guide;
mod onnx;
pub mod optical_flow;
mod parts;
mod precomputed;
mod predictive_coding;
mod query;
mod rcgrad;
pub mod registry;
mod slavc;
mod ssl_tie;
pub mod store;
mod sspl;
pub mod variants;
mod trained;
mod view;

pub use error::LocalizerError;
pub use localizer::{
    BenchmarkWindow, ClassMaps, CorrespondenceRule, FrameInput, Hearing, Localizer, LocalizerInfo, Query, WindowPlan,
    WindowRule,
};
pub use parts::{Array, ImageFeatures, Parts, QueryEmbedding};
pub use trained::TrainedWith;
pub use view::{Normalization, Resizing, View, ViewRule, resized};

pub type Result<T> = std::result::Result<T, LocalizerError>;
