//! IS3, VPO, MS3 and S4 as SSLalignment publishes them: `[{"image", "audio", "gt_box"}, …]`.
//!
//! `gt_box` is `[x0, y0, x1, y1]` in the 224×224 frame, `[0, 0, 0, 0]` for "nothing to see"; in the `*_seg` files it
//! is the path of a mask instead, beside an `offset`. Which set a file is, the paths and names in it tell: S4 and MS3
//! come from AVSBench folders and count their last pixel in; VPO's pictures are COCO's twelve-digit numbers; IS3's
//! are `A_B_number_who` or `A_B_who`, where the last word is what sounds.
//!
//! IS3's own release has `IS3_annotation.json` beside `images/`, `audio_waw/` and `gt_segmentation/`, with box and category
//! of each entry by its description. Public evaluation code takes only `image` and `audio` from it, and the boxes from
//! `synthetic3240_bbox.json` (`gt_box`); what the release calls its box is nowhere to be read. `bbox` and `box` are
//! therefore taken for `gt_box`, in the same 224×224 frame, and a note says so; where their numbers cannot be that, as
//! fractions, other pixels or corner and size, the file is refused.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::text::parse_json;
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{
    Annotation, BoxScale, BoxShape, ClipAnnotations, MaskAnnotation, Quirk, Span, WrittenBox,
};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::{DatasetError, Place};
use crate::dataset::identity::{path_tail, stem};
use crate::dataset::report::Report;
use crate::geometry::Size;

/// The frame in which the boxes are given.
pub const FRAME: Size = Size::new(224, 224);

#[derive(Deserialize)]
struct Entry {
    image: String,
    audio: String,
    gt_box: Option<Truth>,
    #[serde(alias = "box")]
    bbox: Option<Truth>,
    #[serde(alias = "class", alias = "label")]
    category: Option<String>,
    offset: Option<i64>,
}

impl Entry {
    fn truth(&self) -> Option<&Truth> {
        self.gt_box.as_ref().or(self.bbox.as_ref())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Truth {
    Box([f64; 4]),
    Mask(String),
}

/// Reads boxes or masks; a file that mixes both is fine.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let entries: Vec<Entry> = parse_json(path, text)?;
    let Some(first) = entries.first() else {
        return Err(DatasetError::malformed(path, Place::Field("[0]".into()), "the file lists nothing"));
    };
    let format = match first.truth() {
        Some(Truth::Mask(_)) => Format::SslAlignMasks,
        _ => Format::SslAlignBoxes,
    };
    let benchmark = benchmark_of(path, first);
    check_assumed(path, &entries)?;
    let mut notes = Report::default();
    for (number, entry) in entries.iter().enumerate() {
        let corners = match entry.truth() {
            Some(Truth::Box(corners)) => corners,
            Some(Truth::Mask(_)) => continue,
            None => {
                return Err(DatasetError::malformed(path, Place::Field(format!("[{number}]")), "it has no gt_box"));
            }
        };
        if entry.gt_box.is_none() {
            let message =
                "its boxes are not called gt_box; they are taken for corners in the 224 × 224 frame, as gt_box has";
            notes.note(message, entry.image.clone());
        }
        if corners.iter().any(|&corner| corner > f64::from(FRAME.width) + 1.0) {
            let place = format!("{} (entry {})", entry.image, number + 1);
            notes.note("a box beyond the 224 × 224 frame: it may be given in other pixels", place);
        }
    }
    let items = entries.into_iter().map(|entry| item_of(benchmark, entry)).collect();
    Ok(AnnotationSet { notes: notes.notes, ..AnnotationSet::new(format, benchmark, items) })
}

/// Refuses boxes under an assumed name whose numbers contradict what is assumed of them.
fn check_assumed(path: &Path, entries: &[Entry]) -> Result<(), DatasetError> {
    let assumed = |(number, entry): (usize, &Entry)| match (&entry.gt_box, &entry.bbox) {
        (None, Some(Truth::Box(corners))) => Some((number, *corners)),
        _ => None,
    };
    let boxes = || entries.iter().enumerate().filter_map(assumed).filter(|(_, corners)| *corners != [0.0; 4]);
    let side = f64::from(FRAME.width);
    let wrong = boxes().find_map(|(number, [left, top, right, bottom])| {
        let what = match () {
            () if !(right <= side && bottom <= side) => "reaches beyond the 224 × 224 frame",
            () if !(left <= right && top <= bottom) => "ends before it begins, as if it were corner and size",
            () => return None,
        };
        Some((number, what))
    });
    let all_fractions = || boxes().all(|(_, corners)| corners.iter().all(|&corner| corner <= 1.0));
    let wrong = wrong.or_else(|| Some((boxes().next()?.0, "is, as all are, in fractions")).filter(|_| all_fractions()));
    let Some((number, what)) = wrong else { return Ok(()) };
    let problem = format!(
        "its box is not called gt_box, and {what}: it cannot be read as corners in pixels of the 224 × 224 frame. Give the \
         boxes as gt_box in that form, as synthetic3240_bbox.json has them"
    );
    Err(DatasetError::malformed(path, Place::Field(format!("[{number}]")), problem))
}

fn benchmark_of(path: &Path, first: &Entry) -> Benchmark {
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = stem(&first.image);
    let is_coco =
        name.split('_').next().is_some_and(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()));
    if first.image.contains("Single-source") || file.starts_with("s4") {
        Benchmark::AvsBenchS4
    } else if first.image.contains("Multi-sources") || file.starts_with("ms3") {
        Benchmark::AvsBenchMs3
    } else if is_coco && (first.image.contains("_MS/") || file.starts_with("vpo_ms")) {
        Benchmark::VpoMs
    } else if is_coco {
        Benchmark::VpoSs
    } else {
        Benchmark::Is3
    }
}

