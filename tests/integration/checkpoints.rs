//! Checkpoints that torch wrote, in every layout that authors publish, against what torch read back from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sonolens::network::checkpoint::{self, Checkpoint, Container, TensorView, Value, ValueId};

use crate::support::reference_dir;

fn folder() -> Option<PathBuf> {
    Some(reference_dir()?.join("golden/checkpoints"))
}

fn open(folder: &Path, name: &str) -> Checkpoint {
    checkpoint::read(&folder.join(name)).unwrap()
}

/// Every leaf of the tree by its path, as the manifest names it.
fn leaves(checkpoint: &Checkpoint, id: ValueId, path: String, into: &mut BTreeMap<String, ValueId>) {
    let below = |name: String| if path.is_empty() { name } else { format!("{path}/{name}") };
    match checkpoint.value(id) {
        Value::Dict(entries) => {
            for &(key, value) in entries {
                leaves(checkpoint, value, below(checkpoint.key_name(key)), into);
            }
        }
        Value::List(items) | Value::Tuple(items) => {
            for (index, &item) in items.iter().enumerate() {
                leaves(checkpoint, item, below(index.to_string()), into);
            }
        }
        _ => {
            into.insert(path, id);
        }
    }
}

fn close(found: f64, expected: f64) -> bool {
    found == expected || (found - expected).abs() <= 2e-6 * expected.abs().max(1e-3)
}

fn assert_tensor(name: &str, checkpoint: &Checkpoint, view: &TensorView, expected: &Json) {
    let array = checkpoint.array(view).unwrap();
    let shape: Vec<u64> = array.shape().iter().map(|&length| length as u64).collect();
    assert_eq!(Json::from(shape), expected["shape"], "{name}");
    assert_eq!(format!("{:?}", view.element).to_lowercase(), short(expected["dtype"].as_str().unwrap()), "{name}");
    let values = array.to_f64().unwrap();
    // JSON has no infinity; the manifest writes Python's.
    let sum: f64 = values.iter().sum();
    match expected["sum"].as_f64() {
        Some(expected) if sum.is_finite() => {
            let scale = values.iter().map(|value| value.abs()).sum::<f64>().max(1.0);
            assert!((sum - expected).abs() <= 1e-6 * scale, "{name}: sum {sum} against {expected}");
        }
        _ => assert!(!sum.is_finite(), "{name}"),
    }
    for (value, expected) in values.iter().zip(expected["first"].as_array().unwrap()) {
        let expected = expected.as_f64().unwrap_or(f64::NEG_INFINITY);
        assert!(close(*value, expected), "{name}: {value} against {expected}");
    }
}

/// torch's name of an element type as we abbreviate it.
fn short(dtype: &str) -> String {
    dtype.replace("uint", "u").replace("bfloat", "bf").replace("float", "f").replace("int", "i")
}

fn assert_leaf(name: &str, checkpoint: &Checkpoint, id: ValueId, expected: &Json) {
    let value = checkpoint.value(id);
    if let Some(expected) = expected.get("py") {
        match value {
            Value::None => assert!(expected.is_null(), "{name}"),
            Value::Bool(value) => assert_eq!(expected.as_bool(), Some(*value), "{name}"),
            Value::Int(value) => assert_eq!(expected.to_string().trim_matches('"'), value.to_string(), "{name}"),
            Value::Float(value) => assert!(close(*value, expected.as_f64().unwrap()), "{name}: {value}"),
            Value::Text(value) => assert_eq!(expected.as_str(), Some(value.as_str()), "{name}"),
            other => panic!("{name} is {other:?} instead of {expected}"),
        }
    } else if let Some(class) = expected.get("object").and_then(Json::as_str) {
        match value {
            Value::Object(object) => assert!(object.class.ends_with(class), "{name}: {}", object.class),
            Value::Array(_) => assert_eq!(class, "ndarray", "{name}"),
            Value::Set(_) => assert_eq!(class, "set", "{name}"),
            other => panic!("{name} is {other:?} instead of a {class}"),
        }
    } else {
        match value {
            Value::Tensor(view) => assert_tensor(name, checkpoint, view, expected),
            other => panic!("{name} is {other:?} instead of a tensor"),
        }
    }
}

