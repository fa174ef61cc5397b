//! The scenarios of the model check that concern landing, each as a case.

use super::*;

fn at(pairs: &[(i32, i64)]) -> Offsets {
    pairs.iter().copied().collect()
}

fn took(ranges: &[(i32, Range<i64>)]) -> BTreeMap<i32, Range<i64>> {
    ranges.iter().cloned().collect()
}

#[test]
fn a_batch_lands_only_where_the_table_stands() {
    let table = at(&[(0, 10), (1, 5)]);
    assert_eq!(land("s", &table, &took(&[(0, 10..20)])), Ok(at(&[(0, 20), (1, 5)])));
    assert_eq!(land("s", &Offsets::new(), &took(&[(0, 0..3)])), Ok(at(&[(0, 3)])));
    let ahead = land("s", &table, &took(&[(0, 8..12)]));
    assert!(matches!(ahead, Err(Refused::Ahead { table: 10, batch: 8, .. })), "{ahead:?}");
    let behind = land("s", &table, &took(&[(1, 7..9)]));
    assert!(matches!(behind, Err(Refused::Behind { table: 5, batch: 7, .. })), "{behind:?}");
}

#[test]
fn two_landers_on_two_partitions_keep_each_others_progress() {
    // Both computed their batch against (0,0); the second one is staged again on what the first one left.
    let first = land("s", &at(&[(0, 0), (1, 0)]), &took(&[(0, 0..4)])).unwrap();
    let second = land("s", &first, &took(&[(1, 0..2)])).unwrap();
    assert_eq!(second, at(&[(0, 4), (1, 2)]));
}

#[test]
fn a_late_commit_of_our_own_is_ahead_not_a_reset() {
    // The lander died with its commit under way, the next one started from 0 and the old commit landed meanwhile.
    let refused = land("s", &at(&[(0, 3)]), &took(&[(0, 0..3)])).unwrap_err();
    assert!(matches!(refused, Refused::Ahead { .. }));
}

#[test]
fn a_batch_of_dead_letters_alone_moves_progress_too() {
    assert_eq!(land("s", &at(&[(0, 7)]), &took(&[(0, 7..9)])), Ok(at(&[(0, 9)])));
}

#[test]
fn dead_letter_progress_never_goes_down() {
    // Batch {p1: 0..2} settled (0,2); after a crash, batch {p0: 0..2, p1: 0..1} must leave p1 at 2.
    assert_eq!(settle(&at(&[(1, 2)]), &took(&[(0, 0..2), (1, 0..1)])), at(&[(0, 2), (1, 2)]));
}

#[test]
fn dead_letters_are_fenced_on_their_own_progress() {
    let (seen, ranges) = (at(&[(0, 4)]), took(&[(0, 3..8)]));
    assert_eq!(settle_fence("s", &seen, &seen, &ranges), Ok(at(&[(0, 8)])));
    let other = settle_fence("s", &seen, &at(&[(0, 8)]), &ranges);
    assert!(matches!(other, Err(Refused::Ahead { table: 8, batch: 4, .. })), "{other:?}");
    assert!(matches!(settle_fence("s", &seen, &Offsets::new(), &ranges), Err(Refused::Behind { .. })));
}

#[test]
fn below_dead_letter_progress_the_table_decides() {
    let dead = BTreeSet::from([5]);
    for (readable, offset, expected) in [
        (true, 4, Verdict::Row),
        (false, 5, Verdict::KnownDead),
        (true, 5, Verdict::KnownDead), // an upgrade that could read it now does not land it twice
        (false, 4, Verdict::Contradiction), // an older version read it; this one must not lose it silently
        (true, 9, Verdict::Row),
        (false, 9, Verdict::NewDead),
    ] {
        assert_eq!(verdict(readable, offset, 8, &dead), expected, "readable {readable} offset {offset}");
    }
}

fn table(entries: &[(&str, &str)]) -> Properties {
    entries.iter().map(|(stream, map)| (key(stream), (*map).to_owned())).collect()
}

fn begin(properties: &Properties, log: &[(i32, Range<i64>)], flags: (bool, bool)) -> Result<Offsets, BadStart> {
    let log = took(log);
    start(&Start { stream: "a", log: &log, properties, recorded: None, accept_gap: flags.0, new_stream: flags.1 })
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
    let (properties, log) = (table(&[("a", r#"{"0":7}"#)]), took(&[(0, 0..9)]));
    let ask = |recorded| {
        start(&Start {
            stream: "a",
            log: &log,
            properties: &properties,
            recorded,
            accept_gap: false,
            new_stream: false,
        })
    };
    assert!(ask(Some(r#"{"0":7}"#)).is_ok());
    assert!(ask(None).is_ok(), "the snapshot that said so may have expired");
    assert!(matches!(ask(Some(r#"{"0":4}"#)), Err(BadStart::RolledBack { .. })));
}
