//! The front ends of the published systems: from samples to what the audio network is shown.
//!
//! Each takes the samples of one audio window, one channel, full scale ±1 unless it says otherwise, and works at
//! whatever rate it is given, as the authors' code does.

use super::mel::{htk_filters, slaney_filters, vggish_filters};
use super::spectrum::{Edges, Framing, Spectrum, hann, power_spectral_density, power_spectrum};

/// The input of an audio network: rows and columns as the network sees them, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spectrogram {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f32>,
}

impl From<Spectrum> for Spectrogram {
    fn from(spectrum: Spectrum) -> Self {
        let values = spectrum.values.iter().map(|&value| value as f32).collect();
        Self { rows: spectrum.rows, columns: spectrum.columns, values }
    }
}

/// LVS and all that follow it: ln(PSD + 1e-7) / 12 over segments of 512 samples. `overlap` is 274 (LVS, EZ-VSL, SLAVC,
/// HearTheFlow) or 353 (cross-modal alignment).
pub fn log_psd(samples: &[f64], rate: u32, overlap: usize) -> Spectrogram {
    power_spectral_density(samples, f64::from(rate), 512, overlap, 512).map(|power| (power + 1e-7).ln() / 12.0).into()
}

/// The AVOL reproduction: 10·log₁₀(PSD + 1e-7) / 26.68 over segments of 480 samples, of amplitudes at 16-bit scale
/// (±32768, not ±1). The mean that its authors meant to take off (−24.2) is not taken off in their code either.
pub fn decibel_psd(samples_16bit: &[f64], rate: u32) -> Spectrogram {
    power_spectral_density(samples_16bit, f64::from(rate), 480, 240, 512)
        .map(|power| 10.0 * (power + 1e-7).log10() / 26.68)
        .into()
}

/// SSL-TIE: torchaudio's `MelSpectrogram(n_fft=512, hop_length=239, n_mels=257, normalized=True)` in decibels with the
/// floor at −100. Its 28 lowest bands hold no bin of the transform and stay at the floor.
pub fn htk_mel_decibels(samples: &[f64], rate: u32) -> Spectrogram {
    let window = hann(512);
    let energy: f64 = window.iter().map(|weight| weight * weight).sum();
    let framing = Framing { frame_samples: 512, hop_samples: 239, fft_size: 512, edges: Edges::CenteredReflected };
    let power = power_spectrum(samples, &window, framing, false).map(|power| power / energy);
    htk_filters(rate, 512, 257).apply(&power).map(|power| 10.0 * power.max(1e-10).log10()).into()
}

/// RCGrad and Wav2CLIP: ln(|STFT|² + 1e-7) of 512-sample Hann frames every 353 samples, standardized over the whole
/// window by its mean and its unbiased standard deviation.
pub fn standardized_log_power(samples: &[f64]) -> Spectrogram {
    let framing = Framing { frame_samples: 512, hop_samples: 353, fft_size: 512, edges: Edges::CenteredReflected };
    let log = power_spectrum(samples, &hann(512), framing, false).map(|power| (power + 1e-7).ln());
    let count = log.values.len() as f64;
    let mean = log.values.iter().sum::<f64>() / count;
    let variance = log.values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0);
    log.map(|value| (value - mean) / (variance.sqrt() + 1e-9)).into()
}

/// DSOL and the simplified DMC: 64 Slaney mel bands (to 8 kHz) of the amplitude of 160-sample frames every 80, in
/// decibels, at most 80 below the loudest; time in rows.
pub fn mel_decibels_10ms(samples: &[f64], rate: u32) -> Spectrogram {
    let framing = Framing { frame_samples: 160, hop_samples: 80, fft_size: 160, edges: Edges::CenteredZeros };
    let amplitude = power_spectrum(samples, &hann(160), framing, false).map(f64::sqrt);
    let decibels = slaney_filters(rate, 160, 64, 8000.0).apply(&amplitude).map(|value| 10.0 * value.max(1e-10).log10());
    let loudest = decibels.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    decibels.transposed().map(|value| value.max(loudest - 80.0)).into()
}

/// CoarseToFine: ln(mel + 2.2e-16) of 64 Slaney bands of the power of 882-sample frames every 441; time in rows.
pub fn log_mel_40ms(samples: &[f64], rate: u32) -> Spectrogram {
    let framing = Framing { frame_samples: 882, hop_samples: 441, fft_size: 882, edges: Edges::CenteredZeros };
    let power = power_spectrum(samples, &hann(882), framing, false);
    slaney_filters(rate, 882, 64, f64::from(rate) / 2.0)
        .apply(&power)
        .transposed()
        .map(|value| (value + f64::EPSILON).ln())
        .into()
}

/// VGGish: ln(mel + 0.01) of the amplitude of 25-ms frames every 10 ms at 16 kHz, 64 bands from 125 to 7500 Hz, cut
/// into as many whole examples of 96 frames as there are. Each example has 96 rows (time) and 64 columns.
pub fn vggish_examples(samples: &[f64]) -> Vec<Spectrogram> {
    let framing = Framing { frame_samples: 400, hop_samples: 160, fft_size: 512, edges: Edges::Inside };
    let amplitude = power_spectrum(samples, &hann(400), framing, false).map(f64::sqrt);
    let log_mel: Spectrogram = vggish_filters(16_000, 512, 64, 125.0, 7500.0)
        .apply(&amplitude)
        .transposed()
        .map(|value| (value + 0.01).ln())
        .into();
    log_mel
        .values
        .chunks_exact(96 * 64)
        .map(|values| Spectrogram { rows: 96, columns: 64, values: values.to_vec() })
        .collect()
}

/// SSPL's `normalize_audio`: the samples stretched to −1..1 by their own extremes.
pub fn stretched_to_full_scale(samples: &[f64]) -> Vec<f64> {
    let lowest = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    samples.iter().map(|sample| ((sample - lowest) / (highest - lowest + 1e-3) - 0.5) * 2.0).collect()
}

/// CoarseToFine's loader at test time: divided by the largest amplitude. Silence stays silence.
pub fn peak_normalized(samples: &[f64]) -> Vec<f64> {
    let peak = samples.iter().fold(0.0f64, |peak, sample| peak.max(sample.abs()));
    if peak == 0.0 { samples.to_vec() } else { samples.iter().map(|sample| sample / peak).collect() }
}
