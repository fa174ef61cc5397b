//! Mart tables inside `analytics.duckdb`: one table a partition model, whole spans replaced in one transaction.

use std::collections::BTreeSet;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use contrail_types::Micros;

use super::relation::{Input, relation_sql, sql_type};
use super::{Engine, EngineError, arrow_out, literal, lock, sql_error};
use crate::project::{Kind, Model};

impl Engine {
    /// Creates the mart tables; one whose model has changed since is emptied, so that old and new rows never mix.
    pub(super) fn prepare_marts(&self) -> Result<(), EngineError> {
        let connection = self.connection()?;
        let run = |sql: &str| connection.execute_batch(sql).map_err(|e| sql_error("mart tables", e));
        run("CREATE TABLE IF NOT EXISTS contrail_marts (name VARCHAR PRIMARY KEY, hash VARCHAR NOT NULL)")?;
        for model in self.project().models.iter().filter(|m| m.kind == Kind::Partition) {
            let known = format!(
                "SELECT 1 FROM contrail_marts WHERE name = {} AND hash = {}",
                literal(&model.name),
                literal(&model.hash)
            );
            let known = arrow_out(&connection, &known, &[]).map_err(|e| sql_error("mart tables", e))?;
            if known.num_rows() == 0 {
                run(&format!(
                    "BEGIN; {} INSERT OR REPLACE INTO contrail_marts VALUES ({}, {}); COMMIT;",
                    create(model),
                    literal(&model.name),
                    literal(&model.hash)
                ))?;
            }
        }
        Ok(())
    }

    /// Replaces the given spans (starts of hours, or days, as the model's `span` says) of a mart by `batch`, all at once.
    pub fn publish_mart(&self, mart: &Model, batch: &RecordBatch, spans: &[Micros]) -> Result<(), EngineError> {
        let what = format!("mart {}", mart.name);
        let connection = self.connection()?;
        let mut leases = Vec::new();
        let rows = relation_sql(Some(&mart.def), &Input::batch(batch.clone()), &self.shared().scans, &mut leases)
            .map_err(|message| EngineError::Sql { what: what.clone(), message })?;
        let _writing = lock(&self.shared().writing);
        let sql = format!("BEGIN; {} INSERT INTO \"{}\" {rows}; COMMIT;", delete(mart, spans), mart.name);
        connection.execute_batch(&sql).map_err(|e| {
            let _ = connection.execute_batch("ROLLBACK");
            sql_error(&what, e)
        })
    }

    /// Takes spans out of a mart: what DuckDB holds beyond the lake after a crash.
    pub fn forget_mart(&self, mart: &Model, spans: &[Micros]) -> Result<(), EngineError> {
        let connection = self.connection()?;
        let _writing = lock(&self.shared().writing);
        connection.execute_batch(&delete(mart, spans)).map_err(|e| sql_error(&format!("mart {}", mart.name), e))
    }

    /// Empties a mart.
    pub fn clear_mart(&self, mart: &Model) -> Result<(), EngineError> {
        let connection = self.connection()?;
        let _writing = lock(&self.shared().writing);
        let sql = format!("DELETE FROM \"{}\"", mart.name);
        connection.execute_batch(&sql).map_err(|e| sql_error(&format!("mart {}", mart.name), e))
    }

    /// The spans that a mart holds in DuckDB.
    pub fn mart_spans(&self, mart: &Model) -> Result<BTreeSet<Micros>, EngineError> {
        let sql = format!("SELECT DISTINCT \"{}\" FROM \"{}\"", span_column(mart), mart.name);
        let rows = self.query(&sql, &[])?;
        let spans = rows.column(0).as_primitive_opt::<TimestampMicrosecondType>();
        Ok(spans.map(|s| s.values().iter().copied().collect()).unwrap_or_default())
    }
}

fn span_column(mart: &Model) -> &str {
    mart.span_column.as_deref().unwrap_or("hour")
}

fn create(mart: &Model) -> String {
    let columns: Vec<String> = mart
        .def
        .columns
        .iter()
        .map(|c| {
            let null = if c.nullable { "" } else { " NOT NULL" };
            format!("\"{}\" {}{null}", c.name, sql_type(&c.data_type))
        })
        .collect();
    let comments: Vec<String> = mart
        .def
        .columns
        .iter()
        .map(|c| format!("COMMENT ON COLUMN \"{}\".\"{}\" IS {};", mart.name, c.name, literal(&c.doc)))
        .collect();
    format!(
        "CREATE OR REPLACE TABLE \"{0}\" ({1}); COMMENT ON TABLE \"{0}\" IS {2}; {3}",
        mart.name,
        columns.join(", "),
        literal(&mart.def.doc),
        comments.join(" ")
    )
}

fn delete(mart: &Model, spans: &[Micros]) -> String {
    if spans.is_empty() {
        return String::new();
    }
    let list: Vec<String> = spans.iter().map(|s| format!("make_timestamptz({s})")).collect();
    format!("DELETE FROM \"{}\" WHERE \"{}\" IN ({});", mart.name, span_column(mart), list.join(", "))
}
