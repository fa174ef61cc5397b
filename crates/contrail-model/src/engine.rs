//! The engine: DuckDB in this process, for models and for statements of our own. Users' statements never come here.
//!
//! Arrow goes in through a table function of ours over shared batches, Parquet files by field id, Arrow comes out. Every
//! call blocks; async callers use a blocking thread. Connections are pooled, calls may run side by side.

pub mod export;
mod marts;
mod relation;
pub(crate) mod scan;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::RecordBatch;
use contrail_kit::{Class, Classified};
use duckdb::Connection;

use crate::project::{Model, Project, Severity};
pub use relation::{Input, Value};
pub(crate) use relation::{arrow_out, empty_sql, files_sql, literal, quoted, relabel, relation_sql, sql_type};
use scan::Scans;

/// How much of the machine the engine may take.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineOptions {
    /// DuckDB's memory limit in bytes; sorts and aggregates beyond it spill beside the database file.
    pub memory: u64,
    pub threads: u32,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { memory: 256 << 20, threads: 2 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{path} is in use by another process: stop the other node on this data folder, or give this one another")]
    Locked { path: PathBuf },
    #[error("cannot open {path}: {message}; it holds nothing of its own, so it can be deleted")]
    Open { path: PathBuf, message: String },
    #[error("{what}: {message}")]
    Sql { what: String, message: String },
    #[error("{what}: the disk does not take it: {message}")]
    Disk { what: String, message: String },
    #[error("{what}: {message}{DAMAGED}")]
    File { what: String, message: String },
    #[error("{what} needs more memory than the engine may use: choose a shorter time, or let the engine have more")]
    Memory { what: String },
    #[error("{what}: column {column} of the result {message}")]
    Shape { what: String, column: String, message: String },
    #[error("{what}: {0}", what = .1)]
    Arrow(arrow::error::ArrowError, String),
    #[error("cannot write {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

impl EngineError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl Classified for EngineError {
    fn class(&self) -> Class {
        match self {
            Self::Locked { .. } | Self::Open { .. } | Self::Memory { .. } => Class::USER,
            // A file is mended beside the line; what can go on does.
            Self::Io { .. } | Self::Disk { .. } | Self::File { .. } => Class::EXTERNAL,
            Self::Sql { .. } | Self::Shape { .. } | Self::Arrow(..) => Class::INTERNAL,
        }
    }
}

/// A check that found rows.
#[derive(Clone, Debug)]
pub struct CheckFailure {
    pub check: String,
    pub severity: Severity,
    pub rows: usize,
    /// Up to ten of the offending rows.
    pub sample: RecordBatch,
}

/// DuckDB in this process. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

pub(crate) struct Shared {
    project: Arc<Project>,
    root: Mutex<Connection>,
    idle: Mutex<Vec<Connection>>,
    scans: Arc<Scans>,
    /// Held while mart tables change: they are replaced in transactions that must not collide.
    writing: Mutex<()>,
}

/// A pooled connection; goes back when dropped.
pub(crate) struct Pooled<'a> {
    connection: Option<Connection>,
    shared: &'a Shared,
}

impl std::ops::Deref for Pooled<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("taken only on drop")
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        lock(&self.shared.idle).extend(self.connection.take());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Settings of DuckDB that both instances share: UTC, an allocator that gives memory back, and no second copy of files
/// that the system's page cache holds anyway.
pub(crate) const SETTINGS: &str = "SET GLOBAL TimeZone = 'UTC';
    SET GLOBAL allocator_background_threads = true;
    SET GLOBAL allocator_flush_threshold = '1MB';
    SET GLOBAL allocator_bulk_deallocation_flush_threshold = '4MB';
    SET GLOBAL enable_external_file_cache = false;
    SET GLOBAL autoinstall_known_extensions = false;
    SET GLOBAL autoload_known_extensions = false;";

impl Engine {
    /// Opens (or creates) the database file. A file that cannot be read any more is set aside and made anew: it holds
    /// nothing that cannot be computed again.
    pub fn open(path: &Path, project: Arc<Project>, options: &EngineOptions) -> Result<Self, EngineError> {
        let root = match Self::connect(path, options) {
            Err(EngineError::Open { message, .. }) if path.exists() => {
                tracing::warn!(path = %path.display(), message, "analytics database unreadable, making a new one");
                let aside = path.with_extension("duckdb.unreadable");
                std::fs::rename(path, aside).map_err(EngineError::io(path))?;
                let _ = std::fs::remove_file(path.with_extension("duckdb.wal"));
                Self::connect(path, options)?
            }
            other => other?,
        };
        Self::with(root, project)
    }

    /// An engine without a file, for tools and tests.
    pub fn in_memory(project: Arc<Project>, options: &EngineOptions) -> Result<Self, EngineError> {
        Self::with(Self::connect(Path::new(":memory:"), options)?, project)
    }

    fn connect(path: &Path, options: &EngineOptions) -> Result<Connection, EngineError> {
        let open = |e: duckdb::Error| match e.to_string() {
            message if message.contains("lock on file") => EngineError::Locked { path: path.into() },
            message => EngineError::Open { path: path.into(), message },
        };
        let root = Connection::open(path).map_err(open)?;
        let limits = format!(
            "SET GLOBAL memory_limit = '{}B'; SET GLOBAL threads = {};",
            options.memory.max(32 << 20),
            options.threads.max(1)
        );
        root.execute_batch(&format!("{SETTINGS}{limits}")).map_err(open)?;
        Ok(root)
    }

