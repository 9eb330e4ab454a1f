//! The published networks layer by layer: mean, deviation, extremes and first values of what each stage answers, as
//! the authors' own modules did with the same weights and inputs.

use candle_core::{Device, Tensor};
use sonolens::localizers::{Normalization, Resizing, ViewRule};
use sonolens::network::{BatchNorm, ResNet18, ResNet18Config, StateDict, VisionTransformer};
use sonolens::signal::{
    AudioWindow, Spectrogram, Waveform, cut_inside, cut_repeating, htk_mel_decibels, left_channel, log_psd,
    mean_channel, mono_16bit, standardized_log_power,
};

use super::{case, weights_of};
use crate::network::as_the_loader_rounds;
use crate::support::golden::{Golden, largest_difference};

const CROP: ViewRule = ViewRule::Crop { side: 224 };
pub(super) const STRETCH: ViewRule = ViewRule::Stretch { side: 224, resizing: Resizing::PilBicubic };

/// Holds a layer's answer to `act.…`, within a share of its largest value; how many there were.
pub(super) fn check_layer(golden: &Golden, key: &str, values: &[f32]) -> usize {
    if !golden.contains(key) {
        return 0;
    }
    let expected = golden.floats(key);
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let found = [&[mean as f32, variance.sqrt() as f32, low, high], &values[..expected.len() - 4]].concat();
    let largest = f64::from(low.abs().max(high.abs()));
    let difference = largest_difference(&found, &expected);
    assert!(difference <= 1e-4 * largest, "{key} differs by {difference:e} of {largest:e}");
    1
}

pub(super) fn flat(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Checks the pooled stem and the stages of a ResNet-18 under `weights`.
fn check_resnet(
    golden: &Golden,
    act: &str,
    weights: &StateDict,
    under: &str,
    stem: &str,
    last_stride: usize,
    input: &Tensor,
) -> usize {
    let config = ResNet18Config { stem: stem.to_owned(), last_stride, batch_norm: BatchNorm::Folded };
    let stages = ResNet18::new(&weights.under(under), &config).unwrap().forward_stages(input).unwrap();
    let names = ["maxpool", "layer1.1", "layer2.1", "layer3.1", "layer4.1"];
    let checked =
        names.iter().zip(&stages).map(|(name, stage)| check_layer(golden, &format!("{act}.{name}"), &flat(stage)));
    checked.sum::<usize>()
        + (1..=4).map(|layer| check_first_block(golden, act, layer, weights, under, &config, input)).sum::<usize>()
}

/// Checks the first of a layer's two blocks where it is kept: a second block whose last norm answers 0 lets the first
/// one's answer through.
fn check_first_block(
    golden: &Golden,
    act: &str,
    layer: usize,
    weights: &StateDict,
    under: &str,
    config: &ResNet18Config,
    input: &Tensor,
) -> usize {
    let key = format!("{act}.layer{layer}.0");
    // One picture and one sound are enough: what the other cases add, the whole layers see.
    if !act.starts_with("a.") || !golden.contains(&key) {
        return 0;
    }
    let mut open = StateDict::new();
    for (key, tensor) in weights.iter().filter(|(key, _)| key.starts_with(under)) {
        let silent = ["weight", "bias"].iter().any(|part| *key == format!("{under}layer{layer}.1.bn2.{part}"));
        open.insert(key, if silent { tensor.zeros_like().unwrap() } else { tensor.clone() });
    }
    let stages = ResNet18::new(&open.under(under), config).unwrap().forward_stages(input).unwrap();
    check_layer(golden, &key, &flat(&stages[layer]))
}

pub(super) fn tensor_of(spectrogram: Spectrogram) -> Tensor {
    let Spectrogram { rows, columns, values } = spectrogram;
    Tensor::from_vec(values, (1, 1, rows, columns), &Device::Cpu).unwrap()
}

fn first_secs(sound: &Waveform, length_secs: f64) -> Waveform {
    cut_repeating(sound, AudioWindow { start_secs: 0.0, length_secs })
}

/// EZ-VSL's, which SLAVC took over: the middle three seconds.
pub(super) fn ez_vsl_front_end(sound: &Waveform) -> Spectrogram {
    let start_secs = (sound.duration_secs() / 2.0 - 1.5).max(0.0);
    log_psd(&mono_16bit(&cut_repeating(sound, AudioWindow { start_secs, length_secs: 3.0 })), sound.rate, 274)
}

type FrontEnd = fn(&Waveform) -> Spectrogram;

/// Archive, listing, view, normalization, image networks (name in the archive, prefix of the keys), likewise sound
/// networks, stem of the sound network, stride of image and sound networks' last stage, front end, golden layers.
struct Family {
    archive: &'static str,
    listing: &'static str,
    view: ViewRule,
    normalization: Normalization,
    image: &'static [(&'static str, &'static str)],
    sound: &'static [(&'static str, &'static str)],
    sound_stem: &'static str,
    last_strides: [usize; 2],
    front_end: FrontEnd,
    cases: &'static [&'static str],
    layers: usize,
}

