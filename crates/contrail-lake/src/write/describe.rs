//! What a manifest says of a data file; also of one of which only the file itself is left.

use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use contrail_types::Transform;
use contrail_types::time::HOUR;
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, DataFileFormat, Struct};

use super::metrics::Metrics;
use super::split::split;
use super::{EncodedFile, place, time_in};
use crate::error::LakeError;
use crate::shape::TableShape;
use crate::table::LakeTable;

/// Rows of a batch.
const BATCH: usize = 8192;

impl LakeTable {
    /// What a manifest would say of this file; `None` if it holds rows of several partitions, or says nothing of its own.
    /// Blocking.
    pub(crate) fn describe(&self, path: &str, bytes: u64) -> Result<Option<EncodedFile>, LakeError> {
        let (table, shape) = (&*self.0, self.shape().whole()?);
        let schema: &SchemaRef = shape.schema();
        let (mut metrics, mut records, mut partition) = (Metrics::default(), 0, None);
        for batch in self.rows_of(path, schema, BATCH)? {
            let batch = batch?;
            records += batch.num_rows() as u64;
            metrics.add(&shape.bounds, &batch);
            if let Some((column, by)) = &shape.def().partition {
                for part in split(batch.column_by_name(column), *by) {
                    if *partition.get_or_insert(part.value) != part.value {
                        return Ok(None);
                    }
                }
            }
        }
        let value = match (&table.def.partition, partition) {
            (None, _) => None,
            (Some(_), Some(value)) if records > 0 => value,
            (Some((_, by)), _) => match named(path, *by) {
                Some(value) => Some(value),
                None => return Ok(None),
            },
        };
        let Some(partition) = place::of(&shape, value)? else { return Ok(None) };
        let spec_id = shape.spec.spec_id();
        // Our own files are sorted; they bear the time in their names.
        let order_id = shape.order_id.filter(|_| time_in(path).is_some());
        let data = entry(&shape, path, (records, bytes), metrics, partition, order_id)?;
        let written_at = table.lake.clock.now();
        Ok(Some(EncodedFile { path: path.to_owned(), partition: value, records, bytes, written_at, spec_id, data }))
    }
}

/// What a manifest says of a file of so many rows and bytes.
pub(super) fn entry(
    shape: &TableShape,
    path: &str,
    (records, bytes): (u64, u64),
    metrics: Metrics,
    place: Struct,
    order_id: Option<i32>,
) -> Result<DataFile, LakeError> {
    let mut data = DataFileBuilder::default();
    data.content(DataContentType::Data)
        .file_path(path.to_owned())
        .file_format(DataFileFormat::Parquet)
        .partition(place)
        .record_count(records)
        .file_size_in_bytes(bytes)
        .value_counts(metrics.values)
        .null_value_counts(metrics.nulls)
        .nan_value_counts(metrics.nans)
        .lower_bounds(metrics.lower)
        .upper_bounds(metrics.upper)
        .partition_spec_id(shape.spec.spec_id());
    if let Some(order) = order_id {
        data.sort_order_id(order);
    }
    data.build().map_err(|error| LakeError::Batch { table: shape.def().name.clone(), reason: error.to_string() })
}

/// The partition of a file without rows, from where our own writers put it.
fn named(path: &str, by: Transform) -> Option<i32> {
    time_in(path)?;
    let mut parts = path.rsplit('/');
    let (name, folder) = (parts.next()?, parts.next()?);
    let number: u32 = name.get(..2)?.parse().ok()?;
    match by {
        Transform::Hour => {
            let day: NaiveDate = folder.parse().ok()?;
            let start = day.and_hms_opt(number, 0, 0)?.and_utc().timestamp_micros();
            Some((start / HOUR) as i32)
        }
        Transform::Day => {
            let day: NaiveDate = format!("{folder}-{number:02}").parse().ok()?;
            Some(by.value(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_says_by_its_name_where_it_belongs() {
        let id = super::super::time_id(1_763_827_200_000_000);
        let hour = named(&format!("/lake/t/data/2025-11-22/16-{id}.parquet"), Transform::Hour);
        assert_eq!(hour, Some(489_952));
        assert_eq!(named(&format!("/lake/t/data/2025-11/22-{id}.parquet"), Transform::Day), Some(20_414));
        assert_eq!(named("/lake/t/data/2025-11/22-foreign.parquet", Transform::Day), None);
    }
}