    fn with(root: Connection, project: Arc<Project>) -> Result<Self, EngineError> {
        let scans = Arc::new(Scans::default());
        scan::register(&root, &scans).map_err(|e| sql_error("table function", e))?;
        let shared =
            Shared { project, root: Mutex::new(root), idle: Mutex::default(), scans, writing: Mutex::default() };
        let engine = Self(Arc::new(shared));
        engine.prepare_marts()?;
        Ok(engine)
    }

    pub fn project(&self) -> &Project {
        &self.0.project
    }

    /// Runs a model over the given input rows; the result has exactly `model.def.arrow_schema()`. Inputs that the model
    /// names and the caller does not hand over are empty.
    pub fn run(&self, model: &Model, inputs: &[(&str, Input)]) -> Result<RecordBatch, EngineError> {
        let what = format!("model {}", model.name);
        let mut given: Vec<(&str, Input)> = inputs.to_vec();
        for input in &model.inputs {
            if !given.iter().any(|(name, _)| name == input) {
                given.push((input, Input::default()));
            }
        }
        let columns: Vec<String> = model
            .def
            .columns
            .iter()
            .map(|c| format!("CAST(\"{0}\" AS {1}) AS \"{0}\"", c.name, relation::sql_type(&c.data_type)))
            .collect();
        let sql = format!("SELECT {} FROM (\n{}\n)", columns.join(", "), model.sql);
        let batch = self.select(&what, &sql, &given, &[])?;
        relation::conform(&what, batch, &model.def)
    }

    /// Runs a model's checks over its result; one entry a check that found rows.
    pub fn checks(&self, model: &Model, batch: &RecordBatch) -> Result<Vec<CheckFailure>, EngineError> {
        let this = [("this", Input::batch(batch.clone()))];
        let mut failures = Vec::new();
        for check in &model.checks {
            let what = format!("check {} of {}", check.name, model.name);
            let rows = self.select(&what, &format!("SELECT * FROM (\n{}\n)", check.sql), &this, &[])?;
            if rows.num_rows() > 0 {
                failures.push(CheckFailure {
                    check: check.name.clone(),
                    severity: check.severity,
                    rows: rows.num_rows(),
                    sample: rows.slice(0, rows.num_rows().min(10)),
                });
            }
        }
        Ok(failures)
    }

    /// One statement of ours over the mart tables.
    pub fn query(&self, sql: &str, params: &[Value]) -> Result<RecordBatch, EngineError> {
        self.select("query", sql, &[], params)
    }

    /// One statement of ours (a SELECT, or WITH … SELECT) over named inputs.
    pub fn query_over(
        &self,
        sql: &str,
        inputs: &[(&str, Input)],
        params: &[Value],
    ) -> Result<RecordBatch, EngineError> {
        self.select("query", sql, inputs, params)
    }

    pub(crate) fn select(
        &self,
        what: &str,
        sql: &str,
        inputs: &[(&str, Input)],
        params: &[Value],
    ) -> Result<RecordBatch, EngineError> {
        let connection = self.connection()?;
        let mut leases = Vec::new();
        let mut tables = Vec::new();
        for (name, input) in inputs {
            let def = self.def(name);
            let relation = relation_sql(def.as_ref(), input, &self.0.scans, &mut leases)
                .map_err(|message| EngineError::Sql { what: format!("{what}, input {name}"), message })?;
            tables.push(format!("\"{name}\" AS (\n{relation}\n)"));
        }
        for (name, relation) in crate::reference::relations(sql, &self.0.scans, &mut leases) {
            tables.push(format!("\"{name}\" AS ({relation})"));
        }
        let text = match (tables.is_empty(), sql.trim_start().strip_prefix("WITH ")) {
            (true, _) => sql.to_owned(),
            (false, Some(rest)) => format!("WITH {}, {rest}", tables.join(",\n")),
            (false, None) => format!("WITH {} {sql}", tables.join(",\n")),
        };
        arrow_out(&connection, &text, params).map_err(|e| sql_error(what, e))
    }

    /// What a table of ours looks like; `None` for anything else.
    fn def(&self, name: &str) -> Option<contrail_types::TableDef> {
        match name {
            contrail_types::state::STATES_RAW => Some(contrail_types::state::raw_table()),
            contrail_types::state::DEAD_LETTERS => Some(contrail_types::state::dead_letters_table()),
            _ => self.0.project.get(name).map(|m| m.def.clone()),
        }
    }

    pub(crate) fn connection(&self) -> Result<Pooled<'_>, EngineError> {
        let idle = lock(&self.0.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => lock(&self.0.root).try_clone().map_err(|e| sql_error("new connection", e))?,
        };
        Ok(Pooled { connection: Some(connection), shared: &self.0 })
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

/// What follows DuckDB's words about a data file.
pub(crate) const DAMAGED: &str =
    ": a data file is damaged; `contrail tables repair --deep --dry-run` says which, and what that loses";

/// Whether DuckDB speaks of a data file that it cannot read. A file that a statement names is a want of permission.
pub(crate) fn of_file(message: &str) -> bool {
    let kinds = ["Invalid Error:", "IO Error:", "Serialization Error:"];
    let of_parquet = message.starts_with("Invalid Input Error:") && message.contains(".parquet");
    of_parquet || kinds.iter().any(|kind| message.starts_with(kind))
}

pub(crate) fn sql_error(what: &str, error: duckdb::Error) -> EngineError {
    let (what, message) = (what.to_owned(), error.to_string().trim_end_matches([':', ' ']).to_owned());
    let disk = ["No space left", "Read-only file system", "Input/output error"];
    match &message {
        text if text.contains("Out of Memory") => EngineError::Memory { what },
        text if disk.iter().any(|reason| text.contains(reason)) => EngineError::Disk { what, message },
        text if of_file(text) => EngineError::File { what, message },
        _ => EngineError::Sql { what, message },
    }
}
