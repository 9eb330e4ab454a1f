//! Every number that follows from the published annotation files alone: counts, size groups, naive baselines,
//! ceilings, and the fixed probe under each rule.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use sonolens::geometry::Rect;
use sonolens::metrics::references::{ceiling, centre_box, fixed_probe, full_frame};
use sonolens::metrics::{
    Bitmap, GroundTruthMap, GroundTruthRule, NegativeKind, Protocol, SizeGroup, area_under_success, mask_ciou, mean,
    pair_figures, pair_key, quantile, success_rate,
};

use super::golden::{boxed, heatmap, numbers};
use crate::support::reference_dir;

const CELLS: f64 = 224.0 * 224.0;

fn load(annotations: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(annotations.join(name)).unwrap()).unwrap()
}

/// First column of a list, without extension.
fn list(annotations: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(annotations.join(name)).unwrap();
    let first = |line: &str| line.split(',').next().unwrap().trim_end_matches(".jpg").to_owned();
    text.lines().filter(|line| !line.is_empty()).map(first).collect()
}

/// `got` holds everything that `want` holds: counts and texts exactly, other numbers to 1e-9.
fn assert_same(place: &str, got: &Value, want: &Value) {
    match (got, want) {
        (Value::Object(got), Value::Object(want)) => {
            assert_eq!(got.keys().collect::<BTreeSet<_>>(), want.keys().collect::<BTreeSet<_>>(), "{place}");
            want.iter().for_each(|(key, want)| assert_same(&format!("{place}/{key}"), &got[key], want));
        }
        (Value::Array(got), Value::Array(want)) => {
            assert_eq!(got.len(), want.len(), "{place}");
            got.iter()
                .zip(want)
                .enumerate()
                .for_each(|(i, (got, want))| assert_same(&format!("{place}/{i}"), got, want));
        }
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
            assert!((got - want).abs() <= 1e-9, "{place}: {got}, want {want}");
        }
        _ => assert_eq!(got, want, "{place}"),
    }
}

fn tally<T: Ord + ToString>(values: impl IntoIterator<Item = T>) -> Value {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
    counts.into_iter().map(|(value, count)| (value.to_string(), json!(count))).collect::<serde_json::Map<_, _>>().into()
}

fn sizes(areas: impl IntoIterator<Item = f64>) -> Value {
    let mut counts = [0; 4];
    for area in areas {
        let group = SizeGroup::of(area);
        counts[SizeGroup::ALL.iter().position(|one| *one == group).unwrap()] += 1;
    }
    json!(counts)
}

fn tenths(values: &[f64]) -> Value {
    let mut counts = [0; 10];
    values
        .iter()
        .for_each(|value| counts[(0..10).rev().find(|bin| *value >= f64::from(*bin) * 0.1).unwrap() as usize] += 1);
    json!(counts)
}

fn figures(cious: &[f64]) -> Value {
    json!({
        "ciou_at_50": success_rate(cious, 0.5), "auc": area_under_success(cious),
        "ciou_at_30": success_rate(cious, 0.3), "mean_ciou": mean(cious),
    })
}

fn without(mut figures: Value, key: &str) -> Value {
    figures.as_object_mut().unwrap().remove(key);
    figures
}

fn of_mask(mask: &Bitmap, truths: &[&GroundTruthMap]) -> Value {
    figures(&truths.iter().map(|truth| mask_ciou(mask, truth)).collect::<Vec<_>>())
}

fn square(from: usize, to: usize) -> Bitmap {
    let mut mask = Bitmap::new(224);
    mask.fill(from..to, from..to);
    mask
}

fn naive(truths: &[&GroundTruthMap]) -> Value {
    json!({
        "centre_158px [33,191)": of_mask(&centre_box(224), truths),
        "centre_160px [32,192)": of_mask(&square(32, 192), truths),
        "full_frame": of_mask(&full_frame(224), truths),
        "centre_112px (25%)": of_mask(&square(56, 168), truths),
    })
}

fn ceilings(truths: &[&GroundTruthMap]) -> Value {
    without(figures(&truths.iter().map(|truth| ceiling(truth, 25088)).collect::<Vec<_>>()), "ciou_at_30")
}

fn areas(truths: &[&GroundTruthMap]) -> Vec<f64> {
    truths.iter().map(|truth| truth.area()).collect()
}

struct VggSs {
    files: Vec<String>,
    classes: BTreeMap<String, String>,
    boxes: Vec<Vec<Rect>>,
    truths: Vec<GroundTruthMap>,
}

