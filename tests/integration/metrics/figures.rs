//! Figures over lists of clips, as the authors' evaluators print them.

use serde_json::Value;
use sonolens::geometry::Rect;
use sonolens::heatmap::{Grid, Kernel, resample};
use sonolens::metrics::detection::{self, Detection, Outcomes, Subset};
use sonolens::metrics::retrieval::{self, Direction, Gain, Similarities, Ties};
use sonolens::metrics::sources::{ClusterAssignment, SilentMaps, SourceFigures, azimuth, segmentation, silent_share};
use sonolens::metrics::{
    GroundTruthMap, GroundTruthRule, Protocol, TruthBox, area_under_success, mean, pair_figures, pair_key, success_rate,
};

use super::golden::{assert_close, assert_scores, golden, heatmap, numbers};

/// What SLAVC's evaluator prints about `clips`, at success 0.5 and 0.75, for each subset.
fn assert_stats(what: &str, clips: &[Detection], want: &Value) {
    for (success, percent) in [(0.5, 50), (0.75, 75)] {
        for subset in Subset::ALL {
            let members = subset.of(clips);
            let positives: Vec<f64> = members.iter().filter(|clip| clip.boxes > 0).map(|clip| clip.ciou).collect();
            let name = |figure: &str| format!("{figure}-{subset}@{percent}");
            let stats = &want["stats"];
            let check = |figure: &str, got: f64| {
                let key = name(figure);
                // The authors' code prints "nan" for a subset without members, or nothing.
                if members.is_empty() {
                    assert!(stats[&key].is_null() || stats[&key] == "nan", "{what} {key}");
                } else {
                    assert_close(&format!("{what} {key}"), got, &stats[&key]);
                }
            };
            check("Precision", detection::precision(&members, success));
            check("AP", detection::average_precision_as_published(&members, success));
            check("AUC", area_under_success(&positives));
            let f1 = detection::f1_list_as_published(&members, success);
            if let Some(list) = want["f1_curve"].get(format!("{subset}@{percent}")) {
                assert_scores(&format!("{what} {}", name("F1")), &f1, list);
            }
            if !members.is_empty() {
                let printed: Vec<String> = f1.iter().map(|value| format!("{:.1}", value * 100.0)).collect();
                assert_eq!(stats[name("F1")].as_str(), Some(printed.join(" ").as_str()), "{what}");
            }
        }
    }
}

#[test]
fn rankings_give_the_authors_figures() {
    let golden = golden();
    for (name, want) in golden.expected["ranking"].as_object().unwrap() {
        let case = &golden.cases["ranking"][name];
        let [boxes, ciou, conf, area] = ["bb", "ciou", "conf", "area"].map(|key| numbers(&case[key]));
        let clips: Vec<Detection> = (0..boxes.len())
            .map(|i| Detection { confidence: conf[i], ciou: ciou[i], boxes: boxes[i] as usize, area: area[i] })
            .collect();
        assert_stats(name, &clips, want);
        let visible = Subset::Visible.of(&clips);
        let strictly = visible.iter().filter(|clip| clip.ciou > 0.5).count() as f64 / visible.len() as f64;
        assert_close("strict precision", strictly, &want["precision_at_50_strict"]);
        let at_half = Outcomes::at(&clips, 0.5, 0.5).f1_as_published();
        assert_close("F1 at 0.5", at_half, &want["f1_at_conf_0_5"]);
        let reference = &want["reference_only"];
        let over_all = detection::max_f1_over_all(&clips, 0.5).unwrap().0;
        assert_close("max-F1 over all", over_all, &reference["maxF1_full"]);
        assert_close("AP", detection::average_precision(&clips, 0.5), &reference["AP_standard"]);
    }
}

/// Scores, confidences and figures of whole lists with negatives, from the maps on.
#[test]
fn extended_lists_give_the_authors_figures() {
    let golden = golden();
    for set in ["vggss", "flickr"] {
        let expected = &golden.expected["protocols"]["slavc"]["relative"][format!("{set}_plus_silent")];
        let truths = golden.truth_maps(set, None);
        for kind in ["av", "obj", "av_obj"] {
            let want = &expected[kind];
            if want.get("f1_curve").is_none() {
                continue;
            }
            let clips: Vec<Detection> = numbers_or_nan(&want["per_sample"])
                .into_iter()
                .zip(numbers(&want["conf"]))
                .zip(&truths)
                .map(|((ciou, confidence), truth)| Detection {
                    confidence,
                    ciou,
                    boxes: truth.boxes(),
                    area: truth.area(),
                })
                .collect();
            assert_stats(&format!("{kind} on {set}"), &clips, want);
        }
        let Some(want) = golden.expected.get("paper_confidence_max").map(|sets| &sets[set]) else { continue };
        let protocol: Protocol = "ezvsl+confidence=peak".parse().unwrap();
        let conf: Vec<f64> = golden.maps(set).into_iter().map(|map| protocol.confidence(&heatmap(map))).collect();
        assert_scores("peaks", &conf, &want["conf"]);
    }
}

