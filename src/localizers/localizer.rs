use std::borrow::Cow;

use super::registry::System;
use super::{ImageFeatures, QueryEmbedding, Result, View, ViewRule};
use crate::geometry::Size;
use crate::heatmap::Heatmap;
use crate::media::Picture;
use crate::signal::{AudioWindow, Resampler, Waveform, resample};

/// A model that answers a frame and a query with a heatmap, in three steps: the image once a frame, the query once a
/// sound, and a cheap join. Swapping the sound therefore never encodes the image again.
///
/// ```text
/// encode_image(frame)  → features  ┐
///                                  ├ join → heatmap
/// encode_query(sound)  → embedding ┘
/// ```
pub trait Localizer: Send + Sync {
    fn info(&self) -> &LocalizerInfo;

    /// The name on screen: the system's, where the model has none of its own.
    fn name(&self) -> &str {
        self.info().system.name
    }

    /// What the model is shown of a frame of this size, and how that is resized.
    fn view(&self, frame: Size) -> View {
        self.info().view.view(frame)
    }

    /// Changes whenever the answers to the same questions may have; 0 for good where they never do.
    fn version(&self) -> u64 {
        0
    }

    /// The stretch of a sound of `sound_secs` that is heard for the frame at `moment_secs`, under `rule`.
    fn audio_window(&self, rule: WindowRule, moment_secs: f64, sound_secs: f64) -> AudioWindow {
        self.info().window.at(rule, moment_secs, sound_secs)
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures>;

    fn encode_query(&self, query: &Query) -> Result<QueryEmbedding>;

    /// The heatmap of features and an embedding that this localizer made.
    fn join(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Heatmap>;

    /// One map for each class that the model tells apart by itself; `None` where it tells none apart.
    ///
    /// # Errors
    /// As [`Localizer::join`].
    fn class_maps(&self, _features: &ImageFeatures, _embedding: &QueryEmbedding) -> Result<Option<ClassMaps>> {
        Ok(None)
    }

    /// How the system itself decides whether a picture and a sound belong together; `None` where its authors published
    /// no such rule.
    fn correspondence_rule(&self) -> Option<CorrespondenceRule> {
        None
    }
}

/// A system's own decision about a picture and a sound, from the heatmap that it answers with.
#[derive(Clone, Copy, Debug)]
pub struct CorrespondenceRule {
    /// The rule in words, as a part of a sentence.
    pub words: &'static str,
    /// Whether they belong together.
    pub corresponds: fn(&Heatmap) -> bool,
}

/// What a model that tells classes apart answers for each of them. The classes have numbers, which are the model's own,
/// and no names: who trained it knows which is which, and several may be of one kind (DSOL's are clusters).
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMaps {
    /// By class, one at least, and all of one size.
    pub maps: Vec<Heatmap>,
    /// By class, how much of it is heard: more is more, the unit is the model's own.
    pub heard: Vec<f32>,
}

/// The picture side of one question.
#[derive(Clone, Copy, Debug)]
pub struct FrameInput<'a> {
    pub picture: &'a Picture,
    /// The frame after it, for models that look at motion ([`LocalizerInfo::needs_next_frame`]). On the last frame
    /// of a video and on a still image there is none: no motion.
    pub next: Option<&'a Picture>,
    /// The frame's number in its clip, 0 for a still image.
    pub index: usize,
    /// The clip's name without folders and extension; empty where it is not known.
    pub clip: &'a str,
}

/// What a model is asked with.
#[derive(Clone, Copy, Debug)]
pub enum Query<'a> {
    /// A stretch of a sound. The sound is given whole, at the rate that the model expects (see [`Hearing::prepare`]);
    /// at another rate it is taken as it is, which is what most of the authors' programs do with such a file.
    Sound { sound: &'a Waveform, window: AudioWindow },
    /// Words, for models that read.
    Text(&'a str),
    /// A sound vector that another network made, for models whose authors publish nothing before it.
    SoundVector(&'a [f32]),
}

/// How the audio window is laid on the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowRule {
    /// The window has the model's own length and is centred on the frame's time: for video.
    Follow,
    /// The fixed window that the authors' test loader cuts out of a benchmark clip, whichever frame is looked at.
    Benchmark,
}

impl WindowRule {
    pub const ALL: [Self; 2] = [Self::Follow, Self::Benchmark];

    /// Its name on screen and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Benchmark => "benchmark",
        }
    }

    /// One line for a tooltip.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Follow => "The window moves with the frame, centred on its time",
            Self::Benchmark => "The fixed window of the authors' test loader",
        }
    }
}

/// A model's audio window: its own length, and where the authors' test loader puts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowPlan {
    pub length_secs: f64,
    pub benchmark: BenchmarkWindow,
}

/// Where the authors' test loader cuts the window out of a clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BenchmarkWindow {
    /// From the clip's start.
    First,
    /// From the clip's middle, or from its start where it is shorter than the window.
    Centered,
    /// As long as the window, around the middle of the clip's whole seconds. Of a clip too short for that, what Python
    /// makes of the negative start: the stretch from so long before the clip's end, which the model then repeats.
    CenteredOnWholeSeconds,
    /// From a fixed second, in the repeated sound where the clip is shorter.
    From { start_secs: f64 },
    /// The clip as a whole, however long. Such a model hears less, not something else, at the ends of a video.
    Whole,
}

