//! One picture with what is drawn over it: from plain data to draws on the graphics card.

use std::sync::{Arc, Mutex};

use eframe::{egui_wgpu, wgpu};

use super::overlay::{AlphaRamp, Edge, Fill, Interpolation, Overlay};
use super::palette;
use super::picture::picture_uniform;
use super::pipelines::{PipelineKind, Pipelines, UniformBlock, UniformPool};
use super::textures::{TextureCache, create_texture, write_texture};
use super::uniforms::{
    AgreementUniform, DifferenceUniform, OverlayUniform, PlacementUniform, RuleUniform, SLOT_BYTES, colour_with_alpha,
    range_scale,
};
use crate::heatmap::Grid;
use crate::media::{Frame, Plane};

/// Graphics memory that pictures may take together, in bytes. One picture larger than this is still shown.
const PICTURE_BUDGET_BYTES: u64 = 96 << 20;
/// Graphics memory that score maps may take together, in bytes.
const MAP_BUDGET_BYTES: u64 = 48 << 20;

/// A picture, maps over it, and where on the screen: everything that one stage or one tile of a grid shows.
#[derive(Clone, Debug)]
pub struct StageDraw {
    /// `None`: the maps alone, over whatever lies under them.
    pub picture: Option<Arc<Frame>>,
    /// Drawn in this order, the last on top.
    pub overlays: Vec<Overlay>,
    pub view: View,
    /// Where the whole frame lies, in points. Zoomed in, it reaches outside of `clip` on any side and by any amount.
    pub frame_rect: egui::Rect,
    /// Nothing is drawn outside of this, in points.
    pub clip: egui::Rect,
    /// Show each sample of the picture as a crisp rectangle instead of smoothing between them.
    pub crisp_pixels: bool,
}

/// How the maps of a stage are put together.
#[derive(Clone, Debug, Default)]
pub enum View {
    /// All maps over one another; fills below, contours above.
    #[default]
    Overlay,
    /// The first map left of `divider`, the second right of it; `divider` as a fraction of the frame's width.
    Wipe { divider: f32 },
    /// The first map minus the second, each normalized by its own value range, in the colours of the two.
    Difference,
    /// True positive, false positive and false negative cells of the first map against ground truth (cells above 0).
    Agreement { truth: Arc<Grid> },
}

impl StageDraw {
    /// The shape to add to an egui painter. [`install`] must have been called for the window's render state.
    pub fn into_callback(self) -> egui::PaintCallback {
        egui_wgpu::Callback::new_paint_callback(self.clip, StageCallback { draw: self, prepared: Mutex::new(None) })
    }
}

/// Builds the pipelines for a window. To be called once, when the application is created.
pub fn install(render_state: &egui_wgpu::RenderState) {
    let renderer = StageRenderer::new(&render_state.device, &render_state.queue, render_state.target_format);
    render_state.renderer.write().callback_resources.insert(renderer);
}

struct StageCallback {
    draw: StageDraw,
    prepared: Mutex<Option<Prepared>>,
}

impl egui_wgpu::CallbackTrait for StageCallback {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &egui_wgpu::ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut egui_wgpu::CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let Some(renderer) = resources.get_mut::<StageRenderer>() else {
            log::error!("the stage's pipelines are not installed; it stays empty");
            return Vec::new();
        };
        let target = Target { size_px: screen.size_in_pixels, pixels_per_point: screen.pixels_per_point };
        let prepared = renderer.prepare(device, queue, &self.draw, target);
        if let Ok(mut slot) = self.prepared.lock() {
            *slot = Some(prepared);
        }
        Vec::new()
    }

    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &egui_wgpu::CallbackResources,
    ) {
        let (Some(renderer), Ok(slot)) = (resources.get::<StageRenderer>(), self.prepared.lock()) else { return };
        if let Some(prepared) = slot.as_ref() {
            renderer.paint(prepared, pass);
        }
    }
}

/// What is drawn on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub size_px: [u32; 2],
    pub pixels_per_point: f32,
}

