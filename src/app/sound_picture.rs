//! The timeline's picture of a sound: peaks for the waveform, and a spectrogram.

use realfft::RealFftPlanner;

use crate::engine::JobControl;
use crate::render::Colormap;
use crate::signal::Waveform;

/// Peaks and spectrogram of one sound laid on the clip.
pub struct SoundPicture {
    /// Tells pictures apart.
    pub key: u64,
    /// Smallest and largest sample of each block of [`BLOCK`] samples, channels averaged; then of each pair of
    /// blocks, and so on: the extremes of extremes are exact, so coarser zooms need no new pass.
    levels: Vec<Vec<(f32, f32)>>,
    rate: f64,
    /// Time across, frequency up (logarithmic), loudness as colour.
    pub spectrogram: egui::ColorImage,
}

const BLOCK: usize = 128;
const WINDOW: usize = 1024;
const ROWS: usize = 96;
const MOST_COLUMNS: usize = 2048;
const LOWEST_HZ: f64 = 60.0;
/// Range of loudness shown, in dB below the loudest.
const RANGE_DB: f32 = 70.0;

impl SoundPicture {
    /// Computes both pictures. Runs in a job; `None` when it was cancelled.
    pub fn new(key: u64, sound: &Waveform, control: &JobControl) -> Option<Self> {
        let mono = sound.mono();
        let levels = peak_levels(&mono);
        let spectrogram = spectrogram(&mono, f64::from(sound.rate.max(1)), control)?;
        Some(Self { key, levels, rate: f64::from(sound.rate.max(1)), spectrogram })
    }

    /// Smallest and largest sample between two instants; silence beyond the sound.
    pub fn peaks(&self, start_secs: f64, end_secs: f64) -> (f32, f32) {
        let first = (start_secs.max(0.0) * self.rate) as usize;
        let longest = self.levels.first().map_or(0, Vec::len) * BLOCK;
        let last = ((end_secs.max(0.0) * self.rate) as usize).min(longest).max(first + 1);
        let blocks = (last - first) / BLOCK;
        let level = (usize::BITS - blocks.leading_zeros()).saturating_sub(1) as usize;
        let level = level.min(self.levels.len().saturating_sub(1));
        let size = BLOCK << level;
        let values = self.levels.get(level).map(Vec::as_slice).unwrap_or_default();
        let end = last.div_ceil(size).min(values.len());
        let start = (first / size).min(end);
        values
            .get(start..end)
            .unwrap_or_default()
            .iter()
            .copied()
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or((0.0, 0.0))
    }
}

fn peak_levels(mono: &[f32]) -> Vec<Vec<(f32, f32)>> {
    let extremes = |block: &[f32]| {
        block
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &sample| (low.min(sample), high.max(sample)))
    };
    let mut levels = vec![mono.chunks(BLOCK).map(extremes).collect::<Vec<_>>()];
    while let Some(finer) = levels.last().filter(|level| level.len() > 1) {
        let coarser = finer
            .chunks(2)
            .map(|pair| pair.iter().copied().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default())
            .collect();
        levels.push(coarser);
    }
    levels
}

