//! The largest value of windows of channels-last maps.

use super::super::threads::parallel;
use super::dispatch::Kernels;
use super::map::{BORDER, FeatureMap};
use super::simd::Simd;

/// The positions of one window that lie inside the map.
pub struct PoolWindow {
    pub input: *const f32,
    pub y_stride: usize,
    pub x_stride: usize,
    pub height: usize,
    pub width: usize,
    pub output: *mut f32,
}

/// # Safety
/// The processor has the level; `channels` values are readable at every position of the window (at least one) and
/// writable at the output.
#[inline(always)]
pub unsafe fn max_window<S: Simd>(window: &PoolWindow, channels: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut channel = 0;
        while channel + S::LANES <= channels {
            let mut largest = S::load(window.input.add(channel));
            for y in 0..window.height {
                for x in 0..window.width {
                    let at = y * window.y_stride + x * window.x_stride + channel;
                    largest = S::max(largest, S::load(window.input.add(at)));
                }
            }
            S::store(window.output.add(channel), largest);
            channel += S::LANES;
        }
        for channel in channel..channels {
            let mut largest = *window.input.add(channel);
            for y in 0..window.height {
                for x in 0..window.width {
                    let value = *window.input.add(y * window.y_stride + x * window.x_stride + channel);
                    largest = if value > largest { value } else { largest };
                }
            }
            *window.output.add(channel) = largest;
        }
    }
}

/// Max pooling, floor mode; padding is never the largest. The caller has checked that a window fits.
pub fn max_pool(kernels: &Kernels, x: &FeatureMap, size: usize, stride: usize, padding: usize) -> FeatureMap {
    let height = (x.height + 2 * padding - size) / stride + 1;
    let width = (x.width + 2 * padding - size) / stride + 1;
    let mut pooled = FeatureMap::bordered(x.images, height, width, x.channels, BORDER);
    let (from, to) = (x.strides(), pooled.strides());
    let output = SendPointer(pooled.values.as_mut_ptr());
    let inside = |at: usize, limit: usize| {
        let first = (at * stride).saturating_sub(padding).min(limit - 1);
        let end = (at * stride + size).saturating_sub(padding).clamp(first + 1, limit);
        (first, end)
    };
    parallel(x.images * height, |row| {
        let output = &output;
        let (image, y) = (row / height, row % height);
        let (top, bottom) = inside(y, x.height);
        for column in 0..width {
            let (left, right) = inside(column, x.width);
            let start = from.base + image * from.image + top * from.y + left * from.x;
            // SAFETY: the window lies inside the map, and every task writes rows of its own.
            unsafe {
                let window = PoolWindow {
                    input: x.values.as_ptr().add(start),
                    y_stride: from.y,
                    x_stride: from.x,
                    height: bottom - top,
                    width: right - left,
                    output: output.0.add(to.base + image * to.image + y * to.y + column * to.x),
                };
                (kernels.max_window)(&window, x.channels);
            }
        }
    });
    pooled
}

/// A pointer that tasks share, each writing places of its own.
pub struct SendPointer(pub *mut f32);

// SAFETY: a pointer alone does nothing; the tasks that write through it keep to their own places.
unsafe impl Send for SendPointer {}
// SAFETY: as above.
unsafe impl Sync for SendPointer {}
