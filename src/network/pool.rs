//! Pooling over windows and over the whole map.

use candle_core::Tensor;

use super::NetworkError;
use super::features::Features;
use super::kernels::dispatch::kernels;
use super::kernels::level::Level;
use super::kernels::pooling::max_pool;

/// Largest value of each `size`×`size` window, as PyTorch's MaxPool2d (floor mode): N×C×H×W to N×C×H'×W'.
pub fn max_pool2d(x: &Tensor, size: usize, stride: usize, padding: usize) -> Result<Tensor, NetworkError> {
    max_pool_features(&Features::new("max pooling", x, 0)?, size, stride, padding)?.into_tensor()
}

pub(super) fn max_pool_features(
    x: &Features,
    size: usize,
    stride: usize,
    padding: usize,
) -> Result<Features, NetworkError> {
    check_window("max pooling", x.shape()?, size, stride, padding)?;
    Ok(match x {
        Features::Packed(map) => Features::Packed(max_pool(kernels(Level::current()), map, size, stride, padding)),
        Features::Plain(x) => {
            let mut padded = x.clone();
            for dim in if padding == 0 { 0..0 } else { 2..4 } {
                let mut shape = padded.dims().to_vec();
                shape[dim] = padding;
                let border = Tensor::full(f32::NEG_INFINITY, shape, x.device())?;
                padded = Tensor::cat(&[&border, &padded, &border], dim)?;
            }
            Features::Plain(padded.max_pool2d_with_stride(size, stride)?)
        }
    })
}

/// Mean of each `size`×`size` window without padding: N×C×H×W to N×C×H'×W'.
pub fn avg_pool2d(x: &Tensor, size: usize, stride: usize) -> Result<Tensor, NetworkError> {
    let &[n, c, h, w] = x.dims() else {
        return Err(NetworkError::input("average pooling", "N×C×H×W", x.dims()));
    };
    check_window("average pooling", [n, c, h, w], size, stride, 0)?;
    Ok(x.avg_pool2d_with_stride(size, stride)?)
}

/// Largest value of each channel: N×C×H×W to N×C.
pub fn global_max_pool(x: &Tensor) -> Result<Tensor, NetworkError> {
    check_map("global max pooling", x)?;
    Ok(x.flatten_from(2)?.max(2)?)
}

/// Mean of each channel: N×C×H×W to N×C.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor, NetworkError> {
    check_map("global average pooling", x)?;
    Ok(x.flatten_from(2)?.mean(2)?)
}

fn check_map(layer: &str, x: &Tensor) -> Result<(), NetworkError> {
    if x.rank() != 4 || x.elem_count() == 0 {
        return Err(NetworkError::input(layer, "N×C×H×W with at least one position", x.dims()));
    }
    Ok(())
}

fn check_window(
    layer: &str,
    shape: [usize; 4],
    size: usize,
    stride: usize,
    padding: usize,
) -> Result<(), NetworkError> {
    let fits = shape[2] > 0 && shape[3] > 0 && shape[2] + 2 * padding >= size && shape[3] + 2 * padding >= size;
    if !fits || size == 0 || stride == 0 || 2 * padding > size {
        let expected = format!("N×C×H×W, at least one window of {size}×{size}, stride {stride}, padding {padding}");
        return Err(NetworkError::input(layer, expected, &shape));
    }
    Ok(())
}
