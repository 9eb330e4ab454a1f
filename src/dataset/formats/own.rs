//! Our own annotations: JSON that says everything that the library can say.
//!
//! `{"sonolens": 1, "items": […]}` for any number of clips. Beside a clip, as `<clip>.sonolens.json`, it holds one.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::text::parse_json;
use super::{AnnotationSet, Format, Item};
use crate::dataset::annotation::{Annotation, ClipAnnotations, Span};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place, Problem};

/// Version of the format that is written; older ones are read.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Document {
    sonolens: u32,
    #[serde(default = "plain")]
    benchmark: Benchmark,
    items: Vec<Item>,
}

fn plain() -> Benchmark {
    Benchmark::Plain
}

/// Reads our own format.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let document: Document = parse_json(path, text)?;
    if document.sonolens == 0 || document.sonolens > VERSION {
        let message = format!("version {} of the format; this program reads up to {VERSION}", document.sonolens);
        return Err(DatasetError::malformed(path, Place::Field("sonolens".into()), message));
    }
    for (number, item) in document.items.iter().enumerate() {
        let boxes = item.annotations.iter().flat_map(ClipAnnotations::boxes);
        if let Some(bad) = boxes.enumerate().find(|(_, annotation)| !is_finite(annotation)) {
            let place = Place::Field(format!("items[{number}].annotations.boxes[{}]", bad.0));
            return Err(DatasetError::malformed(path, place, "a number is not finite"));
        }
    }
    Ok(AnnotationSet::new(Format::Sonolens, document.benchmark, document.items))
}

fn is_finite(annotation: &Annotation) -> bool {
    let rect = annotation.rect_fraction;
    let times = match annotation.span {
        Span::Whole | Span::Frame(_) => [0.0, 0.0],
        Span::Secs(secs) => [secs, secs],
        Span::Interval { start, end } => [start, end],
    };
    [rect.left, rect.top, rect.right, rect.bottom].iter().chain(&times).all(|value| value.is_finite())
}

/// The text of a set in our own format.
pub fn write(path: &Path, set: &AnnotationSet) -> Result<String, DatasetError> {
    let document = Document { sonolens: VERSION, benchmark: set.benchmark, items: set.items.clone() };
    serde_json::to_string_pretty(&document)
        .map(|text| text + "\n")
        .map_err(|error| DatasetError::new(path, Problem::CannotExpress(error.to_string())))
}
