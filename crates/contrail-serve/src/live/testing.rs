//! Batches of states for tests.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema};
use contrail_types::{Micros, state, time};

pub const S: Micros = time::SECOND;
pub const T0: Micros = 1_714_311_965 * S;

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub feed: &'static str,
    pub fetch: u32,
    pub fetched_at: Micros,
    pub answer_time: Micros,
    pub icao24: String,
    pub callsign: Option<String>,
    pub origin_country: Option<&'static str>,
    pub time_position: Option<Micros>,
    pub last_contact: Option<Micros>,
    pub position: Option<(f64, f64)>,
    pub altitude: Option<f64>,
    pub velocity: Option<f64>,
    pub squawk: Option<&'static str>,
    pub registration: Option<&'static str>,
    pub category: Option<i32>,
    pub offset: i64,
}

/// A row that is heard at `T0` and fetched three seconds later.
pub fn row(icao24: u32) -> Row {
    Row {
        feed: "opensky",
        fetch: 1,
        fetched_at: T0 + 3 * S,
        answer_time: T0,
        icao24: format!("{icao24:06x}"),
        callsign: Some(format!("DLH{}", icao24 % 1000)),
        origin_country: Some("Germany"),
        time_position: Some(T0),
        last_contact: Some(T0),
        position: Some((50.0, 8.0)),
        altitude: Some(10_000.0),
        velocity: Some(230.0),
        squawk: Some("1000"),
        registration: None,
        category: Some(0),
        offset: i64::from(icao24),
    }
}

pub fn batch(rows: &[Row]) -> RecordBatch {
    let text =
        |of: &dyn Fn(&Row) -> Option<String>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
    let number =
        |of: &dyn Fn(&Row) -> Option<f64>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Float64Array>()) };
    let instant = |of: &dyn Fn(&Row) -> Option<Micros>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<TimestampMicrosecondArray>().with_timezone(time::ZONE))
    };
    let mut fields: Vec<Arc<Field>> = state::schema().fields().iter().cloned().collect();
    let mut columns: Vec<ArrayRef> = fields
        .iter()
        .map(|field| match field.name().as_str() {
            "feed" => text(&|r| Some(r.feed.to_owned())),
            "fetch_id" => text(&|r| Some(format!("fetch-{}", r.fetch))),
            "fetched_at" => instant(&|r| Some(r.fetched_at)),
            "answer_time" => instant(&|r| Some(r.answer_time)),
            "icao24" => text(&|r| Some(r.icao24.clone())),
            "callsign" => text(&|r| r.callsign.clone()),
            "origin_country" => text(&|r| r.origin_country.map(str::to_owned)),
            "time_position" => instant(&|r| r.time_position),
            "last_contact" => instant(&|r| r.last_contact),
            "longitude" => number(&|r| r.position.map(|p| p.1)),
            "latitude" => number(&|r| r.position.map(|p| p.0)),
            "baro_altitude" => number(&|r| r.altitude),
            "velocity" => number(&|r| r.velocity),
            "true_track" => number(&|_| Some(90.0)),
            "vertical_rate" => number(&|_| Some(0.0)),
            "squawk" => text(&|r| r.squawk.map(str::to_owned)),
            "registration" => text(&|r| r.registration.map(str::to_owned)),
            "on_ground" => Arc::new(rows.iter().map(|_| Some(false)).collect::<BooleanArray>()),
            "category" => Arc::new(rows.iter().map(|r| r.category).collect::<Int32Array>()),
            _ => new_null_array(field.data_type(), rows.len()),
        })
        .collect();
    fields.push(Arc::new(Field::new("log_offset", DataType::Int64, false)));
    columns.push(Arc::new(rows.iter().map(|r| Some(r.offset)).collect::<Int64Array>()));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// The first `rows` of a made-up sky at `at`, spread over the world.
pub fn sky(rows: u32, at: Micros) -> RecordBatch {
    let one = |i: u32| {
        let (u, v) = (f64::from(i.wrapping_mul(2_654_435_761) >> 8) / 16_777_216.0, f64::from(i % 997) / 997.0);
        let age = Micros::from(i % 16) * S;
        Row {
            fetched_at: at + 3 * S,
            answer_time: at,
            last_contact: Some(at - age),
            time_position: Some(at - age),
            position: Some((u * 140.0 - 70.0, v * 360.0 - 180.0 + (at % (3600 * S)) as f64 / 1e12)),
            altitude: Some(u * 12_000.0),
            velocity: Some(v * 260.0),
            ..row(i * 7 + 1)
        }
    };
    batch(&(0..rows).map(one).collect::<Vec<_>>())
}
