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
        let mut bench = Self { transport: Transport::new(RATE), delivered: 0, out: Vec::new(), segments: Vec::new() };
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
        (0.0..=2.0f64, any::<bool>(), any::<u64>())
            .prop_map(|(position_secs, playing, generation)| { Command::Place { position_secs, playing, generation } }),
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
