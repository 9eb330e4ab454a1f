//! What can go wrong when a network is built or run.

use super::WeightError;

#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// An input that the layer cannot take.
    #[error("{layer} takes {expected}, but got a tensor of shape {found:?}")]
    Input { layer: String, expected: String, found: Vec<usize> },
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl NetworkError {
    pub(super) fn input(layer: &str, expected: impl Into<String>, found: &[usize]) -> Self {
        Self::Input { layer: layer.to_string(), expected: expected.into(), found: found.to_vec() }
    }
}
