//! The heatmaps of a run, kept as predictions that `precomputed` and `score` read.
//!
//! While a run goes on, each answer is appended to one file; at its end they become a `.npz` a model, in the order of
//! the clips. An array has its clip's name, followed by `@silence`, `@noise` or `@off-screen` where the model was asked
//! with another sound than the clip's own, and by `@label:NAME` where one of several sources was asked for in words. What
//! a score depends on beside the map stands beside it: `.frames`, `.rect`, `.range`, `.confidence`, `.object`,
//! `.mixture` and `.classes` (see [`crate::localizers`]' precomputed maps).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::EvaluationError;
use crate::heatmap::{Grid, Heatmap, Mixture};
use crate::network::arrays::{Array, Npz, NpzWriter};

const NAME: &str = "heatmaps.part";
/// The folder of the finished predictions.
pub const FOLDER: &str = "heatmaps";
/// Begins every record.
const MARK: [u8; 8] = *b"sonoMAP1";
const HEAD_BYTES: usize = 32;

/// Where a model's predictions lie in a run's folder.
pub fn predictions_path(folder: &Path, model: &str) -> PathBuf {
    let plain: String =
        model.chars().map(|c| if c.is_alphanumeric() || "-_.=,".contains(c) { c } else { '_' }).collect();
    folder.join(FOLDER).join(format!("{plain}.npz"))
}

/// The map of one frame, whose number is known where the clip's file is there.
#[derive(Clone, Debug)]
pub struct FrameMap {
    pub frame: Option<usize>,
    pub heatmap: Heatmap,
    /// The maps of the single classes that the model tells apart, where the run used them.
    pub classes: Vec<Grid>,
}

/// The maps of a clip by a model that was asked with one sound.
#[derive(Clone, Debug)]
pub struct AskedMaps {
    /// What follows the clip's name: nothing for its own sound, `@silence` and the like for others, `@label:…` where a
    /// single source was asked for in words.
    pub suffix: String,
    pub maps: Vec<FrameMap>,
}

/// The maps of a run that goes on.
pub struct SavedMaps {
    path: PathBuf,
    file: File,
    /// Start and length of the newest record of a model and clip.
    records: HashMap<(usize, usize), (u64, u64)>,
    end: u64,
}

impl SavedMaps {
    /// Opens what a run has saved so far; a record that was torn off at the end is cut away.
    ///
    /// # Errors
    /// The disk refuses, or the file is another's.
    pub fn open(folder: &Path) -> Result<Self, EvaluationError> {
        let path = folder.join(NAME);
        let io = |error| EvaluationError::io(&path, error);
        let file = File::options().read(true).append(true).create(true).open(&path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut reader = BufReader::new(&file);
        let (mut records, mut end) = (HashMap::new(), 0);
        while end + HEAD_BYTES as u64 <= length {
            let mut head = [0; HEAD_BYTES];
            reader.read_exact(&mut head).map_err(io)?;
            let number = |at: usize| {
                let bytes: [u8; 8] = head.get(at..at + 8).and_then(|part| part.try_into().ok()).unwrap_or_default();
                u64::from_le_bytes(bytes)
            };
            if head.get(..8) != Some(&MARK[..]) {
                return Err(EvaluationError::damaged(&path, format_args!("no record begins at byte {end}")));
            }
            let (model, clip, bytes) = (number(8) as usize, number(16) as usize, number(24));
            let start = end + HEAD_BYTES as u64;
            let Some(next) = start.checked_add(bytes).filter(|&next| next <= length) else { break };
            reader.seek_relative(bytes as i64).map_err(io)?;
            records.insert((model, clip), (start, bytes));
            end = next;
        }
        drop(reader);
        file.set_len(end).map_err(io)?;
        Ok(Self { path, file, records, end })
    }

    /// Adds the maps of a clip by a model (by their places).
    ///
    /// # Errors
    /// The disk refuses.
    pub fn add(&mut self, model: usize, clip: usize, asked: &[AskedMaps]) -> Result<(), EvaluationError> {
        let mut archive = NpzWriter::new(Cursor::new(Vec::new()), self.path.display().to_string());
        for AskedMaps { suffix, maps } in asked {
            for (part, array) in arrays(maps) {
                archive.add(&format!("map{suffix}{part}"), &array)?;
            }
        }
        let bytes = archive.finish()?.into_inner();
        let mut record = Vec::with_capacity(HEAD_BYTES + bytes.len());
        record.extend_from_slice(&MARK);
        for number in [model as u64, clip as u64, bytes.len() as u64] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(&bytes);
        self.file.write_all(&record).map_err(|error| EvaluationError::io(&self.path, error))?;
        self.records.insert((model, clip), (self.end + HEAD_BYTES as u64, bytes.len() as u64));
        self.end += record.len() as u64;
        Ok(())
    }

    /// Writes the predictions of model number `model` to `path`, clips in the order of `clips` (place and name). False
    /// if there are none.
    ///
    /// # Errors
    /// The disk refuses, or a record is damaged.
    pub fn write_predictions<'a>(
        &self,
        model: usize,
        path: &Path,
        clips: impl Iterator<Item = (usize, &'a str)>,
    ) -> Result<bool, EvaluationError> {
        let io = |error| EvaluationError::io(&self.path, error);
        let mut source = File::open(&self.path).map_err(io)?;
        let mut archive: Option<Predictions> = None;
        for (clip, name) in clips {
            let Some(&(start, bytes)) = self.records.get(&(model, clip)) else { continue };
            source.seek(SeekFrom::Start(start)).map_err(io)?;
            let mut record = vec![0; usize::try_from(bytes).unwrap_or(0)];
            source.read_exact(&mut record).map_err(io)?;
            let mut npz = Npz::from_reader(Cursor::new(record), self.path.display().to_string())?;
            let archive = match &mut archive {
                Some(archive) => archive,
                none => none.insert(Predictions::create(path)?),
            };
            for part in npz.names().to_vec() {
                let full = part.strip_prefix("map").map(|rest| format!("{name}{rest}")).unwrap_or_default();
                archive.add(&full, &npz.read(&part)?)?;
            }
        }
        archive.map_or(Ok(false), |archive| archive.finish().map(|()| true))
    }
}

/// A `.npz` of predictions that appears under its name when it is whole.
pub struct Predictions {
    path: PathBuf,
    unfinished: PathBuf,
    archive: NpzWriter<BufWriter<File>>,
}

impl Predictions {
    /// # Errors
    /// The disk refuses.
    pub fn create(path: &Path) -> Result<Self, EvaluationError> {
        let unfinished = path.with_extension("npz.part");
        let io = |error| EvaluationError::io(&unfinished, error);
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(io)?;
        let file = BufWriter::new(File::create(&unfinished).map_err(io)?);
        let archive = NpzWriter::new(file, path.display().to_string());
        Ok(Self { path: path.to_owned(), unfinished, archive })
    }

