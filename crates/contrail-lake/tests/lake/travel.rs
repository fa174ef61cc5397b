//! Versions of before: read as they were, named, gone back to.

use contrail_lake::{At, Change, CommitFailed, LakeTable, TravelError};
use contrail_types::time::{DAY, HOUR};

use crate::support::{FIRST_HOUR, START, Sandbox, ids, ids_of, open, rows};

/// The record of progress of these tests.
const SEEN: &str = "contrail.seen";

async fn append(table: &LakeTable, id: i64) -> i64 {
    let files = table.encode(&rows(0, [id])).unwrap();
    let change = Change::append(files).set([(SEEN, id.to_string())]);
    table.commit(change, open).await.unwrap().snapshot_id
}

#[tokio::test]
async fn a_version_is_read_by_its_snapshot_its_time_and_its_name() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let mut snapshots = Vec::new();
    // The format library goes by the real clock where only a name changes.
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as i64;
    for id in 0..4 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        sandbox.clock.set(now());
        snapshots.push(append(&table, id).await);
    }
    let third = table.load().await.unwrap().snapshots()[2].at;
    let of = async |at: At| table.load_at(&at).await.map(|version| ids_of(&table, &version));
    assert_eq!(of(At::Snapshot(snapshots[1])).await.unwrap(), [0, 1]);
    assert_eq!(of(At::Time(third)).await.unwrap(), [0, 1, 2]);
    assert_eq!(of(At::Time(third - 1000)).await.unwrap(), [0, 1]);
    assert_eq!(table.tag("before", Some(&At::Snapshot(snapshots[0]))).await.unwrap(), snapshots[0]);
    assert_eq!(of(At::Tag("before".into())).await.unwrap(), [0]);
    assert_eq!(table.tag("before", None).await.unwrap(), snapshots[3], "a tag moves");
    assert_eq!(of(At::Tag("before".into())).await.unwrap(), [0, 1, 2, 3]);
    assert_eq!(ids(&table).await, [0, 1, 2, 3], "the table itself is what it was");
    for at in [At::Snapshot(7), At::Time(third - DAY), At::Tag("nobody".into())] {
        let error = of(at.clone()).await.unwrap_err();
        assert!(matches!(error, TravelError::NoVersion { .. }), "{at}: {error}");
    }
    for name in ["main", "", "1st", "a b", "2026-01-31", "a/b"] {
        assert!(matches!(table.tag(name, None).await, Err(TravelError::Name(_))), "{name:?}");
    }
}

#[tokio::test]
async fn a_tagged_version_outlives_thinning_and_goes_when_its_tag_does() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    append(&table, 0).await;
    table.tag("kept", None).await.unwrap();
    for id in 1..130 {
        sandbox.clock.set(START + 9 * DAY + id * 1_000_000);
        let seen = table.load().await.unwrap().sequence_number();
        let files = table.encode(&rows(0, [id])).unwrap();
        table.commit(Change::overwrite_partitions([FIRST_HOUR], seen, files), open).await.unwrap();
    }
    table.upkeep().await.unwrap();
    sandbox.clock.set(START + 9 * DAY + HOUR);
    assert!(table.upkeep().await.unwrap().files_deleted > 0);
    let version = table.load_at(&At::Tag("kept".into())).await.unwrap();
    assert_eq!(ids_of(&table, &version), [0]);
    table.untag("kept").await.unwrap();
    assert!(table.load().await.unwrap().tags().is_empty());
    assert!(matches!(table.untag("kept").await, Err(TravelError::NoVersion { .. })));
    table.upkeep().await.unwrap();
    sandbox.clock.set(START + 9 * DAY + 2 * HOUR);
    table.upkeep().await.unwrap();
    assert!(table.load_at(&At::Time(START)).await.is_err());
    let fsck = table.fsck().await.unwrap();
    assert_eq!((fsck.orphans, fsck.missing), (vec![], vec![]));
}

#[tokio::test]
async fn going_back_takes_rows_and_progress_back_and_the_table_goes_on() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let mut snapshots = Vec::new();
    for id in 0..5 {
        snapshots.push(append(&table, id).await);
    }
    // What came since has been rewritten: files of before come back, not rows alone.
    table.compact(FIRST_HOUR, &contrail_lake::Compaction::default()).await.unwrap().unwrap();
    let committed = table.rollback(&At::Snapshot(snapshots[1]), &[SEEN], |_| Vec::new()).await.unwrap();
    assert_eq!(ids(&table).await, [0, 1]);
    let version = table.load().await.unwrap();
    assert_eq!((version.property(SEEN), version.recorded(SEEN)), (Some("1"), Some("1")));
    assert!(version.live_files().all(|file| file.data_sequence_number == committed.sequence_number));
    // And forward again: that was a version too.
    table.rollback(&At::Snapshot(snapshots[4]), &[SEEN], |_| Vec::new()).await.unwrap();
    assert_eq!(ids(&table).await, [0, 1, 2, 3, 4]);
    append(&table, 5).await;
    assert_eq!(ids(&table).await, [0, 1, 2, 3, 4, 5]);
    let fsck = table.fsck().await.unwrap();
    assert_eq!((fsck.orphans, fsck.missing), (vec![], vec![]));
}

#[tokio::test]
async fn a_snapshot_that_does_not_say_how_far_it_was_is_refused_and_the_nearest_named() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let said = append(&table, 0).await;
    append(&table, 1).await;
    let silent = table.compact(FIRST_HOUR, &contrail_lake::Compaction::default()).await.unwrap().unwrap();
    let refused = table.rollback(&At::Snapshot(silent.committed.snapshot_id), &[SEEN], |_| Vec::new()).await;
    let Err(TravelError::NotBack { reason, .. }) = &refused else { panic!("{refused:?}") };
    assert!(reason.contains("does not say how far"), "{reason}");
    assert!(!reason.contains(&said.to_string()), "the nearest is the one before it: {reason}");
    assert_eq!(ids(&table).await, [0, 1]);
}

#[tokio::test]
async fn a_refused_way_back_leaves_the_files_of_before_alone() {
    let sandbox = Sandbox::new();
    let (table, other) = (sandbox.table().await, sandbox.table().await);
    let first = append(&table, 0).await;
    table
        .commit(
            Change::overwrite_partitions([FIRST_HOUR], 1, table.encode(&rows(0, [1])).unwrap()).set([(SEEN, "1")]),
            open,
        )
        .await
        .unwrap();
    // Another writer commits between the look and the commit.
    let going = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (on, busy) = (going.clone(), other.clone());
    let writer = tokio::spawn(async move {
        while on.load(std::sync::atomic::Ordering::Relaxed) {
            busy.commit(Change::properties().set([(SEEN, "1")]), open).await.unwrap();
        }
    });
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        outcomes.push(table.rollback(&At::Snapshot(first), &[SEEN], |_| Vec::new()).await);
    }
    going.store(false, std::sync::atomic::Ordering::Relaxed);
    writer.await.unwrap();
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(_) | Err(TravelError::Commit(CommitFailed::Stale { .. }))), "{outcome:?}");
    }
    assert_eq!(table.fsck().await.unwrap().missing, Vec::<String>::new());
    let version = table.load_at(&At::Snapshot(first)).await.unwrap();
    assert_eq!(ids_of(&table, &version), [0]);
}
