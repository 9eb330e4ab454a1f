//! The render pipelines: from what a draw is to a shader and its constants, and the layouts that they share.

use std::sync::Arc;

use eframe::wgpu;

use super::colormap::Colormap;
use super::textures::{Pool, create_texture, write_texture};
use super::tiles::Part;
use super::uniforms::SLOT_BYTES;

const PLACEMENT: &str = include_str!("../../shaders/placement.wgsl");
const CELLS: &str = include_str!("../../shaders/cells.wgsl");
const PICTURE: &str = include_str!("../../shaders/picture.wgsl");
const OVERLAY: &str = include_str!("../../shaders/overlay.wgsl");
const DIFFERENCE: &str = include_str!("../../shaders/difference.wgsl");
const AGREEMENT: &str = include_str!("../../shaders/agreement.wgsl");
const PIXELS: &str = include_str!("../../shaders/pixels.wgsl");

/// How many samples of a picture's planes make a pixel, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Taps {
    One,
    /// Two of the first plane, one of the others.
    Two,
    /// Counted at each pixel.
    Many,
}

/// How the samples of a picture become pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sampling {
    /// Each is a crisp rectangle.
    Crisp,
    Taps(Taps),
}

/// What is known of a picture before it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PictureKind {
    pub two_bytes: bool,
    pub three_planes: bool,
    pub sampling: Sampling,
}

/// Which pipeline a draw goes through, and whatever its shader would else ask at every pixel of a uniform.
///
/// Renderers on the processor take both ways of a branch at every pixel. And where a condition depends on uniforms
/// alone, Mesa's builds the shader anew for every frame, with their values as constants, and never frees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PipelineKind {
    Picture(PictureKind),
    OverlayFill {
        smooth_colours: bool,
        smooth_edge: bool,
        mapped_colours: bool,
        fainter_outside: bool,
        all_seen: bool,
    },
    OverlayContour {
        smooth_edge: bool,
    },
    Difference {
        smooth_colours: bool,
    },
    Agreement {
        edged: bool,
    },
    /// What the processor has made.
    Pixels {
        opaque: bool,
    },
}

/// A kind of pipeline in terms of its shader.
struct Recipe {
    shader: Shader,
    fragment_entry: &'static str,
    textures: Textures,
    constants: Vec<(&'static str, f64)>,
}

/// The textures that a shader reads.
enum Textures {
    Planes,
    Maps,
}

impl PipelineKind {
    /// Whether every pixel that it draws hides what was there, so that this need not be read.
    fn covers(self) -> bool {
        matches!(self, Self::Picture(_) | Self::Pixels { opaque: true })
    }

    /// Whether it draws parts of a map, each an instance with a [`Part`] of its own; else one whole rectangle.
    fn in_parts(self) -> bool {
        matches!(self, Self::OverlayFill { .. } | Self::OverlayContour { .. })
    }

