//! SSPL's predictive coding module: features of a picture are brought into agreement with a sound by a few rounds of
//! predicting the sound from them (feedback) and passing the error back up (feedforward).

use candle_core::{Device, Tensor};

use super::Result;
use super::cosine::values_of;
use crate::heatmap::{Grid, Kernel, resample};
use crate::network::{Conv2d, Conv2dConfig, StateDict, StateView, max_pool2d};

/// Rounds after the first.
const CYCLES: usize = 4;
/// Representations below the features: 3×3, 7×7 and (the features' own) 14×14 places.
const LEVELS: usize = 3;

pub(super) struct PredictiveCoding {
    /// From a level to the one below; the lowest predicts the sound.
    predict: Vec<Conv2d>,
    /// From an error to the level above; the last makes the answer.
    correct: Vec<Conv2d>,
    keep: Vec<Tensor>,
    gain: Vec<Tensor>,
    first_predict_norms: Vec<Affine>,
    first_correct_norms: Vec<Affine>,
    predict_norms: Vec<Affine>,
    correct_norms: Vec<Affine>,
}

/// A batch norm by its running statistics.
struct Affine {
    scale: Tensor,
    shift: Tensor,
}

impl Affine {
    fn new(weights: &StateView) -> Result<Self> {
        let of = |key: &str| weights.weight(key);
        let scale = (of("weight")? / (of("running_var")? + 1e-5)?.sqrt()?)?;
        let shift = (of("bias")? - (of("running_mean")? * &scale)?)?;
        Ok(Self { scale: per_channel(&scale)?, shift: per_channel(&shift)? })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.broadcast_mul(&self.scale)?.broadcast_add(&self.shift)?)
    }
}

fn per_channel(values: &Tensor) -> Result<Tensor> {
    Ok(values.reshape((1, values.elem_count(), 1, 1))?)
}

impl PredictiveCoding {
    pub(super) fn new(weights: &StateDict) -> Result<Self> {
        let every = weights.view();
        let padded = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
        let affine = |name: &str, index: usize| Affine::new(&weights.under(&format!("{name}.{index}.")));
        let affines =
            |name: &str, count: usize| (0..count).map(|index| affine(name, index)).collect::<Result<Vec<_>>>();
        let rectified = |name: &str| {
            (0..LEVELS).map(|index| Ok(every.weight(&format!("{name}.{index}"))?.relu()?)).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            predict: vec![
                Conv2d::new(&every, "PredProcess.0", &Conv2dConfig::default())?,
                Conv2d::new(&every, "PredProcess.1.conv2d", &padded)?,
                Conv2d::new(&every, "PredProcess.2.conv2d", &padded)?,
            ],
            correct: vec![
                transposed(&every, "ErrorProcess.0", 0)?,
                transposed(&every, "ErrorProcess.1", 2)?,
                transposed(&every, "ErrorProcess.2.convtrans2d", 1)?,
                transposed(&every, "ErrorProcess.3", 0)?,
            ],
            keep: rectified("b0")?,
            gain: rectified("a0")?,
            first_predict_norms: affines("BNPred", LEVELS - 1)?,
            first_correct_norms: affines("BNError", LEVELS)?,
            predict_norms: affines("BNPred_step", CYCLES * (LEVELS - 1))?,
            correct_norms: affines("BNError_step", CYCLES * LEVELS)?,
        })
    }

    /// The features (1×512×14×14) as the sound (128 values) changes them.
    pub(super) fn apply(&self, features: &Tensor, sound: &[f32]) -> Result<Tensor> {
        let top = LEVELS - 1;
        let mut predicted = vec![features.clone()];
        for level in (1..=top).rev() {
            let below = self.first_predict_norms[level - 1].apply(&self.lower(level, &predicted[0])?)?;
            predicted.insert(0, below.gelu_erf()?);
        }
        let mut current = predicted.clone();
        self.feed_forward(&mut current, &predicted, sound, &self.first_correct_norms)?;
        for cycle in 0..CYCLES {
            current[top] = self.mixed(top, &current[top], &predicted[top])?.gelu_erf()?;
            for level in (1..=top).rev() {
                predicted[level - 1] = self.lower(level, &current[level])?;
                let mixed = self.mixed(level - 1, &current[level - 1], &predicted[level - 1])?;
                let norm = &self.predict_norms[(LEVELS - 1) * cycle + level - 1];
                current[level - 1] = norm.apply(&mixed)?.gelu_erf()?;
            }
            self.feed_forward(&mut current, &predicted, sound, &self.correct_norms[LEVELS * cycle..][..LEVELS])?;
        }
        Ok(self.correct[LEVELS].forward(&current[top])?)
    }

    /// The error of the predicted sound, then of each level, corrects the level above it.
    fn feed_forward(
        &self,
        current: &mut [Tensor],
        predicted: &[Tensor],
        sound: &[f32],
        norms: &[Affine],
    ) -> Result<()> {
        let heard = self.predict[0].forward(&current[0])?.gelu_erf()?.mean((2, 3))?;
        let error = (Tensor::from_slice(sound, (1, sound.len()), &Device::Cpu)? - heard)?;
        let mut error = error.reshape((1, sound.len(), 1, 1))?.broadcast_as((1, sound.len(), 3, 3))?.contiguous()?;
        for level in 0..LEVELS {
            let raised = match level {
                0 => error,
                1 => zeros_between(&error)?,
                _ => doubled(&error)?,
            };
            let correction = self.correct[level].forward(&raised)?.broadcast_mul(&self.gain[level])?;
            current[level] = norms[level].apply(&(&current[level] + correction)?)?.gelu_erf()?;
            error = (&current[level] - &predicted[level])?;
        }
        Ok(())
    }

    /// The prediction of the level below `level`.
    fn lower(&self, level: usize, x: &Tensor) -> Result<Tensor> {
        Ok(max_pool2d(&self.predict[level].forward(x)?, 2, 2, 0)?)
    }

    fn mixed(&self, level: usize, current: &Tensor, predicted: &Tensor) -> Result<Tensor> {
        let keep = &self.keep[level];
        Ok((current.broadcast_mul(&(1.0 - keep)?)? + predicted.broadcast_mul(keep)?)?)
    }
}

