//! AVOL-net (Arandjelović & Zisserman, ECCV 2018) in the reproduction kyuyeonpooh/objects-that-sound, and the
//! correspondence scores of its AVE-net and L3-net. The paper's own authors published no code.

use candle_core::Tensor;

use super::cosine::{map_array, normalized, product_map, sigmoid, values_of};
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    Array, BenchmarkWindow, CorrespondenceRule, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo,
    Normalization, Parts, Query, QueryEmbedding, Resizing, Result, TrainedWith, ViewRule, WindowPlan,
};
use crate::heatmap::Heatmap;
use crate::media::Picture;
use crate::metrics::retrieval::correspondence_label_avol;
use crate::network::{Activation, Conv2d, Conv2dConfig, ConvStack, Linear, StateDict, avol_features, global_max_pool};
use crate::signal::{AudioWindow, Resampler, Spectrogram, Waveform, cut_repeating, decibel_psd, integers_16bit};

/// Its frames are kept at 256×256 by OpenCV and shown at 224×224 by PIL.
const VIEW: ViewRule = ViewRule::Stretch { side: 224, resizing: Resizing::CvThenPilBilinear };

/// One second at 48 kHz as decibels (257×199); sigmoid of a weighted product at 14×14 places.
pub(super) struct Avol {
    info: LocalizerInfo,
    vision: ConvStack,
    vision_head: [Conv2d; 2],
    audio: ConvStack,
    audio_head: [Linear; 2],
    fusion_weight: f32,
    fusion_bias: f32,
    rule: CorrespondenceRule,
}

impl Avol {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let mut info = LocalizerInfo {
            system,
            hearing: Some(Hearing { rate: 48_000, resampler: Resampler::SoxrHq }),
            window: WindowPlan { length_secs: 1.0, benchmark: BenchmarkWindow::From { start_secs: 4.0 } },
            view: VIEW,
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: false,
            query_matters: true,
            remark: Some(
                "The reproduction was trained with inverted labels (0 = corresponds), so its own map is high where \
                 picture and sound do not agree; shown is 1 minus that map",
            ),
        };
        let trained_with = TrainedWith::of(weights)?;
        trained_with.adapt(&mut info);
        let published = trained_with == TrainedWith::default();
        let every = weights.view();
        let head = |key: &str| Conv2d::new(&every, key, &Conv2dConfig::default());
        let single =
            |key: &str| -> Result<f32> { Ok(values_of(&every.weight(key)?)?.first().copied().unwrap_or_default()) };
        Ok(Self {
            info,
            vision: ConvStack::new(&weights.under("icn."), &avol_features())?,
            vision_head: [head("im_conv5")?, head("im_conv6")?],
            audio: ConvStack::new(&weights.under("acn."), &avol_features())?,
            audio_head: [
                Linear::new(&every, "aud_fc1", Activation::Relu)?,
                Linear::new(&every, "aud_fc2", Activation::None)?,
            ],
            fusion_weight: single("fus_conv7.weight")?,
            fusion_bias: single("fus_conv7.bias")?,
            rule: if published { RULE } else { RULE_OF_THE_PAPER },
        })
    }
}

fn spectrogram(sound: &Waveform, window: AudioWindow) -> Spectrogram {
    decibel_psd(&integers_16bit(&cut_repeating(sound, window)), sound.rate)
}

impl Localizer for Avol {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let [first, second] = &self.vision_head;
        let features = map_array(&second.forward(&first.forward(&self.vision.forward(&image)?)?)?)?;
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), vec![("features", features)]) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let heard = global_max_pool(&self.audio.forward(&spectrogram_tensor(spectrogram(sound, window), window)?)?)?;
        let [first, second] = &self.audio_head;
        let embedding = Array::vector(values_of(&second.forward(&first.forward(&heard)?)?)?);
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", embedding)]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let products = product_map(features.parts.get("features")?, embedding.parts.get("sound")?.values())?;
        let mismatch = products.map(|product| sigmoid(self.fusion_weight * product + self.fusion_bias));
        let confidence = Some(1.0 - mismatch.range().1);
        Ok(Heatmap {
            nominal_range: Some([0.0, 1.0]),
            confidence,
            ..Heatmap::over_whole_frame(mismatch.map(|value| 1.0 - value), features.frame)
        })
    }

    fn correspondence_rule(&self) -> Option<CorrespondenceRule> {
        Some(self.rule)
    }
}

/// Of its test loop: the labels are inverted, so 0 is a pair that belongs together.
const RULE: CorrespondenceRule = CorrespondenceRule {
    words: "a pair where the largest value of its own map, which is high where they do not agree, rounds (half to even) \
            to 0, as in objects-that-sound",
    corresponds: |heatmap| {
        heatmap.confidence.is_some_and(|confidence| correspondence_label_avol(f64::from(1.0 - confidence)) == 0)
    },
};

