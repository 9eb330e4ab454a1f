//! Networks against candle's own operations, and against what the authors' code answers with the same weights.

use std::path::Path;

use candle_core::{Device, IndexOp, Tensor};
use sonolens::network::arrays::Npz;
use sonolens::network::{
    BatchNorm, ConvStack, Level, Linear, ResNet18, ResNet18Config, StateDict, StateView, TextTransformer,
    VisionTransformer, avol_features, with_threads,
};

use crate::support;
use crate::support::fill_rule::{fill, filled, stream};

fn noise(name: &str, shape: &[usize]) -> Tensor {
    let values: Vec<f32> = stream(name, shape.iter().product()).into_iter().map(|u| u as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// The largest difference, relative to the largest value.
fn difference(found: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(found.dims(), expected.dims());
    let largest = |x: &Tensor| x.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
    largest(&(found - expected).unwrap()) / largest(expected).max(1e-30)
}

/// A network's published keys, filled by the rule.
fn reference_weights(reference: &Path, listing: &str) -> StateDict {
    filled(&std::fs::read_to_string(reference.join(listing)).unwrap())
}

/// A filled ResNet-18 of these widths.
fn resnet_weights(stem: &str, channels: usize, widths: [usize; 4]) -> StateDict {
    let mut shapes = vec![(format!("{stem}.weight"), vec![widths[0], channels, 7, 7])];
    let mut norms = vec![("bn1".to_string(), widths[0])];
    let mut into = widths[0];
    for (stage, out) in widths.into_iter().enumerate() {
        for block in 0..2 {
            let at = format!("layer{}.{block}", stage + 1);
            shapes.push((format!("{at}.conv1.weight"), vec![out, into, 3, 3]));
            shapes.push((format!("{at}.conv2.weight"), vec![out, out, 3, 3]));
            norms.extend([(format!("{at}.bn1"), out), (format!("{at}.bn2"), out)]);
            if into != out {
                shapes.push((format!("{at}.downsample.0.weight"), vec![out, into, 1, 1]));
                norms.push((format!("{at}.downsample.1"), out));
            }
            into = out;
        }
    }
    for (norm, width) in norms {
        for key in ["weight", "bias", "running_mean", "running_var"] {
            shapes.push((format!("{norm}.{key}"), vec![width]));
        }
    }
    let tensor = |key: &str, shape: Vec<usize>| Tensor::from_vec(fill(key, &shape), shape, &Device::Cpu).unwrap();
    shapes.into_iter().map(|(key, shape)| (key.clone(), tensor(&key, shape))).collect()
}

/// ResNet-18 layer by layer with candle's operations, batch norm unfolded.
struct CandleResNet<'a> {
    weights: StateView<'a>,
    stem: &'a str,
    last_stride: usize,
    per_call: bool,
}

impl CandleResNet<'_> {
    fn conv(&self, x: &Tensor, conv: &str, norm: &str, stride: usize, padding: usize) -> Tensor {
        let y = x.conv2d(&self.weights.weight(&format!("{conv}.weight")).unwrap(), padding, stride, 1, 1).unwrap();
        let channels = y.dim(1).unwrap();
        let value =
            |key: &str| self.weights.weight(&format!("{norm}.{key}")).unwrap().reshape((1, channels, 1, 1)).unwrap();
        let (mean, variance) = if self.per_call {
            let mean = y.mean_keepdim((2, 3)).unwrap();
            let centred = y.broadcast_sub(&mean).unwrap();
            (mean, centred.sqr().unwrap().mean_keepdim((2, 3)).unwrap())
        } else {
            (value("running_mean"), value("running_var"))
        };
        let deviation = (variance + 1e-5).unwrap().sqrt().unwrap();
        let normalized = y.broadcast_sub(&mean).unwrap().broadcast_div(&deviation).unwrap();
        normalized.broadcast_mul(&value("weight")).unwrap().broadcast_add(&value("bias")).unwrap()
    }

    fn forward(&self, x: &Tensor) -> Vec<Tensor> {
        let x = self.conv(x, self.stem, "bn1", 2, 3).relu().unwrap();
        let padded = x.pad_with_zeros(2, 1, 1).unwrap().pad_with_zeros(3, 1, 1).unwrap();
        let mut outputs = vec![padded.max_pool2d_with_stride(3, 2).unwrap()];
        for (stage, stride) in [(1, 1), (2, 2), (3, 2), (4, self.last_stride)] {
            let mut x = outputs[outputs.len() - 1].clone();
            for block in 0..2 {
                let at = format!("layer{stage}.{block}");
                let stride = if block == 0 { stride } else { 1 };
                let inner = self.conv(&x, &format!("{at}.conv1"), &format!("{at}.bn1"), stride, 1).relu().unwrap();
                let inner = self.conv(&inner, &format!("{at}.conv2"), &format!("{at}.bn2"), 1, 1);
                let shortcut = match self.weights.contains(&format!("{at}.downsample.0.weight")) {
                    true => self.conv(&x, &format!("{at}.downsample.0"), &format!("{at}.downsample.1"), stride, 0),
                    false => x,
                };
                x = (inner + shortcut).unwrap().relu().unwrap();
            }
            outputs.push(x);
        }
        outputs
    }
}

