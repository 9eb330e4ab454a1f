//! CLIPAudioTran and CLIPTextTran: tokens, embeddings and relevance maps.

use std::path::Path;

use serde_json::Value;
use sonolens::localizers::clip::Tokenizer;
use sonolens::localizers::store::{self, Shapes};
use sonolens::localizers::{FrameInput, Query, WindowRule, registry};
use sonolens::network::StateDict;

use super::{case, cleaned, every, final_map, weights_of};
use crate::support::fill_rule::image;
use crate::support::fixture;
use crate::support::golden::Golden;
use crate::support::small_models::clip_of;

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

/// Towers of three blocks, widths 128 and 64, against open_clip 3.3 with the same weights; the relevance there by
/// automatic differentiation.
#[test]
fn patches_of_16_pixels() {
    let golden = Golden::open("clip_patch16.npz");
    let model = registry::build("clip-text", &clip_of([128, 64, 64], 16, 3)).unwrap();
    let picture = image(101, 224, 224);
    let features = model.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" }).unwrap();
    golden.check("image_emb", features.parts.get("embedding").unwrap().values(), 1e-4);
    for (index, text) in ["a person playing the guitar", "two dogs"].into_iter().enumerate() {
        let embedding = model.encode_query(&Query::Text(text)).unwrap();
        golden.check(&format!("text{index}.emb"), embedding.parts.get("query").unwrap().values(), 1e-4);
        let heatmap = model.join(&features, &embedding).unwrap();
        assert_eq!((heatmap.values.rows(), heatmap.values.columns()), (14, 14));
        let relevance = format!("text{index}.relevance14");
        let largest = golden.floats(&relevance).into_iter().fold(0.0, f64::max);
        golden.check(&relevance, heatmap.values.values(), 1e-3 * largest);
        golden.check(&format!("text{index}.logit"), &[heatmap.confidence.unwrap() * 100.0], 2e-3);
    }
}

/// ViT-B/16 has ViT-B/32's keys (open_clip builds it with exactly these); only patches and positions differ.
#[test]
fn vit_b_16_is_recognized_by_its_published_keys() {
    let listing = std::fs::read_to_string(fixture("systems/keys/clip_vitb32.tsv")).unwrap();
    let of_16 = listing.replace("\t768x3x32x32", "\t768x3x16x16").replace("\t50x768", "\t197x768");
    assert_ne!(listing, of_16);
    let shapes: Shapes = of_16
        .lines()
        .skip(1)
        .filter_map(|line| {
            let (key, shape) = (line.split('\t').next()?, line.split('\t').nth(2)?);
            Some((key.to_owned(), shape.split('x').filter_map(|extent| extent.parse().ok()).collect()))
        })
        .collect();
    let recognized = store::recognize(Path::new("ViT-B-16.pt"), &shapes).unwrap();
    assert_eq!(recognized.layout.id, "clip");
    assert!(recognized.comparison.fits(), "{:?}", recognized.comparison);
    let mut torn = shapes;
    torn.insert("visual.positional_embedding".to_owned(), vec![197, 512]);
    assert!(store::recognize(Path::new("ViT-B-16.pt"), &torn).unwrap().comparison.check().is_err());
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
