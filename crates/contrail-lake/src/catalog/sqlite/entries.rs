//! The rows of the catalog file as a REST catalog needs them: namespaces with properties, tables beside views, and
//! several tables moved on at once.

use std::collections::{BTreeMap, BTreeSet};

use iceberg::{NamespaceIdent, TableIdent};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use super::{CATALOG_NAME, SqliteCatalog, classify, key, levels, stored};
use crate::catalog::{CatalogError, CommitError};

/// The property by which a namespace without others is there; ours and other programs'.
const EXISTS: &str = "exists";

/// What a name can stand for. Tables and views share their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    View,
}

/// One entry of the catalog on its way from a metadata file to the next.
#[derive(Clone, Debug)]
pub(crate) struct Swap {
    pub ident: TableIdent,
    pub kind: Kind,
    /// Where it must be now; `None`: nowhere.
    pub base: Option<String>,
    pub location: String,
}

/// What became of a list of swaps: all or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Swapped {
    Landed,
    /// That one is not at its base any more.
    Moved(usize),
    /// The namespace of that one is not there.
    Homeless(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    Gone,
    Missing,
    NotEmpty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renamed {
    Done,
    Missing,
    Homeless,
    Taken(Kind),
}

impl Kind {
    fn from_text(text: Option<String>) -> Self {
        if text.as_deref() == Some("VIEW") { Self::View } else { Self::Table }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::View => "VIEW",
        }
    }
}

impl SqliteCatalog {
    /// Every namespace, and those above each.
    pub(crate) async fn namespaces(&self) -> Result<BTreeSet<Vec<String>>, CatalogError> {
        let all: Vec<String> = self
            .ask(|connection| {
                connection
                    .prepare_cached(
                        "SELECT namespace FROM iceberg_namespace_properties WHERE catalog_name = ?1
                         UNION SELECT table_namespace FROM iceberg_tables WHERE catalog_name = ?1",
                    )?
                    .query_map([CATALOG_NAME], |row| row.get(0))?
                    .collect()
            })
            .await?;
        let all = all.iter().map(|text| levels(text));
        Ok(all.flat_map(|levels| (1..=levels.len()).map(|n| levels[..n].to_vec()).collect::<Vec<_>>()).collect())
    }

    /// The properties of a namespace that is there.
    pub(crate) async fn namespace(
        &self,
        namespace: &NamespaceIdent,
    ) -> Result<Option<BTreeMap<String, String>>, CatalogError> {
        let name = stored(namespace);
        self.ask(move |connection| {
            if !is_there(connection, &name)? {
                return Ok(None);
            }
            properties(connection, &name).map(Some)
        })
        .await
    }

