//! What a run has done so far, so that it can be killed at any moment and go on: a line a clip, only ever appended.

use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::description::{DatasetDescription, RunDescription};
use super::error::EvaluationError;
use super::row::ScoreRow;

const NAME: &str = "journal.jsonl";
/// Longest line: a clip of thousands of scored frames under many models.
const LONGEST_LINE_BYTES: u64 = 1 << 30;

/// The first line: the settings that every other line was made under.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Header {
    run: RunDescription,
    saves_heatmaps: bool,
}

/// Everything that was learned of one clip.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct ClipLine {
    /// Place of the clip in the dataset.
    pub clip: usize,
    pub rows: Vec<ScoreRow>,
    /// By model: its coarse map, two hexadecimal digits a cell.
    #[serde(default)]
    pub coarse: Vec<(usize, String)>,
}

impl ClipLine {
    pub fn failed(&self) -> bool {
        self.rows.iter().any(|row| row.error.is_some())
    }
}

/// The journal of a run's folder, open for appending. No other process has it.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Where the line of each clip begins; by place from the run's first clip.
    lines: Vec<Option<u64>>,
    first: usize,
    end: u64,
}

impl Journal {
    /// Opens the journal in `folder` or starts one, for the clips `clips`. Every line that is there is given to
    /// `visit`; one that was torn off at the end is cut away.
    ///
    /// # Errors
    /// The folder holds a run with other settings, another process is at it, a line is damaged, or the disk refuses.
    pub fn open(
        folder: &Path,
        run: &RunDescription,
        saves_heatmaps: bool,
        clips: std::ops::Range<usize>,
        mut visit: impl FnMut(&ClipLine),
    ) -> Result<Self, EvaluationError> {
        let path = folder.join(NAME);
        let io = |error| EvaluationError::io(&path, error);
        let file = File::options().read(true).append(true).create(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let problem = "another process works on this run; wait for it, or give another --out";
                return Err(EvaluationError::damaged(&path, problem));
            }
            // A file system without locks: nothing can be told.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let mut journal = Self { lines: vec![None; clips.len()], first: clips.start, end: 0, file, path: path.clone() };
        let mut reader = BufReader::new(&journal.file);
        let mut line = Vec::new();
        let mut number = 0;
        let header = Header { run: run.clone(), saves_heatmaps };
        loop {
            line.clear();
            let length = (&mut reader).take(LONGEST_LINE_BYTES).read_until(b'\n', &mut line).map_err(io)? as u64;
            if line.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            let damaged =
                |error: serde_json::Error| EvaluationError::damaged(&path, format_args!("line {number}: {error}"));
            if number == 1 {
                let found: Header = serde_json::from_slice(&line).map_err(damaged)?;
                if let Some(difference) = difference(&found, &header) {
                    let problem = format!(
                        "this folder holds a run with {difference}; give another --out, or remove the folder to start anew"
                    );
                    return Err(EvaluationError::damaged(folder, problem));
                }
            } else {
                let found: ClipLine = serde_json::from_slice(&line).map_err(damaged)?;
                let place = found.clip.checked_sub(clips.start);
                let slot = place.and_then(|place| journal.lines.get_mut(place)).ok_or_else(|| {
                    EvaluationError::damaged(
                        &path,
                        format_args!("line {number}: clip {} is not in this run", found.clip),
                    )
                })?;
                *slot = Some(journal.end);
                visit(&found);
            }
            journal.end += length;
        }
        drop(reader);
        journal.file.set_len(journal.end).map_err(io)?;
        if number == 0 {
            journal.append(&header)?;
        }
        Ok(journal)
    }

