use std::sync::Arc;

use super::FeatureMap;
use super::conv_norm::{ConvNorm, ConvNormTrace, ConvShape, WantInput};
use super::parameter::{Parameter, Random};
use crate::network::kernels::dispatch::kernels;
use crate::network::kernels::level::Level;
use crate::network::kernels::pooling::max_pool;
use crate::network::kernels::unpool::max_pool_gradient;

/// ResNet-18's pool: windows of 3×3, stride 2, padding 1.
const POOL: (usize, usize, usize) = (3, 2, 1);

/// ResNet-18 without its head, of any widths, with gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningResNet18 {
    stem: ConvNorm,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq)]
struct Block {
    first: ConvNorm,
    second: ConvNorm,
    downsample: Option<ConvNorm>,
}

/// What one forward pass leaves for the way back.
pub struct ResNetTrace {
    stem: ConvNormTrace,
    stem_output: Arc<FeatureMap>,
    pooled: Arc<FeatureMap>,
    blocks: Vec<BlockTrace>,
}

struct BlockTrace {
    first: ConvNormTrace,
    second: ConvNormTrace,
    downsample: Option<ConvNormTrace>,
}

impl LearningResNet18 {
    /// A fresh network. `stem` is its first convolution's key below `prefix`; `last_stride` 2 as in torchvision, 1 as
    /// in LVS.
    pub fn new(
        prefix: &str,
        stem: &str,
        in_channels: usize,
        widths: [usize; 4],
        last_stride: usize,
        random: &mut Random,
    ) -> Self {
        let conv = |inputs, outputs, kernel, stride, padding| ConvShape { inputs, outputs, kernel, stride, padding };
        let first_width = widths[0];
        let stem = ConvNorm::new(
            &format!("{prefix}{stem}"),
            &format!("{prefix}bn1"),
            conv(in_channels, first_width, 7, 2, 3),
            true,
            false,
            random,
        );
        let mut blocks = Vec::new();
        let mut inputs = first_width;
        for (stage, (&width, stride)) in widths.iter().zip([1, 2, 2, last_stride]).enumerate() {
            for index in 0..2 {
                let key = format!("{prefix}layer{}.{index}", stage + 1);
                let stride = if index == 0 { stride } else { 1 };
                let has_downsample = index == 0 && stage > 0;
                blocks.push(Block {
                    first: ConvNorm::new(
                        &format!("{key}.conv1"),
                        &format!("{key}.bn1"),
                        conv(inputs, width, 3, stride, 1),
                        true,
                        false,
                        random,
                    ),
                    second: ConvNorm::new(
                        &format!("{key}.conv2"),
                        &format!("{key}.bn2"),
                        conv(width, width, 3, 1, 1),
                        true,
                        false,
                        random,
                    ),
                    downsample: has_downsample.then(|| {
                        ConvNorm::new(
                            &format!("{key}.downsample.0"),
                            &format!("{key}.downsample.1"),
                            conv(inputs, width, 1, stride, 0),
                            false,
                            false,
                            random,
                        )
                    }),
                });
                inputs = width;
            }
        }
        Self { stem, blocks }
    }

    /// Channels of the answer.
    pub fn out_channels(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.second.outputs())
    }

    /// The last stage's map (after its ReLU) and what the way back needs.
    pub fn forward(&mut self, x: &Arc<FeatureMap>) -> (Arc<FeatureMap>, ResNetTrace) {
        let (stem_output, stem) = self.stem.forward(x, None);
        let (size, stride, padding) = POOL;
        let pooled = Arc::new(max_pool(kernels(Level::current()), &stem_output, size, stride, padding));
        let mut x = pooled.clone();
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in &mut self.blocks {
            let (inner, first) = block.first.forward(&x, None);
            let (skipped, downsample) = match &mut block.downsample {
                Some(downsample) => {
                    let (skipped, trace) = downsample.forward(&x, None);
                    (skipped, Some(trace))
                }
                None => (x.clone(), None),
            };
            let (output, second) = block.second.forward(&inner, Some(&skipped));
            blocks.push(BlockTrace { first, second, downsample });
            x = output;
        }
        (x, ResNetTrace { stem, stem_output, pooled, blocks })
    }

    /// Adds to the gradients of all parameters, given the gradient of the answer.
    pub fn backward(&mut self, trace: ResNetTrace, mut gradient: FeatureMap) {
        let ResNetTrace { stem, stem_output, pooled, blocks } = trace;
        for (block, trace) in self.blocks.iter_mut().zip(blocks).rev() {
            let (behind, inner) = block.second.backward(&trace.second, gradient, WantInput::Alone);
            let Some(inner) = inner else { return };
            let reached = match (&mut block.downsample, &trace.downsample) {
                (Some(downsample), Some(skipped)) => {
                    let (_, through) = block.first.backward(&trace.first, inner, WantInput::Alone);
                    let Some(through) = through else { return };
                    downsample.backward(skipped, behind, WantInput::Plus(through)).1
                }
                _ => block.first.backward(&trace.first, inner, WantInput::Plus(behind)).1,
            };
            let Some(reached) = reached else { return };
            gradient = reached;
        }
        let before_pool = max_pool_gradient(kernels(Level::current()), &stem_output, &pooled, &gradient, POOL);
        self.stem.backward(&stem, before_pool, WantInput::No);
    }

    /// All parameters, in the order of the layers.
    pub fn visit(&mut self, visit: &mut dyn FnMut(&mut Parameter)) {
        self.stem.visit(visit);
        for block in &mut self.blocks {
            block.first.visit(visit);
            block.second.visit(visit);
            if let Some(downsample) = &mut block.downsample {
                downsample.visit(visit);
            }
        }
    }
}
