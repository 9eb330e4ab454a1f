//! How each kind of thing sounds, by model: string delay lines, modes, formants, frequency modulation, filtered noise.
//!
//! A voice is asked for samples of one note, from any of them on; what has no memory starts there, what has one is run
//! from the note's begin or from shortly before.

mod filters;
mod held;
mod struck;

use super::exact::Dice;
use super::performance::Voice;
use super::things::{Note, ThingKind};

/// What a voice is asked for.
pub(super) struct Score<'a> {
    pub note: &'a Note,
    pub voice: &'a Voice,
    /// Samples a second.
    pub rate: f32,
    /// Samples of the note that are left out.
    pub skip: usize,
    /// For the noise in it.
    pub dice: Dice,
    /// How it moves past the listener.
    pub passage: Option<Passage>,
}

/// A thing that moves past: when it is nearest, its speed and its least distance in heights of the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage {
    pub nearest_secs: f64,
    pub speed: f64,
    pub distance: f64,
}

impl Passage {
    /// Metres to one height of the frame, as it sounds.
    const METRES: f64 = 9.0;
    const SOUND_SPEED: f64 = 343.0;

    /// How much later it is heard than from the place where it is nearest.
    pub fn delay_secs(&self, secs: f64) -> f64 {
        let along = self.speed * (secs - self.nearest_secs);
        ((along * along + self.distance * self.distance).sqrt() - self.distance) * Self::METRES / Self::SOUND_SPEED
    }

    /// How loud it is, 1 where it is nearest.
    pub fn gain(&self, secs: f64) -> f32 {
        let along = self.speed * (secs - self.nearest_secs);
        (self.distance / (along * along + self.distance * self.distance).sqrt()) as f32
    }
}

impl Score<'_> {
    /// Seconds of the note at an index of the output.
    fn secs(&self, index: usize) -> f32 {
        (self.skip + index) as f32 / self.rate
    }

    /// Seconds that are left of the note.
    fn left(&self, index: usize) -> f32 {
        self.note.lasts_secs as f32 - self.secs(index)
    }

    /// The gain of a note that takes some seconds to rise and to fall.
    fn envelope(&self, index: usize, rises_secs: f32, falls_secs: f32) -> f32 {
        let (since, left) = (self.secs(index), self.left(index));
        let rise = (since / rises_secs).clamp(0.0, 1.0);
        let fall = (left / falls_secs).clamp(0.0, 1.0);
        rise * rise * (3.0 - 2.0 * rise) * fall * fall * (3.0 - 2.0 * fall)
    }
}

/// Writes a note; `out` begins with sample `skip` of it.
pub(super) fn sing(kind: ThingKind, score: &Score, out: &mut [f32]) {
    out.fill(0.0);
    match kind {
        ThingKind::Guitar => struck::pluck(score, out),
        ThingKind::Drum => struck::drum(score, out),
        ThingKind::Bell => struck::bell(score, out),
        ThingKind::AlarmClock => struck::alarm(score, out),
        ThingKind::Telephone => struck::telephone(score, out),
        ThingKind::Violin => held::bow(score, out),
        ThingKind::Flute => held::flute(score, out),
        ThingKind::Bird => held::chirp(score, out),
        ThingKind::Dog => held::bark(score, out),
        ThingKind::Siren => held::siren(score, out),
        ThingKind::Car => held::engine(score, out),
        ThingKind::Kettle => held::kettle(score, out),
    }
    let gain = score.note.strength * score.voice.loud * level(kind);
    for (index, sample) in out.iter_mut().enumerate() {
        // Whatever is left at the end is faded out.
        let left = score.left(index);
        *sample *= if left < 0.03 { gain * (left / 0.03).max(0.0) } else { gain };
    }
}

