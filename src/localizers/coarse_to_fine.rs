//! CoarseToFine: Multiple Sound Sources Localization from Coarse to Fine (Qian et al., ECCV 2020), in its authors'
//! later, simplified version.

use candle_core::Tensor;

use super::cosine::{grid, normalized, normalized_map, product_map, shaped, sigmoid, values_of};
use super::dmc::stem;
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    Array, BenchmarkWindow, ClassMaps, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo, Normalization,
    Parts, Query, QueryEmbedding, Resizing, Result, ViewRule, WindowPlan,
};
use crate::heatmap::{Grid, Heatmap};
use crate::network::{Activation, Conv2d, Conv2dConfig, Linear, ResNet18, StateDict, StateView};
use crate::signal::{Resampler, cut_inside, log_mel_40ms, mean_channel, peak_normalized};

/// The whole frame squashed to 256×256; the clip as ln mel (251×64 for five seconds). Each class of sound is compared
/// with every one of 16×16 places; the maps are mixed by how much each class is heard.
pub(super) struct CoarseToFine {
    info: LocalizerInfo,
    vision: ResNet18,
    vision_projection: [Linear; 2],
    audio: ResNet18,
    audio_projection: [Linear; 2],
    classes: Conv2d,
}

impl CoarseToFine {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let info = LocalizerInfo {
            system,
            hearing: Some(Hearing { rate: 22_050, resampler: Resampler::SoxrHq }),
            window: WindowPlan { length_secs: 5.0, benchmark: BenchmarkWindow::Whole },
            view: ViewRule::Stretch { side: 256, resizing: Resizing::CvBilinear },
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: false,
            query_matters: true,
            remark: Some(
                "The authors take the sigmoid of a class twice, so no class falls below a half and their threshold of \
                 0.3 leaves none out",
            ),
        };
        let every = weights.view();
        Ok(Self {
            info,
            vision: ResNet18::new(&weights.under("vision."), &stem("conv1"))?,
            vision_projection: projection(&every, "project_v")?,
            audio: ResNet18::new(&weights.under("audio."), &stem("conv1_a"))?,
            audio_projection: projection(&every, "project_a")?,
            classes: Conv2d::new(&every, "class_a", &Conv2dConfig::default())?,
        })
    }
}

/// Two convolutions over a single position, which are linear layers.
fn projection(weights: &StateView, key: &str) -> Result<[Linear; 2]> {
    let layer = |index: usize, activation: Activation| -> Result<Linear> {
        let name = format!("{key}.{index}");
        let weight_key = format!("{name}.weight");
        let weight = weights.weight_of_rank(&weight_key, 3)?;
        let mut plain = StateDict::new();
        plain.insert(weight_key, weight.squeeze(2)?);
        Ok(Linear::new(&plain.view(), &name, activation)?)
    };
    Ok([layer(0, Activation::Relu)?, layer(2, Activation::None)?])
}

fn projected([first, second]: &[Linear; 2], rows: &Tensor) -> Result<Tensor> {
    Ok(second.forward(&first.forward(rows)?)?)
}

impl Localizer for CoarseToFine {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let features = self.vision.forward(&image)?;
        let (_, _, rows, columns) = features.dims4()?;
        let places = features.flatten_from(2)?.squeeze(0)?.t()?.contiguous()?;
        let fine = projected(&self.vision_projection, &places)?;
        let fine = normalized_map(&fine.t()?.reshape((1, (), rows, columns))?)?;
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), vec![("fine", fine)]) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let samples = peak_normalized(&mean_channel(&cut_inside(sound, window)));
        let spectrogram = spectrogram_tensor(log_mel_40ms(&samples, sound.rate), window)?;
        let features = self.audio.forward(&spectrogram)?;
        let activation = self.classes.forward(&features)?.flatten_from(2)?.squeeze(0)?;
        let places = features.flatten_from(2)?.squeeze(0)?;
        // Each class hears the places at which it is active, by how much.
        let active = activation.relu()?;
        let weight = ((active.sum_keepdim(1)? + 1e-10)? * places.dim(1)? as f64)?;
        let heard = active.matmul(&places.t()?.contiguous()?)?.broadcast_div(&weight)?;
        let fine: Vec<Vec<f32>> = projected(&self.audio_projection, &heard)?.to_vec2()?;
        let fine: Vec<f32> = fine.into_iter().flat_map(normalized).collect();
        let logits = values_of(&activation.mean(1)?)?;
        let count = logits.len();
        let arrays = vec![
            ("classes", shaped(&[count, fine.len() / count.max(1)], fine)?),
            ("probabilities", Array::vector(logits.into_iter().map(|logit| sigmoid(sigmoid(logit))).collect())),
        ];
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), arrays) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let probabilities = embedding.parts.get("probabilities")?.values();
        let total: f32 = probabilities.iter().sum();
        let maps = class_similarities(features, embedding)?;
        let (rows, columns) = maps.first().map_or((0, 0), |map| (map.rows(), map.columns()));
        let mut sums = vec![0.0; rows * columns];
        for (similarity, probability) in maps.iter().zip(probabilities) {
            for (sum, value) in sums.iter_mut().zip(similarity.values()) {
                *sum += probability / total * value;
            }
        }
        Ok(heatmap(grid(rows, columns, sums)?, features))
    }

    fn class_maps(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Option<ClassMaps>> {
        let maps = class_similarities(features, embedding)?;
        let maps = maps.into_iter().map(|similarity| heatmap(similarity, features)).collect();
        Ok(Some(ClassMaps { maps, heard: embedding.parts.get("probabilities")?.values().to_vec() }))
    }
}

/// How near each place is to what each class sounds like, 0 where it is turned away.
fn class_similarities(features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Vec<Grid>> {
    let places = features.parts.get("fine")?;
    let classes = embedding.parts.get("classes")?;
    let width = classes.shape().last().copied().unwrap_or_default().max(1);
    let similarity = |class| Ok(product_map(places, class)?.map(|value| value.max(0.0)));
    classes.values().chunks_exact(width).map(similarity).collect()
}

fn heatmap(values: Grid, features: &ImageFeatures) -> Heatmap {
    let confidence = Some(values.range().1);
    Heatmap { nominal_range: Some([0.0, 1.0]), confidence, ..Heatmap::over_whole_frame(values, features.frame) }
}
