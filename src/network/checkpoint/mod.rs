//! Checkpoints as they are published, read without executing anything from them.
//!
//! Containers: torch.save's zip archives and its older stacked pickles, TorchScript archives, Lightning checkpoints
//! (zip archives with more around the weights), safetensors. A pickle is a program for Python's unpickling machine;
//! ours knows the few globals that tensors and plain data are made of and turns every other one into an opaque
//! object that remembers nothing but its name. Memory stays within a small multiple of the file's size: what a file
//! claims is held against what it holds before anything is allocated.

mod error;
mod legacy;
mod rebuild;
mod safetensors;
mod source;
mod unpickle;
mod value;
mod weights;
mod zip_archive;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod sample;

use std::path::{Path, PathBuf};

pub use error::{CheckpointError, CheckpointProblem};
pub use value::{Object, TensorView, Value, ValueId};
pub use weights::Weights;

use crate::network::arrays::{Array, ElementType, gather_strided};

use source::Source;
use value::{Storage, Values};

/// What kind of file a checkpoint lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Container {
    /// torch.save since 1.6: a zip archive of a pickle and one stored entry a storage.
    TorchZip,
    /// torch.save before 1.6: five pickles in a row, then the storages.
    TorchLegacy,
    /// torch.jit.save: a zip archive with code, which is passed over.
    TorchScript,
    Safetensors,
}

impl Container {
    pub fn name(self) -> &'static str {
        match self {
            Self::TorchZip => "torch.save (zip)",
            Self::TorchLegacy => "torch.save (legacy pickles)",
            Self::TorchScript => "TorchScript archive",
            Self::Safetensors => "safetensors",
        }
    }
}

/// An open checkpoint: the tree of values that was saved, and where its tensors' elements lie in the file.
pub struct Checkpoint {
    path: PathBuf,
    container: Container,
    source: Source,
    values: Values,
    root: ValueId,
    storages: Vec<Storage>,
}

/// Opens a checkpoint and reads its tree of values; the tensors' elements stay in the file until they are asked for.
pub fn read(path: &Path) -> Result<Checkpoint, CheckpointError> {
    let open = || {
        let source = Source::open(path)?;
        Checkpoint::from_source(path, source)
    };
    open().map_err(|problem| CheckpointError { path: path.to_owned(), problem })
}

/// The same for a checkpoint that lies in memory; errors name it `path`.
pub fn read_bytes(path: &Path, bytes: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::from_source(path, Source::of_bytes(bytes))
        .map_err(|problem| CheckpointError { path: path.to_owned(), problem })
}

/// What a file that is no checkpoint most often is instead.
fn what_else(source: &Source) -> Result<CheckpointProblem, CheckpointProblem> {
    let start = String::from_utf8_lossy(&source.read_at_most(0, 256)?).trim_start().to_ascii_lowercase();
    Ok(if start.starts_with("<!doctype html") || start.starts_with("<html") {
        CheckpointProblem::WebPage
    } else if start.starts_with("version https://git-lfs") {
        CheckpointProblem::LfsPointer
    } else {
        CheckpointProblem::UnknownContainer
    })
}

