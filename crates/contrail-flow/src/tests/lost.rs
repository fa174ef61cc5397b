//! Files deleted under the line: derived tables heal by themselves, what cannot is counted and said.

use std::time::Duration;

use contrail_lake::LakeTable;
use contrail_types::time::HOUR;

use super::beside_others;
use super::sky::story;
use super::world::{Parts, World, all_of, few};
use crate::build::{BuildError, Gone};
use crate::repair::{Mended, Mender};

const MONTH: Duration = Duration::from_secs(30 * 86_400);

fn mender(node: &Parts) -> Mender {
    let (lake, project, engine) = (node.lake.clone(), node.project.clone(), node.engine.clone());
    Mender { lake, project, engine, deep: true }
}

async fn mend(node: &Parts, table: &str) -> Mended {
    let told = mender(node).mend(table, true, |_, _| {}).await.unwrap();
    let mut done = mender(node).mend(table, false, |_, _| {}).await.unwrap();
    assert!(done.done && !told.done);
    let left = mender(node).mend(table, true, |_, _| {}).await.unwrap();
    assert!(left.damage.is_none(), "{left:?}");
    done.done = false;
    assert_eq!(serde_json::to_value(&done).unwrap(), serde_json::to_value(told).unwrap(), "a dry run says the same");
    done
}

/// Deletes the table's largest file; its rows and its partition.
async fn lose_one(table: &LakeTable) -> (u64, i32) {
    let version = table.load().await.unwrap();
    let file = version.live_files().max_by_key(|file| (file.records, file.path.clone())).unwrap();
    std::fs::remove_file(&file.path).unwrap();
    (file.records, file.partition.unwrap())
}

#[test]
fn a_lost_file_of_a_derived_table_heals_from_its_input() {
    let _turn = beside_others();
    let told = story();
    for name in ["states", "aircraft_hours", "hourly_activity", "country_stats"] {
        let mut world = World::new(few());
        world.flow(&told[..9], 25).unwrap();
        let rows = world.run(async |node| {
            let (rows, _) = lose_one(&node.table(name).await).await;
            let error = node.content().await.unwrap_err().to_string();
            assert!(error.contains(&format!("`contrail tables repair {name}`")), "{error}");
            rows
        });
        let mended = world.run(async |node| mend(&node, name).await);
        assert_eq!((mended.damage.rows_lost(), mended.gone.len()), (rows, 0), "{name}: {mended:?}");
        assert_eq!(mended.built_again.len(), 1, "{name}");
        world.restart();
        world.flow(&told[..9], 25).unwrap();
        world.assert_equals(&told[..9], name);
        // And what comes afterwards finds it as if nothing had been.
        world.flow(&told, 60).unwrap();
        world.assert_equals(&told, name);
    }
}

#[test]
fn lost_rows_of_the_raw_table_are_counted_and_what_was_made_of_them_stays() {
    let _turn = beside_others();
    let told = story();
    let mut world = World::new(few());
    world.flow(&told[..9], 25).unwrap();
    let states = world.run(async |node| node.content().await.unwrap()["states"].clone());
    let (rows, hour) = world.run(async |node| lose_one(&node.raw).await);
    let mended = world.run(async |node| mend(&node, "states_raw").await);
    let counted: i64 = mended.offsets.values().flat_map(|partitions| partitions.values()).map(|lost| lost.rows).sum();
    assert_eq!((mended.damage.rows_lost(), counted, mended.unexplained), (rows, rows as i64, 0), "{mended:?}");
    world.restart();
    world.flow(&told[..9], 25).unwrap();
    assert_eq!(world.run(async |node| node.content().await.unwrap()["states"].clone()), states);
    world.assert_sound("counted");
    // Nothing computes an hour anew from what is left of it.
    let hours = [i64::from(hour) * HOUR].into();
    let refused = world.run(async |node| node.builder().await.unwrap().rebuild(&all_of(&hours)).await);
    assert!(matches!(refused, Err(BuildError::NotAgain { gone: Gone::Lost, .. })), "{refused:?}");
    let lost = world.run(async |node| {
        let states = node.table("states").await;
        let version = states.load().await.unwrap();
        let file = version.files_in(hour).find(|file| file.records > 0).unwrap();
        std::fs::remove_file(&file.path).unwrap();
        mend(&node, "states").await
    });
    assert_eq!((lost.built_again.len(), lost.gone.len()), (0, 1), "{lost:?}");
    world.restart();
    world.flow(&told, 60).unwrap();
    world.assert_sound("it goes on");
}

#[test]
fn without_its_newest_metadata_the_raw_table_takes_from_the_log_what_it_lacks() {
    let _turn = beside_others();
    let told = story();
    let mut world = World::keeping(few(), MONTH);
    world.flow(&told[..9], 25).unwrap();
    world.run(async |node| {
        let version = node.raw.load().await.unwrap();
        std::fs::remove_file(version.metadata_location()).unwrap();
        let mended = mend(&node, "states_raw").await;
        assert!(mended.damage.metadata.is_some() && mended.offsets.is_empty(), "{mended:?}");
    });
    world.restart();
    world.flow(&told, 25).unwrap();
    world.assert_equals(&told, "landed again");
}

#[test]
fn a_derived_table_that_has_lost_its_newest_list_is_built_again() {
    let _turn = beside_others();
    let told = story();
    for name in ["states", "aircraft_hours", "country_stats"] {
        let mut world = World::new(few());
        for upto in [3, 6, 9] {
            world.flow(&told[..upto], 25).unwrap();
        }
        world.run(async |node| {
            let version = node.table(name).await.load().await.unwrap();
            let list = version.metadata().current_snapshot().unwrap().manifest_list().to_owned();
            std::fs::remove_file(&list).unwrap();
            // The manifests of that commit too: nothing tells what was in it.
            let (folder, file) = list.rsplit_once('/').unwrap();
            let id = &file.trim_end_matches(".avro")[file.len() - 5 - 36..];
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.display().to_string().contains(id) {
                    std::fs::remove_file(entry).unwrap();
                }
            }
            let mended = mend(&node, name).await;
            assert!(mended.damage.back_to.is_some(), "{name}: {mended:?}");
        });
        world.restart();
        world.flow(&told, 60).unwrap();
        world.assert_equals(&told, name);
    }
}
