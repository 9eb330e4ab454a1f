//! The sound of the clip: a bell by its modes, a guitar by waves on its strings, both in one small room.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::score::{self, BELL_SOUNDS, GUITAR_SOUNDS, LASTS_SECS, STRIKES, Strike};
use crate::signal::Waveform;

pub const RATE: u32 = 48_000;
const RATE_HERTZ: f64 = RATE as f64;

/// Places of the things as shares of the picture's width: what is seen at the left is heard from the left.
const BELL_PLACE: f64 = 0.26;
const GUITAR_PLACE: f64 = 0.72;
/// Largest sample of each thing, full scale being 1.
const BELL_PEAK: f64 = 0.44;
const GUITAR_PEAK: f64 = 0.42;

/// Left and right.
pub type Stereo = Vec<[f64; 2]>;

/// The bell alone, as it is heard in the clip.
pub fn bell() -> Stereo {
    let dry = bell_strikes();
    let mut heard = in_room(&dry, BELL_PLACE);
    finish(&mut heard, |secs| score::freedom(&BELL_SOUNDS, secs), BELL_PEAK);
    heard
}

/// The guitar alone, as it is heard in the clip.
pub fn guitar() -> Stereo {
    let dry = guitar_body(&guitar_strings());
    let mut heard = in_room(&dry, GUITAR_PLACE);
    finish(&mut heard, |secs| score::freedom(&GUITAR_SOUNDS, secs), GUITAR_PEAK);
    heard
}

/// All that is heard.
pub fn sound() -> Waveform {
    let (bell, guitar) = (bell(), guitar());
    let samples = bell.iter().zip(&guitar).flat_map(|(a, b)| [(a[0] + b[0]) as f32, (a[1] + b[1]) as f32]);
    Waveform { rate: RATE, channels: 2, samples: samples.collect() }
}

fn sample_count() -> usize {
    (LASTS_SECS * RATE_HERTZ) as usize
}

fn sample_at(secs: f64) -> usize {
    (secs * RATE_HERTZ).round() as usize
}

fn secs_at(sample: usize) -> f64 {
    sample as f64 / RATE_HERTZ
}

/// Silences what must be silent, room and all, and brings the largest sample to `peak`.
fn finish(heard: &mut Stereo, freedom: impl Fn(f64) -> f64, peak: f64) {
    for (sample, frame) in heard.iter_mut().enumerate() {
        let free = freedom(secs_at(sample));
        *frame = frame.map(|value| value * free);
    }
    let largest = heard.iter().flatten().fold(1e-9, |most: f64, value| most.max(value.abs()));
    heard.iter_mut().flatten().for_each(|value| *value *= peak / largest);
}

/// The same noise each time: −1 to 1.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0 >> 8) / f64::from(1u32 << 23) - 1.0
    }
}

/// One mode of the bell.
struct Mode {
    /// Frequency over that of the prime.
    ratio: f64,
    level: f64,
    /// Until it has fallen by 60 dB.
    fades_secs: f64,
    /// No bell is perfectly round: each mode is a pair this far apart.
    beat_hertz: f64,
}

const fn mode(ratio: f64, level: f64, fades_secs: f64, beat_hertz: f64) -> Mode {
    Mode { ratio, level, fades_secs, beat_hertz }
}

/// Hum, prime, tierce, quint, nominal and what lies above them, as church bells are tuned: the tierce a minor third.
const MODES: [Mode; 13] = [
    mode(0.500, 0.42, 9.45, 0.31),
    mode(1.000, 0.50, 7.02, 0.43),
    mode(1.189, 0.62, 6.21, 0.57),
    mode(1.500, 0.20, 4.59, 0.80),
    mode(2.000, 0.85, 5.13, 0.73),
    mode(2.514, 0.20, 3.10, 1.10),
    mode(2.662, 0.18, 2.97, 1.30),
    mode(3.011, 0.46, 2.70, 0.97),
    mode(4.166, 0.36, 1.89, 1.41),
    mode(5.433, 0.24, 1.28, 1.70),
    mode(6.796, 0.17, 0.94, 2.10),
    mode(8.215, 0.12, 0.68, 2.30),
    mode(9.661, 0.09, 0.51, 2.70),
];
const PRIME_HERTZ: f64 = 440.0;

