//! Plain sequences of convolutions and max pools: VGG-16, VGGish, AVOL-net's sub-networks.

use candle_core::Tensor;

use super::features::Features;
use super::pool::max_pool_features;
use super::{Conv2d, Conv2dConfig, NetworkError, StateView};

/// One step of a [`ConvStack`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackLayer {
    /// A convolution with the bias that the weights hold, its batch norm if named, and a ReLU if wanted.
    Conv { key: String, config: Conv2dConfig },
    /// The largest value of square windows.
    MaxPool { size: usize, stride: usize, padding: usize },
}

impl StackLayer {
    fn conv3x3(key: impl Into<String>, stride: usize, batch_norm: Option<String>, relu: bool) -> Self {
        Self::Conv { key: key.into(), config: Conv2dConfig { stride, padding: 1, batch_norm, relu } }
    }

    const HALVE: Self = Self::MaxPool { size: 2, stride: 2, padding: 0 };
}

/// VGG-16 `features[0:29]`, keys `0`, `2`, `5` … `28`: up to conv5_3, before its ReLU.
pub fn vgg16_features() -> Vec<StackLayer> {
    let mut layers = Vec::new();
    let mut index = 0;
    for (block, convs) in [2, 2, 3, 3, 3].into_iter().enumerate() {
        for _ in 0..convs {
            layers.push(StackLayer::conv3x3(index.to_string(), 1, None, index != 28));
            index += 2;
        }
        if block < 4 {
            layers.push(StackLayer::HALVE);
            index += 1;
        }
    }
    layers
}

/// VGGish `features`, keys `0`, `3`, `6`, `8`, `11`, `13`: 96×64 log-mel patches to 512×6×4.
pub fn vggish_features() -> Vec<StackLayer> {
    let mut layers = Vec::new();
    for block in [&["0"][..], &["3"], &["6", "8"], &["11", "13"]] {
        layers.extend(block.iter().map(|&key| StackLayer::conv3x3(key, 1, None, true)));
        layers.push(StackLayer::HALVE);
    }
    layers
}

/// AVOL-net's `icn` and `acn`: four blocks of two convolutions with batch norm, the first of them with stride 2.
pub fn avol_features() -> Vec<StackLayer> {
    let mut layers = Vec::new();
    for block in 1..=4 {
        for conv in 1..=2 {
            let stride = if (block, conv) == (1, 1) { 2 } else { 1 };
            let norm = Some(format!("bn{block}_{conv}"));
            layers.push(StackLayer::conv3x3(format!("conv{block}_{conv}"), stride, norm, true));
        }
        if block < 4 {
            layers.push(StackLayer::HALVE);
        }
    }
    layers
}

enum Step {
    Conv(Box<Conv2d>),
    MaxPool { size: usize, stride: usize, padding: usize },
}

/// A sequence of convolutions and max pools.
pub struct ConvStack {
    steps: Vec<Step>,
}

impl ConvStack {
    pub fn new(weights: &StateView, layers: &[StackLayer]) -> Result<Self, NetworkError> {
        let steps = layers.iter().map(|layer| {
            Ok(match layer {
                StackLayer::Conv { key, config } => Step::Conv(Box::new(Conv2d::new(weights, key, config)?)),
                &StackLayer::MaxPool { size, stride, padding } => Step::MaxPool { size, stride, padding },
            })
        });
        Ok(Self { steps: steps.collect::<Result<_, NetworkError>>()? })
    }

    /// N×C×H×W `f32` to the last layer's answer.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NetworkError> {
        let padding = match self.steps.first() {
            Some(Step::Conv(conv)) => conv.padding(),
            _ => 0,
        };
        let mut x = Features::new("the convolution stack", x, padding)?;
        for step in &self.steps {
            x = match step {
                Step::Conv(conv) => conv.apply(&x, None)?,
                &Step::MaxPool { size, stride, padding } => max_pool_features(&x, size, stride, padding)?,
            };
        }
        x.into_tensor()
    }
}
