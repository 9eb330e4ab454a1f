//! What is plucked or struck: strings with a delay line, drums, bells and gongs by their modes.

use super::Score;
use super::filters::{Band, Low, Modes};
use crate::soundstage::exact::{Noise, faded, power_of_two};

/// The loop of Karplus and Strong, extended as by Jaffe and Smith (Computer Music Journal 7.2, 1983) with a tuned
/// delay, a loss that depends on pitch, and a place where the string is plucked; then the body's resonances.
pub fn pluck(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let period = rate / note.hertz;
    let blend = 0.5 * (0.05 + 0.22 * (1.0 - voice.bright) * (1.1 - 0.4 * note.strength));
    let fades_secs = (1.5 + 2.5 * voice.colors[0]) * power_of_two(0.35 * (1.0 - note.hertz / 220.0));
    let gain = faded(1.0 / note.hertz, fades_secs);
    // The mean of three points delays by one sample; an all-pass adds what is not whole, never near 0, where it rings.
    let delay = period - 1.0;
    let whole = (delay - 0.3).max(2.0) as usize;
    let part = (delay - whole as f32).clamp(0.1, 1.4);
    let allpass = (1.0 - part) / (1.0 + part);
    let mut line = excitation(score, period, whole);
    let mut body = [(102.0, 9.0), (204.0, 10.0), (395.0, 12.0), (1300.0, 3.0)]
        .map(|(hertz, quality)| Band::new(hertz * (0.85 + 0.3 * voice.colors[1]), quality, rate));
    let (mut at, mut before, mut before_that, mut all_in, mut all_out) = (0, 0.0f32, 0.0f32, 0.0f32, 0.0f32);
    let last = line.len() - 1;
    for index in 0..score.skip + out.len() {
        let value = line[at];
        let mean = gain * (blend * (value + before_that) + (1.0 - 2.0 * blend) * before);
        (before_that, before) = (before, value);
        all_out = allpass * (mean - all_out) + all_in;
        all_in = mean;
        line[at] = all_out;
        at = if at == last { 0 } else { at + 1 };
        let [air, plate, upper, high] = &mut body;
        let heard = 0.62 * value
            + 0.7 * air.next(value)
            + 0.6 * plate.next(value)
            + 0.4 * upper.next(value)
            + 0.3 * high.next(value);
        if index >= score.skip {
            out[index - score.skip] = heard;
        }
    }
}

/// What a finger leaves on the string: the kink of the pull and soft noise, without what has a node where it pulls.
fn excitation(score: &Score, period: f32, whole: usize) -> Vec<f32> {
    let plucked_at = 0.12 + 0.15 * score.voice.colors[2];
    let count = period as usize;
    let mut noise = Noise::of(&mut score.dice.clone());
    let mut soft = Low::new((1800.0 + 5200.0 * score.voice.bright) * (0.6 + 0.4 * score.note.strength), score.rate);
    let pull: Vec<f32> = (0..count)
        .map(|sample| {
            let share = sample as f32 / period;
            let kink = if share < plucked_at { share / plucked_at } else { (1.0 - share) / (1.0 - plucked_at) };
            soft.next(1.3 * (kink - 0.5) + 1.0 * noise.next())
        })
        .collect();
    let mean = pull.iter().sum::<f32>() / count.max(1) as f32;
    let behind = (plucked_at * period) as usize;
    let comb = (0..count).map(|sample| pull[sample] - mean - 0.55 * (pull[(sample + count - behind) % count] - mean));
    let mut line: Vec<f32> = comb.collect();
    line.resize(whole.max(3), 0.0);
    line
}

/// A circular membrane's modes, a bend of pitch at the blow, and the rattle of wires.
pub fn drum(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let fades = 0.35 + 0.5 * voice.colors[0];
    // Zeros of the Bessel functions over the first.
    const RATIOS: [(f32, f32); 8] = [
        (1.0, 1.0),
        (1.593, 0.7),
        (2.136, 0.5),
        (2.296, 0.38),
        (2.653, 0.34),
        (2.918, 0.26),
        (3.156, 0.2),
        (3.6, 0.16),
    ];
    let modes = RATIOS
        .map(|(ratio, level)| (note.hertz * ratio, level * (0.6 + 0.6 * voice.bright * note.strength), fades / ratio));
    let mut membrane = Modes::new(modes, rate);
    membrane.strike(1.0);
    let mut noise = Noise::of(&mut score.dice.clone());
    let (mut wires, mut click) = (Band::new(2600.0 + 2400.0 * voice.bright, 0.7, rate), Low::new(1600.0, rate));
    let rattle = 1.5 * voice.colors[1];
    let (wire_left, click_left) = (faded(1.0 / rate, 0.16 + 0.22 * voice.colors[2]), faded(1.0 / rate, 0.035));
    let (mut wire_level, mut click_level) = (rattle * note.strength, 1.6f32);
    let (mut bent, mut turned) = (0.25f32, 0.0f32);
    for index in 0..score.skip + out.len() {
        let hiss = noise.next();
        // The bend of the pitch: a low sine that falls while it fades.
        turned += note.hertz * (0.55 + bent) / rate;
        turned -= turned as i32 as f32;
        bent *= 1.0 - 14.0 / rate;
        let thump = crate::soundstage::exact::sine_f32(turned) * bent * 3.0;
        let value = 0.55 * membrane.next() + thump + wires.next(hiss) * wire_level + click.next(hiss) * click_level;
        wire_level *= wire_left;
        click_level *= click_left;
        if index >= score.skip {
            out[index - score.skip] = value;
        }
    }
}

