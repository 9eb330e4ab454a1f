//! Flickr-SoundNet: one XML an image, an element for each annotator, in it one or more `bbox` of five children.
//!
//! The first child of a `bbox` is not a coordinate and is skipped; then come xmin, ymin, xmax, ymax as whole numbers
//! of a 256×256 frame. Anything else between the boxes, which breaks the authors' own readers, is passed over.

use std::path::Path;

use super::text::parse_number;
use super::xml::{self, Element};
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::identity::{file_name, stem};
use crate::geometry::Size;

/// The frame in which the boxes were drawn.
pub const FRAME: Size = Size::new(256, 256);

/// Whether a document has the form of these annotations.
pub fn is_flickr(root: &Element) -> bool {
    root.children.iter().any(|annotator| annotator.children_named("bbox").any(|bbox| bbox.children.len() >= 5))
}

/// Reads the annotations of one image, which is the one with the file's own name.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let root = xml::parse(path, text)?;
    let mut boxes = Vec::new();
    for (number, annotator) in root.children.iter().enumerate() {
        for bbox in annotator.children_named("bbox") {
            let mut annotation = Annotation::from_written(written_box(path, bbox)?, None);
            annotation.annotator = Some((number + 1).to_string());
            boxes.push(annotation);
        }
    }
    let item = Item {
        picture: stem(&file_name(path)).to_owned(),
        annotations: Some(ClipAnnotations::of_boxes(boxes)),
        kind: MediaKind::Image,
        ..Item::default()
    };
    Ok(AnnotationSet::new(Format::FlickrXml, Benchmark::FlickrSoundNet, vec![item]))
}

fn written_box(path: &Path, bbox: &Element) -> Result<WrittenBox, DatasetError> {
    let [_, coordinates @ ..] = bbox.children.as_slice() else {
        return Err(DatasetError::malformed(path, Place::Line(bbox.line), "an empty <bbox>"));
    };
    let mut values = [0.0; 4];
    for (place, value) in values.iter_mut().enumerate() {
        let Some(element) = coordinates.get(place) else {
            let message = format!("a <bbox> with {} children, where five are expected", bbox.children.len());
            return Err(DatasetError::malformed(path, Place::Line(bbox.line), message));
        };
        *value = parse_number(path, Place::Line(element.line), &element.name, &element.text)?;
    }
    Ok(WrittenBox { values, shape: BoxShape::Corners, scale: BoxScale::Pixels(FRAME) })
}
