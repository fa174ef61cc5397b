//! Producers with newer schemas than ours: their rows land, and their values once the table has the columns.

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use contrail_kit::crash;
use contrail_lake::Change;
use contrail_log::{Append, Encoder, Level, Messages, codec};
use contrail_types::{Column, state};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::crashes::enumerate;
use super::sky::{Reply, story};
use super::world::{Fault, Parts, World, every, project};
use super::{alone, beside_others};
use crate::evolve::{EvolvePolicy, evolve, missing};
use crate::land::{self, Land, LandError};
use crate::rules::landing;

const SUBJECT: &str = "flight-states-value";

/// Answers whose rows are all states.
fn told() -> Vec<Reply> {
    story()
        .into_iter()
        .map(|reply| Reply { rejected: 0, feed: "first", ..reply })
        .filter(|r| !r.seen.is_empty())
        .collect()
}

fn world() -> World {
    World::new(project(&["clean/states"], |_, sql| sql))
}

/// Our schema with one more field at its end.
fn with(field: &Value) -> String {
    let mut schema: Value = serde_json::from_str(codec::SCHEMA).unwrap();
    schema["fields"].as_array_mut().unwrap().push(field.clone());
    schema.to_string()
}

fn mach() -> String {
    with(&json!({ "name": "mach", "type": ["null", "double"], "default": null, "doc": "Speed in Mach" }))
}

/// `mach` as a string, which no double reads.
fn spelt() -> String {
    with(&json!({ "name": "mach", "type": ["null", "string"], "default": null }))
}

/// What another program appends: answer `n`, under `schema`, whose last field holds `value` as Avro writes it.
async fn append(node: &Parts, schema: &str, replies: &[Reply], n: usize, value: &[u8]) -> Result<(), Fault> {
    let position: Option<usize> = node.log.position("first").await?.map(|p| p.parse()).transpose()?;
    if position.is_some_and(|position| position >= n) {
        return Ok(());
    }
    let registry = node.registry.clone();
    let id = registry.register(SUBJECT, schema).await?;
    let answer = replies[n].answer(n);
    let ours = Encoder::new(registry.as_ref(), SUBJECT).await?.encode(&answer.states)?;
    let theirs = ours.iter().map(|message| {
        let mut bytes = message.value.unwrap().to_vec();
        bytes[1..5].copy_from_slice(&id.to_be_bytes());
        bytes.extend(value);
        (message.key, Some(bytes))
    });
    let messages: Messages = theirs.collect();
    node.log
        .append(Append { messages, position: Some(("first".into(), n.to_string())), at: answer.fetch.asked_at })
        .await?;
    Ok(())
}

/// A double that is not null.
fn number(value: f64) -> Vec<u8> {
    [vec![2], value.to_le_bytes().to_vec()].concat()
}

/// A string that is not null.
fn text(value: &str) -> Vec<u8> {
    [vec![2, value.len() as u8 * 2], value.as_bytes().to_vec()].concat()
}

/// How many rows of the raw table have this value, null as nothing.
async fn count(node: &Parts, value: Option<f64>) -> usize {
    let version = node.raw.load().await.unwrap();
    let rows = node.raw.read(version.live_files().map(|f| f.path.clone()), Some(&["mach"])).unwrap();
    rows.column(0).as_primitive::<Float64Type>().iter().filter(|v| *v == value).count()
}

fn rows(replies: &[Reply]) -> usize {
    replies.iter().map(|reply| reply.seen.len()).sum()
}

/// Lands with a lander of this policy until everything has landed.
async fn land_as(node: &Parts, evolve: EvolvePolicy) -> Result<(), LandError> {
    let land = Land { evolve, ..node.lander(every(10)) };
    let stop = CancellationToken::new();
    let mut running = tokio::spawn(land::run(land, stop.clone()));
    loop {
        tokio::select! {
            ended = &mut running => return ended?,
            () = tokio::time::sleep(std::time::Duration::from_millis(2)) => {}
        }
        let bounds = node.log.bounds().await?;
        let landed = landing::offsets(node.raw.load().await?.properties(), &bounds.stream)?;
        if bounds.ends().iter().all(|(partition, end)| landed.get(partition).unwrap_or(&0) >= end) {
            stop.cancel();
            return running.await?;
        }
    }
}

