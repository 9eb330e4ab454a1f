//! What an ONNX file claims, looked at before tract gets it: operators, inputs and outputs, sizes.

use std::collections::{BTreeSet, HashMap, HashSet};

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
/// Nodes, and arrays of weights; the largest networks have some thousands.
const MOST_NODES: usize = 1 << 13;
/// Places of the window of a convolution or pooling, and most that it is moved or its picture grows by.
const LARGEST_WINDOW: u64 = 1 << 20;
/// What may stand in a branch: what it makes is no larger than what it gets, whatever it gets.
const IN_BRANCHES: [&str; 11] =
    ["Cast", "Constant", "Flatten", "Identity", "If", "Reshape", "Shape", "Slice", "Squeeze", "Transpose", "Unsqueeze"];

/// Looks through a whole file. `is_known` tells which operators of ONNX's own can be run.
///
/// # Errors
/// All operators that cannot be run; weights that are not in the file, are fewer than their shape says or of an
/// unknown kind; outputs that nothing makes; names that are made twice, and nodes that need their own answers; more nodes
/// or larger windows than any network has.
pub fn survey(message: &ModelProto, is_known: impl Fn(&str) -> bool) -> Result<Survey, String> {
    let graph = message.graph.as_ref().ok_or("no ONNX network: there is no graph in it")?;
    let mut found = Found { is_known: &is_known, unknown: BTreeSet::new(), nodes: 0, tensors: 0, values: 0 };
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
    nodes: usize,
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
        self.nodes += graph.node.len();
        if self.nodes.max(self.tensors) > MOST_NODES {
            return Err(format!("it has more than {MOST_NODES} nodes or weights"));
        }
        // An input may have weights of its name, as its usual value.
        let mut made: HashSet<&str> = HashSet::new();
        let inputs = graph.input.iter().map(|input| input.name.as_str());
        let weights = graph.initializer.iter().map(|tensor| tensor.name.as_str());
        let others =
            graph.node.iter().flat_map(|node| &node.output).map(String::as_str).filter(|name| !name.is_empty());
        twice(inputs.clone())?;
        twice(weights.clone().chain(others.clone()))?;
        made.extend(inputs.chain(weights).chain(others));
        circles(graph)?;
        for node in &graph.node {
            let is_onnx = matches!(node.domain.as_str(), "" | "ai.onnx");
            // What the steps of a loop make is not known beforehand.
            if !is_onnx || !(self.is_known)(&node.op_type) || node.op_type == "Scan" {
                let domain = if is_onnx { String::new() } else { format!("{}:", node.domain) };
                self.unknown.insert(format!("{domain}{}", node.op_type));
            }
            if depth > 0 && !IN_BRANCHES.contains(&node.op_type.as_str()) {
                self.unknown.insert(format!("{} in a branch", node.op_type));
            }
            for attribute in &node.attribute {
                for tensor in attribute.t.iter().chain(&attribute.tensors) {
                    self.tensor(tensor)?;
                }
                for graph in attribute.g.iter().chain(&attribute.graphs) {
                    self.graph(graph, depth + 1)?;
                }
            }
            windows(node)?;
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

/// Refuses a name that is there twice.
fn twice<'a>(mut names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = HashSet::new();
    names.find(|name| !seen.insert(*name)).map_or(Ok(()), |name| Err(format!("'{name}' is made twice in it")))
}

/// Refuses windows of a convolution or pooling that no picture or sound has: tract lists their places one by one.
fn windows(node: &NodeProto) -> Result<(), String> {
    for attribute in &node.attribute {
        let fits = match attribute.name.as_str() {
            "kernel_shape" => count(&attribute.ints).is_some_and(|places| places <= LARGEST_WINDOW),
            "pads" | "strides" | "dilations" | "output_padding" | "output_shape" => {
                attribute.ints.iter().all(|&places| places.unsigned_abs() <= LARGEST_WINDOW)
            }
            _ => true,
        };
        if !fits {
            let (kind, name, ints) = (&node.op_type, &attribute.name, &attribute.ints);
            return Err(format!("{kind} '{}' has {name} {ints:?}, which is too much", node.name));
        }
    }
    Ok(())
}

/// Refuses nodes that need their own answers.
fn circles(graph: &GraphProto) -> Result<(), String> {
    let makers: HashMap<&str, usize> = graph
        .node
        .iter()
        .enumerate()
        .flat_map(|(index, node)| node.output.iter().map(move |name| (name.as_str(), index)))
        .collect();
    let mut takers = vec![Vec::new(); graph.node.len()];
    let mut missing = vec![0usize; graph.node.len()];
    for (taker, node) in graph.node.iter().enumerate() {
        for &maker in node.input.iter().filter(|name| !name.is_empty()).filter_map(|name| makers.get(name.as_str())) {
            takers[maker].push(taker);
            missing[taker] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..missing.len()).filter(|&index| missing[index] == 0).collect();
    while let Some(maker) = ready.pop() {
        for &taker in &takers[maker] {
            missing[taker] -= 1;
            if missing[taker] == 0 {
                ready.push(taker);
            }
        }
    }
    match graph.node.iter().zip(missing).find(|(_, missing)| *missing > 0) {
        Some((node, _)) => {
            let made = node.output.first().map(String::as_str).unwrap_or_default();
            Err(format!("{} needs '{made}', which it makes itself, by way of others", node.op_type))
        }
        None => Ok(()),
    }
}

/// Forgets the names of axes whose length is open: every length is set when the network is prepared, and a name may be a
/// formula of any depth.
pub fn forget_axis_names(graph: &mut GraphProto) {
    for input in &mut graph.input {
        let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_mut().and_then(|kind| kind.value.as_mut())
        else {
            continue;
        };
        for dim in tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim) {
            dim.value.take_if(|value| matches!(value, dimension::Value::DimParam(_)));
        }
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(forget_axis_names);
    }
}

/// Values of a shape; `None` for negative extents and more than can be counted.
fn count(extents: &[i64]) -> Option<u64> {
    extents.iter().try_fold(1u64, |count, &extent| count.checked_mul(u64::try_from(extent).ok()?))
}
