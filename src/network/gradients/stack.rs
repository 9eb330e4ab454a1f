use std::sync::Arc;

use super::FeatureMap;
use super::conv_norm::{ConvNorm, ConvNormTrace, ConvShape, WantInput};
use super::parameter::{Parameter, Random};
use crate::network::kernels::dispatch::kernels;
use crate::network::kernels::level::Level;
use crate::network::kernels::pooling::max_pool;
use crate::network::kernels::unpool::max_pool_gradient;

/// The pool between blocks: windows of 2×2, stride 2.
const POOL: (usize, usize, usize) = (2, 2, 0);

/// One side of objects-that-sound (AVOL-net's `icn` and `acn`): four blocks of two convolutions with batch norm, the
/// first with stride 2, pools between them; of any widths, with gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningStack {
    blocks: Vec<[ConvNorm; 2]>,
}

/// What one forward pass leaves for the way back.
pub struct StackTrace {
    convs: Vec<[ConvNormTrace; 2]>,
    /// Before and after each pool.
    pools: Vec<(Arc<FeatureMap>, Arc<FeatureMap>)>,
}

impl LearningStack {
    /// A fresh stack whose keys start with `prefix`.
    pub fn new(prefix: &str, in_channels: usize, widths: [usize; 4], random: &mut Random) -> Self {
        let mut inputs = in_channels;
        let mut blocks = Vec::new();
        for (index, &outputs) in widths.iter().enumerate() {
            let block = index + 1;
            let mut conv = |conv: usize, inputs: usize| {
                let stride = if (block, conv) == (1, 1) { 2 } else { 1 };
                let shape = ConvShape { inputs, outputs, kernel: 3, stride, padding: 1 };
                let (conv_key, norm_key) = (format!("{prefix}conv{block}_{conv}"), format!("{prefix}bn{block}_{conv}"));
                ConvNorm::new(&conv_key, &norm_key, shape, true, true, random)
            };
            blocks.push([conv(1, inputs), conv(2, outputs)]);
            inputs = outputs;
        }
        Self { blocks }
    }

    /// The last block's map and what the way back needs.
    pub fn forward(&mut self, x: &Arc<FeatureMap>) -> (Arc<FeatureMap>, StackTrace) {
        let level = kernels(Level::current());
        let mut trace = StackTrace { convs: Vec::new(), pools: Vec::new() };
        let mut x = x.clone();
        let count = self.blocks.len();
        for (index, [first, second]) in self.blocks.iter_mut().enumerate() {
            let (inner, first) = first.forward(&x, None);
            let (outer, second) = second.forward(&inner, None);
            trace.convs.push([first, second]);
            x = outer;
            if index + 1 < count {
                let pooled = Arc::new(max_pool(level, &x, POOL.0, POOL.1, POOL.2));
                trace.pools.push((x, pooled.clone()));
                x = pooled;
            }
        }
        (x, trace)
    }

    /// Adds to the gradients of all parameters, given the gradient of the answer.
    pub fn backward(&mut self, trace: StackTrace, mut gradient: FeatureMap) {
        let level = kernels(Level::current());
        for (index, [first, second]) in self.blocks.iter_mut().enumerate().rev() {
            let [of_first, of_second] = &trace.convs[index];
            let Some(inner) = second.backward(of_second, gradient, WantInput::Alone).1 else { return };
            if index == 0 {
                first.backward(of_first, inner, WantInput::No);
                return;
            }
            let Some(outer) = first.backward(of_first, inner, WantInput::Alone).1 else { return };
            let (before, after) = &trace.pools[index - 1];
            gradient = max_pool_gradient(level, before, after, &outer, POOL);
        }
    }

    /// All parameters, in the order of the layers.
    pub fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        self.blocks.iter_mut().flatten().for_each(|conv| conv.visit(visit));
    }
}