#[test]
fn a_newer_producers_rows_land_and_its_values_once_the_table_has_the_column() {
    let _turn = beside_others();
    let told = told();
    let mut world = world();
    world.run(async |node| {
        node.fill(&told[..1]).await.unwrap();
        append(&node, &mach(), &told, 1, &number(0.5)).await.unwrap();
        node.land(every(10)).await.unwrap();
        assert_eq!(node.raw.schema(), state::raw_table().arrow_schema(), "nothing is added by itself");
        let registry = node.registry.clone();
        let found = missing(registry.as_ref(), SUBJECT, &node.raw).await.unwrap();
        assert_eq!((found.names(), found.fields[0].since), (vec!["mach"], 2));

        let added = evolve(registry.as_ref(), SUBJECT, &node.raw).await.unwrap();
        assert_eq!(added, found);
        assert!(evolve(registry.as_ref(), SUBJECT, &node.raw).await.unwrap().is_empty(), "once");
        append(&node, &mach(), &told, 2, &number(0.75)).await.unwrap();
        node.land(every(10)).await.unwrap();
        // An older producer goes on writing.
        node.fill(&told[..4]).await.unwrap();
        node.land(every(7)).await.unwrap();
        append(&node, &mach(), &told, 4, &[0]).await.unwrap();
        node.land(every(1000)).await.unwrap();
        node.build().await.unwrap();
    });
    world.assert_equals(&told[..5], "with both producers");
    let check = async |node: Parts| {
        assert_eq!(count(&node, Some(0.75)).await, rows(&told[2..3]));
        assert_eq!(count(&node, None).await, rows(&told[..5]) - rows(&told[2..3]), "values of before are not known");
    };
    world.run(check);
    world.restart();
    world.run(async |node| {
        let partitions: Vec<i32> = node.raw.load().await.unwrap().live_files().filter_map(|f| f.partition).collect();
        for partition in partitions {
            node.raw.compact(partition, &contrail_lake::Compaction::default()).await.unwrap();
        }
        check(node).await;
    });
    world.assert_equals(&told[..5], "compacted");
}

#[test]
fn a_lander_that_may_adds_columns_before_it_lands_the_first_rows_with_them() {
    let _turn = beside_others();
    let told = told();
    let world = world();
    world.run(async |node| {
        node.fill(&told[..1]).await.unwrap();
        append(&node, &mach(), &told, 1, &number(0.5)).await.unwrap();
        // Another program's schema with a field that no column can hold.
        let list = with(&json!({ "name": "tags", "type": { "type": "array", "items": "string" }, "default": [] }));
        append(&node, &list, &told, 2, &[0]).await.unwrap();
        append(&node, &mach(), &told, 3, &number(0.25)).await.unwrap();
        let beside = node.beside().await.unwrap();
        land_as(&beside, EvolvePolicy::Auto).await.unwrap();
        assert_eq!(count(&node, Some(0.5)).await, rows(&told[1..2]));
        assert_eq!(count(&node, Some(0.25)).await, rows(&told[3..4]));
        assert_eq!(count(&node, None).await, rows(&told[..4]) - rows(&told[1..2]) - rows(&told[3..4]));
        let found = missing(node.registry.as_ref(), SUBJECT, &node.raw).await.unwrap();
        assert_eq!((found.fields.len(), found.unfit[0].name.as_str()), (0, "tags"));
        node.build().await.unwrap();
    });
    world.assert_equals(&told[..4], "columns added by the lander");
}

/// A double by hand: what `evolve` does not do while a version writes a string.
async fn add_mach(node: &Parts) {
    let column = Column::new("mach", arrow::datatypes::DataType::Float64, true, "Speed in Mach");
    node.raw.commit(Change::add_columns(vec![column]), |_| Ok(())).await.unwrap();
}

async fn anything_goes(node: &Parts) {
    node.registry.clone().set_level(Some(SUBJECT), Some(Level::None)).await.unwrap();
}

