//! Softmax, layer norm and the normalization of channels by their own statistics.

use super::simd::{Simd, exp};

/// Softmax over the first `count` values of a row; the rest becomes zero.
///
/// # Safety
/// The processor has the level.
#[inline(always)]
pub unsafe fn softmax<S: Simd>(row: &mut [f32], count: usize) {
    let (seen, unseen) = row.split_at_mut(count);
    unseen.fill(0.0);
    let largest = seen.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a });
    let mut at = 0;
    // SAFETY: the vectors lie inside the slice; the caller vouches for the level.
    unsafe {
        while at + S::LANES <= count {
            let x = S::sub(S::load(seen.as_ptr().add(at)), S::splat(largest));
            S::store(seen.as_mut_ptr().add(at), exp::<S>(x));
            at += S::LANES;
        }
    }
    for value in &mut seen[at..] {
        *value = (*value - largest).exp();
    }
    let sum: f32 = seen.iter().sum();
    let scale = 1.0 / sum;
    seen.iter_mut().for_each(|value| *value *= scale);
}

/// `(x − mean) / sqrt(var + epsilon) · weight + bias` over one row.
///
/// # Safety
/// The processor has the level; all slices have the same length.
#[inline(always)]
pub unsafe fn layer_norm<S: Simd>(x: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, y: &mut [f32]) {
    let count = x.len();
    // SAFETY: the caller vouches for the level, and `sum` keeps inside `x`.
    let mean = unsafe { sum::<S>(x, 0.0, false) } / count as f32;
    // SAFETY: as above.
    let variance = unsafe { sum::<S>(x, mean, true) } / count as f32;
    let scale = 1.0 / (variance + epsilon).sqrt();
    let mut at = 0;
    // SAFETY: the vectors lie inside the slices.
    unsafe {
        while at + S::LANES <= count {
            let centred = S::sub(S::load(x.as_ptr().add(at)), S::splat(mean));
            let scaled = S::mul(S::mul(centred, S::splat(scale)), S::load(weight.as_ptr().add(at)));
            S::store(y.as_mut_ptr().add(at), S::add(scaled, S::load(bias.as_ptr().add(at))));
            at += S::LANES;
        }
    }
    for i in at..count {
        y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
    }
}

/// The sum of `x − centre`, or of its squares.
#[inline(always)]
unsafe fn sum<S: Simd>(x: &[f32], centre: f32, squared: bool) -> f32 {
    let mut lanes = [0f32; 16];
    let mut at = 0;
    // SAFETY: the vectors lie inside the slice, and no level has more than 16 lanes.
    unsafe {
        let mut total = S::splat(0.0);
        while at + S::LANES <= x.len() {
            let v = S::sub(S::load(x.as_ptr().add(at)), S::splat(centre));
            total = if squared { S::fma(v, v, total) } else { S::add(total, v) };
            at += S::LANES;
        }
        S::store(lanes.as_mut_ptr(), total);
    }
    let rest = x[at..].iter().map(|&v| if squared { (v - centre) * (v - centre) } else { v - centre });
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

/// Adds one row of pixels to the channels' sums; with `squares` not empty, adds the squared distances from the
/// centres (the means) to it instead.
///
/// # Safety
/// The processor has the level; `pixels × channels` values are readable at `row`.
#[inline(always)]
pub unsafe fn channel_moments<S: Simd>(
    row: *const f32,
    pixels: usize,
    channels: usize,
    centre_or_sums: &mut [f32],
    squares: &mut [f32],
) {
    let deviations = !squares.is_empty();
    let mut channel = 0;
    // SAFETY: channels and pixels keep inside what the caller promised.
    unsafe {
        while channel + S::LANES <= channels {
            let at = centre_or_sums.as_mut_ptr().add(channel);
            if deviations {
                let centre = S::load(at);
                let to = squares.as_mut_ptr().add(channel);
                let mut total = S::load(to);
                for pixel in 0..pixels {
                    let v = S::sub(S::load(row.add(pixel * channels + channel)), centre);
                    total = S::fma(v, v, total);
                }
                S::store(to, total);
            } else {
                let mut total = S::load(at);
                for pixel in 0..pixels {
                    total = S::add(total, S::load(row.add(pixel * channels + channel)));
                }
                S::store(at, total);
            }
            channel += S::LANES;
        }
        for channel in channel..channels {
            for pixel in 0..pixels {
                let value = *row.add(pixel * channels + channel);
                if deviations {
                    squares[channel] += (value - centre_or_sums[channel]).powi(2);
                } else {
                    centre_or_sums[channel] += value;
                }
            }
        }
    }
}
