//! A node's log, lake and engine in a folder, and the process they are open in, which a test ends when it likes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use contrail_kit::Clock;
use contrail_kit::class::chain;
use contrail_lake::{Compaction, Lake, LakeOptions, LakeTable, SqliteCatalog};
use contrail_log::{EmbeddedLog, KafkaLog, Log, Registry, embedded, kafka};
use contrail_model::{Engine, EngineOptions, Input, Project};
use contrail_source::Context;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::faulty::{Faulty, Losses};
use super::oracle::{self, Content, TABLES};
use super::sky::{Reply, T0};
use crate::build::order::{Order, Orders};
use crate::build::{Build, BuildError, Builder, Fresh, raw_tables};
use crate::evolve::EvolvePolicy;
use crate::land::{self, CommitPolicy, DeadLetterPolicy, Land, LandError, LanderId, Shard};
use crate::ledger::Ledger;
use crate::maintain::{Maintain, Policy};
use crate::pulse::Pulse;
use crate::rules::landing;
use crate::source::{Source, Writer};
use crate::verify;
use contrail_types::Micros;
use contrail_types::time::DAY;

pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A folder, and at most one process on it.
pub struct World {
    folder: tempfile::TempDir,
    project: Arc<Project>,
    /// How long the log keeps what has landed.
    keep: Duration,
    /// A topic of one partition, where the log is on Kafka.
    kafka: Option<kafka::Options>,
    /// What happens to the next commits.
    pub losses: Losses,
    process: Option<(Runtime, Parts)>,
}

/// What one process has open. Clones are the same process; [`Parts::beside`] is another.
#[derive(Clone)]
pub struct Parts {
    pub log: Arc<dyn Log>,
    pub registry: Arc<dyn Registry>,
    pub lake: Lake,
    pub raw: LakeTable,
    pub dead: LakeTable,
    pub engine: Engine,
    pub project: Arc<Project>,
    pub pulse: Pulse,
    pub ledger: Ledger,
    clock: Clock,
    folder: PathBuf,
    marts: PathBuf,
    losses: Losses,
}

/// Rows a commit.
pub fn every(rows: usize) -> CommitPolicy {
    CommitPolicy { interval: Duration::ZERO, rows, bytes: usize::MAX }
}

/// Models that are enough to see whatever can go wrong: every kind, two marts of one fold.
pub const FEW: [&str; 5] =
    ["clean/states", "fold/aircraft_hours", "fold/aircraft_cells", "mart/hourly_activity", "mart/country_stats"];

/// The project's own models of these names, each changed by `edit`.
pub fn project(names: &[&str], edit: impl Fn(&str, String) -> String) -> Arc<Project> {
    let folder = tempfile::tempdir().unwrap();
    let models = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models"));
    for name in names {
        let to = folder.path().join(format!("{name}.sql"));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let sql = std::fs::read_to_string(models.join(format!("{name}.sql"))).unwrap();
        std::fs::write(to, edit(name, sql)).unwrap();
    }
    Arc::new(Project::open(folder.path()).unwrap())
}

pub fn few() -> Arc<Project> {
    project(&FEW, |_, sql| sql)
}

impl World {
    /// Nothing stays in the log for comfort: what is said to have landed is gone.
    pub fn new(project: Arc<Project>) -> Self {
        Self::keeping(project, Duration::ZERO)
    }

    pub fn keeping(project: Arc<Project>, keep: Duration) -> Self {
        Self::with(project, keep, None)
    }

    /// Its log is on Kafka.
    pub fn on_kafka(project: Arc<Project>, topic: kafka::Options) -> Self {
        Self::with(project, Duration::ZERO, Some(topic))
    }

    fn with(project: Arc<Project>, keep: Duration, kafka: Option<kafka::Options>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self { folder, project, keep, kafka, losses: Losses::default(), process: None };
        world.restart();
        world
    }

    /// Ends the process as a power cut would, whatever it is doing, and starts another.
    pub fn restart(&mut self) {
        self.end();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let parts = runtime.block_on(Parts::open(self)).unwrap();
        self.process = Some((runtime, parts));
    }

    pub fn restart_with(&mut self, project: Arc<Project>) {
        self.project = project;
        self.restart();
    }

