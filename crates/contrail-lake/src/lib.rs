//! The lake: Iceberg tables with one writer's discipline, any number of writers and no lost or doubled row.
//!
//! The crate knows Iceberg and Parquet writing, and nothing of aviation: what the properties mean that a commit sets is
//! the caller's business. Its contract in four lines:
//!
//! - [`LakeTable::encode`] puts rows on disk, synced, named by nobody; [`LakeTable::commit`] lands files, removals and
//!   properties in one compare-and-set, or nothing at all.
//! - The fence given to a commit sees the freshly loaded table at every attempt; nothing is ever applied again blindly.
//! - A [`Version`] never changes; its files stay readable for half an hour after a later commit has let go of them, and
//!   for as long as they are pinned.
//! - Upkeep never fails a commit.
//!
//! Reading order: [`catalog`] (the seam), [`lake`], [`table`], [`shape`], [`version`], [`change`], [`commit`], then [`write`],
//! [`read`], [`upkeep`], [`rest`] (the catalog for other programs). `storage` and `schema` are the two borders, `entries`
//! the cache.

pub mod catalog;
pub mod change;
pub mod commit;
#[doc(hidden)]
pub mod conformance;
mod entries;
mod error;
pub mod lake;
pub mod read;
pub mod rest;
mod schema;
pub mod shape;
pub mod storage;
pub mod table;
pub mod upkeep;
pub mod version;
pub mod write;

pub use catalog::{CatalogError, CommitError, Loaded, Proposal, SqliteCatalog, TableCatalog};
pub use change::Change;
pub use commit::{CommitFailed, Committed, FenceFailure, SWEPT};
pub use error::LakeError;
pub use lake::{Lake, LakeOptions};
pub use rest::{RestCatalog, RestError, RestOptions};
pub use shape::TableShape;
pub use table::LakeTable;
pub use upkeep::{Fsck, GRACE, Pin, Upkeep};
pub use version::{LiveFile, SnapshotInfo, Version};
pub use write::EncodedFile;
