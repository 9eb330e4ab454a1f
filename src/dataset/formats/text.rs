//! Reading text files of any origin: bounded, decoded, with line numbers.

use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::dataset::error::{DatasetError, Place, Problem};

/// Largest annotation file that is read. COCO's instance files have half of it.
pub const MAX_TEXT_BYTES: u64 = 1 << 30;

/// The whole file as text: UTF-8 with or without its mark, or UTF-16 with its mark.
///
/// # Errors
/// Not readable, larger than [`MAX_TEXT_BYTES`], or in another encoding (the first bad byte is named).
pub fn read_text(path: &Path) -> Result<String, DatasetError> {
    let io = |error| DatasetError::io(path, error);
    let file = std::fs::File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    if length > MAX_TEXT_BYTES {
        let problem = Problem::TooLarge { what: "the file's length", found: length, limit: MAX_TEXT_BYTES };
        return Err(DatasetError::new(path, problem));
    }
    let mut bytes = Vec::new();
    // The length may be wrong or grow: devices and pipes say 0.
    file.take(MAX_TEXT_BYTES).read_to_end(&mut bytes).map_err(io)?;
    decode(path, bytes)
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, DatasetError> {
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return decode_utf16(path, rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return decode_utf16(path, rest, u16::from_be_bytes);
    }
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            text.drain(..start);
            Ok(text)
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() as u64;
            Err(DatasetError::malformed(
                path,
                Place::Line(line),
                format!("byte {at} is not UTF-8; save the file as UTF-8"),
            ))
        }
    }
}

fn decode_utf16(path: &Path, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, DatasetError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(DatasetError::malformed(path, None, "UTF-16 text with an odd number of bytes"));
    }
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .collect::<Result<String, _>>()
        .map_err(|_| DatasetError::malformed(path, None, "UTF-16 text with a broken surrogate pair"))
}

/// Parses JSON into `T`; an error carries the line and column.
pub fn parse_json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, DatasetError> {
    serde_json::from_str(text).map_err(|error| {
        let place = Place::LineColumn(error.line() as u64, error.column() as u64);
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
        let hint = if text.contains("NaN") || text.contains("Infinity") {
            " (NaN and Infinity are not JSON; write null or leave the entry out)"
        } else {
            ""
        };
        DatasetError::malformed(path, place, format!("{message}{hint}"))
    })
}

/// A finite number from text.
pub fn parse_number(path: &Path, place: Place, name: &str, text: &str) -> Result<f64, DatasetError> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(DatasetError::malformed(path, place, format!("{name} is {}, not a finite number", shown(text)))),
    }
}

/// A whole number from text.
pub fn parse_count(path: &Path, place: Place, name: &str, text: &str) -> Result<u64, DatasetError> {
    text.trim()
        .parse()
        .map_err(|_| DatasetError::malformed(path, place, format!("{name} is {}, not a whole number", shown(text))))
}

/// A value as quoted in messages, cut where it is long.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        format!("\"{text}\"")
    } else {
        format!("\"{}…\"", text.chars().take(LONGEST).collect::<String>())
    }
}

/// A table with named columns.
pub struct Table {
    pub columns: Vec<String>,
    /// 1-based line and cells of each row.
    pub rows: Vec<(u64, csv::StringRecord)>,
}

impl Table {
    /// Reads comma-separated text whose first row names the columns. Lines that start with `comment` are skipped.
    pub fn parse(path: &Path, text: &str, comment: Option<u8>) -> Result<Self, DatasetError> {
        let mut rows = Self::records(path, text, comment)?;
        if rows.is_empty() {
            return Err(DatasetError::malformed(path, None, "the table is empty"));
        }
        let (_, header) = rows.remove(0);
        let columns = header.iter().map(|name| name.trim().trim_start_matches('#').trim().to_owned()).collect();
        Ok(Self { columns, rows })
    }

    /// Rows of comma-separated text without a header.
    pub fn records(
        path: &Path,
        text: &str,
        comment: Option<u8>,
    ) -> Result<Vec<(u64, csv::StringRecord)>, DatasetError> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).comment(comment).from_reader(text.as_bytes());
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| {
                let line = error.position().map(|position| Place::Line(position.line()));
                DatasetError::malformed(path, line, error.to_string())
            })?;
            rows.push((record.position().map_or(0, csv::Position::line), record));
        }
        Ok(rows)
    }

    /// Place of a column by its name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Place of a column that must be there.
    pub fn needed(&self, path: &Path, name: &str) -> Result<usize, DatasetError> {
        self.column(name)
            .ok_or_else(|| DatasetError::malformed(path, Place::Line(1), format!("no column named {name}")))
    }
}

/// A cell that must be there.
pub fn cell<'a>(
    path: &Path,
    line: u64,
    record: &'a csv::StringRecord,
    column: usize,
    name: &str,
) -> Result<&'a str, DatasetError> {
    record
        .get(column)
        .ok_or_else(|| DatasetError::malformed(path, Place::Line(line), format!("the row ends before column {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<String, String> {
        decode(Path::new("f.csv"), bytes.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn marks_and_utf16_are_understood() {
        assert_eq!(decoded(b"\xef\xbb\xbfa,b").unwrap(), "a,b");
        assert_eq!(decoded(b"\xff\xfea\0,\0").unwrap(), "a,");
        assert_eq!(decoded(b"\xfe\xff\0a\0,").unwrap(), "a,");
    }

    #[test]
    fn another_encoding_is_refused_with_its_line() {
        let message = decoded(b"one\ntwo\xe9\n").unwrap_err();
        assert!(message.contains("line 2") && message.contains("byte 7"), "{message}");
    }

    #[test]
    fn json_errors_name_the_place() {
        let error = parse_json::<Vec<f64>>(Path::new("f.json"), "[1,\n 2, NaN]").unwrap_err().to_string();
        assert!(error.contains("line 2, column 5") && error.contains("NaN"), "{error}");
        let deep = "[".repeat(100_000);
        let error = parse_json::<serde_json::Value>(Path::new("f.json"), &deep).unwrap_err().to_string();
        assert!(error.contains("recursion"), "{error}");
    }
}