/// Hum, prime, tierce, quint, nominal and what lies above, as church bells are tuned: the tierce a minor third. No bell
/// is perfectly round: the strongest modes are pairs that beat.
pub fn bell(score: &Score, out: &mut [f32]) {
    const PARTIALS: [(f32, f32, f32, f32); 16] = [
        (0.5, 0.34, 6.0, 0.0),
        (1.0, 0.34, 4.6, -0.25),
        (1.0, 0.24, 4.6, 0.25),
        (1.189, 0.40, 4.0, -0.3),
        (1.189, 0.26, 4.0, 0.3),
        (1.5, 0.2, 3.0, 0.0),
        (2.0, 0.52, 3.4, -0.4),
        (2.0, 0.34, 3.4, 0.4),
        (2.514, 0.2, 2.0, 0.0),
        (2.662, 0.18, 1.9, 0.0),
        (3.011, 0.42, 1.7, 0.0),
        (4.166, 0.34, 1.2, 0.0),
        (5.433, 0.24, 0.8, 0.0),
        (6.796, 0.17, 0.6, 0.0),
        (8.215, 0.12, 0.45, 0.0),
        (9.661, 0.08, 0.33, 0.0),
    ];
    let voice = score.voice;
    let warp = 1.0 + 0.02 * (voice.colors[1] - 0.5);
    let longer = 0.6 + 0.7 * voice.colors[0];
    let modes = PARTIALS.map(|(ratio, level, fades, beat)| {
        let bright = if ratio > 2.0 { 0.45 + 0.8 * voice.bright * score.note.strength } else { 1.0 };
        let hertz = score.note.hertz * (1.0 + (ratio - 1.0) * warp) + beat * (0.5 + voice.colors[2]);
        (hertz, level * bright, fades * longer)
    });
    let mut bell = Modes::new(modes, score.rate);
    bell.strike(1.0);
    let mut noise = Noise::of(&mut score.dice.clone());
    let mut knock = Band::new(2400.0, 0.8, score.rate);
    let (mut knock_level, knock_left) = (0.9f32, faded(1.0 / score.rate, 0.04));
    for index in 0..score.skip + out.len() {
        let value = bell.next() + knock.next(noise.next()) * knock_level;
        knock_level *= knock_left;
        if index >= score.skip {
            out[index - score.skip] = value;
        }
    }
}

/// Blows that follow each other evenly on modes that ring: runs from half a second before what is wanted.
fn hammered<const COUNT: usize>(
    score: &Score,
    out: &mut [f32],
    hertz: f32,
    gongs: &mut [Modes<COUNT>; 2],
    jitter: f32,
) {
    let period = score.rate / hertz;
    let memory = (0.5 * score.rate) as usize;
    let first_blow = (score.skip.saturating_sub(memory) as f32 / period) as usize;
    let mut blow = first_blow;
    let start = (first_blow as f32 * period) as usize;
    let mut next = start;
    for index in start..score.skip + out.len() {
        if index == next {
            let force = 1.0 - jitter * crate::soundstage::exact::lattice(blow as i32, 3, score.voice.seed as u32);
            gongs[blow % 2].strike(force);
            blow += 1;
            next = (blow as f32 * period) as usize;
        }
        let value = gongs.iter_mut().map(Modes::next).sum::<f32>();
        if index >= score.skip {
            out[index - score.skip] = value;
        }
    }
}

/// A hammer between two small bells.
pub fn alarm(score: &Score, out: &mut [f32]) {
    let voice = score.voice;
    let bell = |pitch: f32| {
        let partials = [
            (1.0, 0.55, 0.3),
            (1.52, 0.42, 0.24),
            (2.18, 0.5, 0.2),
            (2.74, 0.3, 0.15),
            (3.4, 0.3, 0.12),
            (4.3, 0.2, 0.1),
            (0.43, 0.1, 0.1),
            (5.2, 0.12, 0.08),
        ];
        let bright = 0.5 + 0.8 * voice.bright;
        Modes::new(
            partials.map(|(ratio, level, fades)| {
                (
                    score.note.hertz * pitch * ratio,
                    if ratio > 2.0 { level * bright } else { level },
                    fades * (0.7 + 0.7 * voice.colors[0]),
                )
            }),
            score.rate,
        )
    };
    let mut bells = [bell(1.0), bell(1.03 + 0.09 * voice.colors[1])];
    hammered(score, out, (19.0 + 7.0 * voice.colors[2]) * voice.tempo.min(1.15), &mut bells, 0.35);
    for (index, sample) in out.iter_mut().enumerate() {
        *sample *= 2.0 * score.envelope(index, 0.01, 0.12);
    }
}

/// Two gongs, a third or so apart, that a clapper strikes in turn.
pub fn telephone(score: &Score, out: &mut [f32]) {
    let voice = score.voice;
    let gong = |pitch: f32| {
        let partials = [
            (1.0, 0.8, 0.65),
            (2.02, 0.55, 0.45),
            (3.05, 0.36, 0.3),
            (4.5, 0.18, 0.2),
            (0.5, 0.12, 0.3),
            (2.55, 0.2, 0.3),
            (5.9, 0.1, 0.12),
            (1.52, 0.12, 0.4),
        ];
        let bright = 0.4 + 0.8 * voice.bright;
        Modes::new(
            partials.map(|(ratio, level, fades)| {
                (
                    score.note.hertz * pitch * ratio,
                    if ratio > 2.2 { level * bright } else { level },
                    fades * (0.6 + 0.6 * voice.colors[0]),
                )
            }),
            score.rate,
        )
    };
    let mut gongs = [gong(1.0), gong(1.19 + 0.08 * voice.colors[1])];
    hammered(score, out, 22.0 + 6.0 * voice.colors[2], &mut gongs, 0.2);
    for (index, sample) in out.iter_mut().enumerate() {
        *sample *= 1.4 * score.envelope(index, 0.012, 0.32);
    }
}
