//! The ledger in `runs.db`: every fetch of every feed, every run of a build and every piece of upkeep, so that any gap
//! and any change of a table can be explained.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use contrail_kit::{Class, Classified};
use contrail_types::Micros;
use rusqlite::{Connection, params};
use serde::Serialize;

#[derive(Debug, thiserror::Error)]
#[error("the ledger runs.db failed: {0}")]
pub struct LedgerError(#[from] rusqlite::Error);

impl Classified for LedgerError {
    fn class(&self) -> Class {
        Class::EXTERNAL
    }
}

/// One line about one fetch; failed ones have one too. Times in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FetchLine {
    pub fetch_id: String,
    pub feed: String,
    pub asked_at: Micros,
    pub answered_at: Option<Micros>,
    pub answer_time: Option<Micros>,
    /// HTTP status where there was one.
    pub status: Option<u16>,
    pub error: Option<String>,
    pub rows: u64,
    pub bad_rows: u64,
    pub credits_remaining: Option<i64>,
}

/// One line about one build or commit.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunLine {
    pub run_id: String,
    pub kind: String,
    pub target: String,
    pub started_at: Micros,
    pub ended_at: Micros,
    pub rows: u64,
    pub error: Option<String>,
}

/// One line about one piece of upkeep: what it found and what it left.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UpkeepLine {
    pub run_id: String,
    pub table: String,
    /// `compact`, `expire`, `tidy` (snapshots thinned, unreachable files deleted) or `sweep` (orphans deleted).
    pub action: String,
    /// The partition or partitions, for people.
    pub place: String,
    pub started_at: Micros,
    pub ended_at: Micros,
    pub rows: u64,
    pub snapshots: u64,
    pub files_before: u64,
    pub files_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
}

/// What upkeep has done to a table as far as the ledger goes back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpkeepTotals {
    pub runs: u64,
    pub last_at: Micros,
    /// Files that a rewrite has made unnecessary, and bytes that it has saved.
    pub files_saved: u64,
    pub bytes_saved: u64,
    pub rows_expired: u64,
    pub files_deleted: u64,
}

