//! Heatmaps of other programs through the program itself, and models by their names on the shelf.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use sonolens::app::{App, Settings, StartOptions};
use sonolens::network::arrays::{Array, Npz, write_npz};

fn sonolens(arguments: &[&str], models: &Path) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sonolens"));
    program.args(arguments).env("SONOLENS_MODELS", models).output().unwrap()
}

/// A gray image of 30×20, the clip `dog`.
fn picture(folder: &Path) -> String {
    let path = folder.join("dog.png");
    image::GrayImage::new(30, 20).save(&path).unwrap();
    path.display().to_string()
}

fn ramp(rows: usize, columns: usize) -> Array {
    Array::new([rows, columns], (0..rows * columns).map(|index| index as f32 / 8.0).collect::<Vec<f32>>()).unwrap()
}

#[test]
fn saved_maps_are_localized_and_the_answer_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path());
    let predictions = folder.path().join("maps.npz");
    let rect = Array::new([4], vec![5.0, 0.0, 25.0, 20.0]).unwrap();
    write_npz(&predictions, [("cat", &ramp(3, 3)), ("dog", &ramp(4, 5)), ("dog.rect", &rect)]).unwrap();

    let mut model = format!("precomputed={}", predictions.display());
    for round in ["first", "second"] {
        let answer = folder.path().join(format!("{round}.npz"));
        let out = answer.display().to_string();
        let run = sonolens(&["localize", "--model", &model, "--image", &image, "--out", &out, "--json"], folder.path());
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let summary: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(summary["model"], "precomputed");
        assert_eq!(summary["heatmap_shape"], serde_json::json!([4, 5]));
        let mut npz = Npz::open(&answer).unwrap();
        assert_eq!(npz.read("heatmap").unwrap(), ramp(4, 5));
        assert_eq!(npz.read("rect").unwrap(), rect);
        assert_eq!(npz.read("map").unwrap().shape(), [224, 224]);
        model = format!("precomputed={out}");
    }
}

#[test]
fn a_clip_without_a_map_fails_and_names_those_that_have_one() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path());
    let predictions = folder.path().join("maps.npz");
    write_npz(&predictions, [("cat", &ramp(3, 3)), ("bird", &ramp(3, 3))]).unwrap();
    let model = format!("precomputed={}", predictions.display());
    let out = folder.path().join("answer.npz");
    let run = sonolens(
        &["localize", "--model", &model, "--image", &image, "--out", &out.display().to_string()],
        folder.path(),
    );
    assert_eq!(run.status.code(), Some(1));
    let message = String::from_utf8_lossy(&run.stderr);
    assert!(message.contains("'dog'") && message.contains("cat, bird"), "{message}");
    assert!(!out.exists());
}

#[test]
fn a_model_by_its_name_alone_is_looked_for_on_the_shelf() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path());
    let out = folder.path().join("answer.npz").display().to_string();
    let localize =
        |model: &str| sonolens(&["localize", "--model", model, "--image", &image, "--out", &out], folder.path());
    let refusal = |model: &str| {
        let run = localize(model);
        assert_eq!(run.status.code(), Some(1), "{model}");
        String::from_utf8_lossy(&run.stderr).into_owned()
    };
    assert!(localize("centre-box").status.success());
    let message = refusal("lvs");
    assert!(message.contains("the authors' .pth.tar") && message.contains("models add"), "{message}");
    assert!(message.contains("lvs=FILE"), "{message}");
    assert!(refusal("nonsense").contains("no model is called 'nonsense'"));
    assert!(refusal("precomputed").contains("predictions needed"));
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/model.toml"), "system = 3").unwrap();
    assert!(refusal("mine").contains("model.toml"));
}

#[test]
fn a_stored_model_answers_by_its_name() {
    let Some(reference) = crate::support::reference_dir() else { return };
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path());
    let checkpoint = reference.join("golden/checkpoints/ssltie.pth.tar").display().to_string();
    let added = sonolens(&["models", "add", &checkpoint, "--name", "mine"], folder.path());
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let answer = |model: &str| {
        let out = folder.path().join("answer.npz");
        let arguments =
            ["localize", "--model", model, "--image", &image, "--sound", "noise", "--out", &out.display().to_string()];
        let run = sonolens(&arguments, folder.path());
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        Npz::open(&out).unwrap().read("heatmap").unwrap()
    };
    assert_eq!(answer("mine"), answer(&format!("ssl-tie={checkpoint}")));
}

#[test]
fn the_window_shows_maps_that_are_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path());
    let predictions = folder.path().join("maps.npz");
    let write = |highest: f32| {
        let map = Array::new([1, 2], vec![0.0, highest]).unwrap();
        write_npz(&predictions, [("cat", &ramp(3, 3)), ("dog", &map)]).unwrap();
    };
    write(3.0);
    let settings = folder.path().join("settings.toml");
    Settings { protocol: "lvs+confidence=peak".into(), ..Settings::default() }.save(&settings).unwrap();
    let options = StartOptions {
        paths: vec![image.into()],
        models: vec![format!("precomputed={}", predictions.display())],
        ipc: None,
        settings_path: Some(settings),
        model_shelf: None,
    };
    let mut window = Harness::builder().wgpu().build_eframe(|creation| App::new(creation, options).unwrap());
    let mut wait = |what: &str, holds: &dyn Fn(&serde_json::Value) -> bool| {
        let started = Instant::now();
        loop {
            window.step();
            let state = window.state().state_json();
            if holds(&state["models"][0]) {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(120), "never: {what}\n{state:#}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait("the first map", &|model| model["readout"]["confidence"] == 3.0);
    write(5.0);
    wait("the map that was written anew", &|model| model["readout"]["confidence"] == 5.0);
    std::fs::write(&predictions, b"half a file").unwrap();
    wait("the damage", &|model| model["failure"].as_str().is_some_and(|message| message.contains("maps.npz")));
    write(6.0);
    wait("the repaired file", &|model| model["failure"].is_null() && model["readout"]["confidence"] == 6.0);
}