#[test]
fn resnets_agree_with_candles_operations_stage_by_stage() {
    let cases = [
        ("conv1", 3, [64, 128, 256, 512], 2, BatchNorm::Folded, [1, 3, 97, 64]),
        ("conv1_a", 1, [64, 128, 256, 512], 1, BatchNorm::Folded, [2, 1, 65, 83]),
        ("conv1", 1, [32, 48, 64, 80], 2, BatchNorm::PerCall, [1, 1, 129, 77]),
        ("conv1", 6, [2, 4, 8, 16], 2, BatchNorm::Folded, [2, 6, 64, 50]),
        ("conv1", 1, [2, 4, 8, 16], 1, BatchNorm::PerCall, [1, 1, 70, 41]),
    ];
    for (stem, channels, widths, last_stride, batch_norm, shape) in cases {
        let weights = resnet_weights(stem, channels, widths);
        let x = noise("resnet", &shape);
        let per_call = batch_norm == BatchNorm::PerCall;
        let expected = CandleResNet { weights: weights.view(), stem, last_stride, per_call }.forward(&x);
        for level in Level::available() {
            let config = ResNet18Config { stem: stem.to_string(), last_stride, batch_norm };
            let network = level.force(|| ResNet18::new(&weights.view(), &config)).unwrap();
            let stages = network.forward_stages(&x).unwrap();
            assert_eq!(stages.len(), expected.len());
            for (index, (stage, expected)) in stages.iter().zip(&expected).enumerate() {
                let error = difference(stage, expected);
                assert!(error < 2e-5, "{widths:?}, {}, stage {index}: {error:e}", level.name());
            }
            let threaded = with_threads(2, || network.forward(&x)).unwrap();
            assert!(difference(&threaded, &expected[4]) < 2e-5);
        }
    }
}

