//! LVS, SSL-TIE, cross-modal alignment and HardPos: one network, four sets of inputs.

use std::sync::LazyLock;

use sonolens::localizers::{Localizer, Normalization, Query, Resizing, ViewRule, WindowRule, registry};
use sonolens::network::StateDict;
use sonolens::signal::{AudioWindow, cut_repeating, htk_mel_decibels, left_channel, log_psd, mean_channel};

use super::{answer, benchmark_answer, case, every, final_map, weights_of};
use crate::support::golden::Golden;

static WEIGHTS: LazyLock<StateDict> = LazyLock::new(|| weights_of(&["lvs", "resnet18_imagenet"]));

fn sound_embedding(localizer: &dyn Localizer, query: &Query) -> Vec<f32> {
    localizer.encode_query(query).unwrap().parts.get("sound").unwrap().values().to_vec()
}

#[test]
fn lvs_from_inputs_to_final_map() {
    let golden = Golden::open("lvs.npz");
    let localizer = registry::build("lvs", &WEIGHTS).unwrap();
    for name in ["a", "b"] {
        let key = |part: &str| format!("{name}.{part}");
        let (picture, sound) = case(name);
        let image = ViewRule::Crop { side: 224 }.render(&picture, &Normalization::IMAGENET).unwrap();
        golden.check_summary(&key("image"), image.dims(), &image.flatten_all().unwrap().to_vec1().unwrap(), 1e-5);
        let window = localizer.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
        let spectrogram = log_psd(&left_channel(&cut_repeating(&sound, window)), sound.rate, 274);
        let shape = [1, 1, spectrogram.rows, spectrogram.columns];
        golden.check_summary(&key("spec"), &shape, &spectrogram.values, 1e-5);

        let query = Query::Sound { sound: &sound, window };
        golden.check(&key("audio_emb"), &sound_embedding(localizer.as_ref(), &query), 1e-4);
        let heatmap = answer(localizer.as_ref(), &picture, &sound, window);
        golden.check(&key("heat_raw"), heatmap.values.values(), 1e-5);
        let map = final_map(&heatmap, "lvs");
        golden.check(&key("heat224.grid4"), &every(4, &map), 1e-3);
        golden.check_summary(&key("heat224"), &[224, 224], &map, 1e-3);
        let mut sorted = map;
        sorted.sort_by(f32::total_cmp);
        golden.check(&key("median_thr"), &sorted[25_088..=25_088], 1e-3);
    }
}

#[test]
fn lvs_covers_the_middle_square_of_the_frame() {
    let localizer = registry::build("lvs", &WEIGHTS).unwrap();
    let (picture, sound) = case("a");
    let heatmap = benchmark_answer(localizer.as_ref(), &picture, &sound);
    assert!((heatmap.covers.width() - 240.0).abs() < 1.0 && heatmap.covers.height() == 240.0);
    assert_eq!(heatmap.confidence, Some(heatmap.values.range().1));
}

#[test]
fn ssl_tie_from_inputs_to_final_map() {
    let golden = Golden::open("ssltie.npz");
    let weights = weights_of(&["ssltie"]);
    let localizer = registry::build("ssl-tie", &weights).unwrap();
    for name in ["a", "b"] {
        let key = |part: &str| format!("{name}.{part}");
        let (picture, sound) = case(name);
        let window = localizer.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
        let spectrogram = htk_mel_decibels(&mean_channel(&cut_repeating(&sound, window)), sound.rate);
        let shape = [1, 1, spectrogram.rows, spectrogram.columns];
        golden.check_summary(&key("spec"), &shape, &spectrogram.values, 1e-2);
        let query = Query::Sound { sound: &sound, window };
        golden.check(&key("audio_emb"), &sound_embedding(localizer.as_ref(), &query), 1e-4);
        let heatmap = answer(localizer.as_ref(), &picture, &sound, window);
        golden.check(&key("heat_raw"), heatmap.values.values(), 1e-5);
        let map = final_map(&heatmap, "lvs");
        golden.check(&key("heat224.grid4"), &every(4, &map), 1e-3);
    }
}

#[test]
fn alignment_with_and_without_antialiasing_and_objects() {
    let golden = Golden::open("sslalignment.npz");
    for (name, resizing) in [("noaa", Resizing::TensorBicubic), ("aa", Resizing::TensorBicubicAntialiased)] {
        let [plain, guided] = ["alignment", "alignment-ogl"].map(|id| match resizing {
            Resizing::TensorBicubic => registry::build(id, &WEIGHTS).unwrap(),
            _ => registry::build_variant(id, Some("antialiased"), &WEIGHTS).unwrap(),
        });
        for case_name in ["a", "b", "c"] {
            let key = |part: &str| format!("{case_name}.{name}.{part}");
            let (picture, sound) = case(case_name);
            let image = ViewRule::Stretch { side: 224, resizing }.render(&picture, &Normalization::IMAGENET).unwrap();
            let values: Vec<f32> = image.flatten_all().unwrap().to_vec1().unwrap();
            golden.check_summary(&key("image"), image.dims(), &values, 2e-5);
            // The authors cut at samples 56000 and 104000 whatever the rate is.
            let rate = f64::from(sound.rate);
            let window = AudioWindow { start_secs: 56_000.0 / rate, length_secs: 48_000.0 / rate };
            let heatmap = answer(plain.as_ref(), &picture, &sound, window);
            golden.check(&key("heat_raw"), heatmap.values.values(), 1e-5);
            golden.check(&key("vggss.av.grid8"), &every(8, &final_map(&heatmap, "lvs")), 1e-3);
            golden.check(&key("other.av.grid8"), &every(8, &final_map(&heatmap, "ezvsl")), 1e-3);
            let heatmap = answer(guided.as_ref(), &picture, &sound, window);
            golden.check(&key("obj_raw"), heatmap.object_prior.as_ref().unwrap().values.values(), 1e-4);
            golden.check(&key("vggss.av_obj.grid8"), &every(8, &final_map(&heatmap, "lvs")), 1e-3);
            golden.check(&key("other.av_obj.grid8"), &every(8, &final_map(&heatmap, "ezvsl")), 1e-3);
        }
    }
}

#[test]
fn hardpos_is_the_alignment_graph_and_says_so() {
    let localizer = registry::build("hardpos", &WEIGHTS).unwrap();
    assert!(localizer.info().remark.unwrap().contains("no code"));
    let (picture, sound) = case("a");
    let alignment = registry::build("alignment", &WEIGHTS).unwrap();
    assert_eq!(
        benchmark_answer(localizer.as_ref(), &picture, &sound).values,
        benchmark_answer(alignment.as_ref(), &picture, &sound).values
    );
}

#[test]
fn another_kind_of_question_and_a_sound_without_samples_are_refused() {
    let localizer = registry::build("lvs", &WEIGHTS).unwrap();
    let text = localizer.encode_query(&Query::Text("a violin")).unwrap_err().to_string();
    assert!(text.contains("asked with a sound, not with a text"), "{text}");
    let sound = sonolens::signal::Waveform { rate: 16_000, channels: 1, samples: Vec::new() };
    let window = AudioWindow { start_secs: 0.0, length_secs: 10.0 };
    assert!(localizer.encode_query(&Query::Sound { sound: &sound, window }).is_err());
}

#[test]
fn wrong_weights_name_the_keys() {
    let Err(error) = registry::build("ez-vsl", &WEIGHTS) else { panic!("LVS' weights opened as EZ-VSL") };
    assert!(error.to_string().contains("img_proj") || error.to_string().contains("conv1"), "{error}");
}
