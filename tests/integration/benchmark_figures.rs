//! Golden sets and whole lists through `sonolens score`: the figures of a run are the authors'.

use std::path::Path;

use image::RgbImage;
use serde_json::{Value, json};
use sonolens::evaluation::{ClipKind, FinishedRun, predictions_path};
use sonolens::heatmap::Grid;
use sonolens::metrics::references::fixed_probe;
use sonolens::metrics::{area_under_success, mean};
use sonolens::network::arrays::{Array, write_npy, write_npz};

use crate::evaluation::run;
use crate::metrics::golden::{Golden, assert_close, assert_scores, golden};
use crate::support::fill_rule::{image, samples};
use crate::support::reference_dir;
use crate::support::small_models::{small_clip, write_weights};
use crate::support::tones::wav;

/// Writes the maps of a golden set as predictions, under the name that `name` gives each sample.
fn write_predictions(path: &Path, maps: &[Grid], names: &[String], range: Option<[f32; 2]>) {
    let mut arrays: Vec<(String, Array)> = Vec::new();
    for (map, name) in maps.iter().zip(names) {
        arrays.push((name.clone(), Array::new([map.rows(), map.columns()], map.values().to_vec()).unwrap()));
        if let Some(range) = range {
            arrays.push((format!("{name}.range"), Array::new([2], range.to_vec()).unwrap()));
        }
    }
    write_npz(path, arrays.iter().map(|(name, array)| (name.as_str(), array))).unwrap();
}

fn names(golden: &Golden, set: &str) -> Vec<String> {
    golden.samples(set).iter().map(|sample| sample["id"].as_str().unwrap().to_owned()).collect()
}

/// Scores a golden set's maps under some protocols; the finished run.
fn scored(folder: &Path, protocols: &[&str]) -> FinishedRun {
    scored_with(folder, protocols, &[])
}

fn scored_with(folder: &Path, protocols: &[&str], more: &[&str]) -> FinishedRun {
    let (maps, data, out) = (folder.join("maps.npz"), folder.join("data"), folder.join("out"));
    let mut arguments = vec!["score", "--predictions", maps.to_str().unwrap(), "--dataset", data.to_str().unwrap()];
    arguments.extend(["--out", out.to_str().unwrap()]);
    protocols.iter().for_each(|protocol| arguments.extend(["--protocol", protocol]));
    arguments.extend(more);
    run(&arguments, 0);
    FinishedRun::open(&out).unwrap()
}

fn cious(run: &FinishedRun, protocol: &str, kind: ClipKind) -> Vec<f64> {
    let rows = run.rows().unwrap();
    let rows = rows.into_iter().filter(|row| row.protocol == protocol && row.kind == kind);
    rows.map(|row| row.ciou.unwrap_or(f64::NAN)).collect()
}