fn bell_strikes() -> Vec<f64> {
    let mut dry = vec![0.0; sample_count()];
    for (number, Strike { secs, strength }) in STRIKES.iter().enumerate() {
        let until = BELL_SOUNDS.iter().find(|stretch| stretch.contains(secs)).map_or(*secs, |stretch| stretch.end);
        let (from, until) = (sample_at(*secs), sample_at(until).min(dry.len()));
        for mode in &MODES {
            for (side, share) in [(-0.5, 0.62), (0.5, 0.38)] {
                let step = TAU * (mode.ratio * PRIME_HERTZ + side * mode.beat_hertz) / RATE_HERTZ;
                // 60 dB are a factor of a thousand.
                let fading = (-1000f64.ln() / (mode.fades_secs * RATE_HERTZ)).exp();
                let (turn_cos, turn_sin) = (step.cos() * fading, step.sin() * fading);
                let (mut cos, mut sin) = (mode.level * share * strength, 0.0);
                for (since, sample) in dry[from..until].iter_mut().enumerate() {
                    *sample += sin * attack(since, 0.0012 + 0.0006 / mode.ratio);
                    (cos, sin) = (cos * turn_cos - sin * turn_sin, sin * turn_cos + cos * turn_sin);
                }
            }
        }
        // The blow itself: a short knock of metal.
        let (mut noise, mut low, mut lower) = (Noise(7 + number as u32), 0.0, 0.0);
        for (since, sample) in dry[from..until].iter_mut().enumerate().take(2_400) {
            low += 0.42 * (noise.next() - low);
            lower += 0.10 * (low - lower);
            *sample += strength * 0.55 * (low - lower) * (-(since as f64) / 310.0).exp() * attack(since, 0.0006);
        }
    }
    dry
}

/// Rises from 0 to 1 within some seconds.
fn attack(since: usize, secs: f64) -> f64 {
    let share = since as f64 / (secs * RATE_HERTZ);
    if share >= 1.0 { 1.0 } else { 0.5 - 0.5 * (PI * share).cos() }
}

/// The force of all strings on the bridge.
fn guitar_strings() -> Vec<f64> {
    let mut dry = vec![0.0; sample_count()];
    let plucks: Vec<score::Pluck> = score::plucks().collect();
    for (number, pluck) in plucks.iter().enumerate() {
        let next = plucks[number + 1..].iter().find(|later| later.string == pluck.string).map(|later| later.secs);
        let until = next.unwrap_or(GUITAR_SOUNDS[0].end);
        let (from, until) = (sample_at(pluck.secs), sample_at(until).min(dry.len()));
        pluck_string(pluck, number as u32, &mut dry[from..until]);
    }
    dry
}

/// Adds a plucked string: Karplus and Strong's loop, extended as by Jaffe and Smith (Computer Music Journal 7.2, 1983)
/// with a tuned delay, a loss that depends on pitch, and a place where the string is plucked.
fn pluck_string(pluck: &score::Pluck, seed: u32, out: &mut [f64]) {
    const PLUCKED_AT: f64 = 0.19;
    const DAMPED_SAMPLES: f64 = 480.0;
    let period = RATE_HERTZ / pluck.hertz;
    // The loss: a two-point mean weighted by brightness, and a gain for the wanted decay of the fundamental.
    let brightness = 0.78 + 0.10 * pluck.strength;
    let blend = (1.0 - brightness) / 2.0;
    let fades_secs = 6.5 * (110.0 / pluck.hertz).powf(0.45);
    let gain = 10f64.powf(-3.0 * period / (fades_secs * RATE_HERTZ));
    // The mean of three points delays by one sample; an all-pass adds what is not whole, never near 0, where it rings.
    let delay = period - 1.0;
    let whole = (delay - 0.3).floor();
    let (whole, part) = (whole as usize, delay - whole);
    let allpass = (1.0 - part) / (1.0 + part);
    let mut line = excitation(period, PLUCKED_AT, pluck.strength, seed);
    line.resize(whole.max(3), 0.0);
    let (mut at, mut before, mut before_that, mut all_in, mut all_out) = (0, 0.0, 0.0, 0.0, 0.0);
    let length = out.len();
    for (index, sample) in out.iter_mut().enumerate() {
        let value = line[at];
        let mean = gain * (blend * (value + before_that) + (1.0 - 2.0 * blend) * before);
        (before_that, before) = (before, value);
        all_out = allpass * (mean - all_out) + all_in;
        all_in = mean;
        line[at] = all_out;
        at = (at + 1) % line.len();
        // The finger that comes to pluck again stops the string.
        let stopping = ((length - index) as f64 / DAMPED_SAMPLES).min(1.0);
        *sample += pluck.strength * value * stopping;
    }
}

