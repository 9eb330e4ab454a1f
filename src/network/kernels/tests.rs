//! Every kernel at every level against a plain convolution in double precision.

use super::convolve::{Method, PackedConv};
use super::level::Level;
use super::linear::{Attention, PackedLinear, layer_norm_rows};
use super::map::FeatureMap;
use super::normalize::normalize_per_call;
use super::panel::Finish;
use super::pooling::max_pool;
use crate::network::with_threads;

/// Values in −1 … 1 that follow from a seed.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(step).take(count).collect()
}

struct Case {
    input: [usize; 4],
    weights: [usize; 4],
    stride: usize,
    padding: usize,
}

impl Case {
    fn size(&self) -> (usize, usize) {
        let side = |length: usize, kernel: usize| (length + 2 * self.padding - kernel) / self.stride + 1;
        (side(self.input[2], self.weights[2]), side(self.input[3], self.weights[3]))
    }

    fn naive(&self, x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f64> {
        let ([n, c, h, w], [out, _, kh, kw]) = (self.input, self.weights);
        let (height, width) = self.size();
        let mut y = Vec::with_capacity(n * out * height * width);
        for at in 0..n * out * height * width {
            let (column, row) = (at % width, at / width % height);
            let (channel, image) = (at / (width * height) % out, at / (width * height * out));
            let mut sum = f64::from(bias[channel]);
            for k in 0..c * kh * kw {
                let (dx, dy, from) = (k % kw, k / kw % kh, k / (kw * kh));
                let (iy, ix) = (row * self.stride + dy, column * self.stride + dx);
                let inside =
                    (self.padding..h + self.padding).contains(&iy) && (self.padding..w + self.padding).contains(&ix);
                if inside {
                    let value = x[((image * c + from) * h + iy - self.padding) * w + ix - self.padding];
                    sum += f64::from(value) * f64::from(weights[channel * c * kh * kw + k]);
                }
            }
            y.push(sum);
        }
        y
    }
}

fn assert_near(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1f64, |largest, value| largest.max(value.abs()));
    for (index, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs() / scale;
        assert!(error <= tolerance, "{what}: value {index} is {found} instead of {expected} (error {error:e})");
    }
}

#[test]
fn convolutions_agree_with_the_definition_at_every_level() {
    let cases = [
        Case { input: [1, 3, 23, 18], weights: [20, 3, 7, 7], stride: 2, padding: 3 },
        Case { input: [2, 1, 9, 31], weights: [5, 1, 3, 3], stride: 1, padding: 1 },
        Case { input: [1, 16, 11, 14], weights: [48, 16, 3, 3], stride: 1, padding: 1 },
        Case { input: [2, 32, 7, 5], weights: [16, 32, 3, 3], stride: 1, padding: 1 },
        Case { input: [1, 18, 8, 9], weights: [70, 18, 3, 3], stride: 2, padding: 1 },
        Case { input: [3, 7, 6, 5], weights: [33, 7, 1, 1], stride: 2, padding: 0 },
        Case { input: [1, 2, 16, 16], weights: [24, 2, 8, 8], stride: 8, padding: 0 },
        Case { input: [1, 16, 1, 1], weights: [16, 16, 3, 3], stride: 1, padding: 1 },
        Case { input: [1, 4, 5, 6], weights: [2, 4, 3, 3], stride: 1, padding: 0 },
        Case { input: [1, 5, 4, 4], weights: [6, 5, 5, 5], stride: 1, padding: 2 },
    ];
    for (seed, case) in cases.iter().enumerate() {
        let x = noise(seed as u64 + 1, case.input.iter().product());
        let weights = noise(seed as u64 + 100, case.weights.iter().product());
        let bias = noise(seed as u64 + 200, case.weights[0]);
        let (height, width) = case.size();
        let shape = [case.input[0], case.weights[0], height, width];
        let residual = noise(seed as u64 + 300, shape.iter().product());
        let plain = case.naive(&x, &weights, &bias);
        let finished: Vec<f64> = plain.iter().zip(&residual).map(|(y, &r)| (y + f64::from(r)).max(0.0)).collect();
        for level in Level::available() {
            for method in [Method::Direct, Method::best(case.weights, case.stride, case.padding)] {
                let what = format!("case {seed}, {}, {method:?}", level.name());
                let (stride, padding) = (case.stride, case.padding);
                let conv =
                    level.force(|| PackedConv::new(&weights, case.weights, Some(&bias), stride, padding, method));
                let tolerance = if method == Method::Winograd { 5e-6 } else { 1e-6 };
                let map = FeatureMap::from_planes(&x, case.input, case.padding);
                assert_near(&conv.run(&map, None, false).to_planes(), &plain, tolerance, &what);
                let added = FeatureMap::from_planes(&residual, shape, 2);
                for threads in [1, 3] {
                    let y = with_threads(threads, || conv.run(&map, Some(&added), true).to_planes());
                    assert_near(&y, &finished, tolerance, &format!("{what}, {threads} threads"));
                }
            }
        }
    }
}

