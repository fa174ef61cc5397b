//! Units and thresholds of the cleaned states, as tables of cases.

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use contrail_types::time::{HOUR, SECOND};
use contrail_types::units::{feet_per_minute_to_metres_per_second, feet_to_metres};

use super::engine;
use super::sample::{Raw, T0, batch};
use crate::Input;

/// Runs `states` over rows that differ in their time only by position, and returns one text a column asked for.
fn states(rows: Vec<Raw>) -> arrow::array::RecordBatch {
    let rows: Vec<Raw> = rows
        .into_iter()
        .enumerate()
        .map(|(i, r)| Raw { icao24: format!("{i:06x}"), log_offset: i as i64, ..r })
        .collect();
    let engine = engine();
    let model = engine.project().get("states").unwrap().clone();
    let result = engine.run(&model, &[("states_raw", Input::batch(batch(&rows)))]).unwrap();
    assert!(engine.checks(&model, &result).unwrap().is_empty());
    let sorted = crate::winner::winners(&model, &[result]).unwrap();
    assert_eq!(sorted.num_rows(), rows.len(), "a row was dropped");
    sorted
}

#[test]
fn altitude_bands_are_thousands_of_metres() {
    let feet = |ft: f64| Some(feet_to_metres(ft));
    let cases = [
        // 35,000 ft is 10,668 m: the band from 10,000 to 11,000 m.
        (feet(35_000.0), None, Some(false), 11),
        (feet(10_000.0), None, Some(false), 4),
        (feet(3_280.0), None, Some(false), 1),
        (feet(3_281.0), None, Some(false), 2),
        (Some(0.0), None, Some(false), 1),
        (Some(-120.0), None, Some(false), 1),
        (Some(12_999.9), None, Some(false), 13),
        (Some(13_000.0), None, Some(false), 14),
        (Some(20_000.0), None, Some(false), 14),
        (None, Some(10_668.0), Some(false), 11),
        (Some(2_500.0), Some(10_668.0), Some(false), 3),
        (None, None, Some(false), -1),
        (None, None, None, -1),
        (Some(500.0), None, Some(true), 0),
        (None, None, Some(true), 0),
    ];
    let rows =
        cases.iter().map(|c| Raw { baro_altitude: c.0, geo_altitude: c.1, on_ground: c.2, ..Raw::default() }).collect();
    let result = states(rows);
    let bands = result.column_by_name("altitude_band").unwrap().as_primitive::<Int32Type>().clone();
    assert_eq!(bands.values(), &cases.map(|c| c.3)[..]);
}

#[test]
fn phases_follow_the_vertical_rate_in_metres_per_second() {
    let fpm = feet_per_minute_to_metres_per_second;
    let cases = [
        (Some(fpm(1_500.0)), false, "climb"),
        (Some(2.0), false, "climb"),
        (Some(1.99), false, "cruise"),
        (Some(fpm(-100.0)), false, "cruise"),
        (Some(fpm(-1_800.0)), false, "descent"),
        (None, false, "unknown"),
        (Some(5.0), true, "ground"),
        (None, true, "ground"),
    ];
    let rows = cases.iter().map(|c| Raw { vertical_rate: c.0, on_ground: Some(c.1), ..Raw::default() }).collect();
    let result = states(rows);
    let phases: Vec<_> = result.column_by_name("phase").unwrap().as_string::<i32>().iter().flatten().collect();
    assert_eq!(phases, cases.map(|c| c.2));
}

#[test]
fn cells_are_quarter_degrees_and_the_edges_stay_on_the_grid() {
    let cases = [
        ((-90.0, -180.0), 0),
        ((-90.0, -179.75), 1),
        ((-89.75, -180.0), 1440),
        ((0.0, 0.0), 360 * 1440 + 720),
        ((50.03, 8.57), 560 * 1440 + 754),
        ((90.0, 180.0), 719 * 1440 + 1439),
        ((-0.01, -0.01), 359 * 1440 + 719),
    ];
    let result = states(cases.iter().map(|c| Raw { position: Some(c.0), ..Raw::default() }).collect());
    let cells = result.column_by_name("cell").unwrap().as_primitive::<Int32Type>().clone();
    assert_eq!(cells.values(), &cases.map(|c| c.1)[..]);
}

#[test]
fn stale_suspect_airline_and_country() {
    let row = Raw::default;
    let cases = [
        (row(), [false, false], Some("DLH"), Some("DE")),
        (Raw { answer_time: T0 + 60 * SECOND, ..row() }, [false, false], Some("DLH"), Some("DE")),
        (Raw { answer_time: T0 + 61 * SECOND, ..row() }, [true, false], Some("DLH"), Some("DE")),
        (Raw { velocity: Some(2_676.0), ..row() }, [false, true], Some("DLH"), Some("DE")),
        (Raw { vertical_rate: Some(604.0), ..row() }, [false, true], Some("DLH"), Some("DE")),
        (Raw { baro_altitude: Some(38_000.0), ..row() }, [false, true], Some("DLH"), Some("DE")),
        (Raw { callsign: Some("DABCD".into()), ..row() }, [false, false], None, Some("DE")),
        (Raw { callsign: Some("DLHX1".into()), ..row() }, [false, false], None, Some("DE")),
        (Raw { callsign: Some("QQQ123".into()), ..row() }, [false, false], None, Some("DE")),
        (Raw { callsign: None, origin_country: Some(String::new()), ..row() }, [false, false], None, None),
        (Raw { origin_country: Some("Viet Nam".into()), ..row() }, [false, false], Some("DLH"), Some("VN")),
    ];
    let result = states(cases.iter().map(|c| c.0.clone()).collect());
    for (i, (row, flags, airline, country)) in cases.iter().enumerate() {
        let text = |name| result.column_by_name(name).unwrap().as_string::<i32>().iter().nth(i).unwrap();
        let flag = |name| result.column_by_name(name).unwrap().as_boolean().value(i);
        assert_eq!([flag("is_stale"), flag("is_suspect")], *flags, "{row:?}");
        assert_eq!((text("airline"), text("country")), (*airline, *country), "{row:?}");
    }
}

#[test]
fn what_lies_outside_the_window_or_has_no_position_is_left_out() {
    let row = Raw::default;
    let cases = [
        (row(), true),
        (Raw { answer_time: T0 + 24 * HOUR, ..row() }, true),
        (Raw { answer_time: T0 + 24 * HOUR + 1, ..row() }, false),
        (Raw { answer_time: T0 - 60 * SECOND, ..row() }, true),
        (Raw { answer_time: T0 - 60 * SECOND - 1, ..row() }, false),
        (Raw { last_contact: None, ..row() }, false),
        (Raw { position: None, ..row() }, false),
        (Raw { position: Some((91.0, 0.0)), ..row() }, false),
        (Raw { position: Some((f64::NAN, 0.0)), ..row() }, false),
    ];
    let engine = engine();
    let model = engine.project().get("states").unwrap();
    for (row, kept) in cases {
        let result = engine.run(model, &[("states_raw", Input::batch(batch(std::slice::from_ref(&row))))]).unwrap();
        assert_eq!(result.num_rows() == 1, kept, "{row:?}");
    }
}
