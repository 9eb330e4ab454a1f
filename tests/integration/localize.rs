//! `sonolens localize` from a checkpoint, a picture and a sound on disk to the authors' own heatmap.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use sonolens::network::arrays::Npz;

use crate::support::fill_rule::{filled, image, samples};
use crate::support::fixture;
use crate::support::golden::{Golden, largest_difference};
use crate::support::tones::wav;

/// Runs the program; its standard output.
fn sonolens(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sonolens")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The picture of golden case a as PNG and its sound as 16-bit WAV.
fn write_case(folder: &Path) -> (PathBuf, PathBuf) {
    let picture = image(101, 320, 240);
    let png = folder.join("a.png");
    RgbImage::from_raw(320, 240, picture.rgb).unwrap().save(&png).unwrap();
    let wav = wav(16_000, &samples(101, 16_000, 160_000, 1));
    let path = folder.join("a.wav");
    std::fs::write(&path, wav).unwrap();
    (png, path)
}

/// Weights filled by the rule, as a safetensors file.
fn write_weights(folder: &Path, listing: &str) -> PathBuf {
    let keys = fixture("systems/keys").join(format!("{listing}.tsv"));
    let state = filled(&std::fs::read_to_string(keys).unwrap());
    let tensors: HashMap<String, candle_core::Tensor> = state.into_iter().collect();
    let path = folder.join(format!("{listing}.safetensors"));
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}

fn localized_as_published(id: &str, listing: &str, golden: &str, protocol: &str, tolerance: f64, map_key: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (png, wav) = write_case(folder.path());
    let weights = write_weights(folder.path(), listing);
    let answer = folder.path().join("answer.npz");
    let printed = sonolens(&[
        "localize",
        "--model",
        &format!("{id}={}", weights.display()),
        "--image",
        png.to_str().unwrap(),
        "--audio",
        wav.to_str().unwrap(),
        "--protocol",
        protocol,
        "--out",
        answer.to_str().unwrap(),
        "--json",
    ]);
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["model"], id);
    assert_eq!(printed["window_rule"], "benchmark");

    let golden = Golden::open(golden);
    let mut npz = Npz::open(&answer).unwrap();
    let heatmap = npz.read("heatmap").unwrap().to_f32().unwrap();
    let difference = largest_difference(&heatmap, &golden.floats("a.heat_raw"));
    assert!(difference <= tolerance, "{id}: the native heatmap is {difference:e} off");
    let map = npz.read("map").unwrap();
    assert_eq!(map.shape(), [224, 224]);
    let map = map.to_f32().unwrap();
    let every_fourth: Vec<f32> =
        (0..56).flat_map(|row| (0..56).map(move |column| row * 4 * 224 + column * 4)).map(|cell| map[cell]).collect();
    let difference = largest_difference(&every_fourth, &golden.floats(map_key));
    assert!(difference <= 1e-3, "{id}: the final map is {difference:e} off");
    assert_eq!(npz.read("rect").unwrap().shape(), [4]);
    assert_eq!(npz.read("frame").unwrap().to_i64().unwrap(), [0]);
}

#[test]
fn lvs_is_what_its_authors_code_answers() {
    localized_as_published("lvs", "lvs", "lvs.npz", "lvs", 1e-5, "a.heat224.grid4");
}

#[test]
fn ez_vsl_is_what_its_authors_code_answers() {
    localized_as_published("ez-vsl", "ezvsl", "ezvsl.npz", "ezvsl", 2e-4, "a.av.grid4");
}

#[test]
fn what_cannot_be_localized_says_why_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (png, _) = write_case(folder.path());
    let answer = folder.path().join("answer.npz");
    let run = |arguments: &[&str]| {
        let mut all = vec!["localize", "--out", answer.to_str().unwrap()];
        all.extend(arguments);
        let output = Command::new(env!("CARGO_BIN_EXE_sonolens")).args(&all).output().unwrap();
        assert!(!answer.exists());
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let png = png.to_str().unwrap();
    let (status, message) = run(&["--model", "no-such", "--image", png]);
    assert!(status == 1 && message.contains("no-such"), "{message}");
    let (status, message) = run(&["--model", "lvs=/nowhere/lvs.pth", "--image", png]);
    assert!(status == 1 && message.contains("/nowhere/lvs.pth"), "{message}");
    let (status, message) = run(&["--model", "centre-box", "--video", png, "--time", "90"]);
    assert!(status == 1 && message.contains("outside"), "{message}");
    assert_eq!(run(&["--model", "centre-box"]).0, 2, "neither a video nor an image");
}

#[test]
fn a_baseline_needs_no_sound() {
    let folder = tempfile::tempdir().unwrap();
    let (png, _) = write_case(folder.path());
    let answer = folder.path().join("answer.npz");
    sonolens(&[
        "localize",
        "--model",
        "centre-box",
        "--image",
        png.to_str().unwrap(),
        "--out",
        answer.to_str().unwrap(),
    ]);
    let mut npz = Npz::open(&answer).unwrap();
    assert_eq!(npz.read("heatmap").unwrap().shape(), [224, 224]);
}
