//! What the graphics card holds of pictures and maps.

use std::sync::Arc;

use eframe::wgpu;

use super::pipelines::Pipelines;
use super::textures::{Pool, SourceCache, create_texture, write_texture};
use super::tiles::MapTiles;
use crate::heatmap::Grid;
use crate::media::{Frame, Plane};

/// Graphics memory that pictures may take together, in bytes. One picture larger than this is still shown.
const PICTURE_BUDGET_BYTES: u64 = 96 << 20;
/// Graphics memory that score maps may take together, in bytes.
const MAP_BUDGET_BYTES: u64 = 48 << 20;

/// Score maps whose tiles are kept; those of one take some kilobytes.
const MAPS_TILED: u64 = 512;

/// The device and its queue.
#[derive(Clone, Copy)]
pub(super) struct Gpu<'a> {
    pub device: &'a wgpu::Device,
    pub queue: &'a wgpu::Queue,
}

impl Gpu<'_> {
    fn texture_limit(self) -> u32 {
        self.device.limits().max_texture_dimension_2d
    }

    /// Whether a map is no larger than a texture can be.
    fn can_hold(self, map: &Grid) -> bool {
        let limit = self.texture_limit() as usize;
        let held = map.columns().max(map.rows()) <= limit;
        if !held {
            log::warn!("a map of {}×{} cells cannot be drawn here (limit {limit})", map.columns(), map.rows());
        }
        held
    }
}

/// Textures of what was shown lately, uploaded when first asked for.
pub(super) struct TextureStore {
    pipelines: Arc<Pipelines>,
    pictures: SourceCache<Frame, PictureTextures>,
    maps: SourceCache<Grid, MapTexture>,
    tiles: SourceCache<Grid, MapTiles>,
    pixels: Pool<PixelTexture>,
}

/// Textures bound for a draw, kept from being written anew until it is done.
pub(super) enum Bound {
    Picture(Arc<PictureTextures>),
    Map(Arc<MapTexture>),
    Pixels(Arc<PixelTexture>),
    Pair { bind_group: wgpu::BindGroup, _maps: [Arc<MapTexture>; 2] },
}

impl Bound {
    pub(super) fn bind_group(&self) -> &wgpu::BindGroup {
        match self {
            Self::Picture(picture) => &picture.bind_group,
            Self::Map(map) => &map.bind_group,
            Self::Pixels(pixels) => &pixels.bind_group,
            Self::Pair { bind_group, .. } => bind_group,
        }
    }
}

pub(super) struct PictureTextures {
    spec: PictureSpec,
    planes: Vec<wgpu::Texture>,
    bind_group: wgpu::BindGroup,
}

pub(super) struct MapTexture {
    texture: wgpu::Texture,
    view: wgpu::TextureView,
    bind_group: wgpu::BindGroup,
}

impl TextureStore {
    pub(super) fn new(pipelines: Arc<Pipelines>) -> Self {
        Self {
            pipelines,
            pictures: SourceCache::new(PICTURE_BUDGET_BYTES),
            maps: SourceCache::new(MAP_BUDGET_BYTES),
            tiles: SourceCache::new(MAPS_TILED),
            pixels: Pool::new(),
        }
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let texels = |held: &PixelTexture| u64::from(held.texture.width()) * u64::from(held.texture.height());
        let pixels = self.pixels.iter().map(|held| 4 * texels(held)).sum::<u64>();
        self.pictures.used_bytes() + self.maps.used_bytes() + pixels
    }

    /// The planes of a frame; `None` if they are not such as can be drawn.
    pub(super) fn picture(&mut self, gpu: Gpu<'_>, frame: &Arc<Frame>) -> Option<Arc<PictureTextures>> {
        let Some(spec) = PictureSpec::of(frame, gpu.texture_limit()) else {
            log::warn!("frame {} is not made of planes that can be drawn", frame.index);
            return None;
        };
        let pipelines = &self.pipelines;
        let textures = self.pictures.get_or_insert(
            frame,
            spec.bytes(),
            |old| old.spec == spec,
            |old| {
                let textures = old.unwrap_or_else(|| PictureTextures::new(gpu, pipelines, spec.clone()));
                for (texture, plane) in textures.planes.iter().zip(&frame.planes) {
                    if spec.shrink == 1 {
                        write_texture(gpu.queue, texture, spec.sample_bytes, &plane.bytes);
                    } else {
                        let samples = thinned_out(plane, frame.sample_bytes(), spec.shrink as usize);
                        write_texture(gpu.queue, texture, spec.sample_bytes, &samples);
                    }
                }
                textures
            },
        );
        Some(textures)
    }

