//! ONNX files byte by byte, as their protobuf scheme has them: what exporters write, and what none would.

/// A message that grows field by field.
#[derive(Clone, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub fn number(self, field: u64, value: i64) -> Self {
        self.varint(field << 3).varint(value as u64)
    }

    pub fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut whole = self.varint((field << 3) | 2).varint(bytes.len() as u64);
        whole.0.extend_from_slice(bytes);
        whole
    }

    pub fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub fn message(self, field: u64, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }

    pub fn each<T>(self, values: impl IntoIterator<Item = T>, add: impl Fn(Self, T) -> Self) -> Self {
        values.into_iter().fold(self, add)
    }
}

pub const FLOAT: i64 = 1;
pub const INT64: i64 = 7;
pub const STRING: i64 = 8;

/// Weights of 32-bit floating point, whatever shape they claim.
pub fn floats(name: &str, dims: &[i64], values: &[f32]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, dims, FLOAT).bytes(9, &raw)
}

/// Weights of 64-bit integers along one axis.
pub fn integers(name: &str, values: &[i64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, &[values.len() as i64], INT64).bytes(9, &raw)
}

/// Weights that hold nothing yet.
pub fn tensor(name: &str, dims: &[i64], kind: i64) -> Message {
    Message::default().each(dims, |message, &dim| message.number(1, dim)).number(2, kind).text(8, name)
}

pub fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> Message {
    let message = Message::default().each(inputs, |message, name| message.text(1, name));
    let name = format!("the {}", outputs.join(" and "));
    message.each(outputs, |message, name| message.text(2, name)).text(3, &name).text(4, operator)
}

impl Message {
    /// A node with an attribute of whole numbers.
    pub fn with_integers(self, name: &str, values: &[i64]) -> Self {
        let attribute = Message::default().text(1, name).number(20, 7);
        self.message(5, &attribute.each(values, |message, &value| message.number(8, value)))
    }

    pub fn with_integer(self, name: &str, value: i64) -> Self {
        self.message(5, &Message::default().text(1, name).number(3, value).number(20, 2))
    }

    /// A node with a graph inside.
    pub fn with_graph(self, name: &str, graph: &Message) -> Self {
        self.message(5, &Message::default().text(1, name).message(6, graph).number(20, 5))
    }
}

/// One axis of an input: its length, or its name.
#[derive(Clone, Copy)]
pub enum Axis<'a> {
    Long(i64),
    Named(&'a str),
}

pub fn value(name: &str, kind: i64, axes: &[Axis]) -> Message {
    let shape = Message::default().each(axes, |message, axis| {
        let dim = match axis {
            Axis::Long(length) => Message::default().number(1, *length),
            Axis::Named(name) => Message::default().text(2, name),
        };
        message.message(1, &dim)
    });
    let array = Message::default().number(1, kind).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &array))
}

/// What a network or a branch is made of.
#[derive(Clone, Default)]
pub struct Graph {
    pub nodes: Vec<Message>,
    pub weights: Vec<Message>,
    pub inputs: Vec<Message>,
    pub outputs: Vec<Message>,
}

impl Graph {
    pub fn message(&self) -> Message {
        let parts = [(1, &self.nodes), (5, &self.weights), (11, &self.inputs), (12, &self.outputs)];
        let parts = parts.into_iter().flat_map(|(field, parts)| parts.iter().map(move |part| (field, part)));
        Message::default().text(2, "graph").each(parts, |message, (field, part)| message.message(field, part))
    }

    /// The bytes of an ONNX file.
    pub fn file(&self) -> Vec<u8> {
        let version = Message::default().text(1, "").number(2, 17);
        Message::default().number(1, 8).message(7, &self.message()).message(8, &version).0
    }
}
