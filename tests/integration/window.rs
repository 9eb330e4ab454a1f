//! The whole path from end to end: the program itself on a screen of its own, driven by real key and mouse events,
//! judged by what the screen shows, what the sound device played and what the control socket tells.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::RgbImage;
use serde_json::{Value, json};

use crate::support::fill_rule;
use crate::support::program::{Program, look_until};
use crate::support::scene::{self, FramePlace, Scene, TONES};
use crate::support::screen::Screen;
use crate::support::sound_server::{RATE, Recording, SoundServer, unix_nanos};
use crate::support::tones::{Heard, heard};

/// Everything that a step needs.
struct Session {
    screen: Screen,
    sound: SoundServer,
    program: Program,
    scene: Scene,
    folder: PathBuf,
}

#[test]
fn a_session_in_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let Some(scene) = Scene::make(folder.path()) else { return };
    let Some(sound) = SoundServer::start() else { return };
    let Some(screen) = Screen::start() else { return };
    let clip = scene.clip.to_str().unwrap().to_owned();
    let arguments = [clip.as_str(), "--model", "centre-box", "--model", "quadrants"];
    let program = Program::start(folder.path(), &arguments, &environment(folder.path(), &screen, &sound));
    screen.focus_window("Sonolens");
    let mut session = Session { screen, sound, program, scene, folder: folder.path().to_owned() };

    session.opens_at_the_first_frame();
    session.keys_step_through_frames();
    session.the_mouse_seeks_on_the_timeline();
    session.the_overlay_lies_where_the_model_points();
    session.readouts_are_those_of_the_protocol();
    session.playing_keeps_pace_and_sounds_like_its_place();
    session.another_sound_is_heard_without_looking_again();
    session.the_palette_finds_commands();
    session.damaged_files_are_refused_with_a_word();
    session.quits_cleanly();
}

/// Folders of its own for everything that the program reads and writes, so that no user's settings matter.
fn environment(folder: &Path, screen: &Screen, sound: &SoundServer) -> Vec<(&'static str, String)> {
    let below = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let mut environment = vec![
        ("DISPLAY", screen.display().to_owned()),
        ("WGPU_BACKEND", "vulkan".to_owned()),
        ("SONOLENS_CONFIG", below("config")),
        ("XDG_CONFIG_HOME", below("xdg-config")),
        ("XDG_CACHE_HOME", below("xdg-cache")),
        ("XDG_DATA_HOME", below("xdg-data")),
    ];
    environment.extend(sound.environment());
    environment
}

fn frame_of(state: &Value) -> Option<u64> {
    let clip = &state["clip"];
    clip["frame"].as_u64().filter(|_| clip["frame"] == clip["frame_shown"])
}

fn model<'a>(state: &'a Value, id: &str) -> Option<&'a Value> {
    state["models"].as_array()?.iter().find(|model| model["id"] == id)
}

/// A model's readout of the frame on screen, once its map on the picture is of that frame too.
fn readout<'a>(state: &'a Value, id: &str) -> Option<&'a Value> {
    let model = model(state, id)?;
    let current = model["map_frame"] == state["clip"]["frame"] && !model["readout"].is_null();
    current.then_some(&model["readout"])
}

fn all_scored(state: &Value) -> bool {
    let engine = &state["engine"];
    engine["wanted"].as_u64().is_some_and(|wanted| wanted > 0) && engine["scored"] == engine["wanted"]
}

/// The notices that are not about the sound device, which comes and goes where the machine is too busy to feed it.
fn notices(state: &Value) -> Vec<&Value> {
    let all = state["notices"].as_array().unwrap();
    all.iter().filter(|notice| !notice["text"].as_str().unwrap().starts_with("Sound device")).collect()
}

fn notice_count(state: &Value) -> u64 {
    notices(state).iter().map(|notice| notice["times"].as_u64().unwrap()).sum()
}

fn largest_difference(a: &RgbImage, b: &RgbImage, x: u32, y: u32) -> u8 {
    let (a, b) = (a.get_pixel(x, y).0, b.get_pixel(x, y).0);
    a.into_iter().zip(b).map(|(a, b)| a.abs_diff(b)).max().unwrap_or(0)
}

