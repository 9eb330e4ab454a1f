//! Windowed power spectra of a sound, the common ground of every front end.

use std::f64::consts::PI;

use realfft::RealFftPlanner;

/// Real values in rows of frequency (low first) and columns of time, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spectrum {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

impl Spectrum {
    /// The same shape with every value changed.
    pub fn map(mut self, change: impl Fn(f64) -> f64) -> Self {
        for value in &mut self.values {
            *value = change(*value);
        }
        self
    }

    /// Time in rows, frequency in columns.
    pub fn transposed(&self) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for column in 0..self.columns {
            values.extend((0..self.rows).map(|row| self.values[row * self.columns + column]));
        }
        Self { rows: self.columns, columns: self.rows, values }
    }
}

/// How frames lie on the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Framing {
    /// Samples a frame; the window has as many values.
    pub frame_samples: usize,
    pub hop_samples: usize,
    /// Frames are filled up with zeros to this many samples before the transform.
    pub fft_size: usize,
    pub edges: Edges,
}

/// What stands beyond the first and last sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// Nothing: only whole frames inside the sound.
    Inside,
    /// Frames are centred on their samples; half a frame of zeros is added at both ends (librosa from 0.10 on).
    CenteredZeros,
    /// Frames are centred on their samples; the sound is mirrored at both ends (torchaudio).
    CenteredReflected,
}

/// |DFT|² of every windowed frame, `fft_size / 2 + 1` rows.
///
/// `detrend` takes the mean off each frame before the window, as scipy does. No column where the sound is shorter than
/// a frame (or, to be mirrored, than half of one).
pub fn power_spectrum(samples: &[f64], window: &[f64], framing: Framing, detrend: bool) -> Spectrum {
    let Framing { frame_samples, hop_samples, fft_size, edges } = framing;
    let rows = fft_size / 2 + 1;
    let padded;
    let samples = match edges {
        Edges::Inside => samples,
        Edges::CenteredZeros | Edges::CenteredReflected => {
            padded = padded_by(samples, frame_samples / 2, edges == Edges::CenteredReflected);
            padded.as_slice()
        }
    };
    if samples.len() < frame_samples || hop_samples == 0 || frame_samples == 0 || fft_size < frame_samples {
        return Spectrum { rows, columns: 0, values: Vec::new() };
    }
    let columns = (samples.len() - frame_samples) / hop_samples + 1;
    let mut values = vec![0.0; rows * columns];
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(fft_size);
    let mut frame = transform.make_input_vec();
    let mut bins = transform.make_output_vec();
    for column in 0..columns {
        let source = &samples[column * hop_samples..][..frame_samples];
        let mean = if detrend { source.iter().sum::<f64>() / frame_samples as f64 } else { 0.0 };
        frame.fill(0.0);
        for ((target, sample), weight) in frame.iter_mut().zip(source).zip(window) {
            *target = (sample - mean) * weight;
        }
        // Only a buffer of another length makes this fail; both come from the plan.
        if transform.process(&mut frame, &mut bins).is_ok() {
            for (row, bin) in bins.iter().enumerate() {
                values[row * columns + column] = bin.norm_sqr();
            }
        }
    }
    Spectrum { rows, columns, values }
}

/// `samples` with `margin` more at both ends, zeros or mirrored at the first and last sample.
fn padded_by(samples: &[f64], margin: usize, reflect: bool) -> Vec<f64> {
    if reflect && samples.len() <= margin {
        return Vec::new();
    }
    let mut padded = vec![0.0; margin];
    padded.extend_from_slice(samples);
    padded.resize(samples.len() + 2 * margin, 0.0);
    if reflect {
        let last = samples.len() - 1;
        for step in 1..=margin {
            padded[margin - step] = samples[step];
            padded[margin + last + step] = samples[last - step];
        }
    }
    padded
}

/// Periodic Hann window.
pub fn hann(length: usize) -> Vec<f64> {
    (0..length).map(|index| 0.5 - 0.5 * (2.0 * PI * index as f64 / length as f64).cos()).collect()
}

/// Periodic Tukey window: a cosine taper over `share` of its length.
pub fn tukey(length: usize, share: f64) -> Vec<f64> {
    let span = length as f64;
    let taper = (share * span / 2.0).floor();
    (0..length)
        .map(|index| {
            let place = index as f64;
            if place <= taper {
                0.5 * (1.0 + (PI * (-1.0 + 2.0 * place / share / span)).cos())
            } else if place < span - taper {
                1.0
            } else {
                0.5 * (1.0 + (PI * (-2.0 / share + 1.0 + 2.0 * place / share / span)).cos())
            }
        })
        .collect()
}

/// `scipy.signal.spectrogram(samples, rate, nperseg=segment, noverlap=overlap, nfft=fft_size)`, everything else as
/// scipy's defaults: Tukey 0.25, the mean taken off each segment, power spectral density with the inner bins doubled.
pub fn power_spectral_density(samples: &[f64], rate: f64, segment: usize, overlap: usize, fft_size: usize) -> Spectrum {
    let window = tukey(segment, 0.25);
    let scale = 1.0 / (rate * window.iter().map(|weight| weight * weight).sum::<f64>());
    let framing = Framing {
        frame_samples: segment,
        hop_samples: segment.saturating_sub(overlap),
        fft_size,
        edges: Edges::Inside,
    };
    let mut spectrum = power_spectrum(samples, &window, framing, true);
    let last = spectrum.rows - 1;
    for (row, bins) in spectrum.values.chunks_exact_mut(spectrum.columns.max(1)).enumerate() {
        let one_sided = if row == 0 || (row == last && fft_size.is_multiple_of(2)) { scale } else { 2.0 * scale };
        for value in bins {
            *value *= one_sided;
        }
    }
    spectrum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_stands_in_its_own_row() {
        let samples: Vec<f64> =
            (0..1600).map(|index| (2.0 * PI * 1000.0 * f64::from(index) / 16_000.0).sin()).collect();
        let spectrum = power_spectral_density(&samples, 16_000.0, 512, 274, 512);
        assert_eq!((spectrum.rows, spectrum.columns), (257, (1600 - 274) / 238));
        let column = 2;
        let loudest = (0..257).max_by(|&a, &b| {
            spectrum.values[a * spectrum.columns + column].total_cmp(&spectrum.values[b * spectrum.columns + column])
        });
        assert_eq!(loudest, Some(32));
    }

    #[test]
    fn a_sound_shorter_than_a_frame_has_no_column() {
        assert_eq!(power_spectral_density(&[0.5; 511], 16_000.0, 512, 274, 512).columns, 0);
        let framing = Framing { frame_samples: 512, hop_samples: 353, fft_size: 512, edges: Edges::CenteredReflected };
        assert_eq!(power_spectrum(&[0.5; 256], &hann(512), framing, false).columns, 0);
        assert_eq!(power_spectrum(&[0.5; 257], &hann(512), framing, false).columns, 1);
    }
}
