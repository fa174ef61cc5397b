//! How rows come in and go out: inputs as SQL relations, parameters, results as Arrow of a wanted schema.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use contrail_types::time::{Micros, ZONE};
use contrail_types::{TableDef, time};
use duckdb::Connection;

use super::EngineError;
use super::scan::{Lease, Scans};

/// Rows of one table: Parquet files of it, batches of it, or both together (no row in both).
#[derive(Clone, Debug, Default)]
pub struct Input {
    pub files: Vec<PathBuf>,
    pub batches: Vec<RecordBatch>,
    /// Field ids of the definition's columns in the files, where a table has others than 1..n.
    pub ids: Vec<Option<i32>>,
    #[allow(dead_code, reason = "held, never looked at")]
    keep: Option<Keep>,
}

/// Whatever keeps files where they are, as long as an input that names them lives.
#[derive(Clone)]
struct Keep(#[allow(dead_code, reason = "held, never looked at")] Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keep")
    }
}

impl Input {
    pub fn batch(batch: RecordBatch) -> Self {
        Self { batches: vec![batch], ..Self::default() }
    }

    pub fn batches(batches: Vec<RecordBatch>) -> Self {
        Self { batches, ..Self::default() }
    }

    /// Local paths of the table's Parquet files, read by field id.
    pub fn files(files: Vec<PathBuf>) -> Self {
        Self { files, ..Self::default() }
    }

    /// Like [`Input::files`]; `keep` keeps them where they are, until the last copy of this input is gone.
    pub fn kept_files(files: Vec<PathBuf>, keep: impl Any + Send + Sync) -> Self {
        Self { keep: Some(Keep(Arc::new(keep))), ..Self::files(files) }
    }

    /// The files are of a table that has these field ids for the columns of its definition.
    pub fn under(self, ids: Vec<Option<i32>>) -> Self {
        Self { ids, ..self }
    }

    pub fn and_batches(mut self, batches: Vec<RecordBatch>) -> Self {
        self.batches.extend(batches);
        self
    }
}

/// A statement's parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Time(Micros),
}

impl duckdb::ToSql for Value {
    fn to_sql(&self) -> duckdb::Result<duckdb::types::ToSqlOutput<'_>> {
        use duckdb::types::{ToSqlOutput, Value as V};
        Ok(ToSqlOutput::Owned(match self {
            Self::Null => V::Null,
            Self::Bool(v) => V::Boolean(*v),
            Self::Int(v) => V::BigInt(*v),
            Self::Double(v) => V::Double(*v),
            Self::Text(v) => V::Text(v.clone()),
            Self::Time(v) => V::Timestamp(duckdb::types::TimeUnit::Microsecond, *v),
        }))
    }
}

/// Text as a SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name as a SQL identifier, whatever stands in it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// DuckDB's name of an Arrow type that our tables use.
pub(crate) fn sql_type(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Binary => "BLOB",
        DataType::Date32 => "DATE",
        DataType::Timestamp(_, None) => "TIMESTAMP",
        DataType::Timestamp(..) => "TIMESTAMPTZ",
        DataType::List(_) => "INTEGER[]",
        _ => "VARCHAR",
    }
}

/// SQL that reads an input; what it reads from memory is leased for as long as `leases` lives.
pub(crate) fn relation_sql(
    def: Option<&TableDef>,
    input: &Input,
    scans: &Arc<Scans>,
    leases: &mut Vec<Lease>,
) -> Result<String, String> {
    let names = def.map(|d| d.all_columns().map(|(c, _)| quoted(&c.name)).collect::<Vec<_>>().join(", "));
    let list = names.as_deref().unwrap_or("*");
    let mut parts = Vec::new();
    if !input.files.is_empty() {
        let def = def.ok_or("files of a table that is not known")?;
        parts.push(files_sql(&TableDef { ids: input.ids.clone(), ..def.clone() }, &input.files));
    }
    let mut batches: Vec<RecordBatch> = input.batches.clone();
    // Batches of one schema share a slot; usually there is one.
    while let Some(first) = batches.first().map(RecordBatch::schema) {
        let (same, rest) = batches.into_iter().partition(|b: &RecordBatch| b.schema().fields() == first.fields());
        batches = rest;
        let lease = scans.lease(first, same);
        parts.push(format!("SELECT {list} FROM {}", lease.sql()));
        leases.push(lease);
    }
    if parts.is_empty() {
        parts.push(empty_sql(def.ok_or("no rows for a table that is not known")?));
    }
    Ok(parts.join(" UNION ALL "))
}

