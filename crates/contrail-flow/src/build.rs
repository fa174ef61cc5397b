//! The build role: derived tables follow their inputs, commit by commit.
//!
//! One build at a time, in graph order: `states` takes in what has landed ([`append`]), the folds follow it ([`fold`]),
//! the marts follow the folds ([`mart`]). What comes while a build runs is one more build after it. Folds and marts
//! reach the lake on the publish interval and at the close of each hour.

pub mod append;
pub mod fold;
pub mod mart;
pub mod order;
pub mod recent;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::error::ArrowError;
use contrail_kit::class::Who;
use contrail_kit::crash::Crashed;
use contrail_kit::{Class, Classified, Clock};
use contrail_lake::{CommitFailed, FenceFailure, Lake, LakeError, LakeTable, LiveFile, Version};
use contrail_model::{Engine, EngineError, Input, Kind, Project};
use contrail_types::time::{HOUR, hour_of, rfc3339};
use contrail_types::{Micros, Transform, state};
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::ledger::{Ledger, RunLine};
use crate::pulse::Pulse;
use crate::rules::deriving::{self, Moved, Progress};
use append::Append;
use fold::{FoldTable, Memory};
use mart::MartTable;
use order::{Order, Orders};

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Commit(#[from] CommitFailed),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Moved(#[from] Moved),
    #[error("{0} was loaded older than what is built from it; it will be loaded again")]
    Stale(String),
    #[error("rows do not fit together")]
    Arrow(#[from] ArrowError),
    #[error("the build stopped on a bug: {0}")]
    Panicked(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Crashed(#[from] Crashed),
    #[error("{} cannot be rebuilt: {}", rfc3339(*.hour), .gone.of(table))]
    NotAgain { table: String, hour: Micros, gone: Gone },
    #[error("there is no model {0}; `contrail assets` lists them")]
    NoModel(String),
}

/// Why an hour cannot be computed from its input any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Retention has taken some of it.
    Expired,
    /// Files of it are lost.
    Lost,
}

impl Gone {
    fn of(self, table: &str) -> String {
        match self {
            Self::Expired => {
                format!("{table} no longer holds all of its input. Hours from {table}'s horizon on can")
            }
            Self::Lost => {
                format!("rows of {table} that it was made from are gone with their files. What stands stays")
            }
        }
    }
}

impl Classified for BuildError {
    fn class(&self) -> Class {
        match self {
            Self::Lake(e) => e.class(),
            Self::Commit(e) => e.class(),
            Self::Engine(e) => e.class(),
            Self::Moved(_) | Self::Stale(_) => Class::EXTERNAL,
            Self::Arrow(_) | Self::Panicked(_) | Self::Crashed(_) => Class::INTERNAL,
            Self::NotAgain { .. } | Self::NoModel(_) => Class::USER,
        }
    }
}

/// What the build role works with.
#[derive(Clone)]
pub struct Build {
    pub lake: Lake,
    pub raw: LakeTable,
    pub engine: Engine,
    pub project: Arc<Project>,
    pub publish_interval: Duration,
    /// Folder of the marts' plain Parquet files.
    pub marts: PathBuf,
    pub clock: Clock,
    pub ledger: Ledger,
    pub pulse: Pulse,
    /// Told after each commit to the raw table.
    pub landed: watch::Receiver<u64>,
    /// The folds' growing hours, for those who ask questions.
    pub fresh: Fresh,
    /// Builds that somebody asks for while the role runs.
    pub orders: Orders,
}

/// The folds by name: their table, and what of them is not in the lake yet. Filled by the builder, read by many.
#[derive(Clone, Default)]
pub struct Fresh(Arc<std::sync::RwLock<Vec<(String, LakeTable, Memory)>>>);

impl Fresh {
    pub fn get(&self, fold: &str) -> Option<(LakeTable, Memory)> {
        let folds = self.0.read().unwrap();
        folds.iter().find(|(name, ..)| name == fold).map(|(_, table, memory)| (table.clone(), memory.clone()))
    }

    fn set(&self, folds: &[FoldTable]) {
        let list = folds.iter().map(|f| (f.model.name.clone(), f.table.clone(), f.memory.clone())).collect();
        *self.0.write().unwrap() = list;
    }
}

/// All derived tables of the project.
pub struct Builder {
    build: Build,
    append: Append,
    folds: Vec<FoldTable>,
    marts: Vec<MartTable>,
    published: Instant,
    newest_hour: Micros,
}

/// Past hours that a fold may hold between two publishes.
const MOST_PAST_HOURS: usize = 3;

/// The raw table is looked at this often even when nobody says that it has changed.
const LOOK: Duration = Duration::from_secs(15);

/// Builds until `stop`; then publishes what is not in the lake yet.
pub async fn run(build: Build, stop: CancellationToken) -> Result<(), BuildError> {
    let mut landed = build.landed.clone();
    let mut orders = build.orders.receive().await;
    let mut builder = Builder::open(build).await?;
    loop {
        landed.borrow_and_update();
        while builder.step().await? {
            if stop.is_cancelled() {
                break;
            }
        }
        let until_publish = builder.published + builder.build.publish_interval;
        tokio::select! {
            () = stop.cancelled() => break,
            _ = landed.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = tokio::time::sleep_until(until_publish) => builder.publish().await?,
            Some((order, reply)) = orders.recv() => match builder.rebuild(&order).await {
                // What was asked for cannot be done: that is the asker's matter, and the builder goes on.
                Err(error) if error.class().who != Who::User => return Err(error),
                outcome => drop(reply.send(outcome)),
            },
        }
    }
    // What landed while the line was stopping still counts.
    while builder.step().await? {}
    builder.publish().await
}

impl Builder {
    /// Makes or opens the table of every model.
    pub async fn open(build: Build) -> Result<Self, BuildError> {
        let mut append = None;
        let (mut folds, mut marts) = (Vec::new(), Vec::new());
        for model in &build.project.models {
            let (model, engine) = (model.clone(), build.engine.clone());
            match model.kind {
                Kind::View => {}
                Kind::Append => {
                    let table = build.lake.ensure(&model.def).await?;
                    append = Some(Append::new(model, table, build.raw.clone(), engine));
                }
                Kind::Fold => {
                    let table = build.lake.ensure(&model.def).await?;
                    folds.push(FoldTable::new(model, table, engine));
                }
                Kind::Partition => {
                    let table = build.lake.ensure(&model.def).await?;
                    marts.push(MartTable::new(model, table, engine));
                }
            }
        }
        let append = append.ok_or_else(|| BuildError::NoModel("of kind append".into()))?;
        build.fresh.set(&folds);
        Ok(Self { build, append, folds, marts, published: Instant::now(), newest_hour: 0 })
    }

    /// One build of everything; whether there is more to take in at once.
    pub async fn step(&mut self) -> Result<bool, BuildError> {
        let (started, started_at) = (Instant::now(), self.build.clock.now());
        let step = self.append.step().await?;
        let mut changed = BTreeSet::new();
        for fold in &mut self.folds {
            changed.extend(fold.follow(&self.append.table, &step).await?);
        }
        self.settle().await?;
        let mut marts_changed = false;
        for mart in &mut self.marts {
            let mut hours = mart.start(&self.folds, &self.build.marts).await?;
            hours.extend(&changed);
            marts_changed |= !hours.is_empty();
            // While catching up the marts wait: their days would be computed again for every batch.
            if !step.more {
                mart.update(&self.folds, &hours).await?;
            } else {
                mart.postpone(&hours);
            }
        }
        if step.appended.is_some() || marts_changed {
            self.report(started, started_at, step.delta.num_rows() as u64);
        }
        self.report_held(&step.held);
        let newest = changed.last().copied().unwrap_or(self.newest_hour);
        let hour_closed = self.newest_hour != 0 && newest > self.newest_hour;
        self.newest_hour = self.newest_hour.max(newest);
        if !step.more && (hour_closed || self.published.elapsed() >= self.build.publish_interval) {
            self.publish().await?;
        }
        Ok(step.more)
    }

    /// Hours before this one hardly grow any more: the folds need not keep them in memory.
    fn keep_from(&self) -> Micros {
        self.append.reach().map_or(self.newest_hour - HOUR, hour_of)
    }

    /// Catching up touches one past hour after the other: they go to the lake before they pile up in memory.
    async fn settle(&mut self) -> Result<(), BuildError> {
        let keep_from = self.keep_from();
        for fold in &mut self.folds {
            if fold.past_hours(keep_from) > MOST_PAST_HOURS {
                fold.publish(keep_from).await?;
            }
        }
        Ok(())
    }

    /// Brings the lake up to what is in memory.
    pub async fn publish(&mut self) -> Result<(), BuildError> {
        let keep_from = self.keep_from();
        for fold in &mut self.folds {
            fold.publish(keep_from).await?;
        }
        for mart in &mut self.marts {
            mart.update(&self.folds, &BTreeSet::new()).await?;
            mart.publish(&self.folds, &self.build.marts).await?;
        }
        self.published = Instant::now();
        let now = self.build.clock.now();
        self.build.pulse.with(|beats| beats.build.published_at = Some(now));
        self.upkeep().await;
        Ok(())
    }

    /// Never fails a build that has landed.
    async fn upkeep(&self) {
        let tables = std::iter::once(&self.append.table)
            .chain(self.folds.iter().map(|fold| &fold.table))
            .chain(self.marts.iter().map(|mart| &mart.table));
        for table in tables {
            if let Err(error) = table.upkeep().await {
                let error = contrail_kit::class::chain(&error);
                tracing::warn!(table = table.name(), error, "upkeep failed, will be tried again");
            }
        }
    }

    fn report(&self, started: Instant, started_at: Micros, rows: u64) {
        let now = self.build.clock.now();
        self.build.pulse.with(|beats| {
            beats.build.built_at = Some(now);
            beats.build.rows += rows;
            beats.build.builds += 1;
            beats.build.took_ms = started.elapsed().as_millis() as u64;
        });
        self.build.pulse.count("build", rows, now);
        let line = RunLine {
            run_id: Uuid::now_v7().to_string(),
            kind: "build".into(),
            target: "all".into(),
            started_at,
            ended_at: now,
            rows,
            error: None,
        };
        if let Err(error) = self.build.ledger.run(&line) {
            tracing::warn!(%error, "the ledger could not take a run");
        }
    }

    /// Every hour that some table holds back, for the status.
    fn report_held(&self, states: &BTreeSet<Micros>) {
        let folds = self.folds.iter().flat_map(FoldTable::held);
        let marts = self.marts.iter().flat_map(MartTable::held);
        let held: BTreeSet<Micros> = states.iter().chain(folds).chain(marts).copied().collect();
        self.build.pulse.with(|beats| beats.build.held_hours = held.into_iter().collect());
    }

    /// Builds on command: `states` from raw, folds from `states`, marts from folds; what is derived from a model follows
    /// it. Rows of `states` that were written anew.
    pub async fn rebuild(&mut self, order: &Order) -> Result<u64, BuildError> {
        if let Some(unknown) = order.models.iter().find(|name| self.build.project.get(name).is_none()) {
            return Err(BuildError::NoModel(unknown.clone()));
        }
        let hours = &order.hours;
        let from_raw = order.wants(&self.append.model.name);
        let mut rows = 0;
        if !hours.is_empty() && from_raw {
            rows = self.append.rebuild(hours).await?;
        }
        // Everything follows hours of `states` that were written anew.
        while self.step().await? {}
        if !from_raw {
            self.rebuild_derived(order).await?;
        }
        self.publish().await?;
        Ok(rows)
    }

    /// Folds and marts of the order, from `states` as it stands.
    async fn rebuild_derived(&mut self, order: &Order) -> Result<(), BuildError> {
        let mut anew = BTreeSet::new();
        for fold in self.folds.iter_mut().filter(|fold| order.wants(&fold.model.name)) {
            fold.rebuild(&self.append.table, &order.hours).await?;
            anew.insert(fold.model.name.clone());
        }
        for mart in &mut self.marts {
            if order.wants(&mart.model.name) || mart.model.inputs.iter().any(|input| anew.contains(input)) {
                mart.update(&self.folds, &order.hours).await?;
            }
        }
        Ok(())
    }
}

/// A fence on everything that a running build may not overtake.
fn fence_on(seen: Progress) -> impl Fn(&Version) -> Result<(), FenceFailure> + Send + Sync {
    move |now| {
        let now = Progress::read(now.properties()).map_err(|e| FenceFailure::Fenced(e.to_string()))?;
        deriving::fence(&seen, &now).map_err(|e| FenceFailure::Fenced(e.to_string()))
    }
}

/// The weaker fence of a manual build of `hours` of a table partitioned by hour.
fn manual_fence_on(seen: &Progress, now: &Version, hours: &BTreeSet<Micros>, read_at: i64) -> Result<(), FenceFailure> {
    let newest = |hour: Micros| {
        let files = now.files_in(Transform::Hour.value(hour));
        files.map(|file| file.data_sequence_number).max().unwrap_or(0)
    };
    let progress = Progress::read(now.properties()).map_err(|e| FenceFailure::Fenced(e.to_string()))?;
    deriving::manual_fence(seen, &progress, hours, read_at, newest).map_err(|e| FenceFailure::Stale(e.to_string()))
}

/// Hours of a table partitioned by hour that commits behind `sequence` have changed.
fn hours_after(table: &Version, sequence: i64) -> BTreeSet<Micros> {
    table.files_after(sequence).flat_map(|f| f.units()).map(|hour| Micros::from(hour) * HOUR).collect()
}

/// Data files as an input of DuckDB: on this machine, whole, and there as long as the input is.
pub fn input<'a>(
    table: &LakeTable,
    files: impl IntoIterator<Item = &'a Arc<LiveFile>>,
) -> BoxFuture<'static, Result<Input, LakeError>> {
    let (held, ids) = (table.hold(files), table.shape().def().ids.clone());
    Box::pin(async move { held.await.map(|held| Input::kept_files(held.paths().to_vec(), held).under(ids)) })
}

/// Work for DuckDB, Parquet and disks, off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BuildError> + Send + 'static,
) -> Result<T, BuildError> {
    tokio::task::spawn_blocking(work).await?
}

/// The raw tables that every lake has.
pub async fn raw_tables(lake: &Lake) -> Result<(LakeTable, LakeTable), LakeError> {
    Ok((lake.ensure_grown(&state::raw_table()).await?, lake.ensure(&state::dead_letters_table()).await?))
}
