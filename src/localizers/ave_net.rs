//! The network of LVS, which SSL-TIE and cross-modal alignment took over: two ResNet-18 whose last stage keeps its
//! resolution (14×14 places for 224×224 pixels), compared by cosine. Nothing else is learned.

use candle_core::Tensor;

use super::cosine::{normalized, normalized_map, product_map, values_of};
use super::{Array, Result};
use crate::heatmap::Grid;
use crate::network::{BatchNorm, ResNet18, ResNet18Config, StateDict, global_max_pool};

pub(super) struct AveNet {
    vision: ResNet18,
    audio: ResNet18,
}

impl AveNet {
    /// Reads `imgnet.*` and `audnet.*`; each holds the stems of every modality, of which it uses its own.
    pub(super) fn new(weights: &StateDict) -> Result<Self> {
        let config =
            |stem: &str| ResNet18Config { stem: stem.to_owned(), last_stride: 1, batch_norm: BatchNorm::Folded };
        Ok(Self {
            vision: ResNet18::new(&weights.under("imgnet."), &config("conv1"))?,
            audio: ResNet18::new(&weights.under("audnet."), &config("conv1_a"))?,
        })
    }

    /// The features of every place, each of length 1.
    pub(super) fn see(&self, image: &Tensor) -> Result<Array> {
        normalized_map(&self.vision.forward(image)?)
    }

    /// The embedding of a spectrogram: its features' maxima, of length 1.
    pub(super) fn hear(&self, spectrogram: &Tensor) -> Result<Array> {
        let pooled = global_max_pool(&self.audio.forward(spectrogram)?)?;
        Ok(Array::vector(normalized(values_of(&pooled)?)))
    }

    /// The cosine at every place.
    pub(super) fn compare(seen: &Array, heard: &Array) -> Result<Grid> {
        product_map(seen, heard.values())
    }
}
