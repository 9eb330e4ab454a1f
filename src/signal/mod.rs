//! Sound as numbers: windows, spectrograms, resampling to the rate that a model hears.
//!
//! Each function reproduces one published front end and says which. Not in here: reading sound from files
//! (`media`), which front end a model takes (`localizers`).

mod resample;
mod time_stretch;
mod waveform;
mod window;

pub use resample::{Resampler, resample};
pub use time_stretch::TimeStretch;
pub use waveform::Waveform;
pub use window::{AudioWindow, cut_inside, cut_repeating};
