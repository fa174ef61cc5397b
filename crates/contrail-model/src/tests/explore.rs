//! The figures of Explore against plain SQL over the cleaned states, for many combinations of filters.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use contrail_types::explore::Filters;
use contrail_types::time::{HOUR, MINUTE, SECOND, rfc3339};
use contrail_types::{Micros, Time};

use super::engine;
use super::marts::tables;
use super::sample::T0;
use crate::explore::{Now, Question, Sources, density, explore, history, range, timeline, track};
use crate::{Engine, Input};

fn setup() -> (Engine, RecordBatch, Sources) {
    let engine = engine();
    let [states, hours, cells] = tables(&engine).map(|(_, batch)| batch);
    // In two parts, as with hours that are not in the lake yet.
    let cut = |b: &RecordBatch| {
        let half = b.num_rows() / 2;
        Input::batches(vec![b.slice(0, half), b.slice(half, b.num_rows() - half)])
    };
    (engine, states, Sources { hours: cut(&hours), cells: cut(&cells) })
}

/// One column of integers (or doubles, rounded) of plain SQL over the states.
fn plain(engine: &Engine, states: &RecordBatch, sql: &str) -> Vec<i64> {
    let rows = engine.query_over(sql, &[("states", Input::batch(states.clone()))], &[]).unwrap();
    match rows.column(0).as_primitive_opt::<Int64Type>() {
        Some(column) => column.values().to_vec(),
        None => rows.column(0).as_primitive::<Float64Type>().values().iter().map(|v| v.round() as i64).collect(),
    }
}

fn between(from: Micros, to: Micros) -> Filters {
    Filters { from: Some(Time(from)), to: Some(Time(to)), ..Filters::default() }
}

fn ask(filters: &Filters) -> Question {
    Question::new(filters.clone(), 0).unwrap()
}

/// The filters as a condition on states; the airline and country of an aircraft-hour are those of its states here.
fn condition(filters: &Filters, without: &[&str]) -> String {
    let text = |column: &str, values: &[String]| {
        (!values.is_empty() && !without.contains(&column))
            .then(|| format!("{column} IN ({})", values.iter().map(|v| format!("'{v}'")).collect::<Vec<_>>().join(",")))
    };
    let number = |name: &str, sql: &str, values: Vec<i32>| {
        (!values.is_empty() && !without.contains(&name))
            .then(|| format!("{sql} IN ({})", values.iter().map(i32::to_string).collect::<Vec<_>>().join(",")))
    };
    let wide = |v: &[u8]| v.iter().map(|n| i32::from(*n)).collect();
    let mut all = vec![format!(
        "date_trunc('hour', last_contact) >= '{}' AND date_trunc('hour', last_contact) < '{}'",
        rfc3339(filters.from.unwrap().0),
        rfc3339(filters.to.unwrap().0)
    )];
    all.extend(text("country", &filters.country));
    all.extend(text("airline", &filters.airline));
    all.extend(text("phase", &filters.phase));
    all.extend(number("band", "altitude_band", filters.band.clone()));
    all.extend(number("hour", "hour(last_contact)", wide(&filters.hour)));
    all.extend(number("dow", "isodow(last_contact)", wide(&filters.dow)));
    all.join(" AND ")
}

/// Row and column of a cell when `by` of them are one along each side, as SQL.
fn merged(by: i64) -> String {
    format!("cell // 1440 // {by}, cell % 1440 // {by}")
}

