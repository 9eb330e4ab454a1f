//! `sonolens annotations convert`: from one annotation format to another.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::dataset::DatasetError;
use crate::dataset::formats::{self, Format, Item, WRITABLE, WriteOptions};
use crate::geometry::Size;

/// How to convert.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// The format to write; without one it follows from the name, see [`format_of_name`].
    pub format: Option<Format>,
    /// Folder of the media, where frame sizes are looked up; without one, the folder of the input.
    pub media: Option<PathBuf>,
    /// Frame size of what has none by then.
    pub frame_size: Option<Size>,
    /// Frames a second, for formats that count where the source tells seconds, or the other way round.
    pub frame_rate: Option<f64>,
    /// Machine-readable answer.
    pub json: bool,
}

/// Why a conversion failed.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error("which format to write does not follow from the name {}; choose one of {}", .0.display(), format_names())]
    FormatUnknown(PathBuf),
    #[error("the answer cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

/// The format that has this name on the command line.
///
/// # Errors
/// No format that can be written has it; the message lists those that do.
pub fn format_of_word(word: &str) -> Result<Format, String> {
    let found = WRITABLE.into_iter().find(|format| format.word() == word);
    found.ok_or_else(|| format!("no format {word}; one of {}", format_names()))
}

fn format_names() -> String {
    WRITABLE.iter().map(|format| format.word()).collect::<Vec<_>>().join(", ")
}

/// The format that follows from a name: `*.sonolens.json` is ours; anything else has several.
pub fn format_of_name(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    name.ends_with(".sonolens.json").then_some(Format::Sonolens)
}

/// Converts and says on `out` what was written and what the format had no words for.
///
/// # Errors
/// The input is not understood, the format cannot be chosen, or it needs what is not known.
pub fn convert(input: &Path, output: &Path, options: &ConvertOptions, out: &mut dyn Write) -> Result<(), ConvertError> {
    let format = options
        .format
        .or_else(|| format_of_name(output))
        .ok_or_else(|| ConvertError::FormatUnknown(output.to_owned()))?;
    let beside = input.parent().map(Path::to_owned).unwrap_or_default();
    let folder = options.media.clone().unwrap_or(beside);
    let size_of = |name: &str| formats::picture_size(&folder, name).or(options.frame_size);
    let mut set = formats::read_with_sizes(input, &size_of)?;
    for item in set.items.iter_mut().filter(|item| item.frame_size.is_none()) {
        item.frame_size = size_of(&item.picture);
    }
    let write = WriteOptions { frame_size: options.frame_size, frame_rate: options.frame_rate };
    let lost = formats::write(output, &set, format, &write)?;
    let annotated = set.items.iter().filter(|item: &&Item| item.annotations.is_some()).count();
    if options.json {
        let answer = json!({
            "from": set.format.word(), "to": format.word(), "items": set.items.len(), "annotated": annotated,
            "boxes": set.box_count(), "degenerate_boxes": set.degenerate_count(),
            "notes": set.notes, "left_out": lost, "output": output,
        });
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    let boxes = set.box_count();
    writeln!(out, "{} ({} items, {boxes} boxes) written as {}", output.display(), set.items.len(), format.word())?;
    for note in set.notes.iter().chain(&lost) {
        writeln!(out, "  {}: {}", note.message, note.count)?;
        for example in &note.examples {
            writeln!(out, "    {example}")?;
        }
    }
    Ok(())
}
