//! From a finished run to the files of its report.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::gallery::clip_pictures;
use super::page::html;
use super::points::gather;
use super::retrieved::Retrieved;
use crate::evaluation::{EvaluationError, FinishedRun, RetrievalRun};
use crate::localizers::store::Shelf;

/// The page of a run, in its folder.
pub const REPORT_HTML: &str = "report.html";

/// Clips of a kind that are shown a model and protocol, where nothing else is asked for.
pub const CLIPS_SHOWN: usize = 4;

/// Writes the page of a run, with pictures of its `clips` best and worst clips a model (none for 0). Where the dataset
/// or a model is not there any more, the page says so and does without pictures.
///
/// # Errors
/// The run's table cannot be read, or the page not be written.
pub fn write_page(
    run: &FinishedRun,
    path: &Path,
    clips: usize,
    shelf: &Shelf,
    stop: &Arc<AtomicBool>,
) -> Result<PathBuf, EvaluationError> {
    let points = gather(run)?;
    let (pictures, remarks) = match clips {
        0 => (Vec::new(), Vec::new()),
        _ => match clip_pictures(&run.summary, &points, clips, shelf, stop) {
            Ok(pictures) => (pictures, Vec::new()),
            Err(error) => (Vec::new(), vec![format!("Pictures of clips are left out: {error}.")]),
        },
    };
    let retrieved = RetrievalRun::of_folder(&run.folder)?.map(Retrieved);
    write_whole(path, &html(&run.summary, &points, &pictures, retrieved.as_ref(), &remarks))?;
    Ok(path.to_owned())
}

/// A file that appears under its name when it is whole.
pub fn write_whole(path: &Path, text: &str) -> Result<(), EvaluationError> {
    let unfinished = path.with_added_extension("part");
    std::fs::write(&unfinished, text).map_err(|error| EvaluationError::io(&unfinished, error))?;
    std::fs::rename(&unfinished, path).map_err(|error| EvaluationError::io(path, error))
}
