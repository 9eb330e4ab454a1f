//! DSOL: Discriminative Sounding Objects Localization (Hu et al., NeurIPS 2020), the sound map of its first stage.

use super::cosine::{normalized, normalized_map, product_map, values_of};
use super::dmc::{one_second_info, stem};
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    Array, FrameInput, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query, QueryEmbedding, Result,
};
use crate::heatmap::Heatmap;
use crate::network::{Activation, Conv2d, Conv2dConfig, Linear, ResNet18, StateDict, global_max_pool};
use crate::signal::{cut_repeating, mean_channel, mel_decibels_10ms};

/// The whole frame squashed; one second as mel decibels (201×64); sigmoid of a scaled cosine at 14×14 places.
pub(super) struct Dsol {
    info: LocalizerInfo,
    vision: ResNet18,
    vision_head: [Conv2d; 2],
    audio: ResNet18,
    audio_head: [Linear; 2],
    scale: f32,
}

impl Dsol {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let every = weights.view();
        let conv = |key: &str, relu| Conv2d::new(&every, key, &Conv2dConfig { relu, ..Conv2dConfig::default() });
        Ok(Self {
            info: one_second_info(
                system,
                "The sound map; the maps of single categories need a dictionary that its authors did not publish",
            ),
            vision: ResNet18::new(&weights.under("visual_net."), &stem("conv1"))?,
            vision_head: [conv("conv_v_1", true)?, conv("conv_v_2", false)?],
            audio: ResNet18::new(&weights.under("audio_net."), &stem("conv1_a"))?,
            audio_head: [
                Linear::new(&every, "fc_a_1", Activation::Relu)?,
                Linear::new(&every, "fc_a_2", Activation::None)?,
            ],
            scale: values_of(&every.weight("conv_av.weight")?)?.first().copied().unwrap_or_default(),
        })
    }
}

impl Localizer for Dsol {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let [first, second] = &self.vision_head;
        let features = normalized_map(&second.forward(&first.forward(&self.vision.forward(&image)?)?)?)?;
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), vec![("features", features)]) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let spectrogram = mel_decibels_10ms(&mean_channel(&cut_repeating(sound, window)), sound.rate);
        let heard = global_max_pool(&self.audio.forward(&spectrogram_tensor(spectrogram, window)?)?)?;
        let [first, second] = &self.audio_head;
        let embedding = normalized(values_of(&second.forward(&first.forward(&heard)?)?)?);
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", Array::vector(embedding))]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let cosines = product_map(features.parts.get("features")?, embedding.parts.get("sound")?.values())?;
        let values = cosines.map(|cosine| 1.0 / (1.0 + (-self.scale * cosine).exp()));
        let confidence = Some(values.range().1);
        let heatmap = Heatmap::over_whole_frame(values, features.frame);
        Ok(Heatmap { nominal_range: Some([0.0, 1.0]), confidence, ..heatmap })
    }
}