#[test]
fn the_resnets_of_every_system() {
    let lvs: FrontEnd = |sound| log_psd(&left_channel(&first_secs(sound, 10.0)), sound.rate, 274);
    let ssl_tie: FrontEnd = |sound| htk_mel_decibels(&mean_channel(&first_secs(sound, 10.0)), sound.rate);
    let ez_vsl: FrontEnd = ez_vsl_front_end;
    let rcgrad: FrontEnd = |sound| {
        let window = AudioWindow { start_secs: 0.0, length_secs: sound.duration_secs() };
        standardized_log_power(&mean_channel(&cut_inside(sound, window)))
    };
    let families = [
        Family {
            archive: "lvs.npz",
            listing: "lvs",
            view: CROP,
            normalization: Normalization::IMAGENET,
            image: &[("imgnet", "imgnet.")],
            sound: &[("audnet", "audnet.")],
            sound_stem: "conv1_a",
            last_strides: [1, 1],
            front_end: lvs,
            cases: &["a", "b"],
            layers: 26,
        },
        Family {
            archive: "ssltie.npz",
            listing: "ssltie",
            view: CROP,
            normalization: Normalization::IMAGENET,
            image: &[("imgnet", "imgnet.")],
            sound: &[("audnet", "audnet.")],
            sound_stem: "conv1_a",
            last_strides: [1, 1],
            front_end: ssl_tie,
            cases: &["a", "b"],
            layers: 16,
        },
        Family {
            archive: "ezvsl.npz",
            listing: "ezvsl",
            view: STRETCH,
            normalization: Normalization::IMAGENET,
            image: &[("imgnet", "imgnet.")],
            sound: &[("audnet", "audnet.")],
            sound_stem: "conv1",
            last_strides: [2, 2],
            front_end: ez_vsl,
            cases: &["a", "b", "c"],
            layers: 35,
        },
        Family {
            archive: "slavc.npz",
            listing: "slavc",
            view: STRETCH,
            normalization: Normalization::IMAGENET,
            image: &[("imgnet", "imgnet."), ("momentum_imgnet", "momentum_imgnet.")],
            sound: &[("audnet", "audnet."), ("momentum_audnet", "momentum_audnet.")],
            sound_stem: "conv1",
            last_strides: [2, 2],
            front_end: ez_vsl,
            cases: &["a", "b"],
            layers: 32,
        },
        Family {
            archive: "rcgrad.npz",
            listing: "rcgrad",
            view: STRETCH,
            normalization: Normalization::CLIP,
            image: &[("image", "image_encoder.")],
            sound: &[("audio_evalbn", "audio_encoder.")],
            sound_stem: "conv1",
            last_strides: [1, 2],
            front_end: rcgrad,
            cases: &["a", "c"],
            layers: 18,
        },
    ];
    for family in families {
        let golden = Golden::open(family.archive);
        let weights = weights_of(&[family.listing]);
        let mut checked = 0;
        for name in family.cases {
            let (picture, sound) = case(name);
            let picture = family.view.render(&picture, &family.normalization).unwrap();
            let spectrogram = tensor_of((family.front_end)(&sound));
            let [image_stride, sound_stride] = family.last_strides;
            for (act, under) in family.image {
                let act = format!("{name}.act.{act}");
                checked += check_resnet(&golden, &act, &weights, under, "conv1", image_stride, &picture);
            }
            for (act, under) in family.sound {
                let act = format!("{name}.act.{act}");
                checked += check_resnet(&golden, &act, &weights, under, family.sound_stem, sound_stride, &spectrogram);
            }
        }
        assert_eq!(checked, family.layers, "{}", family.archive);
    }
}

/// A tower with its first blocks alone shows what each block answers: the input of the block after it.
#[test]
fn clips_image_towers() {
    for (archive, listing) in [("clip_small.npz", "clip_small"), ("clip_vitb32.npz", "clip_vitb32")] {
        let golden = Golden::open(archive);
        let mut weights = StateDict::new();
        for (key, tensor) in weights_of(&[listing]) {
            if key.starts_with("visual.") {
                weights.insert(key.clone(), as_the_loader_rounds(&key, tensor));
            }
        }
        let towers =
            [(1, "visual.ln_pre"), (2, "visual.transformer.resblocks.0"), (7, "visual.transformer.resblocks.5")];
        for (blocks, layer) in towers.into_iter().chain([(12, "visual.transformer.resblocks.10")]) {
            let mut first = StateDict::new();
            for (key, tensor) in weights.iter() {
                let block = key.strip_prefix("visual.transformer.resblocks.").and_then(|rest| rest.split('.').next());
                if block.is_none_or(|block| block.parse::<usize>().unwrap() < blocks) {
                    first.insert(key, tensor.clone());
                }
            }
            let tower = VisionTransformer::new(&first.under("visual.")).unwrap();
            for name in ["a", "c"] {
                let picture = STRETCH.render(&case(name).0, &Normalization::CLIP).unwrap();
                let trace = tower.trace(&picture).unwrap();
                assert_eq!(check_layer(&golden, &format!("{name}.act.{layer}"), &flat(&trace.block_input)), 1);
                if blocks == 12 {
                    let expected = &golden.floats(&format!("{name}.act.visual.transformer.resblocks.11"))[4..];
                    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
                    let difference = largest_difference(&flat(&trace.output)[..16], expected);
                    assert!(difference <= 2e-4 * largest, "{archive}, the last block: {difference:e} of {largest:e}");
                }
            }
        }
    }
}
