//! SLAVC (Mo & Morgado, NeurIPS 2022) with or without its object guide, by its online or its momentum branch.

use super::cosine::{grid, normalized, normalized_map, product_map, values_of};
use super::ez_vsl::{TEMPERATURE, info, spectrogram};
use super::object_guide::ObjectGuide;
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    Array, FrameInput, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query, QueryEmbedding, Result,
};
use crate::heatmap::{Grid, Heatmap, Kernel, Mixture, ObjectPrior, resample};
use crate::network::{Activation, Conv2d, Conv2dConfig, Linear, ResNet18, ResNet18Config, StateDict, global_max_pool};

/// Which of the two copies of the network answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branch {
    /// The trained one: what the authors' test scripts use.
    Online,
    /// Its moving average (`--use_mom_eval`).
    Momentum,
}

/// What the object map is divided by to lie in 0..1.
const OBJECT_FULL_SCALE: f32 = 2.5;

/// EZ-VSL's inputs; two pairs of projections, whose cosines / 0.03 are averaged at 7×7 places.
pub(super) struct Slavc {
    info: LocalizerInfo,
    vision: ResNet18,
    vision_projections: [Conv2d; 2],
    audio: ResNet18,
    audio_projections: [Linear; 2],
    object_guide: Option<ObjectGuide>,
}

impl Slavc {
    pub(super) fn new(system: &'static System, weights: &StateDict, branch: Branch) -> Result<Self> {
        let (prefix, remark) = match branch {
            Branch::Online => ("", None),
            Branch::Momentum => ("momentum_", Some("The momentum branch (--use_mom_eval of the authors' test)")),
        };
        let every = weights.view();
        let mixture = Mixture::FixedRange { alpha: 0.9, object_full_scale: OBJECT_FULL_SCALE };
        let guided = system.id == "slavc-ogl";
        let projection =
            |place: usize| Conv2d::new(&every, &format!("{prefix}img_proj{place}"), &Conv2dConfig::default());
        let linear = |place: usize| Linear::new(&every, &format!("{prefix}aud_proj{place}"), Activation::None);
        Ok(Self {
            info: info(system, remark, weights)?,
            vision: ResNet18::new(&weights.under(&format!("{prefix}imgnet.")), &ResNet18Config::default())?,
            vision_projections: [projection(1)?, projection(2)?],
            audio: ResNet18::new(&weights.under(&format!("{prefix}audnet.")), &ResNet18Config::default())?,
            audio_projections: [linear(1)?, linear(2)?],
            object_guide: guided.then(|| ObjectGuide::new(&every, mixture)).transpose()?,
        })
    }
}

/// The names of the parts of both projections.
const PARTS: [&str; 2] = ["first", "second"];

impl Localizer for Slavc {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let features = self.vision.forward(&image)?;
        let mut arrays = Vec::new();
        for (name, projection) in PARTS.into_iter().zip(&self.vision_projections) {
            arrays.push((name, normalized_map(&projection.forward(&features)?)?));
        }
        if let Some(guide) = &self.object_guide {
            arrays.push(guide.look(&image)?);
        }
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), arrays) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let input = spectrogram_tensor(spectrogram(sound, window), window)?;
        let pooled = global_max_pool(&self.audio.forward(&input)?)?;
        let mut arrays = Vec::new();
        for (name, projection) in PARTS.into_iter().zip(&self.audio_projections) {
            arrays.push((name, Array::vector(normalized(values_of(&projection.forward(&pooled)?)?))));
        }
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), arrays) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let of = |name| product_map(features.parts.get(name)?, embedding.parts.get(name)?.values());
        let (first, second) = (of(PARTS[0])?, of(PARTS[1])?);
        let mean = first.values().iter().zip(second.values()).map(|(a, b)| (a / TEMPERATURE + b / TEMPERATURE) / 2.0);
        let values = grid(first.rows(), first.columns(), mean.collect())?;
        let object_prior = self.object_guide.as_ref().map(|guide| guide.prior(features)).transpose()?;
        let confidence = Some(confidence(&values, object_prior.as_ref()));
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

/// SLAVC's own score that something visible sounds: the mean of the largest quarter of the 224×224 map at its fixed
/// range (mixed with the object map where there is one).
fn confidence(values: &Grid, prior: Option<&ObjectPrior>) -> f32 {
    const SIDE: usize = 224;
    let upsampled = |grid| resample(grid, Kernel::BicubicCorners, SIDE, SIDE).into_values();
    let full = 1.0 / TEMPERATURE;
    let mut scores: Vec<f32> = upsampled(values).into_iter().map(|value| (value + full) / (2.0 * full)).collect();
    if let Some(ObjectPrior { values, mixture: Mixture::FixedRange { alpha, object_full_scale } }) = prior {
        for (score, object) in scores.iter_mut().zip(upsampled(values)) {
            *score = alpha * *score + (1.0 - alpha) * object / object_full_scale;
        }
    }
    scores.sort_unstable_by(f32::total_cmp);
    let highest = &scores[scores.len() - scores.len() / 4..];
    highest.iter().map(|&score| f64::from(score)).sum::<f64>() as f32 / highest.len() as f32
}
