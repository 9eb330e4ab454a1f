//! From a query to what an audio network is shown.

use candle_core::{Device, Tensor};

use super::{LocalizerError, LocalizerInfo, Query, Result};
use crate::signal::{AudioWindow, Spectrogram, Waveform};

/// The sound of a query.
///
/// # Errors
/// A query of another kind, and a sound without samples.
pub(super) fn sound_of<'a>(info: &LocalizerInfo, query: &Query<'a>) -> Result<(&'a Waveform, AudioWindow)> {
    match *query {
        Query::Sound { sound, window } if sound.frames() > 0 => Ok((sound, window)),
        Query::Sound { window, .. } => Err(LocalizerError::NothingToHear { start_secs: window.start_secs }),
        Query::Text(_) => Err(LocalizerError::QueryKind { id: info.id(), accepted: "a sound", given: "a text" }),
        Query::SoundVector(_) => {
            Err(LocalizerError::QueryKind { id: info.id(), accepted: "a sound", given: "a sound vector" })
        }
    }
}

/// A spectrogram as a 1×1×rows×columns tensor.
///
/// # Errors
/// A spectrogram without columns: the window was too short for a single frame.
pub(super) fn spectrogram_tensor(spectrogram: Spectrogram, window: AudioWindow) -> Result<Tensor> {
    let Spectrogram { rows, columns, values } = spectrogram;
    if values.is_empty() {
        return Err(LocalizerError::NothingToHear { start_secs: window.start_secs });
    }
    Ok(Tensor::from_vec(values, (1, 1, rows, columns), &Device::Cpu)?)
}
