//! The sound of a clip: voices placed between left and right, and the answer of the room.

use std::ops::Range;

use super::exact::{Dice, cosine, faded, lattice, power_of_two, sine};
use super::performance::ROOM_TAIL_SECS;
use super::plan::{ClipPlan, Program, SceneryKind, Thing};
use super::voices::{self, Score};
use crate::signal::Waveform;

/// Left and right.
type Sides = [Vec<f32>; 2];

/// Names a part of the clip's dice.
mod part {
    pub const ROOM: u64 = 40;
    pub const NOISE: u64 = 41;
    pub const NOTE: u64 = 10_000;
}

impl ClipPlan {
    /// The clip's sound from one time to another, stereo, at any rate; no more than the clip is long.
    ///
    /// A stretch holds what the whole clip holds there, but for noise in voices that are let in from the middle.
    pub fn sound(&self, rate: u32, secs: Range<f64>) -> Waveform {
        self.mixture(rate, secs, |_| true, true)
    }

    /// What one thing (by its place in `things`) contributes to [`ClipPlan::sound`].
    pub fn sound_of(&self, thing: usize, rate: u32, secs: Range<f64>) -> Waveform {
        self.mixture(rate, secs, |number| number == thing, false)
    }

    /// The whole clip's sound.
    pub fn whole_sound(&self, rate: u32) -> Waveform {
        self.sound(rate, 0.0..self.lasts_secs())
    }

    fn mixture(&self, rate: u32, secs: Range<f64>, heard: impl Fn(usize) -> bool, noise: bool) -> Waveform {
        let at = |secs: f64| (secs.clamp(0.0, self.lasts_secs()) * f64::from(rate)).round() as usize;
        let samples = at(secs.start)..at(secs.end);
        if rate == 0 || samples.is_empty() {
            return Waveform { rate, channels: 2, samples: Vec::new() };
        }
        let room = Room::of(self.scenery, &mut self.dice.part(part::ROOM));
        // The room answers what was played before.
        let memory = (ROOM_TAIL_SECS * f64::from(rate)).ceil() as usize;
        let start = samples.start.saturating_sub(memory);
        let count = samples.end - start;
        let mut sides = [vec![0.0; count], vec![0.0; count]];
        let mut wet = vec![0.0; count];
        let mut scratch = Vec::new();
        let mut any = false;
        for (number, thing) in self.things.iter().enumerate().filter(|(number, _)| heard(*number)) {
            any |= self.add_thing(number, thing, rate, start, &room, (&mut sides, &mut wet), &mut scratch);
        }
        if any {
            room.answer(&wet, rate, &mut sides);
        }
        let mut sides = sides.map(|side| side[samples.start - start..].to_vec());
        if noise && self.program == Program::Noise {
            self.add_noise(rate, samples.start, &mut sides);
        }
        let [left, right] = &sides;
        let samples = left.iter().zip(right).flat_map(|(left, right)| [limited(*left), limited(*right)]).collect();
        Waveform { rate, channels: 2, samples }
    }

    /// Adds a thing's notes; says whether there were any.
    fn add_thing(
        &self,
        number: usize,
        thing: &Thing,
        rate: u32,
        start: usize,
        room: &Room,
        (sides, wet): (&mut Sides, &mut [f32]),
        scratch: &mut Vec<f32>,
    ) -> bool {
        let until = start + wet.len();
        let mut any = false;
        let position = |sample: usize| self.pan(thing, sample as f64 / f64::from(rate));
        let still = position(0);
        for (own, note) in thing.notes.iter().enumerate() {
            let begin = (note.at_secs * f64::from(rate)).round() as usize;
            let end = begin + (note.lasts_secs * f64::from(rate)) as usize;
            if end <= start || begin >= until {
                continue;
            }
            any = true;
            let skip = start.saturating_sub(begin);
            let first = begin.max(start);
            scratch.clear();
            scratch.resize(end.min(until) - first, 0.0);
            let dice = Dice::of(&[thing.voice.seed, part::NOTE + number as u64, own as u64]);
            let score = Score { note, voice: &thing.voice, rate: rate as f32, skip, dice, passage: thing.passage };
            voices::sing(thing.kind, &score, scratch);
            let near = first - start;
            let [left, right] = sides;
            let range = near..near + scratch.len();
            let outs = left[range.clone()].iter_mut().zip(&mut right[range.clone()]).zip(&mut wet[range]);
            if thing.passage.is_none() {
                for (((left, right), wet), value) in outs.zip(&*scratch) {
                    *left += value * still[0];
                    *right += value * still[1];
                    *wet += value * room.wet;
                }
                continue;
            }
            // Places change slowly: every so many samples is enough, on a grid that does not depend on the stretch.
            const GRID: usize = 64;
            let mut gains = [0.0; 3];
            for (index, (((left, right), wet), value)) in outs.zip(&*scratch).enumerate() {
                let sample = first + index;
                if index == 0 || sample.is_multiple_of(GRID) {
                    let [left, right] = position(sample - sample % GRID);
                    let secs = (sample - sample % GRID) as f64 / f64::from(rate);
                    let gain = thing.passage.map_or(1.0, |passage| passage.gain(secs));
                    gains = [left * gain, right * gain, room.wet * gain];
                }
                *left += value * gains[0];
                *right += value * gains[1];
                *wet += value * gains[2];
            }
        }
        any
    }

