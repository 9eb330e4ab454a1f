//! The window without a screen: found and operated by its accessibility names, as a screen reader would.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotResults};
use image::{Rgb, RgbImage};
use serde_json::{Value, json};
use sonolens::app::{App, COMMANDS, Command, Settings, StageView, StartOptions, ThemeChoice};
use sonolens::dataset::project::{Project, ReviewVerdict};
use sonolens::localizers::store::{self, Shelf};

use crate::support::small_models::{small_clip, small_rcgrad, write_weights};

use crate::support::tones::write_wav;

/// The window on a still picture with a box in its middle, under the two naive baselines.
struct Window {
    harness: Harness<'static, App>,
    folder: tempfile::TempDir,
}

/// Exactly the cells of the centre box on a grid of 224: half of the frame's area, in the middle. A tenth of a cell
/// more, since protocols cut fractions of cells off.
const BOX: [f64; 4] = [33.1 / 224.0, 33.1 / 224.0, 191.1 / 224.0, 191.1 / 224.0];

impl Window {
    fn open(size: [f32; 2], theme: ThemeChoice) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), size, theme)
    }

    /// The window with the stored models of `models` in the folder.
    fn in_folder(folder: tempfile::TempDir, size: [f32; 2], theme: ThemeChoice) -> Self {
        let picture = folder.path().join("bell.png");
        let shade = |x: u32, y: u32| Rgb([(x * 2) as u8, (y * 3) as u8, 90]);
        RgbImage::from_fn(96, 64, shade).save(&picture).unwrap();
        let coco = json!({
            "images": [{ "id": 1, "file_name": "bell.png", "width": 96, "height": 64 }],
            "categories": [{ "id": 1, "name": "bell" }],
            "annotations": [{
                "id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0,
                "bbox": [BOX[0] * 96.0, BOX[1] * 64.0, (BOX[2] - BOX[0]) * 96.0, (BOX[3] - BOX[1]) * 64.0],
            }],
        });
        std::fs::write(folder.path().join("bell.json"), coco.to_string()).unwrap();
        let settings_path = folder.path().join("settings.toml");
        Settings { theme, ..Settings::default() }.save(&settings_path).unwrap();
        let options = StartOptions {
            paths: vec![picture],
            models: vec!["centre-box".into(), "quadrants".into()],
            ipc: Some(folder.path().join("control")),
            settings_path: Some(settings_path),
            model_shelf: Some(Shelf::at(folder.path().join("models"))),
        };
        let harness = Harness::builder()
            .with_size(size)
            .with_max_steps(64)
            .with_theme(if theme == ThemeChoice::Light { egui::Theme::Light } else { egui::Theme::Dark })
            .wgpu()
            .build_eframe(|creation| App::new(creation, options).unwrap());
        let mut window = Self { harness, folder };
        window.wait("both models have answered", |state| {
            state["models"]
                .as_array()
                .is_some_and(|models| models.len() == 2 && models.iter().all(|model| !model["readout"].is_null()))
                && state["sound"]["ready"] == true
                && state["jobs"] == json!([])
        });
        window
    }

    fn state(&self) -> Value {
        self.harness.state().state_json()
    }

    fn wait(&mut self, what: &str, holds: impl Fn(&Value) -> bool) {
        let started = Instant::now();
        loop {
            self.harness.step();
            let state = self.state();
            if holds(&state) {
                self.harness.step();
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "never: {what}\n{state:#}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Opens the palette, types, and takes what it finds first.
    fn palette(&mut self, words: &str) {
        self.harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::K);
        self.harness.step();
        self.harness.step();
        self.harness.event(egui::Event::Text(words.into()));
        self.harness.step();
        self.harness.key_press(egui::Key::Enter);
        self.harness.step();
    }

    /// A place of the frame, in fractions of it, on screen.
    fn place(&self, at: (f64, f64)) -> egui::Pos2 {
        let state = self.state();
        let edge = |index: usize| state["screen"]["frame_rect_points"][index].as_f64().unwrap();
        egui::pos2((edge(0) + at.0 * (edge(2) - edge(0))) as f32, (edge(1) + at.1 * (edge(3) - edge(1))) as f32)
    }

    fn button(&mut self, pos: egui::Pos2, pressed: bool) {
        let modifiers = egui::Modifiers::NONE;
        self.harness.event(egui::Event::PointerMoved(pos));
        self.harness.step();
        self.harness.event(egui::Event::PointerButton {
            pos,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers,
        });
        self.harness.step();
    }

    fn click(&mut self, at: (f64, f64)) {
        let at = self.place(at);
        self.button(at, true);
        self.button(at, false);
    }

    fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (from, to) = (self.place(from), self.place(to));
        self.button(from, true);
        self.harness.event(egui::Event::PointerMoved(from + (to - from) * 0.5));
        self.harness.step();
        self.button(to, false);
    }

    fn send(&mut self, command: Command) {
        let context = self.harness.ctx.clone();
        self.harness.state_mut().command(command, &context);
        self.harness.step();
    }
}

