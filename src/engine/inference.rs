//! The inference pool: the newest wish becomes heatmaps and scores.

mod schedule;

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::cache::ByteCache;
use super::jobs::{Wake, panic_message};
use super::pictures::PictureSource;
use super::scoring::{FrameReadout, Scoring};
use super::sound::{Sound, SoundKey};
use crate::heatmap::{Grid, Heatmap};
use crate::localizers::{FrameInput, Hearing, ImageFeatures, Localizer, Query, QueryEmbedding, WindowRule};
use crate::metrics::ScoreMap;
use crate::signal::AudioWindow;
use schedule::{State, Task, lane_key, reach, text_key};

/// Tells opened clips apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClipKey(u64);

/// Tells loaded models apart, also two of the same system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelKey(u64);

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// An opened clip as the engine sees it.
pub struct Material {
    pub key: ClipKey,
    /// Presentation time of every frame, in seconds of the clip's time.
    pub frame_secs: Arc<[f64]>,
    pub pictures: Arc<dyn PictureSource>,
    /// The clip's name without folders and extension, for models that know clips by name.
    pub clip: Arc<str>,
}

impl Material {
    pub fn new(frame_secs: Arc<[f64]>, pictures: Arc<dyn PictureSource>) -> Self {
        Self { key: ClipKey(NEXT_KEY.fetch_add(1, Ordering::Relaxed)), frame_secs, pictures, clip: Arc::from("") }
    }

    /// The same under the clip's name.
    pub fn named(self, clip: impl Into<Arc<str>>) -> Self {
        Self { clip: clip.into(), ..self }
    }
}

/// A loaded model.
#[derive(Clone)]
pub struct LoadedModel {
    pub key: ModelKey,
    pub localizer: Arc<dyn Localizer>,
}

impl LoadedModel {
    pub fn new(localizer: Arc<dyn Localizer>) -> Self {
        Self { key: ModelKey(NEXT_KEY.fetch_add(1, Ordering::Relaxed)), localizer }
    }
}

/// What the window wants to know. The newest wish replaces the one before; what was computed for an older one stays
/// in the cache under what it depends on, so nothing stale can be shown for something else.
#[derive(Clone)]
pub struct Wish {
    pub material: Arc<Material>,
    /// The frame on screen.
    pub frame: usize,
    /// Playing direction: neighbours on this side go first.
    pub forwards: bool,
    pub sound: Option<Arc<Sound>>,
    pub text: Option<Arc<str>>,
    pub rule: WindowRule,
    pub models: Vec<LoadedModel>,
    pub scoring: Arc<Scoring>,
}

/// One model's answer for one frame, scored.
#[derive(Clone)]
pub struct Localized {
    pub frame: usize,
    pub heatmap: Arc<Heatmap>,
    pub score_map: Arc<ScoreMap>,
    /// The score map's values, as the stage draws them.
    pub grid: Arc<Grid>,
    pub readout: FrameReadout,
}

/// How often each kind of work was really done; cache hits do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub image_encodings: u64,
    pub query_encodings: u64,
    pub joins: u64,
}

/// How far the frames of the clip in view are localized and scored, all models together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    pub done: usize,
    pub wanted: usize,
}

/// The question a series of frames is answered for: everything but the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SeriesKey {
    clip: ClipKey,
    model: ModelKey,
    /// [`Localizer::version`] when it was asked.
    version: u64,
    /// `None` for a model whose answer does not depend on what it is asked.
    question: Option<(SoundKey, WindowRule, u64)>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum ResultKey {
    Features { clip: ClipKey, model: ModelKey, version: u64, frame: usize },
    Embedding { model: ModelKey, sound: Option<SoundKey>, text: u64, start_bits: u64, length_bits: u64 },
    Heatmap { series: SeriesKey, frame: usize },
}

#[derive(Clone)]
enum Cached {
    Features(ImageFeatures),
    Embedding(QueryEmbedding),
    Heatmap(Arc<Heatmap>),
}

