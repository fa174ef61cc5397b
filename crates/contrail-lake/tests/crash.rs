//! A crash at every named point of writing, committing and upkeep, at each of its passes; then another process opens
//! the lake, finds it consistent, and finishes the work.
//!
//! In a binary of their own, one after the other: crash points are armed for the whole process. `CONTRAIL_SOAK=1` takes every pass of
//! every point instead of the first few.
// tidy: allow test-binary: crash points are armed for a whole process, which other tests must not share.

#[path = "lake/support.rs"]
#[allow(dead_code)]
mod support;

use contrail_kit::crash;
use contrail_lake::{
    At, Change, CommitFailed, FenceFailure, LakeError, LakeOptions, LakeTable, RelocateError, Relocator, Version,
};
use contrail_types::time::{DAY, HOUR};
use support::{FIRST_HOUR, START, Sandbox, copy, def, ids_of, rows};

/// Points are armed for the whole process.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

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

#[tokio::test]
async fn after_a_crash_anywhere_the_table_is_whole_and_the_work_is_finished() {
    let _turn = TURN.lock().await;
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

/// Relocates what there is to relocate. Says whether a point struck.
async fn relocate(sandbox: &Sandbox) -> bool {
    let options = LakeOptions {
        namespace: "aviation".into(),
        warehouse: sandbox.folder.path().join("warehouse"),
        queue: sandbox.folder.path().join("catalog.db"),
    };
    let outcome = async {
        let catalog = (*sandbox.catalog()).clone();
        let relocator = Relocator::open(catalog, &options, None, false, sandbox.clock.clone())?;
        for plan in relocator.plan(None).await? {
            relocator.relocate(&plan, || {}).await?;
        }
        Ok::<(), RelocateError>(())
    };
    match outcome.await {
        Ok(()) => false,
        Err(RelocateError::Crashed(_)) => true,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_relocation_that_crashes_anywhere_is_run_again_and_ends_right() {
    let _turn = TURN.lock().await;
    let (first, sandbox) = (Sandbox::new(), Sandbox::new());
    let table = first.table().await;
    for n in 0..4 {
        let files = table.encode(&rows((n % 2) as i32, n * 10..n * 10 + 10)).unwrap();
        table.commit(Change::append(files), |_| Ok(())).await.unwrap();
    }
    table.tag("kept", None).await.unwrap();
    let seen = table.load().await.unwrap().sequence_number();
    table.commit(Change::overwrite_partitions([FIRST_HOUR], seen, vec![]), |_| Ok(())).await.unwrap();
    let expected = support::ids(&table).await;
    drop(table);
    // The old place must be empty: what is read there by mistake is then missed.
    let moved = tempfile::tempdir().unwrap();
    copy(first.folder.path(), moved.path());
    drop(first);
    let restore = || {
        std::fs::remove_dir_all(sandbox.folder.path()).unwrap();
        copy(moved.path(), sandbox.folder.path());
    };
    restore();
    let (_, points) = crash::watch(relocate(&sandbox)).await;
    assert!(points.iter().filter(|point| point.starts_with("lake.relocate.")).count() >= 5, "{points:?}");
    let mut crashes = 0;
    for point in points {
        for nth in [1, 2, 5, 9] {
            restore();
            crash::arm(point, nth);
            let crashed = relocate(&sandbox).await;
            crash::disarm();
            if !crashed {
                break;
            }
            crashes += 1;
            assert!(!relocate(&sandbox).await);
            let table = sandbox.table().await;
            assert_eq!(support::ids(&table).await, expected, "{point}:{nth}");
            let tagged = table.load_at(&At::Tag("kept".into())).await.unwrap();
            assert_eq!(ids_of(&table, &tagged), (0..40).collect::<Vec<i64>>(), "{point}:{nth}");
            sandbox.clock.set(START + 20 * DAY);
            table.upkeep().await.unwrap();
            leftovers(&sandbox, &table, &format!("{point}:{nth}")).await;
            sandbox.clock.set(START);
        }
    }
    assert!(crashes >= 10, "{crashes}");
}
