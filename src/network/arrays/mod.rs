//! numpy's arrays in files: `.npy` (versions 1 to 3) and `.npz` (stored or deflated), read and written.
//!
//! A file's claims are held against what it holds before anything is allocated. Object arrays are refused, since
//! they are pickles.

mod element;
mod error;
mod npy;
mod npz;

pub use element::{ElementType, Values, fortran_strides, gather_strided};
pub use error::{ArrayError, ArrayProblem};
pub use npy::{read_npy, read_npy_from, write_npy};
pub use npz::{Npz, NpzWriter, write_npz};

/// Values in row-major order (the last axis varies fastest) and the lengths of the axes. A scalar has no axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
}

impl Array {
    /// An array of `values`; `None` unless the shape asks for exactly as many as there are.
    pub fn new(shape: impl Into<Vec<usize>>, values: impl Into<Values>) -> Option<Self> {
        let (shape, values) = (shape.into(), values.into());
        (element_count(&shape)? == values.len()).then_some(Self { shape, values })
    }

    /// A single number.
    pub fn scalar(value: f64) -> Self {
        Self { shape: Vec::new(), values: Values::F64(vec![value]) }
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub fn values(&self) -> &Values {
        &self.values
    }

    pub fn into_values(self) -> Values {
        self.values
    }

    /// The numbers as f32, rounded to nearest where the file holds more; `None` for text.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        self.values.to_f32()
    }

    /// The numbers as f64; `None` for text.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        self.values.to_f64()
    }

    /// Whole numbers (also booleans); `None` for floating point and text.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        self.values.to_i64()
    }

    /// Strings; `None` for numbers.
    pub fn texts(&self) -> Option<&[String]> {
        match &self.values {
            Values::Text(texts) => Some(texts),
            _ => None,
        }
    }
}

/// Number of elements of a shape, `None` where it does not fit.
pub fn element_count(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length))
}
