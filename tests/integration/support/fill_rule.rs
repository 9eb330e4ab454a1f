//! The deterministic weights, images and waveforms with which the reference's golden values were made.

use std::collections::HashMap;
use std::f64::consts::PI;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use sonolens::geometry::Size;
use sonolens::media::Picture;
use sonolens::network::StateDict;
use sonolens::signal::Waveform;

/// 64-bit FNV-1a.
pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Number `index` of the stream of `seed`: in [−1, 1), a multiple of 2⁻²³.
pub fn uniform(seed: u64, index: u64) -> f64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 40) as f64 / 8_388_608.0 - 1.0
}

/// The stream that a tag names.
pub fn stream(tag: &str, count: usize) -> Vec<f64> {
    let seed = fnv1a(tag);
    (0..count as u64).map(|index| uniform(seed, index)).collect()
}

/// The values of the tensor `key` (without a leading `module.`).
pub fn fill(key: &str, shape: &[usize]) -> Vec<f32> {
    let last = key.rsplit('.').next().unwrap();
    let count: usize = shape.iter().product();
    if shape.is_empty() {
        return vec![100f64.ln() as f32];
    }
    if key.ends_with("spectrogram.window") {
        return (0..count).map(|k| (0.5 - 0.5 * (2.0 * PI * k as f64 / count as f64).cos()) as f32).collect();
    }
    let seed = fnv1a(key);
    let embedding =
        ["class_embedding", "positional_embedding"].contains(&last) || key.ends_with("token_embedding.weight");
    let projection = ["proj", "text_projection"].contains(&last);
    if shape.len() >= 2 && !embedding && !projection {
        let fan_in = count / shape[0];
        let gain = ((if shape.len() == 2 { 3.0 } else { 6.0 }) / fan_in as f64).sqrt();
        let mut values = Vec::with_capacity(count);
        let mut row = vec![0.0; fan_in];
        for start in (0..count).step_by(fan_in) {
            for (offset, value) in row.iter_mut().enumerate() {
                *value = uniform(seed, (start + offset) as u64);
            }
            let mean = if fan_in > 1 { row.iter().sum::<f64>() / fan_in as f64 } else { 0.0 };
            values.extend(row.iter().map(|value| (gain * (value - mean)) as f32));
        }
        return values;
    }
    (0..count as u64)
        .map(|index| {
            let u = uniform(seed, index);
            let value = match last {
                "running_mean" => 0.1 * u,
                "running_var" => 1.0 + 0.5 * u.abs(),
                _ if embedding => u,
                _ if last.ends_with("bias") => 0.1 * u,
                _ if shape.len() == 1 => 1.0 + 0.1 * u,
                _ => (3.0 / shape[0] as f64).sqrt() * u,
            };
            value as f32
        })
        .collect()
}

/// A state dict filled by the rule; its keys and shapes as one of the reference's listings (`key dtype shape`, tabs)
/// has them. Counters of integer type are 0.
pub fn filled(listing: &str) -> StateDict {
    let mut weights = StateDict::new();
    for line in listing.lines() {
        let mut columns = line.split('\t');
        let (Some(key), Some(dtype), Some(shape)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        if dtype.contains("int") {
            weights.insert(key, Tensor::zeros((), DType::I64, &Device::Cpu).unwrap());
            continue;
        }
        if !dtype.contains("float") {
            continue;
        }
        let numbers = shape.split(|c: char| !c.is_ascii_digit()).filter(|text| !text.is_empty());
        let shape: Vec<usize> = numbers.map(|text| text.parse().unwrap()).collect();
        weights.insert(key, Tensor::from_vec(fill(key, &shape), shape, &Device::Cpu).unwrap());
    }
    weights
}

/// A synthetic picture.
pub fn image(seed: u32, width: u32, height: u32) -> Picture {
    let p = stream(&format!("image:{seed}"), 24);
    let noise = stream(&format!("image-noise:{seed}"), (width * height) as usize);
    let (w, h) = (f64::from(width), f64::from(height));
    let (cx, cy) = ((0.5 + 0.3 * p[0]) * w, (0.5 + 0.3 * p[1]) * h);
    let sigma = (0.12 + 0.04 * p[2]) * w.min(h);
    let (rx, ry) = ((0.5 + 0.35 * p[3]) * w, (0.5 + 0.35 * p[4]) * h);
    let mut rgb = Vec::with_capacity((3 * width * height) as usize);
    for row in 0..height {
        for column in 0..width {
            let (x, y) = (f64::from(column), f64::from(row));
            let blob = (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * sigma * sigma)).exp();
            let rect = f64::from(u8::from((x - rx).abs() < 0.1 * w && (y - ry).abs() < 0.15 * h));
            let check = ((x / 7.0).floor() + (y / 5.0).floor()).rem_euclid(2.0);
            for channel in 0..3 {
                let [ax, ay, phase, kb, kr] = p[5 + 5 * channel..10 + 5 * channel] else { unreachable!() };
                let wave = (2.0 * PI * ((1.0 + 2.0 * ax) * x / w + (1.0 + 2.0 * ay) * y / h + phase)).sin();
                let value = 0.45
                    + 0.18 * wave
                    + 0.35 * kb * blob
                    + rect * (0.25 * kr + 0.12 * (check - 0.5))
                    + 0.05 * noise[(row * width + column) as usize];
                rgb.push((255.0 * value + 0.5).floor().clamp(0.0, 255.0) as u8);
            }
        }
    }
    Picture { size: Size::new(width, height), rgb }
}

