//! A run from its start, or from where it was left, to its end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::asking::Keep;
use super::clip_answer::ClipAnswer;
use super::error::EvaluationError;
use super::finish::finish;
use super::folder::FinishedRun;
use super::journal::{ClipLine, Journal};
use super::plan::{Plan, Request};
use super::row::ClipKind;
use super::saved_maps::{SavedMaps, predictions_path};
use crate::localizers::store::Shelf;
use crate::network::with_threads;

/// How a run is carried out; nothing of this changes its figures.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The folder of the run: its journal, then its table and summary.
    pub out: PathBuf,
    /// Workers, each at a clip of its own; 0 for as many as there are cores.
    pub jobs: usize,
    /// Keep every heatmap as predictions that `score` reads.
    pub save_heatmaps: bool,
    /// Ask again about clips that failed in an earlier start.
    pub retry_failed: bool,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub done: usize,
    pub clips: usize,
    /// Clips of which a question has no answer.
    pub failed: usize,
    /// Clips a second since this start.
    pub rate: f64,
    pub remaining: Option<Duration>,
    /// By model: the share of its positives so far with cIoU at least the first protocol's threshold.
    pub models: Vec<(String, f64)>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Finished(Box<FinishedRun>),
    /// `stop` became true; the same call goes on from here.
    Stopped {
        done: usize,
        clips: usize,
    },
}

/// Running figures, from the rows of the first protocol.
struct Running {
    protocol: String,
    success: f64,
    /// By model: label, positives, right ones.
    models: Vec<(String, usize, usize)>,
    failed: usize,
    done: usize,
}

impl Running {
    fn new(plan: &Plan) -> Self {
        let first = plan.scorers.first();
        Self {
            protocol: first.map(|scorer| scorer.text.clone()).unwrap_or_default(),
            success: first.map_or(0.5, |scorer| scorer.protocol.success_threshold()),
            models: plan.models.iter().map(|model| (model.label.clone(), 0, 0)).collect(),
            failed: 0,
            done: 0,
        }
    }

    fn add(&mut self, line: &ClipLine) {
        self.done += 1;
        self.failed += usize::from(line.failed());
        for row in &line.rows {
            let counts = row.is_scored() && row.kind == ClipKind::Positive && row.source.is_none();
            if counts
                && row.protocol == self.protocol
                && let Some((_, positives, right)) = self.models.iter_mut().find(|(label, ..)| *label == row.model)
            {
                *positives += 1;
                *right += usize::from(row.ciou.is_some_and(|ciou| ciou >= self.success));
            }
        }
    }

    fn progress(&self, clips: usize, before: usize, since: Instant) -> Progress {
        let secs = since.elapsed().as_secs_f64();
        let rate = (self.done.saturating_sub(before)) as f64 / secs.max(1e-9);
        let left = (clips.saturating_sub(self.done)) as f64 / rate;
        Progress {
            done: self.done,
            clips,
            failed: self.failed,
            rate,
            remaining: Duration::try_from_secs_f64(left).ok(),
            models: self
                .models
                .iter()
                .map(|(label, positives, right)| (label.clone(), *right as f64 / *positives as f64))
                .collect(),
        }
    }
}

