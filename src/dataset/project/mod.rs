//! The project: one SQLite file with clips, ground truth and its whole history, reviews, scores, and what the
//! heatmap cache holds.
//!
//! Every change is one transaction in a write-ahead log with `synchronous = FULL`: once a call returns, neither a
//! killed program nor a power failure takes it back. Undo and redo are further transactions, so they survive, too.

mod edits;
mod rows;
mod schema;
mod whole;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::annotation::{Annotation, ClipAnnotations, MaskAnnotation, SoundInterval};
use super::clip::{Benchmark, Clip, Dataset};
use super::error::{DatasetError, Problem};
use super::report::Report;

pub use edits::{Change, Edit, EditId, EditState, PastEdit};
pub use rows::{CachedHeatmap, ClipOrder, ClipQuery, ClipRow, Review, ReviewVerdict, Score};
pub use schema::VERSION;

use serde::{Deserialize, Serialize};

/// A clip's row in the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClipId(pub i64);

/// A box's, sound's or mask's row in the project; an undone deletion brings back the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactId(pub i64);

/// One statement about a clip, the unit of editing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    Box(Annotation),
    Sound(SoundInterval),
    Mask(MaskAnnotation),
}

/// How long a write waits for another program that has the file.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// A dataset that a project has taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub path: PathBuf,
    pub name: String,
    pub benchmark: Benchmark,
    pub report: Report,
}

/// An open project.
pub struct Project {
    path: PathBuf,
    connection: Connection,
}

/// What taking a dataset into a project did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Added {
    pub new: usize,
    /// Clips that were there: their media are brought up to date, their truth, reviews and scores stay.
    pub known: usize,
}

