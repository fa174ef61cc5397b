//! Fold models (`aircraft_hours`, `aircraft_cells`): growing hours live in memory, and reach the lake when published.
//!
//! A fold follows `states` snapshot by snapshot. Its own builder's very next append is merged; after anything else the
//! touched hours are computed again from their files (see [`crate::rules::deriving::follow`]).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use contrail_kit::crash;
use contrail_lake::{Change, LakeTable, Version};
use contrail_model::project::Severity;
use contrail_model::{Engine, Fold, Input, Model};
use contrail_types::time::HOUR;
use contrail_types::{Micros, Transform};
use uuid::Uuid;

use super::append::Step;
use super::{BuildError, blocking, fence_on, hours_after};
use crate::rules::deriving::{self, Follow, Progress};

/// A fold's growing hours, shared with those who ask questions.
pub type Memory = Arc<Mutex<Fold>>;

pub struct FoldTable {
    pub model: Model,
    pub table: LakeTable,
    pub memory: Memory,
    engine: Engine,
    /// The input as memory covers it; `None` before the first look and after somebody else's commit.
    followed: Option<Version>,
    /// The input's sequence number up to which memory and lake together cover it.
    sequence: i64,
    /// The own table as this builder left it.
    seen: Progress,
    seen_snapshot: Option<i64>,
    /// Its sequence number then: up to here readers of the fold have been told every changed hour.
    told: i64,
    started: bool,
    /// Hours that the lake does not have yet as they are in memory.
    dirty: BTreeSet<Micros>,
}

impl FoldTable {
    pub fn new(model: Model, table: LakeTable, engine: Engine) -> Self {
        let memory = Arc::new(Mutex::new(Fold::new(&model)));
        Self {
            model,
            table,
            memory,
            engine,
            followed: None,
            sequence: 0,
            seen: Progress::default(),
            seen_snapshot: None,
            told: 0,
            started: false,
            dirty: BTreeSet::new(),
        }
    }

    fn input(&self) -> &str {
        &self.model.inputs[0]
    }

    /// Follows the input to `step`; the hours that have changed.
    pub async fn follow(&mut self, input: &LakeTable, step: &Step) -> Result<BTreeSet<Micros>, BuildError> {
        let own = self.table.load().await?;
        let moved = !self.started || own.snapshot_id() != self.seen_snapshot;
        let mut theirs = BTreeSet::new();
        if moved {
            if self.started {
                // Hours that somebody else has published: the marts have not seen them. After a start they ask.
                theirs = hours_after(&own, self.told);
            }
            self.told = own.sequence_number();
            self.seen = Progress::read(own.properties())?;
            self.seen_snapshot = own.snapshot_id();
            self.sequence = self.seen.covers(self.input());
            self.followed = None;
            *self.memory.lock().unwrap() = Fold::new(&self.model);
            self.dirty = self.seen.held.clone();
            self.started = true;
        }
        if deriving::is_stale(self.sequence, step.version.sequence_number()) {
            return Err(BuildError::Stale(self.input().to_owned()));
        }
        let at = self.followed.as_ref().and_then(Version::snapshot_id);
        let mut changed = match deriving::follow(at, step.version.snapshot_id(), step.appended.as_ref(), moved) {
            Follow::Current => BTreeSet::new(),
            Follow::Merge => self.merge(input, step).await?,
            Follow::Recompute => {
                let mut hours = hours_after(&step.version, self.sequence);
                hours.extend(&self.seen.held);
                self.recompute(input, &step.version, &hours).await?;
                hours
            }
        };
        crash::point("build.fold.followed")?;
        self.sequence = step.version.sequence_number();
        self.followed = Some(step.version.clone());
        self.dirty.extend(&changed);
        changed.extend(theirs);
        Ok(changed)
    }

    /// The sequence number of this table that readers may say they cover once they have taken in every hour that
    /// [`FoldTable::follow`] has named. The table itself may be ahead: by what somebody else has published.
    pub fn told(&self) -> i64 {
        self.told
    }

    /// Merges a delta into the hours that are in memory; hours that are not are computed from their files.
    async fn merge(&mut self, input: &LakeTable, step: &Step) -> Result<BTreeSet<Micros>, BuildError> {
        let (engine, model, delta) = (self.engine.clone(), self.model.clone(), step.delta.clone());
        let name = self.input().to_owned();
        let folded = blocking(move || Ok(engine.run(&model, &[(&name, Input::batch(delta))])?)).await?;
        let touched = hours_of(&folded);
        let known: BTreeSet<Micros> = self.memory.lock().unwrap().hours().into_iter().collect();
        let missing: BTreeSet<Micros> = touched.difference(&known).copied().collect();
        self.recompute(input, &step.version, &missing).await?;
        let rest = if missing.is_empty() { folded } else { only(&folded, |hour| !missing.contains(&hour))? };
        self.memory.lock().unwrap().merge(&rest)?;
        Ok(touched)
    }

    /// The definition: each hour from all of its rows. One that has none any more is empty, whatever the lake still has.
    async fn recompute(
        &mut self,
        input: &LakeTable,
        version: &Version,
        hours: &BTreeSet<Micros>,
    ) -> Result<(), BuildError> {
        for &hour in hours {
            let files: Vec<_> = version.files_in(Transform::Hour.value(hour)).cloned().collect();
            let rows = super::input(input, &files).await?;
            let (engine, model, memory) = (self.engine.clone(), self.model.clone(), self.memory.clone());
            let name = self.input().to_owned();
            blocking(move || {
                let folded = engine.run(&model, &[(&name, rows)])?;
                Ok(memory.lock().unwrap().replace(&[hour], &folded)?)
            })
            .await?;
        }
        Ok(())
    }

