//! The embedded catalog: one SQLite file in the layout of Iceberg's JDBC catalog, as PyIceberg's `SqlCatalog` reads it.

mod entries;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use contrail_kit::crash;
use iceberg::spec::{TableMetadata, TableMetadataBuilder};
use iceberg::{MetadataLocation, TableCreation, TableIdent};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::{CatalogError, CommitError, Loaded, Proposal, TableCatalog};
use crate::storage::{local_files, local_path, remove, write_new};
pub(crate) use entries::{Dropped, Kind, Renamed, Swap, Swapped};

/// The name under which tables stand in the file; PyIceberg asks for it: `load_catalog("contrail", ...)`.
pub const CATALOG_NAME: &str = "contrail";

const LAYOUT: &str = "
CREATE TABLE IF NOT EXISTS iceberg_tables (
    catalog_name VARCHAR(255) NOT NULL,
    table_namespace VARCHAR(255) NOT NULL,
    table_name VARCHAR(255) NOT NULL,
    metadata_location VARCHAR(1000),
    previous_metadata_location VARCHAR(1000),
    iceberg_type VARCHAR(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
);
CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
    catalog_name VARCHAR(255) NOT NULL,
    namespace VARCHAR(255) NOT NULL,
    property_key VARCHAR(255) NOT NULL,
    property_value VARCHAR(1000) NOT NULL,
    PRIMARY KEY (catalog_name, namespace, property_key)
);";

const IS_TABLE: &str = "(iceberg_type IS NULL OR iceberg_type = 'TABLE')";

/// The embedded catalog. Metadata files are local. Any number of these, in any number of processes, may share a file;
/// SQLite's lock decides who commits.
#[derive(Clone)]
pub struct SqliteCatalog(Arc<Inner>);

struct Inner {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl std::fmt::Debug for SqliteCatalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqliteCatalog({})", self.0.path.display())
    }
}

impl SqliteCatalog {
    /// Opens or makes the catalog file. Blocking, a few milliseconds.
    ///
    /// # Errors
    /// [`CatalogError::Corrupt`] for a file that is damaged or has another layout.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CatalogError> {
        let path = path.as_ref().to_owned();
        let connection = open(&path).map_err(|error| classify(&path, error))?;
        let healthy: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| classify(&path, error))?;
        if healthy != "ok" {
            return Err(CatalogError::Corrupt { path: path.display().to_string(), reason: healthy });
        }
        Ok(Self(Arc::new(Inner { path, connection: Mutex::new(connection) })))
    }

    /// Runs `work` on the connection, off the async threads.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &mut Connection) -> Result<T, CommitError> + Send + 'static,
    ) -> Result<T, CommitError> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let mut connection: MutexGuard<'_, Connection> =
                inner.connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&inner, &mut connection)
        })
        .await
        .unwrap_or_else(|panic| Err(CommitError::Unknown(panic.into())))
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let outcome = self
            .run(move |inner, connection| {
                work(connection).map_err(|error| CommitError::Failed(classify(&inner.path, error)))
            })
            .await;
        outcome.map_err(|error| match error {
            CommitError::Failed(error) => error,
            other => CatalogError::Metadata { doing: "catalog".into(), source: other.into() },
        })
    }

    fn table_exists(table: &TableIdent) -> CatalogError {
        CatalogError::TableExists(table.to_string())
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    write_ahead(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(LAYOUT)?;
    // A file made by an older tool lacks the column that tells tables from views.
    let typed = connection.prepare("SELECT iceberg_type FROM iceberg_tables LIMIT 0").is_ok();
    if !typed {
        connection.execute_batch("ALTER TABLE iceberg_tables ADD COLUMN iceberg_type VARCHAR(5)")?;
    }
    connection.prepare("SELECT metadata_location, previous_metadata_location FROM iceberg_tables LIMIT 0")?;
    Ok(connection)
}

/// Turns the write-ahead log on. Of several processes that do so at once SQLite lets some fail without waiting.
pub(crate) fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    const AGAIN: Duration = Duration::from_millis(20);
    for _ in 0..500 {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => std::thread::sleep(AGAIN),
            outcome => return outcome,
        }
    }
    connection.pragma_update(None, "journal_mode", "WAL")
}