    /// Deletes what may be deleted at any time, between two processes.
    pub fn lose_analytics(&mut self) {
        self.end();
        std::fs::remove_file(self.folder.path().join("analytics.duckdb")).unwrap();
        self.restart();
    }

    fn end(&mut self) {
        if let Some((runtime, parts)) = self.process.take() {
            drop(parts);
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }

    /// Something that the process does.
    pub fn run<T>(&self, work: impl AsyncFnOnce(Parts) -> T) -> T {
        let (runtime, parts) = self.process.as_ref().unwrap();
        runtime.block_on(work(parts.clone()))
    }

    /// Everything, one after the other: into the log, landed, built, published.
    pub fn flow(&self, replies: &[Reply], rows: usize) -> Result<(), Fault> {
        self.run(async |node| {
            node.fill(replies).await?;
            node.land(every(rows)).await?;
            node.build().await
        })
    }

    /// Fails unless the lake holds just what must come of `replies`, on paper and on disk.
    #[track_caller]
    pub fn assert_equals(&self, replies: &[Reply], what: &str) {
        self.assert_content(replies, what);
        self.assert_sound(what);
    }

    /// Fails unless the lake holds just what must come of `replies`, and no file of it is gone.
    #[track_caller]
    pub fn assert_content(&self, replies: &[Reply], what: &str) {
        let found = self.run(async |node| {
            node.assert_complete(what).await;
            node.content().await.unwrap_or_else(|e| panic!("{what}: {e}"))
        });
        compare(&oracle::content(replies), &found, what);
    }

    /// Fails unless `verify` finds every offset once, and every derived hour equal to its definition.
    #[track_caller]
    pub fn assert_sound(&self, what: &str) {
        self.run(async |node| {
            let mut findings = verify::offsets(&node.raw, &node.dead, &node.engine).await.unwrap();
            for model in verify::provable(&node.project) {
                let table = node.table(&model.name).await;
                let mut inputs = Vec::new();
                for name in &model.inputs {
                    inputs.push(node.table(name).await);
                }
                findings.push(verify::derived(model, &table, &inputs, &node.engine, |_, _| {}).await.unwrap());
            }
            let bad: Vec<_> = findings.iter().filter(|finding| !finding.ok).collect();
            assert!(bad.is_empty(), "{what}: {bad:#?}");
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end();
    }
}

/// An order for all models.
pub fn all_of(hours: &BTreeSet<Micros>) -> Order {
    Order { hours: hours.clone(), ..Order::default() }
}

/// Fails with the first lines that differ.
#[track_caller]
pub fn compare(wanted: &Content, found: &Content, what: &str) {
    for (table, lines) in found {
        let wanted = &wanted[table];
        if lines == wanted {
            continue;
        }
        let count = |lines: &[String], line: &String| lines.iter().filter(|l| *l == line).count();
        let more = |a: &[String], b: &[String]| {
            let lines: BTreeSet<String> = a.iter().filter(|l| count(a, l) > count(b, l)).cloned().collect();
            lines.into_iter().take(5).collect::<Vec<_>>()
        };
        panic!(
            "{what}: {table} has {} rows, wanted are {}\ntoo many: {:#?}\nmissing: {:#?}",
            lines.len(),
            wanted.len(),
            more(lines, wanted),
            more(wanted, lines)
        );
    }
}

impl Parts {
    async fn open(world: &World) -> Result<Self, Fault> {
        let (folder, project, losses) = (world.folder.path().to_owned(), world.project.clone(), world.losses.clone());
        // Days after everything that is told.
        let clock = Clock::fixed(T0 + 4 * DAY);
        let options = embedded::Options { keep: world.keep, clock: clock.clone(), ..embedded::Options::default() };
        let embedded = EmbeddedLog::open(folder.join("log.db"), options).await?;
        let registry: Arc<dyn Registry> = Arc::new(embedded.registry());
        let log: Arc<dyn Log> = match &world.kafka {
            Some(topic) => Arc::new(KafkaLog::new(topic.clone())?),
            None => Arc::new(embedded),
        };
        let engine = Engine::open(&folder.join("analytics.duckdb"), project.clone(), &EngineOptions::default())?;
        let ledger = Ledger::open(&folder.join("runs.db"))?;
        let lake = lake(&folder, &clock, &losses)?;
        let (raw, dead) = raw_tables(&lake).await?;
        let marts = folder.join("marts");
        Ok(Self {
            log,
            registry,
            lake,
            raw,
            dead,
            engine,
            project,
            pulse: Pulse::default(),
            ledger,
            clock,
            folder,
            marts,
            losses,
        })
    }

    /// A process of another machine on the same lake, with caches and marts of its own.
    pub async fn beside(&self) -> Result<Self, Fault> {
        let lake = lake(&self.folder, &self.clock, &self.losses)?;
        let (raw, dead) = raw_tables(&lake).await?;
        let engine = Engine::in_memory(self.project.clone(), &EngineOptions::default())?;
        let marts = self.marts.join("beside");
        Ok(Self { lake, raw, dead, engine, marts, pulse: Pulse::default(), ..self.clone() })
    }

    /// Appends what the log does not have yet; each feed's position says how far that is.
    pub async fn fill(&self, replies: &[Reply]) -> Result<(), Fault> {
        let source = Source {
            log: self.log.clone(),
            spool: None,
            subject: "flight-states-value".into(),
            registry: self.registry.clone(),
            feeds: Default::default(),
            context: Context::new(self.clock.clone()),
            ledger: self.ledger.clone(),
            pulse: self.pulse.clone(),
        };
        let mut writer = Writer::new(&source).await?;
        let mut positions: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        for (n, reply) in replies.iter().enumerate() {
            if !positions.contains_key(reply.feed) {
                let position = self.log.position(reply.feed).await?.map(|p| p.parse()).transpose()?;
                positions.insert(reply.feed, position);
            }
            if positions[reply.feed].is_none_or(|position| position < n) {
                writer.append(reply.answer(n), &CancellationToken::new()).await?;
            }
        }
        Ok(())
    }

    pub fn lander(&self, policy: CommitPolicy) -> Land {
        Land {
            log: self.log.clone(),
            registry: self.registry.clone(),
            subject: "flight-states-value".into(),
            raw: self.raw.clone(),
            dead: self.dead.clone(),
            policy,
            dead_letters: DeadLetterPolicy::default(),
            evolve: EvolvePolicy::default(),
            shard: Shard::ALL,
            id: LanderId::here(),
            accept_gap: false,
            new_stream: false,
            clock: self.clock.clone(),
            pulse: self.pulse.clone(),
            landed: watch::channel(0).0,
        }
    }

    /// Runs a lander until everything has landed, or it fails.
    pub async fn land(&self, policy: CommitPolicy) -> Result<(), LandError> {
        let stop = CancellationToken::new();
        let mut running = tokio::spawn(land::run(self.lander(policy), stop.clone()));
        loop {
            tokio::select! {
                ended = &mut running => return ended?,
                () = tokio::time::sleep(Duration::from_millis(2)) => {}
            }
            let bounds = self.log.bounds().await?;
            let landed = landing::offsets(self.raw.load().await?.properties(), &bounds.stream)?;
            if bounds.ends().iter().all(|(partition, end)| landed.get(partition).unwrap_or(&0) >= end) {
                stop.cancel();
                return running.await?;
            }
        }
    }

    pub async fn builder(&self) -> Result<Builder, BuildError> {
        Builder::open(Build {
            lake: self.lake.clone(),
            raw: self.raw.clone(),
            engine: self.engine.clone(),
            project: self.project.clone(),
            publish_interval: Duration::from_secs(3600),
            marts: self.marts.clone(),
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            pulse: self.pulse.clone(),
            landed: watch::channel(0).1,
            fresh: Fresh::default(),
            orders: Orders::default(),
        })
        .await
    }

    /// Builds all that has landed, and publishes it.
    pub async fn build(&self) -> Result<(), Fault> {
        let mut builder = self.builder().await?;
        while builder.step().await? {}
        Ok(builder.publish().await?)
    }

    /// Upkeep of all tables, without a limit; rows of the tables named stay so long.
    pub fn maintain(&self, keep: &[(&str, Micros)]) -> Maintain {
        let days = |keep: Micros| Duration::from_micros(keep as u64);
        Maintain {
            lake: self.lake.clone(),
            raw: self.raw.clone(),
            dead: self.dead.clone(),
            project: self.project.clone(),
            policy: Policy {
                interval: Duration::from_millis(20),
                cpu_share: 1.0,
                bytes: u64::MAX,
                keep: keep.iter().map(|(table, keep)| ((*table).to_owned(), days(*keep))).collect(),
            },
            clock: self.clock.clone(),
            ledger: self.ledger.clone(),
            pulse: self.pulse.clone(),
        }
    }

    /// Rewrites every partition of every table of which its readers have seen several files.
    pub async fn compact_all(&self) -> Result<(), Fault> {
        let maintain = self.maintain(&[]);
        for kept in maintain.tables().await? {
            let version = kept.table.load().await?;
            let partitions: BTreeSet<i32> = version.live_files().filter_map(|file| file.partition).collect();
            for partition in partitions {
                let how = Compaction { upto: kept.read().await?, ..Compaction::default() };
                kept.table.compact(partition, &how).await?;
            }
        }
        Ok(())
    }

    pub async fn table(&self, name: &str) -> LakeTable {
        match self.project.get(name) {
            Some(model) => self.lake.ensure(&model.def).await.unwrap(),
            None => [&self.raw, &self.dead].into_iter().find(|table| table.name() == name).unwrap().clone(),
        }
    }

    /// The lines of every table that this project has; those of marts stand in DuckDB as well, and must be the same.
    pub async fn content(&self) -> Result<Content, Fault> {
        let mut content = Content::new();
        for (name, expressions) in TABLES {
            let is_raw = name == self.raw.name() || name == self.dead.name();
            if !is_raw && self.project.get(name).is_none() {
                continue;
            }
            let lines = self.lines(name, expressions).await?;
            if self.project.get(name).is_some_and(|model| model.layer == "mart") {
                let shown = column(&self.engine.query(&select(name, expressions), &[])?);
                if shown != lines {
                    return Err(format!("{name}: the lake has {lines:#?}, DuckDB shows {shown:#?}").into());
                }
            }
            content.insert(name, lines);
        }
        Ok(content)
    }

    pub async fn lines(&self, name: &str, expressions: &[&str]) -> Result<Vec<String>, Fault> {
        let table = self.table(name).await;
        let version = table.load().await?;
        let files: Vec<String> = version.live_files().map(|file| file.path.clone()).collect();
        let rows = Input::batch(table.read(files, None)?);
        Ok(column(&self.engine.query_over(&select(name, expressions), &[(name, rows)], &[])?))
    }

    /// No file that a table names is gone.
    pub async fn assert_complete(&self, what: &str) {
        let mut tables = vec![self.raw.clone(), self.dead.clone()];
        for model in self.project.models.iter().filter(|model| model.layer != "view") {
            tables.push(self.table(&model.name).await);
        }
        for table in tables {
            let fsck = table.fsck().await.unwrap();
            assert_eq!(fsck.missing, Vec::<String>::new(), "{what}: files of {} are gone", table.name());
        }
    }
}

fn lake(folder: &Path, clock: &Clock, losses: &Losses) -> Result<Lake, Fault> {
    let catalog = folder.join("catalog.db");
    let options =
        LakeOptions { namespace: "aviation".into(), warehouse: folder.join("warehouse"), queue: catalog.clone() };
    let catalog = Faulty { inner: SqliteCatalog::open(&catalog)?, losses: losses.clone() };
    Ok(Lake::open(Arc::new(catalog), options, clock.clone())?)
}

fn select(table: &str, expressions: &[&str]) -> String {
    let texts: Vec<String> = expressions.iter().map(|e| format!("coalesce(CAST({e} AS VARCHAR), '-')")).collect();
    format!("SELECT concat_ws('|', {}) AS line FROM {table} ORDER BY line", texts.join(", "))
}

fn column(rows: &arrow::array::RecordBatch) -> Vec<String> {
    let mut lines: Vec<String> = rows.column(0).as_string::<i32>().iter().flatten().map(ToOwned::to_owned).collect();
    lines.sort();
    lines
}

/// Whether an error is a crash on request, however deep.
pub fn is_crash(error: &(dyn std::error::Error + 'static)) -> bool {
    chain(error).contains("crashed on request")
}
