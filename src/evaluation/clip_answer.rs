//! One clip: decoded once, each image and sound encoded once a model, scored under every protocol.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::clip_files::{Sounds, open_pictures, read_mask};
use super::moments::{ScoredMoment, Truth, scored_moments};
use super::plan::Plan;
use super::questions::{Asked, Question, questions, truths};
use super::row::{ClipKind, ScoreRow};
use super::saved_maps::{AskedMaps, FrameMap};
use super::scorer::coarse;
use crate::dataset::formats::pair_key;
use crate::dataset::{Benchmark, Clip, identity};
use crate::engine::Sound;
use crate::heatmap::Heatmap;
use crate::localizers::{FrameInput, ImageFeatures, Localizer, LocalizerError, Query, QueryEmbedding};
use crate::media::Picture;

/// Everything that a run learns of one clip.
#[derive(Debug, Default)]
pub(super) struct ClipAnswer {
    /// In the table's order.
    pub rows: Vec<ScoreRow>,
    /// By model: the map of the first moment on the coarse grid of mean maps.
    pub coarse: Vec<(usize, Vec<u8>)>,
    /// By model: the maps of all moments by what was asked, the clip's own sound first.
    pub maps: Vec<(usize, Vec<AskedMaps>)>,
}

/// What a worker keeps from clip to clip: what models make of silence and noise, which are always the same.
#[derive(Default)]
pub(super) struct Keep {
    made: HashMap<EmbeddingKey, QueryEmbedding>,
}

/// Model, what was asked, length of the sound, start and length of the window (bits of seconds).
type EmbeddingKey = (usize, Asked, u64, u64, u64);

/// Embeddings of made sounds that a worker keeps.
const MADE_KEPT: usize = 256;
/// Embeddings of a clip's own sounds that are kept while its frames are gone through.
const OWN_KEPT: usize = 64;

impl ClipAnswer {
    /// Answers every question about a clip. What cannot be answered is a row with the reason.
    pub fn of(plan: &Plan, index: usize, keep: &mut Keep, stop: &Arc<AtomicBool>) -> Self {
        let Some(clip) = plan.dataset.clips.get(index) else { return Self::default() };
        match catch_unwind(AssertUnwindSafe(|| answer(plan, index, clip, keep, stop))) {
            Ok(Ok(answer)) => answer,
            Ok(Err(reason)) => Self { rows: failed_rows(plan, index, clip, &reason), ..Self::default() },
            Err(_) => {
                let reason = "stopped at an internal error; please report it with the clip";
                Self { rows: failed_rows(plan, index, clip, reason), ..Self::default() }
            }
        }
    }
}

/// A row a model and protocol of a clip that could not even be looked at.
fn failed_rows(plan: &Plan, index: usize, clip: &Clip, reason: &str) -> Vec<ScoreRow> {
    let kind = match scored_moments(clip, plan.dataset.benchmark, None).as_deref() {
        Ok([moment]) => moment.truth.kind,
        _ if clip.annotations.is_some() => ClipKind::Positive,
        _ => ClipKind::Unannotated,
    };
    let mut rows = Vec::new();
    for model in &plan.models {
        for scorer in &plan.scorers {
            let row = empty_row(index, clip, kind, plan.dataset.benchmark);
            rows.push(ScoreRow {
                model: model.label.clone(),
                protocol: scorer.text.clone(),
                error: Some(reason.to_owned()),
                ..row
            });
        }
    }
    rows
}

fn empty_row(index: usize, clip: &Clip, kind: ClipKind, benchmark: Benchmark) -> ScoreRow {
    let has_pairs = matches!(
        benchmark,
        Benchmark::Is3 | Benchmark::VpoSs | Benchmark::VpoMs | Benchmark::AvsBenchS4 | Benchmark::AvsBenchMs3
    );
    ScoreRow {
        clip_index: index as u64,
        clip: clip.id.clone(),
        class: clip.class.clone(),
        model: String::new(),
        protocol: String::new(),
        kind,
        asked: "own".into(),
        frame: None,
        time_secs: None,
        frame_reason: None,
        source: None,
        pair: has_pairs.then(|| pair_key(&clip.id).to_owned()),
        boxes: 0,
        truth_area: None,
        ciou: None,
        confidence: None,
        peak: None,
        positive_share: None,
        positive_x: None,
        positive_y: None,
        degenerate: None,
        centre_box: None,
        full_frame: None,
        fixed_probe: None,
        ceiling: None,
        curve: None,
        f_levels: None,
        silent_share: None,
        error: None,
    }
}

