//! From the samples of an audio window to what the sound network takes: a published front end, or one's own.

use serde::Deserialize;

use super::description::Named;
use crate::localizers::cosine::shaped;
use crate::localizers::{Array, Result};
use crate::signal::{
    Edges, Framing, Spectrogram, hann, htk_filters, htk_mel_decibels, log_mel_40ms, log_psd, mel_decibels_10ms,
    power_spectrum, slaney_filters, standardized_log_power, tukey,
};

/// What is computed of the samples.
#[derive(Clone, Debug, PartialEq)]
pub enum FrontEnd {
    Named(Named),
    Spectrogram(SpectrogramRule),
}

/// A spectrogram of one's own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpectrogramRule {
    pub frame_samples: usize,
    pub hop_samples: usize,
    /// Frames are filled up with zeros to it; as long as a frame where it is not given.
    pub fft_size: Option<usize>,
    #[serde(default)]
    pub taper: Taper,
    #[serde(default)]
    pub edges: EdgeRule,
    #[serde(default)]
    pub values: SpectrumValues,
    /// Mel bands; the transform's own bins where they are not given.
    pub mel_bands: Option<usize>,
    #[serde(default)]
    pub mel_scale: MelScale,
    /// Upper end of Slaney's bands; half the rate where it is not given.
    pub highest_hertz: Option<f64>,
    #[serde(default)]
    pub log: LogRule,
    /// Added before the logarithm.
    #[serde(default = "small")]
    pub added: f64,
    /// Taken off after it.
    #[serde(default)]
    pub mean: f64,
    /// And divided by.
    #[serde(default = "one")]
    pub deviation: f64,
    /// Brought to mean 0 and deviation 1 over the window, before `mean` and `deviation`.
    #[serde(default)]
    pub standardize: bool,
    #[serde(default)]
    pub rows: RowAxis,
}

fn small() -> f64 {
    1e-7
}

