//! COCO: `images`, `categories`, `annotations` with `bbox` = `[x, y, width, height]` in pixels.
//!
//! Video dialects are understood: images with `video_id` and `frame_index` (or `frame_id`), annotations with
//! `track_id` (or `instance_id`), and YouTube-VIS's `bboxes`, a list with null where the thing is away. Files that
//! hold fractions where pixels belong (every value ≤ 1 although the picture is larger) are read as fractions and
//! say so in a note.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::{self, OwnFields};
use super::text::parse_json;
use super::writing::{WriteOptions, frame_of, pixel_corners, size_of};
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, Quirk, Span, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::report::Note;
use crate::geometry::Size;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    images: Vec<Picture>,
    #[serde(default)]
    videos: Vec<Video>,
    annotations: Vec<Entry>,
    #[serde(default)]
    categories: Vec<Category>,
}

/// An id as files have it: a number or a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(i64),
    Text(String),
}

impl std::fmt::Display for Id {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

#[derive(Deserialize)]
struct Picture {
    id: Id,
    file_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    video_id: Option<Id>,
    frame_index: Option<u64>,
    frame_id: Option<u64>,
}

#[derive(Deserialize)]
struct Video {
    id: Id,
    file_name: Option<String>,
    name: Option<String>,
    #[serde(default)]
    file_names: Vec<String>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    frame_rate: Option<f64>,
    length: Option<u64>,
}

#[derive(Deserialize)]
struct Category {
    id: Id,
    name: String,
}

#[derive(Deserialize)]
struct Entry {
    image_id: Option<Id>,
    video_id: Option<Id>,
    category_id: Option<Id>,
    bbox: Option<[f64; 4]>,
    bboxes: Option<Vec<Option<[f64; 4]>>>,
    track_id: Option<Id>,
    instance_id: Option<Id>,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
}

/// Reads COCO's instances and its video dialects.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let document: Document = parse_json(path, text)?;
    let fractions = holds_fractions(&document);
    let names: HashMap<&Id, &str> =
        document.categories.iter().map(|category| (&category.id, category.name.as_str())).collect();
    let mut items: Vec<Item> = Vec::new();
    let mut rates: Vec<Option<f64>> = Vec::new();
    let mut boxes: Vec<Vec<Annotation>> = Vec::new();
    let mut video_places = HashMap::new();
    let mut picture_places = HashMap::new();
    for video in &document.videos {
        video_places.insert(&video.id, items.len());
        let first = video.file_names.first().and_then(|name| name.rsplit_once(['/', '\\'])).map(|(folder, _)| folder);
        let name = video
            .file_name
            .as_deref()
            .or(video.name.as_deref())
            .or(first)
            .map_or_else(|| video.id.to_string(), str::to_owned);
        items.push(Item {
            picture: name,
            kind: MediaKind::Video,
            frame_size: size(video.width, video.height),
            frame_count: video.length,
            ..Item::default()
        });
        rates.push(video.fps.or(video.frame_rate).filter(|rate| rate.is_finite() && *rate > 0.0));
        boxes.push(Vec::new());
    }
    for picture in &document.images {
        let place = match picture.video_id.as_ref().and_then(|video| video_places.get(video)) {
            Some(place) => (*place, Span::Frame(picture.frame_index.or(picture.frame_id).unwrap_or_default())),
            None => {
                items.push(Item {
                    picture: picture.file_name.clone().unwrap_or_else(|| picture.id.to_string()),
                    kind: MediaKind::Image,
                    frame_size: size(picture.width, picture.height),
                    ..Item::default()
                });
                rates.push(None);
                boxes.push(Vec::new());
                (items.len() - 1, Span::Whole)
            }
        };
        if let (Some(size), slot @ None) = (size(picture.width, picture.height), &mut items[place.0].frame_size) {
            *slot = Some(size);
        }
        picture_places.insert(&picture.id, place);
    }
    for (number, entry) in document.annotations.iter().enumerate() {
        let at = |field: &str| Place::Field(format!("annotations[{number}].{field}"));
        let by_picture = entry.image_id.as_ref().and_then(|id| picture_places.get(id)).copied();
        let by_video = entry.video_id.as_ref().and_then(|id| video_places.get(id)).map(|place| (*place, Span::Whole));
        let Some((place, span)) = by_picture.or(by_video) else {
            return Err(DatasetError::malformed(path, at("image_id"), "names no picture or video of the file"));
        };
        let label = entry.category_id.as_ref().map(|id| names.get(id).map_or_else(|| id.to_string(), |n| (*n).into()));
        let mut add = |values: [f64; 4], span: Span| -> Result<(), DatasetError> {
            let scale = match (fractions, items[place].frame_size) {
                (true, _) => BoxScale::Fraction,
                (false, Some(size)) => BoxScale::Pixels(size),
                (false, None) => {
                    let message = "a box in pixels of a picture whose width and height are not given";
                    return Err(DatasetError::malformed(path, at("bbox"), message));
                }
            };
            let written = WrittenBox { values, shape: BoxShape::CornerAndSize, scale };
            let mut annotation = Annotation::from_written(written, label.clone());
            if fractions {
                annotation.quirks.push(Quirk::FractionsAsPixels);
            }
            annotation.track = entry.track_id.as_ref().or(entry.instance_id.as_ref()).map(Id::to_string);
            annotation.span = span;
            for (name, value) in &entry.attributes {
                attributes::apply(&mut annotation, name, &attributes::text_of(value));
            }
            boxes[place].push(annotation);
            Ok(())
        };
        match (&entry.bbox, &entry.bboxes) {
            (Some(values), _) => add(*values, span)?,
            (None, Some(all)) => {
                for (frame, values) in all.iter().enumerate() {
                    if let Some(values) = values {
                        add(*values, Span::Frame(frame as u64))?;
                    }
                }
            }
            (None, None) => {}
        }
    }
    for ((item, boxes), frame_rate) in items.iter_mut().zip(boxes).zip(rates) {
        item.annotations = Some(ClipAnnotations::of_boxes(boxes).with_frame_rate(frame_rate));
    }
    let normav = fractions && document.images.iter().all(|picture| picture.file_name.is_none());
    let benchmark = if normav { Benchmark::AudioSetInstruments } else { Benchmark::Plain };
    let mut set = AnnotationSet::new(Format::Coco, benchmark, items);
    if fractions {
        set.notes.push(Note {
            message: "boxes are fractions of the picture although the format says pixels; read as fractions".into(),
            count: set.box_count(),
            examples: Vec::new(),
        });
    }
    Ok(set)
}

