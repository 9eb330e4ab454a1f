//! Batch norm with the statistics of each single input.

use super::super::threads::parallel;
use super::dispatch::Kernels;
use super::map::FeatureMap;
use super::pooling::SendPointer;

/// Normalizes every channel of every image by its own mean and biased variance, scales and shifts it, adds
/// `residual` (of the same size), and applies a ReLU if wanted; in place.
pub fn normalize_per_call(
    kernels: &Kernels,
    x: &mut FeatureMap,
    weight: &[f32],
    bias: &[f32],
    epsilon: f64,
    residual: Option<&FeatureMap>,
    relu: bool,
) {
    let channels = x.channels;
    let strides = x.strides();
    let residual = residual.map(|map| (map, map.strides()));
    let (height, width) = (x.height, x.width);
    let pixels = (height * width) as f64;
    for image in 0..x.images {
        let row_at = |y: usize| strides.base + image * strides.image + y * strides.y;
        let mut means = vec![0f32; channels];
        let mut scale = vec![0f32; channels];
        for deviations in [false, true] {
            // Rows are summed in single precision, the image in double.
            let mut total = vec![0f64; channels];
            for y in 0..height {
                let mut sums = vec![0f32; channels];
                let row = x.values[row_at(y)..row_at(y) + width * channels].as_ptr();
                // SAFETY: the row's slice has width × channels values, and the sums a value a channel.
                unsafe {
                    if deviations {
                        (kernels.channel_moments)(row, width, channels, &mut means, &mut sums);
                    } else {
                        (kernels.channel_moments)(row, width, channels, &mut sums, &mut []);
                    }
                }
                total.iter_mut().zip(&sums).for_each(|(total, &sum)| *total += f64::from(sum));
            }
            for channel in 0..channels {
                let mean = total[channel] / pixels;
                if deviations {
                    scale[channel] = (f64::from(weight[channel]) / (mean + epsilon).sqrt()) as f32;
                } else {
                    means[channel] = mean as f32;
                }
            }
        }
        let shift: Vec<f32> = (0..channels).map(|c| bias[c] - means[c] * scale[c]).collect();
        let values = SendPointer(x.values.as_mut_ptr());
        parallel(height, |y| {
            let values = &values;
            let residual = residual.as_ref().map_or(std::ptr::null(), |(map, strides)| {
                map.values[strides.base + image * strides.image + y * strides.y..].as_ptr()
            });
            // SAFETY: every task has a row of its own, of width × channels values, as has the residual's.
            unsafe {
                let row = values.0.add(row_at(y));
                (kernels.affine_row)(row, residual, row, width, &scale, &shift, relu);
            }
        });
    }
}
