//! The fully connected layer.

use candle_core::{Device, Tensor};

use super::features::{weight_values, with_values};
use super::kernels::linear::PackedLinear;
use super::kernels::panel::Finish;
use super::norm::channel_values;
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
    form: Form,
    in_features: usize,
    out_features: usize,
    activation: Activation,
}

enum Form {
    Packed(PackedLinear),
    Plain { weight: Tensor, bias: Tensor },
}

impl Linear {
    /// Reads `{key}.weight` (out×in) and, where it exists, `{key}.bias`.
    pub fn new(weights: &StateView, key: &str, activation: Activation) -> Result<Self, NetworkError> {
        Self::of_keys(weights, &format!("{key}.weight"), &format!("{key}.bias"), activation)
    }

    /// Reads a weight (out×in) and, where it exists, a bias.
    pub(super) fn of_keys(
        weights: &StateView,
        weight_key: &str,
        bias_key: &str,
        activation: Activation,
    ) -> Result<Self, NetworkError> {
        let weight = weights.weight_of_rank(weight_key, 2)?;
        let bias = match weights.contains(bias_key) {
            true => channel_values(weights, bias_key, weight.dim(0)?)?,
            false => vec![0.0; weight.dim(0)?],
        };
        Self::of_weight(weights, weight_key, &weight, bias, activation)
    }

    /// A projection `x · P` with P of shape in×out, without a bias.
    pub(super) fn of_projection(weights: &StateView, key: &str) -> Result<Self, NetworkError> {
        let weight = weights.weight_of_rank(key, 2)?.t()?.contiguous()?;
        let bias = vec![0.0; weight.dim(0)?];
        Self::of_weight(weights, key, &weight, bias, Activation::None)
    }

    fn of_weight(
        weights: &StateView,
        key: &str,
        weight: &Tensor,
        bias: Vec<f32>,
        activation: Activation,
    ) -> Result<Self, NetworkError> {
        let (out_features, in_features) = weight.dims2()?;
        let form = if weight.device().is_cpu() {
            let values = weight_values(weights, key, weight)?;
            Form::Packed(PackedLinear::new(&values, out_features, in_features, Some(&bias)))
        } else {
            Form::Plain { weight: weight.clone(), bias: Tensor::from_vec(bias, out_features, weight.device())? }
        };
        Ok(Self { name: weights.full_key(key), form, in_features, out_features, activation })
    }

    pub fn in_features(&self) -> usize {
        self.in_features
    }

    pub fn out_features(&self) -> usize {
        self.out_features
    }

    /// The packed weights and what is applied after them, if the weights are on the processor.
    pub(super) fn packed(&self) -> Option<(&PackedLinear, Finish)> {
        let finish = match self.activation {
            Activation::None => Finish::Plain,
            Activation::Relu => Finish::Relu,
            Activation::QuickGelu => Finish::QuickGelu,
        };
        match &self.form {
            Form::Packed(packed) => Some((packed, finish)),
            Form::Plain { .. } => None,
        }
    }

    /// …×in to …×out, `f32`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NetworkError> {
        let mut shape = x.dims().to_vec();
        match shape.last_mut() {
            Some(last) if *last == self.in_features => *last = self.out_features,
            _ => return Err(NetworkError::input(&self.name, format!("…×{}", self.in_features), x.dims())),
        }
        let rows = x.elem_count() / self.in_features;
        if let Some((packed, finish)) = self.packed() {
            let mut y = vec![0f32; rows * self.out_features];
            with_values(&self.name, x, |x| packed.run(x, self.in_features, None, finish, &mut y))?;
            return Ok(Tensor::from_vec(y, shape, &Device::Cpu)?);
        }
        let Form::Plain { weight, bias } = &self.form else {
            return Err(NetworkError::input(&self.name, "weights on the input's device", x.dims()));
        };
        let y = x.reshape((rows, self.in_features))?.matmul(&weight.t()?)?.broadcast_add(bias)?;
        let y = match self.activation {
            Activation::None => y,
            Activation::Relu => y.relu()?,
            Activation::QuickGelu => y.div(&(y.affine(-1.702, 0.0)?.exp()? + 1.0)?)?,
        };
        Ok(y.reshape(shape)?)
    }
}
