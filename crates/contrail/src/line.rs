//! The parts of the line, opened on one data folder: stream, lake, engine, ledger. Roles are started on them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use contrail_flow::build::order::Orders;
use contrail_flow::build::{Fresh, raw_tables};
use contrail_flow::data_dir::DataDir;
use contrail_flow::ledger::Ledger;
use contrail_flow::maintain::{Maintain, Policy};
use contrail_flow::pulse::Pulse;
use contrail_kit::class::chain;
use contrail_kit::{Backoff, Classified, Clock};
use contrail_lake::cache::Visitor;
use contrail_lake::{
    CacheOptions, CatalogFace, FaceOptions, Lake, LakeError, LakeOptions, LakeTable, RemoteOptions, RestCatalog,
    SqliteCatalog,
};
use contrail_model::engine::EngineOptions;
use contrail_model::{Engine, Kind, Project};
use contrail_types::{TableDef, state};
use tokio::time::Instant;

use crate::cli::Role;
use crate::config::Config;
use crate::exit::Usage;
use crate::stream::Stream;

/// The namespace of all tables.
pub const NAMESPACE: &str = "aviation";

const ABSENT: &str = "this process runs sources alone and has not opened the lake";
/// How long a catalog that is away at the start is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));

/// The lake and its models: all that reading needs. May be opened beside a running node.
#[derive(Clone)]
pub struct House {
    pub config: Arc<Config>,
    pub lake: Lake,
    /// The embedded catalog and its warehouse, where the lake is on this machine.
    embedded: Option<(SqliteCatalog, PathBuf)>,
    /// States and dead letters; none in a process that has no need of the lake.
    raw: Option<(LakeTable, LakeTable)>,
    pub project: Arc<Project>,
    /// What the builder of this process holds that is not in the lake yet.
    pub fresh: Fresh,
    pub clock: Clock,
    /// The data folder.
    folder: PathBuf,
    /// Folder of all files that queries read: the tables' own, or copies of them.
    pub readable: PathBuf,
    _visitor: Option<Arc<Visitor>>,
}

impl House {
    /// Opens the lake of a data folder that is there already, or one elsewhere.
    pub async fn visit(config: Arc<Config>) -> Result<Self> {
        Self::enter(config, true).await
    }

    /// Like [`House::visit`], without opening any table: some may not be readable.
    pub async fn look(config: Arc<Config>) -> Result<Self> {
        Self::enter(config, false).await
    }

