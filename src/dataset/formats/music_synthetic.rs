//! MUSIC-Synthetic: one `.npy` an image, rows `[x, y, width, height, category]` in fractions of the frame.

use std::path::Path;

use super::{AnnotationSet, Format, Item, MediaKind, npy};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::identity::{file_name, stem};

/// Reads the boxes of the image that has the file's own name.
pub fn read(path: &Path) -> Result<AnnotationSet, DatasetError> {
    let array = npy::read(path)?;
    let [_, 5] = array.shape[..] else {
        let message = format!("the array has shape {:?}; boxes are rows of five numbers", array.shape);
        return Err(DatasetError::malformed(path, None, message));
    };
    let mut boxes = Vec::new();
    for (row, values) in array.values.as_chunks::<5>().0.iter().enumerate() {
        let [x, y, width, height, category] = *values;
        if values.iter().any(|value| !value.is_finite()) {
            return Err(DatasetError::malformed(path, Place::Field(format!("[{row}]")), "not a finite number"));
        }
        let written =
            WrittenBox { values: [x, y, width, height], shape: BoxShape::CornerAndSize, scale: BoxScale::Fraction };
        boxes.push(Annotation::from_written(written, Some(category.to_string())));
    }
    let item = Item {
        picture: stem(&file_name(path)).to_owned(),
        kind: MediaKind::Image,
        annotations: Some(ClipAnnotations::of_boxes(boxes)),
        ..Item::default()
    };
    Ok(AnnotationSet::new(Format::MusicSyntheticBoxes, Benchmark::MusicSynthetic, vec![item]))
}
