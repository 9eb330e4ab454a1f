//! Sums of outer products: the gradient of a convolution's or a linear layer's weights.
//!
//! On channels-last maps the inputs that one kernel row sees at a position are neighbours, and so are the gradients of
//! all output channels. A tile of the sum, `R` inputs × `V` vectors of output channels, stays in registers while the
//! positions of a whole map pass by; nothing is copied into columns.

use super::super::threads::parallel;
use super::buffer::Scratch;
use super::dispatch::Kernels;
use super::map::FeatureMap;
use super::pooling::SendPointer;
use super::simd::Simd;

/// The largest number of inputs in a tile of any level.
const MAX_ROWS: usize = 14;

/// Images whose sums are added up apart. The count does not depend on the threads, so neither does the result.
const PARTS: usize = 8;

/// Values of a map beyond which its images are summed one by one, so that they stay in the second-level cache while
/// the tiles pass by; smaller ones are summed together, so that the sums are touched less often.
const TOGETHER_VALUES: usize = 1 << 14;

/// One sum of outer products over the positions of some maps.
#[derive(Clone, Copy)]
pub struct OuterSum {
    pub images: usize,
    pub height: usize,
    pub width: usize,
    /// The first of `rows` neighbouring inputs at the first position.
    pub input: *const f32,
    pub input_image_stride: usize,
    pub input_y_stride: usize,
    pub input_x_stride: usize,
    pub rows: usize,
    /// The first of `columns` neighbouring gradients at the first position.
    pub gradient: *const f32,
    pub gradient_image_stride: usize,
    pub gradient_y_stride: usize,
    pub gradient_x_stride: usize,
    pub columns: usize,
    /// `rows × columns`, added to.
    pub sums: *mut f32,
}

#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize>(job: &OuterSum, row: usize, column: usize, valid: usize) {
    let whole = valid == V * S::LANES;
    // SAFETY: the caller's promise about the job; rows and columns are inside it, and a part of a vector is copied
    // before it is loaded.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        let mut part = [0f32; 16];
        for line in 0..job.images * job.height {
            let (image, y) = (line / job.height, line % job.height);
            let mut input = job.input.add(image * job.input_image_stride + y * job.input_y_stride + row);
            let mut gradient = job.gradient.add(image * job.gradient_image_stride + y * job.gradient_y_stride + column);
            for _ in 0..job.width {
                let mut vectors = [S::splat(0.0); V];
                if whole {
                    for v in 0..V {
                        vectors[v] = S::load(gradient.add(v * S::LANES));
                    }
                } else {
                    std::ptr::copy_nonoverlapping(gradient, part.as_mut_ptr(), valid);
                    vectors[0] = S::load(part.as_ptr());
                }
                for r in 0..R {
                    let x = S::splat(*input.add(r));
                    for v in 0..V {
                        sums[r][v] = S::fma(x, vectors[v], sums[r][v]);
                    }
                }
                input = input.add(job.input_x_stride);
                gradient = gradient.add(job.gradient_x_stride);
            }
        }
        let mut values = [[[0f32; 16]; V]; R];
        for r in 0..R {
            for v in 0..V {
                S::store(values[r][v].as_mut_ptr(), sums[r][v]);
            }
        }
        for r in 0..R {
            let to = job.sums.add((row + r) * job.columns + column);
            for v in 0..V {
                let first = v * S::LANES;
                let count = valid.saturating_sub(first).min(S::LANES);
                for lane in 0..count {
                    *to.add(first + lane) += values[r][v][lane];
                }
            }
        }
    }
}

macro_rules! of_rows {
    ($rows:expr, $simd:ty, $vectors:literal, $job:expr, $row:expr, $column:expr, $valid:expr, [$($r:literal)*]) => {
        match $rows {
            $($r => tile::<$simd, $r, $vectors>($job, $row, $column, $valid),)*
            _ => {}
        }
    };
}

/// Adds the whole job.
///
/// # Safety
/// The processor has the level; the job's pointers, strides and counts describe memory that is there, and nobody else
/// touches the sums meanwhile.
#[inline(always)]
pub unsafe fn outer_sum<S: Simd>(job: &OuterSum) {
    let tiles = job.rows.div_ceil(S::ROWS.min(MAX_ROWS));
    let mut column = 0;
    while column < job.columns {
        let left = job.columns - column;
        let valid = if left >= 2 * S::LANES { 2 * S::LANES } else { left.min(S::LANES) };
        for index in 0..tiles {
            let row = job.rows * index / tiles;
            let rows = job.rows * (index + 1) / tiles - row;
            // SAFETY: as for the caller; tiles keep inside rows and columns.
            unsafe {
                if valid == 2 * S::LANES {
                    of_rows!(rows, S, 2, job, row, column, valid, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
                } else {
                    of_rows!(rows, S, 1, job, row, column, valid, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
                }
            }
        }
        column += valid;
    }
}

/// The gradient of a convolution's weights, added to `gradient` (taps × in × out): for every position the outer
/// product of what the kernel saw and the gradient of what it answered.
pub fn weight_gradient(
    kernels: &Kernels,
    x: &FeatureMap,
    answer_gradient: &FeatureMap,
    kernel: (usize, usize),
    stride: usize,
    padding: usize,
    gradient: &mut [f32],
) {
    let (kernel_h, kernel_w) = kernel;
    let rows = kernel_w * x.channels;
    let columns = answer_gradient.channels;
    assert!(gradient.len() == kernel_h * rows * columns && x.border >= padding);
    assert!(x.images == answer_gradient.images);
    assert!((answer_gradient.height - 1) * stride + kernel_h <= x.height + 2 * padding);
    assert!((answer_gradient.width - 1) * stride + kernel_w <= x.width + 2 * padding);
    let (from, to) = (x.strides(), answer_gradient.strides());
    let parts = x.images.min(PARTS);
    let mut sums = Scratch::take(parts * gradient.len());
    let pointer = SendPointer(sums.as_mut_ptr());
    let size = gradient.len();
    parallel(parts, |part| {
        let pointer = &pointer;
        // SAFETY: every part has sums of its own.
        let sums = unsafe { std::slice::from_raw_parts_mut(pointer.0.add(part * size), size) };
        sums.fill(0.0);
        let (first, end) = (x.images * part / parts, x.images * (part + 1) / parts);
        let together = (TOGETHER_VALUES / from.image.max(to.image).max(1)).clamp(1, end - first);
        for image in (first..end).step_by(together) {
            for tap in 0..kernel_h {
                let corner = from.base + image * from.image + tap * from.y - padding * (from.y + from.x);
                // SAFETY: the kernel's rows lie inside the maps with their borders, and the sums are this part's own.
                unsafe {
                    (kernels.outer_sum)(&OuterSum {
                        images: together.min(end - image),
                        height: answer_gradient.height,
                        width: answer_gradient.width,
                        input: x.values.as_ptr().add(corner),
                        input_image_stride: from.image,
                        input_y_stride: stride * from.y,
                        input_x_stride: stride * from.x,
                        rows,
                        gradient: answer_gradient.values.as_ptr().add(to.base + image * to.image),
                        gradient_image_stride: to.image,
                        gradient_y_stride: to.y,
                        gradient_x_stride: to.x,
                        columns,
                        sums: sums.as_mut_ptr().add(tap * rows * columns),
                    });
                }
            }
        }
    });
    for part in sums.chunks_exact(size) {
        gradient.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
}
