//! The state of a run on disk: one safetensors file with every value and moment, and where the run stands in its
//! metadata. It is written beside the old one and put in its place by renaming, so a run that is killed at any point
//! finds one or the other whole.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::learners::Learner;
use super::plan::Plan;
use super::validation::Validation;

/// One point of a run's curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// The mean of the steps' losses.
    pub loss: f64,
    pub rate: f64,
    pub validation: Option<Validation>,
    /// Seconds of training until here, validation included, preparation left out.
    pub seconds: f64,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub plan: Plan,
    /// What it learns from.
    pub data: String,
    /// The epoch that is running, from 0, and the next step in it.
    pub epoch: usize,
    pub step: usize,
    /// Steps done in all.
    pub steps: u64,
    /// The losses of this epoch's steps, summed.
    pub loss_sum: f64,
    pub curve: Vec<Epoch>,
    /// The epoch (from 1) that localized best.
    pub best: Option<usize>,
    pub seconds: f64,
}

impl Progress {
    pub fn start(plan: &Plan, data: String) -> Self {
        Self {
            plan: plan.clone(),
            data,
            epoch: 0,
            step: 0,
            steps: 0,
            loss_sum: 0.0,
            curve: Vec::new(),
            best: None,
            seconds: 0.0,
        }
    }
}

/// The name of the file in a run's folder.
pub(super) const FILE_NAME: &str = "run.safetensors";
const PROGRESS_KEY: &str = "progress";
const PARTS: [&str; 3] = ["value", "first", "second"];

/// Writes the state of a run.
pub(super) fn save(folder: &Path, progress: &Progress, learner: &mut dyn Learner) -> Result<(), TrainError> {
    let path = folder.join(FILE_NAME);
    let io = |error| TrainError::Io { path: path.clone(), error };
    let mut parts: Vec<(String, Vec<f32>)> = Vec::new();
    learner.visit(&mut |parameter| {
        let [first, second] = &parameter.moments;
        for (part, values) in PARTS.into_iter().zip([&parameter.values, first, second]) {
            if !values.is_empty() {
                parts.push((format!("{part}.{}", parameter.key), values.clone()));
            }
        }
    });
    let damaged = |problem: String| TrainError::Damaged { path: path.clone(), problem };
    let mut views = Vec::new();
    for (key, values) in &parts {
        let view = TensorView::new(Dtype::F32, vec![values.len()], bytemuck::cast_slice(values));
        views.push((key.as_str(), view.map_err(|error| damaged(error.to_string()))?));
    }
    let text = serde_json::to_string(progress).map_err(|error| damaged(error.to_string()))?;
    let metadata = HashMap::from([(PROGRESS_KEY.to_owned(), text)]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| damaged(error.to_string()))?;
    let unfinished = folder.join(format!(".{FILE_NAME}.unfinished"));
    let mut file = std::fs::File::create(&unfinished).map_err(io)?;
    std::io::Write::write_all(&mut file, &bytes).and_then(|()| file.sync_all()).map_err(io)?;
    std::fs::rename(&unfinished, &path).map_err(io)
}

/// Reads the state of a run into its learner; nothing where the folder has none.
///
/// # Errors
/// A state of another plan or of other data, and a file that is not whole.
pub(super) fn load(
    folder: &Path,
    plan: &Plan,
    data: &str,
    learner: &mut dyn Learner,
) -> Result<Option<Progress>, TrainError> {
    let path = folder.join(FILE_NAME);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TrainError::Io { path, error }),
    };
    let damaged = |problem: String| TrainError::Damaged { path: path.clone(), problem };
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get(PROGRESS_KEY));
    let text = text.ok_or_else(|| damaged("it does not say where the run stands".to_owned()))?;
    let progress: Progress = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    if let Some(difference) = difference(&progress, plan, data) {
        return Err(TrainError::OtherRun { path, difference });
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
    let mut problem = None;
    learner.visit(&mut |parameter| {
        for (index, part) in PARTS.into_iter().enumerate() {
            let key = format!("{part}.{}", parameter.key);
            let found = tensors.tensor(&key).ok().filter(|view| view.dtype() == Dtype::F32);
            let values: Option<Vec<f32>> = found.map(|view| {
                let bytes = view.data().chunks_exact(4);
                bytes.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect()
            });
            match (index, values) {
                (_, Some(values)) if values.len() != parameter.values.len() => {
                    problem = Some(format!("{key} has {} values", values.len()));
                }
                (0, Some(values)) => parameter.values = values,
                (0, None) => problem = Some(format!("{key} is missing")),
                (_, Some(values)) => parameter.moments[index - 1] = values,
                (_, None) => parameter.moments[index - 1] = Vec::new(),
            }
        }
    });
    match problem {
        Some(problem) => Err(damaged(problem)),
        None => Ok(Some(progress)),
    }
}

/// What of a stored run is not what is asked for now. More epochs may be asked for than before.
fn difference(progress: &Progress, plan: &Plan, data: &str) -> Option<String> {
    if progress.data != data {
        return Some(format!("it learns from {}", progress.data));
    }
    let same_length = Plan { epochs: plan.epochs, ..progress.plan.clone() };
    if same_length != *plan {
        return Some("its options are others".to_owned());
    }
    (plan.epochs != progress.plan.epochs && plan.schedule == "cosine")
        .then(|| format!("its cosine schedule is over {} epochs", progress.plan.epochs))
}
