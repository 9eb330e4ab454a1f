//! Sonolens: looking at visual sound localization.
//!
//! The library behind the program. Its rooms are listed from the ground up: a room uses only rooms above it in
//! this list, apart from `app` and `cli`, which sit side by side on top. `tests/integration/architecture.rs`
//! holds that order. ARCHITECTURE.md tells what lives where and why.

pub mod app;
pub mod cli;
pub mod dataset;
pub mod engine;
pub mod evaluation;
pub mod geometry;
pub mod heatmap;
pub mod localizers;
pub mod media;
pub mod metrics;
pub mod network;
pub mod playback;
pub mod render;
pub mod signal;
pub mod soundstage;
pub mod training;