fn vggss(annotations: &Path) -> VggSs {
    let entries = load(annotations, "lvs/vggss.json");
    let entries = entries.as_array().unwrap();
    let truth_boxes: Vec<Vec<_>> = entries
        .iter()
        .map(|entry| entry["bbox"].as_array().unwrap().iter().map(|one| boxed(one, 1.0)).collect())
        .collect();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    VggSs {
        files: entries.iter().map(|entry| text(entry, "file")).collect(),
        classes: entries.iter().map(|entry| (text(entry, "file"), text(entry, "class"))).collect(),
        boxes: truth_boxes.iter().map(|boxes| boxes.iter().map(|one| one.rect_fraction).collect()).collect(),
        truths: truth_boxes
            .iter()
            .map(|boxes| GroundTruthMap::from_boxes(boxes, GroundTruthRule::Union, 224))
            .collect(),
    }
}

fn vggss_numbers(annotations: &Path, set: &VggSs) -> Value {
    let truths: Vec<&GroundTruthMap> = set.truths.iter().collect();
    let all: Vec<Rect> = set.boxes.concat();
    let degenerate = |rect: &&Rect| rect.is_empty();
    let valid: Vec<&Rect> = all.iter().filter(|rect| !rect.is_empty()).collect();
    let named = |keep: &dyn Fn(usize) -> bool| -> Vec<&String> {
        set.files.iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, name)| name).collect()
    };
    let fractions: Vec<f64> = areas(&truths).iter().map(|area| area / CELLS).collect();
    let over_30 = fractions.iter().filter(|area| **area > 0.3).count() as f64 / fractions.len() as f64;
    let box_areas: Vec<f64> = valid.iter().map(|rect| rect.area()).collect();
    let (xs, ys): (Vec<f64>, Vec<f64>) = valid.iter().map(|rect| (rect.center().x, rect.center().y)).unzip();
    let deviation = |values: &[f64]| {
        let center = mean(values);
        mean(&values.iter().map(|value| (value - center).powi(2)).collect::<Vec<_>>()).sqrt()
    };
    let middle = |value: f64| (1.0 / 3.0..=2.0 / 3.0).contains(&value);
    let in_middle = xs.iter().zip(&ys).filter(|(x, y)| middle(**x) && middle(**y)).count();
    let mut quarters = [[0; 4]; 4];
    for (x, y) in xs.iter().zip(&ys) {
        quarters[((y * 4.0) as usize).min(3)][((x * 4.0) as usize).min(3)] += 1;
    }
    let single = |indices: &[usize]| {
        indices.iter().filter(|index| set.boxes[**index].len() == 1).count() as f64 / indices.len() as f64
    };
    let everything: Vec<usize> = (0..set.files.len()).collect();
    let mut numbers = json!({
        "frames": set.files.len(),
        "boxes": all.len(),
        "classes": set.classes.values().collect::<BTreeSet<_>>().len(),
        "boxes_per_frame": tally(set.boxes.iter().map(Vec::len)),
        "single_box_share": single(&everything),
        "size_small_medium_large_huge": sizes(areas(&truths)),
        "empty_gt": truths.iter().filter(|truth| truth.is_empty()).count(),
        "gt_area_fraction": {
            "mean": mean(&fractions), "median": quantile(&fractions, 0.5),
            "share_over_30pct": over_30, "hist_10_bins": tenths(&fractions),
        },
        "boxes_negative_coord":
            all.iter().filter(|rect| [rect.left, rect.top, rect.right, rect.bottom].iter().any(|c| *c < 0.0)).count(),
        "boxes_degenerate": all.iter().filter(degenerate).count(),
        "frames_with_degenerate": set.boxes.iter().filter(|boxes| boxes.iter().any(|rect| rect.is_empty())).count(),
        "frames_only_degenerate": named(&|index| set.boxes[index].iter().all(|rect| rect.is_empty())),
        "empty_gt_files": named(&|index| truths[index].is_empty()),
        "box_area_fraction": {
            "mean": mean(&box_areas), "median": quantile(&box_areas, 0.5), "hist_10_bins": tenths(&box_areas),
        },
        "box_centre": {
            "mean": [mean(&xs), mean(&ys)], "std": [deviation(&xs), deviation(&ys)],
            "share_in_middle_third": in_middle as f64 / xs.len() as f64,
        },
        "naive": naive(&truths),
        "ceiling_median_rule": ceilings(&truths),
        "box_centre_hist_4x4_rows_top_to_bottom": quarters,
    });
    let index: BTreeMap<&str, usize> =
        set.files.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
    for (name, file) in [
        ("subset_sspl_4692", "sspl/vggss_test_4692.csv"),
        ("subset_htf_4670", "heartheflow/vggss_test_trimmed.csv"),
        ("subset_ssltie_4911", "ssl-tie/test_vggss_4911.txt"),
        ("subset_ssalign_4655", "sslalignment/ours_vggss.txt"),
    ] {
        let members: Vec<usize> = list(annotations, file)
            .iter()
            .map(|id| {
                // SSL-Align spells ID_startms_endms.
                let spelt = match id[12..].split_once('_') {
                    Some((start, _)) => format!("{}_{:06}", &id[..11], start.parse::<usize>().unwrap() / 1000),
                    None => id.clone(),
                };
                index[spelt.as_str()]
            })
            .collect();
        let truths: Vec<&GroundTruthMap> = members.iter().map(|index| &set.truths[*index]).collect();
        numbers[name] = json!({
            "n": members.len(), "sizes": sizes(areas(&truths)), "single": single(&members),
            "naive": of_mask(&centre_box(224), &truths),
        });
        if name != "subset_ssalign_4655" {
            numbers[name]["ceiling"] = ceilings(&truths);
        }
    }
    numbers
}

