//! Edits: every change of ground truth with what was before and after, so that it can be taken back and made again.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{ClipId, Fact, FactId, Project, failed, json, parsed};
use crate::dataset::error::{DatasetError, Problem};

/// One change: what a statement was and what it becomes; `None` is "not there".
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Add(Fact),
    Replace(FactId, Fact),
    Remove(FactId),
}

/// Changes of one clip that are made, taken back and made again together.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    pub clip: ClipId,
    /// As shown in the history: "Move box".
    pub title: String,
    pub author: Option<String>,
    /// Edits of one gesture (a drag) become one step: the later ones extend the first.
    pub gesture: Option<i64>,
    pub changes: Vec<Change>,
}

/// An edit's row, growing with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EditId(pub i64);

/// Where an edit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditState {
    Done,
    /// Taken back; can be made again.
    Undone,
    /// Taken back, and something else was done since; kept in the history only.
    Abandoned,
}

/// An edit in the history.
#[derive(Clone, Debug, PartialEq)]
pub struct PastEdit {
    pub id: EditId,
    pub clip: ClipId,
    pub title: String,
    pub author: Option<String>,
    /// Milliseconds since 1970.
    pub made_at_ms: i64,
    pub state: EditState,
}

/// A change as stored: enough to go either way.
#[derive(Debug, Serialize, Deserialize)]
struct StoredChange {
    fact: FactId,
    before: Option<Fact>,
    after: Option<Fact>,
}

impl Project {
    /// Makes an edit: one transaction, on the disk when this returns. Answers with the edit and the rows that its
    /// changes concern, in their order.
    ///
    /// # Errors
    /// A change names a statement that is not there (nothing is changed then), or the file cannot be written.
    pub fn apply(&mut self, edit: &Edit) -> Result<(EditId, Vec<FactId>), DatasetError> {
        let path = self.path.clone();
        let map = |error| failed(&path, error);
        let transaction = self.begin()?;
        let mut stored = Vec::with_capacity(edit.changes.len());
        for change in &edit.changes {
            stored.push(applied(&path, &transaction, edit.clip, change)?);
        }
        let facts: Vec<FactId> = stored.iter().map(|change| change.fact).collect();
        transaction.execute("UPDATE edits SET state = 'abandoned' WHERE state = 'undone'", []).map_err(map)?;
        let same_gesture = match edit.gesture {
            Some(gesture) => last_of_gesture(&transaction, edit.clip, gesture).map_err(map)?,
            None => None,
        };
        let id = match same_gesture {
            Some((id, earlier)) => {
                let joined = joined(parsed(&path, &earlier)?, stored);
                transaction
                    .execute("UPDATE edits SET changes = ?2 WHERE id = ?1", params![id, json(&path, &joined)?])
                    .map_err(map)?;
                id
            }
            None => {
                transaction
                    .execute(
                        "INSERT INTO edits (clip, made_at_ms, author, title, gesture, state, changes) \
                         VALUES (?1, ?2, ?3, ?4, ?5, 'done', ?6)",
                        params![edit.clip.0, now_ms(), edit.author, edit.title, edit.gesture, json(&path, &stored)?],
                    )
                    .map_err(map)?;
                transaction.last_insert_rowid()
            }
        };
        forget_scores(&transaction, edit.clip.0).map_err(map)?;
        transaction.commit().map_err(map)?;
        Ok((EditId(id), facts))
    }

    /// Takes the last edit back; `None` when there is nothing to take back.
    ///
    /// # Errors
    /// The file cannot be written or is damaged.
    pub fn undo(&mut self) -> Result<Option<PastEdit>, DatasetError> {
        self.turn("SELECT max(id) FROM edits WHERE state = 'done'", "undone", |change| change.before)
    }

    /// Makes the edit again that was taken back last; `None` when there is none.
    ///
    /// # Errors
    /// The file cannot be written or is damaged.
    pub fn redo(&mut self) -> Result<Option<PastEdit>, DatasetError> {
        self.turn("SELECT min(id) FROM edits WHERE state = 'undone'", "done", |change| change.after)
    }

