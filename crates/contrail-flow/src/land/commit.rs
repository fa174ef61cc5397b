//! The one committer: dead letters first, then rows with their offsets, each under its fence.

use std::collections::BTreeMap;
use std::ops::Range;

use contrail_kit::class::chain;
use contrail_kit::crash;
use contrail_lake::{Change, CommitFailed, FenceFailure, Version};
use contrail_log::{BrokerError, DeadLetter, LogError, Shape};
use contrail_types::Micros;
use uuid::Uuid;

use super::batch::Work;
use super::{Begun, Land, LandError, WRITER};
use crate::rules::Offsets;
use crate::rules::landing::{self, Refused};

/// Commits between two rounds of upkeep.
const UPKEEP_EVERY: u64 = 32;

pub struct Committer {
    land: Land,
    /// The log as it was when landing began, and the name under which its offsets count.
    log: Shape,
    stream: String,
    /// Dead-letter progress as this lander left it.
    settled: Offsets,
    commits: u64,
}

impl Committer {
    pub(super) fn new(land: &Land, begun: Begun, settled: Offsets) -> Self {
        Self { land: land.clone(), log: begun.log, stream: begun.stream, settled, commits: 0 }
    }

    /// Lands batches that follow one another as one.
    pub async fn commit(&mut self, works: Vec<Work>) -> Result<(), LandError> {
        let work = join(works);
        self.check_log().await?;
        let run_id = Uuid::now_v7().to_string();
        if !work.letters.is_empty() {
            self.copy(&work.letters).await;
            self.settle(&work, &run_id).await?;
            crash::point("land.dead_letters_committed")?;
        }
        let (log, stream, ranges) = (self.log.stream.clone(), self.stream.clone(), work.ranges.clone());
        let next = move |version: &Version| -> Result<Offsets, Refused> {
            let now = landing::name_of(version.properties(), &log);
            if now != stream {
                return Err(Refused::Renamed { was: stream.clone(), now });
            }
            landing::land(&stream, &landing::offsets(version.properties(), &stream)?, &ranges)
        };
        let (fence, stream, holes) = (next.clone(), self.stream.clone(), work.holes.clone());
        let settings = move |version: &Version| -> Result<Vec<_>, Refused> {
            let progress = landing::property(&stream, &next(version)?);
            let holes = landing::holes_property(version.properties(), &stream, &holes)?;
            Ok(holes.into_iter().chain([progress]).collect())
        };
        let change = Change::append(work.raw)
            // The fence has seen to it that this does not fail.
            .set_from(move |version| settings(version).unwrap_or_default())
            .summary(WRITER, self.land.id.to_string())
            .summary("contrail.run_id", run_id);
        let outcome = self.land.raw.commit(change, |version| fence(version).map(drop).map_err(refused)).await;
        let committed = match outcome {
            Ok(committed) => committed,
            Err(error) => return Err(self.explain(error, &work.ranges).await),
        };
        crash::point("land.committed")?;
        let landed = landing::offsets(committed.version.properties(), &self.stream)?;
        self.report(&landed, work.rows, work.letters.len() as u64).await;
        self.commits += 1;
        if self.commits.is_multiple_of(UPKEEP_EVERY) {
            self.upkeep().await;
        }
        Ok(())
    }

    /// What was read before belongs to the stream only if the log still is the one that landing began with.
    async fn check_log(&self) -> Result<(), LandError> {
        let now = self.land.log.shape().await?;
        if now.stream != self.log.stream {
            let (was, is) = (self.log.stream.clone(), now.stream);
            return Err(LogError::from(BrokerError::Replaced { was, is }).into());
        }
        if now.partitions != self.log.partitions {
            return Err(LandError::Repartitioned);
        }
        Ok(())
    }

    /// The table is the truth: that its copy fails is only worth a word.
    async fn copy(&self, letters: &[DeadLetter]) {
        if let Err(error) = self.land.log.copy_dead(letters).await {
            tracing::warn!(error = chain(&error), "dead letters could not be copied to their topic");
        }
    }

