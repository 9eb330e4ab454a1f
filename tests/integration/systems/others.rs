//! AVOL-net and its relatives, Attention10k, SSPL, DMC and DSOL.

use sonolens::localizers::avol::Correspondence;
use sonolens::localizers::{FrameInput, Query, WindowRule, registry};
use sonolens::signal::AudioWindow;

use super::{answer, benchmark_answer, case, weights_of};
use crate::support::fill_rule::{stream, wave};
use crate::support::golden::Golden;

/// One case out of an array of several.
fn item(golden: &Golden, key: &str, index: usize, count: usize) -> Vec<f64> {
    let all = golden.floats(key);
    let length = all.len() / count;
    all[index * length..(index + 1) * length].to_vec()
}

fn assert_close(values: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(values.len(), expected.len(), "{what}");
    let difference = crate::support::golden::largest_difference(values, expected);
    assert!(difference <= tolerance, "{what} differs by {difference:e}");
}

#[test]
fn avol_is_shown_the_right_way_round() {
    let golden = Golden::open("avolnet.npz");
    let localizer = registry::build("avol", &weights_of(&["avolnet"])).unwrap();
    assert!(localizer.info().remark.unwrap().contains("inverted"));
    let sound = wave(104, 48_000, 432_000, 1);
    for name in ["a", "b"] {
        let (picture, _) = case(name);
        let heatmap = benchmark_answer(localizer.as_ref(), &picture, &sound);
        let published: Vec<f32> = heatmap.values.values().iter().map(|value| 1.0 - value).collect();
        golden.check(&format!("{name}.avol.loc"), &published, 1e-4);
        golden.check(&format!("{name}.avol.out"), &[1.0 - heatmap.confidence.unwrap()], 1e-4);
    }
}

#[test]
fn ave_and_l3_say_whether_picture_and_sound_belong_together() {
    let golden = Golden::open("avolnet.npz");
    let ave = Correspondence::ave_net(&weights_of(&["avenet"])).unwrap();
    let l3 = Correspondence::l3_net(&weights_of(&["l3"])).unwrap();
    let sound = wave(104, 48_000, 432_000, 1);
    let window = AudioWindow { start_secs: 4.0, length_secs: 1.0 };
    for name in ["a", "b"] {
        let (picture, _) = case(name);
        golden.check(&format!("{name}.ave.out"), &ave.logits(&picture, &sound, window).unwrap(), 1e-4);
        golden.check(&format!("{name}.l3.out"), &l3.logits(&picture, &sound, window).unwrap(), 1e-4);
    }
}

#[test]
fn attention10k_is_asked_with_a_sound_vector() {
    let golden = Golden::open("extra_attention10k.npz");
    let localizer = registry::build("attention10k", &weights_of(&["attention10k"])).unwrap();
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        let (picture, _) = case(name);
        let vector: Vec<f32> =
            stream(&format!("attention10k-audio:101:{index}"), 1000).into_iter().map(|u| (3.0 * u) as f32).collect();
        let features =
            localizer.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" }).unwrap();
        let embedding = localizer.encode_query(&Query::SoundVector(&vector)).unwrap();
        let sound = embedding.parts.get("sound").unwrap().values();
        assert_close(sound, &item(&golden, "audio_emb", index, 2), 1e-4, "audio_emb");
        let heatmap = localizer.join(&features, &embedding).unwrap();
        assert_close(heatmap.values.values(), &item(&golden, "att", index, 2), 1e-6, "att");
    }
    assert!(localizer.encode_query(&Query::SoundVector(&[0.0; 999])).is_err());
}

#[test]
fn sspl_with_and_without_predictive_coding() {
    let listings = ["sspl_frame", "sspl_sound", "sspl_pcm"];
    for (archive, listings, tolerance) in
        [("extra_sspl_wo_pcm.npz", &listings[..2], 1e-5), ("extra_sspl_w_pcm.npz", &listings[..], 2e-5)]
    {
        let golden = Golden::open(archive);
        let localizer = registry::build("sspl", &weights_of(listings)).unwrap();
        let cases = [(case("a").0, case("a").1), (case("b").0, case("c").1)];
        for (index, (picture, sound)) in cases.into_iter().enumerate() {
            let heatmap = benchmark_answer(localizer.as_ref(), &picture, &sound);
            assert_close(heatmap.values.values(), &item(&golden, "sim_map", index, 2), tolerance, archive);
        }
    }
}

#[test]
fn dmc_shows_the_cluster_nearer_to_the_sound() {
    let golden = Golden::open("extra_dmc.npz");
    let localizer = registry::build("dmc", &weights_of(&["dmc_simplified"])).unwrap();
    let (picture, sound) = case("a");
    let heatmap = benchmark_answer(localizer.as_ref(), &picture, &sound);
    // The first cluster is at 186.51, the second at 187.01.
    assert_close(heatmap.values.values(), &item(&golden, "assign", 0, 2), 1e-2, "assign");
}

#[test]
fn dsol_stage_one() {
    let golden = Golden::open("extra_dsol.npz");
    let localizer = registry::build("dsol", &weights_of(&["dsol_stage1"])).unwrap();
    let sound = case("a").1;
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        let (picture, _) = case(name);
        let window = localizer.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
        let heatmap = answer(localizer.as_ref(), &picture, &sound, window);
        assert_close(heatmap.values.values(), &item(&golden, "s1.map", index, 2), 1e-5, "s1.map");
        assert_close(&[heatmap.confidence.unwrap()], &item(&golden, "s1.out", index, 2), 1e-5, "s1.out");
    }
}