/// One value a frame: what the timeline draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LaneValue {
    Waiting,
    Scored(FrameReadout),
    Failed,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    /// An embedding was made, or could not be.
    encoded: Condvar,
    workers: usize,
    wake: Wake,
    image_encodings: AtomicU64,
    query_encodings: AtomicU64,
    joins: AtomicU64,
}

/// The inference pool: turns the newest wish into heatmaps and scores, the frame on screen first, then its
/// neighbours in playing direction, then the rest of the clip.
pub struct Inference {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Inference {
    /// A pool of `threads` workers (at least one) with `budget_bytes` for features, embeddings and heatmaps.
    pub fn new(threads: usize, budget_bytes: usize, wake: Wake) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                wish: None,
                claimed: HashSet::new(),
                encoding: HashSet::new(),
                cache: ByteCache::new(budget_bytes),
                lanes: HashMap::new(),
                failures: HashMap::new(),
                clock: 0,
                stopping: false,
            }),
            work: Condvar::new(),
            encoded: Condvar::new(),
            workers: threads.max(1),
            wake,
            image_encodings: AtomicU64::new(0),
            query_encodings: AtomicU64::new(0),
            joins: AtomicU64::new(0),
        });
        let threads = (0..threads.max(1))
            .filter_map(|number| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("inference {number}")).spawn(move || work(&shared)).ok()
            })
            .collect();
        Self { shared, threads }
    }

    /// Replaces what is wanted.
    pub fn wish(&self, wish: Wish) {
        let mut state = self.shared.lock();
        state.wish = Some(wish);
        drop(state);
        self.shared.work.notify_all();
    }

    /// Wants nothing any more (no clip).
    pub fn rest(&self) {
        self.shared.lock().wish = None;
    }

    /// The answer of `model` for the wished frame, or for the nearest frame that has one. Compare
    /// [`Localized::frame`] with the frame on screen before calling it current.
    pub fn nearest(&self, model: ModelKey) -> Option<Arc<Localized>> {
        let state = self.shared.lock();
        let wish = state.wish.as_ref()?;
        let lane = state.lanes.get(&lane_key(wish, model)?)?;
        let after = lane.shown.range(wish.frame..).next();
        let before = lane.shown.range(..wish.frame).next_back();
        let nearest = match (before, after) {
            (Some(before), Some(after)) if wish.frame - before.0 < after.0 - wish.frame => before,
            (_, Some(after)) => after,
            (Some(before), None) => before,
            (None, None) => return None,
        };
        Some(Arc::clone(nearest.1))
    }

    /// Copies the lane of `model` into `values` when it changed since `version`; returns the version it has now.
    pub fn lane(&self, model: ModelKey, version: u64, values: &mut Vec<LaneValue>) -> u64 {
        let state = self.shared.lock();
        let lane = state.wish.as_ref().and_then(|wish| state.lanes.get(&lane_key(wish, model)?));
        match lane {
            Some(lane) if lane.version != version => {
                values.clone_from(&lane.values);
                lane.version
            }
            Some(_) => version,
            None => {
                values.clear();
                0
            }
        }
    }

    /// Why the model has no answer for the wished frame, if it was tried.
    pub fn failure(&self, model: ModelKey) -> Option<Arc<str>> {
        let state = self.shared.lock();
        let wish = state.wish.as_ref()?;
        let lane = state.lanes.get(&lane_key(wish, model)?)?;
        let failed = lane.values.get(wish.frame) == Some(&LaneValue::Failed);
        if failed { state.failures.get(&(model, wish.frame)).cloned() } else { None }
    }

    pub fn coverage(&self) -> Coverage {
        let state = self.shared.lock();
        let Some(wish) = state.wish.as_ref() else { return Coverage { done: 0, wanted: 0 } };
        let frames = reach(wish).len();
        let mut coverage = Coverage { done: 0, wanted: 0 };
        for model in &wish.models {
            let Some(key) = lane_key(wish, model.key) else { continue };
            coverage.wanted += frames;
            coverage.done += state.lanes.get(&key).map_or(0, |lane| lane.scored.min(frames));
        }
        coverage
    }

    pub fn counts(&self) -> Counts {
        Counts {
            image_encodings: self.shared.image_encodings.load(Ordering::Relaxed),
            query_encodings: self.shared.query_encodings.load(Ordering::Relaxed),
            joins: self.shared.joins.load(Ordering::Relaxed),
        }
    }

    /// Bytes that cached results take, and their budget.
    pub fn cache_bytes(&self) -> (usize, usize) {
        let state = self.shared.lock();
        (state.cache.used_bytes(), state.cache.budget_bytes())
    }

    /// Forgets everything that a removed model made.
    pub fn forget_model(&self, model: ModelKey) {
        let mut state = self.shared.lock();
        state.cache.retain(|key| match key {
            ResultKey::Features { model: own, .. } | ResultKey::Embedding { model: own, .. } => *own != model,
            ResultKey::Heatmap { series, .. } => series.model != model,
        });
        state.lanes.retain(|(series, _), _| series.model != model);
        state.failures.retain(|(own, _), _| *own != model);
    }

    /// Forgets everything of a closed clip.
    pub fn forget_clip(&self, clip: ClipKey) {
        let mut state = self.shared.lock();
        state.cache.retain(|key| match key {
            ResultKey::Features { clip: own, .. } => *own != clip,
            ResultKey::Heatmap { series, .. } => series.clip != clip,
            ResultKey::Embedding { .. } => true,
        });
        state.lanes.retain(|(series, _), _| series.clip != clip);
    }
}

