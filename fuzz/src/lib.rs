//! The readers of the program by their sources, so that a fuzzer is built in minutes: nothing here is a copy.
#![allow(dead_code, unused_imports, clippy::result_large_err)]

#[path = "../../src/geometry/mod.rs"]
pub mod geometry;

pub mod network {
    //! Checkpoints and arrays.

    #[path = "../../../src/network/arrays/mod.rs"]
    pub mod arrays;
    #[path = "../../../src/network/checkpoint/mod.rs"]
    pub mod checkpoint;

    /// What tensors are collected into.
    pub type StateDict = std::collections::BTreeMap<String, candle_core::Tensor>;
}

pub mod dataset {
    //! Annotation files and lists.

    #[path = "../../../src/dataset/annotation.rs"]
    mod annotation;
    #[path = "../../../src/dataset/clip.rs"]
    mod clip;
    #[path = "../../../src/dataset/error.rs"]
    mod error;
    #[path = "../../../src/dataset/formats/mod.rs"]
    pub mod formats;
    #[path = "../../../src/dataset/identity.rs"]
    pub mod identity;
    #[path = "../../../src/dataset/join.rs"]
    mod join;
    #[path = "../../../src/dataset/media_index.rs"]
    mod media_index;
    #[path = "../../../src/dataset/open.rs"]
    mod open;
    #[path = "../../../src/dataset/report.rs"]
    mod report;

    pub use annotation::*;
    pub use clip::{Benchmark, Clip, ClipMedia, Dataset, NegativeKind, ScoredFrame};
    pub use error::{DatasetError, Place, Problem};
    pub use open::{FileKind, open};
    pub use report::{MediaProblem, Note, Report};
}
