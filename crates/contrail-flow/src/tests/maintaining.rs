//! Upkeep beside the line: few files, the same content, nothing gone that somebody needs, whenever it is cut short.

use std::collections::BTreeMap;
use std::time::Duration;

use contrail_lake::{CommitFailed, LakeTable};
use contrail_types::Micros;
use contrail_types::time::{DAY, HOUR};
use tokio_util::sync::CancellationToken;

use super::crashes::{assert_passed, enumerate};
use super::sky::{T0, story};
use super::world::{Parts, World, all_of, every, few};
use super::{alone, beside_others};
use crate::build::{BuildError, Gone};
use crate::maintain::expire::HORIZON;
use crate::maintain::{self, MaintainError};

/// Everything that is told has been over for days by the clock.
async fn round(node: &Parts, keep: &[(&str, Micros)]) -> Result<(), MaintainError> {
    node.maintain(keep).round(&CancellationToken::new()).await
}

async fn files(table: &LakeTable) -> BTreeMap<i32, usize> {
    let mut files = BTreeMap::new();
    for file in table.load().await.unwrap().live_files() {
        *files.entry(file.partition.unwrap()).or_default() += 1;
    }
    files
}

#[test]
fn closed_hours_become_one_file_each_and_say_the_same() {
    let _turn = beside_others();
    let told = story();
    let world = World::keeping(few(), Duration::from_secs(30 * 86_400));
    for (upto, rows) in [(6, 20), (told.len(), 15)] {
        world.flow(&told[..upto], rows).unwrap();
        world.run(async |node| {
            assert!(files(&node.raw).await.values().any(|files| *files > 5), "there is something to do");
            round(&node, &[]).await.unwrap();
            for name in ["states_raw", "states", "aircraft_hours"] {
                let files = files(&node.table(name).await).await;
                assert!(files.values().all(|files| *files == 1), "{name}: {files:?}");
            }
        });
        world.assert_equals(&told[..upto], "compacted");
    }
    world.run(async |node| {
        let totals = node.ledger.upkeep_totals().unwrap();
        assert!(totals["states_raw"].files_saved > 5 && totals["states_raw"].bytes_saved > 0, "{totals:?}");
        let lines = node.ledger.upkeeps(Some("states"), 100).unwrap();
        assert!(
            lines.iter().all(|line| line.action == "compact" && line.rows > 0 && line.files_after == 1),
            "{lines:?}"
        );
    });
}

#[test]
fn files_that_no_reader_has_seen_are_left_alone() {
    let _turn = beside_others();
    let told = story();
    let world = World::new(few());
    world.run(async |node| {
        node.fill(&told).await.unwrap();
        node.land(every(20)).await.unwrap();
        let before = files(&node.raw).await;
        round(&node, &[]).await.unwrap();
        assert_eq!(files(&node.raw).await, before, "nothing has been built yet");
        node.build().await.unwrap();
        round(&node, &[]).await.unwrap();
        assert!(files(&node.raw).await.values().all(|files| *files == 1));
    });
    world.assert_equals(&told, "built, then compacted");
}

#[test]
fn the_line_goes_on_beside_upkeep_that_never_rests() {
    let _turn = beside_others();
    let told = story();
    let world = World::keeping(few(), Duration::from_secs(30 * 86_400));
    world.run(async |node| {
        let stop = CancellationToken::new();
        let beside = node.beside().await.unwrap();
        let upkeep = tokio::spawn(maintain::run(beside.maintain(&[]), stop.clone()));
        for upto in 1..=told.len() {
            node.fill(&told[..upto]).await.unwrap();
            node.land(every(10)).await.unwrap();
            node.build().await.unwrap();
        }
        while beside.pulse.read().maintain.runs == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        upkeep.await.unwrap().unwrap();
    });
    world.assert_equals(&told, "beside upkeep");
}

