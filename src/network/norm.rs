//! Normalizations: batch norm, folded into the convolution before it or computed from each call, and layer norm.

use candle_core::Tensor;

use super::features::Features;
use super::kernels::dispatch::kernels;
use super::kernels::level::Level;
use super::kernels::normalize::normalize_per_call;
use super::{NetworkError, StateView, WeightError};

/// What PyTorch's BatchNorm2d and LayerNorm add to a variance by default; every system here uses it.
pub(super) const EPSILON: f64 = 1e-5;

/// Where a batch norm takes its statistics from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchNorm {
    /// The running statistics of the checkpoint (evaluation mode), folded into the convolution at load.
    #[default]
    Folded,
    /// Mean and biased variance over the positions of each single input (a network left in training mode that is
    /// fed one input at a time). The running statistics are not read.
    PerCall,
}

/// `y = scale · x + shift` a channel: a batch norm in evaluation mode.
pub(super) struct ChannelAffine {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl ChannelAffine {
    /// The running statistics below `weights` (`bn1.` and the like), as one scale and shift.
    pub fn from_running_statistics(weights: &StateView, channels: usize) -> Result<Self, WeightError> {
        let gamma = channel_values(weights, "weight", channels)?;
        let beta = channel_values(weights, "bias", channels)?;
        let mean = channel_values(weights, "running_mean", channels)?;
        let variance = channel_values(weights, "running_var", channels)?;
        if let Some(bad) = variance.iter().find(|v| v.is_nan() || **v < 0.0) {
            return Err(weights.invalid("running_var", format!("a variance of {bad}")));
        }
        let scale: Vec<f64> =
            gamma.iter().zip(&variance).map(|(&g, &v)| f64::from(g) / (f64::from(v) + EPSILON).sqrt()).collect();
        let shift = (0..channels).map(|c| (f64::from(beta[c]) - f64::from(mean[c]) * scale[c]) as f32).collect();
        Ok(Self { scale: scale.into_iter().map(|s| s as f32).collect(), shift })
    }
}

/// A vector with one value a channel.
pub(super) fn channel_values(weights: &StateView, key: &str, channels: usize) -> Result<Vec<f32>, WeightError> {
    let tensor = weights.weight_of_shape(key, &[channels])?;
    tensor.to_vec1().map_err(|source| WeightError::Tensor { key: weights.full_key(key), source })
}

/// Batch norm with the statistics of the single input: normalizes over the positions of each channel.
pub(super) struct PerCallNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl PerCallNorm {
    pub fn new(weights: &StateView, channels: usize) -> Result<Self, WeightError> {
        Ok(Self {
            weight: channel_values(weights, "weight", channels)?,
            bias: channel_values(weights, "bias", channels)?,
        })
    }

    /// The normalized map plus `residual`, then a ReLU if wanted.
    pub fn apply(&self, x: Features, residual: Option<&Features>, relu: bool) -> Result<Features, NetworkError> {
        let shape = x.shape()?;
        if let Some(residual) = residual
            && residual.shape()? != shape
        {
            return Err(NetworkError::input("batch norm", format!("a residual of {shape:?}"), &residual.shape()?));
        }
        match (x, residual) {
            (Features::Packed(mut map), residual) => {
                let residual = match residual {
                    Some(Features::Packed(residual)) => Some(residual),
                    _ => None,
                };
                let kernels = kernels(Level::current());
                normalize_per_call(kernels, &mut map, &self.weight, &self.bias, EPSILON, residual, relu);
                Ok(Features::Packed(map))
            }
            (Features::Plain(x), residual) => {
                let [n, c, h, w] = shape;
                let flat = x.reshape((n, c, h * w))?;
                let centred = flat.broadcast_sub(&flat.mean_keepdim(2)?)?;
                let variance = centred.sqr()?.mean_keepdim(2)?;
                let normalized = centred.broadcast_div(&(variance + EPSILON)?.sqrt()?)?;
                let weight = Tensor::from_slice(&self.weight, (1, c, 1), x.device())?;
                let bias = Tensor::from_slice(&self.bias, (1, c, 1), x.device())?;
                let mut y = normalized.broadcast_mul(&weight)?.broadcast_add(&bias)?.reshape((n, c, h, w))?;
                if let Some(Features::Plain(residual)) = residual {
                    y = (y + residual)?;
                }
                Ok(Features::Plain(if relu { y.relu()? } else { y }))
            }
        }
    }
}

/// Layer norm over the last dimension.
pub(super) struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl LayerNorm {
    pub fn new(weights: &StateView, width: usize) -> Result<Self, WeightError> {
        Ok(Self { weight: channel_values(weights, "weight", width)?, bias: channel_values(weights, "bias", width)? })
    }

    pub fn weight_values(&self) -> &[f32] {
        &self.weight
    }

    pub fn bias_values(&self) -> &[f32] {
        &self.bias
    }

    /// `x` is …×width.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor, NetworkError> {
        let last = x.rank().saturating_sub(1);
        let centred = x.broadcast_sub(&x.mean_keepdim(last)?)?;
        let variance = centred.sqr()?.mean_keepdim(last)?;
        let normalized = centred.broadcast_div(&(variance + EPSILON)?.sqrt()?)?;
        let weight = Tensor::from_slice(&self.weight, self.weight.len(), x.device())?;
        let bias = Tensor::from_slice(&self.bias, self.bias.len(), x.device())?;
        Ok(normalized.broadcast_mul(&weight)?.broadcast_add(&bias)?)
    }
}
