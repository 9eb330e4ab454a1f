use candle_core::{DType, Device, Tensor};

use super::{BenchmarkWindow, LocalizerError, LocalizerInfo, Resizing, Result, ViewRule};
use crate::network::StateDict;

/// What a network was trained with where that is not what its system publishes: weights that `sonolens train` made
/// carry it among their tensors, so that they open right wherever they lie. Published weights have none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrainedWith {
    /// Side of the square that it sees, in pixels.
    pub picture_side: Option<u32>,
    /// How long it hears; of a whole clip the middle.
    pub window_secs: Option<f64>,
    /// Whether it sees the whole frame squashed to its square where its system publishes the middle square.
    pub whole_frame: bool,
}

impl TrainedWith {
    /// The keys of its tensors: three of one value each, and the tokens.
    pub const KEYS: [&'static str; 4] =
        ["sonolens.picture_side", "sonolens.window_secs", "sonolens.whole_frame", Self::TOKENS_KEY];

    /// The published ids of the tokens that a text tower has a row for, rising, where it has not all of them.
    pub const TOKENS_KEY: &'static str = "sonolens.token_ids";

    /// What the weights say.
    ///
    /// # Errors
    /// Values that nothing can be trained with.
    pub fn of(weights: &StateDict) -> Result<Self> {
        let read = |key: &str, range: std::ops::RangeInclusive<f64>| -> Result<Option<f64>> {
            let Some(tensor) = weights.get(key) else { return Ok(None) };
            let values = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
            match values.as_slice() {
                &[value] if range.contains(&value) => Ok(Some(value)),
                _ => {
                    let (low, high) = range.into_inner();
                    let message = format!("{key} is {values:?}; one number from {low} to {high} is expected");
                    Err(LocalizerError::WrongWeights { message })
                }
            }
        };
        Ok(Self {
            picture_side: read(Self::KEYS[0], 32.0..=1024.0)?.map(|side| side as u32),
            window_secs: read(Self::KEYS[1], 0.1..=60.0)?,
            whole_frame: read(Self::KEYS[2], 0.0..=1.0)? == Some(1.0),
        })
    }

    /// Puts it beside the weights.
    pub fn store(&self, weights: &mut StateDict) -> Result<()> {
        let values = [self.picture_side.map(f64::from), self.window_secs, self.whole_frame.then_some(1.0)];
        for (key, value) in Self::KEYS.into_iter().zip(values) {
            if let Some(value) = value {
                weights.insert(key, Tensor::new(&[value as f32], &Device::Cpu)?);
            }
        }
        Ok(())
    }

    /// Changes what a system sees and hears.
    pub(super) fn adapt(&self, info: &mut LocalizerInfo) {
        if let Some(side) = self.picture_side {
            info.view = match info.view {
                ViewRule::Whole => ViewRule::Whole,
                ViewRule::Crop { .. } if self.whole_frame => ViewRule::Stretch { side, resizing: Resizing::PilBicubic },
                ViewRule::Crop { .. } => ViewRule::Crop { side },
                // By way of 256×256 only the published size is reached.
                ViewRule::Stretch { resizing: Resizing::CvThenPilBilinear, .. } if side != 224 => {
                    ViewRule::Stretch { side, resizing: Resizing::PilBilinear }
                }
                ViewRule::Stretch { resizing, .. } => ViewRule::Stretch { side, resizing },
            };
        }
        if let Some(secs) = self.window_secs {
            info.window.length_secs = secs;
            // Where an authors' loader begins is meant for its own length.
            info.window.benchmark = BenchmarkWindow::Centered;
        }
    }
}
