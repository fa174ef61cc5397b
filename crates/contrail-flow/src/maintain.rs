//! The maintain role: tables stay small and quick by themselves.
//!
//! Every so often it looks at each table there is: snapshots are thinned and files deleted that nobody can reach, closed
//! partitions with many files become one file each, rows that have outlived their time go, and once a day what crashes
//! have left behind. It never holds a writer up: whoever is overtaken starts again, and it gives the machine back for
//! some time after each piece of work. [`plan`] says what is due, [`expire`] lets rows go.

pub mod expire;
pub mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contrail_kit::class::chain;
use contrail_kit::{Class, Classified, Clock};
use contrail_lake::{CommitFailed, Compacted, Compaction, Lake, LakeError, LakeTable, SWEPT};
use contrail_model::{Kind, Project};
use contrail_types::Micros;
use contrail_types::time::DAY;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ledger::{Ledger, UpkeepLine};
use crate::letters::LettersError;
use crate::pulse::Pulse;
use plan::{Kept, Piece};

/// How much upkeep may do, and how long rows are kept.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Time between two rounds.
    pub interval: Duration,
    /// Part of one processor that it may take, 0..=1, beside what deleting takes.
    pub cpu_share: f64,
    /// Bytes of files rewritten in one round.
    pub bytes: u64,
    /// How long rows of a table are kept; for ever if it is not named.
    pub keep: BTreeMap<String, Duration>,
}

/// What the role works with.
#[derive(Clone)]
pub struct Maintain {
    pub lake: Lake,
    pub raw: LakeTable,
    pub dead: LakeTable,
    pub project: Arc<Project>,
    pub policy: Policy,
    pub clock: Clock,
    pub ledger: Ledger,
    pub pulse: Pulse,
}

#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Commit(#[from] CommitFailed),
    #[error(transparent)]
    Letters(#[from] LettersError),
    #[error("table {table}: what it says of itself cannot be read: {reason}")]
    Progress { table: String, reason: String },
    #[error("upkeep stopped on a bug: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Classified for MaintainError {
    fn class(&self) -> Class {
        match self {
            Self::Lake(error) => error.class(),
            Self::Commit(error) => error.class(),
            Self::Letters(error) => error.class(),
            Self::Progress { .. } => Class::USER,
            Self::Panicked(_) => Class::INTERNAL,
        }
    }
}

/// Looks after all tables until told to stop. What goes wrong with one table is said and tried again in the next round.
pub async fn run(maintain: Maintain, stop: CancellationToken) -> Result<(), MaintainError> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(maintain.policy.interval) => {}
        }
        maintain.round(&stop).await?;
    }
}

impl Maintain {
    /// The tables that there are, in the order of the flow, each with those that read it.
    pub async fn tables(&self) -> Result<Vec<Kept>, LakeError> {
        let mut found: BTreeMap<&str, LakeTable> = BTreeMap::new();
        for model in self.project.models.iter().filter(|model| model.kind != Kind::View) {
            if let Some(table) = self.lake.find(&model.def).await? {
                found.insert(&model.name, table);
            }
        }
        let keep = |name: &str| self.policy.keep.get(name).map(|keep| keep.as_micros() as Micros);
        let raw = [&self.raw, &self.dead].into_iter().cloned();
        let models = self.project.models.iter().filter_map(|model| found.get(model.name.as_str()).cloned());
        let kept = raw.chain(models).map(|table| {
            let names = self.project.readers(table.name()).filter(|model| model.kind != Kind::View);
            // A reader that has no table yet has read nothing.
            let readers = names.map(|model| found.get(model.name.as_str()).cloned()).collect();
            Kept { keep: keep(table.name()), table, readers }
        });
        Ok(kept.collect())
    }

    /// One of them.
    pub async fn kept(&self, name: &str) -> Result<Option<Kept>, LakeError> {
        Ok(self.tables().await?.into_iter().find(|kept| kept.table.name() == name))
    }

    /// One look at every table, within the budget.
    pub async fn round(&self, stop: &CancellationToken) -> Result<(), MaintainError> {
        let mut budget = self.policy.bytes;
        for kept in self.tables().await? {
            if stop.is_cancelled() {
                return Ok(());
            }
            if let Err(error) = self.look_after(&kept, &mut budget, stop).await {
                tracing::warn!(table = kept.table.name(), error = chain(&error), "upkeep failed, will be tried again");
                self.pulse.with(|beats| beats.maintain.last_error = Some(chain(&error)));
            }
        }
        let now = self.clock.now();
        self.pulse.with(|beats| {
            beats.maintain.rounds += 1;
            beats.maintain.round_at = Some(now);
            beats.maintain.working_on = None;
        });
        Ok(())
    }

