//! Clocks that are wrong: ahead, and set back.

use contrail_lake::{Change, Edit};
use contrail_types::time::{HOUR, MINUTE};

use crate::pyiceberg::{check, fsck, python_or_skip};
use crate::support::{Sandbox, ids, open, overwrite};

/// Written to by a clock two days ahead; then the clock is right. Commits, names, upkeep and new columns go on, and time
/// never runs backwards in what they leave.
#[tokio::test]
async fn a_table_from_a_clock_that_was_ahead_is_written_named_altered_and_cleaned() {
    let Some(python) = python_or_skip() else { return };
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as i64;
    let ahead = now() + 48 * HOUR;
    for n in 0..60 {
        sandbox.clock.set(ahead + n * MINUTE);
        overwrite(&table, n).await;
    }
    sandbox.clock.set(now());
    let before = table.load().await.unwrap().metadata().last_updated_ms();
    table.tag("before", None).await.unwrap();
    for n in 60..115 {
        overwrite(&table, n).await;
    }
    // Few enough that commits have let go of none.
    assert_eq!(table.load().await.unwrap().snapshots().len(), 115);
    let done = table.upkeep().await.unwrap();
    assert!(done.snapshots_removed > 0, "{done:?}");
    table.untag("before").await.unwrap();
    table.commit(Change::alter([Edit::Rename { column: "altitude".into(), to: "height".into() }]), open).await.unwrap();
    overwrite(&table, 115).await;

    let version = table.load().await.unwrap();
    let metadata = version.metadata();
    assert!(before > ahead / 1000 && metadata.last_updated_ms() >= before);
    let mut snapshots: Vec<_> = metadata.snapshots().map(|s| (s.sequence_number(), s.timestamp_ms())).collect();
    snapshots.sort_unstable();
    assert!(snapshots.is_sorted_by_key(|(_, at)| *at), "{snapshots:?}");
    assert!(metadata.metadata_log().is_sorted_by_key(|entry| entry.timestamp_ms));
    assert_eq!(ids(&table).await, [115]);
    let waiting = fsck(&table).await;
    check(&python, &sandbox, &table, &waiting, &[]);
}
