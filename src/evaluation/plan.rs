//! What a run will do: clips, opened models, settled protocols, and the description of all that.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::classes::ClassNumbers;
use super::description::{
    DatasetDescription, FileDescription, ModelDescription, ProtocolDescription, RunDescription, Shard, SoundDescription,
};
use super::error::EvaluationError;
use super::row::ClipKind;
use super::scorer::Scorer;
use crate::dataset::{self, Benchmark, Dataset, ScoredFrame};
use crate::localizers::store::{self, Shelf};
use crate::localizers::{Localizer, LocalizerError, WindowRule, registry};
use crate::metrics::{Binarization, GroundTruthRule, Protocol};

/// What is asked of a run.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whatever [`dataset::open`] understands; of a project, what is true in it now.
    pub dataset: PathBuf,
    /// Models as they are named on a command line.
    pub models: Vec<String>,
    /// Protocols by their texts; those of the benchmark's own tables where none is given.
    pub protocols: Vec<String>,
    pub window: WindowChoice,
    /// What every positive is asked with beside its own sound: [`ClipKind::Silence`], [`ClipKind::Noise`],
    /// [`ClipKind::OffScreen`].
    pub also: Vec<ClipKind>,
    pub limit: Option<usize>,
    pub shard: Option<Shard>,
    /// False where the models are saved maps, which need to know a picture's size at most.
    pub pictures: bool,
    /// Which of the numbered classes that a model tells apart are which labels of the dataset: a file as
    /// `--classes` takes it.
    pub classes: Option<PathBuf>,
}

impl Request {
    /// All clips of a dataset under the protocols of its own tables, each asked with its own sound.
    pub fn new(dataset: PathBuf, models: Vec<String>) -> Self {
        Self {
            dataset,
            models,
            protocols: Vec::new(),
            window: WindowChoice::Auto,
            also: Vec::new(),
            limit: None,
            shard: None,
            pictures: true,
            classes: None,
        }
    }
}

/// Where the audio window lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowChoice {
    /// As the authors' loaders cut it for a still or the middle frame; around the frame where annotations follow time.
    #[default]
    Auto,
    Always(WindowRule),
}

impl WindowChoice {
    pub(super) fn rule(self, scored: ScoredFrame) -> WindowRule {
        match (self, scored) {
            (Self::Always(rule), _) => rule,
            (Self::Auto, ScoredFrame::Still | ScoredFrame::Middle) => WindowRule::Benchmark,
            (Self::Auto, ScoredFrame::Secs(_) | ScoredFrame::EveryAnnotated) => WindowRule::Follow,
        }
    }

    /// Its word on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always(rule) => rule.name(),
        }
    }
}

impl FromStr for WindowChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Auto].into_iter().chain(WindowRule::ALL.map(Self::Always));
        all.into_iter()
            .find(|choice| choice.name() == text)
            .ok_or_else(|| format!("`{text}` is none of auto, follow, benchmark"))
    }
}

/// An opened model.
pub(super) struct PlannedModel {
    pub label: String,
    pub localizer: Arc<dyn Localizer>,
}

/// A request with everything opened.
pub(super) struct Plan {
    pub dataset: Dataset,
    /// Clips of this run, by their places in the dataset.
    pub clips: std::ops::Range<usize>,
    pub models: Vec<PlannedModel>,
    /// One a protocol of the rows, in the order of the description.
    pub scorers: Vec<Scorer>,
    pub window: WindowChoice,
    pub also: Vec<ClipKind>,
    pub pictures: bool,
    pub classes: Option<ClassNumbers>,
    pub description: RunDescription,
}

