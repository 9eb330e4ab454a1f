//! From plain data to draws on the graphics card, inside egui's render pass or any other.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use eframe::{egui_wgpu, wgpu};

use super::pipelines::{DrawBuffers, PipelineKind, Pipelines};
use super::processor::{Composer, PixelRect};
use super::stage::StageDraw;
use super::store::{Bound, Gpu, PixelTexture, TextureStore};
use super::textures::Pool;
use super::tiles::Part;
use super::uniforms::{PixelsUniform, PlacementUniform, SLOT_BYTES};
use super::window::{WindowDraw, WindowPicture};

/// Who makes the pixels of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawnBy {
    /// The shaders, on whatever runs them.
    Shaders,
    /// The processor, where it can (see [`processor`](super::processor)), and the shaders elsewhere.
    Processor,
}

impl DrawnBy {
    /// The faster one on an adapter: shaders need a graphics card.
    fn fastest(adapter: &wgpu::AdapterInfo) -> Self {
        if adapter.device_type == wgpu::DeviceType::Cpu { Self::Processor } else { Self::Shaders }
    }
}

/// Something to draw, as plain data. Making one is cheap: what it shows is shared, and uploaded once.
#[derive(Clone, Debug)]
pub enum Drawing {
    Stage(StageDraw),
    /// Made for itself by what [`install`] adds to egui.
    Window(WindowDraw),
}

impl From<StageDraw> for Drawing {
    fn from(stage: StageDraw) -> Self {
        Self::Stage(stage)
    }
}

impl From<WindowDraw> for Drawing {
    fn from(window: WindowDraw) -> Self {
        Self::Window(window)
    }
}

impl Drawing {
    /// The shape to add to an egui painter. [`install`] must have been called for the window's render state.
    pub fn into_callback(self) -> egui::PaintCallback {
        let rect = match &self {
            Self::Stage(stage) => stage.clip,
            Self::Window(window) => window.rect,
        };
        egui_wgpu::Callback::new_paint_callback(rect, DrawingCallback { drawing: self, prepared: Mutex::new(None) })
    }
}

/// Builds the pipelines for a window, and tells who draws with them. To be called once, when the application is created.
pub fn install(context: &egui::Context, render_state: &egui_wgpu::RenderState) -> DrawnBy {
    let drawn_by = DrawnBy::fastest(&render_state.adapter.get_info());
    install_drawn_by(context, render_state, drawn_by);
    drawn_by
}

/// The same with a choice of who draws.
pub fn install_drawn_by(context: &egui::Context, render_state: &egui_wgpu::RenderState, drawn_by: DrawnBy) {
    let renderer = Renderer::new(&render_state.device, &render_state.queue, render_state.target_format, drawn_by);
    render_state.renderer.write().callback_resources.insert(renderer);
    if drawn_by == DrawnBy::Processor {
        context.add_plugin(WindowPicture::new(render_state.clone()));
    }
}

struct DrawingCallback {
    drawing: Drawing,
    prepared: Mutex<Option<Prepared>>,
}

impl egui_wgpu::CallbackTrait for DrawingCallback {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &egui_wgpu::ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut egui_wgpu::CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let Some(renderer) = resources.get_mut::<Renderer>() else {
            log::error!("the pipelines of the pictures are not installed; their places stay empty");
            return Vec::new();
        };
        let target = Target { size_px: screen.size_in_pixels, pixels_per_point: screen.pixels_per_point };
        let prepared = renderer.prepare(Gpu { device, queue }, &self.drawing, target);
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
        let (Some(renderer), Ok(slot)) = (resources.get::<Renderer>(), self.prepared.lock()) else { return };
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

impl Target {
    /// Where something lies and what may be seen of it, both given in points.
    pub(super) fn placement(self, whole: egui::Rect, clip: egui::Rect) -> PlacementUniform {
        let pixels = |rect: egui::Rect| {
            [rect.left(), rect.top(), rect.right(), rect.bottom()].map(|edge| edge * self.pixels_per_point)
        };
        PlacementUniform {
            frame_rect: pixels(whole),
            clip_rect: pixels(clip),
            target_size: self.size_px.map(|side| side as f32),
            pixels_per_point: self.pixels_per_point,
            reserved: 0.0,
        }
    }
}

/// The pipelines, and the textures of what was shown lately.
pub(super) struct Renderer {
    pipelines: Arc<Pipelines>,
    /// Made when something is drawn by them for the first time.
    built: HashMap<PipelineKind, wgpu::RenderPipeline>,
    store: TextureStore,
    buffers: Pool<DrawBuffers>,
    composer: Option<Composer>,
    /// The largest place that a stage of this pass covers.
    covered: Option<PixelRect>,
}

/// Draws that are ready to be encoded, and what they need until they are done.
pub(super) struct Prepared {
    target: Target,
    buffers: Arc<DrawBuffers>,
    draws: Vec<Draw>,
    leaves_out: bool,
}

struct Draw {
    pipeline: PipelineKind,
    bound: Bound,
    uniform_offset: u32,
    /// Which of the parts it draws; none: it has no parts.
    parts: Option<Range<u32>>,
}

/// Collects draws and their uniforms.
#[derive(Default)]
pub(super) struct DrawList {
    draws: Vec<Draw>,
    uniforms: Vec<u8>,
    parts: Vec<Part>,
    /// Where a stage covers what these draw, they need not.
    pub leaves_out: bool,
}

impl DrawList {
    /// A draw of one rectangle.
    pub(super) fn push(&mut self, pipeline: PipelineKind, bound: Bound, uniform: impl bytemuck::Pod) {
        self.push_draw(pipeline, bound, uniform, None);
    }

