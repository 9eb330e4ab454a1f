//! Whether a model finds the image of a sound, and the sound of an image, among all clips of a dataset: every image is
//! joined with every sound, each encoded once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::clip_answer::{FirstLook, first_look};
use super::description::RunDescription;
use super::error::EvaluationError;
use super::journal::differing;
use super::plan::{Plan, PlannedModel, Request};
use super::ranking::{Correspondence, Decisions, Ndcg, Recalls};
use super::relevance::{Gains, Ontology, Relevance};
use super::summary::RowFailure;
use crate::heatmap::Heatmap;
use crate::localizers::store::Shelf;
use crate::localizers::{FrameInput, Localizer, Query, QueryEmbedding};
use crate::metrics::mean;
use crate::metrics::retrieval::{Direction, Similarities};
use crate::network::with_threads;

/// Which number of a heatmap says how well sound and image agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Similarity {
    /// Its largest value.
    Peak,
    /// Its mean.
    Mean,
}

impl Similarity {
    /// Its word on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Peak => "peak",
            Self::Mean => "mean",
        }
    }

    fn of(self, heatmap: &Heatmap) -> f32 {
        let values = heatmap.values.values();
        match self {
            Self::Peak => heatmap.values.range().1,
            Self::Mean => mean(&values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>()) as f32,
        }
    }
}

/// One model's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    pub model: String,
    pub similarity: Similarity,
    /// Clips that took part: those whose picture and sound could be encoded.
    pub clips: usize,
    pub audio_to_image: Recalls,
    pub image_to_audio: Recalls,
    /// Whether the own sound is told from another's; `None` in what older versions kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correspondence: Option<Correspondence>,
    /// Relevance by class; `None` where no clip has one, and in what older versions kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ndcg: Option<Ndcg>,
    pub failures: Vec<RowFailure>,
}

/// What `retrieve` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetrievalRun {
    pub run: RunDescription,
    pub similarity: Similarity,
    /// By what answers gain in nDCG; `None` in what older versions kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevance: Option<Relevance>,
    pub results: Vec<Retrieval>,
    /// Models that hear nothing, so that there is nothing to find an image by.
    pub deaf: Vec<String>,
}

/// The name of a [`RetrievalRun`] in a run's folder.
pub const RETRIEVAL_JSON: &str = "retrieval.json";

impl RetrievalRun {
    /// Most bytes that such a file may have.
    const LARGEST_BYTES: u64 = 1 << 28;

    /// Reads the answer in a run's folder; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read or is no such answer.
    pub fn of_folder(folder: &Path) -> Result<Option<Self>, EvaluationError> {
        let path = folder.join(RETRIEVAL_JSON);
        let bytes = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            facts => facts.map_err(|error| EvaluationError::io(&path, error))?.len(),
        };
        if bytes > Self::LARGEST_BYTES {
            return Err(EvaluationError::damaged(&path, format_args!("{bytes} bytes are no answer of retrieve")));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| EvaluationError::io(&path, error))?;
        serde_json::from_str(&text).map(Some).map_err(|error| EvaluationError::damaged(&path, error))
    }

    /// Keeps the answer in a run's folder.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn keep(&self, folder: &Path) -> Result<(), EvaluationError> {
        let path = folder.join(RETRIEVAL_JSON);
        let text = serde_json::to_string_pretty(self).map_err(|error| EvaluationError::damaged(&path, error))?;
        super::report::write_whole(&path, &(text + "\n"))
    }

    /// Whether this is the answer that the run `run` would get.
    pub fn is_of(&self, run: &RunDescription, similarity: Similarity, relevance: &Relevance) -> bool {
        let asked_alike = self.similarity == similarity && self.relevance.as_ref() == Some(relevance);
        asked_alike && differing(&self.run, run).is_none()
    }
}

