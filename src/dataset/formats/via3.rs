//! VGG Image Annotator 3: projects and CSV for pictures, videos and sounds.
//!
//! `z` says when: `[]` the whole picture, `[t]` one frame, `[t0, t1]` a stretch, in seconds. `xy` is
//! `[2, x, y, width, height]` for a rectangle in pixels of the shown medium; a stretch with an empty `xy` is a sound.
//! There is no track and no frame size in the format: tracks are an attribute here, the size comes from elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::{self, OwnFields};
use super::text::{Table, cell, parse_json};
use super::writing::{WriteOptions, pixel_corners, secs_of, size_of};
use super::{AnnotationSet, Format, Item, MediaKind, PictureSizes};
use crate::dataset::annotation::{
    Annotation, BoxScale, BoxShape, ClipAnnotations, Quirk, SoundInterval, Span, WrittenBox,
};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::report::Note;

/// VIA's number for a rectangle.
const RECTANGLE: f64 = 2.0;

/// VIA's numbers for shapes that a rectangle can be put around: circle, ellipse, line, polyline, polygon.
const CIRCLE: f64 = 3.0;
const ELLIPSE: f64 = 4.0;
const POINT_LISTS: [f64; 4] = [5.0, 6.0, 7.0, 8.0];

#[derive(Deserialize)]
struct Project {
    file: BTreeMap<String, File>,
    view: BTreeMap<String, View>,
    metadata: BTreeMap<String, Metadata>,
    #[serde(default)]
    attribute: BTreeMap<String, Attribute>,
}

#[derive(Deserialize)]
struct File {
    fname: String,
    #[serde(rename = "type", default)]
    kind: u32,
    #[serde(default)]
    src: Value,
}

#[derive(Deserialize)]
struct View {
    fid_list: Vec<Value>,
}

