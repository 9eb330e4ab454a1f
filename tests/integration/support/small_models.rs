//! Checkpoints of published networks with few channels, filled by the rule: quick to make, to load and to run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use sonolens::localizers::store::{Shapes, find_layout};
use sonolens::network::StateDict;

use super::fill_rule::filled;

/// A network of this layout with the widths that `found` says.
fn small(layout: &str, found: Shapes) -> StateDict {
    let shapes = find_layout(layout).unwrap().expected(&found);
    let line = |(key, shape): (&String, &Vec<usize>)| {
        let shape = shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        format!("{key}\tfloat32\t{shape}\n")
    };
    filled(&shapes.iter().map(line).collect::<String>())
}

/// RCGrad, its ResNets with 4 to 16 channels.
pub fn small_rcgrad() -> StateDict {
    let mut found = Shapes::new();
    for net in ["image_encoder", "audio_encoder"] {
        found.insert(format!("{net}.bn1.weight"), vec![4]);
        for (stage, width) in [(1, 4), (2, 8), (3, 8), (4, 16)] {
            found.insert(format!("{net}.layer{stage}.0.conv1.weight"), vec![width]);
        }
    }
    small("rcgrad", found)
}

/// CLIP with towers of width 64 and two blocks, in patches of 32.
pub fn small_clip() -> StateDict {
    clip_of([64, 64, 32], 32, 2)
}

/// CLIP with these widths (picture, text, both), for pictures of 224 pixels a side in patches of `patch`.
pub fn clip_of([vision, text, joint]: [usize; 3], patch: usize, blocks: usize) -> StateDict {
    let places = (224 / patch).pow(2);
    let mut found: Shapes = [
        ("visual.class_embedding", vec![vision]),
        ("visual.conv1.weight", vec![vision, 3, patch, patch]),
        ("visual.positional_embedding", vec![places + 1, vision]),
        ("visual.proj", vec![vision, joint]),
        ("ln_final.weight", vec![text]),
    ]
    .into_iter()
    .map(|(key, shape)| (key.to_owned(), shape))
    .collect();
    for (tower, width) in [("visual.transformer", vision), ("transformer", text)] {
        for block in 0..blocks {
            found.insert(format!("{tower}.resblocks.{block}.ln_1.weight"), vec![width]);
        }
    }
    small("clip", found)
}

/// The weights as a file in `folder`.
pub fn write_weights(folder: &Path, name: &str, weights: StateDict) -> PathBuf {
    let tensors: HashMap<String, Tensor> = weights.into_iter().collect();
    let path = folder.join(format!("{name}.safetensors"));
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}
