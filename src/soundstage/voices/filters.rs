//! Small filters, and banks of modes that ring.

use crate::soundstage::exact::{cosine, faded, sine, sine_f32};

/// A resonance or a band: a two-pole filter with zeros at nothing and at half the rate, 0 dB at its peak.
#[derive(Clone, Copy, Debug)]
pub struct Band {
    b: f32,
    a1: f32,
    a2: f32,
    x1: f32,
    x2: f32,
    y1: f32,
    y2: f32,
}

impl Band {
    pub fn new(hertz: f32, quality: f32, rate: f32) -> Self {
        let turns = f64::from((hertz / rate).min(0.47));
        let (sin, cos) = (sine(turns), cosine(turns));
        let alpha = sin / (2.0 * quality);
        let scale = 1.0 / (1.0 + alpha);
        Self { b: alpha * scale, a1: -2.0 * cos * scale, a2: (1.0 - alpha) * scale, x1: 0.0, x2: 0.0, y1: 0.0, y2: 0.0 }
    }

    #[inline]
    pub fn next(&mut self, x: f32) -> f32 {
        let y = self.b * (x - self.x2) - self.a1 * self.y1 - self.a2 * self.y2;
        (self.x2, self.x1, self.y2, self.y1) = (self.x1, x, self.y1, y);
        y
    }
}

/// Lets through what is below a frequency: one pole.
#[derive(Clone, Copy, Debug)]
pub struct Low {
    share: f32,
    value: f32,
}

impl Low {
    pub fn new(hertz: f32, rate: f32) -> Self {
        // 1 − exp(−2πf/r): 9.064 = 2π/ln 2.
        let share = 1.0 - crate::soundstage::exact::power_of_two(-9.064_72 * hertz / rate);
        Self { share, value: 0.0 }
    }

    #[inline]
    pub fn next(&mut self, x: f32) -> f32 {
        self.value += self.share * (x - self.value);
        self.value
    }
}

/// Modes that ring on after each blow, all at once.
#[derive(Clone, Debug)]
pub struct Modes<const COUNT: usize> {
    cos: [f32; COUNT],
    sin: [f32; COUNT],
    level: [f32; COUNT],
    x: [f32; COUNT],
    y: [f32; COUNT],
}

impl<const COUNT: usize> Modes<COUNT> {
    /// Each mode's frequency, level, and the seconds in which it falls by 60 dB; those above half the rate are left out.
    pub fn new(modes: [(f32, f32, f32); COUNT], rate: f32) -> Self {
        let mut bank =
            Self { cos: [0.0; COUNT], sin: [0.0; COUNT], level: [0.0; COUNT], x: [0.0; COUNT], y: [0.0; COUNT] };
        for (index, (hertz, level, fades_secs)) in modes.into_iter().enumerate() {
            if hertz < 0.46 * rate {
                let turns = f64::from(hertz / rate);
                let left = faded(1.0 / rate, fades_secs);
                bank.cos[index] = cosine(turns) * left;
                bank.sin[index] = sine(turns) * left;
                bank.level[index] = level;
            }
        }
        bank
    }

    /// A blow.
    pub fn strike(&mut self, force: f32) {
        for (x, level) in self.x.iter_mut().zip(self.level) {
            *x += force * level;
        }
    }

    /// The next sample.
    #[inline]
    pub fn next(&mut self) -> f32 {
        let mut sum = 0.0;
        for index in 0..COUNT {
            let (x, y) = (self.x[index], self.y[index]);
            self.x[index] = x * self.cos[index] - y * self.sin[index];
            self.y[index] = x * self.sin[index] + y * self.cos[index];
            sum += self.y[index];
        }
        sum
    }
}

/// A sawtooth without the harmonics that would fold back (Välimäki and Huovilainen's polynomial step).
#[inline]
pub fn saw(phase: f32, step: f32) -> f32 {
    let mut value = 2.0 * phase - 1.0;
    if phase < step {
        let t = phase / step;
        value -= t + t - t * t - 1.0;
    } else if phase > 1.0 - step {
        let t = (phase - 1.0) / step;
        value -= t * t + t + t + 1.0;
    }
    value
}

/// The sum of a tone's harmonics with these levels, the first one first; `phase` in turns.
#[inline]
pub fn harmonics(phase: f32, levels: &[f32]) -> f32 {
    // sin((n + 1)x) = 2 cos(x) sin(nx) − sin((n − 1)x)
    let twice_cosine = 2.0 * sine_f32(phase + 0.25);
    let (mut before, mut now, mut sum) = (0.0, sine_f32(phase), 0.0);
    for level in levels {
        sum += level * now;
        (before, now) = (now, twice_cosine * now - before);
    }
    sum
}

/// How far a number is above the whole one below it.
#[inline]
pub fn fraction(value: f64) -> f32 {
    let rest = (value - value as i64 as f64) as f32;
    if rest < 0.0 { rest + 1.0 } else { rest }
}

/// A slow wobble around 0 that does not repeat soon.
pub fn wander(secs: f32, seed: f32) -> f32 {
    0.5 * (sine_f32((0.37 * secs + seed).fract()) + sine_f32((0.83 * secs + 2.3 * seed).fract()))
}
