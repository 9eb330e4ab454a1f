//! A stage made by the processor, for machines without a graphics card: picture and overlays row by row, and one texture
//! that takes them to the screen.
//!
//! Mesa runs the shaders there, too, but asks at every pixel what a row of pixels or a whole cell has in common. In here
//! every formula is that of a shader, from the same uniforms and the same parts of maps; a test holds the two to each
//! other. What to draw is decided elsewhere, and what has no counterpart in here is left to the shaders.

mod cells;
mod overlay;
mod picture;

use std::ops::Range;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::pipelines::PictureKind;
use super::stage::OverlayPass;
use super::store::can_be_drawn;
use super::uniforms::{PictureUniform, PlacementUniform};
use crate::media::Frame;
use overlay::OverlayRows;
use picture::PictureRows;

/// What is to be made into pixels.
pub(super) struct Scene<'a> {
    pub placement: PlacementUniform,
    pub picture: Option<(&'a Frame, PictureUniform, PictureKind)>,
    /// The lowest first.
    pub passes: &'a [OverlayPass],
}

/// Whether the picture can be made here: one that is not shown on its side.
pub(super) fn can_make(frame: &Frame) -> bool {
    !frame.orientation.swaps_sides() && can_be_drawn(frame)
}

/// Whole pixels of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PixelRect {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

impl PixelRect {
    /// The pixels of the target whose centres lie in what of the frame can be seen.
    fn visible(placement: &PlacementUniform) -> Self {
        let [frame, clip] = [placement.frame_rect, placement.clip_rect];
        let along = |axis: usize| {
            let edge = |at: f32| (at - 0.5).ceil().clamp(0.0, placement.target_size[axis]) as usize;
            let (start, end) = (edge(frame[axis].max(clip[axis])), edge(frame[axis + 2].min(clip[axis + 2])));
            start..end.max(start)
        };
        Self { columns: along(0), rows: along(1) }
    }

    fn is_empty(&self) -> bool {
        self.columns.is_empty() || self.rows.is_empty()
    }
}

/// A colour premultiplied by its opacity, which comes last.
type Colour = [f32; 4];

/// Rows that one thread makes at a time.
const ROWS_AT_ONCE: usize = 16;

/// What the drawing threads share, and the pixels made last.
pub(super) struct Composer {
    /// `None`: this thread does it all.
    threads: Option<rayon::ThreadPool>,
    pixels: Vec<u8>,
}

impl Composer {
    pub(super) fn new() -> Self {
        let threads = rayon::ThreadPoolBuilder::new().thread_name(|number| format!("drawing {number}")).build();
        if let Err(error) = &threads {
            log::warn!("one thread alone makes the pictures: {error}");
        }
        Self { threads: threads.ok(), pixels: Vec::new() }
    }

    /// The pixels of a scene, red, green, blue and opacity a byte each, colours premultiplied; row by row. `None` where
    /// nothing of it can be seen.
    pub(super) fn compose(&mut self, scene: &Scene<'_>) -> Option<(PixelRect, &[u8])> {
        let rect = PixelRect::visible(&scene.placement);
        if rect.is_empty() {
            return None;
        }
        let picture =
            scene.picture.as_ref().map(|(frame, uniform, kind)| PictureRows::new(frame, uniform, *kind, &rect));
        let overlays: Vec<OverlayRows<'_>> = scene.passes.iter().map(|pass| OverlayRows::new(pass, &rect)).collect();
        let width = rect.columns.len();
        self.pixels.resize(width * rect.rows.len() * 4, 0);
        let pixels = &mut self.pixels;
        let mut make = || {
            pixels.par_chunks_mut(width * 4 * ROWS_AT_ONCE).enumerate().for_each_init(
                || RowSpace::new(width, overlays.len()),
                |space, (block, pixels)| {
                    for (row, pixels) in pixels.chunks_exact_mut(width * 4).enumerate() {
                        space.make_row(block * ROWS_AT_ONCE + row, &rect, picture.as_ref(), &overlays, pixels);
                    }
                },
            );
        };
        match &self.threads {
            Some(threads) => threads.install(make),
            None => make(),
        }
        Some((rect, &self.pixels))
    }
}

/// Room for one row.
struct RowSpace {
    /// The overlays over one another.
    layer: Vec<Colour>,
    below: Vec<Colour>,
    noise: Vec<f32>,
    picture: picture::LineSpace,
    /// Of each overlay.
    lines: Vec<overlay::LineSpace>,
}

impl RowSpace {
    /// Room for rows of `width` pixels with so many overlays.
    fn new(width: usize, overlays: usize) -> Self {
        Self {
            layer: vec![[0.0; 4]; width],
            below: vec![[0.0; 4]; width],
            noise: Vec::with_capacity(width),
            picture: picture::LineSpace::default(),
            lines: (0..overlays).map(|_| overlay::LineSpace::default()).collect(),
        }
    }

    fn make_row(
        &mut self,
        row: usize,
        rect: &PixelRect,
        picture: Option<&PictureRows<'_>>,
        overlays: &[OverlayRows<'_>],
        pixels: &mut [u8],
    ) {
        let Self { layer, below, noise, .. } = self;
        layer.fill([0.0; 4]);
        let mut drawn_on = false;
        for (overlay, line) in overlays.iter().zip(&mut self.lines) {
            drawn_on |= overlay.draw_row(row, line, layer);
        }
        if let Some(picture) = picture {
            picture.make_row(row, &mut self.picture, below);
        }
        let (pixels, _) = pixels.as_chunks_mut::<4>();
        if !drawn_on {
            for (pixel, below) in pixels.iter_mut().zip(below) {
                *pixel = codes(*below);
            }
            return;
        }
        let y = (rect.rows.start + row) as f32 + 0.5;
        noise.clear();
        noise.extend(rect.columns.clone().map(|column| cells::dither(column as f32 + 0.5, y)));
        for (((pixel, below), above), &noise) in pixels.iter_mut().zip(below).zip(layer).zip(noise.iter()) {
            let noise = if above[3] > FAINTEST_DITHERED { noise } else { 0.0 };
            let through = 1.0 - above[3];
            let mut colour: Colour = std::array::from_fn(|channel| above[channel] + below[channel] * through);
            let alpha = colour[3];
            for channel in &mut colour[..3] {
                *channel = (*channel + noise).max(0.0).min(alpha);
            }
            *pixel = codes(colour);
        }
    }
}

/// Opacity below which nothing is dithered, as in overlay.wgsl.
const FAINTEST_DITHERED: f32 = 0.004;

/// The nearest bytes to levels of 0..1.
fn codes(colour: Colour) -> [u8; 4] {
    colour.map(|level| (level * 255.0 + cells::ROUNDS).to_bits() as u8)
}
