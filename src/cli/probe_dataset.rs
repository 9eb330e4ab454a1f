//! `sonolens probe FOLDER`: which benchmark a folder or an annotation file is, and what of it is there.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use super::probe::ProbeError;
use crate::dataset::{self, Dataset, FileKind, InspectionRules, MediaProblem};

/// True where `path` is a folder or a file that speaks of clips, not a clip itself.
pub fn is_dataset(path: &Path) -> bool {
    path.is_dir()
        || matches!(FileKind::of_file(path), Ok(FileKind::Json | FileKind::Xml | FileKind::Text | FileKind::Sqlite))
}

/// Writes to `out` what the dataset at `path` is; with `media`, after opening and decoding every clip of it.
///
/// # Errors
/// When nothing at `path` is understood, or the answer cannot be written.
pub fn run(path: &Path, media: bool, as_json: bool, out: &mut dyn Write) -> Result<(), ProbeError> {
    let dataset = dataset::open(path)?;
    let problems = media.then(|| looked_into(&dataset));
    if as_json {
        serde_json::to_writer_pretty(&mut *out, &answer(&dataset, problems.as_deref())?)
            .map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        write_answer(&dataset, problems.as_deref(), out)?;
    }
    Ok(())
}

/// The problems of all clips; on a terminal it says how far it is.
fn looked_into(dataset: &Dataset) -> Vec<(String, Vec<MediaProblem>)> {
    let mut message = std::io::stderr();
    let watched = message.is_terminal();
    let stop = Arc::new(AtomicBool::new(false));
    let found = dataset::inspect(dataset, InspectionRules::default(), &stop, |done, all| {
        if watched {
            let _ = write!(message, "\r{done} of {all} clips opened");
        }
        ControlFlow::Continue(())
    });
    if watched {
        let _ = writeln!(message);
    }
    found
}

/// How many clips are scored at which frame, by the reason.
fn scored_frames(dataset: &Dataset) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for clip in &dataset.clips {
        *counts.entry(clip.scored.reason()).or_default() += 1;
    }
    counts
}

/// Negatives by kind.
fn negatives(dataset: &Dataset) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for kind in dataset.clips.iter().filter_map(|clip| clip.negative) {
        let word = serde_json::to_value(kind).ok().and_then(|word| Some(word.as_str()?.to_owned()));
        *counts.entry(word.unwrap_or_default()).or_default() += 1;
    }
    counts
}

/// Clips by what is wrong with them.
fn by_heading(problems: &[(String, Vec<MediaProblem>)]) -> BTreeMap<&'static str, Vec<(&str, &MediaProblem)>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (id, problems) in problems {
        for problem in problems {
            found.entry(problem.heading()).or_default().push((id.as_str(), problem));
        }
    }
    found
}

fn answer(dataset: &Dataset, problems: Option<&[(String, Vec<MediaProblem>)]>) -> Result<Value, ProbeError> {
    let media = problems.map(|problems| {
        let counts: BTreeMap<_, _> =
            by_heading(problems).into_iter().map(|(heading, clips)| (heading, clips.len())).collect();
        let clips: Vec<Value> =
            problems.iter().map(|(id, problems)| json!({ "clip": id, "problems": problems })).collect();
        json!({ "counts": counts, "clips": clips })
    });
    Ok(json!({
        "name": dataset.name, "path": dataset.path, "benchmark": dataset.benchmark.name(),
        "clips": dataset.clips.len(), "negatives": negatives(dataset), "scored_frames": scored_frames(dataset),
        "report": serde_json::to_value(&dataset.report).map_err(std::io::Error::from)?,
        "media": media,
    }))
}

/// The first few of many.
fn few<'a>(all: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let more = all.len().saturating_sub(SHOWN);
    let shown = all.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn write_answer(
    dataset: &Dataset,
    problems: Option<&[(String, Vec<MediaProblem>)]>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let report = &dataset.report;
    let ids = |ids: &[String]| format!("{}: {}", ids.len(), few(ids.iter().map(String::as_str)));
    writeln!(out, "{} · {}", dataset.benchmark.name(), dataset.path.display())?;
    let mut line = |name: &str, text: String| writeln!(out, "  {name:<16} {text}");
    if let Some(list) = &report.list {
        line("list", list.clone())?;
    }
    if let Some(layout) = &report.layout {
        line("layout", layout.clone())?;
    }
    line("clips", format!("{} listed, {} there, {} missing", report.listed, report.present, report.missing.len()))?;
    if !report.missing.is_empty() {
        line("missing", ids(&report.missing))?;
    }
    for (kind, count) in negatives(dataset) {
        line("negatives", format!("{count} {kind}"))?;
    }
    if report.boxes > 0 {
        line("boxes", format!("{}, {} of them cover nothing", report.boxes, report.degenerate_boxes))?;
    }
    if !report.without_usable_truth.is_empty() {
        line("nothing to hit", ids(&report.without_usable_truth))?;
    }
    if !report.unannotated.is_empty() {
        line("unannotated", ids(&report.unannotated))?;
    }
    if report.unlisted_media > 0 {
        line("not listed", format!("{} files of media that nothing names", report.unlisted_media))?;
    }
    for (reason, count) in scored_frames(dataset) {
        line("scored frame", format!("{count} × {reason}"))?;
    }
    for note in &report.notes {
        line("note", format!("{} ({}): {}", note.message, note.count, note.examples.join(", ")))?;
    }
    match problems {
        None => line("media", "not opened; --media opens and decodes every clip".into()),
        Some([]) => line("media", "every clip opens, is heard, moves and is long enough".into()),
        Some(problems) => {
            for (heading, clips) in by_heading(problems) {
                line(heading, format!("{}: {}", clips.len(), few(clips.iter().map(|(id, _)| *id))))?;
                if let Some((id, problem)) = clips.first() {
                    line("", format!("{id}: {problem}"))?;
                }
            }
            Ok(())
        }
    }
}
