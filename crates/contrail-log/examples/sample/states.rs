//! States to measure with.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow::array::{TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::DataType;
use contrail_types::{state, time};

/// Of one answer.
pub const ROWS: usize = 12_000;

/// States that look like a global answer: as many nulls, as long texts.
pub fn states() -> RecordBatch {
    let schema = state::schema();
    let columns = schema.fields().iter().map(|column| -> ArrayRef {
        let some = |i: usize| !column.is_nullable() || !i.is_multiple_of(12);
        let number = |i: usize| (i * 2_654_435_761 % 1_000_003) as f64 / 700.0;
        match (column.name().as_str(), column.data_type()) {
            ("feed", _) => Arc::new(StringArray::from(vec!["opensky"; ROWS])),
            ("fetch_id", _) => Arc::new(StringArray::from(vec!["01934f2a-7c1e-7d33-9f60-aa55aa55aa55"; ROWS])),
            ("icao24", _) => Arc::new((0..ROWS).map(|i| Some(format!("{:06x}", i * 331))).collect::<StringArray>()),
            ("sensors" | "alert" | "emergency" | "registration" | "type_code" | "rssi", kind) => {
                new_null_array(kind, ROWS)
            }
            (_, DataType::Utf8) => {
                Arc::new((0..ROWS).map(|i| some(i).then(|| format!("DLH{i:04}"))).collect::<StringArray>())
            }
            (_, DataType::Float64) => Arc::new((0..ROWS).map(|i| some(i).then(|| number(i))).collect::<Float64Array>()),
            (_, DataType::Int32) => {
                Arc::new((0..ROWS).map(|i| some(i).then_some(i as i32 % 4)).collect::<Int32Array>())
            }
            (_, DataType::Boolean) => {
                Arc::new((0..ROWS).map(|i| some(i).then_some(i % 9 == 0)).collect::<BooleanArray>())
            }
            (_, DataType::Timestamp(..)) => {
                let at = |i: usize| some(i).then_some(1_700_000_000_000_000 + i as i64 * 1_000_000);
                Arc::new((0..ROWS).map(at).collect::<TimestampMicrosecondArray>().with_timezone(time::ZONE))
            }
            (name, kind) => panic!("no sample for {name}: {kind}"),
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns fit the schema")
}