/// Runs what `request` asks for, or what is left of it, in the folder `options.out`. `progress` is told after every
/// clip. A clip that cannot be decoded or answered is a row with the reason.
///
/// # Errors
/// The dataset or a model cannot be opened; the folder holds a run with other settings; the disk refuses.
pub fn evaluate(
    request: &Request,
    options: &RunOptions,
    shelf: &Shelf,
    stop: &Arc<AtomicBool>,
    mut progress: impl FnMut(&Progress),
) -> Result<Outcome, EvaluationError> {
    let plan = Plan::open(request, shelf)?;
    let out = options.out.as_path();
    if out.is_file() {
        return Err(EvaluationError::damaged(out, "this is a file; a run needs a folder of its own"));
    }
    std::fs::create_dir_all(out).map_err(|error| EvaluationError::io(out, error))?;
    let mut running = Running::new(&plan);
    let mut failed = BTreeSet::new();
    let mut journal =
        Journal::open(out, &plan.description, options.save_heatmaps, plan.clips.clone(), |line: &ClipLine| {
            // The newest answer about a clip counts.
            if line.failed() {
                failed.insert(line.clip)
            } else {
                failed.remove(&line.clip)
            };
        })?;
    if options.retry_failed {
        failed.iter().for_each(|&clip| journal.forget(clip));
    }
    journal.visit_in_order(|line| {
        running.add(&line);
        Ok(())
    })?;
    let mut saved = if options.save_heatmaps { Some(SavedMaps::open(out)?) } else { None };
    let todo: Vec<usize> = plan.clips.clone().filter(|&clip| !journal.has(clip)).collect();
    let clips = plan.clips.len();
    let (before, since) = (running.done, Instant::now());
    progress(&running.progress(clips, before, since));

    let jobs =
        if options.jobs > 0 { options.jobs } else { std::thread::available_parallelism().map_or(1, usize::from) };
    let jobs = jobs.min(todo.len()).max(1);
    let todo = Mutex::new(todo.into_iter());
    // Few answers wait to be written, so memory does not grow where the disk is slow.
    let (sender, answers) = bounded::<(usize, ClipAnswer)>(jobs);
    let halt = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| -> Result<(), EvaluationError> {
        for _ in 0..jobs {
            let (sender, plan, todo, halt) = (sender.clone(), &plan, &todo, &halt);
            scope.spawn(move || {
                let mut keep = Keep::default();
                with_threads(1, || {
                    while !stop.load(Ordering::Relaxed) && !halt.load(Ordering::Relaxed) {
                        let Some(clip) = todo.lock().unwrap_or_else(PoisonError::into_inner).next() else { break };
                        let answer = ClipAnswer::of(plan, clip, &mut keep, stop);
                        // A clip during which the work was stopped was not asked to its end.
                        if stop.load(Ordering::Relaxed) || sender.send((clip, answer)).is_err() {
                            break;
                        }
                    }
                });
            });
        }
        drop(sender);
        for (clip, answer) in &answers {
            let written = write_answer(clip, answer, &mut journal, saved.as_mut(), &mut running);
            if let Err(error) = written {
                halt.store(true, Ordering::Relaxed);
                // Let go whoever waits to hand over an answer.
                answers.iter().for_each(drop);
                return Err(error);
            }
            progress(&running.progress(clips, before, since));
        }
        Ok(())
    })?;
    journal.sync()?;
    if running.done < clips {
        return Ok(Outcome::Stopped { done: running.done, clips });
    }
    if let Some(saved) = &saved {
        write_predictions(&plan, out, saved)?;
    }
    Ok(Outcome::Finished(Box::new(finish(out, &plan.description, &journal)?)))
}

fn write_answer(
    clip: usize,
    answer: ClipAnswer,
    journal: &mut Journal,
    saved: Option<&mut SavedMaps>,
    running: &mut Running,
) -> Result<(), EvaluationError> {
    // Maps first: a clip with a line in the journal has its maps.
    if let Some(saved) = saved {
        answer.maps.iter().try_for_each(|(model, maps)| saved.add(*model, clip, maps))?;
    }
    let digits = |cells: Vec<u8>| cells.iter().map(|cell| format!("{cell:02x}")).collect::<String>();
    let coarse = answer.coarse.into_iter().map(|(model, cells)| (model, digits(cells))).collect();
    let line = ClipLine { clip, rows: answer.rows, coarse };
    journal.add(&line)?;
    running.add(&line);
    Ok(())
}

fn write_predictions(plan: &Plan, out: &Path, saved: &SavedMaps) -> Result<(), EvaluationError> {
    for (number, model) in plan.models.iter().enumerate() {
        let clips = plan.clips.clone().filter_map(|clip| Some((clip, plan.dataset.clips.get(clip)?.id.as_str())));
        saved.write_predictions(number, &predictions_path(out, &model.label), clips)?;
    }
    Ok(())
}
