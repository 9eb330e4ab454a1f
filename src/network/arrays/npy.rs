use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use super::element::{ElementType, Values, fortran_strides, gather_strided};
use super::{Array, ArrayError, ArrayProblem, element_count};
use crate::network::open_plain;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// numpy writes headers of a few hundred bytes; a structured type may take some thousand.
const LONGEST_HEADER_BYTES: usize = 64 * 1024;
const MOST_AXES: usize = 64;

/// The array of a `.npy` file.
pub fn read_npy(path: &Path) -> Result<Array, ArrayError> {
    let place = path.display().to_string();
    let read = || {
        let file = open_plain(path)?;
        let held = file.metadata()?.len();
        read_npy_from(&mut BufReader::new(file), held)
    };
    read().map_err(|problem: ArrayProblem| problem.at(place))
}

/// The array of `.npy` bytes that `input` yields; `held` is the largest number of bytes that can be in there, so
/// that a header which claims more is refused before anything is allocated.
pub fn read_npy_from(input: &mut impl Read, held: u64) -> Result<Array, ArrayProblem> {
    let header = Header::read(input)?;
    let count = element_count(&header.shape);
    let claimed = count.and_then(|count| count.checked_mul(header.element.size_bytes()));
    let claimed = claimed.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(u64::MAX);
    if claimed > held {
        return Err(ArrayProblem::Truncated { claimed, held });
    }
    let mut bytes = Vec::new();
    input.take(claimed).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != claimed {
        return Err(ArrayProblem::Truncated { claimed, held: bytes.len() as u64 });
    }
    if header.big_endian {
        header.element.swap_bytes(&mut bytes);
    }
    if header.fortran_order && header.shape.len() > 1 {
        bytes = gather_strided(&bytes, header.element.size_bytes(), 0, &header.shape, &fortran_strides(&header.shape))
            .ok_or(ArrayProblem::Truncated { claimed, held })?;
    }
    let values = match (header.element, count) {
        (ElementType::Bytes(0) | ElementType::Utf32(0), Some(count)) if count as u64 <= held => {
            Values::Text(vec![String::new(); count])
        }
        (element, _) => element.decode(&bytes)?,
    };
    Array::new(header.shape, values).ok_or(ArrayProblem::Truncated { claimed, held })
}

/// Writes an array as `.npy`, version 1.
pub fn write_npy(output: &mut impl Write, array: &Array) -> Result<(), ArrayProblem> {
    let descr = match array.values() {
        Values::Bool(_) => "|b1".to_owned(),
        Values::U8(_) => "|u1".to_owned(),
        Values::I64(_) => "<i8".to_owned(),
        Values::F32(_) => "<f4".to_owned(),
        Values::F64(_) => "<f8".to_owned(),
        Values::Text(texts) => format!("<U{}", longest(texts)),
    };
    let mut axes = array.shape().iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    if array.shape().len() == 1 {
        axes.push(',');
    }
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(|_| ArrayProblem::Unwritable("it has too many axes"))?;
    output.write_all(MAGIC)?;
    output.write_all(&[1, 0])?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(header.as_bytes())?;
    write_values(output, array.values())?;
    Ok(())
}

/// numpy has no zero-width text: it keeps one code point for an array of empty strings.
fn longest(texts: &[String]) -> usize {
    texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1)
}

fn write_values(output: &mut impl Write, values: &Values) -> io::Result<()> {
    fn each<T: Copy, const N: usize>(
        output: &mut impl Write,
        values: &[T],
        bytes: impl Fn(T) -> [u8; N],
    ) -> io::Result<()> {
        for part in values.chunks(4096) {
            let part: Vec<u8> = part.iter().flat_map(|&value| bytes(value)).collect();
            output.write_all(&part)?;
        }
        Ok(())
    }
    match values {
        Values::Bool(values) => each(output, values, |value| [u8::from(value)]),
        Values::U8(values) => output.write_all(values),
        Values::I64(values) => each(output, values, i64::to_le_bytes),
        Values::F32(values) => each(output, values, f32::to_le_bytes),
        Values::F64(values) => each(output, values, f64::to_le_bytes),
        Values::Text(texts) => {
            let width = longest(texts);
            for text in texts {
                let padded = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
                output.write_all(&padded.flat_map(u32::to_le_bytes).collect::<Vec<_>>())?;
            }
            Ok(())
        }
    }
}

