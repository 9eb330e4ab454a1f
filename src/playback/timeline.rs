//! What was delivered, in clip time: from a frame of the device to the position that it carries.

use std::collections::VecDeque;

use super::clock::DeviceClock;

/// A run of device frames over which clip time moves evenly, up to the start of the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    pub first_frame: u64,
    pub position_secs: f64,
    /// Clip seconds a device frame; 0 where playing stands still.
    pub secs_per_frame: f64,
    /// The last command that changed the place, counted by the player, before these frames.
    pub generation: u64,
}

impl Segment {
    fn position_at(&self, frame: f64) -> f64 {
        self.position_secs + (frame - self.first_frame as f64) * self.secs_per_frame
    }

    fn continues(&self, next: &Segment) -> bool {
        self.generation == next.generation
            && self.secs_per_frame == next.secs_per_frame
            && (self.position_at(next.first_frame as f64) - next.position_secs).abs() < 1e-6
    }
}

/// The position that is heard, for any instant.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub clock: DeviceClock,
    segments: VecDeque<Segment>,
    /// The newest generation that was delivered.
    pub generation: u64,
    /// Its first frame. What is heard of older generations is no longer of interest.
    generation_frame: u64,
}

impl Timeline {
    /// An empty timeline of a device that begins at `position_secs`.
    pub(crate) fn new(rate: u32, generation: u64, position_secs: f64) -> Self {
        let standing = Segment { first_frame: 0, position_secs, secs_per_frame: 0.0, generation };
        Self { clock: DeviceClock::new(rate), segments: VecDeque::from([standing]), generation, generation_frame: 0 }
    }

    pub(crate) fn push(&mut self, segment: Segment) {
        if segment.generation != self.generation {
            self.generation = segment.generation;
            self.generation_frame = segment.first_frame;
        }
        if !self.segments.back().is_some_and(|last| last.continues(&segment)) {
            self.segments.push_back(segment);
        }
    }

    /// The position heard at `now_secs` and the speed, in clip seconds a second, at which it moves.
    pub(crate) fn heard(&mut self, now_secs: f64) -> (f64, f64) {
        let frame = self.clock.heard_frame(now_secs).max(self.generation_frame as f64);
        while self.segments.get(1).is_some_and(|second| second.first_frame as f64 <= frame) {
            self.segments.pop_front();
        }
        let rate = self.clock.rate();
        self.segments.front().map_or((0.0, 0.0), |segment| {
            let frame = frame.max(segment.first_frame as f64);
            (segment.position_at(frame), segment.secs_per_frame * rate)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moving(first_frame: u64, position_secs: f64, speed: f64) -> Segment {
        Segment { first_frame, position_secs, secs_per_frame: speed / 1000.0, generation: 0 }
    }

    #[test]
    fn positions_follow_the_segments_that_are_heard() {
        let mut timeline = Timeline::new(1000, 0, 5.0);
        timeline.push(moving(100, 5.0, 1.0));
        timeline.push(moving(200, 5.1, 1.0));
        timeline.push(moving(300, 2.0, 2.0));
        timeline.clock.deliver(0, 400, 0.0);
        assert_eq!(timeline.segments.len(), 3, "segments that continue are one");
        assert_eq!(timeline.heard(0.05), (5.0, 0.0));
        assert!((timeline.heard(0.25).0 - 5.15).abs() < 1e-9);
        let (position, speed) = timeline.heard(0.35);
        assert!((position - 2.1).abs() < 1e-9 && (speed - 2.0).abs() < 1e-9);
    }

    #[test]
    fn what_the_device_still_holds_from_before_a_seek_is_not_told() {
        let mut timeline = Timeline::new(1000, 0, 0.0);
        timeline.push(moving(0, 0.0, 1.0));
        timeline.push(Segment { generation: 1, ..moving(100, 7.0, 1.0) });
        timeline.clock.deliver(0, 200, 0.05);
        assert!((timeline.heard(0.06).0 - 7.0).abs() < 1e-9, "the new place stands until it is heard");
        assert!((timeline.heard(0.20).0 - 7.05).abs() < 1e-9);
    }
}
