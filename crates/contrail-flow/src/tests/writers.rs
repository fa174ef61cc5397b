//! Several writers of one table, commits without an answer, dead letters alone, hours written anew on command.

use std::collections::BTreeSet;
use std::time::Duration;

use contrail_lake::Change;
use contrail_types::Transform;
use contrail_types::time::{DAY, HOUR, MINUTE, SECOND};

use tokio_util::sync::CancellationToken;

use super::beside_others;
use super::faulty::Loss;
use super::sky::{Reply, T0, seen, story};
use super::world::{Parts, World, all_of, every, few};
use crate::build::BuildError;
use crate::land::{self, CommitPolicy, LandError};
use crate::rules::landing;

#[test]
fn the_story_comes_out_as_told_by_every_model() {
    let _turn = beside_others();
    let world = World::new(std::sync::Arc::new(contrail_model::Project::embedded()));
    world.flow(&story(), 100).unwrap();
    world.assert_equals(&story(), "all models");
}

#[test]
fn two_landers_on_one_table_land_each_row_once() {
    let _turn = beside_others();
    let told = story();
    let world = World::keeping(few(), Duration::from_secs(30 * 86_400));
    let again = world.run(async |node| {
        node.fill(&told).await.unwrap();
        let (one, other) = (node.clone(), node.beside().await.unwrap());
        let (one, other) = tokio::join!(land_on(one, 7), land_on(other, 11));
        one + other
    });
    assert!(again > 0, "they never met");
    world.run(async |node| node.build().await).unwrap();
    world.assert_equals(&told, "two landers");
}

