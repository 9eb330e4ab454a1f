//! What happens when: the one timetable that picture, sound and truth follow.

use std::ops::Range;

pub const FRAMES_PER_SEC: u32 = 25;
pub const FRAME_COUNT: u32 = 250;
/// Length of the clip.
pub const LASTS_SECS: f64 = FRAME_COUNT as f64 / FRAMES_PER_SEC as f64;

/// When the bell is heard. All bounds are bounds of frames.
pub const BELL_SOUNDS: [Range<f64>; 2] = [0.0..3.2, 6.8..8.8];
/// The bell is struck.
pub struct Strike {
    pub secs: f64,
    /// How hard, 0 to 1.
    pub strength: f64,
}

/// Each time that the bell has swung to and fro, [`SWING_SECS`] apart.
pub const STRIKES: [Strike; 7] = [
    Strike { secs: 0.0, strength: 1.0 },
    Strike { secs: 0.8, strength: 0.58 },
    Strike { secs: 1.6, strength: 0.72 },
    Strike { secs: 2.4, strength: 0.52 },
    Strike { secs: 6.8, strength: 0.95 },
    Strike { secs: 7.6, strength: 0.55 },
    Strike { secs: 8.4, strength: 0.45 },
];
/// To and fro.
pub const SWING_SECS: f64 = 0.8;

/// When the guitar is heard.
pub const GUITAR_SOUNDS: [Range<f64>; 1] = [4.0..9.4];

/// A string is plucked.
pub struct Pluck {
    pub secs: f64,
    /// 0 is the lowest.
    pub string: usize,
    pub hertz: f64,
    /// How hard, 0 to 1.
    pub strength: f64,
}

/// Eighth notes of the guitar: string and semitones above A2 (110 Hz). A minor, then F major with the bell.
const NOTES: [(usize, i32); 12] =
    [(1, 0), (2, 7), (3, 12), (4, 14), (5, 19), (4, 15), (3, 12), (0, -4), (2, 8), (3, 12), (4, 15), (5, 19)];
const NOTE_SECS: f64 = 0.4;

/// What the guitar plays.
pub fn plucks() -> impl Iterator<Item = Pluck> {
    NOTES.iter().enumerate().map(|(number, (string, semitones))| Pluck {
        secs: GUITAR_SOUNDS[0].start + number as f64 * NOTE_SECS,
        string: *string,
        hertz: 110.0 * (f64::from(*semitones) / 12.0).exp2(),
        strength: if number % 7 == 0 { 1.0 } else { 0.78 },
    })
}

/// Whether a thing is heard at an instant.
pub fn heard(stretches: &[Range<f64>], secs: f64) -> bool {
    stretches.iter().any(|stretch| stretch.contains(&secs))
}

/// How long a thing takes to be damped at the end of what it plays.
const DAMPED_SECS: f64 = 0.06;

/// How free a thing is to sound and move: 1 while it plays, falling to 0 at the end of each stretch, 0 between.
pub fn freedom(stretches: &[Range<f64>], secs: f64) -> f64 {
    let Some(stretch) = stretches.iter().find(|stretch| stretch.contains(&secs)) else { return 0.0 };
    ((stretch.end - secs) / DAMPED_SECS).min(1.0)
}

/// The instant at which a frame is presented.
pub fn frame_secs(index: u32) -> f64 {
    f64::from(index) / f64::from(FRAMES_PER_SEC)
}
