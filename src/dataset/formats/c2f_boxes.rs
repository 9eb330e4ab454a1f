//! Flickr-SoundNet's boxes as one JSON object: `{"id": [[x0, y0, x1, y1], …], …}` in the 256×256 frame, one box an
//! annotator's opinion. The smallest number is 1: the boxes are counted from 1, as the XML files have them.

use std::collections::BTreeMap;
use std::path::Path;

use super::flickr_xml::FRAME;
use super::text::parse_json;
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::DatasetError;

/// Reads the object of boxes by image id.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let entries: BTreeMap<String, Vec<[f64; 4]>> = parse_json(path, text)?;
    let items = entries.into_iter().map(|(picture, boxes)| {
        let boxes = boxes.into_iter().map(|values| {
            let written = WrittenBox { values, shape: BoxShape::Corners, scale: BoxScale::Pixels(FRAME) };
            Annotation::from_written(written, None)
        });
        Item {
            picture,
            annotations: Some(ClipAnnotations::of_boxes(boxes.collect())),
            kind: MediaKind::Image,
            ..Item::default()
        }
    });
    Ok(AnnotationSet::new(Format::FlickrJson, Benchmark::FlickrSoundNet, items.collect()))
}
