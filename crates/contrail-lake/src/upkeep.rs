//! Keeping a table small: snapshots thinned, files deleted when nobody can need them any more, small files compacted.
//!
//! A file goes in three steps, each of which may be cut short by a crash without harm: its snapshot is let go of (in a
//! commit, or here), the files that no kept snapshot reaches are queued, and half an hour later they are deleted, unless
//! a query has them pinned. What falls through is an orphan, and [`LakeTable::sweep`] finds it a day later.

mod compact;
mod merge;
pub(crate) mod pins;
pub(crate) mod queue;
mod reach;
mod sweep;
pub(crate) mod thin;

use std::collections::HashSet;

use contrail_kit::crash;
use contrail_types::Micros;
use contrail_types::time::MINUTE;

pub use compact::{Compacted, Compaction};
pub use pins::Pin;

use crate::catalog::{CommitError, Proposal};
use crate::commit::skew;
use crate::error::{Doing, LakeError};
use crate::storage::plain;
use crate::table::LakeTable;
use crate::version::{Version, View};
use queue::Retired;

/// How long a file stays after the last snapshot that reached it is gone: longer than any statement or build may run.
pub const GRACE: Micros = 30 * MINUTE;

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
    /// Waiting to be deleted.
    pub queued: Vec<String>,
    /// Named, but not there.
    pub missing: Vec<String>,
    /// How many files are named.
    pub reachable: usize,
}

impl LakeTable {
    /// Keeps files from being deleted until the guard is dropped. Take it on files of a [`crate::Version`] just loaded.
    pub fn pin(&self, paths: impl IntoIterator<Item = impl Into<String>>) -> Pin {
        self.0.pins.pin(paths.into_iter().map(|path| plain(&path.into())).collect())
    }

    /// One round: thins snapshots, queues files that no kept snapshot reaches, deletes what has been queued long enough.
    /// Reads the manifests of all kept snapshots once in a process's life, then only what is new.
    pub async fn upkeep(&self) -> Result<Upkeep, LakeError> {
        let mut done = Upkeep { snapshots_removed: self.thin().await?, ..Upkeep::default() };
        crash::point("lake.upkeep.after_thin")?;
        done.files_queued = self.enqueue_unreachable().await?;
        crash::point("lake.upkeep.after_queue")?;
        (done.files_deleted, done.files_pinned) = self.delete_due().await?;
        Ok(done)
    }

    /// Lets go of snapshots by a commit that changes nothing else. Overtaken by another writer, it is left for later.
    async fn thin(&self) -> Result<usize, LakeError> {
        let _turn = self.0.turn.lock().await;
        let version = self.load().await?;
        let metadata = version.metadata();
        let due = thin::due(metadata, self.0.lake.clock.now(), 1);
        if due.is_empty() {
            return Ok(0);
        }
        let ids: Vec<i64> = due.iter().map(|(id, _)| *id).collect();
        let here = || Some(version.metadata_location().to_owned());
        let built = skew::built(metadata, |metadata| metadata.into_builder(here()).remove_snapshots(&ids).build())
            .doing(|| format!("thin the snapshots of {}", self.name()))?;
        let proposal = Proposal::on(&version, built);
        match self.0.lake.catalog.commit(&self.0.ident, version.loaded(), proposal).await {
            Ok(loaded) => {
                let (manifests, deletes) = (version.manifests().to_vec(), version.deletes().to_vec());
                let thinned = Version::new(View { loaded, manifests, deletes });
                self.remember(thinned.clone())?;
                self.retire(&thinned, due).await;
                Ok(ids.len())
            }
            Err(CommitError::Failed(error)) => Err(error.into()),
            // If it has landed after all, the files of these snapshots are orphans for the sweep.
            Err(CommitError::Conflict | CommitError::Unknown(_)) => Ok(0),
        }
    }

    /// Queues the files of retired snapshots that nothing kept reaches.
    async fn enqueue_unreachable(&self) -> Result<usize, LakeError> {
        let queue = &self.0.lake.queue;
        let retired = queue.retired(&self.0.location).await?;
        if retired.is_empty() {
            return Ok(0);
        }
        let version = self.load().await?;
        let kept = |snapshot: &Retired| version.metadata().snapshot_by_id(snapshot.snapshot_id).is_some();
        let (_, gone): (Vec<_>, Vec<_>) = retired.iter().cloned().partition(kept);
        let mut dead = reach::files_of(self, version.metadata(), &gone).await?;
        if !dead.is_empty() {
            reach::remove_reachable(self, &version, &mut dead).await?;
        }
        crash::point("lake.upkeep.before_queue")?;
        let due = self.0.lake.clock.now() + GRACE;
        queue.enqueue(&self.0.location, retired, dead.into_iter().collect(), due).await
    }

    /// Deletes what is due and not pinned. Looks once more that no kept snapshot reaches it.
    async fn delete_due(&self) -> Result<(usize, usize), LakeError> {
        let queue = &self.0.lake.queue;
        let now = self.0.lake.clock.now();
        let queued = queue.queued(&self.0.location).await?;
        let mut due: HashSet<String> =
            queued.into_iter().filter(|(_, due)| *due <= now).map(|(path, _)| path).collect();
        if due.is_empty() {
            return Ok((0, 0));
        }
        let all: Vec<String> = due.iter().cloned().collect();
        reach::remove_reachable(self, &self.load().await?, &mut due).await?;
        let (pinned, free): (Vec<String>, Vec<String>) = all.into_iter().partition(|path| self.0.pins.is_pinned(path));
        let free_and_dead: Vec<String> = free.iter().filter(|path| due.contains(*path)).cloned().collect();
        crash::point("lake.upkeep.before_delete")?;
        let deleted = self.delete(free_and_dead).await?;
        crash::point("lake.upkeep.after_delete")?;
        queue.done(&self.0.location, free).await?;
        Ok((deleted, pinned.len()))
    }

    /// Compares the table's folder with what its metadata names.
    pub async fn fsck(&self) -> Result<Fsck, LakeError> {
        let version = self.load().await?;
        let reachable = reach::reachable(self, &version).await?;
        let queue = &self.0.lake.queue;
        let mut waiting: HashSet<String> =
            queue.queued(&self.0.location).await?.into_iter().map(|(path, _)| path).collect();
        let retired = queue.retired(&self.0.location).await?;
        waiting.extend(reach::files_of(self, version.metadata(), &retired).await?);
        let found = self.0.store.list(&self.0.location).await?;
        let mut fsck = Fsck { reachable: reachable.len(), ..Fsck::default() };
        for path in &found {
            // Metadata files of a catalog elsewhere are its own, those of its failed commits too.
            let theirs = !self.0.lake.catalog.is_final() && path.ends_with(".metadata.json");
            if !reachable.contains(path) && !theirs {
                if waiting.contains(path) { &mut fsck.queued } else { &mut fsck.orphans }.push(path.clone());
            }
        }
        fsck.missing = reachable.into_iter().filter(|path| !found.contains(path)).collect();
        fsck.missing.sort();
        Ok(fsck)
    }

    /// Deletes files and says how many were there.
    async fn delete(&self, paths: Vec<String>) -> Result<usize, LakeError> {
        self.0.store.remove_all(paths, || Ok(crash::point("lake.upkeep.during_delete")?)).await
    }
}
