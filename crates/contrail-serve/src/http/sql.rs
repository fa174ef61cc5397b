//! `/api/v1/sql`: rows as JSON or as an Arrow stream, never more in memory than the limit.

use std::time::Instant;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef, TimestampMicrosecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use contrail_types::time;
use futures::stream::{StreamExt, try_unfold};
use serde_json::Value;

use super::Shared;
use super::answer::{Body, has};
use crate::api::{SqlAnswer, SqlColumn, SqlRequest, SqlRows};
use crate::problem::Problem;

const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
const ROWS: usize = 10_000;
const MOST_ROWS: usize = 100_000;
/// Integers beyond this are written as text: JavaScript would round them.
const EXACT: u64 = 1 << 53;

/// Runs one read-only statement.
#[utoipa::path(post, path = "/api/v1/sql", tag = "lake", request_body = SqlRequest,
    responses((status = 200, content((SqlRows = "application/json"), (Vec<u8> = "application/vnd.apache.arrow.stream"))),
              (status = 422, body = Problem, content_type = "application/problem+json")))]
pub async fn sql(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Body(request): Body<SqlRequest>,
) -> Result<Response, Problem> {
    let started = Instant::now();
    if request.sql.trim().is_empty() {
        return Err(Problem::bad_request("sql is empty: write one SELECT"));
    }
    let (limit, as_arrow) = (request.limit, has(&headers, header::ACCEPT, ARROW_STREAM));
    if !as_arrow && limit.is_some_and(|l| l == 0 || l > MOST_ROWS) {
        let detail = format!("limit: expected 1 to {MOST_ROWS} rows; ask for {ARROW_STREAM} to get more");
        return Err(Problem::bad_request(detail));
    }
    let answer = shared.app.node.sql(request).await?;
    if as_arrow {
        return arrow_stream(answer, limit);
    }
    let rows = collect(answer, limit.unwrap_or(ROWS), started).await?;
    Ok(Json(rows).into_response())
}

async fn collect(mut answer: SqlAnswer, limit: usize, started: Instant) -> Result<SqlRows, Problem> {
    let columns = answer.schema.fields().iter();
    let columns = columns.map(|f| SqlColumn { name: f.name().clone(), data_type: type_name(f.data_type()) }).collect();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut truncated = false;
    while let Some(batch) = answer.batches.next().await {
        let batch = batch?;
        let take = batch.num_rows().min(limit - rows.len());
        truncated = take < batch.num_rows();
        rows.extend((0..take).map(|row| batch.columns().iter().map(|c| cell(Some(c), row)).collect()));
        if truncated {
            break;
        }
    }
    Ok(SqlRows { columns, rows, truncated, took_ms: started.elapsed().as_secs_f64() * 1e3 })
}

/// The batches as they come. An error after the first byte cuts the stream off without its end mark, which every reader
/// notices.
fn arrow_stream(answer: SqlAnswer, limit: Option<usize>) -> Result<Response, Problem> {
    let writer = Writer::new(&answer.schema).map_err(|e| Problem::internal(e.to_string()))?;
    let left = limit.unwrap_or(usize::MAX);
    let stream = try_unfold(Some((answer.batches, writer, left)), |state| async move {
        let Some((mut batches, mut writer, left)) = state else { return Ok::<_, Problem>(None) };
        let internal = |e: ArrowError| Problem::internal(e.to_string());
        match if left == 0 { None } else { batches.next().await } {
            Some(batch) => {
                let batch = batch?;
                let batch = batch.slice(0, batch.num_rows().min(left));
                let bytes = writer.write(&batch).map_err(internal)?;
                Ok(Some((bytes, Some((batches, writer, left - batch.num_rows())))))
            }
            None => Ok(Some((writer.finish().map_err(internal)?, None))),
        }
    });
    Ok(([(header::CONTENT_TYPE, ARROW_STREAM)], HttpBody::from_stream(stream)).into_response())
}

struct Writer(StreamWriter<Vec<u8>>);

impl Writer {
    fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        StreamWriter::try_new(Vec::new(), schema).map(Self)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        self.0.write(batch)?;
        Ok(std::mem::take(self.0.get_mut()))
    }

    fn finish(&mut self) -> Result<Vec<u8>, ArrowError> {
        self.0.finish()?;
        Ok(std::mem::take(self.0.get_mut()))
    }
}

