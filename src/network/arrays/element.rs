use half::{bf16, f16};

use super::ArrayProblem;

/// How one element lies in a file, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    Bf16,
    F32,
    F64,
    /// Text of at most so many bytes, padded with zeros.
    Bytes(usize),
    /// Text of at most so many code points of four bytes each, padded with zeros.
    Utf32(usize),
}

/// The values of an array, in the narrowest of these kinds that holds them all exactly.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Bool(Vec<bool>),
    U8(Vec<u8>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<String>),
}

impl ElementType {
    /// Bytes that one element takes.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Bytes(length) => length,
            Self::Utf32(length) => length.saturating_mul(4),
        }
    }

    /// The type that numpy writes as `descr` (`<f4`, `|u1`, `<U12` …) and whether its bytes are big-endian.
    pub fn from_descr(descr: &str) -> Result<(Self, bool), ArrayProblem> {
        let unknown = || ArrayProblem::Element(descr.chars().take(40).collect());
        let (big_endian, code) = match descr.as_bytes().first() {
            Some(b'>') => (true, &descr[1..]),
            Some(b'<' | b'|' | b'=') => (false, &descr[1..]),
            _ => (false, descr),
        };
        let element = match code {
            "b1" | "?" => Self::Bool,
            "u1" => Self::U8,
            "u2" => Self::U16,
            "u4" => Self::U32,
            "u8" => Self::U64,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "O" | "O8" | "O4" => return Err(ArrayProblem::Objects),
            _ => match (code.get(..1), code.get(1..).and_then(|length| length.parse().ok())) {
                (Some("S"), Some(length)) => Self::Bytes(length),
                (Some("U"), Some(length)) => Self::Utf32(length),
                _ => return Err(unknown()),
            },
        };
        Ok((element, big_endian))
    }

    /// Turns big-endian elements into little-endian ones or the other way round.
    pub fn swap_bytes(self, bytes: &mut [u8]) {
        let word = match self {
            Self::Utf32(_) => 4,
            Self::Bytes(_) => 1,
            element => element.size_bytes(),
        };
        bytes.chunks_exact_mut(word).for_each(<[u8]>::reverse);
    }

    /// The elements in `bytes` (little-endian; a last incomplete one is left out).
    pub fn decode(self, bytes: &[u8]) -> Result<Values, ArrayProblem> {
        fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
            bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
        }
        Ok(match self {
            Self::Bool => Values::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
            Self::U8 => Values::U8(bytes.to_vec()),
            Self::U16 => Values::I64(each(bytes, |chunk| i64::from(u16::from_le_bytes(chunk)))),
            Self::U32 => Values::I64(each(bytes, |chunk| i64::from(u32::from_le_bytes(chunk)))),
            Self::U64 => {
                let values = each(bytes, u64::from_le_bytes);
                let signed = values.into_iter().map(i64::try_from).collect::<Result<_, _>>();
                Values::I64(signed.map_err(|_| ArrayProblem::Element("uint64 above 2^63".to_owned()))?)
            }
            Self::I8 => Values::I64(each(bytes, |chunk| i64::from(i8::from_le_bytes(chunk)))),
            Self::I16 => Values::I64(each(bytes, |chunk| i64::from(i16::from_le_bytes(chunk)))),
            Self::I32 => Values::I64(each(bytes, |chunk| i64::from(i32::from_le_bytes(chunk)))),
            Self::I64 => Values::I64(each(bytes, i64::from_le_bytes)),
            Self::F16 => Values::F32(each(bytes, |chunk| f16::from_le_bytes(chunk).to_f32())),
            Self::Bf16 => Values::F32(each(bytes, |chunk| bf16::from_le_bytes(chunk).to_f32())),
            Self::F32 => Values::F32(each(bytes, f32::from_le_bytes)),
            Self::F64 => Values::F64(each(bytes, f64::from_le_bytes)),
            Self::Bytes(0) | Self::Utf32(0) => Values::Text(Vec::new()),
            Self::Bytes(length) => Values::Text(bytes.chunks_exact(length).map(text_of_bytes).collect()),
            Self::Utf32(length) => {
                Values::Text(bytes.chunks_exact(length.saturating_mul(4)).map(text_of_utf32).collect())
            }
        })
    }
}

