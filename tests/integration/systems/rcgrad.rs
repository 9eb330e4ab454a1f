//! RCGrad: the closed form of its Grad-CAM, under both behaviours of the audio encoder's batch norm.

use sonolens::localizers::{Query, WindowRule, registry};
use sonolens::signal::{AudioWindow, cut_inside, mean_channel, standardized_log_power};

use super::{answer, case, cleaned, every, final_map, weights_of};
use crate::support::golden::Golden;

#[test]
fn from_inputs_to_final_map() {
    let golden = Golden::open("rcgrad.npz");
    let weights = weights_of(&["rcgrad"]);
    let as_published = registry::build("rcgrad", &weights).unwrap();
    let evaluating = registry::build_variant("rcgrad", Some("running-statistics"), &weights).unwrap();
    for name in ["a", "c", "w"] {
        let key = |part: &str| format!("{name}.{part}");
        let (picture, sound) = case(if name == "w" { "a" } else { name });
        let window = match name {
            "w" => as_published.audio_window(WindowRule::Follow, 37.0 / 25.0, sound.duration_secs()),
            _ => as_published.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs()),
        };
        let spectrogram = standardized_log_power(&mean_channel(&cut_inside(&sound, window)));
        let shape = [1, 1, spectrogram.rows, spectrogram.columns];
        // Single precision of the authors' transform shows where there is next to no power.
        golden.check_summary(&key("spec"), &shape, &spectrogram.values, 5e-4);

        let embedding = as_published.encode_query(&Query::Sound { sound: &sound, window }).unwrap();
        let embedding = embedding.parts.get("sound").unwrap().values().to_vec();
        golden.check(&key("audio_emb"), &embedding, 1e-4);
        let gradient: Vec<f32> = embedding.iter().map(|value| value / 196.0).collect();
        golden.check(&key("grad_chan"), &gradient, 1e-6);
        let heatmap = answer(as_published.as_ref(), &picture, &sound, window);
        let largest = golden.floats(&key("cam_raw")).into_iter().fold(0.0, f64::max);
        golden.check(&key("cam_raw"), heatmap.values.values(), 1e-4 * largest);
        let map = cleaned(final_map(&heatmap, "lvs"));
        golden.check(&key("heat224.grid4"), &every(4, &map), 1e-3);
        assert_eq!(vec![map.iter().filter(|value| **value == 0.0).count()], golden.indices(&key("zero_count")));

        if golden.contains(&key("heat224_evalbn.grid8")) {
            let embedding = evaluating.encode_query(&Query::Sound { sound: &sound, window }).unwrap();
            golden.check(&key("audio_emb_evalbn"), embedding.parts.get("sound").unwrap().values(), 1e-4);
            let heatmap = answer(evaluating.as_ref(), &picture, &sound, window);
            golden.check(&key("heat224_evalbn.grid8"), &every(8, &cleaned(final_map(&heatmap, "lvs"))), 1e-3);
        }
    }
}

#[test]
fn silence_and_the_shortest_sounds_have_an_answer_or_a_reason() {
    let localizer = registry::build("rcgrad", &weights_of(&["rcgrad"])).unwrap();
    for (frames, fine) in [(16_000, true), (300, true), (200, false), (0, false)] {
        let sound = sonolens::signal::Waveform { rate: 16_000, channels: 1, samples: vec![0.0; frames] };
        let window = AudioWindow { start_secs: 0.0, length_secs: 1.0 };
        let embedding = localizer.encode_query(&Query::Sound { sound: &sound, window });
        assert_eq!(embedding.is_ok(), fine, "{frames}");
        if let Ok(embedding) = embedding {
            assert!(embedding.parts.get("sound").unwrap().values().iter().all(|value| value.is_finite()), "{frames}");
        }
    }
}
