//! `cells.wgsl` and the tools of `placement.wgsl` for the processor: the rule of what is positive, values between cells,
//! the distance to the edge of the positive area.

use super::super::uniforms::{RuleUniform, order_key};
use crate::heatmap::Grid;

const LARGEST: f32 = 1e30;
const SMALLEST: f32 = 1e-6;

pub(super) fn is_positive(value: f32, rule: RuleUniform) -> bool {
    !value.is_nan() && order_key(value) >= rule.lowest_positive_key
}

pub(super) fn cell_value(value: f32) -> f32 {
    value.clamp(-LARGEST, LARGEST)
}

/// Four cells that meet: above left and right, below left and right.
#[derive(Clone, Copy)]
pub(super) struct Quad(pub [f32; 4]);

/// Where a place lies between the centres of cells along one side of a map: the cell before it, from −1 on, and how far it
/// is on the way to the next.
pub(super) fn between_centres(fraction: f32, cells: usize) -> (i32, f32) {
    let place = fraction.clamp(0.0, 1.0) * cells as f32 - 0.5;
    let base = place.floor();
    (base as i32, ((place - base - 0.002) / 0.996).clamp(0.0, 1.0))
}

/// The cell of this number or the last one on its side.
pub(super) fn nearest_cell(cell: i32, cells: usize) -> usize {
    cell.clamp(0, (cells as i32 - 1).max(0)) as usize
}

/// The cell under a place.
pub(super) fn cell_at(fraction: f32, cells: usize) -> i32 {
    (fraction * cells as f32).floor().clamp(0.0, (cells as f32 - 1.0).max(0.0)) as i32
}

/// The value of a cell, of the nearest one outside of the map.
pub(super) fn cell(map: &Grid, row: i32, column: i32) -> f32 {
    let at = nearest_cell(row, map.rows()) * map.columns() + nearest_cell(column, map.columns());
    map.values().get(at).copied().unwrap_or(f32::NAN)
}

fn corner_weights([x, y]: [f32; 2]) -> [f32; 4] {
    [(1.0 - x) * (1.0 - y), x * (1.0 - y), (1.0 - x) * y, x * y]
}

fn dot(a: [f32; 4], b: [f32; 4]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Quad {
    /// The model sees all four.
    pub(super) fn all_seen(self) -> bool {
        self.0.iter().all(|value| !value.is_nan())
    }

    /// Bilinear value of the corners that the model sees.
    pub(super) fn smooth_value(self, part: [f32; 2]) -> f32 {
        let mut weights = corner_weights(part);
        for (weight, value) in weights.iter_mut().zip(self.0) {
            *weight = if value.is_nan() { 0.0 } else { *weight };
        }
        dot(weights, self.seen_values()) / weights.iter().sum::<f32>().max(1e-9)
    }

    fn seen_values(self) -> [f32; 4] {
        self.0.map(|value| if value.is_nan() { 0.0 } else { cell_value(value) })
    }

    /// How deep inside the positive area the corners are, relative to the one furthest from the threshold; negative
    /// outside.
    pub(super) fn depths(self, rule: RuleUniform, threshold: f32) -> Depths {
        let away = self.seen_values().map(|value| (value - threshold).clamp(-LARGEST, LARGEST).abs());
        let seen = self.0.map(|value| !value.is_nan());
        let furthest = away.iter().zip(seen).filter(|(_, seen)| *seen).fold(0.0f32, |most, (away, _)| most.max(*away));
        Depths(std::array::from_fn(|corner| {
            let graded = seen[corner] && furthest > 0.0;
            let relative = if graded { (away[corner] / furthest).clamp(SMALLEST, 1.0) } else { 1.0 };
            if is_positive(self.0[corner], rule) { relative } else { -relative }
        }))
    }
}

/// See [`Quad::depths`].
#[derive(Clone, Copy)]
pub(super) struct Depths([f32; 4]);

/// The edge of the positive area between four centres, on one row of pixels.
#[derive(Clone, Copy)]
pub(super) struct EdgeRow {
    left: f32,
    right: f32,
    along_x: f32,
    along_y_left: f32,
    along_y_right: f32,
}

impl Depths {
    pub(super) fn row(self, part_y: f32, cell_px: [f32; 2]) -> EdgeRow {
        let [a, b, c, d] = self.0;
        let mix = |low: f32, high: f32| low + (high - low) * part_y;
        EdgeRow {
            left: mix(a, c),
            right: mix(b, d),
            along_x: mix(b - a, d - c) / cell_px[0],
            along_y_left: (c - a) / cell_px[1],
            along_y_right: (d - b) / cell_px[1],
        }
    }
}

impl EdgeRow {
    /// Signed distance to the edge in pixels, positive inside; far from it only the sign means anything.
    pub(super) fn distance(self, part_x: f32) -> f32 {
        let field = self.left + (self.right - self.left) * part_x;
        let along_y = self.along_y_left + (self.along_y_right - self.along_y_left) * part_x;
        field / (self.along_x * self.along_x + along_y * along_y).sqrt().max(1e-7)
    }
}

/// The same to the edge along the cells' sides, exact up to one cell away.
pub(super) fn cells_distance(map: &Grid, frame: [f32; 2], rule: RuleUniform, cell_px: [f32; 2]) -> f32 {
    let own = [cell_at(frame[0], map.columns()), cell_at(frame[1], map.rows())];
    let part = [frame[0] * map.columns() as f32 - own[0] as f32, frame[1] * map.rows() as f32 - own[1] as f32];
    let positive = |right: i32, down: i32| is_positive(cell(map, own[1] + down, own[0] + right), rule);
    let inside = positive(0, 0);
    let mut nearest = cell_px[0].min(cell_px[1]) + 1.0;
    for down in -1..=1 {
        for right in -1..=1 {
            if positive(right, down) != inside {
                let away = |step: i32, part: f32| (step as f32 - part).max(part - step as f32 - 1.0).max(0.0);
                let away = (away(right, part[0]) * cell_px[0]).hypot(away(down, part[1]) * cell_px[1]);
                nearest = nearest.min(away);
            }
        }
    }
    if inside { nearest } else { -nearest }
}

/// Of a number from 0 to some millions; whole steps without a call.
fn fract(value: f32) -> f32 {
    let nearest = (value + ROUNDS) - ROUNDS;
    let below = if nearest > value { nearest - 1.0 } else { nearest };
    value - below
}

/// Added to a number that is not negative and much smaller, it leaves no room for a fraction.
pub(super) const ROUNDS: f32 = 8_388_608.0;

/// See placement.wgsl.
pub(super) fn dither(x: f32, y: f32) -> f32 {
    (fract(52.982_918 * fract(x * 0.067_110_56 + y * 0.005_837_15)) - 0.5) * (0.95 / 255.0)
}

/// See placement.wgsl; stripes that rise to the right.
pub(super) fn stripes(pixel: [f32; 2], pixels_per_point: f32, period: f32, width: f32) -> f32 {
    let across = (pixel[0] + pixel[1]) * std::f32::consts::FRAC_1_SQRT_2;
    let period_px = period * pixels_per_point;
    let from_centre = (fract(across / period_px) - 0.5).abs() * period_px;
    (0.5 * width * pixels_per_point + 0.5 - from_centre).clamp(0.0, 1.0)
}
