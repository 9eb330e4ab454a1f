//! Attention10k: Learning to Localize Sound Source in Visual Scenes (Senocak et al., CVPR 2018).

use super::cosine::{normalized, normalized_map, product_map, values_of};
use super::registry::System;
use super::{
    Array, BenchmarkWindow, FrameInput, ImageFeatures, Localizer, LocalizerError, LocalizerInfo, Normalization, Parts,
    Query, QueryEmbedding, Resizing, Result, ViewRule, WindowPlan,
};
use crate::heatmap::Heatmap;
use crate::network::{Activation, ConvStack, Linear, StateDict, vgg16_features};

/// Values of a sound vector: SoundNet's object layer, averaged over time.
const SOUND_VECTOR_LENGTH: usize = 1000;

/// The whole frame squashed to 320×320; a sound vector from elsewhere; attention over 20×20 places.
pub(super) struct Attention10k {
    info: LocalizerInfo,
    vision: ConvStack,
    sound: [Linear; 2],
}

impl Attention10k {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let info = LocalizerInfo {
            system,
            hearing: None,
            window: WindowPlan { length_secs: 0.0, benchmark: BenchmarkWindow::Whole },
            view: ViewRule::Stretch { side: 320, resizing: Resizing::PilBilinear },
            reads_text: false,
            takes_sound_vector: true,
            needs_next_frame: false,
            query_matters: true,
            remark: Some(
                "Its authors published no way from a sound to the 1000 numbers that it is asked with (SoundNet's object \
                 layer, averaged over time)",
            ),
        };
        let every = weights.view();
        Ok(Self {
            info,
            vision: ConvStack::new(&weights.under("vision_embedding_model.feature_extraction."), &vgg16_features())?,
            sound: [
                Linear::new(&every, "sound_fc1", Activation::Relu)?,
                Linear::new(&every, "sound_fc2", Activation::None)?,
            ],
        })
    }
}

impl Localizer for Attention10k {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let features = normalized_map(&self.vision.forward(&image)?)?;
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), vec![("features", features)]) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let vector = match *query {
            Query::SoundVector(vector) => vector,
            Query::Sound { .. } | Query::Text(_) => {
                let given = if matches!(query, Query::Text(_)) { "a text" } else { "a sound" };
                return Err(LocalizerError::QueryKind { id: self.info.id(), accepted: "a sound vector", given });
            }
        };
        if vector.len() != SOUND_VECTOR_LENGTH {
            let (expected, given) = (SOUND_VECTOR_LENGTH, vector.len());
            return Err(LocalizerError::SoundVectorLength { id: self.info.id(), expected, given });
        }
        let rectified: Vec<f32> = vector.iter().map(|value| value.max(0.0)).collect();
        let input = candle_core::Tensor::from_vec(rectified, (1, SOUND_VECTOR_LENGTH), &candle_core::Device::Cpu)?;
        let [first, second] = &self.sound;
        let embedding = normalized(values_of(&second.forward(&first.forward(&input)?)?)?);
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", Array::vector(embedding))]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let cosines = product_map(features.parts.get("features")?, embedding.parts.get("sound")?.values())?;
        let exponentials = cosines.map(|cosine| cosine.max(0.0).exp());
        let sum: f32 = exponentials.values().iter().sum();
        let confidence = Some(cosines.range().1);
        Ok(Heatmap { confidence, ..Heatmap::over_whole_frame(exponentials.map(|value| value / sum), features.frame) })
    }
}
