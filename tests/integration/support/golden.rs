//! The golden values of the published systems: arrays that the authors' own code computed.

use std::cell::RefCell;

use sonolens::network::arrays::{Array, Npz};

use super::fixture;

/// One archive of golden values.
pub struct Golden {
    name: String,
    archive: RefCell<Npz>,
}

impl Golden {
    pub fn open(name: &str) -> Self {
        let path = fixture("systems").join(name);
        Self { name: name.to_owned(), archive: RefCell::new(Npz::open(&path).unwrap()) }
    }

    pub fn array(&self, key: &str) -> Array {
        self.archive.borrow_mut().read(key).unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name))
    }

    pub fn contains(&self, key: &str) -> bool {
        self.archive.borrow().contains(key)
    }

    pub fn floats(&self, key: &str) -> Vec<f64> {
        self.array(key).to_f64().unwrap()
    }

    pub fn indices(&self, key: &str) -> Vec<usize> {
        self.array(key).to_i64().unwrap().into_iter().map(|index| usize::try_from(index).unwrap()).collect()
    }

    /// Holds `values` to a whole array.
    pub fn check(&self, key: &str, values: &[f32], tolerance: f64) {
        let expected = self.floats(key);
        assert_eq!(values.len(), expected.len(), "{}: {key}", self.name);
        let difference = largest_difference(values, &expected);
        assert!(difference <= tolerance, "{}: {key} differs by {difference:e}, at most {tolerance:e}", self.name);
    }

    /// Holds `values` to what is kept of a larger array: shape, mean and extremes, first values, probes.
    pub fn check_summary(&self, key: &str, shape: &[usize], values: &[f32], tolerance: f64) {
        if self.contains(&format!("{key}.shape")) {
            assert_eq!(self.indices(&format!("{key}.shape")), shape, "{}: {key}", self.name);
        }
        if self.contains(&format!("{key}.first")) {
            let first = self.floats(&format!("{key}.first"));
            self.check(&format!("{key}.first"), &values[..first.len()], tolerance);
        }
        let probed: Vec<f32> =
            self.indices(&format!("{key}.probe_idx")).into_iter().map(|index| values[index]).collect();
        self.check(&format!("{key}.probe"), &probed, tolerance);
        let count = values.len() as f64;
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
        let lowest = values.iter().copied().fold(f32::INFINITY, f32::min);
        let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let stats = [mean as f32, variance.sqrt() as f32, lowest, highest];
        self.check(&format!("{key}.stats"), &stats, tolerance);
    }
}

pub fn largest_difference(values: &[f32], expected: &[f64]) -> f64 {
    values.iter().zip(expected).map(|(&value, &expected)| (f64::from(value) - expected).abs()).fold(
        0.0,
        |largest, next| {
            // NaN must not pass as "no difference".
            if next.is_nan() { f64::INFINITY } else { largest.max(next) }
        },
    )
}
