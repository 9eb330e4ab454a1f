//! Annotation files and lists.

#[path = "../../src/dataset/annotation/mod.rs"]
mod annotation;
#[path = "../../src/dataset/clip.rs"]
mod clip;
#[path = "../../src/dataset/error.rs"]
mod error;
#[path = "../../src/dataset/file_kind.rs"]
mod file_kind;
#[path = "../../src/dataset/formats/mod.rs"]
pub mod formats;
#[path = "../../src/dataset/identity.rs"]
pub mod identity;
#[path = "../../src/dataset/report.rs"]
mod report;

pub use annotation::*;
pub use clip::{Benchmark, Clip, ClipMedia, Dataset, NegativeKind, ScoredFrame};
pub use error::{DatasetError, Place, Problem};
pub use file_kind::FileKind;
pub use report::{MediaProblem, Note, Report};
