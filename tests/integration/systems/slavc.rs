//! SLAVC: both branches, with and without objects, and its own confidences.

use sonolens::localizers::{Query, WindowRule, registry};

use super::{benchmark_answer, case, every, final_map, stretched_map, weights_of};
use crate::support::golden::Golden;

#[test]
fn both_branches_with_and_without_objects() {
    let golden = Golden::open("slavc.npz");
    let weights = weights_of(&["slavc", "resnet18_imagenet"]);
    let plain = registry::build("slavc", &weights).unwrap();
    let guided = registry::build("slavc-ogl", &weights).unwrap();
    let momentum = registry::build_variant("slavc", Some("momentum"), &weights).unwrap();
    let guided_momentum = registry::build_variant("slavc-ogl", Some("momentum"), &weights).unwrap();
    for name in ["a", "b"] {
        let key = |part: &str| format!("{name}.{part}");
        let (picture, sound) = case(name);
        let window = plain.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
        let embedding = plain.encode_query(&Query::Sound { sound: &sound, window }).unwrap();
        golden.check(&key("audio_emb1"), embedding.parts.get("first").unwrap().values(), 1e-4);
        golden.check(&key("audio_emb2"), embedding.parts.get("second").unwrap().values(), 1e-4);

        let heatmap = benchmark_answer(plain.as_ref(), &picture, &sound);
        golden.check(&key("heat_raw"), heatmap.values.values(), 2e-4);
        golden.check(&key("conf_av"), &[heatmap.confidence.unwrap()], 1e-5);
        golden.check(&key("rel_av.grid4"), &every(4, &stretched_map(&heatmap, "slavc")), 1e-3);
        golden.check(&key("score_av.grid8"), &every(8, &final_map(&heatmap, "slavc:absolute")), 1e-4);

        let heatmap = benchmark_answer(guided.as_ref(), &picture, &sound);
        golden.check(&key("obj_raw"), heatmap.object_prior.as_ref().unwrap().values.values(), 1e-4);
        golden.check(&key("conf_av_obj"), &[heatmap.confidence.unwrap()], 1e-5);
        golden.check(&key("score_av_obj.grid4"), &every(4, &final_map(&heatmap, "slavc:absolute")), 1e-4);
        golden.check(&key("rel_av_obj.grid4"), &every(4, &stretched_map(&heatmap, "slavc")), 1e-3);

        let heatmap = benchmark_answer(momentum.as_ref(), &picture, &sound);
        golden.check(&key("heat_raw_momentum"), heatmap.values.values(), 2e-4);
        golden.check(&key("mom_conf_av"), &[heatmap.confidence.unwrap()], 1e-5);
        golden.check(&key("mom_score_av.grid8"), &every(8, &final_map(&heatmap, "slavc:absolute")), 1e-4);
        let heatmap = benchmark_answer(guided_momentum.as_ref(), &picture, &sound);
        golden.check(&key("mom_conf_av_obj"), &[heatmap.confidence.unwrap()], 1e-5);
        golden.check(&key("mom_score_av_obj.grid8"), &every(8, &final_map(&heatmap, "slavc:absolute")), 1e-4);
    }
}
