//! Clips and the datasets they are in.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::annotation::ClipAnnotations;
use super::report::Report;

/// The files behind a clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClipMedia {
    /// A video with its own sound, or without any.
    Video(PathBuf),
    /// A video that is asked with the sound of another file: its own, stored apart (Urbansas), or another clip's (the
    /// negatives of the extended benchmarks).
    VideoAndSound {
        video: PathBuf,
        sound: PathBuf,
    },
    StillAndSound {
        image: PathBuf,
        sound: Option<PathBuf>,
    },
    /// A sound without any picture.
    Sound(PathBuf),
    /// Listed or annotated, but not found; the names that were looked for.
    Missing {
        wanted: Vec<String>,
    },
}

impl ClipMedia {
    /// The file that shows the picture.
    pub fn picture(&self) -> Option<&Path> {
        match self {
            Self::Video(path) | Self::VideoAndSound { video: path, .. } | Self::StillAndSound { image: path, .. } => {
                Some(path)
            }
            Self::Sound(_) | Self::Missing { .. } => None,
        }
    }

    /// The file that is heard.
    pub fn sound(&self) -> Option<&Path> {
        match self {
            Self::Video(path) | Self::VideoAndSound { sound: path, .. } | Self::Sound(path) => Some(path),
            Self::StillAndSound { sound, .. } => sound.as_deref(),
            Self::Missing { .. } => None,
        }
    }

    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// Why nothing in the picture is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NegativeKind {
    /// The clip's own sound, whose source is not seen.
    Real,
    /// The sound of a clip of another class.
    Easy,
    /// The sound of another clip of the same class.
    Hard,
    /// The sound of another clip; of which class, the list and annotations do not tell.
    Swapped,
    Silence,
    Noise,
    OffScreen,
}

/// Which frame of a clip is scored.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoredFrame {
    /// The one picture that there is.
    Still,
    /// The frame in the middle of the video.
    Middle,
    /// The frame shown at this time.
    Secs(f64),
    /// Every moment that carries an annotation.
    EveryAnnotated,
}

impl ScoredFrame {
    /// The reason, as shown beside the choice.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Still => "the clip is one picture",
            Self::Middle => "the annotation has no time; the benchmarks took the middle frame of the clip",
            Self::Secs(_) => "the annotation names this time",
            Self::EveryAnnotated => "the annotation follows time, so each annotated moment counts",
        }
    }
}

/// One item to look at, and what is known to be true of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// Unique in its dataset, stable between openings: the benchmark's own spelling where it has one.
    pub id: String,
    /// As shown: the file or the id.
    pub name: String,
    pub media: ClipMedia,
    pub class: Option<String>,
    /// The list or split that named it.
    pub split: Option<String>,
    pub negative: Option<NegativeKind>,
    pub scored: ScoredFrame,
    /// `None`: nothing is known. An empty value: known to hold nothing that can be localized.
    pub annotations: Option<ClipAnnotations>,
}

/// What a dataset was recognized as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Benchmark {
    VggSs,
    ExtendedVggSs,
    FlickrSoundNet,
    ExtendedFlickr,
    Is3,
    VpoSs,
    VpoMs,
    AvsBenchS4,
    AvsBenchMs3,
    MusicSolo,
    MusicDuet,
    MusicSynthetic,
    AudioSetInstruments,
    Urbansas,
    /// No known benchmark: the user's own clips.
    Plain,
}

impl Benchmark {
    /// Name as the field writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::VggSs => "VGG-SS",
            Self::ExtendedVggSs => "Extended VGG-SS",
            Self::FlickrSoundNet => "Flickr-SoundNet",
            Self::ExtendedFlickr => "Extended Flickr-SoundNet",
            Self::Is3 => "IS3",
            Self::VpoSs => "VPO-SS",
            Self::VpoMs => "VPO-MS",
            Self::AvsBenchS4 => "AVSBench S4",
            Self::AvsBenchMs3 => "AVSBench MS3",
            Self::MusicSolo => "MUSIC solo",
            Self::MusicDuet => "MUSIC duet",
            Self::MusicSynthetic => "MUSIC-Synthetic",
            Self::AudioSetInstruments => "AudioSet instruments",
            Self::Urbansas => "Urbansas",
            Self::Plain => "clips",
        }
    }
}

/// Clips that belong together, and what was found out while opening them.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    pub name: String,
    /// What was opened.
    pub path: PathBuf,
    pub benchmark: Benchmark,
    pub clips: Vec<Clip>,
    pub report: Report,
}
