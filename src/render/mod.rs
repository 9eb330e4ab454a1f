//! The wgpu side of the picture: video planes, heatmap overlays, grounds.
//!
//! Shaders live in `shaders/`; without a graphics card the processor makes the pixels of a stage. Nothing in here decides
//! what is positive: it draws score maps and thresholds that `metrics` made, and a test holds the pixels to them. A drawing
//! is plain data ([`Drawing`]); it becomes an egui paint callback, or pixels in memory through [`Offscreen`], by the same
//! pipelines.

mod changes;
mod colormap;
mod offscreen;
mod overlay;
pub mod palette;
mod picture;
mod pipelines;
mod processor;
mod renderer;
mod stage;
mod store;
mod textures;
mod tiles;
mod uniforms;
mod window;

pub use colormap::Colormap;
pub use offscreen::{Offscreen, RenderError, Rgba8Image};
pub use overlay::{AlphaRamp, Edge, Fill, Interpolation, Overlay, OverlayStyle, Threshold};
pub use renderer::{Drawing, DrawnBy, install, install_drawn_by};
pub use stage::{StageDraw, View};
pub use window::WindowDraw;
