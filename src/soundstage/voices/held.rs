//! What is bowed, blown, called or driven: spectra, formants, frequency modulation and filtered noise.

use super::Score;
use super::filters::{Band, Low, fraction, harmonics, saw, wander};
use crate::soundstage::exact::{Noise, faded, lattice, semitones, sine, sine_f32, smooth_step};

/// A sawtooth, as the string sticks to the bow and slips, with vibrato; then the body's resonances.
pub fn bow(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let mut body = [(285.0, 6.0), (470.0, 6.0), (820.0, 3.0), (1450.0, 2.5), (2700.0, 1.6)]
        .map(|(hertz, quality)| Band::new(hertz * (0.9 + 0.2 * voice.colors[0]), quality, rate));
    let levels = [0.9, 1.0, 0.8, 0.8, 0.35 + 0.6 * voice.bright];
    let mut noise = Noise::of(&mut score.dice.clone());
    let mut hair = Band::new(3200.0, 0.6, rate);
    let vibrato_hertz = 4.8 + 1.4 * voice.colors[1];
    let depth = 0.0045 + 0.0055 * voice.colors[2];
    let mut phase = 0.0f32;
    let base = note.hertz / rate;
    for index in 0..score.skip + out.len() {
        let secs = index as f32 / rate;
        let wave = sine_f32((secs * vibrato_hertz).fract());
        let step = base * (1.0 + depth * smooth_step(0.08, 0.35, secs) * wave);
        phase += step;
        if phase >= 1.0 {
            phase -= 1.0;
        }
        let hiss = noise.next();
        let string = saw(phase, step) + 0.06 * hiss;
        let heard: f32 = body.iter_mut().zip(levels).map(|(band, level)| level * band.next(string)).sum();
        let value = heard + 0.16 * string + 0.05 * hair.next(hiss);
        if index >= score.skip {
            let at = index - score.skip;
            out[at] = value * (1.0 + 0.08 * wave) * score.envelope(at, 0.07, 0.09);
        }
    }
}

/// A few harmonics, breath around them, and a vibrato of loudness more than of pitch.
pub fn flute(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let mut noise = Noise::of(&mut score.dice.clone());
    let (mut near, mut above) = (Band::new(note.hertz, 5.0, rate), Band::new(2.0 * note.hertz + 900.0, 0.9, rate));
    let levels = [1.0, 0.18 + 0.3 * voice.bright, 0.07 + 0.16 * voice.colors[0], 0.05 * voice.bright, 0.02];
    let below_limit = (0.45 * rate / note.hertz) as usize;
    let levels = &levels[..below_limit.clamp(1, levels.len())];
    let breath = 0.25 + 0.45 * voice.colors[1];
    let vibrato_hertz = 4.6 + 1.2 * voice.colors[2];
    let mut phase = 0.0f32;
    let base = note.hertz / rate;
    for index in 0..score.skip + out.len() {
        let secs = index as f32 / rate;
        let wave = sine_f32((secs * vibrato_hertz).fract()) * smooth_step(0.1, 0.4, secs);
        // It begins a little flat, with a puff of breath.
        phase += base * (1.0 + 0.004 * wave - 0.02 * faded(secs, 0.12));
        if phase >= 1.0 {
            phase -= 1.0;
        }
        let mut value = harmonics(phase, levels);
        let hiss = noise.next();
        let puff = breath * (1.0 + 4.0 * faded(secs, 0.1));
        value += puff * (0.7 * near.next(hiss) + 0.10 * above.next(hiss));
        if index >= score.skip {
            let at = index - score.skip;
            out[at] = value * (1.0 + 0.16 * wave) * score.envelope(at, 0.05, 0.07);
        }
    }
}

