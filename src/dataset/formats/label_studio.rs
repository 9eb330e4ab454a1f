//! Label Studio's JSON: tasks with one entry in `annotations` for each annotator, values in percent of the frame.
//!
//! Videos have `videorectangle` with a `sequence` of keys (frames from 1); a key with `enabled: false` is the last
//! one seen until the next, any other moves linearly to the next. The frame numbers are Label Studio's own, at
//! `framesCount / duration` a second. Sounds are `labels` with `start` and `end` in seconds, or `timelinelabels`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::attributes::{self, OwnFields};
use super::text::parse_json;
use super::writing::{WriteOptions, linear_tracks};
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{
    Annotation, BetweenKeys, BoxScale, BoxShape, ClipAnnotations, Quirk, SoundInterval, Span, WrittenBox,
};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place, Problem};
use crate::dataset::report::Note;
use crate::geometry::Size;

#[derive(Deserialize)]
struct Task {
    #[serde(default)]
    data: BTreeMap<String, Value>,
    #[serde(default)]
    file_upload: Option<String>,
    #[serde(default)]
    annotations: Vec<Completion>,
}

#[derive(Deserialize)]
struct Completion {
    completed_by: Option<Value>,
    #[serde(default)]
    was_cancelled: bool,
    #[serde(default)]
    result: Vec<Region>,
}

#[derive(Deserialize)]
struct Region {
    #[serde(default)]
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    original_width: Option<u32>,
    original_height: Option<u32>,
    #[serde(default)]
    value: RegionValue,
    #[serde(default)]
    meta: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
struct RegionValue {
    x: Option<f64>,
    y: Option<f64>,
    width: Option<f64>,
    height: Option<f64>,
    #[serde(default)]
    rotation: f64,
    start: Option<f64>,
    end: Option<f64>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    rectanglelabels: Vec<String>,
    #[serde(default)]
    timelinelabels: Vec<String>,
    #[serde(default)]
    ranges: Vec<FrameRange>,
    #[serde(default)]
    sequence: Vec<Key>,
    #[serde(rename = "framesCount")]
    frames_count: Option<f64>,
    duration: Option<f64>,
}

#[derive(Deserialize)]
struct FrameRange {
    start: u64,
    end: u64,
}

#[derive(Deserialize)]
struct Key {
    frame: u64,
    #[serde(default = "enabled")]
    enabled: bool,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    #[serde(default)]
    rotation: f64,
}

fn enabled() -> bool {
    true
}

/// Reads a JSON export (not JSON-MIN).
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let tasks: Vec<Task> = parse_json(path, text)?;
    let mut items = Vec::new();
    let mut cancelled = 0;
    for (number, task) in tasks.iter().enumerate() {
        let (picture, sound, kind) = media_of(task).ok_or_else(|| {
            DatasetError::malformed(path, Place::Field(format!("[{number}].data")), "the task names no medium")
        })?;
        let mut content = Content::default();
        for completion in &task.annotations {
            if completion.was_cancelled {
                cancelled += 1;
                continue;
            }
            let annotator = completion.completed_by.as_ref().map(annotator_name).filter(|name| !name.is_empty());
            for region in &completion.result {
                content.take(region, annotator.as_deref(), &completion.result);
            }
        }
        let annotations =
            ClipAnnotations::of_boxes(content.boxes).with_sounds(content.sounds).with_frame_rate(content.frame_rate);
        items.push(Item {
            picture,
            sound,
            kind,
            frame_size: content.size,
            frame_count: content.frame_count,
            annotations: Some(annotations),
            ..Item::default()
        });
    }
    let mut set = AnnotationSet::new(Format::LabelStudio, Benchmark::Plain, items);
    if cancelled > 0 {
        let message = "annotations that were cancelled by their annotator were left out".into();
        set.notes.push(Note { message, count: cancelled, examples: Vec::new() });
    }
    Ok(set)
}

