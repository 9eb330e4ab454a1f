//! RCGrad: "How to Listen? Rethinking Visual Sound Localization" (Wu et al., INTERSPEECH 2022).
//!
//! The published map is a Grad-CAM of the image embedding along the sound embedding. The embedding is the mean over
//! the places of the last stage, so the gradient is the same at every place and the map has a closed form:
//! ReLU(Σ_c e_c · F_c / places).

use super::cosine::{map_array, product_map, values_of};
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    Array, BenchmarkWindow, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query,
    QueryEmbedding, Resizing, Result, TrainedWith, ViewRule, WindowPlan,
};
use crate::heatmap::Heatmap;
use crate::network::{BatchNorm, ResNet18, ResNet18Config, StateDict, global_avg_pool};
use crate::signal::{Resampler, cut_inside, mean_channel, standardized_log_power};

/// The whole frame squashed; any length of sound as standardized log power; 14×14 places.
pub(super) struct RcGrad {
    info: LocalizerInfo,
    vision: ResNet18,
    audio: ResNet18,
}

impl RcGrad {
    /// `audio_norm`: the authors never put their audio encoder into evaluation mode, so it normalizes each spectrogram
    /// by its own statistics ([`BatchNorm::PerCall`]), and the published numbers were made so. What this program trained
    /// always normalizes by running statistics: by its own ones alone it hardly tells one sound from another.
    pub(super) fn new(system: &'static System, weights: &StateDict, audio_norm: BatchNorm) -> Result<Self> {
        let trained_with = TrainedWith::of(weights)?;
        let trained_here = trained_with != TrainedWith::default();
        let audio_norm = if trained_here { BatchNorm::Folded } else { audio_norm };
        let remark = match audio_norm {
            _ if trained_here => "The audio encoder normalizes by its running statistics, as weights trained here need",
            BatchNorm::PerCall => {
                "The audio encoder normalizes by each sound's own statistics, as in the authors' code"
            }
            BatchNorm::Folded => "The audio encoder normalizes by its running statistics, unlike the authors' code",
        };
        let mut info = LocalizerInfo {
            system,
            hearing: Some(Hearing { rate: 16_000, resampler: Resampler::KaiserBest }),
            window: WindowPlan { length_secs: 1.0, benchmark: BenchmarkWindow::Whole },
            view: ViewRule::Stretch { side: 224, resizing: Resizing::PilBicubic },
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: false,
            query_matters: true,
            remark: Some(remark),
        };
        trained_with.adapt(&mut info);
        let vision = ResNet18Config { last_stride: 1, ..ResNet18Config::default() };
        let audio = ResNet18Config { batch_norm: audio_norm, ..ResNet18Config::default() };
        Ok(Self {
            info,
            vision: ResNet18::new(&weights.under("image_encoder."), &vision)?,
            audio: ResNet18::new(&weights.under("audio_encoder."), &audio)?,
        })
    }
}

impl Localizer for RcGrad {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::CLIP)?;
        let features = map_array(&self.vision.forward(&image)?)?;
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), vec![("features", features)]) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let spectrogram = standardized_log_power(&mean_channel(&cut_inside(sound, window)));
        let heard = self.audio.forward(&spectrogram_tensor(spectrogram, window)?)?;
        let embedding = Array::vector(values_of(&global_avg_pool(&heard)?)?);
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", embedding)]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let products = product_map(features.parts.get("features")?, embedding.parts.get("sound")?.values())?;
        let places = products.values().len() as f32;
        let values = products.map(|product| (product / places).max(0.0));
        Ok(Heatmap { covers: self.view(features.frame).covers, ..Heatmap::over_whole_frame(values, features.frame) })
    }
}
