//! The table of scores as `scores.parquet` and `scores.csv`: the same columns, written row by row in bounded memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::error::EvaluationError;
use super::folder::{SCORES_CSV, SCORES_PARQUET};
use super::row::ScoreRow;

/// Rows that are held in memory and written together.
const ROWS_A_GROUP: usize = 16_384;
/// Most rows that a group of a file from elsewhere may have.
const MOST_ROWS_A_GROUP: usize = 1 << 22;

/// One field of a row.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Text(Option<String>),
    Whole(Option<i64>),
    Number(Option<f64>),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Whole,
    Number,
}

/// The columns in their order.
const COLUMNS: [(&str, Kind); 30] = [
    ("clip_index", Kind::Whole),
    ("clip", Kind::Text),
    ("class", Kind::Text),
    ("model", Kind::Text),
    ("protocol", Kind::Text),
    ("kind", Kind::Text),
    ("asked", Kind::Text),
    ("frame", Kind::Whole),
    ("time_secs", Kind::Number),
    ("frame_reason", Kind::Text),
    ("source", Kind::Text),
    ("pair", Kind::Text),
    ("boxes", Kind::Whole),
    ("truth_area", Kind::Number),
    ("ciou", Kind::Number),
    ("confidence", Kind::Number),
    ("peak", Kind::Number),
    ("positive_share", Kind::Number),
    ("positive_x", Kind::Number),
    ("positive_y", Kind::Number),
    ("degenerate", Kind::Text),
    ("centre_box", Kind::Number),
    ("full_frame", Kind::Number),
    ("fixed_probe", Kind::Number),
    ("ceiling", Kind::Number),
    ("curve", Kind::Text),
    ("f_levels", Kind::Text),
    ("silent_share", Kind::Number),
    ("azimuth", Kind::Text),
    ("error", Kind::Text),
];

/// Columns that came after the first tables were written: where they are missing, every row has nothing there.
const ADDED_LATER: [&str; 3] = ["f_levels", "silent_share", "azimuth"];

fn cells(row: ScoreRow) -> [Cell; COLUMNS.len()] {
    let whole = |value: u64| Cell::Whole(i64::try_from(value).ok());
    let text = |value: String| Cell::Text(Some(value));
    [
        whole(row.clip_index),
        text(row.clip),
        Cell::Text(row.class),
        text(row.model),
        text(row.protocol),
        text(row.kind.word().to_owned()),
        text(row.asked),
        Cell::Whole(row.frame.and_then(|frame| i64::try_from(frame).ok())),
        Cell::Number(row.time_secs),
        Cell::Text(row.frame_reason),
        Cell::Text(row.source),
        Cell::Text(row.pair),
        whole(row.boxes),
        Cell::Number(row.truth_area),
        Cell::Number(row.ciou),
        Cell::Number(row.confidence),
        Cell::Number(row.peak),
        Cell::Number(row.positive_share),
        Cell::Number(row.positive_x),
        Cell::Number(row.positive_y),
        Cell::Text(row.degenerate),
        Cell::Number(row.centre_box),
        Cell::Number(row.full_frame),
        Cell::Number(row.fixed_probe),
        Cell::Number(row.ceiling),
        Cell::Text(row.curve.map(|curve| curve.to_string())),
        Cell::Text(row.f_levels.map(|levels| levels.to_string())),
        Cell::Number(row.silent_share),
        Cell::Text(row.azimuth.map(|regions| regions.to_string())),
        Cell::Text(row.error),
    ]
}

/// The fields of one row, taken one after the other.
struct Fields<I>(I);

impl<I: Iterator<Item = Cell>> Fields<I> {
    fn text(&mut self) -> Option<String> {
        match self.0.next() {
            Some(Cell::Text(text)) => text,
            _ => None,
        }
    }

    fn needed_text(&mut self, name: &str) -> Result<String, String> {
        self.text().ok_or_else(|| format!("a row has no {name}"))
    }