impl Drop for Inference {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// A worker's panic is caught before it can hold the lock, so a poisoned state is still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(shared: &Shared) {
    loop {
        let mut state = shared.lock();
        let task = loop {
            if state.stopping {
                return;
            }
            match state.next_task() {
                Some(task) => break task,
                None => state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(state);
        let outcome = catch_unwind(AssertUnwindSafe(|| shared.localize(&task)))
            .unwrap_or_else(|panic| Err(format!("internal error: {}", panic_message(&*panic))));
        shared.lock().finish(&task, outcome);
        (shared.wake)();
    }
}

impl Shared {
    fn cached(&self, key: &ResultKey) -> Option<Cached> {
        self.lock().cache.get(key)
    }

    fn store(&self, key: ResultKey, value: Cached, size_bytes: usize) {
        self.lock().cache.insert(key, value, size_bytes);
    }

    fn localize(&self, task: &Task) -> Result<Localized, String> {
        let key = ResultKey::Heatmap { series: task.series, frame: task.frame };
        let heatmap = match self.cached(&key) {
            Some(Cached::Heatmap(heatmap)) => heatmap,
            _ => {
                let heatmap = Arc::new(self.join(task)?);
                let size_bytes = heatmap_bytes(&heatmap);
                self.store(key, Cached::Heatmap(Arc::clone(&heatmap)), size_bytes);
                heatmap
            }
        };
        let (score_map, readout) = task.wish.scoring.score(task.frame, &heatmap);
        let grid = Arc::new(score_map.grid.clone());
        Ok(Localized { frame: task.frame, heatmap, score_map: Arc::new(score_map), grid, readout })
    }

    fn join(&self, task: &Task) -> Result<Heatmap, String> {
        // What the screen waits for is looked at and listened to at once, where there is a worker's core for each.
        let at_once = task.shown && self.workers > 1 && self.cached(&features_key(task)).is_none();
        let (features, embedding) = if at_once {
            std::thread::scope(|scope| {
                let embedding = scope.spawn(|| self.embedding(task));
                let features = self.features(task);
                let panicked = |panic: Box<dyn Any + Send>| Err(format!("internal error: {}", panic_message(&*panic)));
                (features, embedding.join().unwrap_or_else(panicked))
            })
        } else {
            let features = self.features(task)?;
            (Ok(features), self.embedding(task))
        };
        let (features, embedding) = (features?, embedding?);
        self.joins.fetch_add(1, Ordering::Relaxed);
        task.model.localizer.join(&features, &embedding).map_err(|error| error.to_string())
    }

    fn features(&self, task: &Task) -> Result<ImageFeatures, String> {
        let key = features_key(task);
        if let Some(Cached::Features(features)) = self.cached(&key) {
            return Ok(features);
        }
        let material = &task.wish.material;
        let picture = material.pictures.picture(task.frame)?;
        let next = if task.model.localizer.info().needs_next_frame && task.frame + 1 < material.frame_secs.len() {
            Some(material.pictures.picture(task.frame + 1)?)
        } else {
            None
        };
        self.image_encodings.fetch_add(1, Ordering::Relaxed);
        let features = task
            .model
            .localizer
            .encode_image(&FrameInput {
                picture: &picture,
                next: next.as_deref(),
                index: task.frame,
                clip: &material.clip,
            })
            .map_err(|error| error.to_string())?;
        self.store(key, Cached::Features(features.clone()), features.size_bytes());
        Ok(features)
    }

    fn embedding(&self, task: &Task) -> Result<QueryEmbedding, String> {
        enum Question<'a> {
            Sound(&'a Hearing, &'a Sound, AudioWindow),
            Text(&'a str),
        }
        let info = task.model.localizer.info();
        let localizer = &task.model.localizer;
        let nothing_asked = "the model has nothing to be asked with";
        let (key, question) = match (&info.hearing, &task.wish.sound, &task.wish.text) {
            (Some(hearing), Some(sound), _) => {
                let moment_secs = task.wish.material.frame_secs.get(task.frame).copied().unwrap_or(0.0);
                let window = localizer.audio_window(task.wish.rule, moment_secs, sound.track.duration_secs());
                let key = ResultKey::Embedding {
                    model: task.model.key,
                    sound: Some(sound.key),
                    text: 0,
                    start_bits: window.start_secs.to_bits(),
                    length_bits: window.length_secs.to_bits(),
                };
                (key, Question::Sound(hearing, sound, window))
            }
            (_, _, text) if info.reads_text || !info.query_matters => {
                let text = text.as_deref().unwrap_or_default();
                if text.is_empty() && info.query_matters {
                    return Err(nothing_asked.into());
                }
                let key = ResultKey::Embedding {
                    model: task.model.key,
                    sound: None,
                    text: text_key(Some(text)),
                    start_bits: 0,
                    length_bits: 0,
                };
                (key, Question::Text(text))
            }
            _ => return Err(nothing_asked.into()),
        };
        let encoding = match self.begin_encoding(key) {
            Ok(embedding) => return Ok(embedding),
            Err(encoding) => encoding,
        };
        self.query_encodings.fetch_add(1, Ordering::Relaxed);
        let embedding = match question {
            Question::Sound(hearing, sound, window) => {
                localizer.encode_query(&Query::Sound { sound: &sound.prepared(hearing), window })
            }
            Question::Text(text) => localizer.encode_query(&Query::Text(text)),
        };
        let embedding = embedding.map_err(|error| error.to_string())?;
        self.store(encoding.key.clone(), Cached::Embedding(embedding.clone()), embedding.size_bytes());
        Ok(embedding)
    }

    /// The embedding where there is one, also one that another worker is just making; else the right to make it.
    fn begin_encoding(&self, key: ResultKey) -> Result<QueryEmbedding, Encoding<'_>> {
        let mut state = self.lock();
        loop {
            if let Some(Cached::Embedding(embedding)) = state.cache.get(&key) {
                return Ok(embedding);
            }
            if state.encoding.insert(key.clone()) {
                return Err(Encoding { shared: self, key });
            }
            state = self.encoded.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// While it lives, nobody else makes this embedding.
struct Encoding<'a> {
    shared: &'a Shared,
    key: ResultKey,
}

impl Drop for Encoding<'_> {
    fn drop(&mut self) {
        self.shared.lock().encoding.remove(&self.key);
        self.shared.encoded.notify_all();
    }
}

fn features_key(task: &Task) -> ResultKey {
    let SeriesKey { clip, model, version, .. } = task.series;
    ResultKey::Features { clip, model, version, frame: task.frame }
}

fn heatmap_bytes(heatmap: &Heatmap) -> usize {
    let prior = heatmap.object_prior.as_ref().map_or(0, |prior| prior.values.values().len());
    size_of::<Heatmap>() + (heatmap.values.values().len() + prior) * size_of::<f32>()
}

#[cfg(test)]
mod tests;
