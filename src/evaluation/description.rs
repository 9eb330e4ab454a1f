use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Everything that makes a run's figures what they are. A run is only continued, and shards are only joined, where
/// these agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunDescription {
    /// Name and version of the program.
    pub software: String,
    pub dataset: DatasetDescription,
    pub models: Vec<ModelDescription>,
    pub protocols: Vec<ProtocolDescription>,
    pub sound: SoundDescription,
    /// The file that says which of a model's classes are which labels, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<FileDescription>,
    /// At most so many clips, from the dataset's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The share of the clips that was computed, where it is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// Which clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetDescription {
    pub name: String,
    /// As it was given.
    pub path: PathBuf,
    /// The benchmark's name, as [`crate::dataset::Benchmark::name`] writes it.
    pub benchmark: String,
    /// The list that chose the clips, with its length.
    #[serde(default)]
    pub list: Option<String>,
    /// Clips of the whole dataset, all shards together.
    pub clips: usize,
    /// Clips without all their media.
    pub missing: usize,
    /// Clips whose truth was corrected in a project: no printed figure is of the same boxes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub corrected: usize,
    /// SHA-256 of the clips' ids, kinds and annotations: another list or another box makes another dataset.
    pub sha256: String,
    /// How boxes become ground truth where the protocol leaves it to the benchmark.
    pub ground_truth: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One model of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelDescription {
    /// What its rows are marked with; no two models of a run share it.
    pub label: String,
    /// The system's id.
    pub system: String,
    /// As it was named on the command line.
    pub spec: String,
    /// The files behind it; none for a naive baseline.
    pub files: Vec<FileDescription>,
    /// What a reader of its maps should know, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A file and what was in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileDescription {
    pub path: PathBuf,
    pub bytes: u64,
    /// Of the content; of a folder, of the names and sizes of what is in it.
    pub sha256: String,
}

/// One protocol of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProtocolDescription {
    /// What its rows are marked with: `id` or `id+part=value…`, as [`crate::metrics::Protocol`] reads it.
    pub protocol: String,
    /// Every choice that makes a number.
    pub choices: String,
    /// cIoU from which on a map counts as right; the first is the main one.
    pub success: Vec<f64>,
    /// Where the best of several thresholds is reported: the protocols of the rows, one a threshold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<String>,
}

/// What is heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoundDescription {
    /// Where the audio window lies: `benchmark`, `follow`, or `auto` (the former for a still or the middle frame, the
    /// latter where annotations follow time).
    pub window: String,
    /// What every positive is asked with beside its own sound: `silence`, `noise`, `off-screen`.
    pub also: Vec<String>,
}

/// A share of a dataset: number `index` (from 1) of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub index: usize,
    pub count: usize,
}

impl Shard {
    /// The clips of this share out of `clips`: a contiguous range, all shares together being all clips once.
    pub fn range(self, clips: usize) -> std::ops::Range<usize> {
        let edge = |number: usize| (number as u128 * clips as u128 / self.count.max(1) as u128) as usize;
        edge(self.index.saturating_sub(1))..edge(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<usize>().ok();
        let parsed = text.split_once('/').and_then(|(index, count)| Some((number(index)?, number(count)?)));
        match parsed {
            Some((index, count)) if index >= 1 && index <= count => Ok(Self { index, count }),
            _ => Err(format!("`{text}` is no share; write NUMBER/OF, from 1/4 to 4/4")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_all_clips_once() {
        for (clips, count) in [(0, 3), (2, 5), (5158, 7), (200_000, 128)] {
            let mut next = 0;
            for index in 1..=count {
                let range = Shard { index, count }.range(clips);
                assert_eq!(range.start, next);
                assert!(range.len() <= clips / count + 1);
                next = range.end;
            }
            assert_eq!(next, clips);
        }
    }

    #[test]
    fn a_share_is_read_as_it_is_written() {
        assert_eq!("3/8".parse(), Ok(Shard { index: 3, count: 8 }));
        assert_eq!(Shard { index: 3, count: 8 }.to_string(), "3/8");
        for text in ["0/8", "9/8", "3", "a/b", "1/0"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