#[test]
fn readouts_are_those_of_the_protocol_and_follow_it() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    let state = window.state();
    let readout = &state["models"][0]["readout"];
    assert_eq!(readout["ciou"], 1.0, "the box is the centre box: {state:#}");
    assert_eq!(readout["verdict"], "hit");
    let quadrants = state["models"][1]["readout"]["ciou"].as_f64().unwrap();
    assert!(quadrants > 0.0 && quadrants < 0.5, "{quadrants}");
    window.harness.get_by_label("Centre box, cIoU 1.000, hit");
    assert!(state["threshold"].is_null(), "looking at the threshold does not set one");

    window.send(Command::SetThreshold(Some(1.0)));
    window.wait("a new threshold is scored", |state| state["models"][0]["readout"]["threshold"] == 1.0);
    window.send(Command::SetThreshold(None));
    window.send(Command::SetProtocol("sspl".into()));
    window.wait("the other protocol is scored", |state| {
        state["protocol"] == "sspl" && state["models"][0]["readout"]["threshold"] == 0.5
    });
}

#[test]
fn models_and_sounds_are_operated_by_name() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    window.harness.get_by_label("Quadrants, model 2").click();
    window.wait("the second model is hidden", |state| state["models"][1]["visible"] == false);
    window.harness.get_by_label("Sound: Silence").click();
    window.wait("silence is heard", |state| state["sound"]["choice"] == "Silence" && state["sound"]["ready"] == true);
    window.harness.get_by_label("Sound: Own sound").click();
    window.wait("its own sound is heard", |state| state["sound"]["choice"] == "Own sound");
    window.harness.get_by_label("Agreement").click();
    window.wait("the view changed", |state| state["view"] == "agreement");
}

#[test]
fn a_variant_is_chosen_at_the_models_chip() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    let weights = write_weights(window.folder.path(), "rc_grad", small_rcgrad());
    window.send(Command::AddModel(format!("rcgrad={}", weights.display())));
    window.wait("the model is loaded", |state| state["models"][2]["loaded"] == true);
    assert_eq!(window.state()["models"][2]["name"], "RCGrad");
    window.harness.get_by_label("RCGrad, model 3").click_secondary();
    window.harness.step();
    window.harness.step();
    window.harness.get_by_label("RCGrad: running statistics").click();
    window.wait("its variant is loaded", |state| {
        let model = &state["models"][2];
        model["variant"] == "running-statistics" && model["loaded"] == true
    });
    window.harness.get_by_label("RCGrad (running statistics), model 3");
    window.palette("rcgrad usual form");
    window.wait("its usual form is loaded", |state| {
        state["models"][2]["variant"].is_null() && state["models"][2]["loaded"] == true
    });
    window.send(Command::AddModel(format!("rcgrad:sideways={}", weights.display())));
    window.wait("an unknown variant is refused", |state| {
        state["models"][3]["failure"].as_str().is_some_and(|failure| failure.contains("running-statistics"))
    });
}

#[test]
fn a_model_that_reads_is_asked_with_words() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    assert!(window.harness.query_by_label("Text prompt").is_none(), "no model reads");
    let weights = write_weights(window.folder.path(), "clip", small_clip());
    window.send(Command::AddModel(format!("clip-text={}", weights.display())));
    window.wait("the model is loaded", |state| state["models"][2]["loaded"] == true);
    window.harness.step();
    window.harness.get_by_label("CLIPTextTran, needs a text prompt");
    window.harness.get_by_label("Text prompt").focus();
    window.harness.step();
    window.harness.event(egui::Event::Text("a bell".into()));
    window.wait("it answers", |state| state["text"] == "a bell" && !state["models"][2]["readout"].is_null());
    let confidence = |window: &Window| window.state()["models"][2]["readout"]["confidence"].as_f64().unwrap();
    let of_bell = confidence(&window);
    window.palette("text a drum on fire");
    window.wait("it is asked anew", |state| {
        let readout = &state["models"][2]["readout"];
        state["text"] == "a drum on fire" && readout["confidence"].as_f64().is_some_and(|value| value != of_bell)
    });
    window.send(Command::SetText(String::new()));
    window.wait("nothing is asked", |state| state["models"][2]["readout"].is_null());
}

