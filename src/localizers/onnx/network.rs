//! A network out of an ONNX file, run by tract on one thread.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use tract_onnx::prelude::*;

use super::bounds::prepared;
use super::survey::{Survey, forget_axis_names, survey};
use super::{Port, listed};
use crate::localizers::cosine::shaped;
use crate::localizers::{Array, LocalizerError, Result};
use crate::network::open_plain;

pub const AVAILABLE: bool = true;

/// A protobuf message cannot be larger.
const LARGEST_BYTES: u64 = (1 << 31) - 1;
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
        let mut file = open_plain(path).map_err(|error| wrong(error.to_string()))?;
        let size = file.metadata().map_err(|error| wrong(error.to_string()))?.len();
        if size > LARGEST_BYTES {
            return Err(wrong("an ONNX file is smaller than 2 GiB".to_owned()));
        }
        // Facts that a file states beside its network are not needed, and may be wrong.
        let framework = onnx().with_ignore_value_info(true);
        let mut message = guarded(|| framework.proto_model_for_read(&mut file))
            // The way to the place through messages in messages is left out; it says nothing.
            .map_err(|problem| {
                wrong(format!("no ONNX network: {}", problem.rsplit(": ").next().unwrap_or(&problem)))
            })?;
        let survey = survey(&message, |operator| framework.op_register.0.contains_key(operator)).map_err(wrong)?;
        message.graph.iter_mut().for_each(forget_axis_names);
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
            prepared(model)
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

/// What `work` answers; a panic in it becomes an error, since tract meets some damaged files with one. It is told as the
/// error and not on the console.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> std::result::Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                usual(panic);
            }
        }));
    });
    GUARDED.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    match outcome {
        Ok(answer) => answer.map_err(|error| format!("{error:#}")),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given");
            Err(format!("tract, which runs networks, cannot handle it: {text}"))
        }
    }
}

thread_local! {
    /// Whether this thread is inside [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}
