//! Rows to data files: split by partition, sorted, Parquet, written durably, with lean column metrics.

mod describe;
mod metrics;
mod parquet;
pub(crate) mod place;
mod sort;
mod split;

use std::sync::Arc;

use ::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use ::arrow::compute::take;
use ::arrow::datatypes::{DataType, Field};
use ::arrow::record_batch::RecordBatch;
use contrail_kit::crash;
use contrail_types::{Micros, Transform};
use iceberg::spec::{DataFile, DataFileBuilder, Struct};
use uuid::{NoContext, Timestamp, Uuid};

use crate::error::LakeError;
use crate::shape::TableShape;
use crate::table::{Inner, LakeTable};

pub(crate) use self::parquet::Tuning;

/// A data file in place that no snapshot names yet.
#[derive(Clone, Debug)]
pub struct EncodedFile {
    pub path: String,
    /// The hour or day that its rows lie in.
    pub partition: Option<i32>,
    pub records: u64,
    pub bytes: u64,
    /// When it was written, by the lake's clock.
    pub written_at: Micros,
    /// The partition spec that it was written under.
    pub(crate) spec_id: i32,
    pub(crate) data: DataFile,
}

impl LakeTable {
    /// Writes rows as data files, at least one an hour or day of the definition, each durable. Blocking and CPU-bound: call it on a blocking
    /// thread; any number of calls may run side by side. An empty batch writes nothing.
    ///
    /// # Errors
    /// [`LakeError::Batch`] if the columns are not the table's.
    pub fn encode(&self, batch: &RecordBatch) -> Result<Vec<EncodedFile>, LakeError> {
        self.encode_under(&self.shape(), batch)
    }

    /// Like [`LakeTable::encode`], for rows that were made under `shape`, also if the table has gained columns since.
    pub fn encode_under(&self, shape: &TableShape, batch: &RecordBatch) -> Result<Vec<EncodedFile>, LakeError> {
        let table = &Target { table: &self.0, shape };
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let batch = conform(shape, batch)?;
        let parts = match &shape.def().partition {
            Some((column, by)) => split::split(batch.column_by_name(column), *by),
            None => vec![split::Part { value: None, rows: None }],
        };
        let files: Vec<Vec<EncodedFile>> =
            parts.into_iter().map(|part| write_part(table, &batch, part)).collect::<Result<_, _>>()?;
        Ok(files.into_iter().flatten().collect())
    }

    /// Writes a file without rows: how an emptied partition is told to consumers.
    pub(crate) fn encode_empty(&self, partition: i32) -> Result<EncodedFile, LakeError> {
        let shape = self.shape();
        let mut file = NewFile::begin(&self.0, &shape, &RecordBatch::new_empty(shape.file().clone()))?;
        file.metrics.bound(place::told_by_bounds(&shape, partition));
        file.finish(Some(partition), place::without_rows(&shape, partition)?)
    }

    /// The same file under a new name, with the time of now. Blocking.
    pub(crate) fn write_again(&self, old: &EncodedFile) -> Result<EncodedFile, LakeError> {
        let table = &*self.0;
        let written_at = table.lake.clock.now();
        let path = file_path(table, old.partition, written_at);
        table.store.write_new(&path, table.store.read(&old.path)?.into())?;
        let data = with_path(&old.data, old.spec_id, &path)?;
        Ok(EncodedFile { path, written_at, data, ..old.clone() })
    }

    /// Removes files that were encoded and will not be committed, best effort.
    pub async fn discard(&self, files: Vec<EncodedFile>) {
        self.0.store.tidy(files.into_iter().map(|file| file.path).collect()).await;
    }
}

/// A table, and the shape under which it is written to.
struct Target<'a> {
    table: &'a Inner,
    shape: &'a TableShape,
}

