//! The vector instructions that the kernels are written in, one implementation a level.
//!
//! Every kernel is generic over [`Simd`] and forced inline into one entry function a level that carries the level's
//! `target_feature`, so one text serves all of them. Calling a method outside such a function, on a processor
//! without the level, is undefined behaviour; `Level` only ever hands out levels that the processor has.

/// A vector of `f32` and the shape of the register tile that suits the level.
///
/// # Safety
/// All methods need a processor that has the level. Pointers must be valid for `LANES` values; no alignment needed.
pub trait Simd: Copy {
    /// Values in a vector.
    const LANES: usize;
    /// Rows of the matrix tile that stays in registers.
    const ROWS: usize;
    type Vector: Copy;

    unsafe fn splat(value: f32) -> Self::Vector;
    unsafe fn load(from: *const f32) -> Self::Vector;
    unsafe fn store(to: *mut f32, v: Self::Vector);
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn div(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn max(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    unsafe fn min(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a · b + c`
    unsafe fn fma(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `v` in the lanes in which `sign` is above zero, 0 in the others.
    unsafe fn where_positive(sign: Self::Vector, v: Self::Vector) -> Self::Vector;
    /// To the nearest whole number.
    unsafe fn round(v: Self::Vector) -> Self::Vector;
    /// `2^v` for whole `v` in −126 … 127.
    unsafe fn power_of_two(v: Self::Vector) -> Self::Vector;
    /// Asks for a cache line that will be read soon. Any address is allowed.
    unsafe fn prefetch(address: *const f32);
}

/// `e^x`, relative error below 2e-7; results below 1e-38 become about 1e-38.
///
/// # Safety
/// As [`Simd`].
#[inline(always)]
pub unsafe fn exp<S: Simd>(x: S::Vector) -> S::Vector {
    // SAFETY: the caller vouches for the level.
    unsafe {
        let x = S::min(S::max(x, S::splat(-87.0)), S::splat(88.0));
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        // ln 2 in two parts, so that the remainder keeps its last bits.
        let r = S::fma(n, S::splat(-0.693_359_4), x);
        let r = S::fma(n, S::splat(2.121_944_4e-4), r);
        let mut p = S::splat(1.987_569_1e-4);
        for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = S::fma(p, r, S::splat(c));
        }
        let e = S::add(S::fma(S::mul(r, r), p, r), S::splat(1.0));
        S::mul(e, S::power_of_two(n))
    }
}

/// Plain Rust for any processor.
#[derive(Clone, Copy)]
pub struct Portable;

impl Simd for Portable {
    const LANES: usize = 4;
    const ROWS: usize = 4;
    type Vector = [f32; 4];

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 4] {
        [value; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        // SAFETY: the caller vouches for four readable values.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: [f32; 4]) {
        // SAFETY: the caller vouches for four writable values.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]]
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]]
    }
    #[inline(always)]
    unsafe fn div(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] / b[0], a[1] / b[1], a[2] / b[2], a[3] / b[3]]
    }
    #[inline(always)]
    unsafe fn max(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        let larger = |a: f32, b: f32| if a > b { a } else { b };
        [larger(a[0], b[0]), larger(a[1], b[1]), larger(a[2], b[2]), larger(a[3], b[3])]
    }
    #[inline(always)]
    unsafe fn min(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        let smaller = |a: f32, b: f32| if a < b { a } else { b };
        [smaller(a[0], b[0]), smaller(a[1], b[1]), smaller(a[2], b[2]), smaller(a[3], b[3])]
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0] + c[0], a[1] * b[1] + c[1], a[2] * b[2] + c[2], a[3] * b[3] + c[3]]
    }
    #[inline(always)]
    unsafe fn where_positive(sign: [f32; 4], v: [f32; 4]) -> [f32; 4] {
        let kept = |sign: f32, v: f32| if sign > 0.0 { v } else { 0.0 };
        [kept(sign[0], v[0]), kept(sign[1], v[1]), kept(sign[2], v[2]), kept(sign[3], v[3])]
    }
    #[inline(always)]
    unsafe fn round(v: [f32; 4]) -> [f32; 4] {
        [v[0].round_ties_even(), v[1].round_ties_even(), v[2].round_ties_even(), v[3].round_ties_even()]
    }
    #[inline(always)]
    unsafe fn power_of_two(v: [f32; 4]) -> [f32; 4] {
        let one = |n: f32| f32::from_bits(((n as i32 + 127) << 23) as u32);
        [one(v[0]), one(v[1]), one(v[2]), one(v[3])]
    }
    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}
}
