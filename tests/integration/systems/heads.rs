//! What comes after the backbones, as the authors' own modules answered: projections, poolings, class layers, products.

use candle_core::Tensor;
use sonolens::localizers::{FrameInput, Normalization, Query, Resizing, ViewRule, WindowRule, registry};
use sonolens::network::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ConvStack, Linear, ResNet18, ResNet18Config, StackLayer, StateDict,
    VisionTransformer, avol_features, global_avg_pool, global_max_pool, vgg16_features,
};
use sonolens::signal::{
    AudioWindow, cut_repeating, decibel_psd, integers_16bit, log_mel_40ms, mean_channel, mel_decibels_10ms,
    peak_normalized,
};

use super::layers::{STRETCH, check_layer, ez_vsl_front_end, flat, tensor_of};
use super::{case, weights_of};
use crate::network::as_the_loader_rounds;
use crate::support::fill_rule::{image, stream, wave};
use crate::support::golden::{Golden, largest_difference};

fn linear(weights: &StateDict, key: &str, activation: Activation, input: &Tensor) -> Tensor {
    Linear::new(&weights.view(), key, activation).unwrap().forward(input).unwrap()
}

fn conv(weights: &StateDict, key: &str, input: &Tensor) -> Tensor {
    Conv2d::new(&weights.view(), key, &Conv2dConfig::default()).unwrap().forward(input).unwrap()
}

fn resnet(weights: &StateDict, under: &str, stem: &str, last_stride: usize, input: &Tensor) -> Tensor {
    let config = ResNet18Config { stem: stem.to_owned(), last_stride, batch_norm: BatchNorm::Folded };
    ResNet18::new(&weights.under(under), &config).unwrap().forward(input).unwrap()
}

fn check(golden: &Golden, key: &str, answer: &Tensor) {
    assert_eq!(check_layer(golden, key, &flat(answer)), 1, "no {key}");
}

fn summary(golden: &Golden, key: &str, tensor: &Tensor, tolerance: f64) {
    golden.check_summary(key, tensor.dims(), &flat(tensor), tolerance);
}

/// The products of a map's places with a vector, 1×1×H×W.
fn products(map: &Tensor, vector: &Tensor) -> Tensor {
    let (_, channels, rows, columns) = map.dims4().unwrap();
    let places = map.reshape((channels, rows * columns)).unwrap();
    vector.reshape((1, channels)).unwrap().matmul(&places).unwrap().reshape((1, 1, rows, columns)).unwrap()
}

#[test]
fn projections_of_ez_vsl_and_slavc() {
    for (archive, listing, branches, projections) in
        [("ezvsl.npz", "ezvsl", &[""][..], &[""][..]), ("slavc.npz", "slavc", &["", "momentum_"], &["1", "2"])]
    {
        let golden = Golden::open(archive);
        let weights = weights_of(&[listing]);
        for (name, branch) in ["a", "b"].into_iter().flat_map(|name| branches.iter().map(move |branch| (name, branch)))
        {
            let (picture, sound) = case(name);
            let picture = STRETCH.render(&picture, &Normalization::IMAGENET).unwrap();
            let seen = resnet(&weights, &format!("{branch}imgnet."), "conv1", 2, &picture);
            let sound = tensor_of(ez_vsl_front_end(&sound));
            let heard = global_max_pool(&resnet(&weights, &format!("{branch}audnet."), "conv1", 2, &sound)).unwrap();
            if listing == "ezvsl" {
                check(&golden, &format!("{name}.act.audnet.avgpool"), &heard);
            }
            let act = |key: &str| format!("{name}.act.{key}");
            let mut checked = 0;
            for place in projections {
                let (of_image, of_sound) = (format!("{branch}img_proj{place}"), format!("{branch}aud_proj{place}"));
                checked += check_layer(&golden, &act(&of_image), &flat(&conv(&weights, &of_image, &seen)));
                let projected = linear(&weights, &of_sound, Activation::None, &heard);
                checked += check_layer(&golden, &act(&of_sound), &flat(&projected));
            }
            // Of the momentum branch the first projections alone are kept.
            assert_eq!(checked, if branch.is_empty() { 2 * projections.len() } else { 2 }, "{archive} {branch}");
        }
    }
}