    async fn look_after(&self, kept: &Kept, budget: &mut u64, stop: &CancellationToken) -> Result<(), MaintainError> {
        self.tidy(&kept.table).await?;
        if kept.keep.is_some() {
            self.expire(kept).await?;
        }
        let mut overtaken = 0;
        for piece in plan::pieces(kept, self.clock.now()).await? {
            // The last file of a partition may take several calls.
            loop {
                if stop.is_cancelled() || *budget < piece.part.bytes.min(self.policy.bytes) {
                    return Ok(());
                }
                let started = Instant::now();
                match self.compact(kept, &piece, stop).await {
                    Ok(Some(done)) => {
                        *budget = budget.saturating_sub(done.bytes_before);
                        self.rest(started.elapsed(), stop).await;
                    }
                    Ok(None) => break,
                    Err(MaintainError::Commit(CommitFailed::Stale { .. })) if overtaken < 3 => overtaken += 1,
                    Err(error) => return Err(error),
                }
            }
        }
        self.sweep_when_due(&kept.table).await
    }

    /// Gives the machine back, so that upkeep takes no more than its share.
    async fn rest(&self, worked: Duration, stop: &CancellationToken) {
        let share = self.policy.cpu_share.clamp(0.01, 1.0);
        let pause = worked.mul_f64((1.0 - share) / share);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// Thins snapshots and deletes files that nobody reaches.
    async fn tidy(&self, table: &LakeTable) -> Result<(), MaintainError> {
        let begun = self.begin(table, "tidy", String::new());
        let done = table.upkeep().await?;
        if done.snapshots_removed + done.files_deleted == 0 {
            return Ok(());
        }
        let line =
            UpkeepLine { snapshots: done.snapshots_removed as u64, files_before: done.files_deleted as u64, ..begun };
        self.record(line);
        Ok(())
    }

    /// Rewrites files of one partition as one. `None`: one is all there is.
    pub async fn compact(
        &self,
        kept: &Kept,
        piece: &Piece,
        stop: &CancellationToken,
    ) -> Result<Option<Compacted>, MaintainError> {
        let begun = self.begin(&kept.table, "compact", piece.name.clone());
        self.pulse.with(|beats| beats.maintain.working_on = Some(format!("{} {}", kept.table.name(), piece.name)));
        let stop = stop.clone();
        let how = Compaction {
            upto: kept.read().await?,
            stopped: Arc::new(move || stop.is_cancelled()),
            summary: vec![("contrail.run_id".into(), begun.run_id.clone())],
            ..Compaction::default()
        };
        let Some(done) = kept.table.compact(piece.partition, &how).await? else { return Ok(None) };
        self.record(UpkeepLine {
            rows: done.rows,
            files_before: done.files_before as u64,
            files_after: done.files_after as u64,
            bytes_before: done.bytes_before,
            bytes_after: done.bytes_after,
            ..begun
        });
        Ok(Some(done))
    }

    /// Once a day: what crashes and commits of unknown fate have left behind.
    async fn sweep_when_due(&self, table: &LakeTable) -> Result<(), MaintainError> {
        let version = table.load().await?;
        let swept = version.property(SWEPT).and_then(|text| text.parse::<Micros>().ok());
        let first = || version.snapshots().first().map(|snapshot| snapshot.at);
        // A sweep takes what is a day old by then.
        match swept.or_else(first) {
            Some(swept) if self.clock.now() - swept > 2 * DAY => self.sweep(table).await.map(drop),
            _ => Ok(()),
        }
    }

    /// Deletes files under the table's folder that nothing names and that are more than a day old: their paths.
    pub async fn sweep(&self, table: &LakeTable) -> Result<Vec<String>, MaintainError> {
        let begun = self.begin(table, "sweep", String::new());
        let gone = table.sweep().await?;
        self.record(UpkeepLine { files_before: gone.len() as u64, ..begun });
        Ok(gone)
    }

    fn begin(&self, table: &LakeTable, action: &str, place: String) -> UpkeepLine {
        UpkeepLine {
            run_id: Uuid::now_v7().to_string(),
            table: table.name().to_owned(),
            action: action.to_owned(),
            place,
            started_at: self.clock.now(),
            ..UpkeepLine::default()
        }
    }

    /// Writes a finished piece of work into the ledger; a ledger that fails does not undo the work.
    fn record(&self, line: UpkeepLine) {
        let line = UpkeepLine { ended_at: self.clock.now(), ..line };
        self.pulse.with(|beats| {
            let beat = &mut beats.maintain;
            beat.runs += 1;
            beat.files_removed += line.files_before.saturating_sub(line.files_after);
            beat.bytes_saved += line.bytes_before.saturating_sub(line.bytes_after);
            beat.last_error = None;
        });
        if let Err(error) = self.ledger.upkeep(&line) {
            tracing::warn!(%error, "the ledger could not take a piece of upkeep");
        }
    }
}
