//! Synthetic clips with exact ground truth, the same for the same seed.

pub mod demo_clip;

pub use demo_clip::{DemoError, demo_path};
