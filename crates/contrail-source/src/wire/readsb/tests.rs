//! Cases for `aircraft.json`, made up after what real receivers write.

use std::collections::BTreeMap;

use arrow::array::Array;
use arrow::util::display::array_value_to_string;
use contrail_types::state;
use contrail_types::time::SECOND;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const NOW: Micros = 1_785_349_722 * SECOND;

fn stamp() -> Stamp<'static> {
    Stamp { feed: "roof", fetch_id: Uuid::from_u128(9), fetched_at: NOW }
}

fn read(body: &str) -> Parsed {
    parse(body.as_bytes(), &stamp()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn one(aircraft: &str) -> Parsed {
    read(&format!(r#"{{ "now" : 1785349721.5, "messages" : 54541153, "aircraft" : [ {{{aircraft}}} ] }}"#))
}

/// One cell as text; null is the empty string.
fn cell(parsed: &Parsed, name: &str) -> String {
    let column = parsed.states.column_by_name(name).unwrap();
    if column.is_null(0) { String::new() } else { array_value_to_string(column, 0).unwrap() }
}

#[test]
fn an_aircraft_in_si_units() {
    let parsed = one(
        r#""hex":"3C71A1","type":"adsb_icao","flight":"BCS361  ","r":"D-AEAA","t":"A306","dbFlags":1,"alt_baro":35000,
           "alt_geom":36500,"gs":100.0,"track":79.6,"baro_rate":-1000,"squawk":"2274","emergency":"none","category":"A5",
           "lat":51.345256,"lon":-2.052231,"nic":8,"seen_pos":5.9,"alert":0,"spi":1,"mlat":[],"tisb":[],"messages":295,
           "seen":0.4,"rssi":-26.2"#,
    );
    let expected = [
        ("feed", "roof"),
        ("answer_time", "2026-07-29T18:28:41.500Z"),
        ("icao24", "3c71a1"),
        ("callsign", "BCS361"),
        ("origin_country", ""),
        ("time_position", "2026-07-29T18:28:35.600Z"),
        ("last_contact", "2026-07-29T18:28:41.100Z"),
        ("longitude", "-2.052231"),
        ("latitude", "51.345256"),
        ("baro_altitude", "10668.0"),
        ("on_ground", "false"),
        ("true_track", "79.6"),
        ("vertical_rate", "-5.08"),
        ("sensors", ""),
        ("geo_altitude", "11125.2"),
        ("squawk", "2274"),
        ("spi", "true"),
        ("position_source", "0"),
        ("category", "6"),
        ("alert", "false"),
        ("emergency", ""),
        ("registration", "D-AEAA"),
        ("type_code", "A306"),
        ("rssi", "-26.2"),
    ];
    for (name, value) in expected {
        assert_eq!(cell(&parsed, name), value, "{name}");
    }
    let velocity: f64 = cell(&parsed, "velocity").parse().unwrap();
    assert!((velocity - 51.444_444).abs() < 1e-5);
    assert!(parsed.bad_fields.is_empty(), "{:?}", parsed.bad_fields);
    assert_eq!(parsed.states.schema(), state::schema());
}

#[test]
fn what_receivers_write_differently() {
    // what stands there, a column, its value
    let cases = [
        (r#""alt_baro":"ground""#, "on_ground", "true"),
        (r#""alt_baro":"ground""#, "baro_altitude", ""),
        (r#""alt_baro":0"#, "on_ground", "false"),
        (r#""seen":1"#, "on_ground", ""),
        (r#""altitude":1000,"speed":200"#, "baro_altitude", "304.8"),
        (r#""altitude":"ground""#, "on_ground", "true"),
        (r#""vert_rate":600"#, "vertical_rate", "3.048"),
        (r#""geom_rate":600"#, "vertical_rate", "3.048"),
        (r#""baro_rate":0,"geom_rate":600"#, "vertical_rate", "0.0"),
        (r#""emergency":"lifeguard""#, "emergency", "lifeguard"),
        (r#""flight":"        ""#, "callsign", ""),
        (r#""lat":1.5,"lon":2.5,"type":"mlat""#, "position_source", "2"),
        (r#""lat":1.5,"lon":2.5,"type":"adsr_icao""#, "position_source", "0"),
        (r#""lat":1.5,"lon":2.5,"type":"tisb_icao""#, "position_source", ""),
        (r#""lat":1.5,"lon":2.5,"mlat":["gs","lat","lon"]"#, "position_source", "2"),
        (r#""lat":1.5,"lon":2.5,"mlat":[],"tisb":["lat"]"#, "position_source", ""),
        (r#""lat":1.5,"lon":2.5"#, "position_source", "0"),
        (r#""type":"mode_s""#, "position_source", ""),
        (r#""lat":1.5"#, "latitude", ""),
        (r#""lastPosition":{"lat":1.5,"lon":2.5,"nic":8,"seen_pos":100.5}"#, "latitude", "1.5"),
        (r#""lastPosition":{"lat":1.5,"lon":2.5,"nic":8,"seen_pos":100.5}"#, "time_position", "2026-07-29T18:27:01Z"),
        (r#""lat":3.5,"lon":2.5,"lastPosition":{"lat":1.5,"lon":2.5}"#, "latitude", "3.5"),
        (r#""category":"B1""#, "category", "9"),
        (r#""category":"A0""#, "category", "1"),
    ];
    for (text, name, value) in cases {
        let parsed = one(&format!(r#""hex":"abcdef",{text}"#));
        assert_eq!(cell(&parsed, name), value, "{text}");
        assert!(parsed.bad_fields.is_empty(), "{text}: {:?}", parsed.bad_fields);
    }
}

#[test]
fn bad_fields_are_null_and_counted_under_their_name_on_the_wire() {
    let cases = [
        (r#""alt_baro":"high""#, "alt_baro"),
        (r#""alt_geom":1e12"#, "alt_geom"),
        (r#""gs":"fast""#, "gs"),
        (r#""track":720"#, "track"),
        (r#""squawk":"8888""#, "squawk"),
        (r#""category":"Z9""#, "category"),
        (r#""lat":91,"lon":5"#, "lat"),
        (r#""seen":-1e99"#, "seen"),
        (r#""spi":2"#, "spi"),
        (r#""r":5"#, "r"),
        (r#""rssi":NaN"#, "rssi"),
    ];
    for (text, name) in cases {
        let parsed = one(&format!(r#""hex":"abcdef",{text}"#));
        assert_eq!(parsed.bad_fields, BTreeMap::from([(name, 1)]), "{text}");
        assert_eq!(parsed.states.num_rows(), 1, "{text}");
    }
}

#[test]
fn addresses_that_are_not_of_icao_are_left_out_and_nonsense_is_kept_as_received() {
    let parsed = read(
        r#"{"aircraft":[{"hex":"~2a1b3c","lat":1},{"flight":"X"},7,{"hex":"12345g"},{"hex":"00000a"}],"now":1785349721}"#,
    );
    assert_eq!(parsed.left_out, BTreeMap::from([(NON_ICAO, 1)]));
    let rejected: Vec<_> =
        parsed.rejected.iter().map(|r| (r.reason, String::from_utf8(r.row.clone()).unwrap())).collect();
    assert_eq!(
        rejected,
        [
            ("hex is not six hex digits", r#"{"flight":"X"}"#.into()),
            ("it is no object", "7".into()),
            ("hex is not six hex digits", r#"{"hex":"12345g"}"#.into()),
        ]
    );
    assert_eq!(cell(&parsed, "icao24"), "00000a");
    assert_eq!(parsed.answer_time, Some(1_785_349_721 * SECOND));
}

#[test]
fn what_is_no_answer_is_an_error() {
    for body in ["", "<html>", "{}", r#"{"now":1}"#, r#"{"aircraft":{}}"#, r#"{"aircraft":[{"hex":"abcdef"}"#] {
        assert!(parse(body.as_bytes(), &stamp()).is_err(), "{body}");
    }
    for body in [r#"{"aircraft":[]}"#, r#"{"now":"x","aircraft":null}"#] {
        assert_eq!((read(body).states.num_rows(), read(body).answer_time), (0, None), "{body}");
    }
}

#[test]
fn categories_there_and_back() {
    for number in 1..=20 {
        assert_eq!(letter_category(number).and_then(number_category), Some(number));
    }
    let cases = [
        ("A3", Some(4)),
        ("a7", Some(8)),
        ("B6", Some(14)),
        ("C3", Some(18)),
        ("C7", Some(1)),
        ("D2", Some(1)),
        ("E1", None),
        ("A9", None),
        ("A", None),
    ];
    for (letters, number) in cases {
        assert_eq!(number_category(letters), number, "{letters}");
    }
    assert_eq!((letter_category(0), letter_category(21), letter_category(-1)), (None, None, None));
}

#[test]
fn what_is_written_is_in_feet_and_knots() {
    let body = crate::wire::opensky::parse(
        br#"{"time":1785349721,"states":[
            ["3c6444","DLH4AB","Germany",1785349719,1785349720,8.570556,50.033333,10668,false,128.6111,270.5,-5.08,null,11277.6,"1000",false,0,4],
            ["4ca123",null,"Ireland",null,1785349600,null,null,null,true,0,null,null,null,null,null,true,2,17]]}"#,
        &stamp(),
    );
    let states = body.unwrap().states;
    let text = String::from_utf8(write(&states, 1_785_349_721 * SECOND, 12)).unwrap();
    let expected = concat!(
        r#"{"now":1785349721,"messages":12,"aircraft":["#,
        "\n",
        r#"{"hex":"3c6444","type":"adsb_icao","flight":"DLH4AB  ","alt_baro":35000,"alt_geom":37000,"gs":250,"track":270.5,"#,
        r#""baro_rate":-1000,"squawk":"1000","category":"A3","lat":50.033333,"lon":8.570556,"seen_pos":2,"spi":0,"mlat":[],"#,
        r#""tisb":[],"messages":0,"seen":1},"#,
        "\n",
        r#"{"hex":"4ca123","type":"mlat","alt_baro":"ground","gs":0,"category":"C2","spi":1,"mlat":["lat","lon"],"tisb":[],"#,
        r#""messages":0,"seen":121}"#,
        "\n]}\n"
    );
    assert_eq!(text, expected);
    let again = parse(text.as_bytes(), &stamp()).unwrap();
    assert!(again.bad_fields.is_empty() && again.rejected.is_empty());
    for name in
        ["icao24", "callsign", "last_contact", "time_position", "longitude", "baro_altitude", "on_ground", "squawk"]
    {
        assert_eq!(again.states[name].as_ref(), states[name].as_ref(), "{name}");
    }
}

proptest! {
    #[test]
    fn rows_rejected_and_left_out_are_all_elements(
        hexes in proptest::collection::vec("~?[0-9a-g]{5,6}", 0..10), key in "[a-z_]{1,8}", value in "[0-9.eE+-]{1,9}",
    ) {
        let list: Vec<String> = hexes.iter().map(|hex| format!(r#"{{"hex":"{hex}","{key}":{value}}}"#)).collect();
        let parsed = read(&format!(r#"{{"aircraft":[{}]}}"#, list.join(",")));
        let left_out: u64 = parsed.left_out.values().sum();
        prop_assert_eq!(parsed.states.num_rows() + parsed.rejected.len() + left_out as usize, hexes.len());
    }

    #[test]
    fn no_damage_panics(at in 0usize..300, byte: u8, cut in 0usize..300) {
        let text = r#"{"now":5,"aircraft":[{"hex":"abcdef","lat":1,"mlat":["lat"],"lastPosition":{"lat":[]},"flight":"a\n"}]}"#;
        let mut body = text.as_bytes().to_vec();
        body[at % text.len()] = byte;
        let _ = parse(&body, &stamp());
        let _ = parse(&body[..cut % text.len()], &stamp());
    }
}

/// With `CONTRAIL_RECORDINGS`: what real receivers wrote is read whole.
#[test]
fn receivers_own_files_are_read_whole() {
    let Some(folder) = std::env::var_os("CONTRAIL_RECORDINGS").map(std::path::PathBuf::from) else {
        eprintln!("SKIPPED: CONTRAIL_RECORDINGS is not set, no receiver's file was read");
        return;
    };
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("readsb")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let body = std::fs::read(&path).unwrap();
        let tree: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let parsed = parse(&body, &stamp()).unwrap();
        let left_out: u64 = parsed.left_out.values().sum();
        assert_eq!(parsed.states.num_rows() as u64 + left_out, tree["aircraft"].as_array().unwrap().len() as u64);
        assert!(parsed.rejected.is_empty() && parsed.bad_fields.is_empty(), "{path:?}: {:?}", parsed.bad_fields);
        files += 1;
    }
    assert!(files > 0);
}
