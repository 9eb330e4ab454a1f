//! `overlay.wgsl` for the processor: fills and contours, run by run of pixels between the same centres of cells.

use std::ops::Range;

use super::super::overlay::Fill;
use super::super::pipelines::PipelineKind;
use super::super::stage::OverlayPass;
use super::super::tiles::Part;
use super::super::uniforms::{OverlayUniform, PlacementUniform};
use super::cells::{self, EdgeRow, Quad};
use super::{Colour, ColourRow, PixelRect};
use crate::heatmap::Grid;

/// One draw of an overlay, ready to be made row by row.
pub(super) struct OverlayRows<'a> {
    map: &'a Grid,
    uniform: &'a OverlayUniform,
    kind: PipelineKind,
    /// Pixels of a cell.
    cell_px: [f32; 2],
    rect: &'a PixelRect,
    columns: Columns,
    /// Row by row of tiles.
    parts: Vec<PixelPart>,
    levels: Levels,
}

/// Where the columns of pixels lie in the map.
struct Columns {
    /// As a fraction of the frame.
    places: Vec<f32>,
    /// The cell whose centre is the next; the last cell's number and one where there is none.
    next: Vec<usize>,
    /// How far it is to the next centre.
    parts: Vec<f32>,
    /// The first column after it that lies between other centres.
    run_ends: Vec<usize>,
}

/// A part of the frame in pixels of the rectangle that is drawn.
struct PixelPart {
    rect: PixelRect,
    strength: f32,
}

/// What a fill looks like by level, from the lowest to the highest.
struct Levels {
    opacities: Box<[f32; TABLE]>,
    colours: Colours,
}

enum Colours {
    /// The same at every level.
    One([f32; 3]),
    Mapped(Box<[[f32; 3]; TABLE]>),
}

/// Steps from the lowest level to the highest.
const LEVELS: usize = 1024;
/// Entries of a table by step: as many as [`step_of`] can tell, of which those after the highest level are not used.
const TABLE: usize = 2048;

/// The cells around one row of pixels of an overlay.
#[derive(Default)]
pub(super) struct LineSpace {
    /// The row of centres above, while its cells and sides are those below.
    base: Option<i32>,
    /// The cells of the rows of centres above and below, with another one at either end.
    above: Vec<f32>,
    below: Vec<f32>,
    /// Between the centres of each two cells, see [`side_of`].
    sides: Vec<i32>,
    /// Room for the levels of each two cells.
    between: Vec<[f32; 2]>,
    /// The values between the cells of either row at every column of pixels, in steps of level; for a fill.
    above_levels: Vec<f32>,
    below_levels: Vec<f32>,
}

/// Room for a row of a fill.
pub(super) struct FillSpace {
    steps: Vec<u32>,
    colours: ColourRow,
}

impl FillSpace {
    pub(super) fn new(width: usize) -> Self {
        Self { steps: vec![0; width], colours: ColourRow::new(width) }
    }
}

/// On which side of the positive area's edge four centres are, and all pixels between them as far as that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
    /// The edge is near, or there is something that the model does not see.
    Unsure,
}

impl Columns {
    fn new(uniform: &OverlayUniform, cells: usize, pixels: &Range<usize>) -> Self {
        let [left, _, right, _] = uniform.placement.frame_rect;
        let places: Vec<f32> = pixels.clone().map(|pixel| (pixel as f32 + 0.5 - left) / (right - left)).collect();
        let (next, parts): (Vec<_>, Vec<_>) = places
            .iter()
            .map(|place| cells::between_centres(*place, cells))
            .map(|(base, part)| ((base + 1).clamp(0, cells as i32) as usize, part))
            .unzip();
        let mut run_ends = vec![places.len(); places.len()];
        for place in (1..places.len()).rev() {
            run_ends[place - 1] = if next[place - 1] == next[place] { run_ends[place] } else { place };
        }
        Self { places, next, parts, run_ends }
    }
}

impl<'a> OverlayRows<'a> {
    pub(super) fn new(pass: &'a OverlayPass, rect: &'a PixelRect) -> Self {
        let map: &Grid = &pass.map;
        let uniform = &pass.uniform;
        let [left, top, right, bottom] = uniform.placement.frame_rect;
        Self {
            map,
            uniform,
            kind: pass.kind,
            cell_px: [(right - left) / map.columns() as f32, (bottom - top) / map.rows() as f32],
            rect,
            columns: Columns::new(uniform, map.columns(), &rect.columns),
            parts: pass.parts.iter().map(|part| PixelPart::new(part, uniform, rect)).collect(),
            levels: Levels::new(uniform, pass.fill, pass.kind),
        }
    }

