//! Rows times a packed weight matrix, and attention, which is made of such products.

use super::super::threads::parallel;
use super::buffer::{Buffer, Scratch};
use super::convolve::run_divided;
use super::dispatch::{Kernels, kernels};
use super::level::Level;
use super::panel::{Finish, Multiply, PackedMatrix, Strides, VECTORS};
use super::pooling::SendPointer;

/// The weights of a linear layer.
pub struct PackedLinear {
    kernels: &'static Kernels,
    matrix: PackedMatrix,
    bias: Buffer,
}

impl PackedLinear {
    /// From a weight of out×in.
    pub fn new(weight: &[f32], out_features: usize, in_features: usize, bias: Option<&[f32]>) -> Self {
        let kernels = kernels(Level::current());
        let matrix =
            PackedMatrix::pack(in_features, out_features, kernels.lanes, |k, out| weight[out * in_features + k]);
        let mut padded = Buffer::zeroed(out_features.next_multiple_of(matrix.panel_width));
        if let Some(bias) = bias {
            padded[..out_features].copy_from_slice(bias);
        }
        Self { kernels, matrix, bias: padded }
    }

    pub fn kernels(&self) -> &'static Kernels {
        self.kernels
    }

    pub fn out_features(&self) -> usize {
        self.matrix.columns
    }

    /// `rows` rows of `x`, each `x_stride` values after the one before, to neighbouring rows of `y`; plus the rows
    /// of `residual`, `residual_stride` apart.
    pub fn run(&self, x: &[f32], x_stride: usize, residual: Option<(&[f32], usize)>, finish: Finish, y: &mut [f32]) {
        let (depth, columns) = (self.matrix.depth, self.matrix.columns);
        let rows = y.len() / columns.max(1);
        if rows == 0 {
            return;
        }
        assert!(x.len() >= (rows - 1) * x_stride + depth, "too few inputs for {rows} rows");
        let (residual, residual_stride) = match residual {
            Some((values, stride)) => {
                assert!(values.len() >= (rows - 1) * stride + columns, "too few residuals for {rows} rows");
                (values.as_ptr(), stride)
            }
            None => (std::ptr::null(), 0),
        };
        let job = Multiply {
            width: rows,
            height: 1,
            input: x.as_ptr(),
            input_strides: Strides { x: x_stride, ..Strides::default() },
            runs: 1,
            run_len: depth,
            run_stride: 0,
            matrix: self.matrix.values.as_ptr(),
            columns,
            bias: self.bias.as_ptr(),
            output: y.as_mut_ptr(),
            output_strides: Strides { x: columns, ..Strides::default() },
            residual,
            residual_strides: Strides { x: residual_stride, ..Strides::default() },
            finish,
        };
        run_divided(self.kernels, &job, rows, self.matrix.panels());
    }
}

/// Layer norm of each row.
pub fn layer_norm_rows(kernels: &Kernels, x: &[f32], weight: &[f32], bias: &[f32], epsilon: f32, y: &mut [f32]) {
    let width = weight.len();
    assert!(bias.len() == width && x.len() == y.len(), "layer norm of slices that differ");
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        // SAFETY: all slices are `width` long.
        unsafe { (kernels.layer_norm)(x, weight, bias, epsilon, y) };
    }
}

/// One sequence of multi-head attention.
pub struct Attention<'a> {
    pub kernels: &'a Kernels,
    /// tokens × 3·width: queries, keys and values side by side, heads side by side in each.
    pub qkv: &'a [f32],
    pub tokens: usize,
    pub heads: usize,
    pub head_width: usize,
    /// Whether a token sees only itself and those before it.
    pub causal: bool,
    /// The queries that are asked: the first of them and how many.
    pub queries: (usize, usize),
}

