//! A check that fails holds an hour back; once it passes, nothing of the hour is missing.

use std::sync::Arc;

use contrail_model::Project;
use contrail_types::Micros;
use contrail_types::time::{MINUTE, hour_of};

use super::beside_others;
use super::oracle;
use super::sky::{Reply, story};
use super::world::{FEW, World, few, project};
use crate::rules::deriving::Progress;

/// The call sign that the stricter project does not bear.
const POISON: &str = "ZZZ666";

/// The usual models, but `model` has one more check.
fn strict(model: &'static str) -> Arc<Project> {
    project(&FEW, |name, sql| {
        let check = format!(
            "-- checks = [\n--   {{ name = \"no_poison\", sql = \"SELECT * FROM this WHERE callsign = '{POISON}'\" }},"
        );
        let edited = sql.replacen("-- checks = [", &check, 1);
        if name.ends_with(model) { edited } else { sql }
    })
}

/// The story, with one poisoned row in its third answer.
fn poisoned() -> Vec<Reply> {
    let mut told = story();
    told[2].seen[3].callsign = Some(POISON.into());
    told
}

fn held(world: &World, table: &str) -> Vec<Micros> {
    world.run(async |node| {
        let version = node.table(table).await.load().await.unwrap();
        Progress::read(version.properties()).unwrap().held.into_iter().collect()
    })
}

fn hour_of_poison(told: &[Reply]) -> Micros {
    hour_of(told[2].seen[3].last_contact.unwrap())
}

#[test]
fn an_hour_of_states_that_is_held_is_computed_from_all_its_input_once_the_check_passes() {
    let _turn = beside_others();
    let told = poisoned();
    let hour = hour_of_poison(&told);
    let mut world = World::new(strict("states"));
    // What comes while the hour is held belongs to it too: new rows, repeats, and rows that beat.
    for upto in [2, 3, 7, told.len()] {
        world.flow(&told[..upto], 60).unwrap();
        assert_eq!(held(&world, "states"), if upto < 3 { vec![] } else { vec![hour] }, "after {upto} answers");
    }
    // All other hours stand as if nothing had happened.
    let wanted = oracle::content(&told);
    let lines = world.run(async |node| node.content().await.unwrap());
    let elsewhere = |lines: &[String]| {
        let contact = |line: &&String| line.split('|').nth(1).is_some_and(|t| hour_of(t.parse().unwrap()) != hour);
        lines.iter().filter(contact).cloned().collect::<Vec<_>>()
    };
    assert_eq!(elsewhere(&lines["states"]), elsewhere(&wanted["states"]));
    world.assert_sound("while held");

    world.restart();
    world.flow(&told, 60).unwrap();
    assert_eq!(held(&world, "states"), vec![hour], "tried again, still failing");

    world.restart_with(few());
    world.flow(&told, 60).unwrap();
    assert_eq!(held(&world, "states"), Vec::<Micros>::new());
    world.assert_equals(&told, "released");
}

#[test]
fn a_held_hour_is_released_by_the_row_that_beats_the_bad_one() {
    let _turn = beside_others();
    let told = poisoned();
    let hour = hour_of_poison(&told);
    let world = World::new(strict("states"));
    world.flow(&told[..4], 60).unwrap();
    assert_eq!(held(&world, "states"), vec![hour]);
    // The same observation, received earlier by another feed, without the poison.
    let mut good = told[2].seen[3].clone();
    good.callsign = Some("DLH400".into());
    let better = Reply {
        feed: "second",
        fetched_at: told[2].fetched_at - MINUTE,
        seen: vec![good],
        rejected: 0,
        ..told[2].clone()
    };
    // What stood in the next answer as it was, stands poisoned there as well; the better row beats both.
    let told: Vec<Reply> = told[..4].iter().cloned().chain([better]).collect();
    world.flow(&told, 60).unwrap();
    assert_eq!(held(&world, "states"), Vec::<Micros>::new());
    world.assert_equals(&told, "released by its input");
}

#[test]
fn an_hour_of_a_fold_that_is_held_is_published_once_the_check_passes() {
    let _turn = beside_others();
    let told = poisoned();
    let hour = hour_of_poison(&told);
    let mut world = World::new(strict("aircraft_hours"));
    for upto in [2, 3, 7, told.len()] {
        world.flow(&told[..upto], 60).unwrap();
        world.restart();
    }
    assert_eq!(held(&world, "aircraft_hours"), vec![hour]);
    assert_eq!(held(&world, "aircraft_cells"), Vec::<Micros>::new());
    world.restart_with(few());
    world.flow(&told, 60).unwrap();
    assert_eq!(held(&world, "aircraft_hours"), Vec::<Micros>::new());
    world.assert_equals(&told, "released");
}

#[test]
fn a_span_of_a_mart_that_is_held_is_published_once_the_check_passes() {
    let _turn = beside_others();
    let told = story();
    let busy = || {
        project(&FEW, |name, sql| {
            let check =
                "-- checks = [\n--   { name = \"quiet\", sql = \"SELECT * FROM this WHERE observations > 40\" },";
            if name.ends_with("hourly_activity") { sql.replacen("-- checks = [", check, 1) } else { sql }
        })
    };
    let mut world = World::new(busy());
    for upto in [2, 6, told.len()] {
        world.flow(&told[..upto], 60).unwrap();
        world.restart();
    }
    let wanted = oracle::content(&told);
    let found = world.run(async |node| node.content().await.unwrap());
    assert_ne!(found["hourly_activity"], wanted["hourly_activity"]);
    assert_eq!(found["country_stats"], wanted["country_stats"]);
    world.restart_with(few());
    world.flow(&told, 60).unwrap();
    world.assert_equals(&told, "released");
}