    /// Adds row `row` of the pixels to what is drawn already; tells whether it may have.
    #[inline(always)]
    pub(super) fn draw_row(
        &self,
        row: usize,
        space: &mut LineSpace,
        fill: &mut FillSpace,
        layer: &mut ColourRow,
    ) -> bool {
        let first = self.parts.partition_point(|part| part.rect.rows.end <= row);
        let parts = || self.parts.iter().skip(first).take_while(|part| part.rect.rows.start <= row);
        if parts().next().is_none() {
            return false;
        }
        let [_, top, _, bottom] = self.uniform.placement.frame_rect;
        let y = (self.rect.rows.start + row) as f32 + 0.5;
        let place = (y - top) / (bottom - top);
        let (base, part) = cells::between_centres(place, self.map.rows());
        space.lay_cells(self, base);
        let line = Line { overlay: self, cells: space, y, place, part };
        for part in parts() {
            line.draw(part.rect.columns.clone(), part.strength, fill, layer);
        }
        true
    }

    /// How far from the edge its pixels still depend on the distance.
    fn reach_px(&self) -> f32 {
        let scale = self.uniform.placement.pixels_per_point;
        match self.kind {
            PipelineKind::OverlayContour { .. } => {
                0.5 * self.uniform.contour_width * scale + (self.uniform.casing_width * scale).max(0.5)
            }
            _ => 0.5,
        }
    }
}

impl PixelPart {
    fn new(part: &Part, uniform: &OverlayUniform, rect: &PixelRect) -> Self {
        let [left, top, right, bottom] = uniform.placement.frame_rect;
        let mix = |low: f32, high: f32, part: f32| low * (1.0 - part) + high * part;
        let frame_rect = [
            mix(left, right, part.rect[0]),
            mix(top, bottom, part.rect[1]),
            mix(left, right, part.rect[2]),
            mix(top, bottom, part.rect[3]),
        ];
        let pixels = PixelRect::visible(&PlacementUniform { frame_rect, ..uniform.placement });
        let within = |pixels: Range<usize>, rect: &Range<usize>| {
            let inside = |at: usize| at.clamp(rect.start, rect.end) - rect.start;
            inside(pixels.start)..inside(pixels.end)
        };
        let rect = PixelRect { columns: within(pixels.columns, &rect.columns), rows: within(pixels.rows, &rect.rows) };
        Self { rect, strength: part.strength }
    }
}

impl LineSpace {
    /// For rows of pixels between the centres of row `base` and those of the next.
    #[inline(always)]
    fn lay_cells(&mut self, overlay: &OverlayRows<'_>, base: i32) {
        if self.base == Some(base) {
            return;
        }
        let follows = self.base == Some(base - 1);
        self.base = Some(base);
        if follows {
            std::mem::swap(&mut self.above, &mut self.below);
            std::mem::swap(&mut self.above_levels, &mut self.below_levels);
        } else {
            lay_row(overlay, base, &mut self.above, &mut self.between, &mut self.above_levels);
        }
        lay_row(overlay, base + 1, &mut self.below, &mut self.between, &mut self.below_levels);
        self.lay_sides(overlay);
    }

    /// The four cells before and after a place; not seen where there are none.
    fn quad(&self, next: usize) -> Quad {
        let pair = |row: &[f32]| row.get(next..).and_then(<[f32]>::first_chunk::<2>).copied().unwrap_or([f32::NAN; 2]);
        let ([a, b], [c, d]) = (pair(&self.above), pair(&self.below));
        Quad([a, b, c, d])
    }

    #[inline(always)]
    fn lay_sides(&mut self, overlay: &OverlayRows<'_>) {
        self.sides.clear();
        let uniform = overlay.uniform;
        let edged = matches!(
            overlay.kind,
            PipelineKind::OverlayContour { smooth_edge: true }
                | PipelineKind::OverlayFill { smooth_edge: true, fainter_outside: true, .. }
        );
        // Nothing compares with a threshold that is no number.
        if edged && uniform.rule.lowest_positive_key < u32::MAX {
            let reach = overlay.cell_px.map(|cell| overlay.reach_px() / cell);
            let count = self.above.len().min(self.below.len()).saturating_sub(1);
            let (above, below) = (&self.above, &self.below);
            let left = above.get(..count).zip(below.get(..count));
            let right = above.get(1..=count).zip(below.get(1..=count));
            if let (Some((a, c)), Some((b, d))) = (left, right) {
                self.sides.resize(count, 0);
                for (at, side) in self.sides.iter_mut().enumerate() {
                    *side = side_of([a[at], b[at], c[at], d[at]], uniform.threshold, reach);
                }
            }
        }
    }
}