    fn append(&mut self, value: &impl Serialize) -> Result<u64, EvaluationError> {
        let mut line = serde_json::to_vec(value).map_err(|error| EvaluationError::damaged(&self.path, error))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| EvaluationError::io(&self.path, error))?;
        let start = self.end;
        self.end += line.len() as u64;
        Ok(start)
    }

    /// Adds the answer about a clip of this run; a later one replaces an earlier one.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn add(&mut self, line: &ClipLine) -> Result<(), EvaluationError> {
        let start = self.append(line)?;
        let slot = line.clip.checked_sub(self.first).and_then(|place| self.lines.get_mut(place));
        slot.into_iter().for_each(|slot| *slot = Some(start));
        Ok(())
    }

    /// There is an answer about the clip.
    pub fn has(&self, clip: usize) -> bool {
        clip.checked_sub(self.first).and_then(|place| self.lines.get(place)).is_some_and(Option::is_some)
    }

    /// Forgets the answer about a clip, so that it is asked again.
    pub fn forget(&mut self, clip: usize) {
        let slot = clip.checked_sub(self.first).and_then(|place| self.lines.get_mut(place));
        slot.into_iter().for_each(|slot| *slot = None);
    }

    /// Gives the answers in the order of the clips to `visit`, one in memory at a time.
    ///
    /// # Errors
    /// A line cannot be read again, and what `visit` fails with.
    pub fn visit_in_order(
        &self,
        mut visit: impl FnMut(ClipLine) -> Result<(), EvaluationError>,
    ) -> Result<(), EvaluationError> {
        let io = |error| EvaluationError::io(&self.path, error);
        let mut reader = BufReader::new(File::open(&self.path).map_err(io)?);
        let mut line = Vec::new();
        for &start in self.lines.iter().flatten() {
            let here = reader.stream_position().map_err(io)?;
            reader.seek_relative(start as i64 - here as i64).map_err(io)?;
            line.clear();
            reader.read_until(b'\n', &mut line).map_err(io)?;
            visit(serde_json::from_slice(&line).map_err(|error| EvaluationError::damaged(&self.path, error))?)?;
        }
        Ok(())
    }

    /// Makes sure that everything is on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&self) -> Result<(), EvaluationError> {
        self.file.sync_all().map_err(|error| EvaluationError::io(&self.path, error))
    }
}

/// In what two runs differ, in words.
fn difference(found: &Header, wanted: &Header) -> Option<String> {
    let heatmaps = match (found.saves_heatmaps, wanted.saves_heatmaps) {
        (true, false) => Some("heatmaps that are kept (--save-heatmaps)".to_owned()),
        (false, true) => Some("heatmaps that were not kept".to_owned()),
        _ => None,
    };
    differing(&found.run, &wanted.run).or(heatmaps)
}

/// In what two descriptions differ, in words.
pub(super) fn differing(found: &RunDescription, wanted: &RunDescription) -> Option<String> {
    let list = |texts: Vec<&str>| texts.join(", ");
    // Files that were missing may have come since; their clips are what they were.
    let there = |dataset: &DatasetDescription| DatasetDescription { missing: 0, ..dataset.clone() };
    if there(&found.dataset) != there(&wanted.dataset) {
        let (found, wanted) = (&found.dataset, &wanted.dataset);
        Some(if (&found.name, found.clips, &found.path) != (&wanted.name, wanted.clips, &wanted.path) {
            format!("another dataset: {}, {} clips, from {}", found.name, found.clips, found.path.display())
        } else {
            "other clips or annotations under the same name".to_owned()
        })
    } else if found.models != wanted.models {
        let labels = found.models.iter().map(|model| model.label.as_str()).collect();
        Some(format!("other models or other weights: {}", list(labels)))
    } else if found.protocols != wanted.protocols {
        let texts = found.protocols.iter().map(|protocol| protocol.protocol.as_str()).collect();
        Some(format!("other protocols: {}", list(texts)))
    } else if found.sound != wanted.sound {
        Some("another choice of sounds".to_owned())
    } else if found.classes != wanted.classes {
        let path = found.classes.as_ref().map(|file| file.path.display().to_string());
        Some(path.map_or("no list of classes".to_owned(), |path| format!("another list of classes: {path}")))
    } else if (found.shard, found.limit) != (wanted.shard, wanted.limit) {
        let shard = found.shard.map_or_else(|| "all clips".to_owned(), |shard| format!("share {shard}"));
        let limit = found.limit.map(|limit| format!(" of the first {limit}")).unwrap_or_default();
        Some(format!("another share of the clips: {shard}{limit}"))
    } else if found.software != wanted.software {
        Some(format!("another version of the program: {}", found.software))
    } else {
        None
    }
}
