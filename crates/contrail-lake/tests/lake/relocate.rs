//! A lake whose folder has moved: refused with the way out, its paths rewritten, every kept version as it was.

use std::collections::BTreeMap;
use std::fs;

use contrail_lake::{At, Change, Compaction, FilesError, LakeError, LakeOptions, LakeTable, RelocateError, Relocator};
use contrail_types::time::{DAY, HOUR};

use crate::pyiceberg::{check, fsck, python_or_skip};
use crate::support::{FIRST_HOUR, START, Sandbox, def, ids_of, open, rows};

pub fn relocator(sandbox: &Sandbox) -> Relocator {
    let options = LakeOptions {
        namespace: "aviation".into(),
        warehouse: sandbox.folder.path().join("warehouse"),
        queue: sandbox.folder.path().join("catalog.db"),
    };
    Relocator::open((*sandbox.catalog()).clone(), &options, None, false, sandbox.clock.clone()).unwrap()
}

/// Appends, an overwrite, a compaction, a tag, thinned snapshots, files that wait to be deleted.
pub async fn with_history(sandbox: &Sandbox, commits: i64) -> LakeTable {
    let table = sandbox.table().await;
    for n in 0..6 {
        let files = table.encode(&rows((n % 3) as i32, n * 10..n * 10 + 10)).unwrap();
        table.commit(Change::append(files).set([("seen", n.to_string())]), open).await.unwrap();
    }
    table.tag("first", None).await.unwrap();
    let seen = table.load().await.unwrap().sequence_number();
    let files = table.encode(&rows(1, 900..905)).unwrap();
    table.commit(Change::overwrite_partitions([FIRST_HOUR + 1], seen, files), open).await.unwrap();
    table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    for n in 0..commits {
        sandbox.clock.set(START + 9 * DAY + n * HOUR);
        let seen = table.load().await.unwrap().sequence_number();
        let files = table.encode(&rows(2, [1000 + n])).unwrap();
        table.commit(Change::overwrite_partitions([FIRST_HOUR + 2], seen, files), open).await.unwrap();
    }
    table.upkeep().await.unwrap();
    table
}

/// The rows of every kept version.
pub async fn versions(table: &LakeTable) -> BTreeMap<i64, Vec<i64>> {
    let mut all = BTreeMap::new();
    for snapshot in table.load().await.unwrap().snapshots() {
        let version = table.load_at(&At::Snapshot(snapshot.id)).await.unwrap();
        all.insert(snapshot.id, ids_of(table, &version));
    }
    all
}

/// What `mv` does.
fn moved(sandbox: Sandbox) -> Sandbox {
    let new = Sandbox { clock: sandbox.clock.clone(), ..Sandbox::new() };
    fs::remove_dir(new.folder.path()).unwrap();
    fs::rename(sandbox.folder.path(), new.folder.path()).unwrap();
    new
}

