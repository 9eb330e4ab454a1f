//! Which samples come next: the place in the clip, the loop, the speed, and the short fades between them.

use std::sync::Arc;

use super::clip_sound::ClipSound;
use super::timeline::Segment;
use crate::signal::{TimeStretch, Waveform};

/// A change of place or sound fades over this long, so that it does not click.
const FADE_SECS: f64 = 0.005;
/// The volume moves over its whole range in this time.
const VOLUME_RAMP_SECS: f64 = 0.010;
/// How much is heard of the place under a scrubbing cursor.
const SNIPPET_SECS: f64 = 0.080;

/// What a player asks of its transport. Commands that change the place bear the number of the player's generation,
/// which comes back with what is delivered.
#[derive(Debug)]
pub(crate) enum Command {
    /// Another clip, paused at its beginning.
    Clip {
        sound: Option<Arc<Waveform>>,
        start_secs: f64,
        duration_secs: f64,
        generation: u64,
    },
    /// Another sound at the same place.
    Sound {
        sound: Option<Arc<Waveform>>,
        start_secs: f64,
    },
    Place {
        position_secs: f64,
        playing: bool,
        generation: u64,
    },
    Speed(f64),
    Loop(Option<(f64, f64)>),
    Gain(f32),
    Snippet {
        position_secs: f64,
    },
}

/// A stretch of loop or clip in device frames.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    start: i64,
    end: i64,
}

/// One reader of the clip's sound: where it is and how it moves.
#[derive(Clone, Debug)]
struct Voice {
    sound: ClipSound,
    /// The next frame, in frames of the device's rate from the clip's beginning. Whole at speed 1.
    place: f64,
    moving: bool,
    speed: f64,
    /// Present while the speed asks for it.
    stretch: Option<TimeStretch>,
}

/// An even piece of a voice's way.
struct Run {
    frames: usize,
    place: f64,
    step: f64,
}

impl Voice {
    /// The way of the next frames, at most `frames` of them, up to the next edge of the loop or the clip.
    fn next_run(&mut self, frames: usize, duration: i64, repeat: Option<Span>) -> Run {
        if let Some(span) = repeat.filter(|_| self.moving) {
            if self.speed > 0.0 && self.place >= span.end as f64 {
                // A step over the end lands as far behind the start; a playhead from beyond comes to the start.
                let over = self.place - span.end as f64;
                self.place = span.start as f64 + if over < self.speed { over } else { 0.0 };
            } else if self.speed < 0.0 && self.place <= span.start as f64 {
                self.place = span.end as f64;
            }
        }
        let edge = match repeat {
            Some(span) if self.speed > 0.0 => span.end as f64,
            Some(span) if self.place > span.start as f64 => span.start as f64,
            _ if self.speed > 0.0 => duration as f64,
            _ => 0.0,
        };
        let room = ((edge - self.place) / self.speed).ceil();
        if self.moving && room <= 0.0 {
            self.moving = false;
            self.place = edge;
        }
        if !self.moving {
            return Run { frames, place: self.place, step: 0.0 };
        }
        let run = Run { frames: frames.min(room as usize), place: self.place, step: self.speed };
        self.place += run.frames as f64 * self.speed;
        run
    }

    /// What a run of this voice sounds like. Backwards, and standing, it is silent.
    fn sound_of(&mut self, run: &Run, rate: u32, out: &mut [f32]) {
        if run.step == 1.0 {
            self.sound.read(run.place as i64, out);
        } else if run.step > 0.0 {
            let stretch = self.stretch.get_or_insert_with(|| TimeStretch::new(rate));
            stretch.fill(out, run.place, run.step, &mut |from, part| self.sound.read(from, part));
        } else {
            out.fill(0.0);
        }
    }
}

/// The voice that is left behind by a change, while it fades out and the new one fades in.
#[derive(Debug)]
struct Fade {
    from: Voice,
    done: usize,
}

#[derive(Debug)]
struct Snippet {
    sound: ClipSound,
    place: i64,
    age: usize,
    left: usize,
}