fn extended(annotations: &Path, name: &str) -> (Vec<[String; 2]>, Value) {
    let text = std::fs::read_to_string(annotations.join(name)).unwrap();
    let rows: Vec<Vec<String>> =
        text.lines().skip(1).map(|line| line.split(',').map(|field| field.trim().to_owned()).collect()).collect();
    let pairs: Vec<[String; 2]> = rows.iter().map(|row| [row[0].clone(), row[1].clone()]).collect();
    let distinct = |side: usize| pairs.iter().map(|pair| &pair[side]).collect::<BTreeSet<_>>().len();
    let numbers = json!({
        "rows": rows.len(),
        "labels": tally(rows.iter().map(|row| row[2].clone())),
        "video_equals_audio": pairs.iter().filter(|[video, audio]| video == audio).count(),
        "distinct_videos": distinct(0),
        "distinct_audios": distinct(1),
    });
    (pairs, numbers)
}

#[test]
fn vggss_and_its_lists() {
    let Some(reference) = reference_dir() else { return };
    let annotations = reference.join("annotations");
    let want = load(&reference, "data_only.json");
    let set = vggss(&annotations);
    assert_same("vggss", &vggss_numbers(&annotations, &set), &want["vggss"]);

    let (pairs, mut numbers) = extended(&annotations, "slavc/vggss_test_plus_silent.csv");
    // Some sounds are of clips that vggss.json does not hold: of no class of a frame's.
    let kind = |[video, audio]: &[String; 2]| {
        let same_class = set.classes.get(audio).is_some_and(|class| *class == set.classes[video]);
        NegativeKind::of_pair(video == audio, same_class)
    };
    let kinds: Vec<_> = pairs.iter().map(kind).collect();
    let count = |wanted: NegativeKind| kinds.iter().filter(|kind| **kind == wanted).count();
    numbers["hard_same_class"] = json!(count(NegativeKind::Hard));
    numbers["easy_other_class"] = json!(count(NegativeKind::Easy));
    assert_eq!(count(NegativeKind::Real), 379);
    assert_same("extended_vggss", &numbers, &want["extended_vggss"]);
    let (_, numbers) = extended(&annotations, "slavc/flickr_test_plus_silent.csv");
    assert_same("extended_flickr", &numbers, &want["extended_flickr"]);

    let heard = list(&annotations, "ez-vsl/vggss_heard_test.csv");
    let unheard = list(&annotations, "ez-vsl/vggss_unheard_test.csv");
    let classes = |ids: &[String]| ids.iter().map(|id| set.classes[id].clone()).collect::<BTreeSet<_>>();
    let (heard_classes, unheard_classes) = (classes(&heard), classes(&unheard));
    let listed: BTreeSet<&String> = heard.iter().chain(&unheard).collect();
    let neither: Vec<String> = set.files.iter().filter(|id| !listed.contains(id)).cloned().collect();
    let numbers = json!({
        "heard": heard.len(), "unheard": unheard.len(),
        "heard_classes": heard_classes.len(), "unheard_classes": unheard_classes.len(),
        "shared_classes": heard_classes.intersection(&unheard_classes).count(),
        "in_neither": neither.len(), "in_neither_classes": classes(&neither),
    });
    assert_same("heard_unheard", &numbers, &want["heard_unheard"]);
}

