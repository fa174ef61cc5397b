//! The fold against a naive computation, and the sky's manners as cases.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Float64Type;
use contrail_types::Icao24;
use proptest::prelude::*;

use super::{Picture, Sky, StateFilter};
use crate::live::identity::{Identity, Unknown};
use crate::live::rows::Rows;
use crate::live::testing::{Row, S, T0, batch, row, sky};

fn fold(sky: &mut Sky, rows: &[Row]) -> super::Folded {
    let batch = batch(rows);
    sky.fold(&Rows::of(&batch).unwrap(), &Unknown)
}

fn folded(rows: &[Row]) -> Sky {
    let mut sky = Sky::new(0);
    fold(&mut sky, rows);
    sky
}

fn picture(sky: &mut Sky, clock: i64) -> Picture {
    sky.picture(clock).unwrap()
}

type Naive = BTreeMap<String, (Option<i64>, Option<String>, Option<(f64, f64)>, Option<f64>)>;

/// By sorting: the latest row of each aircraft, and the position of its latest row that has one.
fn naive(rows: &[Row]) -> Naive {
    let mut rows: Vec<&Row> = rows
        .iter()
        .filter(|r| r.last_contact.is_some_and(|t| t >= r.answer_time - 86_400 * S && t <= r.answer_time + 60 * S))
        .collect();
    rows.sort_by_key(|r| (r.last_contact, std::cmp::Reverse((r.fetched_at, r.offset))));
    let mut latest = Naive::new();
    for row in rows {
        let kept = latest.get(&row.icao24).and_then(|l| l.2);
        let now = (row.last_contact, row.callsign.clone(), row.position.or(kept), row.altitude);
        latest.insert(row.icao24.clone(), now);
    }
    latest
}

fn read(states: &RecordBatch) -> Naive {
    let text = |name| states.column_by_name(name).unwrap().as_string::<i32>().clone();
    let number = |name| states.column_by_name(name).unwrap().as_primitive::<Float64Type>().clone();
    let (icao24, callsign) = (text("icao24"), text("callsign"));
    let (lat, lon, alt) = (number("latitude"), number("longitude"), number("baro_altitude"));
    let contact = states.column_by_name("last_contact").unwrap();
    let contact = contact.as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
    (0..states.num_rows())
        .map(|i| {
            let position = lat.is_valid(i).then(|| (lat.value(i), lon.value(i)));
            let callsign = callsign.is_valid(i).then(|| callsign.value(i).to_owned());
            let altitude = alt.is_valid(i).then(|| alt.value(i));
            (icao24.value(i).to_owned(), (Some(contact.value(i)), callsign, position, altitude))
        })
        .collect()
}

prop_compose! {
    /// Rows of few aircraft, a few fetches ten seconds apart, contacts that repeat, go back, lie outside, or are missing.
    fn any_row()(
        icao24 in 1u32..6,
        fetch in 0u32..5,
        lag in prop_oneof![4 => (0i64..30).prop_map(Some), 1 => Just(None), 1 => Just(Some(-100)), 1 => Just(Some(90_000))],
        position in prop::option::of((-89i32..89, -179i32..179)),
        altitude in prop::option::of(0u16..12_000),
        callsign in prop::option::of("[A-Z]{3}[0-9]"),
    ) -> Row {
        let at = T0 + i64::from(fetch) * 10 * S;
        Row {
            fetch,
            fetched_at: at + S,
            answer_time: at,
            last_contact: lag.map(|l| at - l / 5 * 5 * S),
            time_position: None,
            position: position.map(|(a, b)| (f64::from(a), f64::from(b))),
            altitude: altitude.map(f64::from),
            callsign,
            ..row(icao24)
        }
    }
}

