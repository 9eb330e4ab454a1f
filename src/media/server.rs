//! Frames for the interface, which never waits: a thread that decodes what is wished for and what is likely next.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::frame::Frame;
use super::table::FrameTable;
use super::{Media, MediaError, VideoReader};

/// Frames ahead of a playhead from which on each is decoded after a pause: a clip that has just begun to play is decoded
/// some times as fast as it plays, not as fast as can be.
const LEAD_FRAMES: usize = 24;
const PAUSE: Duration = Duration::from_millis(8);

/// Called from the server's thread when something new can be shown.
pub type OnReady = Arc<dyn Fn() + Send + Sync>;

/// Where the playhead is going, so that what comes next is decoded first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    Still,
    Forward,
    Backward,
}

/// What the server holds and does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatistics {
    pub frames_cached: usize,
    pub frames_total: usize,
    pub bytes: usize,
    pub budget_bytes: usize,
    /// The frame that is being decoded.
    pub decoding: Option<usize>,
}

/// Decodes frames of one clip on a thread of its own. The newest wish wins; what surrounds it is decoded ahead, up to
/// a budget of bytes: all of a clip that fits, otherwise whole groups of pictures around the wish.
pub struct FrameServer {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    frames_total: usize,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    wish: usize,
    direction: Direction,
    cache: BTreeMap<usize, Arc<Frame>>,
    bytes: usize,
    budget_bytes: usize,
    failed: BTreeMap<usize, MediaError>,
    /// Key frames of groups in which a frame failed; they are not decoded ahead again.
    broken_groups: BTreeSet<usize>,
    unseen_error: Option<MediaError>,
    decoding: Option<usize>,
    last_decoded: Option<usize>,
    quit: bool,
}