    fn recipe(self) -> Recipe {
        let told = |name: &'static str, told: bool| (name, f64::from(u8::from(told)));
        let (shader, fragment_entry, textures, constants) = match self {
            Self::Picture(PictureKind { two_bytes, three_planes, sampling }) => {
                let (taps, chroma_taps) = match sampling {
                    Sampling::Crisp | Sampling::Taps(Taps::One) => (1.0, 1.0),
                    Sampling::Taps(Taps::Two) => (2.0, 1.0),
                    Sampling::Taps(Taps::Many) => (0.0, 0.0),
                };
                let constants = vec![
                    told("two_bytes", two_bytes),
                    told("three_planes", three_planes),
                    told("crisp", sampling == Sampling::Crisp),
                    ("taps", taps),
                    ("chroma_taps", chroma_taps),
                ];
                (Shader::Picture, "fragment", Textures::Planes, constants)
            }
            Self::OverlayFill { smooth_colours, smooth_edge, mapped_colours, fainter_outside, all_seen } => {
                let constants = vec![
                    told("smooth_colours", smooth_colours),
                    told("smooth_edge", smooth_edge),
                    told("mapped_colours", mapped_colours),
                    told("fainter_outside", fainter_outside),
                    told("all_seen", all_seen),
                ];
                (Shader::Overlay, "fill", Textures::Maps, constants)
            }
            Self::OverlayContour { smooth_edge } => {
                (Shader::Overlay, "contour", Textures::Maps, vec![told("smooth_edge", smooth_edge)])
            }
            Self::Difference { smooth_colours } => {
                (Shader::Difference, "fragment", Textures::Maps, vec![told("smooth_colours", smooth_colours)])
            }
            Self::Agreement { edged } => (Shader::Agreement, "fragment", Textures::Maps, vec![told("edged", edged)]),
            Self::Pixels { .. } => (Shader::Pixels, "fragment", Textures::Planes, Vec::new()),
        };
        Recipe { shader, fragment_entry, textures, constants }
    }
}

/// The shaders, in the order of [`SHADERS`].
#[derive(Clone, Copy)]
enum Shader {
    Picture,
    Overlay,
    Difference,
    Agreement,
    Pixels,
}

/// Of each shader its name and the files that it is joined of.
const SHADERS: [(&str, &[&str]); 5] = [
    ("picture", &[PLACEMENT, PICTURE]),
    ("overlay", &[PLACEMENT, CELLS, OVERLAY]),
    ("difference", &[PLACEMENT, CELLS, DIFFERENCE]),
    ("agreement", &[PLACEMENT, CELLS, AGREEMENT]),
    ("pixels", &[PLACEMENT, PIXELS]),
];

pub(super) struct Pipelines {
    target_format: wgpu::TextureFormat,
    shaders: [wgpu::ShaderModule; SHADERS.len()],
    uniform_layout: wgpu::BindGroupLayout,
    planes_layout: wgpu::BindGroupLayout,
    maps_layout: wgpu::BindGroupLayout,
    bilinear: wgpu::Sampler,
    nearest: wgpu::Sampler,
    colormaps: wgpu::TextureView,
}

impl Pipelines {
    /// `target_format` should be a format without sRGB conversion: all colours here are sRGB codes, as egui's.
    pub(super) fn new(device: &wgpu::Device, queue: &wgpu::Queue, target_format: wgpu::TextureFormat) -> Self {
        let uniform_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("stage uniforms"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: wgpu::BufferSize::new(SLOT_BYTES),
                },
                count: None,
            }],
        });
        let filterable = wgpu::TextureSampleType::Float { filterable: true };
        let planes_layout = textures_layout(device, "picture planes", [filterable; 3]);
        let maps_layout = textures_layout(
            device,
            "score maps",
            [wgpu::TextureSampleType::Uint, wgpu::TextureSampleType::Uint, filterable],
        );
        let (atlas_size, atlas) = Colormap::atlas();
        let colormaps = create_texture(
            device,
            "colour maps",
            [atlas_size.width, atlas_size.height],
            wgpu::TextureFormat::Rgba8Unorm,
        );
        write_texture(queue, &colormaps, 4, &atlas);
        let bilinear = device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("bilinear"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            ..Default::default()
        });
        let nearest = device.create_sampler(&wgpu::SamplerDescriptor { label: Some("nearest"), ..Default::default() });
        Self {
            target_format,
            shaders: SHADERS.map(|(name, sources)| create_shader(device, name, sources)),
            uniform_layout,
            planes_layout,
            maps_layout,
            bilinear,
            nearest,
            colormaps: colormaps.create_view(&wgpu::TextureViewDescriptor::default()),
        }
    }

    /// A pipeline that draws a strip of four vertices and blends premultiplied colours, as egui does.
    pub(super) fn create(&self, device: &wgpu::Device, kind: PipelineKind) -> wgpu::RenderPipeline {
        let Recipe { shader, fragment_entry, textures, constants } = kind.recipe();
        let (label, module) = (SHADERS[shader as usize].0, &self.shaders[shader as usize]);
        let textures = match textures {
            Textures::Planes => &self.planes_layout,
            Textures::Maps => &self.maps_layout,
        };
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(label),
            bind_group_layouts: &[Some(&self.uniform_layout), Some(textures)],
            immediate_size: 0,
        });
        device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some(label),
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module,
                entry_point: Some("vertex"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: if kind.in_parts() { &[Some(PART_LAYOUT)] } else { &[] },
            },
            primitive: wgpu::PrimitiveState { topology: wgpu::PrimitiveTopology::TriangleStrip, ..Default::default() },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module,
                entry_point: Some(fragment_entry),
                compilation_options: wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() },
                targets: &[Some(wgpu::ColorTargetState {
                    format: self.target_format,
                    blend: (!kind.covers()).then_some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                    write_mask: wgpu::ColorWrites::ALL,
                })],
            }),
            multiview_mask: None,
            cache: None,
        })
    }

    pub(super) fn bind_planes(&self, device: &wgpu::Device, planes: [&wgpu::TextureView; 3]) -> wgpu::BindGroup {
        self.bind_textures(device, &self.planes_layout, planes)
    }

    pub(super) fn bind_maps(&self, device: &wgpu::Device, maps: [&wgpu::TextureView; 2]) -> wgpu::BindGroup {
        self.bind_textures(device, &self.maps_layout, [maps[0], maps[1], &self.colormaps])
    }

    fn bind_textures(
        &self,
        device: &wgpu::Device,
        layout: &wgpu::BindGroupLayout,
        views: [&wgpu::TextureView; 3],
    ) -> wgpu::BindGroup {
        let texture = |binding: usize| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: wgpu::BindingResource::TextureView(views[binding]),
        };
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout,
            entries: &[
                texture(0),
                texture(1),
                texture(2),
                wgpu::BindGroupEntry { binding: 3, resource: wgpu::BindingResource::Sampler(&self.bilinear) },
                wgpu::BindGroupEntry { binding: 4, resource: wgpu::BindingResource::Sampler(&self.nearest) },
            ],
        })
    }

    /// Room for the uniforms of `slots` draws and for `parts` parts of maps.
    fn create_buffers(&self, device: &wgpu::Device, slots: u64, parts: u64) -> DrawBuffers {
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("stage uniforms"),
            size: slots * SLOT_BYTES,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("stage uniforms"),
            layout: &self.uniform_layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &uniforms,
                    offset: 0,
                    size: wgpu::BufferSize::new(SLOT_BYTES),
                }),
            }],
        });
        let part_buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("stage parts"),
            size: parts * size_of::<Part>() as u64,
            usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        DrawBuffers { uniforms, bind_group, slots, part_buffer, parts }
    }
}

