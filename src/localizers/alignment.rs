//! Cross-modal alignment (Senocak et al., ICCV 2023) with or without its object guide, and, by what is known of it,
//! HardPos (Senocak et al., ICASSP 2022).

use super::ave_net::AveNet;
use super::object_guide::{ObjectGuide, object_grid};
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    BenchmarkWindow, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query,
    QueryEmbedding, Resizing, Result, TrainedWith, ViewRule, WindowPlan,
};
use crate::heatmap::{Heatmap, Mixture, ObjectPrior};
use crate::network::StateDict;
use crate::signal::{Resampler, cut_repeating, left_channel, log_psd};

/// LVS' network; the whole frame squashed as floats, not antialiased; three seconds of the left channel as ln PSD with
/// a hop of 159 (257×299 at 16 kHz).
pub(super) struct Alignment {
    info: LocalizerInfo,
    network: AveNet,
    object_guide: Option<ObjectGuide>,
}

impl Alignment {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        Self::with_resizing(system, weights, Resizing::TensorBicubic)
    }

    /// As under torchvision from 0.17 on, which antialiases; the authors name no version.
    pub(super) fn antialiased(system: &'static System, weights: &StateDict) -> Result<Self> {
        Self::with_resizing(system, weights, Resizing::TensorBicubicAntialiased)
    }

    fn with_resizing(system: &'static System, weights: &StateDict, resizing: Resizing) -> Result<Self> {
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
        let object_guide = guided.then(|| ObjectGuide::new(&weights.view())).transpose()?;
        Ok(Self { info, network: AveNet::new(weights)?, object_guide })
    }
}

impl Localizer for Alignment {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let mut arrays = vec![("features", self.network.see(&image)?)];
        if let Some(guide) = &self.object_guide {
            arrays.push(("objects", guide.map(&image)?));
        }
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), arrays) })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let spectrogram = log_psd(&left_channel(&cut_repeating(sound, window)), sound.rate, 353);
        let heard = self.network.hear(&spectrogram_tensor(spectrogram, window)?)?;
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", heard)]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let values = AveNet::compare(features.parts.get("features")?, embedding.parts.get("sound")?)?;
        let object_prior = match self.object_guide {
            Some(_) => {
                let values = object_grid(features.parts.get("objects")?)?;
                Some(ObjectPrior { values, mixture: Mixture::MinMax { alpha: 0.4 } })
            }
            None => None,
        };
        let confidence = Some(values.range().1);
        Ok(Heatmap {
            values,
            frame: features.frame,
            covers: self.view(features.frame).covers,
            nominal_range: Some([-1.0, 1.0]),
            object_prior,
            confidence,
        })
    }
}
