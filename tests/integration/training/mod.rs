//! Training: losses, gradients, steps and whole runs.

mod networks;
mod objectives;
mod runs;

use sonolens::network::gradients::Random;

/// Numbers in −1 … 1, the same as in `tests/fixtures/training/make.py`.
fn stream(seed: u64, count: usize) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..count).map(|_| 2.0 * random.unit() - 1.0).collect()
}
