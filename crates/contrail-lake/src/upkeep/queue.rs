//! The durable queue of what is to be deleted: snapshots let go of, and files with the time from which they may go.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contrail_types::Micros;
use rusqlite::{Connection, params};

use crate::catalog::sqlite::write_ahead;
use crate::error::LakeError;

const LAYOUT: &str = "
CREATE TABLE IF NOT EXISTS contrail_retired (
    location TEXT NOT NULL, snapshot_id INTEGER NOT NULL, manifest_list TEXT NOT NULL,
    PRIMARY KEY (location, snapshot_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contrail_deletions (
    location TEXT NOT NULL, path TEXT NOT NULL, due INTEGER NOT NULL,
    PRIMARY KEY (location, path)
) WITHOUT ROWID;";

/// Losing the queue loses no data and leaks none for long: what it named is then an orphan for the sweep.
#[derive(Clone)]
pub(crate) struct Queue {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

/// A snapshot that the metadata no longer has, whose files are still to be looked through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retired {
    pub snapshot_id: i64,
    pub manifest_list: String,
}

impl Queue {
    pub fn open(path: &Path) -> Result<Self, LakeError> {
        let open = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            write_ahead(&connection)?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.execute_batch(LAYOUT)?;
            Ok(connection)
        };
        let connection = open().map_err(|source| LakeError::Queue { path: path.display().to_string(), source })?;
        Ok(Self { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs `work` in one transaction, off the async threads.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LakeError> {
        let connection = self.connection.clone();
        let outcome = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
        .await
        .unwrap_or_else(|panic| Err(rusqlite::Error::ToSqlConversionFailure(panic.into())));
        outcome.map_err(|source| LakeError::Queue { path: self.path.display().to_string(), source })
    }

    pub async fn retire(&self, location: &str, snapshots: Vec<Retired>) -> Result<(), LakeError> {
        let location = location.to_owned();
        self.run(move |db| {
            let mut insert = db.prepare_cached("INSERT OR IGNORE INTO contrail_retired VALUES (?1, ?2, ?3)")?;
            for snapshot in &snapshots {
                insert.execute(params![location, snapshot.snapshot_id, snapshot.manifest_list])?;
            }
            Ok(())
        })
        .await
    }

    pub async fn retired(&self, location: &str) -> Result<Vec<Retired>, LakeError> {
        let location = location.to_owned();
        self.run(move |db| {
            db.prepare_cached("SELECT snapshot_id, manifest_list FROM contrail_retired WHERE location = ?1")?
                .query_map([location], |row| Ok(Retired { snapshot_id: row.get(0)?, manifest_list: row.get(1)? }))?
                .collect()
        })
        .await
    }

    /// Queues files and forgets the snapshots whose files they were, in one step. Says how many files are new.
    pub async fn enqueue(
        &self,
        location: &str,
        snapshots: Vec<Retired>,
        files: Vec<String>,
        due: Micros,
    ) -> Result<usize, LakeError> {
        let location = location.to_owned();
        self.run(move |db| {
            let mut insert = db.prepare_cached("INSERT OR IGNORE INTO contrail_deletions VALUES (?1, ?2, ?3)")?;
            let mut queued = 0;
            for path in &files {
                queued += insert.execute(params![location, path, due])?;
            }
            let mut forget =
                db.prepare_cached("DELETE FROM contrail_retired WHERE location = ?1 AND snapshot_id = ?2")?;
            for snapshot in &snapshots {
                forget.execute(params![location, snapshot.snapshot_id])?;
            }
            Ok(queued)
        })
        .await
    }

    /// Files queued, with the time from which they may go.
    pub async fn queued(&self, location: &str) -> Result<Vec<(String, Micros)>, LakeError> {
        let location = location.to_owned();
        self.run(move |db| {
            db.prepare_cached("SELECT path, due FROM contrail_deletions WHERE location = ?1 ORDER BY due")?
                .query_map([location], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
        .await
    }

    /// Files queued under a table's place of before wait under its new one. What snapshots let go of name paths of before
    /// in their files, and the folder there may be somebody's: they are left to the sweep.
    pub async fn relocate(
        &self,
        old: &str,
        new: &str,
        map: impl Fn(&str) -> String + Send + 'static,
    ) -> Result<(), LakeError> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.run(move |db| {
            db.execute("DELETE FROM contrail_retired WHERE location = ?1", [&old])?;
            let queued: Vec<(String, Micros)> = db
                .prepare_cached("SELECT path, due FROM contrail_deletions WHERE location = ?1")?
                .query_map([&old], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            db.execute("DELETE FROM contrail_deletions WHERE location = ?1", [&old])?;
            let mut insert = db.prepare_cached("INSERT OR IGNORE INTO contrail_deletions VALUES (?1, ?2, ?3)")?;
            for (path, due) in queued {
                insert.execute(params![new, map(&path), due])?;
            }
            Ok(())
        })
        .await
    }

    pub async fn done(&self, location: &str, files: Vec<String>) -> Result<(), LakeError> {
        let location = location.to_owned();
        self.run(move |db| {
            let mut delete = db.prepare_cached("DELETE FROM contrail_deletions WHERE location = ?1 AND path = ?2")?;
            for path in &files {
                delete.execute(params![location, path])?;
            }
            Ok(())
        })
        .await
    }
}
