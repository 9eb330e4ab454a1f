//! A convolution on feature maps: which kernel, and how its work is divided.

use super::super::threads::{parallel, thread_count};
use super::buffer::{Buffer, Scratch};
use super::dispatch::{Kernels, kernels};
use super::level::Level;
use super::map::{BORDER, FeatureMap};
use super::panel::{Finish, Multiply, PackedMatrix, Strides};
use super::pooling::SendPointer;
use super::winograd::{POINTS, TILE, TileOutput, transform_weights};

/// Rows below which a multiplication is rather divided by panels than by rows: the weights are then what moves.
const FEW_ROWS: usize = 1024;

/// Transformed inputs that are worked on at a time, in bytes, so that they stay in the second-level cache.
const WINOGRAD_BLOCK_BYTES: usize = 1 << 19;

/// Tiles that are worked on at a time at least: fewer would read the weights too often.
const WINOGRAD_BLOCK_TILES: usize = 16;

/// The weights of a convolution, in the form that its kernel reads.
pub struct PackedConv {
    kernels: &'static Kernels,
    weights: Weights,
    /// Filled up to whole panels.
    bias: Buffer,
    panel_width: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: (usize, usize),
    pub stride: usize,
    pub padding: usize,
}

enum Weights {
    Direct(PackedMatrix),
    Winograd(Buffer),
}

/// Which kernel a convolution of these measures uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Direct,
    Winograd,
}

impl Method {
    /// The fastest one, by measurement, for weights of out×in×height×width. Winograd needs 3×3 with stride 1 and
    /// channels in whole vectors; with 512 channels it is no longer worth its four times larger weights.
    pub fn best(shape: [usize; 4], stride: usize, padding: usize) -> Self {
        let [out_channels, in_channels, ..] = shape;
        let whole = in_channels.is_multiple_of(16) && out_channels.is_multiple_of(16);
        let fits = shape[2..] == [3, 3] && stride == 1 && padding == 1 && whole;
        if fits && in_channels < 512 { Self::Winograd } else { Self::Direct }
    }
}

impl Method {
    /// The fastest one where the weights are packed anew for every pass: transforming many of them costs more than
    /// Winograd's method saves.
    pub fn best_for_once(shape: [usize; 4], stride: usize, padding: usize) -> Self {
        let few = shape[0] * shape[1] <= 32 * 32;
        if few { Self::best(shape, stride, padding) } else { Self::Direct }
    }
}

impl PackedConv {
    /// From weights of out×in×height×width.
    pub fn new(
        weights: &[f32],
        shape: [usize; 4],
        bias: Option<&[f32]>,
        stride: usize,
        padding: usize,
        method: Method,
    ) -> Self {
        let [_, in_channels, kernel_h, kernel_w] = shape;
        let at = |out: usize, channel: usize, y: usize, x: usize| {
            weights[((out * in_channels + channel) * kernel_h + y) * kernel_w + x]
        };
        Self::of_elements(at, shape, bias, stride, padding, method)
    }

    /// From the weight of each out, in, row and column; `shape` is out×in×height×width.
    pub fn of_elements(
        at: impl Fn(usize, usize, usize, usize) -> f32,
        shape: [usize; 4],
        bias: Option<&[f32]>,
        stride: usize,
        padding: usize,
        method: Method,
    ) -> Self {
        let [out_channels, in_channels, kernel_h, kernel_w] = shape;
        let kernels = kernels(Level::current());
        let packed = match method {
            Method::Winograd => Weights::Winograd(transform_weights(in_channels, out_channels, kernels.lanes, at)),
            Method::Direct => {
                let depth = kernel_h * kernel_w * in_channels;
                Weights::Direct(PackedMatrix::pack(depth, out_channels, kernels.lanes, |k, out| {
                    let (tap, channel) = (k / in_channels, k % in_channels);
                    at(out, channel, tap / kernel_w, tap % kernel_w)
                }))
            }
        };
        let panel_width = super::panel::VECTORS * kernels.lanes;
        let mut padded = Buffer::zeroed(out_channels.next_multiple_of(panel_width));
        if let Some(bias) = bias {
            padded[..out_channels].copy_from_slice(bias);
        }
        let kernel = (kernel_h, kernel_w);
        Self { kernels, weights: packed, bias: padded, panel_width, in_channels, out_channels, kernel, stride, padding }
    }

