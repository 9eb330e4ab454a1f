//! When the window is drawn again, and which frames its passes have shown.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Brings about passes for what comes from other threads.
///
/// egui makes two passes for each request. Where the processor draws, a pass takes most of the time that a frame is
/// shown, and results come in many times a second: passes for them would leave none for the frames. There, while a clip
/// plays, they wait for the pass of the next frame.
pub struct Passes {
    context: egui::Context,
    origin: Instant,
    /// When the next frame is drawn, in microseconds since `origin`; 0 while none is planned.
    planned_micros: AtomicU64,
    results_wait: bool,
}

/// As soon as can be, in one pass.
pub const AT_ONCE: Duration = Duration::from_micros(1);

/// Results wait no longer than this for a pass that is planned.
const LONGEST_WAIT: Duration = Duration::from_millis(45);

impl Passes {
    /// `results_wait`: the processor draws.
    pub fn new(context: egui::Context, results_wait: bool) -> Self {
        Self { context, origin: Instant::now(), planned_micros: AtomicU64::new(0), results_wait }
    }

    /// Something is there to be taken over by a pass.
    pub fn wake(&self) {
        match self.planned_micros.load(Ordering::Acquire) {
            0 => self.context.request_repaint(),
            planned => {
                let wait = Duration::from_micros(planned).saturating_sub(self.origin.elapsed());
                if wait.is_zero() || wait > LONGEST_WAIT {
                    self.context.request_repaint_after(AT_ONCE);
                }
            }
        }
    }

    /// A pass begins, which plans the next one when it ends.
    pub fn begin(&self) {
        if self.planned_micros.load(Ordering::Acquire) != 0 {
            self.planned_micros.store(self.micros_after(LONGEST_WAIT), Ordering::Release);
        }
    }

    /// The next frame is due after this time, and a pass was asked for then; `None` while no clip plays, or while the
    /// frame that is due is not there yet.
    pub fn plan(&self, next_frame: Option<Duration>) {
        if !self.results_wait {
            return;
        }
        let planned = next_frame.map_or(0, |wait| self.micros_after(wait));
        let before = self.planned_micros.swap(planned, Ordering::AcqRel);
        // What waited for a pass that is not to come is taken over now.
        if planned == 0 && before != 0 {
            self.context.request_repaint();
        }
    }

    fn micros_after(&self, wait: Duration) -> u64 {
        (self.origin.elapsed() + wait).as_micros() as u64
    }
}

/// Which frames were shown while clips played.
#[derive(Clone, Copy, Debug, Default)]
pub struct FramesPlayed {
    pub shown: u64,
    /// Those between two that were shown one after the other.
    pub dropped: u64,
    /// The opened clip's number and its frame.
    last: Option<(u64, usize)>,
}

impl FramesPlayed {
    /// A pass shows `frame` of an opened clip, playing in a direction.
    pub fn show(&mut self, clip: u64, frame: usize, forwards: bool) {
        let Some((_, last)) = self.last.replace((clip, frame)).filter(|last| last.0 == clip) else {
            self.shown += 1;
            return;
        };
        let step = if forwards { frame.checked_sub(last) } else { last.checked_sub(frame) };
        // A step backwards is the start of a loop.
        let step = step.unwrap_or(1) as u64;
        self.shown += step.min(1);
        self.dropped += step.saturating_sub(1);
    }

    /// What is shown next does not follow on what was shown before.
    pub fn jump(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_between_two_that_were_shown_are_dropped() {
        let mut played = FramesPlayed::default();
        for frame in [3, 3, 4, 6, 6, 9] {
            played.show(1, frame, true);
        }
        assert_eq!((played.shown, played.dropped), (4, 3));
        played.show(1, 8, false);
        played.show(1, 5, false);
        assert_eq!((played.shown, played.dropped), (6, 5));
    }

    #[test]
    fn loops_seeks_and_other_clips_drop_nothing() {
        let mut played = FramesPlayed::default();
        played.show(1, 20, true);
        played.show(1, 0, true);
        played.jump();
        played.show(1, 90, true);
        played.show(2, 300, true);
        assert_eq!((played.shown, played.dropped), (4, 0));
    }

    #[test]
    fn results_wait_for_the_pass_of_the_next_frame_and_are_not_forgotten() {
        let asked = |passes: &Passes| {
            let asked = passes.context.has_requested_repaint();
            while passes.context.has_requested_repaint() {
                passes.context.begin_pass(egui::RawInput::default());
                passes.context.end_pass().textures_delta.clear();
            }
            asked
        };
        for results_wait in [true, false] {
            let passes = Passes::new(egui::Context::default(), results_wait);
            asked(&passes);
            passes.plan(Some(Duration::from_millis(40)));
            passes.wake();
            assert_eq!(asked(&passes), !results_wait);
            passes.plan(None);
            assert_eq!(asked(&passes), results_wait);
            passes.wake();
            assert!(asked(&passes));
            passes.plan(Some(Duration::from_secs(1)));
            passes.wake();
            assert!(asked(&passes));
        }
    }
}
