//! Marts against plain SQL straight over the cleaned states, mart tables in DuckDB, and their Parquet export.

use std::collections::BTreeSet;
use std::path::PathBuf;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use contrail_types::time::{DAY, HOUR, SECOND, day_of, to_datetime};

use super::engine;
use super::sample::{Raw, T0, batch};
use crate::{Engine, Input};

/// Some thousand rows over 30 hours, without a random number.
pub(super) fn rows() -> Vec<Raw> {
    let countries = ["Germany", "United States", "Kingdom of the Netherlands", "Atlantis"];
    let callsigns = ["DLH400", "UAL12", "KLM7X", "N123AB"];
    (0..4000i64)
        .map(|i| {
            let (aircraft, contact) = (i * 7 % 61, T0 + i * 27 * SECOND);
            Raw {
                icao24: format!("3c{aircraft:04x}"),
                callsign: (aircraft % 5 != 0).then(|| callsigns[aircraft as usize % 4].into()),
                origin_country: Some(countries[aircraft as usize % 4].into()),
                last_contact: Some(contact),
                answer_time: contact + (i % 70) * SECOND,
                fetched_at: contact,
                position: Some((-60.0 + (i % 97) as f64, -170.0 + (i % 331) as f64)),
                baro_altitude: (i % 11 != 0).then_some((i * 37 % 14_000) as f64 + 0.25),
                on_ground: Some(i % 13 == 0),
                velocity: Some((i % 290) as f64),
                vertical_rate: (i % 17 != 0).then_some((i % 21) as f64 - 10.0),
                log_offset: i,
                ..Raw::default()
            }
        })
        .collect()
}