/// Ranks every clip's image among all for its sound, and the other way round, for each model of `request` that hears;
/// negatives do not take part. Answers gain by their classes, or by the nearness of these in the file `ontology`.
/// `progress` is told how many of how many encodings are done.
///
/// # Errors
/// The dataset, a model or the ontology cannot be opened, a class is not in it, no model hears, or too few clips can be
/// encoded.
pub fn retrieve(
    request: &Request,
    similarity: Similarity,
    ontology: Option<&Path>,
    jobs: usize,
    shelf: &Shelf,
    stop: &Arc<AtomicBool>,
    progress: impl Fn(usize, usize) + Sync,
) -> Result<RetrievalRun, EvaluationError> {
    let plan = Plan::open(request, shelf)?;
    let jobs = if jobs > 0 { jobs } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let clips: Vec<usize> = plan
        .clips
        .clone()
        .filter(|&index| plan.dataset.clips.get(index).is_some_and(|clip| clip.negative.is_none()))
        .collect();
    let relevance = Relevance::of(ontology)?;
    let ontology = ontology.map(Ontology::read).transpose()?;
    let class_of = |index: usize| plan.dataset.clips.get(index).and_then(|clip| clip.class.as_deref());
    let gains_of = |clips: &[usize]| {
        let classes: Vec<Option<&str>> = clips.iter().map(|&clip| class_of(clip)).collect();
        Gains::of(&classes, ontology.as_ref()).map_err(EvaluationError::Wrong)
    };
    // A class that is not in the ontology shows before the work.
    gains_of(&clips)?;
    let hears = |model: &&PlannedModel| {
        let info = model.localizer.info();
        info.hears_sound() && info.query_matters
    };
    let (hearing, deaf): (Vec<&PlannedModel>, Vec<&PlannedModel>) = plan.models.iter().partition(hears);
    let deaf: Vec<String> = deaf.iter().map(|model| model.label.clone()).collect();
    if hearing.is_empty() {
        let problem = format!("there is nothing to find an image by: no model hears ({})", deaf.join(", "));
        return Err(EvaluationError::Wrong(problem));
    }
    let steps = clips.len() * 2 * hearing.len();
    let done = AtomicUsize::new(0);
    let mut results = Vec::new();
    for model in hearing {
        let step = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, steps);
        let work = Work { plan: &plan, model, similarity, gains_of: &gains_of, jobs, stop, step: &step };
        results.push(work.retrieval(&clips)?);
    }
    Ok(RetrievalRun { run: plan.description.clone(), similarity, relevance: Some(relevance), results, deaf })
}

/// What one map says of an image and a sound.
#[derive(Clone, Copy)]
struct Agreement {
    similarity: f32,
    /// By the system's own rule; false where it has none.
    corresponds: bool,
}

struct Work<'a> {
    plan: &'a Plan,
    model: &'a PlannedModel,
    similarity: Similarity,
    gains_of: &'a (dyn Fn(&[usize]) -> Result<Gains, EvaluationError> + Sync),
    jobs: usize,
    stop: &'a Arc<AtomicBool>,
    step: &'a (dyn Fn() + Sync),
}