    /// The convolution, plus `residual` (of the answer's size), then a ReLU if wanted. The caller has checked that
    /// the channels agree and that the kernel fits.
    pub fn run(&self, x: &FeatureMap, residual: Option<&FeatureMap>, relu: bool) -> FeatureMap {
        if x.border < self.padding.max(BORDER) {
            return self.run(&x.with_border(self.padding.max(BORDER)), residual, relu);
        }
        let height = (x.height + 2 * self.padding - self.kernel.0) / self.stride + 1;
        let width = (x.width + 2 * self.padding - self.kernel.1) / self.stride + 1;
        let mut y = FeatureMap::bordered(x.images, height, width, self.out_channels, BORDER);
        match &self.weights {
            Weights::Direct(matrix) => self.run_direct(matrix, x, residual, relu, &mut y),
            Weights::Winograd(points) => self.run_winograd(points, x, residual, relu, &mut y),
        }
        y
    }

    fn run_direct(
        &self,
        matrix: &PackedMatrix,
        x: &FeatureMap,
        residual: Option<&FeatureMap>,
        relu: bool,
        y: &mut FeatureMap,
    ) {
        let from = x.strides();
        let outside = x.border - self.padding;
        let input_strides = Strides {
            base: outside * (from.y + from.x),
            image: from.image,
            y: from.y * self.stride,
            x: from.x * self.stride,
        };
        let job = Multiply {
            width: y.width,
            height: y.height,
            input: x.values.as_ptr(),
            input_strides,
            runs: self.kernel.0,
            run_len: self.kernel.1 * self.in_channels,
            run_stride: from.y,
            matrix: matrix.values.as_ptr(),
            columns: self.out_channels,
            bias: self.bias.as_ptr(),
            output_strides: y.strides(),
            output: y.values.as_mut_ptr(),
            residual: residual.map_or(std::ptr::null(), |map| map.values.as_ptr()),
            residual_strides: residual.map_or(Strides::default(), FeatureMap::strides),
            finish: if relu { Finish::Relu } else { Finish::Plain },
        };
        run_divided(self.kernels, &job, x.images * y.height * y.width, matrix.panels());
    }

    fn run_winograd(
        &self,
        points: &[f32],
        x: &FeatureMap,
        residual: Option<&FeatureMap>,
        relu: bool,
        y: &mut FeatureMap,
    ) {
        let tiles = Tiles::of(y);
        let bytes = POINTS * self.in_channels * size_of::<f32>();
        let wanted = tiles.count.div_ceil((WINOGRAD_BLOCK_BYTES / bytes).max(WINOGRAD_BLOCK_TILES)).max(1);
        let block_len = tiles.count.div_ceil(wanted).max(1);
        let blocks = tiles.count.div_ceil(block_len);
        let work = WinogradWork {
            conv: self,
            points,
            x,
            residual,
            relu,
            tiles,
            output: SendPointer(y.values.as_mut_ptr()),
            output_strides: y.strides(),
        };
        let block = |index: usize| (index * block_len, tiles.count.min((index + 1) * block_len));
        if blocks >= thread_count() {
            parallel(blocks, |index| work.run(block(index), false));
        } else {
            (0..blocks).for_each(|index| work.run(block(index), true));
        }
    }
}

/// Divides a multiplication among the threads that there are.
pub fn run_divided(kernels: &Kernels, job: &Multiply, rows: usize, panels: usize) {
    let threads = thread_count();
    if threads == 1 {
        // SAFETY: whoever made the job took its measures from the buffers.
        unsafe { (kernels.multiply)(job, (0, rows), (0, panels)) };
        return;
    }
    let by_rows = rows >= FEW_ROWS || panels < threads;
    let length = if by_rows { rows } else { panels };
    let tasks = length.min(if by_rows { 4 * threads } else { 2 * threads });
    parallel(tasks, |task| {
        let part = (length * task / tasks, length * (task + 1) / tasks);
        let (row_range, panel_range) = if by_rows { (part, (0, panels)) } else { ((0, rows), part) };
        // SAFETY: as above; every task has rows or panels of its own.
        unsafe { (kernels.multiply)(job, row_range, panel_range) };
    });
}

/// The 4×4 tiles that cover an answer.
#[derive(Clone, Copy)]
struct Tiles {
    across: usize,
    down: usize,
    count: usize,
}

impl Tiles {
    fn of(y: &FeatureMap) -> Self {
        let (across, down) = (y.width.div_ceil(TILE), y.height.div_ceil(TILE));
        Self { across, down, count: y.images * across * down }
    }

    /// Image, row and column of tiles.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let within = tile % (self.across * self.down);
        (tile / (self.across * self.down), within / self.across, within % self.across)
    }
}

