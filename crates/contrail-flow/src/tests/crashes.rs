//! Every crash point of landing and building, struck on its first and second pass: the next process loses nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use contrail_kit::crash;
use contrail_model::Project;

use super::alone;
use super::sky::{Reply, story};
use super::world::{Fault, Parts, World, every, is_crash, project};
use crate::verify;

/// Where a role can be hit: names, with the passes that are tried.
fn strikes(points: &BTreeSet<&'static str>) -> Vec<(&'static str, u32)> {
    let passes = |(n, name): (usize, &&'static str)| match *name {
        // Each table has its own commit: later passes of the compare-and-set strike the later ones.
        name if name.contains("_cas") => 1..=5,
        // The lake tries these on every pass by itself; here one does, in turns.
        name if name.starts_with("lake.") => 1 + n as u32 % 2..=1 + n as u32 % 2,
        _ => 1..=2,
    };
    points.iter().enumerate().flat_map(|at| passes(at).map(move |pass| (*at.1, pass))).collect()
}

/// Runs `role` once to see which points it passes, then once for each strike in a world of its own, and hands that
/// world's next process to `next`.
pub fn enumerate(
    prepare: impl Fn() -> World,
    role: impl AsyncFn(Parts) -> Result<(), Fault>,
    next: impl Fn(&World, usize, &str),
) -> BTreeSet<&'static str> {
    let clean = prepare();
    let (outcome, points) = clean.run(async |node| crash::watch(role(node)).await);
    outcome.unwrap();
    next(&clean, 0, "without a crash");
    for (n, (point, pass)) in strikes(&points).into_iter().enumerate() {
        let mut world = prepare();
        crash::arm(point, pass);
        let outcome = world.run(async |node| role(node).await);
        crash::disarm();
        if let Err(error) = outcome {
            assert!(is_crash(error.as_ref()), "{point}:{pass}: {error}");
        }
        world.restart();
        next(&world, n, &format!("{point}, pass {pass}"));
    }
    points
}

pub fn assert_passed(points: &BTreeSet<&'static str>, wanted: &[&str]) {
    let left: Vec<_> = wanted.iter().filter(|name| !points.contains(*name)).collect();
    assert!(left.is_empty(), "{left:?} were not passed: the story is too short for them");
}

async fn fill_and_land(node: &Parts, replies: &[Reply], rows: usize) -> Result<(), Fault> {
    node.fill(replies).await?;
    Ok(node.land(every(rows)).await?)
}

/// Strikes a lander everywhere, in worlds that `world` makes; the points it passed.
pub fn landing(world: impl Fn(Arc<Project>) -> World) -> BTreeSet<&'static str> {
    let _turn = alone();
    // One derived table is enough to see whether anything came twice.
    let (told, project) = (story(), project(&["clean/states"], |_, sql| sql));
    enumerate(
        || world(project.clone()),
        async |node| fill_and_land(&node, &told, 80).await,
        |world, n, what| {
            let found = world.run(async |node| verify::offsets(&node.raw, &node.dead, &node.engine).await.unwrap());
            assert!(found.iter().all(|finding| finding.ok), "{what}, before the next lander: {found:?}");
            // The next lander cuts its batches as the last one did, or otherwise.
            world.flow(&told, [80, 1000, 33][n % 3]).unwrap_or_else(|e| panic!("{what}: {e}"));
            world.assert_content(&told, what);
            if n % 4 == 0 {
                world.assert_sound(what);
            }
        },
    )
}

pub const LANDING: [&str; 6] = [
    "land.read",
    "land.decoded",
    "land.encoded",
    "land.dead_letters_committed",
    "land.committed",
    "lake.catalog.after_cas",
];

#[test]
fn a_lander_that_crashes_anywhere_loses_and_doubles_nothing() {
    let points = landing(World::new);
    assert_passed(&points, &["log.append.after_commit"]);
    assert_passed(&points, &LANDING);
}

#[test]
fn a_builder_that_crashes_anywhere_goes_on_to_the_same_tables() {
    let _turn = alone();
    let models = ["clean/states", "fold/aircraft_hours", "fold/aircraft_cells", "mart/hourly_activity"];
    let (told, project) = (story(), project(&models, |_, sql| sql));
    let points = enumerate(
        || {
            let world = World::new(project.clone());
            world.flow(&told[..5], 1000).unwrap();
            world.run(async |node| fill_and_land(&node, &told[..14], 100).await).unwrap();
            world
        },
        async |node| node.build().await,
        |world, n, what| {
            // The next builder finds the same input, or more.
            let replies = if n % 2 == 0 { &told[..14] } else { &told[..] };
            world.flow(replies, 1000).unwrap_or_else(|e| panic!("{what}: {e}"));
            world.assert_content(replies, what);
            if n % 4 == 0 {
                world.assert_sound(what);
            }
        },
    );
    assert_passed(&points, &["build.append.computed", "build.append.encoded", "build.append.committed"]);
    assert_passed(&points, &["build.fold.followed", "build.fold.encoded", "build.fold.committed"]);
    assert_passed(&points, &["build.mart.encoded", "build.mart.committed", "lake.catalog.before_cas"]);
}
