//! The seam to a catalog: where a table's current metadata is named, and the one compare-and-set that moves it on.

pub mod rest;
pub(crate) mod sqlite;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use contrail_kit::crash::Crashed;
use contrail_kit::{Class, Classified};
use iceberg::spec::{MAIN_BRANCH, TableMetadata, TableMetadataBuildResult, TableMetadataRef};
use iceberg::{TableCreation, TableIdent, TableRequirement, TableUpdate};

pub use rest::{RestCatalog, RestError, RestOptions};
pub use sqlite::SqliteCatalog;

use crate::version::Version;

/// A table's metadata as the catalog gave it: immutable, and named by the location of its file.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub metadata: TableMetadataRef,
    /// Location of the metadata file; two equal locations are the same version of the table.
    pub location: String,
    /// What the catalog says of the store that holds the table's files, keys among it. Never printed.
    pub(crate) store: Served,
}

/// One change of a table in both forms that catalogs take: as updates with requirements (REST), and as the metadata
/// that results when they are applied to the base (embedded).
#[derive(Clone, Debug)]
pub struct Proposal {
    pub requirements: Vec<TableRequirement>,
    pub updates: Vec<TableUpdate>,
    pub metadata: TableMetadata,
    /// Metadata files that this change drops from the metadata log; nothing names them once it has landed.
    pub dropped: Vec<String>,
}

impl Proposal {
    /// What was built on a version, for as long as the table's content is that version's.
    pub(crate) fn on(version: &Version, built: TableMetadataBuildResult) -> Self {
        let content =
            TableRequirement::RefSnapshotIdMatch { r#ref: MAIN_BRANCH.into(), snapshot_id: version.snapshot_id() };
        Self {
            requirements: vec![TableRequirement::UuidMatch { uuid: version.metadata().uuid() }, content],
            updates: built.changes,
            metadata: built.metadata,
            dropped: built.expired_metadata_logs.into_iter().map(|log| log.metadata_file).collect(),
        }
    }
}

/// A catalog of Iceberg tables.
///
/// - **Atomic**: `commit` either makes the proposal the table's current metadata, or changes nothing. It succeeds only
///   if the proposal's requirements hold; a proposal with a snapshot requires the one that it stands on, so that of any
///   number of them with the same base exactly one succeeds. (The embedded catalog asks for more: the very same base.)
/// - **Ordered**: once a commit has returned, every `load` that starts later, by anyone, sees it or a later one.
/// - **Durable**: what `create` and `commit` have acknowledged survives a crash of process and machine.
/// - **Outcomes**: [`CommitError::Conflict`] and [`CommitError::Failed`] say that the proposal has not landed now.
///   [`CommitError::Unknown`] says nothing at all: the caller loads again and looks for its snapshot. Whether a
///   proposal that was answered with `Conflict` or `Failed` can still land later is told by [`TableCatalog::is_final`].
/// - **Retries**: `tables`, `load` and `drop_table` may be called again at any time. A commit must not be sent again
///   without loading first; sent again with the same snapshot id on a fresh base it lands at most once.
/// - Deleting metadata files that a landed proposal dropped is the catalog's; data, manifests and lists are not its
///   concern.
#[async_trait]
pub trait TableCatalog: Debug + Send + Sync {
    /// Names of the tables in `namespace`, sorted; none if there is no such namespace.
    async fn tables(&self, namespace: &str) -> Result<Vec<String>, CatalogError>;

    /// Makes a table, and its namespace if need be; fails if it is there.
    async fn create(&self, table: &TableIdent, creation: TableCreation) -> Result<Loaded, CatalogError>;

    /// The table as it stands. Given what the caller has, an unchanged table costs no reading.
    async fn load(&self, table: &TableIdent, known: Option<&Loaded>) -> Result<Loaded, CatalogError>;

    /// Moves the table from `base` to the proposal.
    async fn commit(&self, table: &TableIdent, base: &Loaded, proposal: Proposal) -> Result<Loaded, CommitError>;

    /// Forgets a table; its files stay.
    async fn drop_table(&self, table: &TableIdent) -> Result<(), CatalogError>;

    /// Whether a definite refusal is final. In process it is; over a network a request that was refused once may have
    /// a twin that lands later, so files of a refused attempt must be left to the orphan sweep.
    fn is_final(&self) -> bool;
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("there is no table {0} in the catalog")]
    NoSuchTable(String),
    #[error("table {0} already is in the catalog")]
    TableExists(String),
    /// The catalog's own file cannot be used.
    #[error(
        "the catalog file {path} is damaged or is no Iceberg catalog ({reason}); restore it from a copy, or move it away \
         to start an empty lake"
    )]
    Corrupt { path: String, reason: String },
    #[error("the catalog file {path}: {source}")]
    Sqlite { path: String, source: rusqlite::Error },
    /// The catalog names a metadata file that is not there, or is none.
    #[error(
        "the metadata file {location} of table {table} cannot be read ({reason}): `contrail tables repair {table}` goes \
         back to the one before it"
    )]
    Lost { table: String, location: String, reason: String },
    /// A metadata file cannot be written.
    #[error("{doing}: {source}")]
    Metadata { doing: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Crashed(#[from] Crashed),
}

impl Classified for CatalogError {
    fn class(&self) -> Class {
        match self {
            Self::Corrupt { .. } | Self::NoSuchTable(_) | Self::TableExists(_) => Class::USER,
            Self::Rest(error) => error.class(),
            Self::Sqlite { .. } => Class::EXTERNAL,
            Self::Metadata { .. } | Self::Lost { .. } => Class::EXTERNAL,
            Self::Crashed(_) => Class::INTERNAL,
        }
    }
}

/// How a commit request ended, when not well.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The table has moved on from the base.
    #[error("the table has changed in the meantime")]
    Conflict,
    /// Nobody knows whether it landed.
    #[error("the catalog gave no answer: {0}")]
    Unknown(Box<dyn std::error::Error + Send + Sync>),
    /// It did not land.
    #[error(transparent)]
    Failed(#[from] CatalogError),
}

/// Properties of a store under Iceberg's own keys.
#[derive(Clone, Default)]
pub(crate) struct Served(pub Arc<BTreeMap<String, String>>);

impl Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Loaded {
    pub(crate) fn new(metadata: TableMetadata, location: String) -> Self {
        Self { metadata: Arc::new(metadata), location, store: Served::default() }
    }
}