    /// The last edits, newest first, of one clip or of all.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn history(&self, clip: Option<ClipId>, limit: usize) -> Result<Vec<PastEdit>, DatasetError> {
        let map = |error| self.failed(error);
        let mut statement = self
            .connection
            .prepare(
                "SELECT id, clip, title, author, made_at_ms, state FROM edits \
                 WHERE ?1 IS NULL OR clip = ?1 ORDER BY id DESC LIMIT ?2",
            )
            .map_err(map)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![clip.map(|clip| clip.0), limit], past_edit).map_err(map)?;
        rows.collect::<Result<_, _>>().map_err(map)
    }

    fn turn(
        &mut self,
        which: &str,
        state: &str,
        side: impl Fn(StoredChange) -> Option<Fact>,
    ) -> Result<Option<PastEdit>, DatasetError> {
        let path = self.path.clone();
        let map = |error| failed(&path, error);
        let transaction = self.begin()?;
        let Some(id) = transaction.query_row(which, [], |row| row.get::<_, Option<i64>>(0)).map_err(map)? else {
            return Ok(None);
        };
        let (clip, changes): (i64, String) = transaction
            .query_row("SELECT clip, changes FROM edits WHERE id = ?1", [id], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(map)?;
        let mut changes: Vec<StoredChange> = parsed(&path, &changes)?;
        if state == "undone" {
            changes.reverse();
        }
        for change in changes {
            let fact = change.fact;
            set(&path, &transaction, ClipId(clip), fact, side(change).as_ref())?;
        }
        transaction.execute("UPDATE edits SET state = ?2 WHERE id = ?1", params![id, state]).map_err(map)?;
        forget_scores(&transaction, clip).map_err(map)?;
        let past = transaction
            .query_row("SELECT id, clip, title, author, made_at_ms, state FROM edits WHERE id = ?1", [id], past_edit)
            .map_err(map)?;
        transaction.commit().map_err(map)?;
        Ok(Some(past))
    }

    pub(super) fn begin(&mut self) -> Result<Transaction<'_>, DatasetError> {
        let path = self.path.clone();
        self.connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(|error| failed(&path, error))
    }
}

/// What was scored against another truth.
fn forget_scores(transaction: &Transaction<'_>, clip: i64) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM scores WHERE clip = ?1", [clip]).map(|_| ())
}

fn past_edit(row: &rusqlite::Row<'_>) -> rusqlite::Result<PastEdit> {
    let state: String = row.get(5)?;
    Ok(PastEdit {
        id: EditId(row.get(0)?),
        clip: ClipId(row.get(1)?),
        title: row.get(2)?,
        author: row.get(3)?,
        made_at_ms: row.get(4)?,
        state: match state.as_str() {
            "done" => EditState::Done,
            "undone" => EditState::Undone,
            _ => EditState::Abandoned,
        },
    })
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn applied(
    path: &Path,
    transaction: &Transaction<'_>,
    clip: ClipId,
    change: &Change,
) -> Result<StoredChange, DatasetError> {
    let map = |error| failed(path, error);
    let before = |fact: FactId| -> Result<Fact, DatasetError> {
        let body: Option<String> = transaction
            .query_row("SELECT body FROM facts WHERE id = ?1 AND clip = ?2", [fact.0, clip.0], |row| row.get(0))
            .optional()
            .map_err(map)?;
        let gone = || DatasetError::new(path, Problem::CannotExpress(format!("statement {} is gone", fact.0)));
        parsed(path, &body.ok_or_else(gone)?)
    };
    match change {
        Change::Add(fact) => {
            transaction
                .execute("INSERT INTO facts (clip, body) VALUES (?1, ?2)", params![clip.0, json(path, fact)?])
                .map_err(map)?;
            let id = FactId(transaction.last_insert_rowid());
            Ok(StoredChange { fact: id, before: None, after: Some(fact.clone()) })
        }
        Change::Replace(id, fact) => {
            let before = before(*id)?;
            set(path, transaction, clip, *id, Some(fact))?;
            Ok(StoredChange { fact: *id, before: Some(before), after: Some(fact.clone()) })
        }
        Change::Remove(id) => {
            let before = before(*id)?;
            set(path, transaction, clip, *id, None)?;
            Ok(StoredChange { fact: *id, before: Some(before), after: None })
        }
    }
}

/// Puts a statement into its row, or takes it out.
fn set(
    path: &Path,
    transaction: &Transaction<'_>,
    clip: ClipId,
    id: FactId,
    fact: Option<&Fact>,
) -> Result<(), DatasetError> {
    let map = |error| failed(path, error);
    match fact {
        Some(fact) => transaction
            .execute(
                "INSERT INTO facts (id, clip, body) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET body = ?3",
                params![id.0, clip.0, json(path, fact)?],
            )
            .map_err(map)?,
        None => transaction.execute("DELETE FROM facts WHERE id = ?1", [id.0]).map_err(map)?,
    };
    Ok(())
}

/// The newest edit, if it is done and of this gesture.
fn last_of_gesture(
    transaction: &Transaction<'_>,
    clip: ClipId,
    gesture: i64,
) -> rusqlite::Result<Option<(i64, String)>> {
    transaction
        .query_row(
            "SELECT id, changes FROM edits WHERE id = (SELECT max(id) FROM edits WHERE state = 'done') \
             AND clip = ?1 AND gesture = ?2",
            [clip.0, gesture],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
}

/// Two runs of changes as one: the first before, the last after.
fn joined(mut earlier: Vec<StoredChange>, later: Vec<StoredChange>) -> Vec<StoredChange> {
    for change in later {
        match earlier.iter_mut().find(|known| known.fact == change.fact) {
            Some(known) => known.after = change.after,
            None => earlier.push(change),
        }
    }
    earlier
}