/// A synthetic 16-bit sound, interleaved.
pub fn samples(seed: u32, rate: u32, frames: usize, channels: usize) -> Vec<i16> {
    let p = stream(&format!("wave:{seed}"), 16);
    let noise: Vec<Vec<f64>> =
        (0..channels).map(|channel| stream(&format!("wave-noise:{seed}:{channel}"), frames)).collect();
    let f0 = 220.0 + 120.0 * p[0];
    let mut samples = Vec::with_capacity(frames * channels);
    for frame in 0..frames {
        let t = frame as f64 / f64::from(rate);
        let envelope = 0.55 + 0.45 * (2.0 * PI * (1.3 + 0.8 * p[1]) * t + 3.0 * p[2]).sin();
        let mut tone = 0.0;
        for k in 1..5 {
            tone += (0.30 / k as f64) * (2.0 * PI * k as f64 * f0 * t + 3.0 * p[2 + k]).sin();
        }
        let q = 0.5 + 0.5 * (2.0 * PI * (0.7 + 0.4 * p[9]) * t + 3.0 * p[10]).sin();
        let burst = (q * q) * (q * q);
        let chirp = (2.0 * PI * (600.0 + 300.0 * p[7] + 250.0 * t) * t).sin();
        for (channel, noise) in noise.iter().enumerate() {
            let gain = 1.0 - 0.4 * channel as f64;
            let value = 0.5
                * (gain * envelope * tone + 0.25 * chirp * (0.5 + 0.5 * p[8]) + (0.04 + 0.5 * burst) * noise[frame]);
            samples.push((32767.0 * value + 0.5).floor().clamp(-32768.0, 32767.0) as i16);
        }
    }
    samples
}

/// The same sound as media decodes it from a 16-bit file.
pub fn wave(seed: u32, rate: u32, frames: usize, channels: usize) -> Waveform {
    let samples = samples(seed, rate, frames, channels).into_iter().map(|sample| f32::from(sample) / 32768.0).collect();
    Waveform { rate, channels: channels as u16, samples }
}

/// A file of LVS's weights with narrow layers, filled by the rule.
pub fn small_lvs(folder: &Path) -> PathBuf {
    let listing = std::fs::read_to_string(super::fixture("systems/keys/lvs.tsv")).unwrap();
    let narrow = |width: &str| match width {
        "64" => "4".to_owned(),
        "128" => "8".to_owned(),
        "256" => "16".to_owned(),
        "512" => "32".to_owned(),
        other => other.to_owned(),
    };
    let lines = listing.lines().map(|line| match line.rsplit_once('\t') {
        Some((rest, shape)) => format!("{rest}\t{}\n", shape.split('x').map(narrow).collect::<Vec<_>>().join("x")),
        None => format!("{line}\n"),
    });
    let weights = filled(&lines.collect::<String>());
    let tensors: HashMap<String, Tensor> =
        weights.iter().map(|(key, tensor)| (key.to_owned(), tensor.clone())).collect();
    let path = folder.join("lvs.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    path
}
