//! Cosine similarity between the places of a feature map and a vector, as all these systems take it.

use candle_core::Tensor;

use super::{Array, LocalizerError, Result};
use crate::heatmap::Grid;

/// `F.normalize`'s floor under a norm.
const SMALLEST_NORM: f32 = 1e-12;

/// The values of a tensor, row-major.
pub(super) fn values_of(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

/// Where many of these systems put a scaled product before they show it.
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The vector at length 1.
pub(super) fn normalized(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = norm(vector.iter().copied());
    vector.iter_mut().for_each(|value| *value /= norm);
    vector
}

/// A 1×C×H×W feature map with the vector of every place at length 1, as a C×H×W array.
pub(super) fn normalized_map(features: &Tensor) -> Result<Array> {
    let array = map_array(features)?;
    let shape = array.shape().to_vec();
    let places = places(&shape);
    let mut values = array.into_values();
    for place in 0..places {
        let norm = norm(values.iter().skip(place).step_by(places).copied());
        values.iter_mut().skip(place).step_by(places).for_each(|value| *value /= norm);
    }
    shaped(&shape, values)
}

/// A 1×C×H×W tensor as a C×H×W array.
pub(super) fn map_array(features: &Tensor) -> Result<Array> {
    let (_, channels, rows, columns) = features.dims4()?;
    shaped(&[channels, rows, columns], values_of(features)?)
}

/// The product of `vector` with the features of every place.
pub(super) fn product_map(features: &Array, vector: &[f32]) -> Result<Grid> {
    let (&[channels, rows, columns], values) = (features.shape(), features.values()) else {
        return Err(unfit(features, vector));
    };
    if channels != vector.len() || values.is_empty() {
        return Err(unfit(features, vector));
    }
    let mut sums = vec![0.0f32; rows * columns];
    for (&weight, plane) in vector.iter().zip(values.chunks_exact(rows * columns)) {
        for (sum, value) in sums.iter_mut().zip(plane) {
            *sum += weight * value;
        }
    }
    grid(rows, columns, sums)
}

/// A grid of so many values; an error where the counts do not fit.
pub(super) fn grid(rows: usize, columns: usize, values: Vec<f32>) -> Result<Grid> {
    let count = values.len();
    Grid::new(rows, columns, values).ok_or_else(|| LocalizerError::Network {
        message: format!("{count} values do not make {rows}×{columns} places"),
    })
}

/// An array of this shape; an error where the counts do not fit.
pub(super) fn shaped(shape: &[usize], values: Vec<f32>) -> Result<Array> {
    let count = values.len();
    Array::new(shape, values)
        .ok_or_else(|| LocalizerError::Network { message: format!("{count} values do not have the shape {shape:?}") })
}

fn places(shape: &[usize]) -> usize {
    shape.iter().skip(1).product()
}

fn norm(values: impl Iterator<Item = f32>) -> f32 {
    (values.map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt() as f32).max(SMALLEST_NORM)
}

fn unfit(features: &Array, vector: &[f32]) -> LocalizerError {
    LocalizerError::Network {
        message: format!("a vector of {} does not fit features of shape {:?}", vector.len(), features.shape()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_place_along_the_vector_has_cosine_one() {
        let features = Tensor::new(&[[[[3.0f32, 0.0]], [[4.0, 0.0]]]], &Device::Cpu).unwrap();
        let map = product_map(&normalized_map(&features).unwrap(), &normalized(vec![6.0, 8.0])).unwrap();
        assert!((map.values()[0] - 1.0).abs() < 1e-6);
        assert_eq!(map.values()[1], 0.0);
    }

    #[test]
    fn a_vector_of_another_length_is_refused() {
        let features = Array::new(&[2, 1, 1], vec![1.0, 1.0]).unwrap();
        assert!(product_map(&features, &[1.0; 3]).is_err());
    }
}
