//! From a wish to a result: jobs, caches and priorities.
//!
//! The newest wish wins and stale results are dropped: results are kept under what they depend on, and a job whose
//! waiting side is gone is cancelled. Not in here: what a result means or looks like.

mod cache;
mod inference;
mod jobs;
mod pictures;
mod scoring;
mod sound;

pub use cache::ByteCache;
pub use inference::{
    ClipKey, Counts, Coverage, Inference, LaneValue, LoadedModel, Localized, Material, ModelKey, Wish,
};
pub use jobs::{Job, JobControl, JobFailed, JobView, Jobs, Wake};
pub use pictures::{ClipPictures, PictureSource};
pub use scoring::{FrameReadout, References, Scoring, ScoringKey, TruthTrack};
pub use sound::{Sound, SoundChoice, SoundKey};
