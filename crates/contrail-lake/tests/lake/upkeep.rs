//! Snapshots, deletion, pins, the sweep, compaction: what may go goes, what may not stays, and metadata stays flat.

use contrail_lake::{Change, Compaction, GRACE, LakeTable, SWEPT};
use contrail_types::time::{DAY, HOUR, MINUTE};

use crate::support::{FIRST_HOUR, START, Sandbox, append, ids, open, overwrite, rows};

async fn clean(table: &LakeTable) {
    let fsck = table.fsck().await.unwrap();
    assert_eq!((fsck.orphans, fsck.missing), (vec![], vec![]));
}

#[tokio::test]
async fn metadata_and_folder_stay_flat_over_many_commits() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let mut most = (0, 0, 0);
    for n in 0..600 {
        sandbox.clock.set(START + n * MINUTE);
        overwrite(&table, n).await;
        if n % 25 == 0 {
            table.upkeep().await.unwrap();
            clean(&table).await;
        }
        if n == 300 || n == 599 {
            let version = table.load().await.unwrap();
            let json = std::fs::metadata(version.metadata_location()).unwrap().len();
            let files = walk(&sandbox.folder.path().join("warehouse"));
            let now = (version.snapshots().len(), json, files as u64);
            if n == 300 {
                most = now;
            } else {
                // One snapshot an hour is kept on top.
                assert!(
                    now.0 <= most.0 + 6 && now.1 <= most.1 * 11 / 10 && now.2 <= most.2 * 12 / 10,
                    "{most:?} {now:?}"
                );
            }
        }
    }
    assert_eq!(ids(&table).await, [599]);
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|e| e.unwrap().path()).map(|p| if p.is_dir() { walk(&p) } else { 1 }).sum()
}

#[tokio::test]
async fn a_file_goes_half_an_hour_after_its_last_snapshot_and_never_while_pinned() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    append(&table, 0).await.unwrap();
    let version = table.load().await.unwrap();
    let path = version.live_files().next().unwrap().path.clone();
    let exists = || std::path::Path::new(&path).exists();
    overwrite(&table, 1).await;
    // The week of hourly snapshots, and the last hundred.
    let mut now = START + 8 * DAY;
    for n in 2..130 {
        sandbox.clock.set(now + n * HOUR);
        append(&table, n).await.unwrap();
    }
    now += 130 * HOUR;
    sandbox.clock.set(now);
    let pin = table.pin([path.clone()]);
    let done = table.upkeep().await.unwrap();
    assert!(done.files_queued > 0 && done.files_deleted == 0, "{done:?}");
    clean(&table).await;
    sandbox.clock.set(now + GRACE - 1);
    assert_eq!(table.upkeep().await.unwrap().files_deleted, 0);
    assert!(exists());
    sandbox.clock.set(now + GRACE);
    let done = table.upkeep().await.unwrap();
    assert!(done.files_deleted > 0 && done.files_pinned == 1, "{done:?}");
    assert!(exists());
    assert_eq!(table.read([&path], Some(&["row_id"])).unwrap().num_rows(), 1);
    drop(pin);
    // The queue outlives the process.
    drop(table);
    let table = sandbox.table().await;
    assert_eq!(table.upkeep().await.unwrap().files_deleted, 1);
    assert!(!exists());
    clean(&table).await;
    assert_eq!(ids(&table).await, (1..130).collect::<Vec<_>>());
}

#[tokio::test]
async fn old_orphans_are_swept_and_young_or_named_files_are_not() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    append(&table, 1).await.unwrap();
    let orphan = table.encode(&rows(0, [7])).unwrap();
    let slow = table.encode(&rows(0, [8])).unwrap();
    sandbox.clock.set(START + 2 * DAY);
    let young = table.encode(&rows(0, [9])).unwrap();
    let mut swept = table.sweep().await.unwrap();
    swept.sort();
    let mut expected = [orphan[0].path.clone(), slow[0].path.clone()];
    expected.sort();
    assert_eq!(swept, expected);
    assert_eq!(table.load().await.unwrap().property(SWEPT), Some((START + DAY).to_string().as_str()));
    // A commit of a file that the sweep has taken is refused; of one that is young it is not.
    let failed = table.commit(Change::append(slow), open).await.unwrap_err().to_string();
    assert!(failed.contains("swept"), "{failed}");
    table.commit(Change::append(young), open).await.unwrap();
    assert_eq!(ids(&table).await, [1, 9]);
    clean(&table).await;
}

#[tokio::test]
async fn a_file_older_than_the_sweep_is_committed_under_a_new_name() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let old = table.encode(&rows(0, [5])).unwrap();
    // The limit is set, and the deletion has not come to this file yet.
    let limit = [(SWEPT, (START + DAY).to_string())];
    table.commit(Change::properties().set(limit), open).await.unwrap();
    sandbox.clock.set(START + 2 * DAY);
    let path = old[0].path.clone();
    table.commit(Change::append(old), open).await.unwrap();
    let live = table.load().await.unwrap().live_files().next().unwrap().path.clone();
    assert_ne!(live, path);
    assert_eq!(ids(&table).await, [5]);
    assert_eq!(table.fsck().await.unwrap().orphans, [path]);
}

#[tokio::test]
async fn compaction_takes_the_smallest_files_first() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let mut id = 0;
    for size in [100, 1, 2, 3] {
        let files = table.encode(&rows(0, id..id + size)).unwrap();
        table.commit(Change::append(files), open).await.unwrap();
        id += size;
    }
    let few = Compaction { in_flight: 50, ..Compaction::default() };
    let all = Compaction { in_flight: 500, ..Compaction::default() };
    let compacted = table.compact(FIRST_HOUR, &few).await.unwrap().unwrap();
    assert_eq!((compacted.files_before, compacted.rows), (3, 6));
    let mut sizes: Vec<u64> = compacted.committed.version.live_files().map(|file| file.records).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [6, 100]);
    assert!(table.compact(FIRST_HOUR, &few).await.unwrap().is_none());
    assert!(table.compact(FIRST_HOUR, &all).await.unwrap().is_some());
    assert_eq!(ids(&table).await, (0..106).collect::<Vec<_>>());
    assert!(table.compact(FIRST_HOUR + 1, &all).await.unwrap().is_none());
}

#[tokio::test]
async fn compaction_stops_when_asked_and_leaves_alone_what_is_too_new() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    for id in 0..4 {
        append(&table, id).await.unwrap();
    }
    let stopped = Compaction { stopped: std::sync::Arc::new(|| true), ..Compaction::default() };
    assert!(table.compact(FIRST_HOUR, &stopped).await.unwrap().is_none());
    clean(&table).await;
    let upto = Compaction { upto: 3, ..Compaction::default() };
    assert_eq!(table.compact(FIRST_HOUR, &upto).await.unwrap().unwrap().files_before, 3);
    let numbers: Vec<i64> = table.load().await.unwrap().live_files().map(|file| file.data_sequence_number).collect();
    assert_eq!(numbers.iter().max(), Some(&4));
    assert!(table.compact(FIRST_HOUR, &upto).await.unwrap().is_none(), "one file is left of those");
    assert_eq!(ids(&table).await, [0, 1, 2, 3]);
}
