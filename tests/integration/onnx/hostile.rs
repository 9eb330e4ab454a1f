//! Files that no exporter writes: each ends in one sentence that names the file, soon, and within bounded memory.

use std::path::Path;
use std::process::{Command, Stdio};

use super::protobuf::{Axis, FLOAT, Graph, INT64, Message, STRING, floats, integers, node, tensor, value};
use super::*;

const DESCRIPTION: &str = r#"
[image]
file = "image.onnx"
side = 16
[sound]
file = "sound.onnx"
rate = 1000
window_secs = 0.5
front_end = "waveform"
"#;

fn picture() -> Message {
    value("image", FLOAT, &[Axis::Named("batch"), Axis::Long(3), Axis::Long(16), Axis::Long(16)])
}

/// A network that answers a picture with three channels, by these nodes and weights.
fn of_picture(nodes: &[Message], weights: &[Message]) -> Graph {
    let outputs = vec![value("answer", FLOAT, &[])];
    Graph { nodes: nodes.to_vec(), weights: weights.to_vec(), inputs: vec![picture()], outputs }
}

/// The network of the sound: three values of 500 samples.
fn of_sound() -> Graph {
    Graph {
        nodes: vec![node("MatMul", &["samples", "w"], &["answer"])],
        weights: vec![floats("w", &[500, 3], &[0.01; 1500])],
        inputs: vec![value("samples", FLOAT, &[Axis::Long(1), Axis::Long(500)])],
        outputs: vec![value("answer", FLOAT, &[Axis::Long(1), Axis::Long(3)])],
    }
}

fn placed(folder: &Path, image: &[u8], description: &str) -> PathBuf {
    std::fs::write(folder.join("image.onnx"), image).unwrap();
    std::fs::write(folder.join("sound.onnx"), of_sound().file()).unwrap();
    let path = folder.join("mine.toml");
    std::fs::write(&path, description).unwrap();
    path
}

