//! What a file is, by its first bytes or by its name.

use std::io::Read;
use std::path::Path;

use super::error::DatasetError;

/// Bytes that are looked at to tell what a file is.
const SNIFFED_BYTES: u64 = 4096;

/// What a file's first bytes say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Image,
    Video,
    Sound,
    Json,
    Xml,
    Sqlite,
    Numpy,
    /// Readable text that is neither JSON nor XML.
    Text,
    Empty,
    Unknown,
}

impl FileKind {
    /// Tells a kind by content.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
        if bytes.is_empty() {
            return Self::Empty;
        }
        if at(0, b"\x89PNG") || at(0, b"\xff\xd8\xff") || at(0, b"BM") && bytes.len() > 14 && at(6, &[0, 0, 0, 0]) {
            return Self::Image;
        }
        if at(0, b"RIFF") {
            return match bytes.get(8..12) {
                Some(b"WEBP") => Self::Image,
                Some(b"WAVE") => Self::Sound,
                _ => Self::Video,
            };
        }
        if at(4, b"ftyp") {
            return if at(8, b"M4A") { Self::Sound } else { Self::Video };
        }
        let video = [
            &b"\x1a\x45\xdf\xa3"[..],
            b"FLV\x01",
            b"\x00\x00\x01\xba",
            b"\x00\x00\x01\xb3",
            b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        ];
        if video.iter().any(|magic| at(0, magic)) || (at(4, b"moov") || at(4, b"mdat") || at(4, b"wide")) {
            return Self::Video;
        }
        // MPEG transport streams repeat their sync byte every 188 bytes.
        if at(0, &[0x47]) && at(188, &[0x47]) && at(376, &[0x47]) {
            return Self::Video;
        }
        if at(0, b"ID3") || at(0, b"fLaC") || at(0, b"FORM") && at(8, b"AIF") {
            return Self::Sound;
        }
        if at(0, b"OggS") {
            return if bytes.windows(6).any(|window| window == b"theora") { Self::Video } else { Self::Sound };
        }
        // An MPEG audio or ADTS frame header.
        if bytes.len() > 2 && bytes[0] == 0xff && bytes[1] & 0xe0 == 0xe0 && bytes[1] != 0xff && bytes[1] != 0xfe {
            return Self::Sound;
        }
        if at(0, b"SQLite format 3\0") {
            return Self::Sqlite;
        }
        if at(0, b"\x93NUMPY") || at(0, b"PK\x03\x04") {
            return Self::Numpy;
        }
        Self::of_text(bytes)
    }

    fn of_text(bytes: &[u8]) -> Self {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let valid = match std::str::from_utf8(text) {
            Ok(_) => true,
            // A character may be cut at the end of what was read.
            Err(error) => error.valid_up_to() + 4 > text.len() && error.error_len().is_none(),
        };
        let control = text.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c));
        if !valid || control {
            return Self::Unknown;
        }
        match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Self::Empty,
            Some(b'{' | b'[') => Self::Json,
            Some(b'<') => Self::Xml,
            Some(_) => Self::Text,
        }
    }

    /// Guesses a kind by the name's extension, where opening every file would take too long.
    pub fn of_name(path: &Path) -> Self {
        let extension = path.extension().map(|own| own.to_string_lossy().to_lowercase()).unwrap_or_default();
        match extension.as_str() {
            "jpg" | "jpeg" | "png" | "bmp" | "webp" => Self::Image,
            "mp4" | "mkv" | "avi" | "mov" | "webm" | "m4v" | "mpg" | "mpeg" | "ts" | "flv" | "wmv" | "3gp" => {
                Self::Video
            }
            "wav" | "flac" | "mp3" | "ogg" | "opus" | "m4a" | "aac" | "aif" | "aiff" => Self::Sound,
            "json" => Self::Json,
            "xml" => Self::Xml,
            "csv" | "txt" => Self::Text,
            "npy" | "npz" => Self::Numpy,
            "db" | "sqlite" | "sonolens" => Self::Sqlite,
            _ => Self::Unknown,
        }
    }

    /// Tells the kind of a file by its first bytes.
    pub fn of_file(path: &Path) -> Result<Self, DatasetError> {
        let mut head = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| DatasetError::io(path, error))?;
        file.take(SNIFFED_BYTES).read_to_end(&mut head).map_err(|error| DatasetError::io(path, error))?;
        Ok(Self::of_bytes(&head))
    }
}
