//! The gradient of a convolution's input: a convolution of the answer's gradient with the mirrored, transposed weights.
//! With a stride, each phase of the input (rows and columns that leave the same remainder) sees only some of the
//! taps and is a small convolution of its own, written between the others.

use super::buffer::Buffer;
use super::convolve::{Method, PackedConv, run_divided};
use super::dispatch::{Kernels, kernels};
use super::level::Level;
use super::map::{BORDER, FeatureMap};
use super::panel::{Finish, Multiply, PackedMatrix, Strides};

/// The weights of a convolution, packed for the way back.
pub enum PackedTransposed {
    /// Stride 1.
    Mirrored(PackedConv),
    Phases(PackedPhases),
}

/// A strided convolution's weights by phase.
pub struct PackedPhases {
    kernels: &'static Kernels,
    phases: Vec<Phase>,
    bias: Buffer,
    in_channels: usize,
    out_channels: usize,
    stride: usize,
    panels: usize,
}

/// The taps that reach one phase of the input.
struct Phase {
    row: usize,
    column: usize,
    /// The answer's first row and column that the phase's first position looks at, which may be the border's (−1).
    first: (isize, isize),
    taps: (usize, usize),
    matrix: Option<PackedMatrix>,
}

/// The taps of one axis that reach the positions `phase + stride · i`, from the answer's first position on: how many,
/// the first one's kernel index (the next has `stride` less), and which answer it looks at for i = 0.
fn axis(phase: usize, kernel: usize, stride: usize, padding: usize) -> (usize, usize, isize) {
    // Answer o reaches the input at o·stride + tap − padding, so tap = phase + padding − stride·(o − i).
    let highest = (0..kernel).rev().find(|tap| (phase + padding) % stride == tap % stride);
    match highest {
        None => (0, 0, 0),
        Some(tap) => {
            let first = (phase as isize + padding as isize - tap as isize) / stride as isize;
            (tap / stride + 1, tap, first)
        }
    }
}

impl PackedTransposed {
    /// From weights of taps × in × out (`shape` is out×in×height×width). `None` for kernels whose way back is not
    /// needed anywhere: oblong ones, and strided ones of more than 3×3, which would look beyond a map's border.
    pub fn new(weights: &[f32], shape: [usize; 4], stride: usize, padding: usize) -> Option<Self> {
        let [out_channels, in_channels, kernel_h, kernel_w] = shape;
        if kernel_h != kernel_w || padding >= kernel_h || (stride > 1 && kernel_h > 3) {
            return None;
        }
        if stride == 1 {
            let mirrored = [in_channels, out_channels, kernel_h, kernel_w];
            let back = kernel_h - 1 - padding;
            let at = |channel: usize, out: usize, y: usize, x: usize| {
                let tap = (kernel_h - 1 - y) * kernel_w + kernel_w - 1 - x;
                weights[(tap * in_channels + channel) * out_channels + out]
            };
            let method = Method::best_for_once(mirrored, 1, back);
            return Some(Self::Mirrored(PackedConv::of_elements(at, mirrored, None, 1, back, method)));
        }
        let kernels = kernels(Level::current());
        let mut phases = Vec::new();
        for row in 0..stride {
            for column in 0..stride {
                let (down, tap_y, first_y) = axis(row, kernel_h, stride, padding);
                let (across, tap_x, first_x) = axis(column, kernel_w, stride, padding);
                let depth = down * across * out_channels;
                let matrix = (depth > 0).then(|| {
                    PackedMatrix::pack(depth, in_channels, kernels.lanes, |k, channel| {
                        let (tap, out) = (k / out_channels, k % out_channels);
                        let (y, x) = (tap_y - tap / across * stride, tap_x - tap % across * stride);
                        weights[((y * kernel_w + x) * in_channels + channel) * out_channels + out]
                    })
                });
                phases.push(Phase { row, column, first: (first_y, first_x), taps: (down, across), matrix });
            }
        }
        let panel_width = super::panel::VECTORS * kernels.lanes;
        let bias = Buffer::zeroed(in_channels.next_multiple_of(panel_width));
        let panels = in_channels.div_ceil(panel_width);
        Some(Self::Phases(PackedPhases { kernels, phases, bias, in_channels, out_channels, stride, panels }))
    }

    /// The gradient of the input (of this height and width), plus `sum` where there is one.
    pub fn run(&self, gradient: &FeatureMap, size: (usize, usize), sum: Option<FeatureMap>) -> FeatureMap {
        match self {
            Self::Mirrored(conv) => conv.run(gradient, sum.as_ref(), false),
            Self::Phases(phases) => phases.run(gradient, size, sum),
        }
    }
}

impl PackedPhases {
    fn run(&self, gradient: &FeatureMap, (height, width): (usize, usize), sum: Option<FeatureMap>) -> FeatureMap {
        assert!(gradient.channels == self.out_channels && gradient.border >= BORDER);
        let has_sum = sum.is_some();
        let mut answer = match sum {
            Some(sum) => {
                assert!(sum.images == gradient.images && sum.channels == self.in_channels);
                assert!((sum.height, sum.width) == (height, width));
                sum
            }
            None => FeatureMap::bordered(gradient.images, height, width, self.in_channels, BORDER),
        };
        if !has_sum && self.phases.iter().any(|phase| phase.matrix.is_none()) {
            answer.values.fill(0.0);
        }
        let (from, to) = (gradient.strides(), answer.strides());
        let output = answer.values.as_mut_ptr();
        for phase in &self.phases {
            let rows = height.saturating_sub(phase.row).div_ceil(self.stride);
            let columns = width.saturating_sub(phase.column).div_ceil(self.stride);
            let Some(matrix) = phase.matrix.as_ref().filter(|_| rows * columns > 0) else { continue };
            // What the last position looks at must exist, with its border and the fill up to whole tiles.
            let reach = |first: isize, count: usize, taps: usize| first + (count + taps) as isize - 1;
            let limit = |padded: usize| padded as isize - gradient.border as isize;
            assert!(reach(phase.first.0, rows, phase.taps.0) <= limit(gradient.padded_height()));
            assert!(reach(phase.first.1, columns, phase.taps.1) <= limit(gradient.padded_width()));
            let base = from.base as isize + phase.first.0 * from.y as isize + phase.first.1 * from.x as isize;
            let output_strides = Strides {
                base: to.base + phase.row * to.y + phase.column * to.x,
                image: to.image,
                y: self.stride * to.y,
                x: self.stride * to.x,
            };
            let job = Multiply {
                width: columns,
                height: rows,
                input: gradient.values.as_ptr(),
                input_strides: Strides { base: base as usize, image: from.image, y: from.y, x: from.x },
                runs: phase.taps.0,
                run_len: phase.taps.1 * self.out_channels,
                run_stride: from.y,
                matrix: matrix.values.as_ptr(),
                columns: self.in_channels,
                bias: self.bias.as_ptr(),
                output,
                output_strides,
                residual: if has_sum { output } else { std::ptr::null() },
                residual_strides: output_strides,
                finish: Finish::Plain,
            };
            run_divided(self.kernels, &job, gradient.images * rows * columns, self.panels);
        }
        answer
    }
}
