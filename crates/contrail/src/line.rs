//! The parts of the line, opened on one data folder: stream, lake, engine, ledger. Roles are started on them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use contrail_flow::build::order::Orders;
use contrail_flow::build::{Fresh, raw_tables};
use contrail_flow::data_dir::DataDir;
use contrail_flow::ledger::Ledger;
use contrail_flow::pulse::Pulse;
use contrail_kit::Clock;
use contrail_lake::{Lake, LakeError, LakeOptions, LakeTable, RestCatalog, RestOptions, SqliteCatalog};
use contrail_model::engine::EngineOptions;
use contrail_model::{Engine, Kind, Project};

use crate::cli::Role;
use crate::config::Config;
use crate::stream::Stream;

/// The namespace of all tables.
pub const NAMESPACE: &str = "aviation";

/// The lake and its models: all that reading needs. May be opened beside a running node.
#[derive(Clone)]
pub struct House {
    pub config: Arc<Config>,
    pub lake: Lake,
    pub catalog: SqliteCatalog,
    pub raw: LakeTable,
    pub dead: LakeTable,
    pub project: Arc<Project>,
    /// What the builder of this process holds that is not in the lake yet.
    pub fresh: Fresh,
    pub clock: Clock,
    /// Folder of all table files.
    pub warehouse: PathBuf,
}

impl House {
    /// Opens the lake of a data folder that is there already.
    pub async fn visit(config: Arc<Config>) -> Result<Self> {
        let folder = std::fs::canonicalize(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
        if !folder.join("catalog.db").exists() && config.lake.catalog.uri.is_none() {
            anyhow::bail!(crate::exit::Usage(format!(
                "{} holds no lake yet: run `contrail up` first, or name the right folder with --data-dir",
                folder.display()
            )));
        }
        Self::open(config, &folder).await
    }

    async fn open(config: Arc<Config>, folder: &Path) -> Result<Self> {
        let clock = Clock::system();
        let catalog = config.lake.catalog.uri.clone().unwrap_or_else(|| folder.join("catalog.db"));
        let warehouse = config.lake.warehouse.clone().unwrap_or_else(|| folder.join("warehouse"));
        let options = LakeOptions { namespace: NAMESPACE.into(), warehouse: warehouse.clone(), queue: catalog.clone() };
        let catalog = SqliteCatalog::open(&catalog)?;
        let lake = Lake::open(Arc::new(catalog.clone()), options, clock.clone())?;
        let (raw, dead) = raw_tables(&lake).await?;
        let project = Arc::new(Project::embedded());
        Ok(Self { config, lake, catalog, raw, dead, project, fresh: Fresh::default(), clock, warehouse })
    }

    /// Names of the tables that the line works with, those that are not there yet as well.
    pub fn own(&self) -> BTreeSet<String> {
        let models = self.project.models.iter().map(|model| model.name.clone());
        [self.raw.name().to_owned(), self.dead.name().to_owned()].into_iter().chain(models).collect()
    }

    /// The tables of the namespace that are the line's; other programs may have made more beside them.
    pub async fn tables(&self) -> Result<Vec<String>, LakeError> {
        let own = self.own();
        Ok(self.lake.tables().await?.into_iter().filter(|name| own.contains(name)).collect())
    }

    /// The catalog as other programs may use it.
    pub fn rest(&self) -> Result<RestCatalog> {
        let options = RestOptions {
            warehouse: self.warehouse.clone(),
            locations: self.config.serve.iceberg.locations.clone(),
            namespace: NAMESPACE.into(),
            kept: self.own(),
        };
        RestCatalog::new(self.catalog.clone(), options).context("find the folders of serve.iceberg.locations")
    }

    /// The table of that name: a raw one, or a model's.
    pub async fn table(&self, name: &str) -> Result<LakeTable> {
        if let Some(raw) = [&self.raw, &self.dead].into_iter().find(|table| table.name() == name) {
            return Ok(raw.clone());
        }
        let model = self.project.get(name).filter(|model| model.kind != Kind::View);
        let model = model.with_context(|| format!("there is no table {name}; `contrail tables` lists them"))?;
        Ok(self.lake.ensure(&model.def).await?)
    }

    /// An engine that leaves nothing behind.
    pub fn engine(&self) -> Result<Engine> {
        Ok(Engine::in_memory(self.project.clone(), &self.engine_options())?)
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
        let house = House::open(config.clone(), folder.path()).await?;
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
