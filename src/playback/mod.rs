//! The clock and the audio output: what is heard now and so which frame is due.
//!
//! The sound card leads where there is one, the wall clock otherwise. [`Player`] is the face; behind it the
//! `transport` decides which samples come next, the `timeline` remembers when which of them is heard, and the
//! `output` thread owns the device or stands in for it. Not in here: decoding (`media`), drawing.

mod clip_sound;
mod clock;
mod device;
mod due;
mod output;
mod player;
mod resampling;
mod timeline;
mod transport;

pub use due::{DUE_TOLERANCE_SECS, due_frame, time_to_next};
pub use player::{Device, PlaybackState, Player};