    /// Gains of left and right, of equal power, for where a thing is.
    fn pan(&self, thing: &Thing, secs: f64) -> [f32; 2] {
        let aspect = self.size().aspect();
        // What is outside is heard from the edge.
        let place = (thing.place.x_at(secs) / aspect).clamp(0.0, 1.0);
        let turns = 0.25 * (0.06 + 0.88 * place);
        [cosine(turns) * std::f32::consts::SQRT_2, sine(turns) * std::f32::consts::SQRT_2]
    }

    /// Noise from nowhere: of one of a few colours, the same on no two sides.
    fn add_noise(&self, rate: u32, first: usize, sides: &mut Sides) {
        let mut dice = self.dice.part(part::NOISE);
        let color = dice.unit();
        let level = 0.05 + 0.12 * dice.unit();
        let share = 1.0 - power_of_two(-9.064_72 * (200.0 + 7000.0 * color * color) / rate as f32);
        let seeds = [0, 1].map(|_| dice.below(1 << 24) as u32);
        let boost = level / share.sqrt();
        for (side, seed) in sides.iter_mut().zip(seeds) {
            let mut low = 0.0;
            // The filter's memory is short: a little earlier is enough.
            const BEFORE: usize = 512;
            for sample in first.saturating_sub(BEFORE)..first + side.len() {
                let white = 2.0 * lattice(sample as i32, 11, seed) - 1.0;
                low += share * (white - low);
                if sample >= first {
                    side[sample - first] += boost * low;
                }
            }
        }
    }
}

/// Keeps what is loud within ±1 without a corner.
fn limited(value: f32) -> f32 {
    const KNEE: f32 = 0.7;
    let over = value.abs() - KNEE;
    if over <= 0.0 {
        return value;
    }
    let over = over / (1.0 - KNEE);
    (KNEE + (1.0 - KNEE) * over / (1.0 + over)).copysign(value)
}

/// How a place answers: a few early echoes, then many sparse ones (velvet noise, Karjalainen and Järveläinen 2007).
struct Room {
    wet: f32,
    /// Seconds, side and gain of each echo.
    echoes: Vec<(f32, usize, f32)>,
}

impl Room {
    fn of(scenery: SceneryKind, dice: &mut Dice) -> Self {
        let (wet, per_side, fades_secs) = match scenery {
            SceneryKind::Room | SceneryKind::Panels => (dice.within(0.35, 0.8), 120, dice.within(0.25, 0.6)),
            SceneryKind::Street => (dice.within(0.2, 0.45), 50, dice.within(0.15, 0.35)),
            SceneryKind::Field => (dice.within(0.02, 0.12), 24, 0.15),
        };
        let tail = ROOM_TAIL_SECS as f32 - 0.004;
        let mut echoes = Vec::with_capacity(2 * per_side);
        for side in 0..2 {
            for number in 0..per_side {
                let secs = 0.006 + (tail - 0.006) * (number as f32 + dice.unit()) / per_side as f32;
                // Fades, and ends with the tail.
                let gain = faded(secs, fades_secs) * (1.0 - secs / tail) * (7.0 / per_side as f32).sqrt();
                echoes.push((secs, side, if dice.chance(0.5) { gain } else { -gain }));
            }
        }
        Self { wet, echoes }
    }

    fn answer(&self, wet: &[f32], rate: u32, sides: &mut Sides) {
        // Walls take the highs.
        let share = 1.0 - power_of_two(-9.064_72 * 4500.0 / rate as f32);
        let mut low = 0.0;
        let dull: Vec<f32> = wet
            .iter()
            .map(|value| {
                low += share * (value - low);
                // Far below hearing: kept from lingering as a denormal number.
                low = if low.abs() < 1e-12 { 0.0 } else { low };
                low
            })
            .collect();
        // In blocks, so that what is read and written stays close by.
        const BLOCK: usize = 4096;
        for (side, out) in sides.iter_mut().enumerate() {
            for block in (0..out.len()).step_by(BLOCK) {
                let end = (block + BLOCK).min(out.len());
                for (secs, _, gain) in self.echoes.iter().filter(|echo| echo.1 == side) {
                    let late = (secs * rate as f32) as usize;
                    if late >= end {
                        continue;
                    }
                    let from = block.max(late);
                    for (value, early) in out[from..end].iter_mut().zip(&dull[from - late..end - late]) {
                        *value += gain * early;
                    }
                }
            }
        }
    }
}
