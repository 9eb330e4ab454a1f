//! ResNet-18 with a free stem, so that one class serves images, spectrograms and optical flow.

use candle_core::Tensor;

use super::features::Features;
use super::norm::PerCallNorm;
use super::pool::max_pool_features;
use super::{BatchNorm, Conv2d, Conv2dConfig, NetworkError, StateView};

/// Which ResNet-18 the weights are for. Channel counts come from the weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResNet18Config {
    /// The key of the first convolution: `conv1`, or `conv1_a` for the sound in LVS' class.
    pub stem: String,
    /// Stride of the last stage: 2 as in torchvision (224² gives 7²), 1 as in LVS (224² gives 14²).
    pub last_stride: usize,
    pub batch_norm: BatchNorm,
}

impl Default for ResNet18Config {
    fn default() -> Self {
        Self { stem: "conv1".to_string(), last_stride: 2, batch_norm: BatchNorm::Folded }
    }
}

/// ResNet-18 without its head.
pub struct ResNet18 {
    stem: NormalizedConv,
    stages: Vec<[BasicBlock; 2]>,
}

impl ResNet18 {
    /// Builds the network from the keys of torchvision's or LVS' class (`conv1.weight`, `layer1.0.bn1.weight`, …).
    pub fn new(weights: &StateView, config: &ResNet18Config) -> Result<Self, NetworkError> {
        let norm = config.batch_norm;
        let stem = NormalizedConv::new(weights, &config.stem, "bn1", 2, 3, true, norm)?;
        let mut stages = Vec::with_capacity(4);
        for (stage, stride) in [(1, 1), (2, 2), (3, 2), (4, config.last_stride)] {
            let first = BasicBlock::new(&weights.under(&format!("layer{stage}.0.")), stride, norm)?;
            let second = BasicBlock::new(&weights.under(&format!("layer{stage}.1.")), 1, norm)?;
            stages.push([first, second]);
        }
        Ok(Self { stem, stages })
    }

    pub fn in_channels(&self) -> usize {
        self.stem.conv.in_channels()
    }

    /// Channels of the answer: 512 in the published networks.
    pub fn out_channels(&self) -> usize {
        self.stages.last().map_or(0, |[_, block]| block.second.conv.out_channels())
    }

    /// N×C×H×W `f32` to the last stage's N×512×h×w (after its ReLU).
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, NetworkError> {
        let mut x = self.forward_stem(x)?;
        for block in self.stages.iter().flatten() {
            x = block.forward(&x)?;
        }
        x.into_tensor()
    }

    /// The pooled stem and the four stages' answers, for comparing a network layer by layer.
    pub fn forward_stages(&self, x: &Tensor) -> Result<Vec<Tensor>, NetworkError> {
        let mut outputs = Vec::new();
        let mut x = self.forward_stem(x)?;
        for [first, second] in &self.stages {
            let next = second.forward(&first.forward(&x)?)?;
            outputs.push(std::mem::replace(&mut x, next).into_tensor()?);
        }
        outputs.push(x.into_tensor()?);
        Ok(outputs)
    }

    fn forward_stem(&self, x: &Tensor) -> Result<Features, NetworkError> {
        let x = Features::new("the stem", x, self.stem.conv.padding())?;
        max_pool_features(&self.stem.forward(&x, None)?, 3, 2, 1)
    }
}

struct BasicBlock {
    first: NormalizedConv,
    second: NormalizedConv,
    downsample: Option<NormalizedConv>,
}

impl BasicBlock {
    fn new(weights: &StateView, stride: usize, norm: BatchNorm) -> Result<Self, NetworkError> {
        let first = NormalizedConv::new(weights, "conv1", "bn1", stride, 1, true, norm)?;
        let second = NormalizedConv::new(weights, "conv2", "bn2", 1, 1, true, norm)?;
        let downsample = match weights.contains("downsample.0.weight") {
            true => Some(NormalizedConv::new(weights, "downsample.0", "downsample.1", stride, 0, false, norm)?),
            false => None,
        };
        Ok(Self { first, second, downsample })
    }

    fn forward(&self, x: &Features) -> Result<Features, NetworkError> {
        let inner = self.first.forward(x, None)?;
        match &self.downsample {
            Some(downsample) => self.second.forward(&inner, Some(&downsample.forward(x, None)?)),
            None => self.second.forward(&inner, Some(x)),
        }
    }
}

/// A convolution and its batch norm: one step where the norm is folded, two where it looks at its input.
struct NormalizedConv {
    conv: Conv2d,
    per_call: Option<PerCallNorm>,
    relu: bool,
}

impl NormalizedConv {
    fn new(
        weights: &StateView,
        conv: &str,
        norm: &str,
        stride: usize,
        padding: usize,
        relu: bool,
        kind: BatchNorm,
    ) -> Result<Self, NetworkError> {
        let folded = kind == BatchNorm::Folded;
        let batch_norm = folded.then(|| norm.to_string());
        let config = Conv2dConfig { stride, padding, batch_norm, relu: relu && folded };
        let conv = Conv2d::new(weights, conv, &config)?;
        let per_call = match kind {
            BatchNorm::Folded => None,
            BatchNorm::PerCall => Some(PerCallNorm::new(&weights.under(&format!("{norm}.")), conv.out_channels())?),
        };
        Ok(Self { conv, per_call, relu })
    }

    fn forward(&self, x: &Features, residual: Option<&Features>) -> Result<Features, NetworkError> {
        match &self.per_call {
            None => self.conv.apply(x, residual),
            Some(norm) => norm.apply(self.conv.apply(x, None)?, residual, self.relu),
        }
    }
}