#[derive(Deserialize)]
struct Metadata {
    vid: Value,
    #[serde(default)]
    z: Vec<f64>,
    #[serde(default)]
    xy: Vec<f64>,
    #[serde(default)]
    av: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
struct Attribute {
    #[serde(default)]
    aname: String,
    #[serde(default)]
    options: BTreeMap<String, Value>,
}

type Attributes = BTreeMap<String, Attribute>;

/// Reads a VIA 3 project; `sizes` answers with the size of a picture or video.
pub fn read_json(path: &Path, text: &str, sizes: &PictureSizes<'_>) -> Result<AnnotationSet, DatasetError> {
    let project: Project = parse_json(path, text)?;
    let mut gathering = Gathering::default();
    let mut places = BTreeMap::new();
    for (id, view) in &project.view {
        let files: Vec<&File> =
            view.fid_list.iter().filter_map(|fid| project.file.get(&attributes::text_of(fid))).collect();
        let Some(first) = files.first() else {
            let place = Place::Field(format!("view.{id}.fid_list"));
            return Err(DatasetError::malformed(path, place, "names no file of the project"));
        };
        let name = first.src.as_str().filter(|_| first.fname.is_empty()).unwrap_or(&first.fname);
        let kind = match first.kind {
            2 => MediaKind::Image,
            4 => MediaKind::Video,
            8 => MediaKind::Sound,
            _ => MediaKind::Unsaid,
        };
        let sound = files.iter().skip(1).find(|file| file.kind == 8).map(|file| file.fname.clone());
        places.insert(id.clone(), gathering.item(name, kind, sound));
    }
    for (id, entry) in &project.metadata {
        let place = Place::Field(format!("metadata.{id}"));
        let Some(item) = places.get(&attributes::text_of(&entry.vid)) else {
            return Err(DatasetError::malformed(path, place, "belongs to no view of the project"));
        };
        let named = named_attributes(&entry.av, &project.attribute);
        gathering.add(path, place, *item, (&entry.z, &entry.xy), &named, sizes)?;
    }
    Ok(gathering.finish(Format::Via3Json))
}

/// Reads VIA 3's CSV; its attributes' names stand in a comment, if at all.
pub fn read_csv(path: &Path, text: &str, sizes: &PictureSizes<'_>) -> Result<AnnotationSet, DatasetError> {
    let comment = |key: &str| {
        let mut comments = text.lines().filter_map(|line| line.trim_start().strip_prefix('#'));
        comments.find_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='))
    };
    let known: Attributes = match comment("ATTRIBUTE") {
        Some(json) => parse_json(path, json)?,
        None => Attributes::new(),
    };
    let columns: Vec<&str> = comment("CSV_HEADER").unwrap_or_default().split(',').map(str::trim).collect();
    let needed = |name: &str| {
        columns
            .iter()
            .position(|column| *column == name)
            .ok_or_else(|| DatasetError::malformed(path, Place::Line(1), format!("CSV_HEADER names no column {name}")))
    };
    let (files, times) = (needed("file_list")?, needed("temporal_coordinates")?);
    let (shapes, metadata) = (needed("spatial_coordinates")?, needed("metadata")?);
    let mut gathering = Gathering::default();
    for (line, row) in Table::records(path, text, Some(b'#'))? {
        fn parsed<T: serde::de::DeserializeOwned>(
            path: &Path,
            line: u64,
            name: &str,
            text: &str,
        ) -> Result<T, DatasetError> {
            serde_json::from_str(text)
                .map_err(|error| DatasetError::malformed(path, Place::Line(line), format!("{name}: {error}")))
        }
        let field = |column: usize, name: &str| cell(path, line, &row, column, name);
        let names = field(files, "file_list")?;
        let names: Vec<String> =
            if names.starts_with('[') { parsed(path, line, "file_list", names)? } else { vec![names.to_owned()] };
        let z: Vec<f64> = parsed(path, line, "temporal_coordinates", field(times, "temporal_coordinates")?)?;
        let xy: Vec<f64> = parsed(path, line, "spatial_coordinates", field(shapes, "spatial_coordinates")?)?;
        let av: BTreeMap<String, Value> = parsed(path, line, "metadata", field(metadata, "metadata")?)?;
        let Some(name) = names.first() else {
            return Err(DatasetError::malformed(path, Place::Line(line), "the row names no file"));
        };
        let item = gathering.item(name, MediaKind::Unsaid, names.get(1).cloned());
        gathering.add(path, Place::Line(line), item, (&z, &xy), &named_attributes(&av, &known), sizes)?;
    }
    Ok(gathering.finish(Format::Via3Csv))
}

/// Attribute names and values with the project's numbers resolved.
fn named_attributes(values: &BTreeMap<String, Value>, known: &Attributes) -> Vec<(String, String)> {
    let named = values.iter().map(|(id, value)| {
        let text = attributes::text_of(value);
        match known.get(id) {
            Some(attribute) => {
                let option = attribute.options.get(&text).and_then(Value::as_str).filter(|option| !option.is_empty());
                (attribute.aname.clone(), option.map_or(text.clone(), str::to_owned))
            }
            None => (id.clone(), text),
        }
    });
    named.collect()
}

/// Items in the making.
#[derive(Default)]
struct Gathering {
    items: Vec<Item>,
    boxes: Vec<Vec<Annotation>>,
    sounds: Vec<Vec<SoundInterval>>,
    skipped: Vec<String>,
}

impl Gathering {
    fn item(&mut self, name: &str, kind: MediaKind, sound: Option<String>) -> usize {
        if let Some(place) = self.items.iter().rposition(|item| item.picture == name) {
            return place;
        }
        self.items.push(Item { picture: name.to_owned(), kind, sound, ..Item::default() });
        self.boxes.push(Vec::new());
        self.sounds.push(Vec::new());
        self.items.len() - 1
    }

