//! SSL-TIE: transformation invariance and equivariance (Liu et al., ACM Multimedia 2022).

use super::ave_net::AveNet;
use super::registry::System;
use super::{BenchmarkWindow, Hearing, LocalizerInfo, Result, ViewRule, WindowPlan};
use crate::network::StateDict;
use crate::signal::{Resampler, cut_repeating, htk_mel_decibels, mean_channel};

/// LVS' network and view; ten seconds of sound as mel bands in decibels (257×670 at 16 kHz), neither scaled nor
/// standardized.
pub(super) fn ssl_tie(system: &'static System, weights: &StateDict) -> Result<AveNet> {
    let info = LocalizerInfo {
        system,
        hearing: Some(Hearing { rate: 16_000, resampler: Resampler::SoxrHq }),
        window: WindowPlan { length_secs: 10.0, benchmark: BenchmarkWindow::First },
        view: ViewRule::Crop { side: 224 },
        reads_text: false,
        takes_sound_vector: false,
        needs_next_frame: false,
        query_matters: true,
        remark: Some("Of a sound with several channels the mean is heard; the authors' loader takes mono only"),
    };
    let front_end = |sound: &_, window| htk_mel_decibels(&mean_channel(&cut_repeating(sound, window)), sound.rate);
    AveNet::new(info, front_end, weights, None)
}