/// In a picture of fewer pixels a box of one pixel is believable.
const SMALLEST_SIDE: u32 = 16;

/// True when no box reaches beyond 1 although there are boxes and no picture is that small.
fn holds_fractions(document: &Document) -> bool {
    let all =
        document.annotations.iter().flat_map(|entry| entry.bbox.iter().chain(entry.bboxes.iter().flatten().flatten()));
    let mut any = false;
    for values in all {
        any = true;
        if values.iter().any(|value| *value > 1.0) {
            return false;
        }
    }
    any && !document
        .images
        .iter()
        .any(|picture| picture.width.min(picture.height).is_some_and(|side| side < SMALLEST_SIDE))
}

fn size(width: Option<u32>, height: Option<u32>) -> Option<Size> {
    width.zip(height).map(|(width, height)| Size::new(width, height)).filter(|size| size.area() > 0)
}

/// The text of a set as COCO: pictures as `images`, videos as `videos` with one `images` entry an annotated frame.
pub fn write(path: &Path, set: &AnnotationSet, options: &WriteOptions) -> Result<String, DatasetError> {
    let mut categories: Vec<String> = Vec::new();
    let (mut images, mut videos, mut annotations) = (Vec::new(), Vec::new(), Vec::new());
    for item in &set.items {
        let size = size_of(path, item, options)?;
        let empty = ClipAnnotations::default();
        let truth = item.annotations.as_ref().unwrap_or(&empty);
        let timed = truth.boxes().iter().any(|annotation| annotation.span != Span::Whole);
        let rate = truth.frame_rate.or(options.frame_rate);
        let mut frames: HashMap<u64, usize> = HashMap::new();
        if timed || item.kind == MediaKind::Video {
            videos.push(json!({
                "id": videos.len() + 1, "name": item.picture, "file_name": item.picture,
                "width": size.width, "height": size.height,
            }));
            if let (Some(video), Some(rate)) = (videos.last_mut(), truth.frame_rate) {
                video["fps"] = json!(rate);
            }
            if let (Some(video), Some(count)) = (videos.last_mut(), item.frame_count) {
                video["length"] = json!(count);
            }
        } else {
            images.push(json!({
                "id": images.len() + 1, "file_name": item.picture, "width": size.width, "height": size.height,
            }));
        }
        for annotation in truth.boxes() {
            let image_id = if timed {
                let frame = frame_of(path, item, annotation, rate)?;
                *frames.entry(frame).or_insert_with(|| {
                    images.push(json!({
                        "id": images.len() + 1, "file_name": item.picture, "width": size.width, "height": size.height,
                        "video_id": videos.len(), "frame_index": frame,
                    }));
                    images.len()
                })
            } else {
                images.len()
            };
            let label = annotation.label.clone().unwrap_or_else(|| "object".into());
            let category = match categories.iter().position(|known| *known == label) {
                Some(place) => place,
                None => {
                    categories.push(label);
                    categories.len() - 1
                }
            };
            let [left, top, right, bottom] = pixel_corners(annotation, size);
            let own = OwnFields { label: true, track: true, ..OwnFields::default() };
            let mut entry = json!({
                "id": annotations.len() + 1, "image_id": image_id, "category_id": category + 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": ((right - left) * (bottom - top)).max(0.0), "iscrowd": 0, "segmentation": [],
            });
            if timed || item.kind == MediaKind::Video {
                entry["video_id"] = json!(videos.len());
            }
            if !timed && item.kind == MediaKind::Video {
                entry["image_id"] = Value::Null;
            }
            if let Some(track) = &annotation.track {
                entry["track_id"] = json!(track);
            }
            let left_over = attributes::of(annotation, own);
            if !left_over.is_empty() {
                entry["attributes"] =
                    left_over.into_iter().map(|(name, text)| (name.to_owned(), json!(text))).collect();
            }
            annotations.push(entry);
        }
    }
    let categories: Vec<Value> =
        categories.iter().enumerate().map(|(place, name)| json!({ "id": place + 1, "name": name })).collect();
    let mut document = json!({ "images": images, "annotations": annotations, "categories": categories });
    if !videos.is_empty() {
        document["videos"] = Value::Array(videos);
    }
    Ok(document.to_string())
}
