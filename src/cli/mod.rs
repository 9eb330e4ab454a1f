//! The commands of the program without a window.

pub mod annotations;
pub mod models;
pub mod probe;
