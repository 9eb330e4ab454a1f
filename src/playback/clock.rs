//! The device's clock as seen from the wall clock: which of the delivered frames is heard at an instant.

use std::collections::VecDeque;

/// How many deliveries the estimate looks back on. The median over them is deaf to a callback that was woken late.
const REMEMBERED_DELIVERIES: usize = 31;
/// So many deliveries in a row beyond the tolerance mean that the device itself has jumped (an underrun).
const JUMP_DELIVERIES: usize = 5;
const JUMP_TOLERANCE_SECS: f64 = 0.015;
/// The position may catch up with a device that jumped ahead, but never runs faster than this against the wall.
const FASTEST_CATCH_UP: f64 = 1.5;

/// Tells which device frame is heard when, from the times at which frames were delivered. Frames are counted from
/// the opening of the device, instants in seconds of one monotonic wall clock.
#[derive(Debug)]
pub(crate) struct DeviceClock {
    rate: f64,
    /// The instants at which frame 0 would have been heard, as each delivery saw it.
    origins_secs: VecDeque<f64>,
    origin_secs: f64,
    delivered: u64,
    /// The last answer, which no later one goes behind.
    told: Option<(f64, f64)>,
}

impl DeviceClock {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate: f64::from(rate),
            origins_secs: VecDeque::with_capacity(REMEMBERED_DELIVERIES + 1),
            origin_secs: 0.0,
            delivered: 0,
            told: None,
        }
    }

    /// Frames `first_frame..first_frame + frames` were handed over, and the first of them will be heard at
    /// `heard_at_secs`.
    pub(crate) fn deliver(&mut self, first_frame: u64, frames: usize, heard_at_secs: f64) {
        self.delivered = first_frame + frames as u64;
        let jumped = self.origins_secs.len() >= JUMP_DELIVERIES && {
            let newest = self.origins_secs.iter().rev().take(JUMP_DELIVERIES);
            let late = newest.clone().all(|origin| origin - self.origin_secs > JUMP_TOLERANCE_SECS);
            late || newest.clone().all(|origin| self.origin_secs - origin > JUMP_TOLERANCE_SECS)
        };
        if jumped {
            let settled = self.origins_secs.len() - JUMP_DELIVERIES;
            self.origins_secs.drain(..settled);
        }
        self.origins_secs.push_back(heard_at_secs - first_frame as f64 / self.rate);
        if self.origins_secs.len() > REMEMBERED_DELIVERIES {
            self.origins_secs.pop_front();
        }
        let mut sorted: Vec<f64> = self.origins_secs.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        self.origin_secs = sorted[sorted.len() / 2];
    }

    /// The frame, with its fraction, that is heard at `now_secs`: never behind an earlier answer, never beyond what
    /// was delivered.
    pub(crate) fn heard_frame(&mut self, now_secs: f64) -> f64 {
        if self.origins_secs.is_empty() {
            return 0.0;
        }
        let mut heard = ((now_secs - self.origin_secs) * self.rate).clamp(0.0, self.delivered as f64);
        if let Some((told_at_secs, told)) = self.told {
            let fastest = told + (now_secs - told_at_secs).max(0.0) * self.rate * FASTEST_CATCH_UP;
            heard = heard.min(fastest).max(told);
        }
        self.told = Some((now_secs, heard));
        heard
    }

    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delivers blocks of 480 frames at 48 kHz as a device with 30 ms of latency would ask for them, `late_secs`
    /// telling by how much the callback is woken late.
    fn run(clock: &mut DeviceClock, blocks: std::ops::Range<u64>, late_secs: impl Fn(u64) -> f64) {
        for block in blocks {
            clock.deliver(block * 480, 480, block as f64 * 0.01 + 0.03 + late_secs(block));
        }
    }

    #[test]
    fn what_is_heard_lags_by_the_latency() {
        let mut clock = DeviceClock::new(48_000);
        run(&mut clock, 0..100, |_| 0.0);
        assert!((clock.heard_frame(1.0) - (1.0 - 0.03) * 48_000.0).abs() < 1e-6);
    }

    #[test]
    fn a_callback_woken_late_moves_nothing() {
        let mut clock = DeviceClock::new(48_000);
        run(&mut clock, 0..100, |block| if block % 5 == 0 { 0.012 } else { 0.0 });
        assert!((clock.heard_frame(1.0) - 0.97 * 48_000.0).abs() < 1e-6);
    }

    #[test]
    fn a_gap_in_the_device_is_followed() {
        let mut clock = DeviceClock::new(48_000);
        run(&mut clock, 0..100, |_| 0.0);
        let before = clock.heard_frame(1.0);
        run(&mut clock, 100..120, |_| 0.05);
        let after = clock.heard_frame(1.25);
        assert!((after - (1.25 - 0.05 - 0.03) * 48_000.0).abs() < 1e-6);
        assert!(after > before);
    }

    #[test]
    fn the_answer_never_goes_back_and_never_leaves_what_was_delivered() {
        let mut clock = DeviceClock::new(48_000);
        run(&mut clock, 0..100, |_| 0.0);
        let before = clock.heard_frame(1.0);
        run(&mut clock, 100..110, |_| 0.5);
        assert_eq!(clock.heard_frame(1.1), before);
        let mut clock = DeviceClock::new(48_000);
        run(&mut clock, 0..100, |_| 0.0);
        clock.heard_frame(1.0);
        assert_eq!(clock.heard_frame(60.0), 48_000.0, "a device that stopped asking has stopped sounding");
    }

    #[test]
    fn a_device_that_swallows_everything_at_once_does_not_run_away() {
        let mut clock = DeviceClock::new(48_000);
        clock.deliver(0, 480, 0.0);
        clock.heard_frame(0.0);
        for block in 1..2000 {
            clock.deliver(block * 480, 480, block as f64 * 1e-5);
        }
        assert!(clock.heard_frame(0.02) <= 0.02 * 1.5 * 48_000.0 + 1e-6);
    }
}
