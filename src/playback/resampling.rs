//! Samples between samples: a windowed sinc read at any place, so that no position carries state.

use crate::signal::{bessel_i0, sinc};

/// Taps to either side at the narrower of the two rates. With the window below, what folds back lies some 90 dB down.
const HALF_TAPS: f64 = 24.0;
const KAISER_BETA: f64 = 9.0;
/// The pass band in fractions of half the narrower rate; the rest is the slope of the filter.
const PASS_BAND: f64 = 0.94;
/// The kernel grows with the ratio of the rates up to here; beyond, what a file claims is not worth the memory.
const WIDEST_NARROWING: f64 = 1.0 / 16.0;
/// Tabulated places between two samples. Linear interpolation between them errs by less than 1e-5.
const PHASES: usize = 512;

/// The low-pass kernel from one rate to another.
#[derive(Debug)]
pub(crate) struct SincKernel {
    half_taps: usize,
    /// `PHASES + 1` rows of `2 * half_taps` weights.
    weights: Vec<f32>,
}

impl SincKernel {
    /// The kernel that reads a sound of `source_rate` at instants of `target_rate`.
    pub(crate) fn new(source_rate: u32, target_rate: u32) -> Self {
        let narrowing = (f64::from(target_rate) / f64::from(source_rate)).clamp(WIDEST_NARROWING, 1.0);
        let half_width = HALF_TAPS / narrowing;
        let half_taps = half_width.ceil() as usize;
        let cutoff = PASS_BAND * narrowing;
        let mut weights = Vec::with_capacity((PHASES + 1) * 2 * half_taps);
        for phase in 0..=PHASES {
            let fraction = phase as f64 / PHASES as f64;
            let row = weights.len();
            for tap in 0..2 * half_taps {
                let distance = tap as f64 - (half_taps - 1) as f64 - fraction;
                weights.push(sinc(distance * cutoff) * kaiser(distance / half_width));
            }
            let sum: f64 = weights[row..].iter().sum();
            weights[row..].iter_mut().for_each(|weight| *weight /= sum);
        }
        Self { half_taps, weights: weights.into_iter().map(|weight| weight as f32).collect() }
    }

    /// How many samples before the whole place, and after it, a reading takes in.
    pub(crate) fn reach(&self) -> (usize, usize) {
        (self.half_taps - 1, self.half_taps)
    }

    /// The stereo sample at `fraction` (0..1) after the whole place; `frames` holds what `reach` says around it.
    pub(crate) fn read(&self, frames: &[[f32; 2]], fraction: f64) -> [f32; 2] {
        let taps = 2 * self.half_taps;
        let phase = fraction * PHASES as f64;
        let row = (phase as usize).min(PHASES - 1);
        let between = (phase - row as f64) as f32;
        let (low, high) = (&self.weights[row * taps..][..taps], &self.weights[(row + 1) * taps..][..taps]);
        let mut sum = [0.0f32; 2];
        for ((frame, low), high) in frames.iter().zip(low).zip(high) {
            let weight = low + (high - low) * between;
            sum[0] += frame[0] * weight;
            sum[1] += frame[1] * weight;
        }
        sum
    }
}

/// Kaiser's window over −1..1.
fn kaiser(x: f64) -> f64 {
    if x.abs() > 1.0 { 0.0 } else { bessel_i0(KAISER_BETA * (1.0 - x * x).sqrt()) / bessel_i0(KAISER_BETA) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    /// A tone of `frequency` at `source_rate`, read at `target_rate`: the greatest distance from the same tone
    /// written at `target_rate`.
    fn worst_error(source_rate: u32, target_rate: u32, frequency: f64, expected_gain: f64) -> f64 {
        let kernel = SincKernel::new(source_rate, target_rate);
        let (before, after) = kernel.reach();
        let tone = |time: f64| (2.0 * PI * frequency * time).sin();
        let source: Vec<[f32; 2]> =
            (0..source_rate / 5).map(|n| [tone(f64::from(n) / f64::from(source_rate)) as f32; 2]).collect();
        let mut worst = 0.0f64;
        for n in target_rate / 50..target_rate / 10 {
            let place = f64::from(n) * f64::from(source_rate) / f64::from(target_rate);
            let whole = place.floor() as usize;
            let read = kernel.read(&source[whole - before..whole + after + 1], place.fract());
            let expected = expected_gain * tone(f64::from(n) / f64::from(target_rate));
            worst = worst.max((f64::from(read[0]) - expected).abs());
        }
        worst
    }

    #[test]
    fn tones_keep_their_shape() {
        for (source, target) in [(44_100, 48_000), (48_000, 44_100), (16_000, 48_000), (96_000, 48_000)] {
            for frequency in [100.0, 1_000.0, 6_000.0] {
                let worst = worst_error(source, target, frequency, 1.0);
                assert!(worst < 1e-4, "{source} to {target} at {frequency}: {worst}");
            }
        }
    }

    #[test]
    fn what_the_target_rate_cannot_hold_is_gone() {
        let worst = worst_error(96_000, 48_000, 30_000.0, 0.0);
        assert!(worst < 1e-4, "{worst}");
    }
}