#[test]
fn upkeep_that_crashes_anywhere_loses_nothing_and_goes_on() {
    let _turn = alone();
    let (told, project) = (story(), few());
    let keep = [("aircraft_hours", 400 * DAY), ("states_raw", 3 * DAY + 20 * HOUR)];
    let points = enumerate(
        || {
            let world = World::new(project.clone());
            world.flow(&told[..9], 25).unwrap();
            world
        },
        async |node| Ok(round(&node, &keep[..1]).await?),
        |world, n, what| {
            let upto = if n % 2 == 0 { 9 } else { told.len() };
            world.flow(&told[..upto], 1000).unwrap_or_else(|e| panic!("{what}: {e}"));
            world.run(async |node| round(&node, &keep[..1]).await).unwrap_or_else(|e| panic!("{what}: {e}"));
            world.assert_content(&told[..upto], what);
            if n % 4 == 0 {
                world.assert_sound(what);
            }
        },
    );
    assert_passed(&points, &["lake.write.after_file", "lake.commit.after_list", "lake.catalog.after_cas"]);
}

#[test]
fn rows_whose_time_is_over_go_and_are_counted() {
    let _turn = beside_others();
    let told = story();
    let world = World::new(few());
    // The clock stands four days after everything began: what is older than T0 + 2 h goes.
    let keep = [("states_raw", 3 * DAY + 22 * HOUR), ("dead_letters", 365 * DAY)];
    world.run(async |node| {
        node.fill(&told).await.unwrap();
        node.land(every(40)).await.unwrap();
        let raw = node.maintain(&keep).kept("states_raw").await.unwrap().unwrap();
        let (_, expiry) = node.maintain(&keep).expiry(&raw).await.unwrap();
        assert_eq!((expiry.rows, expiry.kept.len()), (0, 2), "nothing has been built: {expiry:?}");
        node.build().await.unwrap();
        // Now there are tables that read it.
        let raw = node.maintain(&keep).kept("states_raw").await.unwrap().unwrap();
        let (_, expiry) = node.maintain(&keep).expiry(&raw).await.unwrap();
        assert_eq!((expiry.partitions.len(), expiry.kept.len()), (2, 0), "{expiry:?}");
        let before = node.raw.load().await.unwrap().totals().0;
        assert_eq!(node.maintain(&keep).expire(&raw).await.unwrap(), expiry);
        let version = node.raw.load().await.unwrap();
        assert_eq!((version.totals().0, expiry.rows > 0), (before - expiry.rows, true));
        assert_eq!(version.property(HORIZON), Some((T0 + 2 * HOUR).to_string().as_str()));
        assert_eq!(node.maintain(&keep).expire(&raw).await.unwrap().rows, 0, "once");
        // What was made from them stays, and cannot be made again.
        let hours = super::writers::hours(&node).await;
        let refused = node.builder().await.unwrap().rebuild(&all_of(&hours)).await;
        assert!(matches!(refused, Err(BuildError::NotAgain { gone: Gone::Expired, .. })), "{refused:?}");
    });
    world.assert_sound("expired");
    // The line goes on, and the next part goes too.
    world.flow(&told, 1000).unwrap();
    let all = [("states_raw", 3 * DAY), ("dead_letters", 3 * DAY)];
    world.run(async |node| {
        round(&node, &all).await.unwrap();
        assert_eq!(node.raw.load().await.unwrap().totals().0, 0);
        assert!(node.ledger.upkeep_totals().unwrap()["states_raw"].rows_expired > 0);
    });
    world.assert_sound("all of raw has expired");
}

#[test]
fn a_table_that_always_moves_on_keeps_its_rows_and_says_so() {
    let _turn = beside_others();
    let told = story();
    let world = World::keeping(few(), Duration::from_secs(30 * 86_400));
    world.flow(&told, 100).unwrap();
    world.run(async |node| {
        let stop = CancellationToken::new();
        let busy = node.beside().await.unwrap().raw;
        let stopped = stop.clone();
        let writer = tokio::spawn(async move {
            while !stopped.is_cancelled() {
                busy.commit(contrail_lake::Change::properties(), |_| Ok(())).await.unwrap();
            }
        });
        let keep = [("states_raw", 2 * DAY)];
        let maintain = node.maintain(&keep);
        let raw = maintain.kept("states_raw").await.unwrap().unwrap();
        match maintain.expire(&raw).await {
            // It may have met a quiet moment.
            Ok(expiry) => assert!(expiry.rows > 0),
            Err(MaintainError::Commit(CommitFailed::Conflicts { attempts, .. })) => assert!(attempts > 1),
            Err(other) => panic!("{other}"),
        }
        stop.cancel();
        writer.await.unwrap();
    });
    world.assert_sound("beside a busy writer");
}