struct Header {
    element: ElementType,
    big_endian: bool,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    fn read(input: &mut impl Read) -> Result<Self, ArrayProblem> {
        let mut start = [0_u8; 8];
        read_whole(input, &mut start).map_err(|problem| match problem {
            ArrayProblem::Truncated { .. } => ArrayProblem::NotNpy,
            other => other,
        })?;
        if !start.starts_with(MAGIC) {
            return Err(ArrayProblem::NotNpy);
        }
        let length = match (start[6], start[7]) {
            (1, _) => {
                let mut bytes = [0_u8; 2];
                read_whole(input, &mut bytes)?;
                usize::from(u16::from_le_bytes(bytes))
            }
            (2 | 3, _) => {
                let mut bytes = [0_u8; 4];
                read_whole(input, &mut bytes)?;
                u32::from_le_bytes(bytes) as usize
            }
            (major, minor) => return Err(ArrayProblem::Version(major, minor)),
        };
        if length > LONGEST_HEADER_BYTES {
            return Err(ArrayProblem::Header(format!("it claims {length} bytes")));
        }
        let mut header = vec![0_u8; length];
        read_whole(input, &mut header)?;
        // Versions 1 and 2 write Latin-1, version 3 UTF-8; what we read of a header is ASCII in all of them.
        Self::parse(&String::from_utf8_lossy(&header))
    }

    /// Reads the Python dict `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
    fn parse(text: &str) -> Result<Self, ArrayProblem> {
        let damaged = |what: &str| ArrayProblem::Header(what.to_owned());
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        let mut rest = text.trim().strip_prefix('{').ok_or_else(|| damaged("no '{' at its start"))?;
        loop {
            rest = rest.trim_start_matches([' ', ',', '\n', '\t']);
            if rest.starts_with('}') {
                break;
            }
            let (key, after) = quoted(rest).ok_or_else(|| damaged("a key is not a string"))?;
            rest = after.trim_start().strip_prefix(':').ok_or_else(|| damaged("no ':' after a key"))?.trim_start();
            match key {
                "descr" => {
                    let (value, after) = quoted(rest).ok_or_else(|| ArrayProblem::Element("record".to_owned()))?;
                    descr = Some(value);
                    rest = after;
                }
                "fortran_order" => {
                    let word = rest.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
                    fortran_order = Some(match word {
                        "True" => true,
                        "False" => false,
                        _ => return Err(damaged("'fortran_order' is neither True nor False")),
                    });
                    rest = &rest[word.len()..];
                }
                "shape" => {
                    let inner = rest.strip_prefix('(').ok_or_else(|| damaged("'shape' is not a tuple"))?;
                    let (axes, after) = inner.split_once(')').ok_or_else(|| damaged("'shape' has no end"))?;
                    shape = Some(axes_of(axes)?);
                    rest = after;
                }
                _ => return Err(damaged("it has an unknown key")),
            }
        }
        let (element, big_endian) = ElementType::from_descr(descr.ok_or_else(|| damaged("'descr' is missing"))?)?;
        Ok(Self {
            element,
            big_endian,
            fortran_order: fortran_order.ok_or_else(|| damaged("'fortran_order' is missing"))?,
            shape: shape.ok_or_else(|| damaged("'shape' is missing"))?,
        })
    }
}

fn axes_of(text: &str) -> Result<Vec<usize>, ArrayProblem> {
    let axes = text.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    // Python 2's numpy wrote long integers as `3L`.
    let axes = axes.map(|axis| axis.trim_end_matches('L').parse()).collect::<Result<Vec<usize>, _>>();
    let axes =
        axes.map_err(|_| ArrayProblem::Header(format!("'shape' is ({})", text.chars().take(60).collect::<String>())))?;
    if axes.len() > MOST_AXES {
        return Err(ArrayProblem::Header(format!("'shape' has {} axes", axes.len())));
    }
    Ok(axes)
}

