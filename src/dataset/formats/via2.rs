//! VGG Image Annotator 2: a project (`_via_img_metadata`), a bare region file, or CSV; rectangles in pixels.
//!
//! The files never tell the size of a picture, so a reader needs it from elsewhere; until it is known the boxes
//! cannot be fractions. Old exports have `regions` as an object of numbered entries instead of a list.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::{self, OwnFields};
use super::text::{Table, cell, parse_json};
use super::writing::{WriteOptions, pixel_corners, size_of};
use super::{AnnotationSet, Format, Item, MediaKind, PictureSizes};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, Quirk, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::report::Note;
use crate::geometry::Size;

#[derive(Deserialize)]
struct Project {
    #[serde(rename = "_via_img_metadata")]
    metadata: BTreeMap<String, Picture>,
}

#[derive(Deserialize)]
struct Picture {
    filename: String,
    #[serde(default)]
    regions: Regions,
    #[serde(default)]
    file_attributes: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Regions {
    List(Vec<Region>),
    Numbered(BTreeMap<String, Region>),
}

impl Default for Regions {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Regions {
    fn in_order(self) -> Vec<Region> {
        match self {
            Self::List(regions) => regions,
            Self::Numbered(regions) => {
                let mut regions: Vec<(String, Region)> = regions.into_iter().collect();
                regions.sort_by_key(|(number, _)| number.parse::<u64>().unwrap_or(u64::MAX));
                regions.into_iter().map(|(_, region)| region).collect()
            }
        }
    }
}

#[derive(Deserialize)]
struct Region {
    shape_attributes: Shape,
    #[serde(default)]
    region_attributes: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
struct Shape {
    #[serde(default)]
    name: String,
    x: Option<f64>,
    y: Option<f64>,
    width: Option<f64>,
    height: Option<f64>,
    cx: Option<f64>,
    cy: Option<f64>,
    r: Option<f64>,
    rx: Option<f64>,
    ry: Option<f64>,
    all_points_x: Option<Vec<f64>>,
    all_points_y: Option<Vec<f64>>,
}

impl Shape {
    /// `[x, y, width, height]` and whether it is the rectangle around another shape; `None` for a single point.
    fn rectangle(&self) -> Option<([f64; 4], bool)> {
        if let (Some(x), Some(y), Some(width), Some(height)) = (self.x, self.y, self.width, self.height) {
            return Some(([x, y, width, height], false));
        }
        if let (Some(x), Some(y), Some(rx), Some(ry)) =
            (self.cx, self.cy, self.rx.or(self.r), self.ry.or(self.rx).or(self.r))
        {
            return Some(([x - rx, y - ry, 2.0 * rx, 2.0 * ry], true));
        }
        let (xs, ys) = (self.all_points_x.as_ref()?, self.all_points_y.as_ref()?);
        let least = |values: &[f64]| values.iter().copied().reduce(f64::min);
        let most = |values: &[f64]| values.iter().copied().reduce(f64::max);
        let (x, y) = (least(xs)?, least(ys)?);
        Some(([x, y, most(xs)? - x, most(ys)? - y], true))
    }
}

/// Reads a project or a bare region file; `sizes` answers with the size of a picture.
pub fn read_json(path: &Path, text: &str, sizes: &PictureSizes<'_>) -> Result<AnnotationSet, DatasetError> {
    let pictures: BTreeMap<String, Picture> = if text.contains("\"_via_img_metadata\"") {
        parse_json::<Project>(path, text)?.metadata
    } else {
        parse_json(path, text)?
    };
    let mut gathering = Gathering::new(Format::Via2Json);
    for (key, picture) in pictures {
        let place = Place::Field(key);
        let class = picture.file_attributes.get("class").map(attributes::text_of).filter(|class| !class.is_empty());
        gathering.start(&picture.filename, class);
        for region in picture.regions.in_order() {
            gathering.add(path, &place, region, sizes)?;
        }
    }
    Ok(gathering.finish())
}

/// Reads VIA 2's CSV; rows of one picture belong together.
pub fn read_csv(path: &Path, text: &str, sizes: &PictureSizes<'_>) -> Result<AnnotationSet, DatasetError> {
    let table = Table::parse(path, text, None)?;
    let (file, shape) = (table.needed(path, "filename")?, table.needed(path, "region_shape_attributes")?);
    let attributes = table.needed(path, "region_attributes")?;
    let mut gathering = Gathering::new(Format::Via2Csv);
    for (line, row) in &table.rows {
        let field = |column: usize, name: &str| cell(path, *line, row, column, name);
        let place = Place::Line(*line);
        gathering.start(field(file, "filename")?, None);
        let malformed = |error: serde_json::Error| DatasetError::malformed(path, Place::Line(*line), error.to_string());
        let shape: Shape = serde_json::from_str(field(shape, "region_shape_attributes")?).map_err(malformed)?;
        if shape.name.is_empty() && shape.x.is_none() {
            continue;
        }
        let region_attributes = serde_json::from_str(field(attributes, "region_attributes")?).map_err(malformed)?;
        gathering.add(path, &place, Region { shape_attributes: shape, region_attributes }, sizes)?;
    }
    Ok(gathering.finish())
}

/// Items in the making.
struct Gathering {
    format: Format,
    items: Vec<Item>,
    boxes: Vec<Vec<Annotation>>,
    points: Vec<String>,
}

impl Gathering {
    fn new(format: Format) -> Self {
        Self { format, items: Vec::new(), boxes: Vec::new(), points: Vec::new() }
    }

