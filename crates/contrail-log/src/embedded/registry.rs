//! The schema registry for one machine: tables beside the log, in the same file.
//!
//! An id that a message names and that is not there is struck off for ever ([`Lookup::Never`] is a promise): the message
//! stays unreadable, however often and whenever it is read. Those who only look strike nothing off.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};

use super::Shared;
use super::store::Store;
use crate::registry::{compat, judge};
use crate::{Level, LogError, Lookup, Registry, RegistryError, Version};

#[cfg(test)]
mod tests;

/// A registry whose ids count from 1 and stay.
#[derive(Clone)]
pub struct EmbeddedRegistry {
    shared: Arc<Shared>,
    /// Ids that are struck off, as far as they have been asked for: rubbish tends to come in heaps.
    never: Arc<Mutex<HashSet<u32>>>,
}

/// Struck-off ids that are kept in memory.
const MANY_IDS: usize = 1 << 16;

impl EmbeddedRegistry {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, never: Arc::default() }
    }

    /// Runs `work` in one transaction. The inner error is the registry's own answer and rolls back.
    async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, RegistryError>> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let run = move |_: &Shared, store: &mut Store| {
            let (db, failed) = store.db()?;
            let failed = failed.to("asking the registry in");
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
            let answer = work(&tx).map_err(&failed)?;
            if answer.is_ok() {
                tx.commit().map_err(&failed)?;
            }
            Ok(answer)
        };
        self.shared.clone().with_store(run).await.map_err(unavailable)?
    }
}

fn unavailable(error: LogError) -> RegistryError {
    RegistryError::Unavailable { what: "its file".into(), source: Some(error.into()) }
}

#[async_trait]
impl Registry for EmbeddedRegistry {
    async fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let (subject, schema) = (subject.to_owned(), compat::normal(schema)?);
        self.transact(move |tx| {
            let known = "SELECT id FROM schemas JOIN schema_versions USING (id) WHERE schema = ?1 AND subject = ?2";
            if let Some(id) = tx.query_row(known, [&schema, &subject], |row| row.get(0)).optional()? {
                return Ok(Ok(id));
            }
            if let Err(refused) = check(tx, &subject, &schema)? {
                return Ok(Err(refused));
            }
            let id = match tx.query_row("SELECT id FROM schemas WHERE schema = ?", [&schema], |row| row.get(0)) {
                Err(rusqlite::Error::QueryReturnedNoRows) => add(tx, &schema)?,
                found => found?,
            };
            let version = "INSERT INTO schema_versions
                SELECT ?1, 1 + coalesce(max(version), 0), ?2 FROM schema_versions WHERE subject = ?1";
            tx.execute(version, (&subject, id))?;
            Ok(Ok(id))
        })
        .await
    }

    async fn schema(&self, id: u32) -> Result<Lookup, RegistryError> {
        if self.never.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            return Ok(Lookup::Never);
        }
        let found = self
            .transact(move |tx| {
                let found = find(tx, id)?;
                if found.is_none() {
                    tx.execute("INSERT OR IGNORE INTO schema_never VALUES (?)", [id])?;
                }
                Ok(Ok(found))
            })
            .await?;
        if found.is_none() {
            let mut never = self.never.lock().unwrap_or_else(PoisonError::into_inner);
            if never.len() < MANY_IDS {
                never.insert(id);
            }
        }
        Ok(found.map_or(Lookup::Never, Lookup::Found))
    }

    async fn peek(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        self.transact(move |tx| Ok(Ok(find(tx, id)?))).await
    }

    async fn check(&self, subject: &str, schema: &str) -> Result<(), RegistryError> {
        let (subject, schema) = (subject.to_owned(), compat::normal(schema)?);
        self.transact(move |tx| check(tx, &subject, &schema)).await
    }

    async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        self.transact(|tx| {
            let mut subjects = tx.prepare("SELECT DISTINCT subject FROM schema_versions ORDER BY subject")?;
            Ok(Ok(subjects.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?))
        })
        .await
    }

    async fn versions(&self, subject: &str) -> Result<Vec<Version>, RegistryError> {
        let subject = subject.to_owned();
        self.transact(move |tx| Ok(Ok(versions(tx, &subject)?))).await
    }

    async fn level(&self, subject: Option<&str>) -> Result<Option<Level>, RegistryError> {
        let subject = subject.map(str::to_owned);
        self.transact(move |tx| {
            let own = own_level(tx, subject.as_deref().unwrap_or(ALL))?;
            Ok(Ok(own.or(subject.is_none().then(Level::default))))
        })
        .await
    }

    async fn set_level(&self, subject: Option<&str>, level: Option<Level>) -> Result<(), RegistryError> {
        let subject = subject.unwrap_or(ALL).to_owned();
        self.transact(move |tx| {
            match level {
                Some(level) => {
                    tx.execute("INSERT OR REPLACE INTO schema_levels VALUES (?, ?)", [&subject, &level.to_string()])?
                }
                None => tx.execute("DELETE FROM schema_levels WHERE subject = ?", [&subject])?,
            };
            Ok(Ok(()))
        })
        .await
    }
}

/// Under this name the level of all subjects is kept; the API cannot name a subject like it.
const ALL: &str = "";

fn find(tx: &Transaction<'_>, id: u32) -> rusqlite::Result<Option<Arc<str>>> {
    let text = |row: &rusqlite::Row<'_>| row.get::<_, String>(0).map(Arc::from);
    tx.query_row("SELECT schema FROM schemas WHERE id = ?", [id], text).optional()
}

fn versions(tx: &Transaction<'_>, subject: &str) -> rusqlite::Result<Vec<Version>> {
    let sql = "SELECT version, id, schema FROM schema_versions JOIN schemas USING (id)
        WHERE subject = ? ORDER BY version";
    let mut versions = tx.prepare(sql)?;
    let versions = versions.query_map([subject], |row| {
        let schema: String = row.get(2)?;
        Ok(Version { subject: subject.to_owned(), version: row.get(0)?, id: row.get(1)?, schema: schema.into() })
    })?;
    versions.collect()
}

/// Gives `schema` the smallest id above all others that was not struck off.
fn add(tx: &Transaction<'_>, schema: &str) -> rusqlite::Result<u32> {
    let mut id: u32 = tx.query_row("SELECT 1 + coalesce(max(id), 0) FROM schemas", [], |row| row.get(0))?;
    let mut never = tx.prepare("SELECT EXISTS (SELECT 1 FROM schema_never WHERE id = ?)")?;
    while never.query_row([id], |row| row.get(0))? {
        id += 1;
    }
    tx.execute("INSERT INTO schemas VALUES (?, ?)", (id, schema))?;
    Ok(id)
}

fn own_level(tx: &Transaction<'_>, subject: &str) -> rusqlite::Result<Option<Level>> {
    let level: Option<String> =
        tx.query_row("SELECT level FROM schema_levels WHERE subject = ?", [subject], |row| row.get(0)).optional()?;
    Ok(level.and_then(|text| text.parse().ok()))
}

fn check(tx: &Transaction<'_>, subject: &str, schema: &str) -> rusqlite::Result<Result<(), RegistryError>> {
    let level = match own_level(tx, subject)? {
        Some(level) => level,
        None => own_level(tx, ALL)?.unwrap_or_default(),
    };
    Ok(judge(subject, level, &versions(tx, subject)?, schema).agreed())
}