/// A gliding tone; some chirps trill.
pub fn chirp(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let lasts = note.lasts_secs as f32;
    let (from, over) = match note.voice {
        0 => (semitones(-3.0 - 6.0 * voice.colors[0]), semitones(1.0 + 3.0 * voice.colors[1])),
        1 => (semitones(5.0 * voice.colors[1] + 2.0), semitones(-4.0 - 3.0 * voice.colors[2])),
        _ => (semitones(-2.0), semitones(4.0 * voice.colors[2])),
    };
    let trill_hertz = 28.0 + 30.0 * voice.colors[3];
    let trill = if voice.colors[0] > 0.5 { 0.06 } else { 0.012 };
    let mut phase = 0.0f32;
    for index in 0..score.skip + out.len() {
        let secs = index as f32 / rate;
        let share = (secs / lasts).min(1.0);
        // Up or down and half back.
        let bend = from + (over - from) * (share * (2.0 - share));
        let hertz = note.hertz * bend * (1.0 + trill * sine_f32((secs * trill_hertz).fract()));
        phase += (hertz / rate).min(0.48);
        if phase >= 1.0 {
            phase -= 1.0;
        }
        if index >= score.skip {
            let at = index - score.skip;
            let second = if 2.0 * hertz < 0.45 * rate { 0.16 * voice.bright * sine_f32(2.0 * phase) } else { 0.0 };
            out[at] = (sine_f32(phase) + second) * score.envelope(at, 0.018, 0.035);
        }
    }
}

/// A short cry: pulses and noise through the formants of a throat that opens and closes.
pub fn bark(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let lasts = note.lasts_secs as f32;
    let size = 0.82 + 0.4 * voice.colors[0];
    let mut throat = [(620.0, 4.0), (1150.0, 4.5), (2300.0, 4.0), (3500.0, 3.0)]
        .map(|(hertz, quality)| Band::new(hertz * size, quality, rate));
    let levels = [1.0, 0.9, 0.45 + 0.3 * voice.bright, 0.3 * voice.bright];
    let mut noise = Noise::of(&mut score.dice.clone());
    let mut phase = 0.0f32;
    let rough = 0.35 + 0.35 * voice.colors[1];
    for index in 0..score.skip + out.len() {
        let share = (index as f32 / rate / lasts).min(1.0);
        // Up quickly, then down.
        let bend = if share < 0.22 { 0.75 + 0.55 * share / 0.22 } else { 1.3 - 0.75 * (share - 0.22) / 0.78 };
        let hiss = noise.next();
        let step = note.hertz * bend * (1.0 + 0.05 * hiss) / rate;
        phase += step;
        if phase >= 1.0 {
            phase -= 1.0;
        }
        let source = saw(phase, step) + rough * hiss;
        let value: f32 = throat.iter_mut().zip(levels).map(|(band, level)| level * band.next(source)).sum();
        if index >= score.skip {
            let at = index - score.skip;
            out[at] = 1.7 * value * score.envelope(at, 0.018, 0.6 * lasts);
        }
    }
}

/// Wail, yelp or two tones: a harmonic-rich tone whose phase is known at any time.
pub fn siren(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let kind = (voice.colors[0] * 3.0) as u32;
    let begin = note.at_secs;
    let mut soft = [Band::new(note.hertz * 1.3, 0.8, rate), Band::new(note.hertz * 3.0, 1.2, rate)];
    let mut before = phase_of(kind, voice.tempo, note.hertz, 0.0);
    let memory = score.skip.min(256);
    for index in 0..memory + out.len() {
        let sample = score.skip - memory + index;
        let secs = f64::from(sample as u32) / f64::from(rate);
        let heard = secs - score.passage.map_or(0.0, |passage| passage.delay_secs(begin + secs));
        let turns = phase_of(kind, voice.tempo, note.hertz, heard);
        let step = ((turns - before) as f32).clamp(1e-5, 0.45);
        before = turns;
        let phase = fraction(turns);
        let tone = saw(phase, step) * 0.6 + 0.6 * sine_f32(phase);
        let value = soft[0].next(tone) + (0.25 + 0.5 * voice.bright) * soft[1].next(tone);
        if index >= memory {
            let at = index - memory;
            out[at] = value * score.envelope(at, 0.08, 0.12);
        }
    }
}

/// Turns of the siren's tone after `secs`.
fn phase_of(kind: u32, tempo: f32, hertz: f32, secs: f64) -> f64 {
    let (hertz, tempo) = (f64::from(hertz), f64::from(tempo));
    match kind {
        0 | 1 => {
            // Up and down like a sine: slow wail or quick yelp.
            let cycle = if kind == 0 { 0.28 * tempo } else { 2.6 * tempo };
            let turns = secs * cycle + 0.75;
            hertz * (secs - 0.38 / (std::f64::consts::TAU * cycle) * f64::from(sine(turns + 0.25)))
        }
        _ => {
            // Two tones a fourth apart.
            let half = 0.55 / tempo;
            let (low, high) = (0.72 * hertz, 0.96 * hertz);
            let cycles = (secs / (2.0 * half)).floor();
            let rest = secs - cycles * 2.0 * half;
            cycles * half * (low + high) + if rest < half { rest * high } else { half * high + (rest - half) * low }
        }
    }
}