/// SQLite's many ways to say that a file is not what it should be, as one error.
fn classify(path: &Path, error: rusqlite::Error) -> CatalogError {
    let path = path.display().to_string();
    let code = error.sqlite_error_code();
    let bad_file = matches!(code, Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt));
    // Our statements are fixed: one that does not fit the file's tables tells of another program's file.
    let bad_layout = matches!(error, rusqlite::Error::SqlInputError { .. }) || code == Some(ErrorCode::Unknown);
    if bad_file || bad_layout {
        CatalogError::Corrupt { path, reason: error.to_string() }
    } else {
        CatalogError::Sqlite { path, source: error }
    }
}

fn key(table: &TableIdent) -> (String, String) {
    (stored(table.namespace()), table.name().to_owned())
}

/// A namespace as it stands in the file: levels with dots between them, as other programs write it. A dot within a
/// level is escaped, so that no two namespaces are one.
fn stored(levels: &[String]) -> String {
    let levels: Vec<String> = levels.iter().map(|level| level.replace('%', "%25").replace('.', "%2E")).collect();
    levels.join(".")
}

/// The levels of a namespace that stands in the file.
fn levels(stored: &str) -> Vec<String> {
    stored.split('.').map(|level| level.replace("%2E", ".").replace("%25", "%")).collect()
}

fn metadata_error(doing: String) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> CatalogError {
    move |source| CatalogError::Metadata { doing, source }
}

/// Serialises and writes a metadata file, synced.
fn write_metadata(metadata: &TableMetadata, location: &str) -> Result<(), CatalogError> {
    let doing = || format!("write table metadata {location}");
    let json = serde_json::to_vec(metadata).map_err(|e| metadata_error(doing())(e.into()))?;
    crash::point("lake.catalog.before_metadata")?;
    write_new(&local_path(location), &json).map_err(|e| metadata_error(doing())(e.into()))?;
    Ok(crash::point("lake.catalog.after_metadata")?)
}

/// The location of the metadata file that follows `base`.
fn next_location(base: &str, metadata: &TableMetadata) -> Result<String, CatalogError> {
    let next = MetadataLocation::from_str(base)
        .map(|location| location.with_next_version())
        // A foreign name gives no number to go on from.
        .unwrap_or_else(|_| MetadataLocation::new_with_metadata(metadata.location(), metadata).with_next_version());
    Ok(next.with_new_metadata(metadata).to_string().replace(".gz.metadata", ".metadata"))
}

