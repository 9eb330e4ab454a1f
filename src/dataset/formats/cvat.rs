//! CVAT 1.1, for images and for video.
//!
//! Corners `xtl, ytl, xbr, ybr` in pixels, ends excluded. A video's `frame` is the absolute source frame from 0, and
//! the file has no frame rate: a frame is a place in the frame table. Between keys a box moves linearly; `outside=1`
//! closes the track at that very frame. Rotated boxes and other shapes become the rectangle, and say so.

use std::path::Path;

use super::attributes::{self, OwnFields};
use super::text::{parse_count, parse_number};
use super::writing::{WriteOptions, linear_tracks, pixel_corners, size_of};
use super::xml::{self, Element, escaped};
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{
    Annotation, BetweenKeys, BoxScale, BoxShape, ClipAnnotations, Quirk, Span, WrittenBox,
};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::report::Note;
use crate::geometry::Size;

/// Shapes of CVAT that are drawn as a list of points.
const POINT_SHAPES: [&str; 2] = ["polygon", "polyline"];

/// Reads CVAT for images.
pub fn read_images(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let root = xml::parse(path, text)?;
    let mut skipped = Vec::new();
    let mut items = Vec::new();
    for image in root.children_named("image") {
        let size = size_attributes(path, image)?;
        let mut boxes = Vec::new();
        for shape in &image.children {
            match annotation_of(path, shape, size, shape.attribute("label"))? {
                Some(annotation) => boxes.push(annotation),
                None if shape.name == "tag" => {}
                None => skipped.push(shape),
            }
        }
        items.push(Item {
            picture: image.needed(path, "name")?.to_owned(),
            kind: MediaKind::Image,
            frame_size: Some(size),
            annotations: Some(ClipAnnotations::of_boxes(boxes)),
            ..Item::default()
        });
    }
    let mut set = AnnotationSet::new(Format::CvatImages, Benchmark::Plain, items);
    set.notes = notes_of(&skipped);
    Ok(set)
}

/// Reads CVAT for video; the whole file speaks of one video.
pub fn read_video(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let root = xml::parse(path, text)?;
    let meta = root.child("meta");
    let task = meta.and_then(|meta| meta.child("task").or_else(|| meta.child("job")));
    let size = frame_size(path, meta, task)?;
    let mut skipped = Vec::new();
    let mut boxes = Vec::new();
    for (number, track) in root.children_named("track").enumerate() {
        let name = track.attribute("id").map_or_else(|| number.to_string(), str::to_owned);
        for shape in &track.children {
            let Some(size) = size else {
                let message = "the file does not tell the size of the video (meta/task/original_size)";
                return Err(DatasetError::malformed(path, Place::Line(shape.line), message));
            };
            let Some(mut annotation) = annotation_of(path, shape, size, track.attribute("label"))? else {
                skipped.push(shape);
                continue;
            };
            let frame = parse_count(path, Place::Line(shape.line), "frame", shape.needed(path, "frame")?)?;
            annotation.span = Span::Frame(frame);
            annotation.track = Some(name.clone());
            annotation.between = BetweenKeys::Linear;
            annotation.visible = shape.attribute("outside") != Some("1");
            annotation.interpolated = shape.attribute("keyframe") == Some("0");
            boxes.push(annotation);
        }
    }
    let source = task.and_then(|task| task.text_at(&["source"])).or_else(|| meta?.text_at(&["source"]));
    let name = source.or_else(|| task?.text_at(&["name"]));
    let own_name = crate::dataset::identity::file_name(path);
    let frame_count = match task.and_then(|task| task.text_at(&["size"])) {
        Some(count) => Some(parse_count(path, Place::Field("meta/task/size".into()), "size", count)?),
        None => None,
    };
    let item = Item {
        picture: name.unwrap_or_else(|| crate::dataset::identity::stem(&own_name)).to_owned(),
        kind: MediaKind::Video,
        frame_size: size,
        frame_count,
        annotations: Some(ClipAnnotations::of_boxes(boxes)),
        ..Item::default()
    };
    let mut set = AnnotationSet::new(Format::CvatVideo, Benchmark::Plain, vec![item]);
    set.notes = notes_of(&skipped);
    Ok(set)
}

