//! What a worker of the pool does with a task: features, embedding, heatmap and score, each taken from the cache or made.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::super::jobs::panic_message;
use super::super::sound::Sound;
use super::schedule::{Task, text_key};
use super::{Cached, Localized, ResultKey, SeriesKey, Shared, Workers};
use crate::heatmap::Heatmap;
use crate::localizers::{FrameInput, Hearing, ImageFeatures, Query, QueryEmbedding};
use crate::signal::AudioWindow;

/// The life of a worker: the most wanted task, again and again, while it is the turn of its kind.
pub(super) fn work(shared: &Shared, workers: Workers) {
    loop {
        let mut state = shared.lock();
        let task = loop {
            if state.stopping {
                return;
            }
            let its_turn = state.at_work == workers;
            match its_turn.then(|| state.next_task()).flatten() {
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
        let scoring = &task.wish.scoring;
        let (score_map, readout) = match task.readout {
            Some(readout) => (scoring.score_map(task.frame, &heatmap), readout),
            None => scoring.score(task.frame, &heatmap),
        };
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