/// Takes a row of cells from the map, with another one at either end, and what lies between them.
#[inline(always)]
fn lay_row(
    overlay: &OverlayRows<'_>,
    row: i32,
    padded: &mut Vec<f32>,
    between: &mut Vec<[f32; 2]>,
    levels: &mut Vec<f32>,
) {
    let OverlayRows { map, uniform, kind, columns, .. } = overlay;
    let start = cells::nearest_cell(row, map.rows()) * map.columns();
    let row = map.values().get(start..start + map.columns()).unwrap_or_default();
    padded.clear();
    padded.extend(row.first());
    padded.extend_from_slice(row);
    padded.extend(row.last());
    if let PipelineKind::OverlayFill { .. } = kind {
        let steps = uniform.range_scale * LEVELS as f32;
        let level = |value: f32| (cells::cell_value(value) - uniform.range_low) * steps;
        between.clear();
        between.extend(padded.array_windows().map(|&[left, right]| [level(left), level(right)]));
        levels.resize(columns.next.len(), 0.0);
        for ((at, &next), &part) in levels.iter_mut().zip(&columns.next).zip(&columns.parts) {
            let [left, right] = between.get(next).copied().unwrap_or_default();
            *at = left + (right - left) * part;
        }
    }
}

/// On which side four centres are: 1 inside, −1 outside, 0 where that is not sure. Compares without dividing what
/// [`cells::Depths`] divides by the furthest, and without a branch, so that it is done for several places at once.
#[inline(always)]
fn side_of(corners: [f32; 4], threshold: f32, reach_cells: [f32; 2]) -> i32 {
    let [a, b, c, d] = corners.map(|value| value - threshold);
    // Without the care of `f32::min` for what is not seen: the sum below finds that.
    let min = |a: f32, b: f32| if a < b { a } else { b };
    let max = |a: f32, b: f32| if a > b { a } else { b };
    let (lowest, highest) = (min(min(a, b), min(c, d)), max(max(a, b), max(c, d)));
    let nearest = min(lowest.abs(), highest.abs());
    let furthest = max(lowest.abs(), highest.abs());
    let across = max((b - a).abs(), (d - c).abs()) * reach_cells[0];
    let down = max((c - a).abs(), (d - b).abs()) * reach_cells[1];
    let sum = a + b + c + d;
    // What is far below the furthest corner is lifted by `Depths`, and no longer in proportion.
    let far = (nearest * nearest > across * across + down * down)
        & (nearest > furthest * 1e-5)
        & (furthest < 1e15)
        & !sum.is_nan();
    i32::from(far & (lowest > 0.0)) - i32::from(far & (highest < 0.0))
}

impl Levels {
    fn new(uniform: &OverlayUniform, fill: Fill, kind: PipelineKind) -> Self {
        let filled = matches!(kind, PipelineKind::OverlayFill { .. });
        let [red, green, blue, opacity] = uniform.tint;
        let mut opacities = Box::new([0.0; TABLE]);
        if filled {
            for (step, at) in opacities[..=LEVELS].iter_mut().enumerate() {
                let level = step as f32 / LEVELS as f32;
                *at = opacity * (uniform.alpha_floor + (1.0 - uniform.alpha_floor) * level.powf(uniform.alpha_power));
            }
        }
        let colours = match fill {
            Fill::Colormap(map) if filled => {
                let mut colours = Box::new([[0.0; 3]; TABLE]);
                for (step, colour) in colours[..=LEVELS].iter_mut().enumerate() {
                    *colour = map.colour_at(step as f32 / LEVELS as f32);
                }
                Colours::Mapped(colours)
            }
            Fill::Colormap(_) | Fill::Tint | Fill::None => Colours::One([red, green, blue]),
        };
        Self { opacities, colours }
    }

