use super::TrainError;
use crate::geometry::Rect;
use crate::media::Picture;
use crate::signal::Waveform;

/// A moment to learn from: a picture, the sound around it, and what is known to be true of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub picture: Picture,
    /// At any rate; as much of it as the source has.
    pub sound: Waveform,
    /// When the picture is shown, in seconds of the sound.
    pub moment_secs: f64,
    /// The names of what is seen and of what is heard, sounding or not, as far as they are known. Only backbones that
    /// learn to name things use them.
    pub seen: Vec<String>,
    pub heard: Vec<String>,
    /// What sounds, where that is known. Objectives that learn from words use it; the others never do.
    pub class: Option<String>,
    /// Where it sounds, as fractions of the frame. Only validation uses them.
    pub boxes: Vec<Rect>,
}

/// Where samples come from. The same index always gives the same sample.
pub trait SampleSource: Sync {
    /// How many different samples there are.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it is and how to get it again, for the card of a model.
    fn describe(&self) -> String;

    fn sample(&self, index: usize) -> Result<Sample, TrainError>;
}
