use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::localizers::Hearing;
use crate::signal::Waveform;

/// Which sound a clip is shown with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SoundChoice {
    /// The clip's own.
    Own,
    Silence,
    /// White noise, the same every time.
    Noise,
    /// The sound of an audio or video file.
    File(PathBuf),
}

impl SoundChoice {
    /// What the shelf and the readouts call it.
    pub fn title(&self) -> String {
        match self {
            Self::Own => "Own sound".into(),
            Self::Silence => "Silence".into(),
            Self::Noise => "White noise".into(),
            Self::File(path) => {
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
        }
    }
}

/// Tells sounds apart in caches; no two tracks that were laid share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SoundKey(u64);

impl SoundKey {
    /// Stands for no sound at all, where a question is asked in words.
    pub const fn none() -> Self {
        Self(0)
    }
}

static NEXT_SOUND: AtomicU64 = AtomicU64::new(1);

/// A sound laid on a clip: it begins at the clip's time zero and lasts as long as the clip. The same samples are
/// heard and given to the models.
pub struct Sound {
    pub key: SoundKey,
    pub choice: SoundChoice,
    pub track: Arc<Waveform>,
    prepared: Mutex<HashMap<Hearing, Arc<Waveform>>>,
}

/// Rate of silence and noise, which have none of their own.
const SYNTHETIC_RATE: u32 = 48_000;
/// Root mean square of the noise, full scale 1 (about −20 dB).
const NOISE_LEVEL: f32 = 0.1;
/// A sound is laid on at most this much of a clip; beyond it there is silence.
const LONGEST_TRACK_SECS: f64 = 4.0 * 3600.0;

impl Sound {
    /// Lays a clip's own sound: `start_secs` is where its first sample lies in the clip's time.
    pub fn own(waveform: &Waveform, start_secs: f64, clip_secs: f64) -> Self {
        Self::new(SoundChoice::Own, placed(waveform, start_secs, clip_secs))
    }

    /// Lays a foreign sound, repeated end to end where it is shorter than the clip (the field's tile rule).
    pub fn foreign(choice: SoundChoice, waveform: &Waveform, clip_secs: f64) -> Self {
        Self::new(choice, repeated(waveform, clip_secs))
    }

    pub fn silence(clip_secs: f64) -> Self {
        let frames = frames_of(clip_secs, SYNTHETIC_RATE);
        Self::new(SoundChoice::Silence, Waveform { rate: SYNTHETIC_RATE, channels: 1, samples: vec![0.0; frames] })
    }

    /// What stands for the own sound of a clip that has none.
    pub fn silence_as_own(clip_secs: f64) -> Self {
        Self { choice: SoundChoice::Own, ..Self::silence(clip_secs) }
    }

    /// Gaussian white noise from a fixed seed.
    pub fn noise(clip_secs: f64) -> Self {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let samples = (0..frames_of(clip_secs, SYNTHETIC_RATE)).map(|_| gaussian(&mut state) * NOISE_LEVEL).collect();
        Self::new(SoundChoice::Noise, Waveform { rate: SYNTHETIC_RATE, channels: 1, samples })
    }

    fn new(choice: SoundChoice, track: Waveform) -> Self {
        Self {
            key: SoundKey(NEXT_SOUND.fetch_add(1, Ordering::Relaxed)),
            choice,
            track: Arc::new(track),
            prepared: Mutex::new(HashMap::new()),
        }
    }

