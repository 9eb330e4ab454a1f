//! `sonolens evaluate` and `sonolens score`: models, or saved maps, over a dataset.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::runs::{retrieved, text_of_retrieval};
use crate::evaluation::{
    self, ClipKind, ClusterRun, EvaluationError, Figure, FinishedRun, Outcome, Progress, Relevance, Request,
    RetrievalRun, RunOptions, RunSummary, Shard, Similarity, Summary, WindowChoice, report,
};
use crate::localizers::store::Shelf;

/// Exit status of a run in which some question has no answer.
pub const PARTIAL: u8 = 3;

#[derive(Debug, Args)]
pub struct EvaluateArguments {
    /// A folder, an annotation file, a list or a project
    dataset: PathBuf,
    /// A model: ID or ID=WEIGHTS[,WEIGHTS…]; may be given several times
    #[arg(long = "model", value_name = "ID[=WEIGHTS]", required = true)]
    models: Vec<String>,
    #[command(flatten)]
    shared: SharedArguments,
    /// Where the audio window lies: benchmark (as the authors' loader cuts it), follow (around the frame), or auto:
    /// the former for a still or the middle frame, the latter where annotations follow time
    #[arg(long, value_name = "RULE", default_value = "auto")]
    window: WindowChoice,
    /// Keep every heatmap as predictions that `score` reads
    #[arg(long)]
    save_heatmaps: bool,
    /// Rank every image for every sound, too, and the other way round, by the peak of the heatmap or its mean: recall for
    /// the report, in retrieval.json. Every image is joined with every sound, so the work grows with the square of the
    /// clips
    #[arg(
        long,
        value_name = "peak|mean",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "peak"
    )]
    retrieval: Option<Similarity>,
    /// With --retrieval: classes are near to each other as in this ontology (AudioSet's ontology.json, or another list of
    /// id, name and child_ids), for nDCG; without it an answer counts only if it is of the same class
    #[arg(long, value_name = "FILE", requires = "retrieval")]
    ontology: Option<PathBuf>,
    /// Spread the run over a cluster: write an array-job script and submit it (submit), or only write it (write).
    /// Given again, it submits the shares that are not finished
    #[arg(
        long,
        value_name = "WHAT",
        num_args = 0..=1,
        default_missing_value = "submit",
        requires = "shards",
        conflicts_with = "shard"
    )]
    slurm: Option<SlurmAction>,
    /// How many shares a run on a cluster has
    #[arg(long, value_name = "COUNT", requires = "slurm", value_parser = clap::value_parser!(u32).range(1..))]
    shards: Option<u32>,
    /// An option for sbatch, as --sbatch=--partition=short; may be given several times
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true, requires = "slurm")]
    sbatch: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SlurmAction {
    Submit,
    Write,
}

#[derive(Debug, Args)]
pub struct ScoreArguments {
    /// Saved maps: a .npz, a .npy or a folder; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    predictions: Vec<PathBuf>,
    /// A folder, an annotation file, a list or a project
    #[arg(long)]
    dataset: PathBuf,
    #[command(flatten)]
    shared: SharedArguments,
}

#[derive(Debug, Args)]
struct SharedArguments {
    /// A protocol: ID or ID+part=value…; may be given several times. Those of the benchmark's own tables if not given
    #[arg(long = "protocol", value_name = "PROTOCOL")]
    protocols: Vec<String>,
    /// The folder of the run; given again after an interruption, it goes on where it was
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Ask every positive with this, too, as a negative: silence, noise, off-screen (the next clip of another class);
    /// of saved maps, those that were saved of these questions
    #[arg(long, value_name = "SOUND", value_delimiter = ',', value_parser = negative_of_word)]
    also: Vec<ClipKind>,
    /// Which of the classes that a model numbers (dsol, coarse-to-fine, saved `.classes`) are which labels of the boxes:
    /// a JSON object, {"cello": [10, 15], "tuba": 17}, or DSOL's corr.npy. Where several things sound, each is then
    /// scored with the maps of its own classes
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// The first so many clips only
    #[arg(long, value_name = "CLIPS")]
    limit: Option<usize>,
    /// Clips that are worked on side by side; as many as there are cores if not given
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    jobs: usize,
    /// This share of the clips only: NUMBER/OF
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Ask again about clips that failed before
    #[arg(long)]
    retry_failed: bool,
    /// The summary on standard output
    #[arg(long)]
    json: bool,
}

impl SharedArguments {
    fn request(&self, dataset: PathBuf, models: Vec<String>) -> Request {
        Request {
            protocols: self.protocols.clone(),
            also: self.also.clone(),
            limit: self.limit,
            shard: self.shard,
            classes: self.classes.clone(),
            ..Request::new(dataset, models)
        }
    }
}