    /// A draw of parts of a map, if there are any.
    pub(super) fn push_parts(
        &mut self,
        pipeline: PipelineKind,
        bound: Bound,
        uniform: impl bytemuck::Pod,
        parts: &[Part],
    ) {
        if !parts.is_empty() {
            let first = self.parts.len() as u32;
            self.parts.extend_from_slice(parts);
            self.push_draw(pipeline, bound, uniform, Some(first..self.parts.len() as u32));
        }
    }

    /// A draw of pixels at their place, on the target of another placement.
    pub(super) fn push_pixels(
        &mut self,
        pixels: Arc<PixelTexture>,
        at: &PixelRect,
        opaque: bool,
        placement: PlacementUniform,
    ) {
        let rect = [at.columns.start, at.rows.start, at.columns.end, at.rows.end].map(|edge| edge as f32);
        self.push(
            PipelineKind::Pixels { opaque },
            Bound::Pixels(pixels),
            PixelsUniform { placement: PlacementUniform { frame_rect: rect, clip_rect: rect, ..placement } },
        );
    }

    fn push_draw(
        &mut self,
        pipeline: PipelineKind,
        bound: Bound,
        uniform: impl bytemuck::Pod,
        parts: Option<Range<u32>>,
    ) {
        let uniform_offset = self.uniforms.len();
        self.uniforms.extend_from_slice(bytemuck::bytes_of(&uniform));
        self.uniforms.resize(uniform_offset + SLOT_BYTES as usize, 0);
        self.draws.push(Draw { pipeline, bound, uniform_offset: uniform_offset as u32, parts });
    }
}

impl Renderer {
    pub(super) fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        target_format: wgpu::TextureFormat,
        drawn_by: DrawnBy,
    ) -> Self {
        let pipelines = Arc::new(Pipelines::new(device, queue, target_format));
        Self {
            store: TextureStore::new(pipelines.clone()),
            pipelines,
            built: HashMap::new(),
            buffers: Pool::new(),
            composer: (drawn_by == DrawnBy::Processor).then(Composer::new),
            covered: None,
        }
    }

    /// Pixels to draw, in a texture that was made to be drawn on, too.
    pub(super) fn bind_pixels(&self, device: &wgpu::Device, texture: wgpu::Texture) -> PixelTexture {
        PixelTexture::of(device, &self.pipelines, texture)
    }

    /// Uploads what is new and writes the uniforms.
    pub(super) fn prepare(&mut self, gpu: Gpu<'_>, drawing: &Drawing, target: Target) -> Prepared {
        let mut list = DrawList::default();
        match drawing {
            Drawing::Stage(stage) => {
                let covered = stage.collect(gpu, &mut self.store, self.composer.as_mut(), target, &mut list);
                let larger = |new: &PixelRect| self.covered.as_ref().is_none_or(|old| old.area() < new.area());
                if let Some(covered) = covered.filter(larger) {
                    self.covered = Some(covered);
                }
            }
            // It lies below all stages, and comes before them.
            Drawing::Window(window) => {
                self.covered = None;
                window.collect(target, &mut list);
            }
        }
        for draw in &list.draws {
            let kind = draw.pipeline;
            self.built.entry(kind).or_insert_with(|| self.pipelines.create(gpu.device, kind));
        }
        let [slots, parts] = [list.draws.len().max(1), list.parts.len()].map(|count| count as u64);
        let buffers = DrawBuffers::take(&mut self.buffers, gpu.device, &self.pipelines, slots, parts);
        if !list.uniforms.is_empty() {
            gpu.queue.write_buffer(&buffers.uniforms, 0, &list.uniforms);
        }
        if !list.parts.is_empty() {
            gpu.queue.write_buffer(&buffers.part_buffer, 0, bytemuck::cast_slice(&list.parts));
        }
        Prepared { target, buffers, draws: list.draws, leaves_out: list.leaves_out }
    }

    /// Encodes the draws. The viewport becomes the whole target: places on it are computed in the vertex shader, so
    /// that a rectangle that reaches out of the target is cut and not squeezed.
    pub(super) fn paint(&self, prepared: &Prepared, pass: &mut wgpu::RenderPass<'_>) {
        let [width, height] = prepared.target.size_px.map(|side| side as f32);
        pass.set_viewport(0.0, 0.0, width, height, 0.0, 1.0);
        for draw in &prepared.draws {
            let Some(pipeline) = self.built.get(&draw.pipeline) else { continue };
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &prepared.buffers.bind_group, &[draw.uniform_offset]);
            pass.set_bind_group(1, draw.bound.bind_group(), &[]);
            if draw.parts.is_some() {
                pass.set_vertex_buffer(0, prepared.buffers.part_buffer.slice(..));
            }
            let instances = draw.parts.clone().unwrap_or(0..1);
            match self.covered.as_ref().filter(|_| prepared.leaves_out) {
                Some(covered) => {
                    for band in PixelRect::whole(prepared.target.size_px).around(covered) {
                        if !band.is_empty() {
                            let [left, top] = [band.columns.start, band.rows.start].map(|edge| edge as u32);
                            let [width, height] = [band.columns.len(), band.rows.len()].map(|side| side as u32);
                            pass.set_scissor_rect(left, top, width, height);
                            pass.draw(0..4, instances.clone());
                        }
                    }
                }
                None => pass.draw(0..4, instances),
            }
        }
    }

    /// Bytes of graphics memory that textures take.
    pub(super) fn used_bytes(&self) -> u64 {
        self.store.used_bytes()
    }
}
