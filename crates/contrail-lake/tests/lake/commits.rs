//! Each kind of change, its fences, and what stands in the table afterwards.

use contrail_lake::{Change, CommitFailed, FenceFailure, LakeError, Version};

use crate::support::{FIRST_HOUR, Sandbox, def, ids, open, rows};

#[tokio::test]
async fn rows_come_back_as_they_went_in() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let batch = rows(0, 0..1000);
    let files = table.encode(&batch).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].partition, Some(FIRST_HOUR));
    let change = Change::append(files).set([("contrail.offsets.a", "{\"0\":1000}")]).summary("contrail.run", "r1");
    let committed = table.commit(change, open).await.unwrap();
    assert_eq!((committed.sequence_number, committed.attempts), (1, 1));

    // As another process sees it, with nothing cached.
    let other = sandbox.table().await;
    let version = other.load().await.unwrap();
    assert_eq!(version.property("contrail.offsets.a"), Some("{\"0\":1000}"));
    assert_eq!(version.recorded("contrail.offsets.a"), Some("{\"0\":1000}"));
    assert_eq!(version.recorded("contrail.run"), Some("r1"));
    assert_eq!(version.totals().0, 1000);
    let file = version.live_files().next().unwrap();
    assert_eq!(file.bounds("row_id"), Some((0, 999)));
    let start = i64::from(FIRST_HOUR) * 3_600_000_000;
    assert_eq!(file.bounds("last_contact"), Some((start, start + 999 * 1_000_000)));
    assert_eq!(file.text_bounds("icao24").unwrap().0, "000000");

    let back = other.read([&file.path], None).unwrap();
    assert_eq!(back.schema(), other.schema());
    let key = |batch: &arrow::record_batch::RecordBatch| {
        let mut rows: Vec<String> = (0..batch.num_rows())
            .map(|row| batch.columns().iter().map(|c| format!("{:?}|", c.slice(row, 1))).collect())
            .collect();
        rows.sort();
        rows
    };
    assert_eq!(key(&back), key(&batch));
}

#[tokio::test]
async fn a_batch_over_hours_becomes_a_file_an_hour() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let batch = arrow::compute::concat_batches(&table.schema(), &[rows(1, 0..10), rows(0, 10..30), rows(1, 30..35)]);
    let files = table.encode(&batch.unwrap()).unwrap();
    let seen: Vec<_> = files.iter().map(|file| (file.partition.unwrap() - FIRST_HOUR, file.records)).collect();
    assert_eq!(seen, [(0, 20), (1, 15)]);
    table.commit(Change::append(files), open).await.unwrap();
    assert_eq!(ids(&table).await, (0..35).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_closed_fence_lands_nothing_and_leaves_no_file() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let files = table.encode(&rows(0, 0..10)).unwrap();
    let path = files[0].path.clone();
    let closed = |_: &Version| Err(FenceFailure::Fenced("another writer".into()));
    let failed = table.commit(Change::append(files), closed).await.unwrap_err();
    assert!(matches!(failed, CommitFailed::Fenced { .. }), "{failed}");
    assert!(!std::path::Path::new(&path).exists());
    assert_eq!(table.load().await.unwrap().sequence_number(), 0);
    assert_eq!(table.fsck().await.unwrap().orphans, Vec::<String>::new());
}

#[tokio::test]
async fn properties_alone_make_a_snapshot() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let committed = table.commit(Change::properties().set([("contrail.built.raw", "7")]), open).await.unwrap();
    assert_eq!(committed.sequence_number, 1);
    assert_eq!(committed.version.snapshot_id(), Some(committed.snapshot_id));
    let fresh = |version: &Version| {
        let before: i64 = version.property("contrail.built.raw").unwrap().parse().unwrap();
        vec![("contrail.built.raw".to_owned(), before.max(5).to_string())]
    };
    let change = Change::properties().set_from(fresh).set([("gone", "soon")]);
    let committed = table.commit(change, open).await.unwrap();
    assert_eq!(committed.version.property("contrail.built.raw"), Some("7"));
    let committed = table.commit(Change::properties().unset("gone"), open).await.unwrap();
    assert_eq!(committed.version.property("gone"), None);
}

#[tokio::test]
async fn overwriting_replaces_whole_partitions_and_tells_of_emptied_ones() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    for hour in 0..3 {
        for part in 0..4 {
            let from = i64::from(hour) * 100 + part * 10;
            table.commit(Change::append(table.encode(&rows(hour, from..from + 10)).unwrap()), open).await.unwrap();
        }
    }
    let seen = table.load().await.unwrap().sequence_number();
    let values = [FIRST_HOUR + 1, FIRST_HOUR + 2];
    let files = table.encode(&rows(1, 500..505)).unwrap();
    let committed = table.commit(Change::overwrite_partitions(values, seen, files), open).await.unwrap();
    let expected: Vec<i64> = (0..40).chain(500..505).collect();
    assert_eq!(ids(&table).await, expected);
    let empty: Vec<_> = committed.version.files_in(FIRST_HOUR + 2).collect();
    assert_eq!((empty.len(), empty[0].records), (1, 0));
    assert_eq!(empty[0].data_sequence_number, committed.sequence_number);
    let summary = &committed.version.snapshots().pop().unwrap().summary;
    assert_eq!(summary["total-records"], "45");
    assert_eq!(summary["total-data-files"], "6");
    assert_eq!(summary["deleted-records"], "80");
    let bytes: u64 = committed.version.live_files().map(|file| file.bytes).sum();
    assert_eq!(summary["total-files-size"], bytes.to_string());
    assert_eq!(committed.version.files_after(seen).count(), 2);
    // Read from disk by somebody else.
    assert_eq!(ids(&sandbox.table().await).await, expected);
}

