//! Rows to readsb's `aircraft.json`: SI back to feet, knots and feet a minute.
//!
//! Source of the fields: <https://github.com/wiedehopf/readsb/blob/dev/README-json.md>.

use std::io::Write as _;

use arrow::record_batch::RecordBatch;
use contrail_types::Micros;
use contrail_types::units::{metres_per_second_to_feet_per_minute, metres_per_second_to_knots, metres_to_feet};

use super::{Sheet, flag, number, put_rounded, put_text, text, time, whole};
use crate::wire::readsb::letter_category;

/// Writes `aircraft.json` as of `now`, from which `seen` and `seen_pos` count; `messages` is the total that tools use as
/// a sign of life. Aircraft without an address are left out.
pub fn write(batch: &RecordBatch, now: Micros, messages: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + batch.num_rows() * 280);
    out.extend_from_slice(b"{\"now\":");
    put_rounded(&mut out, now as f64 / 1e6, 3);
    let _ = write!(out, ",\"messages\":{messages},\"aircraft\":[");
    let sheet = Sheet::new(batch);
    let mut first = true;
    for row in 0..batch.num_rows() {
        let Some(icao24) = text(sheet.icao24, row) else { continue };
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(b"\n{\"hex\":");
        put_text(&mut out, icao24);
        aircraft(&mut out, &sheet, row, now);
        out.push(b'}');
    }
    out.extend_from_slice(b"\n]}\n");
    out
}

fn aircraft(out: &mut Vec<u8>, sheet: &Sheet<'_>, row: usize, now: Micros) {
    let source = whole(sheet.position_source, row);
    put(out, "type", Some(if source == Some(2) { "mlat" } else { "adsb_icao" }), put_text);
    let flight = text(sheet.callsign, row).map(|callsign| format!("{callsign:<8}"));
    put(out, "flight", flight.as_deref(), put_text);
    put(out, "r", text(sheet.registration, row), put_text);
    put(out, "t", text(sheet.type_code, row), put_text);
    let rounded = |decimals| move |out: &mut Vec<u8>, value: f64| put_rounded(out, value, decimals);
    if flag(sheet.on_ground, row) == Some(true) {
        put(out, "alt_baro", Some("ground"), put_text);
    } else {
        put(out, "alt_baro", number(sheet.baro_altitude, row).map(metres_to_feet), rounded(0));
    }
    put(out, "alt_geom", number(sheet.geo_altitude, row).map(metres_to_feet), rounded(0));
    put(out, "gs", number(sheet.velocity, row).map(metres_per_second_to_knots), rounded(1));
    put(out, "track", number(sheet.true_track, row), rounded(2));
    put(out, "baro_rate", number(sheet.vertical_rate, row).map(metres_per_second_to_feet_per_minute), rounded(0));
    put(out, "squawk", text(sheet.squawk, row), put_text);
    put(out, "emergency", text(sheet.emergency, row), put_text);
    put(out, "category", whole(sheet.category, row).and_then(letter_category), put_text);
    let position = number(sheet.latitude, row).zip(number(sheet.longitude, row));
    put(out, "lat", position.map(|p| p.0), rounded(6));
    put(out, "lon", position.map(|p| p.1), rounded(6));
    let age = |at: Option<Micros>| at.map(|at| (now.saturating_sub(at)).max(0) as f64 / 1e6);
    put(out, "seen_pos", position.and(age(time(sheet.time_position, row))), rounded(3));
    let bit = |out: &mut Vec<u8>, flag: bool| out.push(if flag { b'1' } else { b'0' });
    put(out, "alert", flag(sheet.alert, row), bit);
    put(out, "spi", flag(sheet.spi, row), bit);
    out.extend_from_slice(if source == Some(2) { b",\"mlat\":[\"lat\",\"lon\"]" } else { b",\"mlat\":[]" });
    out.extend_from_slice(b",\"tisb\":[],\"messages\":0");
    put(out, "seen", age(time(sheet.last_contact, row)).or(Some(0.0)), rounded(1));
    put(out, "rssi", number(sheet.rssi, row), rounded(1));
}

/// `,"key":value`, or nothing: readsb leaves out what it does not know.
fn put<T>(out: &mut Vec<u8>, key: &str, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    let Some(value) = value else { return };
    let _ = write!(out, ",\"{key}\":");
    write(out, value);
}
