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
    let ratio = new_rate as f64 / own_rate as f64;
    let phases =
        Phases::of(own_rate, new_rate, table, kernel.precision).filter(|phases| phases.weights.len() < computed);
    let mut samples = vec![0.0f32; frames * channels];
    for channel in 0..channels {
        let own: Vec<f64> =
            sound.samples.iter().skip(channel).step_by(channels).map(|value| f64::from(*value)).collect();
        let targets = samples.iter_mut().skip(channel).step_by(channels).take(computed).enumerate();
        match &phases {
            Some(phases) => targets.for_each(|(frame, target)| *target = phases.value(&own, frame)),
            None => targets.for_each(|(frame, target)| {
                let time = frame as f64 * f64::from(sound.rate) / f64::from(rate);
                *target = interpolate(&own, time, ratio, table, kernel.precision);
            }),
        }
    }
    Waveform { rate, channels: sound.channels, samples }
}

/// Between two rates whose ratio is a fraction of small numbers the same few stretches of the kernel come again and
/// again; here each of them is laid out once, in the order of the samples that it weighs.
struct Phases {
    /// Samples of the own rate, and frames of the new one, after which the weights repeat.
    own_period: usize,
    new_period: usize,
    weights: Vec<PhaseWeights>,
}

/// The weights of one frame in a period.
struct PhaseWeights {
    /// How many samples lie up to the frame's time, counted from the period's first sample and including it.
    until: usize,
    /// Weights of the samples up to the frame's time and after it.
    before: Vec<f64>,
    after: Vec<f64>,
}

/// Beyond so many weights (about 64 MB) they are not laid out but interpolated sample by sample.
const MOST_WEIGHTS: usize = 8 << 20;

impl Phases {
    fn of(own_rate: u64, new_rate: u64, table: &[f64], precision: usize) -> Option<Self> {
        let divisor = greatest_common_divisor(own_rate, new_rate);
        let (own_period, new_period) = ((own_rate / divisor) as usize, (new_rate / divisor) as usize);
        let scale = (new_rate as f64 / own_rate as f64).min(1.0);
        let step = ((scale * precision as f64) as usize).max(1);
        if new_period.saturating_mul(2 * table.len() / step) > MOST_WEIGHTS {
            return None;
        }
        let weights = (0..new_period).map(|frame| {
            let time = (frame * own_period) as f64 / new_period as f64;
            let nearest = frame * own_period / new_period;
            let fraction = scale * (time - nearest as f64);
            let mut before: Vec<f64> = wing_weights(fraction, step, table, precision).map(|w| scale * w).collect();
            before.reverse();
            let after = wing_weights(scale - fraction, step, table, precision).map(|w| scale * w).collect();
            PhaseWeights { until: nearest + 1, before, after }
        });
        Some(Self { own_period, new_period, weights: weights.collect() })
    }

    /// The new sound's sample at `frame`.
    fn value(&self, samples: &[f64], frame: usize) -> f32 {
        let phase = &self.weights[frame % self.new_period];
        let until = (frame / self.new_period * self.own_period + phase.until).min(samples.len());
        let (before, after) = samples.split_at(until);
        let count = before.len().min(phase.before.len());
        let sum = dot(&before[before.len() - count..], &phase.before[phase.before.len() - count..]);
        let count = after.len().min(phase.after.len());
        (sum + dot(&after[..count], &phase.after[..count])) as f32
    }
}

/// Sum of products of two slices of one length, in eight partial sums.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_blocks, a_rest) = a.as_chunks::<8>();
    let (b_blocks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// Band-limited interpolation of `samples` at `time` (in samples), as J. O. Smith describes it and resampy computes it:
/// the kernel is stretched by the inverse of `ratio` where the rate falls.
fn interpolate(samples: &[f64], time: f64, ratio: f64, table: &[f64], precision: usize) -> f32 {
    let scale = ratio.min(1.0);
    let step = ((scale * precision as f64) as usize).max(1);
    let nearest = (time as usize).min(samples.len().saturating_sub(1));
    let fraction = scale * (time - nearest as f64);
    let (before, after) = samples.split_at(nearest + 1);
    let before = wing_weights(fraction, step, table, precision).zip(before.iter().rev()).map(|(w, sample)| w * sample);
    let after = wing_weights(scale - fraction, step, table, precision).zip(after).map(|(w, sample)| w * sample);
    (scale * (before.sum::<f64>() + after.sum::<f64>())) as f32
}

/// The kernel at `fraction` zero crossings from its middle and every `step` table places further out.
fn wing_weights(fraction: f64, step: usize, table: &[f64], precision: usize) -> impl Iterator<Item = f64> {
    let place = fraction * precision as f64;
    let first = place as usize;
    let between = place - first as f64;
    (first..table.len()).step_by(step).map(move |index| {
        let weight = table[index];
        let next = table.get(index + 1).copied().unwrap_or(weight);
        weight + between * (next - weight)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_laid_out_once_give_what_interpolation_gives() {
        let value = |n: usize| ((n * n % 977) as f32 / 488.0 - 1.0) * 0.7;
        for (own_rate, new_rate) in [(44_100, 16_000), (48_000, 16_000), (8_000, 22_050), (44_100, 44_101)] {
            let sound = Waveform { rate: own_rate, channels: 2, samples: (0..6_000).map(value).collect() };
            for (resampler, kernel) in [(Resampler::SoxrHq, SOXR_HQ), (Resampler::KaiserFast, KAISER_FAST)] {
                let made = resample(&sound, new_rate, resampler);
                let table = kernel.right_half();
                let ratio = f64::from(new_rate) / f64::from(own_rate);
                for channel in 0..2 {
                    let own: Vec<f64> = sound.samples.iter().skip(channel).step_by(2).map(|v| f64::from(*v)).collect();
                    let computed = own.len() * new_rate as usize / own_rate as usize;
                    for frame in 0..computed {
                        let time = frame as f64 * f64::from(own_rate) / f64::from(new_rate);
                        let expected = interpolate(&own, time, ratio, &table, kernel.precision);
                        let difference = (made.samples[2 * frame + channel] - expected).abs();
                        assert!(difference < 1e-6, "{own_rate} to {new_rate}, frame {frame}: {difference}");
                    }
                }
            }
        }
    }
}
