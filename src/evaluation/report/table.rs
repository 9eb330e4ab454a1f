//! A table of figures, independent of how it is written.

/// A table of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// A short name for anchors and labels: letters, digits, hyphens.
    pub id: String,
    pub title: String,
    /// What made the figures: protocol and choices, list and its length.
    pub caption: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// What a reader must know, below the table.
    pub notes: Vec<String>,
}

/// A column of figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    /// One sentence: what the figure is.
    pub meaning: String,
    /// How a figure is printed.
    pub unit: Unit,
    /// Whether the largest figure of the models is the best.
    pub ranked: bool,
}

/// How a figure is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share, as percent with two decimals.
    Percent,
    /// Three decimals.
    Number,
    /// A whole number.
    Count,
}

/// What a row of figures belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A model, by its place in the run's description.
    Model(usize),
    /// Something that neither looks nor listens.
    Reference,
    /// The best that the rule allows.
    Ceiling,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub name: String,
    pub kind: RowKind,
    pub cells: Vec<Cell>,
}

/// A figure, its 95 % interval, and what a paper printed in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub value: f64,
    pub interval: Option<[f64; 2]>,
    /// The printed figure and the number of its note, from 1.
    pub published: Option<(String, usize)>,
    /// Not above what the fixed probe reaches, which neither looks nor listens.
    pub below_probe: bool,
}

impl Cell {
    pub const NONE: Self = Self { value: f64::NAN, interval: None, published: None, below_probe: false };

    pub fn plain(value: f64) -> Self {
        Self { value, ..Self::NONE }
    }
}

impl From<crate::evaluation::Figure> for Cell {
    fn from(figure: crate::evaluation::Figure) -> Self {
        let interval = (figure.low.is_finite() && figure.high.is_finite()).then_some([figure.low, figure.high]);
        Self { interval, ..Self::plain(figure.value) }
    }
}

impl Column {
    pub fn new(name: impl Into<String>, meaning: &str, unit: Unit) -> Self {
        Self { name: name.into(), meaning: meaning.to_owned(), unit, ranked: true }
    }

    /// A column in which more is not better.
    pub fn unranked(self) -> Self {
        Self { ranked: false, ..self }
    }

    /// The text of a figure.
    pub fn text(&self, value: f64) -> String {
        match self.unit {
            Unit::Percent => super::words::percent(value),
            Unit::Number => super::words::decimal(value),
            Unit::Count if value.is_finite() => super::words::count(value as usize),
            Unit::Count => "–".into(),
        }
    }
}

impl Table {
    /// The places of the rows with the largest figure of a column among the models; none where there is one model only
    /// or all are alike.
    pub fn best(&self, column: usize) -> Vec<usize> {
        let ranked = self.columns.get(column).is_some_and(|column| column.ranked);
        let models: Vec<(usize, f64)> = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| matches!(row.kind, RowKind::Model(_)))
            .filter_map(|(place, row)| Some((place, row.cells.get(column)?.value)))
            .collect();
        let best = models.iter().map(|(_, value)| *value).fold(f64::NAN, f64::max);
        let all_alike = models.iter().all(|(_, value)| *value == best);
        if !ranked || models.len() < 2 || best.is_nan() || all_alike {
            return Vec::new();
        }
        models.into_iter().filter(|(_, value)| *value == best).map(|(place, _)| place).collect()
    }
}