#[test]
fn winograd_covers_more_tiles_than_one_block() {
    let case = Case { input: [3, 128, 29, 30], weights: [32, 128, 3, 3], stride: 1, padding: 1 };
    let x = noise(1, case.input.iter().product());
    let weights = noise(2, case.weights.iter().product());
    let bias = vec![0.25; 32];
    let map = FeatureMap::from_planes(&x, case.input, 1);
    let run = |method, threads| {
        let conv = PackedConv::new(&weights, case.weights, Some(&bias), 1, 1, method);
        with_threads(threads, || conv.run(&map, None, false).to_planes())
    };
    let direct: Vec<f64> = run(Method::Direct, 1).into_iter().map(f64::from).collect();
    for threads in [1, 2, 16] {
        assert_near(&run(Method::Winograd, threads), &direct, 2e-5, "many tiles");
    }
}

#[test]
fn linear_layers_agree_with_the_definition_at_every_level() {
    for (rows, inputs, outputs) in [(1, 3, 2), (50, 40, 65), (17, 96, 32)] {
        let x = noise(1, rows * inputs);
        let weight = noise(2, outputs * inputs);
        let bias = noise(3, outputs);
        let residual = noise(4, rows * outputs);
        let exact = |activation: fn(f64) -> f64| -> Vec<f64> {
            (0..rows * outputs)
                .map(|at| {
                    let (row, out) = (at / outputs, at % outputs);
                    let products =
                        (0..inputs).map(|k| f64::from(x[row * inputs + k]) * f64::from(weight[out * inputs + k]));
                    activation(f64::from(bias[out]) + f64::from(residual[at]) + products.sum::<f64>())
                })
                .collect()
        };
        for level in Level::available() {
            let layer = level.force(|| PackedLinear::new(&weight, outputs, inputs, Some(&bias)));
            let run = |finish| {
                let mut y = vec![0f32; rows * outputs];
                layer.run(&x, inputs, Some((&residual, outputs)), finish, &mut y);
                y
            };
            let what = level.name();
            assert_near(&run(Finish::Plain), &exact(|y| y), 1e-6, what);
            assert_near(&run(Finish::Relu), &exact(|y| y.max(0.0)), 1e-6, what);
            assert_near(&run(Finish::QuickGelu), &exact(|y| y / (1.0 + (-1.702 * y).exp())), 1e-6, what);
        }
    }
}

#[test]
fn attention_agrees_with_the_definition_at_every_level() {
    for (tokens, heads, causal, queries) in [(50, 2, false, (0, 50)), (7, 1, true, (0, 7)), (77, 3, true, (40, 1))] {
        let width = heads * 64;
        let qkv = noise(9, tokens * 3 * width);
        let value = |token: usize, part: usize, at: usize| f64::from(qkv[token * 3 * width + part * width + at]);
        let mut probabilities = Vec::new();
        let mut mixed = vec![0f64; queries.1 * width];
        for head in 0..heads {
            for query in 0..queries.1 {
                let asked = queries.0 + query;
                let seen = if causal { asked + 1 } else { tokens };
                let score = |token: usize| -> f64 {
                    (head * 64..(head + 1) * 64).map(|k| value(asked, 0, k) * value(token, 1, k)).sum::<f64>() / 8.0
                };
                let raised: Vec<f64> = (0..tokens).map(|t| if t < seen { score(t).exp() } else { 0.0 }).collect();
                let total: f64 = raised.iter().sum();
                for (token, raised) in raised.iter().enumerate() {
                    probabilities.push(raised / total);
                    for k in head * 64..(head + 1) * 64 {
                        mixed[query * width + k] += raised / total * value(token, 2, k);
                    }
                }
            }
        }
        for level in Level::available() {
            let kernels = super::dispatch::kernels(level);
            let attention = Attention { kernels, qkv: &qkv, tokens, heads, head_width: 64, causal, queries };
            let mut found = vec![0f32; queries.1 * width];
            let mut kept = vec![0f32; heads * queries.1 * tokens];
            attention.run(&mut found, &mut kept);
            assert_near(&found, &mixed, 2e-6, level.name());
            assert_near(&kept, &probabilities, 2e-6, level.name());
        }
    }
}

