//! A crash at every named point of writing, committing and upkeep, at each of its passes; then another process opens
//! the lake, finds it consistent, and finishes the work.
//!
//! One test in a binary of its own: crash points are armed for the whole process. `CONTRAIL_SOAK=1` takes every pass of
//! every point instead of the first few.
// tidy: allow test-binary: crash points are armed for a whole process, which other tests must not share.

#[path = "lake/support.rs"]
#[allow(dead_code)]
mod support;

use std::path::Path;

use contrail_kit::crash;
use contrail_lake::{Change, CommitFailed, FenceFailure, LakeError, LakeTable, Version};
use contrail_types::time::{DAY, HOUR};
use support::{FIRST_HOUR, START, Sandbox, def, ids_of, rows};

/// The step that comes next, as the table says; every step moves it on in its own commit.
fn next(version: &Version) -> i64 {
    version.property("step").map_or(0, |step| step.parse().unwrap())
}

const STEPS: i64 = 6;

/// The ids that the table holds before step `step`.
fn model(step: i64) -> Vec<i64> {
    let mut rows: Vec<i64> = vec![-1];
    for done in 0..step {
        match done {
            0 => rows.extend(0..10),
            1 => rows.extend(10..15),
            2 => rows.extend(20..30),
            3 => rows.retain(|id| !(0..15).contains(id)),
            4 => {}
            _ => rows.retain(|id| !(20..30).contains(id)),
        }
    }
    rows
}

fn is_crash(error: &CommitFailed) -> bool {
    matches!(error, CommitFailed::Lake(error) if lake_crash(error))
}

fn lake_crash(error: &LakeError) -> bool {
    matches!(error, LakeError::Crashed(_) | LakeError::Catalog(contrail_lake::CatalogError::Crashed(_)))
}

/// Does one step and what upkeep there is. `Err` is a crash.
async fn step(sandbox: &Sandbox, table: &LakeTable, version: &Version) -> Result<(), CommitFailed> {
    let at = next(version);
    let paths = |hour: i32| version.files_in(FIRST_HOUR + hour).map(|f| f.path.clone()).collect::<Vec<_>>();
    let change = match at {
        0 => Change::append(table.encode(&rows(0, 0..10))?),
        1 => Change::append(table.encode(&rows(0, 10..15))?),
        2 => Change::append(table.encode(&rows(1, 20..30))?),
        3 => Change::overwrite_partitions([FIRST_HOUR], version.sequence_number(), vec![]),
        4 => Change::rewrite(paths(1), table.encode(&table.read(paths(1), None)?)?),
        _ => Change::delete(paths(1)),
    };
    let fence = move |version: &Version| match next(version) {
        now if now == at => Ok(()),
        now => Err(FenceFailure::Fenced(format!("{now} instead of {at}"))),
    };
    table.commit(change.set([("step", (at + 1).to_string())]), fence).await?;
    sandbox.clock.set(START + 10 * DAY + at * HOUR);
    table.upkeep().await?;
    Ok(())
}

/// Works until the last step is done or a point strikes. Says whether one did.
async fn work(sandbox: &Sandbox) -> bool {
    let outcome = async {
        let table = sandbox.lake().ensure(&def()).await?;
        loop {
            let version = table.load().await?;
            if next(&version) == STEPS {
                break;
            }
            step(sandbox, &table, &version).await?;
        }
        sandbox.clock.set(START + 20 * DAY);
        table.upkeep().await?;
        table.sweep().await?;
        Ok::<(), CommitFailed>(())
    };
    match outcome.await {
        Ok(()) => false,
        Err(error) if is_crash(&error) => true,
        Err(error) => panic!("{error}"),
    }
}

/// A lake with so many snapshots that the first commits thin them.
async fn prepare(sandbox: &Sandbox) {
    let table = sandbox.table().await;
    table.commit(Change::append(table.encode(&rows(2, [-1])).unwrap()), |_| Ok(())).await.unwrap();
    for n in 0..117 {
        table.commit(Change::properties().set([("n", n.to_string())]), |_| Ok(())).await.unwrap();
    }
    sandbox.clock.set(START + 10 * DAY);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { drop(std::fs::copy(entry.path(), target)) }
    }
}

#[tokio::test]
async fn after_a_crash_anywhere_the_table_is_whole_and_the_work_is_finished() {
    let sandbox = Sandbox::new();
    let saved = tempfile::tempdir().unwrap();
    prepare(&sandbox).await;
    copy(sandbox.folder.path(), saved.path());
    let (_, points) = crash::watch(work(&sandbox)).await;
    println!("{} points: {points:?}", points.len());
    assert!(points.len() >= 15, "{points:?}");
    let passes = if std::env::var_os("CONTRAIL_SOAK").is_some() { u32::MAX } else { 3 };
    let mut crashes = 0;
    for point in points {
        for nth in 1..=passes {
            std::fs::remove_dir_all(sandbox.folder.path()).unwrap();
            copy(saved.path(), sandbox.folder.path());
            sandbox.clock.set(START + 10 * DAY);
            crash::arm(point, nth);
            let crashed = work(&sandbox).await;
            crash::disarm();
            if !crashed {
                break;
            }
            crashes += 1;
            // What the next process finds is some step's state, whole.
            let table = sandbox.table().await;
            let version = table.load().await.unwrap();
            let mut expected = model(next(&version));
            expected.sort_unstable();
            assert_eq!(ids_of(&table, &version), expected, "{point}:{nth}");
            assert_eq!(table.fsck().await.unwrap().missing, Vec::<String>::new(), "{point}:{nth}");
            assert!(!work(&sandbox).await);
            let table = sandbox.table().await;
            assert_eq!(support::ids(&table).await, model(STEPS), "{point}:{nth}");
            leftovers(&sandbox, &table, &format!("{point}:{nth}")).await;
        }
    }
    println!("{crashes} crashes");
}

/// The sweep finds what the crash has left, but for metadata files, which carry no time of ours.
async fn leftovers(sandbox: &Sandbox, table: &LakeTable, place: &str) {
    sandbox.clock.set(START + 30 * DAY);
    table.sweep().await.unwrap();
    let fsck = table.fsck().await.unwrap();
    let strange: Vec<_> = fsck.orphans.iter().filter(|path| !path.ends_with(".metadata.json")).collect();
    assert_eq!(strange, Vec::<&String>::new(), "{place}");
    assert_eq!(fsck.missing, Vec::<String>::new(), "{place}");
}
