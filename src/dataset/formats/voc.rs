//! Pascal VOC: one XML a picture, `object/bndbox` in pixels.
//!
//! The original counts pixels from 1 and includes the last one; nearly every exporter writes plain corners from 0.
//! A file counts from 1 exactly when its `source/database` names VOC.

use std::path::Path;

use super::attributes::{self, OwnFields};
use super::text::{parse_count, parse_number};
use super::writing::{WriteOptions, pixel_corners, size_of};
use super::xml::{self, Element, escaped};
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::identity::{file_name, stem};
use crate::geometry::Size;

/// Reads the annotation of one picture.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let root = xml::parse(path, text)?;
    let from_one = root.text_at(&["source", "database"]).is_some_and(|database| database.contains("VOC"));
    let size = size_of_root(path, &root)?;
    let mut boxes = Vec::new();
    for object in root.children_named("object") {
        let Some(bndbox) = object.child("bndbox") else { continue };
        let Some(size) = size else {
            let message = "the file has no <size> with width and height, without which its pixels mean nothing";
            return Err(DatasetError::malformed(path, Place::Line(object.line), message));
        };
        let mut values = [0.0; 4];
        for (value, name) in values.iter_mut().zip(["xmin", "ymin", "xmax", "ymax"]) {
            let element = bndbox.child(name).ok_or_else(|| {
                DatasetError::malformed(path, Place::Line(bndbox.line), format!("<bndbox> has no <{name}>"))
            })?;
            *value = parse_number(path, Place::Line(element.line), name, &element.text)?;
        }
        if from_one {
            values[0] -= 1.0;
            values[1] -= 1.0;
        }
        let written = WrittenBox { values, shape: BoxShape::Corners, scale: BoxScale::Pixels(size) };
        let mut annotation = Annotation::from_written(written, object.text_at(&["name"]).map(str::to_owned));
        annotation.occluded = object.text_at(&["occluded"]) == Some("1");
        for attribute in object.child("attributes").iter().flat_map(|list| list.children_named("attribute")) {
            let (name, value) = (attribute.text_at(&["name"]), attribute.text_at(&["value"]));
            attributes::apply(&mut annotation, name.unwrap_or_default(), value.unwrap_or_default());
        }
        boxes.push(annotation);
    }
    let own_name = file_name(path);
    let item = Item {
        picture: root.text_at(&["filename"]).unwrap_or_else(|| stem(&own_name)).to_owned(),
        kind: MediaKind::Image,
        frame_size: size,
        annotations: Some(ClipAnnotations::of_boxes(boxes)),
        ..Item::default()
    };
    Ok(AnnotationSet::new(Format::Voc, Benchmark::Plain, vec![item]))
}

fn size_of_root(path: &Path, root: &Element) -> Result<Option<Size>, DatasetError> {
    let Some(size) = root.child("size") else { return Ok(None) };
    let side = |name: &str| -> Result<u32, DatasetError> {
        let text = size.text_at(&[name]).unwrap_or("0");
        let value = parse_count(path, Place::Line(size.line), name, text)?;
        u32::try_from(value).map_err(|_| {
            DatasetError::malformed(path, Place::Line(size.line), format!("{name} is larger than any picture"))
        })
    };
    Ok(Some(Size::new(side("width")?, side("height")?)).filter(|size| size.area() > 0))
}

/// The text of one picture's annotations as VOC, corners from 0.
pub fn write(path: &Path, item: &Item, options: &WriteOptions) -> Result<String, DatasetError> {
    let size = size_of(path, item, options)?;
    let mut text = format!(
        "<annotation>\n  <filename>{}</filename>\n  <source><database>Unknown</database></source>\n  \
         <size><width>{}</width><height>{}</height><depth>3</depth></size>\n  <segmented>0</segmented>\n",
        escaped(&item.picture),
        size.width,
        size.height
    );
    for annotation in item.annotations.iter().flat_map(ClipAnnotations::boxes) {
        let [left, top, right, bottom] = pixel_corners(annotation, size);
        text += &format!(
            "  <object>\n    <name>{}</name>\n    <pose>Unspecified</pose>\n    <truncated>0</truncated>\n    \
             <difficult>0</difficult>\n    <occluded>{}</occluded>\n    <bndbox><xmin>{left}</xmin><ymin>{top}</ymin>\
             <xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>\n",
            escaped(annotation.label.as_deref().unwrap_or("object")),
            u8::from(annotation.occluded)
        );
        let left_over = attributes::of(annotation, OwnFields { label: true, occluded: true, ..OwnFields::default() });
        if !left_over.is_empty() {
            text += "    <attributes>\n";
            for (name, value) in left_over {
                let value = escaped(&value);
                text += &format!("      <attribute><name>{name}</name><value>{value}</value></attribute>\n");
            }
            text += "    </attributes>\n";
        }
        text += "  </object>\n";
    }
    Ok(text + "</annotation>\n")
}