fn numbers_or_nan(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect()
}

#[test]
fn success_rates_areas_and_pairs_are_the_authors() {
    let golden = golden();
    let protocols = &golden.expected["protocols"];
    for id in ["lvs", "ez-vsl", "ssl-tie", "heartheflow", "sspl/fixed0.5", "how-to-listen"] {
        for set in ["vggss", "flickr"] {
            let want = &protocols[id][set];
            let cious = numbers(&want["per_sample"]);
            assert_close("cIoU@0.5", success_rate(&cious, 0.5), &want["ciou_at_50"]);
            assert_close("AUC", area_under_success(&cious), &want["auc"]);
            if let Some(at_30) = want.get("ciou_at_30") {
                assert_close("cIoU@0.3", success_rate(&cious, 0.3), at_30);
            }
        }
    }
    for path in ["lvs_path", "ez_path"] {
        for set in ["vggss", "is3"] {
            let want = &protocols["ssl-align"][path][set];
            for suffix in ["", "_adap"] {
                let cious = numbers(&want[format!("per_sample{suffix}")]);
                let names = golden.samples(set).iter().map(|sample| sample["id"].as_str().unwrap());
                // VGG-SS ids end in `_` and the second, so every frame is a group of its own.
                let keyed = names.map(|name| pair_key(name).unwrap()).zip(cious.iter().copied());
                let pairs = pair_figures(keyed, 0.5).unwrap();
                assert_close("IIoU", pairs.iiou, &want[format!("iiou{suffix}")]);
                assert_close("IAUC", pairs.iauc, &want[format!("iauc{suffix}")]);
            }
        }
    }
}