#[test]
fn a_stored_model_is_in_the_menu() {
    let folder = tempfile::tempdir().unwrap();
    let weights = write_weights(folder.path(), "rc_grad", small_rcgrad());
    let addition = store::examine(&[weights], None).unwrap();
    store::add(&addition, &Shelf::at(folder.path().join("models")), Some("my-rcgrad")).unwrap();
    let mut window = Window::in_folder(folder, [1200.0, 760.0], ThemeChoice::Dark);
    window.harness.get_by_label("Load a model").click();
    window.harness.step();
    window.harness.step();
    window.harness.get_by_label_contains("my-rcgrad").click();
    window.wait("it is loaded", |state| state["models"][2]["loaded"] == true);
    assert_eq!(window.state()["models"][2]["name"], "my-rcgrad");
    assert_eq!(window.state()["models"][2]["id"], "rcgrad");
}

#[test]
fn keys_and_palette_send_commands() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Light);
    window.harness.key_press(egui::Key::V);
    window.wait("the next view", |state| state["view"] == "grid");
    window.harness.key_press(egui::Key::Num1);
    window.wait("the first model is hidden", |state| state["models"][0]["visible"] == false);

    window.palette("view wipe");
    window.wait("the palette chose", |state| state["view"] == "wipe");
    window.harness.step();
    assert!(window.harness.query_by_label("Find a command").is_none(), "the palette is closed");
    // A letter typed into a text field is no command.
    window.harness.get_by_label("Search clips").focus();
    window.harness.step();
    window.harness.key_press(egui::Key::V);
    window.harness.step();
    assert_eq!(window.state()["view"], "wipe");
}

#[test]
fn holding_the_own_sound_lasts_as_long_as_the_key() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    // Whose sound the boxes are of is said while another is heard.
    let said = |window: &Window| window.harness.query_by_label_contains("boxes are of the clip's own sound").is_some();
    assert!(!said(&window));
    window.harness.get_by_label("Sound: White noise").click();
    window.wait("noise", |state| state["sound"]["choice"] == "White noise");
    assert!(said(&window));
    window.harness.key_down(egui::Key::A);
    window.wait("held", |state| state["sound"]["holding_own"] == true);
    assert_eq!(window.state()["sound"]["choice"], "Own sound");
    assert!(!said(&window));
    window.harness.key_up(egui::Key::A);
    window.wait("released", |state| state["sound"]["choice"] == "White noise");
    assert!(said(&window));
    // Without boxes there is nothing to say.
    RgbImage::new(96, 64).save(window.folder.path().join("plain.png")).unwrap();
    window.send(Command::OpenPath(window.folder.path().join("plain.png")));
    window.wait("it is open", |state| state["clip"]["name"] == "plain.png" && state["opening"].is_null());
    window.harness.get_by_label("Sound: White noise").click();
    window.wait("noise again", |state| state["sound"]["choice"] == "White noise");
    assert!(!said(&window));
}

#[test]
fn every_command_without_arguments_can_be_given_at_any_time() {
    // Dialogs need a desktop; quitting and full screen are the window system's.
    let left_out = [
        "open",
        "open-folder",
        "annotations",
        "model-add",
        "sound-file",
        "project-save",
        "screenshot",
        "quit",
        "fullscreen",
    ];
    let mut window = Window::open([900.0, 600.0], ThemeChoice::Dark);
    for info in COMMANDS.iter().filter(|info| info.is_complete() && !left_out.contains(&info.name)) {
        if info.name == "open-demo" {
            continue;
        }
        let command = info.make(&[]).unwrap();
        window.send(command);
        window.harness.step();
    }
    assert_eq!(window.state()["models"].as_array().unwrap().len(), 2);
}