    /// The track at the rate a model hears, made once for each rate and way of resampling.
    pub fn prepared(&self, hearing: &Hearing) -> Arc<Waveform> {
        if hearing.rate == self.track.rate {
            return Arc::clone(&self.track);
        }
        let Ok(mut prepared) = self.prepared.lock() else {
            return Arc::new(hearing.prepare(&self.track).into_owned());
        };
        Arc::clone(prepared.entry(*hearing).or_insert_with(|| Arc::new(hearing.prepare(&self.track).into_owned())))
    }
}

fn frames_of(secs: f64, rate: u32) -> usize {
    (secs.clamp(0.0, LONGEST_TRACK_SECS) * f64::from(rate)).round() as usize
}

fn placed(waveform: &Waveform, start_secs: f64, clip_secs: f64) -> Waveform {
    let channels = usize::from(waveform.channels.max(1));
    let offset = (start_secs * f64::from(waveform.rate)).round() as i64;
    let frames = frames_of(clip_secs, waveform.rate);
    if offset == 0 && waveform.frames() == frames {
        return waveform.clone();
    }
    let mut samples = vec![0.0; frames * channels];
    let first = offset.clamp(0, frames as i64) as usize;
    let skipped = (-offset).clamp(0, waveform.frames() as i64) as usize;
    let count = (waveform.frames() - skipped).min(frames - first);
    if let (Some(target), Some(source)) = (
        samples.get_mut(first * channels..(first + count) * channels),
        waveform.samples.get(skipped * channels..(skipped + count) * channels),
    ) {
        target.copy_from_slice(source);
    }
    Waveform { rate: waveform.rate, channels: waveform.channels, samples }
}

fn repeated(waveform: &Waveform, clip_secs: f64) -> Waveform {
    let channels = usize::from(waveform.channels.max(1));
    let wanted = frames_of(clip_secs, waveform.rate) * channels;
    let samples = if waveform.samples.is_empty() {
        vec![0.0; wanted]
    } else {
        waveform.samples.iter().copied().cycle().take(wanted).collect()
    };
    Waveform { rate: waveform.rate, channels: waveform.channels, samples }
}

/// Sum of twelve uniform numbers less six: unit variance, and tails bounded by ±6.
fn gaussian(state: &mut u64) -> f32 {
    let mut sum = -6.0f32;
    for _ in 0..12 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        sum += (*state >> 40) as f32 / (1u64 << 24) as f32;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(frames: usize) -> Waveform {
        Waveform { rate: 10, channels: 1, samples: (1..=frames).map(|value| value as f32).collect() }
    }

    #[test]
    fn an_own_sound_lies_where_it_started() {
        assert_eq!(Sound::own(&ramp(3), 0.2, 0.7).track.samples, [0.0, 0.0, 1.0, 2.0, 3.0, 0.0, 0.0]);
        assert_eq!(Sound::own(&ramp(5), -0.2, 0.2).track.samples, [3.0, 4.0]);
        assert_eq!(Sound::own(&ramp(2), 9.0, 0.3).track.samples, [0.0; 3]);
    }

    #[test]
    fn a_short_foreign_sound_repeats() {
        let sound = Sound::foreign(SoundChoice::File("bell.wav".into()), &ramp(3), 0.7);
        assert_eq!(sound.track.samples, [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]);
        assert_eq!(sound.choice.title(), "bell.wav");
    }

    #[test]
    fn noise_is_the_same_every_time_and_has_its_level() {
        let (one, two) = (Sound::noise(1.0), Sound::noise(1.0));
        assert_eq!(one.track.samples, two.track.samples);
        assert_ne!(one.key, two.key);
        let power =
            one.track.samples.iter().map(|sample| sample * sample).sum::<f32>() / one.track.samples.len() as f32;
        assert!((power.sqrt() - NOISE_LEVEL).abs() < 0.002, "{}", power.sqrt());
    }

    #[test]
    fn models_of_one_rate_share_a_sound_only_if_they_resample_alike() {
        use crate::signal::Resampler;
        let noise = Sound::noise(0.1);
        let at = |resampler| noise.prepared(&Hearing { rate: 16_000, resampler });
        assert!(Arc::ptr_eq(&at(Resampler::SoxrHq), &at(Resampler::SoxrHq)));
        assert_ne!(at(Resampler::SoxrHq).samples, at(Resampler::KaiserBest).samples);
    }

    #[test]
    fn an_endless_clip_gets_a_bounded_track() {
        assert_eq!(frames_of(f64::INFINITY, 1), LONGEST_TRACK_SECS as usize);
        assert_eq!(frames_of(f64::NAN, 8), 0);
    }
}
