//! The one way a table changes: load, fence, stage, compare-and-set, and again on conflict.

mod manifests;
mod mend;
mod merge;
pub(crate) mod skew;
mod stage;

use std::time::Duration;

use contrail_kit::crash::{self, Crashed};
use contrail_kit::{Backoff, Class, Classified};
use contrail_types::Micros;
use uuid::Uuid;

use crate::catalog::{CatalogError, CommitError, Loaded};
use crate::change::{Change, Remove};
use crate::error::LakeError;
use crate::table::LakeTable;
use crate::upkeep::queue::Retired;
use crate::version::{Version, View};
use crate::write::{EncodedFile, snapshot_id, time_id};
use stage::{Attempt, Staged, stage};

/// The property that says up to when orphans have been swept, in microseconds since the epoch.
pub const SWEPT: &str = "contrail.swept";

const ATTEMPTS: u32 = 60;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(4), Duration::from_millis(500));

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

impl CommitFailed {
    /// Whether this is a crash on request, after which nothing may be tidied up.
    fn is_crash(&self) -> bool {
        matches!(self, Self::Lake(LakeError::Crashed(_) | LakeError::Catalog(CatalogError::Crashed(_))))
    }
}

/// What one compare-and-set came to.
enum Outcome {
    Landed(Loaded),
    Conflict,
    Unknown(String),
}

/// A commit on its way: what stays the same over all attempts.
struct Commit<'a> {
    table: &'a LakeTable,
    change: &'a Change,
    add: Vec<EncodedFile>,
    snapshot_id: i64,
    id: Uuid,
    attempts: u32,
    /// Some request may land yet, or has, without our knowing: none of our files may be deleted.
    doubt: bool,
}

impl LakeTable {
    /// Lands a change, or says why not.
    ///
    /// `fence` sees the freshly loaded table at every attempt and decides whether the change may still land; it must
    /// fail once the change has landed. A change whose outcome was unknown is found again by its snapshot id.
    ///
    /// After a failure the change's files are removed if that is certain to be safe; the orphan sweep takes the rest.
    pub async fn commit(
        &self,
        change: Change,
        fence: impl Fn(&Version) -> Result<(), FenceFailure> + Send + Sync,
    ) -> Result<Committed, CommitFailed> {
        let _turn = self.0.turn.lock().await;
        let mut commit = Commit {
            table: self,
            change: &change,
            add: change.add.clone(),
            snapshot_id: snapshot_id(),
            id: time_id(self.0.lake.clock.now()),
            attempts: 0,
            doubt: false,
        };
        let outcome = commit.run(&fence).await;
        match &outcome {
            Ok(committed) => {
                metrics::counter!("contrail_lake_commits_total", "table" => self.name().to_owned()).increment(1);
                metrics::counter!("contrail_lake_commit_conflicts_total", "table" => self.name().to_owned())
                    .increment(u64::from(committed.attempts - 1));
            }
            Err(error) if !error.is_crash() && !commit.doubt && !change.of_others => {
                let files = std::mem::take(&mut commit.add);
                self.discard(files).await;
            }
            Err(_) => {}
        }
        outcome
    }
}