#[test]
fn flickr_soundnet() {
    let Some(reference) = reference_dir() else { return };
    let annotations = reference.join("annotations");
    let want = load(&reference, "data_only.json");
    let all = load(&annotations, "c2f/flickr_soundnet_annotations_2786.json");
    let all: BTreeMap<&str, Vec<[f64; 4]>> = all
        .as_object()
        .unwrap()
        .iter()
        .map(|(id, boxes)| {
            let corners = |one: &Value| numbers(one).try_into().unwrap();
            (id.as_str(), boxes.as_array().unwrap().iter().map(corners).collect())
        })
        .collect();
    let truth = |id: &String| {
        let boxes: Vec<_> = all[id.as_str()].iter().map(|corners| boxed(&json!(corners), 256.0)).collect();
        GroundTruthMap::from_boxes(&boxes, GroundTruthRule::Consensus, 224)
    };
    let ids_250 = list(&annotations, "slavc/flickr_test.csv");
    let ids_249 = list(&annotations, "lvs/flickr_test.csv");
    let owned_250: Vec<_> = ids_250.iter().map(truth).collect();
    let owned_249: Vec<_> = ids_249.iter().map(truth).collect();
    let (truths, truths_249): (Vec<_>, Vec<_>) = (owned_250.iter().collect(), owned_249.iter().collect());
    let fractions: Vec<f64> = areas(&truths).iter().map(|area| area / CELLS).collect();
    let corners: Vec<[f64; 4]> = all.values().flatten().copied().collect();
    let extreme = |pick: fn(f64, f64) -> f64| -> Vec<f64> {
        (0..4).map(|side| corners.iter().map(|one| one[side]).reduce(pick).unwrap()).collect()
    };
    let inverted = |boxes: &Vec<[f64; 4]>| boxes.iter().any(|[x0, y0, x1, y1]| x1 <= x0 || y1 <= y0);
    let train = list(&annotations, "slavc/flickr_sup_train.txt");
    let known = |ids: &[String]| ids.iter().filter(|id| all.contains_key(id.as_str())).count();
    let numbers = json!({
        "test_ids": [ids_250.len(), ids_249.len()],
        "only_in_250": ids_250.iter().filter(|id| !ids_249.contains(id)).collect::<Vec<_>>(),
        "annotated": all.len(),
        "boxes_total": corners.len(),
        "boxes_per_image_all": tally(all.values().map(Vec::len)),
        "boxes_per_image_test250": tally(ids_250.iter().map(|id| all[id.as_str()].len())),
        "coord_min": extreme(f64::min),
        "coord_max": extreme(f64::max),
        "inverted": all.iter().filter(|(_, boxes)| inverted(boxes)).map(|(id, _)| id).collect::<Vec<_>>(),
        "sizes_by_weighted_sum": sizes(areas(&truths)),
        "sizes_by_nonzero": sizes(truths.iter().map(|truth| truth.nonzero_cells() as f64)),
        "sizes_by_full_consensus": sizes(truths.iter().map(|truth| truth.full_cells() as f64)),
        "no_consensus": truths.iter().filter(|truth| truth.full_cells() == 0).count(),
        "weighted_area_fraction": {
            "mean": mean(&fractions), "median": quantile(&fractions, 0.5),
            "share_over_30pct": fractions.iter().filter(|area| **area > 0.3).count() as f64 / fractions.len() as f64,
        },
        "naive_249": naive(&truths_249),
        "naive_250": naive(&truths),
        "ceiling_median_rule_250": ceilings(&truths),
        "ceiling_median_rule_249": ceilings(&truths_249),
        "sup_train_list": train.len(),
        "sup_train_in_2786": known(&train),
        "test_in_2786": known(&ids_250),
    });
    assert_same("flickr", &numbers, &want["flickr"]);
}

struct PixelSet {
    names: Vec<String>,
    boxes: Vec<[f64; 4]>,
    truths: Vec<GroundTruthMap>,
}