fn item_of(benchmark: Benchmark, entry: Entry) -> Item {
    let id = match benchmark {
        Benchmark::AvsBenchS4 => path_tail(&entry.image, 3),
        Benchmark::AvsBenchMs3 => path_tail(&entry.image, 2),
        _ => stem(&entry.image).to_owned(),
    };
    let class = match benchmark {
        _ if entry.category.is_some() => entry.category,
        Benchmark::Is3 => id.rsplit_once('_').map(|(_, who)| who.to_owned()),
        Benchmark::AvsBenchS4 => id.split_once('/').map(|(category, _)| category.to_owned()),
        _ => None,
    };
    let annotations = match entry.gt_box.or(entry.bbox) {
        None => ClipAnnotations::default(),
        // All zero is the files' way to say that nothing in the picture sounds.
        Some(Truth::Box([0.0, 0.0, 0.0, 0.0])) => ClipAnnotations::default(),
        Some(Truth::Box(values)) => {
            let written = WrittenBox { values, shape: BoxShape::Corners, scale: BoxScale::Pixels(FRAME) };
            let mut annotation = Annotation::from_written(written, class.clone());
            if matches!(benchmark, Benchmark::AvsBenchS4 | Benchmark::AvsBenchMs3) {
                annotation.quirks.push(Quirk::InclusiveEnd);
            }
            ClipAnnotations::of_boxes(vec![annotation])
        }
        Some(Truth::Mask(mask)) => {
            let mask = MaskAnnotation {
                path: PathBuf::from(mask),
                span: Span::Whole,
                label: class.clone(),
                offset: entry.offset,
            };
            ClipAnnotations::of_masks(vec![mask])
        }
    };
    Item {
        picture: entry.image,
        sound: Some(entry.audio),
        id: Some(id),
        class,
        kind: MediaKind::Image,
        annotations: Some(annotations),
        ..Item::default()
    }
}

/// The key that the two members of an IS3 pair share, or the sounds of one VPO-MS picture: the name without its
/// last word.
pub fn pair_key(id: &str) -> &str {
    id.rsplit_once('_').map_or(id, |(pair, _)| pair)
}