#[tokio::test]
async fn a_moved_lake_is_refused_and_is_whole_again_once_it_is_relocated() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 130).await;
    let (before, queued) = (versions(&table).await, table.fsck().await.unwrap().queued.len());
    assert!(queued > 10 && before.len() > 100, "{queued} {}", before.len());
    drop(table);
    let old = sandbox.folder.path().display().to_string();
    let sandbox = moved(sandbox);
    let refused = sandbox.lake().ensure(&def()).await.err().unwrap();
    assert!(matches!(refused, LakeError::Files(FilesError::Moved { .. })), "{refused}");
    assert!(refused.to_string().contains("contrail tables relocate"), "{refused}");

    let relocator = relocator(&sandbox);
    let plans = relocator.plan(None).await.unwrap();
    assert_eq!((plans.len(), plans[0].snapshots, plans[0].name.as_str()), (1, before.len(), "aviation.observations"));
    assert!(matches!(relocator.plan(Some("nobody")).await, Err(RelocateError::NoTable(_))));
    let mut written = 0;
    relocator.relocate(&plans[0], || written += 1).await.unwrap();
    assert_eq!(written, plans[0].to_write);
    assert!(relocator.plan(None).await.unwrap().is_empty(), "once");

    // Its metadata file can be lost like any other's.
    let pointer = sandbox.table().await.load().await.unwrap().metadata_location().to_owned();
    let aside = sandbox.folder.path().join("aside");
    fs::rename(&pointer, &aside).unwrap();
    let repair = crate::repair::examine(&sandbox, false).await.unwrap();
    assert!(repair.damage().versions.is_empty() && repair.damage().metadata.is_some(), "{:?}", repair.damage());
    fs::rename(aside, pointer).unwrap();

    let table = sandbox.table().await;
    assert_eq!(versions(&table).await, before);
    let tagged = table.load_at(&At::Tag("first".into())).await.unwrap();
    assert_eq!(ids_of(&table, &tagged), (0..60).collect::<Vec<i64>>());
    let waiting = fsck(&table).await;
    assert!(waiting.len() >= queued, "what waited to be deleted still does");
    assert!(waiting.iter().all(|path| !path.starts_with(&old)), "{waiting:?}");
    let python = python_or_skip();
    if let Some(python) = &python {
        check(python, &sandbox, &table, &waiting, &["--ours"]);
    }
    // It goes on: commits, compaction, deletion, the sweep.
    sandbox.clock.set(START + 30 * DAY);
    for n in 0..3 {
        table.commit(Change::append(table.encode(&rows(5, n * 10..n * 10 + 10)).unwrap()), open).await.unwrap();
    }
    table.compact(FIRST_HOUR + 5, &Compaction::default()).await.unwrap().unwrap();
    assert!(table.upkeep().await.unwrap().files_deleted >= queued);
    sandbox.clock.set(START + 40 * DAY);
    table.upkeep().await.unwrap();
    table.sweep().await.unwrap();
    let waiting = fsck(&table).await;
    if let Some(python) = &python {
        check(python, &sandbox, &table, &waiting, &["--ours"]);
    }
    assert_eq!(ids_of(&table, &table.load_at(&At::Tag("first".into())).await.unwrap()), (0..60).collect::<Vec<i64>>());
}

#[tokio::test]
async fn files_that_are_not_where_they_should_be_are_counted_and_named() {
    let sandbox = Sandbox::new();
    let table = with_history(&sandbox, 0).await;
    let lost = table.load().await.unwrap().live_files().next().unwrap().path.clone();
    let old = sandbox.folder.path().display().to_string();
    drop(table);
    let sandbox = moved(sandbox);
    let here = lost.replace(&old, &sandbox.folder.path().display().to_string());
    let aside = sandbox.folder.path().join("aside");
    fs::rename(&here, &aside).unwrap();
    let Err(RelocateError::Missing { count, first, .. }) = relocator(&sandbox).plan(None).await else {
        panic!("it was not missed");
    };
    assert_eq!((count, first), (1, vec![here.clone()]));
    fs::rename(aside, here).unwrap();
    assert_eq!(relocator(&sandbox).plan(None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_copy_does_not_write_into_the_lake_that_it_was_copied_from() {
    let (sandbox, copy) = (Sandbox::new(), Sandbox::new());
    let before = versions(&with_history(&sandbox, 0).await).await;
    crate::support::copy(sandbox.folder.path(), copy.folder.path());
    let refused = copy.lake().ensure(&def()).await.err().unwrap();
    assert!(matches!(refused, LakeError::Files(FilesError::Copied { .. })), "{refused}");
    let relocator = relocator(&copy);
    relocator.relocate(&relocator.plan(None).await.unwrap()[0], || {}).await.unwrap();
    let table = copy.table().await;
    let seen = table.load().await.unwrap().sequence_number();
    table.commit(Change::overwrite_partitions([FIRST_HOUR], seen, vec![]), open).await.unwrap();
    copy.clock.set(START + 40 * DAY);
    table.upkeep().await.unwrap();
    table.sweep().await.unwrap();
    fsck(&table).await;
    assert_eq!(versions(&sandbox.table().await).await, before, "the first one has lost nothing");
}
