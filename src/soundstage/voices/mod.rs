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
        ThingKind::Guitar => 0.30,
        ThingKind::Violin => 0.20,
        ThingKind::Flute => 0.22,
        ThingKind::Drum => 0.42,
        ThingKind::Bell => 0.16,
        ThingKind::Bird => 0.20,
        ThingKind::Dog => 0.30,
        ThingKind::AlarmClock => 0.10,
        ThingKind::Siren => 0.18,
        ThingKind::Car => 0.34,
        ThingKind::Kettle => 0.17,
        ThingKind::Telephone => 0.12,
    }
}