/// Produces the device's frames one after the other. Nothing here knows of time: frames are pulled, and for each
/// pull the segments say which position they carry.
#[derive(Debug)]
pub(crate) struct Transport {
    rate: u32,
    voice: Voice,
    duration_secs: f64,
    repeat_secs: Option<(f64, f64)>,
    fade: Option<Fade>,
    snippets: Vec<Snippet>,
    gain: f32,
    gain_target: f32,
    generation: u64,
    scratch: Vec<f32>,
}

impl Transport {
    pub(crate) fn new(rate: u32) -> Self {
        let sound = ClipSound::new(None, 0.0, rate);
        Self {
            rate,
            voice: Voice { sound, place: 0.0, moving: false, speed: 1.0, stretch: None },
            duration_secs: 0.0,
            repeat_secs: None,
            fade: None,
            snippets: Vec::new(),
            gain: 1.0,
            gain_target: 1.0,
            generation: 0,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn is_moving(&self) -> bool {
        self.voice.moving
    }

    /// Goes on for another device, at its rate: from `heard_secs`, or from where it stands. Tells that place and the
    /// generation.
    pub(crate) fn change_device(&mut self, rate: u32, heard_secs: f64) -> (f64, u64) {
        let stands_secs = self.voice.place / f64::from(self.rate);
        let position_secs = if self.voice.moving { heard_secs } else { stands_secs };
        self.rate = rate;
        self.voice.sound = self.voice.sound.at_rate(rate);
        self.voice.stretch = None;
        self.voice.place = self.frames(position_secs);
        self.fade = None;
        self.snippets.clear();
        (position_secs, self.generation)
    }

    pub(crate) fn apply(&mut self, command: Command) {
        match command {
            Command::Clip { sound, start_secs, duration_secs, generation } => {
                self.leave_voice();
                self.voice.sound = ClipSound::new(sound, start_secs, self.rate);
                self.voice.place = 0.0;
                self.voice.moving = false;
                self.duration_secs = duration_secs;
                self.repeat_secs = None;
                self.snippets.clear();
                self.generation = generation;
            }
            Command::Sound { sound, start_secs } => {
                self.leave_voice();
                self.voice.sound = ClipSound::new(sound, start_secs, self.rate);
            }
            Command::Place { position_secs, playing, generation } => {
                // From the very start there is nothing to cut into, and the first samples are heard as they are.
                if playing && position_secs == 0.0 && !self.voice.moving {
                    self.fade = None;
                } else {
                    self.leave_voice();
                }
                self.voice.place = self.frames(position_secs);
                self.voice.moving = playing;
                self.voice.stretch = None;
                self.generation = generation;
            }
            Command::Speed(speed) => {
                if speed != self.voice.speed {
                    self.leave_voice();
                    self.voice.place = self.voice.place.round();
                    self.voice.speed = speed;
                }
            }
            Command::Loop(repeat) => self.repeat_secs = repeat,
            Command::Gain(gain) => self.gain_target = gain,
            Command::Snippet { position_secs } => self.begin_snippet(position_secs),
        }
    }

    /// The next frames as interleaved stereo; their places go to `segments`, counted from `first_frame`.
    pub(crate) fn render(&mut self, first_frame: u64, out: &mut [f32], segments: &mut Vec<Segment>) {
        let frames = out.len() / 2;
        let (rate, duration, repeat) = (self.rate, self.frames(self.duration_secs) as i64, self.repeat());
        let mut done = 0;
        while done < frames {
            let run = self.voice.next_run(frames - done, duration, repeat);
            segments.push(self.segment(first_frame + done as u64, &run));
            self.voice.sound_of(&run, rate, &mut out[2 * done..2 * (done + run.frames)]);
            done += run.frames;
        }
        self.mix_fade(out, duration, repeat);
        self.mix_snippets(out);
        self.scale(out);
    }

    /// The same way without the sound.
    pub(crate) fn advance(&mut self, first_frame: u64, frames: usize, segments: &mut Vec<Segment>) {
        let (duration, repeat) = (self.frames(self.duration_secs) as i64, self.repeat());
        let mut done = 0;
        while done < frames {
            let run = self.voice.next_run(frames - done, duration, repeat);
            segments.push(self.segment(first_frame + done as u64, &run));
            done += run.frames;
        }
        self.fade = None;
        self.snippets.clear();
        self.gain = self.gain_target;
    }

    fn segment(&self, first_frame: u64, run: &Run) -> Segment {
        let rate = f64::from(self.rate);
        Segment {
            first_frame,
            position_secs: run.place / rate,
            secs_per_frame: run.step / rate,
            generation: self.generation,
        }
    }

    fn frames(&self, secs: f64) -> f64 {
        (secs * f64::from(self.rate)).round()
    }

    fn repeat(&self) -> Option<Span> {
        let (start, end) = self.repeat_secs?;
        let span = Span { start: self.frames(start) as i64, end: self.frames(end.min(self.duration_secs)) as i64 };
        (span.start < span.end).then_some(span)
    }

    fn fade_frames(&self) -> usize {
        (FADE_SECS * f64::from(self.rate)) as usize
    }

    /// Keeps the voice as it is to fade out, before it is changed. A stretch is begun anew by the changed one.
    fn leave_voice(&mut self) {
        let stretch = self.voice.stretch.take();
        let from = Voice { stretch, ..self.voice.clone() };
        // During a fade the voice that fades out is the louder one at first, and the one to go on fading.
        self.fade = match self.fade.take() {
            Some(fade) if fade.done < self.fade_frames() / 2 => Some(fade),
            _ => Some(Fade { from, done: 0 }),
        };
    }

    fn mix_fade(&mut self, out: &mut [f32], duration: i64, repeat: Option<Span>) {
        let length = self.fade_frames();
        let Some(mut fade) = self.fade.take() else { return };
        let frames = (length - fade.done).min(out.len() / 2);
        let mut done = 0;
        self.scratch.resize(2 * frames, 0.0);
        while done < frames {
            let run = fade.from.next_run(frames - done, duration, repeat);
            fade.from.sound_of(&run, self.rate, &mut self.scratch[2 * done..2 * (done + run.frames)]);
            done += run.frames;
        }
        for (index, (new, old)) in out.chunks_exact_mut(2).zip(self.scratch.chunks_exact(2)).enumerate() {
            let share = (fade.done + index) as f32 / length as f32;
            new[0] = old[0] + (new[0] - old[0]) * share;
            new[1] = old[1] + (new[1] - old[1]) * share;
        }
        fade.done += frames;
        self.fade = (fade.done < length).then_some(fade);
    }

    fn begin_snippet(&mut self, position_secs: f64) {
        let release = self.fade_frames();
        self.snippets.iter_mut().for_each(|snippet| snippet.left = snippet.left.min(release));
        self.snippets.push(Snippet {
            sound: self.voice.sound.clone(),
            place: self.frames(position_secs) as i64,
            age: 0,
            left: self.frames(SNIPPET_SECS) as usize,
        });
    }

    fn mix_snippets(&mut self, out: &mut [f32]) {
        let fade = self.fade_frames() as f32;
        for snippet in &mut self.snippets {
            let frames = snippet.left.min(out.len() / 2);
            self.scratch.resize(2 * frames, 0.0);
            snippet.sound.read(snippet.place, &mut self.scratch);
            for (sum, own) in out.chunks_exact_mut(2).zip(self.scratch.chunks_exact(2)) {
                let share = (snippet.age as f32 / fade).min(snippet.left as f32 / fade).min(1.0);
                sum[0] += own[0] * share;
                sum[1] += own[1] * share;
                snippet.age += 1;
                snippet.left -= 1;
            }
            snippet.place += frames as i64;
        }
        self.snippets.retain(|snippet| snippet.left > 0);
    }

    fn scale(&mut self, out: &mut [f32]) {
        let step = (1.0 / (VOLUME_RAMP_SECS * f64::from(self.rate))) as f32;
        for frame in out.chunks_exact_mut(2) {
            if self.gain != self.gain_target {
                let away = self.gain_target - self.gain;
                self.gain = if away.abs() <= step { self.gain_target } else { self.gain + step * away.signum() };
            }
            frame[0] *= self.gain;
            frame[1] *= self.gain;
        }
    }
}

#[cfg(test)]
mod tests;
