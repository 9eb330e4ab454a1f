//! VGG-SS: `[{"file", "class", "bbox": [[x0, y0, x1, y1], …]}, …]`, corners in fractions of the full frame.
//!
//! The published file holds boxes whose far corner overflowed while it was dragged (about -2.9e16) and boxes without
//! width or height. They stay as they are: the protocols give them an empty ground truth, and so must we.

use std::path::Path;

use serde::Deserialize;

use super::text::parse_json;
use super::{AnnotationSet, Format, Item};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::DatasetError;

#[derive(Deserialize)]
struct Entry {
    file: String,
    class: String,
    bbox: Vec<[f64; 4]>,
}

/// Reads the JSON of VGG-SS.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let entries: Vec<Entry> = parse_json(path, text)?;
    let items = entries.into_iter().map(|entry| {
        let boxes = entry.bbox.into_iter().map(|values| {
            let written = WrittenBox { values, shape: BoxShape::Corners, scale: BoxScale::Fraction };
            Annotation::from_written(written, Some(entry.class.clone()))
        });
        Item {
            picture: entry.file.clone(),
            annotations: Some(ClipAnnotations::of_boxes(boxes.collect())),
            class: Some(entry.class.clone()),
            ..Item::default()
        }
    });
    Ok(AnnotationSet::new(Format::VggSs, Benchmark::VggSs, items.collect()))
}
