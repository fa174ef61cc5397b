//! OpenSky's `/states/all`: bodies to rows, rows to bodies.
//!
//! Source of the fields: <https://openskynetwork.github.io/opensky-api/rest.html>. A body is an object with `time` (s)
//! and `states`, null or an array of arrays of 17 fields, 18 with `extended=1`; what comes after them is stepped over.

use contrail_types::{Icao24, Micros};

use super::rows::{Bad, Row, Rows, instant, limit};
use super::scan::{Broken, Scan, Scanner, Value};
use super::{BadAnswer, MOST_BYTES, Parsed, Stamp, answer_time};

pub use super::write::opensky::{WriteOptions, write};

/// Names of the 18 fields in their order on the wire.
pub const FIELDS: [&str; 18] = [
    "icao24",
    "callsign",
    "origin_country",
    "time_position",
    "last_contact",
    "longitude",
    "latitude",
    "baro_altitude",
    "on_ground",
    "velocity",
    "true_track",
    "vertical_rate",
    "sensors",
    "geo_altitude",
    "squawk",
    "spi",
    "position_source",
    "category",
];

/// Reads one body.
pub fn parse(body: &[u8], stamp: &Stamp<'_>) -> Result<Parsed, BadAnswer> {
    parse_all(&[body], stamp)
}

/// Reads the bodies of one fetch (the boxes of an area) as one answer; its time is the newest of theirs.
pub fn parse_all<B: AsRef<[u8]>>(bodies: &[B], stamp: &Stamp<'_>) -> Result<Parsed, BadAnswer> {
    let bytes: usize = bodies.iter().map(|body| body.as_ref().len()).sum();
    let mut rows = Rows::with_capacity(bytes / 125 + 8);
    let (mut bad, mut newest) = (Bad::default(), None::<Micros>);
    for body in bodies {
        let body = body.as_ref();
        if bytes > MOST_BYTES {
            return Err(BadAnswer::new(body, 0, "the answer is larger than 128 MiB"));
        }
        let seconds = answer(body, &mut rows, &mut bad).map_err(|b| BadAnswer::new(body, b.at, b.what))?;
        newest = newest.max(answer_time(seconds, stamp.fetched_at));
    }
    let states = rows
        .batch(stamp, newest.unwrap_or(stamp.fetched_at))
        .map_err(|_| BadAnswer::new(b"", 0, "the rows do not make a batch"))?;
    Ok(Parsed { answer_time: newest, states, rejected: rows.rejected, bad_fields: bad.0, left_out: rows.left_out })
}

/// The `time` of a body without reading its rows; `None` when it has none.
pub fn time_of(body: &[u8]) -> Option<Micros> {
    let mut scanner = Scanner::new(body);
    scanner.expect(b'{', "").ok()?;
    let mut first = true;
    while scanner.more(b'}', &mut first).ok()? {
        if scanner.key().ok()? == "time" {
            return match scanner.value().ok()? {
                Value::Number(seconds) => instant(seconds),
                _ => None,
            };
        }
        scanner.skip().ok()?;
    }
    None
}

/// One body into `rows`; returns its `time` in seconds.
fn answer(body: &[u8], rows: &mut Rows, bad: &mut Bad) -> Scan<Option<f64>> {
    let mut scanner = Scanner::new(body);
    scanner.expect(b'{', "it is no JSON object")?;
    let (mut time, mut states, mut first) = (None, false, true);
    while scanner.more(b'}', &mut first)? {
        let key = scanner.key()?;
        match &*key {
            "time" => {
                time = match scanner.value()? {
                    Value::Number(seconds) => Some(seconds),
                    Value::Null => None,
                    _ => bad.count("time"),
                }
            }
            "states" if states => return Err(Broken { at: scanner.at(), what: "states stands there twice" }),
            "states" => {
                states = true;
                if scanner.peek() == b'[' {
                    list(&mut scanner, rows, bad)?;
                } else if scanner.value()? != Value::Null {
                    return Err(Broken { at: scanner.at(), what: "states is neither an array nor null" });
                }
            }
            _ => scanner.skip()?,
        }
    }
    scanner.end()?;
    if states { Ok(time) } else { Err(Broken { at: body.len(), what: "it has no states" }) }
}

fn list(scanner: &mut Scanner<'_>, rows: &mut Rows, bad: &mut Bad) -> Scan<()> {
    scanner.expect(b'[', "expected the states")?;
    let mut first = true;
    while scanner.more(b']', &mut first)? {
        let is_array = scanner.peek() == b'[';
        let start = scanner.at();
        let fault = if is_array { state(scanner, rows, bad)? } else { Some("it is no array of fields") };
        if let Some(reason) = fault {
            scanner.back_to(start);
            scanner.skip()?;
            rows.reject(reason, scanner.since(start));
        }
    }
    Ok(())
}

/// One array of fields into `rows`, or the reason why it is no state (the scanner then stands anywhere inside it).
fn state(scanner: &mut Scanner<'_>, rows: &mut Rows, bad: &mut Bad) -> Scan<Option<&'static str>> {
    scanner.expect(b'[', "expected a state")?;
    let mut first = true;
    if !scanner.more(b']', &mut first)? {
        return Ok(Some("it has no fields"));
    }
    let Value::Text(address) = scanner.value()? else { return Ok(Some("icao24 is no text")) };
    let Some(icao24) = Icao24::parse(address.trim().as_bytes()) else {
        return Ok(Some("icao24 is not six hex digits"));
    };
    let (mut row, mut at) = (Row::default(), 1);
    while scanner.more(b']', &mut first)? {
        field(&mut row, at, scanner.value()?, bad);
        at += 1;
    }
    for missing in FIELDS.iter().take(17).skip(at) {
        bad.count::<()>(missing);
    }
    rows.push(icao24, &row);
    Ok(None)
}

#[inline]
fn field<'a>(row: &mut Row<'a>, at: usize, value: Value<'a>, bad: &mut Bad) {
    let Some(&name) = FIELDS.get(at) else { return };
    match at {
        1 => row.callsign = bad.text(name, value, limit::CALLSIGN),
        2 => row.origin_country = bad.text(name, value, limit::NAME),
        3 => row.time_position = bad.instant(name, value),
        4 => row.last_contact = bad.instant(name, value),
        5 => row.longitude = bad.number(name, value, 180.0),
        6 => row.latitude = bad.number(name, value, 90.0),
        7 => row.baro_altitude = bad.number(name, value, limit::ALTITUDE),
        8 => row.on_ground = bad.flag(name, value),
        9 => row.velocity = bad.number(name, value, limit::SPEED),
        10 => row.true_track = bad.track(name, value),
        11 => row.vertical_rate = bad.number(name, value, limit::SPEED),
        12 => row.sensors = bad.ids(name, value),
        13 => row.geo_altitude = bad.number(name, value, limit::ALTITUDE),
        14 => row.squawk = bad.squawk(name, value),
        15 => row.spi = bad.flag(name, value),
        16 => row.position_source = bad.whole(name, value, 255),
        17 => row.category = bad.whole(name, value, 255),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