    /// Computes hours anew from their files, as far as this fold has followed its input.
    pub async fn rebuild(&mut self, input: &LakeTable, hours: &BTreeSet<Micros>) -> Result<(), BuildError> {
        if let Some(version) = self.followed.clone() {
            self.recompute(input, &version, hours).await?;
            self.dirty.extend(hours);
        }
        Ok(())
    }

    /// Writes what has changed to the lake, in one commit; the hours that were written. `keep_from` on, hours stay in
    /// memory although they are in the lake.
    pub async fn publish(&mut self, keep_from: Micros) -> Result<BTreeSet<Micros>, BuildError> {
        if !self.started || (self.dirty.is_empty() && self.seen.covers(self.input()) == self.sequence) {
            return Ok(BTreeSet::new());
        }
        let own = self.table.load().await?;
        let dirty: Vec<Micros> = self.dirty.iter().copied().collect();
        let (engine, model, memory, table) =
            (self.engine.clone(), self.model.clone(), self.memory.clone(), self.table.clone());
        let (files, good, held) = blocking(move || {
            let (mut files, mut good, mut held) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
            for hour in dirty {
                let rows = memory.lock().unwrap().batch(&[hour])?;
                if engine.checks(&model, &rows)?.iter().any(|failure| failure.severity == Severity::Error) {
                    tracing::warn!(model = model.name, hour, "a check failed: the hour is held back");
                    held.insert(hour);
                } else {
                    files.extend(table.encode(&rows)?);
                    good.insert(hour);
                }
            }
            Ok((files, good, held))
        })
        .await?;
        crash::point("build.fold.encoded")?;
        let mut next = self.seen.clone();
        next.built.insert(self.input().to_owned(), self.sequence);
        next.held = next.held.difference(&good).copied().chain(held.iter().copied()).collect();
        next.epoch += u64::from(!good.is_empty());
        let change = if good.is_empty() {
            Change::append(files)
        } else {
            let values = good.iter().map(|hour| Transform::Hour.value(*hour));
            Change::overwrite_partitions(values, own.sequence_number(), files)
        };
        let change = change
            .set(next.properties())
            .summary("contrail.run_id", Uuid::now_v7().to_string())
            .summary("contrail.model_hash", self.model.hash.clone());
        let committed = self.table.commit(change, fence_on(self.seen.clone())).await?;
        crash::point("build.fold.committed")?;
        self.seen = next;
        self.seen_snapshot = Some(committed.snapshot_id);
        self.told = committed.sequence_number;
        self.dirty = held;
        let mut memory = self.memory.lock().unwrap();
        for hour in memory.hours() {
            if hour < keep_from && !self.dirty.contains(&hour) {
                memory.forget(hour);
            }
        }
        drop(memory);
        Ok(good)
    }

    /// Hours before `keep_from` in memory that the next [`FoldTable::publish`] can let go of.
    pub fn past_hours(&self, keep_from: Micros) -> usize {
        let hours = self.memory.lock().unwrap().hours();
        hours.iter().filter(|hour| **hour < keep_from && !self.seen.held.contains(hour)).count()
    }

    /// Hours held back by a failed check.
    pub fn held(&self) -> &BTreeSet<Micros> {
        &self.seen.held
    }

    /// Where the rows of `hours` are: in memory where they grow, else in the lake.
    pub async fn rows(&self, hours: &BTreeSet<Micros>) -> Result<Input, BuildError> {
        rows(&self.table, &self.memory, |hour| hours.contains(&hour)).await
    }
}

/// The rows of a fold whose hours `wanted` likes. Memory is asked first: an hour that leaves it is in the lake by then.
pub async fn rows(table: &LakeTable, memory: &Memory, wanted: impl Fn(Micros) -> bool) -> Result<Input, BuildError> {
    let (held, batch) = {
        let memory = memory.lock().unwrap();
        let held: BTreeSet<Micros> = memory.hours().into_iter().collect();
        let hours: Vec<Micros> = held.iter().copied().filter(|hour| wanted(*hour)).collect();
        (held, memory.batch(&hours)?)
    };
    let version = table.load().await?;
    let files = version.live_files().filter(|file| {
        file.records > 0
            && file.partition.is_none_or(|hour| {
                let hour = Micros::from(hour) * HOUR;
                wanted(hour) && !held.contains(&hour)
            })
    });
    let input = super::input(table, files).await?;
    Ok(if batch.num_rows() > 0 { input.and_batches(vec![batch]) } else { input })
}

fn column(rows: &RecordBatch) -> &arrow::array::PrimitiveArray<TimestampMicrosecondType> {
    rows["hour"].as_primitive()
}

fn hours_of(rows: &RecordBatch) -> BTreeSet<Micros> {
    column(rows).values().iter().copied().collect()
}

fn only(rows: &RecordBatch, keep: impl Fn(Micros) -> bool) -> Result<RecordBatch, BuildError> {
    let mask: BooleanArray = column(rows).values().iter().map(|hour| Some(keep(*hour))).collect();
    Ok(filter_record_batch(rows, &mask)?)
}
