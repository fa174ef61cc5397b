//! A recording of the real sky through states and folds, against counts made straight from the recording's JSON.
//!
//! Recordings may not be passed on: without `CONTRAIL_RECORDINGS` (a folder) these tests say so and do nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use contrail_types::time::{HOUR, SECOND, hour_of};
use serde_json::Value;

use super::engine;
use super::sample::{Raw, batch};
use crate::{Fold, Input};

fn recording(name: &str) -> Option<Vec<Vec<Raw>>> {
    let Some(folder) = std::env::var_os("CONTRAIL_RECORDINGS").map(PathBuf::from) else {
        eprintln!("SKIPPED: set CONTRAIL_RECORDINGS to a folder with {name} to test with the real sky");
        return None;
    };
    let file = std::fs::File::open(folder.join(name)).unwrap();
    let mut offset = 0;
    let answers = BufReader::new(flate2::read::GzDecoder::new(file)).lines().enumerate().map(|(n, line)| {
        let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let time = answer["time"].as_i64().unwrap() * SECOND;
        let states = answer["states"].as_array().cloned().unwrap_or_default();
        states
            .iter()
            .map(|s| {
                let text = |i: usize| s[i].as_str().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
                offset += 1;
                Raw {
                    icao24: s[0].as_str().unwrap().into(),
                    callsign: text(1),
                    origin_country: text(2),
                    last_contact: s[4].as_i64().map(|t| t * SECOND),
                    answer_time: time,
                    fetched_at: n as i64 * SECOND,
                    position: s[6].as_f64().zip(s[5].as_f64()),
                    baro_altitude: s[7].as_f64(),
                    geo_altitude: s[13].as_f64(),
                    on_ground: s[8].as_bool(),
                    velocity: s[9].as_f64(),
                    vertical_rate: s[11].as_f64(),
                    log_offset: offset - 1,
                }
            })
            .collect()
    });
    Some(answers.collect())
}

#[test]
fn the_real_sky_is_counted_right() {
    for (name, rows, observations) in [
        ("global_24x60s_2024-04-28.ndjson.gz", 207_126, 186_674),
        ("dulles_raw_450_2023-03-14.ndjson.gz", 4_237, 2_289),
    ] {
        let Some(answers) = recording(name) else { return };
        let all: Vec<Raw> = answers.concat();
        assert_eq!(all.len(), rows, "{name}");
        let engine = engine();
        let project = engine.project();
        let run = |model: &str, input: &str, rows: RecordBatch| {
            engine.run(project.get(model).unwrap(), &[(input, Input::batch(rows))]).unwrap()
        };
        let states = run("states", "states_raw", batch(&all));
        assert_eq!(states.num_rows(), observations, "{name}");

        // One answer at a time: fold of what is new.
        let mut fold = Fold::new(project.get("aircraft_hours").unwrap());
        let mut seen = BTreeSet::new();
        for answer in &answers {
            let fresh: Vec<Raw> = answer
                .iter()
                .filter(|r| r.position.is_some() && seen.insert((r.icao24.clone(), r.last_contact)))
                .cloned()
                .collect();
            let part = run("aircraft_hours", "states", run("states", "states_raw", batch(&fresh)));
            fold.merge(&part).unwrap();
        }
        let hours = fold.batch(&fold.hours()).unwrap();
        let whole = run("aircraft_hours", "states", states.clone());
        assert_eq!(hours.num_rows(), whole.num_rows());

        // Countries, hours and bands, counted here from the JSON values.
        let mut won: BTreeMap<(&str, i64), &Raw> = BTreeMap::new();
        for row in all.iter().filter(|r| r.position.is_some()) {
            won.entry((&row.icao24, row.last_contact.unwrap())).or_insert(row);
        }
        let mut countries: BTreeMap<(i64, &str), (BTreeSet<&str>, i64)> = BTreeMap::new();
        let mut bands: BTreeMap<(i64, i32), i64> = BTreeMap::new();
        for ((icao24, contact), row) in &won {
            let hour = hour_of(*contact);
            let country = row.origin_country.as_deref().and_then(crate::reference::country_code).unwrap_or("");
            let entry = countries.entry((hour, country)).or_default();
            entry.0.insert(icao24);
            entry.1 += 1;
            let band = match (row.on_ground, row.baro_altitude.or(row.geo_altitude)) {
                (Some(true), _) => 0,
                (_, None) => -1,
                (_, Some(metres)) => 1 + ((metres / 1000.0).floor() as i32).clamp(0, 13),
            };
            *bands.entry((hour, band)).or_default() += 1;
        }
        let stats = run("country_stats", "aircraft_hours", hours.clone());
        let found: BTreeMap<(i64, &str), (usize, i64)> = (0..stats.num_rows())
            .map(|i| {
                let hour = stats.column(0).as_primitive::<TimestampMicrosecondType>().value(i);
                let country = stats.column(1).as_string::<i32>().iter().nth(i).flatten().unwrap_or("");
                let count = |c: &str| stats.column_by_name(c).unwrap().as_primitive::<Int64Type>().value(i);
                ((hour, country), (count("aircraft") as usize, count("observations")))
            })
            .collect();
        assert_eq!(found, countries.iter().map(|(k, v)| (*k, (v.0.len(), v.1))).collect());
        let altitude = run("altitude_distribution", "aircraft_hours", hours.clone());
        let found: BTreeMap<(i64, i32), i64> = (0..altitude.num_rows())
            .map(|i| {
                let hour = altitude.column(0).as_primitive::<TimestampMicrosecondType>().value(i);
                let band = altitude.column(1).as_primitive::<Int32Type>().value(i);
                ((hour, band), altitude.column_by_name("observations").unwrap().as_primitive::<Int64Type>().value(i))
            })
            .collect();
        assert_eq!(found, bands);
        assert!(bands.keys().all(|(h, _)| h % HOUR == 0));
    }
}
