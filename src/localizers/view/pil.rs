//! Pillow's resize (9.3 to 12), byte for byte: convolution with fixed-point weights, across first, then down.

use super::Bytes;

/// Bits after the point of Pillow's integer weights.
const PRECISION: u32 = 22;

/// A resampling kernel: its half-width and its values.
#[derive(Clone, Copy)]
pub(super) enum Filter {
    /// Triangle.
    Bilinear,
    /// Cubic with a = −0.5.
    Bicubic,
}

impl Filter {
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn value(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic => {
                const A: f64 = -0.5;
                if x < 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
        }
    }
}

/// The source positions of one output position and their weights, which sum to 1.
pub(super) struct Taps {
    pub first: usize,
    pub weights: Vec<f64>,
}

/// Antialiased taps from `from` to `to` positions: the kernel is stretched where the picture shrinks.
pub(super) fn taps(filter: Filter, from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    (0..to)
        .map(|position| {
            let center = (position as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let inverse = 1.0 / stretch;
            let raw: Vec<f64> = (first..end)
                .map(|source| filter.value(((source - first) as f64 + first as f64 - center + 0.5) * inverse))
                .collect();
            let sum: f64 = raw.iter().sum();
            let weights = raw.into_iter().map(|weight| if sum == 0.0 { weight } else { weight / sum }).collect();
            Taps { first, weights }
        })
        .collect()
}

/// Resized as `PIL.Image.resize((width, height), filter)` does.
pub(super) fn resize(picture: &Bytes, width: usize, height: usize, filter: Filter) -> Bytes {
    let across = if picture.width == width { picture.clone() } else { resize_across(picture, width, filter) };
    if across.height == height { across } else { resize_down(&across, height, filter) }
}

fn fixed_point(taps: &[Taps]) -> Vec<(usize, Vec<i32>)> {
    let one = f64::from(1u32 << PRECISION);
    let fixed = |&weight: &f64| if weight < 0.0 { (weight * one - 0.5) as i32 } else { (weight * one + 0.5) as i32 };
    taps.iter().map(|taps| (taps.first, taps.weights.iter().map(fixed).collect())).collect()
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (PRECISION - 1);

fn resize_across(picture: &Bytes, width: usize, filter: Filter) -> Bytes {
    let taps = fixed_point(&taps(filter, picture.width, width));
    let mut rgb = Vec::with_capacity(3 * width * picture.height);
    for row in picture.rgb.chunks_exact(3 * picture.width) {
        for (first, weights) in &taps {
            let mut sums = [HALF; 3];
            for (pixel, &weight) in row[3 * first..].chunks_exact(3).zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            rgb.extend(sums.map(to_byte));
        }
    }
    Bytes { width, height: picture.height, rgb }
}

fn resize_down(picture: &Bytes, height: usize, filter: Filter) -> Bytes {
    let taps = fixed_point(&taps(filter, picture.height, height));
    let stride = 3 * picture.width;
    let mut rgb = Vec::with_capacity(stride * height);
    let mut sums = vec![HALF; stride];
    for (first, weights) in &taps {
        sums.fill(HALF);
        for (row, &weight) in picture.rgb.chunks_exact(stride).skip(*first).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        rgb.extend(sums.iter().map(|&sum| to_byte(sum)));
    }
    Bytes { width: picture.width, height, rgb }
}