fn one() -> f64 {
    1.0
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taper {
    #[default]
    Hann,
    /// A cosine taper over a quarter of the frame: scipy's default.
    Tukey,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeRule {
    /// Only whole frames inside the window.
    Inside,
    /// Centred frames, zeros beyond the ends: librosa.
    Zeros,
    /// Centred frames, mirrored at the ends: torch.
    #[default]
    Mirrored,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpectrumValues {
    #[default]
    Power,
    Amplitude,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MelScale {
    #[default]
    Slaney,
    Htk,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogRule {
    None,
    #[default]
    Natural,
    /// 10 · log₁₀.
    Decibel,
}

/// What the rows of the network's input are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowAxis {
    #[default]
    Frequency,
    Time,
}

const LONGEST_FRAME: usize = 1 << 16;
const MOST_BANDS: usize = 1024;
const MOST_VALUES: f64 = (1u64 << 26) as f64;

impl FrontEnd {
    /// Refuses a rule that cannot be computed, or whose answer for one window would be too large.
    pub fn check(&self, rate: u32, window_secs: f64) -> std::result::Result<(), String> {
        let samples = f64::from(rate) * window_secs;
        let Self::Spectrogram(rule) = self else {
            return if samples <= MOST_VALUES { Ok(()) } else { Err("sound.window_secs is too long".to_owned()) };
        };
        let fft_size = rule.fft_size();
        if !(2..=LONGEST_FRAME).contains(&rule.frame_samples) {
            return Err(format!("sound.spectrogram.frame_samples: 2 to {LONGEST_FRAME} are possible"));
        }
        if !(1..=LONGEST_FRAME).contains(&rule.hop_samples) {
            return Err(format!("sound.spectrogram.hop_samples: 1 to {LONGEST_FRAME} are possible"));
        }
        if fft_size < rule.frame_samples || fft_size > LONGEST_FRAME {
            return Err(format!("sound.spectrogram.fft_size: from frame_samples to {LONGEST_FRAME}"));
        }
        if rule.mel_bands.is_some_and(|bands| bands == 0 || bands > MOST_BANDS) {
            return Err(format!("sound.spectrogram.mel_bands: 1 to {MOST_BANDS} are possible"));
        }
        let half = f64::from(rate) / 2.0;
        if rule.highest_hertz.is_some_and(|hertz| !(hertz > 0.0 && hertz <= half)) {
            return Err(format!("sound.spectrogram.highest_hertz: up to half of sound.rate, {half}"));
        }
        if rule.highest_hertz.is_some() && (rule.mel_scale != MelScale::Slaney || rule.mel_bands.is_none()) {
            return Err("sound.spectrogram.highest_hertz goes with mel_bands of mel_scale = \"slaney\"".to_owned());
        }
        let finite = [rule.added, rule.mean, rule.deviation].iter().all(|value| value.is_finite());
        if !finite || rule.added < 0.0 || rule.deviation == 0.0 {
            return Err("sound.spectrogram: added, mean and deviation are numbers, deviation not 0".to_owned());
        }
        let rows = rule.mel_bands.unwrap_or(fft_size).max(fft_size) as f64;
        if rows * samples / rule.hop_samples as f64 > MOST_VALUES {
            return Err("sound.spectrogram: so many frames of a window are too large; use a longer hop".to_owned());
        }
        Ok(())
    }

    /// What the network takes, without leading axes of length 1: samples, or rows × columns. `None` where the
    /// samples are too few.
    ///
    /// # Errors
    /// None in practice: counts that do not fit.
    pub fn apply(&self, samples: &[f64], rate: u32) -> Result<Option<Array>> {
        let Spectrogram { rows, columns, values } = match self {
            Self::Named(Named::Waveform) => {
                let values: Vec<f32> = samples.iter().map(|&sample| sample as f32).collect();
                return Ok((!values.is_empty()).then(|| Array::vector(values)));
            }
            Self::Named(Named::Lvs) => log_psd(samples, rate, 274),
            Self::Named(Named::Alignment) => log_psd(samples, rate, 353),
            Self::Named(Named::SslTie) => htk_mel_decibels(samples, rate),
            Self::Named(Named::Rcgrad) => standardized_log_power(samples),
            Self::Named(Named::Dsol) => mel_decibels_10ms(samples, rate),
            Self::Named(Named::CoarseToFine) => log_mel_40ms(samples, rate),
            Self::Spectrogram(rule) => rule.apply(samples, rate),
        };
        if values.is_empty() {
            return Ok(None);
        }
        shaped(&[rows, columns], values).map(Some)
    }
}

impl SpectrogramRule {
    fn fft_size(&self) -> usize {
        self.fft_size.unwrap_or(self.frame_samples)
    }

    fn apply(&self, samples: &[f64], rate: u32) -> Spectrogram {
        let edges = match self.edges {
            EdgeRule::Inside => Edges::Inside,
            EdgeRule::Zeros => Edges::CenteredZeros,
            EdgeRule::Mirrored => Edges::CenteredReflected,
        };
        let (frame_samples, hop_samples, fft_size) = (self.frame_samples, self.hop_samples, self.fft_size());
        let taper = match self.taper {
            Taper::Hann => hann(frame_samples),
            Taper::Tukey => tukey(frame_samples, 0.25),
        };
        let framing = Framing { frame_samples, hop_samples, fft_size, edges };
        let mut spectrum = power_spectrum(samples, &taper, framing, false);
        if self.values == SpectrumValues::Amplitude {
            spectrum = spectrum.map(f64::sqrt);
        }
        if let Some(bands) = self.mel_bands {
            let filters = match self.mel_scale {
                MelScale::Htk => htk_filters(rate, fft_size, bands),
                MelScale::Slaney => {
                    slaney_filters(rate, fft_size, bands, self.highest_hertz.unwrap_or(f64::from(rate) / 2.0))
                }
            };
            spectrum = filters.apply(&spectrum);
        }
        spectrum = match self.log {
            LogRule::None => spectrum,
            LogRule::Natural => spectrum.map(|value| (value + self.added).ln()),
            LogRule::Decibel => spectrum.map(|value| 10.0 * (value + self.added).log10()),
        };
        if self.standardize {
            let count = spectrum.values.len() as f64;
            let mean = spectrum.values.iter().sum::<f64>() / count;
            let variance = spectrum.values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
            let deviation = variance.sqrt().max(1e-9);
            spectrum = spectrum.map(|value| (value - mean) / deviation);
        }
        spectrum = spectrum.map(|value| (value - self.mean) / self.deviation);
        match self.rows {
            RowAxis::Frequency => spectrum,
            RowAxis::Time => spectrum.transposed(),
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> SpectrogramRule {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_rule_can_say_what_a_published_front_end_does() {
        let samples: Vec<f64> = (0..16_000).map(|index| (f64::from(index) * 0.05).sin()).collect();
        let published = FrontEnd::Named(Named::CoarseToFine).apply(&samples, 22_050).unwrap().unwrap();
        let own = FrontEnd::Spectrogram(rule(
            "frame_samples = 882\nhop_samples = 441\nedges = \"zeros\"\nmel_bands = 64\nadded = 2.220446049250313e-16\n\
             rows = \"time\"",
        ));
        own.check(22_050, 1.0).unwrap();
        assert_eq!(own.apply(&samples, 22_050).unwrap().unwrap(), published);
    }

    #[test]
    fn too_few_samples_are_nothing_to_hear() {
        let own = FrontEnd::Spectrogram(rule("frame_samples = 512\nhop_samples = 160"));
        assert_eq!(own.apply(&[0.0; 100], 16_000).unwrap(), None);
        assert_eq!(FrontEnd::Named(Named::Waveform).apply(&[], 16_000).unwrap(), None);
    }

    #[test]
    fn a_rule_whose_answer_would_be_enormous_is_refused() {
        let own = FrontEnd::Spectrogram(rule("frame_samples = 65536\nhop_samples = 1"));
        assert!(own.check(192_000, 600.0).unwrap_err().contains("too large"));
    }
}
