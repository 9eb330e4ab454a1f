//! NumPy arrays of numbers: the header's few forms, little-endian floats and integers. Nothing is executed.

use std::path::Path;

use crate::dataset::error::{DatasetError, Place, Problem};

/// Largest array of boxes that is read.
const MAX_VALUES: u64 = 1 << 26;

/// An array with its shape, row after row.
#[derive(Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// Reads a `.npy` file (format versions 1 to 3).
///
/// # Errors
/// Another magic, an object array (it would have to be unpickled), Fortran order, or fewer bytes than promised.
pub fn read(path: &Path) -> Result<Array, DatasetError> {
    let io = |error| DatasetError::io(path, error);
    let length = std::fs::metadata(path).map_err(io)?.len();
    if length > MAX_VALUES * 8 {
        return Err(DatasetError::new(
            path,
            Problem::TooLarge { what: "the array", found: length, limit: MAX_VALUES * 8 },
        ));
    }
    parse(path, &std::fs::read(path).map_err(io)?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Array, DatasetError> {
    let malformed = |byte: u64, message: &str| DatasetError::malformed(path, Place::Byte(byte), message);
    let version = match bytes.get(..8) {
        Some(head) if head.starts_with(b"\x93NUMPY") => head[6],
        _ => return Err(malformed(0, "not a NumPy array")),
    };
    let (length, start): (usize, usize) = match (version, bytes.get(8..12)) {
        (1, Some(size)) => (usize::from(u16::from_le_bytes([size[0], size[1]])), 10),
        (2 | 3, Some(size)) => (u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize, 12),
        _ => return Err(malformed(6, "a version of the NumPy format that is not known")),
    };
    let header = bytes.get(start..start.saturating_add(length)).ok_or_else(|| malformed(8, "the header is cut off"))?;
    let header = std::str::from_utf8(header).map_err(|_| malformed(start as u64, "the header is not text"))?;
    let header_at = |message: &str| malformed(start as u64, message);
    if field(header, "fortran_order").is_some_and(|value| value.starts_with("True")) {
        return Err(header_at("the array is in Fortran order; save it with numpy.ascontiguousarray"));
    }
    let kind = field(header, "descr").and_then(quoted).ok_or_else(|| header_at("no element type in the header"))?;
    let shape = shape_of(header).ok_or_else(|| header_at("no shape in the header"))?;
    let count = shape.iter().try_fold(1u64, |count, side| count.checked_mul(*side as u64));
    let Some(count) = count.filter(|count| *count <= MAX_VALUES) else {
        return Err(header_at("the shape is larger than any array of boxes"));
    };
    let data = &bytes[start + length..];
    let values = decode(kind, data).ok_or_else(|| {
        header_at("elements are neither floats nor integers in little-endian order (objects would have to be executed)")
    })?;
    if (values.len() as u64) < count {
        return Err(malformed(bytes.len() as u64, "the file ends before the array does"));
    }
    Ok(Array { shape, values: values.into_iter().take(usize::try_from(count).unwrap_or(usize::MAX)).collect() })
}

fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{name}':"))?;
    Some(rest.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.split_once('\'').map(|(inside, _)| inside)
}

fn shape_of(header: &str) -> Option<Vec<usize>> {
    let (sides, _) = field(header, "shape")?.strip_prefix('(')?.split_once(')')?;
    sides.split(',').map(str::trim).filter(|side| !side.is_empty()).map(|side| side.parse().ok()).collect()
}

fn decode(kind: &str, data: &[u8]) -> Option<Vec<f64>> {
    macro_rules! numbers {
        ($number:ty, $size:literal) => {
            data.as_chunks::<$size>().0.iter().map(|bytes| <$number>::from_le_bytes(*bytes) as f64).collect()
        };
    }
    Some(match kind {
        "<f8" => numbers!(f64, 8),
        "<f4" => numbers!(f32, 4),
        "<i8" => numbers!(i64, 8),
        "<i4" => numbers!(i32, 4),
        "<i2" => numbers!(i16, 2),
        "|u1" => data.iter().map(|byte| f64::from(*byte)).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_float_array_is_read() {
        let data: Vec<u8> = [0.5f32, 0.25].iter().flat_map(|value| value.to_le_bytes()).collect();
        let bytes = file("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n", &data);
        assert_eq!(parse(Path::new("b.npy"), &bytes).unwrap(), Array { shape: vec![1, 2], values: vec![0.5, 0.25] });
    }

    #[test]
    fn false_promises_are_refused() {
        for header in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (9, 9), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
            "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }",
            "garbage",
        ] {
            assert!(parse(Path::new("b.npy"), &file(header, &[0; 4])).is_err(), "{header}");
        }
        for cut in 0..20 {
            let whole = file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", &[0; 4]);
            assert!(parse(Path::new("b.npy"), &whole[..cut]).is_err());
        }
    }
}
