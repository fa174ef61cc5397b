//! A change staged on a version that was put together from what is left of a table, not loaded.

use super::CommitFailed;
use super::stage::{Attempt, stage};
use crate::catalog::Proposal;
use crate::change::Change;
use crate::table::LakeTable;
use crate::version::Version;
use crate::write::{snapshot_id, time_id};

impl LakeTable {
    /// Writes manifests and list of `change` on top of `base`: the proposal, and the id of its snapshot. `written` gets
    /// every path that was begun.
    pub(crate) async fn stage_on(
        &self,
        base: &Version,
        change: &Change,
        written: &mut Vec<String>,
    ) -> Result<(Proposal, i64), CommitFailed> {
        let snapshot_id = snapshot_id();
        let id = time_id(self.0.lake.clock.now());
        let add = change.files();
        let mut attempt = Attempt { table: self, base, change, add, snapshot_id, number: 1, id, written: Vec::new() };
        let staged = stage(&mut attempt).await;
        written.append(&mut attempt.written);
        let proposal = staged?.proposal.unwrap_or_else(|| unreachable!("staged once"));
        Ok((proposal, snapshot_id))
    }
}