impl WindowPlan {
    /// The window under `rule`; see [`Localizer::audio_window`].
    pub fn at(&self, rule: WindowRule, moment_secs: f64, sound_secs: f64) -> AudioWindow {
        let Self { length_secs, benchmark } = *self;
        match (rule, benchmark) {
            (WindowRule::Follow, BenchmarkWindow::Whole) => {
                AudioWindow::centered_cut_off(moment_secs, length_secs, sound_secs)
            }
            (WindowRule::Follow, _) => AudioWindow::centered(moment_secs, length_secs, sound_secs),
            (WindowRule::Benchmark, BenchmarkWindow::First) => AudioWindow { start_secs: 0.0, length_secs },
            (WindowRule::Benchmark, BenchmarkWindow::Centered) => {
                AudioWindow { start_secs: (sound_secs / 2.0 - length_secs / 2.0).max(0.0), length_secs }
            }
            (WindowRule::Benchmark, BenchmarkWindow::CenteredOnWholeSeconds) => {
                let middle_secs = sound_secs.max(0.0).floor() / 2.0;
                let (first_secs, end_secs) = (middle_secs - length_secs / 2.0, middle_secs + length_secs / 2.0);
                let start_secs = if first_secs < 0.0 { (sound_secs + first_secs).max(0.0) } else { first_secs };
                AudioWindow { start_secs, length_secs: (end_secs.min(sound_secs) - start_secs).max(0.0) }
            }
            (WindowRule::Benchmark, BenchmarkWindow::From { start_secs }) => AudioWindow { start_secs, length_secs },
            (WindowRule::Benchmark, BenchmarkWindow::Whole) => {
                AudioWindow { start_secs: 0.0, length_secs: sound_secs.max(0.0) }
            }
        }
    }
}

/// At what rate a model wants to hear, and which resampler its authors' loader used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hearing {
    pub rate: u32,
    pub resampler: Resampler,
}

impl Hearing {
    /// The sound at the model's rate; unchanged if it already is. Once a sound and rate, not once a window.
    pub fn prepare<'a>(&self, sound: &'a Waveform) -> Cow<'a, Waveform> {
        if sound.rate == self.rate || sound.rate == 0 {
            Cow::Borrowed(sound)
        } else {
            Cow::Owned(resample(sound, self.rate, self.resampler))
        }
    }
}

/// What is known of a localizer before it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalizerInfo {
    /// Its row of the registry: id, name, citation, colour slot.
    pub system: &'static System,
    /// Set for models that are asked with a sound.
    pub hearing: Option<Hearing>,
    /// The model's audio window under either rule.
    pub window: WindowPlan,
    /// What the model is shown of a frame.
    pub view: ViewRule,
    pub reads_text: bool,
    pub takes_sound_vector: bool,
    pub needs_next_frame: bool,
    /// False for the naive baselines: their map is the same whatever is heard.
    pub query_matters: bool,
    /// What a reader of its maps should know (an inverted label, a graph inferred rather than published), if anything.
    pub remark: Option<&'static str>,
}

impl LocalizerInfo {
    /// The id on the command line.
    pub fn id(&self) -> &'static str {
        self.system.id
    }

    /// The name on screen.
    pub fn name(&self) -> &'static str {
        self.system.name
    }

    pub fn hears_sound(&self) -> bool {
        self.hearing.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benchmark_windows_are_the_loaders() {
        let at = |benchmark, length_secs, sound_secs| {
            WindowPlan { length_secs, benchmark }.at(WindowRule::Benchmark, 7.0, sound_secs)
        };
        assert_eq!(at(BenchmarkWindow::First, 10.0, 4.0), AudioWindow { start_secs: 0.0, length_secs: 10.0 });
        assert_eq!(at(BenchmarkWindow::Centered, 3.0, 10.0), AudioWindow { start_secs: 3.5, length_secs: 3.0 });
        assert_eq!(at(BenchmarkWindow::Centered, 3.0, 2.2), AudioWindow { start_secs: 0.0, length_secs: 3.0 });
        let whole_seconds = |sound_secs| at(BenchmarkWindow::CenteredOnWholeSeconds, 3.0, sound_secs);
        assert_eq!(whole_seconds(10.9), AudioWindow { start_secs: 3.5, length_secs: 3.0 });
        assert_eq!(whole_seconds(2.25), AudioWindow { start_secs: 1.75, length_secs: 0.5 });
        assert_eq!(whole_seconds(0.5), AudioWindow { start_secs: 0.0, length_secs: 0.5 });
        assert_eq!(at(BenchmarkWindow::Whole, 1.0, 4.0), AudioWindow { start_secs: 0.0, length_secs: 4.0 });
    }

    #[test]
    fn following_windows_have_the_models_own_length() {
        let plan = WindowPlan { length_secs: 3.0, benchmark: BenchmarkWindow::First };
        assert_eq!(plan.at(WindowRule::Follow, 5.0, 10.0), AudioWindow { start_secs: 3.5, length_secs: 3.0 });
        assert_eq!(plan.at(WindowRule::Follow, 0.2, 10.0), AudioWindow { start_secs: 0.0, length_secs: 3.0 });
        let whole = WindowPlan { length_secs: 1.0, benchmark: BenchmarkWindow::Whole };
        assert_eq!(whole.at(WindowRule::Follow, 0.25, 10.0), AudioWindow { start_secs: 0.0, length_secs: 0.75 });
    }
}
