//! The time stamps that FFmpeg's program prints with `-f framemd5`.

use super::source::Media;
use super::table::FrameTable;

/// FFmpeg's program counts the frames of a raw video in ticks of one over the frame rate, from the container's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framemd5Clock {
    /// Seconds of one tick of the stream.
    stream: (i64, i64),
    /// Seconds of one tick of the printed time stamps.
    printed: (i64, i64),
    start_micros: i64,
}

impl Framemd5Clock {
    pub fn new(media: &Media, table: &FrameTable) -> Self {
        let (per, count) = table.clock();
        let stream = (i64::from(per), i64::from(count).max(1));
        let rate = media.video().and_then(|video| video.guessed_rate);
        let printed = rate.map_or(stream, |(count, per)| (i64::from(per), i64::from(count)));
        Self { stream, printed, start_micros: media.zero_micros() }
    }

    /// Seconds of one printed tick, as a fraction.
    pub fn tick(&self) -> (i64, i64) {
        self.printed
    }

    /// The printed time stamp and duration of a frame that is presented at `pts` ticks of the stream.
    pub fn stamp(&self, pts: i64) -> (i64, i64) {
        let start = rescale(-self.start_micros, (1, 1_000_000), self.stream);
        (rescale(pts.saturating_add(start), self.stream, self.printed), 1)
    }
}

/// `value` ticks of `from` in ticks of `to`, rounded to the nearest, halves away from zero (FFmpeg's `av_rescale_q`).
fn rescale(value: i64, from: (i64, i64), to: (i64, i64)) -> i64 {
    let numerator = i128::from(value) * i128::from(from.0) * i128::from(to.1);
    let denominator = (i128::from(from.1) * i128::from(to.0)).max(1);
    let half = denominator / 2;
    let rounded = if numerator < 0 { (numerator - half) / denominator } else { (numerator + half) / denominator };
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_away_from_zero() {
        assert_eq!(rescale(1, (1, 2), (1, 1)), 1);
        assert_eq!(rescale(-1, (1, 2), (1, 1)), -1);
        assert_eq!(rescale(512, (1, 12_800), (1, 25)), 1);
        assert_eq!(rescale(33, (1, 1000), (1, 30)), 1);
    }
}
