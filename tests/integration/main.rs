//! Tests through the library's face and through the program, one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod dataset;
mod dataset_formats;
mod dataset_layouts;
mod media;
mod media_corpus;
mod dataset_project;
mod media_damage;
mod media_server;
mod media_sound;
mod support;

mod architecture;
mod arrays;
mod benchmark_figures;
mod network;
mod checkpoints;
mod cluster;
mod evaluation;
mod fill_rule;
mod front_ends;
mod metrics;
mod model_store;
mod onnx;
mod interface;
mod localize;
mod playback;
mod precomputed;
mod render;
mod render_by_processor;
mod report;
mod training;
mod urbansas_figures;
mod views;
mod systems;
mod window;
mod window_picture;
