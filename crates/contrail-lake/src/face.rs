//! What an Iceberg REST catalog does, on the embedded catalog: namespaces, tables and views that any program may make
//! and change, under rules that keep safe what the line itself works with.
//!
//! Contract: whatever a caller sends, no file outside the allowed folders is written, read or deleted, and no table of
//! the line is dropped, renamed, reshaped or robbed of its progress. A commit is one transaction of the catalog file,
//! also over several tables. Reading order: [`CatalogFace`], `commit` (requirements, updates), `kept` (the rules),
//! `places` (the folders).

mod commit;
mod created;
mod kept;
mod namespaces;
mod places;
mod purge;
mod tables;
mod views;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use contrail_kit::{Class, Classified};
use contrail_types::TableDef;
pub use iceberg::{NamespaceIdent, TableIdent};

use crate::catalog::{CatalogError, SqliteCatalog};

pub use commit::TableChange;
pub use namespaces::PropertiesSet;
pub use tables::{LoadedTable, NewTable, Snapshots};
pub use views::{LoadedView, NewView, ViewChange};

use places::Places;

/// Longest name of a level, a table or a view.
const LONGEST_NAME: usize = 255;
/// Most levels of a namespace.
const DEEPEST: usize = 16;

/// What the catalog serves, and what it keeps from others.
#[derive(Clone, Debug)]
pub struct FaceOptions {
    /// The folder of tables that name no location.
    pub warehouse: PathBuf,
    /// Other folders in which tables may lie.
    pub locations: Vec<PathBuf>,
    /// The namespace of the line's own tables.
    pub namespace: String,
    /// The line's own tables, those that are not there yet as well.
    pub kept: Vec<TableDef>,
}

/// The embedded catalog as a REST catalog. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CatalogFace {
    catalog: SqliteCatalog,
    places: Places,
    namespace: String,
    /// By name.
    kept: Arc<BTreeMap<String, TableDef>>,
}

/// What there is none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Namespace,
    Table,
    View,
    /// The file that the catalog names.
    Metadata,
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Namespace => "Namespace does not exist",
            Self::Table => "Table does not exist",
            Self::View => "View does not exist",
            Self::Metadata => "Failed to open input stream for file",
        })
    }
}

/// Why something was not done. The messages begin as those of Iceberg's own catalogs do: programs look at them.
#[derive(Debug, thiserror::Error)]
pub enum FaceError {
    #[error("{0}: {1}")]
    NoSuch(What, String),
    /// A name is taken.
    #[error("{0}")]
    Exists(String),
    #[error("Namespace {0} is not empty: drop its tables, views and namespaces first")]
    NotEmpty(String),
    /// Somebody else was faster, or a requirement does not hold: load again.
    #[error("{0}")]
    Conflict(String),
    /// The line needs it as it is. `commit` tells a change of a table from a name that is taken or must stay.
    #[error("{reason}")]
    Kept { commit: bool, reason: String },
    #[error("{0}")]
    Invalid(String),
    /// Nobody knows whether the commit landed.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl Classified for FaceError {
    fn class(&self) -> Class {
        match self {
            Self::Catalog(error) => error.class(),
            Self::Unknown(_) => Class::EXTERNAL,
            _ => Class::USER,
        }
    }
}

impl CatalogFace {
    /// A catalog over `catalog`; makes nothing.
    ///
    /// # Errors
    /// If a folder's absolute path cannot be told.
    pub fn new(catalog: SqliteCatalog, options: FaceOptions) -> std::io::Result<Self> {
        let kept: BTreeMap<String, TableDef> = options.kept.into_iter().map(|def| (def.name.clone(), def)).collect();
        let folders = kept.keys().map(|table| PathBuf::from(&options.namespace).join(table)).collect();
        let places = Places::new(options.warehouse, options.locations, folders)?;
        Ok(Self { catalog, places, namespace: options.namespace, kept: Arc::new(kept) })
    }

    /// Folder of tables that name no location.
    pub fn warehouse(&self) -> String {
        self.places.warehouse.display().to_string()
    }

    /// Whether it is the namespace of the line's tables.
    fn is_ours(&self, namespace: &NamespaceIdent) -> bool {
        matches!(&namespace[..], [only] if *only == self.namespace)
    }

    /// Whether the line itself works with a table of that name.
    fn is_kept(&self, ident: &TableIdent) -> bool {
        self.is_ours(ident.namespace()) && self.kept.contains_key(ident.name())
    }
}

/// Refuses names that nothing may be made under.
fn checked_name(what: &str, name: &str) -> Result<(), FaceError> {
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("a {what} has 1 to {LONGEST_NAME} printable characters, not {name:?}");
        return Err(FaceError::Invalid(message));
    }
    Ok(())
}

fn checked_namespace(namespace: &NamespaceIdent) -> Result<(), FaceError> {
    if namespace.is_empty() || namespace.len() > DEEPEST {
        return Err(FaceError::Invalid(format!("a namespace has 1 to {DEEPEST} levels")));
    }
    namespace.iter().try_for_each(|level| checked_name("level of a namespace", level))
}

/// What the format library does not take, in its sentence.
fn invalid(error: iceberg::Error) -> FaceError {
    FaceError::Invalid(error.message().to_owned())
}

/// An entry of metadata as JSON, its lists in order: the format library keeps them in none.
fn ordered(metadata: &impl serde::Serialize) -> Result<serde_json::Value, FaceError> {
    let mut json = serde_json::to_value(metadata).map_err(|error| FaceError::Invalid(error.to_string()))?;
    for (list, key) in [
        ("snapshots", "sequence-number"),
        ("schemas", "schema-id"),
        ("partition-specs", "spec-id"),
        ("sort-orders", "order-id"),
        ("versions", "version-id"),
    ] {
        if let Some(entries) = json.get_mut(list).and_then(serde_json::Value::as_array_mut) {
            let number = |entry: &serde_json::Value, key| entry.get(key).and_then(serde_json::Value::as_i64);
            entries.sort_by_key(|entry| (number(entry, key), number(entry, "timestamp-ms")));
        }
    }
    Ok(json)
}

/// Where metadata files of a table or a view go: its own folder, or the one that its properties name.
fn metadata_folder(location: &str, properties: &std::collections::HashMap<String, String>) -> String {
    let named = properties.get("write.metadata.path").map(|path| path.trim_end_matches('/').to_owned());
    named.unwrap_or_else(|| format!("{location}/metadata"))
}
