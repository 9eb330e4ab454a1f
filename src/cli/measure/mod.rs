//! `sonolens models measure`: stored models and the naive baselines on test sets of the soundstage, and what came out
//! written into their cards.
//!
//! Everything goes through [`evaluation::evaluate`] and [`evaluation::retrieve`]; here is only which runs are made, and
//! the tables of their summaries.

mod pairs;
mod tables;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde::Serialize;

use crate::dataset::DatasetError;
use crate::evaluation::{
    self, ClipKind, EvaluationError, FinishedRun, Outcome, Request, Retrieval, RunOptions, RunSummary, Similarity,
    WindowChoice,
};
use crate::geometry::Size;
use crate::localizers::store::Shelf;
use crate::metrics::protocols;
use crate::soundstage::{CollectionRequest, SceneKind, SoundstageError, Split, VERSION, write_collection};

#[derive(Debug, Args)]
pub struct MeasureArguments {
    /// A folder of stored models; its README.md and those of the models are written
    folder: PathBuf,
    /// Where clips and runs go; given again after an interruption, it goes on there
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Clips of each kind of scene
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// The seed of the clips
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A protocol for the cards, beside the usual ones of each kind of set; may be given several times; every protocol if
    /// not given
    #[arg(long = "protocol", value_name = "PROTOCOL")]
    protocols: Vec<String>,
    /// Clips that are worked on side by side; as many as there are cores if not given
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    jobs: usize,
    /// A machine-readable answer
    #[arg(long)]
    json: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    #[error("{}: there are no stored models in it", .0.display())]
    NoModels(PathBuf),
    #[error("{}: the run was stopped; the same command goes on", .0.display())]
    Stopped(PathBuf),
    #[error(transparent)]
    Soundstage(#[from] SoundstageError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("the answer cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl MeasureError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

/// The baselines that stand beside the models: they neither look nor listen.
const BASELINES: [&str; 2] = ["centre-box", "quadrants"];
/// Of the pictures of the test sets.
const SIZE: Size = Size::new(640, 360);
/// Frames a second of the videos; only the counterpart of Urbansas looks at more than one.
const RATE: (u32, u32) = (2, 1);
/// IS3's own rule, at two thresholds, by which both sounds of a picture have to be right.
const OF_PAIRS: [&str; 2] = [
    "ssl-align:adaptive+upsample=bilinear-corners+success=0.3",
    "ssl-align:adaptive+upsample=bilinear-corners+success=0.5",
];

/// A kind of scene with what came out on it.
#[derive(Debug, Serialize)]
struct Measured {
    kind: &'static str,
    /// The usual protocols of the benchmark, with negatives.
    usual: RunSummary,
    /// Every protocol.
    every: RunSummary,
}

/// All that was measured.
#[derive(Debug, Serialize)]
struct Measurement {
    seed: u64,
    count: u64,
    soundstage_version: u32,
    models: Vec<String>,
    sets: Vec<Measured>,
    /// Pictures with two sounds, each asked with one of them; and the same with the boxes exchanged, where a model that
    /// does not listen does as well.
    /// Nothing where there is no such picture.
    pairs: Option<RunSummary>,
    exchanged: Option<RunSummary>,
    /// Of the models that hear.
    retrieval: Vec<Retrieval>,
}

/// Measures and writes.
///
/// # Errors
/// A folder without models, and what the soundstage or an evaluation fails with.
pub fn run(arguments: &MeasureArguments, out: &mut dyn Write) -> Result<(), MeasureError> {
    let shelf = Shelf::at(&arguments.folder);
    let models: Vec<String> = shelf.list().0.into_iter().map(|model| model.id).collect();
    if models.is_empty() {
        return Err(MeasureError::NoModels(arguments.folder.clone()));
    }
    let clips = clips(arguments)?;
    let work = Work { arguments, shelf: &shelf, models: &models };
    let benchmark = |kind: SceneKind| clips.join(Split::Test.word()).join(format!("{kind}-benchmark"));
    let mut sets = Vec::new();
    for kind in SceneKind::ALL {
        let negatives = vec![ClipKind::Silence, ClipKind::Noise, ClipKind::OffScreen];
        let usual = work.evaluate(&benchmark(kind), &format!("{kind}-usual"), Vec::new(), negatives)?;
        let all = || protocols().iter().map(|known| known.protocol.to_string()).collect();
        let all = if arguments.protocols.is_empty() { all() } else { arguments.protocols.clone() };
        let every = work.evaluate(&benchmark(kind), &format!("{kind}-every"), all, Vec::new())?;
        sets.push(Measured { kind: kind.word(), usual, every });
    }
    let [own, exchanged] = ["pairs", "exchanged"].map(|name| arguments.out.join(name));
    let any = pairs::write(&benchmark(SceneKind::Ensemble), &own, &exchanged)? > 0;
    let of_pairs = |folder: &Path, name: &str| {
        let protocols = OF_PAIRS.map(str::to_owned).to_vec();
        any.then(|| work.evaluate(folder, name, protocols, Vec::new())).transpose()
    };
    let measurement = Measurement {
        seed: arguments.seed,
        count: arguments.count,
        soundstage_version: VERSION,
        pairs: of_pairs(&own, "pairs-both")?,
        exchanged: of_pairs(&exchanged, "pairs-exchanged")?,
        retrieval: work.retrieve(&benchmark(SceneKind::Solo))?,
        sets,
        models,
    };
    let command =
        format!("sonolens models measure models --out FOLDER --count {} --seed {}", arguments.count, arguments.seed);
    tables::write(&arguments.folder, &measurement, &command)?;
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &measurement).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(tables::overview(&measurement, &command).as_bytes())?;
    }
    Ok(())
}