impl Plan {
    /// Opens the dataset and every model.
    ///
    /// # Errors
    /// The dataset, a model or a protocol is not what it should be.
    pub fn open(request: &Request, shelf: &Shelf) -> Result<Self, EvaluationError> {
        let dataset = dataset::open(&request.dataset)?;
        if dataset.clips.is_empty() {
            return Err(EvaluationError::Wrong(format!("{}: there are no clips in it", request.dataset.display())));
        }
        if request.models.is_empty() {
            return Err(EvaluationError::Wrong("name a model with --model".into()));
        }
        let rule = dataset.benchmark.ground_truth_rule();
        let (protocols, scorers) = protocols(&request.protocols, dataset.benchmark, rule)?;
        let mut models = Vec::new();
        let mut described = Vec::new();
        for (spec, label) in request.models.iter().zip(labels(&request.models)) {
            let (system, files) = store::resolve_spec(spec, shelf)?;
            let localizer: Arc<dyn Localizer> = registry::open(&system, &files)?.into();
            described.push(ModelDescription {
                label: label.clone(),
                system,
                spec: spec.clone(),
                files: files.iter().map(|file| describe_file(file)).collect::<Result<_, _>>()?,
                remark: localizer.info().remark.map(str::to_owned),
            });
            models.push(PlannedModel { label, localizer });
        }
        if request.limit == Some(0) {
            return Err(EvaluationError::Wrong("no clip is asked for: the limit is 0".into()));
        }
        let classes = request.classes.as_deref().map(ClassNumbers::read).transpose()?;
        let count = request.limit.unwrap_or(usize::MAX).min(dataset.clips.len());
        let clips = request.shard.map_or(0..count, |shard| shard.range(count));
        let description = RunDescription {
            software: format!("sonolens {}", env!("CARGO_PKG_VERSION")),
            dataset: DatasetDescription {
                name: dataset.name.clone(),
                path: request.dataset.clone(),
                benchmark: dataset.benchmark.name().to_owned(),
                list: dataset.report.list.clone(),
                clips: dataset.clips.len(),
                missing: dataset.report.missing.len(),
                corrected: dataset.report.corrected,
                sha256: fingerprint(&dataset),
                ground_truth: rule.to_string(),
            },
            models: described,
            protocols,
            sound: SoundDescription {
                window: request.window.name().to_owned(),
                also: request.also.iter().map(|kind| kind.word().to_owned()).collect(),
            },
            classes: request.classes.as_deref().map(describe_file).transpose()?,
            limit: request.limit,
            shard: request.shard,
        };
        Ok(Self {
            dataset,
            clips,
            models,
            scorers,
            window: request.window,
            also: request.also.clone(),
            pictures: request.pictures,
            classes,
            description,
        })
    }
}

/// The protocols of a benchmark's own tables.
pub fn usual_protocols(benchmark: Benchmark) -> &'static [&'static str] {
    match benchmark {
        Benchmark::VggSs | Benchmark::FlickrSoundNet | Benchmark::Plain => &["lvs"],
        Benchmark::ExtendedVggSs | Benchmark::ExtendedFlickr => &["slavc"],
        // SSL-Align's code aligns corners on every set but VGG-SS.
        Benchmark::Is3 | Benchmark::VpoSs | Benchmark::VpoMs => {
            &["ssl-align+upsample=bilinear-corners", "ssl-align:adaptive+upsample=bilinear-corners"]
        }
        Benchmark::AvsBenchS4 | Benchmark::AvsBenchMs3 => {
            &["ssl-align+upsample=bilinear-corners", "ssl-align:adaptive+upsample=bilinear-corners", "avsbench"]
        }
        Benchmark::MusicSolo => &["dsol:single"],
        Benchmark::MusicDuet => &["dsol:duet"],
        Benchmark::MusicSynthetic | Benchmark::Urbansas => &["howtolisten+success=0.3,0.5"],
        Benchmark::AudioSetInstruments => &["c2f"],
    }
}

