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

#[test]
fn holes_add_up_and_nothing_is_written_for_none() {
    let properties: Properties = [("contrail.holes.a".to_owned(), r#"{"0":2}"#.to_owned())].into();
    assert_eq!(holes_property(&properties, "a", &at(&[(0, 0)])).unwrap(), None);
    let (key, value) = holes_property(&properties, "a", &at(&[(0, 3), (2, 1)])).unwrap().unwrap();
    assert_eq!((&*key, &*value), ("contrail.holes.a", r#"{"0":5,"2":1}"#));
}