/// Filters of every dimension, alone and together; also ones that find nothing, and one that is no country.
fn combinations() -> Vec<Filters> {
    let base = between(T0 + 2 * HOUR, T0 + 26 * HOUR);
    let text = |v: &[&str]| v.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    vec![
        base.clone(),
        Filters { country: text(&["DE", "NL"]), ..base.clone() },
        Filters { airline: text(&["UAL"]), ..base.clone() },
        Filters { band: vec![11, 12, 0], ..base.clone() },
        Filters { hour: vec![0, 1, 20], dow: vec![6], ..base.clone() },
        Filters { phase: text(&["climb", "unknown"]), ..base.clone() },
        Filters { phase: text(&["ground", "cruise"]), band: vec![0, 3], country: text(&["DE", "US"]), ..base.clone() },
        Filters {
            country: text(&["DE"]),
            airline: text(&["DLH", "UAL"]),
            band: vec![5],
            hour: vec![3],
            ..base.clone()
        },
        Filters { country: text(&["x' OR true --"]), ..base.clone() },
        between(T0 + 500 * HOUR, T0 + 501 * HOUR),
        Filters { band: vec![11, 12, 0], ..between(T0 + 5 * HOUR, T0 + 8 * HOUR) },
    ]
}

#[test]
fn every_figure_obeys_all_filters_but_its_own() {
    let (engine, states, sources) = setup();
    for filters in combinations() {
        let day = filters.to.unwrap().0 - filters.from.unwrap().0 > 12 * HOUR;
        let page = explore(&engine, &sources, &ask(&filters), None, &Now::default()).unwrap();
        let count = |sql: String| plain(&engine, &states, &sql);
        let clean =
            Filters { country: filters.country.iter().map(|c| c.replace('\'', "''")).collect(), ..filters.clone() };
        let all = condition(&clean, &[]);
        let counts = |what: &str| count(format!("SELECT {what}::BIGINT FROM states WHERE {all}"))[0];
        assert_eq!(page.kpis.aircraft as i64, counts("count(DISTINCT icao24)"), "{filters:?}");
        assert_eq!(page.kpis.observations as i64, counts("count(*)"), "{filters:?}");
        assert_eq!(page.kpis.countries as i64, counts("count(DISTINCT country)"), "{filters:?}");
        assert_eq!(page.kpis.airlines as i64, counts("count(DISTINCT airline)"), "{filters:?}");

        let listed = |own: &str, key: &str, what: &str| {
            count(format!(
                "SELECT {what}::BIGINT FROM states WHERE {} AND {key} IS NOT NULL GROUP BY {key}
                 ORDER BY count(DISTINCT icao24) DESC, count(*) DESC, {key}",
                condition(&clean, &[own])
            ))
        };
        let found = |f: &dyn Fn() -> Vec<i64>| f();
        assert_eq!(
            found(&|| page.countries.iter().map(|c| c.aircraft as i64).collect()),
            listed("country", "country", "count(DISTINCT icao24)")
        );
        assert_eq!(
            found(&|| page.countries.iter().map(|c| c.observations as i64).collect()),
            listed("country", "country", "count(*)")
        );
        assert_eq!(
            found(&|| page.airlines.iter().map(|c| c.aircraft as i64).collect()),
            listed("airline", "airline", "count(DISTINCT icao24)")
        );
        assert!(page.airlines.iter().all(|a| !a.name.is_empty() && a.previous.is_none()));

        let series = count(format!(
            "SELECT count(DISTINCT icao24) FROM states WHERE {all} GROUP BY date_trunc('hour', last_contact) ORDER BY min(last_contact)"
        ));
        assert_eq!(page.series.iter().map(|p| p.aircraft as i64).collect::<Vec<_>>(), series, "{filters:?}");

        let bands = condition(&clean, &["band"]);
        for band in &page.bands {
            let wanted =
                count(format!("SELECT count(*) FROM states WHERE {bands} AND altitude_band = {}", band.band))[0];
            assert_eq!(band.observations as i64, wanted, "{filters:?} {band:?}");
        }
        let metres =
            count(format!("SELECT coalesce(median(altitude), 0) FROM states WHERE {all} AND altitude_band > 0"))[0];
        let median = page.kpis.median_altitude_m.unwrap_or(0.0);
        assert!((median - metres as f64).abs() < 600.0, "{filters:?}: {median} for {metres}");

        let week = condition(&clean, &["hour", "dow"]);
        let hours = count(format!(
            "SELECT round(1000 * avg(n))::BIGINT FROM (
            SELECT isodow(t) AS d, hour(t) AS h, coalesce(n, 0) AS n
            FROM (SELECT date_trunc('hour', last_contact) AS t, count(DISTINCT icao24) FILTER ({week}) AS n,
                         count(*) FILTER ({country}) AS there
                  FROM states GROUP BY t) WHERE there > 0) GROUP BY d, h ORDER BY d, h",
            country = condition(&Filters { band: vec![], phase: vec![], ..clean.clone() }, &["hour", "dow"])
        ));
        assert_eq!(
            page.hours.iter().map(|s| (s.aircraft * 1000.0).round() as i64).collect::<Vec<_>>(),
            hours,
            "{filters:?}"
        );

        let map = density(&engine, &sources, &ask(&filters)).unwrap();
        let (cell, degrees) = if day { (merged(2), 0.5) } else { (merged(1), 0.25) };
        assert_eq!(map.cell_deg, degrees);
        let cells = count(format!("SELECT count(*) FROM states WHERE {all} GROUP BY {cell} ORDER BY {cell}"));
        assert_eq!(map.cells.iter().map(|c| c.2 as i64).collect::<Vec<_>>(), cells, "{filters:?}");
    }
}

