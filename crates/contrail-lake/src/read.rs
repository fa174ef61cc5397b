//! Rows back from data files, columns found by field id.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use contrail_types::table::FIELD_ID;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;

use crate::error::LakeError;
use crate::shape::TableShape;
use crate::storage::{Store, local_path};
use crate::table::LakeTable;

impl LakeTable {
    /// Reads whole files as one batch, in the order given. `columns` are names of the table's columns, `None` is all of
    /// them in the table's order. A column that a file does not have is null. Blocking: call it on a blocking thread.
    pub fn read(
        &self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
        columns: Option<&[&str]>,
    ) -> Result<RecordBatch, LakeError> {
        self.read_under(&self.shape(), paths, columns)
    }

    /// Like [`LakeTable::read`], the columns those of `shape`.
    pub(crate) fn read_under(
        &self,
        shape: &TableShape,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
        columns: Option<&[&str]>,
    ) -> Result<RecordBatch, LakeError> {
        let schema = self.projected(shape, columns)?;
        let mut batches = Vec::new();
        for path in paths {
            self.read_file(path.as_ref(), &schema, &mut batches)?;
        }
        concat_batches(&schema, &batches).map_err(|error| unreadable(self.name(), error))
    }

    fn projected(&self, shape: &TableShape, columns: Option<&[&str]>) -> Result<SchemaRef, LakeError> {
        let Some(columns) = columns else { return Ok(shape.schema().clone()) };
        let fields = columns.iter().map(|name| {
            shape.schema().field_with_name(name).cloned().map_err(|_| LakeError::Batch {
                table: self.name().to_owned(),
                reason: format!("there is no column {name}"),
            })
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<Field>, _>>()?)))
    }
}

fn unreadable(what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LakeError {
    LakeError::Parquet { doing: format!("read {what}"), source: source.into() }
}

fn id(field: &Field) -> Option<&str> {
    field.metadata().get(FIELD_ID).map(String::as_str)
}

impl LakeTable {
    fn read_file(&self, path: &str, schema: &SchemaRef, batches: &mut Vec<RecordBatch>) -> Result<(), LakeError> {
        match (&self.0.store, &self.0.lake.cache) {
            (Store::Local, _) => {
                let source = |source| LakeError::Io { doing: "read", path: path.to_owned(), source };
                read_parquet(path, File::open(local_path(path)).map_err(source)?, schema, batches)
            }
            (Store::S3(store), Some(cache)) => read_parquet(path, cache.open_copy(store, path)?, schema, batches),
            (store, None) => read_parquet(path, store.read(path)?, schema, batches),
        }
    }
}

fn read_parquet(
    path: &str,
    file: impl ChunkReader + 'static,
    schema: &SchemaRef,
    batches: &mut Vec<RecordBatch>,
) -> Result<(), LakeError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(path, error))?;
    let found: HashMap<&str, usize> =
        builder.schema().fields().iter().enumerate().filter_map(|(at, field)| Some((id(field)?, at))).collect();
    let wanted: Vec<Option<usize>> =
        schema.fields().iter().map(|field| id(field).and_then(|id| found.get(id).copied())).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().flatten().copied());
    // Projected columns come in the file's order.
    let mut in_file: Vec<usize> = wanted.iter().flatten().copied().collect();
    in_file.sort_unstable();
    let reader =
        builder.with_projection(mask).with_batch_size(1 << 20).build().map_err(|error| unreadable(path, error))?;
    for batch in reader {
        let batch = batch.map_err(|error| unreadable(path, error))?;
        let columns = schema.fields().iter().zip(&wanted).map(|(field, at)| {
            let column = at.and_then(|at| in_file.binary_search(&at).ok()).map(|at| batch.column(at));
            column_as(field, column, batch.num_rows()).map_err(|error| unreadable(path, error))
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(schema.clone(), columns, &options);
        batches.push(batch.map_err(|error| unreadable(path, error))?);
    }
    Ok(())
}

/// A column under our type: Parquet without Arrow's own schema says `UTC` and names list elements as it likes.
fn column_as(field: &Field, column: Option<&ArrayRef>, rows: usize) -> Result<ArrayRef, arrow::error::ArrowError> {
    match column {
        None => Ok(new_null_array(field.data_type(), rows)),
        Some(column) if column.data_type() == field.data_type() => Ok(column.clone()),
        Some(column) => cast(column, field.data_type()),
    }
}
