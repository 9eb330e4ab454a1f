//! What is looked at and what is true of it: clips, annotations, lists, the project store.
//!
//! Formats in and out, each in a file of its own with its quirks. Not in here: scores (`metrics`).
//!
//! [`open`] takes anything that a person may point at (a video, an image, a folder, an annotation file, a list)
//! and answers with a [`Dataset`]: clips, what is true of them, and a [`Report`] of everything that is missing,
//! doubtful or left out. Nothing is replaced in silence.

mod annotation;
mod clip;
mod error;
mod file_kind;
pub mod formats;
pub mod identity;
mod inspection;
mod join;
mod media_index;
mod open;
pub mod project;
mod report;
mod truth;

pub use annotation::{
    Annotation, BetweenKeys, BoxAt, BoxScale, BoxShape, ClipAnnotations, MaskAnnotation, Moment, Quirk, SoundInterval,
    Span, WrittenBox,
};
pub use clip::{Benchmark, Clip, ClipMedia, Dataset, NegativeKind, ScoredFrame};
pub use error::{DatasetError, Place, Problem};
pub use file_kind::FileKind;
pub use inspection::{InspectionRules, inspect, inspect_clip};
pub use open::open;
pub use report::{MediaProblem, Note, Report};