    /// Where in a score map the edges of its positive area can be; `None` if it cannot be drawn.
    pub(super) fn tiles(&mut self, gpu: Gpu<'_>, map: &Arc<Grid>) -> Option<Arc<MapTiles>> {
        if !gpu.can_hold(map) {
            return None;
        }
        Some(self.tiles.get_or_insert(map, 1, |_| false, |_| MapTiles::of(map)))
    }

    /// A score map; `None` if it is larger than a texture can be.
    pub(super) fn map(&mut self, gpu: Gpu<'_>, map: &Arc<Grid>) -> Option<Arc<MapTexture>> {
        if !gpu.can_hold(map) {
            return None;
        }
        let size = [map.columns() as u32, map.rows() as u32];
        let pipelines = &self.pipelines;
        let texture = self.maps.get_or_insert(
            map,
            size_of_val(map.values()) as u64,
            |old| [old.texture.width(), old.texture.height()] == size,
            |old| {
                let map_texture = old.unwrap_or_else(|| MapTexture::new(gpu, pipelines, size));
                write_texture(gpu.queue, &map_texture.texture, 4, bytemuck::cast_slice(map.values()));
                map_texture
            },
        );
        Some(texture)
    }

    /// Pixels that the processor has made, four bytes each.
    pub(super) fn pixels(&mut self, gpu: Gpu<'_>, size: [u32; 2], bytes: &[u8]) -> Arc<PixelTexture> {
        let fits = |held: &PixelTexture| held.size() == size;
        let texture = self.pixels.take(fits, || PixelTexture::new(gpu, &self.pipelines, size));
        write_texture(gpu.queue, &texture.texture, 4, bytes);
        texture
    }

    /// Two maps for one draw.
    pub(super) fn pair(&mut self, gpu: Gpu<'_>, first: &Arc<Grid>, second: &Arc<Grid>) -> Option<Bound> {
        let maps = [self.map(gpu, first)?, self.map(gpu, second)?];
        let bind_group = self.pipelines.bind_maps(gpu.device, [&maps[0].view, &maps[1].view]);
        Some(Bound::Pair { bind_group, _maps: maps })
    }
}

/// The textures that a picture takes.
#[derive(Clone, PartialEq, Eq)]
struct PictureSpec {
    sizes: Vec<[u32; 2]>,
    sample_bytes: u32,
    /// Every how manyth sample of the planes is taken, across and down.
    shrink: u32,
}

/// Whether a frame is made of planes that can be drawn.
pub(super) fn can_be_drawn(frame: &Frame) -> bool {
    PictureSpec::of(frame, u32::MAX).is_some()
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

impl PictureTextures {
    fn new(gpu: Gpu<'_>, pipelines: &Pipelines, spec: PictureSpec) -> Self {
        let format = if spec.sample_bytes == 2 { wgpu::TextureFormat::Rg8Unorm } else { wgpu::TextureFormat::R8Unorm };
        let planes: Vec<_> =
            spec.sizes.iter().map(|&size| create_texture(gpu.device, "picture plane", size, format)).collect();
        let views: Vec<_> =
            planes.iter().map(|plane| plane.create_view(&wgpu::TextureViewDescriptor::default())).collect();
        let view = |index: usize| &views[index.min(views.len() - 1)];
        let bind_group = pipelines.bind_planes(gpu.device, [view(0), view(1), view(2)]);
        Self { spec, planes, bind_group }
    }

    /// Every how manyth sample of the planes was uploaded, across and down.
    pub(super) fn shrink(&self) -> u32 {
        self.spec.shrink
    }
}

#[derive(Debug)]
pub(super) struct PixelTexture {
    texture: wgpu::Texture,
    bind_group: wgpu::BindGroup,
}

impl PixelTexture {
    fn new(gpu: Gpu<'_>, pipelines: &Pipelines, size: [u32; 2]) -> Self {
        let texture = create_texture(gpu.device, "pixels", size, wgpu::TextureFormat::Rgba8Unorm);
        Self::of(gpu.device, pipelines, texture)
    }

    pub(super) fn of(device: &wgpu::Device, pipelines: &Pipelines, texture: wgpu::Texture) -> Self {
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let bind_group = pipelines.bind_planes(device, [&view; 3]);
        Self { texture, bind_group }
    }

    /// Width and height.
    pub(super) fn size(&self) -> [u32; 2] {
        [self.texture.width(), self.texture.height()]
    }
}

impl MapTexture {
    fn new(gpu: Gpu<'_>, pipelines: &Pipelines, size: [u32; 2]) -> Self {
        let texture = create_texture(gpu.device, "score map", size, wgpu::TextureFormat::R32Uint);
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let bind_group = pipelines.bind_maps(gpu.device, [&view, &view]);
        Self { texture, view, bind_group }
    }
}