/// Lands to the end, starting again whenever the other one was faster.
async fn land_on(node: Parts, rows: usize) -> usize {
    for again in 0..1000 {
        match node.land(every(rows)).await {
            Ok(()) => return again,
            Err(LandError::Overtaken(_) | LandError::Superseded { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("never done")
}

#[test]
fn a_lander_stops_beside_a_source_that_does_not() {
    let _turn = beside_others();
    let told = story();
    let many: Vec<Reply> = (0..3_000).map(|n| told[n % told.len()].clone()).collect();
    let world = World::keeping(few(), Duration::from_secs(30 * 86_400));
    world.run(async |node| {
        let (stop, enough) = (CancellationToken::new(), CancellationToken::new());
        let (source, ended) = (node.clone(), enough.clone());
        let fills = tokio::spawn(async move {
            for upto in 1..=many.len() {
                if ended.is_cancelled() {
                    return upto;
                }
                source.fill(&many[..upto]).await.unwrap();
                // It does not stop, but it leaves the disk to others now and then.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("landing did not stop before the source had nothing left");
        });
        let lands = tokio::spawn(land::run(node.lander(every(1)), stop.clone()));
        while node.pulse.read().land.commits < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let held = node.log.bounds().await.unwrap();
        stop.cancel();
        lands.await.unwrap().unwrap();
        enough.cancel();
        fills.await.unwrap();
        let raw = node.raw.load().await.unwrap();
        let landed = landing::offsets(raw.properties(), &held.stream).unwrap();
        assert!(held.ends().iter().all(|(partition, end)| landed[partition] >= *end), "{landed:?} of {held:?}");
    });
}

#[test]
fn a_lander_that_was_overtaken_by_a_later_one_stops_and_names_it() {
    let _turn = beside_others();
    let told = story();
    let world = World::keeping(few(), Duration::from_secs(30 * 86_400));
    world.run(async |node| {
        node.fill(&told[..4]).await.unwrap();
        let slow = CommitPolicy { interval: Duration::from_secs(15), rows: 10_000, bytes: usize::MAX };
        let zombie = tokio::spawn(land::run(node.lander(slow), Default::default()));
        while node.pulse.read().land.commits == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The zombie sits on the rest while another process lands it.
        node.fill(&told).await.unwrap();
        land_on(node.beside().await.unwrap(), 50).await;
        let ended = tokio::time::timeout(Duration::from_secs(300), zombie).await.expect("it notices");
        let error = ended.unwrap().unwrap_err();
        let LandError::Superseded { by } = &error else { panic!("{error}") };
        assert!(by.contains(&format!("process {}", std::process::id())), "{by}");
        assert_eq!(node.pulse.read().land.dropped_batches, 1);
        node.land(every(50)).await.unwrap();
        node.build().await.unwrap();
    });
    world.assert_equals(&told, "overtaken");
}

#[test]
fn commits_without_an_answer_land_once() {
    let _turn = beside_others();
    let told = story();
    let world = World::new(few());
    let unlucky = [Loss::Answer, Loss::Request, Loss::None, Loss::Request, Loss::Request, Loss::Answer];
    world.losses.lock().unwrap().extend(unlucky.iter().cycle().take(40));
    for upto in [5, 9, told.len()] {
        world.flow(&told[..upto], 90).unwrap();
    }
    world.assert_equals(&told, "lost answers");
}

#[test]
fn dead_letters_alone_are_progress_too() {
    let _turn = beside_others();
    let mut world = World::new(few());
    let dead = Reply { feed: "first", fetched_at: T0, answer_time: T0, seen: Vec::new(), rejected: 5 };
    for upto in 1..=2 {
        let told = vec![dead.clone(); upto];
        world.flow(&told, 3).unwrap();
        world.assert_equals(&told, "only dead letters");
        world.restart();
    }
    let told = [dead.clone(), dead, story().swap_remove(0)];
    world.flow(&told, 1000).unwrap();
    world.assert_equals(&told, "rows after dead letters");
}

#[test]
fn a_builder_that_ends_between_append_and_publish_is_followed_by_one_that_publishes() {
    let _turn = beside_others();
    let told = story();
    let mut world = World::new(few());
    for upto in [4, 8, told.len()] {
        world.run(async |node| {
            node.fill(&told[..upto]).await.unwrap();
            node.land(every(60)).await.unwrap();
            let mut builder = node.builder().await.unwrap();
            while builder.step().await.unwrap() {}
        });
        world.restart();
    }
    world.run(async |node| node.build().await).unwrap();
    world.assert_equals(&told, "published late");
}

#[test]
fn marts_come_back_when_the_analytics_database_is_gone() {
    let _turn = beside_others();
    let told = story();
    let mut world = World::new(few());
    for upto in [6, told.len()] {
        world.flow(&told[..upto], 100).unwrap();
        world.lose_analytics();
        world.run(async |node| node.build().await).unwrap();
        world.assert_equals(&told[..upto], "without analytics.duckdb");
    }
}

#[test]
fn publishing_again_writes_nothing() {
    let _turn = beside_others();
    let world = World::new(few());
    world.flow(&story(), 100).unwrap();
    world.run(async |node| {
        let mut builder = node.builder().await.unwrap();
        while builder.step().await.unwrap() {}
        builder.publish().await.unwrap();
        let before = snapshots(&node).await;
        builder.publish().await.unwrap();
        assert!(!builder.step().await.unwrap());
        assert_eq!(snapshots(&node).await, before);
    });
    world.assert_equals(&story(), "published twice");
}

async fn snapshots(node: &Parts) -> Vec<Option<i64>> {
    let mut ids = Vec::new();
    for model in node.project.models.iter().filter(|model| model.layer != "view") {
        ids.push(node.table(&model.name).await.load().await.unwrap().snapshot_id());
    }
    ids
}

/// Hours of `states` as they stand.
pub async fn hours(node: &Parts) -> BTreeSet<i64> {
    let version = node.table("states").await.load().await.unwrap();
    version.live_files().filter_map(|file| file.partition).map(|hour| i64::from(hour) * HOUR).collect()
}

#[test]
fn hours_rebuilt_on_command_are_the_same_hours() {
    let _turn = beside_others();
    let told = story();
    let world = World::new(few());
    world.flow(&told[..10], 100).unwrap();
    world.run(async |node| {
        let mut builder = node.builder().await.unwrap();
        let hours = hours(&node).await;
        assert!(hours.len() > 3);
        assert!(builder.rebuild(&all_of(&hours)).await.unwrap() > 0);
    });
    world.assert_equals(&told[..10], "rebuilt");
    world.flow(&told, 100).unwrap();
    world.assert_equals(&told, "after a rebuild");
}

#[test]
fn an_hour_that_another_program_has_emptied_is_empty_in_folds_and_marts() {
    let _turn = beside_others();
    let told = story();
    let world = World::new(few());
    world.flow(&told, 100).unwrap();
    world.run(async |node| {
        let mut builder = node.builder().await.unwrap();
        while builder.step().await.unwrap() {}
        let states = node.table("states").await;
        let (before, all) = (states.load().await.unwrap(), hours(&node).await);
        let hour = *all.first().unwrap();
        let none = Change::overwrite_partitions([Transform::Hour.value(hour)], before.sequence_number(), Vec::new());
        states.commit(none, |_| Ok(())).await.unwrap();
        step_on(&node, &mut builder).await;
        builder.publish().await.unwrap();
        for table in ["aircraft_hours", "hourly_activity"] {
            let lines = node.lines(table, &["epoch_us(hour)"]).await.unwrap();
            assert!(!lines.is_empty() && !lines.contains(&hour.to_string()), "{table}: {hour} in {lines:?}");
        }
        builder.rebuild(&all_of(&BTreeSet::from([hour]))).await.unwrap();
    });
    world.assert_equals(&told, "emptied, and built anew");
}

#[test]
fn a_running_builder_sees_what_another_process_has_rebuilt() {
    let _turn = beside_others();
    let told = story();
    let world = World::new(few());
    world.run(async |node| {
        let mut running = node.builder().await.unwrap();
        for upto in [3, 6, 9, told.len()] {
            node.fill(&told[..upto]).await.unwrap();
            node.land(every(1000)).await.unwrap();
            // The rebuild takes in rows of raw that the running builder has yet to build.
            let other = node.beside().await.unwrap();
            let mut commanded = other.builder().await.unwrap();
            let hours = hours(&other).await;
            if !hours.is_empty() {
                commanded.rebuild(&all_of(&hours)).await.unwrap();
            }
            drop(commanded);
            step_on(&node, &mut running).await;
        }
    });
    world.flow(&told, 1000).unwrap();
    world.assert_equals(&told, "rebuilt beside a builder");
}

/// Steps a builder to the end; as its supervisor would, begins anew where somebody else was faster.
async fn step_on(node: &Parts, builder: &mut crate::build::Builder) {
    for _ in 0..100 {
        match builder.step().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(BuildError::Commit(_) | BuildError::Stale(_)) => *builder = node.builder().await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("never done")
}

#[test]
fn two_builders_on_one_lake_build_each_row_once() {
    let _turn = beside_others();
    let told = story();
    let world = World::new(few());
    world.run(async |node| {
        let (mut one, other) = (node.builder().await.unwrap(), node.beside().await.unwrap());
        let mut two = other.builder().await.unwrap();
        for (n, upto) in (1..=told.len()).enumerate() {
            node.fill(&told[..upto]).await.unwrap();
            node.land(every(1000)).await.unwrap();
            match n % 4 {
                0 | 2 => step_on(&node, &mut one).await,
                1 => step_on(&other, &mut two).await,
                _ => drop(tokio::join!(step_on(&node, &mut one), step_on(&other, &mut two))),
            }
        }
    });
    world.flow(&told, 1000).unwrap();
    world.assert_equals(&told, "two builders");
}

#[test]
fn ties_are_won_by_the_lower_offset_and_late_rows_find_their_hour() {
    let _turn = beside_others();
    let reply = |callsign: &str, n: usize, at: i64| {
        let mut state = seen(n, T0 + 10 * MINUTE);
        state.callsign = Some(callsign.into());
        Reply { feed: "first", fetched_at: T0 + HOUR, answer_time: T0 + at, seen: vec![state], rejected: 0 }
    };
    let recent =
        Reply { seen: (0..9).map(|n| seen(n, T0 + 9 * HOUR + n as i64 * SECOND)).collect(), ..reply("x", 0, 9 * HOUR) };
    // The same key again and again, by the end nine hours behind everything that is remembered.
    let told = [
        reply("DLH1", 1, HOUR),
        reply("DLH2", 1, 2 * HOUR),
        recent,
        reply("DLH3", 1, 9 * HOUR),
        reply("DLH4", 2, 9 * HOUR),
        reply("DLH5", 2, DAY + 10 * MINUTE),
        reply("DLH6", 2, DAY + 11 * MINUTE),
    ];
    let world = World::new(few());
    for upto in 1..=told.len() {
        world.flow(&told[..upto], 1000).unwrap();
        world.assert_equals(&told[..upto], "ties");
    }
}
