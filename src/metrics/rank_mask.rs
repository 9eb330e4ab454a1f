//! The mask of a rank rule counted against a ground truth, straight from a model's own map, for scoring in bulk.
//!
//! A rule that takes the upper half needs no map in memory: cells are made row by row in vector registers, in single
//! precision, and compared with a bracket that surely holds the threshold; the few cells inside the bracket are made
//! again in double precision, exactly as `score_map` makes them, and ranked. The answer is that of the general way to
//! the last cell, or `None` where this way does not apply.
#![allow(unsafe_code)]

use crate::heatmap::{Grid, Resampling, Run};

use super::Bitmap;
use super::truth::GroundTruthMap;

/// What is asked: how many cells are above the value of rank `rank` (from 0), or at least as high if not `strict`.
pub(super) struct Question<'a> {
    pub(super) resampling: &'a Resampling,
    pub(super) source: &'a Grid,
    pub(super) side: usize,
    pub(super) rank: usize,
    pub(super) strict: bool,
    pub(super) truth: &'a GroundTruthMap,
}

/// Buffers that are kept from one map to the next.
#[derive(Default)]
pub(super) struct Space {
    lines: Vec<f32>,
    sparse_lines: Vec<f32>,
    sample: Vec<f32>,
    above: Vec<u64>,
    within: Vec<u64>,
    /// Cells within the bracket: about their values, and where they are.
    candidates: Vec<f32>,
    cells: Vec<u32>,
    /// Cells too near the threshold for single precision: their exact values, and where they are.
    near: Vec<(f64, u32)>,
    sorted: Vec<f64>,
}

/// Widest grid; bands of it live on the stack.
const MAX_SIDE: usize = 512;

/// Rows and columns between the cells of the sample that places the bracket.
const SAMPLED: [usize; 2] = [8, 4];

