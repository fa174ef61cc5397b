//! Raw rows for tests: a readable struct, its Arrow form, and a strategy that makes awkward ones.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use contrail_types::state::raw_table;
use contrail_types::time::{HOUR, SECOND, ZONE};
use proptest::prelude::*;

/// The columns of a raw row that models look at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Raw {
    pub icao24: String,
    pub callsign: Option<String>,
    pub origin_country: Option<String>,
    pub last_contact: Option<i64>,
    pub answer_time: i64,
    pub fetched_at: i64,
    pub position: Option<(f64, f64)>,
    pub baro_altitude: Option<f64>,
    pub geo_altitude: Option<f64>,
    pub on_ground: Option<bool>,
    pub velocity: Option<f64>,
    pub vertical_rate: Option<f64>,
    pub log_offset: i64,
}

/// A whole hour.
pub(crate) const T0: i64 = 475_000 * HOUR;

impl Default for Raw {
    fn default() -> Self {
        Self {
            icao24: "3c6444".into(),
            callsign: Some("DLH400".into()),
            origin_country: Some("Germany".into()),
            last_contact: Some(T0),
            answer_time: T0,
            fetched_at: T0,
            position: Some((50.0, 8.5)),
            baro_altitude: Some(10_668.0),
            geo_altitude: None,
            on_ground: Some(false),
            velocity: Some(230.0),
            vertical_rate: Some(0.0),
            log_offset: 0,
        }
    }
}

pub(crate) fn batch(rows: &[Raw]) -> RecordBatch {
    let text = |f: &dyn Fn(&Raw) -> Option<String>| Arc::new(rows.iter().map(f).collect::<StringArray>()) as ArrayRef;
    let double = |f: &dyn Fn(&Raw) -> Option<f64>| Arc::new(rows.iter().map(f).collect::<Float64Array>()) as ArrayRef;
    let time = |f: &dyn Fn(&Raw) -> Option<i64>| {
        Arc::new(rows.iter().map(f).collect::<TimestampMicrosecondArray>().with_timezone(ZONE)) as ArrayRef
    };
    let schema = raw_table().arrow_schema();
    let columns = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "feed" => text(&|_| Some("test".into())),
            "fetch_id" => text(&|r| Some(r.fetched_at.to_string())),
            "fetched_at" => time(&|r| Some(r.fetched_at)),
            "answer_time" => time(&|r| Some(r.answer_time)),
            "icao24" => text(&|r| Some(r.icao24.clone())),
            "callsign" => text(&|r| r.callsign.clone()),
            "origin_country" => text(&|r| r.origin_country.clone()),
            "last_contact" => time(&|r| r.last_contact),
            "longitude" => double(&|r| r.position.map(|p| p.1)),
            "latitude" => double(&|r| r.position.map(|p| p.0)),
            "baro_altitude" => double(&|r| r.baro_altitude),
            "geo_altitude" => double(&|r| r.geo_altitude),
            "on_ground" => Arc::new(rows.iter().map(|r| r.on_ground).collect::<BooleanArray>()),
            "velocity" => double(&|r| r.velocity),
            "vertical_rate" => double(&|r| r.vertical_rate),
            "log_stream" => text(&|_| Some("log".into())),
            "log_partition" => Arc::new(Int32Array::from(vec![0; rows.len()])),
            "log_offset" => Arc::new(rows.iter().map(|r| r.log_offset).collect::<Int64Array>()),
            _ => new_null_array(field.data_type(), rows.len()),
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema, columns, &options).unwrap()
}

prop_compose! {
    fn raw()(
        aircraft in 0..5u32,
        callsign in prop::option::of(prop::sample::select(vec!["DLH400", "BAW12", "N123AB", "D-ABCD", "ZZZ9", "AFR7XY"])),
        country in prop::option::of(prop::sample::select(vec!["Germany", "Kingdom of the Netherlands", "Atlantis", ""])),
        // Around a border between two hours, so that both are touched.
        contact in prop::option::weighted(0.95, -90..90i64),
        lag in prop::sample::select(vec![0i64, 5, 60, 61, 300, 86_400, 86_401, -60, -61]),
        fetched in 0..4i64,
        position in prop::option::weighted(0.9, (-90.0..=90.0f64, -180.0..=180.0f64)),
        baro in prop::option::weighted(0.8, -200.0..14_500.0f64),
        geo in prop::option::of(-200.0..40_000.0f64),
        on_ground in prop::option::weighted(0.9, prop::bool::weighted(0.2)),
        velocity in prop::option::weighted(0.9, prop_oneof![9 => 0.0..300.0f64, 1 => 2000.0..3000.0f64]),
        vertical_rate in prop::option::weighted(0.8, prop_oneof![9 => -15.0..15.0f64, 1 => 500.0..700.0f64]),
    ) -> Raw {
        let last_contact = contact.map(|c| T0 + c * 40 * SECOND);
        Raw {
            icao24: format!("3c644{aircraft}"),
            callsign: callsign.map(Into::into),
            origin_country: country.map(Into::into),
            answer_time: last_contact.unwrap_or(T0) + lag * SECOND,
            fetched_at: T0 + fetched * SECOND,
            last_contact,
            position,
            baro_altitude: baro,
            geo_altitude: geo,
            on_ground,
            velocity,
            vertical_rate,
            log_offset: 0,
        }
    }
}

/// Rows with repeats of keys (equal and different), late ones and invalid ones, offsets unique.
pub(crate) fn rows(most: usize) -> impl Strategy<Value = Vec<Raw>> {
    (prop::collection::vec(raw(), 0..most), prop::collection::vec((any::<prop::sample::Index>(), raw()), 0..most / 3))
        .prop_map(|(mut rows, repeats)| {
            for (which, other) in repeats {
                if !rows.is_empty() {
                    let key = which.get(&rows).clone();
                    rows.push(Raw { icao24: key.icao24, last_contact: key.last_contact, ..other });
                }
            }
            for (offset, row) in rows.iter_mut().enumerate() {
                row.log_offset = offset as i64;
            }
            rows
        })
}