/// states, aircraft_hours and aircraft_cells of [`rows`].
pub(super) fn tables(engine: &Engine) -> [(&'static str, RecordBatch); 3] {
    let project = engine.project();
    let run = |model: &str, input: &str, rows: RecordBatch| {
        engine.run(project.get(model).unwrap(), &[(input, Input::batch(rows))]).unwrap()
    };
    let states = run("states", "states_raw", batch(&rows()));
    let hours = run("aircraft_hours", "states", states.clone());
    let cells = run("aircraft_cells", "states", states.clone());
    [("states", states), ("aircraft_hours", hours), ("aircraft_cells", cells)]
}

fn mart(engine: &Engine, tables: &[(&'static str, RecordBatch)], name: &str) -> RecordBatch {
    let model = engine.project().get(name).unwrap();
    let inputs: Vec<(&str, Input)> = tables.iter().map(|(n, b)| (*n, Input::batch(b.clone()))).collect();
    let inputs: Vec<_> = inputs.into_iter().filter(|(n, _)| model.inputs.iter().any(|i| i == n)).collect();
    let rows = engine.run(model, &inputs).unwrap();
    let failures = engine.checks(model, &rows).unwrap();
    assert!(failures.is_empty(), "{name}: {failures:?}");
    rows
}

/// What the mart says, and the same asked of the states directly.
const MARTS: &[(&str, &str, &str)] = &[
        (
            "country_stats",
            "SELECT hour, country, aircraft, observations, airborne, airlines, round(altitude_mean, 6), round(speed_mean, 6) FROM mart",
            "SELECT date_trunc('hour', last_contact), country, count(DISTINCT icao24), count(*), count_if(is_airborne),
                    count(DISTINCT airline), round(avg(altitude) FILTER (is_airborne AND NOT is_suspect), 6),
                    round(avg(velocity) FILTER (is_airborne AND NOT is_suspect), 6)
             FROM states GROUP BY ALL",
        ),
        (
            "hourly_activity",
            "SELECT hour, aircraft, airborne_aircraft, observations, stale, countries, airlines FROM mart",
            "SELECT date_trunc('hour', last_contact), count(DISTINCT icao24), count(DISTINCT icao24) FILTER (is_airborne), count(*),
                    count_if(is_stale), count(DISTINCT country), count(DISTINCT airline)
             FROM states GROUP BY ALL",
        ),
        (
            "airline_activity",
            "SELECT hour, airline, airline_name, aircraft, observations FROM mart",
            "SELECT date_trunc('hour', last_contact), airline,
                    CASE airline WHEN 'DLH' THEN 'Lufthansa' WHEN 'UAL' THEN 'United Airlines' ELSE 'KLM' END,
                    count(DISTINCT icao24), count(*)
             FROM states WHERE airline IS NOT NULL GROUP BY ALL",
        ),
        (
            "altitude_distribution",
            "SELECT hour, altitude_band, from_m, to_m, aircraft, observations FROM mart",
            "SELECT date_trunc('hour', last_contact),
                    CASE WHEN on_ground THEN 0 WHEN altitude IS NULL THEN -1 ELSE least(floor(altitude / 1000), 13) + 1 END AS band,
                    CASE WHEN band > 1 THEN band * 1000 - 1000 END, CASE WHEN band BETWEEN 1 AND 13 THEN band * 1000 END,
                    count(DISTINCT icao24), count(*)
             FROM states GROUP BY ALL",
        ),
        (
            "flight_density",
            "SELECT hour, latitude, longitude, aircraft, observations, airborne FROM mart",
            "SELECT date_trunc('hour', last_contact), floor(latitude * 4) / 4, floor(longitude * 4) / 4,
                    count(DISTINCT icao24), count(*), count_if(is_airborne)
             FROM states GROUP BY ALL",
        ),
        (
            "aircraft_stats",
            "SELECT day, icao24, callsign, first_seen, last_seen, hours, observations, altitude_max, round(speed_mean, 6) FROM mart",
            "SELECT date_trunc('day', last_contact), icao24, max(callsign), min(last_contact), max(last_contact),
                    count(DISTINCT date_trunc('hour', last_contact)), count(*),
                    max(altitude) FILTER (is_airborne AND NOT is_suspect), round(avg(velocity) FILTER (is_airborne AND NOT is_suspect), 6)
             FROM states GROUP BY ALL",
        ),
        (
            "daily_trends",
            "SELECT day, aircraft, observations, countries, airlines, hours, busiest_aircraft FROM mart",
            "SELECT date_trunc('day', last_contact) AS d, count(DISTINCT icao24), count(*), count(DISTINCT country), count(DISTINCT airline),
                    count(DISTINCT date_trunc('hour', last_contact)),
                    (SELECT max(n) FROM (SELECT count(DISTINCT icao24) AS n, date_trunc('day', last_contact) AS dd FROM states
                                         GROUP BY dd, date_trunc('hour', last_contact)) WHERE dd = d)
             FROM states GROUP BY d",
        ),
        (
            "weekday_trends",
            "SELECT hour, week, weekday, hour_of_day, is_weekend, aircraft, observations FROM mart",
            "SELECT date_trunc('hour', last_contact) AS h, date_trunc('week', h), isodow(h), hour(h), isodow(h) > 5, count(DISTINCT icao24), count(*)
             FROM states GROUP BY ALL",
        ),
    ];

#[test]
fn marts_equal_plain_sql_over_the_states() {
    let engine = engine();
    let tables = tables(&engine);
    for (name, ours, plain) in MARTS {
        let rows = mart(&engine, &tables, name);
        assert!(rows.num_rows() > 1, "{name}");
        let inputs = [("states", Input::batch(tables[0].1.clone())), ("mart", Input::batch(rows))];
        for (side, sql) in [
            ("only in the mart", format!("({ours}) EXCEPT ALL ({plain})")),
            ("missing from the mart", format!("({plain}) EXCEPT ALL ({ours})")),
        ] {
            let difference = engine.query_over(&format!("SELECT * FROM ({sql}) LIMIT 5"), &inputs, &[]).unwrap();
            let shown = arrow::util::pretty::pretty_format_batches(std::slice::from_ref(&difference)).unwrap();
            assert_eq!(difference.num_rows(), 0, "{name}, {side}:\n{shown}");
        }
    }
}

#[test]
fn views_are_the_latest_rows_and_those_in_the_air() {
    let engine = engine();
    let tables = tables(&engine);
    let sky = mart(&engine, &tables, "sky_now");
    let times = sky.column_by_name("last_contact").unwrap().as_primitive::<TimestampMicrosecondType>();
    // One row each 27 s by different aircraft; the last answer is some seconds newer than its row.
    assert!((9..=11).contains(&sky.num_rows()), "{}", sky.num_rows());
    assert_eq!(times.values().iter().max(), Some(&(T0 + 3999 * 27 * SECOND)));
    let model = engine.project().get("active_flights").unwrap();
    let active = engine.run(model, &[("sky_now", Input::batch(sky))]).unwrap();
    let airborne = active.column_by_name("is_airborne").unwrap().as_boolean();
    let stale = active.column_by_name("is_stale").unwrap().as_boolean();
    assert!(active.num_rows() > 0 && airborne.false_count() == 0 && stale.true_count() == 0);
}

#[test]
fn mart_tables_are_replaced_by_hour_and_exported_by_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("analytics.duckdb");
    let project = std::sync::Arc::new(crate::Project::embedded());
    let options = crate::EngineOptions::default();
    let engine = Engine::open(&path, project.clone(), &options).unwrap();
    let tables = tables(&engine);
    let model = engine.project().get("hourly_activity").unwrap().clone();
    let rows = mart(&engine, &tables, "hourly_activity");
    let hours: Vec<i64> = rows.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec();
    for _ in 0..2 {
        engine.publish_mart(&model, &rows, &hours).unwrap();
    }
    let total = |engine: &Engine| {
        let sum = engine.query("SELECT sum(observations)::BIGINT FROM hourly_activity", &[]).unwrap();
        sum.column(0).as_primitive::<Int64Type>().iter().next().unwrap()
    };
    assert_eq!(total(&engine), Some(4000));
    assert_eq!(engine.mart_spans(&model).unwrap().into_iter().collect::<Vec<_>>(), {
        let mut sorted = hours.clone();
        sorted.sort_unstable();
        sorted
    });

    // A row that breaks a promise leaves everything as it was.
    let broken = engine.query("SELECT NULL::TIMESTAMPTZ AS hour", &[]).unwrap();
    assert!(engine.publish_mart(&model, &broken, &hours).is_err());
    assert_eq!(total(&engine), Some(4000));

    // One day is asked for; a file of its month from an earlier version has them all written, and goes.
    let files = folder.path().join("hourly_activity");
    let named = |us: i64, how: &str| files.join(format!("{}.parquet", to_datetime(us).format(how)));
    let month = named(hours[0], "%Y-%m");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(&month, "of an earlier version").unwrap();
    let written = engine.export_mart(&model, [hours[0]], folder.path()).unwrap();
    let days: BTreeSet<PathBuf> = hours.iter().map(|hour| named(*hour, "%Y-%m-%d")).collect();
    assert!(days.len() > 1 && written.iter().eq(&days) && !month.exists(), "{written:?}");
    let list: Vec<String> = written.iter().map(|p| format!("'{}'", p.display())).collect();
    let sql = format!("SELECT hour, observations FROM read_parquet([{}])", list.join(", "));
    let read = engine.query(&sql, &[]).unwrap();
    let read_hours = read.column(0).as_primitive::<TimestampMicrosecondType>();
    assert!(read.num_rows() == hours.len() && read_hours.values().is_sorted());
    assert!(!written[0].with_extension("parquet.tmp").exists());

    // A second node on the same file is told so; after the first has gone, everything is still there.
    engine.forget_mart(&model, &hours[..1]).unwrap();
    drop(engine);
    let engine = Engine::open(&path, project.clone(), &options).unwrap();
    assert_eq!(engine.mart_spans(&model).unwrap().len(), hours.len() - 1);

    // A file that is no database is set aside.
    drop(engine);
    std::fs::write(&path, b"not a database at all, but long enough to be looked at").unwrap();
    let engine = Engine::open(&path, project, &options).unwrap();
    assert!(engine.mart_spans(&model).unwrap().is_empty());
    engine.clear_mart(&model).unwrap();
}

/// The states with some lists of receivers in them.
fn with_sensors(states: &RecordBatch) -> RecordBatch {
    let index = states.schema().index_of("sensors").unwrap();
    let lists = (0..states.num_rows() as i32).map(|i| (i % 3 != 0).then(|| vec![Some(i), None, Some(7)]));
    let lists = arrow::array::ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    let mut columns = states.columns().to_vec();
    columns[index] = arrow::compute::cast(&lists, states.schema().field(index).data_type()).unwrap();
    RecordBatch::try_new(states.schema(), columns).unwrap()
}

#[test]
fn a_changed_column_order_or_a_new_column_in_files_reads_right() {
    // Files are read by field id: the same ids under other names and in another order, one column missing.
    let folder = tempfile::tempdir().unwrap();
    let engine = engine();
    let tables = tables(&engine);
    let (states, hours) = (&with_sensors(&tables[0].1), &tables[1].1);
    for (name, batch) in [("states", states), ("aircraft_hours", hours)] {
        let renamed: Vec<_> = batch
            .schema()
            .fields()
            .iter()
            .map(|f| f.as_ref().clone().with_name(format!("old_{}", f.name())))
            .rev()
            .collect();
        let columns = batch.columns().iter().rev().cloned().collect::<Vec<_>>();
        // The last column of the table is not in the file: it was added later.
        let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(renamed[1..].to_vec()));
        let file = RecordBatch::try_new(schema.clone(), columns[1..].to_vec()).unwrap();
        let path = folder.path().join(format!("{name}.parquet"));
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), schema, None).unwrap();
        writer.write(&file).unwrap();
        writer.close().unwrap();
        let def = &engine.project().get(name).unwrap().def;
        let read =
            engine.query_over(&format!("SELECT * FROM {name}"), &[(name, Input::files(vec![path]))], &[]).unwrap();
        assert_eq!(read.num_columns(), def.columns.len());
        for (i, column) in def.columns.iter().enumerate() {
            let (found, wanted) = (read.column_by_name(&column.name).unwrap(), batch.column(i));
            let wanted = arrow::compute::cast(wanted, found.data_type()).unwrap();
            if i + 1 == def.columns.len() {
                assert_eq!(found.null_count(), read.num_rows(), "{}", column.name);
            } else {
                assert_eq!(found.as_ref(), wanted.as_ref(), "{}", column.name);
            }
        }
    }
}

#[test]
fn runs_with_nothing_to_read_give_no_rows() {
    let engine = engine();
    for model in &engine.project().models {
        assert_eq!(engine.run(model, &[]).unwrap().num_rows(), 0, "{}", model.name);
    }
}

#[test]
fn a_day_is_a_day() {
    let engine = engine();
    let stats = mart(&engine, &tables(&engine), "aircraft_stats");
    let days = stats.column(0).as_primitive::<TimestampMicrosecondType>();
    assert!(days.values().iter().all(|d| d % DAY == 0 && *d >= day_of(T0) && *d < T0 + 40 * HOUR));
    let bands = mart(&engine, &tables(&engine), "altitude_distribution");
    let band = bands.column_by_name("altitude_band").unwrap().as_primitive::<Int32Type>();
    assert_eq!(band.values().iter().max(), Some(&14));
    let density = mart(&engine, &tables(&engine), "flight_density");
    let latitude = density.column_by_name("latitude").unwrap().as_primitive::<Float64Type>();
    assert_eq!(latitude.values().iter().copied().fold(f64::INFINITY, f64::min), -60.0);
}