fn pixel_set(annotations: &Path, file: &str) -> (PixelSet, Value) {
    let entries = load(annotations, file);
    let entries = entries.as_array().unwrap();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let boxes: Vec<[f64; 4]> = entries.iter().map(|entry| numbers(&entry["gt_box"]).try_into().unwrap()).collect();
    let truths: Vec<GroundTruthMap> = boxes
        .iter()
        .map(|one| GroundTruthMap::from_boxes(&[boxed(&json!(one), 224.0)], GroundTruthRule::Boxes, 224))
        .collect();
    let borrowed: Vec<&GroundTruthMap> = truths.iter().collect();
    let fractions: Vec<f64> = areas(&borrowed).iter().map(|area| area / CELLS).collect();
    let distinct = |key: &str| entries.iter().map(|entry| text(entry, key)).collect::<BTreeSet<_>>().len();
    let numbers = json!({
        "entries": entries.len(), "images": distinct("image"), "audios": distinct("audio"),
        "sizes": sizes(areas(&borrowed)),
        "empty": truths.iter().filter(|truth| truth.is_empty()).count(),
        "area_mean": mean(&fractions), "area_median": quantile(&fractions, 0.5),
        "naive_centre": of_mask(&centre_box(224), &borrowed),
        "ceiling": ceilings(&borrowed),
    });
    let name = |entry: &Value| text(entry, "image").rsplit('/').next().unwrap().trim_end_matches(".jpg").to_owned();
    (PixelSet { names: entries.iter().map(name).collect(), boxes, truths }, numbers)
}

/// Whether one mask can have IoU ≥ ½ with both boxes: all of the common part, `p` cells of the first alone and `q` of
/// the second alone.
fn one_mask_fits_both(first: &[f64; 4], second: &[f64; 4]) -> bool {
    let rect = |one: &[f64; 4]| Rect::new(one[0], one[1], one[2], one[3]);
    let (first, second) = (rect(first), rect(second));
    let [a, b, both] = [first.area(), second.area(), first.intersection(&second).area()].map(|area| area as i64);
    (0..=b - both).any(|q| {
        let least = ((a + q + 1) / 2 - both).max(0);
        let most = (2 * (both + q) - b).min(a - both);
        least <= most
    })
}

fn is3_numbers(set: &PixelSet, mut numbers: Value) -> Value {
    let mut pairs: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    set.names
        .iter()
        .enumerate()
        .for_each(|(index, name)| pairs.entry(pair_key(name).unwrap()).or_default().push(index));
    let category = |name: &String| name.rsplit('_').next().unwrap().to_owned();
    let counts = tally(set.names.iter().map(category));
    let mut top: Vec<(&String, u64)> =
        counts.as_object().unwrap().iter().map(|(name, count)| (name, count.as_u64().unwrap())).collect();
    top.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let ious: Vec<f64> = pairs
        .values()
        .map(|pair| {
            let rect = |index: usize| {
                let [x0, y0, x1, y1] = set.boxes[pair[index]];
                Rect::new(x0, y0, x1, y1)
            };
            rect(0).intersection_over_union(&rect(1))
        })
        .collect();
    let share = |keep: &dyn Fn(f64) -> bool| ious.iter().filter(|iou| keep(**iou)).count() as f64 / ious.len() as f64;
    let keyed = set.names.iter().map(|name| pair_key(name).unwrap());
    // SSL-Align's rule is strict, so its masks have a cell less than half.
    let best = keyed.zip(set.truths.iter().map(|truth| ceiling(truth, 25087)));
    let blind = pairs.values().filter(|pair| one_mask_fits_both(&set.boxes[pair[0]], &set.boxes[pair[1]])).count();
    let more = json!({
        "pairs": pairs.len(),
        "pair_sizes": tally(pairs.values().map(Vec::len)),
        "categories": counts.as_object().unwrap().len(),
        "top_categories": &top[..5],
        "names_without_number": set.names.iter().filter(|name| name.split('_').count() == 3).count(),
        "pair_box_iou": {
            "mean": mean(&ious), "zero_share": share(&|iou| iou == 0.0), "over_half_share": share(&|iou| iou >= 0.5),
        },
        "iiou_ceiling_median_rule": pair_figures(best, 0.5).unwrap().iiou,
        "iiou_ceiling_audio_blind_free_mask": blind as f64 / pairs.len() as f64,
    });
    numbers.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    numbers
}

