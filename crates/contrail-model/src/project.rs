//! The project: every model of `models/` with its header read, checked against the others and put in graph order.

mod header;
mod load;

use std::path::{Path, PathBuf};

use contrail_kit::{Class, Classified};
use contrail_types::{TableDef, Transform};

/// How a model's table grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// New input rows are cleaned and added; one row a key wins ([`Model::winner`]).
    Append,
    /// Only count, sum, min and max by key: new rows are merged into what is there ([`crate::fold::Fold`]).
    Fold,
    /// Whole [`Model::span`]s are computed anew from their input.
    Partition,
    /// Never stored: computed when asked for.
    View,
}

/// What a fold does with a column when two rows with the same key meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Key,
    Count,
    Sum,
    Min,
    Max,
}

/// What a header says about a column beside its name, type and meaning (those are in [`Model::def`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnNote {
    /// Unit of the values, such as `m/s`.
    pub unit: Option<String>,
    /// The fold's operation; `None` outside folds.
    pub op: Option<Op>,
}

/// One row a key: the least by `order` among the rows that share `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WinnerRule {
    pub key: Vec<String>,
    pub order: Vec<String>,
}

/// What happens when a check finds rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The partition is held back.
    #[default]
    Error,
    /// It is shown, and the partition is kept.
    Warn,
}

/// SQL over the result (named `this`) that returns the offending rows; none is good.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub name: String,
    pub severity: Severity,
    pub sql: String,
}

/// One model: a SQL statement and everything its header says.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub name: String,
    /// The folder it lies in: `clean`, `fold`, `mart`, `view`.
    pub layer: String,
    pub kind: Kind,
    pub owner: String,
    /// One row is one what, in words.
    pub grain: String,
    /// Tables that it reads: other models or raw tables.
    pub inputs: Vec<String>,
    /// The lake table: columns, partition, sort order. Views have no partition.
    pub def: TableDef,
    /// One entry a column of `def`.
    pub notes: Vec<ColumnNote>,
    /// What is computed at a time: the hours (or days) of input that one run must be given whole.
    pub span: Transform,
    /// The column that says to which span a row belongs: `hour`, `day` or the partition column.
    pub span_column: Option<String>,
    /// Append models only.
    pub winner: Option<WinnerRule>,
    pub checks: Vec<Check>,
    /// The statement without its header.
    pub sql: String,
    /// SHA-256 (hex) of the statement, the columns and the reference data: files built with another one are outdated.
    pub hash: String,
    /// The file that it came from, for messages.
    pub file: PathBuf,
}

/// All models, inputs before those that read them.
#[derive(Clone, Debug)]
pub struct Project {
    pub models: Vec<Model>,
}

/// What is wrong with the files in `models/`.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("{file}:{line}: {message}")]
    Header { file: String, line: usize, message: String },
    #[error("models {0} read each other in a circle: take one of these inputs away")]
    Cycle(String),
    #[error("{file}: input {input:?} is neither a model nor a raw table ({known}): correct `inputs`")]
    UnknownInput { file: String, input: String, known: String },
    #[error("{0} and {1} define the same model: rename one of them")]
    Twice(String, String),
    #[error("cannot read models in {path}: {source}; check that the folder exists and can be read")]
    Io { path: PathBuf, source: std::io::Error },
}

impl Classified for ProjectError {
    fn class(&self) -> Class {
        Class::USER
    }
}

impl Project {
    /// The models that the binary carries.
    pub fn embedded() -> Self {
        load::embedded()
    }

    /// Models of a folder laid out as `<layer>/<name>.sql`, instead of the embedded ones.
    pub fn open(folder: &Path) -> Result<Self, ProjectError> {
        load::folder(folder)
    }

    pub fn get(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|m| m.name == name)
    }

    /// Models that read `table` directly.
    pub fn readers<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a Model> {
        self.models.iter().filter(move |m| m.inputs.iter().any(|i| i == table))
    }
}