fn text_of_bytes(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn text_of_utf32(bytes: &[u8]) -> String {
    let points = bytes.as_chunks::<4>().0.iter().map(|&chunk| u32::from_le_bytes(chunk));
    let mut text: String = points.map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.truncate(text.trim_end_matches('\0').len());
    text
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    pub(super) fn to_f32(&self) -> Option<Vec<f32>> {
        Some(match self {
            Self::Bool(values) => values.iter().map(|&value| f32::from(u8::from(value))).collect(),
            Self::U8(values) => values.iter().map(|&value| f32::from(value)).collect(),
            Self::I64(values) => values.iter().map(|&value| value as f32).collect(),
            Self::F32(values) => values.clone(),
            Self::F64(values) => values.iter().map(|&value| value as f32).collect(),
            Self::Text(_) => return None,
        })
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn to_f64(&self) -> Option<Vec<f64>> {
        Some(match self {
            Self::Bool(values) => values.iter().map(|&value| f64::from(u8::from(value))).collect(),
            Self::U8(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Self::I64(values) => values.iter().map(|&value| value as f64).collect(),
            Self::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Self::F64(values) => values.clone(),
            Self::Text(_) => return None,
        })
    }

    pub(super) fn to_i64(&self) -> Option<Vec<i64>> {
        Some(match self {
            Self::Bool(values) => values.iter().map(|&value| i64::from(value)).collect(),
            Self::U8(values) => values.iter().map(|&value| i64::from(value)).collect(),
            Self::I64(values) => values.clone(),
            Self::F32(_) | Self::F64(_) | Self::Text(_) => return None,
        })
    }
}

macro_rules! values_from {
    ($($element:ty => $kind:ident),*) => {$(
        impl From<Vec<$element>> for Values {
            fn from(values: Vec<$element>) -> Self {
                Self::$kind(values)
            }
        }
    )*};
}
values_from!(bool => Bool, u8 => U8, i64 => I64, f32 => F32, f64 => F64, String => Text);

/// The step along each axis, in elements, of an array in which the first axis varies fastest.
pub fn fortran_strides(shape: &[usize]) -> Vec<usize> {
    let steps = shape.iter().scan(1_usize, |step, &length| {
        let this = *step;
        *step = step.saturating_mul(length);
        Some(this)
    });
    steps.collect()
}

/// Elements of `size_bytes` each, picked out of `bytes` in row-major order of `shape`, where a step along axis `k`
/// moves by `strides[k]` elements from element `offset` on. `None` if the view leaves `bytes`.
///
/// The caller bounds the number of elements: a view may repeat an element any number of times (stride 0).
pub fn gather_strided(
    bytes: &[u8],
    size_bytes: usize,
    offset: usize,
    shape: &[usize],
    strides: &[usize],
) -> Option<Vec<u8>> {
    let count = super::element_count(shape)?;
    if shape.len() != strides.len() {
        return None;
    }
    if count == 0 {
        return Some(Vec::new());
    }
    let mut last = offset;
    for (&length, &stride) in shape.iter().zip(strides) {
        last = last.checked_add((length - 1).checked_mul(stride)?)?;
    }
    if last.checked_add(1)?.checked_mul(size_bytes)? > bytes.len() {
        return None;
    }
    let mut gathered = Vec::with_capacity(count.checked_mul(size_bytes)?);
    let mut index = vec![0_usize; shape.len()];
    let mut element = offset;
    for _ in 0..count {
        gathered.extend_from_slice(bytes.get(element * size_bytes..(element + 1) * size_bytes)?);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            element += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            element -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    Some(gathered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_view_is_gathered_in_row_major_order() {
        assert_eq!(gather_strided(&[0, 1, 2, 3, 4, 5], 1, 0, &[3, 2], &[1, 3]), Some(vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(gather_strided(&[7, 8], 1, 1, &[3], &[0]), Some(vec![8, 8, 8]));
    }

    #[test]
    fn a_view_that_leaves_its_bytes_is_none() {
        assert_eq!(gather_strided(&[0; 6], 1, 1, &[3, 2], &[2, 1]), None);
        assert_eq!(gather_strided(&[0; 6], 2, 3, &[1], &[1]), None);
        assert_eq!(gather_strided(&[0; 6], 1, 0, &[usize::MAX, 2], &[usize::MAX, 1]), None);
    }

    #[test]
    fn element_types_are_read_from_numpys_names() {
        assert_eq!(ElementType::from_descr("<f4").unwrap(), (ElementType::F32, false));
        assert_eq!(ElementType::from_descr(">i2").unwrap(), (ElementType::I16, true));
        assert_eq!(ElementType::from_descr("<U12").unwrap(), (ElementType::Utf32(12), false));
        assert!(matches!(ElementType::from_descr("|O"), Err(ArrayProblem::Objects)));
        for unknown in ["", "<", "c16", "<M8[ns]", "<U", "é"] {
            assert!(matches!(ElementType::from_descr(unknown), Err(ArrayProblem::Element(_))), "{unknown}");
        }
    }
}