#[test]
fn saved_maps_get_the_authors_figures_with_negatives() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let samples = golden.samples("vggss");
    let positives = golden.cases["vggss"]["n_pos"].as_u64().unwrap() as usize;
    let mut names = names(&golden, "vggss");
    let entries: Vec<Value> = samples[..positives]
        .iter()
        .map(|sample| json!({ "file": sample["id"], "class": sample["cls"], "bbox": sample["bbox"] }))
        .collect();
    std::fs::write(data.join("vggss.json"), serde_json::to_vec(&entries).unwrap()).unwrap();
    let mut list = "video,audio,label\n".to_owned();
    for name in &mut names[positives..] {
        list += &format!("{name},{name},non-sounding\n");
        *name = format!("{name}+{name}");
    }
    std::fs::write(data.join("silent.csv"), list).unwrap();
    write_predictions(&folder.path().join("maps.npz"), &golden.maps("vggss"), &names, Some([-1.0, 1.0]));
    let run = scored(folder.path(), &["lvs", "sspl", "slavc"]);
    assert_eq!(run.summary.run.dataset.benchmark, "Extended VGG-SS");

    for (protocol, published) in [("lvs", "lvs"), ("sspl", "sspl/fixed0.5")] {
        let expected = &golden.expected["protocols"][published]["vggss"];
        assert_scores(protocol, &cious(&run, protocol, ClipKind::Positive), &expected["per_sample"]);
        let summary = run.summary.result("precomputed", protocol).unwrap();
        assert_close("cIoU@0.5", summary.accuracy[0].rate.value, &expected["ciou_at_50"]);
        assert_close("AUC", summary.auc.value, &expected["auc"]);
    }
    let expected = &golden.expected["protocols"]["slavc"]["relative"]["vggss_plus_silent"]["av"]["stats"];
    let summary = run.summary.result("precomputed", "slavc").unwrap();
    assert_eq!(summary.kinds[&ClipKind::Real], samples.len() - positives);
    for detection in &summary.detection {
        if ![0.5, 0.75].contains(&detection.success) {
            continue;
        }
        let name = format!("{}@{}", detection.subset, (detection.success * 100.0) as u32);
        assert_close(&name, detection.precision.value, &expected[format!("Precision-{name}")]);
        assert_close(&name, detection.average_precision_as_published.value, &expected[format!("AP-{name}")]);
        let printed = expected[format!("F1-{name}")].as_str().unwrap();
        let best = printed.split(' ').map(|text| text.parse::<f64>().unwrap()).fold(0.0, f64::max);
        assert!((detection.max_f1_as_published.value * 100.0 - best).abs() <= 0.05, "{name}");
        let in_interval =
            detection.max_f1.low <= detection.max_f1.value && detection.max_f1.value <= detection.max_f1.high;
        assert!(in_interval, "{name}: {:?}", detection.max_f1);
    }
    for size in &summary.sizes {
        assert_close(&size.size, size.auc.value, &expected[format!("AUC-{}@50", size.size)]);
    }
}

/// The real list and annotations of Flickr-SoundNet, one map for all pictures: the figures that follow from the files.
#[test]
fn a_whole_list_has_the_figures_that_follow_from_its_files() {
    let Some(reference) = reference_dir() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for file in ["c2f/flickr_soundnet_annotations_2786.json", "lvs/flickr_test.csv"] {
        let from = reference.join("annotations").join(file);
        std::fs::copy(&from, data.join(from.file_name().unwrap())).unwrap();
    }
    write_predictions(&folder.path().join("maps.npz"), &[fixed_probe()], &["any".to_owned()], None);
    let all = [
        ("lvs", "lvs / ssl-tie"),
        ("ezvsl", "ez-vsl"),
        ("slavc", "slavc relative"),
        ("heartheflow", "heartheflow"),
        ("sspl", "sspl fixed 0.5"),
        ("ssl-align:adaptive", "ssl-align adaptive (cv)"),
    ];
    let run = scored(folder.path(), &all.map(|(protocol, _)| protocol));
    let numbers: Value = serde_json::from_slice(&std::fs::read(reference.join("data_only.json")).unwrap()).unwrap();
    assert_eq!((run.summary.rows, run.summary.run.dataset.benchmark.as_str()), (249 * all.len(), "Flickr-SoundNet"));
    for (protocol, name) in all {
        let summary = run.summary.result("precomputed", protocol).unwrap();
        let expected = &numbers["probe"]["flickr_249"][name];
        let at = |success: f64| summary.accuracy.iter().find(|one| one.success == success).unwrap().rate.value;
        assert_close(name, at(0.5), &expected["ciou_at_50"]);
        assert_close(name, at(0.3), &expected["ciou_at_30"]);
        assert_close(name, summary.auc.value, &expected["auc"]);
        assert_eq!(summary.references.fixed_probe.auc.value, summary.auc.value);
    }
}

/// The golden pairs of sounds in the form of IS3.
fn write_pairs(golden: &Golden, folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let entry = |sample: &Value| {
        let id = sample["id"].as_str().unwrap();
        json!({ "image": format!("/x/{id}.jpg"), "audio": format!("/x/{id}.wav"), "gt_box": sample["bbox"][0] })
    };
    let entries: Vec<Value> = golden.samples("is3").iter().map(entry).collect();
    std::fs::write(folder.join("synthetic3240_bbox.json"), serde_json::to_vec(&entries).unwrap()).unwrap();
}