#[test]
fn the_period_before_is_compared_only_where_it_is_covered() {
    let (engine, states, sources) = setup();
    let filters = between(T0 + 10 * HOUR, T0 + 20 * HOUR);
    let now = Now { airborne: Some(7), data_age_s: Some(1.5), landed_at: Some(T0) };
    let page = explore(&engine, &sources, &ask(&filters), Some(T0), &now).unwrap();
    let before = between(T0, T0 + 10 * HOUR);
    let alone = explore(&engine, &sources, &ask(&before), None, &Now::default()).unwrap();
    let previous = page.previous.unwrap();
    assert_eq!((previous.aircraft, previous.observations), (alone.kpis.aircraft, alone.kpis.observations));
    assert_eq!(previous.median_altitude_m, alone.kpis.median_altitude_m);
    assert_eq!(
        page.countries[0].previous,
        Some(alone.countries.iter().find(|c| c.code == page.countries[0].code).unwrap().aircraft)
    );
    assert_eq!(page.kpis.landed_at, Some(Time(T0)));
    assert_eq!(page.series.len(), 10);
    let json = serde_json::to_value(&page.kpis).unwrap();
    assert_eq!((json["airborne_now"].as_i64(), json["data_age_s"].as_f64()), (Some(7), Some(1.5)));
    let page = explore(&engine, &sources, &ask(&filters), Some(T0 + HOUR), &Now::default()).unwrap();
    assert!(page.previous.is_none() && page.countries[0].previous.is_none());
    let alone = plain(&engine, &states, "SELECT count(*) FROM states")[0];
    assert_eq!(alone, 4000);
}

#[test]
fn long_ranges_have_coarser_cells() {
    let (engine, states, sources) = setup();
    for country in [vec![], vec!["DE".to_owned(), "US".to_owned()]] {
        for (hours, degrees, by) in [(11, 0.25, 1), (12, 0.5, 2), (72, 0.5, 2), (24 * 30, 1.0, 4)] {
            // Ends hours after the last row and, but for the short ones, begins days before the first, so that the rows
            // fall into a later piece.
            let filters = Filters { country: country.clone(), ..between(T0 + (32 - hours) * HOUR, T0 + 32 * HOUR) };
            let map = density(&engine, &sources, &ask(&filters)).unwrap();
            assert_eq!(map.cell_deg, degrees);
            let (all, cell) = (condition(&filters, &[]), merged(by));
            let sql = format!("SELECT count(*) FROM states WHERE {all} GROUP BY {cell} ORDER BY {cell}");
            assert_eq!(map.cells.iter().map(|c| c.2 as i64).collect::<Vec<_>>(), plain(&engine, &states, &sql));
            let corner = |c: &(i32, i32, u64)| (0..180 * 4 / by as i32).contains(&c.0) && c.1 < 360 * 4 / by as i32;
            assert!(map.cells.iter().all(corner));
        }
    }
}

