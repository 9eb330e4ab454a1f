//! A convolution, batch norm over the batch, the sum with a residual and a ReLU, as one layer.

use std::sync::Arc;

use super::FeatureMap;
use super::parameter::{Order, Parameter, Random, Role};
use crate::network::kernels::batch_norm::{affine, batch_moments, blend, gate};
use crate::network::kernels::convolve::{Method, PackedConv};
use crate::network::kernels::dispatch::kernels;
use crate::network::kernels::level::Level;
use crate::network::kernels::outer::weight_gradient;
use crate::network::kernels::transposed::PackedTransposed;
use crate::network::norm::EPSILON;

/// How much of the batch's statistics goes into the running ones, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// The measures of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    pub inputs: usize,
    pub outputs: usize,
    /// Height and width.
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

/// Convolution → batch norm (→ + residual) (→ ReLU).
#[derive(Debug, Clone, PartialEq)]
pub struct ConvNorm {
    shape: ConvShape,
    relu: bool,
    weight: Parameter,
    /// Some checkpoints have a bias here. The batch norm takes it away again, so it stays zero.
    bias: Option<Parameter>,
    scale: Parameter,
    shift: Parameter,
    running_mean: Parameter,
    running_variance: Parameter,
}

/// What one forward pass leaves for the way back.
pub struct ConvNormTrace {
    input: Arc<FeatureMap>,
    /// The convolution's answer.
    convolved: FeatureMap,
    output: Arc<FeatureMap>,
    means: Vec<f32>,
    /// 1 / sqrt(variance + ε)
    rates: Vec<f32>,
}

/// Whether the gradient of a layer's input is wanted, and what is to be added to it.
pub enum WantInput {
    No,
    Alone,
    /// Added to a gradient that reached the same input another way.
    Plus(FeatureMap),
}

impl ConvNorm {
    /// Kaiming-normal weights (fan-out), a scale of 1 and a shift of 0.
    pub fn new(
        conv_key: &str,
        norm_key: &str,
        shape: ConvShape,
        relu: bool,
        with_bias: bool,
        random: &mut Random,
    ) -> Self {
        let ConvShape { inputs, outputs, kernel, .. } = shape;
        let deviation = (2.0 / (outputs * kernel * kernel) as f64).sqrt();
        let values = random.normals(outputs * inputs * kernel * kernel, deviation);
        let weight_shape = [outputs, inputs, kernel, kernel];
        let of_norm = |part: &str, role: Role, value: f32| {
            Parameter::filled(format!("{norm_key}.{part}"), &[outputs], role, value)
        };
        Self {
            shape,
            relu,
            weight: Parameter::new(
                format!("{conv_key}.weight"),
                &weight_shape,
                Order::TapsFirst,
                Role::Trained,
                &values,
            ),
            bias: with_bias.then(|| Parameter::filled(format!("{conv_key}.bias"), &[outputs], Role::Kept, 0.0)),
            scale: of_norm("weight", Role::Trained, 1.0),
            shift: of_norm("bias", Role::Trained, 0.0),
            running_mean: of_norm("running_mean", Role::Kept, 0.0),
            running_variance: of_norm("running_var", Role::Kept, 1.0),
        }
    }

    pub fn outputs(&self) -> usize {
        self.shape.outputs
    }