#[tokio::test]
async fn an_overwrite_of_what_has_been_added_to_is_stale() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    table.commit(Change::append(table.encode(&rows(0, 0..10)).unwrap()), open).await.unwrap();
    let seen = table.load().await.unwrap().sequence_number();
    table.commit(Change::append(table.encode(&rows(1, 20..30)).unwrap()), open).await.unwrap();
    let other_hour = Change::overwrite_partitions([FIRST_HOUR], seen, table.encode(&rows(0, 0..5)).unwrap());
    let seen = table.commit(other_hour, open).await.unwrap().sequence_number;
    table.commit(Change::append(table.encode(&rows(0, 10..20)).unwrap()), open).await.unwrap();
    let stale = Change::overwrite_partitions([FIRST_HOUR], seen, table.encode(&rows(0, 0..1)).unwrap());
    let failed = table.commit(stale, open).await.unwrap_err();
    assert!(matches!(failed, CommitFailed::Stale { .. }), "{failed}");
    assert_eq!(ids(&table).await, (0..5).chain(10..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn compaction_keeps_rows_and_sequence_numbers_and_happens_once() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    for from in [0, 10, 20] {
        table.commit(Change::append(table.encode(&rows(0, from..from + 10)).unwrap()), open).await.unwrap();
    }
    table.commit(Change::append(table.encode(&rows(1, 30..40)).unwrap()), open).await.unwrap();
    let version = table.load().await.unwrap();
    let old: Vec<String> = version.files_in(FIRST_HOUR).map(|file| file.path.clone()).collect();
    let merged = table.read(&old, None).unwrap();
    let rewrite = || Change::rewrite(old.clone(), table.encode(&merged).unwrap());
    let committed = table.commit(rewrite(), open).await.unwrap();
    let files: Vec<_> = committed.version.files_in(FIRST_HOUR).collect();
    assert_eq!((files.len(), files[0].records, files[0].data_sequence_number), (1, 30, 3));
    assert_eq!(committed.version.files_after(3).count(), 1);
    assert_eq!(ids(&table).await, (0..40).collect::<Vec<_>>());
    assert!(matches!(table.commit(rewrite(), open).await, Err(CommitFailed::Stale { .. })));
    // A foreign process reads the same sequence numbers from disk.
    let other = sandbox.table().await.load().await.unwrap();
    assert_eq!(other.files_in(FIRST_HOUR).next().unwrap().data_sequence_number, 3);
    // Losing rows is no compaction.
    let old: Vec<String> = committed.version.live_files().map(|file| file.path.clone()).collect();
    let lossy = Change::rewrite(old, table.encode(&rows(0, 0..30)).unwrap());
    assert!(matches!(table.commit(lossy, open).await, Err(CommitFailed::Lake(LakeError::Batch { .. }))));
}

#[tokio::test]
async fn retention_takes_files_away() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    for hour in 0..2 {
        table.commit(Change::append(table.encode(&rows(hour, 0..10)).unwrap()), open).await.unwrap();
    }
    let version = table.load().await.unwrap();
    let old: Vec<String> = version.files_in(FIRST_HOUR).map(|file| file.path.clone()).collect();
    let committed = table.commit(Change::delete(old.clone()), open).await.unwrap();
    assert_eq!(committed.version.totals().0, 10);
    assert_eq!(committed.version.snapshots().pop().unwrap().operation, "delete");
    assert!(matches!(table.commit(Change::delete(old), open).await, Err(CommitFailed::Stale { .. })));
}

#[tokio::test]
async fn two_hundred_commits_merge_into_few_manifests() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    for n in 0..200 {
        let files = table.encode(&rows(n % 3, [i64::from(n)])).unwrap();
        table.commit(Change::append(files), open).await.unwrap();
    }
    assert_eq!(ids(&sandbox.table().await).await, (0..200).collect::<Vec<_>>());
    let version = table.load().await.unwrap();
    let summary = &version.snapshots().pop().unwrap().summary;
    assert_eq!((summary["total-records"].as_str(), summary["total-data-files"].as_str()), ("200", "200"));
    assert!(version.snapshots().len() < 125, "{}", version.snapshots().len());
}

#[tokio::test]
async fn a_table_that_differs_from_its_definition_is_named() {
    let sandbox = Sandbox::new();
    sandbox.table().await;
    let mut other = def();
    other.columns[2].data_type = arrow::datatypes::DataType::Int64;
    other.columns.remove(4);
    let failed = sandbox.lake().ensure(&other).await.err().unwrap().to_string();
    assert!(failed.contains("column altitude is double instead of long"), "{failed}");
    assert!(failed.contains("column row_id is required, and contrail has no value for it"), "{failed}");
    assert_eq!(sandbox.lake().tables().await.unwrap(), ["observations"]);
}

#[tokio::test]
async fn rows_of_another_shape_are_refused() {
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    let batch = rows(0, 0..10);
    let failed = table.encode(&batch.project(&[0, 1, 2, 3]).unwrap()).unwrap_err().to_string();
    assert!(failed.contains("columns missing: [\"row_id\"]"), "{failed}");
    let failed = table.encode(&batch.project(&[0, 1, 4, 3, 2]).unwrap()).unwrap_err().to_string();
    assert!(failed.contains("found column row_id where altitude belongs"), "{failed}");
    assert_eq!(table.encode(&batch.slice(0, 0)).unwrap().len(), 0);
}