/// How far a place of the frame lies inside the annotated box, in fractions of the frame; negative outside.
fn depth_in_box(fraction: (f64, f64)) -> f64 {
    let [low, high] = [scene::BOX_CELLS.0, scene::BOX_CELLS.1].map(|cell| cell as f64 / scene::GRID as f64);
    [fraction.0 - low, high - fraction.0, fraction.1 - low, high - fraction.1].into_iter().fold(f64::INFINITY, f64::min)
}

impl Session {
    /// Waits until the state, the screen and the window's own picture agree that this frame is shown.
    fn see_frame(&mut self, frame: u64) -> Value {
        let state = self.program.wait_for(&format!("frame {frame}"), |state| frame_of(state) == Some(frame));
        let place = FramePlace::of(&state);
        let screen = &self.screen;
        let seen = look_until(|| place.frame_number(&screen.picture()).filter(|number| *number as u64 == frame));
        assert!(seen.is_some(), "frame {frame} is not on the screen: {:?}", place.frame_number(&screen.picture()));
        state
    }

    /// The screen once it shows what the program draws now: its own picture of itself and the screen agree about the
    /// frame.
    fn settled_picture(&mut self) -> RgbImage {
        let place = FramePlace::of(&self.program.state());
        let mut apart = 0;
        let settled = look_until(|| {
            let drawn = self.program.screenshot();
            let seen = self.screen.picture();
            apart = place.pixels().filter(|(x, y)| largest_difference(&drawn, &seen, *x, *y) > 2).count();
            (apart == 0).then_some(seen)
        });
        settled.unwrap_or_else(|| panic!("the screen does not show what the program draws: {apart} pixels differ"))
    }

    /// Sends a key that changes the frame's look; what it looks like then, at rest.
    fn picture_after(&mut self, key: &str) -> RgbImage {
        self.settled_picture();
        self.see_change(key, |screen| screen.keys(&[key]));
        self.settled_picture()
    }

    /// Does something to the window and waits until a good part of the frame's place looks different: more than a
    /// blinking cursor.
    fn see_change(&mut self, what: &str, act: impl FnOnce(&Screen)) {
        let place = FramePlace::of(&self.program.state());
        let before = self.screen.picture();
        act(&self.screen);
        let changed = look_until(|| {
            let now = self.screen.picture();
            let different = place.pixels().filter(|(x, y)| largest_difference(&before, &now, *x, *y) > 16).count();
            (different > 200).then_some(())
        });
        assert!(changed.is_some(), "{what} changes nothing on the screen");
    }

    fn opens_at_the_first_frame(&mut self) {
        let state = self.program.wait_for("the clip", |state| !state["clip"].is_null());
        assert_eq!(state["clip"]["frames"], scene::FRAMES);
        assert_eq!(state["clip"]["has_annotations"], true);
        let duration = state["clip"]["duration_secs"].as_f64().unwrap();
        assert!((duration - scene::SECS).abs() < 1e-6, "{duration}");
        self.program.wait_for("a frame on screen", |state| !state["screen"]["frame_rect_points"].is_null());
        let state = self.see_frame(0);
        let place = FramePlace::of(&state);
        assert!((place.width / place.height - 4.0 / 3.0).abs() < 0.01, "not stretched: {place:?}");
        assert!(place.width >= 320.0, "{place:?}");
        let adapter = state["adapter"].as_str().unwrap();
        assert!(adapter.contains("Vulkan"), "{adapter}");
        assert_eq!(state["sound"]["choice"], "Own sound");
        self.program.wait_for("the sound device", |state| !state["sound"]["device"].is_null());
        assert_eq!(place.frame_number(&self.program.screenshot()), Some(0), "the window's picture of itself");
    }

    fn keys_step_through_frames(&mut self) {
        self.screen.keys(&["Right", "Right", "Right"]);
        let state = self.see_frame(3);
        assert!((state["clip"]["frame_secs"].as_f64().unwrap() - 3.0 / 25.0).abs() < 1e-6);
        self.screen.keys(&["Left"]);
        self.see_frame(2);
        self.screen.keys(&["shift+Right"]);
        self.see_frame(27);
        self.screen.keys(&["End"]);
        self.see_frame(scene::FRAMES as u64 - 1);
        self.screen.keys(&["Right"]);
        self.screen.keys(&["shift+Left"]);
        self.see_frame(scene::FRAMES as u64 - 1 - 25);
        self.screen.keys(&["Home"]);
        self.see_frame(0);
        self.screen.keys(&["Left"]);
        self.see_frame(0);
    }