impl Attention<'_> {
    /// Writes queries × width mixed values, and the probabilities (heads × queries × tokens) if there is room for
    /// them.
    pub fn run(&self, mixed: &mut [f32], probabilities: &mut [f32]) {
        let (first_query, queries) = self.queries;
        let width = self.heads * self.head_width;
        assert!(self.qkv.len() == self.tokens * 3 * width && first_query + queries <= self.tokens);
        assert!(mixed.len() == queries * width);
        let kept = !probabilities.is_empty();
        assert!(!kept || probabilities.len() == self.heads * queries * self.tokens);
        let mixed = SendPointer(mixed.as_mut_ptr());
        let probabilities = SendPointer(probabilities.as_mut_ptr());
        parallel(self.heads, |head| {
            let (mixed, probabilities) = (&mixed, &probabilities);
            let scores = self.scores(head);
            let row_len = scores.len() / queries;
            if kept {
                for (query, row) in scores.chunks_exact(row_len).enumerate() {
                    // SAFETY: every head and query has a row of its own in the probabilities.
                    unsafe {
                        let to = probabilities.0.add((head * queries + query) * self.tokens);
                        std::ptr::copy_nonoverlapping(row.as_ptr(), to, self.tokens);
                    }
                }
            }
            let values = PackedMatrix::pack(self.tokens, self.head_width, self.kernels.lanes, |token, column| {
                self.qkv[token * 3 * width + 2 * width + head * self.head_width + column]
            });
            let job = Multiply {
                width: queries,
                height: 1,
                input: scores.as_ptr(),
                input_strides: Strides { x: row_len, ..Strides::default() },
                run_len: self.tokens,
                matrix: values.values.as_ptr(),
                columns: self.head_width,
                // SAFETY: the head's columns lie inside the rows of the answer.
                output: unsafe { mixed.0.add(head * self.head_width) },
                output_strides: Strides { x: width, ..Strides::default() },
                ..PLAIN_PRODUCT
            };
            // SAFETY: the measures are those of the buffers; every head has columns of its own.
            unsafe { (self.kernels.multiply)(&job, (0, queries), (0, values.panels())) };
        });
    }

    /// The probabilities of one head: queries × whole panels of tokens, zero beyond the last token.
    fn scores(&self, head: usize) -> Scratch {
        let (first_query, queries) = self.queries;
        let width = self.heads * self.head_width;
        let scale = (self.head_width as f32).powf(-0.5);
        let keys = PackedMatrix::pack(self.head_width, self.tokens, self.kernels.lanes, |k, token| {
            scale * self.qkv[token * 3 * width + width + head * self.head_width + k]
        });
        let row_len = self.tokens.next_multiple_of(VECTORS * self.kernels.lanes);
        let mut scores = Scratch::take(queries * row_len);
        let job = Multiply {
            width: queries,
            height: 1,
            input: self.qkv[first_query * 3 * width + head * self.head_width..].as_ptr(),
            input_strides: Strides { x: 3 * width, ..Strides::default() },
            run_len: self.head_width,
            matrix: keys.values.as_ptr(),
            columns: row_len,
            output: scores.as_mut_ptr(),
            output_strides: Strides { x: row_len, ..Strides::default() },
            ..PLAIN_PRODUCT
        };
        // The zero bias of a plain product is one panel long, so panels are taken one by one.
        for panel in 0..keys.panels() {
            let panel_width = keys.panel_width;
            let job = Multiply {
                // SAFETY: the panel's weights and columns lie inside the matrix and the scores.
                matrix: unsafe { job.matrix.add(panel * keys.depth * panel_width) },
                output: unsafe { job.output.add(panel * panel_width) },
                columns: panel_width,
                ..job
            };
            // SAFETY: the measures are those of the buffers above.
            unsafe { (self.kernels.multiply)(&job, (0, queries), (0, 1)) };
        }
        for (query, row) in scores.chunks_exact_mut(row_len).enumerate() {
            let seen = if self.causal { first_query + query + 1 } else { self.tokens };
            // SAFETY: the row holds at least `tokens` values.
            unsafe { (self.kernels.softmax)(row, seen) };
        }
        scores
    }
}

static ZEROS: [f32; 64] = [0.0; 64];

/// A product of two matrices with nothing added, of at most two panels' columns.
const PLAIN_PRODUCT: Multiply = Multiply {
    width: 0,
    height: 0,
    input: std::ptr::null(),
    input_strides: Strides { base: 0, image: 0, y: 0, x: 0 },
    runs: 1,
    run_len: 0,
    run_stride: 0,
    matrix: std::ptr::null(),
    columns: 0,
    bias: ZEROS.as_ptr(),
    output: std::ptr::null_mut(),
    output_strides: Strides { base: 0, image: 0, y: 0, x: 0 },
    residual: std::ptr::null(),
    residual_strides: Strides { base: 0, image: 0, y: 0, x: 0 },
    finish: Finish::Plain,
};
