//! EZ-VSL (Mo & Morgado, ECCV 2022) with or without its object guide, and FNAC (Sun et al., CVPR 2023), whose graph and
//! keys are the same.

use super::cosine::{normalized, normalized_map, product_map, values_of};
use super::object_guide::ObjectGuide;
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    Array, BenchmarkWindow, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query,
    QueryEmbedding, Resizing, Result, TrainedWith, ViewRule, WindowPlan,
};
use crate::heatmap::{Heatmap, Mixture};
use crate::network::{Activation, Conv2d, Conv2dConfig, Linear, ResNet18, ResNet18Config, StateDict, global_max_pool};
use crate::signal::{AudioWindow, Resampler, Spectrogram, Waveform, cut_repeating, log_psd, mono_16bit};

/// What the similarities are divided by.
pub(super) const TEMPERATURE: f32 = 0.03;

/// The whole frame squashed; the middle three seconds as ln PSD (257×200 at 16 kHz); cosine / 0.03 at 7×7 places.
pub(super) struct EzVsl {
    info: LocalizerInfo,
    vision: ResNet18,
    vision_projection: Conv2d,
    audio: ResNet18,
    audio_projection: Linear,
    object_guide: Option<ObjectGuide>,
}

impl EzVsl {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let guided = system.id == "ez-vsl-ogl";
        let every = weights.view();
        let mixture = Mixture::MinMax { alpha: 0.4 };
        Ok(Self {
            info: info(system, None, weights)?,
            vision: ResNet18::new(&weights.under("imgnet."), &ResNet18Config::default())?,
            vision_projection: Conv2d::new(&every, "img_proj", &Conv2dConfig::default())?,
            audio: ResNet18::new(&weights.under("audnet."), &ResNet18Config::default())?,
            audio_projection: Linear::new(&every, "aud_proj", Activation::None)?,
            object_guide: guided.then(|| ObjectGuide::new(&every, mixture)).transpose()?,
        })
    }
}

/// What EZ-VSL and SLAVC have in common.
pub(super) fn info(
    system: &'static System,
    remark: Option<&'static str>,
    weights: &StateDict,
) -> Result<LocalizerInfo> {
    let mut info = LocalizerInfo {
        system,
        hearing: Some(Hearing { rate: 16_000, resampler: Resampler::SoxrHq }),
        window: WindowPlan { length_secs: 3.0, benchmark: BenchmarkWindow::Centered },
        view: ViewRule::Stretch { side: 224, resizing: Resizing::PilBicubic },
        reads_text: false,
        takes_sound_vector: false,
        needs_next_frame: false,
        query_matters: true,
        remark,
    };
    TrainedWith::of(weights)?.adapt(&mut info);
    Ok(info)
}

/// The spectrogram of both: 16-bit mono, the tile rule, ln PSD.
pub(super) fn spectrogram(sound: &Waveform, window: AudioWindow) -> Spectrogram {
    log_psd(&mono_16bit(&cut_repeating(sound, window)), sound.rate, 274)
}

impl Localizer for EzVsl {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let projected = self.vision_projection.forward(&self.vision.forward(&image)?)?;
        let mut arrays = vec![("features", normalized_map(&projected)?)];
        if let Some(guide) = &self.object_guide {
            arrays.push(guide.look(&image)?);
        }
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), arrays) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let input = spectrogram_tensor(spectrogram(sound, window), window)?;
        let pooled = global_max_pool(&self.audio.forward(&input)?)?;
        let embedding = normalized(values_of(&self.audio_projection.forward(&pooled)?)?);
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", Array::vector(embedding))]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let sound = embedding.parts.get("sound")?;
        let cosines = product_map(features.parts.get("features")?, sound.values())?;
        let values = cosines.map(|cosine| cosine / TEMPERATURE);
        let object_prior = self.object_guide.as_ref().map(|guide| guide.prior(features)).transpose()?;
        let confidence = Some(values.range().1);
        Ok(Heatmap {
            values,
            frame: features.frame,
            covers: self.view(features.frame).covers,
            nominal_range: Some([-1.0 / TEMPERATURE, 1.0 / TEMPERATURE]),
            object_prior,
            confidence,
        })
    }
}