    /// Where on the screen the middle of a frame's time is on the timeline.
    fn timeline_place(state: &Value, frame: usize) -> (f64, f64) {
        let screen = &state["screen"];
        let scale = screen["pixels_per_point"].as_f64().unwrap();
        let edge = |index: usize| screen["timeline_rect_points"][index].as_f64().unwrap() * scale;
        let [start, end] = [0, 1].map(|index| screen["timeline_secs"][index].as_f64().unwrap());
        let share = ((frame as f64 + 0.5) / scene::FRAME_RATE as f64 - start) / (end - start);
        (edge(0) + share * (edge(2) - edge(0)), edge(1) + 30.0)
    }

    fn the_mouse_seeks_on_the_timeline(&mut self) {
        let state = self.program.state();
        let (x, y) = Self::timeline_place(&state, 100);
        self.screen.mouse_to(x, y);
        self.screen.click();
        let state = self.see_frame(100);
        assert_eq!(state["playing"], false);

        // A drag: the picture follows while the button is down.
        self.screen.mouse_to(Self::timeline_place(&state, 30).0, y);
        self.screen.button_down();
        for frame in [45, 80, 60] {
            self.screen.mouse_to(Self::timeline_place(&state, frame).0, y);
            self.see_frame(frame as u64);
        }
        self.screen.button_up();
        self.screen.mouse_to(Self::timeline_place(&state, 120).0, y);
        self.see_frame(60);
        self.screen.mouse_to(2.0, 2.0);
    }

    fn the_overlay_lies_where_the_model_points(&mut self) {
        // The second model out of the way, by its key.
        self.screen.keys(&["2"]);
        let state = self.program.wait_for("the centre box alone", |state| {
            model(state, "quadrants").is_some_and(|model| model["visible"] == false)
                && readout(state, "centre-box").is_some()
        });
        let place = FramePlace::of(&state);
        let shown = self.settled_picture();
        let hidden = self.picture_after("1");
        self.program
            .wait_for("no model", |state| model(state, "centre-box").is_some_and(|model| model["visible"] == false));
        // The ground truth's line and its label lie on the box; away from it the map alone decides.
        let (mut inside, mut outside) = (0, 0);
        for (x, y) in place.pixels() {
            let depth = depth_in_box(place.fraction(x, y));
            let difference = largest_difference(&shown, &hidden, x, y);
            if depth > 0.03 {
                inside += 1;
                assert!(difference >= 16, "inside the box at {x}, {y} the overlay is not seen: {difference}");
            } else if depth < -0.03 {
                outside += 1;
                assert!(difference <= 1, "outside the box at {x}, {y} something is painted: {difference}");
            }
        }
        assert!(inside > 10_000 && outside > 10_000, "{inside} {outside}");

        // The ground truth's box, without a model: its line goes with its key.
        let without_box = self.picture_after("g");
        self.assert_changed_along_box(place, &hidden, &without_box);
        self.screen.keys(&["1"]);
        self.program.wait_for("the centre box again", |state| readout(state, "centre-box").is_some());
        let with_contour = self.settled_picture();
        let without_contour = self.picture_after("c");
        self.assert_changed_along_box(place, &with_contour, &without_contour);
        self.screen.keys(&["g", "c", "2"]);
        self.program.wait_for("both models", |state| {
            ["centre-box", "quadrants"]
                .iter()
                .all(|id| readout(state, id).is_some() && model(state, id).unwrap()["visible"] == true)
        });
        let again = self.settled_picture();
        let quadrant = place.pixels().filter(|(x, y)| {
            let (x, y) = place.fraction(*x, *y);
            (0.09..0.13).contains(&x) && (0.2..0.4).contains(&y)
        });
        for (x, y) in quadrant {
            let difference = largest_difference(&again, &hidden, x, y);
            assert!(difference >= 16, "the second model's upper left box is not seen at {x}, {y}: {difference}");
        }
    }

