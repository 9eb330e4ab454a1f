//! The metrics against what the authors' own evaluators answered.

mod data_only;
mod figures;
pub mod golden;
mod maps;
