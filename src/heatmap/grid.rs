/// Values in rows from top to bottom, each row from left to right.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl Grid {
    /// A grid of `values` in row-major order; `None` unless there are exactly `rows × columns` of them and at
    /// least one.
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Option<Self> {
        let count = rows.checked_mul(columns)?;
        (count > 0 && values.len() == count).then_some(Self { rows, columns, values })
    }

    /// A grid whose value at (row, column) is `value(row, column)`; at least one cell is made.
    pub fn from_fn(rows: usize, columns: usize, mut value: impl FnMut(usize, usize) -> f32) -> Self {
        let (rows, columns) = (rows.max(1), columns.max(1));
        let mut values = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                values.push(value(row, column));
            }
        }
        Self { rows, columns, values }
    }

    pub fn filled(rows: usize, columns: usize, value: f32) -> Self {
        Self::from_fn(rows, columns, |_, _| value)
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn values(&self) -> &[f32] {
        &self.values
    }

    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// The value at a cell, `None` outside the grid.
    pub fn get(&self, row: usize, column: usize) -> Option<f32> {
        if row < self.rows && column < self.columns {
            self.values.get(row * self.columns + column).copied()
        } else {
            None
        }
    }

    /// Smallest and largest value; NaN cells (not seen by the model) are passed over. (0, 0) if all are NaN.
    pub fn range(&self) -> (f32, f32) {
        let mut range: Option<(f32, f32)> = None;
        for &value in self.values.iter().filter(|value| !value.is_nan()) {
            range = Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
        }
        range.unwrap_or((0.0, 0.0))
    }

    /// True when every cell holds the same number: a map that says nothing.
    pub fn is_constant(&self) -> bool {
        let (low, high) = self.range();
        low == high
    }

    pub fn map(&self, mut change: impl FnMut(f32) -> f32) -> Self {
        Self {
            rows: self.rows,
            columns: self.columns,
            values: self.values.iter().map(|&value| change(value)).collect(),
        }
    }
}
