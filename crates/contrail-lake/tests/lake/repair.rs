//! Files of a table deleted or spoilt by hand: named, what they held told, and the table readable again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use contrail_lake::repair::Look;
use contrail_lake::{At, Change, FilesError, LakeError, LakeTable, Repair, RepairError};
use contrail_types::time::DAY;
use object_store::ObjectStoreExt;

use crate::pyiceberg::{check, fsck, python_or_skip};
use crate::relocate::{versions, with_history};
use crate::support::{FIRST_HOUR, START, Sandbox, def, ids, ids_of, open, rows};

pub async fn examine(sandbox: &Sandbox, deep: bool) -> Result<Repair, RepairError> {
    let look = Look { progress: &["seen"], exact: true, deep };
    sandbox.lake().examine(&def(), false, look, |_, _| {}).await
}

/// Repairs, and looks at what came of it with other eyes.
async fn repaired(sandbox: &Sandbox) -> (Repair, LakeTable) {
    let repair = examine(sandbox, false).await.unwrap();
    repair.carry_out(BTreeMap::new()).await.unwrap();
    assert!(examine(sandbox, true).await.unwrap().damage().is_none(), "once");
    let table = sandbox.table().await;
    table.commit(Change::append(table.encode(&rows(7, [7777])).unwrap()), open).await.unwrap();
    sandbox.clock.set(START + 60 * DAY);
    table.upkeep().await.unwrap();
    sandbox.clock.set(START + 62 * DAY);
    table.upkeep().await.unwrap();
    table.sweep().await.unwrap();
    let fsck = table.fsck().await.unwrap();
    assert_eq!(fsck.missing, Vec::<String>::new());
    // Metadata files carry no time of ours: those of before stay until they are a day old by the disk's clock.
    let (old, orphans): (Vec<_>, Vec<_>) = fsck.orphans.into_iter().partition(|path| path.ends_with(".metadata.json"));
    assert_eq!(orphans, Vec::<String>::new());
    old.iter().for_each(|path| fs::remove_file(path).unwrap());
    if let Some(python) = python_or_skip() {
        check(&python, sandbox, &table, &fsck.queued, &["--ours"]);
    }
    versions(&table).await;
    (repair, table)
}

fn without(all: &[i64], gone: &[i64]) -> Vec<i64> {
    let mut left: Vec<i64> = all.iter().filter(|id| !gone.contains(id)).copied().collect();
    left.push(7777);
    left.sort_unstable();
    left
}

/// Paths of the newest snapshot: its list, and the manifests that it has written itself.
fn newest(table: &LakeTable, sandbox: &Sandbox) -> (String, Vec<String>) {
    let version = table.last_known().unwrap();
    let snapshot = version.metadata().current_snapshot().unwrap();
    let list = snapshot.manifest_list().to_owned();
    let id = list.rsplit('/').next().unwrap().trim_end_matches(".avro").to_owned();
    let id = &id[id.len() - 36..];
    let folder = sandbox.folder.path().join("warehouse/aviation/observations/metadata");
    let own = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    let own = own.filter(|path| path.contains(id) && !path.contains("/snap-")).collect();
    (list, own)
}

#[tokio::test]
async fn lost_and_truncated_data_files_cost_their_rows_and_no_others() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 3).await;
    assert!(examine(&sandbox, true).await.unwrap().damage().is_none(), "nothing is wrong yet");
    let all = ids(&table).await;
    let version = table.load().await.unwrap();
    let file = |hour: i32| version.files_in(FIRST_HOUR + hour).find(|file| file.records > 0).unwrap().clone();
    let (gone, cut) = (file(0), file(1));
    let lost = ids_in(&table, &[&gone.path, &cut.path]);
    fs::remove_file(&gone.path).unwrap();
    let bytes = fs::read(&cut.path).unwrap();
    fs::write(&cut.path, &bytes[..bytes.len() / 2]).unwrap();
    for path in [&gone.path, &cut.path] {
        let error = table.read([path], None).unwrap_err().to_string();
        assert!(error.contains(path.as_str()) && error.contains("`contrail tables repair observations`"), "{error}");
        let file = version.live_files().find(|file| file.path == *path);
        assert!(matches!(table.hold(file).await, Err(LakeError::Files(FilesError::Damaged { .. }))));
    }
    drop(table);
    let (repair, table) = repaired(&sandbox).await;
    let damage = repair.damage();
    assert_eq!((damage.files.len(), damage.rows_lost()), (2, lost.len() as u64));
    assert_eq!(damage.rows["2025-11-22 16:00"], gone.records);
    assert_eq!(ids(&table).await, without(&all, &lost));
    // A version that cannot be read whole is not kept; what a tag keeps is, without what is gone.
    assert!(damage.versions.len() > 2);
    let summary = &table.load().await.unwrap().snapshots();
    assert!(summary.iter().any(|snapshot| snapshot.summary.contains_key("contrail.repaired")));
}

