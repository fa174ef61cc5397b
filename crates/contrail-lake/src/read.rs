//! Rows back from data files, columns found by field id.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use contrail_types::table::FIELD_ID;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;

use crate::error::LakeError;
use crate::shape::{TableShape, column_as};
use crate::storage::{Store, local_path};
use crate::table::LakeTable;

/// Rows of a batch when a file is read whole.
const WHOLE: usize = 1 << 20;

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
            for batch in self.rows_of(path.as_ref(), &schema, WHOLE)? {
                batches.push(batch.map_err(|error| self.0.damaged(path.as_ref(), error))?);
            }
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
    /// The rows of one file in batches of at most so many; a remote file comes through the cache. Blocking.
    pub(crate) fn rows_of(&self, path: &str, schema: &SchemaRef, batch_size: usize) -> Result<FileRows, LakeError> {
        self.open_rows(path, schema, batch_size).map_err(|error| self.0.damaged(path, error))
    }

    fn open_rows(&self, path: &str, schema: &SchemaRef, batch_size: usize) -> Result<FileRows, LakeError> {
        match (&self.0.store, &self.0.lake.cache) {
            (Store::Local, _) => {
                let source = |source| LakeError::Io { doing: "read", path: path.to_owned(), source };
                FileRows::new(path, File::open(local_path(path)).map_err(source)?, schema, batch_size)
            }
            (Store::S3(store), Some(cache)) => FileRows::new(path, cache.open_copy(store, path)?, schema, batch_size),
            (store, None) => FileRows::new(path, store.read(path)?, schema, batch_size),
        }
    }
}

/// The rows of one file, batch by batch, under the table's columns.
pub(crate) struct FileRows {
    path: String,
    schema: SchemaRef,
    /// Where each wanted column stands among those read; `None` if the file lacks it.
    places: Vec<Option<usize>>,
    reader: ParquetRecordBatchReader,
}

impl FileRows {
    fn new(
        path: &str,
        file: impl ChunkReader + 'static,
        schema: &SchemaRef,
        batch_size: usize,
    ) -> Result<Self, LakeError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(path, error))?;
        let found: HashMap<&str, usize> =
            builder.schema().fields().iter().enumerate().filter_map(|(at, field)| Some((id(field)?, at))).collect();
        let wanted: Vec<Option<usize>> =
            schema.fields().iter().map(|field| id(field).and_then(|id| found.get(id).copied())).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().flatten().copied());
        // Projected columns come in the file's order.
        let mut in_file: Vec<usize> = wanted.iter().flatten().copied().collect();
        in_file.sort_unstable();
        let places = wanted.iter().map(|at| at.and_then(|at| in_file.binary_search(&at).ok())).collect();
        let reader = builder.with_projection(mask).with_batch_size(batch_size).build();
        let reader = reader.map_err(|error| unreadable(path, error))?;
        Ok(Self { path: path.to_owned(), schema: schema.clone(), places, reader })
    }

    fn under_our_schema(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.schema.fields().iter().zip(&self.places).map(|(field, at)| {
            let column = at.map(|at| batch.column(at));
            column_as(field, column, batch.num_rows())
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
    }
}

impl Iterator for FileRows {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?.and_then(|batch| self.under_our_schema(&batch));
        Some(batch.map_err(|error| unreadable(&self.path, error)))
    }
}