    fn whole(&mut self) -> Option<u64> {
        match self.0.next() {
            Some(Cell::Whole(number)) => number.and_then(|number| u64::try_from(number).ok()),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<f64> {
        match self.0.next() {
            Some(Cell::Number(number)) => number,
            _ => None,
        }
    }
}

fn row_of(cells: impl Iterator<Item = Cell>) -> Result<ScoreRow, String> {
    let mut fields = Fields(cells);
    let clip_index = fields.whole().ok_or("a row has no clip_index")?;
    Ok(ScoreRow {
        clip_index,
        clip: fields.needed_text("clip")?,
        class: fields.text(),
        model: fields.needed_text("model")?,
        protocol: fields.needed_text("protocol")?,
        kind: fields.needed_text("kind")?.parse()?,
        asked: fields.needed_text("asked")?,
        frame: fields.whole(),
        time_secs: fields.number(),
        frame_reason: fields.text(),
        source: fields.text(),
        pair: fields.text(),
        boxes: fields.whole().ok_or("a row has no number of boxes")?,
        truth_area: fields.number(),
        ciou: fields.number(),
        confidence: fields.number(),
        peak: fields.number(),
        positive_share: fields.number(),
        positive_x: fields.number(),
        positive_y: fields.number(),
        degenerate: fields.text(),
        centre_box: fields.number(),
        full_frame: fields.number(),
        fixed_probe: fields.number(),
        ceiling: fields.number(),
        curve: fields.text().map(|text| text.parse()).transpose()?,
        f_levels: fields.text().map(|text| text.parse()).transpose()?,
        silent_share: fields.number(),
        azimuth: fields.text().map(|text| text.parse()).transpose()?,
        error: fields.text(),
    })
}

/// Writes both files of a table. They appear under their names when they are whole.
pub struct TableWriter {
    folder: PathBuf,
    csv: csv::Writer<BufWriter<File>>,
    parquet: SerializedFileWriter<BufWriter<File>>,
    pending: Vec<Vec<Cell>>,
    rows: usize,
}

impl TableWriter {
    /// Starts the table of a run's folder.
    ///
    /// # Errors
    /// The files cannot be made.
    pub fn create(folder: &Path) -> Result<Self, EvaluationError> {
        let file = |name: &str| {
            let path = unfinished(folder, name);
            File::create(&path).map(BufWriter::new).map_err(|error| EvaluationError::io(&path, error))
        };
        let mut csv = csv::Writer::from_writer(file(SCORES_CSV)?);
        csv.write_record(COLUMNS.iter().map(|(name, _)| name)).map_err(|error| of_csv(folder, error))?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = schema().map_err(|error| of_parquet(folder, error))?;
        let parquet = SerializedFileWriter::new(file(SCORES_PARQUET)?, Arc::new(schema), Arc::new(properties));
        Ok(Self {
            folder: folder.to_owned(),
            csv,
            parquet: parquet.map_err(|error| of_parquet(folder, error))?,
            pending: Vec::new(),
            rows: 0,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn push(&mut self, row: ScoreRow) -> Result<(), EvaluationError> {
        let cells = cells(row);
        let record = cells.iter().map(|cell| match cell {
            Cell::Text(text) => text.clone().unwrap_or_default(),
            Cell::Whole(number) => number.map(|number| number.to_string()).unwrap_or_default(),
            Cell::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        });
        self.csv.write_record(record).map_err(|error| of_csv(&self.folder, error))?;
        self.pending.push(cells.into());
        self.rows += 1;
        if self.pending.len() >= ROWS_A_GROUP { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> Result<(), EvaluationError> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(());
        }
        write_group(&mut self.parquet, &pending).map_err(|error| of_parquet(&self.folder, error))
    }

    /// Ends both files and gives them their names; how many rows they have.
    ///
    /// # Errors
    /// The files cannot be written.
    pub fn finish(mut self) -> Result<usize, EvaluationError> {
        self.write_group()?;
        let Self { folder, csv, parquet, rows, .. } = self;
        let parquet = parquet.into_inner().map_err(|error| of_parquet(&folder, error))?;
        let path = |name: &str| unfinished(&folder, name);
        let csv = csv.into_inner().map_err(|error| EvaluationError::damaged(&path(SCORES_CSV), error))?;
        for (name, mut file) in [(SCORES_PARQUET, parquet), (SCORES_CSV, csv)] {
            let io = |error| EvaluationError::io(&path(name), error);
            file.flush().map_err(io)?;
            file.get_ref().sync_all().map_err(io)?;
            std::fs::rename(path(name), folder.join(name)).map_err(io)?;
        }
        Ok(rows)
    }
}

fn unfinished(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.part"))
}

fn of_csv(folder: &Path, error: csv::Error) -> EvaluationError {
    EvaluationError::damaged(&folder.join(SCORES_CSV), error)
}

fn of_parquet(folder: &Path, error: ParquetError) -> EvaluationError {
    EvaluationError::damaged(&folder.join(SCORES_PARQUET), error)
}

fn schema() -> Result<Type, ParquetError> {
    let mut fields = Vec::new();
    for (name, kind) in COLUMNS {
        let (physical, converted) = match kind {
            Kind::Text => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
            Kind::Whole => (Physical::INT64, ConvertedType::NONE),
            Kind::Number => (Physical::DOUBLE, ConvertedType::NONE),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_converted_type(converted);
        fields.push(Arc::new(field.build()?));
    }
    Type::group_type_builder("scores").with_fields(fields).build()
}

fn write_group(parquet: &mut SerializedFileWriter<BufWriter<File>>, rows: &[Vec<Cell>]) -> Result<(), ParquetError> {
    let mut group = parquet.next_row_group()?;
    for (index, (_, kind)) in COLUMNS.iter().enumerate() {
        let Some(mut column) = group.next_column()? else { break };
        let cells = || rows.iter().filter_map(|row| row.get(index));
        let present: Vec<i16> = cells()
            .map(|cell| {
                i16::from(match cell {
                    Cell::Text(text) => text.is_some(),
                    Cell::Whole(number) => number.is_some(),
                    Cell::Number(number) => number.is_some(),
                })
            })
            .collect();
        match kind {
            Kind::Text => {
                let texts = cells().filter_map(|cell| if let Cell::Text(text) = cell { text.as_deref() } else { None });
                let values: Vec<ByteArray> = texts.map(ByteArray::from).collect();
                column.typed::<ByteArrayType>().write_batch(&values, Some(&present), None)?;
            }
            Kind::Whole => {
                let values: Vec<i64> =
                    cells().filter_map(|cell| if let Cell::Whole(number) = cell { *number } else { None }).collect();
                column.typed::<Int64Type>().write_batch(&values, Some(&present), None)?;
            }
            Kind::Number => {
                let values: Vec<f64> =
                    cells().filter_map(|cell| if let Cell::Number(number) = cell { *number } else { None }).collect();
                column.typed::<DoubleType>().write_batch(&values, Some(&present), None)?;
            }
        }
        column.close()?;
    }
    group.close()?;
    Ok(())
}

/// Gives every row of a `scores.parquet` to `visit`, in order; a group of rows at a time is in memory. A table from
/// before a column was added reads as if the column were empty.
///
/// # Errors
/// The file cannot be read, is damaged, or has other columns than the rows of a run; and what `visit` fails with.
pub fn read_rows(
    path: &Path,
    mut visit: impl FnMut(ScoreRow) -> Result<(), EvaluationError>,
) -> Result<(), EvaluationError> {
    let damaged = |problem: String| EvaluationError::damaged(path, problem);
    let file = File::open(path).map_err(|error| EvaluationError::io(path, error))?;
    let reader = whole(|| SerializedFileReader::new(file)).map_err(damaged)?;
    let metadata = reader.metadata();
    let names: Vec<&str> = metadata.file_metadata().schema_descr().columns().iter().map(|c| c.name()).collect();
    let places = places(&names).map_err(damaged)?;
    for index in 0..reader.num_row_groups() {
        let columns = whole(|| read_group(&*reader.get_row_group(index)?, &places)).map_err(damaged)?;
        let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
        let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
        for _ in 0..rows {
            visit(row_of(columns.iter_mut().filter_map(Iterator::next)).map_err(damaged)?)?;
        }
    }
    Ok(())
}

/// Where each of [`COLUMNS`] is among the columns of a file; `None` for one that was added after the file was written.
fn places(names: &[&str]) -> Result<[Option<usize>; COLUMNS.len()], String> {
    let places = COLUMNS.map(|(name, _)| names.iter().position(|other| *other == name));
    let lacks = COLUMNS.iter().zip(places).find(|((name, _), place)| place.is_none() && !ADDED_LATER.contains(name));
    let unknown = names.iter().find(|name| COLUMNS.iter().all(|(known, _)| known != *name));
    let in_order = places.iter().flatten().is_sorted() && places.iter().flatten().count() == names.len();
    let what = match (lacks, unknown) {
        (Some(((name, _), _)), _) => format!("`{name}` is missing"),
        (None, Some(name)) => format!("`{name}` is unknown, perhaps of a newer version"),
        (None, None) if !in_order => "they are in another order".to_owned(),
        (None, None) => return Ok(places),
    };
    Err(format!("its columns are {}: not those of a run, {what}", names.join(", ")))
}

/// The result of reading a file that may be anything: the library that reads it may panic where it is damaged.
fn whole<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("it is damaged".to_owned()),
    }
}

fn read_group(
    group: &dyn RowGroupReader,
    places: &[Option<usize>; COLUMNS.len()],
) -> Result<Vec<Vec<Cell>>, ParquetError> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    if rows > MOST_ROWS_A_GROUP {
        return Err(ParquetError::General(format!("a group of {rows} rows")));
    }
    let mut columns = Vec::new();
    for ((name, kind), place) in COLUMNS.iter().zip(places) {
        let Some(place) = *place else {
            let nothing = match kind {
                Kind::Text => Cell::Text(None),
                Kind::Whole => Cell::Whole(None),
                Kind::Number => Cell::Number(None),
            };
            columns.push(vec![nothing; rows]);
            continue;
        };
        let cells: Vec<Cell> = match (group.get_column_reader(place)?, kind) {
            (ColumnReader::ByteArrayColumnReader(reader), Kind::Text) => optional(reader, rows)?
                .into_iter()
                .map(|bytes| {
                    let text = bytes.map(|bytes| bytes.as_utf8().map(str::to_owned)).transpose()?;
                    Ok(Cell::Text(text))
                })
                .collect::<Result<_, ParquetError>>()?,
            (ColumnReader::Int64ColumnReader(reader), Kind::Whole) => {
                optional(reader, rows)?.into_iter().map(Cell::Whole).collect()
            }
            (ColumnReader::DoubleColumnReader(reader), Kind::Number) => {
                optional(reader, rows)?.into_iter().map(Cell::Number).collect()
            }
            _ => return Err(ParquetError::General(format!("column {name} has another type"))),
        };
        columns.push(cells);
    }
    Ok(columns)
}

/// The values of a column, each present or not.
fn optional<T: DataType>(mut reader: ColumnReaderImpl<T>, rows: usize) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut values, mut present) = (Vec::new(), Vec::new());
    while present.len() < rows {
        let (read, _, _) = reader.read_records(rows - present.len(), Some(&mut present), None, &mut values)?;
        if read == 0 {
            break;
        }
    }
    let mut values = values.into_iter();
    Ok(present.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;

    fn written(rows: &[ScoreRow]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut table = TableWriter::create(folder.path()).unwrap();
        rows.iter().for_each(|row| table.push(row.clone()).unwrap());
        assert_eq!(table.finish().unwrap(), rows.len());
        folder
    }

    fn read(path: &Path) -> Result<Vec<ScoreRow>, EvaluationError> {
        let mut rows = Vec::new();
        read_rows(path, |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    #[test]
    fn rows_come_back_to_the_last_digit() {
        let mut failed = row("b", f64::MIN_POSITIVE);
        failed.azimuth = Some("01100/00110 car".parse().unwrap());
        failed.error = Some("line\n\"break\"".into());
        failed.ciou = None;
        failed.curve = None;
        let rows = [row("a", 1.0 / 3.0), failed, row("ä,ö", 0.1 + 0.2)];
        let folder = written(&rows);
        assert_eq!(read(&folder.path().join(SCORES_PARQUET)).unwrap(), rows);
        let mut csv = csv::Reader::from_path(folder.path().join(SCORES_CSV)).unwrap();
        let headers = csv.headers().unwrap().clone();
        let ciou = headers.iter().position(|name| name == "ciou").unwrap();
        let records: Vec<_> = csv.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), 3);
        assert_eq!(records[0][ciou].parse::<f64>().unwrap(), 1.0 / 3.0);
        assert_eq!((&records[1][ciou], &records[2][1]), ("", "ä,ö"));
    }

    #[test]
    fn groups_are_joined() {
        let rows: Vec<ScoreRow> =
            (0..ROWS_A_GROUP + 5).map(|index| ScoreRow { clip_index: index as u64, ..row("a", 0.5) }).collect();
        assert_eq!(read(&written(&rows).path().join(SCORES_PARQUET)).unwrap(), rows);
    }

    #[test]
    fn a_table_from_before_a_column_was_added_lacks_only_that() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables");
        let first = read(&fixtures.join("27-columns.parquet")).unwrap();
        assert_eq!((first.len(), first[0].clip.as_str(), first[0].model.as_str()), (16, "clip0000000_000030", "lvs"));
        assert_eq!((first[0].ciou, first[1].ciou), (Some(0.02398034781252437), Some(0.2627848616386327)));
        let later = read(&fixtures.join("29-columns.parquet")).unwrap();
        assert_eq!((later.len(), later[1].confidence), (24, Some(0.564408218895366)));
        for row in first.iter().chain(&later) {
            assert_eq!((&row.f_levels, row.silent_share, &row.azimuth, &row.error), (&None, None, &None, &None));
            assert!(row.curve.is_some(), "{}", row.clip);
        }
    }

    #[test]
    fn a_foreign_table_is_refused_with_what_differs() {
        let names = COLUMNS.map(|(name, _)| name);
        let refused = |names: &[&str]| places(names).unwrap_err();
        assert!(places(&names).unwrap().iter().flatten().copied().eq(0..COLUMNS.len()));
        let without = |left_out: &str| names.iter().copied().filter(|name| *name != left_out).collect::<Vec<_>>();
        assert!(places(&without("azimuth")).is_ok());
        assert!(refused(&without("ciou")).ends_with("`ciou` is missing"));
        assert!(refused(&[&names[..], &["loudness"]].concat()).contains("`loudness` is unknown"));
        assert!(refused(&["a", "b"]).contains("its columns are a, b"));
        let mut turned = names;
        turned.swap(3, 4);
        assert!(refused(&turned).ends_with("in another order"));
        assert!(refused(&[&names[..], &["clip"]].concat()).ends_with("in another order"));
    }

    #[test]
    fn a_damaged_table_is_an_error() {
        let folder = written(&[row("a", 0.5), row("b", 0.25)]);
        let path = folder.path().join(SCORES_PARQUET);
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 4, 20, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(read(&path).is_err(), "{length}");
        }
        for place in (0..bytes.len()).step_by(97) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0xff;
            std::fs::write(&path, damaged).unwrap();
            // Any answer but a panic is right: a byte of a value may change the value.
            read(&path).ok();
        }
    }
}
