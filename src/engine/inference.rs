//! The inference pool: the newest wish becomes heatmaps and scores.

mod schedule;
mod work;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::cache::ByteCache;
use super::jobs::Wake;
use super::pictures::PictureSource;
use super::scoring::{FrameReadout, Scoring};
use super::sound::{Sound, SoundKey};
use crate::heatmap::{Grid, Heatmap};
use crate::localizers::{ImageFeatures, Localizer, QueryEmbedding, WindowRule};
use crate::metrics::ScoreMap;
use schedule::{State, lane_key, reach};
use work::work;

/// Tells opened clips apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClipKey(u64);

/// Tells loaded models apart, also two of the same system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelKey(u64);

/// The interface and the decoder go first when every core is busy.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Which of the pool's workers work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Workers {
    /// Those that leave others the larger share of a core.
    Eager,
    /// Those that work while a core has nothing else to do. Nothing that wakes up there waits for them.
    Patient,
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
                at_work: Workers::Eager,
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
        let threads = [Workers::Eager, Workers::Patient]
            .into_iter()
            .flat_map(|workers| (0..threads.max(1)).map(move |number| (workers, number)))
            .filter_map(|(workers, number)| {
                let shared = Arc::clone(&shared);
                let run = move || {
                    stand_back(workers);
                    work(&shared, workers);
                };
                std::thread::Builder::new().name(format!("inference {number}")).spawn(run).ok()
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

    /// Whether answers may take only what others leave of the cores: for a picture that moves, and is drawn by them.
    pub fn be_patient(&self, patient: bool) {
        let at_work = if patient { Workers::Patient } else { Workers::Eager };
        let before = std::mem::replace(&mut self.shared.lock().at_work, at_work);
        if before != at_work {
            self.shared.work.notify_all();
        }
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
        let Some(wish) = state.wish.as_ref() else { return Coverage::default() };
        let frames = reach(wish).len();
        let mut coverage = Coverage::default();
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

/// Lets others go first when every core is busy. Only Linux has this for a thread alone.
fn stand_back(workers: Workers) {
    #[cfg(target_os = "linux")]
    match workers {
        Workers::Eager => {
            if let Err(error) = rustix::process::nice(NICENESS) {
                log::debug!("the inference threads have the priority of all others: {error}");
            }
        }
        Workers::Patient => {
            use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, unix};
            let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
            let thread = unix::thread_native_id();
            if let Err(error) = unix::set_thread_priority_and_policy(thread, ThreadPriority::Min, idle) {
                log::debug!("the inference threads do not wait for idle cores: {error:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests;
