//! Checkpoints and arrays.

#[path = "../../src/network/arrays/mod.rs"]
pub mod arrays;
#[path = "../../src/network/checkpoint/mod.rs"]
pub mod checkpoint;
#[path = "../../src/network/plain_file.rs"]
mod plain_file;

pub use plain_file::open_plain;

/// What tensors are collected into.
pub type StateDict = std::collections::BTreeMap<String, candle_core::Tensor>;
