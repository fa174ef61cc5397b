//! What every feed must keep, whatever it speaks: the contract of [`Feed`], run against all four kinds.

use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use contrail_kit::Clock;
use contrail_types::state;
use serde_json::{Value, json};

use super::*;
use crate::fault_server::{Act, Server};

/// Opens a feed as configuration says and checks its first two answers.
async fn keeps_the_contract(name: &str, table: Value) {
    let config: FeedConfig = serde_json::from_value(table).unwrap();
    let context = Context::new(Clock::system());
    let future = context.now() + 3_600_000_000;
    // The log that is continued was written by a clock an hour ahead: stamps must not lie before it.
    context.not_before(future);
    let mut feed = open(name, &config, context, None).unwrap();
    assert_eq!((feed.name(), feed.health().name.as_str(), feed.health().kind), (name, name, config.kind()));
    assert_eq!(feed.health().state, FeedState::Waiting);

    let (mut before, mut ids) = (future, Vec::new());
    for _ in 0..2 {
        let answer = feed.next().await.unwrap().unwrap();
        check(name, config.kind(), &answer);
        assert!(answer.fetch.asked_at >= before && answer.fetch.answered_at >= answer.fetch.asked_at, "{name}");
        before = answer.fetch.answered_at;
        ids.push(answer.fetch.fetch_id);
        let health = feed.health();
        assert_eq!((health.state, health.rows, health.failures), (FeedState::Ok, answer.fetch.rows, 0), "{name}");
        assert_eq!(health.last_fetch_at, Some(answer.fetch.answered_at), "{name}");
        assert_eq!(health.last_answer_time, Some(answer.answer_time()), "{name}");
        // Dropped while it waits, or at once: nothing breaks.
        let _ = tokio::time::timeout(Duration::ZERO, feed.next()).await;
    }
    assert!(ids[0] < ids[1], "{name}: ids of fetches ascend");
}

fn check(name: &str, kind: Kind, answer: &Answer) {
    let (fetch, states) = (&answer.fetch, &answer.states);
    assert_eq!((fetch.feed.as_str(), fetch.kind, fetch.outcome), (name, kind, Outcome::Ok));
    assert_eq!((fetch.rows, fetch.bad_rows), (states.num_rows() as u64, answer.rejected.len() as u64), "{name}");
    assert_eq!(states.schema(), state::schema(), "{name}");
    let time = |column: &str, row| states[column].as_primitive::<TimestampMicrosecondType>().value(row);
    for row in 0..states.num_rows() {
        assert_eq!(states["feed"].as_string::<i32>().value(row), name);
        assert_eq!(states["fetch_id"].as_string::<i32>().value(row), fetch.fetch_id.to_string(), "{name}");
        assert_eq!(time("fetched_at", row), fetch.answered_at, "{name}");
        assert_eq!(time("answer_time", row), answer.answer_time(), "{name}");
    }
}

const BODY: &str = r#"{"time":1714311966,"states":[["4b1815","SWR9YP  ","Switzerland",1714311964,1714311965],[1]]}"#;

#[tokio::test]
async fn opensky_keeps_the_contract() {
    let server = Server::start(|_, _| Act::ok(BODY)).await;
    keeps_the_contract("opensky", json!({"kind": "opensky", "url": server.url, "interval": "20ms"})).await;
}

#[tokio::test]
async fn readsb_keeps_the_contract() {
    let body = |n| format!(r#"{{"now":{},"aircraft":[{{"hex":"3c6444","seen":1}},{{"hex":"?"}}]}}"#, 1_785_349_721 + n);
    let server = Server::start(move |_, n| Act::ok(body(n))).await;
    keeps_the_contract("roof-2", json!({"kind": "readsb", "url": server.url, "interval": "100ms"})).await;
}

#[tokio::test]
async fn replay_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.ndjson");
    std::fs::write(&path, format!("{BODY}\n").repeat(4)).unwrap();
    keeps_the_contract("old", json!({"kind": "replay", "path": path, "speed": 0})).await;
}

#[tokio::test]
async fn demo_keeps_the_contract() {
    keeps_the_contract("demo", json!({"kind": "demo", "interval": "100ms"})).await;
}

#[test]
fn a_feed_needs_a_plain_name() {
    let config: FeedConfig = serde_json::from_value(json!({"kind": "demo"})).unwrap();
    for name in ["", "Sky", "sky net", "sky.net", "\u{e9}", &"x".repeat(41)] {
        let error = open(name, &config, Context::default(), None).err().unwrap();
        assert!(error.to_string().contains("is no name for a feed"), "{error}");
    }
}