/// Lines older than this are dropped.
const KEPT: Micros = 30 * contrail_types::time::DAY;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS fetches (
        fetch_id TEXT PRIMARY KEY, feed TEXT NOT NULL, asked_at INTEGER NOT NULL, answered_at INTEGER,
        answer_time INTEGER, status INTEGER, error TEXT, rows INTEGER NOT NULL, bad_rows INTEGER NOT NULL,
        credits_remaining INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS fetches_by_time ON fetches (asked_at);
    CREATE TABLE IF NOT EXISTS runs (
        run_id TEXT PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, started_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL, rows INTEGER NOT NULL, error TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS runs_by_time ON runs (started_at);
    CREATE TABLE IF NOT EXISTS upkeep (
        run_id TEXT PRIMARY KEY, table_name TEXT NOT NULL, action TEXT NOT NULL, place TEXT NOT NULL,
        started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, rows INTEGER NOT NULL, snapshots INTEGER NOT NULL,
        files_before INTEGER NOT NULL, files_after INTEGER NOT NULL, bytes_before INTEGER NOT NULL,
        bytes_after INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS upkeep_by_time ON upkeep (started_at);
";

/// The ledger. Cheap to clone; a line is lost rather than a fetch held up when the disk is full.
#[derive(Clone)]
pub struct Ledger(Arc<Mutex<Connection>>);

impl Ledger {
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let db = Connection::open(path)?;
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        db.execute_batch(SCHEMA)?;
        Ok(Self(Arc::new(Mutex::new(db))))
    }

    pub fn fetch(&self, line: &FetchLine) -> Result<(), LedgerError> {
        let db = self.0.lock().unwrap();
        db.prepare_cached("INSERT OR REPLACE INTO fetches VALUES (?,?,?,?,?,?,?,?,?,?)")?.execute(params![
            line.fetch_id,
            line.feed,
            line.asked_at,
            line.answered_at,
            line.answer_time,
            line.status,
            line.error,
            line.rows,
            line.bad_rows,
            line.credits_remaining
        ])?;
        db.prepare_cached("DELETE FROM fetches WHERE asked_at < ?")?.execute([line.asked_at - KEPT])?;
        Ok(())
    }

    pub fn run(&self, line: &RunLine) -> Result<(), LedgerError> {
        let db = self.0.lock().unwrap();
        db.prepare_cached("INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?)")?.execute(params![
            line.run_id,
            line.kind,
            line.target,
            line.started_at,
            line.ended_at,
            line.rows,
            line.error
        ])?;
        db.prepare_cached("DELETE FROM runs WHERE started_at < ?")?.execute([line.started_at - KEPT])?;
        Ok(())
    }

    pub fn upkeep(&self, line: &UpkeepLine) -> Result<(), LedgerError> {
        let db = self.0.lock().unwrap();
        db.prepare_cached("INSERT OR REPLACE INTO upkeep VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")?.execute(params![
            line.run_id,
            line.table,
            line.action,
            line.place,
            line.started_at,
            line.ended_at,
            line.rows,
            line.snapshots,
            line.files_before,
            line.files_after,
            line.bytes_before,
            line.bytes_after
        ])?;
        db.prepare_cached("DELETE FROM upkeep WHERE started_at < ?")?.execute([line.started_at - KEPT])?;
        Ok(())
    }

    /// The newest `most` pieces of upkeep, newest first; of one table if it is named.
    pub fn upkeeps(&self, table: Option<&str>, most: u32) -> Result<Vec<UpkeepLine>, LedgerError> {
        let db = self.0.lock().unwrap();
        let mut query = db.prepare_cached(
            "SELECT * FROM upkeep WHERE ?1 IS NULL OR table_name = ?1 ORDER BY started_at DESC, run_id DESC LIMIT ?2",
        )?;
        let lines = query.query_map(params![table, most], |row| {
            Ok(UpkeepLine {
                run_id: row.get(0)?,
                table: row.get(1)?,
                action: row.get(2)?,
                place: row.get(3)?,
                started_at: row.get(4)?,
                ended_at: row.get(5)?,
                rows: row.get(6)?,
                snapshots: row.get(7)?,
                files_before: row.get(8)?,
                files_after: row.get(9)?,
                bytes_before: row.get(10)?,
                bytes_after: row.get(11)?,
            })
        })?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// By table, what upkeep has done to it.
    pub fn upkeep_totals(&self) -> Result<BTreeMap<String, UpkeepTotals>, LedgerError> {
        let db = self.0.lock().unwrap();
        let mut query = db.prepare_cached(
            "SELECT table_name, count(*), max(ended_at),
                    sum(files_before - files_after) FILTER (WHERE action = 'compact'),
                    sum(bytes_before - bytes_after) FILTER (WHERE action = 'compact'),
                    sum(rows) FILTER (WHERE action = 'expire'),
                    sum(files_before) FILTER (WHERE action IN ('tidy', 'sweep'))
             FROM upkeep GROUP BY table_name",
        )?;
        let count = |value: Option<i64>| value.unwrap_or(0).max(0) as u64;
        let totals = query.query_map([], |row| {
            let totals = UpkeepTotals {
                runs: row.get(1)?,
                last_at: row.get(2)?,
                files_saved: count(row.get(3)?),
                bytes_saved: count(row.get(4)?),
                rows_expired: count(row.get(5)?),
                files_deleted: count(row.get(6)?),
            };
            Ok((row.get(0)?, totals))
        })?;
        Ok(totals.collect::<Result<_, _>>()?)
    }

    /// The newest `most` fetches asked since `since`, newest first.
    pub fn fetches(&self, since: Micros, most: u32) -> Result<Vec<FetchLine>, LedgerError> {
        let db = self.0.lock().unwrap();
        let mut query =
            db.prepare_cached("SELECT * FROM fetches WHERE asked_at >= ? ORDER BY asked_at DESC LIMIT ?")?;
        let lines = query.query_map(params![since, most], |row| {
            Ok(FetchLine {
                fetch_id: row.get(0)?,
                feed: row.get(1)?,
                asked_at: row.get(2)?,
                answered_at: row.get(3)?,
                answer_time: row.get(4)?,
                status: row.get(5)?,
                error: row.get(6)?,
                rows: row.get(7)?,
                bad_rows: row.get(8)?,
                credits_remaining: row.get(9)?,
            })
        })?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// The newest `most` runs, newest first.
    pub fn runs(&self, most: u32) -> Result<Vec<RunLine>, LedgerError> {
        let db = self.0.lock().unwrap();
        let mut query = db.prepare_cached("SELECT * FROM runs ORDER BY started_at DESC LIMIT ?")?;
        let lines = query.query_map([most], |row| {
            Ok(RunLine {
                run_id: row.get(0)?,
                kind: row.get(1)?,
                target: row.get(2)?,
                started_at: row.get(3)?,
                ended_at: row.get(4)?,
                rows: row.get(5)?,
                error: row.get(6)?,
            })
        })?;
        Ok(lines.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_newest_first_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("runs.db")).unwrap();
        let line =
            |id: &str, asked_at| FetchLine { fetch_id: id.into(), feed: "demo".into(), asked_at, ..Default::default() };
        ledger.fetch(&line("old", 0)).unwrap();
        ledger.fetch(&line("a", KEPT + 1)).unwrap();
        ledger.fetch(&FetchLine { error: Some("503".into()), status: Some(503), ..line("b", KEPT + 2) }).unwrap();
        let lines = ledger.fetches(0, 10).unwrap();
        assert_eq!(lines.iter().map(|l| l.fetch_id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!((lines[0].status, lines[0].error.as_deref()), (Some(503), Some("503")));
    }
}
