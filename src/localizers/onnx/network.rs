//! A network out of an ONNX file, run by tract on one thread.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;

use super::survey::{Survey, survey};
use super::{Port, listed};
use crate::localizers::cosine::shaped;
use crate::localizers::{Array, LocalizerError, Result};

pub const AVAILABLE: bool = true;

/// A protobuf message cannot be larger.
const LARGEST_BYTES: u64 = (1 << 31) - 1;
/// Most values that one array inside a network may have.
const MOST_VALUES: u64 = 1 << 28;
/// Shapes of input that stay prepared.
const PLANS_KEPT: usize = 8;

type Plan = Arc<TypedRunnableModel>;
/// The shapes of all inputs.
type Shapes = Vec<Vec<usize>>;

/// A network that was read and found to consist of operators that can be run. It is prepared for every shape of its
/// inputs when that shape first comes.
pub struct Network {
    path: PathBuf,
    model: InferenceModel,
    survey: Survey,
    plans: Mutex<HashMap<Shapes, Plan>>,
}

impl Network {
    /// Reads a file.
    ///
    /// # Errors
    /// What is no ONNX, claims more than it holds, keeps weights elsewhere, or has operators that cannot be run.
    pub fn open(path: &Path) -> Result<Self> {
        let wrong = |problem: String| LocalizerError::Described { place: path.to_owned(), problem };
        let size = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
        if size > LARGEST_BYTES {
            return Err(wrong("an ONNX file is smaller than 2 GiB".to_owned()));
        }
        let mut file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
        let framework = onnx();
        let message = guarded(|| framework.proto_model_for_read(&mut file))
            .map_err(|problem| wrong(format!("no ONNX: {problem}")))?;
        let survey = survey(&message, |operator| framework.op_register.0.contains_key(operator)).map_err(wrong)?;
        let model = guarded(|| {
            let parsed = framework.parse(&message, None)?;
            if !parsed.unresolved_inputs.is_empty() {
                anyhow::bail!("nothing makes {}", parsed.unresolved_inputs.join(", "));
            }
            Ok(parsed.model)
        })
        .map_err(wrong)?;
        Ok(Self { path: path.to_owned(), model, survey, plans: Mutex::default() })
    }

    pub fn inputs(&self) -> &[Port] {
        &self.survey.inputs
    }

    pub fn outputs(&self) -> &[String] {
        &self.survey.outputs
    }

    /// Arrays of weights.
    pub fn tensors(&self) -> usize {
        self.survey.tensors
    }

    /// Values in all of them.
    pub fn values(&self) -> usize {
        self.survey.values
    }

    /// The answer at `output` to `inputs`, which come without leading axes of length 1 and get as many as the network
    /// has.
    ///
    /// # Errors
    /// Inputs of another shape than the network's, arrays that would be too large, and whatever fails inside.
    pub fn run(&self, inputs: Vec<Array>, output: usize) -> Result<Array> {
        let mut shapes = Shapes::new();
        for (port, array) in self.survey.inputs.iter().zip(&inputs) {
            shapes.push(port.fitted(array.shape()).map_err(|problem| self.wrong(problem))?);
        }
        let plan = self.plan(&shapes)?;
        let answer = guarded(|| {
            let mut tensors = TVec::new();
            for (shape, array) in shapes.iter().zip(&inputs) {
                tensors.push(Tensor::from_shape(shape, array.values())?.into_tvalue());
            }
            let mut answers = plan.run(tensors)?;
            anyhow::ensure!(output < answers.len(), "it has no output {output}");
            let answer = answers.swap_remove(output).into_tensor();
            let shape = answer.shape().to_vec();
            let values = answer.cast_to::<f32>()?.to_plain_array_view::<f32>()?.iter().copied().collect::<Vec<f32>>();
            Ok((shape, values))
        });
        let (shape, values) = answer.map_err(|problem| self.wrong(problem))?;
        shaped(&shape, values)
    }

    /// The network prepared for inputs of these shapes.
    fn plan(&self, shapes: &Shapes) -> Result<Plan> {
        if let Some(plan) = self.plans.lock().unwrap_or_else(PoisonError::into_inner).get(shapes) {
            return Ok(Arc::clone(plan));
        }
        let plan = guarded(|| {
            let mut model = self.model.clone();
            for (index, shape) in shapes.iter().enumerate() {
                model.set_input_fact(index, f32::fact(shape).into())?;
            }
            model.analyse(false)?;
            for node in model.nodes() {
                for outlet in &node.outputs {
                    let Some(dims) = outlet.fact.shape.concretize() else { continue };
                    let extents =
                        dims.iter().map(|dim| dim.to_i64().ok().and_then(|extent| u64::try_from(extent).ok()));
                    let count = extents
                        .collect::<Option<Vec<u64>>>()
                        .map(|extents| extents.into_iter().try_fold(1u64, u64::checked_mul).unwrap_or(u64::MAX));
                    anyhow::ensure!(
                        count.is_none_or(|count| count <= MOST_VALUES),
                        "{} makes an array too large",
                        node.name
                    );
                }
            }
            model.into_optimized()?.into_runnable()
        })
        .map_err(|problem| {
            let shapes = shapes.iter().map(|shape| listed(shape)).collect::<Vec<_>>().join(" and ");
            self.wrong(format!("it does not take {shapes}: {problem}"))
        })?;
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= PLANS_KEPT {
            plans.clear();
        }
        plans.insert(shapes.clone(), Arc::clone(&plan));
        Ok(plan)
    }

    fn wrong(&self, problem: String) -> LocalizerError {
        LocalizerError::Described { place: self.path.clone(), problem }
    }
}

impl Port {
    /// A shape with as many leading axes of length 1 as this input has.
    fn fitted(&self, shape: &[usize]) -> std::result::Result<Vec<usize>, String> {
        // A vector of samples is mostly taken with a batch, a spectrogram or picture with batch and channel.
        let usual = if shape.len() == 1 { 2 } else { 4 };
        let rank = self.shape.as_ref().map_or(usual, Vec::len);
        let leading = rank.checked_sub(shape.len());
        let fitted = leading.map(|leading| [vec![1; leading], shape.to_vec()].concat());
        let fits = |fitted: &Vec<usize>| {
            self.shape
                .as_ref()
                .is_none_or(|own| own.iter().zip(fitted).all(|(own, extent)| own.is_none_or(|own| own == *extent)))
        };
        fitted.filter(fits).ok_or_else(|| {
            let axis = |extent: &Option<usize>| extent.map_or("?".to_owned(), |extent| extent.to_string());
            let own = self.shape.iter().flatten().map(axis).collect::<Vec<_>>().join("×");
            format!("its input '{}' is {own}, the description makes {}", self.name, listed(shape))
        })
    }
}

/// What `work` answers; a panic in it becomes an error, since tract meets some damaged files with one.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> std::result::Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer.map_err(|error| format!("{error:#}")),
        Err(_) => Err("tract cannot handle it".to_owned()),
    }
}
