//! Batch norm in training: statistics over all positions of a batch, forward and back, fused with the addition of a
//! residual and the ReLU. All sums are over single images in single precision, then over images in double precision
//! and in their order, so that the threads do not change them.

use super::super::threads::parallel;
use super::buffer::Scratch;
use super::dispatch::Kernels;
use super::map::{BORDER, FeatureMap};
use super::pooling::SendPointer;
use super::simd::Simd;

/// Adds the values of a row of pixels to the channels' sums, and their squares.
///
/// # Safety
/// The processor has the level; `pixels × channels` values are readable at `row`, the sums hold a value a channel.
#[inline(always)]
pub unsafe fn sum_row<S: Simd>(row: *const f32, pixels: usize, sums: &mut [f32], squares: &mut [f32]) {
    let channels = sums.len();
    // SAFETY: channels and pixels keep inside what the caller promised.
    unsafe {
        let mut channel = 0;
        while channel + S::LANES <= channels {
            let mut sum = S::load(sums.as_ptr().add(channel));
            let mut square = S::load(squares.as_ptr().add(channel));
            for pixel in 0..pixels {
                let x = S::load(row.add(pixel * channels + channel));
                sum = S::add(sum, x);
                square = S::fma(x, x, square);
            }
            S::store(sums.as_mut_ptr().add(channel), sum);
            S::store(squares.as_mut_ptr().add(channel), square);
            channel += S::LANES;
        }
        for channel in channel..channels {
            for pixel in 0..pixels {
                let x = *row.add(pixel * channels + channel);
                sums[channel] += x;
                squares[channel] += x * x;
            }
        }
    }
}

/// `y = x · scale + shift (+ residual)`, then a ReLU if wanted, over a row of pixels; `y` may be `x`.
///
/// # Safety
/// The processor has the level; `pixels` times as many values as there are scales are readable at `x` and, unless
/// null, at `residual`, and writable at `y`.
#[inline(always)]
pub unsafe fn affine_row<S: Simd>(
    x: *const f32,
    residual: *const f32,
    y: *mut f32,
    pixels: usize,
    scale: &[f32],
    shift: &[f32],
    relu: bool,
) {
    let channels = scale.len();
    // SAFETY: channels and pixels keep inside what the caller promised.
    unsafe {
        let zero = S::splat(0.0);
        let mut channel = 0;
        while channel + S::LANES <= channels {
            let (a, b) = (S::load(scale.as_ptr().add(channel)), S::load(shift.as_ptr().add(channel)));
            for pixel in 0..pixels {
                let at = pixel * channels + channel;
                let mut v = S::fma(S::load(x.add(at)), a, b);
                if !residual.is_null() {
                    v = S::add(v, S::load(residual.add(at)));
                }
                if relu {
                    v = S::max(v, zero);
                }
                S::store(y.add(at), v);
            }
            channel += S::LANES;
        }
        for channel in channel..channels {
            for pixel in 0..pixels {
                let at = pixel * channels + channel;
                let mut v = *x.add(at) * scale[channel] + shift[channel];
                if !residual.is_null() {
                    v += *residual.add(at);
                }
                *y.add(at) = if relu && v < 0.0 { 0.0 } else { v };
            }
        }
    }
}

