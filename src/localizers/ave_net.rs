//! The network of LVS, which SSL-TIE and cross-modal alignment took over: two ResNet-18 whose last stage keeps its
//! resolution (14×14 places for 224×224 pixels), compared by cosine. Nothing else is learned. The systems differ in what
//! they show it of a picture and of a sound.

use super::cosine::{normalized, normalized_map, product_map, values_of};
use super::object_guide::ObjectGuide;
use super::query::{sound_of, spectrogram_tensor};
use super::{
    Array, FrameInput, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query, QueryEmbedding, Result,
};
use crate::heatmap::Heatmap;
use crate::network::{BatchNorm, ResNet18, ResNet18Config, StateDict, global_max_pool};
use crate::signal::{AudioWindow, Spectrogram, Waveform};

/// From a window of a sound to what the audio network is shown.
pub(super) type FrontEnd = fn(&Waveform, AudioWindow) -> Spectrogram;

pub(super) struct AveNet {
    info: LocalizerInfo,
    front_end: FrontEnd,
    vision: ResNet18,
    audio: ResNet18,
    object_guide: Option<ObjectGuide>,
}

impl AveNet {
    /// Reads `imgnet.*` and `audnet.*`; each holds the stems of every modality, of which it uses its own.
    pub(super) fn new(
        info: LocalizerInfo,
        front_end: FrontEnd,
        weights: &StateDict,
        object_guide: Option<ObjectGuide>,
    ) -> Result<Self> {
        let config =
            |stem: &str| ResNet18Config { stem: stem.to_owned(), last_stride: 1, batch_norm: BatchNorm::Folded };
        Ok(Self {
            info,
            front_end,
            vision: ResNet18::new(&weights.under("imgnet."), &config("conv1"))?,
            audio: ResNet18::new(&weights.under("audnet."), &config("conv1_a"))?,
            object_guide,
        })
    }
}

impl Localizer for AveNet {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let mut arrays = vec![("features", normalized_map(&self.vision.forward(&image)?)?)];
        if let Some(guide) = &self.object_guide {
            arrays.push(guide.look(&image)?);
        }
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), arrays) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let spectrogram = spectrogram_tensor((self.front_end)(sound, window), window)?;
        let pooled = global_max_pool(&self.audio.forward(&spectrogram)?)?;
        let embedding = Array::vector(normalized(values_of(&pooled)?));
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", embedding)]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let values = product_map(features.parts.get("features")?, embedding.parts.get("sound")?.values())?;
        let object_prior = self.object_guide.as_ref().map(|guide| guide.prior(features)).transpose()?;
        let confidence = Some(values.range().1);
        Ok(Heatmap {
            values,
            frame: features.frame,
            covers: self.view(features.frame).covers,
            nominal_range: Some([-1.0, 1.0]),
            object_prior,
            confidence,
        })
    }
}
