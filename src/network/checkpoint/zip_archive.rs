use std::collections::HashMap;
use std::io::BufReader;

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::source::{ByteStream, Source};
use super::unpickle::Unpickler;
use super::{CheckpointProblem, Container, Parts};

/// An entry as the archive's directory describes it, within the file's bounds.
struct Entry {
    position: u64,
    size_bytes: u64,
    stored: bool,
    checksum: u32,
}

/// torch.save's and TorchScript's archive: `ROOT/data.pkl` and a stored entry `ROOT/data/KEY` a storage.
pub(super) fn read(source: &Source) -> Result<Parts, CheckpointProblem> {
    let entries = entries(source)?;
    let mut pickles = entries.keys().filter(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let pickle = pickles.clone().min_by_key(|name| name.matches('/').count()).ok_or(CheckpointProblem::NoPickle)?;
    let depth = pickle.matches('/').count();
    if pickles.any(|other| other != pickle && other.matches('/').count() == depth) {
        return Err(CheckpointProblem::NoPickle);
    }
    let root = pickle.trim_end_matches("data.pkl");
    if let Some(order) = entries.get(&format!("{root}byteorder"))
        && order.stored
        && source.read_at_most(order.position, 3)?.starts_with(b"big")
    {
        return Err(CheckpointProblem::BigEndian);
    }
    let program = entries.get(pickle).ok_or(CheckpointProblem::NoPickle)?;
    if !program.stored {
        return Err(CheckpointProblem::Compressed { entry: pickle.clone() });
    }
    let mut unpickler = Unpickler::default();
    let end = program.position.saturating_add(program.size_bytes);
    let value = unpickler.read(&mut ByteStream::new(source, program.position, end))?;
    for storage in &mut unpickler.storages {
        let name = format!("{root}data/{}", storage.key);
        let claimed = storage.claimed.checked_mul(storage.element.size_bytes());
        let claimed = claimed.map_or(u64::MAX, |claimed| claimed as u64);
        let Some(entry) = entries.get(&name) else {
            return Err(CheckpointProblem::Truncated { what: name, claimed, held: 0 });
        };
        if !entry.stored {
            return Err(CheckpointProblem::Compressed { entry: name });
        }
        if claimed > entry.size_bytes {
            return Err(CheckpointProblem::Truncated { what: name, claimed, held: entry.size_bytes });
        }
        storage.position = entry.position;
        storage.size_bytes = entry.size_bytes;
        storage.checksum = Some(entry.checksum);
    }
    let script = entries.contains_key(&format!("{root}constants.pkl"));
    let container = if script { Container::TorchScript } else { Container::TorchZip };
    Ok(Parts { container, values: unpickler.values, root: value, storages: unpickler.storages })
}

fn entries(source: &Source) -> Result<HashMap<String, Entry>, CheckpointProblem> {
    // Looking for an archive inside of another file is not our business, and misreads some whole ones.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    source.with_reader(|reader| {
        let mut archive = ZipArchive::with_config(config, BufReader::new(reader))?;
        let mut entries = HashMap::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index)?;
            let name = entry.name()?.into_owned();
            let (position, size_bytes) = (entry.data_start().unwrap_or(u64::MAX), entry.size());
            let end = position.saturating_add(entry.compressed_size());
            if end > source.len() {
                return Err(CheckpointProblem::Truncated { what: name, claimed: end, held: source.len() });
            }
            let stored = entry.compression() == CompressionMethod::Stored && entry.compressed_size() == size_bytes;
            entries.insert(name, Entry { position, size_bytes, stored, checksum: entry.crc32() });
        }
        Ok(entries)
    })
}