/// The pipelines and the textures of what was shown lately.
pub(super) struct StageRenderer {
    pipelines: Pipelines,
    pictures: TextureCache<Frame, PictureTextures>,
    maps: TextureCache<Grid, MapTexture>,
    uniforms: UniformPool,
}

/// Draws that are ready to be encoded, and what they need until they are done.
pub(super) struct Prepared {
    target: Target,
    uniforms: Arc<UniformBlock>,
    draws: Vec<Draw>,
}

struct Draw {
    pipeline: PipelineKind,
    textures: BoundTextures,
    uniform_offset: u32,
}

enum BoundTextures {
    Picture(Arc<PictureTextures>),
    Map(Arc<MapTexture>),
    Maps { bind_group: wgpu::BindGroup, _keep: [Arc<MapTexture>; 2] },
}

impl BoundTextures {
    fn bind_group(&self) -> &wgpu::BindGroup {
        match self {
            Self::Picture(picture) => &picture.bind_group,
            Self::Map(map) => &map.bind_group,
            Self::Maps { bind_group, .. } => bind_group,
        }
    }
}

struct PictureTextures {
    spec: PictureSpec,
    planes: Vec<wgpu::Texture>,
    bind_group: wgpu::BindGroup,
}

/// The textures that a picture takes.
#[derive(Clone, PartialEq, Eq)]
struct PictureSpec {
    sizes: Vec<[u32; 2]>,
    sample_bytes: u32,
    /// Every how manyth sample of the planes is taken, across and down.
    shrink: u32,
}

impl PictureSpec {
    /// `None` if the planes are not such as can be drawn. A picture larger than a texture may be is thinned out.
    fn of(frame: &Frame, texture_limit: u32) -> Option<Self> {
        let longest = frame.planes.iter().map(|plane| plane.width.max(plane.height)).max()?;
        let shrink = longest.div_ceil(texture_limit.max(1));
        let sizes: Vec<_> =
            frame.planes.iter().map(|plane| [plane.width.div_ceil(shrink), plane.height.div_ceil(shrink)]).collect();
        let sample_bytes = frame.sample_bytes() as u32;
        let whole = |plane: &Plane| {
            let bytes = u64::from(plane.width) * u64::from(plane.height) * u64::from(sample_bytes);
            bytes > 0 && plane.bytes.len() as u64 >= bytes
        };
        let drawable = matches!(sizes.len(), 1 | 3) && frame.planes.iter().all(whole);
        drawable.then_some(Self { sizes, sample_bytes, shrink })
    }

    fn bytes(&self) -> u64 {
        self.sizes.iter().map(|[width, height]| u64::from(*width) * u64::from(*height)).sum::<u64>()
            * u64::from(self.sample_bytes)
    }
}

/// Every `shrink`th sample of every `shrink`th row.
fn thinned_out(plane: &Plane, sample_bytes: usize, shrink: usize) -> Vec<u8> {
    let rows = plane.bytes.chunks_exact(plane.width as usize * sample_bytes).step_by(shrink);
    rows.flat_map(|row| row.chunks_exact(sample_bytes).step_by(shrink).flatten().copied()).collect()
}

struct MapTexture {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    bind_group: wgpu::BindGroup,
}

/// Collects draws and their uniforms.
struct DrawList {
    draws: Vec<Draw>,
    uniforms: Vec<u8>,
}

impl DrawList {
    fn push(&mut self, pipeline: PipelineKind, textures: BoundTextures, uniform: impl bytemuck::Pod) {
        let uniform_offset = self.uniforms.len();
        self.uniforms.extend_from_slice(bytemuck::bytes_of(&uniform));
        self.uniforms.resize(uniform_offset + SLOT_BYTES as usize, 0);
        self.draws.push(Draw { pipeline, textures, uniform_offset: uniform_offset as u32 });
    }
}