fn negative_of_word(word: &str) -> Result<ClipKind, String> {
    [ClipKind::Silence, ClipKind::Noise, ClipKind::OffScreen]
        .into_iter()
        .find(|kind| kind.word() == word)
        .ok_or_else(|| format!("`{word}` is none of silence, noise, off-screen"))
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    #[error("the answer cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

/// Why a share is not asked for its retrieval figures.
const RETRIEVAL_OF_SHARES: &str = "retrieval is among all clips, so a share of them has no figures: run the shares without \
                                   --retrieval, join them with `sonolens merge`, and then run `sonolens retrieve DATASET \
                                   --model … --out RUN` on the joined run";

/// Runs models over a dataset and writes the figures to `out`; the exit status.
///
/// # Errors
/// See [`evaluation::evaluate`].
pub fn evaluate(arguments: &EvaluateArguments, out: &mut dyn Write) -> Result<u8, EvaluateError> {
    if arguments.retrieval.is_some() && (arguments.shared.shard.is_some() || arguments.slurm.is_some()) {
        return Err(EvaluationError::Wrong(RETRIEVAL_OF_SHARES.into()).into());
    }
    if let (Some(action), Some(shares)) = (arguments.slurm, arguments.shards) {
        return spread(arguments, action, shares as usize, out);
    }
    let request = Request {
        window: arguments.window,
        ..arguments.shared.request(arguments.dataset.clone(), arguments.models.clone())
    };
    let retrieval = match arguments.retrieval {
        // A file that cannot be read shows before the run.
        Some(similarity) => Some(Ranking {
            similarity,
            ontology: arguments.ontology.as_deref(),
            relevance: Relevance::of(arguments.ontology.as_deref())?,
        }),
        None => None,
    };
    run(&request, &arguments.shared, arguments.save_heatmaps, retrieval, out)
}

/// How images and sounds are ranked beside a run.
struct Ranking<'a> {
    similarity: Similarity,
    ontology: Option<&'a Path>,
    relevance: Relevance,
}

/// Writes the scripts of a run on a cluster, submits them if asked to, and says what was done.
fn spread(
    arguments: &EvaluateArguments,
    action: SlurmAction,
    shares: usize,
    out: &mut dyn Write,
) -> Result<u8, EvaluateError> {
    let EvaluateArguments { dataset, models, shared, window, save_heatmaps, .. } = arguments;
    let run = ClusterRun {
        program: std::env::current_exe()?,
        folder: std::env::current_dir()?,
        arguments: words_again(dataset, models, shared, *window, *save_heatmaps),
        out: std::path::absolute(&shared.out)?,
        shares,
        options: arguments.sbatch.clone(),
    };
    let scripts = run.write_scripts()?;
    let submitted = if action == SlurmAction::Submit { Some(run.submit(&scripts)?) } else { None };
    if shared.json {
        let answer = json!({
            "scripts": [scripts.shares, scripts.merge],
            "unfinished": run.unfinished(),
            "array_job": submitted.as_ref().and_then(|submitted| submitted.array_job.as_ref()),
            "merge_job": submitted.as_ref().map(|submitted| &submitted.merge_job),
        });
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(0);
    }
    match &submitted {
        None => {
            writeln!(out, "written; submit them with")?;
            writeln!(out, "  job=$(sbatch --parsable {})", scripts.shares.display())?;
            writeln!(out, "  sbatch --dependency=afterany:$job {}", scripts.merge.display())?;
        }
        Some(submitted) => {
            match &submitted.array_job {
                Some(job) => writeln!(out, "array job {job}: {} of {shares} shares", submitted.shares.len())?,
                None => writeln!(out, "all {shares} shares are finished")?,
            }
            writeln!(out, "job {} joins them in {}", submitted.merge_job, run.out.display())?;
        }
    }
    Ok(0)
}

/// The arguments with which a share is evaluated like the run, as words of a command line.
fn words_again(
    dataset: &Path,
    models: &[String],
    shared: &SharedArguments,
    window: WindowChoice,
    save_heatmaps: bool,
) -> Vec<String> {
    let mut words = vec![dataset.display().to_string()];
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    models.iter().for_each(|model| option("--model", model.clone()));
    shared.protocols.iter().for_each(|protocol| option("--protocol", protocol.clone()));
    option("--window", window.name().to_owned());
    shared.also.iter().for_each(|kind| option("--also", kind.word().to_owned()));
    if let Some(classes) = &shared.classes {
        option("--classes", classes.display().to_string());
    }
    if let Some(limit) = shared.limit {
        option("--limit", limit.to_string());
    }
    for (name, wanted) in [("--save-heatmaps", save_heatmaps), ("--retry-failed", shared.retry_failed)] {
        if wanted {
            words.push(name.to_owned());
        }
    }
    words
}