/// Positive cells, those of them with weight, and those with full weight; `None` where the general way must be taken.
pub(super) fn count(question: &Question<'_>, space: &mut Space) -> Option<[usize; 3]> {
    let fits = question.side.is_multiple_of(16) && question.side <= MAX_SIDE && question.truth.side() == question.side;
    if !fits {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    {
        let narrow = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        let wide = narrow
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vpopcntdq");
        if wide {
            // SAFETY: the processor has just been found to have these features.
            return unsafe { x86::count_avx512(question, space) };
        }
        if narrow {
            // SAFETY: the processor has just been found to have these features.
            return unsafe { x86::count_avx2(question, space) };
        }
    }
    None
}

/// One vector register of single-precision numbers.
///
/// # Safety
/// The methods may be called only where the processor has the instructions of the implementation, and pointers must
/// be valid for `LANES` numbers.
trait Vector: Copy {
    const LANES: usize;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// self · factor + addend.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// A bit a lane, the first lane lowest.
    unsafe fn above(self, other: Self) -> u64;
    /// Writes the bits of one register's lanes, in little-endian order.
    unsafe fn put(bits: u64, to: *mut u8);
}

/// Result rows made of the same source rows: value = base + Σ weight · slope.
struct Band {
    base: [f32; MAX_SIDE],
    slopes: [[f32; MAX_SIDE]; 3],
}

impl Band {
    #[inline(always)]
    fn fill(&mut self, run: &Run, others: usize, lines: &[f32], side: usize) {
        let line = |row: usize| lines.get(row * side..(row + 1) * side).unwrap_or_default();
        for (base, &value) in self.base.iter_mut().zip(line(run.anchor)) {
            *base = value;
        }
        for (slopes, &other) in self.slopes.iter_mut().zip(&run.others).take(others) {
            for ((slope, &value), &base) in slopes.iter_mut().zip(line(other)).zip(&self.base) {
                *slope = value - base;
            }
        }
    }

    /// # Safety
    /// As [`Vector`]; `at + LANES` must not pass `MAX_SIDE`.
    #[inline(always)]
    unsafe fn values<V: Vector, const OTHERS: usize>(&self, at: usize, weights: [V; OTHERS]) -> V {
        // SAFETY: the caller keeps `at + LANES` within the arrays.
        unsafe {
            let mut value = V::load(self.base.as_ptr().add(at));
            for (slopes, weight) in self.slopes.iter().zip(weights) {
                value = V::load(slopes.as_ptr().add(at)).mul_add(weight, value);
            }
            value
        }
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn count_with<V: Vector>(question: &Question<'_>, space: &mut Space) -> Option<[usize; 3]> {
    // SAFETY: passed on to the caller.
    unsafe {
        match question.resampling.others() {
            1 => count_bands::<V, 1>(question, space),
            3 => count_bands::<V, 3>(question, space),
            _ => None,
        }
    }
}

/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn count_bands<V: Vector, const OTHERS: usize>(
    question: &Question<'_>,
    space: &mut Space,
) -> Option<[usize; 3]> {
    let &Question { resampling, source, side, rank, truth, .. } = question;
    let runs = resampling.row_runs()?;
    let (low, high) = source
        .values()
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    let (low, high) = (f64::from(low), f64::from(high));
    let extent = (high - low) as f32;
    if !(extent > 0.0 && extent.is_finite()) || source.values().iter().any(|value| value.is_nan()) {
        return None;
    }
    // Rounding of a few operations on numbers up to the extent, with room for the negative lobes of the cubic kernel.
    let error = extent * 4e-6;
    resampling.lines(source, low, &mut space.lines);

    // SAFETY: passed on to the caller.
    unsafe { sample::<V, OTHERS>(runs, side, space) };
    let reach = if OTHERS > 1 { extent * 0.5 } else { 0.0 };
    let cells = side * side;
    let above_rank = (cells - 1 - rank.min(cells - 1)) as f64 / cells as f64;
    let mut slack = 0.003;
    for _ in 0..4 {
        let sampled = space.sample.len() as f64;
        let fewest = (above_rank - slack) * sampled;
        let most = (above_rank + slack) * sampled;
        // SAFETY: passed on to the caller.
        let [from, to] = unsafe {
            let to = level::<V>(&space.sample, fewest.max(0.0) as usize, [-reach, extent + reach]);
            [level::<V>(&space.sample, most.ceil() as usize, [-reach, to]), to]
        };
        let (from, to) = (from - 4.0 * error, to + 4.0 * error);
        // SAFETY: passed on to the caller.
        unsafe { compare::<V, OTHERS>(runs, side, [from, to], space) };
        // SAFETY: passed on to the caller.
        if unsafe { settle::<V>(question, space, [from, to], error, low) } {
            let counts = Bitmap::counts_of(&space.above, truth.nonzero(), truth.full());
            // A strict rule that leaves nothing has its threshold at the maximum, of which some rules keep the plateau.
            return (counts[0] > 0).then_some(counts);
        }
        slack *= 4.0;
    }
    None
}

/// Fills the sample: every few rows and columns of the result.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn sample<V: Vector, const OTHERS: usize>(runs: &[Run], side: usize, space: &mut Space) {
    let [row_step, column_step] = SAMPLED;
    let Space { lines, sparse_lines, sample, .. } = space;
    let sparse = side / column_step;
    // Whole registers; what is behind the last sampled column is never compared.
    let padded = sparse.next_multiple_of(V::LANES);
    sparse_lines.clear();
    for line in lines.chunks_exact(side) {
        sparse_lines.extend(line.iter().skip(column_step / 2).step_by(column_step).take(sparse));
    }
    sample.clear();
    let mut band = Band { base: [0.0; MAX_SIDE], slopes: [[0.0; MAX_SIDE]; 3] };
    let (mut row, mut next) = (0, row_step / 2);
    let mut values = [0.0; MAX_SIDE];
    for run in runs {
        if next < row + run.cells() {
            band.fill(run, OTHERS, sparse_lines, sparse);
        }
        while next < row + run.cells() {
            let weight = |other: usize| run.weights.get(other).and_then(|weights| weights.get(next - row)).copied();
            // SAFETY: `at` stays within the padded row, which is within the arrays.
            unsafe {
                let weights: [V; OTHERS] = std::array::from_fn(|other| V::splat(weight(other).unwrap_or(0.0)));
                for at in (0..padded).step_by(V::LANES) {
                    band.values(at, weights).store(values.as_mut_ptr().add(at));
                }
            }
            sample.extend(values.iter().take(sparse));
            next += row_step;
        }
        row += run.cells();
    }
    while !sample.len().is_multiple_of(V::LANES) {
        sample.push(f32::NEG_INFINITY);
    }
}

/// The level within `range` above which about `wanted` values of the sample lie, by bisection.
///
/// # Safety
/// As [`Vector`]; the sample must be whole registers.
#[inline(always)]
unsafe fn level<V: Vector>(sample: &[f32], wanted: usize, range: [f32; 2]) -> f32 {
    let [mut low, mut high] = range;
    for _ in 0..12 {
        let middle = low + (high - low) / 2.0;
        // SAFETY: passed on to the caller.
        let count = unsafe { count_above::<V>(sample, middle) };
        if count > wanted {
            low = middle;
        } else {
            high = middle;
        }
        if count.abs_diff(wanted) <= 1 {
            return middle;
        }
    }
    low + (high - low) / 2.0
}

/// Fills the bits of the cells above the bracket, and of those within it.
///
/// # Safety
/// As [`Vector`]; the side must be whole registers.
#[inline(always)]
unsafe fn compare<V: Vector, const OTHERS: usize>(runs: &[Run], side: usize, bracket: [f32; 2], space: &mut Space) {
    let Space { lines, above, within, .. } = space;
    let words = (side * side).div_ceil(64);
    for bits in [&mut *above, &mut *within] {
        bits.resize(words, 0);
    }
    let mut band = Band { base: [0.0; MAX_SIDE], slopes: [[0.0; MAX_SIDE]; 3] };
    let mut byte = 0;
    // SAFETY: `at` runs over whole registers within the side, which is within the band's arrays, and the runs have
    // `side` rows, so `byte` stays within the words.
    unsafe {
        let (above, within) = (above.as_mut_ptr().cast::<u8>(), within.as_mut_ptr().cast::<u8>());
        let (from, to) = (V::splat(bracket[0]), V::splat(bracket[1]));
        for run in runs {
            band.fill(run, OTHERS, lines, side);
            for row in 0..run.cells() {
                let weight = |other: usize| run.weights.get(other).and_then(|weights| weights.get(row)).copied();
                let weights: [V; OTHERS] = std::array::from_fn(|other| V::splat(weight(other).unwrap_or(0.0)));
                for at in (0..side).step_by(V::LANES) {
                    let values = band.values(at, weights);
                    let higher = values.above(to);
                    V::put(higher, above.add(byte));
                    V::put(values.above(from) ^ higher, within.add(byte));
                    byte += V::LANES / 8;
                }
            }
        }
    }
}

/// Decides the cells within the bracket and sets the bits of those that are positive; false if the threshold is not
/// safely inside. `offset` is what the values in single precision are less than the exact ones.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn settle<V: Vector>(
    question: &Question<'_>,
    space: &mut Space,
    bracket: [f32; 2],
    error: f32,
    offset: f64,
) -> bool {
    let &Question { resampling, source, side, rank, strict, .. } = question;
    let Space { lines, above, within, candidates, cells, near, sorted, .. } = space;
    let higher: usize = above.iter().map(|word| word.count_ones() as usize).sum();
    let inside: usize = within.iter().map(|word| word.count_ones() as usize).sum();
    let lower = side * side - higher - inside;
    let Some(local) = rank.checked_sub(lower).filter(|local| *local < inside) else { return false };
    candidates.clear();
    cells.clear();
    let (mut row, mut row_end) = (0, side);
    for (number, &word) in within.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            let cell = number * 64 + rest.trailing_zeros() as usize;
            while cell >= row_end {
                (row, row_end) = (row + 1, row_end + side);
            }
            candidates.push(resampling.value_near(lines, row, cell + side - row_end));
            cells.push(cell as u32);
            rest &= rest - 1;
        }
    }
    let padding = candidates.len().next_multiple_of(V::LANES) - candidates.len();
    candidates.extend(std::iter::repeat_n(f32::NEG_INFINITY, padding));

    // Halve the bracket until a handful of cells is left in it.
    let wanted = inside - 1 - local;
    let [mut from, mut to] = bracket;
    let (mut above_from, mut above_to) = (inside, 0);
    while above_from - above_to > V::LANES && to - from > error {
        let middle = from + (to - from) / 2.0;
        // SAFETY: the candidates are whole registers.
        let count = unsafe { count_above::<V>(candidates, middle) };
        if count > wanted {
            (from, above_from) = (middle, count);
        } else {
            (to, above_to) = (middle, count);
        }
    }
    let (from, to) = (from - 2.0 * error, to + 2.0 * error);
    near.clear();
    sorted.clear();
    let mut below = 0;
    for (&value, &cell) in candidates.iter().zip(cells.iter()) {
        if value > to {
            set(above, cell);
        } else if value > from {
            let exact = resampling.value_at(source, cell as usize / side, cell as usize % side);
            near.push((exact, cell));
            sorted.push(exact);
        } else {
            below += 1;
        }
    }
    let Some(local) = local.checked_sub(below).filter(|local| *local < sorted.len()) else { return false };
    let (_, &mut threshold, _) = sorted.select_nth_unstable_by(local, f64::total_cmp);
    let edge = |edge: f32, inwards: f32| offset + f64::from(edge + inwards * error);
    if !(threshold > edge(bracket[0], 1.0) && threshold < edge(bracket[1], -1.0)) {
        return false;
    }
    for &(value, cell) in near.iter() {
        if value > threshold || (!strict && value >= threshold) {
            set(above, cell);
        }
    }
    true
}