    /// Premultiplied.
    fn colour(&self, step: usize, strength: f32) -> Colour {
        let alpha = self.opacities[step] * strength;
        let [red, green, blue] = match &self.colours {
            Colours::One(colour) => *colour,
            Colours::Mapped(colours) => colours[step],
        };
        [red * alpha, green * alpha, blue * alpha, alpha]
    }
}

/// One row of pixels of an overlay.
struct Line<'a> {
    overlay: &'a OverlayRows<'a>,
    cells: &'a LineSpace,
    /// On the target.
    y: f32,
    /// As a fraction of the frame.
    place: f32,
    /// How far it is from the row of centres above to the one below.
    part: f32,
}

impl Line<'_> {
    #[inline(always)]
    fn draw(&self, pixels: Range<usize>, strength: f32, space: &mut FillSpace, layer: &mut ColourRow) {
        let uniform = self.overlay.uniform;
        match self.overlay.kind {
            PipelineKind::OverlayFill { smooth_colours: true, all_seen: true, .. } => {
                self.fill(pixels, space, layer, |_| strength);
            }
            PipelineKind::OverlayFill { smooth_colours, smooth_edge, fainter_outside, .. } => {
                let by_side = smooth_colours && smooth_edge && fainter_outside;
                self.runs(pixels, |pixels, quad, side| match side {
                    Side::Inside if by_side => self.fill(pixels, space, layer, |_| strength),
                    Side::Outside if by_side => self.fill(pixels, space, layer, |_| strength * uniform.outside),
                    Side::Unsure if by_side && quad.all_seen() => {
                        let edge = self.edge_of(quad);
                        let strength = |part| strength * faintness(uniform, edge.distance(part));
                        self.fill(pixels, space, layer, strength);
                    }
                    _ => {
                        for at in pixels {
                            layer.put(at, self.fill_pixel(quad, at, strength));
                        }
                    }
                });
            }
            PipelineKind::OverlayContour { smooth_edge: true } => self.runs(pixels, |pixels, quad, side| {
                if side == Side::Unsure {
                    let edge = self.edge_of(quad);
                    for at in pixels {
                        let part = self.overlay.columns.parts.get(at).copied().unwrap_or(0.0);
                        layer.put(at, contour_colour(uniform, edge.distance(part)));
                    }
                }
            }),
            PipelineKind::OverlayContour { smooth_edge: false } => {
                for at in pixels {
                    layer.put(at, contour_colour(uniform, self.distance_to_cells(at)));
                }
            }
            PipelineKind::Picture(_)
            | PipelineKind::Difference { .. }
            | PipelineKind::Agreement { .. }
            | PipelineKind::Pixels { .. } => {}
        }
    }

    /// Calls for pixels between the same centres, or between several that are on one side of the edge.
    #[inline(always)]
    fn runs(&self, pixels: Range<usize>, mut run: impl FnMut(Range<usize>, Quad, Side)) {
        let Columns { next, run_ends, .. } = &self.overlay.columns;
        let side_at = |next: usize| match self.cells.sides.get(next) {
            Some(1) => Side::Inside,
            Some(-1) => Side::Outside,
            _ => Side::Unsure,
        };
        let mut start = pixels.start;
        while let (Some(&first), true) = (next.get(start), start < pixels.end) {
            let side = side_at(first);
            let mut end = run_ends.get(start).copied().unwrap_or(pixels.end);
            while side != Side::Unsure && end < pixels.end && next.get(end).is_some_and(|next| side_at(*next) == side) {
                end = run_ends.get(end).copied().unwrap_or(pixels.end);
            }
            let end = end.min(pixels.end);
            run(start..end, self.cells.quad(first), side);
            start = end;
        }
    }

    fn edge_of(&self, quad: Quad) -> EdgeRow {
        let uniform = self.overlay.uniform;
        quad.depths(uniform.rule, uniform.threshold).row(self.part, self.overlay.cell_px)
    }

    /// Between corners that the model sees; `strength` by how far it is to the next centre.
    #[inline(always)]
    fn fill(&self, pixels: Range<usize>, space: &mut FillSpace, layer: &mut ColourRow, strength: impl Fn(f32) -> f32) {
        let FillSpace { steps, colours: filled } = space;
        let LineSpace { above_levels, below_levels, .. } = self.cells;
        let levels = above_levels.get(pixels.clone()).zip(below_levels.get(pixels.clone()));
        let (Some((above, below)), Some(steps)) = (levels, steps.get_mut(..pixels.len())) else { return };
        for ((step, above), below) in steps.iter_mut().zip(above).zip(below) {
            *step = step_of(above * (1.0 - self.part) + below * self.part);
        }
        let Levels { opacities, colours } = &self.overlay.levels;
        let parts = self.overlay.columns.parts.get(pixels.clone()).unwrap_or_default();
        let ColourRow([red, green, blue, alpha]) = filled;
        for ((alpha, &step), &part) in alpha.iter_mut().zip(&*steps).zip(parts) {
            *alpha = opacities[step as usize % TABLE] * strength(part);
        }
        match colours {
            Colours::One(colour) => layer.draw_one(pixels, *colour, alpha),
            Colours::Mapped(colours) => {
                let row = red.iter_mut().zip(green).zip(blue).zip(alpha);
                for ((((red, green), blue), alpha), &step) in row.zip(&*steps) {
                    [*red, *green, *blue] = colours[step as usize % TABLE].map(|level| level * *alpha);
                }
                layer.draw(pixels, filled);
            }
        }
    }

    /// Whatever there is around a pixel.
    fn fill_pixel(&self, quad: Quad, at: usize, strength: f32) -> Colour {
        let OverlayRows { map, uniform, kind, rect, columns, levels, .. } = self.overlay;
        let PipelineKind::OverlayFill { smooth_colours, smooth_edge, fainter_outside, .. } = *kind else {
            return [0.0; 4];
        };
        let (place, part) = (columns.places.get(at).copied(), columns.parts.get(at).copied());
        let (place, part) = (place.unwrap_or(0.0), part.unwrap_or(0.0));
        let own = cells::cell(map, cells::cell_at(self.place, map.rows()), cells::cell_at(place, map.columns()));
        if own.is_nan() {
            let x = (rect.columns.start + at) as f32 + 0.5;
            let line = 0.8 * cells::stripes([x, self.y], uniform.placement.pixels_per_point, 6.0, 1.0);
            let [light, shade] = [0.30 * line * uniform.hatch, (0.28 + (0.30 - 0.28) * line) * uniform.hatch];
            return [light, light, light, shade];
        }
        let value = if smooth_colours { quad.smooth_value([part, self.part]) } else { cells::cell_value(own) };
        let strength = match (fainter_outside, smooth_edge) {
            (false, _) => strength,
            (true, true) => strength * faintness(uniform, self.edge_of(quad).distance(part)),
            (true, false) => strength * faintness(uniform, self.distance_to_cells(at)),
        };
        let step = step_of((value - uniform.range_low) * uniform.range_scale * LEVELS as f32);
        levels.colour(step as usize % TABLE, strength)
    }

    fn distance_to_cells(&self, at: usize) -> f32 {
        let OverlayRows { map, uniform, cell_px, columns, .. } = self.overlay;
        let place = columns.places.get(at).copied().unwrap_or(0.0);
        cells::cells_distance(map, [place, self.place], uniform.rule, *cell_px)
    }
}

