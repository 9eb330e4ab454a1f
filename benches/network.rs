//! How long one encoding takes, beside ONNX Runtime and PyTorch on the same threads.
//!
//! `cargo bench --bench network -- [threads] [rounds]`. With `SONOLENS_BENCH_PYTHON` set to a Python that has the
//! peers' packages, their scripts (benches/peers) run in turns with ours, so that a busy minute hits all of them.
//! What is compared is the median of all repeats, and the ratio to ours.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used)]

mod random_weights;
mod report;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use random_weights::{insert_resnet18, noise, vector, weight};
use sonolens::network::{Level, ResNet18, ResNet18Config, StateDict, VisionTransformer, with_threads};

const REPEATS: usize = 8;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let threads = numbers.first().copied().unwrap_or(1);
    let rounds = numbers.get(1).copied().unwrap_or(3);
    println!("{} threads, {}", threads, Level::current().name());

    let networks = networks();
    let python = std::env::var("SONOLENS_BENCH_PYTHON").ok();
    let mut times: BTreeMap<(String, &str), Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for (name, run) in &networks {
            with_threads(threads, || {
                run();
                for _ in 0..REPEATS {
                    let start = Instant::now();
                    run();
                    let elapsed_ms = start.elapsed().as_secs_f64() * 1e3;
                    times.entry((name.to_string(), "sonolens")).or_default().push(elapsed_ms);
                }
            });
        }
        let Some(python) = &python else { continue };
        for (peer, script) in [("onnxruntime", "onnxruntime_networks.py"), ("torch", "torch_networks.py")] {
            for (name, peer_times) in peer_times(python, script, threads) {
                times.entry((name, peer)).or_default().extend(peer_times);
            }
        }
    }
    for ((name, who), values) in &times {
        let ours = &times[&(name.clone(), "sonolens")];
        let (median_ms, least) = summary(values);
        let ratio = median_ms / summary(ours).0;
        println!("{name:28} {who:12} median {median_ms:8.2} ms  minimum {least:8.2} ms  {ratio:5.2} × ours");
        if *who != "sonolens" {
            report::row(name, summary(ours).0, who, median_ms);
        }
    }
    measure_pair(rounds);
}

/// EZ-VSL's two encoders for one frame and one sound: one after the other on one thread, and at once on two.
fn measure_pair(rounds: usize) {
    let encoder = |channels: usize, height: usize, width: usize| {
        let network = ResNet18::new(&resnet_weights(channels).view(), &ResNet18Config::default()).expect("a ResNet-18");
        let x = noise(&[1, channels, height, width]);
        move || drop(network.forward(&x).expect("features"))
    };
    let (image, sound) = (encoder(3, 224, 224), encoder(1, 257, 200));
    let time = |work: &dyn Fn()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e3
    };
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..rounds * REPEATS + 1 {
        one.push(time(&|| {
            image();
            sound();
        }));
        two.push(time(&|| {
            std::thread::scope(|scope| {
                scope.spawn(&sound);
                image();
            });
        }));
    }
    let (one_ms, two_ms) = (summary(&one[1..]).0, summary(&two[1..]).0);
    println!("a frame's and a sound's encoder: {one_ms:.2} ms on one thread, {two_ms:.2} ms on two");
    report::row("EZ-VSL's two encoders at once, 2 threads", two_ms, "one after the other, 1 thread", one_ms);
}

type Run = Box<dyn Fn() + Send + Sync>;

fn networks() -> Vec<(&'static str, Run)> {
    let mut networks: Vec<(&'static str, Run)> = Vec::new();
    let resnets = [
        ("resnet18 224", 3, 2, 224, 224),
        ("resnet18 224 stride 1", 3, 1, 224, 224),
        ("resnet18 257x200", 1, 2, 257, 200),
        ("resnet18 257x671 stride 1", 1, 1, 257, 671),
    ];
    for (name, channels, last_stride, height, width) in resnets {
        let weights = resnet_weights(channels);
        let config = ResNet18Config { last_stride, ..ResNet18Config::default() };
        let network = ResNet18::new(&weights.view(), &config).expect("a ResNet-18");
        let x = noise(&[1, channels, height, width]);
        networks.push((name, Box::new(move || drop(network.forward(&x).expect("features")))));
    }
    let clip = VisionTransformer::new(&vision_weights().view()).expect("a vision transformer");
    let x = noise(&[1, 3, 224, 224]);
    networks.push(("vit-b/32 224", Box::new(move || drop(clip.forward(&x).expect("an embedding")))));
    networks
}

fn resnet_weights(channels: usize) -> StateDict {
    let mut weights = StateDict::new();
    insert_resnet18(&mut weights, "", "conv1", channels);
    weights
}

fn vision_weights() -> StateDict {
    let (width, tokens, embedding) = (768, 50, 512);
    let mut weights = StateDict::new();
    weights.insert("conv1.weight", weight(&[width, 3, 32, 32]));
    weights.insert("class_embedding", noise(&[width]));
    weights.insert("positional_embedding", noise(&[tokens, width]));
    weights.insert("proj", weight(&[width, embedding]));
    let mut norms = vec!["ln_pre".to_string(), "ln_post".to_string()];
    for block in 0..12 {
        let at = format!("transformer.resblocks.{block}");
        norms.extend([format!("{at}.ln_1"), format!("{at}.ln_2")]);
        weights.insert(format!("{at}.attn.in_proj_weight"), weight(&[3 * width, width]));
        weights.insert(format!("{at}.attn.in_proj_bias"), vector(0.0, 3 * width));
        for (key, out, into) in
            [("attn.out_proj", width, width), ("mlp.c_fc", 4 * width, width), ("mlp.c_proj", width, 4 * width)]
        {
            weights.insert(format!("{at}.{key}.weight"), weight(&[out, into]));
            weights.insert(format!("{at}.{key}.bias"), vector(0.0, out));
        }
    }
    for norm in norms {
        weights.insert(format!("{norm}.weight"), vector(1.0, width));
        weights.insert(format!("{norm}.bias"), vector(0.0, width));
    }
    weights
}

/// Runs a peer's script once; nothing if its packages are missing.
fn peer_times(python: &str, script: &str, threads: usize) -> Vec<(String, Vec<f64>)> {
    let path = format!("{}/benches/peers/{script}", env!("CARGO_MANIFEST_DIR"));
    let arguments = [path, threads.to_string(), REPEATS.to_string()];
    let output = Command::new(python).args(arguments).output().expect("the Python of SONOLENS_BENCH_PYTHON");
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        eprintln!("{script}: {}", problem.lines().last().unwrap_or("failed"));
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(name, times)| (name.to_string(), times.split(' ').flat_map(str::parse).collect())).collect()
}

/// Median and minimum.
fn summary(times: &[f64]) -> (f64, f64) {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 2], sorted[0])
}
