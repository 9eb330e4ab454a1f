//! Heatmaps that another program computed: a model in any framework can be looked at and scored by saving its maps.
//!
//! The file is looked at again while the program runs, so maps that are written anew are shown without opening them
//! again.

mod predictions;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::registry::System;
use super::{
    Array, BenchmarkWindow, ClassMaps, FrameInput, ImageFeatures, Localizer, LocalizerError, LocalizerInfo, Parts,
    Query, QueryEmbedding, Result, ViewRule, WindowPlan,
};
use crate::geometry::Rect;
use crate::heatmap::{Grid, Heatmap, Mixture, ObjectPrior};
use predictions::{ClipMaps, Predictions};

/// How often the times and sizes of the files are looked at.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Of a folder's files so many that were read last are looked at.
const WATCHED: usize = 256;

/// Answers every query with the map that the file holds for the clip and frame.
pub struct Precomputed {
    info: LocalizerInfo,
    path: PathBuf,
    check_every: Duration,
    watch: Mutex<Watch>,
    loaded: Mutex<Loaded>,
}

/// Modification time and size; `None` while there is no such file.
type Fingerprint = Option<(Option<SystemTime>, u64)>;

/// What the files were when they were last looked at.
struct Watch {
    looked: Instant,
    fingerprint: Fingerprint,
    /// Files of a folder that were read, as they were then. One that is written over leaves the folder's own time as it
    /// is.
    read: VecDeque<(PathBuf, Fingerprint)>,
    /// Counts the changes, from 1.
    version: u64,
}

struct Loaded {
    version: u64,
    /// Why the newest version cannot be read, if it cannot.
    predictions: std::result::Result<Predictions, String>,
    /// The maps of the clip that was asked for last.
    latest: Option<(String, Arc<ClipMaps>)>,
}

impl Precomputed {
    /// Maps out of `path`: a `.npz`, a `.npy`, or a folder of `.npy` or 8-bit `.png` files.
    ///
    /// # Errors
    /// What cannot be read, or holds no maps.
    pub fn open(system: &'static System, path: &Path) -> Result<Self> {
        Self::checking_every(CHECK_EVERY, system, path)
    }

    fn checking_every(check_every: Duration, system: &'static System, path: &Path) -> Result<Self> {
        let watch = Watch { looked: Instant::now(), fingerprint: fingerprint(path), read: VecDeque::new(), version: 1 };
        let predictions = Predictions::open(path)?;
        let info = LocalizerInfo {
            system,
            hearing: None,
            window: WindowPlan { length_secs: 0.0, benchmark: BenchmarkWindow::First },
            view: ViewRule::Whole,
            reads_text: false,
            takes_sound_vector: false,
            needs_next_frame: false,
            query_matters: false,
            remark: Some(predictions.remark()),
        };
        let loaded = Loaded { version: 1, predictions: Ok(predictions), latest: None };
        Ok(Self { info, path: path.to_owned(), check_every, watch: Mutex::new(watch), loaded: Mutex::new(loaded) })
    }

    /// The maps of a clip in the newest version of the file.
    fn maps_of(&self, clip: &str) -> Result<Arc<ClipMaps>> {
        let version = self.version();
        let mut loaded = whole(&self.loaded);
        if loaded.version < version {
            *loaded = Loaded {
                version,
                predictions: Predictions::open(&self.path).map_err(|error| error.to_string()),
                latest: None,
            };
        }
        if let Some((name, maps)) = &loaded.latest
            && name == clip
        {
            return Ok(Arc::clone(maps));
        }
        let predictions =
            loaded.predictions.as_mut().map_err(|message| LocalizerError::Predictions { message: message.clone() })?;
        if let Some(file) = predictions.file_of(clip) {
            whole(&self.watch).remember(file);
        }
        let maps = Arc::new(predictions.of_clip(clip)?);
        loaded.latest = Some((clip.to_owned(), Arc::clone(&maps)));
        Ok(maps)
    }
}

impl Watch {
    /// Looks at this file, too, from now on. Taken before it is read: a change meanwhile is then seen as one.
    fn remember(&mut self, file: &Path) {
        if self.read.iter().all(|(known, _)| known != file) {
            if self.read.len() >= WATCHED {
                self.read.pop_front();
            }
            self.read.push_back((file.to_owned(), fingerprint(file)));
        }
    }
}

/// What is behind these locks is replaced as a whole, so a panic elsewhere leaves it usable.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder has the time of the last file that came, went or was replaced in it.
fn fingerprint(path: &Path) -> Fingerprint {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.modified().ok(), facts.len()))
}

impl Localizer for Precomputed {
    fn info(&self) -> &LocalizerInfo {
        &self.info
    }

    fn version(&self) -> u64 {
        let mut watch = whole(&self.watch);
        if watch.looked.elapsed() >= self.check_every {
            watch.looked = Instant::now();
            let found = fingerprint(&self.path);
            let changed =
                found != watch.fingerprint || watch.read.iter().any(|(file, then)| fingerprint(file) != *then);
            if changed {
                watch.fingerprint = found;
                watch.read.clear();
                watch.version += 1;
            }
        }
        watch.version
    }

