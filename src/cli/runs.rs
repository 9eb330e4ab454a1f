//! `sonolens compare` and `sonolens merge`: finished runs side by side, and shares of a run in one.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::evaluate::{EvaluateError, PARTIAL, write_run};
use crate::evaluation::{self, Comparison, Figure, FinishedRun};

#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Folders of finished runs
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// This protocol only, as the runs have it
    #[arg(long)]
    protocol: Option<String>,
    /// A machine-readable answer
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct MergeArguments {
    /// Folders of finished shares of one run
    #[arg(required = true)]
    shards: Vec<PathBuf>,
    /// The folder of the whole run
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The summary on standard output
    #[arg(long)]
    json: bool,
}

/// Compares runs and writes the answer to `out`.
///
/// # Errors
/// See [`evaluation::compare`].
pub fn compare(arguments: &CompareArguments, out: &mut dyn Write) -> Result<(), EvaluateError> {
    let runs = arguments.runs.iter().map(|folder| FinishedRun::open(folder)).collect::<Result<Vec<_>, _>>()?;
    let comparisons = evaluation::compare(&runs, arguments.protocol.as_deref())?;
    let first = runs.first().map(|run| &run.summary.run.dataset);
    let alike = runs.iter().all(|run| Some(&run.summary.run.dataset.sha256) == first.map(|dataset| &dataset.sha256));
    if arguments.json {
        let answer = serde_json::json!({ "same_dataset": alike, "comparisons": comparisons });
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    if !alike {
        writeln!(out, "The runs are over different clips or annotations; only what they share is compared.\n")?;
    }
    for comparison in &comparisons {
        out.write_all(text_of(comparison).as_bytes())?;
    }
    Ok(())
}

fn points(figure: &Figure) -> String {
    format!("{:+.2} [{:+.2}, {:+.2}]", figure.value * 100.0, figure.low * 100.0, figure.high * 100.0)
}

fn text_of(comparison: &Comparison) -> String {
    let Comparison { protocol, success, first, second, clips, .. } = comparison;
    let mut text = format!("{protocol}, {clips} clips");
    if comparison.left_out > 0 {
        text += &format!(" ({} that only one has are left out)", comparison.left_out);
    }
    text += "\n";
    for side in [first, second] {
        text += &format!(
            "  {:<24} cIoU@{success} {:6.2} %   mean cIoU {:6.2} %   {}\n",
            side.model,
            side.accuracy * 100.0,
            side.mean_ciou * 100.0,
            side.run
        );
    }
    text += &format!(
        "  difference in cIoU@{success}: {} points, p = {:.4}",
        points(&comparison.accuracy_difference),
        comparison.accuracy_p
    );
    text += &format!(
        "; only one is right on {} and {}, McNemar p = {:.4}\n",
        comparison.only_first, comparison.only_second, comparison.mcnemar_p
    );
    text + &format!(
        "  difference in mean cIoU: {} points, p = {:.4}\n\n",
        points(&comparison.ciou_difference),
        comparison.ciou_p
    )
}

/// Joins shares and writes the figures to `out`; the exit status.
///
/// # Errors
/// See [`evaluation::merge`].
pub fn merge(arguments: &MergeArguments, out: &mut dyn Write) -> Result<u8, EvaluateError> {
    let run = evaluation::merge(&arguments.shards, &arguments.out)?;
    write_run(&run, arguments.json, out)?;
    Ok(if run.summary.is_whole() { 0 } else { PARTIAL })
}