/// The string that `text` begins with, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|letter| matches!(letter, '\'' | '"'))?;
    text[1..].split_once(quote)
}

fn read_whole(input: &mut impl Read, into: &mut [u8]) -> Result<(), ArrayProblem> {
    let claimed = into.len() as u64;
    input.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ArrayProblem::Truncated { claimed, held: 0 },
        _ => ArrayProblem::Io(error),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn npy(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        if version == 1 {
            bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        } else {
            bytes.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
        }
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Array, ArrayProblem> {
        read_npy_from(&mut &bytes[..], bytes.len() as u64)
    }

    #[test]
    fn all_versions_and_both_orders_are_read() {
        let data: Vec<u8> = (0..6_i16).flat_map(i16::to_le_bytes).collect();
        for version in 1..=3 {
            let c = npy(version, "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }\n", &data);
            assert_eq!(read(&c).unwrap(), Array::new([2, 3], vec![0_i64, 1, 2, 3, 4, 5]).unwrap());
            let f = npy(version, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }\n", &data);
            assert_eq!(read(&f).unwrap(), Array::new([2, 3], vec![0_i64, 2, 4, 1, 3, 5]).unwrap());
        }
    }

    #[test]
    fn half_precision_big_endian_and_scalars_are_read() {
        let half = npy(1, "{'shape': (), 'fortran_order': False, 'descr': '<f2'}", &[0x00, 0x3e]);
        assert_eq!(read(&half).unwrap(), Array::new([], vec![1.5_f32]).unwrap());
        let big = npy(1, "{'descr': '>f8', 'fortran_order': False, 'shape': (1,), }", &2.5_f64.to_be_bytes());
        assert_eq!(read(&big).unwrap(), Array::new([1], vec![2.5_f64]).unwrap());
    }

    #[test]
    fn claims_beyond_the_file_are_refused_before_reading() {
        for shape in ["(4000000000000,)", "(18446744073709551615, 2)", "(3,)"] {
            let bytes = npy(1, &format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"), &[0; 8]);
            assert!(matches!(read(&bytes), Err(ArrayProblem::Truncated { .. })), "{shape}");
        }
    }

    #[test]
    fn damaged_headers_are_refused() {
        for header in ["", "{", "{'descr'", "{'descr': '<f4'}", "{'descr': [('a', '<f4')], }", "{'shape': (1, -2), }"] {
            assert!(read(&npy(1, header, &[0; 8])).is_err(), "{header}");
        }
        assert!(matches!(read(b"PK\x03\x04 is a zip"), Err(ArrayProblem::NotNpy)));
        assert!(matches!(read(&npy(9, "", &[])), Err(ArrayProblem::Version(9, 0))));
        let objects = npy(1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n");
        assert!(matches!(read(&objects), Err(ArrayProblem::Objects)));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let arrays = [
            Array::new([2, 2], vec![1.0_f32, -0.0, f32::INFINITY, 1e-40]).unwrap(),
            Array::new([], vec![0.1_f64]).unwrap(),
            Array::new([0, 3], Vec::<i64>::new()).unwrap(),
            Array::new([3], vec![true, false, true]).unwrap(),
            Array::new([2], vec!["guitar".to_owned(), "héllo 世界".to_owned()]).unwrap(),
            Array::new([1], vec![String::new()]).unwrap(),
        ];
        for array in arrays {
            let mut bytes = Vec::new();
            write_npy(&mut bytes, &array).unwrap();
            assert_eq!(read(&bytes).unwrap(), array);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(header in ".{0,80}", data in prop::collection::vec(any::<u8>(), 0..64)) {
            for version in 0..=3 {
                let _ = read(&npy(version.max(1), &header, &data));
            }
        }
    }
}
