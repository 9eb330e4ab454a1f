//! From a wish to a result: jobs, caches and priorities.
//!
//! The newest wish wins and stale results are dropped: results are kept under what they depend on, and a job whose
//! waiting side is gone is cancelled. Not in here: what a result means or looks like.

mod cache;
mod jobs;
mod scoring;
mod sound;

pub use cache::ByteCache;
pub use jobs::{Job, JobControl, JobFailed, JobView, Jobs, Wake};
pub use scoring::{FrameReadout, References, Scoring, ScoringKey, TruthTrack};
pub use sound::{Sound, SoundChoice, SoundKey};
