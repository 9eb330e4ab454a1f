//! Playing through a real sound server: what is heard, when, and what the clock says meanwhile.
//!
//! The environment decides which device is opened, so each scene plays in a process of its own: this test binary
//! again, with the scene's name in its environment.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sonolens::playback::{Device, Player, due_frame};
use sonolens::signal::Waveform;

use crate::support::sound_server::{RATE, Recording, SoundServer, unix_nanos};

const SCENE: &str = "SONOLENS_TEST_SCENE";
const FRAME_SECS: f64 = 0.04;

/// Plays one scene and reports on standard output, when asked to by one of the tests below.
#[test]
#[ignore = "started by the other tests, in an environment of their own"]
fn scene() {
    match std::env::var(SCENE).as_deref() {
        Ok("flash-and-click") => flash_and_click(),
        Ok(other) => panic!("no scene {other}"),
        Err(_) => {}
    }
}

fn start_scene(name: &str, environment: &[(&str, String)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["playback::scene", "--exact", "--ignored", "--nocapture"])
        .env(SCENE, name)
        .envs(environment.iter().cloned())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The lines that a scene printed, each begun with the nanoseconds at which it was.
fn reports(scene: Child) -> Vec<(f64, String)> {
    let output = scene.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines()
        .filter_map(|line| {
            let (nanos, rest) = line.strip_prefix("at ")?.split_once(' ')?;
            Some((nanos.parse().ok()?, rest.to_owned()))
        })
        .collect()
}

fn report(what: &str) {
    println!("at {} {what}", unix_nanos());
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < give_up, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn player_with_device() -> Player {
    let player = Player::new(Arc::new(|| {}));
    wait_until("the device", || player.state().device != Device::Silent);
    player
}

/// Half a second of silence, then a click of one sample every `CLICK_EVERY` frames of 40 ms.
const CLICK_EVERY: usize = 10;
const CLICKS: usize = 14;

fn click_track() -> Waveform {
    let mut samples = vec![0.0; 2 * (CLICKS + 2) * CLICK_EVERY * (RATE as usize) / 25];
    for click in 1..=CLICKS {
        let at = click * CLICK_EVERY * RATE as usize / 25;
        samples[2 * at] = 0.9;
        samples[2 * at + 1] = 0.9;
    }
    Waveform { rate: RATE, channels: 2, samples }
}

fn flash_and_click() {
    let mut player = player_with_device();
    let track = click_track();
    let duration_secs = track.duration_secs();
    let times: Vec<f64> = (0..(duration_secs / FRAME_SECS) as usize).map(|n| n as f64 * FRAME_SECS).collect();
    player.set_track(Some(Arc::new(track)), 0.0, duration_secs);
    player.play();
    let mut shown = usize::MAX;
    loop {
        let state = player.state();
        let due = due_frame(state.position_secs, &times).unwrap();
        if due != shown {
            shown = due;
            report(&format!("frame {due}"));
        }
        if !state.playing {
            break;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// The distance in milliseconds between each flash on screen and its click in the recording; positive where the
/// picture is late.
fn picture_late_ms(reports: &[(f64, String)], recording: &Recording) -> Vec<f64> {
    let loud: Vec<usize> = (0..recording.frames.len()).filter(|&index| recording.frames[index][0] > 0.5).collect();
    assert_eq!(loud.len(), CLICKS, "each click is heard once");
    loud.iter()
        .enumerate()
        .map(|(index, &at)| {
            let frame = format!("frame {}", (index + 1) * CLICK_EVERY);
            let shown = reports.iter().find(|(_, what)| *what == frame).map(|(nanos, _)| *nanos);
            (shown.unwrap_or_else(|| panic!("{frame} was never due")) - recording.nanos_at(at)) * 1e-6
        })
        .collect()
}

/// The one test that measures time, for that is what it states: median under 10 ms, never over 25 ms. A machine that
/// was busy elsewhere gets two more attempts.
#[test]
fn the_frame_on_screen_and_the_sample_heard_are_of_one_instant() {
    let Some(server) = SoundServer::start() else { return };
    let mut attempts = Vec::new();
    for _ in 0..3 {
        let recorder = server.record();
        let reports = reports(start_scene("flash-and-click", &server.environment()));
        let late_ms = picture_late_ms(&reports, &recorder.stop());
        let mut apart_ms: Vec<f64> = late_ms.iter().map(|ms| ms.abs()).collect();
        apart_ms.sort_by(f64::total_cmp);
        eprintln!("picture late by (ms) {late_ms:.1?}");
        if apart_ms[CLICKS / 2] < 10.0 && apart_ms[CLICKS - 1] <= 25.0 {
            return;
        }
        attempts.push(late_ms);
    }
    panic!("picture and sound are apart, in each attempt by (ms): {attempts:.1?}");
}