/// The batch under the table's own schema, so that field ids and nullability are the table's.
fn conform(shape: &TableShape, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let misfit = |reason: String| LakeError::Batch { table: shape.def().name.clone(), reason };
    let (wanted, found) = (shape.schema(), batch.schema_ref());
    if Arc::ptr_eq(wanted, found) {
        return Ok(batch.clone());
    }
    if wanted.fields().len() != found.fields().len() {
        let missing: Vec<_> =
            wanted.fields().iter().map(|f| f.name()).filter(|name| found.column_with_name(name).is_none()).collect();
        let extra: Vec<_> =
            found.fields().iter().map(|f| f.name()).filter(|name| wanted.column_with_name(name).is_none()).collect();
        return Err(misfit(format!("columns missing: {missing:?}; columns too many: {extra:?}")));
    }
    let columns = wanted
        .fields()
        .iter()
        .zip(found.fields())
        .zip(batch.columns())
        .map(|((wanted, found), column)| {
            if wanted.name() != found.name() {
                return Err(misfit(format!("found column {} where {} belongs", found.name(), wanted.name())));
            }
            conform_column(wanted, column).ok_or_else(|| {
                misfit(format!("column {} is {} instead of {}", wanted.name(), column.data_type(), wanted.data_type()))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(wanted.clone(), columns).map_err(|error| misfit(error.to_string()))
}

/// A list's element field carries a field id of its own, which arrays made elsewhere lack.
fn conform_column(wanted: &Field, column: &ArrayRef) -> Option<ArrayRef> {
    if wanted.data_type() == column.data_type() {
        return Some(column.clone());
    }
    match (wanted.data_type(), column.data_type()) {
        (DataType::List(element), DataType::List(other)) if element.data_type() == other.data_type() => {
            let (_, offsets, values, nulls) = column.as_list::<i32>().clone().into_parts();
            let list = ListArray::try_new(element.clone(), offsets, values, nulls).ok()?;
            Some(Arc::new(list))
        }
        _ => None,
    }
}

/// Sorts the rows of one hour or day and writes them: one file, unless the table's partitions divide them further.
fn write_part(target: &Target<'_>, batch: &RecordBatch, part: split::Part) -> Result<Vec<EncodedFile>, LakeError> {
    let rows = target.shape.for_file(&sorted(target.shape, batch, part.rows)?)?;
    let pieces = place::pieces(target.shape, part.value, rows)?;
    let write = |(place, rows): (Struct, RecordBatch)| {
        let mut file = NewFile::begin(target.table, target.shape, &rows)?;
        file.write(&rows)?;
        file.finish(part.value, place)
    };
    pieces.into_iter().map(write).collect()
}

/// The rows of a batch, or some of them, in the table's order.
pub(crate) fn sorted(
    shape: &TableShape,
    batch: &RecordBatch,
    rows: Option<Vec<u32>>,
) -> Result<RecordBatch, LakeError> {
    let columns: Vec<&ArrayRef> = shape.sort.iter().map(|at| batch.column(*at)).collect();
    let Some(order) = sort::order(&columns, batch.num_rows(), rows) else { return Ok(batch.clone()) };
    let taken = batch.columns().iter().map(|column| take(column, &order, None)).collect::<Result<Vec<_>, _>>();
    let sorted = taken.and_then(|columns| RecordBatch::try_new(shape.schema().clone(), columns));
    sorted.map_err(|error| LakeError::Batch { table: shape.def().name.clone(), reason: format!("sort: {error}") })
}

/// A data file in the making: batches of one partition, as files hold them, in the table's order.
pub(crate) struct NewFile<'a> {
    table: &'a Inner,
    shape: &'a TableShape,
    encoder: parquet::Encoder<'a>,
    metrics: metrics::Metrics,
    records: u64,
}

impl<'a> NewFile<'a> {
    /// Writer settings follow `sample`, the rows to come or the first of them.
    pub fn begin(table: &'a Inner, shape: &'a TableShape, sample: &RecordBatch) -> Result<Self, LakeError> {
        let encoder = parquet::Encoder::new(shape, &table.tuning.properties(sample), sample.num_rows())?;
        Ok(Self::with(table, shape, encoder))
    }

    /// Like [`NewFile::begin`], for rows that will not be written again soon: packed tighter.
    pub fn lasting(table: &'a Inner, shape: &'a TableShape, sample: &RecordBatch) -> Result<Self, LakeError> {
        let properties = parquet::lasting(sample).map_err(|error| parquet::failed(shape, error))?;
        let encoder = parquet::Encoder::new(shape, &properties, sample.num_rows())?;
        Ok(Self::with(table, shape, encoder))
    }

    fn with(table: &'a Inner, shape: &'a TableShape, encoder: parquet::Encoder<'a>) -> Self {
        Self { table, shape, encoder, metrics: metrics::Metrics::default(), records: 0 }
    }

    pub fn write(&mut self, sorted: &RecordBatch) -> Result<(), LakeError> {
        self.metrics.add(&self.shape.bounds, sorted);
        self.records += sorted.num_rows() as u64;
        self.encoder.write(sorted)
    }

    /// Puts the file on disk, synced: rows of the hour or day `unit`, in the table's partition `place`.
    pub fn finish(self, unit: Option<i32>, place: Struct) -> Result<EncodedFile, LakeError> {
        let Self { table, shape, encoder, metrics, records } = self;
        let bytes = encoder.finish()?;
        let written_at = table.lake.clock.now();
        let path = file_path(table, unit, written_at);
        crash::point("lake.write.before_file")?;
        let size = bytes.len() as u64;
        table.store.write_new(&path, bytes)?;
        crash::point("lake.write.after_file")?;

        let spec_id = shape.spec.spec_id();
        let data = describe::entry(shape, &path, (records, size), metrics, place, shape.order_id)?;
        Ok(EncodedFile { path, partition: unit, records, bytes: size, written_at, spec_id, data })
    }
}

/// A copy of a data file's description under another path; the format library cannot turn one into a builder.
fn with_path(data: &DataFile, spec_id: i32, path: &str) -> Result<DataFile, LakeError> {
    let mut builder = DataFileBuilder::default();
    builder
        .content(data.content_type())
        .file_path(path.to_owned())
        .file_format(data.file_format())
        .partition(data.partition().clone())
        .record_count(data.record_count())
        .file_size_in_bytes(data.file_size_in_bytes())
        .value_counts(data.value_counts().clone())
        .null_value_counts(data.null_value_counts().clone())
        .nan_value_counts(data.nan_value_counts().clone())
        .lower_bounds(data.lower_bounds().clone())
        .upper_bounds(data.upper_bounds().clone())
        .partition_spec_id(spec_id);
    if let Some(order) = data.sort_order_id() {
        builder.sort_order_id(order);
    }
    builder.build().map_err(|error| LakeError::Batch { table: path.to_owned(), reason: error.to_string() })
}

/// A new path. Folders are a day (of hours) or a month (of days); they carry no `key=value`, so that no reader adds a
/// column of its own. The id in the name holds the time of writing, which the orphan sweep goes by.
fn file_path(table: &Inner, partition: Option<i32>, now: Micros) -> String {
    let id = time_id(now);
    let by = table.def.partition.as_ref().map(|(_, by)| *by);
    let start = |by: Transform, value: i32| contrail_types::time::to_datetime(by.width() * i64::from(value));
    let place = match (by, partition) {
        (Some(by @ Transform::Hour), Some(value)) => format!("{}-", start(by, value).format("%Y-%m-%d/%H")),
        (Some(by @ Transform::Day), Some(value)) => format!("{}-", start(by, value).format("%Y-%m/%d")),
        (Some(_), None) => "none/".to_owned(),
        (None, _) => String::new(),
    };
    format!("{}/data/{place}{id}.parquet", table.location)
}

/// The id of a snapshot to come: 63 random bits.
pub(crate) fn snapshot_id() -> i64 {
    (Uuid::new_v4().as_u128() >> 65) as i64
}

/// A unique id that holds `now`.
pub(crate) fn time_id(now: Micros) -> Uuid {
    let now = now.max(0);
    let (seconds, nanos) = ((now / 1_000_000) as u64, (now % 1_000_000) as u32 * 1000);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, nanos))
}

/// The time in the id that ends a file's name, if it was one of [`time_id`].
pub(crate) fn time_in(path: &str) -> Option<Micros> {
    let name = path.rsplit('/').next()?;
    let stem = name.split('.').next()?;
    let id = stem.get(stem.len().checked_sub(36)?..)?;
    let id = Uuid::parse_str(id).ok().filter(|id| id.get_version_num() == 7)?;
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Some(seconds as i64 * 1_000_000 + i64::from(nanos / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_writing_can_be_read_from_the_name() {
        let now = 1_763_827_200_123_000;
        let path = format!("/lake/data/2026-11-22/16-{}.parquet", time_id(now));
        assert_eq!(time_in(&path), Some(now));
        for foreign in ["/lake/data/00000-0-a0b1.parquet", "x", "", &format!("/d/{}.parquet", Uuid::new_v4())] {
            assert_eq!(time_in(foreign), None, "{foreign}");
        }
    }
}