#[test]
fn layer_norm_agrees_with_the_definition_at_every_level() {
    let (rows, width) = (3, 70);
    let x: Vec<f32> = noise(1, rows * width).iter().map(|v| v + 3.0).collect();
    let (weight, bias) = (noise(2, width), noise(3, width));
    let exact: Vec<f64> = x
        .chunks(width)
        .flat_map(|row| {
            let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / width as f64;
            let variance = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / width as f64;
            let normalize = |i: usize| (f64::from(row[i]) - mean) / (variance + 1e-5).sqrt();
            (0..width).map(|i| normalize(i) * f64::from(weight[i]) + f64::from(bias[i])).collect::<Vec<_>>()
        })
        .collect();
    for level in Level::available() {
        let mut y = vec![0f32; x.len()];
        layer_norm_rows(super::dispatch::kernels(level), &x, &weight, &bias, 1e-5, &mut y);
        assert_near(&y, &exact, 2e-6, level.name());
    }
}

#[test]
fn norms_of_each_call_agree_with_the_definition_at_every_level() {
    let shape = [2, 21, 9, 10];
    let pixels = 90;
    let x: Vec<f32> = noise(1, shape.iter().product()).iter().map(|v| 2.0 * v + 1.0).collect();
    let residual = noise(4, x.len());
    let (weight, bias) = (noise(2, 21), noise(3, 21));
    let exact: Vec<f64> = (0..x.len())
        .map(|at| {
            let (plane, channel) = (at / pixels, at / pixels % 21);
            let values = &x[plane * pixels..(plane + 1) * pixels];
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels as f64;
            let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / pixels as f64;
            let normalized = (f64::from(x[at]) - mean) / (variance + 1e-5).sqrt();
            let scaled = normalized * f64::from(weight[channel]) + f64::from(bias[channel]);
            (scaled + f64::from(residual[at])).max(0.0)
        })
        .collect();
    let added = FeatureMap::from_planes(&residual, shape, 1);
    for level in Level::available() {
        let mut map = FeatureMap::from_planes(&x, shape, 1);
        let kernels = super::dispatch::kernels(level);
        normalize_per_call(kernels, &mut map, &weight, &bias, 1e-5, Some(&added), true);
        assert_near(&map.to_planes(), &exact, 2e-6, level.name());
    }
}

#[test]
fn max_pools_ignore_their_padding_at_every_level() {
    let shape = [2, 19, 7, 10];
    let x: Vec<f32> = noise(1, shape.iter().product()).iter().map(|v| v - 2.0).collect();
    for (size, stride, padding) in [(3, 2, 1), (2, 2, 0), (3, 1, 1)] {
        let side = |length: usize| (length + 2 * padding - size) / stride + 1;
        let (height, width) = (side(7), side(10));
        let exact: Vec<f64> = (0..2 * 19 * height * width)
            .map(|at| {
                let (column, row, plane) = (at % width, at / width % height, at / (width * height));
                let mut largest = f64::NEG_INFINITY;
                for y in (row * stride).max(padding)..(row * stride + size).min(7 + padding) {
                    for x_at in (column * stride).max(padding)..(column * stride + size).min(10 + padding) {
                        largest = largest.max(f64::from(x[plane * 70 + (y - padding) * 10 + x_at - padding]));
                    }
                }
                largest
            })
            .collect();
        for level in Level::available() {
            let map = FeatureMap::from_planes(&x, shape, 1);
            let pooled = max_pool(super::dispatch::kernels(level), &map, size, stride, padding);
            assert_near(&pooled.to_planes(), &exact, 0.0, level.name());
        }
    }
}
