//! A sound as the device wants it: two channels at the device's rate, readable at any place of the clip.

use std::sync::Arc;

use super::resampling::SincKernel;
use crate::signal::Waveform;

/// The sound of a clip, or silence.
#[derive(Clone, Debug)]
pub(crate) struct ClipSound {
    waveform: Option<Arc<Waveform>>,
    start_secs: f64,
    device_rate: u32,
    /// The clip's beginning, counted in samples of the waveform.
    clip_start: i64,
    /// What each channel of the waveform gives to the left and the right.
    mix: Vec<[f32; 2]>,
    /// Absent where the rates are equal and samples pass unchanged.
    kernel: Option<Arc<SincKernel>>,
    around: Vec<[f32; 2]>,
}

impl ClipSound {
    /// A waveform whose first sample stands at `start_secs` of the clip, for a device of `device_rate`.
    pub(crate) fn new(waveform: Option<Arc<Waveform>>, start_secs: f64, device_rate: u32) -> Self {
        let waveform = waveform.filter(|sound| sound.rate > 0 && sound.channels > 0);
        let (rate, channels) = waveform.as_ref().map_or((device_rate, 0), |sound| (sound.rate, sound.channels));
        let kernel = (rate != device_rate).then(|| Arc::new(SincKernel::new(rate, device_rate)));
        Self {
            clip_start: -(start_secs * f64::from(rate)).round() as i64,
            mix: stereo_mix(usize::from(channels)),
            waveform,
            start_secs,
            device_rate,
            kernel,
            around: Vec::new(),
        }
    }

    /// The same sound for a device of another rate.
    pub(crate) fn at_rate(&self, device_rate: u32) -> Self {
        Self::new(self.waveform.clone(), self.start_secs, device_rate)
    }

    /// Fills interleaved stereo `out` from `from_frame` on, counted from the clip's beginning at the device's rate.
    /// Silence where the sound has not begun or is over.
    pub(crate) fn read(&mut self, from_frame: i64, out: &mut [f32]) {
        let Some(waveform) = &self.waveform else {
            out.fill(0.0);
            return;
        };
        let Some(kernel) = &self.kernel else {
            let first = from_frame.saturating_add(self.clip_start);
            for (index, frame) in out.chunks_exact_mut(2).enumerate() {
                frame.copy_from_slice(&stereo_frame(waveform, &self.mix, first.saturating_add(index as i64)));
            }
            return;
        };
        // Whole numbers throughout, so that hours into a clip the place between two samples is still exact.
        let (source_rate, device_rate) = (i128::from(waveform.rate), i128::from(self.device_rate));
        let place = |frame: i64| {
            let ticks = i128::from(frame) * source_rate;
            let whole = ticks.div_euclid(device_rate) as i64;
            (whole.saturating_add(self.clip_start), ticks.rem_euclid(device_rate) as f64 / device_rate as f64)
        };
        let (before, after) = kernel.reach();
        let first = place(from_frame).0 - before as i64;
        let last = place(from_frame + (out.len() / 2) as i64).0 + after as i64;
        self.around.clear();
        self.around.extend((first..=last).map(|index| stereo_frame(waveform, &self.mix, index)));
        for (index, frame) in out.chunks_exact_mut(2).enumerate() {
            let (whole, fraction) = place(from_frame + index as i64);
            let around = &self.around[(whole - before as i64 - first) as usize..];
            frame.copy_from_slice(&kernel.read(around, fraction));
        }
    }
}

fn stereo_frame(waveform: &Waveform, mix: &[[f32; 2]], index: i64) -> [f32; 2] {
    let channels = mix.len();
    let samples = usize::try_from(index)
        .ok()
        .and_then(|index| index.checked_mul(channels))
        .and_then(|start| waveform.samples.get(start..start + channels));
    match (samples, channels) {
        (None, _) => [0.0; 2],
        (Some(samples), 1) => [samples[0]; 2],
        (Some(samples), 2) => [samples[0], samples[1]],
        (Some(samples), _) => samples
            .iter()
            .zip(mix)
            .fold([0.0; 2], |sum, (sample, gains)| [sum[0] + sample * gains[0], sum[1] + sample * gains[1]]),
    }
}

