//! LVS: Localizing Visual Sounds the Hard Way (Chen et al., CVPR 2021).

use super::ave_net::AveNet;
use super::query::{sound_of, spectrogram_tensor};
use super::registry::System;
use super::{
    BenchmarkWindow, FrameInput, Hearing, ImageFeatures, Localizer, LocalizerInfo, Normalization, Parts, Query,
    QueryEmbedding, Result, TrainedWith, ViewRule, WindowPlan,
};
use crate::heatmap::Heatmap;
use crate::network::StateDict;
use crate::signal::{Resampler, cut_repeating, left_channel, log_psd};

/// Middle square of the frame; ten seconds of sound as ln PSD (257×671 at 16 kHz); cosine at 14×14 places.
pub(super) struct Lvs {
    info: LocalizerInfo,
    network: AveNet,
}

impl Lvs {
    pub(super) fn new(system: &'static System, weights: &StateDict) -> Result<Self> {
        let mut info = LocalizerInfo {
            system,
            hearing: Some(Hearing { rate: 16_000, resampler: Resampler::SoxrHq }),
            window: WindowPlan { length_secs: 10.0, benchmark: BenchmarkWindow::First },
            view: ViewRule::Crop { side: 224 },
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: false,
            query_matters: true,
            remark: Some("Of a sound with several channels the left one is heard; the authors' loader takes mono only"),
        };
        TrainedWith::of(weights)?.adapt(&mut info);
        Ok(Self { info, network: AveNet::new(weights)? })
    }
}

impl Localizer for Lvs {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let image = self.info.view.render(frame.picture, &Normalization::IMAGENET)?;
        let parts = Parts::new(self.info.id(), vec![("features", self.network.see(&image)?)]);
        Ok(ImageFeatures { frame: frame.picture.size, parts })
    }

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding> {
        let (sound, window) = sound_of(&self.info, query)?;
        let spectrogram = log_psd(&left_channel(&cut_repeating(sound, window)), sound.rate, 274);
        let heard = self.network.hear(&spectrogram_tensor(spectrogram, window)?)?;
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), vec![("sound", heard)]) })
    }

    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap> {
        let values = AveNet::compare(features.parts.get("features")?, embedding.parts.get("sound")?)?;
        let confidence = Some(values.range().1);
        Ok(Heatmap {
            values,
            frame: features.frame,
            covers: self.view(features.frame).covers,
            nominal_range: Some([-1.0, 1.0]),
            object_prior: None,
            confidence,
        })
    }
}