/// Firings of an engine and the roll of tyres, shifted by Doppler as it passes.
pub fn engine(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let begin = note.at_secs;
    let seed = voice.seed as u32;
    // Harmonics of half the firing rate: no cylinder is like the others.
    let levels: [f32; 12] = std::array::from_fn(|number| {
        let harmonic = number as f32 + 1.0;
        let own = 0.35 + 0.65 * lattice(number as i32, 7, seed);
        let even = if number % 2 == 1 { 1.0 } else { 0.45 };
        own * even / (1.0 + harmonic * (0.34 - 0.2 * voice.bright))
    });
    let (mut roll, mut wind, mut rumble) =
        (Band::new(750.0 + 500.0 * voice.colors[1], 0.7, rate), Low::new(1500.0, rate), Low::new(140.0, rate));
    let memory = score.skip.min(1024);
    let mut noise = Noise::of(&mut score.dice.part(score.skip as u64));
    for index in 0..memory + out.len() {
        let sample = score.skip - memory + index;
        let secs = f64::from(sample as u32) / f64::from(rate);
        let heard = secs - score.passage.map_or(0.0, |passage| passage.delay_secs(begin + secs));
        let rev = 1.0 + 0.06 * f64::from(voice.colors[2]);
        let turns =
            0.5 * f64::from(note.hertz) * rev * heard + 0.12 * f64::from(wander((secs * 0.5) as f32, voice.colors[3]));
        let phase = fraction(turns);
        let tone = harmonics(phase, &levels);
        let hiss = noise.next();
        let tyres = 1.1 * roll.next(hiss) + 0.7 * wind.next(hiss) + 1.3 * rumble.next(hiss);
        if index >= memory {
            let at = index - memory;
            out[at] = (0.42 * tone + (0.5 + 0.4 * voice.colors[0]) * tyres) * score.envelope(at, 0.35, 0.45);
        }
    }
}

/// The rumble of boiling, then the whistle that rises to its pitch.
pub fn kettle(score: &Score, out: &mut [f32]) {
    let (note, voice, rate) = (score.note, score.voice, score.rate);
    let (mut rumble, mut jet) = (Low::new(420.0, rate), Band::new(note.hertz * 1.6, 0.8, rate));
    let memory = score.skip.min(1024);
    let mut noise = Noise::of(&mut score.dice.part(score.skip as u64));
    let second = 1.19 + 0.12 * voice.colors[0];
    let glide = 0.9 / voice.tempo;
    for index in 0..memory + out.len() {
        let sample = score.skip - memory + index;
        let secs = f64::from(sample as u32) / f64::from(rate);
        let since = secs as f32;
        // The pitch rises from 0.7 of its end and settles: f(t) = h·(1 − 0.3·2^(−t/g)), integrated.
        let settled = crate::soundstage::exact::power_of_two(-since / glide);
        let risen = secs - 0.3 * f64::from(glide) * std::f64::consts::LOG2_E * f64::from(1.0 - settled);
        let turns = f64::from(note.hertz) * (risen + 0.0016 * f64::from(wander(since * 1.7, voice.colors[2])));
        let hiss = noise.next();
        let whistle = smooth_step(0.1, 0.9, since) * (0.85 + 0.15 * wander(3.0 * since, voice.colors[1]));
        let upper = if note.hertz * second < 0.45 * rate { 0.3 * sine(turns * f64::from(second)) } else { 0.0 };
        let tone = 0.9 * sine(turns) + upper + 0.2 * voice.bright * sine(2.0 * turns);
        let value = whistle * (tone + 0.35 * jet.next(hiss)) + 0.8 * rumble.next(hiss) + 0.05 * hiss;
        if index >= memory {
            let at = index - memory;
            out[at] = value * score.envelope(at, 0.08, 0.25);
        }
    }
}
