//! SSPL (Song et al., CVPR 2022) with or without its predictive coding module, by whether the weights hold one.

use candle_core::{Device, Tensor};

use super::cosine::{map_array, normalized, normalized_map, product_map, values_of};
use super::predictive_coding::PredictiveCoding;
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
    coding: Option<PredictiveCoding>,
}

impl Sspl {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let coding = weights.contains("PredProcess.0.weight");
        let coding = coding.then(|| PredictiveCoding::new(weights)).transpose()?;
        let info = LocalizerInfo {
            system,
            hearing: Some(Hearing { rate: 16_000, resampler: Resampler::SoxrHq }),
            window: WindowPlan { length_secs: 3.0, benchmark: BenchmarkWindow::Centered },
            view: ViewRule::Crop { side: 224 },
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: false,
            query_matters: true,
            remark: match coding {
                Some(_) => {
                    Some("With the predictive coding module, so every sound changes the picture's features anew")
                }
                None => Some("Without the predictive coding module"),
            },
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
            coding,
        })
    }
}

impl Localizer for Sspl {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let features = self.vision.forward(&image)?;
        let features = if self.coding.is_some() { map_array(&features)? } else { normalized_map(&features)? };
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
        let mut heard = features;
        for layer in &self.embeddings {
            heard = layer.forward(&heard)?;
        }
        let [first, second] = &self.projection;
        let embedding = second.forward(&first.forward(&heard)?)?;
        let arrays = vec![
            ("sound", Array::vector(normalized(values_of(&embedding.mean(0)?)?))),
            ("vggish", Array::vector(normalized(values_of(&heard.mean(0)?)?))),
        ];
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), arrays) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let seen = features.parts.get("features")?;
        let sound = embedding.parts.get("sound")?.values();
        let values = match &self.coding {
            Some(coding) => {
                let shape: Vec<usize> = std::iter::once(1).chain(seen.shape().iter().copied()).collect();
                let raw = Tensor::from_slice(seen.values(), shape, &Device::Cpu)?;
                let changed = coding.apply(&raw, embedding.parts.get("vggish")?.values())?;
                product_map(&normalized_map(&changed)?, sound)?
            }
            None => product_map(seen, sound)?,
        };
        let confidence = Some(values.range().1);
        Ok(Heatmap {
            covers: self.view(features.frame).covers,
            nominal_range: Some([-1.0, 1.0]),
            confidence,
            ..Heatmap::over_whole_frame(values, features.frame)
        })
    }
}