proptest! {
    #[test]
    fn any_order_and_batching_gives_the_latest_row_of_each(
        rows in prop::collection::vec(any_row(), 1..60),
        order in any::<prop::sample::Index>(),
        size in 1usize..20,
    ) {
        let mut rows = rows;
        for (offset, row) in rows.iter_mut().enumerate() {
            row.offset = offset as i64;
        }
        let expected = naive(&rows);
        // A permutation and its reverse, in batches of any size.
        let len = rows.len();
        rows.rotate_left(order.index(len));
        for _ in 0..2 {
            let mut sky = Sky::new(0);
            for part in rows.chunks(size) {
                fold(&mut sky, part);
            }
            prop_assert_eq!(&read(&sky.states(&StateFilter::default(), T0 + S)), &expected);
            rows.reverse();
            rows.sort_by_key(|r| (r.offset * 7919) % 61);
        }
    }
}

#[test]
fn an_aircraft_leaves_the_frame_after_five_minutes_and_memory_after_an_hour() {
    let mut sky = folded(&[row(1)]);
    let shown = |sky: &mut Sky, s: i64| picture(sky, T0 + (3 + s) * S).marks.len();
    assert_eq!([shown(&mut sky, 0), shown(&mut sky, 300), shown(&mut sky, 301)], [1, 1, 0]);
    assert!(sky.one(Icao24::new(1).unwrap()).is_some());
    shown(&mut sky, 3600);
    assert!(sky.one(Icao24::new(1).unwrap()).is_some());
    shown(&mut sky, 3601);
    assert!(sky.one(Icao24::new(1).unwrap()).is_none());
}

#[test]
fn a_row_without_a_position_keeps_the_last_one_with_its_age() {
    let later = Row {
        fetch: 2,
        fetched_at: T0 + 23 * S,
        answer_time: T0 + 20 * S,
        last_contact: Some(T0 + 20 * S),
        time_position: None,
        position: None,
        altitude: Some(9_000.0),
        ..row(1)
    };
    let mut sky = folded(&[row(1), later]);
    let mark = picture(&mut sky, T0 + 23 * S).marks[0];
    assert_eq!((mark.latitude, mark.longitude, mark.altitude, mark.age), (50.0, 8.0, 9_000.0, 20 * S));
}

#[test]
fn who_never_had_a_position_is_in_no_frame_but_known() {
    let mut sky = folded(&[Row { position: None, ..row(1) }, row(2)]);
    assert_eq!(picture(&mut sky, T0).marks.iter().map(|m| m.icao24).collect::<Vec<_>>(), [2]);
    assert_eq!(sky.identities("b", None).columns.icao24, ["000001", "000002"]);
}

#[test]
fn an_answer_whose_time_contradicts_its_rows_does_not_move_the_clock() {
    let mut sky = folded(&[row(1), row(2)]);
    let at = |n: u32, answer_time, contact| Row {
        fetch: n,
        fetched_at: T0 + 10 * S,
        answer_time,
        last_contact: Some(contact),
        ..row(1)
    };
    // Its clock went back an hour, its rows did not: they are not believed, the sky goes on.
    let skipped = fold(&mut sky, &[at(2, T0 - 3600 * S, T0 + 7 * S)]).skipped;
    assert_eq!((skipped, sky.now(T0 + 10 * S)), (1, Some(T0 + 7 * S)));
    // A recording that starts again takes its sky back, and who is in the future is forgotten.
    let start = T0 - 7200 * S;
    fold(&mut sky, &[Row { fetched_at: T0 + 20 * S, ..at(3, start, start) }]);
    let again = picture(&mut sky, T0 + 20 * S);
    assert_eq!((again.at, again.marks.len()), (start, 0));
    fold(&mut sky, &[Row { fetched_at: T0 + 30 * S, ..at(4, start + 10 * S, start + 10 * S) }]);
    assert_eq!(picture(&mut sky, T0 + 30 * S).marks.len(), 1);
}

