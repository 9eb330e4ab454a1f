//! 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): 36 products a channel for 16 answers instead of 144.
//!
//! The points of the Toom-Cook scheme are 0, ±a, ±b and ∞.

use super::buffer::Buffer;
use super::panel::VECTORS;
use super::simd::Simd;

const A: f32 = 1.0;
const B: f32 = 2.0;
const AA: f32 = A * A;
const BB: f32 = B * B;

/// Products of a tile.
pub const POINTS: usize = 36;
/// Answers along a side of a tile.
pub const TILE: usize = 4;

/// The weights at the 36 points: for each panel of output channels, for each point, channels × panel width.
pub fn transform_weights(
    channels: usize,
    columns: usize,
    lanes: usize,
    weight: impl Fn(usize, usize, usize, usize) -> f32,
) -> Buffer {
    let panel_width = VECTORS * lanes;
    let panels = columns.div_ceil(panel_width);
    let mut packed = Buffer::zeroed(panels * POINTS * channels * panel_width);
    let (a, b) = (f64::from(A), f64::from(B));
    let row = |p: f64, scale: f64| [scale, p * scale, p * p * scale];
    let near = 1.0 / (2.0 * a * a * (a * a - b * b));
    let far = 1.0 / (2.0 * b * b * (b * b - a * a));
    let matrix =
        [[1.0 / (a * a * b * b), 0.0, 0.0], row(a, near), row(-a, near), row(b, far), row(-b, far), [0.0, 0.0, 1.0]];
    for column in 0..columns {
        let (panel, lane) = (column / panel_width, column % panel_width);
        for channel in 0..channels {
            let mut half = [[0f64; 3]; 6];
            for (i, row) in matrix.iter().enumerate() {
                for x in 0..3 {
                    half[i][x] = (0..3).map(|y| row[y] * f64::from(weight(column, channel, y, x))).sum();
                }
            }
            for i in 0..6 {
                for (j, row) in matrix.iter().enumerate() {
                    let value: f64 = (0..3).map(|x| half[i][x] * row[x]).sum();
                    let at = ((panel * POINTS + i * 6 + j) * channels + channel) * panel_width + lane;
                    packed[at] = value as f32;
                }
            }
        }
    }
    packed
}

/// Bᵀ d for one line of six.
#[inline(always)]
unsafe fn input_line<S: Simd>(d: [S::Vector; 6]) -> [S::Vector; 6] {
    // SAFETY: the caller vouches for the level.
    unsafe {
        let minus_aa = S::splat(-AA);
        let minus_bb = S::splat(-BB);
        let minus_sum = S::splat(-(AA + BB));
        let product = S::splat(AA * BB);
        let even_near = S::fma(minus_bb, d[2], d[4]);
        let odd_near = S::mul(S::splat(A), S::fma(minus_bb, d[1], d[3]));
        let even_far = S::fma(minus_aa, d[2], d[4]);
        let odd_far = S::mul(S::splat(B), S::fma(minus_aa, d[1], d[3]));
        [
            S::fma(product, d[0], S::fma(minus_sum, d[2], d[4])),
            S::add(even_near, odd_near),
            S::sub(even_near, odd_near),
            S::add(even_far, odd_far),
            S::sub(even_far, odd_far),
            S::fma(product, d[1], S::fma(minus_sum, d[3], d[5])),
        ]
    }
}

/// Aᵀ m for one line of six.
#[inline(always)]
unsafe fn output_line<S: Simd>(m: [S::Vector; 6]) -> [S::Vector; 4] {
    // SAFETY: the caller vouches for the level.
    unsafe {
        let (near, near_odd) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (far, far_odd) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(m[0], S::add(near, far)),
            S::fma(S::splat(A), near_odd, S::mul(S::splat(B), far_odd)),
            S::fma(S::splat(AA), near, S::mul(S::splat(BB), far)),
            S::fma(S::splat(A * AA), near_odd, S::fma(S::splat(B * BB), far_odd, m[5])),
        ]
    }
}

/// Takes one 6×6 tile (its corner at `corner`) to its 36 points, each at `to + point · point_stride`.
///
/// # Safety
/// The processor has the level; 6×6 positions of `channels` (a multiple of the lanes) are readable at the corner.
#[inline(always)]
pub unsafe fn transform_input<S: Simd>(
    corner: *const f32,
    y_stride: usize,
    channels: usize,
    to: *mut f32,
    point_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = S::splat(0.0);
        for channel in (0..channels).step_by(S::LANES) {
            let corner = corner.add(channel);
            let to = to.add(channel);
            let mut half = [[zero; 6]; 6];
            for x in 0..6 {
                let mut column = [zero; 6];
                for y in 0..6 {
                    column[y] = S::load(corner.add(y * y_stride + x * channels));
                }
                let column = input_line::<S>(column);
                for y in 0..6 {
                    half[y][x] = column[y];
                }
            }
            for y in 0..6 {
                let line = input_line::<S>(half[y]);
                for x in 0..6 {
                    S::store(to.add((y * 6 + x) * point_stride), line[x]);
                }
            }
        }
    }
}

/// Where a tile's answers go.
#[derive(Clone, Copy)]
pub struct TileOutput {
    pub output: *mut f32,
    pub output_y_stride: usize,
    pub output_x_stride: usize,
    /// Added to the answers, or null; at the same place as `output`.
    pub residual: *const f32,
    pub residual_y_stride: usize,
    pub residual_x_stride: usize,
    /// Rows and columns of the tile that exist, up to 4.
    pub height: usize,
    pub width: usize,
    pub relu: bool,
}

/// Takes the 36 products of one panel of channels, each at `from + point · point_stride`, to the 4×4 answers.
///
/// # Safety
/// The processor has the level; the pointers are valid for what the strides and counts name.
#[inline(always)]
pub unsafe fn transform_output<S: Simd>(
    from: *const f32,
    point_stride: usize,
    bias: *const f32,
    columns: usize,
    to: &TileOutput,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = S::splat(0.0);
        for first in (0..columns).step_by(S::LANES) {
            let mut half = [[zero; 6]; 4];
            for x in 0..6 {
                let mut column = [zero; 6];
                for y in 0..6 {
                    column[y] = S::load(from.add((y * 6 + x) * point_stride + first));
                }
                let column = output_line::<S>(column);
                for y in 0..4 {
                    half[y][x] = column[y];
                }
            }
            let bias = S::load(bias.add(first));
            for y in 0..4 {
                let line = output_line::<S>(half[y]);
                if y >= to.height {
                    continue;
                }
                for x in 0..4 {
                    if x >= to.width {
                        continue;
                    }
                    let mut value = S::add(line[x], bias);
                    if !to.residual.is_null() {
                        let at = y * to.residual_y_stride + x * to.residual_x_stride + first;
                        value = S::add(value, S::load(to.residual.add(at)));
                    }
                    if to.relu {
                        value = S::max(value, zero);
                    }
                    S::store(to.output.add(y * to.output_y_stride + x * to.output_x_stride + first), value);
                }
            }
        }
    }
}