#[test]
fn sounds_of_one_picture_count_together() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    write_pairs(&golden, &folder.path().join("data"));
    write_predictions(&folder.path().join("maps.npz"), &golden.maps("is3"), &names(&golden, "is3"), None);
    // Without a protocol: those of the benchmark's own tables.
    let run = scored(folder.path(), &[]);
    let expected = &golden.expected["protocols"]["ssl-align"]["lvs_path"]["is3"];
    let [median, adaptive] = &run.summary.results[..] else { panic!("{:?}", run.summary.results) };
    let pairs = median.pairs.unwrap();
    assert_scores("is3", &cious(&run, &median.protocol, ClipKind::Positive), &expected["per_sample"]);
    assert_close("IIoU", pairs.iiou.value, &expected["iiou"]);
    assert_close("IAUC", pairs.iauc.value, &expected["iauc"]);
    assert_close("adaptive IIoU", adaptive.pairs.unwrap().iiou.value, &expected["iiou_adap"]);
}

#[test]
fn masks_of_probabilities_get_avsbenchs_figures() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    write_pairs(&golden, &folder.path().join("data"));
    let logits: Vec<Grid> = golden.maps("is3").iter().map(|map| map.map(|value| value * 20.0 - 3.0)).collect();
    write_predictions(&folder.path().join("maps.npz"), &logits, &names(&golden, "is3"), None);
    let run = scored(folder.path(), &["avsbench", "lvs"]);
    let expected = &golden.expected["avsbench"];
    let found = run.summary.result("precomputed", "avsbench").unwrap().segmentation.unwrap();
    assert!((found.mean_iou.value - expected["mask_iou"].as_f64().unwrap()).abs() < 1e-6, "{found:?}");
    assert!((found.f_measure_at_once.value - expected["f_beta03_max"].as_f64().unwrap()).abs() < 4e-7, "{found:?}");
    for (got, want) in
        cious(&run, "avsbench", ClipKind::Positive).iter().zip(expected["per_sample"].as_array().unwrap())
    {
        assert!((got - want.as_f64().unwrap()).abs() < 1e-6, "{got} {want}");
    }
    // A threshold of its own fits a part no worse than that of the whole: what averaging over videos does.
    assert_eq!((found.pictures, found.videos), (40, 20));
    assert!(found.f_measure.value > found.f_measure_at_once.value && found.f_measure.value <= 1.0);
    assert!(found.f_measure.low <= found.f_measure.value && found.f_measure.value <= found.f_measure.high);
    assert_eq!(run.summary.result("precomputed", "lvs").unwrap().segmentation, None);
}

#[test]
fn sources_that_sound_together_are_scored_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("box")).unwrap();
    let quadrants = [[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]];
    for clip in ["00000", "00001"] {
        let rows: Vec<f64> =
            quadrants.iter().zip([3.0, 9.0]).flat_map(|(one, class)| one.iter().copied().chain([class])).collect();
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &Array::new([2, 5], rows).unwrap()).unwrap();
        std::fs::write(data.join("box").join(format!("{clip}.npy")), bytes).unwrap();
    }
    // One map finds both sources, the other only the first.
    let both = Grid::from_fn(14, 14, |row, column| f32::from(u8::from((row < 7) == (column < 7))));
    let first = Grid::from_fn(14, 14, |row, column| f32::from(u8::from(row < 7 && column < 7)));
    let names = ["00000", "00001"].map(str::to_owned);
    write_predictions(&folder.path().join("maps.npz"), &[both, first], &names, None);
    let run = scored(folder.path(), &["sspl"]);
    let rows = run.rows().unwrap();
    assert_eq!(rows.iter().filter(|row| row.source.is_some()).count(), 4);
    let summary = run.summary.result("precomputed", "sspl").unwrap();
    let sources = summary.sources.unwrap();
    assert_eq!((summary.kinds[&ClipKind::Positive], sources.images), (2, 2));
    let of = |clip: &str, source: Option<&str>| {
        rows.iter().find(|row| row.clip == clip && row.source.as_deref() == source).unwrap().ciou.unwrap()
    };
    // A mask of both quadrants covers one source and as much again beside it.
    assert!((of("00000", Some("3")) - 0.5).abs() < 0.03 && of("00000", None) > 0.9);
    assert!(of("00001", Some("3")) > 0.9 && of("00001", Some("9")) < 0.05);
    let aware = mean(&[
        mean(&[of("00000", Some("3")), of("00000", Some("9"))]),
        mean(&[of("00001", Some("3")), of("00001", Some("9"))]),
    ]);
    assert!((sources.class_aware.value - aware).abs() < 1e-12);
    assert!((sources.class_agnostic.value - mean(&[of("00000", None), of("00001", None)])).abs() < 1e-12);
}

