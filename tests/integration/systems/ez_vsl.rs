//! EZ-VSL, its object-guided form and FNAC.

use std::sync::LazyLock;

use sonolens::localizers::{Normalization, Query, Resizing, ViewRule, WindowRule, registry};
use sonolens::network::StateDict;
use sonolens::signal::{cut_repeating, log_psd, mono_16bit};

use super::{answer, benchmark_answer, case, every, final_map, weights_of};
use crate::support::golden::Golden;

static WEIGHTS: LazyLock<StateDict> = LazyLock::new(|| weights_of(&["ezvsl", "resnet18_imagenet"]));

#[test]
fn from_inputs_to_final_map() {
    let golden = Golden::open("ezvsl.npz");
    let plain = registry::build("ez-vsl", &WEIGHTS).unwrap();
    let guided = registry::build("ez-vsl-ogl", &WEIGHTS).unwrap();
    for name in ["a", "b", "c"] {
        let key = |part: &str| format!("{name}.{part}");
        let (picture, sound) = case(name);
        let view = ViewRule::Stretch { side: 224, resizing: Resizing::PilBicubic };
        let image = view.render(&picture, &Normalization::IMAGENET).unwrap();
        golden.check_summary(&key("image"), image.dims(), &image.flatten_all().unwrap().to_vec1().unwrap(), 1e-5);
        let window = plain.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
        let spectrogram = log_psd(&mono_16bit(&cut_repeating(&sound, window)), sound.rate, 274);
        let shape = [1, 1, spectrogram.rows, spectrogram.columns];
        golden.check_summary(&key("spec"), &shape, &spectrogram.values, 1e-5);

        let embedding = plain.encode_query(&Query::Sound { sound: &sound, window }).unwrap();
        golden.check(&key("audio_emb"), embedding.parts.get("sound").unwrap().values(), 1e-4);
        let heatmap = answer(plain.as_ref(), &picture, &sound, window);
        golden.check(&key("heat_raw"), heatmap.values.values(), 2e-4);
        assert_eq!(heatmap.confidence, Some(heatmap.values.range().1));
        golden.check(&key("av.grid4"), &every(4, &final_map(&heatmap, "ezvsl")), 1e-3);

        let heatmap = answer(guided.as_ref(), &picture, &sound, window);
        golden.check(&key("obj_raw"), heatmap.object_prior.as_ref().unwrap().values.values(), 1e-4);
        let map = final_map(&heatmap, "ezvsl");
        golden.check(&key("av_obj.grid4"), &every(4, &map), 1e-3);
        golden.check_summary(&key("av_obj"), &[224, 224], &map, 1e-3);
    }
}

#[test]
fn fnac_has_the_same_graph() {
    let (picture, sound) = case("c");
    let maps = ["ez-vsl", "fnac"]
        .map(|id| benchmark_answer(registry::build(id, &WEIGHTS).unwrap().as_ref(), &picture, &sound).values);
    assert_eq!(maps[0], maps[1]);
}