#[test]
fn a_file_that_cannot_be_opened_leaves_everything_as_it_was() {
    let mut window = Window::open([1000.0, 640.0], ThemeChoice::Dark);
    window.send(Command::OpenPath("/nowhere/at all.mp4".into()));
    window.wait("the reason is told", |state| {
        state["notices"].as_array().is_some_and(|notices| {
            notices.iter().any(|notice| {
                notice["severity"] == "error" && notice["text"].as_str().is_some_and(|text| text.contains("at all.mp4"))
            })
        })
    });
    assert_eq!(window.state()["clip"]["name"], "bell.png");
    window.send(Command::AddModel("lvs=/nowhere/best.pth".into()));
    window.wait("the model is refused", |state| !state["models"][2]["failure"].is_null());
    window.send(Command::AddModel("no-such-system".into()));
    window.wait("the system is refused", |state| !state["models"][3]["failure"].is_null());
    assert_eq!(window.state()["models"][0]["readout"]["ciou"], 1.0);
}

#[test]
fn reviews_are_kept_in_a_project() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    let folder = window.folder.path().to_owned();
    RgbImage::new(96, 64).save(folder.join("cat.png")).unwrap();
    let coco = std::fs::read_to_string(folder.join("bell.json")).unwrap();
    std::fs::write(folder.join("cat.json"), coco.replace("bell", "cat")).unwrap();
    window.harness.key_press(egui::Key::Y);
    window.wait("a word on where reviews go", |state| {
        let notices = state["notices"].as_array().unwrap();
        notices.iter().any(|notice| notice["text"].as_str().unwrap().contains("project"))
    });
    window.send(Command::OpenPath(folder.clone()));
    window.wait("both clips", |state| state["clips"] == 2 && state["clip"]["name"] == "bell.png");
    let project = folder.join("bells.sonolens");
    window.send(Command::SaveProject(project.clone()));
    window.wait("the project", |state| {
        state["project"]["is_read"] == true && state["clips"] == 2 && state["selected_clip"] == 1
    });
    assert_eq!(window.state()["clip"]["name"], "bell.png", "what was open stays open");
    window.harness.get_by_label("Clips shown, by review");

    window.harness.key_press(egui::Key::Y);
    window.wait("the next clip", |state| state["clip"]["name"] == "cat.png");
    window.harness.get_by_label("Clip bell.png, accepted");
    window.harness.key_press(egui::Key::E);
    window.wait("its review", |state| state["review"] == "fix");
    assert_eq!(window.state()["clip"]["name"], "cat.png", "what is to be corrected stays");

    // Another window would find it so, too.
    window.send(Command::OpenPath(project));
    window
        .wait("the project again", |state| state["project"]["is_read"] == true && state["clip"]["name"] == "bell.png");
    assert_eq!(window.state()["review"], "accept");
    assert!(window.state()["clip"]["has_annotations"] == true, "with its truth");
    window.harness.get_by_label("Clip cat.png, to correct");
}

/// The window on a project of two clips, bell and cat, with the truth of both.
fn project_of_two() -> (Window, std::path::PathBuf) {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    let folder = window.folder.path().to_owned();
    RgbImage::new(96, 64).save(folder.join("cat.png")).unwrap();
    let coco = std::fs::read_to_string(folder.join("bell.json")).unwrap();
    std::fs::write(folder.join("cat.json"), coco.replace("bell", "cat")).unwrap();
    window.send(Command::OpenPath(folder.clone()));
    window.wait("both clips", |state| state["clips"] == 2 && state["clip"]["name"] == "bell.png");
    let project = folder.join("two.sonolens");
    window.send(Command::SaveProject(project.clone()));
    window.wait("the project", |state| state["clip"]["boxes_can_be_changed"] == true && state["clips"] == 2);
    (window, project)
}