/// Picture and sound of a task and what they are.
fn media_of(task: &Task) -> Option<(String, Option<String>, MediaKind)> {
    let text =
        |names: &[&str]| names.iter().find_map(|name| task.data.get(*name)?.as_str()).map(|name| name.to_owned());
    let sound = text(&["audio", "sound"]);
    if let Some(video) = text(&["video"]) {
        return Some((video, sound, MediaKind::Video));
    }
    if let Some(image) = text(&["image", "img", "picture"]) {
        return Some((image, sound, MediaKind::Image));
    }
    if let Some(sound) = sound {
        return Some((sound, None, MediaKind::Sound));
    }
    let any = task.data.values().find_map(Value::as_str).map(str::to_owned);
    any.or_else(|| task.file_upload.clone()).map(|name| (name, None, MediaKind::Unsaid))
}

fn annotator_name(value: &Value) -> String {
    match value {
        Value::Object(person) => {
            let name = person.get("email").or_else(|| person.get("username")).or_else(|| person.get("id"));
            name.map(attributes::text_of).unwrap_or_default()
        }
        other => attributes::text_of(other),
    }
}

/// What was gathered from one task.
#[derive(Default)]
struct Content {
    boxes: Vec<Annotation>,
    sounds: Vec<SoundInterval>,
    frame_rate: Option<f64>,
    frame_count: Option<u64>,
    size: Option<Size>,
}

impl Content {
    fn take(&mut self, region: &Region, annotator: Option<&str>, all: &[Region]) {
        let value = &region.value;
        if let Some(size) = region.original_width.zip(region.original_height) {
            self.size = Some(Size::new(size.0, size.1)).filter(|size| size.area() > 0).or(self.size);
        }
        if let (Some(frames), Some(duration)) = (value.frames_count, value.duration)
            && frames >= 1.0
            && duration > 0.0
        {
            self.frame_rate = Some(frames / duration);
            self.frame_count = Some(frames as u64);
        }
        let labels = [&value.labels, &value.rectanglelabels, &value.timelinelabels];
        let of_region = |labels: [&Vec<String>; 3]| labels.into_iter().find_map(|labels| labels.first().cloned());
        // A region's label may stand in an entry of its own that shares the region's id.
        let label = of_region(labels).or_else(|| {
            let same = all.iter().filter(|other| other.id == region.id && !region.id.is_empty());
            same.map(|other| [&other.value.labels, &other.value.rectanglelabels, &other.value.timelinelabels])
                .find_map(of_region)
        });
        let finish = |mut annotation: Annotation, rotation: f64| {
            annotation.annotator = annotator.map(str::to_owned);
            if rotation != 0.0 {
                annotation.quirks.push(Quirk::Rotated(rotation));
            }
            for (name, value) in &region.meta {
                if name != "text" {
                    attributes::apply(&mut annotation, name, &attributes::text_of(value));
                }
            }
            annotation
        };
        let percent =
            |values: [f64; 4]| WrittenBox { values, shape: BoxShape::CornerAndSize, scale: BoxScale::Percent };
        for key in &value.sequence {
            let written = percent([key.x, key.y, key.width, key.height]);
            let mut annotation = finish(Annotation::from_written(written, label.clone()), key.rotation);
            annotation.track = Some(region.id.clone());
            annotation.span = Span::Frame(key.frame.saturating_sub(1));
            annotation.between = if key.enabled { BetweenKeys::Linear } else { BetweenKeys::Nothing };
            self.boxes.push(annotation);
        }
        if let (true, Some(x), Some(y), Some(width), Some(height)) =
            (value.sequence.is_empty(), value.x, value.y, value.width, value.height)
            && (region.kind.starts_with("rectangle") || !value.rectanglelabels.is_empty())
        {
            let written = percent([x, y, width, height]);
            self.boxes.push(finish(Annotation::from_written(written, label.clone()), value.rotation));
        }
        let mut sounds = Vec::new();
        if let (Some(start), Some(end)) = (value.start, value.end) {
            sounds.push((start, end));
        }
        if let Some(rate) = self.frame_rate.filter(|_| region.kind == "timelinelabels") {
            sounds.extend(
                value.ranges.iter().map(|range| (range.start.saturating_sub(1) as f64 / rate, range.end as f64 / rate)),
            );
        }
        self.sounds.extend(sounds.into_iter().map(|(start_secs, end_secs)| SoundInterval {
            start_secs,
            end_secs,
            label: label.clone(),
            annotator: annotator.map(str::to_owned),
            off_screen: region.meta.get("off_screen").is_some_and(|flag| flag.as_bool() == Some(true)),
            unidentified: region.meta.get("unidentified").is_some_and(|flag| flag.as_bool() == Some(true)),
        }));
    }
}

