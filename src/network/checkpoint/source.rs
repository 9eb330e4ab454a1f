use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::CheckpointProblem;
use crate::network::open_plain;

/// The bytes of a checkpoint, read from any place.
pub(super) struct Source {
    input: Mutex<Input>,
    size_bytes: u64,
}

enum Input {
    File(File),
    Bytes(Cursor<Vec<u8>>),
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointProblem> {
        let file = open_plain(path).map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => CheckpointProblem::Folder,
            _ => error.into(),
        })?;
        Ok(Self { size_bytes: file.metadata()?.len(), input: Mutex::new(Input::File(file)) })
    }

    pub(super) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self { size_bytes: bytes.len() as u64, input: Mutex::new(Input::Bytes(Cursor::new(bytes))) }
    }

    pub(super) fn len(&self) -> u64 {
        self.size_bytes
    }

    /// Exactly `length` bytes from `position` on, refused before allocating where the file ends earlier.
    pub(super) fn read(&self, position: u64, length: usize) -> Result<Vec<u8>, CheckpointProblem> {
        let claimed = position.saturating_add(length as u64);
        if claimed > self.size_bytes {
            let what = "what it refers to".to_owned();
            return Err(CheckpointProblem::Truncated { what, claimed, held: self.size_bytes });
        }
        let mut bytes = vec![0; length];
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        input.seek(SeekFrom::Start(position))?;
        input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// As many of `length` bytes as there are.
    pub(super) fn read_at_most(&self, position: u64, length: usize) -> Result<Vec<u8>, CheckpointProblem> {
        let left = usize::try_from(self.size_bytes.saturating_sub(position)).unwrap_or(usize::MAX);
        self.read(position, length.min(left))
    }

    /// Runs `work` with the whole source as a seekable reader.
    pub(super) fn with_reader<T>(&self, work: impl FnOnce(&mut dyn ReadSeek) -> T) -> T {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut *input)
    }
}

/// Bytes of a source one after the other, from a position to an end.
pub(super) struct ByteStream<'a> {
    source: &'a Source,
    position: u64,
    end: u64,
    /// What was read ahead, and how much of it is used up.
    ahead: Vec<u8>,
    used: usize,
}

impl<'a> ByteStream<'a> {
    /// The bytes of `source` from `start` to `end`, or to its end if that comes first.
    pub(super) fn new(source: &'a Source, start: u64, end: u64) -> Self {
        Self { source, position: start, end: end.min(source.len()), ahead: Vec::new(), used: 0 }
    }

    /// The position in the source of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes; `None`, before anything is allocated, if fewer are left.
    pub(super) fn take(&mut self, length: usize) -> Result<Option<Vec<u8>>, CheckpointProblem> {
        if length as u64 > self.end.saturating_sub(self.position) {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// The next `N` bytes, `None` if fewer are left.
    pub(super) fn array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, CheckpointProblem> {
        if N as u64 > self.end.saturating_sub(self.position) {
            return Ok(None);
        }
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), CheckpointProblem> {
        const AHEAD_BYTES: usize = 64 << 10;
        let mut filled = 0;
        while filled < into.len() {
            if self.used == self.ahead.len() {
                self.ahead = self.source.read_at_most(self.position, AHEAD_BYTES)?;
                self.used = 0;
            }
            let part = (into.len() - filled).min(self.ahead.len() - self.used);
            if part == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            into[filled..filled + part].copy_from_slice(&self.ahead[self.used..self.used + part]);
            filled += part;
            self.used += part;
            self.position += part as u64;
        }
        Ok(())
    }
}

pub(super) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(into),
            Self::Bytes(bytes) => bytes.read(into),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Bytes(bytes) => bytes.seek(to),
        }
    }
}