#[test]
fn retrieval_correspondence_and_gain_are_the_references() {
    let golden = golden();
    if let Some((shape, values)) = golden.array("retrieval_sim") {
        let matrix = Similarities::new(shape[0], values).unwrap();
        for (direction, name) in
            [(Direction::AudioToImage, "audio_to_image"), (Direction::ImageToAudio, "image_to_audio")]
        {
            let want = &golden.expected["retrieval"][name];
            let ranks = matrix.ranks(direction, Ties::Stable);
            assert_eq!(Value::from(ranks.clone()), want["rank_stable"]);
            assert_close("median rank", retrieval::median_rank(&ranks), &want["median_rank"]);
            let mean_rank = mean(&ranks.iter().map(|&rank| rank as f64).collect::<Vec<_>>());
            assert_close("mean rank", mean_rank, &want["mean_rank"]);
            for k in [1, 5, 10] {
                let key = format!("R@{k}");
                assert_close(&key, retrieval::recall_at(&ranks, k), &want[&key]);
                for (ties, variant) in [(Ties::Optimistic, "optimistic"), (Ties::Pessimistic, "pessimistic")] {
                    let ranks = matrix.ranks(direction, ties);
                    assert_close(variant, retrieval::recall_at(&ranks, k), &want[variant][&key]);
                }
            }
        }
    }
    let (case, want) = (&golden.cases["avc"], &golden.expected["avc"]);
    let labels = |key: &str| numbers(&case[key]).into_iter().map(|label| label as u8).collect::<Vec<u8>>();
    let avol: Vec<u8> = numbers(&case["out"]).into_iter().map(retrieval::correspondence_label_avol).collect();
    assert_eq!(avol.iter().map(|&label| f64::from(label)).collect::<Vec<_>>(), numbers(&want["avol"]["pred"]));
    let accuracy = retrieval::correspondence_accuracy(&avol, &labels("label"));
    assert_close("AVOL accuracy", accuracy, &want["avol"]["accuracy"]);
    let logits: Vec<u8> = case["logits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| retrieval::correspondence_label([pair[0].as_f64().unwrap(), pair[1].as_f64().unwrap()]))
        .collect();
    let accuracy = retrieval::correspondence_accuracy(&logits, &labels("label2"));
    assert_close("L3 accuracy", accuracy, &want["l3_ave"]["accuracy"]);
    for case in golden.expected["ndcg"]["ndcg"].as_array().unwrap() {
        let (gains, k) = (numbers(&case["scores"]), case["k"].as_u64().unwrap() as usize);
        assert_close("DCG", retrieval::dcg_at(&gains, k, Gain::Linear), &case["dcg"]);
        assert_close("nDCG", retrieval::ndcg_at(&gains, k, Gain::Linear), &case["ndcg"]);
        assert_close("nDCG 2^g", retrieval::ndcg_at(&gains, k, Gain::Exponential), &case["ndcg_exp2"]);
    }
    let ap = &golden.expected["ndcg"]["ap"];
    let targets = ap["target"].as_array().unwrap();
    let hit = |answer: &Value| answer.as_array().unwrap().iter().any(|label| targets.contains(label));
    let hits: Vec<bool> = ap["results"].as_array().unwrap().iter().map(hit).collect();
    assert_close("AP of hits", retrieval::average_precision_of_hits(&hits).unwrap(), &ap["ap"]);
    assert_close("share of hits", retrieval::hit_share(&hits), &ap["recall_at_k"]);
}

#[test]
fn duets_score_as_by_dsols_code() {
    let golden = golden();
    let case = &golden.cases["dsol"];
    let rows = case["assign"].as_array().unwrap();
    let matrix: Vec<u8> = rows.iter().flat_map(|row| numbers(row).into_iter().map(|set| set as u8)).collect();
    let assignment = ClusterAssignment::new(rows.len(), &matrix).unwrap();
    let keys: Vec<&str> = case["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    let (shape, values) = golden.array("dsol_pred").unwrap();
    let images: Vec<Vec<Grid>> = values
        .chunks(shape[1] * shape[2] * shape[3])
        .map(|image| {
            let maps = image.chunks(shape[2] * shape[3]);
            maps.map(|map| Grid::new(shape[2], shape[3], map.to_vec()).unwrap()).collect()
        })
        .collect();
    for (name, id, silent) in
        [("eval", "dsol", SilentMaps::FirstClusters), ("eval_duet", "dsol:duet", SilentMaps::AllClusters)]
    {
        let protocol: Protocol = id.parse().unwrap();
        let (mut cious, mut shares) = (Vec::new(), Vec::new());
        for (sample, maps) in golden.samples("dsol").iter().zip(&images) {
            let mut boxes: std::collections::BTreeMap<usize, Vec<TruthBox>> = Default::default();
            for one in sample["box"].as_array().unwrap() {
                let category = (one[4].as_f64().unwrap() as i64).to_string();
                let class = case["duetkeys"][category].as_str().unwrap();
                let index = keys.iter().position(|key| *key == class).unwrap();
                boxes.entry(index).or_default().push(extent_box(one));
            }
            let scores: Vec<f64> = boxes
                .iter()
                .map(|(&class, boxes)| {
                    let truth = GroundTruthMap::from_boxes(boxes, protocol.truth, 224);
                    let map = heatmap(assignment.class_map(class, maps).unwrap());
                    protocol.ciou(&protocol.binarize(&protocol.score_map(&map), None, None), &truth)
                })
                .collect();
            cious.push(mean(&scores));
            let sounding: Vec<usize> = boxes.keys().copied().collect();
            let silent: Vec<f64> = assignment
                .silent_clusters(&sounding, silent)
                .into_iter()
                .map(|cluster| silent_share(&resample(&maps[cluster], Kernel::CvBilinear, 224, 224), 0.2))
                .collect();
            shares.push(mean(&silent));
        }
        let want = &golden.expected["dsol"][name];
        assert_scores(name, &cious, &want["per_image"]);
        assert_scores(name, &shares, &want["nosound"]);
        if let Some(auc) = want.get("auc") {
            let figures = SourceFigures::of(&cious, &shares);
            assert_close("AUC", figures.auc, auc);
            assert_close("CIoU@0.3", figures.success_at_30, &want["ciou_at_30"]);
            assert_close("CIoU@0.5", figures.success_at_50, &want["ciou_at_50"]);
            assert_close("NSA", figures.silent_area, &want["nsa"]);
        }
    }
    let single: Protocol = "dsol:single".parse().unwrap();
    let scores: Vec<f64> = golden
        .samples("dsol")
        .iter()
        .zip(&images)
        .map(|(sample, maps)| {
            let largest = |row, column| maps.iter().map(|map| map.get(row, column).unwrap()).fold(f32::MIN, f32::max);
            let map = heatmap(Grid::from_fn(14, 14, largest));
            let boxes: Vec<TruthBox> = sample["box"].as_array().unwrap().iter().map(extent_box).collect();
            let truth = GroundTruthMap::from_boxes(&boxes, single.truth, 224);
            single.ciou(&single.binarize(&single.score_map(&map), None, None), &truth)
        })
        .collect();
    assert_scores("single", &scores, &golden.expected["dsol"]["single_tools"]["per_image"]);
}

fn extent_box(one: &Value) -> TruthBox {
    let [x, y, w, h] = [0, 1, 2, 3].map(|index| one[index].as_f64().unwrap());
    TruthBox::new(Rect::new(x, y, x + w, y + h))
}

#[test]
fn coarse_to_fine_and_urbansas_score_as_by_their_authors() {
    let golden = golden();
    let score = |id: &str, maps: Vec<Grid>, truths: &[Vec<TruthBox>], rule: GroundTruthRule| -> Vec<f64> {
        let protocol: Protocol = id.parse().unwrap();
        maps.into_iter()
            .zip(truths)
            .map(|(map, boxes)| {
                let truth = GroundTruthMap::from_boxes(boxes, rule, protocol.side);
                let score_map = protocol.score_map(&heatmap(map));
                protocol.ciou(&protocol.binarize(&score_map, None, None), &truth)
            })
            .collect()
    };
    let (rule, truths) = golden.truths("c2f");
    for (id, key) in [("c2f", "gtscore_thr0.1"), ("c2f:new", "cal_metric_thr0.001")] {
        let got = score(id, golden.grids("c2f_map").unwrap(), &truths, rule);
        let want = &golden.expected["coarse_to_fine"][key];
        assert_scores(key, &got, &want["per_sample"]);
        assert_close("AUC", area_under_success(&got), &want["auc"]);
        assert_close("cIoU@0.5", success_rate(&got, 0.5), &want["ciou_at_50"]);
    }
    let in_frame = |sample: &Value| -> Vec<TruthBox> {
        let [width, height] = ["w", "h"].map(|key| sample[key].as_f64().unwrap());
        let boxes = sample["bbox"].as_array().unwrap().iter();
        boxes
            .map(|one| {
                let [x, y, w, h] = [0, 1, 2, 3].map(|index| one[index].as_f64().unwrap());
                TruthBox::new(Rect::new(x / width, y / height, (x + w) / width, (y + h) / height))
            })
            .collect()
    };
    let truths: Vec<_> = golden.samples("urbansas").iter().map(in_frame).collect();
    let rule = GroundTruthRule::ExtentTruncated;
    let want = &golden.expected["urbansas"]["flowgrad"];
    let pixels: Vec<f64> = truths.iter().map(|boxes| GroundTruthMap::from_boxes(boxes, rule, 224).area()).collect();
    assert_scores("pixels", &pixels, &want["gt_pixels"]);
    let got = score("howtolisten", golden.grids("urbansas_map").unwrap(), &truths, rule);
    assert_scores("flowgrad", &got, &want["per_sample"]);
    assert_close("cIoU@0.3", success_rate(&got, 0.3), &want["ciou_at_30"]);

    let (shape, predicted) = golden.array("urb1d_pred").unwrap();
    let (_, truth) = golden.array("urb1d_gt").unwrap();
    let (classes, regions) = (shape[1], shape[2]);
    for (index, class) in ["bus", "car", "motorbike", "truck"].iter().enumerate() {
        let frame = |frame: usize| {
            let at = (frame * classes + index) * regions;
            (&predicted[at..at + regions], &truth[at..at + regions])
        };
        for (counted, name) in [
            (azimuth::Frames::All, "all"),
            (azimuth::Frames::Active, "active"),
            (azimuth::Frames::Inactive, "inactive"),
        ] {
            for threshold in [0.05f32, 0.5] {
                let got = azimuth::mean_iou((0..shape[0]).map(frame), threshold, counted);
                let want = &golden.expected["urbansas"]["urbansas_native"][format!("tau{threshold}_{name}")];
                assert_close(class, got, &want[class]);
            }
        }
    }
}

#[test]
fn segmentation_scores_are_avsbenchs() {
    let golden = golden();
    let logits: Vec<Grid> = golden
        .maps("is3")
        .iter()
        .map(|map| resample(map, Kernel::CvBilinear, 224, 224).map(|value| value * 20.0 - 3.0))
        .collect();
    let truths = golden.truth_maps("is3", None);
    let want = &golden.expected["avsbench"];
    let ious: Vec<f64> = logits
        .iter()
        .zip(&truths)
        .map(|(logits, truth)| f64::from(segmentation::mask_iou(logits, truth.full())))
        .collect();
    assert_scores("mask IoU", &ious, &want["per_sample"]);
    let mean_iou = mean(&ious);
    assert!((mean_iou - want["mask_iou"].as_f64().unwrap()).abs() < 1e-6);
    let f = segmentation::f_measure(logits.iter().zip(truths.iter().map(GroundTruthMap::full)));
    assert!((f64::from(f) - want["f_beta03_max"].as_f64().unwrap()).abs() < 2e-7, "{f}");
}