fn answer(
    plan: &Plan,
    index: usize,
    clip: &Clip,
    keep: &mut Keep,
    stop: &Arc<AtomicBool>,
) -> Result<ClipAnswer, String> {
    let (mut pictures, table) = open_pictures(plan, clip, stop)?;
    let moments = scored_moments(clip, plan.dataset.benchmark, table.as_deref())?;
    let mut sounds = Sounds::new(plan, clip, pictures.clip_secs, stop);
    let mut own = HashMap::new();
    let mut result = ClipAnswer::default();
    // By model and by what was asked, in the order of the moments.
    let mut maps: Vec<Vec<AskedMaps>> = plan.models.iter().map(|_| Vec::new()).collect();
    let looks_ahead = plan.models.iter().any(|model| model.localizer.info().needs_next_frame);
    for moment in &moments {
        let frame = moment.frame;
        let picture = pictures.at(frame)?;
        let next = match frame.map(|frame| frame + 1).filter(|&next| looks_ahead && next < pictures.frames) {
            Some(next) => Some(pictures.at(Some(next))?),
            None => None,
        };
        let questions = questions(plan, index, &moment.truth);
        let masks = moment.truth.masks.iter().map(|path| read_mask(path)).collect::<Result<Vec<_>, _>>()?;
        let truths: Vec<_> = questions.iter().map(|question| truths(plan, &moment.truth, question, &masks)).collect();
        // Rows by question, then by model.
        let mut rows: Vec<Vec<ScoreRow>> = questions.iter().map(|_| Vec::new()).collect();
        for (number, model) in plan.models.iter().enumerate() {
            let localizer = model.localizer.as_ref();
            let look = |suffix: &str| look(localizer, clip, suffix, &picture, next.as_ref(), frame);
            let features = look("");
            // A model that hears answers for all sources with one map.
            let mut last: Option<(Asked, Heatmap)> = None;
            for ((question, truths), rows) in questions.iter().zip(&truths).zip(&mut rows) {
                let reads = reads(localizer);
                let known = last.take().filter(|(asked, _)| *asked == question.asked && !reads);
                // What was saved of another question has a name of its own.
                let saved = (!plan.pictures && question.asked != Asked::Own).then(|| look(question.suffix()));
                let heatmap = match (saved.as_ref().unwrap_or(&features), known) {
                    (Err(reason), _) => Err(reason.clone()),
                    (Ok(_), Some((_, heatmap))) => Ok(heatmap),
                    (Ok(features), None) => {
                        let ask = Ask { plan, clip, moment, number, question };
                        ask.embedding(&mut sounds, &mut own, keep).and_then(|embedding| {
                            localizer.join(features, &embedding).map_err(|error| error.to_string())
                        })
                    }
                };
                if let (Ok(heatmap), None, Some(maps)) = (&heatmap, question.source, maps.get_mut(number)) {
                    let map = FrameMap { frame, heatmap: heatmap.clone() };
                    let suffix = question.suffix();
                    match maps.iter_mut().find(|asked| asked.suffix == suffix) {
                        Some(asked) => asked.maps.push(map),
                        None => maps.push(AskedMaps { suffix, maps: vec![map] }),
                    }
                }
                for (scorer, truth) in plan.scorers.iter().zip(truths) {
                    let mut row = ScoreRow {
                        model: model.label.clone(),
                        protocol: scorer.text.clone(),
                        asked: question.name.clone(),
                        frame: frame.map(|frame| frame as u64),
                        time_secs: frame.map(|_| moment.time_secs),
                        frame_reason: Some(moment.reason.to_owned()),
                        source: question.source.map(str::to_owned),
                        ..empty_row(index, clip, question.kind, plan.dataset.benchmark)
                    };
                    if reads && question.asked == Asked::Own && localizer.info().query_matters {
                        row.asked = format!("text: {}", words(clip, &moment.truth, question).unwrap_or_default());
                    }
                    row.boxes = truth.as_ref().map_or(0, |(map, _)| map.boxes() as u64);
                    match &heatmap {
                        Ok(heatmap) => {
                            let truth = truth.as_ref();
                            let references = truth.and_then(|(_, references)| references.as_ref());
                            scorer.fill(&mut row, heatmap, truth.map(|(map, _)| map), references);
                        }
                        Err(reason) => row.error = Some(reason.clone()),
                    }
                    rows.push(row);
                }
                last = heatmap.ok().map(|heatmap| (question.asked, heatmap));
            }
        }
        result.rows.extend(rows.into_iter().flatten());
    }
    for (number, maps) in maps.into_iter().enumerate().filter(|(_, maps)| !maps.is_empty()) {
        let own = maps.iter().find(|asked| asked.suffix.is_empty()).and_then(|asked| asked.maps.first());
        result.coarse.extend(own.map(|first| (number, coarse(&first.heatmap))));
        result.maps.push((number, maps));
    }
    Ok(result)
}

