//! Cross-modal alignment (Senocak et al., ICCV 2023) with or without its object guide, and, by what is known of it,
//! HardPos (Senocak et al., ICASSP 2022).

use super::ave_net::AveNet;
use super::object_guide::ObjectGuide;
use super::registry::System;
use super::variants::ANTIALIASED;
use super::{BenchmarkWindow, Hearing, LocalizerInfo, Resizing, Result, TrainedWith, ViewRule, WindowPlan};
use crate::heatmap::Mixture;
use crate::network::StateDict;
use crate::signal::{Resampler, cut_repeating, left_channel, log_psd};

/// LVS' network; the whole frame squashed as floats, not antialiased in the usual form; three seconds of the left
/// channel as ln PSD with a hop of 159 (257×299 at 16 kHz).
pub(super) fn alignment(system: &'static System, variant: Option<&str>, weights: &StateDict) -> Result<AveNet> {
    // torchvision antialiases from 0.17 on; the authors name no version.
    let resizing =
        if variant == Some(ANTIALIASED) { Resizing::TensorBicubicAntialiased } else { Resizing::TensorBicubic };
    let remark = match system.id {
        "hardpos" => {
            "Its authors published no code: this is the graph of their later system, into which a checkpoint most \
             likely loads"
        }
        _ => "The authors name no torchvision version; the picture is resized without antialiasing, as before 0.17",
    };
    let mut info = LocalizerInfo {
        system,
        hearing: Some(Hearing { rate: 16_000, resampler: Resampler::SoxrHq }),
        window: WindowPlan { length_secs: 3.0, benchmark: BenchmarkWindow::From { start_secs: 3.5 } },
        view: ViewRule::Stretch { side: 224, resizing },
        reads_text: false,
        takes_sound_vector: false,
        needs_next_frame: false,
        query_matters: true,
        remark: Some(remark),
    };
    TrainedWith::of(weights)?.adapt(&mut info);
    let guided = system.id == "alignment-ogl";
    let mixture = Mixture::MinMax { alpha: 0.4 };
    let object_guide = guided.then(|| ObjectGuide::new(&weights.view(), mixture)).transpose()?;
    let front_end = |sound: &_, window| log_psd(&left_channel(&cut_repeating(sound, window)), sound.rate, 353);
    AveNet::new(info, front_end, weights, object_guide)
}
