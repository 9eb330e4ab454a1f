//! SSPL (Song et al., CVPR 2022) without its predictive coding module.

use candle_core::{Device, Tensor};

use super::cosine::{normalized, normalized_map, product_map, values_of};
use super::query::sound_of;
use super::registry::System;
use super::{
    Array, BenchmarkWindow, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerError, LocalizerInfo,
    Normalization, Parts, Query, QueryEmbedding, Result, ViewRule, WindowPlan,
};
use crate::heatmap::Heatmap;
use crate::network::{Activation, ConvStack, Linear, StateDict, vgg16_features, vggish_features};
use crate::signal::{Resampler, cut_repeating, mean_channel, stretched_to_full_scale, vggish_examples};

/// Middle square of the frame through VGG-16; the middle three seconds through VGGish; cosine at 14×14 places.
pub(super) struct Sspl {
    info: LocalizerInfo,
    vision: ConvStack,
    audio: ConvStack,
    embeddings: [Linear; 3],
    projection: [Linear; 2],
}

impl Sspl {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        if weights.contains("PredProcess.0.weight") {
            return Err(LocalizerError::WrongWeights {
                message:
                    "the predictive coding module is not in this program yet; give the frame and sound networks of \
                          the version without it"
                        .into(),
            });
        }
        let info = LocalizerInfo {
            system,
            hearing: Some(Hearing { rate: 16_000, resampler: Resampler::SoxrHq }),
            window: WindowPlan { length_secs: 3.0, benchmark: BenchmarkWindow::Centered },
            view: ViewRule::Crop { side: 224 },
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: false,
            query_matters: true,
            remark: Some("Without the predictive coding module"),
        };
        let every = weights.view();
        let linear = |key: &str, activation| Linear::new(&every, key, activation);
        Ok(Self {
            info,
            vision: ConvStack::new(&weights.under("feat_extractor."), &vgg16_features())?,
            audio: ConvStack::new(&weights.under("features."), &vggish_features())?,
            embeddings: [
                linear("embeddings.0", Activation::Relu)?,
                linear("embeddings.2", Activation::Relu)?,
                linear("embeddings.4", Activation::Relu)?,
            ],
            projection: [linear("fc.0", Activation::Relu)?, linear("fc.2", Activation::None)?],
        })
    }
}

impl Localizer for Sspl {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let features = normalized_map(&self.vision.forward(&image)?)?;
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), vec![("features", features)]) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let examples = vggish_examples(&stretched_to_full_scale(&mean_channel(&cut_repeating(sound, window))));
        let count = examples.len();
        if count == 0 {
            return Err(LocalizerError::NothingToHear { start_secs: window.start_secs });
        }
        let values = examples.into_iter().flat_map(|example| example.values).collect::<Vec<_>>();
        let input = Tensor::from_vec(values, (count, 1, 96, 64), &Device::Cpu)?;
        // VGGish flattens its features with the channels last.
        let features = self.audio.forward(&input)?.permute((0, 2, 3, 1))?.contiguous()?.flatten_from(1)?;
        let mut embedding = features;
        for layer in self.embeddings.iter().chain(&self.projection) {
            embedding = layer.forward(&embedding)?;
        }
        let mean = values_of(&embedding.mean(0)?)?;
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", Array::vector(normalized(mean)))]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let values = product_map(features.parts.get("features")?, embedding.parts.get("sound")?.values())?;
        let confidence = Some(values.range().1);
        Ok(Heatmap {
            covers: self.view(features.frame).covers,
            nominal_range: Some([-1.0, 1.0]),
            confidence,
            ..Heatmap::over_whole_frame(values, features.frame)
        })
    }
}