#[test]
fn every_layout_reads_as_torch_reads_it() {
    let Some(folder) = folder() else { return };
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    let manifest: Json = serde_json::from_str(&manifest.replace("-Infinity", "null")).unwrap();
    let mut compared = 0;
    for (file, about) in manifest.as_object().unwrap() {
        let checkpoint = open(&folder, file);
        let content = about["content"].as_object().unwrap();
        if checkpoint.container() == Container::TorchScript {
            let weights = checkpoint.weights().unwrap();
            assert_eq!(weights.tensors.len(), content.len(), "{file}");
            for (key, expected) in content {
                assert_tensor(&format!("{file}: {key}"), &checkpoint, &weights.tensors[key], expected);
                compared += 1;
            }
            continue;
        }
        let mut found = BTreeMap::new();
        leaves(&checkpoint, checkpoint.root(), String::new(), &mut found);
        for (path, expected) in content {
            let id = found.get(path).unwrap_or_else(|| panic!("{file} has no {path}"));
            assert_leaf(&format!("{file}: {path}"), &checkpoint, *id, expected);
            compared += 1;
        }
    }
    assert_eq!(
        compared,
        manifest.as_object().unwrap().values().map(|file| file["content"].as_object().unwrap().len()).sum::<usize>()
    );
    assert!(compared > 3000);
}

#[test]
fn the_weights_are_found_and_their_wrapping_is_stripped() {
    let Some(folder) = folder() else { return };
    /// File, container, keys to the weights, stripped prefixes, number of tensors, one of their keys.
    type Case = (&'static str, Container, &'static [&'static str], &'static [&'static str], usize, &'static str);
    let cases: [Case; 12] = [
        (
            "lvs_legacy_module.pth.tar",
            Container::TorchLegacy,
            &["model_state_dict"],
            &["module."],
            248,
            "imgnet.conv1_a.weight",
        ),
        (
            "lvs_zip_module.pth.tar",
            Container::TorchZip,
            &["model_state_dict"],
            &["module."],
            248,
            "audnet.conv1.weight",
        ),
        ("ezvsl_best.pth", Container::TorchZip, &["model"], &["module."], 244, "img_proj.weight"),
        ("ezvsl_best_numpy2.pth", Container::TorchZip, &["model"], &["module."], 244, "aud_proj.bias"),
        ("ezvsl_singlegpu.pth", Container::TorchZip, &["model"], &[], 244, "img_proj.weight"),
        ("ssltie.pth.tar", Container::TorchZip, &["state_dict"], &[], 257, "vision_fc1.weight"),
        ("sslalign_ours_sup.pth.tar", Container::TorchZip, &["model_state_dict"], &[], 249, "imgnet.conv1.weight"),
        ("rc_grad.pt", Container::TorchZip, &[], &[], 246, "loss_fn.logit_scale"),
        ("AVOL-Net_inst.pt", Container::TorchLegacy, &[], &[], 122, "im_conv5.weight"),
        ("htf_best.ckpt", Container::TorchZip, &["state_dict"], &["model."], 244, "imgnet.conv1.weight"),
        ("htf_flickr.pth", Container::TorchZip, &["model"], &[], 244, "audnet.conv1.weight"),
        ("clip_tiny_torchscript.pt", Container::TorchScript, &[], &[], 65, "visual.proj"),
    ];
    for (file, container, level, stripped, tensors, key) in cases {
        let checkpoint = open(&folder, file);
        assert_eq!(checkpoint.container(), container, "{file}");
        let weights = checkpoint.weights().unwrap();
        assert_eq!(weights.level, level, "{file}");
        assert_eq!(weights.stripped, stripped, "{file}");
        let state = checkpoint.state_dict().unwrap();
        assert_eq!(state.len(), tensors, "{file}");
        assert!(state.contains(key), "{file}");
    }
}
