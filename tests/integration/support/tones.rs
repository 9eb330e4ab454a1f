//! Sounds as WAV files; pure tones, written so and found again in what was recorded.

use std::f64::consts::TAU;
use std::path::Path;

/// The bytes of a WAV file of one channel of 16 bits.
pub fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut wav = Vec::from(*b"RIFF");
    wav.extend((36 + bytes.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend([1u16, 1].iter().flat_map(|value| value.to_le_bytes()));
    wav.extend([rate, 2 * rate].iter().flat_map(|value| value.to_le_bytes()));
    wav.extend([2u16, 16].iter().flat_map(|value| value.to_le_bytes()));
    wav.extend(b"data");
    wav.extend((bytes.len() as u32).to_le_bytes());
    wav.extend(&bytes);
    wav
}

/// Writes a mono 16-bit WAV file of the tones `(hertz, seconds)` one after the other.
pub fn write_wav(path: &Path, rate: u32, tones: &[(f64, f64)]) {
    let mut samples = Vec::new();
    for &(hertz, secs) in tones {
        let count = (secs * f64::from(rate)).round() as usize;
        samples.extend((0..count).map(|n| (0.5 * (TAU * hertz * n as f64 / f64::from(rate)).sin() * 32767.0) as i16));
    }
    std::fs::write(path, wav(rate, &samples)).unwrap();
}

/// What a stretch of sound is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard {
    Nothing,
    /// Nearly all of its power is at this frequency.
    Tone(f64),
    Other,
}

/// Which of `tones` (hertz) the stereo frames hold.
pub fn heard(frames: &[[f32; 2]], rate: u32, tones: &[f64]) -> Heard {
    let count = frames.len() as f64;
    let power = frames.iter().map(|frame| f64::from(frame[0]).powi(2)).sum::<f64>() / count;
    if power.sqrt() < 1e-4 {
        return Heard::Nothing;
    }
    let share = |hertz: f64| {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (n, frame) in frames.iter().enumerate() {
            let angle = TAU * hertz * n as f64 / f64::from(rate);
            real += f64::from(frame[0]) * angle.cos();
            imaginary += f64::from(frame[0]) * angle.sin();
        }
        // A sine of amplitude a has the power a²/2, and this sum is a/2 of the length.
        2.0 * (real * real + imaginary * imaginary) / (count * count) / power
    };
    tones.iter().copied().find(|hertz| share(*hertz) > 0.85).map_or(Heard::Other, Heard::Tone)
}