#[test]
fn a_batch_answers_as_its_pictures_do_one_by_one() {
    let weights = resnet_weights("conv1", 3, [16, 32, 48, 16]);
    let network = ResNet18::new(&weights.view(), &ResNet18Config::default()).unwrap();
    let x = noise("batch", &[3, 3, 50, 70]);
    let together = network.forward(&x).unwrap();
    for image in 0..3 {
        let alone = network.forward(&x.narrow(0, image, 1).unwrap()).unwrap();
        assert!(difference(&together.narrow(0, image, 1).unwrap(), &alone) < 1e-6);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let weights = resnet_weights("conv1", 3, [2, 4, 8, 16]);
    let network = ResNet18::new(&weights.view(), &ResNet18Config::default()).unwrap();
    for shape in [&[1, 1, 64, 64][..], &[3, 64, 64], &[1, 3, 0, 5]] {
        let text = network.forward(&noise("wrong", shape)).unwrap_err().to_string();
        assert!(text.contains("takes"), "{text}");
    }
    let doubles = noise("wrong", &[1, 3, 64, 64]).to_dtype(candle_core::DType::F64).unwrap();
    assert!(network.forward(&doubles).unwrap_err().to_string().contains("f64"));
    let mut damaged = weights.clone();
    damaged.take("layer3.1.bn2.running_var").unwrap();
    let text = ResNet18::new(&damaged.view(), &ResNet18Config::default()).err().unwrap().to_string();
    assert!(text.contains("layer3.1.bn2.running_var"), "{text}");
    damaged.insert("layer3.1.bn2.running_var", noise("wrong", &[9]));
    let text = ResNet18::new(&damaged.view(), &ResNet18Config::default()).err().unwrap().to_string();
    assert!(text.contains("[9] instead of [8]"), "{text}");
    let linear = StateDict::from_iter([("fc.weight".to_string(), noise("fc", &[3, 4]))]);
    let linear = Linear::new(&linear.view(), "fc", Default::default()).unwrap();
    assert!(linear.forward(&noise("wrong", &[2, 5])).is_err());
    assert_eq!(linear.forward(&noise("right", &[2, 7, 4])).unwrap().dims(), [2, 7, 3]);
}

#[test]
fn avol_nets_image_network_takes_its_published_keys() {
    let Some(reference) = support::reference_dir() else { return };
    let weights = reference_weights(&reference, "keys/avolnet.tsv");
    let network = ConvStack::new(&weights.under("icn."), &avol_features()).unwrap();
    let y = network.forward(&noise("avol", &[1, 3, 224, 224])).unwrap();
    assert_eq!(y.dims(), [1, 512, 14, 14]);
}

#[test]
fn clips_text_tower_answers_as_the_authors_code() {
    let Some(reference) = support::reference_dir() else { return };
    let mut weights = StateDict::new();
    for (key, tensor) in reference_weights(&reference, "keys/clip_small.tsv") {
        weights.insert(key.clone(), as_the_loader_rounds(&key, tensor));
    }
    let network = TextTransformer::new(&weights.view()).unwrap();
    let mut golden = Npz::open(&reference.join("golden/systems/clip_small.npz")).unwrap();
    let prompts = [&[49406, 320, 1125, 539, 320, 1929, 32676, 49407][..]];
    for (index, prompt) in prompts.iter().enumerate() {
        let expected = golden.read(&format!("a.text{index}.emb")).unwrap().to_f32().unwrap();
        let mut padded = prompt.to_vec();
        padded.resize(77, 0);
        for tokens in [prompt.to_vec(), padded] {
            let found: Vec<f32> = network.forward(&tokens).unwrap().to_vec1().unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-4, "{found} instead of {expected}");
            }
        }
    }
    assert!(network.forward(&[]).is_err());
    assert!(network.forward(&[49406; 78]).is_err());
    assert!(network.forward(&[49408]).is_err());
}

/// CLIP's loader rounds the weights of convolutions, linear layers and projections to half precision.
pub fn as_the_loader_rounds(key: &str, tensor: Tensor) -> Tensor {
    let floating = tensor.dtype() == candle_core::DType::F32;
    if !floating || ["ln_", "embedding", "logit_scale"].iter().any(|part| key.contains(part)) {
        return tensor;
    }
    tensor.to_dtype(candle_core::DType::F16).unwrap().to_dtype(candle_core::DType::F32).unwrap()
}

