//! What a thing plays: the notes of each kind within a stretch of time.

use std::ops::Range;

use super::exact::{Dice, semitones};
use super::things::{Note, ThingKind};

/// After its last note a thing is heard for this long, by the room alone.
pub const ROOM_TAIL_SECS: f64 = 0.25;
/// A shorter pause does not end a stretch of sound.
const PAUSE_SECS: f64 = 0.4;

/// The character of one thing's sound.
#[derive(Clone, Debug)]
pub struct Voice {
    /// Of its usual pitch.
    pub pitch: f32,
    /// Of its usual speed.
    pub tempo: f32,
    /// 0 dull to 1 bright.
    pub bright: f32,
    /// Of its usual loudness.
    pub loud: f32,
    /// What else distinguishes it, 0 to 1.
    pub colors: [f32; 4],
    pub seed: u64,
}

impl Voice {
    /// A voice whose pitch is that of the key (in semitones above C) but for a few cents, so that all of a clip go
    /// together.
    pub fn new(dice: &mut Dice, key: f32) -> Self {
        Self {
            pitch: semitones(key + dice.within(-0.08, 0.08)),
            tempo: dice.within(0.8, 1.3),
            bright: dice.unit(),
            loud: dice.within(0.65, 1.0),
            colors: [0; 4].map(|_| dice.unit()),
            seed: u64::from(dice.below(1 << 24) as u32),
        }
    }
}

/// The note that voices are tuned from, in hertz: C4.
const MIDDLE_C: f32 = 261.63;

/// Tones of C major and A minor, in semitones above C: whatever is played at once goes together.
const SCALES: [[f32; 7]; 4] = [
    [0.0, 2.0, 4.0, 7.0, 9.0, 12.0, 14.0],
    [-3.0, 0.0, 2.0, 4.0, 7.0, 9.0, 12.0],
    [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 12.0],
    [-5.0, -3.0, 0.0, 2.0, 4.0, 7.0, 9.0],
];

/// A guitar's lowest string, in hertz.
const LOWEST_E: f32 = 82.41;
/// What a guitar's six strings sound in C, A minor, F and G, in semitones above its lowest E.
const CHORDS: [[f32; 6]; 4] = [
    [3.0, 8.0, 12.0, 15.0, 20.0, 24.0],
    [0.0, 5.0, 12.0, 17.0, 20.0, 24.0],
    [1.0, 8.0, 13.0, 17.0, 20.0, 25.0],
    [3.0, 7.0, 10.0, 15.0, 19.0, 27.0],
];
/// Orders of the chords, eight notes each.
const PROGRESSIONS: [[usize; 4]; 4] = [[0, 1, 2, 3], [1, 2, 0, 3], [0, 3, 1, 2], [1, 0, 3, 2]];
/// Strings in the order in which they are plucked.
const PATTERNS: [[u8; 8]; 3] = [[0, 3, 4, 5, 1, 4, 5, 3], [1, 2, 3, 4, 5, 4, 3, 2], [0, 2, 3, 5, 4, 3, 2, 4]];