/// One map a class, and which class is which: DSOL's figures of its two evaluators.
#[test]
fn sources_with_maps_of_their_own_get_dsols_figures() {
    let golden = golden();
    let case = &golden.cases["dsol"];
    let samples = golden.samples("dsol");
    let (shape, values) = golden.array("dsol_pred").unwrap();
    let [_, classes, rows, columns] = shape[..] else { panic!("{shape:?}") };
    let folder = tempfile::tempdir().unwrap();
    let matrix = case["assign"].as_array().unwrap();
    let cells: Vec<f64> =
        matrix.iter().flat_map(|row| row.as_array().unwrap()).map(|cell| cell.as_f64().unwrap()).collect();
    let corr = folder.path().join("corr.npy");
    let mut bytes = Vec::new();
    write_npy(&mut bytes, &Array::new([matrix.len(), classes], cells).unwrap()).unwrap();
    std::fs::write(&corr, bytes).unwrap();
    let mut arrays: Vec<(String, Array)> = Vec::new();
    for (sample, maps) in samples.iter().zip(values.chunks(classes * rows * columns)) {
        let id = sample["id"].as_str().unwrap();
        arrays.push((id.to_owned(), Array::new([rows, columns], maps[..rows * columns].to_vec()).unwrap()));
        arrays.push((format!("{id}.classes"), Array::new([classes, rows, columns], maps.to_vec()).unwrap()));
    }
    write_npz(&folder.path().join("maps.npz"), arrays.iter().map(|(name, array)| (name.as_str(), array))).unwrap();
    let list = format!("--classes={}", corr.display());

    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("box")).unwrap();
    for sample in samples {
        let boxes: Vec<f64> = sample["box"].as_array().unwrap().iter().flat_map(numbers).collect();
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &Array::new([boxes.len() / 5, 5], boxes).unwrap()).unwrap();
        std::fs::write(data.join("box").join(format!("{}.npy", sample["id"].as_str().unwrap())), bytes).unwrap();
    }
    let run = scored_with(folder.path(), &["dsol"], &[&list]);
    assert_eq!(run.summary.run.dataset.benchmark, "MUSIC-Synthetic");
    check_sources(&run, "dsol", &golden.expected["dsol"]["eval"]);

    std::fs::remove_dir_all(&data).unwrap();
    std::fs::create_dir_all(&data).unwrap();
    let frames: serde_json::Map<String, Value> = samples
        .iter()
        .map(|sample| {
            let one = |one: &Value| {
                let [x, y, width, height, category] = numbers(one)[..] else { panic!("{one}") };
                json!({ "normbox": [x, y, width, height], "category_id": category as i64 })
            };
            let boxes: Vec<Value> = sample["box"].as_array().unwrap().iter().map(one).collect();
            let frame = json!({ "bbox": boxes, "wdith": 640, "height": 480 });
            (format!("{}.jpg", sample["id"].as_str().unwrap()), frame)
        })
        .collect();
    std::fs::write(data.join("duettest.json"), serde_json::to_vec(&frames).unwrap()).unwrap();
    std::fs::remove_dir_all(folder.path().join("out")).unwrap();
    let run = scored_with(folder.path(), &["dsol:duet"], &[&list]);
    assert_eq!(run.summary.run.dataset.benchmark, "MUSIC duet");
    check_sources(&run, "dsol:duet", &golden.expected["dsol"]["eval_duet"]);

    // Without the list nobody knows which class is which, and there is no figure of silent ones.
    std::fs::remove_dir_all(folder.path().join("out")).unwrap();
    let run = scored(folder.path(), &["dsol:duet"]);
    assert!(run.summary.result("precomputed", "dsol:duet").unwrap().sources.unwrap().silent_area.value.is_nan());
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn check_sources(run: &FinishedRun, protocol: &str, expected: &Value) {
    let rows = run.rows().unwrap();
    let by_picture: Vec<f64> = expected["per_image"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(picture, _)| {
            let sources = rows.iter().filter(|row| row.clip_index == picture as u64 && row.source.is_some());
            mean(&sources.map(|row| row.ciou.unwrap()).collect::<Vec<_>>())
        })
        .collect();
    assert_scores(protocol, &by_picture, &expected["per_image"]);
    let sources = run.summary.result("precomputed", protocol).unwrap().sources.unwrap();
    if let Some(auc) = expected.get("auc") {
        assert_close("AUC", sources.auc.value, auc);
        assert_close("CIoU@0.3", sources.success_at_30.value, &expected["ciou_at_30"]);
        assert_close("CIoU@0.5", sources.success_at_50.value, &expected["ciou_at_50"]);
        assert_close("NSA", sources.silent_area.value, &expected["nsa"]);
    }
}

