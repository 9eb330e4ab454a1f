//! The wgpu side of the picture: video planes, heatmap overlays, spectrograms.
//!
//! Shaders live in `shaders/`. Nothing in here decides what is positive: it draws score maps and thresholds that
//! `metrics` made, and a test holds the pixels to them.