impl FrameServer {
    /// Starts serving a clip from its first frame on. `on_ready` is called when a frame was decoded while the wish was
    /// not there yet, and when the wish failed.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        media: &Media,
        table: Arc<FrameTable>,
        budget_bytes: usize,
        on_ready: OnReady,
    ) -> Result<Self, MediaError> {
        let stop = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared { state: Mutex::new(State::new(budget_bytes)), changed: Condvar::new() });
        let frames_total = table.len();
        let reader = VideoReader::new(media, table, Arc::clone(&stop));
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("frames".into())
            .spawn(move || serve(reader, &of_thread, &on_ready))
            .map_err(|error| MediaError::Decode { path: media.path().to_owned(), reason: error.to_string() })?;
        Ok(Self { shared, stop, thread: Some(thread), frames_total })
    }

    /// Wishes for a frame; replaces the wish before.
    pub fn wish(&self, index: usize) {
        let mut state = self.state();
        state.wish = index.min(self.frames_total.saturating_sub(1));
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Tells where the playhead is going.
    pub fn set_direction(&self, direction: Direction) {
        self.state().direction = direction;
        self.shared.changed.notify_all();
    }

    /// Changes how many bytes of frames are kept.
    pub fn set_budget_bytes(&self, budget_bytes: usize) {
        let mut state = self.state();
        state.budget_bytes = budget_bytes;
        state.evict();
        drop(state);
        self.shared.changed.notify_all();
    }

    /// The frame, if it is decoded.
    pub fn get(&self, index: usize) -> Option<Arc<Frame>> {
        self.state().cache.get(&index).cloned()
    }

    /// The decoded frame nearest to `index` (its own `index` tells which it is).
    pub fn nearest(&self, index: usize) -> Option<Arc<Frame>> {
        let state = self.state();
        let before = state.cache.range(..=index).next_back();
        let after = state.cache.range(index..).next();
        let nearest = [before, after].into_iter().flatten().min_by_key(|(at, _)| at.abs_diff(index));
        nearest.map(|(_, frame)| Arc::clone(frame))
    }

    /// Waits until the frame is decoded or has failed. For callers off the interface's thread.
    ///
    /// # Errors
    /// Why the frame cannot be decoded.
    pub fn wait(&self, index: usize) -> Result<Arc<Frame>, MediaError> {
        self.wish(index);
        let index = index.min(self.frames_total.saturating_sub(1));
        let mut state = self.state();
        loop {
            if let Some(frame) = state.cache.get(&index) {
                return Ok(Arc::clone(frame));
            }
            if let Some(error) = state.failed.get(&index) {
                return Err(error.clone());
            }
            state.wish = index;
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Why a frame cannot be shown, if it was tried.
    pub fn error_of(&self, index: usize) -> Option<MediaError> {
        self.state().failed.get(&index).cloned()
    }

    /// The newest failure of a wished-for frame, once.
    pub fn take_error(&self) -> Option<MediaError> {
        self.state().unseen_error.take()
    }

    pub fn statistics(&self) -> ServerStatistics {
        let state = self.state();
        ServerStatistics {
            frames_cached: state.cache.len(),
            frames_total: self.frames_total,
            bytes: state.bytes,
            budget_bytes: state.budget_bytes,
            decoding: state.decoding,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Drop for FrameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.state().quit = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by the panic hook; there is nothing to add while dropping.
            thread.join().unwrap_or_default();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(mut reader: VideoReader, shared: &Shared, on_ready: &OnReady) {
    let table = Arc::clone(reader.table());
    loop {
        let target = {
            let mut state = shared.lock();
            let mut has_paused = false;
            loop {
                if state.quit {
                    return;
                }
                match state.next_target(&table) {
                    Some(target) if has_paused || !state.can_pause_before(target) => {
                        state.decoding = Some(target);
                        break target;
                    }
                    Some(_) => {
                        let paused = shared.changed.wait_timeout(state, PAUSE);
                        state = paused.unwrap_or_else(PoisonError::into_inner).0;
                        has_paused = true;
                    }
                    None => {
                        state.decoding = None;
                        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            }
        };
        let answer = reader.frame(target);
        let mut state = shared.lock();
        state.decoding = None;
        let was_missing = !state.cache.contains_key(&state.wish);
        match answer {
            Ok(frame) => state.insert(target, frame),
            Err(MediaError::Cancelled { .. }) => return,
            Err(error) => state.fail(target, error, &table),
        }
        drop(state);
        shared.changed.notify_all();
        if was_missing {
            on_ready();
        }
    }
}

impl State {
    fn new(budget_bytes: usize) -> Self {
        Self {
            wish: 0,
            direction: Direction::Still,
            cache: BTreeMap::new(),
            bytes: 0,
            budget_bytes,
            failed: BTreeMap::new(),
            broken_groups: BTreeSet::new(),
            unseen_error: None,
            decoding: None,
            last_decoded: None,
            quit: false,
        }
    }

    fn insert(&mut self, index: usize, frame: Arc<Frame>) {
        self.bytes += frame.size_bytes();
        self.last_decoded = Some(index);
        if let Some(before) = self.cache.insert(index, frame) {
            self.bytes -= before.size_bytes();
        }
        self.evict();
    }

    fn fail(&mut self, index: usize, error: MediaError, table: &FrameTable) {
        self.last_decoded = None;
        self.broken_groups.insert(table.group(index).start);
        if index == self.wish {
            self.unseen_error = Some(error.clone());
        }
        self.failed.insert(index, error);
    }

    /// Drops the frames farthest from the wish until the budget is kept; the wished-for frame always stays.
    fn evict(&mut self) {
        while self.bytes > self.budget_bytes {
            let (first, last) = (self.cache.keys().next().copied(), self.cache.keys().next_back().copied());
            let (Some(first), Some(last)) = (first, last) else { return };
            let farthest = if first.abs_diff(self.wish) > last.abs_diff(self.wish) { first } else { last };
            if farthest == self.wish {
                return;
            }
            if let Some(frame) = self.cache.remove(&farthest) {
                self.bytes -= frame.size_bytes();
            }
        }
    }

    fn is_missing(&self, index: usize) -> bool {
        !self.cache.contains_key(&index) && !self.failed.contains_key(&index)
    }

    /// Whether the playhead will take so long to a frame that others may have the core first.
    fn can_pause_before(&self, target: usize) -> bool {
        self.direction == Direction::Forward && target > self.wish + LEAD_FRAMES
    }

    /// What to decode now: the wish, else the next frame that is worth keeping.
    fn next_target(&self, table: &FrameTable) -> Option<usize> {
        if self.is_missing(self.wish) {
            return Some(self.wish);
        }
        let window = self.window(table);
        // Decoding on in sequence is cheapest, unless the playhead ran out of what lies ahead of it.
        let onward = self.last_decoded.map(|last| last + 1).filter(|next| window.contains(next));
        if let Some(next) = onward.filter(|next| self.direction != Direction::Forward || *next > self.wish)
            && self.is_missing(next)
            && !self.broken_groups.contains(&table.group(next).start)
        {
            return Some(next);
        }
        let group = table.group(self.wish);
        let (before, after) = (window.start..self.wish, self.wish..window.end);
        let own_before = group.start.max(before.start)..self.wish;
        let own_after = self.wish..group.end.min(after.end);
        let order: [Range<usize>; 4] = match self.direction {
            Direction::Still => [own_after, own_before, after, before],
            Direction::Forward => [own_after, after, own_before, before],
            Direction::Backward => [own_before, before, own_after, after],
        };
        order.into_iter().find_map(|range| self.missing_near_wish(range, table))
    }

    /// The first missing frame of a range, whole groups nearest to the wish first.
    fn missing_near_wish(&self, range: Range<usize>, table: &FrameTable) -> Option<usize> {
        if range.start >= self.wish {
            let mut index = range.start;
            while index < range.end {
                let group = table.group(index);
                let part = index..group.end.min(range.end);
                index = part.end;
                if let Some(found) = self.missing_in(part, group.start) {
                    return Some(found);
                }
            }
            return None;
        }
        let mut end = range.end;
        while end > range.start {
            let group = table.group(end - 1);
            let part = group.start.max(range.start)..end;
            end = part.start;
            if let Some(found) = self.missing_in(part, group.start) {
                return Some(found);
            }
        }
        None
    }

    fn missing_in(&self, mut part: Range<usize>, group: usize) -> Option<usize> {
        if self.broken_groups.contains(&group) || self.cache.range(part.clone()).count() == part.len() {
            return None;
        }
        part.find(|index| self.is_missing(*index))
    }

    /// The frames worth keeping: as many whole groups around the wish as the budget holds, more of them where the
    /// playhead is going; of a group that exceeds the budget, the part around the wish.
    fn window(&self, table: &FrameTable) -> Range<usize> {
        let average = (self.bytes / self.cache.len().max(1)).max(1);
        // One frame of slack keeps a frame that was just decoded from pushing out one that is wanted.
        let capacity = (self.budget_bytes / average).saturating_sub(1).max(1);
        if capacity >= table.len() {
            return 0..table.len();
        }
        let group = table.group(self.wish);
        if group.len() > capacity {
            let behind = match self.direction {
                Direction::Still => capacity / 2,
                Direction::Forward => capacity / 4,
                Direction::Backward => capacity * 3 / 4,
            };
            let start = self.wish.saturating_sub(behind).max(group.start);
            let end = (start + capacity).min(table.len());
            return end.saturating_sub(capacity).min(start)..end;
        }
        let (mut start, mut end) = (group.start, group.end);
        let mut forward = self.direction != Direction::Backward;
        for stuck in [false, true] {
            loop {
                let next = if forward { (end < table.len()).then(|| table.group(end)) } else { None };
                let previous = if forward { None } else { start.checked_sub(1).map(|before| table.group(before)) };
                let Some(added) = next.or(previous).filter(|added| end - start + added.len() <= capacity) else {
                    break;
                };
                start = start.min(added.start);
                end = end.max(added.end);
                // Behind a moving playhead one group is enough until what lies ahead is full.
                if stuck || self.direction == Direction::Still {
                    forward = !forward;
                }
            }
            forward = !forward;
        }
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(wish: usize, budget_frames: usize, direction: Direction) -> State {
        let mut state = State::new(0);
        state.wish = wish;
        state.direction = direction;
        // One frame of a known size makes the average.
        state.insert(wish, Arc::new(small_frame(wish)));
        state.budget_bytes = state.bytes * (budget_frames + 1);
        state
    }

    fn small_frame(index: usize) -> Frame {
        Frame {
            index,
            time_secs: index as f64,
            size: crate::geometry::Size::new(8, 8),
            layout: super::super::PlaneLayout::Gray,
            bits: 8,
            planes: vec![super::super::Plane { width: 8, height: 8, bytes: vec![0; 64] }],
            color: super::super::ColorDescription::RGB,
            orientation: super::super::Orientation::UPRIGHT,
            sample_aspect: (1, 1),
        }
    }

    /// Ten groups of ten frames.
    fn table() -> FrameTable {
        FrameTable::regular(100, 10)
    }

    #[test]
    fn a_clip_that_fits_is_kept_whole() {
        assert_eq!(state(50, 100, Direction::Still).window(&table()), 0..100);
    }

    #[test]
    fn whole_groups_around_the_wish_are_kept() {
        assert_eq!(state(55, 30, Direction::Still).window(&table()), 40..70);
        assert_eq!(state(55, 39, Direction::Forward).window(&table()), 50..80);
        assert_eq!(state(55, 39, Direction::Backward).window(&table()), 30..60);
    }

    #[test]
    fn of_a_group_beyond_the_budget_the_part_around_the_wish_is_kept() {
        assert_eq!(state(55, 4, Direction::Still).window(&table()), 53..57);
    }

    #[test]
    fn the_farthest_frames_go_first_and_the_wish_stays() {
        let mut state = state(10, 3, Direction::Still);
        for index in [0, 9, 11, 12] {
            state.insert(index, Arc::new(small_frame(index)));
        }
        assert_eq!(state.cache.keys().copied().collect::<Vec<_>>(), [9, 10, 11, 12]);
        state.budget_bytes = 1;
        state.evict();
        assert_eq!(state.cache.keys().copied().collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn only_what_lies_far_ahead_of_a_playhead_can_wait() {
        let forward = state(10, 100, Direction::Forward);
        assert!(!forward.can_pause_before(11) && !forward.can_pause_before(10 + LEAD_FRAMES));
        assert!(forward.can_pause_before(11 + LEAD_FRAMES));
        assert!(!state(10, 100, Direction::Still).can_pause_before(90));
        assert!(!state(90, 100, Direction::Backward).can_pause_before(10));
    }

    #[test]
    fn the_wish_comes_first_then_what_follows_it_then_what_comes_before() {
        let mut state = state(12, 20, Direction::Still);
        state.cache.clear();
        state.bytes = 0;
        let mut order = Vec::new();
        while let Some(target) = state.next_target(&table()) {
            order.push(target);
            state.insert(target, Arc::new(small_frame(target)));
        }
        assert_eq!(order[..8], [12, 13, 14, 15, 16, 17, 18, 19]);
        assert_eq!(state.cache.keys().copied().collect::<Vec<_>>(), (10..30).collect::<Vec<_>>());
    }
}