#[test]
fn one_aircraft_and_the_timeline() {
    let (engine, states, sources) = setup();
    let known = range(&engine, &sources).unwrap();
    assert_eq!((known.first, known.last), (Some(Time(T0)), Some(Time(T0 + 29 * HOUR))));
    assert_eq!(range(&engine, &Sources::default()).unwrap().first, None);

    let icao24 = "3c0007";
    let past = history(&engine, &sources, icao24).unwrap().unwrap();
    let seen = plain(&engine, &states, "SELECT count(*) FROM states WHERE icao24 = '3c0007'")[0];
    assert_eq!(past.days.iter().map(|d| d.observations as i64).sum::<i64>(), seen);
    assert!(past.days.windows(2).all(|w| w[0].day > w[1].day) && past.days[0].callsigns == ["N123AB"]);
    assert_eq!(history(&engine, &sources, "ffffff").unwrap(), None);

    let there = Input::batch(states.clone());
    let path = track(&engine, &there, icao24, T0 + HOUR, T0 + 5 * HOUR).unwrap();
    let sql = format!(
        "SELECT epoch(last_contact)::BIGINT FROM states WHERE icao24 = '3c0007' AND last_contact >= '{}' AND last_contact < '{}' ORDER BY 1",
        rfc3339(T0 + HOUR),
        rfc3339(T0 + 5 * HOUR)
    );
    assert_eq!(path.columns.time.iter().map(|t| *t as i64).collect::<Vec<_>>(), plain(&engine, &states, &sql));
    assert!(path.columns.time.len() > 5 && path.columns.latitude.len() == path.columns.callsign.len());

    let day = timeline(&engine, &sources, T0 - 20 * MINUTE, T0 + 3 * HOUR + 10 * MINUTE).unwrap();
    assert_eq!((day.bucket_s, day.counts.len(), &day.counts[..2]), (600, 21, &[None, None][..]));
    let sql = format!(
        "SELECT count(DISTINCT icao24) FROM states WHERE last_contact < '{}' GROUP BY epoch_us(last_contact) // {} ORDER BY min(last_contact)",
        rfc3339(T0 + 3 * HOUR + 10 * MINUTE),
        600 * SECOND
    );
    assert_eq!(day.counts[2..].iter().map(|c| c.unwrap() as i64).collect::<Vec<_>>(), plain(&engine, &states, &sql));
}

/// One day of a fold table with made-up counts, as a file of the lake.
fn write_day(engine: &Engine, folder: &std::path::Path, table: &str, day: i64, select: &str) -> std::path::PathBuf {
    let def = &engine.project().get(table).unwrap().def;
    let columns: Vec<String> = def
        .columns
        .iter()
        .map(|c| match c.name.as_str() {
            name @ ("hour" | "icao24" | "cell" | "altitude_band" | "country" | "airline") => name.to_owned(),
            name @ ("first_seen" | "last_seen") => format!("hour AS {name}"),
            name if name.starts_with("band_") => format!(
                "(hash(icao24, hour) % 20 = {} )::INTEGER * 60 AS {name}",
                name.len() + usize::from(name.as_bytes()[name.len() - 1]) % 20
            ),
            name if matches!(c.data_type, arrow::datatypes::DataType::Utf8) => format!("'X' AS {name}"),
            name => format!(
                "(hash(icao24, hour, '{name}') % 120)::{} AS {name}",
                if matches!(c.data_type, arrow::datatypes::DataType::Int64) { "BIGINT" } else { "INTEGER" }
            ),
        })
        .collect();
    let ids: Vec<String> = def.columns.iter().zip(1..).map(|(c, id)| format!("{}: {id}", c.name)).collect();
    let path = folder.join(format!("{table}-{day}.parquet"));
    let sql = format!(
        "COPY (SELECT {} FROM ({select}) ORDER BY {}) TO '{}' (FORMAT parquet, COMPRESSION zstd, FIELD_IDS {{{}}})",
        columns.join(", "),
        def.sort.join(", "),
        path.display(),
        ids.join(", ")
    );
    engine.query(&sql, &[]).unwrap();
    path
}