/// A network of the same family that only says whether a picture and a sound belong together.
pub struct Correspondence {
    vision: ConvStack,
    audio: ConvStack,
    head: Head,
}

#[expect(clippy::large_enum_variant, reason = "one a model")]
enum Head {
    /// AVE-net: the distance of two embeddings of length 1, then a linear layer.
    Distance { vision: [Linear; 2], audio: [Linear; 2], last: Linear },
    /// L3-net: two layers on both poolings side by side.
    Joined { first: Linear, last: Linear },
}

impl Correspondence {
    /// AVE-net's weights.
    pub fn ave_net(weights: &StateDict) -> Result<Self> {
        let every = weights.view();
        let pair = |first: &str, second: &str| -> Result<[Linear; 2]> {
            Ok([Linear::new(&every, first, Activation::Relu)?, Linear::new(&every, second, Activation::None)?])
        };
        let head = Head::Distance {
            vision: pair("img_fc1", "img_fc2")?,
            audio: pair("aud_fc1", "aud_fc2")?,
            last: Linear::new(&every, "fc3", Activation::None)?,
        };
        Self::new(weights, head)
    }

    /// L3-net's weights.
    pub fn l3_net(weights: &StateDict) -> Result<Self> {
        let every = weights.view();
        let head = Head::Joined {
            first: Linear::new(&every, "fc1", Activation::Relu)?,
            last: Linear::new(&every, "fc2", Activation::None)?,
        };
        Self::new(weights, head)
    }

    fn new(weights: &StateDict, head: Head) -> Result<Self> {
        Ok(Self {
            vision: ConvStack::new(&weights.under("icn."), &avol_features())?,
            audio: ConvStack::new(&weights.under("acn."), &avol_features())?,
            head,
        })
    }

    /// The two logits for a picture and a stretch of a sound at 48 kHz: first *corresponds*, then *mismatched*, as the
    /// reproduction's labels have them.
    pub fn logits(&self, picture: &Picture, sound: &Waveform, window: AudioWindow) -> Result<[f32; 2]> {
        let image = VIEW.render(picture, &Normalization::IMAGENET)?;
        let seen = global_max_pool(&self.vision.forward(&image)?)?;
        let heard = global_max_pool(&self.audio.forward(&spectrogram_tensor(spectrogram(sound, window), window)?)?)?;
        let logits = match &self.head {
            Head::Distance { vision, audio, last } => {
                let embed = |pair: &[Linear; 2], pooled: &Tensor| -> Result<Vec<f32>> {
                    Ok(normalized(values_of(&pair[1].forward(&pair[0].forward(pooled)?)?)?))
                };
                let (seen, heard) = (embed(vision, &seen)?, embed(audio, &heard)?);
                let squares = seen.iter().zip(&heard).map(|(a, b)| (a - b) * (a - b));
                let distance = squares.sum::<f32>().sqrt();
                values_of(&last.forward(&Tensor::new(&[[distance]], image.device())?)?)?
            }
            Head::Joined { first, last } => {
                values_of(&last.forward(&first.forward(&Tensor::cat(&[&seen, &heard], 1)?)?)?)?
            }
        };
        Ok([logits.first().copied().unwrap_or_default(), logits.get(1).copied().unwrap_or_default()])
    }
}

/// Of weights that `sonolens train` made: it learns by the paper's labels, the largest agreement being that of the pair.
const RULE_OF_THE_PAPER: CorrespondenceRule = CorrespondenceRule {
    words: "a pair where the largest value of the map exceeds a half, by the paper's labels, which it was trained with here",
    corresponds: |heatmap| heatmap.values.range().1 > 0.5,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;
    use crate::heatmap::Grid;

    #[test]
    fn a_pair_is_where_the_mismatch_nowhere_exceeds_a_half() {
        let corresponds = |mismatch: f32| {
            let whole = Heatmap::over_whole_frame(Grid::filled(2, 2, 1.0 - mismatch), Size::new(4, 4));
            (RULE.corresponds)(&Heatmap { confidence: Some(1.0 - mismatch), ..whole })
        };
        let half = 0.5f32;
        let found = [0.0, 0.2, half.next_down(), half, half.next_up(), 0.7, 1.0].map(corresponds);
        assert_eq!(found, [true, true, true, true, false, false, false]);
        let mut half = Grid::filled(2, 2, 0.5);
        half.values_mut()[0] = 0.1;
        let mut map = Heatmap::over_whole_frame(half, Size::new(4, 4));
        assert!(!(RULE_OF_THE_PAPER.corresponds)(&map));
        map.values.values_mut()[3] = 0.51;
        assert!((RULE_OF_THE_PAPER.corresponds)(&map));
    }
}
