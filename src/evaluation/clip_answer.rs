//! One clip: decoded once, each image and sound encoded once a model, scored under every protocol.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::asking::{Asking, Heard, Keep, look, reads, words};
use super::classes::ClassNumbers;
use super::clip_files::{Sounds, open_pictures, read_mask};
use super::moments::{ScoredMoment, only_label, scored_moments};
use super::plan::Plan;
use super::questions::{Asked, Question, questions, truths};
use super::regions::AzimuthRegions;
use super::row::{ClipKind, ScoreRow};
use super::saved_maps::{AskedMaps, FrameMap};
use super::scorer::{Answered, coarse};
use crate::dataset::formats::pair_key;
use crate::dataset::{Benchmark, Clip};
use crate::engine::Sound;
use crate::heatmap::Heatmap;
use crate::localizers::{ImageFeatures, Localizer};
use crate::media::Picture;
use crate::metrics::Bitmap;

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
        azimuth: None,
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
    let mut heard = Heard::new(Sounds::new(plan, clip, pictures.clip_secs, stop), keep);
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
        for (number, (model, maps)) in plan.models.iter().zip(&mut maps).enumerate() {
            let localizer = model.localizer.as_ref();
            let asking = Asking { plan, clip, moment, number };
            let seen = |suffix: &str| look(localizer, clip, suffix, &picture, next.as_ref(), frame);
            let answers = AnswersOfModel::of(&asking, localizer, &questions, &seen, &mut heard);
            answers.keep_maps(&questions, frame, maps);
            for ((question, heatmap), (truths, rows)) in
                questions.iter().zip(&answers.heatmaps).zip(truths.iter().zip(&mut rows))
            {
                let mut answered = heatmap.as_ref().map(Answered::new);
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
                    if reads(localizer) && question.asked == Asked::Own && localizer.info().query_matters {
                        row.asked = format!("text: {}", words(clip, &moment.truth, question).unwrap_or_default());
                    }
                    row.boxes = truth.as_ref().map_or(0, |(map, _)| map.boxes() as u64);
                    match &mut answered {
                        Ok(answered) => {
                            let truth = truth.as_ref();
                            let references = truth.and_then(|(_, references)| references.as_ref());
                            let marked = scorer.fill(&mut row, answered, truth.map(|(map, _)| map), references);
                            row.azimuth = regions(moment, question, &marked.mask);
                            if question.asked == Asked::Own && question.source.is_none() {
                                row.silent_share = scorer.silent_share(answers.silent.iter());
                            }
                        }
                        // What counts in one figure alone is no failure where a model has no answer to it.
                        Err(_) if question.kind == ClipKind::RegionsOnly => continue,
                        Err(reason) => row.error = Some((*reason).clone()),
                    }
                    rows.push(row);
                }
            }
        }
        result.rows.extend(rows.into_iter().flatten());
    }
    let first = first_of(&moments).and_then(|moment| moment.frame);
    for (number, maps) in maps.into_iter().enumerate().filter(|(_, maps)| !maps.is_empty()) {
        let own = maps.iter().find(|asked| asked.suffix.is_empty()).map(|asked| asked.maps.as_slice());
        let own = own.and_then(|maps| maps.iter().find(|map| map.frame == first).or(maps.first()));
        result.coarse.extend(own.map(|first| (number, coarse(&first.heatmap))));
        result.maps.push((number, maps));
    }
    Ok(result)
}

/// The first moment that counts, or the first of all where none does.
fn first_of(moments: &[ScoredMoment]) -> Option<&ScoredMoment> {
    moments.iter().find(|moment| moment.truth.kind != ClipKind::RegionsOnly).or(moments.first())
}

/// Of the clip's own sound: which regions a mask marks, and which the boxes reach that a question is about.
fn regions(moment: &ScoredMoment, question: &Question, mask: &Bitmap) -> Option<AzimuthRegions> {
    let boxes = moment.in_picture.as_ref().filter(|_| question.asked == Asked::Own)?;
    let of_question =
        boxes.iter().filter(|(_, label)| question.source.is_none() || question.source == label.as_deref());
    let label = question.source.or(only_label(boxes));
    Some(AzimuthRegions::of(mask, of_question.map(|(one, _)| one), label))
}

/// What one model answers to the questions of a moment.
struct AnswersOfModel {
    /// In the order of the questions.
    heatmaps: Vec<Result<Heatmap, String>>,
    /// The maps of all its classes, where the run knows which is which.
    classes: Vec<Heatmap>,
    /// Those of the classes that do not sound.
    silent: Vec<Heatmap>,
    /// It is asked for each source in words.
    reads: bool,
}