/// Scores saved maps and writes the figures to `out`; the exit status.
///
/// # Errors
/// See [`evaluation::evaluate`].
pub fn score(arguments: &ScoreArguments, out: &mut dyn Write) -> Result<u8, EvaluateError> {
    let maps = arguments.predictions.iter().map(|path| format!("precomputed={}", path.display())).collect();
    let request = Request { pictures: false, ..arguments.shared.request(arguments.dataset.clone(), maps) };
    run(&request, &arguments.shared, false, None, out)
}

fn run(
    request: &Request,
    arguments: &SharedArguments,
    save_heatmaps: bool,
    retrieval: Option<Ranking>,
    out: &mut dyn Write,
) -> Result<u8, EvaluateError> {
    let options = RunOptions {
        out: arguments.out.clone(),
        jobs: arguments.jobs,
        save_heatmaps,
        retry_failed: arguments.retry_failed,
    };
    let mut display = Display::new();
    let stop = Arc::new(AtomicBool::new(false));
    let outcome = evaluation::evaluate(request, &options, &Shelf::discover(), &stop, |progress| display.show(progress));
    display.end();
    match outcome? {
        Outcome::Finished(run) => {
            let kept = retrieval.map(|ranking| kept_retrieval(&run, request, &ranking, arguments.jobs, &stop));
            // Shares are parts of a page that `merge` writes.
            if arguments.shard.is_none() {
                write_page(&run, &stop)?;
            }
            write_run(&run, arguments.json, out)?;
            if let Some(kept) = kept.transpose()?.filter(|_| !arguments.json) {
                out.write_all(text_of_retrieval(&kept).as_bytes())?;
            }
            Ok(if run.summary.is_whole() { 0 } else { PARTIAL })
        }
        Outcome::Stopped { .. } => Ok(PARTIAL),
    }
}

/// The retrieval figures of a run, made unless its folder has them.
fn kept_retrieval(
    run: &FinishedRun,
    request: &Request,
    ranking: &Ranking,
    jobs: usize,
    stop: &Arc<AtomicBool>,
) -> Result<RetrievalRun, EvaluationError> {
    if let Ok(Some(kept)) = RetrievalRun::of_folder(&run.folder)
        && kept.is_of(&run.summary.run, ranking.similarity, &ranking.relevance)
    {
        return Ok(kept);
    }
    let made = retrieved(request, ranking.similarity, ranking.ontology, jobs, stop)?;
    made.keep(&run.folder)?;
    Ok(made)
}

/// Writes the page of a run beside its table.
///
/// # Errors
/// See [`report::write_page`].
pub fn write_page(run: &FinishedRun, stop: &Arc<AtomicBool>) -> Result<(), EvaluationError> {
    let path = run.folder.join(report::REPORT_HTML);
    report::write_page(run, &path, report::CLIPS_SHOWN, &Shelf::discover(), stop).map(|_| ())
}

/// Writes what came out of a run.
///
/// # Errors
/// The output refuses.
pub fn write_run(run: &FinishedRun, json: bool, out: &mut dyn Write) -> std::io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, &run.summary).map_err(std::io::Error::from)?;
        return writeln!(out);
    }
    out.write_all(text_of(&run.summary, &run.folder).as_bytes())
}

fn text_of(summary: &RunSummary, folder: &Path) -> String {
    let dataset = &summary.run.dataset;
    let list = dataset.list.as_deref().map(|list| format!(", list {list}")).unwrap_or_default();
    let mut text = format!("{} ({}){list}: {} rows\n", dataset.name, dataset.benchmark, summary.rows);
    for result in &summary.results {
        text += &text_of_result(result);
    }
    if summary.failed_clips > 0 {
        text += &format!("{} clips could not be scored:\n", summary.failed_clips);
        for failure in summary.failures.iter().take(5) {
            text += &format!("  {} ({}): {}\n", failure.clip, failure.model, failure.reason);
        }
    }
    let page = folder.join(report::REPORT_HTML);
    let page = if page.is_file() { format!(", its page is {}", page.display()) } else { String::new() };
    text + &format!("written to {}{page}\n", folder.display())
}

fn percent(figure: &Figure) -> String {
    let one = |value: f64| format!("{:.2}", value * 100.0);
    if figure.value.is_nan() {
        "n/a".to_owned()
    } else {
        format!("{} % [{}, {}]", one(figure.value), one(figure.low), one(figure.high))
    }
}

