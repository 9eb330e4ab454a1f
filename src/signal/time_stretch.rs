//! Playing a sound faster or slower at its own pitch.

/// Half of a segment. Long enough for two periods of a low voice, short enough to keep consonants apart.
const HOP_SECS: f64 = 0.020;
/// How far a segment may be moved so that it continues the last one in phase: a period of 42 Hz.
const SEARCH_SECS: f64 = 0.012;
/// Alignment is searched in sums of so many samples first and in single samples around the best of them.
const COARSE_SAMPLES: usize = 4;

/// Waveform-similarity overlap-add (Verhelst and Roelands 1993) on stereo sound that can be read at any place.
///
/// Segments of the source are laid over each other at the pace that is asked for, each moved within a small range to
/// where it continues the one before most alike. At speed 1 the source passes unchanged.
#[derive(Clone, Debug)]
pub struct TimeStretch {
    hop: usize,
    search: usize,
    /// How the last segment would go on, interleaved; empty before the first one.
    continuation: Vec<f32>,
    /// Interleaved frames made but not taken, from `taken` on.
    made: Vec<f32>,
    taken: usize,
    region: Vec<f32>,
}

impl TimeStretch {
    /// A stretch of sound at `rate` samples a second.
    pub fn new(rate: u32) -> Self {
        let frames = |secs: f64| ((secs * f64::from(rate)) as usize).max(COARSE_SAMPLES);
        Self {
            hop: frames(HOP_SECS),
            search: frames(SEARCH_SECS),
            continuation: Vec::new(),
            made: Vec::new(),
            taken: 0,
            region: Vec::new(),
        }
    }

    /// Fills interleaved stereo `out`, whose first frame is to sound like `position` of the source (in frames) and
    /// whose others follow at `speed` source frames a frame. Successive calls that go on where the last one ended
    /// join seamlessly; a jump in `position` is joined in phase. `source` fills a stereo buffer from a place on.
    pub fn fill(&mut self, out: &mut [f32], position: f64, speed: f64, source: &mut dyn FnMut(i64, &mut [f32])) {
        let mut filled = 0;
        while filled < out.len() {
            if self.taken == self.made.len() {
                self.make_hop(position + (filled / 2) as f64 * speed, speed, source);
            }
            let count = (out.len() - filled).min(self.made.len() - self.taken);
            out[filled..filled + count].copy_from_slice(&self.made[self.taken..self.taken + count]);
            self.taken += count;
            filled += count;
        }
    }

    fn make_hop(&mut self, position: f64, speed: f64, source: &mut dyn FnMut(i64, &mut [f32])) {
        let (hop, search) = (self.hop, self.search);
        if self.continuation.is_empty() {
            self.continuation.resize(2 * hop, 0.0);
            source(position.round() as i64, &mut self.continuation);
        }
        // The new segment is at its fullest one hop from now, and there it must sound like what is due then.
        let wanted = (position + hop as f64 * (speed - 1.0)).round() as i64;
        self.region.resize(2 * (2 * hop + 2 * search), 0.0);
        source(wanted - search as i64, &mut self.region);
        let start = 2 * best_alignment(&self.continuation, &self.region, 2 * search, search);

        self.made.clear();
        self.taken = 0;
        for index in 0..hop {
            let fade_in = (std::f32::consts::FRAC_PI_2 * (index as f32 + 0.5) / hop as f32).sin().powi(2);
            for side in 0..2 {
                let old = self.continuation[2 * index + side];
                let new = self.region[start + 2 * index + side];
                self.made.push(old + (new - old) * fade_in);
            }
        }
        self.continuation.copy_from_slice(&self.region[start + 2 * hop..start + 4 * hop]);
    }
}

/// Where in `region`, 0 to `last` frames in, the sound is most like `pattern` (both interleaved stereo): the place
/// of the greatest normalized correlation, `neutral` where nothing correlates.
fn best_alignment(pattern: &[f32], region: &[f32], last: usize, neutral: usize) -> usize {
    let mono = |stereo: &[f32]| stereo.chunks_exact(2).map(|frame| frame[0] + frame[1]).collect::<Vec<f32>>();
    let coarse = |fine: &[f32]| fine.chunks_exact(COARSE_SAMPLES).map(|sums| sums.iter().sum()).collect::<Vec<f32>>();
    let (pattern, region) = (mono(pattern), mono(region));
    let neutral_coarse = neutral / COARSE_SAMPLES;
    let around = best_offset(&coarse(&pattern), &coarse(&region), 0..=last / COARSE_SAMPLES, neutral_coarse);
    if around == neutral_coarse && alike(&pattern, &region, neutral) > 1.0 - 1e-6 {
        return neutral;
    }
    let centre = around * COARSE_SAMPLES;
    best_offset(&pattern, &region, centre.saturating_sub(COARSE_SAMPLES)..=(centre + COARSE_SAMPLES).min(last), neutral)
}