/// Power of Hann windows at evenly spaced times, in dB below the loudest, on a logarithmic frequency axis.
fn spectrogram(mono: &[f32], rate: f64, control: &JobControl) -> Option<egui::ColorImage> {
    let columns = (mono.len() / (WINDOW / 4)).clamp(1, MOST_COLUMNS);
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let hann: Vec<f32> = (0..WINDOW)
        .map(|index| 0.5 - 0.5 * (2.0 * std::f32::consts::PI * index as f32 / WINDOW as f32).cos())
        .collect();
    let highest_hz = (rate / 2.0).max(LOWEST_HZ * 2.0);
    let bin_of_row = |row: usize| {
        let share = 1.0 - (row as f64 + 0.5) / ROWS as f64;
        LOWEST_HZ * (highest_hz / LOWEST_HZ).powf(share) / rate * WINDOW as f64
    };
    let bins: Vec<f64> = (0..ROWS).map(bin_of_row).collect();
    let mut input = fft.make_input_vec();
    let mut output = fft.make_output_vec();
    let mut decibels = vec![f32::NEG_INFINITY; columns * ROWS];
    for column in 0..columns {
        if column % 64 == 0 {
            if control.is_cancelled() {
                return None;
            }
            control.set_progress(column as f32 / columns as f32);
        }
        let middle = (column as f64 + 0.5) / columns as f64 * mono.len() as f64;
        let start = middle as i64 - WINDOW as i64 / 2;
        for (index, (value, weight)) in input.iter_mut().zip(&hann).enumerate() {
            let sample = usize::try_from(start + index as i64).ok().and_then(|place| mono.get(place));
            *value = sample.copied().unwrap_or(0.0) * weight;
        }
        fft.process(&mut input, &mut output).ok()?;
        for (row, &bin) in bins.iter().enumerate() {
            let power = |bin: usize| output.get(bin).map_or(0.0, |value| value.norm_sqr());
            let low = bin.floor() as usize;
            let share = (bin - bin.floor()) as f32;
            let power = power(low) * (1.0 - share) + power(low + 1) * share;
            if let Some(cell) = decibels.get_mut(row * columns + column) {
                *cell = 10.0 * (power + 1e-12).log10();
            }
        }
    }
    let loudest = decibels.iter().copied().fold(f32::NEG_INFINITY, f32::max).max(-40.0);
    let pixels = decibels
        .iter()
        .map(|value| {
            let share = ((value - loudest) / RANGE_DB + 1.0).clamp(0.0, 1.0);
            let [red, green, blue] = Colormap::Magma.colour(share);
            egui::Color32::from_rgb(red, green, blue)
        })
        .collect();
    Some(egui::ColorImage::new([columns, ROWS], pixels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_are_exact_at_every_zoom() {
        let mut samples = vec![0.0f32; 48_000];
        samples[10_000] = 0.9;
        samples[30_001] = -0.7;
        let sound = Waveform { rate: 48_000, channels: 1, samples };
        let picture = SoundPicture::new(1, &sound, &JobControl::detached("test")).unwrap();
        assert_eq!(picture.peaks(0.0, 1.0), (-0.7, 0.9));
        assert_eq!(picture.peaks(10_000.0 / 48_000.0, 10_001.0 / 48_000.0), (0.0, 0.9));
        assert_eq!(picture.peaks(0.5, 0.7).0, -0.7);
        assert_eq!(picture.peaks(2.0, 3.0), (0.0, 0.0));
    }

    #[test]
    fn a_tone_is_a_bright_line_at_its_frequency() {
        let tone = (0..16_000).map(|index| (index as f32 * 0.3).sin()).collect();
        let sound = Waveform { rate: 16_000, channels: 1, samples: tone };
        let picture = SoundPicture::new(1, &sound, &JobControl::detached("test")).unwrap();
        let width = picture.spectrogram.size[0];
        let brightness = |row: usize| {
            let pixel = picture.spectrogram.pixels[row * width + width / 2];
            u32::from(pixel.r()) + u32::from(pixel.g()) + u32::from(pixel.b())
        };
        let brightest = (0..ROWS).max_by_key(|row| brightness(*row)).unwrap();
        let share = 1.0 - (brightest as f64 + 0.5) / ROWS as f64;
        let hz = LOWEST_HZ * (8_000.0 / LOWEST_HZ).powf(share);
        let expected = 0.3 * 16_000.0 / (2.0 * std::f64::consts::PI);
        assert!((hz / expected - 1.0).abs() < 0.06, "{hz} against {expected}");
    }

    #[test]
    fn an_empty_sound_has_a_picture() {
        let sound = Waveform { rate: 0, channels: 0, samples: Vec::new() };
        let picture = SoundPicture::new(1, &sound, &JobControl::detached("test")).unwrap();
        assert_eq!(picture.peaks(0.0, 1.0), (0.0, 0.0));
    }
}
