//! Drawing into memory, without a window, through the pipelines of the window.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use eframe::wgpu;

use super::renderer::{Drawing, DrawnBy, Renderer, Target};
use super::store::Gpu;
use super::textures::create_texture_for;
use crate::geometry::Size;

/// How long a picture may take. A software rasterizer under load is slow; a lost device never answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error(
        "no graphics adapter was found ({reason}). Without a graphics card a software one does: on Debian and Ubuntu, \
         the packages libvulkan1 and mesa-vulkan-drivers"
    )]
    NoAdapter { reason: String },
    #[error("the graphics adapter {adapter} gives no device: {reason}")]
    NoDevice { adapter: String, reason: String },
    #[error("a picture of {width}×{height} pixels is outside of what {adapter} can draw, 1 to {limit} a side")]
    Size { width: u32, height: u32, limit: u32, adapter: String },
    #[error("the graphics device {adapter} failed while drawing: {reason}")]
    Device { adapter: String, reason: String },
}

/// Rows of red, green, blue and alpha from top to bottom, four bytes a pixel, alpha not premultiplied with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgba8Image {
    pub size: Size,
    pub pixels: Vec<u8>,
}

impl Rgba8Image {
    /// The pixel at a place, `None` outside.
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 4]> {
        if x >= self.size.width || y >= self.size.height {
            return None;
        }
        let start = (y as usize * self.size.width as usize + x as usize) * 4;
        self.pixels.get(start..start + 4)?.try_into().ok()
    }
}

/// A graphics device of its own, for stills, video export and tests.
pub struct Offscreen {
    device: wgpu::Device,
    queue: wgpu::Queue,
    adapter: wgpu::AdapterInfo,
    renderer: Renderer,
}

impl Offscreen {
    /// Takes the adapter that `WGPU_BACKEND` and `WGPU_POWER_PREF` lead to, a software one if there is no other.
    pub fn new() -> Result<Self, RenderError> {
        Self::of(wgpu::InstanceDescriptor::new_without_display_handle_from_env())
    }

