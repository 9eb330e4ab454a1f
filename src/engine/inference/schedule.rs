//! What is to be done next, and what became of it: the newest wish, the lanes of scores, the work given out.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::{Cached, LaneValue, LoadedModel, Localized, ModelKey, ResultKey, SeriesKey, Wish, Workers};
use crate::engine::cache::ByteCache;
use crate::engine::scoring::{FrameReadout, ScoringKey};
use crate::engine::sound::SoundKey;
use crate::localizers::WindowRule;

pub(super) struct Lane {
    pub values: Vec<LaneValue>,
    pub scored: usize,
    pub last_use: u64,
    pub version: u64,
    /// Score maps of the frames that were on screen, the newest few.
    pub shown: BTreeMap<usize, Arc<Localized>>,
    pub shown_order: VecDeque<usize>,
}

pub(super) type LaneKey = (SeriesKey, ScoringKey);

pub(super) struct State {
    pub wish: Option<Wish>,
    /// Frames that workers are at, so that no two do the same.
    pub claimed: HashSet<(ModelKey, usize)>,
    /// Embeddings that workers are at.
    pub encoding: HashSet<ResultKey>,
    pub cache: ByteCache<ResultKey, Cached>,
    pub lanes: HashMap<LaneKey, Lane>,
    /// Why frames failed; bounded, see [`FAILURES_KEPT`].
    pub failures: HashMap<(ModelKey, usize), Arc<str>>,
    pub clock: u64,
    pub at_work: Workers,
    pub stopping: bool,
}

pub(super) struct Task {
    pub wish: Wish,
    pub model: LoadedModel,
    /// As it was when the task was given out: a model that changes meanwhile answers the next one anew.
    pub series: SeriesKey,
    pub frame: usize,
    /// For the screen: keep the score map.
    pub shown: bool,
    /// Where the frame was scored before, and its score map was not kept.
    pub readout: Option<FrameReadout>,
}

/// Score maps kept a lane: enough for the frame on screen and those just left.
const SHOWN_KEPT: usize = 24;
/// Reasons kept; beyond it they start anew, since a clip that fails everywhere says the same everywhere.
const FAILURES_KEPT: usize = 4096;
/// Lanes kept; beyond it the one longest unused goes.
const LANES_KEPT: usize = 48;
/// On clips with more frames than this only so many around the playhead are localized ahead.
const AHEAD_FRAMES: usize = 3000;

pub(super) fn text_key(text: Option<&str>) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn series_key(wish: &Wish, model: &LoadedModel) -> Option<SeriesKey> {
    let info = model.localizer.info();
    let question = if !info.query_matters {
        None
    } else if let (true, Some(sound)) = (info.hears_sound(), &wish.sound) {
        Some((sound.key, wish.rule, 0))
    } else if let (true, Some(text)) = (info.reads_text, &wish.text) {
        Some((SoundKey::none(), WindowRule::Follow, text_key(Some(text))))
    } else {
        return None;
    };
    Some(SeriesKey { clip: wish.material.key, model: model.key, version: model.localizer.version(), question })
}

pub(super) fn lane_key(wish: &Wish, model: ModelKey) -> Option<LaneKey> {
    let model = wish.models.iter().find(|loaded| loaded.key == model)?;
    Some((series_key(wish, model)?, wish.scoring.key()))
}

/// The frames that are worth localizing ahead of being looked at.
pub(super) fn reach(wish: &Wish) -> std::ops::Range<usize> {
    let frames = wish.material.frame_secs.len();
    if frames <= AHEAD_FRAMES {
        return 0..frames;
    }
    let start = wish.frame.saturating_sub(AHEAD_FRAMES / 2).min(frames - AHEAD_FRAMES);
    start..start + AHEAD_FRAMES
}

impl State {
    pub fn lane(&mut self, key: LaneKey, frames: usize) -> &mut Lane {
        self.clock += 1;
        let clock = self.clock;
        if !self.lanes.contains_key(&key) && self.lanes.len() >= LANES_KEPT {
            let oldest = self.lanes.iter().min_by_key(|(_, lane)| lane.last_use).map(|(key, _)| *key);
            oldest.and_then(|key| self.lanes.remove(&key));
        }
        let lane = self.lanes.entry(key).or_insert_with(|| Lane {
            values: vec![LaneValue::Waiting; frames],
            scored: 0,
            last_use: clock,
            version: clock,
            shown: BTreeMap::new(),
            shown_order: VecDeque::new(),
        });
        lane.last_use = clock;
        lane
    }

