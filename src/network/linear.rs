//! The fully connected layer.

use candle_core::Tensor;

use super::{NetworkError, StateView};

/// What a linear layer applies to its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    #[default]
    None,
    Relu,
    /// `x · σ(1.702 x)`, CLIP's approximation of GELU.
    QuickGelu,
}

/// `y = activation(x Wᵀ + b)`.
pub struct Linear {
    name: String,
    weight: Tensor,
    bias: Option<Tensor>,
    activation: Activation,
}

impl Linear {
    /// Reads `{key}.weight` (out×in) and, where it exists, `{key}.bias`.
    pub fn new(weights: &StateView, key: &str, activation: Activation) -> Result<Self, NetworkError> {
        let weight = weights.weight_of_rank(&format!("{key}.weight"), 2)?;
        let bias_key = format!("{key}.bias");
        let bias = match weights.contains(&bias_key) {
            true => Some(weights.weight_of_shape(&bias_key, &[weight.dim(0)?])?),
            false => None,
        };
        Ok(Self { name: weights.full_key(key), weight, bias, activation })
    }

    /// From a weight of shape out×in and a bias of shape out.
    pub(super) fn from_tensors(name: String, weight: Tensor, bias: Option<Tensor>, activation: Activation) -> Self {
        Self { name, weight, bias, activation }
    }

    pub fn in_features(&self) -> usize {
        self.weight.dims()[1]
    }

    pub fn out_features(&self) -> usize {
        self.weight.dims()[0]
    }

    /// …×in to …×out, `f32`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NetworkError> {
        let (out_features, in_features) = self.weight.dims2()?;
        if x.dims().last() != Some(&in_features) {
            return Err(NetworkError::input(&self.name, format!("…×{in_features}"), x.dims()));
        }
        let rows = x.elem_count() / in_features;
        let mut y = x.reshape((rows, in_features))?.matmul(&self.weight.t()?)?;
        if let Some(bias) = &self.bias {
            y = y.broadcast_add(bias)?;
        }
        y = match self.activation {
            Activation::None => y,
            Activation::Relu => y.relu()?,
            Activation::QuickGelu => {
                let denominator = ((y.affine(-1.702, 0.0)?.exp())? + 1.0)?;
                y.div(&denominator)?
            }
        };
        let mut shape = x.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = out_features;
        }
        Ok(y.reshape(shape)?)
    }
}