impl StageRenderer {
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue, target_format: wgpu::TextureFormat) -> Self {
        Self {
            pipelines: Pipelines::new(device, queue, target_format),
            pictures: TextureCache::new(PICTURE_BUDGET_BYTES),
            maps: TextureCache::new(MAP_BUDGET_BYTES),
            uniforms: UniformPool::default(),
        }
    }

    /// Uploads what is new and writes the uniforms.
    pub(super) fn prepare(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        draw: &StageDraw,
        target: Target,
    ) -> Prepared {
        let mut list = DrawList { draws: Vec::new(), uniforms: Vec::new() };
        let placement = placement(draw.frame_rect, draw.clip, target);
        if let Some(frame) = &draw.picture
            && let Some(textures) = self.picture_textures(device, queue, frame)
        {
            let uniform = picture_uniform(frame, textures.spec.shrink, placement, draw.crisp_pixels);
            list.push(PipelineKind::Picture, BoundTextures::Picture(textures), uniform);
        }
        match &draw.view {
            View::Overlay => {
                let placed: Vec<_> = draw.overlays.iter().map(|overlay| (overlay, placement)).collect();
                self.push_overlays(device, queue, &placed, &mut list);
            }
            View::Wipe { divider } => {
                let edge = draw.frame_rect.left() + divider.clamp(0.0, 1.0) * draw.frame_rect.width();
                let edge_px = (edge * target.pixels_per_point).round();
                let (mut left, mut right) = (placement, placement);
                left.clip_rect[2] = left.clip_rect[2].min(edge_px);
                right.clip_rect[0] = right.clip_rect[0].max(edge_px);
                let placed: Vec<_> = draw.overlays.iter().zip([left, right]).collect();
                self.push_overlays(device, queue, &placed, &mut list);
            }
            View::Difference => self.push_difference(device, queue, &draw.overlays, placement, &mut list),
            View::Agreement { truth } => {
                self.push_agreement(device, queue, &draw.overlays, truth, placement, &mut list);
            }
        }
        let uniforms = self.uniforms.take(device, &self.pipelines, list.draws.len() as u64);
        if !list.uniforms.is_empty() {
            queue.write_buffer(&uniforms.buffer, 0, &list.uniforms);
        }
        Prepared { target, uniforms, draws: list.draws }
    }

    /// Encodes the draws. The viewport becomes the whole target: places on it are computed in the vertex shader, so
    /// that a rectangle that reaches out of the target is cut and not squeezed.
    pub(super) fn paint(&self, prepared: &Prepared, pass: &mut wgpu::RenderPass<'_>) {
        let [width, height] = prepared.target.size_px.map(|side| side as f32);
        pass.set_viewport(0.0, 0.0, width, height, 0.0, 1.0);
        for draw in &prepared.draws {
            pass.set_pipeline(self.pipelines.get(draw.pipeline));
            pass.set_bind_group(0, &prepared.uniforms.bind_group, &[draw.uniform_offset]);
            pass.set_bind_group(1, draw.textures.bind_group(), &[]);
            pass.draw(0..4, 0..1);
        }
    }

    /// Bytes of graphics memory that pictures and maps take.
    pub(super) fn used_bytes(&self) -> u64 {
        self.pictures.used_bytes() + self.maps.used_bytes()
    }

    fn push_overlays(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        overlays: &[(&Overlay, PlacementUniform)],
        list: &mut DrawList,
    ) {
        let mut contours = Vec::new();
        for (overlay, placement) in overlays {
            let Some(map) = self.map_texture(device, queue, &overlay.map) else { continue };
            let uniform = overlay_uniform(overlay, *placement);
            if overlay.style.fill != Fill::None || overlay.style.hatch_unseen {
                list.push(PipelineKind::OverlayFill, BoundTextures::Map(map.clone()), uniform);
            }
            if overlay.style.contour_width > 0.0 && uniform.rule.present == 1 {
                contours.push((map, uniform));
            }
        }
        for (map, uniform) in contours {
            list.push(PipelineKind::OverlayContour, BoundTextures::Map(map), uniform);
        }
    }

    fn push_difference(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        overlays: &[Overlay],
        placement: PlacementUniform,
        list: &mut DrawList,
    ) {
        let [first, second, ..] = overlays else { return };
        let Some(textures) = self.bind_pair(device, queue, &first.map, &second.map) else { return };
        let uniform = DifferenceUniform {
            placement,
            first_colour: colour_with_alpha(first.colour, 1.0),
            second_colour: colour_with_alpha(second.colour, 1.0),
            first_low: first.range[0],
            first_scale: range_scale(first.range),
            second_low: second.range[0],
            second_scale: range_scale(second.range),
            alpha_floor: 0.45,
            alpha_full: 0.95,
            smooth_colours: u32::from(first.style.interpolation == Interpolation::Smooth),
            hatch: u32::from(first.style.hatch_unseen || second.style.hatch_unseen),
        };
        list.push(PipelineKind::Difference, textures, uniform);
        for overlay in [first, second] {
            let uniform = overlay_uniform(overlay, placement);
            if overlay.style.contour_width > 0.0
                && uniform.rule.present == 1
                && let Some(map) = self.map_texture(device, queue, &overlay.map)
            {
                list.push(PipelineKind::OverlayContour, BoundTextures::Map(map), uniform);
            }
        }
    }

    fn push_agreement(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        overlays: &[Overlay],
        truth: &Arc<Grid>,
        placement: PlacementUniform,
        list: &mut DrawList,
    ) {
        let Some(overlay) = overlays.first() else { return };
        let Some(textures) = self.bind_pair(device, queue, &overlay.map, truth) else { return };
        let alpha = overlay.style.opacity.clamp(0.0, 1.0) * 0.6;
        let uniform = AgreementUniform {
            placement,
            rule: RuleUniform::new(overlay.threshold),
            true_positive: colour_with_alpha(palette::TRUE_POSITIVE, alpha),
            false_positive: colour_with_alpha(palette::FALSE_POSITIVE, alpha),
            false_negative: colour_with_alpha(palette::FALSE_NEGATIVE, alpha),
            hatch: u32::from(overlay.style.hatch_unseen),
            patterns: 1,
            edge_width: overlay.style.contour_width * 0.5,
            reserved: 0,
        };
        list.push(PipelineKind::Agreement, textures, uniform);
    }

    fn bind_pair(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        first: &Arc<Grid>,
        second: &Arc<Grid>,
    ) -> Option<BoundTextures> {
        let first = self.map_texture(device, queue, first)?;
        let second = self.map_texture(device, queue, second)?;
        let bind_group = self.pipelines.bind_maps(device, [&first.view, &second.view]);
        Some(BoundTextures::Maps { bind_group, _keep: [first, second] })
    }

    /// The planes of a frame on the graphics card; `None` if they are not such as can be drawn.
    fn picture_textures(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        frame: &Arc<Frame>,
    ) -> Option<Arc<PictureTextures>> {
        let Some(spec) = PictureSpec::of(frame, device.limits().max_texture_dimension_2d) else {
            log::warn!("frame {} is not made of planes that can be drawn", frame.index);
            return None;
        };
        let pipelines = &self.pipelines;
        let textures = self.pictures.get_or_insert(
            frame,
            spec.bytes(),
            |old| old.spec == spec,
            |old| {
                let textures = old.unwrap_or_else(|| PictureTextures::new(device, pipelines, spec.clone()));
                for (texture, plane) in textures.planes.iter().zip(&frame.planes) {
                    if spec.shrink == 1 {
                        write_texture(queue, texture, spec.sample_bytes, &plane.bytes);
                    } else {
                        let samples = thinned_out(plane, frame.sample_bytes(), spec.shrink as usize);
                        write_texture(queue, texture, spec.sample_bytes, &samples);
                    }
                }
                textures
            },
        );
        Some(textures)
    }

    fn map_texture(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, map: &Arc<Grid>) -> Option<Arc<MapTexture>> {
        let size = [map.columns() as u32, map.rows() as u32];
        let limit = device.limits().max_texture_dimension_2d;
        if map.columns().max(map.rows()) > limit as usize {
            log::warn!("a map of {}×{} cells cannot be drawn here (limit {limit})", map.columns(), map.rows());
            return None;
        }
        let bytes = (map.values().len() * size_of::<f32>()) as u64;
        let pipelines = &self.pipelines;
        let texture = self.maps.get_or_insert(
            map,
            bytes,
            |old| [old.texture.width(), old.texture.height()] == size,
            |old| {
                let map_texture = old.unwrap_or_else(|| MapTexture::new(device, pipelines, size));
                write_texture(queue, &map_texture.texture, 4, bytemuck::cast_slice(map.values()));
                map_texture
            },
        );
        Some(texture)
    }
}

