//! `sonolens report`: a finished run for readers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::evaluate::EvaluateError;
use crate::evaluation::report::{self, Retrieved};
use crate::evaluation::{FinishedRun, RetrievalRun};
use crate::localizers::store::Shelf;

#[derive(Debug, Args)]
pub struct ReportArguments {
    /// The folder of a finished run
    run: PathBuf,
    /// Where to write the page; report.html in the run's folder if not given
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How many of its best and worst clips a model and protocol are shown as pictures; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = report::CLIPS_SHOWN)]
    clips: usize,
    /// Only the tables, as LaTeX, on standard output
    #[arg(long, conflicts_with_all = ["html", "markdown"])]
    latex: bool,
    /// Only the tables, as Markdown, on standard output
    #[arg(long, conflicts_with = "html")]
    markdown: bool,
}

/// Writes the page of a run, or its tables to `out`.
///
/// # Errors
/// The run cannot be read, or the page not be written.
pub fn run(arguments: &ReportArguments, out: &mut dyn Write) -> Result<(), EvaluateError> {
    let run = FinishedRun::open(&arguments.run)?;
    if arguments.latex || arguments.markdown {
        let mut tables = report::tables(&run.summary);
        let retrieved = RetrievalRun::of_folder(&run.folder)?.map(Retrieved);
        tables.extend(retrieved.map(|retrieved| retrieved.table(&run.summary)));
        let text = if arguments.latex { report::latex(&tables) } else { report::markdown(&tables) };
        out.write_all(text.as_bytes())?;
        return Ok(());
    }
    let path: &Path = &arguments.html.clone().unwrap_or_else(|| run.folder.join(report::REPORT_HTML));
    let stop = Arc::new(AtomicBool::new(false));
    report::write_page(&run, path, arguments.clips, &Shelf::discover(), &stop)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}