struct WinogradWork<'a> {
    conv: &'a PackedConv,
    points: &'a [f32],
    x: &'a FeatureMap,
    residual: Option<&'a FeatureMap>,
    relu: bool,
    tiles: Tiles,
    output: SendPointer,
    output_strides: Strides,
}

impl WinogradWork<'_> {
    /// One block of tiles: inputs to points, products panel by panel, points to answers; divided among the threads
    /// unless blocks run side by side already.
    fn run(&self, (first, end): (usize, usize), divided: bool) {
        let each = |count: usize, task: &(dyn Fn(usize) + Sync + Send)| {
            if divided { parallel(count, task) } else { (0..count).for_each(task) }
        };
        let conv = self.conv;
        let channels = conv.in_channels;
        let count = end - first;
        let mut inputs = Scratch::take(POINTS * count * channels);
        let inputs_pointer = SendPointer(inputs.as_mut_ptr());
        each(count, &|index| {
            let inputs_pointer = &inputs_pointer;
            let (image, row, column) = self.tiles.place(first + index);
            let from = self.x.strides();
            let corner = (self.x.border - 1) * (from.y + from.x)
                + image * from.image
                + row * TILE * from.y
                + column * TILE * from.x;
            // SAFETY: maps are filled up to whole tiles, so that 6×6 positions lie inside; every tile has its own
            // place among the inputs.
            unsafe {
                let to = inputs_pointer.0.add(index * channels);
                let corner = self.x.values.as_ptr().add(corner);
                (conv.kernels.transform_input)(corner, from.y, channels, to, count * channels);
            }
        });
        let panels = conv.out_channels.div_ceil(conv.panel_width);
        each(panels, &|panel| self.run_panel(panel, first, count, &inputs));
    }

    fn run_panel(&self, panel: usize, first: usize, count: usize, inputs: &[f32]) {
        let conv = self.conv;
        let (channels, panel_width) = (conv.in_channels, conv.panel_width);
        let mut products = Scratch::take(POINTS * count * panel_width);
        let first_column = panel * panel_width;
        let columns = panel_width.min(conv.out_channels - first_column);
        let zero_bias = [0f32; 64];
        let point_len = channels * panel_width;
        for point in 0..POINTS {
            let matrix = &self.points[(panel * POINTS + point) * point_len..][..point_len];
            let job = Multiply {
                width: count,
                height: 1,
                input: inputs[point * count * channels..].as_ptr(),
                input_strides: Strides { x: channels, ..Strides::default() },
                runs: 1,
                run_len: channels,
                run_stride: 0,
                matrix: matrix.as_ptr(),
                columns,
                bias: zero_bias.as_ptr(),
                output: products[point * count * panel_width..].as_mut_ptr(),
                output_strides: Strides { x: panel_width, ..Strides::default() },
                residual: std::ptr::null(),
                residual_strides: Strides::default(),
                finish: Finish::Plain,
            };
            // SAFETY: the measures are those of the slices above.
            unsafe { (conv.kernels.multiply)(&job, (0, count), (0, 1)) };
        }
        let to = self.output_strides;
        let residual = self.residual.map(|map| (map, map.strides()));
        // Stride 1 and padding 1: the answer has the input's size.
        let (height, width) = (self.x.height, self.x.width);
        for index in 0..count {
            let (image, row, column) = self.tiles.place(first + index);
            let (y, x) = (row * TILE, column * TILE);
            let place = |s: &Strides| s.base + image * s.image + y * s.y + x * s.x + first_column;
            // SAFETY: the tile's existing rows and columns lie inside the answer (and the residual, of the same
            // size); every tile and panel has places of its own.
            unsafe {
                let target = TileOutput {
                    output: self.output.0.add(place(&to)),
                    output_y_stride: to.y,
                    output_x_stride: to.x,
                    residual: residual
                        .as_ref()
                        .map_or(std::ptr::null(), |(map, strides)| map.values.as_ptr().add(place(strides))),
                    residual_y_stride: residual.as_ref().map_or(0, |(_, strides)| strides.y),
                    residual_x_stride: residual.as_ref().map_or(0, |(_, strides)| strides.x),
                    height: (height - y).min(TILE),
                    width: (width - x).min(TILE),
                    relu: self.relu,
                };
                let from = products[index * panel_width..].as_ptr();
                let bias = conv.bias[first_column..].as_ptr();
                (conv.kernels.transform_output)(from, count * panel_width, bias, columns, &target);
            }
        }
    }
}
