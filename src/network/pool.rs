//! Pooling over windows and over the whole map.

use candle_core::{DType, Tensor};

use super::NetworkError;

/// Largest value of each `size`×`size` window, as PyTorch's MaxPool2d (floor mode): N×C×H×W to N×C×H'×W'.
pub fn max_pool2d(x: &Tensor, size: usize, stride: usize, padding: usize) -> Result<Tensor, NetworkError> {
    check_window("max pooling", x, size, stride, padding)?;
    let padded = if padding == 0 {
        x.clone()
    } else {
        pad_with(&pad_with(x, 2, padding, f32::NEG_INFINITY)?, 3, padding, f32::NEG_INFINITY)?
    };
    Ok(padded.max_pool2d_with_stride(size, stride)?)
}

/// Mean of each `size`×`size` window without padding: N×C×H×W to N×C×H'×W'.
pub fn avg_pool2d(x: &Tensor, size: usize, stride: usize) -> Result<Tensor, NetworkError> {
    check_window("average pooling", x, size, stride, 0)?;
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

fn check_window(layer: &str, x: &Tensor, size: usize, stride: usize, padding: usize) -> Result<(), NetworkError> {
    let fits = match x.dims() {
        &[_, _, h, w] => h + 2 * padding >= size && w + 2 * padding >= size,
        _ => false,
    };
    if !fits || size == 0 || stride == 0 || 2 * padding > size {
        let expected = format!("N×C×H×W, at least one window of {size}×{size}, stride {stride}, padding {padding}");
        return Err(NetworkError::input(layer, expected, x.dims()));
    }
    Ok(())
}

fn pad_with(x: &Tensor, dim: usize, amount: usize, value: f32) -> Result<Tensor, NetworkError> {
    let mut shape = x.dims().to_vec();
    shape[dim] = amount;
    let border = Tensor::full(value, shape, x.device())?.to_dtype(DType::F32)?;
    Ok(Tensor::cat(&[&border, x, &border], dim)?)
}
