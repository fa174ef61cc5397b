//! Rows back to JSON: what the two writers share, reading columns by name and writing values.

pub mod opensky;
pub mod readsb;

use std::io::Write as _;

use arrow::array::{
    Array, AsArray, BooleanArray, Float64Array, Int32Array, ListArray, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Float64Type, Int32Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use contrail_types::Micros;

/// The columns of a state batch, found by name; one that is missing, or of another type, has no values.
pub struct Sheet<'a> {
    pub icao24: Option<&'a StringArray>,
    pub callsign: Option<&'a StringArray>,
    pub origin_country: Option<&'a StringArray>,
    pub time_position: Option<&'a TimestampMicrosecondArray>,
    pub last_contact: Option<&'a TimestampMicrosecondArray>,
    pub longitude: Option<&'a Float64Array>,
    pub latitude: Option<&'a Float64Array>,
    pub baro_altitude: Option<&'a Float64Array>,
    pub on_ground: Option<&'a BooleanArray>,
    pub velocity: Option<&'a Float64Array>,
    pub true_track: Option<&'a Float64Array>,
    pub vertical_rate: Option<&'a Float64Array>,
    pub sensors: Option<&'a ListArray>,
    pub geo_altitude: Option<&'a Float64Array>,
    pub squawk: Option<&'a StringArray>,
    pub spi: Option<&'a BooleanArray>,
    pub position_source: Option<&'a Int32Array>,
    pub category: Option<&'a Int32Array>,
    pub alert: Option<&'a BooleanArray>,
    pub emergency: Option<&'a StringArray>,
    pub registration: Option<&'a StringArray>,
    pub type_code: Option<&'a StringArray>,
    pub rssi: Option<&'a Float64Array>,
}

impl<'a> Sheet<'a> {
    pub fn new(batch: &'a RecordBatch) -> Self {
        let text = |name| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        let time = |name| batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let number = |name| batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Float64Type>());
        let whole = |name| batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<Int32Type>());
        let flag = |name| batch.column_by_name(name).and_then(|c| c.as_boolean_opt());
        Self {
            icao24: text("icao24"),
            callsign: text("callsign"),
            origin_country: text("origin_country"),
            time_position: time("time_position"),
            last_contact: time("last_contact"),
            longitude: number("longitude"),
            latitude: number("latitude"),
            baro_altitude: number("baro_altitude"),
            on_ground: flag("on_ground"),
            velocity: number("velocity"),
            true_track: number("true_track"),
            vertical_rate: number("vertical_rate"),
            sensors: batch.column_by_name("sensors").and_then(|c| c.as_list_opt::<i32>()),
            geo_altitude: number("geo_altitude"),
            squawk: text("squawk"),
            spi: flag("spi"),
            position_source: whole("position_source"),
            category: whole("category"),
            alert: flag("alert"),
            emergency: text("emergency"),
            registration: text("registration"),
            type_code: text("type_code"),
            rssi: number("rssi"),
        }
    }
}

fn there<A: Array>(column: Option<&A>, row: usize) -> Option<&A> {
    column.filter(|column| column.is_valid(row))
}

pub fn text(column: Option<&StringArray>, row: usize) -> Option<&str> {
    there(column, row).map(|column| column.value(row))
}

pub fn time(column: Option<&TimestampMicrosecondArray>, row: usize) -> Option<Micros> {
    there(column, row).map(|column| column.value(row))
}

pub fn number(column: Option<&Float64Array>, row: usize) -> Option<f64> {
    there(column, row).map(|column| column.value(row)).filter(|number| number.is_finite())
}

pub fn whole(column: Option<&Int32Array>, row: usize) -> Option<i32> {
    there(column, row).map(|column| column.value(row))
}

pub fn flag(column: Option<&BooleanArray>, row: usize) -> Option<bool> {
    there(column, row).map(|column| column.value(row))
}

pub fn ids(column: Option<&ListArray>, row: usize) -> Option<Vec<i32>> {
    let list = there(column, row)?.value(row);
    let ids = list.as_primitive_opt::<Int32Type>()?;
    Some(ids.iter().flatten().collect())
}

/// A finite number in as few digits as bring it back; whole ones without a point, as OpenSky writes them.
pub fn put_number(out: &mut Vec<u8>, number: f64) {
    // Writing to a Vec cannot fail.
    let _ = if number.fract() == 0.0 && number.abs() < 1e15 {
        write!(out, "{}", number as i64)
    } else {
        write!(out, "{number:?}")
    };
}

/// A number rounded to `decimals` places.
pub fn put_rounded(out: &mut Vec<u8>, number: f64, decimals: i32) {
    let scale = 10f64.powi(decimals);
    put_number(out, (number * scale).round() / scale);
}

pub fn put_text(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let _ = serde_json::to_writer(&mut *out, text);
    }
}

pub fn put_flag(out: &mut Vec<u8>, flag: bool) {
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

/// The value, or `null`.
pub fn or_null<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => put(out, value),
        None => out.extend_from_slice(b"null"),
    }
}