/// Size of the video: CVAT's `original_size`, else the size of the first picture that a task lists.
fn frame_size(path: &Path, meta: Option<&Element>, task: Option<&Element>) -> Result<Option<Size>, DatasetError> {
    let Some(size) =
        meta.and_then(|meta| meta.child("original_size")).or_else(|| task.and_then(|task| task.child("original_size")))
    else {
        return Ok(None);
    };
    let side = |name: &str| -> Result<u32, DatasetError> {
        let text = size.text_at(&[name]).unwrap_or_default();
        let value = parse_count(path, Place::Line(size.line), name, text)?;
        u32::try_from(value).map_err(|_| {
            DatasetError::malformed(path, Place::Line(size.line), format!("{name} is larger than any picture"))
        })
    };
    Ok(Some(Size::new(side("width")?, side("height")?)).filter(|size| size.area() > 0))
}

fn size_attributes(path: &Path, image: &Element) -> Result<Size, DatasetError> {
    let side = |name: &str| -> Result<u32, DatasetError> {
        let value = parse_count(path, Place::Line(image.line), name, image.needed(path, name)?)?;
        u32::try_from(value).map_err(|_| {
            DatasetError::malformed(path, Place::Line(image.line), format!("{name} is larger than any picture"))
        })
    };
    let size = Size::new(side("width")?, side("height")?);
    if size.area() == 0 {
        return Err(DatasetError::malformed(path, Place::Line(image.line), "an image without width or height"));
    }
    Ok(size)
}

/// The annotation of a shape; `None` for shapes that have no rectangle.
fn annotation_of(
    path: &Path,
    shape: &Element,
    size: Size,
    label: Option<&str>,
) -> Result<Option<Annotation>, DatasetError> {
    let number = |name: &str| parse_number(path, Place::Line(shape.line), name, shape.needed(path, name)?);
    let label = label.map(str::to_owned);
    let (values, around) = match shape.name.as_str() {
        "box" => ([number("xtl")?, number("ytl")?, number("xbr")?, number("ybr")?], false),
        "mask" => {
            let (left, top) = (number("left")?, number("top")?);
            ([left, top, left + number("width")?, top + number("height")?], true)
        }
        "ellipse" => {
            let (x, y, rx, ry) = (number("cx")?, number("cy")?, number("rx")?, number("ry")?);
            ([x - rx, y - ry, x + rx, y + ry], true)
        }
        points if POINT_SHAPES.contains(&points) => (around_points(path, shape)?, true),
        _ => return Ok(None),
    };
    let written = WrittenBox { values, shape: BoxShape::Corners, scale: BoxScale::Pixels(size) };
    let mut annotation = Annotation::from_written(written, label);
    if around {
        annotation.quirks.push(Quirk::AroundShape);
    }
    if shape.attribute("rotation").is_some() {
        let degrees = number("rotation")?;
        if degrees != 0.0 {
            annotation.quirks.push(Quirk::Rotated(degrees));
        }
    }
    annotation.occluded = shape.attribute("occluded") == Some("1");
    for attribute in shape.children_named("attribute") {
        attributes::apply(&mut annotation, attribute.attribute("name").unwrap_or_default(), &attribute.text);
    }
    Ok(Some(annotation))
}

fn around_points(path: &Path, shape: &Element) -> Result<[f64; 4], DatasetError> {
    let mut corners = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    for point in shape.needed(path, "points")?.split(';') {
        let (x, y) = point.split_once(',').unwrap_or((point, ""));
        let x = parse_number(path, Place::Line(shape.line), "points", x)?;
        let y = parse_number(path, Place::Line(shape.line), "points", y)?;
        corners = [corners[0].min(x), corners[1].min(y), corners[2].max(x), corners[3].max(y)];
    }
    Ok(corners)
}

