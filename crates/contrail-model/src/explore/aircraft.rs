//! One aircraft's past, and how many there were.

use contrail_types::history::{AircraftDay, AircraftHistory, Timeline, Track, TrackColumns};
use contrail_types::time::{HOUR, MINUTE, SECOND, hour_of};
use contrail_types::{Micros, Time};

use super::Sources;
use super::question::within;
use super::rows::Rows;
use crate::engine::{Engine, EngineError, Input, Value};

/// What `aircraft_hours` knows about an aircraft, not who it is; `None` if it was never seen.
pub fn history(engine: &Engine, sources: &Sources, icao24: &str) -> Result<Option<AircraftHistory>, EngineError> {
    let inputs = [("aircraft_hours", sources.hours.clone())];
    // Text between callsigns that no callsign holds.
    let sql = "SELECT strftime(hour, '%Y-%m-%d') AS day, sum(observations)::BIGINT,
                      string_agg(DISTINCT callsign, chr(31) ORDER BY callsign), min(first_seen), max(last_seen), count(*)
               FROM aircraft_hours WHERE icao24 = ? GROUP BY day ORDER BY day DESC";
    let rows = Rows(engine.query_over(sql, &inputs, &[Value::Text(icao24.into())])?);
    let all = 0..rows.len();
    let (first, last) =
        (all.clone().filter_map(|i| rows.time(3, i)).min(), all.clone().filter_map(|i| rows.time(4, i)).max());
    let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
    let day = |i| AircraftDay {
        day: rows.text(0, i).unwrap_or_default().to_owned(),
        observations: rows.count(1, i),
        callsigns: rows.text(2, i).map(|t| t.split('\u{1f}').map(str::to_owned).collect()).unwrap_or_default(),
    };
    Ok(Some(AircraftHistory {
        icao24: icao24.to_owned(),
        first_seen: Some(Time(first)),
        last_seen: Some(Time(last)),
        hours_seen: all.clone().map(|i| rows.count(5, i)).sum(),
        days: all.map(day).collect(),
        ..AircraftHistory::default()
    }))
}

/// Positions of one aircraft in `from..to`, oldest first; `states` are the files (and rows not there yet) of that time.
pub fn track(engine: &Engine, states: &Input, icao24: &str, from: Micros, to: Micros) -> Result<Track, EngineError> {
    let sql =
        "SELECT last_contact, latitude, longitude, altitude, velocity, true_track, vertical_rate, on_ground, callsign
               FROM states WHERE icao24 = ? AND last_contact >= ? AND last_contact < ? ORDER BY last_contact";
    let params = [Value::Text(icao24.into()), Value::Time(from), Value::Time(to)];
    let rows = Rows(engine.query_over(sql, &[("states", states.clone())], &params)?);
    let all = 0..rows.len();
    let double = |column: usize| all.clone().map(|i| rows.double(column, i)).collect::<Vec<_>>();
    let position = |column: usize| all.clone().map(|i| rows.double(column, i).unwrap_or_default()).collect();
    let columns = TrackColumns {
        time: all.clone().map(|i| rows.time(0, i).unwrap_or_default() as f64 / SECOND as f64).collect(),
        latitude: position(1),
        longitude: position(2),
        altitude: double(3),
        speed: double(4),
        track: double(5),
        climb: double(6),
        on_ground: all.clone().map(|i| rows.flag(7, i)).collect(),
        callsign: all.clone().map(|i| rows.text(8, i).map(str::to_owned)).collect(),
    };
    Ok(Track { icao24: icao24.to_owned(), columns })
}

/// Distinct aircraft by ten minutes in `from..to` (whole ten minutes), out of `aircraft_hours`.
pub fn timeline(engine: &Engine, sources: &Sources, from: Micros, to: Micros) -> Result<Timeline, EngineError> {
    const BUCKET: Micros = 10 * MINUTE;
    let from = from.div_euclid(BUCKET) * BUCKET;
    let mut counts = vec![None; ((to - from).max(0) + BUCKET - 1).div_euclid(BUCKET) as usize];
    let tenths: Vec<String> = (0..6).map(|i| format!("count_if(seen_{i}0 > 0)::BIGINT")).collect();
    let sql = format!(
        "SELECT hour, {} FROM aircraft_hours WHERE {} GROUP BY hour",
        tenths.join(", "),
        within((hour_of(from), to.max(from) + HOUR))
    );
    let rows = Rows(engine.query_over(&sql, &[("aircraft_hours", sources.hours.clone())], &[])?);
    for row in 0..rows.len() {
        let hour = rows.time(0, row).unwrap_or_default();
        for tenth in 0..6 {
            let bucket = (hour + tenth as i64 * BUCKET - from).div_euclid(BUCKET);
            let count = rows.count(1 + tenth, row);
            if let Some(slot) = usize::try_from(bucket).ok().and_then(|b| counts.get_mut(b)).filter(|_| count > 0) {
                *slot = Some(count);
            }
        }
    }
    Ok(Timeline { bucket_s: (BUCKET / SECOND) as u32, start: Time(from), counts })
}
