//! From maps to one vector a sample, and back.

use crate::network::gradients::{FeatureMap, map_from_rows, rows_from_map};
use crate::training::TrainError;

/// A map as rows, with its measures.
pub(super) struct Rows {
    pub values: Vec<f32>,
    pub images: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Rows {
    pub fn of(map: &FeatureMap) -> Self {
        let (images, height, width, channels) = (map.images, map.height, map.width, map.channels);
        Self { values: rows_from_map(map), images, height, width, channels }
    }

    pub fn places(&self) -> usize {
        self.height * self.width
    }

    /// A gradient by these rows as a gradient by the map.
    pub fn map_of(&self, gradient: &[f32]) -> Result<FeatureMap, TrainError> {
        map_from_rows(gradient, self.images, self.height, self.width, self.channels)
            .ok_or(TrainError::Internal("a gradient does not have its map's size"))
    }

    /// The largest value of each channel over the places, and where it first is.
    pub fn max(&self) -> (Vec<f32>, Vec<usize>) {
        let (places, channels) = (self.places(), self.channels);
        let mut largest = vec![f32::NEG_INFINITY; self.images * channels];
        let mut at = vec![0; largest.len()];
        for image in 0..self.images {
            for place in 0..places {
                let row = &self.values[(image * places + place) * channels..][..channels];
                for (channel, &value) in row.iter().enumerate() {
                    if value > largest[image * channels + channel] {
                        largest[image * channels + channel] = value;
                        at[image * channels + channel] = place;
                    }
                }
            }
        }
        (largest, at)
    }

    /// The way back through [`Self::max`].
    pub fn max_back(&self, at: &[usize], gradient: &[f32]) -> Vec<f32> {
        let (places, channels) = (self.places(), self.channels);
        let mut back = vec![0.0; self.values.len()];
        for (index, (&place, &gradient)) in at.iter().zip(gradient).enumerate() {
            let (image, channel) = (index / channels, index % channels);
            back[(image * places + place) * channels + channel] = gradient;
        }
        back
    }

    /// The mean of each channel over the places.
    pub fn mean(&self) -> Vec<f32> {
        let (places, channels) = (self.places(), self.channels);
        let mut means = vec![0f32; self.images * channels];
        for (image, means) in means.chunks_exact_mut(channels).enumerate() {
            for place in 0..places {
                let row = &self.values[(image * places + place) * channels..][..channels];
                means.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            means.iter_mut().for_each(|sum| *sum /= places as f32);
        }
        means
    }

    /// The way back through [`Self::mean`].
    pub fn mean_back(&self, gradient: &[f32]) -> Vec<f32> {
        let places = self.places();
        let mut back = Vec::with_capacity(self.values.len());
        for row in gradient.chunks_exact(self.channels.max(1)) {
            for _ in 0..places {
                back.extend(row.iter().map(|value| value / places as f32));
            }
        }
        back
    }
}
