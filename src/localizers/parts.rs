use std::sync::Arc;

use super::{LocalizerError, Result};
use crate::geometry::Size;

/// Numbers with a shape, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Array {
    /// `None` unless `shape` holds exactly as many values.
    pub fn new(shape: &[usize], values: Vec<f32>) -> Option<Self> {
        let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent))?;
        (count == values.len()).then(|| Self { shape: shape.to_vec(), values })
    }

    /// A one-dimensional array.
    pub fn vector(values: Vec<f32>) -> Self {
        Self { shape: vec![values.len()], values }
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}

/// The named arrays that one side of a localizer hands to the join. Which ones is the localizer's own affair; a cache
/// only clones, counts and stores them. Cloning is cheap.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    localizer: &'static str,
    arrays: Arc<Vec<(&'static str, Array)>>,
}

impl Parts {
    /// Arrays made by the localizer with this id.
    pub fn new(localizer: &'static str, arrays: Vec<(&'static str, Array)>) -> Self {
        Self { localizer, arrays: Arc::new(arrays) }
    }

    /// The array called `name`.
    ///
    /// # Errors
    /// When there is none, as when another localizer made these parts.
    pub fn get(&self, name: &'static str) -> Result<&Array> {
        self.arrays
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, array)| array)
            .ok_or(LocalizerError::ForeignParts { made_by: self.localizer, missing: name })
    }

    /// What a cache has to account for.
    pub fn size_bytes(&self) -> usize {
        self.arrays.iter().map(|(_, array)| std::mem::size_of_val(array.values()) + 64).sum::<usize>() + 64
    }
}

/// What the image side made of one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFeatures {
    /// The size of the frame they are of.
    pub frame: Size,
    pub parts: Parts,
}

impl ImageFeatures {
    pub fn size_bytes(&self) -> usize {
        self.parts.size_bytes()
    }
}

/// What the query side made of one audio window or text.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryEmbedding {
    pub parts: Parts,
}

impl QueryEmbedding {
    pub fn size_bytes(&self) -> usize {
        self.parts.size_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_holds_what_its_shape_says() {
        assert!(Array::new(&[2, 3], vec![0.0; 6]).is_some());
        assert!(Array::new(&[2, 3], vec![0.0; 5]).is_none());
        assert!(Array::new(&[usize::MAX, 2], vec![]).is_none());
    }

    #[test]
    fn parts_are_shared_and_counted() {
        let parts = Parts::new("lvs", vec![("map", Array::vector(vec![1.0; 1000]))]);
        assert!(Arc::ptr_eq(&parts.arrays, &parts.clone().arrays));
        assert!(parts.size_bytes() >= 4000);
        assert!(matches!(parts.get("other"), Err(LocalizerError::ForeignParts { made_by: "lvs", missing: "other" })));
    }
}
