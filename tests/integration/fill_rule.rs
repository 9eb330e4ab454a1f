//! The rule that fills weights and inputs, against the check values that another implementation of it published.

use serde_json::Value;
use sonolens::network::StateDict;

use crate::support::{checksum::crc32, fill_rule, fixture};

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture("systems").join(name)).unwrap()).unwrap()
}

#[test]
fn filled_weights_are_bit_identical() {
    for vector in json("fill_vectors.json").as_array().unwrap() {
        let key = vector["key"].as_str().unwrap();
        let shape: Vec<usize> =
            vector["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        assert_eq!(format!("{:016x}", fill_rule::fnv1a(key)), vector["fnv1a64"].as_str().unwrap(), "{key}");
        let bytes: Vec<u8> = fill_rule::fill(key, &shape).into_iter().flat_map(f32::to_le_bytes).collect();
        assert_eq!(u64::from(crc32(&bytes)), vector["crc32_le_f32"].as_u64().unwrap(), "{key}");
    }
}

#[test]
fn synthetic_inputs_are_bit_identical() {
    let inputs = json("inputs.json");
    let expected = |name: &str| inputs[name]["crc32"].as_u64().unwrap() as u32;
    assert_eq!(crc32(&fill_rule::image(101, 320, 240).rgb), expected("img_a"));
    assert_eq!(crc32(&fill_rule::image(102, 213, 347).rgb), expected("img_b"));
    let waves =
        [("wav_a", 101, 16_000, 160_000, 1), ("wav_b", 102, 44_100, 97_020, 1), ("wav_c", 103, 16_000, 64_000, 2)];
    for (name, seed, rate, frames, channels) in waves.into_iter().chain([("wav_d", 104, 48_000, 432_000, 1)]) {
        let bytes: Vec<u8> =
            fill_rule::samples(seed, rate, frames, channels).into_iter().flat_map(i16::to_le_bytes).collect();
        assert_eq!(crc32(&bytes), expected(name), "{name}");
    }
}

#[test]
fn a_listing_becomes_a_state_dict() {
    let weights: StateDict = fill_rule::filled("key\tdtype\tshape\na.weight\tfloat32\t4x2x3x3\na.n\tint64\tscalar\n");
    assert_eq!(weights.get("a.weight").unwrap().dims(), [4, 2, 3, 3]);
    assert_eq!(weights.len(), 2);
}
