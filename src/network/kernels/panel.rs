//! The matrix kernel under every layer: rows of scattered inputs times a packed matrix.
//!
//! The matrix (K×columns) is packed in panels of two vectors' width. A tile of the answer, `ROWS` × one panel, stays
//! in registers while K runs; each step multiplies one broadcast input of every row with the panel's two vectors. A
//! row's K inputs are `runs` pieces of `run_len` neighbours, `run_stride` apart: one run for a matrix, one run a
//! kernel row for a convolution on channels-last maps. So no input is ever copied into columns.

use super::buffer::Buffer;
use super::simd::{Simd, exp};

/// Vectors in a panel.
pub const VECTORS: usize = 2;

/// How many steps of K ahead the weights are asked for.
const PREFETCH_STEPS: usize = 32;

/// The widest panel of any level.
const MAX_PANEL: usize = 32;

/// Rows that are taken through all panels before the next ones, so that their inputs stay in the second-level cache.
const ROW_BLOCK: usize = 224;

/// A K×columns matrix in panels: for each panel K rows of its columns, the last panel filled up with zeros.
pub struct PackedMatrix {
    pub values: Buffer,
    pub depth: usize,
    pub columns: usize,
    pub panel_width: usize,
}

impl PackedMatrix {
    /// Packs the matrix whose element (k, column) is `element(k, column)`.
    pub fn pack(depth: usize, columns: usize, lanes: usize, element: impl Fn(usize, usize) -> f32) -> Self {
        let panel_width = VECTORS * lanes;
        let panels = columns.div_ceil(panel_width);
        let mut values = Buffer::zeroed(panels * depth * panel_width);
        for (panel, packed) in values.chunks_exact_mut((depth * panel_width).max(1)).enumerate() {
            let first = panel * panel_width;
            for column in first..columns.min(first + panel_width) {
                for k in 0..depth {
                    packed[k * panel_width + column - first] = element(k, column);
                }
            }
        }
        Self { values, depth, columns, panel_width }
    }

    pub fn panels(&self) -> usize {
        self.columns.div_ceil(self.panel_width)
    }
}

/// What happens to a sum before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    Plain,
    Relu,
    QuickGelu,
}

/// Where the pixels (or matrix rows) lie in a buffer, in values from its start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Strides {
    pub base: usize,
    pub image: usize,
    pub y: usize,
    pub x: usize,
}

/// One multiplication. Rows are the `width`×`height` positions of consecutive images; a plain matrix is one row of
/// pixels.
#[derive(Clone, Copy)]
pub struct Multiply {
    pub width: usize,
    pub height: usize,
    pub input: *const f32,
    pub input_strides: Strides,
    pub runs: usize,
    pub run_len: usize,
    pub run_stride: usize,
    /// `panels × depth × panel width`, depth = `runs × run_len`.
    pub matrix: *const f32,
    pub columns: usize,
    /// A value a column, filled up to whole panels.
    pub bias: *const f32,
    pub output: *mut f32,
    pub output_strides: Strides,
    /// Added to the output, or null.
    pub residual: *const f32,
    pub residual_strides: Strides,
    pub finish: Finish,
}

// SAFETY: a `Multiply` only says where things are; who runs it from several threads gives each its own rows or panels.
unsafe impl Send for Multiply {}
// SAFETY: as above.
unsafe impl Sync for Multiply {}

struct TileTarget<const R: usize> {
    output: [*mut f32; R],
    residual: [*const f32; R],
    has_residual: bool,
    columns: usize,
    finish: Finish,
}

/// `R` rows times one panel, or its first vector where the matrix has no more columns than that.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const V: usize>(
    job: &Multiply,
    input: [*const f32; R],
    panel: *const f32,
    ahead: usize,
    bias: *const f32,
    target: &TileTarget<R>,
) {
    // SAFETY: `multiply` hands in rows that lie inside the buffers of its job.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        for row in 0..R {
            for vector in 0..V {
                sums[row][vector] = S::load(bias.add(vector * S::LANES));
            }
        }
        let mut weights = panel;
        for run in 0..job.runs {
            let start = run * job.run_stride;
            for k in start..start + job.run_len {
                let mut vectors = [S::splat(0.0); V];
                for vector in 0..V {
                    vectors[vector] = S::load(weights.add(vector * S::LANES));
                    S::prefetch(weights.wrapping_add(ahead + vector * S::LANES));
                }
                weights = weights.add(VECTORS * S::LANES);
                for row in 0..R {
                    let x = S::splat(*input[row].add(k));
                    for vector in 0..V {
                        sums[row][vector] = S::fma(x, vectors[vector], sums[row][vector]);
                    }
                }
            }
        }
        // Out of the registers in one straight piece: what follows is not unrolled.
        let mut values = [[0f32; MAX_PANEL]; R];
        for row in 0..R {
            for vector in 0..V {
                S::store(values[row].as_mut_ptr().add(vector * S::LANES), sums[row][vector]);
            }
        }
        for row in 0..R {
            let values = &mut values[row];
            if target.columns == V * S::LANES {
                for vector in 0..V {
                    let at = vector * S::LANES;
                    let mut sum = S::load(values.as_ptr().add(at));
                    if target.has_residual {
                        sum = S::add(sum, S::load(target.residual[row].add(at)));
                    }
                    S::store(target.output[row].add(at), finish::<S>(sum, target.finish));
                }
            } else {
                if target.has_residual {
                    for column in 0..target.columns {
                        values[column] += *target.residual[row].add(column);
                    }
                }
                for vector in 0..V {
                    let at = values.as_mut_ptr().add(vector * S::LANES);
                    S::store(at, finish::<S>(S::load(at), target.finish));
                }
                std::ptr::copy_nonoverlapping(values.as_ptr(), target.output[row], target.columns);
            }
        }
    }
}

