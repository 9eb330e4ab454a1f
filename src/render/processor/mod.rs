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
    /// A whole target.
    pub(super) fn whole([width, height]: [u32; 2]) -> Self {
        Self { columns: 0..width as usize, rows: 0..height as usize }
    }

    pub(super) fn area(&self) -> usize {
        self.columns.len() * self.rows.len()
    }

    /// What is left of it around another one that lies in it: above, left, right and below.
    pub(super) fn around(&self, inner: &Self) -> [Self; 4] {
        let (columns, rows) = (&inner.columns, &inner.rows);
        let bands = |columns: &Range<usize>, rows: Range<usize>| Self { columns: columns.clone(), rows };
        [
            bands(&self.columns, self.rows.start..rows.start),
            bands(&(self.columns.start..columns.start), rows.clone()),
            bands(&(columns.end..self.columns.end), rows.clone()),
            bands(&self.columns, rows.end..self.rows.end),
        ]
    }

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

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty() || self.rows.is_empty()
    }
}

/// A colour premultiplied by its opacity, which comes last.
type Colour = [f32; 4];

/// A row of such colours, channel by channel: several pixels are then mixed at once.
struct ColourRow([Vec<f32>; 4]);

impl ColourRow {
    fn new(width: usize) -> Self {
        Self(std::array::from_fn(|_| vec![0.0; width]))
    }

    fn clear(&mut self) {
        self.0.iter_mut().for_each(|channel| channel.fill(0.0));
    }

    /// Draws other pixels over some that are there.
    #[inline(always)]
    fn draw(&mut self, pixels: Range<usize>, above: &Self) {
        for (below, row) in self.0.iter_mut().zip(&above.0) {
            let below = below.get_mut(pixels.clone()).unwrap_or_default();
            for ((below, above), opacity) in below.iter_mut().zip(row).zip(&above.0[3]) {
                *below = above + *below * (1.0 - opacity);
            }
        }
    }

    /// The same of one colour, not premultiplied.
    #[inline(always)]
    fn draw_one(&mut self, pixels: Range<usize>, [red, green, blue]: [f32; 3], opacities: &[f32]) {
        for (below, level) in self.0.iter_mut().zip([red, green, blue, 1.0]) {
            let below = below.get_mut(pixels.clone()).unwrap_or_default();
            for (below, opacity) in below.iter_mut().zip(opacities) {
                *below = level * opacity + *below * (1.0 - opacity);
            }
        }
    }

    /// Draws a colour over one that is there.
    fn put(&mut self, at: usize, colour: Colour) {
        let through = 1.0 - colour[3];
        for (channel, above) in self.0.iter_mut().zip(colour) {
            if let Some(below) = channel.get_mut(at) {
                *below = above + *below * through;
            }
        }
    }
}

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
        let stage = StageRows { rect: &rect, picture, overlays };
        let (pixels, widest) = (&mut self.pixels, pulp::Arch::new());
        let mut make = || {
            pixels.par_chunks_mut(width * 4 * ROWS_AT_ONCE).enumerate().for_each_init(
                || RowSpace::new(width, stage.overlays.len()),
                |space, (block, pixels)| {
                    let first_row = block * ROWS_AT_ONCE;
                    widest.dispatch(Rows { space, first_row, stage: &stage, pixels });
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

/// A scene, ready to be made row by row.
struct StageRows<'a> {
    rect: &'a PixelRect,
    picture: Option<PictureRows<'a>>,
    overlays: Vec<OverlayRows<'a>>,
}

/// Some rows one after the other.
struct Rows<'a> {
    space: &'a mut RowSpace,
    first_row: usize,
    stage: &'a StageRows<'a>,
    pixels: &'a mut [u8],
}

/// Compiled for every width of the processor's registers, with everything that is inlined into it.
impl pulp::NullaryFnOnce for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { space, first_row, stage, pixels } = self;
        let rows = pixels.chunks_exact_mut(stage.rect.columns.len() * 4);
        for (row, pixels) in (first_row..).zip(rows) {
            space.make_row(row, stage, pixels);
        }
    }
}

/// Room for one row.
struct RowSpace {
    /// The overlays over one another.
    layer: ColourRow,
    below: ColourRow,
    noise: Vec<f32>,
    picture: picture::LineSpace,
    /// Of each overlay.
    lines: Vec<overlay::LineSpace>,
    fill: overlay::FillSpace,
}

impl RowSpace {
    /// Room for rows of `width` pixels with so many overlays.
    fn new(width: usize, overlays: usize) -> Self {
        Self {
            layer: ColourRow::new(width),
            below: ColourRow::new(width),
            noise: vec![0.0; width],
            picture: picture::LineSpace::default(),
            lines: (0..overlays).map(|_| overlay::LineSpace::default()).collect(),
            fill: overlay::FillSpace::new(width),
        }
    }

    #[inline(always)]
    fn make_row(&mut self, row: usize, stage: &StageRows<'_>, pixels: &mut [u8]) {
        let StageRows { rect, picture, overlays } = stage;
        let Self { layer, below, noise, fill, .. } = self;
        layer.clear();
        let mut drawn_on = false;
        for (overlay, line) in overlays.iter().zip(&mut self.lines) {
            drawn_on |= overlay.draw_row(row, line, fill, layer);
        }
        match picture {
            Some(picture) => picture.make_row(row, &mut self.picture, below),
            None => below.clear(),
        }
        let (pixels, _) = pixels.as_chunks_mut::<4>();
        if drawn_on {
            let y = (rect.rows.start + row) as f32 + 0.5;
            for (noise, column) in noise.iter_mut().zip(rect.columns.clone()) {
                *noise = cells::dither(column as f32 + 0.5, y);
            }
            draw_over(below, layer, noise);
        }
        write_codes(below, pixels);
    }
}

/// Opacity below which nothing is dithered, as in overlay.wgsl.
const FAINTEST_DITHERED: f32 = 0.004;

/// Draws overlays over what lies below them.
#[inline(always)]
fn draw_over(below: &mut ColourRow, above: &ColourRow, noise: &[f32]) {
    let ColourRow([red, green, blue, alpha]) = below;
    let ColourRow([.., opacity]) = above;
    for (alpha, &opacity) in alpha.iter_mut().zip(opacity) {
        *alpha = opacity + *alpha * (1.0 - opacity);
    }
    for (below, above) in [red, green, blue].into_iter().zip(&above.0) {
        let over = above.iter().zip(opacity).zip(&*alpha).zip(noise);
        for (below, (((above, &opacity), &alpha), &noise)) in below.iter_mut().zip(over) {
            let noise = if opacity > FAINTEST_DITHERED { noise } else { 0.0 };
            *below = (above + *below * (1.0 - opacity) + noise).max(0.0).min(alpha);
        }
    }
}

/// The nearest bytes to levels of 0..1.
#[inline(always)]
fn write_codes(colours: &ColourRow, pixels: &mut [[u8; 4]]) {
    let ColourRow([red, green, blue, alpha]) = colours;
    let code = |level: f32| (level * 255.0 + cells::ROUNDS).to_bits() & 0xff;
    for ((((pixel, &red), &green), &blue), &alpha) in pixels.iter_mut().zip(red).zip(green).zip(blue).zip(alpha) {
        *pixel = (code(red) | code(green) << 8 | code(blue) << 16 | code(alpha) << 24).to_le_bytes();
    }
}
