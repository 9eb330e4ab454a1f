use std::f64::consts::PI;
use std::sync::OnceLock;

use super::Waveform;

/// Which published resampler brings a sound to a model's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resampler {
    /// resampy's `kaiser_best` (0.4): what librosa before 0.10 used.
    KaiserBest,
    /// resampy's `kaiser_fast` (0.4).
    KaiserFast,
    /// soxr's `HQ`: what librosa uses since 0.10. One kernel stands for soxr's chain of filters: equal to 2e-7
    /// at half the rate, and to 5e-5 root mean square for 44.1 to 16 kHz (but for the first two samples).
    SoxrHq,
}

/// A Kaiser-windowed sinc, sampled `precision` times a zero crossing and interpolated linearly in between.
struct Kernel {
    zero_crossings: f64,
    precision: usize,
    rolloff: f64,
    beta: f64,
}

/// The parameters of the tables that resampy 0.4 ships: its rolloff as stored, its β fitted to the stored values (the
/// table below differs from the stored one by 1e-11 and 1e-10).
const KAISER_BEST: Kernel =
    Kernel { zero_crossings: 50.0, precision: 8192, rolloff: 0.917_347_371_260_876_1, beta: 12.984_585_228_496_56 };
const KAISER_FAST: Kernel =
    Kernel { zero_crossings: 24.0, precision: 512, rolloff: 0.868_212_038_837_778_4, beta: 9.903_224_345_818_181 };
/// Fitted to soxr 1.1's answers to single impulses (22.05 kHz from 44.1 kHz; residual 8e-8).
const SOXR_HQ: Kernel = Kernel { zero_crossings: 97.25, precision: 4096, rolloff: 0.956_871_83, beta: 13.039_97 };

impl Kernel {
    /// The right half of the kernel, `zero_crossings · precision + 1` values.
    fn right_half(&self) -> Vec<f64> {
        let count = (self.zero_crossings * self.precision as f64) as usize;
        (0..=count)
            .map(|index| {
                let place = index as f64 / self.precision as f64;
                let edge = index as f64 / count as f64;
                let window = bessel_i0(self.beta * (1.0 - edge * edge).sqrt()) / bessel_i0(self.beta);
                self.rolloff * sinc(self.rolloff * place) * window
            })
            .collect()
    }
}

/// The sound at `rate`, every channel for itself, `ceil(frames · rate / own rate)` frames long as librosa makes it
/// (what resampy's own `int(…)` leaves out at the end is silence). A sound without a rate comes back as it is.
pub fn resample(sound: &Waveform, rate: u32, resampler: Resampler) -> Waveform {
    if sound.rate == 0 || rate == 0 || sound.rate == rate {
        return sound.clone();
    }
    static BEST: OnceLock<Vec<f64>> = OnceLock::new();
    static FAST: OnceLock<Vec<f64>> = OnceLock::new();
    static SOXR: OnceLock<Vec<f64>> = OnceLock::new();
    let (kernel, table) = match resampler {
        Resampler::KaiserBest => (KAISER_BEST, BEST.get_or_init(|| KAISER_BEST.right_half())),
        Resampler::KaiserFast => (KAISER_FAST, FAST.get_or_init(|| KAISER_FAST.right_half())),
        Resampler::SoxrHq => (SOXR_HQ, SOXR.get_or_init(|| SOXR_HQ.right_half())),
    };
    let channels = usize::from(sound.channels).max(1);
    let (own_rate, new_rate) = (u64::from(sound.rate), u64::from(rate));
    let scaled = sound.frames() as u64 * new_rate;
    let (computed, frames) = ((scaled / own_rate) as usize, scaled.div_ceil(own_rate) as usize);
    let mut samples = vec![0.0f32; frames * channels];
    for channel in 0..channels {
        let own: Vec<f32> = sound.samples.iter().skip(channel).step_by(channels).copied().collect();
        for (frame, target) in samples.iter_mut().skip(channel).step_by(channels).take(computed).enumerate() {
            let time = frame as f64 * f64::from(sound.rate) / f64::from(rate);
            *target = interpolate(&own, time, new_rate as f64 / own_rate as f64, table, kernel.precision);
        }
    }
    Waveform { rate, channels: sound.channels, samples }
}

/// Band-limited interpolation of `samples` at `time` (in samples), as J. O. Smith describes it and resampy computes it:
/// the kernel is stretched by the inverse of `ratio` where the rate falls.
fn interpolate(samples: &[f32], time: f64, ratio: f64, table: &[f64], precision: usize) -> f32 {
    let scale = ratio.min(1.0);
    let step = (scale * precision as f64) as usize;
    let nearest = (time as usize).min(samples.len().saturating_sub(1));
    let fraction = scale * (time - nearest as f64);
    let (before, after) = samples.split_at(nearest + 1);
    let wing = |fraction: f64, samples: &mut dyn Iterator<Item = &f32>| {
        let place = fraction * precision as f64;
        let first = place as usize;
        let between = place - first as f64;
        let mut sum = 0.0;
        for (index, sample) in (first..table.len()).step_by(step.max(1)).zip(samples) {
            let weight = table[index];
            let next = table.get(index + 1).copied().unwrap_or(weight);
            sum += (weight + between * (next - weight)) * f64::from(*sample);
        }
        sum
    };
    let sum = wing(fraction, &mut before.iter().rev()) + wing(scale - fraction, &mut after.iter());
    (scale * sum) as f32
}

/// sin(πx) / πx.
pub(crate) fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The modified Bessel function of the first kind and order 0, by its power series.
pub(crate) fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut order) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (order * order);
        sum += term;
        order += 1.0;
    }
    sum
}
