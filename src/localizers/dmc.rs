//! DMC: Deep Multimodal Clustering (Hu et al., CVPR 2019), in its authors' simplified PyTorch version.

use super::cosine::{grid, shaped, values_of};
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    Array, BenchmarkWindow, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query,
    QueryEmbedding, Resizing, Result, ViewRule, WindowPlan,
};
use crate::heatmap::Heatmap;
use crate::network::{Activation, BatchNorm, Linear, ResNet18, ResNet18Config, StateDict};
use crate::signal::{Resampler, cut_repeating, mean_channel, mel_decibels_10ms};

/// Clusters of the places of a picture.
const CLUSTERS: usize = 2;
const ITERATIONS: usize = 4;
/// How sharply places are assigned to the nearest center.
const SHARPNESS: f32 = 30.0;

/// The whole frame squashed; one second as mel decibels (201×64); 14×14 places fall into two clusters, of which the one
/// nearer to the sound is shown.
pub(super) struct Dmc {
    info: LocalizerInfo,
    vision: ResNet18,
    vision_projection: Linear,
    audio: ResNet18,
    audio_projection: Linear,
}

impl Dmc {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let info = one_second_info(
            system,
            "The authors' script leaves open which cluster sounds; shown is the one nearer to the sound, as in training",
        );
        let every = weights.view();
        Ok(Self {
            info,
            vision: ResNet18::new(&weights.under("visual_net."), &stem("conv1"))?,
            vision_projection: Linear::new(&every, "fc_v_1", Activation::None)?,
            audio: ResNet18::new(&weights.under("audio_net."), &stem("conv1_a"))?,
            audio_projection: Linear::new(&every, "fc_a_1", Activation::None)?,
        })
    }
}

/// What DMC and DSOL have in common.
pub(super) fn one_second_info(system: &'static System, remark: &'static str) -> LocalizerInfo {
    LocalizerInfo {
        system,
        hearing: Some(Hearing { rate: 16_000, resampler: Resampler::SoxrHq }),
        window: WindowPlan { length_secs: 1.0, benchmark: BenchmarkWindow::First },
        view: ViewRule::Stretch { side: 224, resizing: Resizing::PilBilinear },
        reads_text: false,
        takes_sound_vector: false,
        needs_next_frame: false,
        query_matters: true,
        remark: Some(remark),
    }
}

pub(super) fn stem(key: &str) -> ResNet18Config {
    ResNet18Config { stem: key.to_owned(), last_stride: 1, batch_norm: BatchNorm::Folded }
}

/// Soft k-means: centers start at evenly spaced points; points are assigned by a softmax over the centers of minus
/// their distance times [`SHARPNESS`]. Returns the centers and, per center, the assignment of every point.
fn clustered(points: &[Vec<f32>], clusters: usize) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let spacing = points.len() / clusters.max(1);
    let mut centers: Vec<Vec<f32>> = (0..clusters).map(|index| points[index * spacing].clone()).collect();
    let mut assignment = vec![vec![0.0; points.len()]; clusters];
    for _ in 0..ITERATIONS {
        for (place, point) in points.iter().enumerate() {
            let logits: Vec<f32> = centers.iter().map(|center| -SHARPNESS * distance(center, point)).collect();
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
            for (row, logit) in assignment.iter_mut().zip(&logits) {
                row[place] = (logit - highest).exp() / sum;
            }
        }
        for (center, row) in centers.iter_mut().zip(&assignment) {
            let weight: f32 = row.iter().sum();
            for (channel, value) in center.iter_mut().enumerate() {
                let sum: f32 = points.iter().zip(row).map(|(point, share)| point[channel] * share).sum();
                *value = sum / weight;
            }
        }
    }
    (centers, assignment)
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().max(1e-10).sqrt()
}

impl Localizer for Dmc {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let features = self.vision.forward(&image)?;
        let (_, _, rows, columns) = features.dims4()?;
        let points = features.flatten_from(2)?.squeeze(0)?.t()?.contiguous()?;
        let (centers, assignment) = clustered(&self.vision_projection.forward(&points)?.to_vec2()?, CLUSTERS);
        let width = centers.first().map_or(0, Vec::len);
        let arrays = vec![
            ("centers", shaped(&[CLUSTERS, width], centers.concat())?),
            ("assignment", shaped(&[CLUSTERS, rows, columns], assignment.concat())?),
        ];
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), arrays) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let spectrogram = mel_decibels_10ms(&mean_channel(&cut_repeating(sound, window)), sound.rate);
        let features = self.audio.forward(&spectrogram_tensor(spectrogram, window)?)?;
        // A single cluster's center is the mean of all places.
        let points = features.flatten_from(2)?.squeeze(0)?.t()?.contiguous()?;
        let center = values_of(&self.audio_projection.forward(&points)?.mean(0)?)?;
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("center", Array::vector(center))]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let (centers, assignment) = (features.parts.get("centers")?, features.parts.get("assignment")?);
        let heard = embedding.parts.get("center")?.values();
        let distances = centers.values().chunks_exact(heard.len().max(1)).map(|center| distance(center, heard));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(index, _)| index);
        let rows = assignment.shape().get(1).copied().unwrap_or_default();
        let columns = assignment.shape().get(2).copied().unwrap_or_default();
        let values = assignment.values().iter().skip(nearest * rows * columns).take(rows * columns).copied().collect();
        let heatmap = Heatmap::over_whole_frame(grid(rows, columns, values)?, features.frame);
        Ok(Heatmap { nominal_range: Some([0.0, 1.0]), ..heatmap })
    }
}