fn ids_in(table: &LakeTable, paths: &[&String]) -> Vec<i64> {
    let rows = table.read(paths, Some(&["row_id"])).unwrap();
    let column = rows.column(0).as_any().downcast_ref::<arrow::array::Int64Array>().unwrap();
    column.values().to_vec()
}

#[tokio::test]
async fn a_tag_keeps_what_is_left_of_its_version() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 0).await;
    let all = ids(&table).await;
    let tagged = table.load_at(&At::Tag("first".into())).await.unwrap();
    let live: Vec<String> = table.load().await.unwrap().live_files().map(|file| file.path.clone()).collect();
    // Compacted since: the table of now does not need it.
    let old = tagged.live_files().find(|file| !live.contains(&file.path)).unwrap().clone();
    let lost = ids_in(&table, &[&old.path]);
    fs::remove_file(&old.path).unwrap();
    drop(table);
    let (repair, table) = repaired(&sandbox).await;
    assert_eq!((repair.damage().rows_lost(), repair.damage().tags.len()), (0, 1));
    assert_eq!(repair.damage().tags[0].rows_lost, Some(lost.len() as u64));
    assert_eq!(ids(&table).await, without(&all, &[]));
    let tagged = table.load_at(&At::Tag("first".into())).await.unwrap();
    let left: Vec<i64> = (0..60).filter(|id| !lost.contains(id)).collect();
    assert_eq!(ids_of(&table, &tagged), left);
}

#[tokio::test]
async fn files_of_a_lost_manifest_are_found_again_and_counted_as_new() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 3).await;
    let all = ids(&table).await;
    table.commit(Change::append(table.encode(&rows(4, 2000..2010)).unwrap()), open).await.unwrap();
    let seen = table.load().await.unwrap().sequence_number();
    let (_, own) = newest(&table, &sandbox);
    assert_eq!(own.len(), 1, "{own:?}");
    fs::remove_file(&own[0]).unwrap();
    drop(table);
    let error = sandbox.table().await.load().await.unwrap_err().to_string();
    assert!(error.contains(&own[0]) && error.contains("`contrail tables repair observations`"), "{error}");
    let (repair, table) = repaired(&sandbox).await;
    assert_eq!((repair.damage().found_files, repair.damage().found_rows, repair.damage().rows_lost()), (1, 10, 0));
    let mut wanted = without(&all, &[]);
    wanted.extend(2000..2010);
    wanted.sort_unstable();
    assert_eq!(ids(&table).await, wanted);
    let version = table.load().await.unwrap();
    let found = version.files_in(FIRST_HOUR + 4).next().unwrap();
    assert!(found.data_sequence_number > seen, "consumers read it again");
    assert_eq!(found.bounds("row_id"), Some((2000, 2009)));
}

