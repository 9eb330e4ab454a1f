//! What was found out about a dataset while opening it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Something that a person should know, with how often it occurs and where first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub message: String,
    pub count: usize,
    /// The first few clips or places concerned.
    pub examples: Vec<String>,
}

/// What is wrong with the media of one clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaProblem {
    Missing {
        wanted: Vec<String>,
    },
    Unreadable {
        path: PathBuf,
        reason: String,
    },
    NoSound,
    /// There is a sound, and every sample of it is (nearly) zero.
    Silent,
    /// A video of a single frame.
    Still,
    TooShort {
        secs: f64,
        needed_secs: f64,
    },
    LengthsDisagree {
        picture_secs: f64,
        sound_secs: f64,
    },
}

impl MediaProblem {
    /// What is wrong, in words that many clips can share.
    pub fn heading(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Unreadable { .. } => "unreadable",
            Self::NoSound => "without sound",
            Self::Silent => "silent",
            Self::Still => "still",
            Self::TooShort { .. } => "too short",
            Self::LengthsDisagree { .. } => "lengths disagree",
        }
    }
}

/// With what was looked for, why it cannot be read, or the lengths.
impl fmt::Display for MediaProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { wanted } => write!(formatter, "no file for {}", wanted.join(" and ")),
            Self::Unreadable { reason, .. } => formatter.write_str(reason),
            Self::NoSound => formatter.write_str("no sound"),
            Self::Silent => formatter.write_str("every sample of the sound is zero, or nearly"),
            Self::Still => formatter.write_str("a video of a single frame"),
            Self::TooShort { secs, needed_secs } => {
                write!(formatter, "{secs:.3} s of sound where models hear {needed_secs:.3} s")
            }
            Self::LengthsDisagree { picture_secs, sound_secs } => {
                write!(formatter, "{picture_secs:.3} s of pictures and {sound_secs:.3} s of sound")
            }
        }
    }
}

/// How many clips there are, what is missing, and what is odd.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the list that chose the clips, with its length: `VGG-SS test (5158)`.
    pub list: Option<String>,
    /// Files that were read to know all this.
    pub sources: Vec<PathBuf>,
    /// How the media lie: `frames/ + audio/`, `videos`, …
    pub layout: Option<String>,
    /// Clips named by the list or annotation.
    pub listed: usize,
    /// Of those, with all their media.
    pub present: usize,
    /// Ids of those without.
    pub missing: Vec<String>,
    /// Ids of clips that have no annotation although the dataset is annotated.
    pub unannotated: Vec<String>,
    /// Annotated clips without a single usable box or mask.
    pub without_usable_truth: Vec<String>,
    /// Media that no list or annotation names.
    pub unlisted_media: usize,
    /// Boxes that cover nothing.
    pub degenerate_boxes: usize,
    pub boxes: usize,
    /// Clips whose truth was changed after it was read: it is no longer that of the files.
    #[serde(default)]
    pub corrected: usize,
    pub notes: Vec<Note>,
}

impl Report {
    /// Most examples that a note keeps.
    const EXAMPLES: usize = 5;

    /// Adds to the note with this message, or starts one.
    pub fn note(&mut self, message: impl Into<String>, example: impl Into<String>) {
        let message = message.into();
        match self.notes.iter_mut().find(|note| note.message == message) {
            Some(note) => {
                note.count += 1;
                if note.examples.len() < Self::EXAMPLES {
                    note.examples.push(example.into());
                }
            }
            None => self.notes.push(Note { message, count: 1, examples: vec![example.into()] }),
        }
    }
}
