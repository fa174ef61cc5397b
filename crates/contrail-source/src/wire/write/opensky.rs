//! Rows to a body of OpenSky's `/states/all`.

use std::io::Write as _;

use arrow::record_batch::RecordBatch;
use contrail_types::Micros;
use contrail_types::time::SECOND;

use super::{Sheet, flag, ids, number, or_null, put_flag, put_number, put_text, text, time, whole};

/// How a body is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// The 18th field, the category.
    pub extended: bool,
    /// A missing callsign as the real server writes it: empty, or eight blanks; else null.
    pub blank_callsigns: bool,
}

/// Writes a body with `time` (whole seconds). Without rows `states` is null, as on the real server. A batch may have any
/// columns: what is missing is null.
pub fn write(batch: &RecordBatch, time_of_answer: Micros, options: WriteOptions) -> Vec<u8> {
    let rows = batch.num_rows();
    let mut out = Vec::with_capacity(64 + rows * 144);
    let _ = write!(out, "{{\"time\":{},\"states\":", time_of_answer.div_euclid(SECOND));
    if rows == 0 {
        out.extend_from_slice(b"null}");
        return out;
    }
    let sheet = Sheet::new(batch);
    for row in 0..rows {
        out.push(if row == 0 { b'[' } else { b',' });
        state(&mut out, &sheet, row, options);
    }
    out.extend_from_slice(b"]}");
    out
}

fn state(out: &mut Vec<u8>, sheet: &Sheet<'_>, row: usize, options: WriteOptions) {
    let seconds = |out: &mut Vec<u8>, us: Micros| {
        let _ = write!(out, "{}", us.div_euclid(SECOND));
    };
    let int = |out: &mut Vec<u8>, value: i32| {
        let _ = write!(out, "{value}");
    };
    let icao24 = text(sheet.icao24, row);
    out.push(b'[');
    or_null(out, icao24, put_text);
    out.push(b',');
    callsign(out, text(sheet.callsign, row), icao24, options);
    out.push(b',');
    or_null(out, text(sheet.origin_country, row), put_text);
    for column in [sheet.time_position, sheet.last_contact] {
        out.push(b',');
        or_null(out, time(column, row), seconds);
    }
    for column in [sheet.longitude, sheet.latitude, sheet.baro_altitude] {
        out.push(b',');
        or_null(out, number(column, row), put_number);
    }
    out.push(b',');
    or_null(out, flag(sheet.on_ground, row), put_flag);
    for column in [sheet.velocity, sheet.true_track, sheet.vertical_rate] {
        out.push(b',');
        or_null(out, number(column, row), put_number);
    }
    out.push(b',');
    or_null(out, ids(sheet.sensors, row), |out, ids| {
        let _ = serde_json::to_writer(out, &ids);
    });
    out.push(b',');
    or_null(out, number(sheet.geo_altitude, row), put_number);
    out.push(b',');
    or_null(out, text(sheet.squawk, row), put_text);
    out.push(b',');
    or_null(out, flag(sheet.spi, row), put_flag);
    out.push(b',');
    or_null(out, whole(sheet.position_source, row), int);
    if options.extended {
        out.push(b',');
        or_null(out, whole(sheet.category, row).or(Some(0)), int);
    }
    out.push(b']');
}

/// Callsigns are padded to eight places. Which aircraft shows which kind of blank depends on its address alone.
fn callsign(out: &mut Vec<u8>, callsign: Option<&str>, icao24: Option<&str>, options: WriteOptions) {
    match callsign {
        Some(callsign) => put_text(out, &format!("{callsign:<8}")),
        None if !options.blank_callsigns => out.extend_from_slice(b"null"),
        None if icao24.is_some_and(|a| a.bytes().last().is_some_and(|b| b % 2 == 0)) => out.extend_from_slice(b"\"\""),
        None => out.extend_from_slice(b"\"        \""),
    }
}