    fn add(
        &mut self,
        path: &Path,
        place: Place,
        index: usize,
        (z, xy): (&[f64], &[f64]),
        named: &[(String, String)],
        sizes: &PictureSizes<'_>,
    ) -> Result<(), DatasetError> {
        let item = &mut self.items[index];
        let span = match *z {
            [] => Span::Whole,
            [secs] => Span::Secs(secs),
            [start, end] => Span::Interval { start, end },
            _ => return Err(DatasetError::malformed(path, place, "more than two times")),
        };
        if xy.is_empty() {
            if let Span::Interval { start, end } = span {
                let mut carrier = Annotation::new(crate::geometry::Rect::UNIT, None);
                for (name, value) in named {
                    attributes::apply(&mut carrier, name, value);
                }
                let flag = |wanted: &str| named.iter().any(|(name, value)| name == wanted && value == "true");
                self.sounds[index].push(SoundInterval {
                    start_secs: start,
                    end_secs: end,
                    label: carrier.label,
                    annotator: carrier.annotator,
                    off_screen: flag("off_screen"),
                    unidentified: flag("unidentified"),
                });
            } else if let Some(class) = named.first().filter(|_| span == Span::Whole) {
                item.class = Some(class.1.clone());
            }
            return Ok(());
        }
        let Some((values, around)) = rectangle(xy) else {
            self.skipped.push(format!("{place}"));
            return Ok(());
        };
        if item.frame_size.is_none() {
            item.frame_size = sizes(&item.picture);
        }
        let Some(size) = item.frame_size else {
            let message = format!(
                "boxes are in pixels and the size of {} is not known; put it beside the file, or give the size",
                item.picture
            );
            return Err(DatasetError::malformed(path, place, message));
        };
        let written = WrittenBox { values, shape: BoxShape::CornerAndSize, scale: BoxScale::Pixels(size) };
        let mut annotation = Annotation::from_written(written, None);
        annotation.span = span;
        if around {
            annotation.quirks.push(Quirk::AroundShape);
        }
        for (name, value) in named {
            attributes::apply(&mut annotation, name, value);
        }
        self.boxes[index].push(annotation);
        Ok(())
    }

