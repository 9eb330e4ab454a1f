//! The window's own picture, kept from one pass to the next on machines without a graphics card.
//!
//! egui draws a window anew at every pass, which a renderer on the processor pays for pixel by pixel, though little of a
//! window changes while a clip plays. Here what egui would draw is compared with what it drew before. A texture holds the
//! picture of it, in which only the places of changed shapes are drawn again, by egui's own renderer and thus alike; a
//! pass copies that texture to the window. Stages, and what lies over them, are not kept: egui draws them as ever.

use std::collections::HashSet;
use std::sync::Arc;

use eframe::{egui_wgpu, wgpu};
use egui::epaint::{ClippedPrimitive, ClippedShape};
use egui::{Color32, Context, FullOutput, Shape, TextureId};

use super::changes::{Places, changed_places, overlap, parted, touched_pixels};
use super::processor::PixelRect;
use super::renderer::{DrawList, Drawing, Renderer, Target};
use super::store::PixelTexture;
use super::textures::create_texture_for;

/// Copies a picture of the window to the window.
#[derive(Clone, Debug)]
pub struct WindowDraw {
    /// In points.
    pub(super) rect: egui::Rect,
    pixels: Arc<PixelTexture>,
    /// Stages are seen as far as they reach.
    stages_are_whole: bool,
}

impl WindowDraw {
    pub(super) fn collect(&self, target: Target, list: &mut DrawList) {
        let whole = PixelRect::whole(self.pixels.size());
        list.push_pixels(self.pixels.clone(), &whole, true, target.placement(self.rect, self.rect));
        list.leaves_out = self.stages_are_whole;
    }
}

/// An egui plugin that keeps the picture of the one window there is.
pub(super) struct WindowPicture {
    render_state: egui_wgpu::RenderState,
    kept: Option<Kept>,
}

/// The picture, and what is to be seen on it.
struct Kept {
    screen: Screen,
    texture: Arc<PixelTexture>,
    view: wgpu::TextureView,
    shapes: Vec<ClippedShape>,
}

/// What the whole picture depends on.
#[derive(Clone, Copy, PartialEq)]
struct Screen {
    size_px: [u32; 2],
    pixels_per_point: f32,
    ground: Color32,
}

impl WindowPicture {
    pub(super) fn new(render_state: egui_wgpu::RenderState) -> Self {
        Self { render_state, kept: None }
    }

    /// Hands changed textures to egui's renderer, before the window's pass would. Tells which changed, `None` if the fonts'
    /// was made anew; new glyphs in it change nothing that is drawn already.
    fn update_textures(&self, output: &mut FullOutput) -> Option<HashSet<TextureId>> {
        let egui_wgpu::RenderState { device, queue, renderer, .. } = &self.render_state;
        let mut changed = Some(HashSet::new());
        let mut renderer = renderer.write();
        for (id, deltas) in output.textures_delta.set.drain() {
            for delta in deltas {
                let whole = delta.is_whole();
                renderer.update_texture(device, queue, id, &delta);
                if id == TextureId::default() {
                    changed = changed.filter(|_| !whole);
                } else if let Some(changed) = &mut changed {
                    changed.insert(id);
                }
            }
        }
        changed
    }

    /// Draws shapes at some places, over the ground.
    fn draw(&self, context: &Context, kept: &Kept, places: &Places) {
        let egui_wgpu::RenderState { device, queue, renderer, .. } = &self.render_state;
        let Screen { size_px, pixels_per_point, ground } = kept.screen;
        let with_pixels = |shape| Some((shape, touched_pixels(shape, pixels_per_point)?));
        let seen: Vec<_> = kept.shapes.iter().filter_map(with_pixels).collect();
        let mut primitives: Vec<ClippedPrimitive> = Vec::new();
        for place in places.rects(size_px) {
            let place_points = place / pixels_per_point;
            let ground = ClippedShape::new(place_points, Shape::rect_filled(place_points, 0.0, ground));
            let shapes = seen.iter().filter(|(_, touched)| overlap(*touched, place)).map(|(shape, _)| {
                let clip_rect = shape.clip_rect.intersect(place_points);
                ClippedShape { clip_rect, ..(*shape).clone() }
            });
            let shapes = std::iter::once(ground).chain(shapes).collect();
            primitives.extend(context.tessellate(shapes, pixels_per_point));
        }
        let screen = egui_wgpu::ScreenDescriptor { size_in_pixels: size_px, pixels_per_point };
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("window picture") });
        let mut renderer = renderer.write();
        let mut commands = renderer.update_buffers(device, queue, &mut encoder, &primitives, &screen);
        let attachment = wgpu::RenderPassColorAttachment {
            view: &kept.view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
        };
        let mut pass = encoder
            .begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("window picture"),
                color_attachments: &[Some(attachment)],
                ..Default::default()
            })
            .forget_lifetime();
        renderer.render(&mut pass, &primitives, &screen);
        drop(pass);
        commands.push(encoder.finish());
        queue.submit(commands);
    }

    /// `None`: nothing can be kept of it.
    fn empty(&self, screen: Screen) -> Option<Kept> {
        let egui_wgpu::RenderState { device, target_format, renderer, .. } = &self.render_state;
        let [width, height] = screen.size_px;
        if width.min(height) == 0 || width.max(height) > device.limits().max_texture_dimension_2d {
            return None;
        }
        let usage = wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::RENDER_ATTACHMENT;
        let texture = create_texture_for(device, "window picture", screen.size_px, *target_format, usage);
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let texture = renderer.read().callback_resources.get::<Renderer>()?.bind_pixels(device, texture);
        Some(Kept { screen, texture: Arc::new(texture), view, shapes: Vec::new() })
    }
}

impl egui::Plugin for WindowPicture {
    fn debug_name(&self) -> &'static str {
        "window picture"
    }

    fn output_hook(&mut self, context: &Context, output: &mut FullOutput) {
        let pixels_per_point = output.pixels_per_point;
        let window = context.viewport_rect();
        let screen = Screen {
            size_px: <[f32; 2]>::from(window.size() * pixels_per_point).map(|side| side.round() as u32),
            pixels_per_point,
            ground: context.global_style().visuals.panel_fill,
        };
        let changed_textures = self.update_textures(output);
        let before = self.kept.take().filter(|kept| kept.screen == screen && changed_textures.is_some());
        let (shapes, above) = parted(std::mem::take(&mut output.shapes), pixels_per_point);
        let places = match &before {
            Some(kept) => {
                changed_places(&kept.shapes, &shapes, &changed_textures.unwrap_or_default(), pixels_per_point)
            }
            None => Places::everything(),
        };
        let Some(kept) = before.or_else(|| self.empty(screen)) else {
            output.shapes = shapes.into_iter().chain(above).collect();
            return;
        };
        let kept = Kept { shapes, ..kept };
        if !places.is_empty() {
            self.draw(context, &kept, &places);
        }
        let stages_are_whole = above.iter().all(|shape| match &shape.shape {
            Shape::Callback(stage) => shape.clip_rect.contains_rect(stage.rect),
            _ => true,
        });
        let pixels = kept.texture.clone();
        let picture = Drawing::from(WindowDraw { rect: window, pixels, stages_are_whole }).into_callback();
        output.shapes = std::iter::once(ClippedShape::new(window, picture)).chain(above).collect();
        self.kept = Some(kept);
    }
}