impl PictureTextures {
    fn new(device: &wgpu::Device, pipelines: &Pipelines, spec: PictureSpec) -> Self {
        let format = if spec.sample_bytes == 2 { wgpu::TextureFormat::Rg8Unorm } else { wgpu::TextureFormat::R8Unorm };
        let planes: Vec<_> =
            spec.sizes.iter().map(|&size| create_texture(device, "picture plane", size, format)).collect();
        let views: Vec<_> =
            planes.iter().map(|plane| plane.create_view(&wgpu::TextureViewDescriptor::default())).collect();
        let view = |index: usize| &views[index.min(views.len() - 1)];
        let bind_group = pipelines.bind_planes(device, [view(0), view(1), view(2)]);
        Self { spec, planes, bind_group }
    }
}

impl MapTexture {
    fn new(device: &wgpu::Device, pipelines: &Pipelines, size: [u32; 2]) -> Self {
        let texture = create_texture(device, "score map", size, wgpu::TextureFormat::R32Uint);
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let bind_group = pipelines.bind_maps(device, [&view, &view]);
        Self { texture, view, bind_group }
    }
}

fn placement(frame_rect: egui::Rect, clip: egui::Rect, target: Target) -> PlacementUniform {
    let scale = target.pixels_per_point;
    let pixels = |rect: egui::Rect| [rect.left(), rect.top(), rect.right(), rect.bottom()].map(|edge| edge * scale);
    PlacementUniform {
        frame_rect: pixels(frame_rect),
        clip_rect: pixels(clip),
        target_size: target.size_px.map(|side| side as f32),
        pixels_per_point: scale,
        reserved: 0.0,
    }
}