/// A type as people who write SQL know it.
fn type_name(data_type: &DataType) -> String {
    use DataType as T;
    let name = match data_type {
        T::Boolean => "boolean",
        T::Int8 | T::Int16 | T::Int32 | T::UInt8 | T::UInt16 => "integer",
        T::Int64 | T::UInt32 | T::UInt64 => "bigint",
        T::Float16 | T::Float32 => "float",
        T::Float64 => "double",
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "text",
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "blob",
        T::Timestamp(_, Some(_)) => "timestamptz",
        T::Timestamp(_, None) => "timestamp",
        T::Date32 | T::Date64 => "date",
        T::Time32(_) | T::Time64(_) => "time",
        T::Decimal128(precision, scale) => return format!("decimal({precision},{scale})"),
        T::List(item) | T::LargeList(item) | T::FixedSizeList(item, _) => {
            return format!("{}[]", type_name(item.data_type()));
        }
        T::Dictionary(_, value) => return type_name(value),
        T::Struct(_) => "struct",
        T::Map(..) => "map",
        T::Interval(_) | T::Duration(_) => "interval",
        T::Null => "null",
        other => return other.to_string().to_lowercase(),
    };
    name.to_owned()
}

/// One value as JSON: instants as RFC 3339, lists and structs nested, everything else without a JSON form as text.
pub fn cell(column: Option<&ArrayRef>, row: usize) -> Value {
    use DataType as T;
    let Some(column) = column.filter(|c| !c.is_null(row)) else { return Value::Null };
    match column.data_type() {
        T::Null => Value::Null,
        T::Boolean => column.as_boolean().value(row).into(),
        T::Int8 => column.as_primitive::<Int8Type>().value(row).into(),
        T::Int16 => column.as_primitive::<Int16Type>().value(row).into(),
        T::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        T::UInt8 => column.as_primitive::<UInt8Type>().value(row).into(),
        T::UInt16 => column.as_primitive::<UInt16Type>().value(row).into(),
        T::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        T::Int64 => match column.as_primitive::<Int64Type>().value(row) {
            value if value.unsigned_abs() <= EXACT => value.into(),
            value => value.to_string().into(),
        },
        T::UInt64 => match column.as_primitive::<UInt64Type>().value(row) {
            value if value <= EXACT => value.into(),
            value => value.to_string().into(),
        },
        T::Float32 => float(column.as_primitive::<Float32Type>().value(row).to_string().parse().unwrap_or(f64::NAN)),
        T::Float64 => float(column.as_primitive::<Float64Type>().value(row)),
        T::Utf8 => column.as_string::<i32>().value(row).into(),
        T::LargeUtf8 => column.as_string::<i64>().value(row).into(),
        T::Utf8View => column.as_string_view().value(row).into(),
        T::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some(_)) => {
            time::rfc3339(column.as_primitive::<TimestampMicrosecondType>().value(row)).into()
        }
        T::List(_) => items(&column.as_list::<i32>().value(row)),
        T::LargeList(_) => items(&column.as_list::<i64>().value(row)),
        T::FixedSizeList(..) => items(&column.as_fixed_size_list().value(row)),
        T::Struct(fields) => {
            let values = column.as_struct().columns().iter().map(|c| cell(Some(c), row));
            fields.iter().map(|f| f.name().clone()).zip(values).collect()
        }
        _ => text(column, row),
    }
}

fn items(list: &ArrayRef) -> Value {
    (0..list.len()).map(|row| cell(Some(list), row)).collect()
}

/// JSON has no NaN and no infinity.
fn float(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number)
}

fn text(column: &ArrayRef, row: usize) -> Value {
    let formatter = ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default());
    formatter.ok().and_then(|f| f.value(row).try_to_string().ok()).map_or(Value::Null, Value::String)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Float64Array, Int64Array, ListArray, TimestampMicrosecondArray};
    use serde_json::json;

    use super::*;

    #[test]
    fn values_keep_their_meaning_in_json() {
        let times = TimestampMicrosecondArray::from(vec![1_714_311_965_250_000]).with_timezone("UTC");
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])]);
        let decimal = Decimal128Array::from(vec![12_345]).with_precision_and_scale(10, 2).unwrap();
        let cases: Vec<(ArrayRef, Value, &str)> = vec![
            (Arc::new(Int64Array::from(vec![42])), json!(42), "bigint"),
            (Arc::new(Int64Array::from(vec![i64::MAX])), json!("9223372036854775807"), "bigint"),
            (Arc::new(Int64Array::from(vec![None])), json!(null), "bigint"),
            (Arc::new(Float64Array::from(vec![f64::NAN])), json!("NaN"), "double"),
            (Arc::new(Float64Array::from(vec![1.5])), json!(1.5), "double"),
            (Arc::new(times), json!("2024-04-28T13:46:05.250Z"), "timestamptz"),
            (Arc::new(list), json!([1, null]), "integer[]"),
            (Arc::new(decimal), json!("123.45"), "decimal(10,2)"),
        ];
        for (column, expected, name) in cases {
            assert_eq!(cell(Some(&column), 0), expected, "{name}");
            assert_eq!(type_name(column.data_type()), name);
        }
    }
}
