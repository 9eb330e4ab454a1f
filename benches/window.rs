//! Playing in the window: the program on a screen without a graphics card (Xvfb), a video at its own rate under the
//! overlays of five models that the project ships. Counts the frames that were shown and those left out, first while
//! heatmaps are being made, then once all are there. Argument: a video of ten seconds.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "../tests/integration/support/program.rs"]
mod program;
#[allow(dead_code)]
#[path = "../tests/integration/support/screen.rs"]
mod screen;

use std::path::Path;
use std::time::{Duration, Instant};

use program::Program;
use screen::Screen;
use serde_json::{Value, json};

const MODELS: [&str; 5] = ["lvs-small", "rcgrad-small", "alignment-small", "ez-vsl-small", "slavc-small"];
/// Between opening and playing: what is made once for a clip is not counted.
const AT_REST: Duration = Duration::from_secs(5);
/// Counted after the first second.
const COUNTED: Duration = Duration::from_secs(7);
/// As long as five models may take for the whole video.
const PATIENCE: Duration = Duration::from_secs(600);

struct Counts {
    shown: u64,
    dropped: u64,
    scored: u64,
}

impl Counts {
    fn of(state: &Value) -> Self {
        let count = |value: &Value| value.as_u64().unwrap();
        let (played, engine) = (&state["frames_played"], &state["engine"]);
        Self { shown: count(&played["shown"]), dropped: count(&played["dropped"]), scored: count(&engine["scored"]) }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            shown: self.shown - before.shown,
            dropped: self.dropped - before.dropped,
            scored: self.scored - before.scored,
        }
    }
}

/// The same seconds of the video each time. Nothing is asked meanwhile: an answer costs a pass.
fn play(program: &mut Program) -> Counts {
    program.command(json!(["seek", 0.0]));
    program.command(json!(["play"]));
    std::thread::sleep(Duration::from_secs(1));
    let before = Counts::of(&program.state());
    std::thread::sleep(COUNTED);
    let counts = Counts::of(&program.state()).since(&before);
    program.command(json!(["pause"]));
    counts
}

fn wait_for_all_heatmaps(program: &mut Program) {
    let began = Instant::now();
    loop {
        let engine = program.state()["engine"].take();
        if engine["scored"] == engine["wanted"] {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "five models take too long: {engine}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn main() {
    let video = std::env::args().nth(1).filter(|argument| !argument.starts_with("--")).expect("a video");
    let Some(screen) = Screen::start() else { return println!("not measured: no screen") };
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().display().to_string();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").display().to_string();
    let environment = [
        ("DISPLAY", screen.display().to_owned()),
        ("SONOLENS_MODELS", models),
        ("SONOLENS_CONFIG", own.clone()),
        ("SONOLENS_CACHE", own),
    ];
    let arguments: Vec<&str> =
        std::iter::once(video.as_str()).chain(MODELS.iter().flat_map(|model| ["--model", *model])).collect();
    let mut program = Program::start(folder.path(), &arguments, &environment);
    program.wait_for("five models over a clip", |state| {
        let loaded = |model: &Value| model["loaded"] == true;
        let models = state["models"].as_array().is_some_and(|all| all.len() == MODELS.len() && all.iter().all(loaded));
        let opened = state["clip"]["frame_shown"].is_u64() && state["jobs"] == json!([]);
        models && opened && state["engine"]["wanted"].as_u64() > Some(0)
    });
    program.command(json!(["tour-end"]));
    std::thread::sleep(AT_REST);
    println!("a window of {} × {} on {}", screen::WIDTH, screen::HEIGHT, program.state()["adapter"]);
    for what in ["while their heatmaps are made", "once they are made"] {
        let Counts { shown, dropped, scored } = play(&mut program);
        let (due, secs) = (shown + dropped, COUNTED.as_secs_f64());
        println!("{what}: {shown} of {due} frames shown, {:.1} heatmaps a second", scored as f64 / secs);
        println!(
            "| frames shown in a window, 720p under five models' overlays, {what} | {shown} | of {due} | {:.2} × |",
            shown as f64 / due.max(1) as f64
        );
        wait_for_all_heatmaps(&mut program);
    }
}