    /// Adds dead letters; their progress never goes down.
    async fn settle(&mut self, work: &Work, run_id: &str) -> Result<(), LandError> {
        let (stream, seen, ranges) = (self.stream.clone(), self.settled.clone(), work.ranges.clone());
        let next = move |version: &Version| -> Result<Offsets, Refused> {
            landing::settle_fence(&stream, &seen, &landing::offsets(version.properties(), &stream)?, &ranges)
        };
        let (fence, stream) = (next.clone(), self.stream.clone());
        let change = Change::append(work.dead.clone())
            .set_from(move |version| next(version).map(|o| vec![landing::property(&stream, &o)]).unwrap_or_default())
            .summary(WRITER, self.land.id.to_string())
            .summary("contrail.run_id", run_id);
        let committed = match self.land.dead.commit(change, |version| fence(version).map(drop).map_err(refused)).await {
            Ok(committed) => committed,
            Err(CommitFailed::Fenced { .. }) => {
                self.land.pulse.with(|beats| beats.land.dropped_batches += 1);
                let now = self.land.dead.load().await?;
                let stands = landing::offsets(now.properties(), &self.stream)?;
                let refused = landing::settle_fence(&self.stream, &self.settled, &stands, &work.ranges);
                return Err(self.sorted(&now, refused.map(drop)));
            }
            Err(error) => return Err(error.into()),
        };
        self.settled = landing::offsets(committed.version.properties(), &self.stream)?;
        Ok(())
    }

    /// Why a fence refused, by the table as it stands: ahead of us is begun again, behind us is somebody's reset.
    async fn explain(&self, error: CommitFailed, ranges: &BTreeMap<i32, Range<i64>>) -> LandError {
        let CommitFailed::Fenced { .. } = &error else { return error.into() };
        self.land.pulse.with(|beats| beats.land.dropped_batches += 1);
        match self.land.raw.load().await {
            Err(error) => error.into(),
            Ok(version) => {
                let stands = landing::offsets(version.properties(), &self.stream);
                let refused = stands.and_then(|stands| landing::land(&self.stream, &stands, ranges));
                self.sorted(&version, refused.map(drop))
            }
        }
    }

    /// A lander that was started later has taken over; an older one's last commit came through late; or a reset.
    fn sorted(&self, version: &Version, refused: Result<(), Refused>) -> LandError {
        match refused {
            Ok(()) => LandError::by_another(&self.stream),
            Err(Refused::Ahead { partition, batch, .. })
                if let Some(by) = self.land.id.successor(version, &self.stream, partition, batch) =>
            {
                LandError::Superseded { by }
            }
            Err(refused @ (Refused::Ahead { .. } | Refused::Renamed { .. })) => {
                LandError::Overtaken(refused.to_string())
            }
            Err(other) => LandError::Refused(other),
        }
    }

    async fn report(&self, landed: &Offsets, rows: u64, dead_letters: u64) {
        let now: Micros = self.land.clock.now();
        self.land.pulse.with(|beats| {
            let land = &mut beats.land;
            land.landed_at = Some(now);
            land.landed_rows += rows;
            land.dead_letters += dead_letters;
            land.commits += 1;
            land.next_offset.clone_from(landed);
        });
        self.land.pulse.count("land", rows, now);
        self.land.landed.send_modify(|n| *n += 1);
        // The log will hear it with the next commit or at the next start.
        if let Err(error) = self.land.log.landed(landed).await {
            tracing::warn!(error = chain(&error), "the log could not be told what has landed");
        }
    }

    /// Thins snapshots and deletes what nobody reaches; never fails a commit that has landed.
    async fn upkeep(&self) {
        for table in [&self.land.raw, &self.land.dead] {
            if let Err(error) = table.upkeep().await {
                tracing::warn!(table = table.name(), error = chain(&error), "upkeep failed, will be tried again");
            }
        }
    }
}

fn refused(error: Refused) -> FenceFailure {
    FenceFailure::Fenced(error.to_string())
}

fn join(works: Vec<Work>) -> Work {
    let mut works = works.into_iter();
    let mut all = works.next().expect("a commit has a batch");
    for work in works {
        for (partition, range) in work.ranges {
            all.ranges.entry(partition).or_insert(range.start..range.start).end = range.end;
        }
        all.raw.extend(work.raw);
        all.dead.extend(work.dead);
        for (partition, count) in work.holes {
            *all.holes.entry(partition).or_default() += count;
        }
        all.rows += work.rows;
        all.letters.extend(work.letters);
    }
    all
}
