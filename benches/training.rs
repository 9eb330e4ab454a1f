//! How long a training step takes, beside PyTorch on the same threads.
//!
//! `cargo bench --bench training -- [threads] [rounds]`. A step is forward, loss, back and Adam for EZ-VSL at a quarter
//! of its widths: 32 pictures of 128×128 and 32 spectrograms of 128×128. With `SONOLENS_BENCH_PYTHON` set to a Python
//! that has torch, its script (benches/peers) runs in turns with ours, so that a busy minute hits both. What is
//! compared is the median of all repeats.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used)]

mod report;

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use sonolens::network::gradients::{FeatureMap, Random, with_kept_memory};
use sonolens::network::{Level, with_threads};
use sonolens::training::learners::Batch;
use sonolens::training::{Optimizer, Plan, Pool};

const BATCH: usize = 32;
const SIDE: usize = 128;
const REPEATS: usize = 12;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let threads = numbers.first().copied().unwrap_or(1);
    let rounds = numbers.get(1).copied().unwrap_or(3);
    println!("{threads} threads, {}", Level::current().name());
    let python = std::env::var("SONOLENS_BENCH_PYTHON").ok();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.extend(with_threads(threads, || with_kept_memory(4 << 30, steps)));
        if let Some(python) = &python {
            theirs.extend(peer_times(python, threads));
        }
    }
    let ours_ms = summary("sonolens", &ours);
    if !theirs.is_empty() {
        let name = format!("training step, batch {BATCH}, pair of narrow ResNet-18, {threads} threads");
        report::row(&name, ours_ms, "PyTorch", summary("torch", &theirs));
    }
}

/// Milliseconds of each step, after some to warm up.
fn steps() -> Vec<f64> {
    let plan = Plan { widths: [16, 32, 64, 128], side: SIDE, ..Plan::published("ez-vsl").expect("a recipe") };
    let mut learner = plan.learner(&Pool::default()).expect("a learner");
    let optimizer = Optimizer::Adam { weight_decay: 0.0 };
    let mut random = Random::new(5);
    let mut map = |channels: usize| {
        let values = random.normals(BATCH * channels * SIDE * SIDE, 1.0);
        Arc::new(FeatureMap::from_planes(&values, [BATCH, channels, SIDE, SIDE], 3))
    };
    let (pictures, sounds) = (map(3), map(1));
    let mut times = Vec::new();
    for step in 0..REPEATS + 3 {
        let start = Instant::now();
        let mut batch = Batch {
            pictures: pictures.clone(),
            sounds: sounds.clone(),
            samples: (0..BATCH).collect(),
            random: Random::new(step as u64),
        };
        learner.pass(&mut batch).expect("a loss");
        learner.visit(&mut |parameter| {
            optimizer.step(parameter, 1e-4, step as u64 + 1);
            parameter.clear_gradient();
        });
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.split_off(3)
}

fn peer_times(python: &str, threads: usize) -> Vec<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/torch_training.py");
    let output = Command::new(python).args([script, &threads.to_string(), &REPEATS.to_string()]).output();
    match output {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
        }
        Ok(output) => {
            eprintln!("{script}: {}", String::from_utf8_lossy(&output.stderr));
            Vec::new()
        }
        Err(error) => {
            eprintln!("{python}: {error}");
            Vec::new()
        }
    }
}

fn summary(who: &str, times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (median, least) = (sorted[sorted.len() / 2], sorted[0]);
    let rate = |ms: f64| BATCH as f64 * 1e3 / ms;
    println!("{who:12} median {median:8.1} ms ({:.0} samples/s)  minimum {least:8.1} ms", rate(median));
    median
}