#[test]
fn avol_net_from_either_side_to_the_map() {
    let golden = Golden::open("avolnet.npz");
    let weights = weights_of(&["avolnet"]);
    let view = ViewRule::Stretch { side: 224, resizing: Resizing::CvThenPilBilinear };
    let second = AudioWindow { start_secs: 4.0, length_secs: 1.0 };
    let sound = tensor_of(decibel_psd(&integers_16bit(&cut_repeating(&wave(104, 48_000, 432_000, 1), second)), 48_000));
    summary(&golden, "spec", &sound, 1e-4);
    for name in ["a", "b"] {
        let act = |layer: &str| format!("{name}.avol.act.{layer}");
        let picture = view.render(&case(name).0, &Normalization::IMAGENET).unwrap();
        summary(&golden, &format!("{name}.image"), &picture, 1e-5);
        let of_layers = |side: &str, layers: &[StackLayer], input: &Tensor| {
            ConvStack::new(&weights.under(side), layers).unwrap().forward(input).unwrap()
        };
        for (side, input) in [("icn.", &picture), ("acn.", &sound)] {
            for (layers, layer) in [(1, "bn1_1"), (3, "pool1"), (6, "pool2"), (9, "pool3"), (11, "bn4_2")] {
                let mut layers = avol_features()[..layers].to_vec();
                // The authors' norms answer before the ReLU.
                if let Some(StackLayer::Conv { config, .. }) = layers.last_mut() {
                    config.relu = false;
                }
                if side != "acn." || layer != "bn1_1" {
                    check(&golden, &act(&format!("{side}{layer}")), &of_layers(side, &layers, input));
                }
            }
        }
        let seen = conv(&weights, "im_conv5", &of_layers("icn.", &avol_features(), &picture));
        let seen = conv(&weights, "im_conv6", &seen);
        check(&golden, &act("im_conv6"), &seen);
        let heard = global_max_pool(&of_layers("acn.", &avol_features(), &sound)).unwrap();
        check(&golden, &act("aud_fc1"), &linear(&weights, "aud_fc1", Activation::None, &heard));
        let heard = linear(&weights, "aud_fc1", Activation::Relu, &heard);
        let heard = linear(&weights, "aud_fc2", Activation::None, &heard);
        check(&golden, &act("aud_fc2"), &heard);
        let products = products(&seen, &heard);
        golden.check(&format!("{name}.avol.scalar_prod"), &flat(&products), 1e-3);
        let logits = conv(&weights, "fus_conv7", &products);
        check(&golden, &act("fus_conv7"), &logits);
        golden.check(&format!("{name}.avol.logit"), &flat(&logits), 1e-4);
    }
}

#[test]
fn clips_patches_last_norm_and_last_attention() {
    for (archive, listing, patch) in [("clip_small.npz", "clip_small", 32), ("clip_vitb32.npz", "clip_vitb32", 32)] {
        let golden = Golden::open(archive);
        let mut weights = StateDict::new();
        for (key, tensor) in weights_of(&[listing]) {
            weights.insert(key.clone(), as_the_loader_rounds(&key, tensor));
        }
        let tower = VisionTransformer::new(&weights.under("visual.")).unwrap();
        let logit_scale = flat(weights.get("logit_scale").unwrap())[0];
        for name in ["a", "c"] {
            let key = |part: &str| format!("{name}.{part}");
            let picture = STRETCH.render(&case(name).0, &Normalization::CLIP).unwrap();
            summary(&golden, &key("image"), &picture, 1e-5);
            let patches = Conv2dConfig { stride: patch, ..Conv2dConfig::default() };
            let patches = Conv2d::new(&weights.view(), "visual.conv1", &patches).unwrap();
            check(&golden, &key("act.visual.conv1"), &patches.forward(&picture).unwrap());

            let trace = tower.trace(&picture).unwrap();
            let [scale, shift] =
                ["weight", "bias"].map(|part| flat(weights.get(&format!("visual.ln_post.{part}")).unwrap()));
            let class = &flat(&trace.output)[..scale.len()];
            let mean = class.iter().sum::<f32>() / class.len() as f32;
            let variance = class.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / class.len() as f32;
            let normed: Vec<f32> = (0..class.len())
                .map(|index| (class[index] - mean) / (variance + 1e-5).sqrt() * scale[index] + shift[index])
                .collect();
            assert_eq!(check_layer(&golden, &key("act.visual.ln_post"), &normed), 1);

            // Only the class token's row of the last block is asked for; the first values kept are the first head's.
            let row = |part: &str| golden.floats(&key(part))[..50].to_vec();
            let query: Vec<f32> = golden.floats(&key("audio_emb")).into_iter().map(|value| value as f32).collect();
            let query = Tensor::new(query.as_slice(), picture.device()).unwrap();
            let relevance = tower.relevance(&trace, &query, logit_scale).unwrap();
            for (part, found) in
                [("attn_last.first", &trace.attention), ("attn_grad_last.first", &relevance.attention_gradient)]
            {
                let expected = row(part);
                let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
                let difference = largest_difference(&flat(found)[..50], &expected);
                assert!(difference <= 1e-3 * largest, "{archive} {name} {part}: {difference:e} of {largest:e}");
            }
        }
    }
}