/// A transposed convolution as the plain convolution that it is: channels exchanged, kernel turned round.
fn transposed(weights: &StateView, key: &str, padding: usize) -> Result<Conv2d> {
    let weight = weights.weight_of_rank(&format!("{key}.weight"), 4)?;
    let (inputs, outputs, height, width) = weight.dims4()?;
    let values = values_of(&weight)?;
    let area = height * width;
    let mut turned: Vec<f32> = Vec::with_capacity(values.len());
    for output in 0..outputs {
        for input in 0..inputs {
            turned.extend(values[(input * outputs + output) * area..][..area].iter().rev());
        }
    }
    let mut plain = StateDict::new();
    plain.insert("conv.weight", Tensor::from_vec(turned, (outputs, inputs, height, width), &Device::Cpu)?);
    if let Some(bias) = weights.get(&format!("{key}.bias")) {
        plain.insert("conv.bias", bias.clone());
    }
    Ok(Conv2d::new(&plain.view(), "conv", &Conv2dConfig { padding, ..Conv2dConfig::default() })?)
}

/// A zero between all neighbours: what a transposed convolution of stride 2 sees.
fn zeros_between(x: &Tensor) -> Result<Tensor> {
    let (_, channels, rows, columns) = x.dims4()?;
    let (tall, wide) = (2 * rows - 1, 2 * columns - 1);
    let mut values = vec![0.0f32; channels * tall * wide];
    for (index, value) in values_of(x)?.into_iter().enumerate() {
        let (channel, place) = (index / (rows * columns), index % (rows * columns));
        values[channel * tall * wide + 2 * (place / columns) * wide + 2 * (place % columns)] = value;
    }
    Ok(Tensor::from_vec(values, (1, channels, tall, wide), &Device::Cpu)?)
}

/// Twice as many rows and columns, bilinear with aligned corners.
fn doubled(x: &Tensor) -> Result<Tensor> {
    let (_, channels, rows, columns) = x.dims4()?;
    let mut values = Vec::with_capacity(4 * x.elem_count());
    for plane in values_of(x)?.chunks_exact(rows * columns) {
        let grid: Grid = super::cosine::grid(rows, columns, plane.to_vec())?;
        values.extend(resample(&grid, Kernel::BilinearCorners, 2 * rows, 2 * columns).into_values());
    }
    Ok(Tensor::from_vec(values, (1, channels, 2 * rows, 2 * columns), &Device::Cpu)?)
}