/// What a finger leaves on the string: soft noise and the kink of the pull, without what has a node where it pulls.
fn excitation(period: f64, plucked_at: f64, strength: f64, seed: u32) -> Vec<f64> {
    let count = period.floor() as usize;
    let mut noise = Noise(seed.wrapping_mul(2_654_435_761) ^ 0x5eed);
    let softness = 0.30 + 0.25 * strength;
    let (mut soft, mut softer) = (0.0, 0.0);
    let pull: Vec<f64> = (0..count)
        .map(|sample| {
            let share = sample as f64 / period;
            let kink = if share < plucked_at { share / plucked_at } else { (1.0 - share) / (1.0 - plucked_at) };
            soft += softness * (noise.next() - soft);
            softer += softness * (soft - softer);
            0.75 * (kink - 0.5) + 1.1 * softer
        })
        .collect();
    let mean = pull.iter().sum::<f64>() / count.max(1) as f64;
    let behind = (plucked_at * period) as usize;
    (0..count).map(|sample| pull[sample] - mean - 0.5 * (pull[(sample + count - behind) % count] - mean)).collect()
}

/// What the body makes of the strings: air and plates resonate.
fn guitar_body(strings: &[f64]) -> Vec<f64> {
    /// Frequency, quality and level of each resonance.
    const RESONANCES: [(f64, f64, f64); 8] = [
        (102.0, 14.0, 0.90),
        (196.0, 18.0, 0.80),
        (272.0, 20.0, 0.42),
        (389.0, 22.0, 0.48),
        (545.0, 24.0, 0.32),
        (780.0, 20.0, 0.30),
        (1_150.0, 12.0, 0.28),
        (2_300.0, 4.0, 0.14),
    ];
    let mut body: Vec<f64> = high_pass(strings, 85.0).iter().map(|value| 0.55 * value).collect();
    for (hertz, quality, level) in RESONANCES {
        let turn = TAU * hertz / RATE_HERTZ;
        let alpha = turn.sin() / (2.0 * quality);
        let (a1, a2, b) = (-2.0 * turn.cos() / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha), alpha / (1.0 + alpha));
        let ([mut x1, mut x2], [mut y1, mut y2]) = ([0.0; 2], [0.0; 2]);
        for (sample, value) in body.iter_mut().zip(strings) {
            let y = b * (value - x2) - a1 * y1 - a2 * y2;
            (x2, x1, y2, y1) = (x1, *value, y1, y);
            *sample += 1.6 * level * y;
        }
    }
    low_pass(&body, 7_500.0)
}

fn high_pass(signal: &[f64], hertz: f64) -> Vec<f64> {
    let share = 1.0 - (-TAU * hertz / RATE_HERTZ).exp();
    let mut low = 0.0;
    let filtered = signal.iter().map(|value| {
        low += share * (value - low);
        value - low
    });
    filtered.collect()
}

/// Speed of sound, metres a second.
const SOUND_SPEED: f64 = 343.0;
/// The room: width, depth and height in metres, and what a wall gives back.
const ROOM_METRES: [f64; 3] = [5.2, 4.4, 2.7];
const WALL_GIVES_BACK: f64 = 0.62;
/// Where it is listened from, and how far before the rear wall the things stand.
const LISTENER: [f64; 3] = [2.6, 1.1, 1.2];
const THINGS_DEPTH: f64 = 3.6;
const THINGS_HEIGHT: f64 = 0.7;

/// A dry sound as heard in the room: directly, by the first echoes of the walls, and by a short reverberation.
fn in_room(dry: &[f64], place: f64) -> Stereo {
    let mut heard = vec![[0.0; 2]; dry.len()];
    let thing = [ROOM_METRES[0] * (0.5 + 0.62 * (place - 0.5)), THINGS_DEPTH, THINGS_HEIGHT];
    let direct = distance(thing, LISTENER);
    add(&mut heard, dry, 0, panned(place));
    let dull = low_pass(dry, 5_000.0);
    // The mirror images of the thing in the six walls (Allen and Berkley 1979, first order).
    for (axis, length) in ROOM_METRES.into_iter().enumerate() {
        for wall in [0.0, length] {
            let mut image = thing;
            image[axis] = 2.0 * wall - thing[axis];
            let away = distance(image, LISTENER);
            let late = ((away - direct) / SOUND_SPEED * RATE_HERTZ).round() as usize;
            let level = WALL_GIVES_BACK * direct / away;
            let side = 0.5 + 0.5 * (image[0] - LISTENER[0]) / away;
            add(&mut heard, &dull, late, panned(side).map(|gain| gain * level * 0.55));
        }
    }
    for (frame, tail) in heard.iter_mut().zip(reverberation(&dull)) {
        *frame = [frame[0] + tail[0], frame[1] + tail[1]];
    }
    heard
}