fn notes_of(skipped: &[&Element]) -> Vec<Note> {
    if skipped.is_empty() {
        return Vec::new();
    }
    let examples = skipped.iter().take(5).map(|shape| format!("<{}> in line {}", shape.name, shape.line)).collect();
    vec![Note { message: "shapes without a rectangle were left out".into(), count: skipped.len(), examples }]
}

fn attribute_elements(annotation: &Annotation, own: OwnFields, indent: &str) -> String {
    attributes::of(annotation, own)
        .into_iter()
        .map(|(name, value)| format!("{indent}<attribute name=\"{name}\">{}</attribute>\n", escaped(&value)))
        .collect()
}

fn corners_text(corners: [f64; 4]) -> String {
    let [left, top, right, bottom] = corners;
    format!("xtl=\"{left}\" ytl=\"{top}\" xbr=\"{right}\" ybr=\"{bottom}\"")
}

/// The text of a set of pictures as CVAT for images.
pub fn write_images(path: &Path, set: &AnnotationSet, options: &WriteOptions) -> Result<String, DatasetError> {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n");
    for (number, item) in set.items.iter().enumerate() {
        let size = size_of(path, item, options)?;
        let name = escaped(&item.picture);
        let Size { width, height } = size;
        text += &format!("  <image id=\"{number}\" name=\"{name}\" width=\"{width}\" height=\"{height}\">\n");
        for annotation in item.annotations.iter().flat_map(ClipAnnotations::boxes) {
            let own = OwnFields { label: true, occluded: true, ..OwnFields::default() };
            text += &format!(
                "    <box label=\"{}\" source=\"manual\" occluded=\"{}\" {} z_order=\"0\">\n{}    </box>\n",
                escaped(annotation.label.as_deref().unwrap_or("object")),
                u8::from(annotation.occluded),
                corners_text(pixel_corners(annotation, size)),
                attribute_elements(annotation, own, "      "),
            );
        }
        text += "  </image>\n";
    }
    Ok(text + "</annotations>\n")
}

/// The text of one item as CVAT for video.
pub fn write_video(path: &Path, item: &Item, options: &WriteOptions) -> Result<String, DatasetError> {
    let size = size_of(path, item, options)?;
    let empty = ClipAnnotations::default();
    let truth = item.annotations.as_ref().unwrap_or(&empty);
    let tracks = linear_tracks(path, item, truth, truth.frame_rate.or(options.frame_rate))?;
    let last = tracks.iter().flat_map(|track| &track.keys).map(|key| key.frame + 1).max().unwrap_or(0);
    let name = escaped(&item.picture);
    let Size { width, height } = size;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n      \
         <name>{name}</name>\n      <size>{}</size>\n      <mode>interpolation</mode>\n      \
         <start_frame>0</start_frame>\n      <frame_filter></frame_filter>\n      <original_size>\n        \
         <width>{width}</width>\n        <height>{height}</height>\n      </original_size>\n      \
         <source>{name}</source>\n    </task>\n  </meta>\n",
        item.frame_count.unwrap_or(last)
    );
    for (number, track) in tracks.iter().enumerate() {
        let label = escaped(track.label.unwrap_or("object"));
        let id = track.name.map_or_else(|| format!("box {number}"), escaped);
        text += &format!("  <track id=\"{id}\" label=\"{label}\" source=\"manual\">\n");
        for key in &track.keys {
            let mut at_key = key.annotation.clone();
            if key.rect_fraction != at_key.rect_fraction {
                at_key.rect_fraction = key.rect_fraction;
                at_key.written = None;
            }
            let own = OwnFields { label: true, track: true, occluded: true, motion: true, ..OwnFields::default() };
            text += &format!(
                "    <box frame=\"{}\" keyframe=\"{}\" outside=\"{}\" occluded=\"{}\" {} z_order=\"0\">\n{}    </box>\n",
                key.frame,
                u8::from(!key.annotation.interpolated),
                u8::from(key.closes),
                u8::from(key.annotation.occluded),
                corners_text(pixel_corners(&at_key, size)),
                attribute_elements(key.annotation, own, "      "),
            );
        }
        text += "  </track>\n";
    }
    Ok(text + "</annotations>\n")
}
