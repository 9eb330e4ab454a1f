use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::network::arrays::ElementType;

use super::source::Source;
use super::value::{Storage, TensorView, Value, Values};
use super::{CheckpointProblem, Container, Parts};

/// The format's own limit.
const LONGEST_HEADER_BYTES: u64 = 100_000_000;
const LENGTH_BYTES: u64 = 8;

/// True when the file begins with the length of a JSON object that fits into it.
pub(super) fn begins(start: &[u8], size_bytes: u64) -> bool {
    let Some((&length, after)) = start.split_first_chunk() else { return false };
    let length = u64::from_le_bytes(length);
    length <= LONGEST_HEADER_BYTES && length.saturating_add(LENGTH_BYTES) <= size_bytes && after.starts_with(b"{")
}

/// A JSON header with every tensor's type, shape and place, then the elements.
pub(super) fn read(source: &Source) -> Result<Parts, CheckpointProblem> {
    let length = source.read(0, LENGTH_BYTES as usize)?.try_into().map(u64::from_le_bytes).unwrap_or(0);
    let header = source.read(LENGTH_BYTES, length as usize)?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|error| CheckpointProblem::Safetensors(error.to_string()))?;
    let data_position = LENGTH_BYTES + length;
    let end = data_position.saturating_add(header.data_len() as u64);
    if end > source.len() {
        let what = "the data".to_owned();
        return Err(CheckpointProblem::Truncated { what, claimed: end, held: source.len() });
    }
    let mut values = Values::default();
    let mut storages = Vec::new();
    let mut entries = Vec::new();
    for key in header.offset_keys() {
        let Some(info) = header.info(&key) else { continue };
        let element = element_of(info.dtype).ok_or_else(|| {
            CheckpointProblem::Safetensors(format!("'{key}' has elements of type {}, which are not read", info.dtype))
        })?;
        let (start, end) = info.data_offsets;
        let size_bytes = (end - start) as u64;
        let view = TensorView::contiguous(storages.len(), element, info.shape.clone());
        storages.push(Storage {
            key: key.clone(),
            element,
            claimed: (end - start) / element.size_bytes(),
            position: data_position + start as u64,
            size_bytes,
            checksum: None,
        });
        let name = values.add(Value::Text(key))?;
        entries.push((name, values.add(Value::Tensor(view))?));
    }
    let root = values.add(Value::Dict(entries))?;
    Ok(Parts { container: Container::Safetensors, values, root, storages })
}

fn element_of(named: Dtype) -> Option<ElementType> {
    Some(match named {
        Dtype::BOOL => ElementType::Bool,
        Dtype::U8 => ElementType::U8,
        Dtype::I8 => ElementType::I8,
        Dtype::U16 => ElementType::U16,
        Dtype::I16 => ElementType::I16,
        Dtype::U32 => ElementType::U32,
        Dtype::I32 => ElementType::I32,
        Dtype::U64 => ElementType::U64,
        Dtype::I64 => ElementType::I64,
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::Bf16,
        Dtype::F32 => ElementType::F32,
        Dtype::F64 => ElementType::F64,
        _ => return None,
    })
}
