//! `picture.wgsl` for the processor: planes of a frame to rows of red, green and blue.

use std::ops::Range;

use super::super::pipelines::{PictureKind, Sampling, Taps};
use super::super::uniforms::PictureUniform;
use super::{ColourRow, PixelRect};
use crate::media::{Frame, Plane};

/// A picture, ready to be made row by row.
pub(super) struct PictureRows<'a> {
    planes: Vec<PlaneRows<'a>>,
    rgb_from_codes: [[f32; 4]; 3],
}

struct PlaneRows<'a> {
    plane: &'a Plane,
    two_bytes: bool,
    across: Axis,
    down: Axis,
    /// The columns that any pixel needs.
    columns: Range<usize>,
}

/// Room for a row of a plane at its own width, and one of codes a plane.
#[derive(Default)]
pub(super) struct LineSpace {
    line: Vec<f32>,
    codes: [Vec<f32>; 3],
}

/// Along one side of a plane: which samples make a pixel, and by which weights.
struct Axis {
    /// Samples a pixel.
    reach: usize,
    starts: Vec<usize>,
    /// `reach` weights a pixel.
    weights: Vec<f32>,
}

impl Axis {
    /// `places`: the middle of each pixel, in samples; `offsets`: the taps around it, each bilinear between two samples;
    /// `length`: samples along this side.
    fn new(places: &[f32], offsets: &[f32], length: usize) -> Self {
        let share = 1.0 / offsets.len().max(1) as f32;
        let last = length.saturating_sub(1);
        let index = |at: f32| (at.max(0.0) as usize).min(last);
        let pairs = |place: f32| {
            offsets.iter().flat_map(move |offset| {
                let at = place + offset - 0.5;
                let base = at.floor();
                let part = at - base;
                [(index(base), (1.0 - part) * share), (index(base + 1.0), part * share)]
            })
        };
        let bounds =
            |place: f32| pairs(place).fold((last, 0), |(low, high), (index, _)| (low.min(index), high.max(index)));
        let reach = places.iter().map(|place| bounds(*place)).map(|(low, high)| high + 1 - low.min(high)).max();
        let reach = reach.unwrap_or(1).min(length.max(1));
        let mut starts = Vec::with_capacity(places.len());
        let mut weights = vec![0.0; places.len() * reach];
        for (place, weights) in places.iter().zip(weights.chunks_exact_mut(reach)) {
            let start = bounds(*place).0.min(length.max(1) - reach);
            for (index, share) in pairs(*place) {
                if let Some(weight) = weights.get_mut(index - start) {
                    *weight += share;
                }
            }
            starts.push(start);
        }
        Self { reach, starts, weights }
    }

    fn samples(&self) -> Range<usize> {
        let low = self.starts.iter().min().copied().unwrap_or(0);
        low..self.starts.iter().max().copied().unwrap_or(0) + self.reach
    }
}

/// Where the taps of a pixel lie around its middle, for each count that picture.wgsl knows.
fn offsets(kind: PictureKind, first_plane: bool, footprint: f32) -> Vec<f32> {
    match kind.sampling {
        Sampling::Crisp | Sampling::Taps(Taps::One) => vec![0.0],
        Sampling::Taps(Taps::Two) if first_plane => vec![-0.25 * footprint, 0.25 * footprint],
        Sampling::Taps(Taps::Two) => vec![0.0],
        Sampling::Taps(Taps::Many) => {
            let count = (footprint * 0.75 - 0.01).ceil().clamp(1.0, 8.0);
            (0..count as usize).map(|tap| ((tap as f32 + 0.5) / count - 0.5) * footprint).collect()
        }
    }
}

