//! readsb's `aircraft.json` (also dump1090's and tar1090's): bodies to rows, rows to bodies.
//!
//! Source of the fields: <https://github.com/wiedehopf/readsb/blob/dev/README-json.md>. Feet, knots and feet a minute
//! become SI, ages become instants (to 0.1 s, which is how exactly the receiver tells them). Addresses that are not
//! ICAO's (`~` in front) are no state and left out, counted; `dbFlags` has no column and is stepped over.

use contrail_types::units::{feet_per_minute_to_metres_per_second, feet_to_metres, knots_to_metres_per_second};
use contrail_types::{Icao24, Micros};

use super::rows::{Bad, Row, Rows, instant, limit};
use super::scan::{Broken, Scan, Scanner, Value};
use super::{BadAnswer, MOST_BYTES, Parsed, Stamp, answer_time};

pub use super::write::readsb::write;

/// Why a row was left out on purpose.
pub const NON_ICAO: &str = "non-ICAO address";

/// Reads one `aircraft.json`.
pub fn parse(body: &[u8], stamp: &Stamp<'_>) -> Result<Parsed, BadAnswer> {
    if body.len() > MOST_BYTES {
        return Err(BadAnswer::new(body, 0, "the answer is larger than 128 MiB"));
    }
    let (mut rows, mut bad) = (Rows::with_capacity(body.len() / 300 + 8), Bad::default());
    let broken = |b: Broken| BadAnswer::new(body, b.at, b.what);
    let head = head(body, &mut bad).map_err(broken)?;
    let own_time = answer_time(head.now, stamp.fetched_at);
    let answered = own_time.unwrap_or(stamp.fetched_at);
    if let Some(start) = head.aircraft {
        let mut scanner = Scanner::new(body);
        scanner.back_to(start);
        list(&mut scanner, answered, &mut rows, &mut bad).map_err(broken)?;
    }
    let states = rows.batch(stamp, answered).map_err(|_| BadAnswer::new(body, 0, "the rows do not make a batch"))?;
    Ok(Parsed { answer_time: own_time, states, rejected: rows.rejected, bad_fields: bad.0, left_out: rows.left_out })
}

/// OpenSky's number of an emitter category such as `A3`.
pub fn number_category(category: &str) -> Option<i32> {
    let &[set, digit @ b'0'..=b'7'] = category.as_bytes() else { return None };
    let digit = i32::from(digit - b'0');
    match (set.to_ascii_uppercase(), digit) {
        (b'A'..=b'D', 0) | (b'D', _) => Some(1),
        (b'A', _) => Some(1 + digit),
        (b'B', _) => Some(8 + digit),
        (b'C', 1..=5) => Some(15 + digit),
        (b'C', _) => Some(1),
        _ => None,
    }
}

/// The emitter category of OpenSky's number; `None` where it says nothing.
pub fn letter_category(category: i32) -> Option<&'static str> {
    const LETTERS: [&str; 20] = [
        "A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "C1", "C2", "C3",
        "C4", "C5",
    ];
    usize::try_from(category).ok()?.checked_sub(1).and_then(|at| LETTERS.get(at)).copied()
}

#[derive(Default)]
struct Head {
    now: Option<f64>,
    /// Where the array of aircraft begins: its ages need `now`, which may come after it.
    aircraft: Option<usize>,
}

fn head(body: &[u8], bad: &mut Bad) -> Scan<Head> {
    let mut scanner = Scanner::new(body);
    scanner.expect(b'{', "it is no JSON object")?;
    let (mut head, mut found, mut first) = (Head::default(), false, true);
    while scanner.more(b'}', &mut first)? {
        match &*scanner.key()? {
            "now" => {
                head.now = match scanner.value()? {
                    Value::Number(seconds) => Some(seconds),
                    Value::Null => None,
                    _ => bad.count("now"),
                }
            }
            "aircraft" if found => return Err(Broken { at: scanner.at(), what: "aircraft stands there twice" }),
            "aircraft" => {
                found = true;
                if scanner.peek() == b'[' {
                    head.aircraft = Some(scanner.at());
                    scanner.skip()?;
                } else if scanner.value()? != Value::Null {
                    return Err(Broken { at: scanner.at(), what: "aircraft is neither an array nor null" });
                }
            }
            _ => scanner.skip()?,
        }
    }
    scanner.end()?;
    if found { Ok(head) } else { Err(Broken { at: body.len(), what: "it has no aircraft" }) }
}