    fn encode_image(&self, frame: &FrameInput) -> Result<ImageFeatures> {
        let maps = self.maps_of(frame.clip)?;
        let unusable = |what: &str| LocalizerError::Predictions {
            message: format!("{}, clip '{}', frame {}: {what}", self.path.display(), frame.clip, frame.index),
        };
        let values = maps.at_frame(frame.index).map_err(|reason| unusable(&reason))?;
        if values.iter().all(|value| value.is_nan()) {
            return Err(unusable("the map holds nothing but NaN"));
        }
        if values.iter().any(|value| value.is_infinite()) {
            return Err(unusable("the map holds infinite values"));
        }
        let map = Array::new(&[maps.rows, maps.columns], values.to_vec())
            .ok_or_else(|| unusable("the map is not as large as its shape"))?;
        let mut arrays = vec![("map", map)];
        if let Some(rect) = maps.rect {
            // A number is kept as two singles, the second being what the first leaves out.
            let sides = [rect.left, rect.top, rect.right, rect.bottom];
            let halves = |side: f64| [side as f32, (side - f64::from(side as f32)) as f32];
            arrays.push(("rect", Array::vector(sides.into_iter().flat_map(halves).collect())));
        }
        if let Some(range) = maps.aside.range {
            arrays.push(("range", Array::vector(range.into())));
        }
        if let Some(confidence) = maps.confidence_at(frame.index) {
            arrays.push(("confidence", Array::vector(vec![confidence])));
        }
        if let Some((rows, columns, values, mixture)) = maps.object_at(frame.index) {
            let object = Array::new(&[rows, columns], values.to_vec());
            arrays.push(("object", object.ok_or_else(|| unusable("the object map is not as large as its shape"))?));
            arrays.push(("mixture", Array::vector(mixture.to_vec())));
        }
        if let Some((shape, values)) = maps.classes_at(frame.index) {
            let classes = Array::new(&shape, values.to_vec());
            arrays
                .push(("classes", classes.ok_or_else(|| unusable("the class maps are not as large as their shape"))?));
        }
        Ok(ImageFeatures { frame: frame.picture.size, parts: Parts::new(self.info.id(), arrays) })
    }

    fn encode_query(&self, _: &Query) -> Result<QueryEmbedding> {
        Ok(QueryEmbedding { parts: Parts::new(self.info.id(), Vec::new()) })
    }

    fn join(&self, features: &ImageFeatures, _: &QueryEmbedding) -> Result<Heatmap> {
        let grid = |part: &'static str| {
            let map = features.parts.get(part)?;
            let grid = match *map.shape() {
                [rows, columns] => Grid::new(rows, columns, map.values().to_vec()),
                _ => None,
            };
            grid.ok_or(LocalizerError::ForeignParts { made_by: self.info.id(), missing: part })
        };
        let values = |part: &'static str| features.parts.get(part).map(Array::values).unwrap_or_default();
        let mut heatmap = Heatmap::over_whole_frame(grid("map")?, features.frame);
        if let &[left, left_rest, top, top_rest, right, right_rest, bottom, bottom_rest] = values("rect") {
            let side = |side: f32, rest: f32| f64::from(side) + f64::from(rest);
            heatmap.covers = Rect {
                left: side(left, left_rest),
                top: side(top, top_rest),
                right: side(right, right_rest),
                bottom: side(bottom, bottom_rest),
            };
        }
        if let &[low, high] = values("range") {
            heatmap.nominal_range = Some([low, high]);
        }
        heatmap.confidence = values("confidence").first().copied();
        let mixture = match *values("mixture") {
            [alpha] => Some(Mixture::MinMax { alpha }),
            [alpha, object_full_scale] => Some(Mixture::FixedRange { alpha, object_full_scale }),
            _ => None,
        };
        if let Some(mixture) = mixture {
            heatmap.object_prior = Some(ObjectPrior { values: grid("object")?, mixture });
        }
        Ok(heatmap)
    }

    fn class_maps(&self, features: &ImageFeatures, embedding: &QueryEmbedding) -> Result<Option<ClassMaps>> {
        let Ok(classes) = features.parts.get("classes") else { return Ok(None) };
        let &[count, rows, columns] = classes.shape() else { return Ok(None) };
        let whole = self.join(features, embedding)?;
        let of_class = |values: &[f32]| {
            let values = Grid::new(rows, columns, values.to_vec())?;
            Some(Heatmap { values, object_prior: None, ..whole.clone() })
        };
        let maps: Option<Vec<Heatmap>> = classes.values().chunks(rows * columns).map(of_class).collect();
        // What was heard of a class is not saved.
        Ok(maps.map(|maps| ClassMaps { maps, heard: vec![f32::NAN; count] }))
    }
}

#[cfg(test)]
mod tests;