    async fn enter(config: Arc<Config>, whole: bool) -> Result<Self> {
        let folder = std::fs::canonicalize(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
        if config.lake.is_remote() {
            let parent = folder.join("cache");
            let visitor = Visitor::new(&parent).with_context(|| format!("cannot use {}", parent.display()))?;
            return Self::open(config, &folder, Some(visitor), whole).await;
        }
        if !config.lake.catalog_file(&folder).exists() {
            anyhow::bail!(Usage(format!(
                "{} holds no lake yet: run `contrail up` first, or name the right folder with --data-dir",
                folder.display()
            )));
        }
        Self::open(config, &folder, None, whole).await
    }

    /// `whole`: with the raw tables, which are made if they are not there.
    async fn open(config: Arc<Config>, folder: &Path, visitor: Option<Visitor>, whole: bool) -> Result<Self> {
        let (clock, settings, namespace) = (Clock::system(), &config.lake, NAMESPACE.to_owned());
        let mut embedded = None;
        let (lake, readable) = if settings.is_remote() {
            let cache = visitor.as_ref().map_or_else(|| folder.join("cache/lake"), |v| v.folder().to_owned());
            let options = RemoteOptions {
                namespace,
                warehouse: settings.warehouse.clone(),
                queue: folder.join("deletions.db"),
                s3: settings.store(),
                cache: CacheOptions { folder: cache.clone(), limit_bytes: settings.cache.limit_bytes.get() },
            };
            (Lake::open_remote(Arc::new(RestCatalog::open(settings.rest())?), options, clock.clone())?, cache)
        } else {
            let (catalog, warehouse) = (settings.catalog_file(folder), settings.warehouse_folder(folder));
            let options = LakeOptions { namespace, warehouse: warehouse.clone(), queue: catalog.clone() };
            let catalog = SqliteCatalog::open(&catalog)?;
            embedded = Some((catalog.clone(), warehouse.clone()));
            (Lake::open(Arc::new(catalog), options, clock.clone())?, warehouse)
        };
        let raw = match (whole, settings.is_remote()) {
            (false, _) => None,
            (true, false) => Some(raw_tables(&lake).await?),
            (true, true) => Some(patiently(&lake).await?),
        };
        let (project, fresh) = (Arc::new(Project::embedded()), Fresh::default());
        let _visitor = visitor.map(Arc::new);
        Ok(Self { config, lake, embedded, raw, project, fresh, clock, folder: folder.to_owned(), readable, _visitor })
    }

    pub fn raw(&self) -> Result<&LakeTable> {
        self.raw.as_ref().map(|(raw, _)| raw).context(ABSENT)
    }

    pub fn dead(&self) -> Result<&LakeTable> {
        self.raw.as_ref().map(|(_, dead)| dead).context(ABSENT)
    }

    /// The tables that the line works with, those that are not there yet as well; views are among them.
    fn defs(&self) -> impl Iterator<Item = TableDef> {
        let models = self.project.models.iter().map(|model| model.def.clone());
        [state::raw_table(), state::dead_letters_table()].into_iter().chain(models)
    }

    /// Their names.
    pub fn own(&self) -> BTreeSet<String> {
        self.defs().map(|def| def.name).collect()
    }

    /// The tables of the namespace that are the line's; other programs may have made more beside them.
    pub async fn tables(&self) -> Result<Vec<String>, LakeError> {
        let own = self.own();
        Ok(self.lake.tables().await?.into_iter().filter(|name| own.contains(name)).collect())
    }

    /// The embedded catalog as other programs may use it; `None` where the lake's catalog is elsewhere.
    pub fn face(&self) -> Result<Option<CatalogFace>> {
        let Some((catalog, warehouse)) = &self.embedded else { return Ok(None) };
        let options = FaceOptions {
            warehouse: warehouse.clone(),
            locations: self.config.serve.iceberg.locations.clone(),
            namespace: NAMESPACE.into(),
            kept: self.defs().collect(),
        };
        let face = CatalogFace::new(catalog.clone(), options);
        face.map(Some).context("find the folders of serve.iceberg.locations")
    }

    /// The table of that name: a raw one, or a model's.
    pub async fn table(&self, name: &str) -> Result<LakeTable> {
        if let Some(raw) = self.raw().into_iter().chain(self.dead()).find(|table| table.name() == name) {
            return Ok(raw.clone());
        }
        if name == state::STATES_RAW {
            return Ok(self.lake.ensure_grown(&state::raw_table()).await?);
        }
        let dead = state::dead_letters_table();
        if name == dead.name {
            return Ok(self.lake.ensure(&dead).await?);
        }
        let model = self.project.get(name).filter(|model| model.kind != Kind::View);
        let unknown = || Usage(format!("there is no table {name}; `contrail tables` lists them"));
        let model = model.ok_or_else(unknown)?;
        Ok(self.lake.ensure(&model.def).await?)
    }

    /// An engine that leaves nothing behind.
    pub fn engine(&self) -> Result<Engine> {
        Ok(Engine::in_memory(self.project.clone(), &self.engine_options())?)
    }

    /// What looks after the tables, for the role and for commands.
    pub fn upkeep(&self, ledger: Ledger, pulse: Pulse) -> Result<Maintain> {
        let config = &self.config.maintain;
        let policy = Policy {
            interval: config.interval,
            cpu_share: config.cpu_share,
            bytes: config.bytes.get(),
            keep: config.keep.iter().map(|(table, keep)| (table.clone(), **keep)).collect(),
        };
        Ok(Maintain {
            lake: self.lake.clone(),
            raw: self.raw()?.clone(),
            dead: self.dead()?.clone(),
            project: self.project.clone(),
            policy,
            clock: self.clock.clone(),
            ledger,
            pulse,
        })
    }

    /// The ledger of this data folder.
    pub fn ledger(&self) -> Result<Ledger> {
        Ok(Ledger::open(&self.folder.join("runs.db"))?)
    }

    fn engine_options(&self) -> EngineOptions {
        EngineOptions { memory: self.config.engine.memory.get(), threads: self.config.engine.threads }
    }
}

/// What the roles share. Cheap to clone, but for the folder, which is held by whoever opened the line.
#[derive(Clone)]
pub struct Line {
    pub house: House,
    pub stream: Stream,
    pub engine: Engine,
    pub ledger: Ledger,
    pub pulse: Pulse,
    /// Builds that are asked for while a builder runs.
    pub orders: Orders,
}

impl Line {
    /// Opens what these roles work with; DuckDB's file where one of them has a use for it.
    pub async fn open(config: Arc<Config>, folder: &DataDir, roles: &[Role]) -> Result<Self> {
        contrail_lake::cache::remove_abandoned(&folder.file("cache"));
        // A source alone goes on without the lake; so it must start without it.
        let whole = roles != [Role::Source];
        let house = House::open(config.clone(), folder.path(), None, whole).await?;
        let stream = Stream::open(&config, |name| folder.file(name), roles.contains(&Role::Source)).await?;
        let engine = match roles.iter().any(|role| matches!(role, Role::Build | Role::Serve)) {
            true => Engine::open(&folder.file("analytics.duckdb"), house.project.clone(), &house.engine_options())?,
            false => house.engine()?,
        };
        let ledger = Ledger::open(&folder.file("runs.db"))?;
        let (pulse, orders) = (Pulse::default(), Orders::default());
        Ok(Self { house, stream, engine, ledger, pulse, orders })
    }
}

/// The raw tables; a catalog or store that is away is waited for, and said to be.
async fn patiently(lake: &Lake) -> Result<(LakeTable, LakeTable), LakeError> {
    let (until, mut attempt) = (Instant::now() + PATIENCE, 0);
    loop {
        match raw_tables(lake).await {
            Err(error) if error.class().retry && Instant::now() < until => {
                attempt += 1;
                tracing::warn!(error = chain(&error), "the lake is away, waiting for it");
                tokio::time::sleep(BACKOFF.wait_spread(attempt)).await;
            }
            outcome => return outcome,
        }
    }
}
