//! Whatever the order of feeds, the batches, the sizes of commits, and who ends when: the result equals the oracle.

use contrail_lake::{Change, Edit, Place};
use contrail_types::Transform;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::beside_others;
use super::sky::{Reply, any_replies};
use super::world::{Fault, Parts, World, all_of, every, few};

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// Another answer is appended.
    Append,
    /// All of the log lands, in commits of about so many rows.
    Land(usize),
    /// The builder takes in what has landed; nothing is published.
    Step,
    Publish,
    /// A rebuild on command of every hour there is.
    Rebuild,
    /// Another process rewrites whatever has more than one file, whether it pays or not.
    Compact,
    /// Somebody changes the columns or partitions of a table.
    Alter(u8),
    /// The process ends, as by a power cut.
    End,
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Append),
        4 => prop::sample::select(vec![1usize, 5, 20, 500]).prop_map(Event::Land),
        4 => Just(Event::Step),
        2 => Just(Event::Publish),
        1 => Just(Event::Rebuild),
        1 => Just(Event::Compact),
        1 => any::<u8>().prop_map(Event::Alter),
        2 => Just(Event::End),
    ]
}

#[test]
fn any_order_of_anything_gives_the_same_tables() {
    let _turn = beside_others();
    let project = few();
    let config = Config { cases: 20, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let cases = (any_replies(), prop::collection::vec(any_event(), 4..24));
    TestRunner::new(config)
        .run(&cases, |(told, events)| {
            let mut world = World::new(project.clone());
            play(&mut world, &told, &events).map_err(|e| TestCaseError::fail(e.to_string()))?;
            world.flow(&told, 1000).map_err(|e| TestCaseError::fail(e.to_string()))?;
            world.assert_equals(&told, &format!("{events:?}"));
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
}

async fn alter(node: &Parts, which: usize) -> Result<(), Fault> {
    let table = node.table(["states_raw", "states", "aircraft_hours"][which % 3]).await;
    table.load().await?;
    let (shape, shown) = (table.shape(), table.shape().shown());
    let (time, _) = shape.def().partition.clone().unwrap();
    let at = shape.def().columns.iter().position(|column| column.name == time).unwrap();
    let at = shown.ids.iter().position(|id| *id == shape.def().ids[at]).unwrap();
    let (time, column) = (shown.columns[at].name.clone(), shown.columns[which % shown.columns.len()].name.clone());
    let edit = match which / 3 % 5 {
        0 => Edit::Rename { to: format!("{column}_"), column },
        1 => Edit::Move { column, to: Place::First },
        2 => Edit::Partition(None),
        3 => Edit::Partition(Some((time, Transform::Day))),
        _ => Edit::Partition(Some((time, Transform::Hour))),
    };
    table.commit(Change::alter([edit]), |_| Ok(())).await?;
    Ok(())
}

fn play(world: &mut World, told: &[Reply], events: &[Event]) -> Result<(), Fault> {
    let mut appended = 0;
    let mut builder = None;
    for event in events {
        if let Event::End = event {
            builder = None;
            world.restart();
            continue;
        }
        world.run(async |node| {
            if let Event::Append = event {
                appended = told.len().min(appended + 1);
                return node.fill(&told[..appended]).await;
            }
            if let Event::Land(rows) = event {
                return Ok(node.land(every(*rows)).await?);
            }
            if let Event::Compact = event {
                return node.beside().await?.compact_all().await;
            }
            if let Event::Alter(which) = event {
                return alter(&node.beside().await?, usize::from(*which)).await;
            }
            if builder.is_none() {
                builder = Some(node.builder().await?);
            }
            let Some(builder) = &mut builder else { return Ok(()) };
            match event {
                Event::Publish => builder.publish().await?,
                Event::Rebuild => {
                    let hours = super::writers::hours(&node).await;
                    builder.rebuild(&all_of(&hours)).await?;
                }
                _ => while builder.step().await? {},
            }
            Ok(())
        })?;
    }
    Ok(())
}
