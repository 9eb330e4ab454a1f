//! The kernels of each level behind function pointers.

use super::batch_norm::{affine_row, blend_row, gate_row, sum_row};
use super::level::Level;
use super::outer::{OuterSum, outer_sum};
use super::panel::{Multiply, multiply};
use super::pooling::{PoolWindow, max_window};
use super::rows::{channel_moments, layer_norm, softmax};
use super::simd::{Portable, Simd};
use super::unpool::{UnpoolWindow, unpool_window};
use super::winograd::{TileOutput, transform_input, transform_output};

/// Input, weight, bias, epsilon, output.
type LayerNormRow = unsafe fn(&[f32], &[f32], &[f32], f32, &mut [f32]);

/// Input, residual or null, output, pixels, scale, shift, whether with a ReLU.
type AffineRow = unsafe fn(*const f32, *const f32, *mut f32, usize, &[f32], &[f32], bool);
/// Gradient, answer or null, input, pixels, means, sums, products.
type GateRow = unsafe fn(*mut f32, *const f32, *const f32, usize, &[f32], &mut [f32], &mut [f32]);

/// One level's kernels. Calling them needs a processor with the level, which [`kernels`] makes sure of, and what each
/// of them says about its pointers.
pub struct Kernels {
    pub lanes: usize,
    pub multiply: unsafe fn(&Multiply, (usize, usize), (usize, usize)),
    pub transform_input: unsafe fn(*const f32, usize, usize, *mut f32, usize),
    pub transform_output: unsafe fn(*const f32, usize, *const f32, usize, &TileOutput),
    pub max_window: unsafe fn(&PoolWindow, usize),
    pub softmax: unsafe fn(&mut [f32], usize),
    pub layer_norm: LayerNormRow,
    pub channel_moments: unsafe fn(*const f32, usize, usize, &mut [f32], &mut [f32]),
    pub outer_sum: unsafe fn(&OuterSum),
    pub sum_row: unsafe fn(*const f32, usize, &mut [f32], &mut [f32]),
    pub affine_row: AffineRow,
    pub gate_row: GateRow,
    pub blend_row: unsafe fn(*const f32, *const f32, *mut f32, usize, [&[f32]; 3]),
    pub unpool_window: unsafe fn(&UnpoolWindow, usize),
}

macro_rules! level {
    ($table:ident, $simd:ty $(, $features:literal)?) => {
        mod $table {
            use super::*;

            type S = $simd;

            pub static KERNELS: Kernels = Kernels {
                lanes: S::LANES,
                multiply: multiply_entry,
                transform_input: transform_input_entry,
                transform_output: transform_output_entry,
                max_window: max_window_entry,
                softmax: softmax_entry,
                layer_norm: layer_norm_entry,
                channel_moments: channel_moments_entry,
                outer_sum: outer_sum_entry,
                sum_row: sum_row_entry,
                affine_row: affine_row_entry,
                gate_row: gate_row_entry,
                blend_row: blend_row_entry,
                unpool_window: unpool_window_entry,
            };

            // SAFETY of all entries: they pass on their caller's promises, and carry the level's features.
            $(#[target_feature(enable = $features)])?
            unsafe fn multiply_entry(job: &Multiply, rows: (usize, usize), panels: (usize, usize)) {
                unsafe { multiply::<S>(job, rows, panels) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn transform_input_entry(corner: *const f32, y: usize, channels: usize, to: *mut f32, point: usize) {
                unsafe { transform_input::<S>(corner, y, channels, to, point) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn transform_output_entry(
                from: *const f32,
                point: usize,
                bias: *const f32,
                columns: usize,
                to: &TileOutput,
            ) {
                unsafe { transform_output::<S>(from, point, bias, columns, to) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn max_window_entry(window: &PoolWindow, channels: usize) {
                unsafe { max_window::<S>(window, channels) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn softmax_entry(row: &mut [f32], count: usize) {
                unsafe { softmax::<S>(row, count) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn layer_norm_entry(x: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, y: &mut [f32]) {
                unsafe { layer_norm::<S>(x, weight, bias, epsilon, y) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn channel_moments_entry(
                row: *const f32,
                pixels: usize,
                channels: usize,
                centre_or_sums: &mut [f32],
                squares: &mut [f32],
            ) {
                unsafe { channel_moments::<S>(row, pixels, channels, centre_or_sums, squares) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn outer_sum_entry(job: &OuterSum) {
                unsafe { outer_sum::<S>(job) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn sum_row_entry(row: *const f32, pixels: usize, sums: &mut [f32], squares: &mut [f32]) {
                unsafe { sum_row::<S>(row, pixels, sums, squares) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn affine_row_entry(
                x: *const f32,
                residual: *const f32,
                y: *mut f32,
                pixels: usize,
                scale: &[f32],
                shift: &[f32],
                relu: bool,
            ) {
                unsafe { affine_row::<S>(x, residual, y, pixels, scale, shift, relu) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn gate_row_entry(
                gradient: *mut f32,
                answer: *const f32,
                x: *const f32,
                pixels: usize,
                means: &[f32],
                sums: &mut [f32],
                products: &mut [f32],
            ) {
                unsafe { gate_row::<S>(gradient, answer, x, pixels, means, sums, products) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn blend_row_entry(
                gradient: *const f32,
                x: *const f32,
                to: *mut f32,
                pixels: usize,
                factors: [&[f32]; 3],
            ) {
                unsafe { blend_row::<S>(gradient, x, to, pixels, factors) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn unpool_window_entry(window: &UnpoolWindow, channels: usize) {
                unsafe { unpool_window::<S>(window, channels) }
            }
        }
    };
}

level!(portable, Portable);
#[cfg(target_arch = "x86_64")]
level!(avx2, super::super::simd_x86::Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
level!(avx512, super::super::simd_x86::Avx512, "avx512f");
#[cfg(target_arch = "aarch64")]
level!(neon, super::super::simd_neon::Neon);

/// The kernels of a level; the portable ones if the processor does not have it.
pub fn kernels(level: Level) -> &'static Kernels {
    if !Level::available().contains(&level) {
        return &portable::KERNELS;
    }
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => &avx512::KERNELS,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => &avx2::KERNELS,
        #[cfg(target_arch = "aarch64")]
        Level::Neon => &neon::KERNELS,
        _ => &portable::KERNELS,
    }
}
