//! The convolution layer: weights read, batch norm folded, bias, residual and ReLU fused.

use candle_core::Tensor;

use super::features::{Features, weight_values};
use super::kernels::convolve::{Method, PackedConv};
use super::kernels::map::FeatureMap;
use super::norm::{ChannelAffine, channel_values};
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
///
/// Weights on the processor are packed for our kernels; on any other device candle's operations are used.
pub struct Conv2d {
    name: String,
    form: Form,
    /// out×in×height×width
    shape: [usize; 4],
    stride: usize,
    padding: usize,
    relu: bool,
}

enum Form {
    Packed(PackedConv),
    Plain { weight: Tensor, bias: Tensor },
}

impl Conv2d {
    /// Reads `{key}.weight` (out×in×height×width) and, where it exists, `{key}.bias`.
    pub fn new(weights: &StateView, key: &str, config: &Conv2dConfig) -> Result<Self, NetworkError> {
        let weight_key = format!("{key}.weight");
        let bias_key = format!("{key}.bias");
        let tensor = weights.weight_of_rank(&weight_key, 4)?;
        let (out_channels, in_channels, kernel_h, kernel_w) = tensor.dims4()?;
        let shape = [out_channels, in_channels, kernel_h, kernel_w];
        if config.stride == 0 || config.padding > kernel_h.max(kernel_w) {
            let problem = format!("stride {} and padding {} do not go with its kernel", config.stride, config.padding);
            return Err(weights.invalid(&weight_key, problem).into());
        }
        let mut bias = match weights.contains(&bias_key) {
            true => channel_values(weights, &bias_key, out_channels)?,
            false => vec![0.0; out_channels],
        };
        let mut values = weight_values(weights, &weight_key, &tensor)?;
        if let Some(norm) = &config.batch_norm {
            let affine = ChannelAffine::from_running_statistics(&weights.under(&format!("{norm}.")), out_channels)?;
            for (channel, filter) in values.chunks_exact_mut(in_channels * kernel_h * kernel_w).enumerate() {
                filter.iter_mut().for_each(|value| *value *= affine.scale[channel]);
                bias[channel] = bias[channel] * affine.scale[channel] + affine.shift[channel];
            }
        }
        let form = if tensor.device().is_cpu() {
            let method = Method::best(shape, config.stride, config.padding);
            Form::Packed(PackedConv::new(&values, shape, Some(&bias), config.stride, config.padding, method))
        } else {
            let device = tensor.device();
            Form::Plain {
                weight: Tensor::from_vec(values, tensor.shape(), device)?,
                bias: Tensor::from_vec(bias, (1, out_channels, 1, 1), device)?,
            }
        };
        let (stride, padding) = (config.stride, config.padding);
        Ok(Self { name: weights.full_key(key), form, shape, stride, padding, relu: config.relu })
    }

    pub fn in_channels(&self) -> usize {
        self.shape[1]
    }

    pub fn out_channels(&self) -> usize {
        self.shape[0]
    }

    pub(super) fn padding(&self) -> usize {
        self.padding
    }

    /// N×in×H×W to N×out×H'×W', `f32`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NetworkError> {
        self.apply(&Features::new(&self.name, x, self.padding)?, None)?.into_tensor()
    }

    /// The convolution plus a map of its output's shape, then the ReLU if there is one.
    pub(super) fn apply(&self, x: &Features, residual: Option<&Features>) -> Result<Features, NetworkError> {
        let shape = x.shape()?;
        let [_, in_channels, kernel_h, kernel_w] = self.shape;
        let fits = shape[1] == in_channels
            && shape[2] + 2 * self.padding >= kernel_h
            && shape[3] + 2 * self.padding >= kernel_w;
        if !fits {
            let size = format!("{kernel_h}×{kernel_w} with its padding of {}", self.padding);
            return Err(NetworkError::input(&self.name, format!("N×{in_channels}×H×W, at least {size}"), &shape));
        }
        match (&self.form, x) {
            (Form::Packed(conv), Features::Packed(map)) => {
                let residual = self.packed_residual(
                    residual,
                    [
                        map.images,
                        self.shape[0],
                        (map.height + 2 * self.padding - kernel_h) / self.stride + 1,
                        (map.width + 2 * self.padding - kernel_w) / self.stride + 1,
                    ],
                )?;
                Ok(Features::Packed(conv.run(map, residual, self.relu)))
            }
            (Form::Plain { weight, bias }, Features::Plain(x)) => {
                let mut y = x.conv2d(weight, self.padding, self.stride, 1, 1)?.broadcast_add(bias)?;
                if let Some(Features::Plain(residual)) = residual {
                    y = (y + residual)?;
                }
                Ok(Features::Plain(if self.relu { y.relu()? } else { y }))
            }
            _ => Err(NetworkError::input(&self.name, "a tensor on the device of its weights", &shape)),
        }
    }

    fn packed_residual<'a>(
        &self,
        residual: Option<&'a Features>,
        shape: [usize; 4],
    ) -> Result<Option<&'a FeatureMap>, NetworkError> {
        match residual {
            None => Ok(None),
            Some(Features::Packed(map)) if residual.map(Features::shape).transpose()? == Some(shape) => Ok(Some(map)),
            Some(other) => {
                Err(NetworkError::input(&self.name, format!("a residual of shape {shape:?}"), &other.shape()?))
            }
        }
    }
}