    /// # Errors
    /// The disk refuses, or the name is there already.
    pub fn add(&mut self, name: &str, array: &Array) -> Result<(), EvaluationError> {
        Ok(self.archive.add(name, array)?)
    }

    /// # Errors
    /// The disk refuses.
    pub fn finish(self) -> Result<(), EvaluationError> {
        let Self { path, unfinished, archive } = self;
        let io = |error| EvaluationError::io(&unfinished, error);
        let file = archive.finish()?.into_inner().map_err(|error| io(error.into_error()))?;
        file.sync_all().map_err(io)?;
        std::fs::rename(&unfinished, path).map_err(io)
    }
}

/// The arrays of some maps by the endings of their names.
fn arrays(maps: &[FrameMap]) -> Vec<(&'static str, Array)> {
    let Some(FrameMap { heatmap: first, .. }) = maps.first() else { return Vec::new() };
    let heatmaps = || maps.iter().map(|map| &map.heatmap);
    let alike = |grid: &Grid| (grid.rows(), grid.columns());
    let stacked = |grids: Vec<&Grid>| {
        let (rows, columns) = grids.first().map(|grid| alike(grid))?;
        let values: Vec<f32> = grids.iter().flat_map(|grid| grid.values()).copied().collect();
        let shape = if grids.len() == 1 { vec![rows, columns] } else { vec![grids.len(), rows, columns] };
        Array::new(shape, values)
    };
    let frames: Option<Vec<i64>> = maps.iter().map(|map| map.frame.and_then(|at| i64::try_from(at).ok())).collect();
    let covers = first.covers;
    let rect = Array::new([4], vec![covers.left, covers.top, covers.right, covers.bottom]);
    let range = first.nominal_range.and_then(|range| Array::new([2], range.to_vec()));
    let confidences: Option<Vec<f32>> = heatmaps().map(|map| map.confidence).collect();
    let priors: Option<Vec<&Grid>> = heatmaps().map(|map| Some(&map.object_prior.as_ref()?.values)).collect();
    let class_maps = || maps.iter().map(|map| map.classes.as_slice());
    let mixture = first.object_prior.as_ref().map(|prior| match prior.mixture {
        Mixture::MinMax { alpha } => vec![alpha],
        Mixture::FixedRange { alpha, object_full_scale } => vec![alpha, object_full_scale],
    });
    let numbered = |frames: Vec<i64>| Array::new([frames.len()], frames);
    let listed = |values: Vec<f32>| Array::new([values.len()], values);
    let parts = [
        ("", stacked(heatmaps().map(|map| &map.values).collect())),
        (".frames", frames.filter(|frames| frames.len() > 1).and_then(numbered)),
        (".rect", rect),
        (".range", range),
        (".confidence", confidences.and_then(listed)),
        (".object", priors.and_then(stacked)),
        (".mixture", mixture.and_then(listed)),
        (".classes", classes(class_maps().collect())),
    ];
    parts.into_iter().filter_map(|(name, array)| Some((name, array?))).collect()
}

/// The maps of classes, by frame and class: (classes, h, w) of one frame, (frames, classes, h, w) of several. `None`
/// where there are none, or not as many of each frame.
fn classes(of_frames: Vec<&[Grid]>) -> Option<Array> {
    let first = of_frames.first()?;
    let (count, size) = (first.len(), first.first().map(|map| (map.rows(), map.columns()))?);
    let alike = |maps: &&[Grid]| maps.len() == count && maps.iter().all(|map| (map.rows(), map.columns()) == size);
    if !of_frames.iter().all(alike) {
        return None;
    }
    let values: Vec<f32> = of_frames.iter().copied().flatten().flat_map(|map| map.values()).copied().collect();
    let mut shape = vec![count, size.0, size.1];
    if of_frames.len() > 1 {
        shape.insert(0, of_frames.len());
    }
    Array::new(shape, values)
}