impl Project {
    /// Opens the project at `path`, or makes a new one where there is no file.
    ///
    /// # Errors
    /// A file that is no Sonolens project, a damaged one, or one of a newer program; none of them is touched.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let exists = schema::recognize(path)?;
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if !exists {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(path, error))?;
        Self::prepare(path, connection)
    }

    /// A project that is gone when it is closed.
    ///
    /// # Errors
    /// SQLite cannot allocate it.
    pub fn in_memory() -> Result<Self, DatasetError> {
        let path = Path::new(":memory:");
        Self::prepare(path, Connection::open_in_memory().map_err(|error| failed(path, error))?)
    }

    fn prepare(path: &Path, mut connection: Connection) -> Result<Self, DatasetError> {
        let map = |error| failed(path, error);
        connection.busy_timeout(BUSY_WAIT).map_err(map)?;
        schema::verify(path, &connection)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(map)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(map)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(map)?;
        schema::migrate(path, &mut connection)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads every page and index of the file; worth its time when something looks wrong.
    ///
    /// # Errors
    /// The file is damaged; the message is SQLite's.
    pub fn check(&self) -> Result<(), DatasetError> {
        let answer: String =
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|e| self.failed(e))?;
        if answer == "ok" { Ok(()) } else { Err(DatasetError::malformed(&self.path, None, answer)) }
    }

    /// Takes the clips of a dataset in, all or none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, dataset: &Dataset) -> Result<Added, DatasetError> {
        let path = self.path.clone();
        let map = |error| failed(&path, error);
        let transaction = self.connection.transaction().map_err(map)?;
        let mut added = Added::default();
        {
            let mut position: i64 = transaction
                .query_row("SELECT coalesce(max(position) + 1, 0) FROM clips", [], |row| row.get(0))
                .map_err(map)?;
            let mut find = transaction.prepare("SELECT id FROM clips WHERE key = ?1").map_err(map)?;
            let mut update =
                transaction.prepare("UPDATE clips SET name = ?2, media = ?3 WHERE id = ?1").map_err(map)?;
            let mut insert = transaction
                .prepare(
                    "INSERT INTO clips (position, key, name, class, split, negative, media, scored, annotated, frame_rate) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )
                .map_err(map)?;
            let mut insert_fact = transaction.prepare("INSERT INTO facts (clip, body) VALUES (?1, ?2)").map_err(map)?;
            for clip in &dataset.clips {
                let media = json(&path, &clip.media)?;
                let known: Option<i64> = match find.query_row([&clip.id], |row| row.get(0)) {
                    Ok(id) => Some(id),
                    Err(rusqlite::Error::QueryReturnedNoRows) => None,
                    Err(error) => return Err(map(error)),
                };
                if let Some(id) = known {
                    update.execute(params![id, clip.name, media]).map_err(map)?;
                    added.known += 1;
                    continue;
                }
                let negative = clip.negative.map(|kind| json(&path, &kind)).transpose()?;
                let truth = clip.annotations.as_ref();
                insert
                    .execute(params![
                        position,
                        clip.id,
                        clip.name,
                        clip.class,
                        clip.split,
                        negative,
                        media,
                        json(&path, &clip.scored)?,
                        truth.is_some(),
                        truth.and_then(|truth| truth.frame_rate),
                    ])
                    .map_err(map)?;
                let id = transaction.last_insert_rowid();
                for fact in truth.map(facts_of).unwrap_or_default() {
                    insert_fact.execute(params![id, json(&path, &fact)?]).map_err(map)?;
                }
                position += 1;
                added.new += 1;
            }
            transaction
                .execute(
                    "INSERT INTO sources (path, name, benchmark, report) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (path) DO UPDATE SET name = ?2, benchmark = ?3, report = ?4",
                    params![
                        dataset.path.to_string_lossy(),
                        dataset.name,
                        json(&path, &dataset.benchmark)?,
                        json(&path, &dataset.report)?
                    ],
                )
                .map_err(map)?;
        }
        transaction.commit().map_err(map)?;
        Ok(added)
    }

    /// One clip with everything that is true of it now.
    ///
    /// # Errors
    /// There is no such clip, or the file is damaged.
    pub fn clip(&self, id: ClipId) -> Result<Clip, DatasetError> {
        let map = |error| self.failed(error);
        let mut statement = self
            .connection
            .prepare_cached("SELECT key, name, class, split, negative, media, scored FROM clips WHERE id = ?1")
            .map_err(map)?;
        let row = statement.query_row([id.0], |row| {
            let text = |column: usize| row.get::<_, String>(column);
            let some = |column: usize| row.get::<_, Option<String>>(column);
            Ok((text(0)?, text(1)?, some(2)?, some(3)?, some(4)?, text(5)?, text(6)?))
        });
        let (key, name, class, split, negative, media, scored) = row.map_err(map)?;
        Ok(Clip {
            id: key,
            name,
            class,
            split,
            negative: negative.map(|text| self.parsed(&text)).transpose()?,
            media: self.parsed(&media)?,
            scored: self.parsed(&scored)?,
            annotations: self.annotations(id)?,
        })
    }

    /// What is true of a clip now; `None` where nobody has said anything.
    ///
    /// # Errors
    /// There is no such clip, or the file is damaged.
    pub fn annotations(&self, id: ClipId) -> Result<Option<ClipAnnotations>, DatasetError> {
        let map = |error| self.failed(error);
        let mut statement =
            self.connection.prepare_cached("SELECT annotated, frame_rate FROM clips WHERE id = ?1").map_err(map)?;
        let (annotated, frame_rate): (bool, Option<f64>) =
            statement.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?))).map_err(map)?;
        let facts = self.facts(id)?;
        if !annotated && facts.is_empty() {
            return Ok(None);
        }
        let (mut boxes, mut sounds, mut masks) = (Vec::new(), Vec::new(), Vec::new());
        for (_, fact) in facts {
            match fact {
                Fact::Box(annotation) => boxes.push(annotation),
                Fact::Sound(sound) => sounds.push(sound),
                Fact::Mask(mask) => masks.push(mask),
            }
        }
        let mut truth = ClipAnnotations::of_boxes(boxes).with_sounds(sounds).with_frame_rate(frame_rate);
        truth.masks = masks;
        Ok(Some(truth))
    }

    /// The statements about a clip with the rows to edit them by.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn facts(&self, id: ClipId) -> Result<Vec<(FactId, Fact)>, DatasetError> {
        let map = |error| self.failed(error);
        let mut statement =
            self.connection.prepare_cached("SELECT id, body FROM facts WHERE clip = ?1 ORDER BY id").map_err(map)?;
        let rows =
            statement.query_map([id.0], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).map_err(map)?;
        rows.map(|row| {
            let (fact, body) = row.map_err(map)?;
            Ok((FactId(fact), self.parsed(&body)?))
        })
        .collect()
    }

    /// The datasets that were taken in, and what was found out about each.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn sources(&self) -> Result<Vec<Source>, DatasetError> {
        let map = |error| self.failed(error);
        let mut statement =
            self.connection.prepare("SELECT path, name, benchmark, report FROM sources ORDER BY path").map_err(map)?;
        let rows = statement
            .query_map([], |row| {
                let text = |column: usize| row.get::<_, String>(column);
                Ok((text(0)?, text(1)?, text(2)?, text(3)?))
            })
            .map_err(map)?;
        rows.map(|row| {
            let (path, name, benchmark, report) = row.map_err(map)?;
            Ok(Source {
                path: PathBuf::from(path),
                name,
                benchmark: self.parsed(&benchmark)?,
                report: self.parsed(&report)?,
            })
        })
        .collect()
    }

    fn failed(&self, error: rusqlite::Error) -> DatasetError {
        failed(&self.path, error)
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, DatasetError> {
        parsed(&self.path, text)
    }
}

/// The statements of a clip's truth.
fn facts_of(truth: &ClipAnnotations) -> Vec<Fact> {
    let boxes = truth.boxes().iter().cloned().map(Fact::Box);
    let sounds = truth.sounds.iter().cloned().map(Fact::Sound);
    boxes.chain(sounds).chain(truth.masks.iter().cloned().map(Fact::Mask)).collect()
}

fn failed(path: &Path, error: rusqlite::Error) -> DatasetError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => DatasetError::malformed(
            path,
            None,
            "the project file is damaged; it was left as it is (sqlite3's .recover may save what is in it)",
        ),
        _ => DatasetError::new(path, Problem::Store(error)),
    }
}

fn parsed<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<T, DatasetError> {
    serde_json::from_str(text)
        .map_err(|error| DatasetError::malformed(path, None, format!("a stored value is not understood: {error}")))
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<String, DatasetError> {
    serde_json::to_string(value).map_err(|error| DatasetError::new(path, Problem::CannotExpress(error.to_string())))
}