/// The nearest step of a level that is given in steps.
#[inline(always)]
fn step_of(level: f32) -> u32 {
    // What is no number is the lowest level.
    let level = if level > 0.0 { level } else { 0.0 };
    let level = if level < LEVELS as f32 { level } else { LEVELS as f32 };
    (level + cells::ROUNDS).to_bits() % TABLE as u32
}

/// What the opacity of a fill is multiplied by, so far from the edge of the positive area.
fn faintness(uniform: &OverlayUniform, distance: f32) -> f32 {
    let inside = if distance > 0.0 { (0.5 + distance).clamp(0.51, 1.0) } else { (0.5 + distance).clamp(0.0, 0.49) };
    uniform.outside + (1.0 - uniform.outside) * inside
}

fn contour_colour(uniform: &OverlayUniform, distance: f32) -> Colour {
    let away = distance.abs();
    let scale = uniform.placement.pixels_per_point;
    let half_width = 0.5 * uniform.contour_width * scale;
    let line = (half_width + 0.5 - away).clamp(0.0, 1.0);
    let casing_px = (uniform.casing_width * scale).max(0.01);
    let casing = (1.0 - (away - half_width) / casing_px).clamp(0.0, 1.0) * uniform.casing[3] * (1.0 - line);
    let mixed = |channel: usize| uniform.tint[channel] * line + uniform.casing[channel] * casing;
    [mixed(0), mixed(1), mixed(2), line + casing]
}
