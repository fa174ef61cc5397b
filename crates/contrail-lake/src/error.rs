//! What can go wrong in the lake, and of which class it is.

use std::io;

use contrail_kit::crash::Crashed;
use contrail_kit::{Class, Classified};

use crate::catalog::CatalogError;
use crate::commit::CommitFailed;
use crate::storage::StoreError;

/// Any failure of this crate but a commit's own ([`crate::CommitFailed`]).
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The format library refused something, or could not read what stands in a file.
    #[error("{doing}: {source}")]
    Iceberg { doing: String, source: Box<iceberg::Error> },
    #[error("{doing} {path}: {source}")]
    Io { doing: &'static str, path: String, source: io::Error },
    #[error("{doing}: {source}")]
    Parquet { doing: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// Rows handed in for writing do not fit the table.
    #[error("rows do not fit table {table}: {reason}")]
    Batch { table: String, reason: String },
    /// The queue of files to delete cannot be read or written.
    #[error("deletion queue {path}: {source}")]
    Queue { path: String, source: rusqlite::Error },
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Crashed(#[from] Crashed),
}

/// A table that is not what it would have to be for what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The table in the lake is not what the definition says.
    #[error(
        "table {table} in the lake differs from its definition: {}; \
         use the version of contrail that made it, or move the table away and build it anew",
        differences.join("; ")
    )]
    Schema { table: String, differences: Vec<String> },
    #[error("bring a table of an earlier version up to this one: {0}")]
    Behind(Box<CommitFailed>),
    /// A change of columns or partitions that cannot be.
    #[error("table {table}: cannot {edit}: {reason}")]
    Edit { table: String, edit: String, reason: String },
    /// Rows of several partitions in one file, some of which are to be replaced.
    #[error(
        "{path} of another program holds rows of several partitions; run `contrail tables compact {table}`, which splits it"
    )]
    Spanning { table: String, path: String },
    /// A snapshot holds delete files of another writer, which this lake does not apply.
    #[error(
        "table {table} holds row-level deletes written by another engine; compact it there before contrail reads it"
    )]
    ForeignDeletes { table: String },
}

/// Files of a table that are not where, or what, they should be.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file of a table is gone, or is not what was written.
    #[error(
        "{path} of table {table} {reason}: `contrail tables repair {table}` says what that loses, and makes the table readable \
         again"
    )]
    Damaged { table: String, path: String, reason: String },
    /// The folder was moved: the catalog still has the old paths.
    #[error("table {table} was written under {from} and lies under {to} now: run `contrail tables relocate` once")]
    Moved { table: String, from: String, to: String },
    /// The folder was copied: whoever went on here would write into the other lake.
    #[error(
        "table {table} lies under {to}, but the catalog has it under {from}, where it lies as well: this is a copy. Run \
         `contrail tables relocate` to make it a lake of its own"
    )]
    Copied { table: String, from: String, to: String },
}

impl LakeError {
    /// A table of an earlier version that could not be brought up to this one.
    pub(crate) fn behind(failed: CommitFailed) -> Self {
        match failed {
            CommitFailed::Lake(error) => error,
            failed => TableError::Behind(Box::new(failed)).into(),
        }
    }
}

impl Classified for LakeError {
    fn class(&self) -> Class {
        match self {
            Self::Catalog(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Table(TableError::Behind(failed)) => failed.class(),
            Self::Iceberg { source, .. } if source.retryable() => Class::EXTERNAL,
            Self::Iceberg { .. } | Self::Io { .. } | Self::Queue { .. } => Class::EXTERNAL,
            // Mended beside the line, or mounted again: what can go on does.
            Self::Files(FilesError::Damaged { .. }) => Class::EXTERNAL,
            Self::Parquet { .. } => Class::EXTERNAL_FINAL,
            Self::Table(_) | Self::Files(_) => Class::USER,
            Self::Batch { .. } | Self::Crashed(_) => Class::INTERNAL,
        }
    }
}

/// Adds what was being done to a library's error.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, LakeError>;
}

impl<T> Doing<T> for iceberg::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, LakeError> {
        self.map_err(|source| from_iceberg(what(), source))
    }
}

/// A crash that came up through the format library's error type is still a crash, and a store's error the store's.
pub(crate) fn from_iceberg(doing: String, source: iceberg::Error) -> LakeError {
    let cause = std::error::Error::source(&source);
    if let Some(crashed) = cause.and_then(|cause| cause.downcast_ref::<Crashed>()) {
        return LakeError::Crashed(*crashed);
    }
    match cause.and_then(|cause| cause.downcast_ref::<StoreError>()) {
        Some(error) => LakeError::Store(error.clone()),
        None => LakeError::Iceberg { doing, source: Box::new(source) },
    }
}
