//! Runs over datasets through the program: their figures, how they go on after an end, shares, saved maps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use image::RgbImage;
use serde_json::{Value, json};
use sonolens::evaluation::{ClipKind, FinishedRun, ScoreRow, predictions_path};
use sonolens::geometry::{Rect, Size};
use sonolens::localizers::{FrameInput, Localizer, Query, WindowRule, registry};
use sonolens::metrics::references::{centre_box, full_frame};
use sonolens::metrics::retrieval;
use sonolens::metrics::{
    Bitmap, GroundTruthMap, GroundTruthRule, Protocol, TruthBox, area_under_success, mask_ciou, mcnemar, mean,
    success_rate,
};

use crate::support::fill_rule::{image, samples, small_lvs, wave};
use crate::support::tones::wav;

const SIZE: Size = Size::new(96, 64);
const RATE: u32 = 16_000;
const SOUND_FRAMES: usize = 16_000;

/// Runs the program; what it answered.
fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sonolens")).args(arguments).output().unwrap()
}

#[track_caller]
fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[track_caller]
pub fn run(arguments: &[&str], expected: i32) -> String {
    let output = program(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(status(&output), expected, "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap() + &said
}

fn id(clip: u32) -> String {
    format!("clip{clip:07}_000030")
}

/// The boxes of a clip, as fractions; every third has two.
fn boxes(clip: u32) -> Vec<[f64; 4]> {
    let shift = f64::from(clip % 5) * 0.08;
    let mut boxes = vec![[shift, 0.1 + shift, shift + 0.5, shift + 0.6]];
    if clip.is_multiple_of(3) {
        boxes.push([0.7, 0.2, 1.0, 0.9]);
    }
    boxes
}

fn class(clip: u32) -> &'static str {
    if clip.is_multiple_of(2) { "bell" } else { "drum" }
}

/// A small benchmark in the form of VGG-SS: pictures, sounds, boxes.
pub fn write_dataset(folder: &Path, clips: u32) {
    for name in ["images", "audio"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    let entries: Vec<Value> = (0..clips)
        .map(|clip| {
            let picture = image(clip, SIZE.width, SIZE.height);
            let png = RgbImage::from_raw(SIZE.width, SIZE.height, picture.rgb).unwrap();
            png.save(folder.join("images").join(id(clip) + ".png")).unwrap();
            let sound = wav(RATE, &samples(clip, RATE, SOUND_FRAMES, 1));
            std::fs::write(folder.join("audio").join(id(clip) + ".wav"), sound).unwrap();
            json!({ "file": id(clip), "class": class(clip), "bbox": boxes(clip) })
        })
        .collect();
    std::fs::write(folder.join("vggss.json"), serde_json::to_vec(&entries).unwrap()).unwrap();
}

fn truth(clip: u32) -> GroundTruthMap {
    let boxes: Vec<TruthBox> =
        boxes(clip).into_iter().map(|[x0, y0, x1, y1]| TruthBox::new(Rect::new(x0, y0, x1, y1))).collect();
    GroundTruthMap::from_boxes(&boxes, GroundTruthRule::Union, 224)
}

/// cIoU of a clip without anything of a run: picture and sound straight to the model, its map to the protocol.
fn expected_ciou(localizer: &dyn Localizer, clip: u32, protocol: &str) -> f64 {
    let picture = image(clip, SIZE.width, SIZE.height);
    let input = FrameInput { picture: &picture, next: None, index: 0, clip: "" };
    let features = localizer.encode_image(&input).unwrap();
    let sound = wave(clip, RATE, SOUND_FRAMES, 1);
    let window = localizer.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
    let embedding = localizer.encode_query(&Query::Sound { sound: &sound, window }).unwrap();
    let heatmap = localizer.join(&features, &embedding).unwrap();
    let protocol: Protocol = protocol.parse().unwrap();
    protocol.for_benchmark(GroundTruthRule::Union).score(&heatmap, &truth(clip))
}

/// A small benchmark and a small model in a folder of their own.
pub struct Place {
    root: tempfile::TempDir,
    dataset: String,
    lvs: String,
}

impl Place {
    pub fn new(clips: u32) -> Self {
        let root = tempfile::tempdir().unwrap();
        let dataset = root.path().join("clips");
        write_dataset(&dataset, clips);
        let lvs = format!("lvs={}", small_lvs(root.path()).display());
        Self { dataset: dataset.display().to_string(), lvs, root }
    }

    pub fn out(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The arguments that evaluate both models under two protocols.
    pub fn arguments<'a>(&'a self, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["evaluate", &self.dataset, "--model", "centre-box", "--model", &self.lvs];
        arguments.extend(["--protocol", "lvs", "--protocol", "ezvsl", "--out", out.to_str().unwrap()]);
        arguments.extend(more);
        arguments
    }

    #[track_caller]
    pub fn evaluate(&self, out: &Path, more: &[&str], expected: i32) -> String {
        run(&self.arguments(out, more), expected)
    }
}

fn rows(out: &Path) -> Vec<ScoreRow> {
    FinishedRun::open(out).unwrap().rows().unwrap()
}

pub const TABLES: [&str; 3] = ["scores.csv", "scores.parquet", "summary.json"];

#[track_caller]
pub fn assert_same_bytes(first: &Path, second: &Path, names: &[&str]) {
    for name in names {
        let (a, b) = (std::fs::read(first.join(name)).unwrap(), std::fs::read(second.join(name)).unwrap());
        assert!(a == b, "{name} of {} and {} differ", first.display(), second.display());
    }
}

#[test]
fn figures_are_those_of_the_models_and_metrics_alone() {
    const CLIPS: u32 = 6;
    let place = Place::new(CLIPS);
    let out = place.out("run");
    let printed = place.evaluate(&out, &["--also", "silence,off-screen"], 0);
    assert!(printed.contains("centre-box, lvs: 18 scored"), "{printed}");
    let run = FinishedRun::open(&out).unwrap();
    let rows = run.rows().unwrap();
    assert_eq!(rows.len(), 6 * 3 * 2 * 2);
    let weights = PathBuf::from(place.lvs.strip_prefix("lvs=").unwrap());
    let models: Vec<(&str, Box<dyn Localizer>)> = vec![
        ("centre-box", registry::open("centre-box", &[]).unwrap()),
        ("lvs", registry::open("lvs", &[weights]).unwrap()),
    ];
    for (label, localizer) in &models {
        for protocol in ["lvs", "ezvsl"] {
            let expected: Vec<f64> = (0..CLIPS).map(|clip| expected_ciou(localizer.as_ref(), clip, protocol)).collect();
            let of_kind = |kind: ClipKind| {
                rows.iter().filter(move |row| row.model == *label && row.protocol == protocol && row.kind == kind)
            };
            let got: Vec<f64> = of_kind(ClipKind::Positive).map(|row| row.ciou.unwrap()).collect();
            assert_eq!(got, expected, "{label} {protocol}");
            assert!(of_kind(ClipKind::Silence).all(|row| row.asked == "silence" && row.ciou == Some(0.0)));
            assert!(of_kind(ClipKind::OffScreen).all(|row| row.asked != row.clip && row.error.is_none()));
            let summary = run.summary.result(label, protocol).unwrap();
            assert_eq!(summary.accuracy[0].rate.value, success_rate(&expected, 0.5));
            assert_eq!(summary.auc.value, area_under_success(&expected));
            assert_eq!(summary.mean_ciou.value, mean(&expected));
            assert!(
                summary.mean_ciou.low <= summary.mean_ciou.value && summary.mean_ciou.value <= summary.mean_ciou.high
            );
            assert_eq!(summary.kinds[&ClipKind::Silence], CLIPS as usize);
            let truths: Vec<GroundTruthMap> = (0..CLIPS).map(truth).collect();
            let of_mask = |mask: Bitmap| mean(&truths.iter().map(|truth| mask_ciou(&mask, truth)).collect::<Vec<_>>());
            assert_eq!(summary.references.centre_box.mean_ciou.value, of_mask(centre_box(224)));
            assert_eq!(summary.references.full_frame.mean_ciou.value, of_mask(full_frame(224)));
        }
    }
    // A model that hears nothing tells no silence from a sound; its maps are the same.
    assert_eq!(run.summary.result("centre-box", "lvs").unwrap().separability.value, 0.5);
    assert_eq!(run.summary.mean_maps.len(), 2);
}

#[test]
fn a_run_that_was_cut_off_goes_on_to_the_same_bytes() {
    let place = Place::new(5);
    let whole = place.out("whole");
    place.evaluate(&whole, &["--jobs", "1", "--save-heatmaps"], 0);
    let journal = std::fs::read(whole.join("journal.jsonl")).unwrap();
    let maps = std::fs::read(whole.join("heatmaps.part")).unwrap();
    let ends: Vec<usize> = (0..journal.len()).filter(|&at| journal[at] == b'\n').map(|at| at + 1).collect();
    // Cut within the header, after it, within a line, between two lines.
    for (number, cut) in [ends[0] / 2, ends[0], ends[2] + 100, ends[3]].into_iter().enumerate() {
        let out = place.out(&format!("cut {number}"));
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("journal.jsonl"), &journal[..cut]).unwrap();
        // Maps are written before the line: more of them may be there, the last one torn.
        std::fs::write(out.join("heatmaps.part"), &maps[..maps.len() - 7]).unwrap();
        place.evaluate(&out, &["--save-heatmaps"], 0);
        assert_same_bytes(&whole, &out, &TABLES);
        assert_same_bytes(&whole, &out, &["heatmaps/lvs.npz", "heatmaps/centre-box.npz"]);
    }
}

#[test]
fn a_killed_run_goes_on() {
    let place = Place::new(12);
    let (whole, out) = (place.out("whole"), place.out("killed"));
    place.evaluate(&whole, &[], 0);
    let mut child = Command::new(env!("CARGO_BIN_EXE_sonolens"))
        .args(place.arguments(&out, &["--jobs", "1"]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = || std::fs::read_to_string(out.join("journal.jsonl")).unwrap_or_default().lines().count();
    while lines() < 4 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.evaluate(&out, &[], 0);
    assert_same_bytes(&whole, &out, &TABLES);
}

#[test]
fn a_folder_of_another_run_is_refused_with_what_differs() {
    let place = Place::new(2);
    let out = place.out("run");
    place.evaluate(&out, &["--limit", "1"], 0);
    let said = place.evaluate(&out, &["--limit", "2"], 1);
    assert!(said.contains("another share of the clips: all clips of the first 1"), "{said}");
    let said = run(&["evaluate", &place.dataset, "--model", "quadrants", "--out", out.to_str().unwrap()], 1);
    assert!(said.contains("other models or other weights: centre-box, lvs"), "{said}");
}

#[test]
fn clips_that_cannot_be_scored_are_rows_with_a_reason() {
    let place = Place::new(4);
    let file = |folder: &str, clip: u32, extension: &str| {
        Path::new(&place.dataset).join(folder).join(format!("{}.{extension}", id(clip)))
    };
    std::fs::write(file("images", 0, "png"), b"\x89PNG\r\n\x1a\nnot a picture").unwrap();
    std::fs::remove_file(file("audio", 1, "wav")).unwrap();
    std::fs::remove_file(file("images", 2, "png")).unwrap();
    std::fs::remove_file(file("audio", 2, "wav")).unwrap();
    let out = place.out("run");
    let said = place.evaluate(&out, &[], 3);
    assert!(said.contains("3 clips could not be scored"), "{said}");
    let rows = rows(&out);
    let error = |clip: u32, model: &str| {
        let of_clip = rows.iter().filter(|row| row.clip == id(clip) && row.model == model && row.protocol == "lvs");
        let errors: Vec<Option<&str>> = of_clip.map(|row| row.error.as_deref()).collect();
        assert_eq!(errors.len(), 1, "clip {clip}, {model}");
        errors[0].unwrap_or_default().to_owned()
    };
    assert!(error(0, "lvs").contains(&id(0)), "{}", error(0, "lvs"));
    assert_eq!((error(1, "lvs").as_str(), error(1, "centre-box").as_str()), ("the clip has no sound", ""));
    assert!(error(2, "centre-box").contains("missing"));
    assert_eq!(error(3, "lvs"), "");
    let summary = FinishedRun::open(&out).unwrap().summary;
    assert_eq!((summary.failed_clips, summary.result("lvs", "lvs").unwrap().failed), (3, 3));

    // Mended, the failed clips are asked again on request, and only then.
    write_dataset(Path::new(&place.dataset), 4);
    place.evaluate(&out, &[], 3);
    place.evaluate(&out, &["--retry-failed"], 0);
}

#[test]
fn shares_join_to_the_bytes_of_one_run() {
    let place = Place::new(7);
    std::fs::remove_file(Path::new(&place.dataset).join("audio").join(id(5) + ".wav")).unwrap();
    let whole = place.out("whole");
    place.evaluate(&whole, &["--save-heatmaps"], 3);
    let shares: Vec<PathBuf> = (1..=3)
        .map(|index| {
            let out = place.out(&format!("share {index}"));
            let expected = if index == 3 { 3 } else { 0 };
            place.evaluate(&out, &["--save-heatmaps", "--shard", &format!("{index}/3")], expected);
            out
        })
        .collect();
    let joined = place.out("joined");
    let merge = |shares: &[&Path], expected: i32| {
        let mut arguments = vec!["merge", "--out", joined.to_str().unwrap()];
        arguments.extend(shares.iter().map(|share| share.to_str().unwrap()));
        run(&arguments, expected)
    };
    let said = merge(&[&shares[0], &shares[2]], 1);
    assert!(said.contains("shares are missing: 2/3"), "{said}");
    assert!(merge(&[&shares[0], &whole], 1).contains("not a share"));
    merge(&[&shares[2], &shares[0], &shares[1]], 3);
    assert_same_bytes(&whole, &joined, &TABLES);
    assert_same_bytes(&whole, &joined, &["heatmaps/lvs.npz", "heatmaps/centre-box.npz"]);
}

#[test]
fn saved_heatmaps_score_as_they_did() {
    let place = Place::new(4);
    let (out, again) = (place.out("run"), place.out("again"));
    place.evaluate(&out, &["--save-heatmaps", "--protocol", "slavc", "--also", "noise,off-screen"], 0);
    let maps = predictions_path(&out, "lvs");
    let mut arguments = vec!["score", "--predictions", maps.to_str().unwrap(), "--dataset", &place.dataset];
    arguments.extend(["--protocol", "lvs", "--protocol", "ezvsl", "--protocol", "slavc"]);
    arguments.extend(["--also", "noise,off-screen", "--out", again.to_str().unwrap()]);
    run(&arguments, 0);
    // Whose sound was heard off-screen is not saved.
    let own = |row: &ScoreRow| ScoreRow { model: String::new(), asked: String::new(), ..row.clone() };
    let first: Vec<ScoreRow> = rows(&out).iter().filter(|row| row.model == "lvs").map(own).collect();
    let second: Vec<ScoreRow> = rows(&again).iter().map(own).collect();
    assert_eq!(first, second);
}

#[test]
fn comparing_runs_tests_them_on_the_same_clips() {
    let place = Place::new(8);
    let out = place.out("run");
    place.evaluate(&out, &[], 0);
    let said = run(&["compare", out.to_str().unwrap(), "--protocol", "lvs", "--json"], 0);
    let answer: Value = serde_json::from_str(&said).unwrap();
    let found = &answer["comparisons"][0];
    let mut cious: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    for row in rows(&out).into_iter().filter(|row| row.protocol == "lvs") {
        cious.entry(row.clip).or_default()[usize::from(row.model == "lvs")] = row.ciou.unwrap();
    }
    let only = |a: usize, b: usize| cious.values().filter(|pair| pair[a] >= 0.5 && pair[b] < 0.5).count();
    assert_eq!((found["clips"].as_u64(), found["first"]["model"].as_str()), (Some(8), Some("centre-box")));
    assert_eq!(found["only_first"].as_u64(), Some(only(0, 1) as u64));
    assert_eq!(found["mcnemar_p"].as_f64(), Some(mcnemar(only(0, 1), only(1, 0))));
    let differences: Vec<f64> = cious.values().map(|pair| pair[0] - pair[1]).collect();
    assert!((found["ciou_difference"]["value"].as_f64().unwrap() - mean(&differences)).abs() < 1e-12);
    assert!(run(&["compare", out.to_str().unwrap(), "--protocol", "dsol"], 1).contains("none of the runs"));
}

#[test]
fn retrieval_joins_every_image_with_every_sound() {
    const CLIPS: u32 = 5;
    let place = Place::new(CLIPS);
    let output = program(&["retrieve", &place.dataset, "--model", &place.lvs, "--json"]);
    assert_eq!(status(&output), 0, "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lvs = registry::open("lvs", &[PathBuf::from(place.lvs.strip_prefix("lvs=").unwrap())]).unwrap();
    let similarity = |sound: u32, picture: u32| {
        let picture = image(picture, SIZE.width, SIZE.height);
        let input = FrameInput { picture: &picture, next: None, index: 0, clip: "" };
        let sound = wave(sound, RATE, SOUND_FRAMES, 1);
        let window = lvs.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
        let embedding = lvs.encode_query(&Query::Sound { sound: &sound, window }).unwrap();
        lvs.join(&lvs.encode_image(&input).unwrap(), &embedding).unwrap().values.range().1
    };
    let rank = |clip: u32, by_sound: bool| {
        let of = |other: u32| if by_sound { similarity(clip, other) } else { similarity(other, clip) };
        1 + (0..CLIPS).filter(|&other| of(other) > of(clip)).count()
    };
    for (name, by_sound) in [("audio_to_image", true), ("image_to_audio", false)] {
        let first = (0..CLIPS).filter(|&clip| rank(clip, by_sound) == 1).count() as f64 / f64::from(CLIPS);
        let recalls = &answer["results"][0][name];
        assert_eq!(recalls["stable"][0].as_f64(), Some(first), "{name}");
        assert_eq!(recalls["pessimistic"][1].as_f64(), Some(1.0));
    }
    // The sound of each picture that was drawn beside its own, and how relevant classmates are.
    let others = retrieval::drawn_others(CLIPS as usize, 1);
    let ahead = |clip: u32| similarity(clip, clip) > similarity(others[clip as usize] as u32, clip);
    let chosen = (0..CLIPS).filter(|&clip| ahead(clip)).count() as f64 / f64::from(CLIPS);
    let told = &answer["results"][0]["correspondence"];
    assert_eq!((told["own_above_other"]["value"].as_f64(), told.get("accuracy")), (Some(chosen), None));
    let gain = |one: u32, other: u32| if class(one) == class(other) { 1.0 } else { 0.0 };
    let ndcg = |clip: u32| {
        let mut order: Vec<u32> = (0..CLIPS).collect();
        order.sort_by(|&a, &b| similarity(clip, b).total_cmp(&similarity(clip, a)));
        let gains: Vec<f64> = order.iter().map(|&other| gain(clip, other)).collect();
        retrieval::ndcg_at(&gains, 30, retrieval::Gain::Linear)
    };
    let expected = mean(&(0..CLIPS).map(ndcg).collect::<Vec<f64>>());
    let found = &answer["results"][0]["ndcg"];
    assert!((found["audio_to_image"]["value"].as_f64().unwrap() - expected).abs() < 1e-12, "{found} {expected}");
    assert_eq!((found["clips"].as_u64(), answer["relevance"]["by"].as_str()), (Some(u64::from(CLIPS)), Some("class")));

    let ontology = place.out("ontology.json");
    let all: std::collections::BTreeSet<&str> = (0..CLIPS).map(class).collect();
    let entry = |name: &str, children: &[&str]| serde_json::json!({ "id": name, "name": name, "child_ids": children });
    let mut entries: Vec<Value> = all.iter().map(|name| entry(name, &[])).collect();
    entries.push(entry("everything", &all.iter().copied().collect::<Vec<_>>()));
    std::fs::write(&ontology, serde_json::to_vec(&entries).unwrap()).unwrap();
    let by_ontology = ["retrieve", &place.dataset, "--model", &place.lvs, "--ontology", ontology.to_str().unwrap()];
    let said = run(&by_ontology, 0);
    // Classes beside each other are all at the largest distance: the same figures.
    assert!(
        said.contains(&format!("nDCG@30  sound → image {expected:.3}")) && said.contains("ontology.json"),
        "{said}"
    );
    assert!(said.contains("own sound above another") && said.contains("AVC accuracy –"), "{said}");
    std::fs::write(&ontology, serde_json::to_vec(&entries[1..]).unwrap()).unwrap();
    assert!(run(&by_ontology, 1).contains("which is not there"));
    std::fs::write(&ontology, "[{\"id\": \"/m/1\", \"name\": \"Bagpipes\"}]").unwrap();
    assert!(run(&by_ontology, 1).contains(&format!("the class `{}`", all.first().unwrap())));

    let said = run(&["retrieve", &place.dataset, "--model", "centre-box"], 1);
    assert!(said.contains("no model hears (centre-box)"), "{said}");

    // As a part of a run, whose page then shows it; what is there already is not made again.
    let out = place.out("run");
    let said = place.evaluate(&out, &["--retrieval"], 0);
    assert!(said.contains("lvs: retrieval among 5 clips") && said.contains("hear nothing: centre-box"), "{said}");
    let kept: Value = serde_json::from_slice(&std::fs::read(out.join("retrieval.json")).unwrap()).unwrap();
    assert_eq!(kept["results"], answer["results"]);
    assert!(std::fs::read_to_string(out.join("report.html")).unwrap().contains("Images for sounds"));
    assert!(!place.evaluate(&out, &["--retrieval"], 0).contains("encodings"));
    assert!(place.evaluate(&out, &["--retrieval=mean"], 0).contains("by the mean of the map"));

    // A share has no such figures; the run that the shares become gets them afterwards.
    let shares = ["1/2", "2/2"].map(|share| place.out(&format!("share-{}", &share[..1])));
    let said = place.evaluate(&shares[0], &["--shard", "1/2", "--retrieval"], 1);
    assert!(said.contains("sonolens merge") && said.contains("sonolens retrieve"), "{said}");
    for (share, folder) in ["1/2", "2/2"].iter().zip(&shares) {
        place.evaluate(folder, &["--shard", share], 0);
    }
    let joined = place.out("joined");
    let folders = [&shares[0], &shares[1], &joined].map(|folder| folder.to_str().unwrap());
    run(&["merge", folders[0], folders[1], "--out", folders[2]], 0);
    run(&["retrieve", &place.dataset, "--model", &place.lvs, "--out", folders[2]], 0);
    let kept: Value = serde_json::from_slice(&std::fs::read(joined.join("retrieval.json")).unwrap()).unwrap();
    assert_eq!(kept["results"], answer["results"]);
    assert!(std::fs::read_to_string(joined.join("report.html")).unwrap().contains("Images for sounds"));
}
