//! torch's bicubic resize of float pictures, antialiased or not. Values may overshoot 0..1 and are not clipped.

use super::pil::{Filter, Taps, taps};

/// One channel of a picture as floats.
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

impl Plane {
    /// Resized by torch's `interpolate(mode="bicubic", align_corners=False)`.
    pub(super) fn resized(&self, width: usize, height: usize, antialias: bool) -> Self {
        let along =
            |from: usize, to: usize| if antialias { taps(Filter::Bicubic, from, to) } else { plain_taps(from, to) };
        self.across(width, &along(self.width, width)).down(height, &along(self.height, height))
    }

    fn across(&self, width: usize, taps: &[Taps]) -> Self {
        let mut values = Vec::with_capacity(width * self.height);
        for row in self.values.chunks_exact(self.width) {
            values.extend(taps.iter().map(|taps| {
                let sum: f64 =
                    row[taps.first..].iter().zip(&taps.weights).map(|(&value, weight)| f64::from(value) * weight).sum();
                sum as f32
            }));
        }
        Self { width, height: self.height, values }
    }

    fn down(&self, height: usize, taps: &[Taps]) -> Self {
        let mut values = Vec::with_capacity(self.width * height);
        let mut sums = vec![0.0f64; self.width];
        for taps in taps {
            sums.fill(0.0);
            for (row, weight) in self.values.chunks_exact(self.width).skip(taps.first).zip(&taps.weights) {
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += f64::from(value) * weight;
                }
            }
            values.extend(sums.iter().map(|&sum| sum as f32));
        }
        Self { width: self.width, height, values }
    }
}

/// Four taps of the cubic with a = −0.75, half-pixel centres, the border replicated (its weights folded onto the edge).
fn plain_taps(from: usize, to: usize) -> Vec<Taps> {
    const A: f64 = -0.75;
    let scale = from as f64 / to as f64;
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    (0..to)
        .map(|position| {
            let place = (position as f64 + 0.5) * scale - 0.5;
            let floor = place.floor();
            let t = place - floor;
            let last = from as i64 - 1;
            let mut weights = vec![0.0; 4];
            let first = (floor as i64 - 1).clamp(0, (last - 3).max(0));
            for (offset, weight) in [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)].into_iter().enumerate() {
                let source = (floor as i64 - 1 + offset as i64).clamp(0, last);
                weights[(source - first) as usize] += weight;
            }
            Taps { first: first as usize, weights }
        })
        .collect()
}
