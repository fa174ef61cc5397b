//! Retention: whole partitions go once their time is over, nobody has them still to read, and what went is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use contrail_lake::{Change, CommitFailed, FenceFailure, Version};
use contrail_types::{Micros, state};
use serde::Serialize;

use super::plan::{Kept, Readers, name, span};
use super::{Maintain, MaintainError};
use crate::ledger::UpkeepLine;
use crate::letters::{self, Filter};
use crate::rules::landing::{self, Expired};
use crate::rules::maintaining;

/// The property that says before which instant rows have been taken.
pub const HORIZON: &str = "contrail.horizon";
/// How often a plan is made anew because the table or a reader of it has moved on.
const ATTEMPTS: usize = 10;

/// What goes, or would go.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Expiry {
    pub table: String,
    /// Rows before this go.
    pub before: Micros,
    pub partitions: Vec<String>,
    pub rows: u64,
    pub files: u64,
    pub bytes: u64,
    /// Partitions that are over their time but still needed, and why.
    pub kept: Vec<(String, String)>,
    #[serde(skip)]
    paths: Vec<String>,
    /// Where the last of the partitions that go ends.
    #[serde(skip)]
    horizon: Micros,
}

impl Maintain {
    /// Lets the rows go whose time is over: whole partitions, in one commit.
    pub async fn expire(&self, kept: &Kept) -> Result<Expiry, MaintainError> {
        for _ in 0..ATTEMPTS {
            let (version, expiry) = self.expiry(kept).await?;
            if expiry.paths.is_empty() {
                return Ok(expiry);
            }
            let begun = self.begin(&kept.table, "expire", expiry.partitions.join(", "));
            if kept.table.name() == self.dead.name() {
                // Letters that nobody has replayed are counted there, and those that landing has yet to pass stay.
                let before = Some(expiry.horizon);
                letters::purge(&self.raw, &self.dead, &Filter { before, ..Filter::default() }).await?;
            } else if !self.take(kept, &version, &expiry, &begun.run_id).await? {
                continue;
            }
            let (rows, files_before, bytes_before) = (expiry.rows, expiry.files, expiry.bytes);
            self.record(UpkeepLine { rows, files_before, bytes_before, ..begun });
            return Ok(expiry);
        }
        let (table, attempts) = (kept.table.name().to_owned(), ATTEMPTS as u32);
        Err(CommitFailed::Conflicts { table, attempts }.into())
    }

    /// What would go now, and the version of which that is true.
    pub async fn expiry(&self, kept: &Kept) -> Result<(Version, Expiry), MaintainError> {
        let readers = kept.readers().await?;
        let version = kept.table.load().await?;
        let now = self.clock.now();
        let before = kept.keep.map_or(Micros::MIN, |keep| now.saturating_sub(keep));
        let shape = kept.table.shape();
        let mut expiry = Expiry { table: kept.table.name().to_owned(), before, ..Expiry::default() };
        let Some((_, by)) = shape.def().partition else { return Ok((version, expiry)) };
        let mut over: BTreeMap<i32, i64> = BTreeMap::new();
        for file in version.live_files() {
            if let Some(partition) = file.partition.filter(|partition| span(by, *partition).end <= before) {
                let newest = over.entry(partition).or_insert(file.data_sequence_number);
                *newest = file.data_sequence_number.max(*newest);
            }
        }
        let Readers { read, held } = readers;
        over.retain(|partition, newest| match maintaining::may_expire(&span(by, *partition), *newest, read, &held) {
            Ok(()) => true,
            Err(needed) => {
                expiry.kept.push((name(by, *partition), needed.to_string()));
                false
            }
        });
        for file in version.live_files().filter(|file| file.partition.is_some_and(|p| over.contains_key(&p))) {
            expiry.rows += file.records;
            expiry.files += 1;
            expiry.bytes += file.bytes;
            expiry.paths.push(file.path.clone());
        }
        expiry.partitions = over.keys().map(|partition| name(by, *partition)).collect();
        expiry.horizon = over.keys().next_back().map_or(0, |partition| span(by, *partition).end);
        Ok((version, expiry))
    }

    /// Commits it; `false` if the table has moved on since it was planned.
    async fn take(&self, kept: &Kept, planned: &Version, expiry: &Expiry, run_id: &str) -> Result<bool, MaintainError> {
        let gone = match kept.table.name() == state::STATES_RAW {
            true => self.offsets(kept, &expiry.paths).await?,
            false => BTreeMap::new(),
        };
        let horizon = expiry.horizon;
        let change = Change::delete(expiry.paths.clone())
            .set_from(move |version| {
                let before = version.property(HORIZON).and_then(|text| text.parse::<Micros>().ok());
                let mut all = landing::expired_properties(version.properties(), &gone).unwrap_or_default();
                all.push((HORIZON.into(), before.map_or(horizon, |before| before.max(horizon)).to_string()));
                all
            })
            .summary("contrail.run_id", run_id);
        // A reader that has been asked may not have gone back since: neither may the table have moved on.
        let moved = AtomicBool::new(false);
        let fence = |fresh: &Version| match fresh.metadata_location() == planned.metadata_location() {
            true => Ok(()),
            false => {
                moved.store(true, Ordering::Relaxed);
                Err(FenceFailure::Stale("the table has changed since its retention was planned".into()))
            }
        };
        match kept.table.commit(change, fence).await {
            Ok(_) => Ok(true),
            Err(CommitFailed::Stale { .. }) if moved.load(Ordering::Relaxed) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// How many offsets of which streams are in these files.
    async fn offsets(
        &self,
        kept: &Kept,
        paths: &[String],
    ) -> Result<BTreeMap<String, BTreeMap<i32, Expired>>, MaintainError> {
        let mut gone: BTreeMap<String, BTreeMap<i32, Expired>> = BTreeMap::new();
        for path in paths {
            let (table, path) = (kept.table.clone(), path.clone());
            let columns = ["log_stream", "log_partition", "log_offset"];
            let rows = tokio::task::spawn_blocking(move || table.read([path], Some(&columns))).await??;
            count(&rows, &mut gone);
        }
        Ok(gone)
    }
}

fn count(rows: &RecordBatch, gone: &mut BTreeMap<String, BTreeMap<i32, Expired>>) {
    let streams = rows.column(0).as_string::<i32>();
    let partitions = rows.column(1).as_primitive::<Int32Type>();
    let offsets = rows.column(2).as_primitive::<Int64Type>();
    for row in 0..rows.num_rows() {
        let (stream, partition, offset) = (streams.value(row), partitions.value(row), offsets.value(row));
        if !gone.contains_key(stream) {
            gone.insert(stream.to_owned(), BTreeMap::new());
        }
        let Some(of_stream) = gone.get_mut(stream) else { continue };
        let found = of_stream.entry(partition).or_insert(Expired { first: offset, rows: 0 });
        *found = Expired { first: found.first.min(offset), rows: found.rows + 1 };
    }
}
