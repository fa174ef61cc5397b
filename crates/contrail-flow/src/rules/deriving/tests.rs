//! The scenarios of the model check that concern derived tables, each as a case.

use super::*;

fn progress(built: i64, held: &[Micros], epoch: u64) -> Progress {
    Progress { built: BTreeMap::from([("states_raw".into(), built)]), held: held.iter().copied().collect(), epoch }
}

#[test]
fn progress_survives_its_properties() {
    let said = progress(42, &[HOUR, 3 * HOUR], 7);
    let properties: Properties = said.properties().into_iter().collect();
    assert_eq!(Progress::read(&properties), Ok(said));
    assert_eq!(Progress::read(&Properties::new()), Ok(Progress::default()));
    let garbled = Properties::from([("contrail.epoch".to_owned(), "x".to_owned())]);
    assert!(matches!(Progress::read(&garbled), Err(Moved::Unreadable { .. })));
}

#[test]
fn two_builders_cannot_both_land() {
    let seen = progress(1, &[], 0);
    assert_eq!(fence(&seen, &seen), Ok(()));
    for (now, what) in [
        (progress(2, &[], 0), "contrail.built"),
        (progress(1, &[HOUR], 0), "contrail.held"), // both release a held hour: built and epoch stay, held does not
        (progress(1, &[], 1), "contrail.epoch"),
    ] {
        assert_eq!(fence(&seen, &now), Err(Moved::Progress(what)));
    }
}

#[test]
fn a_manual_build_is_not_starved_by_commits_to_other_hours() {
    let hours = BTreeSet::from([HOUR]);
    let seen = progress(1, &[], 0);
    let quiet = |_: Micros| 5;
    assert_eq!(manual_fence(&seen, &progress(9, &[], 0), &hours, 5, quiet), Ok(()));
    assert_eq!(manual_fence(&seen, &progress(9, &[], 1), &hours, 5, quiet), Err(Moved::Progress("contrail.epoch")));
    assert_eq!(manual_fence(&seen, &seen, &hours, 4, quiet), Err(Moved::Hour(HOUR)));
    // A held hour is released only by whoever has seen all of its input.
    let held = progress(1, &[HOUR], 0);
    let moved = manual_fence(&held, &progress(2, &[HOUR], 0), &hours, 5, quiet);
    assert_eq!(moved, Err(Moved::Progress("contrail.built")));
}

#[test]
fn an_input_older_than_what_is_covered_is_loaded_again() {
    assert!(is_stale(2, 1));
    assert!(!is_stale(2, 2));
}

#[test]
fn nonsense_times_touch_no_hour() {
    let answers = 100 * HOUR..=100 * HOUR + 30 * MINUTE;
    assert_eq!(touched_hours(99 * HOUR + 1..=100 * HOUR + 1, answers.clone()), BTreeSet::from([99 * HOUR, 100 * HOUR]));
    // One row from 1970 and one from 2100 make 26 hours dirty, not half a million.
    assert_eq!(touched_hours(0..=i64::MAX / 2, answers.clone()).len(), 25);
    assert!(touched_hours(0..=HOUR, answers).is_empty());
}

#[test]
fn a_row_a_minute_before_its_hour_was_answered_is_in_reach_of_its_raw_hours() {
    let raw = raw_hours_of(10 * HOUR);
    assert!(raw.contains(&(9 * HOUR)), "answers up to 60 s earlier");
    assert!(raw.contains(&(34 * HOUR)), "answers up to a day later");
    assert!(!raw.contains(&(8 * HOUR)));
}

#[test]
fn the_least_by_fetch_stream_partition_and_offset_wins() {
    let order = |fetched_at, stream, offset| Order { fetched_at, stream, partition: 0, offset };
    let kept = order(5, "b", 7);
    assert_eq!(incoming(&order(5, "b", 8), None), Incoming::Append);
    for (row, expected) in [
        (order(4, "z", 99), Incoming::Beats),
        (order(5, "a", 99), Incoming::Beats),
        (order(5, "b", 6), Incoming::Beats),
        (order(5, "b", 7), Incoming::Drop), // the same row once more, after a compaction say
        (order(6, "a", 0), Incoming::Drop),
    ] {
        assert_eq!(incoming(&row, Some(&kept)), expected, "{row:?}");
    }
}

#[test]
fn a_fold_merges_only_its_own_very_next_append() {
    let own = Appended { parent: Some(1), snapshot: 2, overwrote: false };
    assert_eq!(follow(Some(1), Some(2), Some(&own), false), Follow::Merge);
    assert_eq!(follow(Some(2), Some(2), Some(&own), false), Follow::Current);
    assert_eq!(follow(Some(1), Some(2), None, false), Follow::Recompute, "somebody else's commit");
    assert_eq!(follow(None, Some(2), Some(&own), false), Follow::Recompute, "start");
    assert_eq!(follow(Some(1), Some(3), Some(&own), false), Follow::Recompute, "one more came after it");
    let over = Appended { overwrote: true, ..own };
    assert_eq!(follow(Some(1), Some(2), Some(&over), false), Follow::Recompute, "its own overwrite is no delta");
    assert_eq!(follow(Some(1), Some(2), Some(&own), true), Follow::Recompute, "a manual build of the fold");
}

#[test]
fn a_rebuild_before_the_horizon_is_refused() {
    assert!(!before_horizon(10 * HOUR, MINUTE, None));
    assert!(!before_horizon(10 * HOUR, MINUTE, Some(9 * HOUR)));
    assert!(before_horizon(10 * HOUR, MINUTE, Some(10 * HOUR)), "its first rows may stand in the raw hour before");
    assert!(!before_horizon(10 * HOUR, 0, Some(10 * HOUR)));
}