/// Zeroes the gradients where the answer is not positive (unless `answer` is null), and adds them and their products
/// with the centred inputs to the channels' sums.
///
/// # Safety
/// The processor has the level; `pixels` times as many values as there are means are there at all pointers.
#[inline(always)]
pub unsafe fn gate_row<S: Simd>(
    gradient: *mut f32,
    answer: *const f32,
    x: *const f32,
    pixels: usize,
    means: &[f32],
    sums: &mut [f32],
    products: &mut [f32],
) {
    let channels = means.len();
    // SAFETY: channels and pixels keep inside what the caller promised.
    unsafe {
        let mut channel = 0;
        while channel + S::LANES <= channels {
            let mean = S::load(means.as_ptr().add(channel));
            let mut sum = S::load(sums.as_ptr().add(channel));
            let mut product = S::load(products.as_ptr().add(channel));
            for pixel in 0..pixels {
                let at = pixel * channels + channel;
                let mut g = S::load(gradient.add(at));
                if !answer.is_null() {
                    g = S::where_positive(S::load(answer.add(at)), g);
                    S::store(gradient.add(at), g);
                }
                sum = S::add(sum, g);
                product = S::fma(g, S::sub(S::load(x.add(at)), mean), product);
            }
            S::store(sums.as_mut_ptr().add(channel), sum);
            S::store(products.as_mut_ptr().add(channel), product);
            channel += S::LANES;
        }
        for channel in channel..channels {
            for pixel in 0..pixels {
                let at = pixel * channels + channel;
                if !answer.is_null() && *answer.add(at) <= 0.0 {
                    *gradient.add(at) = 0.0;
                }
                let g = *gradient.add(at);
                sums[channel] += g;
                products[channel] += g * (*x.add(at) - means[channel]);
            }
        }
    }
}

/// `to = a · gradient + b · x + c` over a row of pixels.
///
/// # Safety
/// The processor has the level; `pixels` times as many values as there are factors are there at all pointers.
#[inline(always)]
pub unsafe fn blend_row<S: Simd>(
    gradient: *const f32,
    x: *const f32,
    to: *mut f32,
    pixels: usize,
    factors: [&[f32]; 3],
) {
    let [a, b, c] = factors;
    let channels = a.len();
    // SAFETY: channels and pixels keep inside what the caller promised.
    unsafe {
        let mut channel = 0;
        while channel + S::LANES <= channels {
            let [a, b, c] = factors.map(|factor| S::load(factor.as_ptr().add(channel)));
            for pixel in 0..pixels {
                let at = pixel * channels + channel;
                let v = S::fma(S::load(x.add(at)), b, c);
                S::store(to.add(at), S::fma(S::load(gradient.add(at)), a, v));
            }
            channel += S::LANES;
        }
        for channel in channel..channels {
            for pixel in 0..pixels {
                let at = pixel * channels + channel;
                *to.add(at) = a[channel] * *gradient.add(at) + b[channel] * *x.add(at) + c[channel];
            }
        }
    }
}

/// Mean and biased variance of each channel over all positions of the batch.
pub fn batch_moments(kernels: &Kernels, x: &FeatureMap) -> (Vec<f64>, Vec<f64>) {
    let count = (x.images * x.height * x.width) as f64;
    let strides = x.strides();
    let (sums, squares) = summed(x.images, x.channels, |image, sums, squares| {
        for y in 0..x.height {
            let at = strides.base + image * strides.image + y * strides.y;
            let row = x.values[at..at + x.width * x.channels].as_ptr();
            // SAFETY: the row's slice holds the pixels.
            unsafe { (kernels.sum_row)(row, x.width, sums, squares) };
        }
    });
    let means: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
    let variances = squares.iter().zip(&means).map(|(square, mean)| (square / count - mean * mean).max(0.0)).collect();
    (means, variances)
}

