//! Layers, backbones and the weights they are made of.
//!
//! candle tensors are the face; on the processor our own kernels do the work. Reading a checkpoint never executes
//! anything from it. Not in here: what a system does with its backbones (`localizers`).

pub mod arrays;
mod state_dict;

pub use state_dict::{Misshapen, StateDict, StateView, WeightError};
