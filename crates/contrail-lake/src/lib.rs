//! The lake: Iceberg tables with one writer's discipline, any number of writers and no lost or doubled row.
//!
//! The crate knows Iceberg and Parquet writing, and nothing of aviation: what the properties mean that a commit sets is
//! the caller's business. Its contract in four lines:
//!
//! - [`LakeTable::encode`] puts rows into files, durable, named by nobody; [`LakeTable::commit`] lands files, removals and
//!   properties in one compare-and-set, or nothing at all.
//! - The fence given to a commit sees the freshly loaded table at every attempt; nothing is ever applied again blindly.
//! - A [`Version`] never changes; its files stay readable for half an hour after a later commit has let go of them, and
//!   for as long as they are pinned.
//! - Upkeep never fails a commit.
//!
//! Reading order: [`catalog`] (the seam), [`lake`], [`table`], [`shape`], [`version`], [`change`], [`commit`], then [`write`],
//! [`read`], [`travel`], [`upkeep`], [`face`] (the catalog for other programs), [`relocate`] and [`repair`] (a lake that was
//! moved, or has lost files). `storage` and `schema` are the two borders,
//! `entries` keeps manifests in memory, [`cache`] copies of a store's files on disk.

pub mod cache;
pub mod catalog;
pub mod change;
pub mod commit;
#[doc(hidden)]
pub mod conformance;
mod damage;
mod edited;
mod entries;
mod error;
pub mod face;
pub mod lake;
pub mod read;
pub mod relocate;
pub mod repair;
mod schema;
pub mod shape;
pub mod storage;
pub mod table;
pub mod travel;
pub mod upkeep;
pub mod version;
pub mod write;

pub use cache::{CacheOptions, Held};
pub use catalog::{
    CatalogError, CommitError, Loaded, Proposal, RestCatalog, RestError, RestOptions, SqliteCatalog, TableCatalog,
};
pub use change::Change;
pub use commit::{CommitFailed, Committed, FenceFailure, SWEPT};
pub use error::{FilesError, LakeError, TableError};
pub use face::{CatalogFace, FaceError, FaceOptions};
pub use lake::{Lake, LakeOptions, RemoteOptions};
pub use relocate::{RelocateError, Relocation, Relocator};
pub use repair::{Damage, Repair, RepairError};
pub use schema::edit::{Edit, Place};
pub use shape::TableShape;
pub use storage::{S3Options, StoreError};
pub use table::LakeTable;
pub use travel::{At, TravelError};
pub use upkeep::{Compacted, Compaction, Fsck, GRACE, Pin, Upkeep};
pub use version::{LiveFile, SnapshotInfo, Version};
pub use write::EncodedFile;
