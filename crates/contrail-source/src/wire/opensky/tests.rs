//! Tables of cases for OpenSky's body, both ways, and what must hold for any bytes.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::util::display::array_value_to_string;
use contrail_types::state;
use contrail_types::time::{DAY, SECOND};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::wire::Rejected;

const NOW: Micros = 1_714_311_970 * SECOND;

fn stamp() -> Stamp<'static> {
    Stamp { feed: "opensky", fetch_id: Uuid::from_u128(7), fetched_at: NOW }
}

fn read(body: &str) -> Parsed {
    parse(body.as_bytes(), &stamp()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

/// One cell as text; null is the empty string.
fn cell(parsed: &Parsed, name: &str, row: usize) -> String {
    let column = parsed.states.column_by_name(name).unwrap();
    if column.is_null(row) { String::new() } else { array_value_to_string(column, row).unwrap() }
}

const GOOD: [&str; 18] = [
    "\"4b1815\"",
    "\"SWR9YP  \"",
    "\"Switzerland\"",
    "1714311964",
    "1714311965",
    "8.5577",
    "47.4624",
    "2042.16",
    "false",
    "231.54",
    "95.62",
    "-0.33",
    "null",
    "2148.84",
    "\"3027\"",
    "false",
    "0",
    "6",
];

/// A body of one row, in which the named fields are replaced.
fn with(changes: &[(&str, &str)]) -> String {
    let mut fields = GOOD.map(str::to_owned);
    for (name, value) in changes {
        fields[FIELDS.iter().position(|f| f == name).unwrap()] = (*value).into();
    }
    format!(r#"{{"time":1714311966,"states":[[{}]]}}"#, fields.join(","))
}

#[test]
fn a_row_as_the_server_writes_it() {
    let parsed = read(&with(&[]));
    assert_eq!(parsed.states.schema(), state::schema());
    assert_eq!(parsed.answer_time, Some(1_714_311_966 * SECOND));
    let expected = [
        ("feed", "opensky"),
        ("fetch_id", "00000000-0000-0000-0000-000000000007"),
        ("fetched_at", "2024-04-28T13:46:10Z"),
        ("answer_time", "2024-04-28T13:46:06Z"),
        ("icao24", "4b1815"),
        ("callsign", "SWR9YP"),
        ("origin_country", "Switzerland"),
        ("time_position", "2024-04-28T13:46:04Z"),
        ("last_contact", "2024-04-28T13:46:05Z"),
        ("longitude", "8.5577"),
        ("latitude", "47.4624"),
        ("baro_altitude", "2042.16"),
        ("on_ground", "false"),
        ("velocity", "231.54"),
        ("true_track", "95.62"),
        ("vertical_rate", "-0.33"),
        ("sensors", ""),
        ("geo_altitude", "2148.84"),
        ("squawk", "3027"),
        ("spi", "false"),
        ("position_source", "0"),
        ("category", "6"),
        ("alert", ""),
        ("emergency", ""),
        ("registration", ""),
        ("type_code", ""),
        ("rssi", ""),
    ];
    for (name, value) in expected {
        assert_eq!(cell(&parsed, name, 0), value, "{name}");
    }
    assert_eq!(expected.len(), state::columns().len());
    assert!(parsed.bad_fields.is_empty() && parsed.rejected.is_empty());
}

#[test]
fn fields_are_read_leniently_one_by_one() {
    // field, what stands there, what becomes of it ("" is null), whether it counts as bad
    let cases = [
        ("icao24", r#""4B1815""#, "4b1815", false),
        ("icao24", r#"" 4b1815 ""#, "4b1815", false),
        ("callsign", r#""""#, "", false),
        ("callsign", r#""        ""#, "", false),
        ("callsign", "null", "", false),
        ("callsign", r#"" A1 B ""#, "A1 B", false),
        ("callsign", r#""\u0041BC\t""#, "ABC", false),
        ("callsign", "12345", "", true),
        ("callsign", r#"["DLH1"]"#, "", true),
        ("callsign", r#""far too long for a callsign""#, "", true),
        ("callsign", r#""bad \q escape""#, "", true),
        ("origin_country", r#""Côte d'Ivoire""#, "Côte d'Ivoire", false),
        ("origin_country", r#""Republic of \"X\"""#, "Republic of \"X\"", false),
        ("origin_country", "{}", "", true),
        ("time_position", "1714311964.5", "2024-04-28T13:46:04.500Z", false),
        ("time_position", "0", "1970-01-01T00:00:00Z", false),
        ("time_position", "-5", "", true),
        ("time_position", "1e15", "", true),
        ("last_contact", r#""1714311964""#, "", true),
        ("last_contact", "true", "", true),
        ("longitude", "-180", "-180.0", false),
        ("longitude", "180.0", "180.0", false),
        ("longitude", "180.01", "", true),
        ("longitude", r#""8.5577""#, "", true),
        ("latitude", "90", "90.0", false),
        ("latitude", "-90.5", "", true),
        ("latitude", "NaN", "", true),
        ("baro_altitude", "10668", "10668.0", false),
        ("baro_altitude", "-1.5e2", "-150.0", false),
        ("baro_altitude", "1e300", "", true),
        ("baro_altitude", "1e999", "", true),
        ("baro_altitude", "123456789012345678901234567890", "", true),
        ("on_ground", "1", "", true),
        ("on_ground", r#""false""#, "", true),
        ("on_ground", "null", "", false),
        ("velocity", "2676", "2676.0", false),
        ("velocity", "Infinity", "", true),
        ("velocity", r#""NaN""#, "", true),
        ("true_track", "-90", "270.0", false),
        ("true_track", "-180", "180.0", false),
        ("true_track", "360", "0.0", false),
        ("true_track", "0", "0.0", false),
        ("true_track", "361", "", true),
        ("vertical_rate", "604", "604.0", false),
        ("vertical_rate", "-Infinity", "", true),
        ("sensors", "[1, 2,3]", "[1, 2, 3]", false),
        ("sensors", "[]", "[]", false),
        ("sensors", r#"[1,"x"]"#, "", true),
        ("sensors", "5", "", true),
        ("geo_altitude", "-30", "-30.0", false),
        ("squawk", r#""0260""#, "0260", false),
        ("squawk", r#""7700 ""#, "7700", false),
        ("squawk", r#""""#, "", false),
        ("squawk", r#""0289""#, "", true),
        ("squawk", r#""123""#, "", true),
        ("squawk", "1200", "", true),
        ("spi", "true", "true", false),
        ("spi", "0", "", true),
        ("position_source", "3", "3", false),
        ("position_source", "2.0", "2", false),
        ("position_source", "2.5", "", true),
        ("position_source", "-1", "", true),
        ("category", "20", "20", false),
        ("category", "null", "", false),
        ("category", r#""A3""#, "", true),
        ("category", "4294967296", "", true),
    ];
    for (name, value, becomes, bad) in cases {
        let parsed = read(&with(&[(name, value)]));
        assert_eq!(cell(&parsed, name, 0), becomes, "{name} {value}");
        let expected = if bad { BTreeMap::from([(name, 1)]) } else { BTreeMap::new() };
        assert_eq!(parsed.bad_fields, expected, "{name} {value}");
        assert_eq!((parsed.states.num_rows(), parsed.rejected.len()), (1, 0), "{name} {value}");
    }
}

#[test]
fn rows_of_any_length() {
    let row = |fields: usize| format!(r#"{{"time":1,"states":[[{}]]}}"#, GOOD[..fields].join(","));
    let seventeen = read(&row(17));
    assert_eq!((cell(&seventeen, "position_source", 0), cell(&seventeen, "category", 0)), ("0".into(), "".into()));
    assert!(seventeen.bad_fields.is_empty());
    let short = read(&row(14));
    assert_eq!(short.bad_fields.keys().copied().collect::<Vec<_>>(), ["position_source", "spi", "squawk"]);
    let longer = with(&[("category", r#"6,"more",{"a":[1]},null"#)]);
    assert_eq!(cell(&read(&longer), "category", 0), "6");
}

#[test]
fn rows_that_are_no_state_are_kept_as_received() {
    let cases = [
        ("[]", "it has no fields"),
        (r#"{"icao24":"4b1815"}"#, "it is no array of fields"),
        (r#""text""#, "it is no array of fields"),
        ("null", "it is no array of fields"),
        ("NaN", "it is no array of fields"),
        ("[null,1,2]", "icao24 is no text"),
        (r#"[1234567, [1,[2]], "]"]"#, "icao24 is no text"),
        (r#"["", 1]"#, "icao24 is not six hex digits"),
        (r#"["~a1b2c3"]"#, "icao24 is not six hex digits"),
        (r#"["xyz123", "DLH"]"#, "icao24 is not six hex digits"),
    ];
    for (row, reason) in cases {
        let good = GOOD.join(",");
        let parsed = read(&format!(r#"{{"states":[ {row} ,[{good}]], "time":1714311966}}"#));
        assert_eq!(parsed.rejected, [Rejected { reason, row: row.into() }], "{row}");
        assert_eq!(parsed.states.num_rows(), 1, "{row}");
        assert!(parsed.bad_fields.is_empty(), "{row}");
    }
}

#[test]
fn answers_in_every_shape() {
    let row = format!("[{}]", GOOD.join(","));
    let time = Some(1_714_311_966 * SECOND);
    // body, rows, time
    let cases = [
        (r#"{"time":1714311966,"states":null}"#.to_owned(), 0, time),
        (r#"{"time":1714311966,"states":[]}"#.to_owned(), 0, time),
        (format!(r#"{{"states":[{row},{row}],"time":1714311966}}"#), 2, time),
        (
            format!("\u{feff} {{\n\"a\" : {{\"b\":[1,{{}}]}} , \"states\" :\t[ {row} ] ,\"time\":1714311966.0 }}\r\n"),
            1,
            time,
        ),
        (format!(r#"{{"states":[{row}]}}"#), 1, None),
        (format!(r#"{{"time":null,"states":[{row}]}}"#), 1, None),
        (format!(r#"{{"time":"soon","states":[{row}]}}"#), 1, None),
        (format!(r#"{{"time":{},"states":[{row}]}}"#, 1_714_311_970 + 86_401), 1, None),
        (format!(r#"{{"time":{},"states":[{row}]}}"#, 1_714_311_970 + 86_399), 1, Some(NOW + DAY - SECOND)),
        (format!(r#"{{"time":1e300,"states":[{row}]}}"#), 1, None),
    ];
    for (body, rows, time) in cases {
        let parsed = read(&body);
        assert_eq!((parsed.states.num_rows(), parsed.answer_time), (rows, time), "{body}");
        for at in 0..rows {
            let answer_time = parsed.states["answer_time"].as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
            assert_eq!(answer_time.value(at), time.unwrap_or(NOW), "{body}");
        }
    }
}

#[test]
fn what_is_no_answer_is_an_error_with_its_beginning() {
    let cut = with(&[]);
    let html = format!("<html>\n<body>503 Service\tUnavailable</body>{}", "x".repeat(500));
    let cases = [
        ("", "the answer is cut short", 0),
        (&html, "it is no JSON object", 0),
        ("[]", "it is no JSON object", 0),
        ("{}", "it has no states", 2),
        (r#"{"error":"x"}"#, "it has no states", 13),
        (r#"{"states":5}"#, "states is neither an array nor null", 11),
        (r#"{"states":{}}"#, "states is neither an array nor null", 12),
        (r#"{"states":null,"states":null}"#, "states stands there twice", 24),
        (r#"{"states":null} x"#, "something follows the answer", 16),
        (r#"{"states":[["4b1815" "x"]]}"#, "expected a comma or the end of a list", 21),
        (r#"{"states":[["4b1815",,]]}"#, "expected a value", 21),
        (r#"{"states":[["4b1815"],]}"#, "a comma before the end of a list", 22),
        (&cut[..cut.len() - 1], "the answer is cut short", cut.len() - 1),
        (&cut[..60], "the answer is cut short", 60),
    ];
    for (body, reason, at) in cases {
        let error = parse(body.as_bytes(), &stamp()).unwrap_err();
        assert_eq!((error.reason, error.at), (reason, at), "{body}");
        assert!(error.head.len() <= 200 && !error.head.contains('\n'), "{error}");
    }
    let error = parse(html.as_bytes(), &stamp()).unwrap_err().to_string();
    assert!(error.contains("it begins with: <html> <body>503 Service Unavailable</body>xxx"), "{error}");
}

#[test]
fn the_boxes_of_one_fetch_make_one_answer_with_the_newest_time() {
    let (east, west) = (with(&[]), with(&[("icao24", "\"aaaaaa\"")]).replace("1714311966", "1714311968"));
    let parsed = parse_all(&[west, east, r#"{"time":1714311967,"states":null}"#.into()], &stamp()).unwrap();
    assert_eq!(parsed.answer_time, Some(1_714_311_968 * SECOND));
    assert_eq!((cell(&parsed, "icao24", 0), cell(&parsed, "icao24", 1)), ("aaaaaa".into(), "4b1815".into()));
}

#[test]
fn the_time_alone() {
    let cases = [
        (r#"{"time":1714311966,"states":[[broken"#, Some(1_714_311_966 * SECOND)),
        (r#"{"states":[["a",{}],[]],"time":5}"#, Some(5 * SECOND)),
        (r#"{"states":null}"#, None),
        (r#"{"time":"5"}"#, None),
        ("nonsense", None),
    ];
    for (body, time) in cases {
        assert_eq!(time_of(body.as_bytes()), time, "{body}");
    }
}

#[test]
fn what_is_written_is_what_the_server_writes() {
    let parsed = read(&with(&[("sensors", "[12,7]")]));
    let time = parsed.answer_time.unwrap();
    let extended = WriteOptions { extended: true, ..WriteOptions::default() };
    let body = String::from_utf8(write(&parsed.states, time, extended)).unwrap();
    assert_eq!(body, with(&[("sensors", "[12,7]")]));
    let body = String::from_utf8(write(&parsed.states, time, WriteOptions::default())).unwrap();
    assert_eq!(body, with(&[("sensors", "[12,7]")]).replace(",6]]", "]]"));
    let none = write(&parsed.states.slice(0, 0), time, extended);
    assert_eq!(none, br#"{"time":1714311966,"states":null}"#);
}

#[test]
fn missing_callsigns_are_blank_in_the_ways_of_the_server() {
    let rows = [("\"4b1814\"", "null", "\"\""), ("\"4b1815\"", "null", "\"        \"")];
    for (address, plain, blank) in rows {
        let parsed = read(&with(&[("icao24", address), ("callsign", "null")]));
        for (blank_callsigns, expected) in [(false, plain), (true, blank)] {
            let options = WriteOptions { extended: true, blank_callsigns };
            let body = String::from_utf8(write(&parsed.states, parsed.answer_time.unwrap(), options)).unwrap();
            assert_eq!(body, with(&[("icao24", address), ("callsign", expected)]));
        }
    }
}

/// JSON texts, valid or not quite, as a server could send them in place of a field or a row.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("NaN".to_owned()),
        Just("-Infinity".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:?}")),
        (-400.0..400.0f64).prop_map(|n| n.to_string()),
        "[0-9a-fA-F]{6}".prop_map(|s| format!("\"{s}\"")),
        ".{0,12}".prop_map(|s| serde_json::to_string(&s).unwrap()),
    ];
    leaf.prop_recursive(3, 40, 20, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(inner, 0..4).prop_map(|items| {
                let pairs: Vec<String> = items.iter().enumerate().map(|(i, v)| format!("\"k{i}\": {v}")).collect();
                format!("{{{}}}", pairs.join(" , "))
            }),
        ]
    })
}

fn row() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => ("[0-9a-fA-F]{5,6}", proptest::collection::vec(json(), 0..22))
            .prop_map(|(address, fields)| format!("[\"{address}\",{}]", fields.join(",")).replace(",]", "]")),
        1 => json(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&body, &stamp());
        let _ = crate::wire::readsb::parse(&body, &stamp());
        let _ = time_of(&body);
    }

    #[test]
    fn no_damage_panics(at in 0usize..400, byte: u8, cut in 0usize..400) {
        let mut body = with(&[("sensors", "[1,2]"), ("callsign", r#""a\u0041\"b""#)]).into_bytes();
        let length = body.len();
        body[at % length] = byte;
        let _ = parse(&body, &stamp());
        let _ = parse(&body[..cut % length], &stamp());
    }

    #[test]
    fn rows_and_rejected_are_all_elements(rows in proptest::collection::vec(row(), 0..12)) {
        let parsed = read(&format!(r#"{{"time":1714311966,"states":[{}]}}"#, rows.join(",")));
        prop_assert_eq!(parsed.states.num_rows() + parsed.rejected.len(), rows.len());
        for rejected in &parsed.rejected {
            prop_assert!(rows.iter().any(|row| row.as_bytes() == rejected.row));
        }
    }

    /// Parsed, written and parsed again, nothing changes but what the wire cannot say: fractions of a second.
    #[test]
    fn writing_and_reading_again_changes_nothing(rows in proptest::collection::vec(row(), 1..12)) {
        let first = read(&format!(r#"{{"time":1714311966,"states":[{}]}}"#, rows.join(",")));
        let options = WriteOptions { extended: true, blank_callsigns: true };
        let second = parse(&write(&first.states, 1_714_311_966 * SECOND, options), &stamp()).unwrap();
        prop_assert!(second.rejected.is_empty() && second.bad_fields.is_empty(), "{:?}", second.bad_fields);
        let third = parse(&write(&second.states, 1_714_311_966 * SECOND, options), &stamp()).unwrap();
        prop_assert_eq!(&second.states, &third.states);
        for name in ["icao24", "callsign", "longitude", "velocity", "true_track", "sensors", "squawk", "on_ground"] {
            prop_assert_eq!(&first.states[name], &second.states[name], "{}", name);
        }
    }
}

/// With `CONTRAIL_RECORDINGS` pointing at a folder of recordings: every row of them is read. They cannot be part of the
/// project.
#[test]
fn recordings_are_read_whole() {
    let Some(folder) = std::env::var_os("CONTRAIL_RECORDINGS").map(std::path::PathBuf::from) else {
        eprintln!("SKIPPED: CONTRAIL_RECORDINGS is not set, no recording was read");
        return;
    };
    for (file, rows) in
        [("global_24x60s_2024-04-28.ndjson.gz", 207_126), ("dulles_raw_450_2023-03-14.ndjson.gz", 4_237)]
    {
        let path = folder.join("opensky").join(file);
        let (mut read_rows, mut bad) = (0, BTreeMap::<&str, u64>::new());
        for line in crate::replay::recording::Recording::open(&path).unwrap() {
            let parsed = parse(&line.unwrap().body, &stamp()).unwrap();
            assert_eq!(parsed.rejected, [], "{file}");
            read_rows += parsed.states.num_rows();
            for (name, count) in parsed.bad_fields {
                *bad.entry(name).or_default() += count;
            }
            let again =
                parse(&write(&parsed.states, NOW, WriteOptions { extended: true, blank_callsigns: true }), &stamp());
            let again = again.unwrap().states;
            for name in state::columns().iter().skip(4).map(|c| &c.name) {
                // Rows of 17 fields have no category; written they say 0.
                if name != "category" {
                    assert_eq!(again[name.as_str()].as_ref(), parsed.states[name.as_str()].as_ref(), "{file} {name}");
                }
            }
        }
        assert_eq!(read_rows, rows, "{file}");
        assert!(bad.is_empty(), "{file}: {bad:?}");
    }
}

/// `cargo test -p contrail-source --release -- --ignored --nocapture speed`
#[test]
#[ignore = "measures instead of testing"]
fn speed_of_reading_and_writing() {
    let row = |n: usize| {
        let fields = with(&[("icao24", &format!("\"{n:06x}\"")), ("baro_altitude", &format!("{}.24", n % 12_000))]);
        fields[fields.find("[[").unwrap() + 1..fields.rfind(']').unwrap()].to_owned()
    };
    let rows: Vec<String> = (0..12_000).map(row).collect();
    let body = format!(r#"{{"time":1714311966,"states":[{}]}}"#, rows.join(","));
    let rate = |what: &str, work: &mut dyn FnMut()| {
        let rounds: Vec<f64> = (0..50)
            .map(|_| {
                let started = std::time::Instant::now();
                work();
                started.elapsed().as_secs_f64()
            })
            .collect();
        let best = rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let mean = rounds.iter().sum::<f64>() / rounds.len() as f64;
        println!("{what}: {:.2} M rows/s at best, {:.2} on average", 0.012 / best, 0.012 / mean);
    };
    let parsed = read(&body);
    rate("parse", &mut || drop(std::hint::black_box(read(&body))));
    rate("write", &mut || drop(std::hint::black_box(write(&parsed.states, NOW, WriteOptions::default()))));
}