/// Parquet files of a table, columns found by field id as Iceberg wants it: a renamed or added column reads right.
pub(crate) fn files_sql(def: &TableDef, files: &[PathBuf]) -> String {
    let paths: Vec<String> = files.iter().map(|f| literal(&f.to_string_lossy())).collect();
    let (mut list, mut columns) = (Vec::new(), Vec::new());
    for (c, id) in def.all_columns() {
        let (name, kind) = (quoted(&c.name), sql_type(&c.data_type));
        let Some(id) = id else {
            list.push(format!("CAST(NULL AS {kind}) AS {name}"));
            continue;
        };
        columns.push(format!("{id}: {{name: {}, type: {}, default_value: NULL}}", literal(&c.name), literal(kind)));
        list.push(name);
    }
    format!(
        "SELECT {} FROM read_parquet([{}], schema = MAP {{{}}}, hive_partitioning = false)",
        list.join(", "),
        paths.join(", "),
        columns.join(", ")
    )
}

pub(crate) fn empty_sql(def: &TableDef) -> String {
    let columns: Vec<String> = def
        .all_columns()
        .map(|(c, _)| format!("CAST(NULL AS {}) AS {}", sql_type(&c.data_type), quoted(&c.name)))
        .collect();
    format!("SELECT {} WHERE false", columns.join(", "))
}

/// Runs one statement and returns all its rows as one batch, instants labelled as everywhere in Contrail.
pub(crate) fn arrow_out(connection: &Connection, sql: &str, params: &[Value]) -> duckdb::Result<RecordBatch> {
    let mut statement = connection.prepare(sql)?;
    statement.execute(duckdb::params_from_iter(params))?;
    let schema = statement.schema();
    let mut batches = Vec::new();
    // `step` reports an error where the crate's iterator would panic.
    while let Some(rows) = statement.step()? {
        batches.push(RecordBatch::from(&rows));
    }
    let batch = concat_batches(&schema, &batches)
        .map_err(|e| duckdb::Error::ArrowTypeToDuckdbType(e.to_string(), DataType::Null))?;
    Ok(relabel(&batch))
}

/// The same rows with every instant labelled "+00:00" where DuckDB writes "UTC".
pub(crate) fn relabel(batch: &RecordBatch) -> RecordBatch {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        match column.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone != ZONE => {
                let array = column.as_primitive::<TimestampMicrosecondType>().clone().with_timezone(ZONE);
                fields.push(Arc::new(Field::new(field.name(), time::timestamp(), field.is_nullable())));
                columns.push(Arc::new(array));
            }
            _ => {
                fields.push(field.clone());
                columns.push(column.clone());
            }
        }
    }
    // Same lengths and types by construction; the original is the answer should that ever not hold.
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap_or_else(|_| batch.clone())
}

/// The rows with exactly the schema of `def`, or an error that names the column.
pub(crate) fn conform(what: &str, batch: RecordBatch, def: &TableDef) -> Result<RecordBatch, EngineError> {
    let schema = def.arrow_schema();
    let shape = |column: &str, message: String| EngineError::Shape {
        what: what.to_owned(),
        column: column.to_owned(),
        message,
    };
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let column = batch
            .column_by_name(field.name())
            .ok_or_else(|| shape(field.name(), "is missing: the header lists it".into()))?;
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(shape(field.name(), "is null in a row, which the header forbids".into()));
        }
        let column = if column.data_type() == field.data_type() {
            column.clone()
        } else {
            cast(column, field.data_type()).map_err(|e| shape(field.name(), e.to_string()))?
        };
        columns.push(column);
    }
    RecordBatch::try_new(schema, columns).map_err(|e| EngineError::Arrow(e, what.to_owned()))
}