#[test]
fn scores_are_kept_in_a_project() {
    let (mut window, project) = project_of_two();
    window.wait("the first clip is scored", |state| state["scored_clips"] == 1);
    window.send(Command::NextClip);
    window.wait("the other clip is scored, too", |state| {
        state["clip"]["name"] == "cat.png" && state["scored_clips"] == 2
    });
    window.send(Command::OpenPath(project.clone()));
    window.wait("the project again, with the score of the clip that is not open", |state| {
        state["project"]["is_read"] == true && state["selected_clip"] == 1 && state["scored_clips"] == 2
    });
    let kept = Project::open(&project).unwrap();
    let under = format!("lvs, window {}", window.state()["audio_window"].as_str().unwrap());
    let cat = kept.find("cat").unwrap().or(kept.find("cat.png").unwrap()).unwrap();
    let score = kept.scores(cat).unwrap().into_iter().find(|score| score.model == "centre-box").unwrap();
    assert_eq!((score.protocol, score.ciou), (under, Some(1.0)));

    // Scores of another protocol are not shown for those of this one.
    window.send(Command::SetProtocol("sspl".into()));
    window.wait("only the open clip is scored", |state| state["scored_clips"] == 1);
    window.send(Command::SetProtocol("lvs".into()));
    window.wait("what was kept is back", |state| state["scored_clips"] == 2);
}

#[test]
fn the_report_is_of_what_is_true_in_the_project() {
    let (mut window, project) = project_of_two();
    window.send(Command::NextClip);
    window.wait("the other clip", |state| state["clip"]["name"] == "cat.png");
    window.send(Command::Review(ReviewVerdict::Reject));
    window.wait("it is rejected", |_| Project::open(&project).unwrap().dataset().unwrap().clips.len() == 1);
    window.send(Command::SelectClip(0));
    window.wait("the first clip", |state| {
        state["clip"]["name"] == "bell.png" && state["clip"]["boxes_can_be_changed"] == true
    });
    window.harness.key_press(egui::Key::B);
    window.harness.step();
    window.drag((0.02, 0.02), (0.1, 0.12));
    window.wait("a second box", |state| state["clip"]["boxes"].as_array().unwrap().len() == 2);
    window.send(Command::ToggleReport);
    window.harness.step();
    window.harness.get_by_label("Compute").click();
    let list = "1 corrected in the project, 1 left out, since the last review rejects it";
    let started = Instant::now();
    while window.harness.query_by_label_contains(list).is_none() {
        window.harness.step();
        assert!(started.elapsed() < Duration::from_secs(120), "no report of the project");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_typed_part_of_the_protocol_changes_the_figures() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    window.send(Command::ToggleProtocolParts);
    window.harness.step();
    let type_rule = |window: &mut Window, rule: &str| {
        window.harness.get_by_label("Positive cells").focus();
        window.harness.step();
        window.harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
        window.harness.step();
        window.harness.event(egui::Event::Text(rule.into()));
        window.harness.step();
        assert_eq!(window.state()["protocol"], "lvs", "what is half typed changes nothing");
        window.harness.key_press(egui::Key::Enter);
        window.harness.step();
    };
    type_rule(&mut window, "best");
    window.wait("the reason", |state| {
        state["notices"].as_array().unwrap().iter().any(|notice| notice["text"].as_str().unwrap().contains("`best`"))
    });
    assert_eq!(window.state()["protocol"], "lvs");
    type_rule(&mut window, "fixed:0");
    // Every cell is positive: the box is half of the frame.
    window.wait("the new rule is scored", |state| {
        state["protocol"] == "lvs+binarize=fixed:0"
            && state["models"][0]["readout"]["positive_share"] == 1.0
            && (state["models"][0]["readout"]["ciou"].as_f64().unwrap() - 0.4975).abs() < 1e-3
    });
    window.harness.get_by_label("As published").click();
    window
        .wait("the published rule", |state| state["protocol"] == "lvs" && state["models"][0]["readout"]["ciou"] == 1.0);
}

#[test]
fn boxes_are_drawn_corrected_and_taken_back() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    let project = window.folder.path().join("bells.sonolens");
    window.harness.key_press(egui::Key::B);
    window.wait("a word on where boxes are changed", |state| {
        state["notices"].as_array().unwrap().iter().any(|notice| notice["text"].as_str().unwrap().contains("project"))
    });
    window.send(Command::SaveProject(project.clone()));
    window.wait("the project", |state| state["clip"]["boxes_can_be_changed"] == true);
    let count = |state: &Value| state["clip"]["boxes"].as_array().unwrap().len();
    let ciou = |state: &Value| state["models"][0]["readout"]["ciou"].as_f64();

    window.harness.key_press(egui::Key::B);
    window.harness.step();
    window.drag((0.02, 0.02), (0.1, 0.12));
    window.wait("a second box, scored", |state| count(state) == 2 && ciou(state).is_some_and(|ciou| ciou < 0.999));
    let drawn = window.state()["clip"]["boxes"][1].clone();
    assert!((drawn["right"].as_f64().unwrap() - 0.1).abs() < 0.01, "{drawn}");
    assert_eq!(drawn["label"], "bell", "named as the others are");

    // The first box: chosen by a click, its right side pulled in, moved as a whole.
    window.click((0.5, 0.5));
    window.wait("it is chosen", |state| state["clip"]["box_is_chosen"] == true);
    window.drag((BOX[2], 0.5), (BOX[2] - 0.2, 0.5));
    let right = |state: &Value| state["clip"]["boxes"][0]["right"].as_f64().unwrap();
    window.wait("it is narrower", |state| (right(state) - (BOX[2] - 0.2)).abs() < 0.01);
    let left = window.state()["clip"]["boxes"][0]["left"].as_f64().unwrap();
    assert_eq!(left, BOX[0], "its other side stays to the last digit");
    let narrow = window.state()["clip"]["boxes"][0].clone();
    window.drag((0.4, 0.5), (0.45, 0.5));
    window.wait("it has moved", |state| state["clip"]["boxes"][0]["left"].as_f64().unwrap() > BOX[0] + 0.03);

    let undo = |window: &mut Window| window.harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Z);
    undo(&mut window);
    window.wait("the move is taken back", |state| state["clip"]["boxes"][0] == narrow);
    undo(&mut window);
    undo(&mut window);
    window.wait("all is as it was", |state| count(state) == 1 && ciou(state) == Some(1.0));
    let shift = egui::Modifiers::COMMAND | egui::Modifiers::SHIFT;
    window.harness.key_press_modifiers(shift, egui::Key::Z);
    window.wait("the drawing is made again", |state| count(state) == 2);
    undo(&mut window);
    window.wait("and taken back", |state| count(state) == 1);

    window.harness.key_press(egui::Key::Escape);
    window.wait("nothing chosen", |state| state["clip"]["box_is_chosen"] == false);
    window.harness.get_by_label("Box bell").click();
    window.wait("chosen in the list", |state| state["clip"]["box_is_chosen"] == true);
    window.harness.key_press(egui::Key::Delete);
    window.wait("no box", |state| count(state) == 0);
    undo(&mut window);
    window.wait("the box", |state| count(state) == 1 && ciou(state) == Some(1.0));
}

