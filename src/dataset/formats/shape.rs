//! Which format a text is in, told by its content.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Format, flickr_xml, xml};
use crate::dataset::error::DatasetError;

/// Tells the format of an annotation file or list.
///
/// # Errors
/// Damaged JSON or XML, or a form that no known format has.
pub fn recognize(path: &Path, text: &str) -> Result<Format, DatasetError> {
    match text.trim_start().chars().next() {
        None => Err(DatasetError::malformed(path, None, "the file is empty")),
        Some('{' | '[') => recognize_json(path, text),
        Some('<') => recognize_xml(path, text),
        Some(_) => Ok(recognize_table(text)),
    }
}

/// The outline of a JSON value: keys of objects, first elements of arrays, four levels deep.
#[derive(Debug)]
enum Shape {
    Text,
    Other,
    Array(Option<Box<Shape>>),
    Object(Vec<(String, Shape)>),
}

impl Shape {
    fn get(&self, key: &str) -> Option<&Shape> {
        match self {
            Self::Object(entries) => entries.iter().find(|(own, _)| own == key).map(|(_, shape)| shape),
            _ => None,
        }
    }

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.get(key).is_some())
    }

    fn first_value(&self) -> Option<&Shape> {
        match self {
            Self::Object(entries) => entries.first().map(|(_, shape)| shape),
            Self::Array(first) => first.as_deref(),
            _ => None,
        }
    }
}

fn recognize_json(path: &Path, text: &str) -> Result<Format, DatasetError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let outline =
        Outline { depth: 4 }.deserialize(&mut deserializer).and_then(|shape| deserializer.end().map(|()| shape));
    let shape = match outline {
        Ok(shape) => shape,
        // Parse again for the error's place and wording.
        Err(_) => return Err(super::text::parse_json::<IgnoredAny>(path, text).err().unwrap_or_else(|| unknown(path))),
    };
    let found = match &shape {
        Shape::Array(Some(first)) if first.has(&["file", "class", "bbox"]) => Some(Format::VggSs),
        Shape::Array(Some(first)) if first.has(&["image", "audio"]) => {
            ["gt_box", "bbox", "box"].iter().find_map(|key| first.get(key)).map(|truth| match truth {
                Shape::Text => Format::SslAlignMasks,
                _ => Format::SslAlignBoxes,
            })
        }
        Shape::Array(Some(first)) if first.has(&["data"]) && first.get("annotations").is_some() => {
            Some(Format::LabelStudio)
        }
        Shape::Object(_) if shape.has(&["sonolens"]) => Some(Format::Sonolens),
        Shape::Object(_) if shape.has(&["annotations", "images"]) || shape.has(&["annotations", "videos"]) => {
            Some(Format::Coco)
        }
        Shape::Object(_) if shape.has(&["_via_img_metadata"]) => Some(Format::Via2Json),
        Shape::Object(_) if shape.has(&["file", "view", "metadata"]) => Some(Format::Via3Json),
        Shape::Object(_) => shape.first_value().and_then(entry_format),
        _ => None,
    };
    found.ok_or_else(|| unknown(path))
}

/// The format of an object whose entries are keyed by a clip.
fn entry_format(entry: &Shape) -> Option<Format> {
    if entry.has(&["filename", "regions"]) {
        return Some(Format::Via2Json);
    }
    if entry.has(&["bbox"]) {
        let music = entry.has(&["wdith"]) || entry.has(&["height"]);
        return Some(if music { Format::MusicBoxes } else { Format::AudioSetBoxes });
    }
    match entry {
        Shape::Array(Some(first)) if matches!(**first, Shape::Array(_)) => Some(Format::FlickrJson),
        _ => None,
    }
}

fn unknown(path: &Path) -> DatasetError {
    DatasetError::unrecognized(path, "JSON, but of no annotation format that is known")
}

fn recognize_xml(path: &Path, text: &str) -> Result<Format, DatasetError> {
    let root = xml::parse(path, text)?;
    if root.children_named("object").any(|object| object.child("bndbox").is_some())
        || root.name == "annotation" && root.child("filename").is_some()
    {
        return Ok(Format::Voc);
    }
    if root.child("track").is_some() {
        return Ok(Format::CvatVideo);
    }
    if root.child("image").is_some() {
        return Ok(Format::CvatImages);
    }
    if root.name == "annotations" && root.child("meta").is_some() {
        return Ok(Format::CvatVideo);
    }
    if flickr_xml::is_flickr(&root) {
        return Ok(Format::FlickrXml);
    }
    let message = format!("XML with the root <{}>, but of no annotation format that is known", root.name);
    Err(DatasetError::unrecognized(path, message))
}

fn recognize_table(text: &str) -> Format {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.starts_with('#') && text.lines().take(20).any(|line| line.contains("CSV_HEADER")) {
        return Format::Via3Csv;
    }
    let columns: Vec<&str> = first.trim_start_matches('#').split(',').map(str::trim).collect();
    let has = |names: &[&str]| names.iter().all(|name| columns.contains(name));
    if has(&["filename", "region_shape_attributes"]) {
        Format::Via2Csv
    } else if has(&["filename", "track_id", "x", "y", "w", "h", "time"]) {
        Format::UrbansasVideo
    } else if has(&["filename", "label", "start", "end"]) {
        Format::UrbansasAudio
    } else if has(&["video", "audio", "label"]) {
        Format::SilentList
    } else if has(&["split"]) && (has(&["name"]) || has(&["video_id"])) {
        Format::AvsBenchList
    } else if first.split_whitespace().count() == 5 && first.split_whitespace().all(|cell| cell.parse::<f64>().is_ok())
    {
        Format::FlowGradLabels
    } else {
        Format::List
    }
}

/// Reads an outline of bounded size out of a value of any size.
struct Outline {
    depth: usize,
}

/// Keys of one object that an outline keeps.
const OUTLINE_KEYS: usize = 64;

impl<'de> DeserializeSeed<'de> for Outline {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Outline {
    type Value = Shape;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Text)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Shape, A::Error> {
        let mut first = None;
        if self.depth > 0 {
            first = sequence.next_element_seed(Outline { depth: self.depth - 1 })?;
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::Array(first.map(Box::new)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.depth > 0 && entries.len() < OUTLINE_KEYS {
                entries.push((key, map.next_value_seed(Outline { depth: self.depth - 1 })?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Shape::Object(entries))
    }
}