/// The described protocols, and the scorers of the rows: several for one that reports the best of its thresholds.
fn protocols(
    texts: &[String],
    benchmark: Benchmark,
    rule: GroundTruthRule,
) -> Result<(Vec<ProtocolDescription>, Vec<Scorer>), EvaluationError> {
    let usual: Vec<String> = usual_protocols(benchmark).iter().map(|&text| text.to_owned()).collect();
    let texts = if texts.is_empty() { &usual } else { texts };
    let (mut described, mut scorers) = (Vec::<ProtocolDescription>::new(), Vec::<Scorer>::new());
    for text in texts {
        let protocol: Protocol = text.parse()?;
        let text = protocol.to_string();
        if described.iter().any(|known| known.protocol == text) {
            continue;
        }
        let tried: Vec<Protocol> = match protocol.binarization {
            Binarization::Sweep => Binarization::sweep_thresholds()
                .map(|threshold| {
                    let mut tried = protocol.clone();
                    tried.binarization = Binarization::FixedGe(threshold);
                    tried
                })
                .into(),
            _ => Vec::new(),
        };
        let settled = protocol.for_benchmark(rule);
        described.push(ProtocolDescription {
            protocol: text,
            choices: settled.choices(),
            success: protocol.success.clone(),
            tried: tried.iter().map(Protocol::to_string).collect(),
        });
        let of_rows = if tried.is_empty() { vec![protocol] } else { tried };
        for protocol in of_rows {
            let text = protocol.to_string();
            if scorers.iter().all(|scorer| scorer.text != text) {
                scorers.push(Scorer::new(protocol.for_benchmark(rule), text));
            }
        }
    }
    Ok((described, scorers))
}

/// A label a model: the id where that is enough, with the weights' name where it is not.
fn labels(specs: &[String]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for spec in specs {
        let (id, weights) = store::spec_parts(spec);
        let alone = specs.iter().filter(|other| store::spec_parts(other).0 == id).count() == 1;
        let names = weights.iter().filter_map(|file| file.file_stem()).map(|stem| stem.to_string_lossy());
        let names = names.collect::<Vec<_>>().join(",");
        let label = if alone || names.is_empty() { id.to_owned() } else { format!("{id}={names}") };
        let mut distinct = label.clone();
        let mut number = 2;
        while labels.contains(&distinct) {
            distinct = format!("{label} {number}");
            number += 1;
        }
        labels.push(distinct);
    }
    labels
}

fn describe_file(path: &Path) -> Result<FileDescription, EvaluationError> {
    let io =
        |error| EvaluationError::from(LocalizerError::Predictions { message: format!("{}: {error}", path.display()) });
    let facts = std::fs::metadata(path).map_err(io)?;
    if !facts.is_dir() {
        let sha256 = store::sha256_of(path).map_err(io)?;
        return Ok(FileDescription { path: path.to_owned(), bytes: facts.len(), sha256 });
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        names.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata().map_err(io)?.len()));
    }
    names.sort();
    let mut hash = Sha256::new();
    names.iter().for_each(|(name, bytes)| hash.update(format!("{name}\0{bytes}\0")));
    let bytes = names.iter().map(|(_, bytes)| bytes).sum();
    Ok(FileDescription { path: path.to_owned(), bytes, sha256: hexadecimal(&hash.finalize()) })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of what is asked of each clip and what is true of it; not of where its files lie.
fn fingerprint(dataset: &Dataset) -> String {
    let mut hash = Sha256::new();
    for clip in &dataset.clips {
        let facts = (&clip.id, &clip.class, clip.negative, &clip.annotations);
        // Writing plain data to memory does not fail.
        hash.update(serde_json::to_vec(&facts).unwrap_or_default());
    }
    hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_models_apart() {
        let specs = ["lvs=a/one.pth", "lvs=b/two.pth", "centre-box", "ez-vsl=x.pth,y.pth", "centre-box"];
        let specs = specs.map(str::to_owned);
        assert_eq!(labels(&specs), ["lvs=one", "lvs=two", "centre-box", "ez-vsl", "centre-box 2"]);
    }

    #[test]
    fn every_benchmark_has_protocols_that_exist() {
        for benchmark in [Benchmark::VggSs, Benchmark::Is3, Benchmark::Urbansas, Benchmark::AudioSetInstruments] {
            let (described, scorers) = protocols(&[], benchmark, benchmark.ground_truth_rule()).unwrap();
            assert_eq!(described.len(), scorers.len());
        }
    }

    #[test]
    fn a_protocol_that_takes_the_best_is_scored_at_every_threshold() {
        let texts = ["acl".to_owned(), "lvs".to_owned(), "lvs".to_owned()];
        let (described, scorers) = protocols(&texts, Benchmark::VggSs, GroundTruthRule::Union).unwrap();
        assert_eq!((described.len(), described[0].tried.len(), scorers.len()), (2, 19, 20));
        assert_eq!(scorers[0].text, described[0].tried[0]);
    }
}
