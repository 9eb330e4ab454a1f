//! A question to a model: its image side, its words, and the embeddings of sounds, each made once.

use std::collections::HashMap;

use super::clip_files::Sounds;
use super::moments::{ScoredMoment, Truth};
use super::plan::Plan;
use super::questions::{Asked, Question};
use crate::dataset::{Clip, identity};
use crate::localizers::{FrameInput, ImageFeatures, Localizer, LocalizerError, Query, QueryEmbedding};
use crate::media::Picture;

/// What a worker keeps from clip to clip: what models make of silence and noise, which are always the same.
#[derive(Default)]
pub struct Keep {
    made: HashMap<EmbeddingKey, QueryEmbedding>,
}

/// Model, what was asked, length of the sound, start and length of the window (bits of seconds).
type EmbeddingKey = (usize, Asked, u64, u64, u64);

/// Embeddings of made sounds that a worker keeps.
const MADE_KEPT: usize = 256;
/// Embeddings of a clip's own sounds that are kept while its frames are gone through.
const OWN_KEPT: usize = 64;

/// A model that is asked in words because it hears nothing.
pub fn reads(localizer: &dyn Localizer) -> bool {
    let info = localizer.info();
    info.reads_text && !info.hears_sound()
}

/// The image side. Saved maps are looked for under the clip's id, then under its file's name, each with `suffix`.
pub fn look(
    localizer: &dyn Localizer,
    clip: &Clip,
    suffix: &str,
    picture: &Picture,
    next: Option<&Picture>,
    frame: Option<usize>,
) -> Result<ImageFeatures, String> {
    // Where the frame's number is not known, only a map that serves every frame is taken.
    let index = frame.unwrap_or(usize::MAX);
    let named = |name: &str| {
        let name = format!("{name}{suffix}");
        localizer.encode_image(&FrameInput { picture, next, index, clip: &name })
    };
    let name = identity::stem(&clip.name);
    match named(&clip.id) {
        Ok(features) => Ok(features),
        Err(error @ LocalizerError::Predictions { .. }) if name != clip.id => {
            named(name).map_err(|_| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The words that a reading model is asked with.
pub fn words(clip: &Clip, truth: &Truth, question: &Question) -> Option<String> {
    let labels = truth.labels();
    let of_boxes = || (!labels.is_empty()).then(|| labels.join(", "));
    question.source.map(str::to_owned).or_else(|| clip.class.clone()).or_else(of_boxes)
}

/// The sounds of a clip, and what models made of them so far.
pub struct Heard<'a> {
    pub sounds: Sounds<'a>,
    own: HashMap<EmbeddingKey, QueryEmbedding>,
    keep: &'a mut Keep,
}

impl<'a> Heard<'a> {
    pub fn new(sounds: Sounds<'a>, keep: &'a mut Keep) -> Self {
        Self { sounds, own: HashMap::new(), keep }
    }
}

/// One model at one moment of a clip.
pub struct Asking<'a> {
    pub plan: &'a Plan,
    pub clip: &'a Clip,
    pub moment: &'a ScoredMoment,
    /// Place of the model in the plan.
    pub number: usize,
}

impl Asking<'_> {
    /// The query side of a question.
    pub fn embedding(&self, question: &Question, heard: &mut Heard) -> Result<QueryEmbedding, String> {
        let Heard { sounds, own, keep } = heard;
        let Some(model) = self.plan.models.get(self.number) else { return Err("no such model".into()) };
        let localizer = model.localizer.as_ref();
        let info = localizer.info();
        let encoded = |query: &Query| localizer.encode_query(query).map_err(|error| error.to_string());
        if !info.query_matters {
            return encoded(&Query::Text(""));
        }
        let Some(hearing) = info.hearing else {
            if !info.reads_text {
                return Err(format!("{} is asked neither with a sound nor with words", info.id()));
            }
            if question.asked != Asked::Own {
                return Err(format!("{} hears nothing, so it cannot be asked with {}", info.id(), question.name));
            }
            let words = words(self.clip, &self.moment.truth, question);
            let words = words.ok_or("there are no words to ask with: neither the clip nor its boxes have a class")?;
            return encoded(&Query::Text(&words));
        };
        let asked = question.asked;
        let made = matches!(asked, Asked::Silence | Asked::Noise);
        let secs = if made { sounds.secs() } else { sounds.get(asked)?.track.duration_secs() };
        let rule = self.plan.window.rule(self.clip.scored);
        let window = localizer.audio_window(rule, self.moment.time_secs, secs);
        let key = (self.number, asked, secs.to_bits(), window.start_secs.to_bits(), window.length_secs.to_bits());
        let cache = if made { &mut keep.made } else { own };
        if let Some(known) = cache.get(&key) {
            return Ok(known.clone());
        }
        let sound = sounds.get(asked)?.prepared(&hearing);
        let embedding = encoded(&Query::Sound { sound: &sound, window })?;
        if cache.len() >= if made { MADE_KEPT } else { OWN_KEPT } {
            cache.clear();
        }
        cache.insert(key, embedding.clone());
        Ok(embedding)
    }
}
