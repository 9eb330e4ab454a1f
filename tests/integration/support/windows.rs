//! Windows that are drawn in memory.

use egui::{Ui, Vec2};
use egui_kittest::{Harness, wgpu};
use sonolens::render::{DrawnBy, install_drawn_by};

/// A window of a size in points that one point is one pixel of, and what it shows.
pub fn window<'a>(size: Vec2, drawn_by: DrawnBy, mut show: impl FnMut(&mut Ui) + 'a) -> Harness<'a> {
    let setup = wgpu::default_wgpu_setup();
    let state = wgpu::create_render_state(setup, eframe::egui_wgpu::RendererOptions::PREDICTABLE);
    let renderer = wgpu::WgpuTestRenderer::from_render_state(state.clone());
    let mut installed = false;
    Harness::builder().with_size(size).with_pixels_per_point(1.0).renderer(renderer).build_ui(move |ui| {
        if !std::mem::replace(&mut installed, true) {
            install_drawn_by(ui.ctx(), &state, drawn_by);
        }
        show(ui);
    })
}