/// Two pictures as one batch.
fn pair(view: &ViewRule) -> Tensor {
    let rendered = ["a", "b"].map(|name| view.render(&case(name).0, &Normalization::IMAGENET).unwrap());
    Tensor::cat(&rendered, 0).unwrap()
}

#[test]
fn dsol_and_dmc_beside_their_maps() {
    let golden = Golden::open("extra_dsol.npz");
    let weights = weights_of(&["dsol_stage1"]);
    let view = ViewRule::Stretch { side: 224, resizing: Resizing::PilBilinear };
    let pictures = pair(&view);
    summary(&golden, "image", &pictures, 1e-5);
    let first_second = AudioWindow { start_secs: 0.0, length_secs: 1.0 };
    let sound = case("a").1;
    let spectrogram = tensor_of(mel_decibels_10ms(&mean_channel(&cut_repeating(&sound, first_second)), sound.rate));
    let twice = Tensor::cat(&[&spectrogram, &spectrogram], 0).unwrap();
    summary(&golden, "spec", &twice, 1e-3);
    let heard = global_max_pool(&resnet(&weights, "audio_net.", "conv1_a", 1, &spectrogram)).unwrap();
    golden.check("s1.a_fea", &flat(&heard), 1e-3);
    let seen = global_avg_pool(&resnet(&weights, "visual_net.", "conv1", 1, &pictures)).unwrap();
    golden.check("s1.v_logits", &flat(&linear(&weights, "v_class_layer", Activation::None, &seen)), 1e-3);

    let mut weights = weights_of(&["dsol_stage2"]);
    let dictionary: Vec<f32> = stream("dsol-objrep:101", 11 * 512).into_iter().map(|u| u.abs() as f32).collect();
    weights.insert("obj_rep", Tensor::from_vec(dictionary, (11, 512), pictures.device()).unwrap());
    let localizer = registry::build("dsol", &weights).unwrap();
    let sounding = golden.floats("s2.map");
    let mut means = Vec::new();
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        let picture = case(name).0;
        let features =
            localizer.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" }).unwrap();
        let sounding = &sounding[196 * index..][..196];
        for seen in features.parts.get("objects").unwrap().values().chunks_exact(196) {
            let sum: f64 = seen.iter().zip(sounding).map(|(&seen, sounds)| f64::from(seen) * sounds).sum();
            means.push((sum / 196.0) as f32);
        }
    }
    golden.check("s2.sounding", &means, 1e-3);

    let golden = Golden::open("extra_dmc.npz");
    let localizer = registry::build("dmc", &weights_of(&["dmc_simplified"])).unwrap();
    summary(&golden, "image", &pictures.narrow(0, 0, 1).unwrap(), 1e-5);
    summary(&golden, "spec", &spectrogram, 1e-3);
    let picture = case("a").0;
    let features = localizer.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" }).unwrap();
    let query = Query::Sound { sound: &sound, window: first_second };
    let embedding = localizer.encode_query(&query).unwrap();
    golden.check("assign", features.parts.get("assignment").unwrap().values(), 1e-2);
    let heard = embedding.parts.get("center").unwrap().values();
    let distance = |center: &[f32]| center.iter().zip(heard).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
    let distances: Vec<f32> =
        features.parts.get("centers").unwrap().values().chunks_exact(heard.len()).map(distance).collect();
    golden.check("distances", &distances, 2e-2);
}