#[test]
fn sounds_that_lie_beside_a_clip_are_on_the_shelf() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    let folder = window.folder.path().to_owned();
    write_wav(&folder.join("bell.meow.wav"), 16_000, &[(440.0, 0.5)]);
    RgbImage::new(96, 64).save(folder.join("cat.png")).unwrap();
    window.send(Command::OpenPath(folder.join("bell.png")));
    window.wait("the sound is offered", |state| state["clip"]["name"] == "bell.png" && state["opening"].is_null());
    window.wait("the shelf", |state| state["sound"]["shelf"] == json!(["Own sound", "Silence", "White noise", "meow"]));
    window.harness.get_by_label("Sound: meow").click();
    window.wait("it is heard", |state| state["sound"]["choice"] == "bell.meow.wav" && state["sound"]["ready"] == true);
    window.send(Command::OpenPath(folder.join("cat.png")));
    window.wait("it went with its clip", |state| {
        state["clip"]["name"] == "cat.png"
            && state["sound"]["choice"] == "Own sound"
            && state["sound"]["shelf"].as_array().unwrap().len() == 3
    });
}

#[test]
fn the_list_keeps_to_the_clips_own_sound() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    let weights = write_weights(window.folder.path(), "rc_grad", small_rcgrad());
    window.send(Command::AddModel(format!("rcgrad={}", weights.display())));
    window.wait("the model is loaded", |state| state["models"][2]["loaded"] == true);
    window.harness.get_by_label("Sound: White noise").click();
    window
        .wait("it has heard the noise", |state| !state["models"][2]["readout"].is_null() && state["jobs"] == json!([]));
    let scores = window.state()["clip"]["scores"].clone();
    assert_eq!(scores[0], 1.0, "{scores}");
    assert!(scores[2].is_null(), "the clip itself has no sound: {scores}");
}

