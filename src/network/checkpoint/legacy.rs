use super::source::{ByteStream, Source};
use super::unpickle::Unpickler;
use super::value::Value;
use super::{CheckpointProblem, Container, Parts};

/// torch.serialization.MAGIC_NUMBER.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;
const PROTOCOL: i128 = 1001;

/// True for a pickle: of protocol 2 or later, since torch never wrote an earlier one.
pub(super) fn begins(start: &[u8]) -> bool {
    matches!(start, [0x80, 2..=5, ..])
}

/// Five pickles in a row (magic number, protocol, system, the saved value, the keys of the storages), then for
/// every key the number of its elements as eight bytes and the elements.
pub(super) fn read(source: &Source) -> Result<Parts, CheckpointProblem> {
    let mut unpickler = Unpickler::default();
    let mut input = ByteStream::new(source, 0, source.len());
    let magic = unpickler.read(&mut input)?;
    if !matches!(unpickler.values.get(magic), Value::Int(MAGIC)) {
        return Err(CheckpointProblem::UnknownContainer);
    }
    let protocol = unpickler.read(&mut input)?;
    if !matches!(unpickler.values.get(protocol), Value::Int(PROTOCOL)) {
        return Err(CheckpointProblem::UnknownContainer);
    }
    let system = unpickler.read(&mut input)?;
    let little_endian = unpickler.values.entry(system, "little_endian").map(|id| unpickler.values.get(id));
    if matches!(little_endian, Some(Value::Bool(false))) {
        return Err(CheckpointProblem::BigEndian);
    }
    let root = unpickler.read(&mut input)?;
    let keys = unpickler.read(&mut input)?;
    let keys = unpickler.values.items(keys).map(<[_]>::to_vec);
    let mut position = input.position();
    let keys = keys.ok_or_else(|| damaged(position, "the keys of the storages are no list"))?;
    for key in keys {
        let key = unpickler.values.text(key).ok_or_else(|| damaged(position, "the key of a storage is no text"))?;
        let Some(storage) = unpickler.storage_by_key.get(key).and_then(|&index| unpickler.storages.get_mut(index))
        else {
            return Err(damaged(position, "it holds a storage that no tensor uses"));
        };
        let count = source.read(position, 8)?.try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX);
        position += 8;
        let claimed = count.saturating_mul(storage.element.size_bytes() as u64);
        let end = position.saturating_add(claimed);
        if count < storage.claimed as u64 || end > source.len() {
            let (what, claimed) = (format!("storage {key}"), end.max(storage.claimed as u64));
            return Err(CheckpointProblem::Truncated { what, claimed, held: source.len() });
        }
        storage.position = position;
        storage.size_bytes = claimed;
        position = end;
    }
    Ok(Parts { container: Container::TorchLegacy, values: unpickler.values, root, storages: unpickler.storages })
}

fn damaged(at: u64, reason: &str) -> CheckpointProblem {
    CheckpointProblem::Pickle { at, reason: reason.to_owned() }
}