    /// Normalizes with the statistics of the batch and lets the running ones follow.
    pub fn forward(&mut self, x: &Arc<FeatureMap>, residual: Option<&FeatureMap>) -> (Arc<FeatureMap>, ConvNormTrace) {
        let ConvShape { inputs, outputs, kernel, stride, padding } = self.shape;
        let level = kernels(Level::current());
        let weights = &self.weight.values;
        let at = |out: usize, channel: usize, y: usize, x: usize| {
            weights[((y * kernel + x) * inputs + channel) * outputs + out]
        };
        let shape = [outputs, inputs, kernel, kernel];
        let method = Method::best_for_once(shape, stride, padding);
        let conv = PackedConv::of_elements(at, shape, None, stride, padding, method);
        let convolved = conv.run(x, None, false);
        let (means, variances) = batch_moments(level, &convolved);
        self.follow(&means, &variances, convolved.images * convolved.height * convolved.width);
        let rates: Vec<f64> = variances.iter().map(|variance| 1.0 / (variance + EPSILON).sqrt()).collect();
        let mut scale = vec![0f32; outputs];
        let mut shift = vec![0f32; outputs];
        for channel in 0..outputs {
            let rate = f64::from(self.scale.values[channel]) * rates[channel];
            scale[channel] = rate as f32;
            shift[channel] = (f64::from(self.shift.values[channel]) - means[channel] * rate) as f32;
        }
        let output = Arc::new(affine(level, &convolved, &scale, &shift, residual, self.relu));
        let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        let trace = ConvNormTrace {
            input: x.clone(),
            convolved,
            output: output.clone(),
            means: single(&means),
            rates: single(&rates),
        };
        (output, trace)
    }

    fn follow(&mut self, means: &[f64], variances: &[f64], count: usize) {
        let unbiased = count as f64 / (count as f64 - 1.0).max(1.0);
        let follow = |running: &mut f32, batch: f64| {
            *running = ((1.0 - MOMENTUM) * f64::from(*running) + MOMENTUM * batch) as f32;
        };
        for channel in 0..self.shape.outputs {
            follow(&mut self.running_mean.values[channel], means[channel]);
            follow(&mut self.running_variance.values[channel], variances[channel] * unbiased);
        }
    }

    /// Adds to the gradients of the parameters. Returns the answer's gradient behind the ReLU, which is also the
    /// residual's, and the input's if it is wanted.
    pub fn backward(
        &mut self,
        trace: &ConvNormTrace,
        mut gradient: FeatureMap,
        want: WantInput,
    ) -> (FeatureMap, Option<FeatureMap>) {
        let ConvShape { inputs, outputs, kernel, stride, padding } = self.shape;
        let level = kernels(Level::current());
        let answer = self.relu.then_some(&*trace.output);
        let (sums, products) = gate(level, &mut gradient, answer, &trace.convolved, &trace.means);
        let count = (gradient.images * gradient.height * gradient.width) as f64;
        let [mut by_gradient, mut by_input, mut constant] = [(); 3].map(|()| vec![0f32; outputs]);
        for channel in 0..outputs {
            let (rate, mean) = (f64::from(trace.rates[channel]), f64::from(trace.means[channel]));
            let by_scale = products[channel] * rate;
            self.scale.gradient[channel] += by_scale as f32;
            self.shift.gradient[channel] += sums[channel] as f32;
            let factor = f64::from(self.scale.values[channel]) * rate;
            let slope = -factor * rate * by_scale / count;
            by_gradient[channel] = factor as f32;
            by_input[channel] = slope as f32;
            constant[channel] = (-factor * sums[channel] / count - slope * mean) as f32;
        }
        let by_answer = blend(level, &gradient, &trace.convolved, [&by_gradient, &by_input, &constant]);
        weight_gradient(level, &trace.input, &by_answer, (kernel, kernel), stride, padding, &mut self.weight.gradient);
        let sum = match want {
            WantInput::No => return (gradient, None),
            WantInput::Alone => None,
            WantInput::Plus(sum) => Some(sum),
        };
        let shape = [outputs, inputs, kernel, kernel];
        let packed = PackedTransposed::new(&self.weight.values, shape, stride, padding);
        let size = (trace.input.height, trace.input.width);
        (gradient, packed.map(|packed| packed.run(&by_answer, size, sum)))
    }

    pub fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        visit(&mut self.weight);
        if let Some(bias) = &mut self.bias {
            visit(bias);
        }
        visit(&mut self.scale);
        visit(&mut self.shift);
        visit(&mut self.running_mean);
        visit(&mut self.running_variance);
    }
}
