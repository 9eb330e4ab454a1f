use super::Waveform;

/// The stretch of a sound that a model hears for one frame.
///
/// Both numbers are in the time of the sound. A window may begin before the sound or reach beyond its end; what a
/// model hears there is its own rule (see [`cut_repeating`] and [`cut_inside`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AudioWindow {
    pub start_secs: f64,
    pub length_secs: f64,
}

impl AudioWindow {
    pub fn end_secs(&self) -> f64 {
        self.start_secs + self.length_secs
    }

    /// A window of `length_secs` with `moment_secs` in its middle, moved inwards where it would leave a sound of
    /// `sound_secs`. A sound shorter than the window is heard from its start.
    pub fn centered(moment_secs: f64, length_secs: f64, sound_secs: f64) -> Self {
        let latest_start_secs = (sound_secs - length_secs).max(0.0);
        Self { start_secs: (moment_secs - length_secs / 2.0).clamp(0.0, latest_start_secs), length_secs }
    }

    /// A window of up to `length_secs` around `moment_secs`, cut off (not moved) at both ends of the sound.
    pub fn centered_cut_off(moment_secs: f64, length_secs: f64, sound_secs: f64) -> Self {
        let start_secs = (moment_secs - length_secs / 2.0).clamp(0.0, sound_secs.max(0.0));
        let end_secs = (moment_secs + length_secs / 2.0).clamp(start_secs, sound_secs.max(start_secs));
        Self { start_secs, length_secs: end_secs - start_secs }
    }
}

/// The samples of `window`, the sound repeated end to end where the window reaches beyond it: the tile rule of the
/// LVS family (`n = int(rate·D / len) + 1` copies, the first `rate·D` samples kept). Channels stay interleaved.
///
/// The first sample is `int(start · rate)`, as the authors' loaders compute it; the length is `int(length · rate)`.
/// Empty if the sound is.
pub fn cut_repeating(sound: &Waveform, window: AudioWindow) -> Waveform {
    let frames = sound.frames();
    let channels = usize::from(sound.channels).max(1);
    let (start, length) = in_samples(window, sound.rate);
    let mut samples = Vec::new();
    if frames > 0 {
        samples.reserve(length * channels);
        let mut position = start.rem_euclid(frames as i64) as usize;
        let mut missing = length;
        while missing > 0 {
            let run = missing.min(frames - position);
            samples.extend_from_slice(&sound.samples[position * channels..(position + run) * channels]);
            missing -= run;
            position = 0;
        }
    }
    Waveform { rate: sound.rate, channels: sound.channels, samples }
}

/// The samples of `window` that the sound has: cut off at both of its ends. Channels stay interleaved.
pub fn cut_inside(sound: &Waveform, window: AudioWindow) -> Waveform {
    let frames = sound.frames();
    let channels = usize::from(sound.channels).max(1);
    let (start, length) = in_samples(window, sound.rate);
    let from = start.clamp(0, frames as i64) as usize;
    let to = start.saturating_add(length as i64).clamp(from as i64, frames as i64) as usize;
    Waveform {
        rate: sound.rate,
        channels: sound.channels,
        samples: sound.samples[from * channels..to * channels].to_vec(),
    }
}

/// Longest window that is ever cut, in seconds: bounds memory against a nonsensical one.
const LONGEST_SECS: f64 = 4.0 * 3600.0;

/// First sample and number of samples. `round` before `trunc` only mends what adding seconds in f64 lost: 3.5 s at
/// 16 kHz must begin at sample 56000, not 55999.
fn in_samples(window: AudioWindow, rate: u32) -> (i64, usize) {
    let whole = |secs: f64| {
        let samples = secs * f64::from(rate);
        if (samples - samples.round()).abs() < 1e-6 { samples.round() } else { samples.trunc() }
    };
    let start = whole(if window.start_secs.is_finite() { window.start_secs } else { 0.0 });
    let length = whole(if window.length_secs.is_finite() { window.length_secs.clamp(0.0, LONGEST_SECS) } else { 0.0 });
    (start as i64, length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ramp(frames: usize, channels: u16) -> Waveform {
        let samples = (0..frames * usize::from(channels)).map(|index| index as f32).collect();
        Waveform { rate: 10, channels, samples }
    }

    #[test]
    fn a_short_sound_is_repeated() {
        let cut = cut_repeating(&ramp(4, 1), AudioWindow { start_secs: 0.0, length_secs: 1.0 });
        assert_eq!(cut.samples, [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, 0.0, 1.0]);
    }

    #[test]
    fn a_window_in_the_repeated_part_keeps_its_place() {
        let cut = cut_repeating(&ramp(4, 2), AudioWindow { start_secs: 0.6, length_secs: 0.3 });
        assert_eq!(cut.samples, [4.0, 5.0, 6.0, 7.0, 0.0, 1.0]);
    }

    #[test]
    fn nothing_can_be_cut_from_silence_without_length() {
        let window = AudioWindow { start_secs: -1.0, length_secs: 3.0 };
        assert!(cut_repeating(&Waveform::default(), window).samples.is_empty());
        assert!(cut_inside(&Waveform::default(), window).samples.is_empty());
        let endless = AudioWindow { start_secs: f64::NAN, length_secs: f64::INFINITY };
        assert!(cut_repeating(&ramp(4, 1), endless).samples.is_empty());
    }

    proptest! {
        #[test]
        fn a_centered_window_stays_inside_a_longer_sound(
            moment in -5.0..50.0f64, length in 0.1..10.0f64, sound in 0.0..40.0f64,
        ) {
            let window = AudioWindow::centered(moment, length, sound);
            prop_assert_eq!(window.length_secs, length);
            prop_assert!(window.start_secs >= 0.0);
            if sound >= length { prop_assert!(window.end_secs() <= sound + 1e-9); }
            let cut = AudioWindow::centered_cut_off(moment, length, sound);
            prop_assert!(cut.start_secs >= 0.0 && cut.end_secs() <= sound + 1e-9 && cut.length_secs >= 0.0);
        }
    }
}