    /// All four sides of the box changed, and nothing in its middle or far outside below its label.
    fn assert_changed_along_box(&self, place: FramePlace, before: &RgbImage, after: &RgbImage) {
        let changed = |x: u32, y: u32| largest_difference(before, after, x, y) >= 16;
        let near = |fraction: f64, edge: usize| (fraction - edge as f64 / scene::GRID as f64).abs() < 0.015;
        let mut sides = [0; 4];
        for (x, y) in place.pixels() {
            let (across, down) = place.fraction(x, y);
            let depth = depth_in_box((across, down));
            if !changed(x, y) {
                continue;
            }
            // The label stands on the upper left corner.
            let label = depth < 0.0 && down < 0.16;
            assert!(label || depth.abs() < 0.02, "changed at {across:.3}, {down:.3}, away from the box");
            let (low, high) = scene::BOX_CELLS;
            for (side, on_it) in
                [near(across, low), near(across, high), near(down, low), near(down, high)].into_iter().enumerate()
            {
                sides[side] += usize::from(on_it);
            }
        }
        assert!(sides.iter().all(|pixels| *pixels > 100), "a side of the box is not drawn: {sides:?}");
    }

    fn readouts_are_those_of_the_protocol(&mut self) {
        let state = self.program.wait_for("every readout", all_scored);
        assert_eq!(state["protocol"], "lvs");
        assert!(state["threshold"].is_null(), "nobody has set a threshold: {state:#}");
        assert_eq!(notices(&state), Vec::<&Value>::new(), "nothing went wrong so far");
        let (low, high) = scene::BOX_CELLS;
        let cells = (scene::GRID * scene::GRID) as f64;
        let box_cells = ((high - low) * (high - low)) as f64;
        // The published baseline: an eighth of the image's area in the middle of each quadrant, so 79 cells a side.
        let quadrant = |cell: usize| (16..95).contains(&cell) || (129..208).contains(&cell);
        let both = (0..scene::GRID).filter(|cell| quadrant(*cell) && (low..high).contains(cell)).count().pow(2) as f64;
        let quadrant_cells = (0..scene::GRID).filter(|cell| quadrant(*cell)).count().pow(2) as f64;
        let quadrants_ciou = both / (box_cells + quadrant_cells - both);
        let number = |state: &Value, id: &str, field: &str| readout(state, id).and_then(|r| r[field].as_f64());
        assert_eq!(number(&state, "centre-box", "ciou"), Some(1.0));
        assert!((number(&state, "quadrants", "ciou").unwrap() - quadrants_ciou).abs() < 1e-9, "{state:#}");
        assert!((number(&state, "centre-box", "positive_share").unwrap() - box_cells / cells).abs() < 1e-9);

        // At threshold 0 the cells that only fill up the upper half count too: exactly half of the grid.
        self.program.command(json!(["threshold", 0.0]));
        let state = self
            .program
            .wait_for("the new threshold", |state| number(state, "centre-box", "positive_share") == Some(0.5));
        let expected = box_cells / (cells / 2.0);
        assert!((number(&state, "centre-box", "ciou").unwrap() - expected).abs() < 1e-9, "{state:#}");
        self.screen.keys(&["t"]);
        self.program.wait_for("the protocol's own threshold", |state| {
            number(state, "centre-box", "ciou") == Some(1.0) && state["threshold"].is_null()
        });
    }

    /// Records while `act` runs, which returns when it saw what, and judges; a machine too busy to feed the sound
    /// device in time gets two more attempts.
    fn listen<T>(
        &mut self,
        what: &str,
        mut act: impl FnMut(&mut Self) -> T,
        judge: impl Fn(&T, &Recording) -> Result<(), String>,
    ) {
        let mut complaints = Vec::new();
        for _ in 0..3 {
            let recorder = self.sound.record();
            let seen = act(self);
            match judge(&seen, &recorder.stop()) {
                Ok(()) => return,
                Err(complaint) => complaints.push(complaint),
            }
        }
        let state = self.program.state();
        let server = if self.sound.is_running() { "runs" } else { "has ended" };
        panic!("{what}: {complaints:#?}\nthe sound server {server}: {} {}", state["sound"], state["notices"]);
    }

