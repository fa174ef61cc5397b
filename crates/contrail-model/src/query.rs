//! Statements that users write: a gate, a child process of the same binary under limits, results as a stream of Arrow.
//!
//! The parent ([`QueryService`]) starts the child at first use and ends it when idle or out of hand. The child
//! ([`child_main`]) opens a DuckDB of its own with external access off, parses and gates the statement, tells which
//! tables it names, gets their files from the parent and streams the rows back.

mod child;
mod gate;
mod process;
mod service;
mod spans;
mod versions;
mod wire;

use std::any::Any;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use contrail_kit::{Class, Classified};
use contrail_types::TableDef;

use crate::engine::{DAMAGED, Input};
pub use child::child_main;
pub use service::{QueryService, Rows, Summary};

/// The environment variable by which the binary knows that it is the query child; check it first thing in `main`.
pub const CHILD_ENV: &str = "CONTRAIL_QUERY_CHILD";

/// What the query service asks its surroundings.
#[async_trait]
pub trait Tables: Send + Sync + 'static {
    /// Every table that a statement may name, with its columns (for SHOW, DESCRIBE, information_schema).
    fn names(&self) -> Vec<TableDef>;

    /// The rows of a table, and something that keeps its files from being deleted while it lives. As of now, or as they
    /// were: `at` is a snapshot id, a time or a tag. Rows outside any of `spans` may be left out.
    async fn plan(&self, table: &str, at: Option<&str>, spans: &[Span]) -> Result<Plan, String>;
}

/// The instants that a statement asks a column for, ends included; microseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// In lower case, as the statement has it.
    pub column: String,
    pub first: i64,
    pub last: i64,
}

/// A table's rows for one statement.
pub struct Plan {
    pub input: Input,
    /// The columns as the table has them, by field id, where they are not those of the definition.
    pub shown: Option<TableDef>,
    /// Dropped when the statement is done.
    pub pin: Box<dyn Any + Send + Sync>,
}

impl Plan {
    /// Rows that stay where they are for as long as the input lives.
    pub fn of(input: Input) -> Self {
        Self { pin: Box::new(input.clone()), shown: None, input }
    }
}

/// Limits and places of the child.
#[derive(Clone, Debug)]
pub struct QueryOptions {
    /// Program and arguments of the child; `None` is this very binary without arguments. `CHILD_ENV` is set for it.
    pub program: Option<(PathBuf, Vec<String>)>,
    /// Folders whose Parquet files may be read (warehouse, cache); nothing else is.
    pub folders: Vec<PathBuf>,
    /// Limit on the child's data segment in bytes (RLIMIT_DATA).
    pub process_memory: u64,
    /// DuckDB's own limit in bytes.
    pub memory: u64,
    pub threads: u32,
    /// Statements that run side by side; others wait.
    pub concurrent: usize,
    /// The child ends after this long without a statement.
    pub idle: Duration,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self {
            program: None,
            folders: Vec::new(),
            process_memory: 400 << 20,
            memory: 160 << 20,
            threads: 2,
            concurrent: 4,
            idle: Duration::from_secs(60),
        }
    }
}

/// Limits of one statement.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rows: u64,
    /// Of Arrow data.
    pub bytes: u64,
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 10_000, bytes: 256 << 20, time: Duration::from_secs(30) }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The gate's answer: the statement is not one that may run here.
    #[error("{0}")]
    Refused(String),
    /// DuckDB's answer.
    #[error("{0}")]
    Sql(String),
    #[error("{0}{DAMAGED}")]
    File(String),
    #[error("the statement took longer than {} s and was stopped: narrow it down, or ask for more time", .0.as_secs_f64())]
    Timeout(Duration),
    #[error("the statement needs more memory than statements may have: narrow it down, or sum up earlier")]
    Memory,
    #[error("the statement was cancelled")]
    Cancelled,
    #[error("the query process ended unexpectedly ({0}); the next statement starts a new one")]
    Ended(String),
    #[error("table {table}: {message}")]
    Table { table: String, message: String },
    #[error("cannot start the query process: {0}")]
    Start(std::io::Error),
}

impl Classified for QueryError {
    fn class(&self) -> Class {
        match self {
            Self::File(_) => Class::EXTERNAL,
            Self::Ended(_) | Self::Start(_) | Self::Table { .. } => Class::INTERNAL_RETRY,
            _ => Class::USER,
        }
    }
}
