//! The outline of a waveform at every zoom: least and greatest sample of ever longer blocks.

use crate::signal::Waveform;

/// Sample frames in a block of the finest level.
const BLOCK_FRAMES: usize = 256;

/// Least and greatest sample over blocks of 256 sample frames and their doublings, over all channels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peaks {
    rate: u32,
    /// Level `n` holds `[least, greatest]` of blocks of `256 · 2ⁿ` sample frames.
    levels: Vec<Vec<[f32; 2]>>,
}

impl Peaks {
    /// The outline of a waveform.
    pub fn of(waveform: &Waveform) -> Self {
        let block = BLOCK_FRAMES * usize::from(waveform.channels).max(1);
        let finest =
            waveform.samples.chunks(block).map(|samples| samples.iter().fold(NONE, |peak, s| join(peak, [*s; 2])));
        let mut levels = vec![finest.collect::<Vec<_>>()];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let coarser = level.chunks(2).map(|pair| pair.iter().fold(NONE, |peak, next| join(peak, *next))).collect();
            levels.push(coarser);
        }
        Self { rate: waveform.rate, levels }
    }

    /// `[least, greatest]` for each of `columns` equal stretches of the sound between two times (in seconds from its
    /// first sample), to the precision of whole blocks; zeros where there is no sound.
    pub fn columns(&self, from_secs: f64, until_secs: f64, columns: usize) -> Vec<[f32; 2]> {
        let frame = |secs: f64| secs * f64::from(self.rate) / BLOCK_FRAMES as f64;
        let (from, step) = (frame(from_secs), (frame(until_secs) - frame(from_secs)) / columns.max(1) as f64);
        // The coarsest level whose blocks are no longer than half a column.
        let fitting = (step / 2.0).log2().floor().clamp(0.0, self.levels.len().saturating_sub(1) as f64) as usize;
        let Some(level) = self.levels.get(fitting) else { return vec![[0.0; 2]; columns] };
        let scale = (1usize << fitting) as f64;
        (0..columns)
            .map(|column| {
                let start = ((from + step * column as f64) / scale).floor();
                let end = ((from + step * (column + 1) as f64) / scale).ceil().max(start + 1.0);
                if end <= 0.0 || start >= level.len() as f64 {
                    return [0.0; 2];
                }
                let blocks = level.get(start.max(0.0) as usize..(end as usize).min(level.len())).unwrap_or_default();
                let peak = blocks.iter().fold(NONE, |peak, next| join(peak, *next));
                if peak == NONE { [0.0; 2] } else { peak }
            })
            .collect()
    }
}

const NONE: [f32; 2] = [f32::INFINITY, f32::NEG_INFINITY];

fn join([low, high]: [f32; 2], [other_low, other_high]: [f32; 2]) -> [f32; 2] {
    [low.min(other_low), high.max(other_high)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_is_seen_at_every_zoom_and_nowhere_else() {
        let mut sound = Waveform { rate: 48_000, channels: 2, samples: vec![0.0; 2 * 48_000] };
        sound.samples[2 * 24_000 + 1] = -0.75;
        let peaks = Peaks::of(&sound);
        for columns in [1, 7, 100, 1000] {
            let outline = peaks.columns(0.0, 1.0, columns);
            let seen = outline.iter().enumerate().filter(|(_, peak)| peak[0] == -0.75).map(|(n, _)| n);
            let place = columns / 2;
            let seen = seen.collect::<Vec<_>>();
            assert!(seen.contains(&place), "{columns} columns: {seen:?}");
            // A block is a little over five milliseconds.
            let width = 1 + columns * 2 * 256 / 48_000;
            assert!(seen.iter().all(|n| n.abs_diff(place) <= width), "{columns} columns: {seen:?}");
        }
    }

    #[test]
    fn beyond_the_sound_there_is_nothing() {
        let peaks = Peaks::of(&Waveform { rate: 1000, channels: 1, samples: vec![0.5; 1000] });
        assert_eq!(peaks.columns(-2.0, -1.0, 2), [[0.0; 2]; 2]);
        assert_eq!(peaks.columns(2.0, 3.0, 1), [[0.0; 2]]);
        assert_eq!(peaks.columns(0.0, 1.0, 1), [[0.5; 2]]);
        assert_eq!(Peaks::of(&Waveform::default()).columns(0.0, 1.0, 1), [[0.0; 2]]);
    }
}