/// The text of a set as Label Studio's JSON, one entry in `annotations` for each annotator.
pub fn write(path: &Path, set: &AnnotationSet, options: &WriteOptions) -> Result<String, DatasetError> {
    let mut tasks = Vec::new();
    for (number, item) in set.items.iter().enumerate() {
        let empty = ClipAnnotations::default();
        let truth = item.annotations.as_ref().unwrap_or(&empty);
        let timed = truth.boxes().iter().any(|annotation| annotation.span != Span::Whole);
        let mut by_annotator: BTreeMap<Option<&str>, Vec<Value>> = BTreeMap::new();
        if timed || (item.kind == MediaKind::Video && !truth.boxes().is_empty()) {
            video_regions(path, item, truth, options, &mut by_annotator)?;
        } else {
            for (place, annotation) in truth.boxes().iter().enumerate() {
                let region = still_region(item, annotation, options, format!("box{place}"));
                by_annotator.entry(annotation.annotator.as_deref()).or_default().push(region);
            }
        }
        for (place, sound) in truth.sounds.iter().enumerate() {
            by_annotator.entry(sound.annotator.as_deref()).or_default().push(sound_region(sound, place));
        }
        let annotations: Vec<Value> = by_annotator
            .into_iter()
            .enumerate()
            .map(|(place, (annotator, result))| {
                json!({ "id": place + 1, "completed_by": annotator.unwrap_or_default(), "was_cancelled": false, "result": result })
            })
            .collect();
        let field = match item.kind {
            MediaKind::Video => "video",
            MediaKind::Sound => "audio",
            MediaKind::Unsaid if timed => "video",
            MediaKind::Image | MediaKind::Unsaid => "image",
        };
        let mut data = json!({ field: item.picture });
        if let Some(sound) = &item.sound {
            data["audio"] = json!(sound);
        }
        tasks.push(json!({ "id": number + 1, "data": data, "annotations": annotations }));
    }
    Ok(Value::Array(tasks).to_string())
}

fn percent_of(annotation: &Annotation) -> [f64; 4] {
    if let Some(written) = annotation.written
        && written.scale == BoxScale::Percent
        && written.shape == BoxShape::CornerAndSize
    {
        return written.values;
    }
    let rect = annotation.rect_fraction;
    [rect.left * 100.0, rect.top * 100.0, rect.width() * 100.0, rect.height() * 100.0]
}

fn rotation_of(annotation: &Annotation) -> f64 {
    let turned = annotation.quirks.iter().find_map(|quirk| match quirk {
        Quirk::Rotated(degrees) => Some(*degrees),
        _ => None,
    });
    turned.unwrap_or(0.0)
}

fn with_size(region: &mut Value, item: &Item, options: &WriteOptions) {
    if let Some(size) = item.frame_size.or(options.frame_size) {
        region["original_width"] = json!(size.width);
        region["original_height"] = json!(size.height);
    }
}

