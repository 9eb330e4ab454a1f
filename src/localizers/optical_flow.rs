//! Dense optical flow by polynomial expansion: Farnebäck, "Two-Frame Motion Estimation Based on Polynomial Expansion",
//! SCIA 2003, with the pyramid, windows and borders of OpenCV's `calcOpticalFlowFarneback(0.5, 3, 15, 3, 5, 1.2, 0)`.
//!
//! Around every pixel the picture is taken for a quadratic `p·A·p + b·p + c`. A picture moved by `d` has the same `A`
//! and `b − 2A·d`, so that two expansions of the same place give `d`, averaged over a window.

use crate::media::Picture;

/// Steps of the pyramid above the picture itself, each half the size of the one below it.
const LEVELS: i32 = 3;
/// No side of a step is shorter.
const SHORTEST_SIDE: f64 = 32.0;
/// Side of the window over which a displacement is averaged.
const WINDOW: usize = 15;
/// Times that the displacement of a step is improved.
const ITERATIONS: usize = 3;
/// Pixels on either side that a polynomial is fitted to.
const REACH: usize = 5;
/// Deviation of the Gaussian by which they count, in pixels.
const DEVIATION: f64 = 1.2;
/// How much the outermost pixels count, from the border inwards.
const BORDER: [f32; 5] = [0.14, 0.14, 0.4472, 0.4472, 0.4472];

/// One number a pixel, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

/// Displacements in pixels, to the right and down.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    pub right: Plane,
    pub down: Plane,
}

/// The displacement of every pixel of `first` until `second`. Both have the same size, at least one pixel, and the bytes
/// that their size asks for.
pub fn between(first: &Picture, second: &Picture) -> Flow {
    let pictures = [gray(first), gray(second)];
    let (width, height) = (pictures[0].width as f64, pictures[0].height as f64);
    let fits = |level: &i32| width.min(height) * 0.5f64.powi(*level) >= SHORTEST_SIDE;
    let highest = (1..=LEVELS).take_while(fits).last().unwrap_or(0);
    let mut flow: Option<Flow> = None;
    for level in (0..=highest).rev() {
        let scale = 0.5f64.powi(level);
        let (width, height) = (rounded(width * scale), rounded(height * scale));
        let mut current = match flow {
            None => Flow { right: Plane::zeros(width, height), down: Plane::zeros(width, height) },
            Some(coarser) => Flow {
                right: coarser.right.resized(width, height).map(|pixels| 2.0 * pixels),
                down: coarser.down.resized(width, height).map(|pixels| 2.0 * pixels),
            },
        };
        let deviation = (1.0 / scale - 1.0) * 0.5;
        let smooth = smoothing_kernel(deviation);
        let [first, second] = [0, 1].map(|index| expanded(&pictures[index].convolved(&smooth).resized(width, height)));
        for _ in 0..ITERATIONS {
            let equations = equations(&first, &second, &current);
            solve(equations, &mut current);
        }
        flow = Some(current);
    }
    flow.unwrap_or_else(|| Flow { right: pictures[0].map(|_| 0.0), down: pictures[0].map(|_| 0.0) })
}

/// Luma as OpenCV's `COLOR_BGR2GRAY` takes it, in its fixed-point form.
fn gray(picture: &Picture) -> Plane {
    let luma = |rgb: &[u8]| {
        let sum = rgb.iter().zip([9798u32, 19235, 3735]).map(|(&byte, weight)| u32::from(byte) * weight).sum::<u32>();
        ((sum + (1 << 14)) >> 15) as f32
    };
    Plane {
        width: picture.size.width as usize,
        height: picture.size.height as usize,
        values: picture.rgb.chunks_exact(3).map(luma).collect(),
    }
}

/// OpenCV's Gaussian before a step of the pyramid: five deviations wide, at least three pixels.
fn smoothing_kernel(deviation: f64) -> Vec<f32> {
    if deviation <= 0.0 {
        return vec![0.25, 0.5, 0.25];
    }
    let length = (rounded(deviation * 5.0) | 1).max(3);
    let middle = (length / 2) as f64;
    let raw: Vec<f64> =
        (0..length).map(|index| (-(index as f64 - middle).powi(2) / (2.0 * deviation * deviation)).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|weight| (weight / sum) as f32).collect()
}

