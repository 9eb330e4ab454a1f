//! Maps to cIoU, protocol by protocol.

use sonolens::heatmap::{Grid, Heatmap, Mixture, ObjectPrior};
use sonolens::metrics::{CiouCurve, GroundTruthMap, GroundTruthRule, Protocol};

use super::golden::{Golden, assert_scores, golden, heatmap};

fn scores(protocol: &str, maps: &[Heatmap], truths: &[GroundTruthMap]) -> Vec<f64> {
    let protocol: Protocol = protocol.parse().unwrap();
    maps.iter()
        .zip(truths)
        .map(|(map, truth)| {
            let score_map = protocol.score_map_against(map, Some(truth));
            let score = protocol.ciou(&protocol.binarize(&score_map, Some(truth), None), truth);
            let at_once = protocol.score(map, truth);
            assert!(score == at_once || (score.is_nan() && at_once.is_nan()), "{score} and at once {at_once}");
            score
        })
        .collect()
}

fn plain(golden: &Golden, set: &str) -> Vec<Heatmap> {
    golden.maps(set).into_iter().map(heatmap).collect()
}

fn priors(golden: &Golden, set: &str) -> Vec<Grid> {
    golden.grids(&format!("{set}_obj")).unwrap()
}

fn guided(golden: &Golden, set: &str, mixture: Mixture) -> Vec<Heatmap> {
    let with = |(mut map, values): (Heatmap, Grid)| {
        map.object_prior = Some(ObjectPrior { values, mixture });
        map
    };
    plain(golden, set).into_iter().zip(priors(golden, set)).map(with).collect()
}

/// SLAVC scores cosines divided by its temperature in single precision.
fn slavc(golden: &Golden, set: &str) -> Vec<Heatmap> {
    let logits = |map: Grid| Heatmap {
        nominal_range: Some([-1.0 / 0.03, 1.0 / 0.03]),
        ..heatmap(map.map(|value| value / 0.03))
    };
    golden.maps(set).into_iter().map(logits).collect()
}

const SETS: [&str; 4] = ["vggss", "vggss_edge", "flickr", "flickr_edge"];

#[test]
fn every_map_scores_as_by_its_authors_evaluator() {
    let rules = [
        ("lvs", "lvs"),
        ("ez-vsl", "ezvsl"),
        ("ez-vsl", "fnac"),
        ("fnac/bicubic_half_pixel", "fnac:bicubic"),
        ("heartheflow", "heartheflow"),
        ("ssl-tie", "ssltie"),
        ("sspl/fixed0.5", "sspl"),
        ("sspl/median", "sspl:median"),
        ("how-to-listen", "howtolisten"),
    ];
    let golden = golden();
    for set in golden.held(&SETS) {
        for (expected, protocol) in rules {
            let unclamped =
                (expected == "ssl-tie" && set.starts_with("vggss")).then_some(GroundTruthRule::UnionUnclamped);
            let truths = golden.truth_maps(set, unclamped);
            let want = &golden.expected["protocols"][expected][set]["per_sample"];
            let count = want.as_array().unwrap().len();
            let mut got = scores(protocol, &plain(&golden, set)[..count], &truths);
            if expected == "sspl/median" {
                // The authors' mean-free median of a constant map is NaN; ours is an empty mask, with a warning.
                for (got, want) in got.iter_mut().zip(want.as_array().unwrap()) {
                    if want.as_str() == Some("nan") {
                        assert_eq!(*got, 0.0);
                        *got = f64::NAN;
                    }
                }
            }
            assert_scores(&format!("{expected} on {set}"), &got, want);
        }
    }
}

#[test]
fn object_guided_maps_score_as_by_their_authors_evaluators() {
    let golden = golden();
    for set in ["vggss", "flickr"] {
        let truths = golden.truth_maps(set, None);
        let positives = golden.cases[set]["n_pos"].as_u64().unwrap() as usize;
        let protocols = &golden.expected["protocols"];
        let objects: Vec<_> = priors(&golden, set).into_iter().map(heatmap).collect();
        let got = scores("ezvsl", &objects[..positives], &truths);
        assert_scores("object prior", &got, &protocols["ez-vsl/object-prior"][set]["per_sample"]);
        let mixed = guided(&golden, set, Mixture::MinMax { alpha: 0.4 });
        let got = scores("ezvsl", &mixed[..positives], &truths);
        assert_scores("OGL", &got, &protocols["ez-vsl/ogl_alpha0.4"][set]["per_sample"]);
    }
}

