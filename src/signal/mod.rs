//! Sound as numbers: windows, spectrograms, resampling to the rate that a model hears.
//!
//! Each function reproduces one published front end and says which. Not in here: reading sound from files
//! (`media`), which front end a model takes (`localizers`).

mod channels;
mod front_ends;
mod mel;
mod resample;
mod time_stretch;
mod spectrum;
mod waveform;
mod window;

pub use channels::{integers_16bit, left_channel, mean_channel, mono_16bit};
pub use front_ends::{
    Spectrogram, decibel_psd, htk_mel_decibels, log_mel_40ms, log_psd, mel_decibels_10ms, peak_normalized,
    standardized_log_power, stretched_to_full_scale, vggish_examples,
};
pub use mel::{FilterBank, htk_filters, slaney_filters, vggish_filters};
pub use resample::{Resampler, resample};
pub(crate) use resample::{bessel_i0, sinc};
pub use spectrum::{Edges, Framing, Spectrum, hann, power_spectral_density, power_spectrum, tukey};
pub use time_stretch::TimeStretch;
pub use waveform::Waveform;
pub use window::{AudioWindow, cut_inside, cut_repeating};
