//! A sorted batch as the bytes of a Parquet file: zstd, one row group, field ids, encodings chosen by looking at the data.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::error::LakeError;
use crate::shape::TableShape;

/// Writer settings that follow the data: made from the first batch, looked over again now and then.
#[derive(Default)]
pub(crate) struct Tuning(Mutex<Option<(Arc<WriterProperties>, u32)>>);

/// How many files one look at the data serves.
const FILES_A_LOOK: u32 = 64;
/// How many values of a column are looked at.
const SAMPLE: usize = 1024;
/// A batch smaller than this says little about the next ones.
const ENOUGH: usize = 256;

impl Tuning {
    /// For files that come by the minute and are rewritten soon.
    pub fn properties(&self, batch: &RecordBatch) -> Arc<WriterProperties> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some((properties, left)) if *left > 0 => {
                *left -= 1;
                properties.clone()
            }
            _ => {
                let properties = Arc::new(properties(batch, ZstdLevel::default(), SAMPLE));
                if batch.num_rows() >= ENOUGH {
                    *held = Some((properties.clone(), FILES_A_LOOK));
                }
                properties
            }
        }
    }
}

/// For files that stay: each value of the sample is looked at, and packed tighter.
pub(super) fn lasting(sample: &RecordBatch) -> Result<Arc<WriterProperties>, ParquetError> {
    Ok(Arc::new(properties(sample, ZstdLevel::try_new(LASTING)?, sample.num_rows())))
}

const LASTING: i32 = 6;

/// A Parquet file in the making, in memory.
pub(super) struct Encoder<'a> {
    shape: &'a TableShape,
    writer: ArrowWriter<Vec<u8>>,
}

impl<'a> Encoder<'a> {
    /// For some `rows`, if they are known.
    pub fn new(shape: &'a TableShape, properties: &WriterProperties, rows: usize) -> Result<Self, LakeError> {
        // Readers take types from Iceberg's schema; Arrow's copy of it would be a tenth of a small file.
        let options = ArrowWriterOptions::new().with_properties(properties.clone()).with_skip_arrow_metadata(true);
        let bytes = Vec::with_capacity(rows * 32 + 8192);
        let writer = ArrowWriter::try_new_with_options(bytes, shape.file().clone(), options);
        Ok(Self { shape, writer: writer.map_err(|error| failed(shape, error))? })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.writer.write(batch).map_err(|error| failed(self.shape, error))
    }

    /// The file's bytes, with its footer.
    pub fn finish(self) -> Result<Vec<u8>, LakeError> {
        self.writer.into_inner().map_err(|error| failed(self.shape, error))
    }
}

pub(super) fn failed(shape: &TableShape, source: ParquetError) -> LakeError {
    LakeError::Parquet { doing: format!("encode rows of {}", shape.def().name), source: source.into() }
}

fn properties(batch: &RecordBatch, level: ZstdLevel, sample: usize) -> WriterProperties {
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(1 << 20))
        .set_created_by(concat!("contrail ", env!("CARGO_PKG_VERSION")).to_owned());
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns());
    columns.fold(builder, |builder, (field, column)| tune(builder, field.name(), column, sample)).build()
}

/// A dictionary where values repeat, else the plain encoding that zstd does best on.
fn tune(builder: WriterPropertiesBuilder, name: &str, column: &ArrayRef, sample: usize) -> WriterPropertiesBuilder {
    let path = match column.data_type() {
        DataType::List(element) => ColumnPath::from(vec![name.to_owned(), "list".into(), element.name().clone()]),
        _ => ColumnPath::from(name),
    };
    if repeats(column, sample) {
        return builder.set_column_dictionary_enabled(path, true);
    }
    match column.data_type() {
        DataType::Int32 | DataType::Int64 | DataType::Timestamp(..) | DataType::Date32 => {
            builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
        }
        _ => builder,
    }
}

/// Whether a sample of the column, of `sample` entries or a few more, has at most half as many values as entries.
fn repeats(column: &ArrayRef, sample: usize) -> bool {
    // Sorted, texts come in runs, which zstd packs better than a dictionary does: only what repeats over all counts.
    let is_text = matches!(column.data_type(), DataType::Utf8 | DataType::Binary);
    let sample = if is_text { SAMPLE } else { sample };
    let step = (column.len() / sample.max(1)).max(1);
    let rows = (0..column.len()).step_by(step).filter(|row| column.is_valid(*row));
    let (mut seen, mut looked_at) = (HashSet::new(), 0);
    for row in rows {
        let Some(value) = hash(column, row) else { return false };
        seen.insert(value);
        looked_at += 1;
    }
    seen.len() * 2 <= looked_at
}

/// A value as a number, equal for equal values; `None` for types that are never worth a dictionary.
fn hash(column: &ArrayRef, row: usize) -> Option<u64> {
    let text = |bytes: &[u8]| {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        hasher.finish()
    };
    Some(match column.data_type() {
        DataType::Utf8 => text(column.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => text(column.as_binary::<i32>().value(row)),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row) as u64,
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row) as u64,
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_bits(),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            column.as_primitive::<TimestampMicrosecondType>().value(row) as u64
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_dictionary_only_where_values_repeat() {
        let country: ArrayRef = Arc::new(StringArray::from_iter_values((0..5000).map(|n| format!("c{}", n % 40))));
        let address: ArrayRef = Arc::new(StringArray::from_iter_values((0..5000).map(|n| format!("{n:06x}"))));
        let offset: ArrayRef = Arc::new(Int64Array::from_iter_values(0..5000));
        let nothing: ArrayRef = Arc::new(Int64Array::from(vec![None; 100]));
        assert_eq!(
            [&country, &address, &offset, &nothing].map(|column| repeats(column, SAMPLE)),
            [true, false, false, true]
        );
    }

    #[test]
    fn what_stays_is_packed_tighter() {
        // Aircraft in straight flight, one after the other, in steps that the feed rounds.
        let place = |n: u32| f64::from(n / 50 * 7919 % 360) + f64::from(n % 50 * (n / 50 % 13)) / 1e4;
        let column: ArrayRef = Arc::new(Float64Array::from_iter_values((0..50_000).map(place)));
        let batch = RecordBatch::try_from_iter([("longitude", column)]).unwrap();
        let size = |properties: &WriterProperties| {
            let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.clone())).unwrap();
            writer.write(&batch).unwrap();
            writer.into_inner().unwrap().len()
        };
        let (soon, stays) = (size(&Tuning::default().properties(&batch)), size(&lasting(&batch).unwrap()));
        assert!(stays < soon, "{stays} of {soon} bytes");
    }
}