#[test]
fn identities_come_once_and_again_when_they_change() {
    let mut sky = Sky::new(1_000);
    let lookup = |_: Icao24, callsign: Option<&str>, _: Option<&str>| Identity {
        airline: callsign.filter(|c| c.starts_with("DLH")).map(|_| Arc::from("DLH")),
        ..Identity::default()
    };
    let fold = |sky: &mut Sky, rows: &[Row]| sky.fold(&Rows::of(&batch(rows)).unwrap(), &lookup);
    fold(&mut sky, &[row(1), row(2)]);
    picture(&mut sky, T0);
    let first = sky.identities("boot", None);
    assert!(first.full);
    assert_eq!((first.columns.icao24.len(), first.columns.airline[0].as_deref()), (2, Some("DLH")));
    // A new position is no new identity.
    let next = |s: i64, r: Row| Row { last_contact: Some(T0 + s * S), position: Some((51.0, 9.0)), ..r };
    fold(&mut sky, &[next(1, row(1))]);
    picture(&mut sky, T0);
    let none = sky.identities("boot", Some(first.rev));
    assert_eq!((none.full, none.rev, none.columns.icao24.len()), (false, first.rev, 0));
    fold(&mut sky, &[next(2, Row { callsign: None, ..row(1) })]);
    picture(&mut sky, T0);
    let one = sky.identities("boot", Some(first.rev));
    assert_eq!((one.columns.icao24.as_slice(), &one.columns.airline[0]), (&["000001".to_owned()][..], &None));
    assert!(one.rev > first.rev);
    // A revision of another start is unknown.
    assert!(sky.identities("boot", Some(7)).full);
    assert!(sky.identities("boot", Some(one.rev + 1)).full);
}

#[test]
fn what_belongs_to_the_airframe_stays_known() {
    let other = Row { registration: Some("D-AIXA"), feed: "readsb", last_contact: Some(T0 - S), fetch: 9, ..row(1) };
    for rows in [[other.clone(), row(1)], [row(1), other]] {
        let mut sky = folded(&rows);
        picture(&mut sky, T0);
        assert_eq!(sky.identities("b", None).columns.registration, [Some("D-AIXA".to_owned())]);
    }
}

#[test]
fn states_are_chosen_by_box_and_address() {
    let at = |icao24, lat, lon| Row { position: Some((lat, lon)), ..row(icao24) };
    let mut sky = folded(&[at(1, 50.0, 8.0), at(2, -17.0, 179.0), at(3, -17.0, -179.0), row(4)]);
    let mut chosen = |bounds, icao24: Option<Vec<u32>>| {
        let icao24 = icao24.map(|list| list.into_iter().filter_map(Icao24::new).collect());
        let states = sky.states(&StateFilter { bounds, icao24 }, T0);
        read(&states).into_keys().map(|k| k[5..].to_owned()).collect::<String>()
    };
    assert_eq!(chosen(None, None), "1234");
    assert_eq!(chosen(Some([49.0, 7.0, 51.0, 9.0]), None), "14");
    assert_eq!(chosen(Some([-20.0, 178.0, -15.0, -178.0]), None), "23");
    assert_eq!(chosen(None, Some(vec![4, 2, 77])), "24");
    assert_eq!(chosen(Some([49.0, 7.0, 51.0, 9.0]), Some(vec![1, 2])), "1");
    assert_eq!(chosen(Some([0.0, 0.0, 1.0, 1.0]), None), "");
}

#[test]
fn trails_are_remembered_by_aircraft() {
    let mut live = Sky::new(0);
    for minute in 0..70 {
        let at = T0 + minute * 60 * S;
        let batch = sky(20, at);
        live.fold(&Rows::of(&batch).unwrap(), &Unknown);
        picture(&mut live, at);
    }
    let icao24 = Icao24::new(1).unwrap();
    let now = T0 + 69 * 60 * S + 3 * S;
    let trails = live.trails(&[icao24, Icao24::new(2).unwrap()], 60, now).trails;
    assert_eq!(trails.keys().collect::<Vec<_>>(), ["000001"]);
    assert_eq!((trails["000001"].t.len(), live.trails(&[icao24], 10, now).trails["000001"].t.len()), (61, 11));
}