impl<'a> PictureRows<'a> {
    pub(super) fn new(frame: &'a Frame, uniform: &PictureUniform, kind: PictureKind, rect: &PixelRect) -> Self {
        let [left, top, right, bottom] = uniform.placement.frame_rect;
        let texels = |pixels: &Range<usize>, low: f32, high: f32, turned: [f32; 4], axis: usize| -> Vec<f32> {
            let texel = |pixel: usize| {
                let fraction = (pixel as f32 + 0.5 - low) / (high - low);
                let texel = (turned[axis] * fraction + turned[2]) * uniform.size[axis];
                if kind.sampling == Sampling::Crisp { texel.floor() + 0.5 } else { texel }
            };
            pixels.clone().map(texel).collect()
        };
        let middles = [
            texels(&rect.columns, left, right, uniform.source_u, 0),
            texels(&rect.rows, top, bottom, uniform.source_v, 1),
        ];
        let planes = frame.planes.iter().enumerate().map(|(number, plane)| {
            let axis = |axis: usize, length: u32| {
                let (scale, offset) =
                    if number == 0 { (1.0, 0.0) } else { (uniform.chroma_scale[axis], uniform.chroma_offset[axis]) };
                let places: Vec<f32> = middles[axis].iter().map(|middle| middle * scale + offset).collect();
                Axis::new(&places, &offsets(kind, number == 0, uniform.footprint[axis] * scale), length as usize)
            };
            let (across, down) = (axis(0, plane.width), axis(1, plane.height));
            PlaneRows { plane, two_bytes: kind.two_bytes, columns: across.samples(), across, down }
        });
        Self { planes: planes.collect(), rgb_from_codes: uniform.rgb_from_codes }
    }

    /// Row `row` of the pixels.
    #[inline(always)]
    pub(super) fn make_row(&self, row: usize, space: &mut LineSpace, pixels: &mut ColourRow) {
        let LineSpace { line, codes } = space;
        for (plane, codes) in self.planes.iter().zip(codes.iter_mut()) {
            plane.make_row(row, line, codes);
        }
        let ColourRow([red, green, blue, alpha]) = pixels;
        alpha.fill(1.0);
        let [first, second, third] = codes;
        for (channel, of) in [red, green, blue].into_iter().zip(self.rgb_from_codes) {
            if self.planes.len() < 3 {
                for (level, first) in channel.iter_mut().zip(first.iter()) {
                    *level = (of[0] * first + of[3]).clamp(0.0, 1.0);
                }
            } else {
                let codes = first.iter().zip(second.iter()).zip(third.iter());
                for (level, ((first, second), third)) in channel.iter_mut().zip(codes) {
                    *level = (of[0] * first + of[1] * second + of[2] * third + of[3]).clamp(0.0, 1.0);
                }
            }
        }
    }
}

impl PlaneRows<'_> {
    #[inline(always)]
    fn make_row(&self, row: usize, line: &mut Vec<f32>, codes: &mut Vec<f32>) {
        line.clear();
        line.resize(self.columns.len(), 0.0);
        let (start, reach) = (self.down.starts.get(row).copied().unwrap_or(0), self.down.reach);
        let weights = self.down.weights.chunks_exact(reach).nth(row).unwrap_or_default();
        let width = self.plane.width as usize;
        for (sample_row, &weight) in (start..).zip(weights).filter(|(_, weight)| **weight != 0.0) {
            let from = sample_row * width + self.columns.start;
            let bytes = &self.plane.bytes;
            if self.two_bytes {
                let samples = bytes.get(from * 2..(from + line.len()) * 2).unwrap_or_default().chunks_exact(2);
                for (sum, sample) in line.iter_mut().zip(samples) {
                    *sum += weight * f32::from(u16::from_ne_bytes([sample[0], sample[1]]));
                }
            } else {
                let samples = bytes.get(from..from + line.len()).unwrap_or_default();
                for (sum, &sample) in line.iter_mut().zip(samples) {
                    *sum += weight * f32::from(sample);
                }
            }
        }
        codes.resize(self.across.starts.len(), 0.0);
        match self.across.reach {
            1 => self.gather::<1>(line, codes),
            2 => self.gather::<2>(line, codes),
            3 => self.gather::<3>(line, codes),
            4 => self.gather::<4>(line, codes),
            reach => {
                let pixels = self.across.starts.iter().zip(self.across.weights.chunks_exact(reach));
                for (code, (start, weights)) in codes.iter_mut().zip(pixels) {
                    let samples = line.get(start - self.columns.start..).unwrap_or_default();
                    *code = samples.iter().zip(weights).map(|(sample, weight)| sample * weight).sum();
                }
            }
        }
    }

    /// Pixels of `REACH` samples each.
    #[inline(always)]
    fn gather<const REACH: usize>(&self, line: &[f32], codes: &mut [f32]) {
        let (weights, _) = self.across.weights.as_chunks::<REACH>();
        for (code, (start, weights)) in codes.iter_mut().zip(self.across.starts.iter().zip(weights)) {
            let samples = line.get(start - self.columns.start..).and_then(<[f32]>::first_chunk::<REACH>);
            let samples = samples.unwrap_or(&[0.0; REACH]);
            *code = samples.iter().zip(weights).map(|(sample, weight)| sample * weight).sum();
        }
    }
}