    fn of(descriptor: wgpu::InstanceDescriptor) -> Result<Self, RenderError> {
        let instance = wgpu::Instance::new(descriptor);
        let wanted = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::from_env().unwrap_or(wgpu::PowerPreference::HighPerformance),
            ..Default::default()
        };
        let adapter = block_on(instance.request_adapter(&wanted))
            .map_err(|error| RenderError::NoAdapter { reason: error.to_string() })?;
        let info = adapter.get_info();
        let limits = wgpu::Limits {
            max_texture_dimension_2d: adapter.limits().max_texture_dimension_2d,
            ..wgpu::Limits::downlevel_webgl2_defaults()
        };
        let descriptor =
            wgpu::DeviceDescriptor { label: Some("offscreen"), required_limits: limits, ..Default::default() };
        let (device, queue) = block_on(adapter.request_device(&descriptor))
            .map_err(|error| RenderError::NoDevice { adapter: info.name.clone(), reason: error.to_string() })?;
        let renderer = Renderer::new(&device, &queue, TARGET_FORMAT, DrawnBy::Shaders);
        Ok(Self { device, queue, adapter: info, renderer })
    }

    /// The same with stages made by the shaders (as it is at first) or by the processor.
    pub fn drawn_by(mut self, drawn_by: DrawnBy) -> Self {
        self.renderer = Renderer::new(&self.device, &self.queue, TARGET_FORMAT, drawn_by);
        self
    }

    /// Name and backend of the adapter that draws.
    pub fn adapter_name(&self) -> String {
        format!("{} ({})", self.adapter.name, self.adapter.backend)
    }

    #[cfg(test)]
    pub(super) fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// True when the processor draws.
    pub fn is_software(&self) -> bool {
        self.adapter.device_type == wgpu::DeviceType::Cpu
    }

    /// Bytes of graphics memory that the pictures and maps shown lately take.
    pub fn texture_bytes(&self) -> u64 {
        self.renderer.used_bytes()
    }

    /// Draws one thing over another on a plain background. One point of theirs is `pixels_per_point` pixels.
    pub fn render(
        &mut self,
        drawings: &[Drawing],
        size: Size,
        pixels_per_point: f32,
        background: [u8; 4],
    ) -> Result<Rgba8Image, RenderError> {
        let texture = self.create_target(size)?;
        let encoder = self.encode(drawings, &texture, pixels_per_point, background);
        self.read_back(encoder, &texture, size)
    }

    /// The processor time that it takes from plain data to a finished command buffer, uploads included: what a window
    /// spends on these drawings each frame. Waits for the graphics device before and after, outside of that time.
    pub fn time_encoding(
        &mut self,
        drawings: &[Drawing],
        size: Size,
        pixels_per_point: f32,
    ) -> Result<Duration, RenderError> {
        let texture = self.create_target(size)?;
        let started = Instant::now();
        let commands = self.encode(drawings, &texture, pixels_per_point, [0; 4]).finish();
        let taken = started.elapsed();
        let submission = self.queue.submit([commands]);
        self.wait_for(submission)?;
        Ok(taken)
    }

    fn encode(
        &mut self,
        drawings: &[Drawing],
        texture: &wgpu::Texture,
        pixels_per_point: f32,
        background: [u8; 4],
    ) -> wgpu::CommandEncoder {
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let target = Target { size_px: [texture.width(), texture.height()], pixels_per_point };
        let gpu = Gpu { device: &self.device, queue: &self.queue };
        let prepared: Vec<_> = drawings.iter().map(|drawing| self.renderer.prepare(gpu, drawing, target)).collect();

        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let [red, green, blue, alpha] = background.map(|code| f64::from(code) / 255.0);
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("offscreen"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color {
                        r: red * alpha,
                        g: green * alpha,
                        b: blue * alpha,
                        a: alpha,
                    }),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        });
        for drawing in &prepared {
            self.renderer.paint(drawing, &mut pass);
        }
        drop(pass);
        encoder
    }

    fn create_target(&self, size: Size) -> Result<wgpu::Texture, RenderError> {
        let limit = self.device.limits().max_texture_dimension_2d;
        let Size { width, height } = size;
        if ![width, height].iter().all(|side| (1..=limit).contains(side)) {
            return Err(RenderError::Size { width, height, limit, adapter: self.adapter_name() });
        }
        let usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC;
        Ok(create_texture_for(&self.device, "offscreen target", [width, height], TARGET_FORMAT, usage))
    }

    fn wait_for(&self, submission: wgpu::SubmissionIndex) -> Result<(), RenderError> {
        self.device
            .poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(PATIENCE) })
            .map_err(|error| self.failed(error))?;
        Ok(())
    }

    fn failed(&self, error: impl std::fmt::Display) -> RenderError {
        RenderError::Device { adapter: self.adapter_name(), reason: error.to_string() }
    }

    /// Submits what is encoded and waits for the pixels of `texture`.
    fn read_back(
        &self,
        mut encoder: wgpu::CommandEncoder,
        texture: &wgpu::Texture,
        size: Size,
    ) -> Result<Rgba8Image, RenderError> {
        let row_bytes = size.width * 4;
        let padded_row_bytes = row_bytes.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("offscreen pixels"),
            size: u64::from(padded_row_bytes) * u64::from(size.height),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(padded_row_bytes),
                    rows_per_image: None,
                },
            },
            texture.size(),
        );
        let submission = self.queue.submit([encoder.finish()]);
        let (sender, mapped) = mpsc::channel();
        buffer.map_async(wgpu::MapMode::Read, .., move |result| drop(sender.send(result)));
        self.wait_for(submission)?;
        let mapping = mapped.recv_timeout(PATIENCE).map_err(|error| self.failed(error))?;
        mapping.map_err(|error| self.failed(error))?;
        let bytes = buffer.get_mapped_range(..).map_err(|error| self.failed(error))?;
        let mut pixels = Vec::with_capacity(row_bytes as usize * size.height as usize);
        for row in bytes.chunks_exact(padded_row_bytes as usize) {
            pixels.extend_from_slice(&row[..row_bytes as usize]);
        }
        undo_premultiplication(&mut pixels);
        Ok(Rgba8Image { size, pixels })
    }
}

/// Without sRGB conversion: colours are sRGB codes all the way, and blended as such, as egui does.
const TARGET_FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

fn undo_premultiplication(pixels: &mut [u8]) {
    for pixel in pixels.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        if alpha != 0 && alpha != 255 {
            for channel in &mut pixel[..3] {
                *channel = ((u32::from(*channel) * 255 + alpha / 2) / alpha).min(255) as u8;
            }
        }
    }
}

/// wgpu's futures are ready at once outside of browsers.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_adapter_the_error_says_what_to_install() {
        let nothing = wgpu::InstanceDescriptor {
            backends: wgpu::Backends::empty(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        };
        let message = Offscreen::of(nothing).err().unwrap().to_string();
        assert!(message.contains("no graphics adapter") && message.contains("mesa-vulkan-drivers"), "{message}");
    }

    #[test]
    fn colours_come_back_from_premultiplied_ones() {
        let mut pixels = [64, 0, 128, 128, 9, 9, 9, 255, 0, 0, 0, 0];
        undo_premultiplication(&mut pixels);
        assert_eq!(pixels, [128, 0, 255, 128, 9, 9, 9, 255, 0, 0, 0, 0]);
    }
}
