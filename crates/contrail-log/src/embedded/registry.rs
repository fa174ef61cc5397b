//! The schema registry for one machine: tables beside the log, in the same file.
//!
//! An id that is asked for and not there is struck off for ever ([`Lookup::Never`] is a promise): a message that names
//! it stays unreadable, however often and whenever it is read.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior};

use super::Shared;
use super::store::Store;
use crate::registry::compat::{self, Level};
use crate::{LogError, Lookup, Registry, RegistryError, Version};

#[cfg(test)]
mod tests;

/// A registry whose ids count from 1 and stay.
#[derive(Clone)]
pub struct EmbeddedRegistry {
    shared: Arc<Shared>,
}

impl EmbeddedRegistry {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
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
        self.transact(move |tx| {
            let found: Option<String> =
                tx.query_row("SELECT schema FROM schemas WHERE id = ?", [id], |row| row.get(0)).optional()?;
            if found.is_none() {
                tx.execute("INSERT OR IGNORE INTO schema_never VALUES (?)", [id])?;
            }
            Ok(Ok(found.map_or(Lookup::Never, |schema| Lookup::Found(schema.into()))))
        })
        .await
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
        self.transact(move |tx| {
            let sql = "SELECT version, id, schema FROM schema_versions JOIN schemas USING (id)
                WHERE subject = ? ORDER BY version";
            let mut versions = tx.prepare(sql)?;
            let versions = versions.query_map([&subject], |row| {
                let schema: String = row.get(2)?;
                let subject = subject.clone();
                Ok(Version { subject, version: row.get(0)?, id: row.get(1)?, schema: schema.into() })
            })?;
            Ok(Ok(versions.collect::<rusqlite::Result<_>>()?))
        })
        .await
    }

    async fn level(&self, subject: &str) -> Result<Level, RegistryError> {
        let subject = subject.to_owned();
        self.transact(move |tx| Ok(Ok(level(tx, &subject)?))).await
    }

    async fn set_level(&self, subject: &str, level: Level) -> Result<(), RegistryError> {
        let subject = subject.to_owned();
        self.transact(move |tx| {
            tx.execute("INSERT OR REPLACE INTO schema_levels VALUES (?, ?)", [&subject, &level.to_string()])?;
            Ok(Ok(()))
        })
        .await
    }
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

fn level(tx: &Transaction<'_>, subject: &str) -> rusqlite::Result<Level> {
    let level: Option<String> =
        tx.query_row("SELECT level FROM schema_levels WHERE subject = ?", [subject], |row| row.get(0)).optional()?;
    Ok(level.and_then(|text| text.parse().ok()).unwrap_or_default())
}

fn check(tx: &Transaction<'_>, subject: &str, schema: &str) -> rusqlite::Result<Result<(), RegistryError>> {
    let latest = "SELECT schema FROM schema_versions JOIN schemas USING (id)
        WHERE subject = ? ORDER BY version DESC LIMIT 1";
    let latest: Option<String> = tx.query_row(latest, [subject], |row| row.get(0)).optional()?;
    let Some(latest) = latest else { return Ok(Ok(())) };
    let level = level(tx, subject)?;
    Ok(compat::check(level, &latest, schema).map_err(|reason| {
        let subject = subject.to_owned();
        RegistryError::Incompatible { subject, level, reason }
    }))
}