/// Gains of left and right of equal power; the place goes from 0 at the left to 1 at the right.
fn panned(place: f64) -> [f64; 2] {
    let (sin, cos) = (FRAC_PI_2 * place.clamp(0.0, 1.0)).sin_cos();
    [cos, sin]
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

fn add(heard: &mut [[f64; 2]], signal: &[f64], late: usize, gains: [f64; 2]) {
    for (frame, value) in heard.iter_mut().skip(late).zip(signal) {
        *frame = [frame[0] + gains[0] * value, frame[1] + gains[1] * value];
    }
}

fn low_pass(signal: &[f64], hertz: f64) -> Vec<f64> {
    signal.iter().zip(high_pass(signal, hertz)).map(|(value, high)| value - high).collect()
}

/// A feedback delay network (Jot and Chaigne 1991) of eight lines that mix by a Householder reflection.
fn reverberation(input: &[f64]) -> Stereo {
    const LINES: [usize; 8] = [1_009, 1_153, 1_327, 1_459, 1_613, 1_801, 1_949, 2_111];
    const FADES_SECS: f64 = 0.55;
    const LEVEL: f64 = 0.085;
    const DAMPING: f64 = 0.42;
    let gains = LINES.map(|length| 10f64.powf(-3.0 * length as f64 / (FADES_SECS * RATE_HERTZ)));
    let mut lines = LINES.map(|length| vec![0.0; length]);
    let mut damped = [0.0; LINES.len()];
    let mut heard = Vec::with_capacity(input.len());
    for (sample, value) in input.iter().enumerate() {
        let mut frame = [0.0; 2];
        for (number, line) in lines.iter().enumerate() {
            let out = line[sample % line.len()] * gains[number];
            damped[number] += (1.0 - DAMPING) * (out - damped[number]);
            frame[number % 2] += if number % 4 < 2 { LEVEL } else { -LEVEL } * damped[number];
        }
        let mirrored = damped.iter().sum::<f64>() * 2.0 / LINES.len() as f64;
        for (number, line) in lines.iter_mut().enumerate() {
            let place = sample % line.len();
            line[place] = value + damped[number] - mirrored;
        }
        heard.push(frame);
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_SAMPLES: usize = (RATE / score::FRAMES_PER_SEC) as usize;

    fn level_decibels(part: &[[f64; 2]], channel: usize) -> f64 {
        10.0 * (part.iter().map(|frame| frame[channel] * frame[channel]).sum::<f64>() / part.len() as f64).log10()
    }

    #[test]
    fn each_thing_is_heard_in_just_its_frames() {
        for (heard, stretches) in [(bell(), &BELL_SOUNDS[..]), (guitar(), &GUITAR_SOUNDS[..])] {
            for (index, part) in heard.chunks(FRAME_SAMPLES).enumerate() {
                let secs = score::frame_secs(index as u32);
                for channel in 0..2 {
                    let level = level_decibels(part, channel);
                    if score::heard(stretches, secs) {
                        assert!(level > -60.0, "{level} dB at {secs} s");
                    } else {
                        assert_eq!(level, f64::NEG_INFINITY, "at {secs} s");
                    }
                }
            }
        }
    }

    #[test]
    fn things_are_heard_from_where_they_stand() {
        let balance = |heard: &Stereo| level_decibels(heard, 0) - level_decibels(heard, 1);
        assert!(balance(&bell()) > 3.0);
        assert!(balance(&guitar()) < -3.0);
    }

    #[test]
    fn the_clip_is_both_things_and_leaves_headroom() {
        let sound = sound();
        assert_eq!((sound.rate, sound.channels, sound.frames()), (RATE, 2, sample_count()));
        let both = bell().into_iter().flatten().zip(guitar().into_iter().flatten());
        assert!(sound.samples.iter().zip(both).all(|(is, (bell, guitar))| *is == (bell + guitar) as f32));
        let peak = sound.samples.iter().fold(0f32, |most, sample| most.max(sample.abs()));
        assert!((0.3..0.8).contains(&peak), "{peak}");
    }

    #[test]
    fn strings_are_in_tune() {
        for hertz in [87.31, 110.0, 164.81, 329.63] {
            let mut out = vec![0.0; RATE as usize];
            pluck_string(&score::Pluck { secs: 0.0, string: 0, hertz, strength: 1.0 }, 3, &mut out);
            let power = |cents: f64| {
                let turn = TAU * hertz * (cents / 1200.0).exp2() / RATE_HERTZ;
                let windowed = |at: usize| (PI * at as f64 / out.len() as f64).sin().powi(2) * out[at];
                let sum =
                    |wave: fn(f64) -> f64| (0..out.len()).map(|at| wave(turn * at as f64) * windowed(at)).sum::<f64>();
                sum(f64::cos).hypot(sum(f64::sin))
            };
            let powers = (-12..=12).step_by(2).map(|cents| (f64::from(cents), power(f64::from(cents))));
            let (best, _) = powers.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
            assert!(best.abs() <= 2.0, "a string of {hertz} Hz is {best} cents off");
        }
    }

    #[test]
    fn the_sound_is_the_same_each_time() {
        assert_eq!(sound(), std::thread::spawn(sound).join().unwrap());
    }
}