fn overlay_uniform(overlay: &Overlay, placement: PlacementUniform) -> OverlayUniform {
    let style = &overlay.style;
    let (alpha_floor, alpha_power) = match style.ramp {
        AlphaRamp::Constant => (1.0, 1.0),
        AlphaRamp::Follow { floor, power } => (floor.clamp(0.0, 1.0), power.clamp(0.05, 20.0)),
    };
    let opacity = if style.fill == Fill::None { 0.0 } else { style.opacity.clamp(0.0, 1.0) };
    OverlayUniform {
        placement,
        rule: RuleUniform::new(overlay.threshold),
        tint: colour_with_alpha(overlay.colour, opacity),
        casing: [0.02, 0.02, 0.03, 0.6],
        threshold: overlay.threshold.map_or(0.0, |threshold| threshold.value),
        range_low: overlay.range[0],
        range_scale: range_scale(overlay.range),
        alpha_floor,
        alpha_power,
        outside: style.outside.clamp(0.0, 1.0),
        colormap_v: match style.fill {
            Fill::Colormap(map) => map.atlas_v(),
            Fill::Tint | Fill::None => -1.0,
        },
        contour_width: style.contour_width,
        casing_width: 1.0,
        smooth_colours: u32::from(style.interpolation == Interpolation::Smooth),
        smooth_edge: u32::from(style.edge == Edge::Smooth),
        hatch: u32::from(style.hatch_unseen),
    }
}