/// Brings the kinds to like loudness.
fn level(kind: ThingKind) -> f32 {
    match kind {
        ThingKind::Guitar => 0.45,
        ThingKind::Violin => 0.40,
        ThingKind::Flute => 0.22,
        ThingKind::Drum => 0.42,
        ThingKind::Bell => 0.30,
        ThingKind::Bird => 0.22,
        ThingKind::Dog => 0.45,
        ThingKind::AlarmClock => 0.19,
        ThingKind::Siren => 0.55,
        ThingKind::Car => 0.45,
        ThingKind::Kettle => 0.19,
        ThingKind::Telephone => 0.15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f32 = 16_000.0;

    fn sung(kind: ThingKind, hertz: f32, lasts_secs: f64, seed: u64) -> Vec<f32> {
        let note = Note { at_secs: 0.0, lasts_secs, hertz, strength: 1.0, voice: 2 };
        let voice = Voice::new(&mut Dice::of(&[seed]), 0.0);
        let score =
            Score { note: &note, voice: &voice, rate: RATE, skip: 0, dice: Dice::of(&[seed, 1]), passage: None };
        let mut out = vec![0.0; (lasts_secs * f64::from(RATE)) as usize];
        sing(kind, &score, &mut out);
        out
    }

    /// Amplitude at a frequency, through a Hann window.
    fn amplitude(sound: &[f32], hertz: f32) -> f64 {
        let count = sound.len() as f64;
        let turn = std::f64::consts::TAU * f64::from(hertz) / f64::from(RATE);
        let sum = |wave: fn(f64) -> f64| {
            let part = |(at, sample): (usize, &f32)| {
                let window = (std::f64::consts::PI * at as f64 / count).sin().powi(2);
                wave(turn * at as f64) * window * f64::from(*sample)
            };
            sound.iter().enumerate().map(part).sum::<f64>()
        };
        sum(f64::cos).hypot(sum(f64::sin)) / count
    }

    #[test]
    fn notes_have_the_pitch_that_is_asked_for() {
        for kind in [ThingKind::Guitar, ThingKind::Violin, ThingKind::Flute] {
            for (seed, hertz) in [(1, 196.0), (2, 261.6), (3, 523.3)] {
                let sound = sung(kind, hertz, 1.2, seed);
                let steady = &sound[4000..];
                let cents = (-30..=30i32)
                    .step_by(3)
                    .map(|cents| (cents, amplitude(steady, hertz * (cents as f32 / 1200.0).exp2())));
                let (best, _) = cents.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                assert!(best.abs() <= 9, "{kind} at {hertz} Hz is {best} cents off");
                let octave_below = amplitude(steady, 0.5 * hertz);
                assert!(octave_below < 0.1 * amplitude(steady, hertz), "{kind}");
            }
        }
    }

    #[test]
    fn a_bell_has_the_partials_of_bells_and_a_drum_those_of_membranes() {
        let bell = sung(ThingKind::Bell, 440.0, 1.5, 4);
        let between = amplitude(&bell, 440.0 * 1.75);
        for ratio in [1.0, 2.0] {
            assert!(amplitude(&bell, 440.0 * ratio) > 5.0 * between, "partial {ratio}");
        }
        // Partials are stretched a little from bell to bell.
        let tierce = (1180..1200).map(|ratio| amplitude(&bell, 0.44 * ratio as f32)).fold(0.0, f64::max);
        assert!(tierce > 5.0 * between);
        let drum = sung(ThingKind::Drum, 110.0, 0.5, 5);
        assert!(amplitude(&drum, 110.0) > 3.0 * amplitude(&drum, 110.0 * 1.3));
        assert!(amplitude(&drum, 110.0 * 1.593) > amplitude(&drum, 110.0 * 1.85));
    }

    #[test]
    fn what_is_struck_dies_away_and_what_is_held_does_not() {
        let fall = |kind: ThingKind, hertz: f32| {
            let sound = sung(kind, hertz, 1.5, 6);
            let level = |part: &[f32]| part.iter().map(|sample| sample * sample).sum::<f32>();
            level(&sound[16_000..20_000]) / level(&sound[2000..6000])
        };
        for (kind, hertz) in [(ThingKind::Guitar, 220.0), (ThingKind::Bell, 440.0), (ThingKind::Drum, 110.0)] {
            assert!(fall(kind, hertz) < 0.5, "{kind}");
        }
        for (kind, hertz) in [
            (ThingKind::Violin, 330.0),
            (ThingKind::Flute, 520.0),
            (ThingKind::Siren, 800.0),
            (ThingKind::Kettle, 2000.0),
        ] {
            assert!(fall(kind, hertz) > 0.4, "{kind}: {}", fall(kind, hertz));
        }
    }

    #[test]
    fn voices_are_finite_at_any_rate_and_keep_below_full_scale() {
        for kind in ThingKind::ALL {
            for (rate, hertz) in [(8000.0, 3400.0), (16_000.0, 300.0), (48_000.0, 2000.0), (4000.0, 90.0)] {
                let note = Note { at_secs: 0.0, lasts_secs: 0.4, hertz, strength: 1.0, voice: 0 };
                let voice = Voice::new(&mut Dice::of(&[9, kind as u64]), 0.0);
                let score = Score { note: &note, voice: &voice, rate, skip: 0, dice: Dice::of(&[3]), passage: None };
                let mut out = vec![0.0; (0.4 * rate) as usize];
                sing(kind, &score, &mut out);
                let peak = out.iter().fold(0f32, |most, sample| most.max(sample.abs()));
                assert!(out.iter().all(|sample| sample.is_finite()) && peak < 1.6, "{kind} at {rate}: {peak}");
            }
        }
    }

    #[test]
    fn what_comes_near_sounds_higher_than_what_goes_away() {
        let passage = Passage { nearest_secs: 2.0, speed: 2.0, distance: 0.5 };
        let rate = |secs: f64| 1.0 - (passage.delay_secs(secs + 0.01) - passage.delay_secs(secs - 0.01)) / 0.02;
        assert!(rate(0.5) > 1.03 && rate(3.5) < 0.97);
        assert_eq!(passage.gain(2.0), 1.0);
        assert!(passage.gain(0.0) < 0.3);
    }
}
