//! `sonolens compare`, `merge` and `retrieve`: finished runs side by side, shares of a run in one, and whether models
//! find the image of a sound.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::Args;

use super::evaluate::{EvaluateError, PARTIAL, write_page, write_run};
use crate::evaluation::{
    self, Comparison, Correspondence, EvaluationError, Figure, FinishedRun, NDCG_PLACES, Relevance, Request, Retrieval,
    RetrievalRun, Similarity, WindowChoice,
};
use crate::localizers::store::Shelf;

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
    write_page(&run, &Arc::new(AtomicBool::new(false)))?;
    write_run(&run, arguments.json, out)?;
    Ok(if run.summary.is_whole() { 0 } else { PARTIAL })
}

#[derive(Debug, Args)]
pub struct RetrieveArguments {
    /// A folder, an annotation file, a list or a project
    dataset: PathBuf,
    /// A model: ID or ID=WEIGHTS[,WEIGHTS…]; may be given several times
    #[arg(long = "model", value_name = "ID[=WEIGHTS]", required = true)]
    models: Vec<String>,
    /// What of a heatmap says how well a sound and an image agree
    #[arg(long, value_enum, default_value = "peak")]
    similarity: Similarity,
    /// Classes are near to each other as in this ontology (AudioSet's ontology.json, or another list of id, name and
    /// child_ids), for nDCG; without it an answer counts only if it is of the same class
    #[arg(long, value_name = "FILE")]
    ontology: Option<PathBuf>,
    /// Where the audio window lies: auto, benchmark or follow
    #[arg(long, value_name = "RULE", default_value = "auto")]
    window: WindowChoice,
    /// The first so many clips only; the work grows with their square
    #[arg(long, value_name = "CLIPS")]
    limit: Option<usize>,
    /// Clips that are worked on side by side; as many as there are cores if not given
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    jobs: usize,
    /// Keep the answer in this folder of a run, whose report then shows it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A machine-readable answer, with R@1 to R@100
    #[arg(long)]
    json: bool,
}

/// Ranks images for sounds and sounds for images and writes the answer to `out`; the exit status.
///
/// # Errors
/// See [`evaluation::retrieve`].
pub fn retrieve(arguments: &RetrieveArguments, out: &mut dyn Write) -> Result<u8, EvaluateError> {
    let request = Request {
        window: arguments.window,
        limit: arguments.limit,
        ..Request::new(arguments.dataset.clone(), arguments.models.clone())
    };
    let stop = Arc::new(AtomicBool::new(false));
    let run = retrieved(&request, arguments.similarity, arguments.ontology.as_deref(), arguments.jobs, &stop)?;
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder)?;
        run.keep(folder)?;
        if folder.join(evaluation::SUMMARY_JSON).is_file() {
            write_page(&FinishedRun::open(folder)?, &stop)?;
        }
    }
    let whole = run.results.iter().all(|result| result.failures.is_empty());
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &run).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(text_of_retrieval(&run).as_bytes())?;
    }
    Ok(if whole { 0 } else { PARTIAL })
}

/// Ranks images and sounds, with progress on standard error.
///
/// # Errors
/// See [`evaluation::retrieve`].
pub fn retrieved(
    request: &Request,
    similarity: Similarity,
    ontology: Option<&Path>,
    jobs: usize,
    stop: &Arc<AtomicBool>,
) -> Result<RetrievalRun, EvaluationError> {
    let display = Mutex::new(Counter::new());
    evaluation::retrieve(request, similarity, ontology, jobs, &Shelf::discover(), stop, |done, all| {
        display.lock().unwrap_or_else(PoisonError::into_inner).show(done, all);
    })
}

/// What came out, in words.
pub fn text_of_retrieval(run: &RetrievalRun) -> String {
    let mut text: String = run.results.iter().map(|result| text_of_model(result, run.relevance.as_ref())).collect();
    if !run.deaf.is_empty() {
        text += &format!("left out of retrieval, since they hear nothing: {}\n", run.deaf.join(", "));
    }
    text
}

fn text_of_model(result: &Retrieval, relevance: Option<&Relevance>) -> String {
    let by = result.similarity.name();
    let mut text = format!("{}: retrieval among {} clips by the {by} of the map\n", result.model, result.clips);
    for (name, recalls) in [("sound → image", &result.audio_to_image), ("image → sound", &result.image_to_audio)] {
        let percent = |value: f64| format!("{:.2}", value * 100.0);
        text += &format!("  {name}  median rank {}", recalls.median_rank);
        for (place, k) in [1, 5, 10].into_iter().enumerate() {
            let value = recalls.pessimistic.get(place).copied().unwrap_or(f64::NAN);
            let [low, high] = recalls.intervals.get(place).copied().unwrap_or([f64::NAN; 2]);
            text += &format!(", R@{k} {} % [{}, {}]", percent(value), percent(low), percent(high));
        }
        if recalls.optimistic != recalls.pessimistic {
            let three = |values: &[f64; 3]| values.map(percent).join(", ");
            let (stable, kindly) = (three(&recalls.stable), three(&recalls.optimistic));
            text += &format!("; of ties with the pair the worst is taken: sorted stably {stable}, the best {kindly}");
        }
        text += "\n";
    }
    if let Some(relevance) = relevance {
        text += &match &result.ndcg {
            Some(found) => format!(
                "  nDCG@{NDCG_PLACES}  sound → image {}, image → sound {} over {} clips with a class; by chance {:.3}; {}\n",
                of_one(&found.audio_to_image),
                of_one(&found.image_to_audio),
                found.clips,
                found.chance,
                relevance.text()
            ),
            None => format!("  nDCG@{NDCG_PLACES}  –: no clip has a class by which another could be relevant\n"),
        };
    }
    if let Some(found) = &result.correspondence {
        text += &text_of_correspondence(found);
    }
    for failure in result.failures.iter().take(5) {
        text += &format!("  left out: {}: {}\n", failure.clip, failure.reason);
    }
    text
}

fn of_one(figure: &Figure) -> String {
    format!("{:.3} [{:.3}, {:.3}]", figure.value, figure.low, figure.high)
}

fn text_of_correspondence(found: &Correspondence) -> String {
    let percent = |figure: &Figure| {
        format!("{:.2} % [{:.2}, {:.2}]", figure.value * 100.0, figure.low * 100.0, figure.high * 100.0)
    };
    let draw = format!("each clip with its own sound and that of another, drawn with seed {}", found.seed);
    let above = percent(&found.own_above_other);
    match &found.accuracy {
        Some(ruled) => format!(
            "  AVC accuracy {}: {draw}; {}\n  own sound above the other {above}, without a threshold\n",
            percent(&ruled.accuracy),
            ruled.rule
        ),
        None => format!(
            "  own sound above another {above}: {draw}; chance is 50 %. AVC accuracy –: its authors published no rule that \
             decides about one pair\n"
        ),
    }
}

/// Progress on standard error, a line every ten seconds.
struct Counter {
    last: Instant,
}

impl Counter {
    fn new() -> Self {
        Self { last: Instant::now() }
    }

    fn show(&mut self, done: usize, all: usize) {
        if self.last.elapsed().as_secs() >= 10 || done == all {
            self.last = Instant::now();
            // Progress that nobody can see is not a reason to end the work.
            writeln!(std::io::stderr(), "{done}/{all} encodings").unwrap_or_default();
        }
    }
}