/// What is said of these bytes as the network of the picture.
fn opened(image: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = placed(folder.path(), image, DESCRIPTION);
    registry::open("onnx", &[path]).map(drop).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(image: &Graph, part: &str) {
    let refusal = opened(&image.file()).expect_err(part);
    assert!(refusal.contains("image.onnx: ") && refusal.contains(part), "{part}: {refusal}");
    assert!(!refusal.contains('\n') && refusal.len() < 600, "{refusal}");
}

#[test]
fn plain_networks_open() {
    opened(&of_picture(&[node("Relu", &["image"], &["answer"])], &[]).file()).unwrap();
    // Values of constants are computed beforehand, names of axes may be any, and a branch may be inside.
    let branch = |operator: &str| Graph {
        nodes: vec![node(operator, &["rectified"], &["out"])],
        outputs: vec![value("out", FLOAT, &[])],
        ..Graph::default()
    };
    let deep = "(".repeat(1 << 20);
    let mut network = of_picture(
        &[
            node("Mul", &["one", "one"], &["product"]),
            node("Expand", &["one", "shape"], &["ones"]),
            node("Mul", &["image", "ones"], &["scaled"]),
            node("Relu", &["scaled"], &["rectified"]),
            node("If", &["yes"], &["answer"])
                .with_graph("then_branch", &branch("Identity").message())
                .with_graph("else_branch", &branch("Identity").message()),
        ],
        &[floats("one", &[1], &[1.0]), integers("shape", &[1, 3, 1, 1]), tensor("yes", &[], 9).bytes(9, &[1])],
    );
    network.inputs =
        vec![value("image", FLOAT, &[Axis::Named(&deep), Axis::Long(3), Axis::Named("h"), Axis::Named("w")])];
    opened(&network.file()).unwrap();
}

#[test]
fn weights_that_claim_more_than_they_hold_are_refused() {
    let with = |weights: Message| of_picture(&[node("Add", &["image", "w"], &["answer"])], &[weights]);
    for dims in [&[1i64 << 40][..], &[1 << 20, 1 << 20], &[3, 1, 5]] {
        refused(&with(floats("w", dims, &[1.0; 3])), "the weights 'w' hold 3 values, their shape says");
    }
    for dims in [&[-1i64][..], &[i64::MIN, 2], &[i64::MAX, i64::MAX], &[1 << 32, 1 << 32]] {
        refused(&with(floats("w", dims, &[1.0; 3])), "the weights 'w' have no possible shape");
    }
    refused(&with(tensor("w", &[3], 1 << 20)), "a kind of number");
    refused(&with(tensor("w", &[1], STRING).text(6, "one")), "a kind of number");
    refused(&with(tensor("w", &[3], FLOAT).bytes(9, &[0; 13])), "hold 3 values");
    refused(&with(tensor("w", &[1 << 40], FLOAT)), "hold 0 values, their shape says 1099511627776");
}

#[test]
fn weights_in_other_files_are_refused_wherever_they_lie() {
    for location in ["../../../../etc/passwd", "/etc/passwd", "beside.bin", "", "\\\\host\\share"] {
        let place = Message::default().text(1, "location").text(2, location);
        for location_kind in [0, 1] {
            let weights = tensor("w", &[3], FLOAT).message(13, &place).number(14, location_kind);
            let network = of_picture(&[node("Add", &["image", "w"], &["answer"])], &[weights]);
            refused(&network, "the weights 'w' lie in another file; save the network as one file");
        }
    }
}

#[test]
fn graphs_that_lead_nowhere_are_refused() {
    let add = |inputs: [&str; 2], output: &str| node("Add", &inputs, &[output]);
    refused(&of_picture(&[add(["image", "answer"], "answer")], &[]), "Add needs 'answer', which it makes itself");
    let circle = [add(["image", "b"], "a"), add(["image", "a"], "b"), node("Relu", &["b"], &["answer"])];
    refused(&of_picture(&circle, &[]), "which it makes itself");
    refused(&of_picture(&[add(["image", "nowhere"], "answer")], &[]), "nothing makes nowhere");
    refused(&of_picture(&[node("Relu", &["image"], &["other"])], &[]), "nothing makes its output 'answer'");
    let twice = [node("Relu", &["image"], &["answer"]), node("Neg", &["image"], &["answer"])];
    refused(&of_picture(&twice, &[]), "'answer' is made twice");
    let one = floats("one", &[1], &[1.0]);
    refused(&of_picture(&[add(["image", "one"], "answer")], &[one.clone(), one]), "'one' is made twice");
    let mut network = of_picture(&[node("Relu", &["image"], &["answer"])], &[]);
    network.inputs.push(picture());
    refused(&network, "'image' is made twice");
    // The order of nodes is no matter.
    let backwards = [node("Relu", &["a"], &["answer"]), node("Neg", &["image"], &["a"])];
    opened(&of_picture(&backwards, &[]).file()).unwrap();
}

#[test]
fn outputs_that_are_no_features_are_refused() {
    let mut network = of_picture(&[node("Relu", &["image"], &["answer"])], &[]);
    network.outputs = Vec::new();
    refused(&network, "has no output");
    let (rows, shape) = (integers("rows", &[16]), node("Shape", &["image"], &["answer"]));
    let said = opened(&of_picture(&[shape], &[]).file()).unwrap_err();
    assert!(said.contains("the image network answers 4, which are not image.features"), "{said}");
    let flat = node("Flatten", &["image"], &["answer"]);
    let said = opened(&of_picture(&[flat], &[]).file()).unwrap_err();
    assert!(said.contains("answers 1×768, which are not image.features"), "{said}");
    let words = node("Constant", &[], &["answer"]);
    let word = Message::default().text(1, "value").message(5, &tensor("", &[1], STRING).text(6, "x")).number(20, 4);
    refused(&of_picture(&[words.message(5, &word)], &[rows]), "a kind of number");
    let nothing = node("Slice", &["image", "zero", "zero", "two"], &["answer"]);
    let said = opened(&of_picture(&[nothing], &[integers("zero", &[0]), integers("two", &[2])]).file()).unwrap_err();
    assert!(said.contains("1×3×0×16"), "{said}");
    let mut network = of_picture(&[node("Cast", &["image"], &["answer"])], &[]);
    network.inputs = vec![value("image", INT64, &[Axis::Long(1), Axis::Long(3), Axis::Long(16), Axis::Long(16)])];
    refused(&network, "does not take 32-bit floating point");
}

#[test]
fn arrays_too_large_are_refused_before_they_are_made() {
    let one = floats("one", &[1], &[1.0]);
    let huge = |operator: &str, inputs: &[&str], weights: &[Message]| {
        let nodes = [node(operator, inputs, &["large"]), node("ReduceMax", &["large"], &["least"])];
        let add = node("Add", &["image", "least"], &["answer"]);
        of_picture(&[nodes.as_slice(), &[add]].concat(), weights)
    };
    let shape = integers("shape", &[1 << 20, 1 << 20]);
    refused(&huge("Expand", &["one", "shape"], &[one.clone(), shape.clone()]), "too large");
    refused(&huge("Tile", &["one", "shape"], &[one.clone(), integers("shape", &[1 << 30])]), "too large");
    refused(&huge("ConstantOfShape", &["shape"], std::slice::from_ref(&shape)), "too large");
    refused(&huge("ConstantOfShape", &["shape"], &[integers("shape", &[1 << 30, 1 << 30])]), "too large");
    refused(&huge("ConstantOfShape", &["shape"], &[integers("shape", &[-5])]), "image.onnx");
    let scalar = |name: &str, value: i64| tensor(name, &[], INT64).bytes(9, &value.to_le_bytes());
    let range = [scalar("from", 0), scalar("to", 1 << 30), scalar("by", 1)];
    refused(&huge("Range", &["from", "to", "by"], &range), "too large");
    let by_nothing = [scalar("from", 0), scalar("to", 1 << 30), scalar("by", 0)];
    refused(&huge("Range", &["from", "to", "by"], &by_nothing), "image.onnx");
    let scales = floats("scales", &[4], &[1.0, 1.0, 1e6, 1e6]);
    refused(&huge("Resize", &["image", "", "scales"], std::slice::from_ref(&scales)), "too large");
    let pads = integers("pads", &[0, 0, 0, 0, 0, 0, 1 << 30, 1 << 30]);
    refused(&huge("Pad", &["image", "pads"], &[pads]), "too large");
    let column = floats("column", &[1 << 15, 1], &vec![1.0; 1 << 15]);
    let row = floats("row", &[1, 1 << 15], &vec![1.0; 1 << 15]);
    refused(&huge("MatMul", &["column", "row"], &[column.clone(), row.clone()]), "too large");
    refused(&huge("Mul", &["column", "row"], &[column, row]), "too large");
    let places = [integers("depth", &[1 << 30]), floats("values", &[2], &[0.0, 1.0]), integers("places", &[0])];
    refused(&huge("OneHot", &["places", "depth", "values"], &places), "image.onnx");
    // A shape that is computed of constants on the way.
    let computed = [
        node("Mul", &["side", "side"], &["square"]),
        node("ConstantOfShape", &["square"], &["large"]),
        node("ReduceMax", &["large"], &["least"]),
        node("Add", &["image", "least"], &["answer"]),
    ];
    refused(&of_picture(&computed, &[integers("side", &[1 << 15])]), "too large");
    // What no output needs is not made.
    let aside = [node("Relu", &["image"], &["answer"]), node("ConstantOfShape", &["shape"], &["large"])];
    opened(&of_picture(&aside, &[shape]).file()).unwrap();
    let pool = node("MaxPool", &["image"], &["answer"]).with_integers("kernel_shape", &[1 << 20, 1 << 20]);
    refused(&of_picture(&[pool], &[]), "has kernel_shape [1048576, 1048576], which is too much");
    let pool = node("MaxPool", &["image"], &["answer"]).with_integers("kernel_shape", &[1, 1]);
    refused(&of_picture(&[pool.with_integers("pads", &[0, 0, 1 << 40, 0])], &[]), "has pads");
}

#[test]
fn what_is_too_much_only_together_is_refused() {
    let scales = [floats("scales", &[4], &[1.0, 1.0, 500.0, 500.0])];
    let resized = node("Resize", &["image", "", "scales"], &["x0"]);
    let chain = |operator: &str, length: usize| {
        let name = |index: usize| if index == length { "answer".to_owned() } else { format!("x{index}") };
        let link = |index: usize| match operator {
            "MatMul" => node(operator, &[&name(index - 1), "x0"], &[&name(index)]),
            _ => node(operator, &[&name(index - 1)], &[&name(index)]),
        };
        let nodes: Vec<Message> = std::iter::once(resized.clone()).chain((1..=length).map(link)).collect();
        of_picture(&nodes, &scales)
    };
    refused(&chain("Relu", 60), "too large together");
    refused(&chain("MatMul", 4), "multiplications");
    let mut nodes = vec![resized.clone()];
    nodes.extend(["Exp", "Sin", "Cos", "Tanh", "Neg", "Sqrt"].map(|kind| node(kind, &["x0"], &[kind])));
    nodes.push(node("Concat", &["Exp", "Sin", "Cos", "Tanh", "Neg", "Sqrt"], &["all"]).with_integer("axis", 1));
    nodes.push(node("GlobalMaxPool", &["all"], &["answer"]));
    refused(&of_picture(&nodes, &scales), "too large");
    let sums = [["Exp", "Sin"], ["Cos", "Tanh"], ["Neg", "Sqrt"]];
    nodes.truncate(7);
    nodes.extend(sums.iter().enumerate().map(|(index, pair)| node("Div", pair, &[&format!("s{index}")])));
    nodes.push(node("Div", &["s0", "s1"], &["s3"]));
    nodes.push(node("Div", &["s3", "s2"], &["answer"]));
    refused(&of_picture(&nodes, &scales), "at the same time");
}

#[test]
fn shapes_that_depend_on_values_are_refused() {
    let nodes =
        [node("NonZero", &["image"], &["places"]), node("Cast", &["places"], &["answer"]).with_integer("to", FLOAT)];
    refused(&of_picture(&nodes, &[]), "cannot be told beforehand");
    let nodes = [
        node("ReduceSum", &["image"], &["sum"]),
        node("Squeeze", &["sum"], &["limit"]),
        node("Range", &["zero", "limit", "one"], &["answer"]),
    ];
    let scalars = [floats("zero", &[], &[0.0]), floats("one", &[], &[1.0])];
    refused(&of_picture(&nodes, &scalars), "cannot be told beforehand");
}

#[test]
fn graphs_in_graphs_end() {
    let mut graph = Graph { nodes: vec![node("Identity", &["image"], &["out"])], ..Graph::default() };
    graph.outputs = vec![value("out", FLOAT, &[])];
    let large = Graph { nodes: vec![node("ConstantOfShape", &["shape"], &["out"])], ..graph.clone() };
    let yes = tensor("yes", &[], 9).bytes(9, &[1]);
    let asked = |branch: &Graph, output: &str| {
        let branch = branch.message();
        node("If", &["yes"], &[output]).with_graph("then_branch", &branch).with_graph("else_branch", &branch)
    };
    let shape = integers("shape", &[1 << 40]);
    refused(&of_picture(&[asked(&large, "answer")], &[yes.clone(), shape]), "ConstantOfShape in a branch");
    for depth in [20, 60, 300] {
        let mut inner = graph.clone();
        for _ in 0..depth {
            let branch = node("If", &["yes"], &["out"]).with_graph("then_branch", &inner.message());
            inner.nodes = vec![branch];
        }
        refused(&of_picture(&[asked(&inner, "answer")], std::slice::from_ref(&yes)), "");
    }
    let scan = node("Scan", &["image"], &["answer"]).with_graph("body", &graph.message());
    refused(&of_picture(&[scan], &[]), "operators that cannot be run here: Scan");
    let repeated = node("Loop", &["many", "yes"], &["answer"]).with_graph("body", &graph.message());
    refused(&of_picture(&[repeated], &[yes, integers("many", &[1 << 40])]), "operators that cannot be run here: Loop");
    let chain: Vec<Message> =
        (0..1 << 15).map(|index| node("Relu", &["image"], &[&format!("answer{index}")])).collect();
    refused(&of_picture(&chain, &[]), "more than 8192 nodes");
}

#[test]
fn what_is_no_network_is_refused() {
    let torch = b"PK\x03\x04\x00\x00\x08\x08archive/data.pkl".as_slice();
    let safetensors =
        b"\x40\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}        \0\0\0\0";
    for bytes in [b"".as_slice(), b"a plain text", torch, safetensors, b"<html></html>", &[0; 100]] {
        let refusal = opened(bytes).unwrap_err();
        assert!(refusal.contains("image.onnx: no ONNX") && !refusal.contains('\n'), "{refusal}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = placed(folder.path(), b"", DESCRIPTION);
    let image = folder.path().join("image.onnx");
    let refusal = || registry::open("onnx", std::slice::from_ref(&path)).map(drop).unwrap_err().to_string();
    std::fs::remove_file(&image).unwrap();
    assert!(refusal().contains("image.onnx: "));
    std::fs::create_dir(&image).unwrap();
    assert!(refusal().contains("image.onnx: this is a folder"), "{}", refusal());
}

/// A program that waits for a pipe would wait for ever; so it is another program that is asked.
#[test]
#[cfg(unix)]
fn pipes_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = placed(folder.path(), b"", DESCRIPTION);
    let pipe = |name: &str| {
        let pipe = folder.path().join(name);
        let _ = std::fs::remove_file(&pipe);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipe
    };
    pipe("image.onnx");
    let other = pipe("other.toml");
    for description in [path, other] {
        let told = Command::new(env!("CARGO_BIN_EXE_sonolens"))
            .args(["models", "add", "--dry-run"])
            .arg(&description)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.contains("this is a pipe or a device"), "{told}");
    }
}

/// Damage by the hundred to a file that has something of everything: whatever comes of it, it is an answer.
#[test]
fn changed_files_get_an_answer() {
    let network = of_picture(
        &[
            node("Conv", &["image", "kernel"], &["a"]).with_integers("pads", &[1, 1, 1, 1]),
            node("Resize", &["a", "", "scales"], &["b"]),
            node("Reshape", &["b", "shape"], &["c"]),
            node("Pad", &["c", "edge"], &["d"]),
            node("Transpose", &["d"], &["answer"]).with_integers("perm", &[0, 1, 3, 2]),
        ],
        &[
            floats("kernel", &[3, 3, 3, 3], &[0.1; 81]),
            floats("scales", &[4], &[1.0, 1.0, 0.5, 0.5]),
            integers("shape", &[1, 3, 4, 16]),
            integers("edge", &[0, 0, 0, 0, 0, 0, 12, 0]),
        ],
    );
    let whole = network.file();
    opened(&whole).unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % bound as u64) as usize
    };
    let mut refusals = 0;
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=below(3) {
            let place = below(bytes.len());
            match below(4) {
                0 => bytes[place] = below(256) as u8,
                1 => bytes[place] ^= 1 << below(8),
                2 => drop(bytes.drain(place..(place + 1 + below(8)).min(bytes.len()))),
                _ => {
                    let from = below(bytes.len());
                    let part = bytes[from..(from + 1 + below(16)).min(bytes.len())].to_vec();
                    bytes.splice(place..place, part);
                }
            }
        }
        if let Err(refusal) = opened(&bytes) {
            assert!(refusal.contains(".onnx: ") || refusal.contains(".toml: "), "{refusal}");
            refusals += 1;
        }
    }
    assert!(refusals > 100, "{refusals}");
}