#[tokio::test]
async fn what_cannot_be_proved_is_lost_and_told() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 3).await;
    let all = ids(&table).await;
    table.commit(Change::append(table.encode(&rows(4, 2000..2010)).unwrap()), open).await.unwrap();
    // The file and its entry are gone; another file, of a crash, must not pass for it.
    let lost = table.load().await.unwrap().files_in(FIRST_HOUR + 4).next().unwrap().path.clone();
    let stray = table.encode(&rows(4, 3000..3009)).unwrap();
    assert_eq!(stray.len(), 1);
    fs::remove_file(lost).unwrap();
    fs::remove_file(&newest(&table, &sandbox).1[0]).unwrap();
    drop(table);
    let (repair, table) = repaired(&sandbox).await;
    let unknown = repair.damage().unknown.as_ref().unwrap();
    assert_eq!((unknown.files, unknown.rows, unknown.from.as_deref()), (1, 10, Some("2025-11-22 20:00")));
    assert_eq!(ids(&table).await, without(&all, &[]));
}

#[tokio::test]
async fn a_lost_manifest_list_is_put_together_again_or_the_version_before_it_is_taken() {
    for own_too in [false, true] {
        let sandbox = Sandbox::new();
        let table = with_history(&sandbox, 3).await;
        let files = table.encode(&rows(4, 1999..2000)).unwrap();
        table.commit(Change::append(files).set([("seen", "before")]), open).await.unwrap();
        let before = ids(&table).await;
        let seen = table.load().await.unwrap().sequence_number();
        let files = table.encode(&rows(4, 2000..2010)).unwrap();
        let change = Change::overwrite_partitions([FIRST_HOUR + 4], seen, files).set([("seen", "after")]);
        table.commit(change, open).await.unwrap();
        let after = ids(&table).await;
        let (list, own) = newest(&table, &sandbox);
        fs::write(&list, b"Obj").unwrap();
        if own_too {
            own.iter().for_each(|path| fs::remove_file(path).unwrap());
        }
        drop(table);
        let error = sandbox.table().await.load().await.unwrap_err().to_string();
        assert!(error.contains(&list) && error.contains("`contrail tables repair observations`"), "{error}");
        let (repair, table) = repaired(&sandbox).await;
        let damage = repair.damage();
        assert_eq!(damage.back_to.is_some(), own_too, "{damage:?}");
        let version = table.load().await.unwrap();
        if own_too {
            assert_eq!(ids(&table).await, without(&before, &[]));
            assert_eq!(version.property("seen"), Some("before"), "its progress goes back with it");
            let back = damage.back_to.as_ref().unwrap();
            assert_eq!((back.exact, back.rows_before), (true, Some(after.len() as u64)));
        } else {
            assert_eq!(ids(&table).await, without(&after, &[]));
            assert_eq!(version.property("seen"), Some("after"));
        }
    }
}

#[tokio::test]
async fn without_its_metadata_file_a_table_is_what_it_was_one_commit_before() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 3).await;
    let before = ids(&table).await;
    let files = table.encode(&rows(4, 2000..2010)).unwrap();
    table.commit(Change::append(files).set([("seen", "after")]), open).await.unwrap();
    let version = table.load().await.unwrap();
    let (pointer, number) = (version.metadata_location().to_owned(), version.sequence_number());
    drop((table, version));
    fs::remove_file(&pointer).unwrap();
    let error = sandbox.lake().ensure(&def()).await.err().unwrap().to_string();
    assert!(error.contains(&pointer) && error.contains("`contrail tables repair observations`"), "{error}");
    let (repair, table) = repaired(&sandbox).await;
    let lost = repair.damage().metadata.as_ref().unwrap();
    assert_eq!((lost.commits, lost.rows), (1, 10));
    assert!(Path::new(&lost.instead).exists() && repair.damage().rows_lost() == 0);
    assert_eq!(ids(&table).await, without(&before, &[]));
    let version = table.load().await.unwrap();
    assert_eq!(version.property("seen"), Some("5"));
    // Who has read up to the lost commit sees what comes instead.
    assert!(version.files_in(FIRST_HOUR + 7).all(|file| file.data_sequence_number > number));
}