/// The relevance in closed form against a difference quotient of the logit by the attention of the last block.
#[test]
fn the_relevance_points_where_the_attention_helps() {
    let Some(reference) = support::reference_dir() else { return };
    let weights = reference_weights(&reference, "keys/clip_small.tsv");
    let network = VisionTransformer::new(&weights.under("visual.")).unwrap();
    let side = network.image_size();
    let image = noise("clip image", &[1, 3, side, side]);
    let trace = network.trace(&image).unwrap();
    let embedding = network.forward(&image).unwrap().i(0).unwrap();
    assert!(difference(&trace.embedding, &embedding) < 1e-6);
    let query = noise("clip query", &[network.embedding_width()]);
    let relevance = network.relevance(&trace, &query, 100f32.ln()).unwrap();
    assert_eq!(relevance.map.dims(), [network.grid(), network.grid()]);

    // The logit as a function of the attention, from the trace, with candle's operations in double precision.
    let double = |x: &Tensor| x.to_dtype(candle_core::DType::F64).unwrap();
    let weight = |key: &str| double(&weights.under("visual.").weight(key).unwrap());
    let block = |key: &str| weight(&format!("transformer.resblocks.11.{key}"));
    let norm = |x: &Tensor, key: &str| {
        let centred = x.broadcast_sub(&x.mean_keepdim(1).unwrap()).unwrap();
        let variance = centred.sqr().unwrap().mean_keepdim(1).unwrap();
        let scaled = centred.broadcast_div(&(variance + 1e-5).unwrap().sqrt().unwrap()).unwrap();
        (scaled * weight(&format!("{key}.weight")).unsqueeze(0).unwrap()).unwrap()
            + weight(&format!("{key}.bias")).unsqueeze(0).unwrap()
    };
    let linear = |x: &Tensor, key: &str| {
        let y = x.matmul(&block(&format!("{key}.weight")).t().unwrap()).unwrap();
        (y + block(&format!("{key}.bias")).unsqueeze(0).unwrap()).unwrap()
    };
    let (values, input) = (double(&trace.values), double(&trace.block_input).narrow(0, 0, 1).unwrap());
    let (heads, tokens) = trace.attention.dims2().unwrap();
    let by_head = values.reshape((tokens, heads, 64)).unwrap().transpose(0, 1).unwrap().contiguous().unwrap();
    let logit = |attention: &Tensor| -> f64 {
        let mixed = attention.unsqueeze(1).unwrap().matmul(&by_head).unwrap().reshape((1, heads * 64)).unwrap();
        let attended = (&input + linear(&mixed, "attn.out_proj")).unwrap();
        let hidden = linear(&norm(&attended, "transformer.resblocks.11.ln_2").unwrap(), "mlp.c_fc");
        let sigma = ((hidden.affine(-1.702, 0.0).unwrap().exp().unwrap() + 1.0).unwrap()).recip().unwrap();
        let output = (attended + linear(&(hidden * sigma).unwrap(), "mlp.c_proj")).unwrap();
        let f = norm(&output, "ln_post").unwrap().matmul(&weight("proj")).unwrap().squeeze(0).unwrap();
        let q = double(&query);
        let dot = |a: &Tensor, b: &Tensor| (a * b).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        100.0 * dot(&f, &q) / (dot(&f, &f) * dot(&q, &q)).sqrt()
    };
    let attention = double(&trace.attention);
    let found = f64::from(relevance.logit);
    assert!((logit(&attention) - found).abs() < 1e-3 * found.abs().max(1.0), "{} {found}", logit(&attention));
    let gradients: Vec<Vec<f32>> = relevance.attention_gradient.to_vec2().unwrap();
    let step = 1e-5;
    for (head, token) in [(0, 0), (0, 7), (1, 3), (heads - 1, tokens - 1)] {
        let mut moved: Vec<Vec<f64>> = attention.to_vec2().unwrap();
        let mut at = |amount: f64| {
            moved[head][token] += amount;
            logit(&Tensor::new(moved.clone(), &Device::Cpu).unwrap())
        };
        let (above, below) = (at(step), at(-2.0 * step));
        let quotient = (above - below) / (2.0 * step);
        let found = f64::from(gradients[head][token]);
        assert!((quotient - found).abs() < 1e-3 * (1.0 + quotient.abs()), "{quotient} {found}");
    }
}