impl Commit<'_> {
    async fn run(
        &mut self,
        fence: &(impl Fn(&Version) -> Result<(), FenceFailure> + Sync),
    ) -> Result<Committed, CommitFailed> {
        self.fill_emptied().await?;
        let mut unknown = None;
        while self.attempts < ATTEMPTS {
            if self.attempts > 0 {
                tokio::time::sleep(BACKOFF.wait_spread(self.attempts)).await;
            }
            self.attempts += 1;
            let base = match (self.table.load().await, &unknown) {
                (Ok(base), _) => base,
                (Err(error), None) => return Err(error.into()),
                // Until the table has been seen again nothing can be said.
                (Err(_), Some(_)) => continue,
            };
            if base.metadata().snapshot_by_id(self.snapshot_id).is_some() {
                return Ok(self.committed(base));
            }
            unknown = None;
            fence(&base).map_err(|failure| self.fenced(failure))?;
            self.renew_swept(&base).await?;
            match self.attempt(&base).await? {
                (Outcome::Landed(loaded), staged) => return Ok(self.landed(loaded, staged).await),
                (Outcome::Conflict, _) => {}
                (Outcome::Unknown(reason), _) => {
                    tracing::warn!(table = self.table.name(), reason, "commit without an answer, looking again");
                    self.doubt = true;
                    unknown = Some(reason);
                }
            }
        }
        let (table, attempts) = (self.table.name().to_owned(), self.attempts);
        Err(match unknown {
            Some(reason) => CommitFailed::Unknown { table, reason },
            None => CommitFailed::Conflicts { table, attempts },
        })
    }

    /// Stages on `base` and asks the catalog; tidies up behind an attempt that certainly has not landed.
    async fn attempt(&mut self, base: &Version) -> Result<(Outcome, Staged), CommitFailed> {
        let catalog = &self.table.0.lake.catalog;
        let mut attempt = Attempt {
            table: self.table,
            base,
            change: self.change,
            add: &self.add,
            snapshot_id: self.snapshot_id,
            number: self.attempts,
            id: self.id,
            written: Vec::new(),
        };
        let mut staged = match stage(&mut attempt).await {
            Ok(staged) => staged,
            Err(error) => {
                // Nothing of this attempt was sent.
                if !error.is_crash() {
                    self.table.0.store.tidy(std::mem::take(&mut attempt.written)).await;
                }
                return Err(error);
            }
        };
        let proposal = staged.proposal.take().unwrap_or_else(|| unreachable!("staged once, sent once"));
        crash::point("lake.commit.before_send")?;
        let answer = catalog.commit(&self.table.0.ident, base.loaded(), proposal).await;
        self.doubt |= !catalog.is_final();
        let outcome = match answer {
            Ok(loaded) => return Ok((Outcome::Landed(loaded), staged)),
            Err(CommitError::Unknown(reason)) => return Ok((Outcome::Unknown(reason.to_string()), staged)),
            Err(CommitError::Conflict) => Ok((Outcome::Conflict, staged)),
            Err(CommitError::Failed(error)) => Err(CommitFailed::Lake(error.into())),
        };
        let crashed = outcome.as_ref().is_err_and(CommitFailed::is_crash);
        if !crashed && catalog.is_final() {
            self.table.0.store.tidy(attempt.written).await;
        }
        outcome
    }

    /// After the compare-and-set: caches first, then what upkeep needs to know. Nothing here can fail the commit.
    async fn landed(&self, loaded: Loaded, staged: Staged) -> Committed {
        let table = self.table;
        table.0.entries.put_list(self.snapshot_id, staged.list);
        let view = View { loaded, manifests: staged.manifests, deletes: staged.deletes };
        let version = Version::new(view);
        if let Err(error) = table.remember(version.clone()) {
            let error = contrail_kit::class::chain(&error);
            tracing::warn!(table = table.name(), error, "the table no longer fits its definition");
        }
        if !staged.retired.is_empty() {
            table.retire(&version, staged.retired).await;
        }
        self.committed(version)
    }

    fn committed(&self, version: Version) -> Committed {
        let snapshot = version.metadata().snapshot_by_id(self.snapshot_id);
        let sequence_number = snapshot.map_or_else(|| version.sequence_number(), |s| s.sequence_number());
        Committed { version, snapshot_id: self.snapshot_id, sequence_number, attempts: self.attempts }
    }

    fn fenced(&self, failure: FenceFailure) -> CommitFailed {
        let table = self.table.name().to_owned();
        match failure {
            FenceFailure::Fenced(reason) => CommitFailed::Fenced { table, reason },
            FenceFailure::Stale(reason) => CommitFailed::Stale { table, reason },
        }
    }

    /// An overwritten partition without a new file gets one without rows: consumers find touched partitions by files.
    async fn fill_emptied(&mut self) -> Result<(), CommitFailed> {
        let Remove::Partitions { values, .. } = &self.change.remove else { return Ok(()) };
        for value in values {
            if !self.add.iter().any(|file| file.partition == Some(*value)) {
                let (table, value) = (self.table.clone(), *value);
                let file = tokio::task::spawn_blocking(move || table.encode_empty(value)).await;
                self.add.push(file.map_err(|panic| broken(self.table, panic.to_string()))??);
            }
        }
        Ok(())
    }

    /// Files that a sweep may have taken for orphans are written again, under names that are younger than the sweep.
    async fn renew_swept(&mut self, base: &Version) -> Result<(), CommitFailed> {
        let Some(swept) = base.property(SWEPT).and_then(|limit| limit.parse::<Micros>().ok()) else { return Ok(()) };
        for at in 0..self.add.len() {
            if self.add[at].written_at <= swept {
                let (table, old) = (self.table.clone(), self.add[at].clone());
                let renewed = tokio::task::spawn_blocking(move || table.write_again(&old)).await;
                let renewed = renewed.map_err(|panic| broken(self.table, panic.to_string()))?;
                self.add[at] = renewed.map_err(|error| {
                    let reason = format!("a file was swept before it was committed: {error}");
                    self.fenced(FenceFailure::Stale(reason))
                })?;
            }
        }
        Ok(())
    }
}

fn broken(table: &LakeTable, reason: String) -> CommitFailed {
    LakeError::Batch { table: table.name().to_owned(), reason }.into()
}

impl LakeTable {
    /// Tells upkeep which snapshots are gone, and forgets what is cached of them.
    pub(crate) async fn retire(&self, version: &Version, snapshots: Vec<(i64, String)>) {
        self.0.entries.keep_only(version.metadata());
        let snapshots =
            snapshots.into_iter().map(|(snapshot_id, manifest_list)| Retired { snapshot_id, manifest_list }).collect();
        if let Err(error) = self.0.lake.queue.retire(&self.0.location, snapshots).await {
            let error = contrail_kit::class::chain(&error);
            tracing::warn!(table = self.name(), error, "files of expired snapshots are left to the orphan sweep");
        }
    }
}