#[test]
fn coarse_to_fine_beside_its_maps() {
    let golden = Golden::open("extra_coarsetofine.npz");
    let weights = weights_of(&["coarsetofine"]);
    let view = ViewRule::Stretch { side: 256, resizing: Resizing::CvBilinear };
    let picture = view.render(&image(101, 320, 240), &Normalization::IMAGENET).unwrap();
    golden.check_summary("image", picture.dims(), &flat(&picture), 1e-5);
    let samples = peak_normalized(&mean_channel(&wave(105, 22_050, 110_250, 1)));
    let sound = tensor_of(log_mel_40ms(&samples, 22_050));
    summary(&golden, "spec", &sound, 1e-3);
    let (seen, heard) =
        (resnet(&weights, "vision.", "conv1", 1, &picture), resnet(&weights, "audio.", "conv1_a", 1, &sound));
    let [mean_heard, mean_seen] = [&heard, &seen].map(|map| global_avg_pool(map).unwrap());
    let joined = Tensor::cat(&[&mean_heard, &mean_seen], 1).unwrap();
    let hidden = linear(&weights, "avc.0", Activation::Relu, &joined);
    golden.check("avc", &flat(&linear(&weights, "avc.2", Activation::None, &hidden)), 1e-4);
    for (map, classes, active, of_all) in [(&heard, "class_a", "cam_a", "cls_a"), (&seen, "class_v", "cam_v", "cls_v")]
    {
        let activation = conv(&weights, classes, map);
        let largest = golden.floats(active).into_iter().fold(0.0, f64::max);
        golden.check(active, &flat(&activation.relu().unwrap()), 1e-4 * largest);
        golden.check(of_all, &flat(&global_avg_pool(&activation).unwrap()), 1e-3);
    }
}

#[test]
fn attention10k_before_and_after_its_attention() {
    let golden = Golden::open("extra_attention10k.npz");
    let weights = weights_of(&["attention10k"]);
    let view = ViewRule::Stretch { side: 320, resizing: Resizing::PilBilinear };
    let pictures = pair(&view);
    summary(&golden, "image", &pictures, 1e-5);
    let localizer = registry::build("attention10k", &weights).unwrap();
    let stack =
        ConvStack::new(&weights.under("vision_embedding_model.feature_extraction."), &vgg16_features()).unwrap();
    let (mut cosines, mut answers) = (Vec::new(), Vec::new());
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        let vector: Vec<f32> =
            stream(&format!("attention10k-audio:101:{index}"), 1000).into_iter().map(|u| (3.0 * u) as f32).collect();
        let picture = case(name).0;
        let features =
            localizer.encode_image(&FrameInput { picture: &picture, next: None, index: 0, clip: "" }).unwrap();
        let embedding = localizer.encode_query(&Query::SoundVector(&vector)).unwrap();
        let [seen, heard] = [features.parts.get("features"), embedding.parts.get("sound")].map(Result::unwrap);
        let seen = Tensor::from_slice(seen.values(), (1, 512, 20, 20), pictures.device()).unwrap();
        let heard = Tensor::from_slice(heard.values(), 512, pictures.device()).unwrap();
        cosines.extend(flat(&products(&seen, &heard)));
        // What the attention gathers goes on to the training's loss.
        let attention = localizer.join(&features, &embedding).unwrap();
        let raw = stack.forward(&pictures.narrow(0, index, 1).unwrap()).unwrap();
        let shares = Tensor::from_slice(attention.values.values(), (400, 1), pictures.device()).unwrap();
        let gathered = raw.reshape((512, 400)).unwrap().matmul(&shares).unwrap().reshape((1, 512)).unwrap();
        let hidden = linear(&weights, "vision_fc1", Activation::Relu, &gathered.relu().unwrap());
        answers.extend(flat(&linear(&weights, "vision_fc2", Activation::None, &hidden)));
    }
    golden.check("cosine", &cosines, 1e-5);
    golden.check_summary("z", &[2, 1000], &answers, 1e-4);
}

#[test]
fn sspls_sound_side_and_its_front_ends() {
    let golden = Golden::open("extra_sspl_wo_pcm.npz");
    let localizer = registry::build("sspl", &weights_of(&["sspl_frame", "sspl_sound"])).unwrap();
    summary(&golden, "image", &pair(&ViewRule::Crop { side: 224 }), 1e-5);
    let sound = case("a").1;
    let window = localizer.audio_window(WindowRule::Benchmark, 0.0, sound.duration_secs());
    let embedding = localizer.encode_query(&Query::Sound { sound: &sound, window }).unwrap();
    let unit = |key: &str, count: usize| {
        let values = golden.floats(key);
        let width = values.len() / count;
        let mean: Vec<f64> =
            (0..width).map(|index| values.iter().skip(index).step_by(width).sum::<f64>() / count as f64).collect();
        let norm = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
        mean.into_iter().map(|value| value / norm).collect::<Vec<_>>()
    };
    for (part, expected) in [("sound", unit("audio512", 1)), ("vggish", unit("vggish128", 3))] {
        let found = embedding.parts.get(part).unwrap().values();
        let difference = largest_difference(found, &expected);
        assert!(found.len() == expected.len() && difference <= 1e-4, "{part} differs by {difference:e}");
    }
}
