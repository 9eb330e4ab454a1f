//! The audio-blind branch of object-guided localization: where an ImageNet ResNet-18 sees anything at all.

use candle_core::Tensor;

use super::cosine::{grid, values_of};
use super::{Array, Result};
use crate::heatmap::Grid;
use crate::network::{ResNet18, ResNet18Config, StateView};

/// torchvision's ResNet-18 as published with ImageNet weights; its head is not used.
pub(super) struct ObjectGuide {
    network: ResNet18,
}

impl ObjectGuide {
    pub(super) fn new(weights: &StateView) -> Result<Self> {
        Ok(Self { network: ResNet18::new(weights, &ResNet18Config::default())? })
    }

    /// The mean over the channels of the last stage, 7×7.
    pub(super) fn map(&self, image: &Tensor) -> Result<Array> {
        let features = self.network.forward(image)?.abs()?.mean(1)?;
        let (_, rows, columns) = features.dims3()?;
        super::cosine::shaped(&[rows, columns], values_of(&features)?)
    }
}

/// The object map out of the parts that the image side kept.
pub(super) fn object_grid(map: &Array) -> Result<Grid> {
    let rows = map.shape().first().copied().unwrap_or_default();
    let columns = map.shape().get(1).copied().unwrap_or_default();
    grid(rows, columns, map.values().to_vec())
}
