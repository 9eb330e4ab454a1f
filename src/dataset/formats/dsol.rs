//! Boxes of DSOL: MUSIC solo and duet, and the instruments of AudioSet. Keys are frames, `[x, y, width, height]`.
//!
//! MUSIC: `{"VIDEO_start_end/frame_013/00411.jpg": {"bbox": [{"box" (pixels), "normbox" (fractions), "category_id"}],
//! "wdith" (sic), "height"}}`. AudioSet: `{"ID/second": {"bbox": [{"category", "normbox"}]}}`. A frame with an empty
//! list is skipped by the authors' evaluator; here it is a clip known to hold nothing.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::text::parse_json;
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{Annotation, BoxScale, BoxShape, ClipAnnotations, WrittenBox};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::DatasetError;
use crate::geometry::Size;

/// Names of MUSIC's categories that occur in the test files.
const MUSIC_CATEGORIES: [(i64, &str); 7] = [
    (1, "cello"),
    (3, "acoustic_guitar"),
    (8, "saxophone"),
    (10, "trumpet"),
    (11, "violin"),
    (12, "flute"),
    (13, "accordion"),
];

#[derive(Deserialize)]
struct Frame {
    bbox: Vec<FrameBox>,
    #[serde(alias = "wdith")]
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Deserialize)]
struct FrameBox {
    normbox: [f64; 4],
    #[serde(alias = "category")]
    category_id: i64,
}

/// A JSON object in the order of its file.
struct Ordered(Vec<(String, Frame)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Ordered;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object of frames")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads `solotest.json` or `duettest.json`: a duet is a file with two categories in one frame.
pub fn read_music(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let Ordered(entries) = parse_json(path, text)?;
    let categories = |frame: &Frame| frame.bbox.iter().map(|found| found.category_id).collect::<BTreeSet<_>>().len();
    let duet = entries.iter().any(|(_, frame)| categories(frame) > 1);
    let name = |category: i64| {
        let known = MUSIC_CATEGORIES.iter().find(|(id, _)| *id == category);
        known.map_or_else(|| category.to_string(), |(_, name)| (*name).to_owned())
    };
    let items = entries.into_iter().map(|(key, frame)| item_of(key, frame, name)).collect();
    let benchmark = if duet { Benchmark::MusicDuet } else { Benchmark::MusicSolo };
    Ok(AnnotationSet::new(Format::MusicBoxes, benchmark, items))
}

/// Reads `audioset_box.json`, whose categories have numbers only.
pub fn read_audioset(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let Ordered(entries) = parse_json(path, text)?;
    let items = entries.into_iter().map(|(key, frame)| item_of(key, frame, |category| category.to_string())).collect();
    Ok(AnnotationSet::new(Format::AudioSetBoxes, Benchmark::AudioSetInstruments, items))
}

fn item_of(key: String, frame: Frame, name: impl Fn(i64) -> String) -> Item {
    let boxes = frame.bbox.into_iter().map(|found| {
        let written = WrittenBox { values: found.normbox, shape: BoxShape::CornerAndSize, scale: BoxScale::Fraction };
        Annotation::from_written(written, Some(name(found.category_id)))
    });
    let annotations = ClipAnnotations::of_boxes(boxes.collect());
    let labels: BTreeSet<&str> = annotations.boxes().iter().filter_map(|found| found.label.as_deref()).collect();
    let class = match labels.len() {
        1 => labels.first().map(|label| (*label).to_owned()),
        _ => None,
    };
    Item {
        id: Some(super::super::identity::path_tail(&key, usize::MAX)),
        picture: key,
        class,
        frame_size: frame.width.zip(frame.height).map(|(width, height)| Size::new(width, height)),
        kind: MediaKind::Image,
        annotations: Some(annotations),
        ..Item::default()
    }
}
