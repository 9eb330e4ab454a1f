//! The way back through max pooling: the gradient of a window goes to the first of its largest values.

use super::super::threads::parallel;
use super::dispatch::Kernels;
use super::map::{BORDER, FeatureMap};
use super::pooling::SendPointer;
use super::simd::Simd;

/// One window with what it answered.
pub struct UnpoolWindow {
    pub input: *const f32,
    pub input_y_stride: usize,
    /// The gradient of the input, of the same layout apart from the row stride.
    pub to: *mut f32,
    pub to_y_stride: usize,
    pub x_stride: usize,
    pub height: usize,
    pub width: usize,
    pub answer: *const f32,
    pub gradient: *const f32,
}

/// Adds the window's gradient where its largest value was found first, row by row.
///
/// # Safety
/// The processor has the level; `channels` values are there at every position of the window, in the input and in its
/// gradient, and at the answer and its gradient.
#[inline(always)]
pub unsafe fn unpool_window<S: Simd>(window: &UnpoolWindow, channels: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut channel = 0;
        while channel + S::LANES <= channels {
            let largest = S::load(window.answer.add(channel));
            let mut left = S::load(window.gradient.add(channel));
            for y in 0..window.height {
                for x in 0..window.width {
                    let value = S::load(window.input.add(y * window.input_y_stride + x * window.x_stride + channel));
                    let to = window.to.add(y * window.to_y_stride + x * window.x_stride + channel);
                    // Everything that is left goes where the value is not below the largest.
                    let below = S::where_positive(S::sub(largest, value), left);
                    S::store(to, S::add(S::load(to), S::sub(left, below)));
                    left = below;
                }
            }
            channel += S::LANES;
        }
        for channel in channel..channels {
            let largest = *window.answer.add(channel);
            let mut found = false;
            for y in 0..window.height {
                for x in 0..window.width {
                    let value = *window.input.add(y * window.input_y_stride + x * window.x_stride + channel);
                    if !found && value >= largest {
                        found = true;
                        let to = window.to.add(y * window.to_y_stride + x * window.x_stride + channel);
                        *to += *window.gradient.add(channel);
                    }
                }
            }
        }
    }
}

/// The gradient of a max pool's input `x`, which it answered with `answer`.
pub fn max_pool_gradient(
    kernels: &Kernels,
    x: &FeatureMap,
    answer: &FeatureMap,
    gradient: &FeatureMap,
    window: (usize, usize, usize),
) -> FeatureMap {
    let (size, stride, padding) = window;
    assert!(answer.images == x.images && answer.channels == x.channels);
    assert!((gradient.height, gradient.width, gradient.channels) == (answer.height, answer.width, answer.channels));
    let mut to = FeatureMap::bordered(x.images, x.height, x.width, x.channels, BORDER);
    to.values.fill(0.0);
    let (of_x, of_to) = (x.strides(), to.strides());
    let (of_answer, of_gradient) = (answer.strides(), gradient.strides());
    let pointer = SendPointer(to.values.as_mut_ptr());
    let inside = |at: usize, limit: usize| {
        let first = (at * stride).saturating_sub(padding).min(limit - 1);
        (first, (at * stride + size).saturating_sub(padding).clamp(first + 1, limit))
    };
    parallel(x.images, |image| {
        let pointer = &pointer;
        for y in 0..answer.height {
            let (top, bottom) = inside(y, x.height);
            for column in 0..answer.width {
                let (left, right) = inside(column, x.width);
                // SAFETY: windows lie inside their maps, and every task changes an image of its own.
                unsafe {
                    let at = of_x.base + image * of_x.image + top * of_x.y + left * of_x.x;
                    let target = of_to.base + image * of_to.image + top * of_to.y + left * of_to.x;
                    let answered = of_answer.base + image * of_answer.image + y * of_answer.y + column * of_answer.x;
                    let from = of_gradient.base + image * of_gradient.image + y * of_gradient.y;
                    (kernels.unpool_window)(
                        &UnpoolWindow {
                            input: x.values.as_ptr().add(at),
                            input_y_stride: of_x.y,
                            to: pointer.0.add(target),
                            to_y_stride: of_to.y,
                            x_stride: of_x.x,
                            height: bottom - top,
                            width: right - left,
                            answer: answer.values.as_ptr().add(answered),
                            gradient: gradient.values.as_ptr().add(from + column * of_gradient.x),
                        },
                        x.channels,
                    );
                }
            }
        }
    });
    to
}