    /// The most wanted thing that nobody is at.
    pub fn next_task(&mut self) -> Option<Task> {
        let wish = self.wish.clone()?;
        let frames = wish.material.frame_secs.len();
        if wish.frame >= frames {
            return None;
        }
        let models: Vec<(LoadedModel, LaneKey)> = wish
            .models
            .iter()
            .filter_map(|model| Some((model.clone(), (series_key(&wish, model)?, wish.scoring.key()))))
            .collect();

        // Where results wait for the pass of the next frame, that frame's are to be there by then.
        let next = if wish.forwards { wish.frame + 1 } else { wish.frame.saturating_sub(1) };
        let next = Some(next).filter(|next| self.at_work == Workers::Patient && *next < frames);
        for frame in std::iter::once(wish.frame).chain(next) {
            if let Some((model, key)) = self.stalest(&models, frame, frames) {
                return Some(self.claim(&wish, model, key, frame, true));
            }
        }

        let reach = reach(&wish);
        let ahead = wish.frame..reach.end;
        let behind = reach.start..wish.frame.min(reach.end);
        let order: Box<dyn Iterator<Item = usize>> =
            if wish.forwards { Box::new(ahead.chain(behind.rev())) } else { Box::new(behind.rev().chain(ahead)) };
        let unfinished: Vec<&(LoadedModel, LaneKey)> = models
            .iter()
            .filter(|(_, key)| self.lanes.get(key).is_none_or(|lane| lane.scored < lane.values.len()))
            .collect();
        if unfinished.is_empty() {
            return None;
        }
        for frame in order {
            for (model, key) in &unfinished {
                let waiting =
                    self.lanes.get(key).is_some_and(|lane| lane.values.get(frame) == Some(&LaneValue::Waiting));
                if waiting && !self.claimed.contains(&(model.key, frame)) {
                    return Some(self.claim(&wish, model.clone(), *key, frame, false));
                }
            }
        }
        None
    }

    /// The model whose picture is most out of date, so that none starves, among those without an answer for a frame.
    fn stalest(
        &mut self,
        models: &[(LoadedModel, LaneKey)],
        frame: usize,
        frames: usize,
    ) -> Option<(LoadedModel, LaneKey)> {
        let mut stalest = None;
        for (model, key) in models {
            let lane = self.lane(*key, frames);
            let done = lane.shown.contains_key(&frame) || lane.values.get(frame) == Some(&LaneValue::Failed);
            let distance = lane.shown.keys().map(|shown| shown.abs_diff(frame)).min().unwrap_or(usize::MAX);
            if !done
                && !self.claimed.contains(&(model.key, frame))
                && stalest.as_ref().is_none_or(|(farthest, _)| distance > *farthest)
            {
                stalest = Some((distance, (model.clone(), *key)));
            }
        }
        stalest.map(|(_, entry)| entry)
    }

    fn claim(&mut self, wish: &Wish, model: LoadedModel, key: LaneKey, frame: usize, shown: bool) -> Task {
        self.claimed.insert((model.key, frame));
        let readout = match self.lanes.get(&key).and_then(|lane| lane.values.get(frame)) {
            Some(LaneValue::Scored(readout)) => Some(*readout),
            _ => None,
        };
        Task { wish: wish.clone(), model, series: key.0, frame, shown, readout }
    }

    pub fn finish(&mut self, task: &Task, outcome: Result<Localized, String>) {
        self.claimed.remove(&(task.model.key, task.frame));
        if !task.wish.models.iter().any(|model| model.key == task.model.key) {
            return;
        }
        let frames = task.wish.material.frame_secs.len();
        let shown = task.shown || self.wish.as_ref().is_some_and(|wish| wish.frame == task.frame);
        let (value, answer) = match outcome {
            Ok(answer) => (LaneValue::Scored(answer.readout), Some(answer)),
            Err(message) => {
                if self.failures.len() >= FAILURES_KEPT {
                    self.failures.clear();
                }
                self.failures.insert((task.model.key, task.frame), message.into());
                (LaneValue::Failed, None)
            }
        };
        let lane = self.lane((task.series, task.wish.scoring.key()), frames);
        lane.version = lane.last_use;
        if let Some(slot) = lane.values.get_mut(task.frame) {
            if *slot == LaneValue::Waiting {
                lane.scored += 1;
            }
            *slot = value;
        }
        if let (true, Some(answer)) = (shown, answer) {
            lane.shown.insert(task.frame, Arc::new(answer));
            lane.shown_order.retain(|frame| *frame != task.frame);
            lane.shown_order.push_back(task.frame);
            while lane.shown_order.len() > SHOWN_KEPT {
                if let Some(oldest) = lane.shown_order.pop_front() {
                    lane.shown.remove(&oldest);
                }
            }
        }
    }
}
