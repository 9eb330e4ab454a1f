//! The metrics against what the authors' own evaluators answered.

mod figures;
mod golden;
mod maps;