#[tokio::test]
async fn a_table_of_which_nothing_can_be_told_is_left_alone() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 0).await;
    let metadata = sandbox.folder.path().join("warehouse/aviation/observations/metadata");
    drop(table);
    for entry in fs::read_dir(&metadata).unwrap().map(Result::unwrap) {
        fs::remove_file(entry.path()).unwrap();
    }
    let refused = examine(&sandbox, false).await.err().unwrap();
    assert!(matches!(refused, RepairError::Hopeless { .. }), "{refused}");
    assert!(refused.to_string().contains("Restore its folder from a copy"), "{refused}");
    let left = fsck_files(&sandbox);
    assert!(left > 0, "data files stay");
}

fn fsck_files(sandbox: &Sandbox) -> usize {
    fs::read_dir(sandbox.folder.path().join("warehouse/aviation/observations/data")).unwrap().count()
}

#[tokio::test]
async fn a_table_that_is_whole_is_left_as_it_is() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 130).await;
    let before = table.load().await.unwrap();
    assert!(examine(&sandbox, true).await.unwrap().damage().is_none());
    assert_eq!(table.load().await.unwrap().metadata_location(), before.metadata_location());
    fsck(&table).await;
}

/// Files of a store that somebody has deleted, their copies on this machine gone as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_lake_elsewhere_is_mended_like_one_here_live() {
    let Some(sandbox) = Sandbox::remote() else { return };
    let table = sandbox.table().await;
    for hour in 0..4 {
        let first = i64::from(hour) * 100;
        let change = Change::append(table.encode(&rows(hour, first..first + 10)).unwrap());
        table.commit(change.set([("seen", hour.to_string())]), open).await.unwrap();
    }
    let version = table.load().await.unwrap();
    let gone = version.files_in(FIRST_HOUR + 1).next().unwrap().path.clone();
    let list = version.metadata().current_snapshot().unwrap().manifest_list().to_owned();
    let store = sandbox.remote.as_ref().unwrap().bucket();
    drop((version, table));
    store.delete(&key(&gone)).await.unwrap();
    fs::remove_dir_all(sandbox.folder.path().join("cache")).unwrap();

    let table = sandbox.table().await;
    let version = table.load().await.unwrap();
    let error = table.hold(version.live_files()).await.err().unwrap().to_string();
    assert!(error.contains(&gone) && error.contains("`contrail tables repair observations`"), "{error}");
    drop((table, version));
    let mended = async || {
        let repair = examine(&sandbox, false).await.unwrap();
        repair.carry_out(BTreeMap::new()).await.unwrap();
        assert!(examine(&sandbox, true).await.unwrap().damage().is_none(), "once");
        repair
    };
    let repair = mended().await;
    assert_eq!((repair.damage().files.len(), repair.damage().rows_lost()), (1, 10));
    let left: Vec<i64> = (0..400).filter(|id| id % 100 < 10 && id / 100 != 1).collect();
    let table = sandbox.table().await;
    assert_eq!(ids(&table).await, left);
    // Files of the versions that were let go of are the sweep's when they are a day old, by the store's own clock.
    let fsck = table.fsck().await.unwrap();
    assert_eq!(fsck.missing, Vec::<String>::new());
    if let Some(python) = python_or_skip() {
        check(&python, &sandbox, &table, &[fsck.queued, fsck.orphans].concat(), &["--ours"]);
    }

    // A list and with it the newest version: the one before it says the same of the files.
    let version = table.load().await.unwrap();
    let list_now = version.metadata().current_snapshot().unwrap().manifest_list().to_owned();
    assert_ne!(list_now, list);
    drop((version, table));
    store.delete(&key(&list_now)).await.unwrap();
    let error = sandbox.table().await.load().await.unwrap_err().to_string();
    assert!(error.contains(&list_now) && error.contains("`contrail tables repair observations`"), "{error}");
    mended().await;
    let table = sandbox.table().await;
    assert_eq!(ids(&table).await, left);
    assert_eq!(table.load().await.unwrap().property("seen"), Some("3"));
    table.commit(Change::append(table.encode(&rows(7, [7777])).unwrap()), open).await.unwrap();
    assert_eq!(table.fsck().await.unwrap().missing, Vec::<String>::new());
}

fn key(location: &str) -> object_store::path::Path {
    let rest = location.split_once("://").unwrap().1;
    rest.split_once('/').unwrap().1.into()
}