fn meta_of(annotation: &Annotation, own: OwnFields) -> Value {
    attributes::of(annotation, own).into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

fn still_region(item: &Item, annotation: &Annotation, options: &WriteOptions, id: String) -> Value {
    let [x, y, width, height] = percent_of(annotation);
    let labels: Vec<&String> = annotation.label.iter().collect();
    let mut region = json!({
        "id": id, "type": "rectanglelabels", "from_name": "label", "to_name": "image",
        "value": { "x": x, "y": y, "width": width, "height": height, "rotation": rotation_of(annotation),
                   "rectanglelabels": labels },
        "meta": meta_of(annotation, OwnFields { label: true, annotator: true, ..OwnFields::default() }),
    });
    with_size(&mut region, item, options);
    region
}

fn sound_region(sound: &SoundInterval, place: usize) -> Value {
    let labels: Vec<&String> = sound.label.iter().collect();
    let mut meta = serde_json::Map::new();
    if sound.off_screen {
        meta.insert("off_screen".into(), Value::Bool(true));
    }
    if sound.unidentified {
        meta.insert("unidentified".into(), Value::Bool(true));
    }
    json!({
        "id": format!("sound{place}"), "type": "labels", "from_name": "sound", "to_name": "audio",
        "value": { "start": sound.start_secs, "end": sound.end_secs, "channel": 0, "labels": labels },
        "meta": meta,
    })
}

fn video_regions<'a>(
    path: &Path,
    item: &Item,
    truth: &'a ClipAnnotations,
    options: &WriteOptions,
    by_annotator: &mut BTreeMap<Option<&'a str>, Vec<Value>>,
) -> Result<(), DatasetError> {
    let Some(rate) = truth.frame_rate.or(options.frame_rate) else {
        let message = format!("the format needs the frame rate of {}, which is not known; give it", item.picture);
        return Err(DatasetError::new(path, Problem::CannotExpress(message)));
    };
    let tracks = linear_tracks(path, item, truth, Some(rate))?;
    let last = tracks.iter().flat_map(|track| &track.keys).map(|key| key.frame + 1).max().unwrap_or(1);
    let frames = item.frame_count.unwrap_or(last).max(last);
    for (number, track) in tracks.iter().enumerate() {
        let mut sequence: Vec<Value> = Vec::new();
        for (place, key) in track.keys.iter().enumerate() {
            if key.closes {
                continue;
            }
            // Closed at the very next frame: this is the last one seen. Closed later: an extra key just before.
            let closed_at = track.keys.get(place + 1).filter(|next| next.closes).map(|next| next.frame);
            let mut at_key = key.annotation.clone();
            if at_key.rect_fraction != key.rect_fraction {
                (at_key.rect_fraction, at_key.written) = (key.rect_fraction, None);
            }
            let rotation = rotation_of(&at_key);
            let entry = |frame: u64, [x, y, width, height]: [f64; 4], enabled: bool| {
                json!({
                    "frame": frame + 1, "time": (frame + 1) as f64 / rate, "enabled": enabled,
                    "x": x, "y": y, "width": width, "height": height, "rotation": rotation,
                })
            };
            sequence.push(entry(key.frame, percent_of(&at_key), closed_at != Some(key.frame + 1)));
            if let Some(closed_at) = closed_at.filter(|frame| *frame > key.frame + 1)
                && let Some(next) = track.keys.get(place + 1)
            {
                let share = (closed_at - 1 - key.frame) as f64 / (closed_at - key.frame) as f64;
                at_key.rect_fraction =
                    crate::dataset::annotation::between_rects(&key.rect_fraction, &next.rect_fraction, share);
                at_key.written = None;
                sequence.push(entry(closed_at - 1, percent_of(&at_key), false));
            }
        }
        let Some(first) = track.keys.first() else { continue };
        let labels: Vec<&str> = track.label.iter().copied().collect();
        let own = OwnFields { label: true, track: true, annotator: true, motion: true, ..OwnFields::default() };
        let mut region = json!({
            "id": track.name.map_or_else(|| format!("box{number}"), str::to_owned),
            "type": "videorectangle", "from_name": "box", "to_name": "video",
            "value": { "sequence": sequence, "framesCount": frames, "duration": frames as f64 / rate, "labels": labels },
            "meta": meta_of(first.annotation, own),
        });
        with_size(&mut region, item, options);
        by_annotator.entry(track.annotator).or_default().push(region);
    }
    Ok(())
}
