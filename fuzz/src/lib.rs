//! The readers of the program by their sources, so that a fuzzer is built in minutes: nothing here is a copy.
#![allow(dead_code, unused_imports, clippy::result_large_err)]

#[path = "../../src/geometry/mod.rs"]
pub mod geometry;

pub mod dataset;
pub mod network;
