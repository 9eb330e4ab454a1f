//! AVSBench's table of videos: columns `name` (S4) or `video_id` (MS3), `split`, for S4 `category`.
//!
//! Every video is five pictures, one a second, named `<video>_1` … `<video>_5`, each with a mask of the same name.

use std::path::{Path, PathBuf};

use super::text::{Table, cell};
use super::{AnnotationSet, Format, Item, MediaKind};
use crate::dataset::annotation::{ClipAnnotations, MaskAnnotation, Span};
use crate::dataset::clip::Benchmark;
use crate::dataset::error::DatasetError;

/// Annotated pictures of a test video; training videos of S4 have a mask for the first only.
const FRAMES: usize = 5;

/// Reads the table into one item a picture.
pub fn read(path: &Path, text: &str) -> Result<AnnotationSet, DatasetError> {
    let table = Table::parse(path, text, None)?;
    let name = match table.column("name").or_else(|| table.column("video_id")) {
        Some(column) => column,
        None => table.needed(path, "name")?,
    };
    let split = table.needed(path, "split")?;
    let category = table.column("category");
    let benchmark = if category.is_some() { Benchmark::AvsBenchS4 } else { Benchmark::AvsBenchMs3 };
    let mut items = Vec::new();
    for (line, row) in &table.rows {
        let video = cell(path, *line, row, name, "name")?.trim();
        let split = cell(path, *line, row, split, "split")?.trim();
        let class = category.and_then(|column| row.get(column)).map(|class| class.trim().to_owned());
        let annotated = if benchmark == Benchmark::AvsBenchS4 && split == "train" { 1 } else { FRAMES };
        for number in 1..=annotated {
            let mask = MaskAnnotation {
                path: PathBuf::from(format!("{video}_{number}.png")),
                span: Span::Whole,
                label: class.clone(),
                offset: None,
            };
            let folder = class.as_ref().map_or_else(|| video.to_owned(), |class| format!("{class}/{video}"));
            items.push(Item {
                picture: format!("{video}_{number}.png"),
                sound: Some(format!("{video}.wav")),
                id: Some(format!("{folder}/{video}_{number}")),
                class: class.clone(),
                split: Some(split.to_owned()),
                kind: MediaKind::Image,
                annotations: Some(ClipAnnotations::of_masks(vec![mask])),
                ..Item::default()
            });
        }
    }
    Ok(AnnotationSet::new(Format::AvsBenchList, benchmark, items))
}