    fn playing_keeps_pace_and_sounds_like_its_place(&mut self) {
        self.listen("playing", Self::play_nearly_everything, |moments, recording| {
            let (Some(first), Some(last)) = (moments.first(), moments.last()) else {
                return Err("nothing was seen".into());
            };
            let passed_secs = last.unix_secs - first.unix_secs;
            let pace = (last.position_secs - first.position_secs) / passed_secs;
            if !(0.9..=1.1).contains(&pace) {
                return Err(format!("the position advances at {pace:.3} of the wall clock's pace"));
            }
            let (mut first_half, mut second_half, mut in_time) = (Vec::new(), Vec::new(), 0);
            for moment in moments {
                // The picture is never before its time, and seldom long after it.
                let due = (moment.position_secs * scene::FRAME_RATE as f64 + 0.05) as i64;
                if moment.frame_shown > due + 1 {
                    return Err(format!("frame {} is shown before frame {due} is due", moment.frame_shown));
                }
                in_time += usize::from(due - moment.frame_shown <= 10);
                let heard = heard_at(recording, moment.unix_secs);
                match moment.position_secs {
                    secs if secs < 2.6 => first_half.push(heard == Heard::Tone(scene::FIRST_TONE)),
                    secs if secs > 3.4 => second_half.push(heard == Heard::Tone(scene::SECOND_TONE)),
                    _ => {}
                }
            }
            if in_time * 10 < moments.len() * 9 {
                return Err(format!("the picture is late in all but {in_time} of {} moments", moments.len()));
            }
            for (what, fits) in [("first", first_half), ("second", second_half)] {
                // A machine that cannot feed the device drops a block now and then.
                let fitting = fits.iter().filter(|fits| **fits).count();
                if fits.len() < 2 || fitting * 10 < fits.len() * 9 {
                    return Err(format!("in the {what} half {fitting} of {} moments sound right", fits.len()));
                }
            }
            let numbers: Vec<usize> = moments.iter().filter_map(|moment| moment.number_seen).collect();
            let mut different = numbers.clone();
            different.dedup();
            if !numbers.is_sorted() || different.len() < 5 {
                return Err(format!("the screen does not follow: {numbers:?}"));
            }
            Ok(())
        });
    }

