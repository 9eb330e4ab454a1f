//! How much a network may make while it is prepared and run, held against what its shapes say before anything of it is
//! computed: tract computes what depends on constants alone already while it infers shapes.

use anyhow::Context;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact};
use tract_onnx::tract_hir::internal::IntoRunnable;

/// Most values that one array may have.
const MOST_VALUES: u64 = 1 << 28;
/// Most values of all arrays that are made for one answer.
const MOST_VALUES_TOGETHER: u64 = 1 << 33;
/// Most multiplications for one answer: some ten times those of large image networks.
const MOST_MULTIPLICATIONS: u64 = 1 << 42;
/// Most bytes of the arrays that are there at the same time, weights aside.
const MOST_BYTES_AT_ONCE: u64 = 4 << 30;

/// A network whose inputs have fixed shapes, prepared to run.
///
/// # Errors
/// Whatever tract cannot infer or prepare; arrays whose shapes cannot be told beforehand; arrays and amounts of work that
/// are too large.
pub fn prepared(model: InferenceModel) -> TractResult<Arc<TypedRunnableModel>> {
    // What no output needs would be computed as well.
    let mut model = model.into_compact()?;
    infer(&mut model)?;
    let typed = model.into_typed()?;
    check(&typed)?;
    let optimized = typed.into_optimized()?;
    check(&optimized)?;
    let steps = optimized.eval_tmp_memory_usage(&optimized.eval_order()?, |node| !node.op_is::<Const>())?;
    let most = steps.iter().map(|(_, bytes)| number(bytes)).max().unwrap_or_default();
    if most > MOST_BYTES_AT_ONCE {
        anyhow::bail!("its arrays would take {most} bytes at the same time; at most {MOST_BYTES_AT_ONCE} are possible");
    }
    optimized.into_runnable()
}

/// Shapes from the inputs on, node after node: first the shapes of what a node will make, then, if they are small enough,
/// what tract makes of it, values of constants included.
fn infer(model: &mut InferenceModel) -> TractResult<()> {
    let mut together = 0u64;
    for id in model.eval_order()? {
        let node = model.node(id);
        if node.inputs.is_empty() && node.outputs.iter().all(|outlet| outlet.fact.shape.is_concrete()) {
            continue;
        }
        let name = told(node);
        let mut op = node.op.clone();
        let observed = op.observe_outlets(model, node)?;
        let observed =
            observed.into_iter().map(|outlet| model.outlet_fact(outlet)).collect::<TractResult<TVec<_>>>()?;
        let (inputs, outputs) = model.node_facts(id)?;
        let at = || name.clone();
        let (_, facts, _) = op.infer_facts(inputs.clone(), outputs.clone(), observed.clone()).with_context(at)?;
        for fact in &facts {
            together = added(together, extents(fact, &name)?, &name)?;
        }
        let (_, facts, _) = op.infer(inputs, outputs, observed).with_context(at)?;
        for (slot, fact) in facts.into_iter().enumerate() {
            extents(&fact, &name)?;
            model.set_outlet_fact(OutletId::new(id, slot), fact)?;
        }
    }
    Ok(())
}

/// The lengths of an array's axes.
fn extents(fact: &InferenceFact, name: &str) -> TractResult<Vec<u64>> {
    let shape = fact.shape.concretize();
    let shape = shape.with_context(|| format!("how large the answer of {name} becomes cannot be told beforehand"))?;
    let extent = |dim: &TDim| dim.to_i64().ok().and_then(|extent| u64::try_from(extent).ok());
    let extents = shape.iter().map(extent).collect::<Option<_>>();
    extents.with_context(|| format!("the shape of the answer of {name} depends on values"))
}

/// Arrays and work of a network whose shapes are all known.
fn check(model: &TypedModel) -> TractResult<()> {
    let (mut together, mut multiplications) = (0u64, 0u64);
    for id in model.eval_order()? {
        let node = model.node(id);
        let name = told(node);
        for outlet in &node.outputs {
            let shape = outlet.fact.shape.as_concrete();
            let shape = shape.with_context(|| format!("the shape of the answer of {name} depends on values"))?;
            together = added(together, shape.iter().map(|&extent| extent as u64).collect(), &name)?;
        }
        let costs = node.op.cost(&model.node_input_facts(id)?)?;
        let work = costs.iter().filter(|(cost, _)| cost.is_compute()).map(|(_, count)| number(count));
        multiplications = work.fold(multiplications, u64::saturating_add);
        if multiplications > MOST_MULTIPLICATIONS {
            anyhow::bail!("an answer would take more than {MOST_MULTIPLICATIONS} multiplications, by {name}");
        }
    }
    Ok(())
}

/// Values of all arrays, with one more of this shape.
fn added(together: u64, shape: Vec<u64>, name: &str) -> TractResult<u64> {
    let count = shape.iter().try_fold(1u64, |count, &extent| count.checked_mul(extent));
    match count.filter(|&count| count <= MOST_VALUES) {
        None => {
            let shape = shape.iter().map(u64::to_string).collect::<Vec<_>>().join("×");
            anyhow::bail!("{name} makes an array too large, of {shape} values; at most {MOST_VALUES} are possible")
        }
        Some(count) if together + count > MOST_VALUES_TOGETHER => {
            anyhow::bail!("its arrays are too large together: more than {MOST_VALUES_TOGETHER} values up to {name}")
        }
        Some(count) => Ok(together + count),
    }
}

/// A count; one that is not known is the largest.
fn number(count: &TDim) -> u64 {
    count.to_i64().ok().and_then(|count| u64::try_from(count).ok()).unwrap_or(u64::MAX)
}

/// What a node is called in a message.
fn told<F: Fact, O: std::fmt::Display>(node: &Node<F, O>) -> String {
    format!("'{}' ({})", node.name, node.op)
}
