//! The arithmetic of the layers on the processor, in one text for AVX-512, AVX2, NEON and any other processor.
//!
//! Maps are kept channels last with a border of zeros ([`map`]); convolutions and linear layers are one matrix kernel
//! that reads scattered rows ([`panel`]), 3×3 convolutions optionally by Winograd's method ([`winograd`]).
//! This is the only folder of the room that works with raw pointers: every public function checks or states what it
//! needs, and the layers above check shapes before they call.
#![allow(unsafe_code, clippy::needless_range_loop)]

pub mod batch_norm;
pub mod buffer;
pub mod convolve;
pub mod dispatch;
pub mod level;
pub mod linear;
pub mod map;
pub mod normalize;
pub mod outer;
pub mod panel;
pub mod pooling;
pub mod products;
pub mod rows;
pub mod simd;
#[cfg(target_arch = "aarch64")]
pub mod simd_neon;
#[cfg(target_arch = "x86_64")]
pub mod simd_x86;
pub mod transposed;
pub mod unpool;
pub mod winograd;

#[cfg(test)]
mod tests;