    /// Plays from 0.2 s over the change of the tone to the last second, looking all the time, and stops.
    fn play_nearly_everything(&mut self) -> Vec<Moment> {
        self.program.command(json!(["seek-frame", 5]));
        let state = self.see_frame(5);
        let place = FramePlace::of(&state);
        self.screen.keys(&["space"]);
        self.program.wait_for("playing", |state| {
            state["playing"] == true && state["position_secs"].as_f64().is_some_and(|secs| secs > 0.3)
        });
        let mut moments: Vec<Moment> = Vec::new();
        loop {
            let state = self.program.state();
            if state["playing"] == false {
                break;
            }
            let position_secs = state["position_secs"].as_f64().unwrap();
            moments.push(Moment {
                unix_secs: state["position_read_at_unix_secs"].as_f64().unwrap(),
                position_secs,
                frame_shown: state["clip"]["frame_shown"].as_i64().unwrap_or(-1),
                number_seen: place.frame_number(&self.screen.picture()),
            });
            if position_secs > 5.0 {
                self.screen.keys(&["space"]);
                break;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        let state = self.program.wait_for("the stop", |state| state["playing"] == false);
        let frame = state["clip"]["frame"].as_u64().unwrap();
        let since = state["position_secs"].as_f64().unwrap() * scene::FRAME_RATE as f64 - frame as f64;
        assert!((-0.05..=1.0).contains(&since) || frame + 1 == scene::FRAMES as u64, "frame {frame}: {state:#}");
        self.see_frame(frame);
        let later = self.program.state();
        assert_eq!(later["position_secs"], state["position_secs"], "stopped means stopped");
        moments
    }

    fn another_sound_is_heard_without_looking_again(&mut self) {
        let weights = fill_rule::small_lvs(&self.folder);
        self.program.command(json!(["model-add-id", format!("lvs={}", weights.display())]));
        self.program.command(json!(["seek-frame", 20]));
        let own =
            self.program.wait_for("a model that listens", |state| readout(state, "lvs").is_some() && all_scored(state));
        let other_path = self.scene.other_sound.to_str().unwrap().to_owned();
        self.program.command(json!(["sound-path", other_path]));
        let other = self.program.wait_for("the other sound", |state| {
            let changed = readout(state, "lvs")
                .is_some_and(|new| Some(&new["confidence"]) != readout(&own, "lvs").map(|old| &old["confidence"]));
            state["sound"]["choice"] == "other sound.wav"
                && state["sound"]["ready"] == true
                && changed
                && all_scored(state)
        });
        assert_eq!(
            other["engine"]["image_encodings"], own["engine"]["image_encodings"],
            "no picture is looked at again"
        );
        assert_ne!(other["engine"]["query_encodings"], own["engine"]["query_encodings"]);
        assert_eq!(readout(&other, "centre-box").unwrap()["ciou"], 1.0, "what does not listen does not change");

        self.program.command(json!(["loop", 0.0, 2.5]));
        self.listen("holding the clip's own sound", Self::hold_own_sound_while_it_plays, |stretches, recording| {
            stretches.iter().try_for_each(|stretch| stretch.judge(recording))
        });
        self.program.command(json!(["loop-off"]));
        self.program.command(json!(["seek-frame", 20]));
        self.program.wait_for("silence at the frame", |state| readout(state, "lvs").is_some() && all_scored(state));
        self.program.command(json!(["sound-own"]));
        let back = self.program.wait_for("the own sound", |state| {
            state["sound"]["choice"] == "Own sound" && readout(state, "lvs").is_some() && all_scored(state)
        });
        assert_eq!(back["engine"]["image_encodings"], own["engine"]["image_encodings"]);
        assert_eq!(back["clip"]["frame"], own["clip"]["frame"]);
        assert_eq!(readout(&back, "lvs"), readout(&own, "lvs"));
    }

    fn hold_own_sound_while_it_plays(&mut self) -> Vec<Stretch> {
        let other_path = self.scene.other_sound.to_str().unwrap().to_owned();
        self.program.command(json!(["sound-path", other_path]));
        self.program.command(json!(["seek-frame", 10]));
        self.screen.keys(&["space"]);
        self.program.wait_for("playing", |state| state["playing"] == true);
        let first = self.stretch("other sound.wav", false, Heard::Tone(scene::OTHER_TONE));
        self.screen.key_down("a");
        let held = self.stretch("Own sound", true, Heard::Tone(scene::FIRST_TONE));
        self.screen.key_up("a");
        let released = self.stretch("other sound.wav", false, Heard::Tone(scene::OTHER_TONE));
        self.program.command(json!(["sound-silence"]));
        let silent = self.stretch("Silence", false, Heard::Nothing);
        self.screen.keys(&["space"]);
        self.program.wait_for("the stop", |state| state["playing"] == false);
        vec![first, held, released, silent]
    }

    /// Waits for this sound and lets it be heard for a while.
    fn stretch(&mut self, choice: &str, held: bool, expected: Heard) -> Stretch {
        let fits = |state: &Value| {
            let sound = &state["sound"];
            sound["choice"] == choice && sound["holding_own"] == held && sound["ready"] == true
        };
        self.program.wait_for(choice, fits);
        // What lies ready in the device is heard first.
        std::thread::sleep(Duration::from_millis(500));
        let start_nanos = unix_nanos();
        std::thread::sleep(Duration::from_millis(700));
        let end_nanos = unix_nanos();
        let state = self.program.state();
        assert!(fits(&state), "it changed back by itself: {state:#}");
        Stretch { start_nanos, end_nanos, expected }
    }

    fn the_palette_finds_commands(&mut self) {
        // Letters that are keys of commands too are only text while the palette is open.
        let before = self.program.state();
        assert_eq!(before["view"], "overlay");
        self.see_change("ctrl+k", |screen| screen.keys(&["ctrl+k"]));
        self.see_change("typing", |screen| screen.type_text("view grid"));
        assert_eq!(self.program.state()["view"], "overlay", "nothing is chosen yet");
        self.screen.keys(&["Return"]);
        let state = self.program.wait_for("the grid", |state| state["view"] == "grid");
        assert_eq!(state["loop"], before["loop"]);
        assert_eq!(state["playing"], false);
        self.see_change("ctrl+k", |screen| screen.keys(&["ctrl+k"]));
        self.see_change("typing", |screen| screen.type_text("mute"));
        self.see_change("Escape", |screen| screen.keys(&["Escape"]));
        assert_eq!(self.program.state()["muted"], false, "Escape chooses nothing");
        self.see_change("ctrl+k", |screen| screen.keys(&["ctrl+k"]));
        self.see_change("typing", |screen| screen.type_text("view overlay"));
        self.screen.keys(&["Return"]);
        self.program.wait_for("the overlay", |state| state["view"] == "overlay");
    }

    fn damaged_files_are_refused_with_a_word(&mut self) {
        let clips =
            [&self.scene.truncated, &self.scene.text, &self.scene.empty, &self.scene.folder, &self.scene.nonsense_npz];
        for path in clips.map(|path| path.to_str().unwrap().to_owned()) {
            self.refuses(json!(["open-path", path]), &path);
            // What is open, or can be opened again, works as before.
            let state = self.program.state();
            if state["clip"].is_null() || state["clip"]["name"] != "scene.mp4" {
                assert!(state["open_failure"].is_string(), "the stage says why: {state:#}");
                self.program.command(json!(["open-path", self.scene.clip.to_str().unwrap()]));
                self.program.wait_for("the clip again", |state| state["clip"]["name"] == "scene.mp4");
                self.program.wait_for("its picture", |state| !state["screen"]["frame_rect_points"].is_null());
            }
            self.screen.keys(&["End", "Left"]);
            self.see_frame(scene::FRAMES as u64 - 2);
        }
        let models = [
            format!("lvs={}", self.scene.nonsense_pth.display()),
            format!("lvs={}", self.scene.nonsense_npz.display()),
            format!("precomputed={}", self.scene.nonsense_npz.display()),
        ];
        for spec in models {
            self.refuses(json!(["model-add-id", spec]), &spec);
        }
        self.screen.keys(&["Home"]);
        self.see_frame(0);
        let state = self.program.wait_for("the readouts", |state| readout(state, "centre-box").is_some());
        assert_eq!(readout(&state, "centre-box").unwrap()["ciou"], 1.0);
    }

    /// The command leads to one more notice, a warning or an error of some words.
    fn refuses(&mut self, command: Value, what: &str) {
        let before = notice_count(&self.program.state());
        self.program.command(command);
        let state = self.program.wait_for(&format!("a notice about {what}"), |state| {
            notice_count(state) > before
                && state["opening"].is_null()
                && state["jobs"].as_array().is_some_and(Vec::is_empty)
        });
        let notice = *notices(&state).last().unwrap();
        assert!(["warning", "error"].contains(&notice["severity"].as_str().unwrap()), "{what}: {notice}");
        let text = notice["text"].as_str().unwrap();
        assert!(text.split_whitespace().count() >= 3, "{what}: {text}");
    }

    fn quits_cleanly(&mut self) {
        assert!(self.program.socket().exists());
        self.screen.keys(&["ctrl+q"]);
        let status = self.program.wait_for_end();
        assert!(status.success(), "{status}: {}", self.program.said());
        assert!(!self.program.socket().exists(), "the socket is gone");
        assert!(!self.program.said().contains("panicked"), "{}", self.program.said());
        let settings = std::fs::read_to_string(self.folder.join("config/settings.toml")).unwrap();
        let settings: toml::Table = settings.parse().unwrap();
        let models = settings["models"].as_array().unwrap();
        assert!(models.iter().any(|spec| spec.as_str() == Some("centre-box")), "{settings}");
        let recent = settings["recent"].as_array().unwrap();
        let clip = self.scene.clip.canonicalize().unwrap();
        assert!(recent.iter().any(|path| path.as_str() == clip.to_str()), "{settings}");
    }
}

/// What was seen at one moment of playing.
struct Moment {
    /// When the position was this, in seconds since the Unix epoch.
    unix_secs: f64,
    position_secs: f64,
    frame_shown: i64,
    number_seen: Option<usize>,
}

/// A stretch of time in which one thing is to be heard.
struct Stretch {
    start_nanos: u64,
    end_nanos: u64,
    expected: Heard,
}

impl Stretch {
    fn judge(&self, recording: &Recording) -> Result<(), String> {
        let count = 12;
        let looks: Vec<Heard> = (0..count)
            .map(|look| {
                heard_at(
                    recording,
                    (self.start_nanos + (self.end_nanos - self.start_nanos) * look / count) as f64 * 1e-9,
                )
            })
            .collect();
        // A busy machine may drop a few blocks, and the loop's seam is a fade.
        let fitting = looks.iter().filter(|heard| **heard == self.expected).count();
        if fitting * 4 < looks.len() * 3 { Err(format!("{looks:?} instead of {:?}", self.expected)) } else { Ok(()) }
    }
}

/// What the device played around a moment.
fn heard_at(recording: &Recording, unix_secs: f64) -> Heard {
    let half = RATE as usize / 40;
    let since_secs = unix_secs - recording.first_frame_nanos * 1e-9;
    let middle = (since_secs * f64::from(RATE)).max(0.0) as usize;
    let start = middle.saturating_sub(half).min(recording.frames.len());
    let end = (middle + half).min(recording.frames.len());
    heard(&recording.frames[start..end], RATE, &TONES)
}