fn best_offset(pattern: &[f32], region: &[f32], offsets: std::ops::RangeInclusive<usize>, neutral: usize) -> usize {
    let mut best = (0.0, neutral);
    for offset in offsets {
        let score = alike(pattern, region, offset);
        if score > best.0 {
            best = (score, offset);
        }
    }
    best.1
}

/// The normalized correlation of `pattern` with `region` from `offset` on; 0 where either is silent.
fn alike(pattern: &[f32], region: &[f32], offset: usize) -> f32 {
    let (mut product, mut own, mut other) = (0.0f32, 0.0f32, 0.0f32);
    for (a, b) in pattern.iter().zip(&region[offset..]) {
        product += a * b;
        own += a * a;
        other += b * b;
    }
    if own * other > 0.0 { product / (own * other).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use realfft::RealFftPlanner;

    use super::*;

    const RATE: u32 = 48_000;

    fn stretched(source: &dyn Fn(i64) -> f32, speed: f64, frames: usize) -> Vec<f32> {
        let mut stretch = TimeStretch::new(RATE);
        let mut read = |from: i64, out: &mut [f32]| {
            for (index, frame) in out.chunks_exact_mut(2).enumerate() {
                frame.fill(source(from + index as i64));
            }
        };
        let mut out = vec![0.0; 2 * frames];
        // Blocks of odd sizes, as a device asks for them.
        let mut done = 0;
        for block in [333, 1000, 77].into_iter().cycle() {
            let end = (done + block).min(frames);
            stretch.fill(&mut out[2 * done..2 * end], done as f64 * speed, speed, &mut read);
            done = end;
            if done == frames {
                break;
            }
        }
        out.chunks_exact(2).map(|frame| frame[0]).collect()
    }

    fn peak_hz(samples: &[f32]) -> f64 {
        let transform = RealFftPlanner::<f32>::new().plan_fft_forward(samples.len());
        let mut windowed: Vec<f32> = samples
            .iter()
            .enumerate()
            .map(|(n, x)| x * (PI * n as f64 / samples.len() as f64).sin().powi(2) as f32)
            .collect();
        let mut spectrum = transform.make_output_vec();
        transform.process(&mut windowed, &mut spectrum).unwrap();
        let peak = (0..spectrum.len()).max_by(|&a, &b| spectrum[a].norm().total_cmp(&spectrum[b].norm())).unwrap();
        peak as f64 * f64::from(RATE) / samples.len() as f64
    }

    #[test]
    fn the_pitch_is_kept_and_the_tone_stays_whole() {
        let tone = |n: i64| (2.0 * PI * 437.0 * n as f64 / f64::from(RATE)).sin() as f32;
        for speed in [0.25, 0.5, 0.8, 1.5, 2.0, 4.0] {
            let out = stretched(&tone, speed, 48_000);
            assert!((peak_hz(&out) - 437.0).abs() < 2.0, "{speed}: {}", peak_hz(&out));
            // Badly joined segments would cancel each other somewhere.
            for block in out[2000..].chunks_exact(480) {
                let loudness = block.iter().map(|x| x * x).sum::<f32>() / 480.0;
                assert!((loudness - 0.5).abs() < 0.1, "{speed}: {loudness}");
            }
        }
    }

    #[test]
    fn events_come_when_the_speed_says() {
        // A burst of noise every half second.
        let noise = |n: i64| ((n.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 40) & 0xFFFF) as f32 / 32_768.0 - 1.0;
        let bursts = |n: i64| if n.rem_euclid(24_000) < 4_800 { noise(n) } else { 0.0 };
        for speed in [0.5, 2.0] {
            let out = stretched(&bursts, speed, 144_000);
            for burst in 1..3 {
                let middle = f64::from(burst * 24_000 + 2_400) / speed;
                let half = (2_400.0 / speed) as usize;
                let near = &out[middle as usize - 2 * half..middle as usize + 2 * half];
                let weight: f64 = near.iter().map(|x| f64::from(x * x)).sum();
                let centre: f64 =
                    near.iter().enumerate().map(|(n, x)| n as f64 * f64::from(x * x)).sum::<f64>() / weight;
                let off_secs = (centre - 2.0 * half as f64) / f64::from(RATE);
                assert!(off_secs.abs() < 0.015, "{speed}: burst {burst} is off by {off_secs} s");
            }
        }
    }

    #[test]
    fn at_its_own_speed_a_sound_passes_unchanged() {
        let noise = |n: i64| ((n.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 40) & 0xFFFF) as f32 / 32_768.0 - 1.0;
        for (n, sample) in stretched(&noise, 1.0, 10_000).into_iter().enumerate() {
            assert!((sample - noise(n as i64)).abs() < 1e-6);
        }
    }

    #[test]
    fn silence_stays_silent() {
        assert!(stretched(&|_| 0.0, 2.0, 5_000).into_iter().all(|sample| sample == 0.0));
    }
}