/// The notes of a thing that is heard within `span` and never outside it, in order of time.
pub fn perform(kind: ThingKind, voice: &Voice, dice: &mut Dice, span: Range<f64>) -> Vec<Note> {
    let until = span.end - ROOM_TAIL_SECS;
    let mut notes = Vec::new();
    let mut at = span.start;
    let pace = f64::from(voice.tempo);
    let scale = SCALES[dice.below(SCALES.len())];
    let (progression, pattern) = (dice.pick(&PROGRESSIONS), dice.pick(&PATTERNS));
    let mut degree = dice.below(5) as i32;
    let note = |at_secs: f64, lasts_secs: f64, hertz: f32, strength: f32, voice: u8| Note {
        at_secs,
        lasts_secs: lasts_secs.min(until - at_secs),
        hertz,
        strength,
        voice,
    };
    let melody = |degree: &mut i32, dice: &mut Dice| {
        *degree = (*degree + dice.below(5) as i32 - 2).clamp(0, 6);
        semitones(scale[(*degree).unsigned_abs() as usize % 7])
    };
    // Shorter than this, a note is left out.
    const LEAST_SECS: f64 = 0.08;
    let mut number = 0u32;
    while at + LEAST_SECS < until {
        match kind {
            ThingKind::Guitar => {
                let string = pattern[(number % 8) as usize];
                let chord = CHORDS[progression[(number / 8 % 4) as usize]];
                let hertz = LOWEST_E * voice.pitch * semitones(chord[usize::from(string)]);
                notes.push(note(
                    at,
                    1.7,
                    hertz,
                    if number.is_multiple_of(4) { 1.0 } else { dice.within(0.6, 0.9) },
                    string,
                ));
                at += 0.27 / pace * if dice.chance(0.15) { 2.0 } else { 1.0 };
            }
            ThingKind::Violin => {
                let hertz = MIDDLE_C * voice.pitch * melody(&mut degree, dice);
                let lasts = f64::from(dice.pick(&[0.45f32, 0.6, 0.9, 1.3])) / pace;
                notes.push(note(at, lasts * 1.02, hertz, dice.within(0.75, 1.0), (degree / 2).clamp(0, 3) as u8));
                at += lasts;
            }
            ThingKind::Flute => {
                let hertz = 2.0 * MIDDLE_C * voice.pitch * melody(&mut degree, dice);
                let lasts = f64::from(dice.pick(&[0.3f32, 0.45, 0.6, 1.0])) / pace;
                notes.push(note(at, lasts * 0.96, hertz, dice.within(0.7, 1.0), degree.clamp(0, 6) as u8));
                at += lasts;
            }
            ThingKind::Drum => {
                let accent = number.is_multiple_of(4);
                let hertz = 105.0 * voice.pitch * if accent { 1.0 } else { 1.06 };
                notes.push(note(at, 0.55, hertz, if accent { 1.0 } else { dice.within(0.4, 0.8) }, (number % 2) as u8));
                at += f64::from(dice.pick(&[0.18f32, 0.18, 0.36, 0.36])) / pace;
            }
            ThingKind::Bell => {
                let tone = [7.0, 9.0, 12.0][(voice.colors[3] * 2.99) as usize];
                notes.push(note(at, 2.9, MIDDLE_C * semitones(tone) * voice.pitch, dice.within(0.7, 1.0), 0));
                at += 0.92 * f64::from(1 + dice.below(2) as u32);
            }
            ThingKind::Bird => {
                // A phrase of a few chirps, then breath.
                let chirps = 3 + dice.below(5);
                let each = f64::from(dice.within(0.09, 0.2)) / pace;
                let rise = dice.within(-5.0, 7.0);
                for chirp in 0..chirps {
                    if at + LEAST_SECS >= until {
                        break;
                    }
                    let hertz =
                        3000.0 * voice.pitch * semitones(rise * chirp as f32 / chirps as f32 + dice.within(-1.0, 1.0));
                    notes.push(note(at, each * 0.85, hertz, dice.within(0.7, 1.0), dice.below(3) as u8));
                    at += each;
                }
                at += f64::from(dice.within(0.1, 0.33));
            }
            ThingKind::Dog => {
                let barks = 1 + dice.below(3);
                for _ in 0..barks {
                    if at + LEAST_SECS >= until {
                        break;
                    }
                    let lasts = f64::from(dice.within(0.17, 0.27));
                    notes.push(note(
                        at,
                        lasts,
                        290.0 * voice.pitch * dice.within(0.95, 1.06),
                        dice.within(0.75, 1.0),
                        0,
                    ));
                    at += lasts + f64::from(dice.within(0.09, 0.2)) / pace;
                }
                at += f64::from(dice.within(0.1, 0.45));
            }
            ThingKind::Telephone => {
                let lasts = f64::from(dice.within(0.9, 1.15)) / pace;
                notes.push(note(at, lasts + 0.25, 1050.0 * voice.pitch, 1.0, 0));
                at += lasts + 0.55 / pace;
            }
            ThingKind::AlarmClock => {
                notes.push(note(at, until - at, 2400.0 * voice.pitch, 1.0, 0));
                at = until;
            }
            ThingKind::Siren => {
                notes.push(note(at, until - at, 800.0 * voice.pitch, 1.0, 0));
                at = until;
            }
            ThingKind::Car => {
                notes.push(note(at, until - at, 62.0 * voice.pitch, 1.0, 0));
                at = until;
            }
            ThingKind::Kettle => {
                notes.push(note(at, until - at, 2050.0 * voice.pitch, 1.0, 0));
                at = until;
            }
        }
        number += 1;
    }
    notes
}

/// When a thing is heard: its notes with the room's answer, joined across short pauses.
pub fn spans(notes: &[Note]) -> Vec<Range<f64>> {
    let mut spans: Vec<Range<f64>> = Vec::new();
    for note in notes {
        let end = note.end_secs() + ROOM_TAIL_SECS;
        match spans.last_mut() {
            Some(span) if note.at_secs <= span.end + PAUSE_SECS => span.end = span.end.max(end),
            _ => spans.push(note.at_secs..end),
        }
    }
    spans
}