#[async_trait]
impl TableCatalog for SqliteCatalog {
    async fn tables(&self, namespace: &str) -> Result<Vec<String>, CatalogError> {
        let namespace = namespace.to_owned();
        self.ask(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT table_name FROM iceberg_tables
                     WHERE catalog_name = ?1 AND table_namespace = ?2 AND {IS_TABLE} ORDER BY table_name"
                ))?
                .query_map(params![CATALOG_NAME, namespace], |row| row.get(0))?
                .collect()
        })
        .await
    }

    async fn create(&self, table: &TableIdent, creation: TableCreation) -> Result<Loaded, CatalogError> {
        let doing = format!("create table {table}");
        let metadata = TableMetadataBuilder::from_table_creation(creation)
            .and_then(TableMetadataBuilder::build)
            .map_err(|e| metadata_error(doing)(e.into()))?
            .metadata;
        let location = MetadataLocation::new_with_metadata(metadata.location(), &metadata).to_string();
        let (owned, ident) = (table.clone(), table.clone());
        let outcome = self
            .run(move |inner, connection| {
                write_metadata(&metadata, &location)?;
                let made = insert(connection, &owned, &location)
                    .map_err(|error| CommitError::Failed(classify(&inner.path, error)))?;
                if made {
                    Ok(Some(Loaded::new(metadata, location)))
                } else {
                    let _ = remove(&local_path(&location));
                    Ok(None)
                }
            })
            .await;
        match outcome {
            Ok(Some(loaded)) => Ok(loaded),
            Ok(None) => Err(Self::table_exists(&ident)),
            Err(CommitError::Failed(error)) => Err(error),
            Err(other) => Err(CatalogError::Metadata { doing: format!("create table {ident}"), source: other.into() }),
        }
    }

    async fn load(&self, table: &TableIdent, known: Option<&Loaded>) -> Result<Loaded, CatalogError> {
        // Between asking for the location and reading the file, eleven commits of others can delete it: ask again.
        let mut missed = None;
        for _ in 0..5 {
            let owned = table.clone();
            let location = self.ask(move |connection| location_of(connection, &owned)).await?;
            let location = location.ok_or_else(|| CatalogError::NoSuchTable(table.to_string()))?;
            if let Some(known) = known.filter(|known| known.location == location) {
                return Ok(known.clone());
            }
            match TableMetadata::read_from(&local_files(), &location).await {
                Ok(metadata) => return Ok(Loaded::new(metadata, location)),
                Err(error) if missed.as_ref() == Some(&location) => {
                    let there = local_path(&location).exists();
                    let reason = if there { error.to_string() } else { "it is not there".to_owned() };
                    let table = table.name().to_owned();
                    return Err(CatalogError::Lost { table, location, reason });
                }
                Err(_) => missed = Some(location),
            }
        }
        Err(metadata_error(format!("read table metadata of {table}"))("it is replaced too fast".into()))
    }

    async fn commit(&self, table: &TableIdent, base: &Loaded, proposal: Proposal) -> Result<Loaded, CommitError> {
        let (table, base) = (table.clone(), base.location.clone());
        self.run(move |inner, connection| {
            let Proposal { metadata, dropped, .. } = proposal;
            let location = next_location(&base, &metadata)?;
            write_metadata(&metadata, &location)?;
            crash::point("lake.catalog.before_cas").map_err(CatalogError::from)?;
            match exchange(connection, &table, &base, &location) {
                Ok(true) => {}
                Ok(false) => {
                    let _ = remove(&local_path(&location));
                    return Err(CommitError::Conflict);
                }
                // The lock was not to be had in time: nothing was written.
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                    let _ = remove(&local_path(&location));
                    return Err(CommitError::Conflict);
                }
                Err(error) => return Err(CommitError::Unknown(classify(&inner.path, error).into())),
            }
            crash::point("lake.catalog.after_cas").map_err(CatalogError::from)?;
            for old in dropped {
                if let Err(error) = remove(&local_path(&old)) {
                    tracing::warn!(file = old, %error, "an old metadata file stays until the sweep");
                }
            }
            Ok(Loaded::new(metadata, location))
        })
        .await
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<(), CatalogError> {
        let (owned, ident) = (table.clone(), table.clone());
        let gone = self
            .ask(move |connection| {
                let (namespace, name) = key(&owned);
                connection.execute(
                    &format!(
                        "DELETE FROM iceberg_tables
                         WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3 AND {IS_TABLE}"
                    ),
                    params![CATALOG_NAME, namespace, name],
                )
            })
            .await?;
        if gone == 0 { Err(CatalogError::NoSuchTable(ident.to_string())) } else { Ok(()) }
    }

    fn is_final(&self) -> bool {
        true
    }
}

fn location_of(connection: &Connection, table: &TableIdent) -> rusqlite::Result<Option<String>> {
    let (namespace, name) = key(table);
    connection
        .prepare_cached(&format!(
            "SELECT metadata_location FROM iceberg_tables
             WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3 AND {IS_TABLE}"
        ))?
        .query_row(params![CATALOG_NAME, namespace, name], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

/// The compare-and-set. `false`: the table is not at `base` any more.
fn exchange(connection: &Connection, table: &TableIdent, base: &str, location: &str) -> rusqlite::Result<bool> {
    let (namespace, name) = key(table);
    let moved = connection
        .prepare_cached(&format!(
            "UPDATE iceberg_tables SET metadata_location = ?1, previous_metadata_location = ?2
             WHERE catalog_name = ?3 AND table_namespace = ?4 AND table_name = ?5 AND metadata_location = ?2
               AND {IS_TABLE}"
        ))?
        .execute(params![location, base, CATALOG_NAME, namespace, name])?;
    Ok(moved == 1)
}

/// Adds a table and its namespace. `false`: a table of that name is there.
fn insert(connection: &mut Connection, table: &TableIdent, location: &str) -> rusqlite::Result<bool> {
    let (namespace, name) = key(table);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute(
        "INSERT OR IGNORE INTO iceberg_namespace_properties VALUES (?1, ?2, 'exists', 'true')",
        params![CATALOG_NAME, namespace],
    )?;
    let made = transaction.execute(
        "INSERT OR IGNORE INTO iceberg_tables VALUES (?1, ?2, ?3, ?4, NULL, 'TABLE')",
        params![CATALOG_NAME, namespace, name, location],
    )?;
    transaction.commit()?;
    Ok(made == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_may_make_the_file_at_the_same_moment() {
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("catalog.db");
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                let opened: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            SqliteCatalog::open(&path).map(drop)
                        })
                    })
                    .collect();
                for one in opened {
                    one.join().unwrap().unwrap();
                }
            });
        }
    }
}