/// The test clips, made where they are not there yet.
fn clips(arguments: &MeasureArguments) -> Result<PathBuf, MeasureError> {
    let folder = arguments.out.join(format!("clips-{VERSION}-{}-{}", arguments.seed, arguments.count));
    if folder.is_dir() {
        return Ok(folder);
    }
    let unfinished = arguments.out.join("clips.unfinished");
    if unfinished.is_dir() {
        std::fs::remove_dir_all(&unfinished).map_err(MeasureError::io(&unfinished))?;
    }
    let request = CollectionRequest {
        seed: arguments.seed,
        count: arguments.count,
        split: Some(Split::Test),
        kinds: SceneKind::ALL.to_vec(),
        size: SIZE,
        rate: RATE,
        lasts_secs: 10.0,
    };
    let mut told = 0;
    write_collection(&unfinished, &request, &mut |share| {
        let percent = (share * 100.0) as u32;
        if percent > told {
            told = percent;
            say(&format!("\rmaking clips: {percent} %"));
        }
        true
    })?;
    say("\n");
    std::fs::rename(&unfinished, &folder).map_err(MeasureError::io(&folder))?;
    Ok(folder)
}

/// Progress that nobody reads is no reason to stop.
fn say(text: &str) {
    let _ = write!(std::io::stderr(), "{text}");
}

struct Work<'a> {
    arguments: &'a MeasureArguments,
    shelf: &'a Shelf,
    models: &'a [String],
}

impl Work<'_> {
    fn request(&self, dataset: &Path, models: Vec<String>) -> Request {
        Request {
            dataset: dataset.to_owned(),
            models,
            protocols: Vec::new(),
            window: WindowChoice::Auto,
            also: Vec::new(),
            classes: None,
            limit: None,
            shard: None,
            pictures: true,
        }
    }

    fn evaluate(
        &self,
        dataset: &Path,
        name: &str,
        protocols: Vec<String>,
        also: Vec<ClipKind>,
    ) -> Result<RunSummary, MeasureError> {
        let out = self.arguments.out.join(name);
        let models = self.models.iter().cloned().chain(BASELINES.map(str::to_owned)).collect();
        let request = Request { protocols, also, ..self.request(dataset, models) };
        let options = RunOptions { out, jobs: self.arguments.jobs, save_heatmaps: false, retry_failed: false };
        let stop = Arc::new(AtomicBool::new(false));
        let outcome = evaluation::evaluate(&request, &options, self.shelf, &stop, |progress| {
            say(&format!("\r{name}: {} of {} clips  ", progress.done, progress.clips));
        })?;
        say("\n");
        match outcome {
            Outcome::Finished(run) => {
                let FinishedRun { summary, .. } = *run;
                Ok(summary)
            }
            Outcome::Stopped { .. } => Err(MeasureError::Stopped(options.out)),
        }
    }

    /// Whether the models that hear find the picture of a sound.
    fn retrieve(&self, dataset: &Path) -> Result<Vec<Retrieval>, MeasureError> {
        let request = self.request(dataset, self.models.to_vec());
        let stop = Arc::new(AtomicBool::new(false));
        let jobs = self.arguments.jobs;
        let run = evaluation::retrieve(&request, Similarity::Peak, None, jobs, self.shelf, &stop, |done, all| {
            say(&format!("\rretrieval: {done} of {all}  "));
        })?;
        say("\n");
        Ok(run.results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_gets_its_figures_beside_the_baselines() {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lvs-small");
        let (models, own) = (folder.path().join("models"), folder.path().join("models/lvs-small"));
        std::fs::create_dir_all(&own).unwrap();
        for name in ["model.toml", "weights.safetensors"] {
            std::fs::copy(shipped.join(name), own.join(name)).unwrap();
        }
        std::fs::write(own.join("README.md"), "# A card\n").unwrap();
        let arguments = |folder: PathBuf, out: PathBuf| MeasureArguments {
            folder,
            out,
            count: 1,
            seed: 5,
            protocols: ["howtolisten", "ssl-align:adaptive"].map(str::to_owned).to_vec(),
            jobs: 1,
            json: false,
        };
        let measured = arguments(models.clone(), folder.path().join("work"));
        let mut said = Vec::new();
        run(&measured, &mut said).unwrap();
        let overview = std::fs::read_to_string(models.join("README.md")).unwrap();
        assert!(overview.contains(&String::from_utf8(said).unwrap()));
        let card = std::fs::read_to_string(own.join("README.md")).unwrap();
        assert!(card.starts_with("# A card\n"));
        for word in ["`ssl-align:adaptive`", "`howtolisten`", "centre-box", "### traffic", "recall@10"] {
            assert!(card.contains(word), "{word}: {card}");
        }
        // What is there already is not made again, and comes out the same.
        run(&measured, &mut Vec::new()).unwrap();
        assert_eq!(std::fs::read_to_string(own.join("README.md")).unwrap(), card);
        let none = arguments(folder.path().join("work"), folder.path().join("other"));
        assert!(matches!(run(&none, &mut Vec::new()), Err(MeasureError::NoModels(_))));
    }
}
