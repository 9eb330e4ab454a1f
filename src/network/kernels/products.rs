//! Products of plain matrices, either of them transposed where it is wanted: for the heads, losses and transformers
//! of training, where both sides change with every step and packing ahead does not pay.

/// How a row-major matrix is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    AsIs,
    Transposed,
}

/// A row-major matrix and how it is read.
#[derive(Clone, Copy)]
pub struct Factor<'a> {
    pub values: &'a [f32],
    /// Rows and columns as it is stored.
    pub shape: (usize, usize),
    pub read: Read,
}

impl<'a> Factor<'a> {
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, shape: (rows, columns), read: Read::AsIs }
    }

    pub fn transposed(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, shape: (rows, columns), read: Read::Transposed }
    }

    /// Rows, columns, and the strides between them, as read.
    fn measures(&self) -> (usize, usize, isize, isize) {
        let (rows, columns) = self.shape;
        match self.read {
            Read::AsIs => (rows, columns, columns as isize, 1),
            Read::Transposed => (columns, rows, 1, columns as isize),
        }
    }
}

/// `to = kept · to + scale · a · b`, row-major. `kept` is 0 or 1.
pub fn multiply_into(to: &mut [f32], add: bool, scale: f32, a: Factor, b: Factor) {
    let (rows, depth, a_rows, a_columns) = a.measures();
    let (b_depth, columns, b_rows, b_columns) = b.measures();
    assert!(depth == b_depth && to.len() == rows * columns, "matrices that do not fit");
    assert!(a.values.len() == rows * depth && b.values.len() == depth * columns, "matrices of other sizes");
    if to.is_empty() {
        return;
    }
    // SAFETY: sizes and strides are those of the slices, checked above.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            to.as_mut_ptr(),
            1,
            columns as isize,
            add,
            a.values.as_ptr(),
            a_columns,
            a_rows,
            b.values.as_ptr(),
            b_columns,
            b_rows,
            1.0,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