    /// Makes a namespace, and those above it; `false`: it is there.
    pub(crate) async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: BTreeMap<String, String>,
    ) -> Result<bool, CatalogError> {
        let namespace = namespace.clone();
        self.ask(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if is_there(&transaction, &stored(&namespace))? {
                return Ok(false);
            }
            for n in 1..=namespace.len() {
                set(&transaction, &stored(&namespace[..n]), EXISTS, "true")?;
            }
            for (key, value) in &properties {
                set(&transaction, &stored(&namespace), key, value)?;
            }
            transaction.commit()?;
            Ok(true)
        })
        .await
    }

    /// Sets and removes properties of a namespace; gives those that were there before, or nothing if it is not.
    pub(crate) async fn set_namespace(
        &self,
        namespace: &NamespaceIdent,
        updates: BTreeMap<String, String>,
        removals: Vec<String>,
    ) -> Result<Option<BTreeMap<String, String>>, CatalogError> {
        let name = stored(namespace);
        self.ask(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if !is_there(&transaction, &name)? {
                return Ok(None);
            }
            let before = properties(&transaction, &name)?;
            set(&transaction, &name, EXISTS, "true")?;
            for key in &removals {
                transaction.execute(
                    "DELETE FROM iceberg_namespace_properties
                     WHERE catalog_name = ?1 AND namespace = ?2 AND property_key = ?3",
                    params![CATALOG_NAME, name, key],
                )?;
            }
            for (key, value) in &updates {
                set(&transaction, &name, key, value)?;
            }
            transaction.commit()?;
            Ok(Some(before))
        })
        .await
    }

    /// Forgets an empty namespace.
    pub(crate) async fn drop_namespace(&self, namespace: &NamespaceIdent) -> Result<Dropped, CatalogError> {
        let name = stored(namespace);
        self.ask(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if !is_there(&transaction, &name)? {
                return Ok(Dropped::Missing);
            }
            let below = format!("{name}.");
            let filled: bool = transaction.query_row(
                "SELECT EXISTS (SELECT 1 FROM iceberg_tables WHERE catalog_name = ?1
                                AND (table_namespace = ?2 OR substr(table_namespace, 1, length(?3)) = ?3))
                     OR EXISTS (SELECT 1 FROM iceberg_namespace_properties WHERE catalog_name = ?1
                                AND substr(namespace, 1, length(?3)) = ?3)",
                params![CATALOG_NAME, name, below],
                |row| row.get(0),
            )?;
            if filled {
                return Ok(Dropped::NotEmpty);
            }
            transaction.execute(
                "DELETE FROM iceberg_namespace_properties WHERE catalog_name = ?1 AND namespace = ?2",
                params![CATALOG_NAME, name],
            )?;
            transaction.commit()?;
            Ok(Dropped::Gone)
        })
        .await
    }

    /// Names of one kind in a namespace, sorted.
    pub(crate) async fn names(&self, namespace: &NamespaceIdent, kind: Kind) -> Result<Vec<String>, CatalogError> {
        let name = stored(namespace);
        self.ask(move |connection| {
            connection
                .prepare_cached(
                    "SELECT table_name FROM iceberg_tables WHERE catalog_name = ?1 AND table_namespace = ?2
                     AND coalesce(iceberg_type, 'TABLE') = ?3 ORDER BY table_name",
                )?
                .query_map(params![CATALOG_NAME, name, kind.text()], |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// Every table of the catalog, whatever its namespace.
    pub(crate) async fn all_tables(&self) -> Result<Vec<TableIdent>, CatalogError> {
        let all: Vec<(String, String)> = self
            .ask(|connection| {
                connection
                    .prepare_cached(
                        "SELECT table_namespace, table_name FROM iceberg_tables WHERE catalog_name = ?1
                         AND coalesce(iceberg_type, 'TABLE') = 'TABLE'",
                    )?
                    .query_map([CATALOG_NAME], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .await?;
        let named = |(namespace, name): (String, String)| {
            Some(TableIdent::new(NamespaceIdent::from_vec(levels(&namespace)).ok()?, name))
        };
        Ok(all.into_iter().filter_map(named).collect())
    }

    /// Every table and view of the catalog, and where its metadata are.
    pub(crate) async fn entries(&self) -> Result<Vec<(TableIdent, Kind, String)>, CatalogError> {
        let all: Vec<(String, String, Option<String>, String)> = self
            .ask(|connection| {
                connection
                    .prepare_cached(
                        "SELECT table_namespace, table_name, iceberg_type, metadata_location FROM iceberg_tables
                         WHERE catalog_name = ?1 AND metadata_location IS NOT NULL ORDER BY 1, 2",
                    )?
                    .query_map([CATALOG_NAME], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
                    .collect()
            })
            .await?;
        let named = |(namespace, name, kind, location): (String, String, Option<String>, String)| {
            let namespace = NamespaceIdent::from_vec(levels(&namespace)).ok()?;
            Some((TableIdent::new(namespace, name), Kind::from_text(kind), location))
        };
        Ok(all.into_iter().filter_map(named).collect())
    }

    /// What a name stands for, and where its metadata are.
    pub(crate) async fn find(&self, ident: &TableIdent) -> Result<Option<(Kind, String)>, CatalogError> {
        let ident = ident.clone();
        self.ask(move |connection| found(connection, &ident)).await
    }

    /// Moves entries on, makes them where there is no base: all in one transaction, or none.
    pub(crate) async fn swap(&self, swaps: Vec<Swap>) -> Result<Swapped, CommitError> {
        self.run(move |inner, connection| {
            let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
                // The lock was not to be had in time: nothing was written.
                Some(ErrorCode::DatabaseBusy) => CommitError::Conflict,
                _ => CommitError::Failed(classify(&inner.path, error)),
            };
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            for (at, swap) in swaps.iter().enumerate() {
                match exchange(&transaction, swap).map_err(failed)? {
                    Swapped::Landed => {}
                    Swapped::Moved(_) => return Ok(Swapped::Moved(at)),
                    Swapped::Homeless(_) => return Ok(Swapped::Homeless(at)),
                }
            }
            match transaction.commit() {
                Ok(()) => Ok(Swapped::Landed),
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Err(CommitError::Conflict),
                Err(error) => Err(CommitError::Unknown(classify(&inner.path, error).into())),
            }
        })
        .await
    }

    /// Gives an entry another name.
    pub(crate) async fn rename(&self, from: &TableIdent, to: &TableIdent, kind: Kind) -> Result<Renamed, CatalogError> {
        let (from, to) = (from.clone(), to.clone());
        self.ask(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if found(&transaction, &from)?.is_none_or(|(here, _)| here != kind) {
                return Ok(Renamed::Missing);
            }
            if !is_there(&transaction, &stored(to.namespace()))? {
                return Ok(Renamed::Homeless);
            }
            if let Some((taken, _)) = found(&transaction, &to)? {
                return Ok(Renamed::Taken(taken));
            }
            let ((namespace, name), (new_namespace, new_name)) = (key(&from), key(&to));
            transaction.execute(
                "UPDATE iceberg_tables SET table_namespace = ?1, table_name = ?2
                 WHERE catalog_name = ?3 AND table_namespace = ?4 AND table_name = ?5",
                params![new_namespace, new_name, CATALOG_NAME, namespace, name],
            )?;
            transaction.commit()?;
            Ok(Renamed::Done)
        })
        .await
    }

    /// Forgets an entry that still is at `location`.
    pub(crate) async fn forget(&self, ident: &TableIdent, location: &str) -> Result<bool, CatalogError> {
        let ((namespace, name), location) = (key(ident), location.to_owned());
        self.ask(move |connection| {
            let gone = connection.execute(
                "DELETE FROM iceberg_tables WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3
                 AND metadata_location = ?4",
                params![CATALOG_NAME, namespace, name, location],
            )?;
            Ok(gone == 1)
        })
        .await
    }
}

fn exchange(transaction: &Transaction<'_>, swap: &Swap) -> rusqlite::Result<Swapped> {
    let (namespace, name) = key(&swap.ident);
    let done = match &swap.base {
        Some(base) => transaction.execute(
            "UPDATE iceberg_tables SET metadata_location = ?1, previous_metadata_location = ?2
             WHERE catalog_name = ?3 AND table_namespace = ?4 AND table_name = ?5 AND metadata_location = ?2
             AND coalesce(iceberg_type, 'TABLE') = ?6",
            params![swap.location, base, CATALOG_NAME, namespace, name, swap.kind.text()],
        )?,
        None if !is_there(transaction, &namespace)? => return Ok(Swapped::Homeless(0)),
        None => transaction.execute(
            "INSERT OR IGNORE INTO iceberg_tables
                 (catalog_name, table_namespace, table_name, metadata_location, previous_metadata_location, iceberg_type)
             VALUES (?1, ?2, ?3, ?4, NULL, ?5)",
            params![CATALOG_NAME, namespace, name, swap.location, swap.kind.text()],
        )?,
    };
    Ok(if done == 1 { Swapped::Landed } else { Swapped::Moved(0) })
}

fn found(connection: &Connection, ident: &TableIdent) -> rusqlite::Result<Option<(Kind, String)>> {
    let (namespace, name) = key(ident);
    let row: Option<(Option<String>, Option<String>)> = connection
        .prepare_cached(
            "SELECT iceberg_type, metadata_location FROM iceberg_tables
             WHERE catalog_name = ?1 AND table_namespace = ?2 AND table_name = ?3",
        )?
        .query_row(params![CATALOG_NAME, namespace, name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.and_then(|(kind, location)| Some((Kind::from_text(kind), location?))))
}

/// Whether a namespace has a row of its own, a table, or a namespace below it.
fn is_there(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let below = format!("{name}.");
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM iceberg_namespace_properties WHERE catalog_name = ?1
                            AND (namespace = ?2 OR substr(namespace, 1, length(?3)) = ?3))
                 OR EXISTS (SELECT 1 FROM iceberg_tables WHERE catalog_name = ?1
                            AND (table_namespace = ?2 OR substr(table_namespace, 1, length(?3)) = ?3))",
        )?
        .query_row(params![CATALOG_NAME, name, below], |row| row.get(0))
}

fn properties(connection: &Connection, name: &str) -> rusqlite::Result<BTreeMap<String, String>> {
    connection
        .prepare_cached(
            "SELECT property_key, property_value FROM iceberg_namespace_properties
             WHERE catalog_name = ?1 AND namespace = ?2 AND property_key <> ?3",
        )?
        .query_map(params![CATALOG_NAME, name, EXISTS], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn set(connection: &Connection, name: &str, key: &str, value: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO iceberg_namespace_properties VALUES (?1, ?2, ?3, ?4)",
        params![CATALOG_NAME, name, key, value],
    )?;
    Ok(())
}