    fn start(&mut self, picture: &str, class: Option<String>) {
        if self.items.last().is_none_or(|item| item.picture != picture) {
            let picture = picture.to_owned();
            self.items.push(Item { picture, class, kind: MediaKind::Image, ..Item::default() });
            self.boxes.push(Vec::new());
        }
    }

    fn add(
        &mut self,
        path: &Path,
        place: &Place,
        region: Region,
        sizes: &PictureSizes<'_>,
    ) -> Result<(), DatasetError> {
        let (Some(item), Some(boxes)) = (self.items.last_mut(), self.boxes.last_mut()) else { return Ok(()) };
        let Some((values, around)) = region.shape_attributes.rectangle() else {
            self.points.push(format!("{} in {}", region.shape_attributes.name, item.picture));
            return Ok(());
        };
        if item.frame_size.is_none() {
            item.frame_size = sizes(&item.picture);
        }
        let Some(size) = item.frame_size else {
            let message = format!(
                "boxes are in pixels and the size of {} is not known; put the picture beside the file, or give the size",
                item.picture
            );
            return Err(DatasetError::malformed(path, place.clone(), message));
        };
        let written = WrittenBox { values, shape: BoxShape::CornerAndSize, scale: BoxScale::Pixels(size) };
        let mut annotation = Annotation::from_written(written, None);
        if around {
            annotation.quirks.push(Quirk::AroundShape);
        }
        for (name, value) in &region.region_attributes {
            attributes::apply(&mut annotation, name, &attributes::text_of(value));
        }
        boxes.push(annotation);
        Ok(())
    }

    fn finish(mut self) -> AnnotationSet {
        for (item, boxes) in self.items.iter_mut().zip(self.boxes) {
            item.annotations = Some(ClipAnnotations::of_boxes(boxes));
        }
        let mut set = AnnotationSet::new(self.format, Benchmark::Plain, self.items);
        if !self.points.is_empty() {
            let message = "shapes without a rectangle were left out".into();
            let count = self.points.len();
            set.notes.push(Note { message, count, examples: self.points.into_iter().take(5).collect() });
        }
        set
    }
}

fn region_values(annotation: &Annotation, size: Size) -> (Value, Value) {
    let [x, y, width, height] = match annotation.written {
        Some(written) if written.scale == BoxScale::Pixels(size) && written.shape == BoxShape::CornerAndSize => {
            written.values
        }
        _ => {
            let [left, top, right, bottom] = pixel_corners(annotation, size);
            [left, top, right - left, bottom - top]
        }
    };
    let shape = json!({ "name": "rect", "x": x, "y": y, "width": width, "height": height });
    let left_over = attributes::of(annotation, OwnFields::default());
    let attributes = left_over.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    (shape, attributes)
}

/// The text of a set of pictures as a VIA 2 project.
pub fn write_json(path: &Path, set: &AnnotationSet, options: &WriteOptions) -> Result<String, DatasetError> {
    let mut metadata = serde_json::Map::new();
    for item in &set.items {
        let mut regions = Vec::new();
        for annotation in item.annotations.iter().flat_map(ClipAnnotations::boxes) {
            let (shape, attributes) = region_values(annotation, size_of(path, item, options)?);
            regions.push(json!({ "shape_attributes": shape, "region_attributes": attributes }));
        }
        let class = item.class.as_ref().map_or_else(|| json!({}), |class| json!({ "class": class }));
        let entry = json!({ "filename": item.picture, "size": -1, "regions": regions, "file_attributes": class });
        metadata.insert(format!("{}-1", item.picture), entry);
    }
    let order: Vec<&String> = metadata.keys().collect();
    let document = json!({
        "_via_settings": { "project": { "name": "annotations" } },
        "_via_attributes": { "region": {}, "file": {} },
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": order,
        "_via_img_metadata": metadata,
    });
    Ok(document.to_string())
}

/// The text of a set of pictures as VIA 2's CSV.
pub fn write_csv(path: &Path, set: &AnnotationSet, options: &WriteOptions) -> Result<String, DatasetError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| DatasetError::io(path, std::io::Error::other(error));
    let header = [
        "filename",
        "file_size",
        "file_attributes",
        "region_count",
        "region_id",
        "region_shape_attributes",
        "region_attributes",
    ];
    writer.write_record(header).map_err(failed)?;
    for item in &set.items {
        let boxes = item.annotations.as_ref().map(ClipAnnotations::boxes).unwrap_or_default();
        let count = boxes.len().to_string();
        if boxes.is_empty() {
            writer.write_record([item.picture.as_str(), "-1", "{}", "0", "0", "{}", "{}"]).map_err(failed)?;
        }
        for (number, annotation) in boxes.iter().enumerate() {
            let (shape, attributes) = region_values(annotation, size_of(path, item, options)?);
            let (shape, attributes, number) = (shape.to_string(), attributes.to_string(), number.to_string());
            let row = [item.picture.as_str(), "-1", "{}", &count, &number, &shape, &attributes];
            writer.write_record(row).map_err(failed)?;
        }
    }
    let bytes =
        writer.into_inner().map_err(|error| DatasetError::io(path, std::io::Error::other(error.to_string())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
