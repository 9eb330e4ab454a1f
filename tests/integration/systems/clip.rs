//! CLIPAudioTran and CLIPTextTran: tokens, embeddings and relevance maps.

use serde_json::Value;
use sonolens::localizers::clip::Tokenizer;
use sonolens::localizers::{FrameInput, Query, WindowRule, registry};
use sonolens::network::StateDict;

use super::{case, cleaned, every, final_map, weights_of};
use crate::support::fixture;
use crate::support::golden::Golden;

#[test]
fn tokens_are_clips_own() {
    let cases: Value = serde_json::from_slice(&std::fs::read(fixture("systems/clip_bpe.json")).unwrap()).unwrap();
    let tokenizer = Tokenizer::published().unwrap();
    let mut checked = 0;
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        // Text decoded with the wrong character set is not repaired; the repaired text is encoded alike.
        let text = if text.contains("mojibake") { case["cleaned"].as_str().unwrap() } else { text };
        let expected: Vec<u32> =
            case["ids_without_sot_eot"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
        assert_eq!(tokenizer.encode(text), expected, "{text}");
        assert_eq!(tokenizer.tokenize(text).is_ok(), expected.len() <= 75, "{text}");
        checked += 1;
    }
    assert_eq!(checked, 31);
}

#[test]
fn a_small_clip() {
    check("clip_small.npz", &weights_of(&["clip_small", "wav2clip"]), 1e-4);
}

#[test]
fn vit_b_32_as_published() {
    check("clip_vitb32.npz", &weights_of(&["clip_vitb32", "wav2clip"]), 2e-4);
}

fn check(archive: &str, weights: &StateDict, embedding_tolerance: f64) {
    let golden = Golden::open(archive);
    let by_sound = registry::build("clip-audio", weights).unwrap();
    let by_text = registry::build("clip-text", weights).unwrap();
    let texts = golden.array("texts");
    for name in ["a", "c"] {
        let key = |part: &str| format!("{name}.{part}");
        let (picture, sound) = case(name);
        let features =
            by_sound.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" }).unwrap();
        golden.check(&key("image_emb"), features.parts.get("embedding").unwrap().values(), embedding_tolerance);
        let window = by_sound.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
        let embedding = by_sound.encode_query(&Query::Sound { sound: &sound, window }).unwrap();
        golden.check(&key("audio_emb"), embedding.parts.get("query").unwrap().values(), embedding_tolerance);
        let mut answers = vec![("audio".to_owned(), by_sound.join(&features, &embedding).unwrap())];
        for (index, text) in texts.texts().unwrap().iter().enumerate() {
            let embedding = by_text.encode_query(&Query::Text(text)).unwrap();
            let query = format!("{name}.text{index}.emb");
            if golden.contains(&query) {
                golden.check(&query, embedding.parts.get("query").unwrap().values(), embedding_tolerance);
            }
            answers.push((format!("text{index}"), by_text.join(&features, &embedding).unwrap()));
        }
        for (query, heatmap) in answers {
            let relevance = key(&format!("{query}.relevance7"));
            let largest = golden.floats(&relevance).into_iter().fold(0.0, f64::max);
            golden.check(&relevance, heatmap.values.values(), 1e-3 * largest);
            // The temperature of the filled weights is ln 100.
            golden.check(&key(&format!("{query}.logit")), &[heatmap.confidence.unwrap() * 100.0], 2e-3);
            let map = cleaned(final_map(&heatmap, "lvs"));
            if golden.contains(&key(&format!("{query}.heat224.grid4"))) {
                golden.check(&key(&format!("{query}.heat224.grid4")), &every(4, &map), 1e-3);
            } else {
                golden.check(&key(&format!("{query}.heat224.grid8")), &every(8, &map), 1e-3);
            }
        }
    }
}
