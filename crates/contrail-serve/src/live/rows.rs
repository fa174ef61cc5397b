//! A batch of states as typed columns, checked once.

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{Array, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use contrail_types::Micros;

use super::LiveError;

/// The columns that the live sky reads. Values are read by row; a null number is NaN.
pub struct Rows<'a> {
    pub len: usize,
    pub icao24: &'a StringArray,
    pub feed: &'a StringArray,
    pub fetch_id: &'a StringArray,
    pub fetched_at: &'a TimestampMicrosecondArray,
    pub answer_time: &'a TimestampMicrosecondArray,
    pub callsign: &'a StringArray,
    pub origin_country: &'a StringArray,
    pub time_position: &'a TimestampMicrosecondArray,
    pub last_contact: &'a TimestampMicrosecondArray,
    pub longitude: &'a Float64Array,
    pub latitude: &'a Float64Array,
    pub baro_altitude: &'a Float64Array,
    pub on_ground: &'a BooleanArray,
    pub velocity: &'a Float64Array,
    pub true_track: &'a Float64Array,
    pub vertical_rate: &'a Float64Array,
    pub geo_altitude: &'a Float64Array,
    pub squawk: &'a StringArray,
    pub spi: &'a BooleanArray,
    pub position_source: &'a Int32Array,
    pub category: &'a Int32Array,
    pub alert: &'a BooleanArray,
    pub emergency: &'a StringArray,
    pub registration: &'a StringArray,
    pub type_code: &'a StringArray,
    pub rssi: &'a Float64Array,
    /// Only where the batch comes out of a log.
    pub log_offset: Option<&'a Int64Array>,
}

impl<'a> Rows<'a> {
    pub fn of(batch: &'a RecordBatch) -> Result<Self, LiveError> {
        macro_rules! column {
            ($name:ident, $array:ty, $expected:literal) => {
                batch
                    .column_by_name(stringify!($name))
                    .and_then(|c| c.as_any().downcast_ref::<$array>())
                    .ok_or(LiveError::Column { name: stringify!($name), expected: $expected })?
            };
        }
        macro_rules! rows {
            ($($name:ident: $array:ty = $expected:literal),* $(,)?) => {
                Self {
                    len: batch.num_rows(),
                    $($name: column!($name, $array, $expected),)*
                    log_offset: batch.column_by_name("log_offset").and_then(|c| c.as_any().downcast_ref()),
                }
            };
        }
        Ok(rows! {
            icao24: StringArray = "text",
            feed: StringArray = "text",
            fetch_id: StringArray = "text",
            fetched_at: TimestampMicrosecondArray = "timestamp",
            answer_time: TimestampMicrosecondArray = "timestamp",
            callsign: StringArray = "text",
            origin_country: StringArray = "text",
            time_position: TimestampMicrosecondArray = "timestamp",
            last_contact: TimestampMicrosecondArray = "timestamp",
            longitude: Float64Array = "double",
            latitude: Float64Array = "double",
            baro_altitude: Float64Array = "double",
            on_ground: BooleanArray = "boolean",
            velocity: Float64Array = "double",
            true_track: Float64Array = "double",
            vertical_rate: Float64Array = "double",
            geo_altitude: Float64Array = "double",
            squawk: StringArray = "text",
            spi: BooleanArray = "boolean",
            position_source: Int32Array = "int",
            category: Int32Array = "int",
            alert: BooleanArray = "boolean",
            emergency: StringArray = "text",
            registration: StringArray = "text",
            type_code: StringArray = "text",
            rssi: Float64Array = "double",
        })
    }
}

pub fn text(array: &StringArray, row: usize) -> Option<&str> {
    array.is_valid(row).then(|| array.value(row))
}

pub fn number(array: &Float64Array, row: usize) -> f64 {
    if array.is_valid(row) { array.value(row) } else { f64::NAN }
}

pub fn int(array: &Int32Array, row: usize) -> Option<i32> {
    array.is_valid(row).then(|| array.value(row))
}

pub fn truth(array: &BooleanArray, row: usize) -> Option<bool> {
    array.is_valid(row).then(|| array.value(row))
}

pub fn instant(array: &TimestampMicrosecondArray, row: usize) -> Option<Micros> {
    array.is_valid(row).then(|| array.value(row))
}
