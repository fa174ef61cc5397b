//! The parts of the line, opened on one data folder: log, lake, engine, ledger. Roles are started on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use contrail_flow::build::{Fresh, raw_tables};
use contrail_flow::data_dir::DataDir;
use contrail_flow::ledger::Ledger;
use contrail_flow::pulse::Pulse;
use contrail_kit::Clock;
use contrail_lake::{Lake, LakeOptions, LakeTable, SqliteCatalog};
use contrail_log::{EmbeddedLog, Log, Registry, embedded};
use contrail_model::engine::EngineOptions;
use contrail_model::{Engine, Project};

use crate::config::Config;

/// The namespace of all tables.
pub const NAMESPACE: &str = "aviation";

/// What the roles share. Cheap to clone, but for the folder, which is held by whoever opened the line.
#[derive(Clone)]
pub struct Line {
    pub config: Arc<Config>,
    pub log: Arc<dyn Log>,
    pub registry: Arc<dyn Registry>,
    pub lake: Lake,
    pub raw: LakeTable,
    pub dead: LakeTable,
    pub project: Arc<Project>,
    pub engine: Engine,
    pub ledger: Ledger,
    pub pulse: Pulse,
    pub fresh: Fresh,
    pub clock: Clock,
    /// Folder of all table files.
    pub warehouse: PathBuf,
}

impl Line {
    pub async fn open(config: Arc<Config>, folder: &DataDir) -> Result<Self> {
        let clock = Clock::system();
        let options = embedded::Options {
            keep: config.log.retention,
            limit: config.log.limit_bytes.get(),
            clock: clock.clone(),
            ..embedded::Options::default()
        };
        let log = EmbeddedLog::open(folder.file("log.db"), options).await?;
        let registry: Arc<dyn Registry> = Arc::new(log.registry());
        let lake = lake(&config, folder.path(), clock.clone())?;
        let (raw, dead) = raw_tables(&lake).await?;
        let project = Arc::new(Project::embedded());
        let options = EngineOptions { memory: config.engine.memory.get(), threads: config.engine.threads };
        let engine = Engine::open(&folder.file("analytics.duckdb"), project.clone(), &options)?;
        Ok(Self {
            log: Arc::new(log),
            registry,
            lake,
            raw,
            dead,
            project,
            engine,
            ledger: Ledger::open(&folder.file("runs.db"))?,
            pulse: Pulse::default(),
            fresh: Fresh::default(),
            warehouse: warehouse(&config, folder.path()),
            config,
            clock,
        })
    }

    /// The table of that name: a raw one, or a model's.
    pub async fn table(&self, name: &str) -> Result<LakeTable> {
        if let Some(raw) = [&self.raw, &self.dead].into_iter().find(|table| table.name() == name) {
            return Ok(raw.clone());
        }
        let model = self.project.get(name).filter(|model| model.kind != contrail_model::Kind::View);
        let model = model.with_context(|| format!("there is no table {name}; `contrail tables` lists them"))?;
        Ok(self.lake.ensure(&model.def).await?)
    }
}

/// The lake of a data folder.
pub fn lake(config: &Config, folder: &Path, clock: Clock) -> Result<Lake> {
    let catalog = config.lake.catalog.uri.clone().unwrap_or_else(|| folder.join("catalog.db"));
    let options = LakeOptions {
        namespace: NAMESPACE.into(),
        warehouse: warehouse(config, folder),
        queue: catalog.clone(),
    };
    Ok(Lake::open(Arc::new(SqliteCatalog::open(&catalog)?), options, clock)?)
}

fn warehouse(config: &Config, folder: &Path) -> PathBuf {
    config.lake.warehouse.clone().unwrap_or_else(|| folder.join("warehouse"))
}