/// What each channel gives to left and right. More than two channels are taken in the order of FFmpeg's default
/// layouts and mixed as ITU-R BS.775 says: centre and surrounds 3 dB down, no low-frequency channel, all scaled so
/// that full scale stays full scale.
fn stereo_mix(channels: usize) -> Vec<[f32; 2]> {
    const LEFT: [f32; 2] = [1.0, 0.0];
    const RIGHT: [f32; 2] = [0.0, 1.0];
    const CENTRE: [f32; 2] = [std::f32::consts::FRAC_1_SQRT_2; 2];
    const SURROUND_LEFT: [f32; 2] = [std::f32::consts::FRAC_1_SQRT_2, 0.0];
    const SURROUND_RIGHT: [f32; 2] = [0.0, std::f32::consts::FRAC_1_SQRT_2];
    const NOWHERE: [f32; 2] = [0.0; 2];
    let mut mix = match channels {
        0 => Vec::new(),
        1 => vec![[1.0; 2]],
        2 => vec![LEFT, RIGHT],
        3 => vec![LEFT, RIGHT, CENTRE],
        4 => vec![LEFT, RIGHT, CENTRE, CENTRE],
        5 => vec![LEFT, RIGHT, CENTRE, SURROUND_LEFT, SURROUND_RIGHT],
        6 => vec![LEFT, RIGHT, CENTRE, NOWHERE, SURROUND_LEFT, SURROUND_RIGHT],
        7 => vec![LEFT, RIGHT, CENTRE, NOWHERE, CENTRE, SURROUND_LEFT, SURROUND_RIGHT],
        8 => {
            let surrounds = [SURROUND_LEFT, SURROUND_RIGHT, SURROUND_LEFT, SURROUND_RIGHT];
            [LEFT, RIGHT, CENTRE, NOWHERE].into_iter().chain(surrounds).collect()
        }
        // No common layout: every channel equally.
        more => vec![[1.0; 2]; more],
    };
    if channels > 2 {
        let loudest = mix.iter().map(|gains| gains[0]).sum::<f32>();
        mix.iter_mut().flatten().for_each(|gain| *gain /= loudest);
    }
    mix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(rate: u32, channels: u16, samples: Vec<f32>) -> Option<Arc<Waveform>> {
        Some(Arc::new(Waveform { rate, channels, samples }))
    }

    #[test]
    fn at_its_own_rate_a_sound_passes_unchanged_from_where_it_starts() {
        let samples: Vec<f32> = (0..20).map(|n| n as f32 / 7.0).collect();
        let mut sound = ClipSound::new(sound(1000, 2, samples.clone()), 0.002, 1000);
        let mut out = [9.0; 12];
        sound.read(0, &mut out);
        assert_eq!(out[..4], [0.0; 4]);
        assert_eq!(out[4..], samples[..8]);
        sound.read(10, &mut out);
        assert_eq!(out[..4], samples[16..]);
        assert_eq!(out[4..], [0.0; 8], "silence after its end");
        sound.read(i64::MIN / 2, &mut out);
        assert_eq!(out, [0.0; 12]);
    }

    #[test]
    fn any_place_reads_the_same_alone_and_in_a_row() {
        let samples: Vec<f32> = (0..4410).map(|n| (n as f32 * 0.05).sin()).collect();
        let mut sound = ClipSound::new(sound(44_100, 1, samples), -0.01, 48_000);
        let mut row = vec![0.0; 2000];
        sound.read(300, &mut row);
        for index in [0usize, 1, 17, 999] {
            let mut alone = [0.0; 2];
            sound.read(300 + index as i64, &mut alone);
            assert_eq!(alone, row[2 * index..2 * index + 2]);
        }
    }

    #[test]
    fn more_channels_fold_to_two_without_clipping() {
        for channels in 3..=10u16 {
            let mut all_loud = ClipSound::new(sound(10, channels, vec![1.0; usize::from(channels)]), 0.0, 10);
            let mut out = [0.0; 2];
            all_loud.read(0, &mut out);
            assert!(out.iter().all(|&side| side > 0.2 && side <= 1.0001), "{channels}: {out:?}");
        }
        let mut left_surround = ClipSound::new(sound(10, 6, vec![0.0, 0.0, 0.0, 0.0, 1.0, 0.0]), 0.0, 10);
        let mut out = [0.0; 2];
        left_surround.read(0, &mut out);
        assert!(out[0] > 0.2 && out[1] == 0.0);
    }
}
