//! Every system, against what its authors' own code answers with the same weights, picture and sound.

mod ave_nets;
mod clip;
mod ez_vsl;
mod heads;
mod layers;
mod others;
mod rcgrad;
mod slavc;

use sonolens::heatmap::Heatmap;
use sonolens::localizers::{FrameInput, Localizer, Query, WindowRule};
use sonolens::media::Picture;
use sonolens::metrics::{Placement, protocols};
use sonolens::network::StateDict;
use sonolens::signal::{AudioWindow, Waveform};

use crate::support::fill_rule::{filled, image, wave};
use crate::support::fixture;

/// The weights of these listings, filled by the rule, together.
fn weights_of(listings: &[&str]) -> StateDict {
    let mut together = StateDict::new();
    for listing in listings {
        let path = fixture("systems/keys").join(format!("{listing}.tsv"));
        for (key, tensor) in filled(&std::fs::read_to_string(path).unwrap()) {
            assert!(together.insert(key.clone(), tensor).is_none(), "{key} twice");
        }
    }
    together
}

/// The picture and sound of a golden case.
fn case(name: &str) -> (Picture, Waveform) {
    match name {
        "a" => (image(101, 320, 240), wave(101, 16_000, 160_000, 1)),
        "b" => (image(102, 213, 347), wave(102, 44_100, 97_020, 1)),
        "c" => (image(102, 213, 347), wave(103, 16_000, 64_000, 2)),
        other => panic!("no case {other}"),
    }
}

/// The embedding and the heatmap for a picture and a stretch of a sound, which is not resampled.
fn answer(localizer: &dyn Localizer, picture: &Picture, sound: &Waveform, window: AudioWindow) -> Heatmap {
    let features = localizer.encode_image(&FrameInput { picture, next: None, index: 0, clip: "" }).unwrap();
    let embedding = localizer.encode_query(&Query::Sound { sound, window }).unwrap();
    localizer.join(&features, &embedding).unwrap()
}

/// The heatmap for a picture and a sound under the authors' benchmark window.
fn benchmark_answer(localizer: &dyn Localizer, picture: &Picture, sound: &Waveform) -> Heatmap {
    let window = localizer.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
    answer(localizer, picture, sound, window)
}

/// The map as the protocol `id` upsamples, mixes and normalizes it, over the view as the authors' code has it.
fn final_map(heatmap: &Heatmap, id: &str) -> Vec<f32> {
    let known = protocols().iter().find(|known| known.protocol.id() == id).unwrap();
    let mut protocol = known.protocol.clone();
    protocol.placement = Placement::AsPublished;
    protocol.score_map(heatmap).grid.values().to_vec()
}

/// `final_map`, stretched to its own range.
fn stretched_map(heatmap: &Heatmap, id: &str) -> Vec<f32> {
    let map = final_map(heatmap, id);
    let low = map.iter().copied().fold(f32::INFINITY, f32::min);
    let high = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    map.into_iter().map(|value| (value - low) / (high - low)).collect()
}

/// A map as "How to Listen?" cleans it: what is below the median is 0.
fn cleaned(mut map: Vec<f32>) -> Vec<f32> {
    let mut sorted = map.clone();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    map.iter_mut().filter(|value| **value < median).for_each(|value| *value = 0.0);
    map
}

/// Every `step`th row and column of a 224×224 map.
fn every(step: usize, map: &[f32]) -> Vec<f32> {
    let places = (0..224).step_by(step);
    places.clone().flat_map(|row| places.clone().map(move |column| map[224 * row + column])).collect()
}
