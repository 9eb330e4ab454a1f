//! What an ONNX file claims, looked at before tract gets it: operators, inputs and outputs, sizes.

use std::collections::{BTreeSet, HashSet};

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, type_proto};

use super::Port;

/// What was found.
#[derive(Debug, PartialEq)]
pub struct Survey {
    pub inputs: Vec<Port>,
    pub outputs: Vec<String>,
    /// Arrays of weights.
    pub tensors: usize,
    /// Values in all of them.
    pub values: usize,
}

/// Graphs inside graphs, as of loops and branches.
const DEEPEST: usize = 16;
/// Most values of an array whose shape stands in the file as numbers.
const MOST_VALUES: u64 = 1 << 28;

/// Looks through a whole file. `is_known` tells which operators of ONNX's own can be run.
///
/// # Errors
/// All operators that cannot be run; weights that are not in the file, are fewer than their shape says or of an
/// unknown kind; outputs that nothing makes; shapes that stand for terabytes.
pub fn survey(message: &ModelProto, is_known: impl Fn(&str) -> bool) -> Result<Survey, String> {
    let graph = message.graph.as_ref().ok_or("no ONNX network: there is no graph in it")?;
    let mut found = Found { is_known: &is_known, unknown: BTreeSet::new(), tensors: 0, values: 0 };
    found.graph(graph, 0)?;
    if !found.unknown.is_empty() {
        let all = found.unknown.into_iter().collect::<Vec<_>>().join(", ");
        return Err(format!("operators that cannot be run here: {all}"));
    }
    let weights: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let inputs = graph.input.iter().filter(|input| !weights.contains(input.name.as_str())).map(port);
    let outputs: Vec<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    Ok(Survey { inputs: inputs.collect::<Result<_, _>>()?, outputs, tensors: found.tensors, values: found.values })
}

fn port(input: &ValueInfoProto) -> Result<Port, String> {
    let name = input.name.clone();
    let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
        return Err(format!("its input '{name}' is no array"));
    };
    if tensor.elem_type != DataType::Float as i32 {
        return Err(format!("its input '{name}' does not take 32-bit floating point"));
    }
    let extent = |value: &Option<dimension::Value>| match value {
        Some(dimension::Value::DimValue(extent)) => usize::try_from(*extent).ok().filter(|&extent| extent > 0),
        _ => None,
    };
    let shape = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(|dim| extent(&dim.value)).collect());
    Ok(Port { name, shape })
}

struct Found<'a> {
    is_known: &'a dyn Fn(&str) -> bool,
    unknown: BTreeSet<String>,
    tensors: usize,
    values: usize,
}

impl Found<'_> {
    fn graph(&mut self, graph: &GraphProto, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("graphs are nested more than {DEEPEST} deep"));
        }
        for tensor in &graph.initializer {
            self.tensor(tensor)?;
            self.tensors += 1;
        }
        let mut made: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        made.extend(graph.input.iter().map(|input| input.name.as_str()));
        for node in &graph.node {
            let is_onnx = matches!(node.domain.as_str(), "" | "ai.onnx");
            if !is_onnx || !(self.is_known)(&node.op_type) {
                let domain = if is_onnx { String::new() } else { format!("{}:", node.domain) };
                self.unknown.insert(format!("{domain}{}", node.op_type));
            }
            made.extend(node.output.iter().map(String::as_str));
            for attribute in &node.attribute {
                for tensor in attribute.t.iter().chain(&attribute.tensors) {
                    self.tensor(tensor)?;
                }
                for graph in attribute.g.iter().chain(&attribute.graphs) {
                    self.graph(graph, depth + 1)?;
                }
            }
            made_shape(node, graph)?;
        }
        match graph.output.iter().find(|output| !made.contains(output.name.as_str())) {
            // Graphs inside others may pass on what the outer one made.
            Some(output) if depth == 0 => Err(format!("nothing makes its output '{}'", output.name)),
            _ if graph.output.is_empty() => Err("a graph in it has no output".to_owned()),
            _ => Ok(()),
        }
    }

    fn tensor(&mut self, tensor: &TensorProto) -> Result<(), String> {
        let name = &tensor.name;
        if tensor.data_location == Some(DataLocation::External as i32) || !tensor.external_data.is_empty() {
            return Err(format!("the weights '{name}' lie in another file; save the network as one file"));
        }
        let claimed = count(&tensor.dims).ok_or_else(|| format!("the weights '{name}' have no possible shape"))?;
        let kind = DataType::try_from(tensor.data_type).unwrap_or(DataType::Undefined);
        let bytes_each = match kind {
            DataType::Bool | DataType::Int8 | DataType::Uint8 => 1,
            DataType::Float16 | DataType::Int16 | DataType::Uint16 => 2,
            DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
            DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
            _ => return Err(format!("the weights '{name}' are of a kind of number that cannot be run here")),
        };
        let listed = [
            tensor.float_data.len(),
            tensor.int32_data.len(),
            tensor.int64_data.len(),
            tensor.double_data.len(),
            tensor.uint64_data.len(),
        ];
        let held = if tensor.raw_data.is_empty() {
            listed.iter().copied().max().unwrap_or_default() as u64
        } else {
            tensor.raw_data.len() as u64 / bytes_each
        };
        let uneven = !(tensor.raw_data.len() as u64).is_multiple_of(bytes_each);
        if held != claimed || uneven {
            return Err(format!("the weights '{name}' hold {held} values, their shape says {claimed}"));
        }
        self.values = self.values.saturating_add(usize::try_from(claimed).unwrap_or(usize::MAX));
        Ok(())
    }
}

/// Refuses arrays that would be filled to a shape which stands in the file as numbers and is enormous.
fn made_shape(node: &NodeProto, graph: &GraphProto) -> Result<(), String> {
    let place = match node.op_type.as_str() {
        "ConstantOfShape" => 0,
        "Expand" | "Tile" => 1,
        _ => return Ok(()),
    };
    let Some(name) = node.input.get(place) else { return Ok(()) };
    let constants = graph.node.iter().filter(|other| other.op_type == "Constant" && other.output.contains(name));
    let constants = constants.flat_map(|other| &other.attribute).filter_map(|attribute| attribute.t.as_ref());
    let weights = graph.initializer.iter().filter(|tensor| tensor.name == *name);
    for tensor in weights.chain(constants) {
        let raw = tensor.raw_data.chunks_exact(8);
        let raw = raw.map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap_or_default()));
        let extents: Vec<i64> = if tensor.raw_data.is_empty() { tensor.int64_data.clone() } else { raw.collect() };
        if count(&extents).is_none_or(|count| count > MOST_VALUES) {
            return Err(format!("{} '{}' asks for an array of shape {extents:?}", node.op_type, node.name));
        }
    }
    Ok(())
}

/// Values of a shape; `None` for negative extents and more than can be counted.
fn count(extents: &[i64]) -> Option<u64> {
    extents.iter().try_fold(1u64, |count, &extent| count.checked_mul(u64::try_from(extent).ok()?))
}