#[test]
fn slavc_maps_and_confidences_are_the_authors() {
    let relative: Protocol = "slavc".parse().unwrap();
    let golden = golden();
    let expected = &golden.expected["protocols"]["slavc"];
    for set in ["vggss", "flickr"] {
        let truths = golden.truth_maps(set, None);
        let av = slavc(&golden, set);
        let prior = |values: Grid| Heatmap { nominal_range: Some([0.0, 2.5]), ..heatmap(values) };
        let obj: Vec<_> = priors(&golden, set).into_iter().map(prior).collect();
        let mixture = Mixture::FixedRange { alpha: 0.4, object_full_scale: 2.5 };
        let mixed: Vec<_> = av
            .iter()
            .zip(priors(&golden, set))
            .map(|(map, values)| Heatmap { object_prior: Some(ObjectPrior { values, mixture }), ..map.clone() })
            .collect();
        for (kind, maps) in [("av", &av), ("obj", &obj), ("av_obj", &mixed)] {
            for (mode, protocol) in [("relative", "slavc"), ("absolute", "slavc:absolute")] {
                let silent = format!("{set}_plus_silent");
                let want = &expected[mode][&silent][kind];
                let what = format!("slavc {mode} {kind} on {silent}");
                assert_scores(&what, &scores(protocol, maps, &truths), &want["per_sample"]);
            }
            let want = &expected["relative"][&format!("{set}_plus_silent")][kind]["conf"];
            for (map, want) in maps.iter().zip(want.as_array().unwrap()) {
                let (got, want) = (relative.confidence(map), want.as_f64().unwrap());
                assert!((got - want).abs() <= 2e-6, "confidence of {kind} on {set}: {got}, want {want}");
            }
        }
        let areas: Vec<_> = truths.iter().map(GroundTruthMap::area).collect();
        assert_scores("areas", &areas, &expected["relative"][format!("{set}_plus_silent")]["av"]["area"]);
    }
    for set in golden.held(&["vggss_edge", "flickr_edge"]) {
        for (mode, protocol) in [("relative", "slavc"), ("absolute", "slavc:absolute")] {
            let got = scores(protocol, &slavc(&golden, set), &golden.truth_maps(set, None));
            assert_scores(&format!("slavc {mode} on {set}"), &got, &expected[mode][set]["av"]["per_sample"]);
        }
    }
}

#[test]
fn ssl_align_scores_are_the_authors() {
    let sets = ["vggss", "vggss_edge", "flickr", "flickr_edge", "is3", "is3_edge"];
    let golden = golden();
    for path in ["lvs_path", "ez_path"] {
        for set in golden.held(&sets) {
            let cv = path == "lvs_path" && set.starts_with("vggss");
            let kernel = if cv { "cv-bilinear" } else { "bilinear-corners" };
            let normalise = if path == "lvs_path" { "minmax-inverted" } else { "minmax" };
            let truths = golden.truth_maps(set, None);
            let expected = &golden.expected["protocols"]["ssl-align"][path][set];
            let count = expected["per_sample"].as_array().unwrap().len();
            let maps = &plain(&golden, set)[..count];
            let mixed = &guided(&golden, set, Mixture::MinMax { alpha: 0.4 })[..count];
            for (id, suffix) in [("ssl-align", ""), ("ssl-align:adaptive", "_adap")] {
                let protocol = format!("{id}+upsample={kernel}+normalise={normalise}");
                let what = format!("{id} {path} on {set}");
                let got = scores(&protocol, maps, &truths);
                assert_scores(&what, &got, &expected[format!("per_sample{suffix}")]);
                if let Some(want) = expected.get(format!("ogl_per_sample{suffix}")) {
                    assert_scores(&format!("{what}, object-guided"), &scores(&protocol, mixed, &truths), want);
                }
            }
        }
    }
}

/// What the shader shades is what is counted: comparing the score map's single-precision values with the reported
/// threshold gives the mask, and the curve over thresholds passes through the score.
#[test]
fn a_score_map_and_its_threshold_are_the_mask() {
    let golden = golden();
    for set in golden.held(&SETS) {
        let truths = golden.truth_maps(set, None);
        for known in sonolens::metrics::protocols() {
            let mut protocol = known.protocol.clone();
            protocol.side = 224;
            for (map, truth) in plain(&golden, set).iter().zip(&truths).take(4) {
                let score_map = protocol.score_map_against(map, Some(truth));
                let mask = protocol.binarize(&score_map, Some(truth), None);
                let strict = protocol.binarization.is_strict();
                let curve = CiouCurve::new(&score_map, truth, strict, 33);
                for (index, &value) in score_map.grid.values().iter().enumerate() {
                    let shaded = if mask.strict { value > mask.threshold } else { value >= mask.threshold };
                    assert_eq!(shaded, mask.mask.get(index / 224, index % 224));
                }
                for (&threshold, &want) in curve.thresholds.iter().zip(&curve.ciou).step_by(16) {
                    let at = protocol.binarize(&score_map, Some(truth), Some(threshold));
                    let got = sonolens::metrics::ciou(&at, truth);
                    assert!(got == want || (got.is_nan() && want.is_nan()), "{got} {want}");
                }
            }
        }
    }
}