impl AnswersOfModel {
    fn of(
        asking: &Asking,
        localizer: &dyn Localizer,
        questions: &[Question],
        seen: &dyn Fn(&str) -> Result<ImageFeatures, String>,
        heard: &mut Heard,
    ) -> Self {
        let features = seen("");
        let reads = reads(localizer);
        let mut join = |features: &ImageFeatures, question: &Question| {
            let embedding = asking.embedding(question, heard)?;
            localizer.join(features, &embedding).map_err(|error| error.to_string())
        };
        let plan = asking.plan;
        let mut heatmaps = Vec::new();
        // A model that hears answers for all sources with one map.
        let mut last: Option<(Asked, Heatmap)> = None;
        for question in questions {
            // What was saved of another question has a name of its own; so may what was saved of a single source.
            let saved = match (plan.pictures, question.asked, question.source) {
                (true, ..) | (false, Asked::Own, None) => None,
                (false, Asked::Own, Some(_)) => seen(&question.suffix()).ok().map(Ok),
                (false, ..) => Some(seen(&question.suffix())),
            };
            let known = last.take().filter(|(asked, _)| *asked == question.asked && !reads && saved.is_none());
            let heatmap = match (saved.as_ref().unwrap_or(&features), known) {
                (Err(reason), _) => Err(reason.clone()),
                (Ok(_), Some((_, heatmap))) => Ok(heatmap),
                (Ok(features), None) => join(features, question),
            };
            // The map of one source is not that of the whole sound.
            let of_whole = !(reads || saved.is_some() && question.source.is_some());
            last = heatmap.clone().ok().filter(|_| of_whole).map(|heatmap| (question.asked, heatmap));
            heatmaps.push(heatmap);
        }
        let mut answers = Self { heatmaps, classes: Vec::new(), silent: Vec::new(), reads };
        if let (Some(numbers), Ok(features)) = (&plan.classes, &features) {
            answers.take_classes(numbers, asking, localizer, questions, features, heard);
        }
        answers
    }

    /// Puts the maps of single classes in the place of the one map for all sources.
    fn take_classes(
        &mut self,
        numbers: &ClassNumbers,
        asking: &Asking,
        localizer: &dyn Localizer,
        questions: &[Question],
        features: &ImageFeatures,
        heard: &mut Heard,
    ) {
        let sources: Vec<&str> = questions.iter().filter_map(|question| question.source).collect();
        let Some(embedding) = questions.first().and_then(|whole| asking.embedding(whole, heard).ok()) else { return };
        let found = match localizer.class_maps(features, &embedding) {
            Ok(None) => return,
            Ok(Some(found)) => numbers.sorted(found.maps, &sources, asking.plan.dataset.benchmark),
            Err(error) => Err(error.to_string()),
        };
        let (sounding, silent) = match found {
            Ok(sorted) => (sorted.sounding.into_iter().map(Ok).collect::<Vec<_>>(), Ok((sorted.all, sorted.silent))),
            Err(reason) => (sources.iter().map(|_| Err(reason.clone())).collect(), Err(reason)),
        };
        let of_sources = questions.iter().zip(&mut self.heatmaps).filter(|(question, _)| question.source.is_some());
        of_sources.zip(sounding).for_each(|((_, heatmap), own)| *heatmap = own);
        if let Ok((all, silent)) = silent {
            self.classes = all;
            // Where nothing is named, it is not known what is silent.
            self.silent = if sources.is_empty() { Vec::new() } else { silent };
        }
    }

    /// Keeps what a reader of saved maps needs to score the same.
    fn keep_maps(&self, questions: &[Question], frame: Option<usize>, maps: &mut Vec<AskedMaps>) {
        for (question, heatmap) in questions.iter().zip(&self.heatmaps) {
            // The one map for all sources is kept once, and so are the maps of classes.
            if question.source.is_some() && !self.reads {
                continue;
            }
            let Ok(heatmap) = heatmap else { continue };
            let is_whole = question.asked == Asked::Own && question.source.is_none();
            let classes =
                if is_whole { self.classes.iter().map(|map| map.values.clone()).collect() } else { Vec::new() };
            let map = FrameMap { frame, heatmap: heatmap.clone(), classes };
            let suffix = question.suffix();
            match maps.iter_mut().find(|asked| asked.suffix == suffix) {
                Some(asked) => asked.maps.push(map),
                None => maps.push(AskedMaps { suffix, maps: vec![map] }),
            }
        }
    }
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
    let moment = first_of(&moments).ok_or("no frame of it is scored")?;
    let frame = moment.frame.ok_or("its frame is not known")?;
    let picture = if sound { Picture::default() } else { pictures.at(Some(frame))? };
    let next = if next && !sound && frame + 1 < pictures.frames { Some(pictures.at(Some(frame + 1))?) } else { None };
    let mut sounds = Sounds::new(plan, clip, pictures.clip_secs, stop);
    let sound = sound.then(|| sounds.get(Asked::Own)).transpose()?;
    Ok(FirstLook { clip: clip.id.clone(), picture, next, frame, time_secs: moment.time_secs, sound })
}
