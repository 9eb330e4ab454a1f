//! A stretch of sound as samples.

/// Samples of a sound at one rate, its channels interleaved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waveform {
    /// Samples a second and channel.
    pub rate: u32,
    /// How many channels are interleaved in `samples`.
    pub channels: u16,
    /// Interleaved samples, full scale at −1..1 (louder ones are kept as they are).
    pub samples: Vec<f32>,
}

impl Waveform {
    /// Number of sample frames: samples of one channel.
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels).max(1)
    }

    /// How long it sounds; 0 where no rate is known.
    pub fn duration_secs(&self) -> f64 {
        if self.rate == 0 { 0.0 } else { self.frames() as f64 / f64::from(self.rate) }
    }

    /// The mean of the channels, one sample a frame.
    pub fn mono(&self) -> Vec<f32> {
        let channels = usize::from(self.channels).max(1);
        if channels == 1 {
            return self.samples.clone();
        }
        self.samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_averaged_and_counted_once() {
        let sound = Waveform { rate: 4, channels: 2, samples: vec![1.0, 0.0, 0.5, 0.5, -1.0, 1.0] };
        assert_eq!(sound.frames(), 3);
        assert_eq!(sound.duration_secs(), 0.75);
        assert_eq!(sound.mono(), vec![0.5, 0.5, 0.0]);
    }

    #[test]
    fn an_empty_sound_has_no_length() {
        assert_eq!(Waveform::default().duration_secs(), 0.0);
        assert_eq!(Waveform::default().mono(), Vec::<f32>::new());
    }
}