#[test]
fn a_field_that_its_column_cannot_read_makes_dead_letters_with_the_reason() {
    let _turn = beside_others();
    let told = told();
    let world = world();
    world.run(async |node| {
        anything_goes(&node).await;
        node.fill(&told[..1]).await.unwrap();
        append(&node, &spelt(), &told, 1, &text("fast")).await.unwrap();
        node.land(every(1000)).await.unwrap();
        assert_eq!(
            node.raw.load().await.unwrap().totals().0 as usize,
            rows(&told[..2]),
            "without the column they land"
        );
        add_mach(&node).await;
        append(&node, &spelt(), &told, 2, &text("fast")).await.unwrap();
        append(&node, &mach(), &told, 3, &number(0.5)).await.unwrap();
        node.land(every(1000)).await.unwrap();
        assert_eq!(count(&node, Some(0.5)).await, rows(&told[3..4]));
        let dead = node.dead.load().await.unwrap();
        let letters = node.dead.read(dead.live_files().map(|f| f.path.clone()), Some(&["reason"])).unwrap();
        assert_eq!(letters.num_rows(), rows(&told[2..3]));
        let reason = letters.column(0).as_string::<i32>().value(0).to_owned();
        assert!(reason.ends_with("field mach is written as string and read as double"), "{reason}");
    });
    world.assert_sound("with dead letters");
}

#[test]
fn a_message_that_was_settled_as_readable_lands_although_a_column_came_that_it_clashes_with() {
    let _turn = alone();
    let told = told();
    let mut world = world();
    world.run(async |node| {
        anything_goes(&node).await;
        append(&node, &spelt(), &told, 0, &text("fast")).await.unwrap();
        let rubbish: Messages = std::iter::once((None::<&[u8]>, Some(&b"rubbish"[..]))).collect();
        node.log.append(Append { messages: rubbish, position: None, at: 0 }).await.unwrap();
        crash::arm("land.dead_letters_committed", 1);
        let crashed = node.land(every(1000)).await;
        crash::disarm();
        assert!(matches!(crashed, Err(LandError::Crashed(_))), "{crashed:?}");
        add_mach(&node).await;
    });
    world.restart();
    world.run(async |node| {
        append(&node, &mach(), &told, 1, &number(0.5)).await.unwrap();
        node.land(every(rows(&told[..1]) + 1)).await.unwrap();
        assert_eq!((count(&node, None).await, count(&node, Some(0.5)).await), (rows(&told[..1]), rows(&told[1..2])));
        assert_eq!(node.dead.load().await.unwrap().totals().0, 1);
    });
    world.assert_sound("after the column came");
}

#[test]
fn a_topic_whose_latest_schema_cannot_be_read_is_not_landed() {
    let _turn = beside_others();
    let world = world();
    world.run(async |node| {
        anything_goes(&node).await;
        node.fill(&told()[..1]).await.unwrap();
        let odd = codec::SCHEMA.replace(
            r#""name": "velocity", "type": ["null", "double"]"#,
            r#""name": "velocity", "type": ["null", "string"]"#,
        );
        node.registry.clone().register(SUBJECT, &odd).await.unwrap();
        let refused = node.land(every(1000)).await.unwrap_err();
        assert_eq!(contrail_kit::Classified::class(&refused), contrail_kit::Class::USER);
        let refused = refused.to_string();
        assert!(refused.contains("field velocity is written as string and read as double"), "{refused}");
        assert!(refused.contains("velocity | string"), "{refused}");
    });
}

#[test]
fn evolving_that_crashes_anywhere_loses_and_doubles_nothing() {
    let _turn = alone();
    let told = told();
    let role = async |node: Parts| -> Result<(), Fault> {
        append(&node, &mach(), &told, 1, &number(0.5)).await?;
        evolve(node.registry.as_ref(), SUBJECT, &node.raw).await?;
        append(&node, &mach(), &told, 2, &number(0.75)).await?;
        land_as(&node, EvolvePolicy::Auto).await?;
        Ok(())
    };
    let points = enumerate(
        || {
            let world = world();
            world.flow(&told[..1], 1000).unwrap();
            world
        },
        role,
        |world, _, what| {
            world.run(async |node| role(node).await).unwrap_or_else(|e| panic!("{what}: {e}"));
            world.flow(&told[..3], 1000).unwrap();
            world.assert_content(&told[..3], what);
            world.run(async |node| {
                assert_eq!(node.raw.shape().def().gained.len(), 1, "{what}");
                assert_eq!(count(&node, Some(0.5)).await, rows(&told[1..2]), "{what}");
                assert_eq!(count(&node, Some(0.75)).await, rows(&told[2..3]), "{what}");
            });
        },
    );
    for point in ["evolve.found", "evolve.committed", "lake.catalog.after_cas"] {
        assert!(points.contains(point), "{point}");
    }
}