/// What the draws of one stage read: uniforms, [`SLOT_BYTES`] apart, and parts of maps.
pub(super) struct DrawBuffers {
    pub uniforms: wgpu::Buffer,
    pub bind_group: wgpu::BindGroup,
    slots: u64,
    pub part_buffer: wgpu::Buffer,
    parts: u64,
}

impl DrawBuffers {
    /// Room for the uniforms of `slots` draws and for `parts` parts of maps, from the pool where there is such.
    pub(super) fn take(
        pool: &mut Pool<Self>,
        device: &wgpu::Device,
        pipelines: &Pipelines,
        slots: u64,
        parts: u64,
    ) -> Arc<Self> {
        let fits = |buffers: &Self| buffers.slots >= slots && buffers.parts >= parts;
        pool.take(fits, || {
            pipelines.create_buffers(device, slots.next_multiple_of(8), parts.max(1).next_power_of_two())
        })
    }
}

/// Of an instance: [`Part::rect`] and [`Part::strength`].
const PART_LAYOUT: wgpu::VertexBufferLayout<'_> = wgpu::VertexBufferLayout {
    array_stride: size_of::<Part>() as u64,
    step_mode: wgpu::VertexStepMode::Instance,
    attributes: &wgpu::vertex_attr_array![0 => Float32x4, 1 => Float32],
};

fn textures_layout(
    device: &wgpu::Device,
    label: &str,
    sample_types: [wgpu::TextureSampleType; 3],
) -> wgpu::BindGroupLayout {
    let texture = |binding: usize| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Texture {
            sample_type: sample_types[binding],
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
        count: None,
    };
    let sampler = |binding: u32, kind: wgpu::SamplerBindingType| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Sampler(kind),
        count: None,
    };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(label),
        entries: &[
            texture(0),
            texture(1),
            texture(2),
            sampler(3, wgpu::SamplerBindingType::Filtering),
            sampler(4, wgpu::SamplerBindingType::NonFiltering),
        ],
    })
}

fn create_shader(device: &wgpu::Device, name: &str, sources: &[&str]) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(sources.concat().into()),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::offscreen::{Offscreen, block_on};
    use super::*;

    #[test]
    fn every_shader_file_is_valid_and_says_what_it_is() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
        let parts = ["placement", "cells"];
        let named: BTreeSet<_> =
            SHADERS.iter().map(|(name, _)| *name).chain(parts).map(|name| format!("{name}.wgsl")).collect();
        let mut there = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(std::fs::read_to_string(&path).unwrap().starts_with("// "), "{} has no header", path.display());
            there.insert(path.file_name().unwrap().to_string_lossy().into_owned());
        }
        assert_eq!(there, named);

        let offscreen = Offscreen::new().unwrap();
        for (name, sources) in SHADERS {
            let scope = offscreen.device().push_error_scope(wgpu::ErrorFilter::Validation);
            let _module = create_shader(offscreen.device(), name, sources);
            let error = block_on(scope.pop());
            assert!(error.is_none(), "{name}.wgsl: {error:?}");
        }
    }

    #[test]
    fn no_shader_asks_a_uniform_which_way_to_go() {
        for (name, sources) in SHADERS {
            let uniform = format!("{name}.");
            for line in sources.concat().lines().map(|line| line.split("//").next().unwrap_or_default()) {
                let asks = ["if (", "for (", "while ("].iter().any(|word| line.contains(word));
                assert!(!(asks && line.contains(&uniform)), "{name}.wgsl: {line}");
            }
        }
    }
}
