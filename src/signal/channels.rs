//! How the authors' loaders make one channel of several, and numbers of samples.

use super::Waveform;

/// 16-bit samples as a file of them holds them: full scale 32768, rounded, clipped.
fn as_16bit(sample: f32) -> i32 {
    (f64::from(sample) * 32768.0).round_ties_even().clamp(-32768.0, 32767.0) as i32
}

/// soundfile's reading of the first (left) channel, clipped to −1..1.
pub fn left_channel(sound: &Waveform) -> Vec<f64> {
    let channels = usize::from(sound.channels).max(1);
    sound.samples.iter().step_by(channels).map(|&sample| f64::from(sample).clamp(-1.0, 1.0)).collect()
}

/// librosa's `to_mono`: the mean of the channels in floating point, clipped to −1..1 by none.
pub fn mean_channel(sound: &Waveform) -> Vec<f64> {
    sound.mono().into_iter().map(f64::from).collect()
}

/// PyAV's resampler to 16-bit mono followed by the EZ-VSL loader's `/ 32767` and clip: two channels are averaged as
/// integers, halves upwards ((L + R + 1) >> 1), so −32768 becomes exactly −1 and full scale exactly 1.
pub fn mono_16bit(sound: &Waveform) -> Vec<f64> {
    mono_integers(sound).into_iter().map(|sample| (f64::from(sample) / 32767.0).clamp(-1.0, 1.0)).collect()
}

/// The 16-bit samples of a mono file as scipy's wavfile reads them, not scaled. More channels are averaged as
/// [`mono_16bit`] does.
pub fn integers_16bit(sound: &Waveform) -> Vec<f64> {
    mono_integers(sound).into_iter().map(f64::from).collect()
}

fn mono_integers(sound: &Waveform) -> Vec<i32> {
    let channels = usize::from(sound.channels).max(1);
    sound
        .samples
        .chunks_exact(channels)
        .map(|frame| match frame {
            [one] => as_16bit(*one),
            [left, right] => (as_16bit(*left) + as_16bit(*right) + 1) >> 1,
            many => as_16bit(many.iter().sum::<f32>() / many.len() as f32),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_survive_and_two_channels_round_upwards() {
        let samples = [3i16, 4, -32768, -32768, 32767, 32767].map(|sample| f32::from(sample) / 32768.0).to_vec();
        let stereo = Waveform { rate: 16_000, channels: 2, samples };
        assert_eq!(integers_16bit(&stereo), [4.0, -32768.0, 32767.0]);
        assert_eq!(mono_16bit(&stereo)[1..], [-1.0, 1.0]);
        assert_eq!(left_channel(&stereo)[0], 3.0 / 32768.0);
    }
}