#[inline(always)]
unsafe fn finish<S: Simd>(sum: S::Vector, how: Finish) -> S::Vector {
    // SAFETY: the caller vouches for the level.
    unsafe {
        match how {
            Finish::Plain => sum,
            Finish::Relu => S::max(sum, S::splat(0.0)),
            Finish::QuickGelu => {
                let e = exp::<S>(S::mul(sum, S::splat(-1.702)));
                S::div(sum, S::add(e, S::splat(1.0)))
            }
        }
    }
}

/// Walks positions in order and says where each lies in the three buffers.
struct Walk {
    image: usize,
    y: usize,
    x: usize,
}

impl Walk {
    fn at(job: &Multiply, row: usize) -> Self {
        let pixels = job.width * job.height;
        let within = row % pixels;
        Self { image: row / pixels, y: within / job.width, x: within % job.width }
    }

    #[inline(always)]
    fn offset(&self, strides: &Strides) -> usize {
        strides.base + self.image * strides.image + self.y * strides.y + self.x * strides.x
    }

    #[inline(always)]
    fn step(&mut self, job: &Multiply) {
        self.x += 1;
        if self.x == job.width {
            self.x = 0;
            self.y += 1;
            if self.y == job.height {
                self.y = 0;
                self.image += 1;
            }
        }
    }
}

#[inline(always)]
unsafe fn rows<S: Simd, const R: usize>(job: &Multiply, row: usize, panel: usize, ahead: usize) {
    let panel_width = VECTORS * S::LANES;
    let first = panel * panel_width;
    let mut walk = Walk::at(job, row);
    let mut input = [std::ptr::null(); R];
    let mut target = TileTarget {
        output: [std::ptr::null_mut(); R],
        residual: [std::ptr::null(); R],
        has_residual: !job.residual.is_null(),
        columns: panel_width.min(job.columns - first),
        finish: job.finish,
    };
    // SAFETY: the job's strides keep every row inside its buffers.
    unsafe {
        for i in 0..R {
            input[i] = job.input.add(walk.offset(&job.input_strides));
            target.output[i] = job.output.add(walk.offset(&job.output_strides) + first);
            if target.has_residual {
                target.residual[i] = job.residual.add(walk.offset(&job.residual_strides) + first);
            }
            walk.step(job);
        }
        let depth = job.runs * job.run_len;
        let matrix = job.matrix.add(panel * depth * panel_width);
        if target.columns > S::LANES {
            tile::<S, R, VECTORS>(job, input, matrix, ahead, job.bias.add(first), &target);
        } else {
            tile::<S, R, 1>(job, input, matrix, ahead, job.bias.add(first), &target);
        }
    }
}

/// Computes the answer's given rows in the given panels.
///
/// # Safety
/// The processor has the level; the job's pointers, strides and counts describe memory that is there, the output is
/// not touched by anybody else meanwhile.
#[inline(always)]
pub unsafe fn multiply<S: Simd>(job: &Multiply, row_range: (usize, usize), panel_range: (usize, usize)) {
    let (first_row, end_row) = row_range;
    let mut block = first_row;
    while block < end_row {
        let block_end = end_row.min(block + ROW_BLOCK);
        for panel in panel_range.0..panel_range.1 {
            // Tiles of nearly equal height, so that no thin one is left over.
            let tiles = (block_end - block).div_ceil(S::ROWS);
            for index in 0..tiles {
                let start = block + (block_end - block) * index / tiles;
                let end = block + (block_end - block) * (index + 1) / tiles;
                let ahead = PREFETCH_STEPS * VECTORS * S::LANES;
                // SAFETY: rows and panels are inside the job.
                unsafe {
                    match end - start {
                        1 => rows::<S, 1>(job, start, panel, ahead),
                        2 => rows::<S, 2>(job, start, panel, ahead),
                        3 => rows::<S, 3>(job, start, panel, ahead),
                        4 => rows::<S, 4>(job, start, panel, ahead),
                        5 => rows::<S, 5>(job, start, panel, ahead),
                        6 => rows::<S, 6>(job, start, panel, ahead),
                        7 => rows::<S, 7>(job, start, panel, ahead),
                        8 => rows::<S, 8>(job, start, panel, ahead),
                        9 => rows::<S, 9>(job, start, panel, ahead),
                        10 => rows::<S, 10>(job, start, panel, ahead),
                        11 => rows::<S, 11>(job, start, panel, ahead),
                        12 => rows::<S, 12>(job, start, panel, ahead),
                        13 => rows::<S, 13>(job, start, panel, ahead),
                        _ => rows::<S, 14>(job, start, panel, ahead),
                    }
                }
            }
        }
        block = block_end;
    }
}
