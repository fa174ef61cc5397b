//! `/api/v1/sql`: a statement, and its rows as a stream of batches or as JSON.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// One read-only statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    pub sql: String,
    /// Most rows to return as JSON; 10,000 unless told, 100,000 at most.
    #[serde(default)]
    pub limit: Option<usize>,
    /// Every table as it was: a time, a snapshot id or a tag.
    #[serde(default)]
    pub as_of: Option<String>,
}

/// What a statement gives: the schema at once, the rows as they come. Dropping the stream cancels the statement.
pub struct SqlAnswer {
    pub schema: SchemaRef,
    pub batches: BoxStream<'static, Result<RecordBatch, Problem>>,
}

/// Rows as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SqlRows {
    pub columns: Vec<SqlColumn>,
    #[schema(value_type = Vec<Vec<Object>>)]
    pub rows: Vec<Vec<serde_json::Value>>,
    /// Whether there were more rows than the limit.
    pub truncated: bool,
    pub took_ms: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SqlColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
}
