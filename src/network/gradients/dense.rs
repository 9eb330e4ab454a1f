use super::matrix::{Factor, multiply_into};
use super::parameter::{Order, Parameter, Random, Role};

/// A linear layer on rows, which is also a 1×1 convolution on the positions of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// out×in, in the checkpoint possibly with two more dimensions of 1.
    pub weight: Parameter,
    pub bias: Option<Parameter>,
    pub inputs: usize,
    pub outputs: usize,
}

impl Dense {
    /// A layer with normal weights of this deviation and biases of zero. With `as_conv` its weight has the shape of a
    /// 1×1 convolution.
    pub fn new(key: &str, inputs: usize, outputs: usize, deviation: f64, as_conv: bool, random: &mut Random) -> Self {
        let values = random.normals(inputs * outputs, deviation);
        let shape: &[usize] = if as_conv { &[outputs, inputs, 1, 1] } else { &[outputs, inputs] };
        let weight = Parameter::new(format!("{key}.weight"), shape, Order::Plain, Role::Trained, &values);
        let bias = Some(Parameter::filled(format!("{key}.bias"), &[outputs], Role::Trained, 0.0));
        Self { weight, bias, inputs, outputs }
    }

    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }

    /// rows × inputs to rows × outputs.
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.inputs.max(1);
        let mut y = match &self.bias {
            Some(bias) => bias.values.repeat(rows),
            None => vec![0.0; rows * self.outputs],
        };
        let weight = Factor::transposed(&self.weight.values, self.outputs, self.inputs);
        multiply_into(&mut y, true, 1.0, Factor::new(x, rows, self.inputs), weight);
        y
    }

    /// Adds to the gradients of weight and bias; the gradient of the input.
    pub fn backward(&mut self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.inputs.max(1);
        let by_answer = Factor::transposed(gradient, rows, self.outputs);
        multiply_into(&mut self.weight.gradient, true, 1.0, by_answer, Factor::new(x, rows, self.inputs));
        if let Some(bias) = &mut self.bias {
            for row in gradient.chunks_exact(self.outputs.max(1)) {
                bias.gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        }
        let mut by_input = vec![0.0; x.len()];
        let weight = Factor::new(&self.weight.values, self.outputs, self.inputs);
        multiply_into(&mut by_input, false, 1.0, Factor::new(gradient, rows, self.outputs), weight);
        by_input
    }

    pub fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        visit(&mut self.weight);
        if let Some(bias) = &mut self.bias {
            visit(bias);
        }
    }
}