#[test]
fn sets_with_pixel_boxes() {
    let Some(reference) = reference_dir() else { return };
    let annotations = reference.join("annotations");
    let want = load(&reference, "data_only.json");
    let (set, numbers) = pixel_set(&annotations, "sslalignment/synthetic3240_bbox.json");
    assert_same("is3", &is3_numbers(&set, numbers), &want["is3"]);
    for (name, file, has_videos) in [
        ("vpo_ss", "sslalignment/vpo_ss_bbox.json", false),
        ("vpo_ms", "sslalignment/vpo_ms_bbox.json", false),
        ("ms3", "sslalignment/ms3_box.json", true),
        ("s4", "sslalignment/s4_box.json", true),
    ] {
        let (_, mut numbers) = pixel_set(&annotations, file);
        if has_videos {
            numbers["videos"] = numbers["audios"].clone();
        }
        if let Some(images) = want[name].get("coco_images") {
            numbers["coco_images"] = images.clone();
        }
        assert_same(name, &numbers, &want[name]);
    }
    for (name, file) in [("music_solo", "dsol/solotest.json"), ("music_duet", "dsol/duettest.json")] {
        let frames = load(&annotations, file);
        let frames = frames.as_object().unwrap();
        let boxes: Vec<&Value> = frames.values().flat_map(|frame| frame["bbox"].as_array().unwrap()).collect();
        let area = |one: &&Value| one["normbox"][2].as_f64().unwrap() * one["normbox"][3].as_f64().unwrap();
        let numbers = json!({
            "frames": frames.len(), "boxes": boxes.len(),
            "boxes_per_frame": tally(frames.values().map(|frame| frame["bbox"].as_array().unwrap().len())),
            "videos": frames.keys().map(|key| key.split('/').next().unwrap()).collect::<BTreeSet<_>>().len(),
            "mean_area": mean(&boxes.iter().map(area).collect::<Vec<_>>()),
            "categories": boxes.iter().map(|one| one["category_id"].as_u64().unwrap()).collect::<BTreeSet<_>>(),
        });
        assert_same(name, &numbers, &want[name]);
    }
    let website = load(&annotations, "urbansas/website_annotations.json");
    for (key, value) in want["urbansas_website_stats"].as_object().unwrap() {
        assert_same(key, &website["stats"][key], value);
    }
}

#[test]
fn the_fixed_probe_scores_as_published_under_every_rule() {
    let Some(reference) = reference_dir() else { return };
    let annotations = reference.join("annotations");
    let want = &load(&reference, "data_only.json")["probe"];
    let flickr = load(&annotations, "c2f/flickr_soundnet_annotations_2786.json");
    let flickr: Vec<GroundTruthMap> = list(&annotations, "lvs/flickr_test.csv")
        .iter()
        .map(|id| {
            let boxes: Vec<_> = flickr[id].as_array().unwrap().iter().map(|one| boxed(one, 256.0)).collect();
            GroundTruthMap::from_boxes(&boxes, GroundTruthRule::Consensus, 224)
        })
        .collect();
    let (is3, _) = pixel_set(&annotations, "sslalignment/synthetic3240_bbox.json");
    let probe = heatmap(fixed_probe());
    for (name, id) in [
        ("lvs / ssl-tie", "lvs"),
        ("ez-vsl", "ezvsl"),
        ("slavc relative", "slavc"),
        ("heartheflow", "heartheflow"),
        ("sspl fixed 0.5", "sspl"),
        ("how-to-listen", "howtolisten"),
        ("ssl-align median (cv)", "ssl-align"),
        ("ssl-align adaptive (cv)", "ssl-align:adaptive"),
    ] {
        let protocol: Protocol = id.parse().unwrap();
        let map = protocol.score_map(&probe);
        if let Some(pixels) = want["mask_pixels"].get(name) {
            assert_eq!(json!(protocol.binarize(&map, None, None).positives), *pixels, "{name}");
        }
        let whole = vggss(&annotations).truths;
        for (set, truths) in [("vggss_5158", &whole), ("flickr_249", &flickr), ("is3_6480", &is3.truths)] {
            // One mask serves every clip, unless the rule looks at the truth.
            let mut mask = protocol.binarize(&map, None, None);
            let cious: Vec<f64> = truths
                .iter()
                .map(|truth| {
                    if protocol.binarization.needs_truth() {
                        mask = protocol.binarize(&map, Some(truth), None);
                    }
                    protocol.ciou(&mask, truth)
                })
                .collect();
            let mut got = without(figures(&cious), "mean_ciou");
            if want[set][name].get("iiou").is_some() {
                let keys = is3.names.iter().map(|name| pair_key(name).unwrap());
                let pairs = pair_figures(keys.zip(cious), 0.5).unwrap();
                got["iiou"] = json!(pairs.iiou);
                got["iauc"] = json!(pairs.iauc);
            }
            assert_same(&format!("probe/{set}/{name}"), &got, &want[set][name]);
        }
    }
}