/// Not a check: how long the figures take over a month of 12,000 aircraft (`cargo test -p contrail-model -- --ignored
/// --nocapture month`).
#[test]
#[ignore = "a measurement"]
fn month_of_the_sky() {
    let folder = tempfile::tempdir().unwrap();
    let project = std::sync::Arc::new(crate::Project::embedded());
    let engine = Engine::open(&folder.path().join("a.duckdb"), project, &crate::EngineOptions::default()).unwrap();
    let write = |table: &str, day: i64, select: &str| write_day(&engine, folder.path(), table, day, select);
    let (mut hours, mut cells) = (Vec::new(), Vec::new());
    for day in 0..30 {
        let start = T0 + day * 24 * HOUR;
        let aircraft = format!(
            "SELECT make_timestamptz({start} + h * {HOUR}) AS hour, printf('%06x', a * 257 + h // 8) AS icao24,
                    ['DE', 'US', 'GB', 'FR', 'NL', 'CN'][1 + a % 6] AS country, CASE WHEN a % 4 > 0 THEN ['DLH', 'UAL', 'BAW', 'AFR'][1 + a % 4] END AS airline
             FROM range(24) t(h), range(12000) u(a)"
        );
        hours.push(write("aircraft_hours", day, &aircraft));
        if day < 7 {
            cells.push(write("aircraft_cells", day, &format!("SELECT *, (400000 + hash(icao24, i // 3) % 60000 * 7)::INTEGER AS cell, (i % 15)::INTEGER AS altitude_band FROM ({aircraft}), range(30) v(i)")));
        }
    }
    let size: u64 = hours.iter().map(|p| p.metadata().unwrap().len()).sum();
    eprintln!("30 days of hours: {} MB", size >> 20);
    let text = |v: &str| vec![v.to_owned()];
    for days in [1, 7, 30i64] {
        let to = T0 + days * 24 * HOUR;
        let base = between(T0, to);
        for (name, filters) in [
            ("all", base.clone()),
            ("country", Filters { country: text("DE"), ..base.clone() }),
            ("band", Filters { band: vec![10, 11], ..base.clone() }),
            ("phase", Filters { phase: text("climb"), ..base.clone() }),
        ] {
            let sources = Sources {
                hours: Input::files(hours[..days as usize].to_vec()),
                cells: Input::files(cells[..(days as usize).min(7)].to_vec()),
            };
            let page = explore(&engine, &sources, &ask(&filters), None, &Now::default()).unwrap();
            let begun = std::time::Instant::now();
            let map = density(&engine, &sources, &ask(&filters)).unwrap();
            eprintln!(
                "{days} days, {name}: page {} ms ({} aircraft), map {:?} ({} cells)",
                page.took_ms,
                page.kpis.aircraft,
                begun.elapsed(),
                map.cells.len()
            );
        }
    }
    let sources = Sources { hours: Input::files(hours), cells: Input::default() };
    let begun = std::time::Instant::now();
    history(&engine, &sources, "0f1234").unwrap();
    eprintln!("history: {:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    timeline(&engine, &sources, T0, T0 + 24 * HOUR).unwrap();
    eprintln!("timeline of a day in 30: {:?}", begun.elapsed());
}
