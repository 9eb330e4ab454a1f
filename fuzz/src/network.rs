//! Checkpoints and arrays.

#[path = "../../src/network/arrays/mod.rs"]
pub mod arrays;
#[path = "../../src/network/checkpoint/mod.rs"]
pub mod checkpoint;

/// What tensors are collected into.
pub type StateDict = std::collections::BTreeMap<String, candle_core::Tensor>;