#[inline(always)]
fn set(words: &mut [u64], cell: u32) {
    if let Some(word) = words.get_mut(cell as usize / 64) {
        *word |= 1 << (cell % 64);
    }
}

/// How many of `values` are above `level`.
///
/// # Safety
/// As [`Vector`]; the values must be whole registers.
#[inline(always)]
unsafe fn count_above<V: Vector>(values: &[f32], level: f32) -> usize {
    let mut count = 0;
    for values in values.chunks_exact(V::LANES) {
        // SAFETY: each chunk is one register long.
        count += unsafe { V::load(values.as_ptr()).above(V::splat(level)) }.count_ones() as usize;
    }
    count
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Question, Space, Vector, count_with};

    impl Vector for __m512 {
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: as the trait says.
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as the trait says.
            unsafe { _mm512_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as the trait says.
            unsafe { _mm512_storeu_ps(to, self) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
            // SAFETY: as the trait says.
            unsafe { _mm512_fmadd_ps(self, factor, addend) }
        }

        #[inline(always)]
        unsafe fn above(self, other: Self) -> u64 {
            // SAFETY: as the trait says.
            u64::from(unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self, other) })
        }

        #[inline(always)]
        unsafe fn put(bits: u64, to: *mut u8) {
            // SAFETY: as the trait says; the address need not be aligned.
            unsafe { to.cast::<u16>().write_unaligned(bits as u16) }
        }
    }

    impl Vector for __m256 {
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: as the trait says.
            unsafe { _mm256_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as the trait says.
            unsafe { _mm256_loadu_ps(from) }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as the trait says.
            unsafe { _mm256_storeu_ps(to, self) }
        }

        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
            // SAFETY: as the trait says.
            unsafe { _mm256_fmadd_ps(self, factor, addend) }
        }

        #[inline(always)]
        unsafe fn above(self, other: Self) -> u64 {
            // SAFETY: as the trait says.
            unsafe { u64::from(_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self, other)) as u32) }
        }

        #[inline(always)]
        unsafe fn put(bits: u64, to: *mut u8) {
            // SAFETY: as the trait says; the address need not be aligned.
            unsafe { to.cast::<u8>().write_unaligned(bits as u8) }
        }
    }

    /// # Safety
    /// The processor must have the features named below.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx512vpopcntdq,avx2,fma,popcnt,bmi1,bmi2,lzcnt")]
    pub(super) unsafe fn count_avx512(question: &Question<'_>, space: &mut Space) -> Option<[usize; 3]> {
        // SAFETY: the features are enabled.
        unsafe { count_with::<__m512>(question, space) }
    }

    /// # Safety
    /// The processor must have the features named below.
    #[target_feature(enable = "avx2,fma,popcnt,bmi1,bmi2,lzcnt")]
    pub(super) unsafe fn count_avx2(question: &Question<'_>, space: &mut Space) -> Option<[usize; 3]> {
        // SAFETY: the features are enabled.
        unsafe { count_with::<__m256>(question, space) }
    }
}
