//! The convolution layer: weights read, batch norm folded, bias, residual and ReLU fused.

use candle_core::Tensor;

use super::norm::ChannelAffine;
use super::{NetworkError, StateView};

/// How a convolution is applied. Square strides and paddings, no dilation, one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv2dConfig {
    pub stride: usize,
    pub padding: usize,
    /// The key of a batch norm whose running statistics are folded into the weights, relative to the same view.
    pub batch_norm: Option<String>,
    /// Whether negative outputs become zero.
    pub relu: bool,
}

impl Default for Conv2dConfig {
    fn default() -> Self {
        Self { stride: 1, padding: 0, batch_norm: None, relu: false }
    }
}

/// A two-dimensional convolution (cross-correlation, as in PyTorch) with an optional bias, batch norm and ReLU.
pub struct Conv2d {
    name: String,
    weight: Tensor,
    bias: Option<Tensor>,
    stride: usize,
    padding: usize,
    relu: bool,
}

impl Conv2d {
    /// Reads `{key}.weight` (out×in×height×width) and, where it exists, `{key}.bias`.
    pub fn new(weights: &StateView, key: &str, config: &Conv2dConfig) -> Result<Self, NetworkError> {
        let weight_key = format!("{key}.weight");
        let bias_key = format!("{key}.bias");
        let mut weight = weights.weight_of_rank(&weight_key, 4)?;
        if config.stride == 0 {
            return Err(weights.invalid(&weight_key, "a convolution with stride 0").into());
        }
        let out_channels = weight.dim(0)?;
        let device = weight.device().clone();
        let mut bias = None;
        if weights.contains(&bias_key) {
            bias = Some(weights.weight_of_shape(&bias_key, &[out_channels])?);
        }
        if let Some(norm) = &config.batch_norm {
            let affine = ChannelAffine::from_running_statistics(&weights.under(&format!("{norm}.")), out_channels)?;
            let scale = Tensor::from_vec(affine.scale, out_channels, &device)?;
            let shift = Tensor::from_vec(affine.shift, out_channels, &device)?;
            weight = weight.broadcast_mul(&scale.reshape((out_channels, 1, 1, 1))?)?;
            bias = Some(match bias {
                Some(bias) => ((bias * scale)? + shift)?,
                None => shift,
            });
        }
        Ok(Self {
            name: weights.full_key(key),
            weight,
            bias,
            stride: config.stride,
            padding: config.padding,
            relu: config.relu,
        })
    }

    pub fn in_channels(&self) -> usize {
        self.weight.dims()[1]
    }

    pub fn out_channels(&self) -> usize {
        self.weight.dims()[0]
    }

    /// N×in×H×W to N×out×H'×W', `f32`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NetworkError> {
        self.forward_adding(x, None)
    }

    /// The convolution plus a tensor of its output's shape, then the ReLU if there is one.
    pub(super) fn forward_adding(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor, NetworkError> {
        let (out_channels, in_channels, kernel_h, kernel_w) = self.weight.dims4()?;
        let fits = match x.dims() {
            &[_, c, h, w] => c == in_channels && h + 2 * self.padding >= kernel_h && w + 2 * self.padding >= kernel_w,
            _ => false,
        };
        if !fits {
            let expected =
                format!("N×{in_channels}×H×W, at least {kernel_h}×{kernel_w} with its padding of {}", self.padding);
            return Err(NetworkError::input(&self.name, expected, x.dims()));
        }
        let mut y = x.conv2d(&self.weight, self.padding, self.stride, 1, 1)?;
        if let Some(bias) = &self.bias {
            y = y.broadcast_add(&bias.reshape((1, out_channels, 1, 1))?)?;
        }
        if let Some(residual) = residual {
            y = (y + residual)?;
        }
        Ok(if self.relu { y.relu()? } else { y })
    }
}
