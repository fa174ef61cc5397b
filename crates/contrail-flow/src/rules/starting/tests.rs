//! Starts as a table of cases.

use super::super::landing::{ACCEPTED, holes};
use super::*;

fn at(pairs: &[(i32, i64)]) -> Offsets {
    pairs.iter().copied().collect()
}

fn table(entries: &[(&str, &str)]) -> Properties {
    entries.iter().map(|(stream, map)| (key(stream), (*map).to_owned())).collect()
}

fn begin(properties: &Properties, log: &[(i32, Range<i64>)], flags: (bool, bool)) -> Result<Offsets, BadStart> {
    let log = log.iter().cloned().collect();
    let asked = Start { stream: "a", log: &log, properties, recorded: None, accept_gap: flags.0, new_stream: flags.1 };
    start(&asked, 0).map(|started| started.from)
}

#[test]
fn a_lander_goes_on_where_the_table_stands() {
    const NO: (bool, bool) = (false, false);
    let landed = table(&[("a", r#"{"0":7}"#)]);
    assert_eq!(begin(&landed, &[(0, 3..9)], NO), Ok(at(&[(0, 7)])));
    assert_eq!(begin(&Properties::new(), &[(0, 0..9)], NO), Ok(at(&[(0, 0)])));
    // A partition that was added later starts at its beginning.
    assert_eq!(begin(&landed, &[(0, 3..9), (1, 0..2)], NO), Ok(at(&[(0, 7), (1, 0)])));
}

#[test]
fn what_does_not_fit_is_an_error_of_its_own_with_a_way_on() {
    const NO: (bool, bool) = (false, false);
    let landed = table(&[("a", r#"{"0":7}"#)]);
    assert!(matches!(begin(&landed, &[(0, 8..9)], NO), Err(BadStart::Gap { landed: 7, start: 8, .. })));
    assert_eq!(begin(&landed, &[(0, 8..9)], (true, false)), Ok(at(&[(0, 8)])));
    assert!(matches!(begin(&landed, &[(0, 0..6)], NO), Err(BadStart::BeyondEnd { landed: 7, end: 6, .. })));
    assert_eq!(begin(&landed, &[(0, 0..6)], (false, true)), Ok(at(&[(0, 6)])));
    assert!(matches!(begin(&Properties::new(), &[(0, 2..6)], NO), Err(BadStart::Gap { landed: 0, .. })));
    let foreign = table(&[("b", r#"{"0":7}"#)]);
    assert!(matches!(begin(&foreign, &[(0, 0..6)], NO), Err(BadStart::UnknownStream { .. })));
    assert_eq!(begin(&foreign, &[(0, 0..6)], (false, true)), Ok(at(&[(0, 0)])));
    // Back-filled files before the first start are no other log.
    assert_eq!(begin(&table(&[("file:ab", r#"{"0":7}"#)]), &[(0, 0..6)], NO), Ok(at(&[(0, 0)])));
    let garbled = table(&[("a", "seven")]);
    assert!(matches!(begin(&garbled, &[(0, 0..6)], NO), Err(BadStart::Unreadable(_))));
}

#[test]
fn a_rollback_by_another_tool_is_noticed() {
    let (properties, log) = (table(&[("a", r#"{"0":7}"#)]), [(0, 0..9)].into());
    let ask = |recorded| {
        let (accept_gap, new_stream) = (false, false);
        start(&Start { stream: "a", log: &log, properties: &properties, recorded, accept_gap, new_stream }, 0)
    };
    assert!(ask(Some(r#"{"0":7}"#)).is_ok());
    assert!(ask(None).is_ok(), "the snapshot that said so may have expired");
    assert!(matches!(ask(Some(r#"{"0":4}"#)), Err(BadStart::RolledBack { .. })));
}

/// Starts and records, and starts again on what was recorded without any flag.
fn accepted(stream: &str, properties: &Properties, log: &[(i32, Range<i64>)]) -> (Started, Properties) {
    let log = log.iter().cloned().collect();
    let asked = Start { stream, log: &log, properties, recorded: None, accept_gap: true, new_stream: true };
    let started = start(&asked, 42).unwrap();
    let mut after = properties.clone();
    after.extend(record(&asked, &started).unwrap());
    let again = Start { properties: &after, accept_gap: false, new_stream: false, ..asked };
    let plain = start(&again, 43).unwrap();
    assert_eq!((&plain.stream, &plain.from, plain.accepted.len()), (&started.stream, &started.from, 0));
    (started, after)
}

#[test]
fn what_is_accepted_is_recorded_and_asked_no_more() {
    let landed = table(&[("a", r#"{"0":7,"1":3}"#)]);
    let (gap, after) = accepted("a", &landed, &[(0, 9..12)]);
    assert_eq!((&*gap.stream, &gap.accepted[0].flag[..], gap.accepted[0].now), ("a", "--accept-gap", Some(9)));
    assert_eq!(after[&key("a")], r#"{"0":9,"1":3}"#, "the other partition stays");
    assert_eq!(holes(&after, "a").unwrap(), [(0, 2)].into());
    // Offsets that come again count under another name, and again under another.
    let (reset, after) = accepted("a", &after, &[(0, 0..5)]);
    assert_eq!((&*reset.stream, &reset.from), ("a~2", &[(0, 5)].into()));
    assert_eq!(after[&key("a~2")], r#"{"0":5,"1":3}"#);
    assert_eq!(after[&key("a")], r#"{"0":9,"1":3}"#, "what landed under the old name stays");
    let (reset, after) = accepted("a", &after, &[(0, 0..4)]);
    assert_eq!(&*reset.stream, "a~3");
    let all: Vec<Accepted> = serde_json::from_str(&after[ACCEPTED]).unwrap();
    assert_eq!(all.iter().map(|a| &*a.flag).collect::<Vec<_>>(), ["--accept-gap", "--new-stream", "--new-stream"]);
    // Another log altogether.
    let (other, after) = accepted("b", &landed, &[(0, 0..4)]);
    assert_eq!((other.accepted.len(), &after[&key("b")][..]), (1, r#"{"0":0}"#));
}

#[test]
fn each_way_to_be_another_log_has_its_own_words() {
    let landed = table(&[("cluster/topic", r#"{"0":7}"#)]);
    let ask = |stream: &str| {
        let log = [(0, 0..9)].into();
        let asked =
            Start { stream, log: &log, properties: &landed, recorded: None, accept_gap: false, new_stream: false };
        start(&asked, 0).unwrap_err()
    };
    assert!(matches!(ask("cluster/other"), BadStart::TopicMadeAgain { was, is } if was == "topic" && is == "other"));
    assert!(matches!(ask("another/topic"), BadStart::OtherCluster { was, is } if was == "cluster" && is == "another"));
    assert!(matches!(ask("0198-uuid"), BadStart::UnknownStream { .. }));
}
