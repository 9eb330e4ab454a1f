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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 8_000;
    const FADE: usize = 40;

    /// A transport that is pulled by hand, in blocks of odd sizes.
    struct Bench {
        transport: Transport,
        delivered: u64,
        out: Vec<f32>,
        segments: Vec<Segment>,
    }

    impl Bench {
        /// A clip of two seconds whose sample `n` is `n + 1`, on both sides.
        fn new() -> Self {
            let mut bench =
                Self { transport: Transport::new(RATE), delivered: 0, out: Vec::new(), segments: Vec::new() };
            let sound = Some(counting(1.0));
            bench.transport.apply(Command::Clip { sound, start_secs: 0.0, duration_secs: 2.0, generation: 1 });
            bench
        }

        fn place(&mut self, position_secs: f64, playing: bool) {
            let generation = self.transport.generation + 1;
            self.transport.apply(Command::Place { position_secs, playing, generation });
        }

        /// Pulls `frames` and gives the left side of them.
        fn pull(&mut self, frames: usize) -> Vec<f32> {
            let before = self.out.len();
            for block in [7usize, 64, 1, 200].into_iter().cycle() {
                let left = frames - (self.out.len() - before);
                if left == 0 {
                    break;
                }
                let mut out = vec![0.0; 2 * block.min(left)];
                self.transport.render(self.delivered, &mut out, &mut self.segments);
                self.delivered += block.min(left) as u64;
                self.out.extend(out.chunks_exact(2).map(|frame| frame[0]));
            }
            self.out[before..].to_vec()
        }

        /// The position that the frame `frame` carries.
        fn position_at(&self, frame: u64) -> f64 {
            let segment = self.segments.iter().rfind(|segment| segment.first_frame <= frame).unwrap();
            segment.position_secs + (frame - segment.first_frame) as f64 * segment.secs_per_frame
        }
    }

    fn counting(factor: f32) -> Arc<Waveform> {
        Arc::new(Waveform { rate: RATE, channels: 1, samples: (1..=16_000).map(|n| n as f32 * factor).collect() })
    }

    fn counts(from: usize, to: usize) -> Vec<f32> {
        (from..to).map(|n| (n + 1) as f32).collect()
    }

    #[test]
    fn playing_gives_every_sample_once_and_then_stands_at_the_end() {
        let mut bench = Bench::new();
        assert_eq!(bench.pull(100), vec![0.0; 100]);
        bench.place(0.0, true);
        assert_eq!(bench.pull(16_000), counts(0, 16_000));
        assert_eq!(bench.pull(500), vec![0.0; 500]);
        assert!(!bench.transport.is_moving());
        assert_eq!(bench.position_at(50), 0.0);
        assert!((bench.position_at(100 + 8_000) - 1.0).abs() < 1e-9);
        assert_eq!(bench.position_at(16_400), 2.0);
    }

    #[test]
    fn a_loop_joins_its_end_to_its_start() {
        let mut bench = Bench::new();
        bench.transport.apply(Command::Loop(Some((0.1, 0.35))));
        bench.place(0.0, true);
        let expected = [counts(0, 2_800), counts(800, 2_800), counts(800, 2_800), counts(800, 1_800)].concat();
        assert_eq!(bench.pull(expected.len()), expected);
        assert!((bench.position_at(2_800) - 0.1).abs() < 1e-9);
        // A loop that is set behind the playhead takes it back.
        bench.place(1.0, true);
        bench.pull(100);
        assert!((bench.position_at(bench.delivered - 1) - (0.1 + 99.0 / 8_000.0)).abs() < 1e-9);
        bench.transport.apply(Command::Loop(None));
        bench.pull(16_000);
        assert_eq!(bench.position_at(bench.delivered - 1), 2.0);
    }

    #[test]
    fn a_seek_while_playing_fades_over_to_the_exact_place() {
        let mut bench = Bench::new();
        bench.place(0.0, true);
        bench.pull(1_000);
        bench.place(0.5, true);
        let out = bench.pull(1_000);
        assert_eq!(out[0], 1_001.0, "the fade begins at what was heard");
        assert!(out[..FADE].windows(2).all(|pair| (pair[1] - pair[0]).abs() < 100.0), "no step within the fade");
        assert_eq!(out[FADE..], counts(4_000 + FADE, 5_000));
        assert_eq!(bench.position_at(1_000), 0.5);
    }

    #[test]
    fn another_sound_goes_on_at_the_same_place() {
        let mut bench = Bench::new();
        bench.place(0.0, true);
        bench.pull(1_000);
        bench.transport.apply(Command::Sound { sound: Some(counting(-1.0)), start_secs: 0.1 });
        let out = bench.pull(1_000);
        assert!((out[0] - 1_001.0).abs() < 1.0);
        let expected: Vec<f32> = counts(1_000 + FADE - 800, 1_200).iter().map(|sample| -sample).collect();
        assert_eq!(out[FADE..], expected);
        assert_eq!(bench.position_at(1_500), 1_500.0 / 8_000.0);
    }

    #[test]
    fn pausing_fades_out_and_playing_fades_in() {
        let mut bench = Bench::new();
        bench.place(0.0, true);
        bench.pull(1_000);
        bench.place(0.125, false);
        let out = bench.pull(200);
        assert!(out[0] == 1_001.0 && out[1..FADE].iter().all(|&sample| sample > 0.0));
        assert_eq!(out[FADE..], [0.0; 160]);
        bench.place(0.125, true);
        let out = bench.pull(200);
        assert!(out[0] == 0.0 && out[FADE / 2] > 400.0);
        assert_eq!(out[FADE..], counts(1_000 + FADE, 1_200));
    }

    #[test]
    fn positions_move_at_the_speed_that_is_asked_for() {
        for speed in [0.25, 0.5, 2.0, 4.0] {
            let mut bench = Bench::new();
            bench.transport.apply(Command::Speed(speed));
            bench.place(0.25, true);
            bench.pull(2_000);
            assert!((bench.position_at(2_000) - (0.25 + 0.25 * speed)).abs() < 1e-9);
        }
    }

    #[test]
    fn backwards_it_is_silent_and_stops_at_the_beginning() {
        let mut bench = Bench::new();
        bench.transport.apply(Command::Speed(-2.0));
        bench.place(0.5, true);
        assert!(bench.pull(4_000)[FADE..].iter().all(|&sample| sample == 0.0));
        assert!((bench.position_at(1_000) - 0.25).abs() < 1e-9);
        assert_eq!(bench.position_at(3_999), 0.0);
        assert!(!bench.transport.is_moving());
    }

    #[test]
    fn the_volume_moves_without_a_step() {
        let mut bench = Bench::new();
        let sound = Arc::new(Waveform { rate: RATE, channels: 1, samples: vec![1.0; 16_000] });
        bench.transport.apply(Command::Sound { sound: Some(sound), start_secs: 0.0 });
        bench.place(0.0, true);
        bench.pull(100);
        bench.transport.apply(Command::Gain(0.25));
        let out = bench.pull(200);
        assert!(out.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.02));
        assert_eq!(out[199], 0.25);
    }

    #[test]
    fn a_snippet_is_heard_and_moves_nothing() {
        let mut bench = Bench::new();
        bench.place(0.5, false);
        bench.pull(100);
        bench.transport.apply(Command::Snippet { position_secs: 1.0 });
        let out = bench.pull(1_000);
        assert_eq!(out[FADE..600], counts(8_000 + FADE, 8_600));
        assert!(out[641..].iter().all(|&sample| sample == 0.0));
        assert_eq!(bench.position_at(1_000), 0.5);
    }

    #[test]
    fn another_device_goes_on_from_what_was_heard() {
        let mut bench = Bench::new();
        bench.place(0.0, true);
        bench.pull(4_000);
        assert_eq!(bench.transport.change_device(48_000, 0.45), (0.45, 2));
        let mut segments = Vec::new();
        bench.transport.advance(0, 48_000, &mut segments);
        assert!((segments[0].position_secs - 0.45).abs() < 1e-9);
        assert!((segments[0].secs_per_frame - 1.0 / 48_000.0).abs() < 1e-12);
    }

    fn any_command() -> impl Strategy<Value = Command> {
        prop_oneof![
            (0.0..=2.0f64, any::<bool>(), any::<u64>()).prop_map(|(position_secs, playing, generation)| {
                Command::Place { position_secs, playing, generation }
            }),
            prop_oneof![Just(1.0), 0.25..4.0f64, -4.0..-0.25f64].prop_map(Command::Speed),
            prop_oneof![Just(None), (0.0..1.9f64, 0.001..2.0f64).prop_map(|(start, long)| Some((start, start + long)))]
                .prop_map(Command::Loop),
            (0.0..=2.0f64).prop_map(|position_secs| Command::Snippet { position_secs }),
            (-1.0..1.0f64).prop_map(|start_secs| Command::Sound { sound: Some(counting(1.0)), start_secs }),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_the_place_stays_within_the_clip(
            steps in proptest::collection::vec((any_command(), 0usize..3_000), 1..20),
        ) {
            let mut bench = Bench::new();
            for (command, frames) in steps {
                bench.transport.apply(command);
                bench.pull(frames);
            }
            let rounding = 4.0 / f64::from(RATE);
            for frame in 0..bench.delivered {
                let position_secs = bench.position_at(frame);
                prop_assert!((-rounding..=2.0 + rounding).contains(&position_secs), "{position_secs}");
            }
        }
    }
}
