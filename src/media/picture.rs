use crate::geometry::Size;

/// A picture as 8-bit RGB, rows from top to bottom, no padding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    pub size: Size,
    /// `3 · width · height` bytes.
    pub rgb: Vec<u8>,
}