/// To the nearest whole number, halves to even.
fn rounded(value: f64) -> usize {
    value.round_ties_even().max(1.0) as usize
}

impl Plane {
    fn zeros(width: usize, height: usize) -> Self {
        Self { width, height, values: vec![0.0; width * height] }
    }

    fn map(&self, change: impl Fn(f32) -> f32) -> Self {
        Self { values: self.values.iter().map(|&value| change(value)).collect(), ..*self }
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// Convolved with an odd symmetric kernel along both axes; the picture is mirrored at its outermost pixels.
    fn convolved(&self, kernel: &[f32]) -> Self {
        let reach = kernel.len() as i64 / 2;
        let mut across = Self::zeros(self.width, self.height);
        let mut padded = vec![0.0; self.width + kernel.len() - 1];
        for row in 0..self.height {
            let source = self.row(row);
            for (index, value) in padded.iter_mut().enumerate() {
                *value = source[mirrored(index as i64 - reach, self.width)];
            }
            let target = &mut across.values[row * self.width..][..self.width];
            for (offset, weight) in kernel.iter().enumerate() {
                target.iter_mut().zip(&padded[offset..]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        let mut down = Self::zeros(self.width, self.height);
        for (row, target) in down.values.chunks_exact_mut(self.width).enumerate() {
            for (offset, weight) in kernel.iter().enumerate() {
                let source = across.row(mirrored(row as i64 + offset as i64 - reach, self.height));
                target.iter_mut().zip(source).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        down
    }

    /// Bilinear between pixel centres, the border repeated.
    fn resized(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let (across, down) = (taps(self.width, width), taps(self.height, height));
        let mut values = Vec::with_capacity(width * height);
        for (above, below, lower) in down {
            let (above, below) = (self.row(above), self.row(below));
            values.extend(across.iter().map(|&(left, right, nearer)| {
                let mix = |row: &[f32]| row[left] * (1.0 - nearer) + row[right] * nearer;
                mix(above) * (1.0 - lower) + mix(below) * lower
            }));
        }
        Self { width, height, values }
    }
}

/// The place `index` of a row of `length` that is mirrored at its first and last place, which are not repeated.
fn mirrored(index: i64, length: usize) -> usize {
    let period = 2 * (length as i64 - 1);
    if period <= 0 {
        return 0;
    }
    let place = index.rem_euclid(period);
    place.min(period - place) as usize
}

/// Per place of `to`: the two places of `from` around it and the second one's share.
fn taps(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f64 / to as f64;
    (0..to)
        .map(|position| {
            let place = ((position as f64 + 0.5) * scale - 0.5) as f32;
            let first = place.floor().max(0.0) as usize;
            if place < 0.0 || first + 1 >= from {
                let edge = first.min(from - 1);
                (edge, edge, 0.0)
            } else {
                (first, first + 1, place - first as f32)
            }
        })
        .collect()
}

/// The quadratic around every pixel: slopes down and to the right, curvatures down, to the right and mixed.
struct Expansion {
    width: usize,
    height: usize,
    coefficients: Vec<[f32; 5]>,
}

/// Gaussian weights of the pixels on one side (the middle first), those times the distance, and times its square; and
/// what turns sums into coefficients.
struct Basis {
    weights: [[f32; 3]; REACH + 1],
    slope: f64,
    offset: f64,
    curvature: f64,
    mixed: f64,
}

impl Basis {
    fn new() -> Self {
        let raw = |distance: usize| (-((distance * distance) as f64) / (2.0 * DEVIATION * DEVIATION)).exp();
        let sum: f64 = (1..=REACH).map(raw).sum::<f64>() * 2.0 + raw(0);
        let mut weights = [[0.0; 3]; REACH + 1];
        // The moments of the weights; the fit's normal equations hold nothing else.
        let (mut second, mut fourth) = (0.0f64, 0.0f64);
        for (distance, weights) in weights.iter_mut().enumerate() {
            let weight = (raw(distance) / sum) as f32;
            let far = distance as f32;
            *weights = [weight, far * weight, far * far * weight];
            let (weight, square) = (2.0 * f64::from(weight), (distance * distance) as f64);
            second += weight * square;
            fourth += weight * square * square;
        }
        // Constant and both curvatures depend on each other: [1 m m; m f m²; m m² f] with m = second, f = fourth.
        let spread = fourth - second * second;
        Self {
            weights,
            slope: 1.0 / second,
            offset: -second / spread,
            curvature: 1.0 / spread,
            mixed: 1.0 / (second * second),
        }
    }
}

fn expanded(plane: &Plane) -> Expansion {
    let Plane { width, height, .. } = *plane;
    let basis = Basis::new();
    let mut coefficients = Vec::with_capacity(width * height);
    // Sums down a column, by weight, weight times distance and weight times its square; the border repeated.
    let mut columns = vec![[0.0f32; 3]; width + 2 * REACH];
    for row in 0..height {
        let middle = plane.row(row);
        for (sums, &value) in columns[REACH..].iter_mut().zip(middle) {
            *sums = [value * basis.weights[0][0], 0.0, 0.0];
        }
        for (distance, [weight, first, second]) in basis.weights.iter().enumerate().skip(1) {
            let above = plane.row(row.saturating_sub(distance));
            let below = plane.row((row + distance).min(height - 1));
            for ((sums, above), below) in columns[REACH..].iter_mut().zip(above).zip(below) {
                sums[0] += weight * (above + below);
                sums[1] += first * (below - above);
                sums[2] += second * (above + below);
            }
        }
        let (left, right) = (columns[REACH], columns[REACH + width - 1]);
        columns[..REACH].fill(left);
        columns[REACH + width..].fill(right);
        for around in columns.windows(2 * REACH + 1) {
            let here = around[REACH].map(f64::from);
            let weight = f64::from(basis.weights[0][0]);
            let (mut plain, mut down, mut curved_down) = (here[0] * weight, here[1] * weight, here[2] * weight);
            let (mut across, mut curved_across, mut mixed) = (0.0, 0.0, 0.0);
            for (distance, weights) in basis.weights.iter().enumerate().skip(1) {
                let (before, after) =
                    (around[REACH - distance].map(f64::from), around[REACH + distance].map(f64::from));
                let [weight, first, second] = weights.map(f64::from);
                plain += (after[0] + before[0]) * weight;
                curved_across += (after[0] + before[0]) * second;
                across += (after[0] - before[0]) * first;
                down += (after[1] + before[1]) * weight;
                mixed += (after[1] - before[1]) * first;
                curved_down += (after[2] + before[2]) * weight;
            }
            coefficients.push([
                (down * basis.slope) as f32,
                (across * basis.slope) as f32,
                (plain * basis.offset + curved_down * basis.curvature) as f32,
                (plain * basis.offset + curved_across * basis.curvature) as f32,
                (mixed * basis.mixed) as f32,
            ]);
        }
    }
    Expansion { width, height, coefficients }
}

/// Per pixel the normal equations of its displacement, `[g₁₁ g₁₂ g₂₂ h₁ h₂]`: the first picture's quadratic against the
/// second's at the place that `flow` leads to.
fn equations(first: &Expansion, second: &Expansion, flow: &Flow) -> Vec<[f32; 5]> {
    let Expansion { width, height, .. } = *first;
    let near_border = |place: usize, length: usize| {
        let from_start = BORDER.get(place).copied().unwrap_or(1.0);
        from_start * BORDER.get(length - 1 - place).copied().unwrap_or(1.0)
    };
    let mut equations = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let index = row * width + column;
            let (right, down) = (flow.right.values[index], flow.down.values[index]);
            let own = first.coefficients[index];
            let (x, y) = (column as f32 + right, row as f32 + down);
            let (left, top) = (x.floor(), y.floor());
            let inside = left >= 0.0 && top >= 0.0 && left + 1.0 < width as f32 && top + 1.0 < height as f32;
            let other = if inside {
                let (across, below) = (x - left, y - top);
                let corner = top as usize * width + left as usize;
                let around = [corner, corner + 1, corner + width, corner + width + 1].map(|at| second.coefficients[at]);
                let shares =
                    [(1.0 - across) * (1.0 - below), across * (1.0 - below), (1.0 - across) * below, across * below];
                let mixed = |term: usize| {
                    shares[0] * around[0][term]
                        + shares[1] * around[1][term]
                        + shares[2] * around[2][term]
                        + shares[3] * around[3][term]
                };
                [mixed(0), mixed(1), mixed(2), mixed(3), mixed(4)]
            } else {
                // What moved out of the picture has no slope there and keeps its own curvature.
                [0.0, 0.0, own[2], own[3], own[4]]
            };
            let curved_down = (own[2] + other[2]) * 0.5;
            let curved_across = (own[3] + other[3]) * 0.5;
            let mixed = (own[4] + other[4]) * 0.25;
            let slope_down = (own[0] - other[0]) * 0.5 + curved_down * down + mixed * right;
            let slope_across = (own[1] - other[1]) * 0.5 + mixed * down + curved_across * right;
            let share = near_border(column, width) * near_border(row, height);
            let [slope_down, slope_across, curved_down, curved_across, mixed] =
                [slope_down, slope_across, curved_down, curved_across, mixed].map(|term| term * share);
            equations.push([
                curved_down * curved_down + mixed * mixed,
                (curved_down + curved_across) * mixed,
                curved_across * curved_across + mixed * mixed,
                curved_down * slope_down + mixed * slope_across,
                mixed * slope_down + curved_across * slope_across,
            ]);
        }
    }
    equations
}

/// Solves the equations, averaged over the window around each pixel, for the displacements. The border is repeated.
fn solve(equations: Vec<[f32; 5]>, flow: &mut Flow) {
    let (width, height) = (flow.right.width, flow.right.height);
    const HALF: usize = WINDOW / 2;
    let row_of = |row: usize| &equations[row * width..][..width];
    let shift = |sums: &mut [[f64; 5]], entering: &[[f32; 5]], sign: f64| {
        for (sums, terms) in sums.iter_mut().zip(entering) {
            for (sum, &term) in sums.iter_mut().zip(terms) {
                *sum += sign * f64::from(term);
            }
        }
    };
    let mut columns = vec![[0.0f64; 5]; width];
    for offset in 0..WINDOW {
        shift(&mut columns, row_of(offset.saturating_sub(HALF).min(height - 1)), 1.0);
    }
    for row in 0..height {
        if row > 0 {
            shift(&mut columns, row_of((row + HALF).min(height - 1)), 1.0);
            shift(&mut columns, row_of((row - 1).saturating_sub(HALF)), -1.0);
        }
        let mut sums = [0.0f64; 5];
        let add = |sums: &mut [f64; 5], column: usize, sign: f64| {
            for (sum, term) in sums.iter_mut().zip(&columns[column]) {
                *sum += sign * term;
            }
        };
        for offset in 0..WINDOW {
            add(&mut sums, offset.saturating_sub(HALF).min(width - 1), 1.0);
        }
        for column in 0..width {
            if column > 0 {
                add(&mut sums, (column + HALF).min(width - 1), 1.0);
                add(&mut sums, (column - 1).saturating_sub(HALF), -1.0);
            }
            let [g11, g12, g22, h1, h2] = sums.map(|sum| sum / (WINDOW * WINDOW) as f64);
            // The addition keeps places without structure still.
            let inverse = 1.0 / (g11 * g22 - g12 * g12 + 1e-3);
            flow.right.values[row * width + column] = ((g11 * h2 - g12 * h1) * inverse) as f32;
            flow.down.values[row * width + column] = ((g22 * h1 - g12 * h2) * inverse) as f32;
        }
    }
}