fn list(scanner: &mut Scanner<'_>, now: Micros, rows: &mut Rows, bad: &mut Bad) -> Scan<()> {
    scanner.expect(b'[', "expected the aircraft")?;
    let mut first = true;
    while scanner.more(b']', &mut first)? {
        let start = scanner.at();
        if scanner.peek() != b'{' {
            scanner.skip()?;
            rows.reject("it is no object", scanner.since(start));
            continue;
        }
        let craft = craft(scanner)?;
        let hex = match &craft.hex {
            Value::Text(hex) => hex.trim().as_bytes(),
            _ => b"",
        };
        match Icao24::parse(hex) {
            Some(icao24) => rows.push(icao24, &row(craft, now, bad)),
            None if hex.starts_with(b"~") => *rows.left_out.entry(NON_ICAO).or_default() += 1,
            None => rows.reject("hex is not six hex digits", scanner.since(start)),
        }
    }
    Ok(())
}

/// The values of one aircraft, as they stand there.
#[derive(Default)]
struct Craft<'a> {
    hex: Value<'a>,
    kind: Value<'a>,
    flight: Value<'a>,
    registration: Value<'a>,
    type_code: Value<'a>,
    alt_baro: Value<'a>,
    alt_geom: Value<'a>,
    speed: Value<'a>,
    track: Value<'a>,
    baro_rate: Value<'a>,
    geom_rate: Value<'a>,
    squawk: Value<'a>,
    emergency: Value<'a>,
    category: Value<'a>,
    lat: Value<'a>,
    lon: Value<'a>,
    seen_pos: Value<'a>,
    seen: Value<'a>,
    rssi: Value<'a>,
    alert: Value<'a>,
    spi: Value<'a>,
    mlat: Value<'a>,
    tisb: Value<'a>,
    last_position: Value<'a>,
}

fn craft<'a>(scanner: &mut Scanner<'a>) -> Scan<Craft<'a>> {
    scanner.expect(b'{', "expected an aircraft")?;
    let (mut craft, mut first) = (Craft::default(), true);
    while scanner.more(b'}', &mut first)? {
        let key = scanner.key()?;
        let value = scanner.value()?;
        let place = match &*key {
            "hex" => &mut craft.hex,
            "type" => &mut craft.kind,
            "flight" => &mut craft.flight,
            "r" => &mut craft.registration,
            "t" => &mut craft.type_code,
            // The second name is that of dump1090-mutability.
            "alt_baro" | "altitude" => &mut craft.alt_baro,
            "alt_geom" => &mut craft.alt_geom,
            "gs" | "speed" => &mut craft.speed,
            "track" => &mut craft.track,
            "baro_rate" | "vert_rate" => &mut craft.baro_rate,
            "geom_rate" => &mut craft.geom_rate,
            "squawk" => &mut craft.squawk,
            "emergency" => &mut craft.emergency,
            "category" => &mut craft.category,
            "lat" => &mut craft.lat,
            "lon" => &mut craft.lon,
            "seen_pos" => &mut craft.seen_pos,
            "seen" => &mut craft.seen,
            "rssi" => &mut craft.rssi,
            "alert" => &mut craft.alert,
            "spi" => &mut craft.spi,
            "mlat" => &mut craft.mlat,
            "tisb" => &mut craft.tisb,
            "lastPosition" => &mut craft.last_position,
            _ => continue,
        };
        *place = value;
    }
    Ok(craft)
}

/// A number of this unit cannot be larger, so that it fits the limits of the schema's unit.
mod most {
    use super::limit;

    pub const FEET: f64 = limit::ALTITUDE;
    pub const KNOTS: f64 = limit::SPEED;
    pub const FEET_A_MINUTE: f64 = 1e6;
    /// Seconds: a year.
    pub const AGE: f64 = 366.0 * 86_400.0;
    pub const DECIBELS: f64 = 1e3;
}