impl Work<'_> {
    fn retrieval(&self, clips: &[usize]) -> Result<Retrieval, EvaluationError> {
        let mut failures = Vec::new();
        let mut failed = |index: usize, reason: String| {
            let clip = self.plan.dataset.clips.get(index).map(|clip| clip.id.clone()).unwrap_or_default();
            failures.push(RowFailure { clip, model: self.model.label.clone(), reason });
        };
        let mut heard: Vec<(usize, QueryEmbedding)> = Vec::new();
        for (&clip, embedding) in clips.iter().zip(self.each(clips, |clip| self.hear(clip))) {
            match embedding {
                Ok(embedding) => heard.push((clip, embedding)),
                Err(reason) => failed(clip, reason),
            }
        }
        let questions: Vec<usize> = heard.iter().map(|(clip, _)| *clip).collect();
        let rows = self.each(&questions, |clip| self.look(clip, &heard));
        // An image that failed takes its sound out, too.
        let seen: Vec<usize> = rows.iter().enumerate().filter(|(_, row)| row.is_ok()).map(|(place, _)| place).collect();
        let mut values = vec![0.0; seen.len() * seen.len()];
        let mut together = vec![false; values.len()];
        for (column, row) in rows.into_iter().enumerate() {
            match row {
                Err(reason) => failed(questions.get(column).copied().unwrap_or_default(), reason),
                Ok(row) => {
                    let Ok(image) = seen.binary_search(&column) else { continue };
                    for (sound, place) in seen.iter().enumerate() {
                        let pair = sound * seen.len() + image;
                        if let (Some(value), Some(together), Some(agreement)) =
                            (values.get_mut(pair), together.get_mut(pair), row.get(*place))
                        {
                            (*value, *together) = (agreement.similarity, agreement.corresponds);
                        }
                    }
                }
            }
        }
        let count = seen.len();
        let matrix = Similarities::new(count, values).filter(|_| count > 1 && !self.stop.load(Ordering::Relaxed));
        let matrix = matrix.ok_or_else(|| {
            let reason = failures.first().map(|failure| format!("; {}: {}", failure.clip, failure.reason));
            EvaluationError::Wrong(format!("{count} clips could be encoded, too few{}", reason.unwrap_or_default()))
        })?;
        let corresponds = |sound: usize, image: usize| together.get(sound * count + image).copied().unwrap_or(false);
        let rule = self.localizer().correspondence_rule();
        let decisions = rule.map(|rule| Decisions { words: rule.words, corresponds: &corresponds });
        let ranked: Vec<usize> = seen.iter().filter_map(|&place| questions.get(place).copied()).collect();
        Ok(Retrieval {
            model: self.model.label.clone(),
            similarity: self.similarity,
            clips: count,
            audio_to_image: Recalls::of(&matrix, Direction::AudioToImage),
            image_to_audio: Recalls::of(&matrix, Direction::ImageToAudio),
            correspondence: Some(Correspondence::of(&matrix, decisions)),
            ndcg: Ndcg::of(&matrix, &(self.gains_of)(&ranked)?),
            failures,
        })
    }

    /// Something for each clip, on all workers, in the order of the clips.
    fn each<T: Send>(
        &self,
        clips: &[usize],
        work: impl Fn(usize) -> Result<T, String> + Sync,
    ) -> Vec<Result<T, String>> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(clips.len()));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(clips.len()) {
                scope.spawn(|| {
                    with_threads(1, || {
                        while let Some(&clip) = clips.get(next.fetch_add(1, Ordering::Relaxed)) {
                            if self.stop.load(Ordering::Relaxed) {
                                break;
                            }
                            let result = work(clip);
                            done.lock().unwrap_or_else(PoisonError::into_inner).push((clip, result));
                            (self.step)();
                        }
                    });
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(clip, _)| *clip);
        done.into_iter().map(|(_, result)| result).collect()
    }

    fn localizer(&self) -> &dyn Localizer {
        self.model.localizer.as_ref()
    }

    fn first_look(&self, clip: usize, sound: bool) -> Result<FirstLook, String> {
        let clip = self.plan.dataset.clips.get(clip).ok_or("there is no such clip")?;
        let next = self.localizer().info().needs_next_frame;
        first_look(self.plan, clip, next, sound, self.stop)
    }

    fn hear(&self, clip: usize) -> Result<QueryEmbedding, String> {
        let look = self.first_look(clip, true)?;
        let (Some(sound), Some(hearing)) = (look.sound, self.localizer().info().hearing) else {
            return Err("there is nothing to hear".into());
        };
        let scored = self.plan.dataset.clips.get(clip).ok_or("there is no such clip")?.scored;
        let secs = sound.track.duration_secs();
        let window = self.localizer().audio_window(self.plan.window.rule(scored), look.time_secs, secs);
        let sound = sound.prepared(&hearing);
        self.localizer().encode_query(&Query::Sound { sound: &sound, window }).map_err(|error| error.to_string())
    }

    /// How well an image agrees with every sound.
    fn look(&self, clip: usize, heard: &[(usize, QueryEmbedding)]) -> Result<Vec<Agreement>, String> {
        let look = self.first_look(clip, false)?;
        let input =
            FrameInput { picture: &look.picture, next: look.next.as_ref(), index: look.frame, clip: &look.clip };
        let features = self.localizer().encode_image(&input).map_err(|error| error.to_string())?;
        let rule = self.localizer().correspondence_rule();
        let agree = |(_, embedding): &(usize, QueryEmbedding)| {
            let heatmap = self.localizer().join(&features, embedding).map_err(|error| error.to_string())?;
            let corresponds = rule.is_some_and(|rule| (rule.corresponds)(&heatmap));
            Ok(Agreement { similarity: self.similarity.of(&heatmap), corresponds })
        };
        heard.iter().map(agree).collect()
    }
}
