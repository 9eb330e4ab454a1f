//! As much of candle as the checkpoint reader makes: tensors in main memory from values and a shape.

use std::fmt;

/// Main memory.
pub enum Device {
    Cpu,
}

/// A tensor that only checks that its shape holds its values.
#[derive(Debug)]
pub struct Tensor;

/// The shape holds another number of values.
#[derive(Debug)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("shape mismatch")
    }
}

impl std::error::Error for Error {}

impl Tensor {
    /// As candle's: an error unless `shape` holds exactly `values`.
    pub fn from_vec<T>(values: Vec<T>, shape: &[usize], _: &Device) -> Result<Self, Error> {
        let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
        if count == Some(values.len()) { Ok(Self) } else { Err(Error) }
    }
}