#[test]
fn the_tour_goes_to_its_end_and_does_not_come_back() {
    let mut window = Window::open([1200.0, 760.0], ThemeChoice::Dark);
    assert!(window.state()["tour"].is_null(), "it belongs to the demo");
    window.send(Command::TourStart);
    for step in 1..=5 {
        window.wait("the next card", |state| state["tour"] == step);
        // A card finds its place once its size is known.
        window.harness.step();
        window.harness.step();
        window.harness.get_by_label(if step < 5 { "Next" } else { "Done" }).click();
    }
    window.wait("the end", |state| state["tour"].is_null());
    window.send(Command::TourStart);
    window.harness.step();
    window.harness.step();
    window.harness.get_by_label("Not again").click();
    window.wait("the end", |state| state["tour"].is_null());
}

#[test]
fn the_window_looks_as_it_did() {
    let mut snapshots = SnapshotResults::new();
    for (name, theme) in [("window_dark", ThemeChoice::Dark), ("window_light", ThemeChoice::Light)] {
        let mut window = Window::open([900.0, 560.0], theme);
        window.send(Command::SetView(StageView::Overlay));
        window.harness.remove_cursor();
        window.harness.step();
        window.harness.step();
        // What changes from run to run is covered.
        window.harness.mask(egui::Rect::from_min_max(egui::pos2(0.0, 528.0), egui::pos2(900.0, 560.0)));
        snapshots.add(window.harness.try_snapshot(name));
    }
}

#[test]
fn a_window_at_rest_does_not_repaint() {
    let mut window = Window::open([900.0, 560.0], ThemeChoice::Dark);
    at_rest(&mut window);
    window.send(Command::TogglePalette);
    window.harness.step();
    at_rest(&mut window);
    window.harness.input_mut().focused = false;
    at_rest(&mut window);
}

/// Waits until nothing asks for another pass: notices have faded, the last jobs have ended, a cursor may blink.
fn at_rest(window: &mut Window) {
    let started = Instant::now();
    loop {
        window.harness.step();
        let output = &window.harness.output().viewport_output;
        let delay = output.values().map(|viewport| viewport.repaint_delay).min().unwrap_or(Duration::MAX);
        if delay > Duration::from_millis(300) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "the window asks to be painted again in {delay:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Sends one line over the window's socket; the answer comes when the window has had a pass.
fn over_the_socket(socket: &Path, request: Value) -> JoinHandle<Value> {
    let mut stream = BufReader::new(UnixStream::connect(socket).unwrap());
    writeln!(stream.get_mut(), "{request}").unwrap();
    let answer = std::thread::spawn(move || {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    });
    // Into the window's queue, so that what is sent next stands behind it.
    std::thread::sleep(Duration::from_millis(150));
    answer
}

#[test]
fn the_socket_tells_what_is_true_after_the_commands_before_it() {
    let mut window = Window::open([1440.0, 900.0], ThemeChoice::Dark);
    let socket = window.folder.path().join("control");
    // No readout is of another threshold, and none is missing where the engine is said to be done.
    let is_of = |state: &Value, threshold: f64| {
        let engine = &state["engine"];
        let done = engine["scored"] == engine["wanted"];
        state["models"].as_array().unwrap().iter().all(|model| match model["readout"]["threshold"].as_f64() {
            Some(used) => (used - threshold).abs() < 1e-6,
            None => !done,
        })
    };
    window.send(Command::SetThreshold(Some(0.5)));
    window.wait("the scores", |state| is_of(state, 0.5) && state["engine"]["scored"] == state["engine"]["wanted"]);
    let mut ask = |requests: &[Value]| {
        let answers: Vec<_> = requests.iter().map(|request| over_the_socket(&socket, request.clone())).collect();
        while !answers.iter().all(JoinHandle::is_finished) {
            window.harness.step();
        }
        answers.into_iter().map(|answer| answer.join().unwrap()).next_back().unwrap()
    };
    let set = |threshold: f64| json!({ "command": ["threshold", threshold] });
    let in_one_pass = ask(&[set(0.25), json!({ "get": "state" })]);
    assert!(is_of(&in_one_pass["state"], 0.25), "{:#}", in_one_pass["state"]);
    ask(&[set(0.75)]);
    let in_the_next_pass = ask(&[json!({ "get": "state" })]);
    assert!(is_of(&in_the_next_pass["state"], 0.75), "{:#}", in_the_next_pass["state"]);
}