impl Checkpoint {
    fn from_source(path: &Path, source: Source) -> Result<Self, CheckpointProblem> {
        if source.len() == 0 {
            return Err(CheckpointProblem::Empty);
        }
        let start = source.read_at_most(0, 16)?;
        let parts = if start.starts_with(b"PK\x03\x04") {
            zip_archive::read(&source)?
        } else if legacy::begins(&start) {
            legacy::read(&source)?
        } else if safetensors::begins(&start, source.len()) {
            safetensors::read(&source)?
        } else {
            return Err(what_else(&source)?);
        };
        let checkpoint = Self {
            path: path.to_owned(),
            container: parts.container,
            source,
            values: parts.values,
            root: parts.root,
            storages: parts.storages,
        };
        checkpoint.check_views()?;
        Ok(checkpoint)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn container(&self) -> Container {
        self.container
    }

    /// Bytes of the file.
    pub fn size_bytes(&self) -> u64 {
        self.source.len()
    }

    /// The value that was saved.
    pub fn root(&self) -> ValueId {
        self.root
    }

    pub fn value(&self, id: ValueId) -> &Value {
        self.values.get(id)
    }

    /// What a dict holds under a text key; of several, the last.
    pub fn entry(&self, dict: ValueId, key: &str) -> Option<ValueId> {
        self.values.entry(dict, key)
    }

    /// The elements of a tensor, widened as [`Array`] holds them.
    pub fn array(&self, view: &TensorView) -> Result<Array, CheckpointError> {
        let read = || {
            let values = view.element.decode(&self.elements(view)?)?;
            Array::new(view.shape.clone(), values).ok_or(CheckpointProblem::TensorOutOfBounds)
        };
        read().map_err(|problem| CheckpointError { path: self.path.clone(), problem })
    }

    /// The bytes of a tensor's elements in row-major order.
    fn elements(&self, view: &TensorView) -> Result<Vec<u8>, CheckpointProblem> {
        let size = view.element.size_bytes();
        let bytes = view.count().and_then(|count| count.checked_mul(size));
        let bytes = bytes.ok_or(CheckpointProblem::TensorOutOfBounds)?;
        let (start, end) = view.span().ok_or(CheckpointProblem::TensorOutOfBounds)?;
        let storage = self.storages.get(view.storage).ok_or(CheckpointProblem::TensorOutOfBounds)?;
        if end.checked_mul(size).is_none_or(|end| end as u64 > storage.size_bytes) {
            return Err(CheckpointProblem::TensorOutOfBounds);
        }
        if bytes as u64 > self.most_bytes() {
            return Err(CheckpointProblem::ViewsTooLarge { limit: self.most_bytes() });
        }
        let held = self.source.read(storage.position + (start * size) as u64, (end - start) * size)?;
        let whole_storage = start == 0 && (end * size) as u64 == storage.size_bytes;
        if whole_storage && storage.checksum.is_some_and(|checksum| checksum != crc32(&held)) {
            return Err(CheckpointProblem::Checksum { entry: storage.key.clone() });
        }
        if view.is_contiguous() {
            return Ok(held);
        }
        gather_strided(&held, size, 0, &view.shape, &view.strides).ok_or(CheckpointProblem::TensorOutOfBounds)
    }

    /// The most bytes that tensors may unfold to. Views may share or repeat elements, so a small file can ask for
    /// any amount; published checkpoints unfold to less than their own size.
    fn most_bytes(&self) -> u64 {
        const UNFOLDED: u64 = 8;
        const ALWAYS_ALLOWED_BYTES: u64 = 1 << 20;
        self.source.len().saturating_mul(UNFOLDED).saturating_add(ALWAYS_ALLOWED_BYTES)
    }

    /// Refuses a tensor that leaves its storage.
    fn check_views(&self) -> Result<(), CheckpointProblem> {
        for value in self.values.iter() {
            let Value::Tensor(view) = value else { continue };
            let claimed = view.span().and_then(|(_, end)| end.checked_mul(view.element.size_bytes()));
            let held = self.storages.get(view.storage).map_or(0, |storage| storage.size_bytes);
            if claimed.is_none_or(|claimed| claimed as u64 > held) {
                return Err(CheckpointProblem::TensorOutOfBounds);
            }
        }
        Ok(())
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// What the reader of a container found.
struct Parts {
    container: Container,
    values: Values,
    root: ValueId,
    storages: Vec<Storage>,
}

/// The element type of a `torch.XStorage` class or a `torch.x` dtype; `None` for complex, quantized and others.
fn element_of_torch(name: &str) -> Option<ElementType> {
    Some(match name {
        "FloatStorage" | "float32" | "float" => ElementType::F32,
        "DoubleStorage" | "float64" | "double" => ElementType::F64,
        "HalfStorage" | "float16" | "half" => ElementType::F16,
        "BFloat16Storage" | "bfloat16" => ElementType::Bf16,
        "LongStorage" | "int64" | "long" => ElementType::I64,
        "IntStorage" | "int32" | "int" => ElementType::I32,
        "ShortStorage" | "int16" | "short" => ElementType::I16,
        "CharStorage" | "int8" => ElementType::I8,
        "ByteStorage" | "UntypedStorage" | "uint8" => ElementType::U8,
        "BoolStorage" | "bool" => ElementType::Bool,
        "uint16" => ElementType::U16,
        "uint32" => ElementType::U32,
        "uint64" => ElementType::U64,
        _ => return None,
    })
}