/// A model that reads is asked for each source; what is saved of that scores as it did.
#[test]
fn maps_of_single_sources_are_saved_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for name in ["box", "video", "audio"] {
        std::fs::create_dir_all(data.join(name)).unwrap();
    }
    for clip in 0..2 {
        let picture = image(clip, 64, 64);
        let png = RgbImage::from_raw(64, 64, picture.rgb).unwrap();
        png.save(data.join("video").join(format!("{clip}.png"))).unwrap();
        std::fs::write(data.join("audio").join(format!("{clip}.wav")), wav(16_000, &samples(clip, 16_000, 8_000, 1)))
            .unwrap();
        let boxes = vec![0.0, 0.0, 0.5, 0.5, 3.0, 0.5, 0.5, 0.5, 0.5, 9.0];
        let mut bytes = Vec::new();
        write_npy(&mut bytes, &Array::new([2, 5], boxes).unwrap()).unwrap();
        std::fs::write(data.join("box").join(format!("{clip}.npy")), bytes).unwrap();
    }
    let model = format!("clip-text={}", write_weights(folder.path(), "clip", small_clip()).display());
    let first = folder.path().join("first");
    let (data_text, first_text) = (data.to_str().unwrap(), first.to_str().unwrap());
    run(&["evaluate", data_text, "--model", &model, "--protocol", "lvs", "--save-heatmaps", "--out", first_text], 0);
    std::fs::copy(predictions_path(&first, "clip-text"), folder.path().join("maps.npz")).unwrap();
    let again = scored(folder.path(), &["lvs"]);
    let scores = |run: &FinishedRun| -> Vec<(Option<String>, Option<f64>, Option<f64>)> {
        run.rows().unwrap().into_iter().map(|row| (row.source, row.ciou, row.confidence)).collect()
    };
    let first = scores(&FinishedRun::open(&first).unwrap());
    let sources: Vec<Option<&str>> = first.iter().map(|(source, ..)| source.as_deref()).collect();
    assert_eq!(sources, [None, Some("3"), Some("9"), None, Some("3"), Some("9")]);
    assert_ne!(first[1].2, first[2].2, "each word has a map of its own");
    assert_eq!(scores(&again), first);
}

#[test]
fn the_best_of_several_thresholds_names_all_that_were_tried() {
    let golden = golden();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let positives = golden.cases["vggss"]["n_pos"].as_u64().unwrap() as usize;
    let entries: Vec<Value> = golden.samples("vggss")[..positives]
        .iter()
        .map(|sample| json!({ "file": sample["id"], "class": sample["cls"], "bbox": sample["bbox"] }))
        .collect();
    std::fs::write(data.join("vggss.json"), serde_json::to_vec(&entries).unwrap()).unwrap();
    write_predictions(&folder.path().join("maps.npz"), &golden.maps("vggss"), &names(&golden, "vggss"), None);
    let run = scored(folder.path(), &["acl"]);
    let summary = run.summary.result("precomputed", "acl").unwrap();
    let best = summary.best_of.iter().map(|tried| tried.auc).fold(0.0, f64::max);
    assert_eq!((summary.best_of.len(), summary.auc.value), (19, best));
    let tried = &summary.best_of[4];
    assert_eq!(tried.auc, area_under_success(&cious(&run, &tried.protocol, ClipKind::Positive)));
}
