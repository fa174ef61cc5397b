//! A table that has gained columns: files from before and after, read together by the engine and by users' statements.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use async_trait::async_trait;
use contrail_types::time::{ZONE, timestamp};
use contrail_types::{Column, TableDef, state};

use super::engine;
use crate::Input;
use crate::query::{Limits, Plan, QueryOptions, QueryService, Span, Tables};

/// One value of every type that a gained column can have, and how DuckDB writes it.
fn values() -> Vec<(DataType, ArrayRef, &'static str)> {
    let time = || TimestampMicrosecondArray::from(vec![1_000_000]);
    vec![
        (DataType::Boolean, Arc::new(BooleanArray::from(vec![true])), "true"),
        (DataType::Int32, Arc::new(Int32Array::from(vec![-3])), "-3"),
        (DataType::Int64, Arc::new(Int64Array::from(vec![1 << 40])), "1099511627776"),
        (DataType::Float32, Arc::new(Float32Array::from(vec![0.5])), "0.5"),
        (DataType::Float64, Arc::new(Float64Array::from(vec![0.25])), "0.25"),
        (DataType::Utf8, Arc::new(StringArray::from(vec!["text"])), "text"),
        (DataType::Binary, Arc::new(BinaryArray::from(vec![&b"ab"[..]])), "ab"),
        (DataType::Date32, Arc::new(Date32Array::from(vec![1])), "1970-01-02"),
        (timestamp(), Arc::new(time().with_timezone(ZONE)), "1970-01-01 00:00:01+00"),
        (DataType::Timestamp(TimeUnit::Microsecond, None), Arc::new(time()), "1970-01-01 00:00:01"),
    ]
}

/// The raw table with a column of every type beyond its definition.
fn grown() -> TableDef {
    let column = |(n, (kind, ..)): (usize, (DataType, ArrayRef, &str))| {
        (Column::new(&format!("gained_{n}"), kind, true, "Gained"), 32 + n as i32)
    };
    TableDef { gained: values().into_iter().enumerate().map(column).collect(), ..state::raw_table() }
}

/// One row of the table, gained columns filled where it has them.
fn row(def: &TableDef, address: &str) -> RecordBatch {
    let schema = def.arrow_schema();
    let mut gained = values().into_iter().map(|(_, value, _)| value);
    let columns = schema.fields().iter().map(|field| match (field.is_nullable(), field.data_type()) {
        (true, _) if field.name().starts_with("gained_") => gained.next().unwrap(),
        (true, kind) => new_null_array(kind, 1),
        (_, DataType::Utf8) => Arc::new(StringArray::from(vec![address])),
        (_, DataType::Int32) => Arc::new(Int32Array::from(vec![0])),
        (_, DataType::Int64) => Arc::new(Int64Array::from(vec![7])),
        _ => Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone(ZONE)) as ArrayRef,
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

fn write(folder: &Path, name: &str, batch: &RecordBatch) -> PathBuf {
    let path = folder.join(name);
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    path
}

struct Raw(Vec<PathBuf>);

#[async_trait]
impl Tables for Raw {
    fn names(&self) -> Vec<TableDef> {
        vec![grown()]
    }

    async fn plan(&self, _: &str, _: Option<&str>, _: &[Span]) -> Result<Plan, String> {
        Ok(Plan::of(Input::files(self.0.clone())))
    }
}

fn texts(batch: &RecordBatch) -> Vec<Option<String>> {
    batch.columns().iter().map(|c| c.is_valid(0).then(|| c.as_string::<i32>().value(0).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_without_a_gained_column_read_as_null_beside_files_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let old = write(folder.path(), "old.parquet", &row(&state::raw_table(), "aaaaaa"));
    let new = write(folder.path(), "new.parquet", &row(&grown(), "bbbbbb"));
    let casts: Vec<String> = (0..values().len()).map(|n| format!("CAST(gained_{n} AS VARCHAR)")).collect();
    for files in [vec![old.clone(), new.clone()], vec![new.clone(), old.clone()]] {
        // The models know the definition alone.
        let read = engine()
            .query_over("SELECT count(*) AS n FROM states_raw", &[("states_raw", Input::files(files.clone()))], &[])
            .unwrap();
        assert_eq!(read["n"].as_primitive::<Int64Type>().value(0), 2);
        let arguments = ["tests::query::query_process", "--exact", "--nocapture", "--test-threads=1"];
        let options = QueryOptions {
            program: Some((std::env::current_exe().unwrap(), arguments.map(str::to_owned).to_vec())),
            folders: vec![folder.path().to_owned()],
            ..QueryOptions::default()
        };
        let service = QueryService::new(options, Arc::new(Raw(files)));
        for (address, filled) in [("aaaaaa", false), ("bbbbbb", true)] {
            let sql = format!("SELECT {} FROM states_raw WHERE icao24 = '{address}'", casts.join(", "));
            let mut rows = service.query(&sql, Limits::default()).await.unwrap();
            let found = texts(&rows.next().await.unwrap().unwrap());
            let wanted: Vec<_> = values().iter().map(|(.., text)| filled.then(|| (*text).to_owned())).collect();
            assert_eq!(found, wanted, "{address}");
        }
        let mut rows = service.query("SELECT * FROM states_raw", Limits::default()).await.unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap().num_columns(), grown().all_columns().count());
        service.stop().await;
    }
}