fn row<'a>(mut craft: Craft<'a>, now: Micros, bad: &mut Bad) -> Row<'a> {
    let position = position(&mut craft, bad);
    let ground = matches!(&craft.alt_baro, Value::Text(text) if text == "ground");
    let feet = if ground { None } else { bad.number("alt_baro", craft.alt_baro, most::FEET) };
    let climb = bad.number("baro_rate", craft.baro_rate, most::FEET_A_MINUTE);
    let climb = climb.or_else(|| bad.number("geom_rate", craft.geom_rate, most::FEET_A_MINUTE));
    let category = bad.text("category", craft.category, 2);
    let category = category.and_then(|letters| number_category(&letters).or_else(|| bad.count("category")));
    let latitude = position.as_ref().map(|p| p.latitude);
    let position_source = match &position {
        Some(_) => source(&craft.kind, &craft.mlat, &craft.tisb),
        None => None,
    };
    Row {
        callsign: bad.text("flight", craft.flight, limit::CALLSIGN),
        origin_country: None,
        time_position: position.as_ref().and_then(|p| p.age).and_then(|age| before(now, age)),
        last_contact: bad.number("seen", craft.seen, most::AGE).and_then(|age| before(now, age)),
        longitude: position.as_ref().map(|p| p.longitude),
        latitude,
        baro_altitude: feet.map(feet_to_metres),
        on_ground: if ground { Some(true) } else { feet.map(|_| false) },
        velocity: bad.number("gs", craft.speed, most::KNOTS).map(knots_to_metres_per_second),
        true_track: bad.track("track", craft.track),
        vertical_rate: climb.map(feet_per_minute_to_metres_per_second),
        sensors: None,
        geo_altitude: bad.number("alt_geom", craft.alt_geom, most::FEET).map(feet_to_metres),
        squawk: bad.squawk("squawk", craft.squawk),
        spi: bad.bit("spi", craft.spi),
        position_source,
        category,
        alert: bad.bit("alert", craft.alert),
        emergency: bad.text("emergency", craft.emergency, limit::NAME).filter(|text| text != "none"),
        registration: bad.text("r", craft.registration, limit::NAME),
        type_code: bad.text("t", craft.type_code, limit::NAME),
        rssi: bad.number("rssi", craft.rssi, most::DECIBELS),
    }
}

struct Position {
    latitude: f64,
    longitude: f64,
    /// Seconds before `now`.
    age: Option<f64>,
}

/// The position, or the last one known where readsb says that it is old.
fn position(craft: &mut Craft<'_>, bad: &mut Bad) -> Option<Position> {
    let mut take = |lat: &mut Value<'_>, lon: &mut Value<'_>, seen_pos: &mut Value<'_>| {
        let latitude = bad.number("lat", std::mem::take(lat), 90.0);
        let longitude = bad.number("lon", std::mem::take(lon), 180.0);
        let age = bad.number("seen_pos", std::mem::take(seen_pos), most::AGE);
        Some(Position { latitude: latitude?, longitude: longitude?, age })
    };
    let fresh = take(&mut craft.lat, &mut craft.lon, &mut craft.seen_pos);
    let Value::Object(raw) = std::mem::take(&mut craft.last_position) else { return fresh };
    fresh.or_else(|| {
        let mut last = self::craft(&mut Scanner::new(raw)).ok()?;
        take(&mut last.lat, &mut last.lon, &mut last.seen_pos)
    })
}

/// OpenSky's number for where a position comes from; radar rebroadcast (TIS-B) has none.
fn source(kind: &Value<'_>, mlat: &Value<'_>, tisb: &Value<'_>) -> Option<i32> {
    let lists_lat = |value: &Value<'_>| matches!(value, Value::Array(raw) if raw.windows(5).any(|w| w == b"\"lat\""));
    match kind {
        Value::Text(kind) if kind.starts_with("adsb") || kind.starts_with("adsr") || kind == "adsc" => Some(0),
        Value::Text(kind) if kind == "mlat" => Some(2),
        Value::Text(_) => None,
        _ if lists_lat(mlat) => Some(2),
        _ if lists_lat(tisb) => None,
        _ => Some(0),
    }
}

/// The instant `age` seconds before `now`, to 0.1 s.
fn before(now: Micros, age: f64) -> Option<Micros> {
    instant(((now as f64 / 1e6 - age) * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests;
