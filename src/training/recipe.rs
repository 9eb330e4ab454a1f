//! What each system's authors train with: inputs, optimizer, schedule, augmentation. Where their code is public the
//! values are its own; where it is not, a comment says whose they are.

use super::TrainError;
use super::optimizer::{Optimizer, Schedule};
use super::plan::Augmentation;
use crate::localizers::{Hearing, Normalization};
use crate::signal::{
    AudioWindow, Resampler, Spectrogram, Waveform, cut_inside, cut_repeating, decibel_psd, integers_16bit,
    left_channel, log_psd, mean_channel, mono_16bit, standardized_log_power,
};

/// From an audio window to what the audio network is shown, as the system's localizer makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontEnd {
    /// ln PSD of the left channel.
    Psd { overlap: usize },
    /// ln PSD of the 16-bit mono sound.
    MonoPsd,
    /// Standardized log power.
    LogPower,
    /// Decibels of 16-bit amplitudes.
    Decibels,
}

impl FrontEnd {
    /// The spectrogram of a window of a sound that is at the system's rate already.
    pub fn spectrogram(self, sound: &Waveform, window: AudioWindow) -> Spectrogram {
        match self {
            Self::Psd { overlap } => log_psd(&left_channel(&cut_repeating(sound, window)), sound.rate, overlap),
            Self::MonoPsd => log_psd(&mono_16bit(&cut_repeating(sound, window)), sound.rate, 274),
            Self::LogPower => standardized_log_power(&mean_channel(&cut_inside(sound, window))),
            Self::Decibels => decibel_psd(&integers_16bit(&cut_repeating(sound, window)), sound.rate),
        }
    }
}

/// How a system is trained by its authors.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    pub system: &'static str,
    pub front_end: FrontEnd,
    pub hearing: Hearing,
    pub window_secs: f64,
    pub normalization: Normalization,
    pub augmentation: Augmentation,
    pub optimizer: Optimizer,
    pub rate: f64,
    pub schedule: Schedule,
    pub batch: usize,
    pub epochs: usize,
    /// How much of the momentum branch stays at each step, where there is one.
    pub momentum: f64,
    /// The share of the places' features that is dropped.
    pub dropout: f64,
}

/// The systems that can be trained.
pub fn recipes() -> Vec<Recipe> {
    let at = |rate: u32, resampler: Resampler| Hearing { rate, resampler };
    let lvs = Recipe {
        system: "lvs",
        front_end: FrontEnd::Psd { overlap: 274 },
        hearing: at(16_000, Resampler::SoxrHq),
        window_secs: 10.0,
        normalization: Normalization::IMAGENET,
        augmentation: Augmentation::CropAndFlip,
        // Its authors published no training code; these are the defaults of SSL-TIE, which is derived from theirs.
        optimizer: Optimizer::Adam { weight_decay: 1e-4 },
        rate: 1e-4,
        schedule: Schedule::Constant,
        batch: 256,
        epochs: 80,
        momentum: 0.0,
        dropout: 0.0,
    };
    let ez_vsl = Recipe {
        system: "ez-vsl",
        front_end: FrontEnd::MonoPsd,
        window_secs: 3.0,
        optimizer: Optimizer::Adam { weight_decay: 0.0 },
        rate: 1e-4,
        batch: 128,
        epochs: 20,
        ..lvs.clone()
    };
    let slavc = Recipe { system: "slavc", momentum: 0.999, dropout: 0.9, ..ez_vsl.clone() };
    let rcgrad = Recipe {
        system: "rcgrad",
        front_end: FrontEnd::LogPower,
        hearing: at(16_000, Resampler::KaiserBest),
        window_secs: 5.0,
        normalization: Normalization::CLIP,
        augmentation: Augmentation::MiddleCrop,
        optimizer: Optimizer::Adam { weight_decay: 0.0 },
        rate: 1e-3,
        schedule: Schedule::Plateau { patience: 5, factor: 0.1 },
        batch: 256,
        epochs: 100,
        ..lvs.clone()
    };
    let avol = Recipe {
        system: "avol",
        front_end: FrontEnd::Decibels,
        hearing: at(48_000, Resampler::SoxrHq),
        window_secs: 1.0,
        augmentation: Augmentation::CropFlipAndLight,
        optimizer: Optimizer::Adam { weight_decay: 1e-5 },
        rate: 5e-5,
        schedule: Schedule::Step { epochs: 16, factor: 0.94 },
        batch: 64,
        epochs: 500,
        ..lvs.clone()
    };
    let alignment = Recipe {
        system: "alignment",
        front_end: FrontEnd::Psd { overlap: 353 },
        window_secs: 3.0,
        // Its authors published no training code; the paper names Adam, 1e-4 and 20 epochs.
        optimizer: Optimizer::Adam { weight_decay: 0.0 },
        rate: 1e-4,
        batch: 128,
        epochs: 20,
        ..lvs.clone()
    };
    // The system's authors took a finished CLIP; what it was trained with (AdamW with decay 0.2, cosine) at the size of
    // its sources cannot be had on a small machine, and the batch and rate here are ours.
    let clip_text = Recipe {
        system: "clip-text",
        window_secs: 1.0,
        augmentation: Augmentation::SquashAndFlip,
        optimizer: Optimizer::AdamW { weight_decay: 0.2 },
        rate: 5e-4,
        schedule: Schedule::Cosine,
        batch: 64,
        epochs: 30,
        ..rcgrad.clone()
    };
    let clip_audio = Recipe {
        system: "clip-audio",
        window_secs: 1.0,
        augmentation: Augmentation::SquashAndFlip,
        schedule: Schedule::Constant,
        batch: 128,
        epochs: 50,
        ..rcgrad.clone()
    };
    vec![lvs, ez_vsl, slavc, rcgrad, avol, alignment, clip_text, clip_audio]
}

/// How the system with this id is trained.
pub fn recipe(system: &str) -> Result<Recipe, TrainError> {
    let recipes = recipes();
    let known = recipes.iter().map(|recipe| recipe.system).collect();
    let found = recipes.into_iter().find(|recipe| recipe.system == system);
    found.ok_or_else(|| TrainError::UnknownSystem { id: system.to_owned(), known })
}