    fn finish(self, format: Format) -> AnnotationSet {
        let Self { mut items, boxes, sounds, skipped } = self;
        for ((item, boxes), sounds) in items.iter_mut().zip(boxes).zip(sounds) {
            item.annotations = Some(ClipAnnotations::of_boxes(boxes).with_sounds(sounds));
        }
        let mut set = AnnotationSet::new(format, Benchmark::Plain, items);
        if !skipped.is_empty() {
            let (message, count) = ("shapes without a rectangle were left out".into(), skipped.len());
            set.notes.push(Note { message, count, examples: skipped.into_iter().take(5).collect() });
        }
        set
    }
}

/// `[x, y, width, height]` of a shape and whether it is the rectangle around it; `None` for a point.
fn rectangle(xy: &[f64]) -> Option<([f64; 4], bool)> {
    match *xy {
        [RECTANGLE, x, y, width, height] => Some(([x, y, width, height], false)),
        [CIRCLE, x, y, r] => Some(([x - r, y - r, 2.0 * r, 2.0 * r], true)),
        [ELLIPSE, x, y, rx, ry] => Some(([x - rx, y - ry, 2.0 * rx, 2.0 * ry], true)),
        [shape, ref points @ ..] if POINT_LISTS.contains(&shape) && points.len() >= 4 => {
            let least = |first: usize| points.iter().skip(first).step_by(2).copied().fold(f64::INFINITY, f64::min);
            let most = |first: usize| points.iter().skip(first).step_by(2).copied().fold(f64::NEG_INFINITY, f64::max);
            let (x, y) = (least(0), least(1));
            Some(([x, y, most(0) - x, most(1) - y], true))
        }
        _ => None,
    }
}

/// Names of the attributes that are written, in the order of their numbers from 1.
const WRITTEN_ATTRIBUTES: [&str; 10] = [
    "label",
    "track",
    "annotator",
    "sounding",
    "occluded",
    "visible",
    "interpolated",
    "between",
    "off_screen",
    "unidentified",
];

/// One row of either form: file place, z, xy, attributes.
struct Row {
    item: usize,
    z: Vec<f64>,
    xy: Vec<f64>,
    av: BTreeMap<String, String>,
}

fn rows(path: &Path, set: &AnnotationSet, options: &WriteOptions) -> Result<Vec<Row>, DatasetError> {
    let number = |name: &str| {
        let place = WRITTEN_ATTRIBUTES.iter().position(|known| *known == name).unwrap_or_default();
        (place + 1).to_string()
    };
    let mut rows = Vec::new();
    for (index, item) in set.items.iter().enumerate() {
        let Some(truth) = &item.annotations else { continue };
        let rate = truth.frame_rate.or(options.frame_rate);
        for annotation in truth.boxes() {
            let size = size_of(path, item, options)?;
            let z = match annotation.span {
                Span::Whole => Vec::new(),
                Span::Secs(secs) => vec![secs],
                Span::Frame(frame) => vec![secs_of(path, item, frame, rate)?],
                Span::Interval { start, end } => vec![start, end],
            };
            let [left, top, right, bottom] = pixel_corners(annotation, size);
            let left_over = attributes::of(annotation, OwnFields::default());
            rows.push(Row {
                item: index,
                z,
                xy: vec![RECTANGLE, left, top, right - left, bottom - top],
                av: left_over.into_iter().map(|(name, value)| (number(name), value)).collect(),
            });
        }
        for sound in &truth.sounds {
            let mut av = BTreeMap::new();
            let texts = [("label", sound.label.clone()), ("annotator", sound.annotator.clone())];
            let flags = [("off_screen", sound.off_screen), ("unidentified", sound.unidentified)];
            av.extend(texts.into_iter().filter_map(|(name, text)| Some((number(name), text?))));
            av.extend(flags.into_iter().filter(|(_, on)| *on).map(|(name, _)| (number(name), "true".to_owned())));
            rows.push(Row { item: index, z: vec![sound.start_secs, sound.end_secs], xy: Vec::new(), av });
        }
    }
    Ok(rows)
}

fn written_attributes() -> Value {
    let entries = WRITTEN_ATTRIBUTES.iter().enumerate().map(|(place, name)| {
        let entry = json!({
            "aname": name, "anchor_id": "FILE1_Z1_XY1", "type": 1, "desc": "", "options": {}, "default_option_id": "",
        });
        ((place + 1).to_string(), entry)
    });
    entries.collect()
}

/// The text of a set as a VIA 3 project.
pub fn write_json(path: &Path, set: &AnnotationSet, options: &WriteOptions) -> Result<String, DatasetError> {
    let (mut files, mut views) = (serde_json::Map::new(), serde_json::Map::new());
    for (place, item) in set.items.iter().enumerate() {
        let id = (place + 1).to_string();
        let kind = match item.kind {
            MediaKind::Image | MediaKind::Unsaid => 2,
            MediaKind::Video => 4,
            MediaKind::Sound => 8,
        };
        files.insert(
            id.clone(),
            json!({ "fid": id, "fname": item.picture, "type": kind, "loc": 1, "src": item.picture }),
        );
        views.insert(id.clone(), json!({ "fid_list": [id] }));
    }
    let metadata = rows(path, set, options)?.into_iter().enumerate().map(|(number, row)| {
        let view = (row.item + 1).to_string();
        let entry = json!({ "vid": view, "flg": 0, "z": row.z, "xy": row.xy, "av": row.av });
        (format!("{view}_{number:08}"), entry)
    });
    let metadata: serde_json::Map<String, Value> = metadata.collect();
    let order: Vec<String> = (1..=set.items.len()).map(|id| id.to_string()).collect();
    let document = json!({
        "project": { "pname": "annotations", "data_format_version": "3.1.2", "vid_list": order },
        "config": {}, "attribute": written_attributes(), "file": files, "metadata": metadata, "view": views,
    });
    Ok(document.to_string())
}

/// The text of a set as VIA 3's CSV.
pub fn write_csv(path: &Path, set: &AnnotationSet, options: &WriteOptions) -> Result<String, DatasetError> {
    let failed = |error: csv::Error| DatasetError::io(path, std::io::Error::other(error));
    let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    for (number, row) in rows(path, set, options)?.into_iter().enumerate() {
        let names = json!([set.items[row.item].picture]).to_string();
        let (z, xy, av) = (json!(row.z).to_string(), json!(row.xy).to_string(), json!(row.av).to_string());
        writer.write_record([&format!("{}_{number:08}", row.item + 1), &names, "0", &z, &xy, &av]).map_err(failed)?;
    }
    let bytes =
        writer.into_inner().map_err(|error| DatasetError::io(path, std::io::Error::other(error.to_string())))?;
    Ok(format!(
        "# Exported in the form of VGG Image Annotator 3\n# ATTRIBUTE = {}\n# CSV_HEADER = metadata_id,file_list,flags,\
         temporal_coordinates,spatial_coordinates,metadata\n{}",
        written_attributes(),
        String::from_utf8_lossy(&bytes)
    ))
}
