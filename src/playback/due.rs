//! Which frame is due at a position, and how long it stays so.

use std::time::Duration;

/// A frame is due this much before its time: positions come in whole samples and frame times in ticks of the
/// container, and the rounding of either must not show the frame before the one that was asked for.
pub const DUE_TOLERANCE_SECS: f64 = 0.0005;

/// Index of the frame that belongs on screen at `position_secs`, the last one whose time has come; the first one
/// before that. `frame_times` are presentation times in seconds, ascending. `None` without frames.
pub fn due_frame(position_secs: f64, frame_times: &[f64]) -> Option<usize> {
    let come = frame_times.partition_point(|&time| time <= position_secs + DUE_TOLERANCE_SECS);
    if frame_times.is_empty() { None } else { Some(come.saturating_sub(1)) }
}

/// How long the frame that is due at `position_secs` stays due while the position moves at `speed` (negative:
/// backwards). `None` where no other frame follows in that direction or nothing moves.
pub fn time_to_next(position_secs: f64, speed: f64, frame_times: &[f64]) -> Option<Duration> {
    let due = due_frame(position_secs, frame_times)?;
    let away_secs = if speed > 0.0 {
        // Before the first frame, the first one is on screen already.
        frame_times.get(due + 1)? - DUE_TOLERANCE_SECS - position_secs
    } else if speed < 0.0 && due > 0 {
        position_secs - (frame_times[due] - DUE_TOLERANCE_SECS)
    } else {
        return None;
    };
    Duration::try_from_secs_f64((away_secs / speed.abs()).max(0.0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: [f64; 4] = [0.02, 0.06, 0.10, 0.30];

    #[test]
    fn a_frame_is_due_from_its_time_to_the_next_ones() {
        assert_eq!(due_frame(0.0, &TIMES), Some(0), "the first frame stands before its time");
        assert_eq!(due_frame(0.0594, &TIMES), Some(0));
        assert_eq!(due_frame(0.06, &TIMES), Some(1));
        assert_eq!(due_frame(0.2999, &TIMES), Some(3), "rounding does not show the frame before");
        assert_eq!(due_frame(99.0, &TIMES), Some(3));
        assert_eq!(due_frame(0.0, &[]), None);
    }

    #[test]
    fn the_next_frame_is_due_after_the_time_that_is_told() {
        for speed in [0.25, 1.0, 3.0] {
            for position in [0.0, 0.03, 0.0999, 0.15] {
                let due = due_frame(position, &TIMES).unwrap();
                let wait = time_to_next(position, speed, &TIMES).unwrap().as_secs_f64();
                assert_eq!(due_frame(position + wait * speed + 1e-6, &TIMES), Some(due + 1));
                assert_eq!(due_frame(position + (wait * speed - 1e-6).max(0.0), &TIMES), Some(due));
            }
        }
        assert_eq!(time_to_next(0.4, 1.0, &TIMES), None);
        assert_eq!(time_to_next(0.1, 0.0, &TIMES), None);
    }

    #[test]
    fn backwards_the_frame_before_is_next() {
        let wait = time_to_next(0.2, -2.0, &TIMES).unwrap().as_secs_f64();
        assert_eq!(due_frame(0.2 - wait * 2.0 + 1e-6, &TIMES), Some(2));
        assert_eq!(due_frame(0.2 - wait * 2.0 - 1e-6, &TIMES), Some(1));
        assert_eq!(time_to_next(0.03, -1.0, &TIMES), None);
    }
}
