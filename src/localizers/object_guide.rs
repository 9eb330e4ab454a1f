//! The audio-blind branch of object-guided localization: where an ImageNet ResNet-18 sees anything at all.

use candle_core::Tensor;

use super::cosine::{grid, shaped, values_of};
use super::{Array, ImageFeatures, Result};
use crate::heatmap::{Mixture, ObjectPrior};
use crate::network::{ResNet18, ResNet18Config, StateView};

/// The name of its map among the parts of a picture.
const OBJECTS: &str = "objects";

/// torchvision's ResNet-18 as published with ImageNet weights; its head is not used.
pub(super) struct ObjectGuide {
    network: ResNet18,
    mixture: Mixture,
}

impl ObjectGuide {
    pub(super) fn new(weights: &StateView, mixture: Mixture) -> Result<Self> {
        Ok(Self { network: ResNet18::new(weights, &ResNet18Config::default())?, mixture })
    }

    /// The mean over the channels of the last stage, 7×7: a part to keep of the picture.
    pub(super) fn look(&self, image: &Tensor) -> Result<(&'static str, Array)> {
        let features = self.network.forward(image)?.abs()?.mean(1)?;
        let (_, rows, columns) = features.dims3()?;
        Ok((OBJECTS, shaped(&[rows, columns], values_of(&features)?)?))
    }

    /// The object map that [`ObjectGuide::look`] kept, with how this system mixes it in.
    pub(super) fn prior(&self, features: &ImageFeatures) -> Result<ObjectPrior> {
        let map = features.parts.get(OBJECTS)?;
        let [rows, columns] = [0, 1].map(|axis| map.shape().get(axis).copied().unwrap_or_default());
        Ok(ObjectPrior { values: grid(rows, columns, map.values().to_vec())?, mixture: self.mixture })
    }
}