fn text_of_result(result: &Summary) -> String {
    let mut text = format!("\n{}, {}: {} scored", result.model, result.protocol, result.scored);
    let positives = result.kinds.get(&ClipKind::Positive).copied().unwrap_or(0);
    if positives < result.scored {
        text += &format!(" ({positives} positives)");
    }
    if result.failed > 0 {
        text += &format!(", {} not", result.failed);
    }
    text += &format!("\n  {}\n", result.choices);
    for accuracy in &result.accuracy {
        text += &format!("  cIoU@{:<4} {}\n", accuracy.success, percent(&accuracy.rate));
    }
    text += &format!("  AUC       {}\n  mean cIoU {}\n", percent(&result.auc), percent(&result.mean_ciou));
    let references = [
        ("centre box", Some(&result.references.centre_box)),
        ("full frame", Some(&result.references.full_frame)),
        ("fixed probe", Some(&result.references.fixed_probe)),
        ("ceiling", result.references.ceiling.as_ref()),
    ];
    for (name, reference) in references {
        let Some(first) = reference.and_then(|reference| reference.accuracy.first()) else { continue };
        text += &format!("    {name:<11} cIoU@{} {}\n", first.success, percent(&first.rate));
    }
    for found in result.detection.iter().filter(|found| found.subset == "all") {
        text += &format!(
            "  with negatives, cIoU ≥ {}: AP {} (as published), max-F1 {} (as published)\n",
            found.success,
            percent(&found.average_precision_as_published),
            percent(&found.max_f1_as_published),
        );
    }
    for negative in &result.negatives {
        text += &format!(
            "  {} negatives ({}): separability {}, marked {}\n",
            negative.kind,
            negative.clips,
            percent(&negative.separability),
            percent(&negative.marked_share),
        );
    }
    if let Some(pairs) = &result.pairs {
        text += &format!("  IIoU@{}    {} over {} pictures\n", pairs.success, percent(&pairs.iiou), pairs.groups);
    }
    if let Some(sources) = &result.sources {
        text += &format!("  by source: CIoU@0.3 {} over {} pictures", percent(&sources.success_at_30), sources.images);
        text += &format!(", AUC {}\n", percent(&sources.auc));
        if !sources.silent_area.value.is_nan() {
            text += &format!("  NSA       {}\n", percent(&sources.silent_area));
        }
    }
    if let Some(found) = &result.segmentation {
        text += &format!("  M_J       {} over {} pictures\n", percent(&found.mean_iou), found.pictures);
        text += &format!("  M_F       {} video by video ({} videos)\n", percent(&found.f_measure), found.videos);
        text += &format!("            {} with one threshold for all\n", percent(&found.f_measure_at_once));
    }
    if let Some(found) = &result.azimuth {
        text += &format!("  regions   IoU {} over {} frames", percent(&found.all), found.frames);
        text += &format!(", active {} over {}", percent(&found.active), found.active_frames);
        let inactive = found.frames - found.active_frames.min(found.frames);
        text += &match inactive {
            0 => "\n".to_owned(),
            frames => format!(", inactive {} over {frames}\n", percent(&found.inactive)),
        };
        text += &format!("    centre box {}, full frame {}\n", percent(&found.centre_box), percent(&found.full_frame));
    }
    for (reason, count) in &result.degenerate {
        text += &format!("  warning: {count} maps: {reason}\n");
    }
    text
}

/// Progress on standard error: one line that is written over on a terminal, now and then a line elsewhere.
struct Display {
    terminal: bool,
    last: Option<Instant>,
    shown: usize,
}

impl Display {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), last: None, shown: 0 }
    }

    fn show(&mut self, progress: &Progress) {
        let pause = Duration::from_millis(if self.terminal { 200 } else { 10_000 });
        let whole = progress.done == progress.clips;
        if !whole && self.last.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        self.last = Some(Instant::now());
        let mut line = format!("{}/{} clips, {:.1} a second", progress.done, progress.clips, progress.rate);
        if let Some(left) = progress.remaining.filter(|_| !whole && progress.rate > 0.0) {
            let secs = left.as_secs();
            line += &format!(", {}:{:02}:{:02} left", secs / 3600, secs / 60 % 60, secs % 60);
        }
        if progress.failed > 0 {
            line += &format!(", {} failed", progress.failed);
        }
        for (model, rate) in progress.models.iter().filter(|(_, rate)| !rate.is_nan()) {
            line += &format!("; {model} {:.1} %", rate * 100.0);
        }
        let mut error = std::io::stderr().lock();
        // Progress that nobody can see is not a reason to end a run.
        let written = if self.terminal {
            let length = line.chars().count();
            let gap = " ".repeat(self.shown.saturating_sub(length));
            self.shown = length;
            write!(error, "\r{line}{gap}").and_then(|()| error.flush())
        } else {
            writeln!(error, "{line}")
        };
        written.unwrap_or_default();
    }

    fn end(&self) {
        if self.terminal && self.shown > 0 {
            writeln!(std::io::stderr()).unwrap_or_default();
        }
    }
}