/// Two sums a channel over all images: each image's by `add`, in single precision.
fn summed(
    images: usize,
    channels: usize,
    add: impl Fn(usize, &mut [f32], &mut [f32]) + Sync + Send,
) -> (Vec<f64>, Vec<f64>) {
    let mut parts = Scratch::take(images * 2 * channels);
    let pointer = SendPointer(parts.as_mut_ptr());
    parallel(images, |image| {
        let pointer = &pointer;
        // SAFETY: every image has sums of its own.
        let own = unsafe { std::slice::from_raw_parts_mut(pointer.0.add(image * 2 * channels), 2 * channels) };
        own.fill(0.0);
        let (first, second) = own.split_at_mut(channels);
        add(image, first, second);
    });
    let mut totals = vec![0f64; 2 * channels];
    for part in parts.chunks_exact((2 * channels).max(1)) {
        totals.iter_mut().zip(part).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    let second = totals.split_off(channels);
    (totals, second)
}

/// `x · scale + shift (+ residual)`, then a ReLU if wanted, as a new map.
pub fn affine(
    kernels: &Kernels,
    x: &FeatureMap,
    scale: &[f32],
    shift: &[f32],
    residual: Option<&FeatureMap>,
    relu: bool,
) -> FeatureMap {
    assert!(scale.len() == x.channels && shift.len() == x.channels);
    assert!(residual.is_none_or(|residual| same_size(residual, x)));
    let mut y = FeatureMap::bordered(x.images, x.height, x.width, x.channels, BORDER);
    let (from, to) = (x.strides(), y.strides());
    let residual = residual.map(|map| (map, map.strides()));
    let output = SendPointer(y.values.as_mut_ptr());
    parallel(x.images, |image| {
        let output = &output;
        for row in 0..x.height {
            let residual = residual.as_ref().map_or(std::ptr::null(), |(map, strides)| {
                map.values[strides.base + image * strides.image + row * strides.y..].as_ptr()
            });
            // SAFETY: all maps have the same size, and every task writes an image of its own.
            unsafe {
                let x_row = x.values.as_ptr().add(from.base + image * from.image + row * from.y);
                let y_row = output.0.add(to.base + image * to.image + row * to.y);
                (kernels.affine_row)(x_row, residual, y_row, x.width, scale, shift, relu);
            }
        }
    });
    y
}

fn same_size(a: &FeatureMap, b: &FeatureMap) -> bool {
    (a.images, a.height, a.width, a.channels) == (b.images, b.height, b.width, b.channels)
}

/// Zeroes `gradient` where the answer was cut off by a ReLU (if one is given), and sums it and its products with the
/// centred inputs over all positions.
pub fn gate(
    kernels: &Kernels,
    gradient: &mut FeatureMap,
    answer: Option<&FeatureMap>,
    x: &FeatureMap,
    means: &[f32],
) -> (Vec<f64>, Vec<f64>) {
    assert!(same_size(gradient, x) && answer.is_none_or(|answer| same_size(answer, x)) && means.len() == x.channels);
    let (of_gradient, of_x) = (gradient.strides(), x.strides());
    let answer = answer.map(|map| (map, map.strides()));
    let pointer = SendPointer(gradient.values.as_mut_ptr());
    summed(x.images, x.channels, |image, sums, products| {
        let pointer = &pointer;
        for row in 0..x.height {
            let answer = answer.as_ref().map_or(std::ptr::null(), |(map, strides)| {
                map.values[strides.base + image * strides.image + row * strides.y..].as_ptr()
            });
            // SAFETY: all maps have the same size, and every task changes an image of its own.
            unsafe {
                let g_row = pointer.0.add(of_gradient.base + image * of_gradient.image + row * of_gradient.y);
                let x_row = x.values.as_ptr().add(of_x.base + image * of_x.image + row * of_x.y);
                (kernels.gate_row)(g_row, answer, x_row, x.width, means, sums, products);
            }
        }
    })
}

/// `a · gradient + b · x + c`, a factor a channel, as a new map.
pub fn blend(kernels: &Kernels, gradient: &FeatureMap, x: &FeatureMap, factors: [&[f32]; 3]) -> FeatureMap {
    assert!(same_size(gradient, x) && factors.iter().all(|factor| factor.len() == x.channels));
    let mut y = FeatureMap::bordered(x.images, x.height, x.width, x.channels, BORDER);
    let (of_gradient, of_x, to) = (gradient.strides(), x.strides(), y.strides());
    let output = SendPointer(y.values.as_mut_ptr());
    parallel(x.images, |image| {
        let output = &output;
        for row in 0..x.height {
            // SAFETY: all maps have the same size, and every task writes an image of its own.
            unsafe {
                let at = of_gradient.base + image * of_gradient.image + row * of_gradient.y;
                let g_row = gradient.values.as_ptr().add(at);
                let x_row = x.values.as_ptr().add(of_x.base + image * of_x.image + row * of_x.y);
                let y_row = output.0.add(to.base + image * to.image + row * to.y);
                (kernels.blend_row)(g_row, x_row, y_row, x.width, factors);
            }
        }
    });
    y
}