/// Picture and sound of a clip's first scored moment, for questions across clips.
pub(super) struct FirstLook {
    pub clip: String,
    pub picture: Picture,
    pub next: Option<Picture>,
    pub frame: usize,
    pub time_secs: f64,
    /// Where it was asked for.
    pub sound: Option<Arc<Sound>>,
}

/// Reads a [`FirstLook`], its sound only if asked to.
pub(super) fn first_look(
    plan: &Plan,
    clip: &Clip,
    next: bool,
    sound: bool,
    stop: &Arc<AtomicBool>,
) -> Result<FirstLook, String> {
    let (mut pictures, table) = open_pictures(plan, clip, stop)?;
    let moments = scored_moments(clip, plan.dataset.benchmark, table.as_deref())?;
    let moment = moments.first().ok_or("no frame of it is scored")?;
    let frame = moment.frame.ok_or("its frame is not known")?;
    let picture = if sound { Picture::default() } else { pictures.at(Some(frame))? };
    let next = if next && !sound && frame + 1 < pictures.frames { Some(pictures.at(Some(frame + 1))?) } else { None };
    let mut sounds = Sounds::new(plan, clip, pictures.clip_secs, stop);
    let sound = sound.then(|| sounds.get(Asked::Own)).transpose()?;
    Ok(FirstLook { clip: clip.id.clone(), picture, next, frame, time_secs: moment.time_secs, sound })
}

/// A model that is asked in words because it hears nothing.
fn reads(localizer: &dyn Localizer) -> bool {
    let info = localizer.info();
    info.reads_text && !info.hears_sound()
}

/// The image side. Saved maps are looked for under the clip's id, then under its file's name.
fn look(
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
fn words(clip: &Clip, truth: &Truth, question: &Question) -> Option<String> {
    let labels = truth.labels();
    let of_boxes = || (!labels.is_empty()).then(|| labels.join(", "));
    question.source.map(str::to_owned).or_else(|| clip.class.clone()).or_else(of_boxes)
}

/// One question to one model.
struct Ask<'a> {
    plan: &'a Plan,
    clip: &'a Clip,
    moment: &'a ScoredMoment,
    /// Place of the model in the plan.
    number: usize,
    question: &'a Question<'a>,
}

impl Ask<'_> {
    fn embedding(
        &self,
        sounds: &mut Sounds,
        own: &mut HashMap<EmbeddingKey, QueryEmbedding>,
        keep: &mut Keep,
    ) -> Result<QueryEmbedding, String> {
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
            if self.question.asked != Asked::Own {
                return Err(format!("{} hears nothing, so it cannot be asked with {}", info.id(), self.question.name));
            }
            let words = words(self.clip, &self.moment.truth, self.question);
            let words = words.ok_or("there are no words to ask with: neither the clip nor its boxes have a class")?;
            return encoded(&Query::Text(&words));
        };
        let asked = self.question.asked;
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
