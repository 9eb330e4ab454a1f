use std::sync::Arc;

use crate::network::arrays::{Array, ElementType, fortran_strides};

use super::CheckpointProblem;

/// Where a value lies in its checkpoint's tree. Values refer to each other by it, so that what a pickle shares (or
/// what refers to itself) is held once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(u32);

/// A value as Python saved it.
#[derive(Clone, Debug)]
pub enum Value {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<ValueId>),
    Tuple(Vec<ValueId>),
    Set(Vec<ValueId>),
    /// Also `OrderedDict` and `defaultdict`; where a key comes twice, the later entry counts.
    Dict(Vec<(ValueId, ValueId)>),
    Tensor(TensorView),
    /// A numpy array.
    Array(Array),
    /// A numpy element type by its name (`<f8`).
    ArrayType(String),
    /// A storage and the element in it that counts as its first.
    Storage {
        index: usize,
        first: usize,
    },
    /// A class or a function, named and never called.
    Global(Arc<str>),
    Object(Object),
}

/// An instance of a class that is not rebuilt. Its attributes are kept as data, so that the tensors of a TorchScript
/// module or of a whole pickled module can be found.
#[derive(Clone, Debug)]
pub struct Object {
    pub class: Arc<str>,
    pub state: Option<ValueId>,
}

/// A tensor: which elements of which storage it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorView {
    pub(super) storage: usize,
    pub element: ElementType,
    /// The first element in the storage.
    pub(super) offset: usize,
    pub shape: Vec<usize>,
    /// Step along each axis, in elements.
    pub(super) strides: Vec<usize>,
}

impl TensorView {
    /// A tensor whose elements fill a storage in row-major order.
    pub(super) fn contiguous(storage: usize, element: ElementType, shape: Vec<usize>) -> Self {
        let mut strides = fortran_strides(&shape.iter().rev().copied().collect::<Vec<_>>());
        strides.reverse();
        Self { storage, element, offset: 0, shape, strides }
    }

    /// Number of elements, `None` where it does not fit.
    pub fn count(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length))
    }

    /// The elements of the storage from the first to behind the last that the tensor shows; empty for an empty one.
    pub(super) fn span(&self) -> Option<(usize, usize)> {
        if self.count()? == 0 {
            return Some((0, 0));
        }
        let mut last = self.offset;
        for (&length, &stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add((length - 1).checked_mul(stride)?)?;
        }
        Some((self.offset, last.checked_add(1)?))
    }

    /// True when the elements lie in row-major order without gaps.
    pub(super) fn is_contiguous(&self) -> bool {
        let mut expected = 1_usize;
        for (&length, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if length != 1 && stride != expected {
                return false;
            }
            expected = expected.saturating_mul(length);
        }
        true
    }
}

/// A run of elements in the file.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// Its name in the pickle.
    pub(super) key: String,
    pub(super) element: ElementType,
    /// Number of elements that the pickle claims.
    pub(super) claimed: usize,
    /// First byte in the file; set by the container once it is known.
    pub(super) position: u64,
    /// Bytes that are there.
    pub(super) size_bytes: u64,
    /// CRC-32 of these bytes, where the container keeps one.
    pub(super) checksum: Option<u32>,
}

/// All values of a checkpoint.
#[derive(Default)]
pub(super) struct Values {
    values: Vec<Value>,
}

impl Values {
    /// Some millions of small values take a few hundred megabytes; published checkpoints have some thousands.
    const MOST: usize = 4_000_000;

    pub(super) fn add(&mut self, value: Value) -> Result<ValueId, CheckpointProblem> {
        if self.values.len() >= Self::MOST {
            return Err(CheckpointProblem::TooMany { what: "values", limit: Self::MOST });
        }
        self.values.push(value);
        Ok(ValueId((self.values.len() - 1) as u32))
    }

    pub(super) fn get(&self, id: ValueId) -> &Value {
        self.values.get(id.0 as usize).unwrap_or(&Value::None)
    }

    pub(super) fn get_mut(&mut self, id: ValueId) -> Option<&mut Value> {
        self.values.get_mut(id.0 as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    pub(super) fn text(&self, id: ValueId) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a dict holds under a text key; of several, the last.
    pub(super) fn entry(&self, dict: ValueId, key: &str) -> Option<ValueId> {
        let Value::Dict(entries) = self.get(dict) else { return None };
        let found = entries.iter().rev().find(|&&(name, _)| self.text(name) == Some(key));
        found.map(|&(_, value)| value)
    }

    /// A list's or tuple's items.
    pub(super) fn items(&self, id: ValueId) -> Option<&[ValueId]> {
        match self.get(id) {
            Value::List(items) | Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// A count or an index.
    pub(super) fn index(&self, id: ValueId) -> Option<usize> {
        match self.get(id) {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }
}
