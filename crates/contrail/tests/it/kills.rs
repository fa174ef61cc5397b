//! Killed at any moment and started again: nothing lost, nothing twice, and it says what it resumed from.

use std::process::Command;
use std::time::Duration;

use tempfile::tempdir;

use super::node::{KEEP, Node, contrail, count, played, run, sql, verify};
use super::sky::{Expected, record};

pub fn up(folder: &std::path::Path) -> Command {
    let mut command = contrail(folder);
    command.args(["up", "--data-dir", "data"]);
    for set in [
        "serve.http.listen=127.0.0.1:0",
        "feed.opensky.enabled=false",
        "feed.rec.kind=replay",
        "feed.rec.path=sky.ndjson",
        "feed.rec.interval=100ms",
        "land.commit.interval=50ms",
        "build.publish_interval=200ms",
    ]
    .iter()
    .chain(&KEEP)
    {
        command.args(["--set", set]);
    }
    command
}

pub fn check(folder: &std::path::Path, expected: &Expected) {
    assert_eq!(count(folder, "SELECT count(*) AS n FROM states_raw"), expected.raw);
    let apart = "SELECT sum(n)::BIGINT AS n FROM (SELECT count(DISTINCT log_offset) AS n FROM states_raw
                 GROUP BY log_stream, log_partition)";
    assert_eq!(count(folder, apart), expected.raw);
    assert_eq!(count(folder, "SELECT count(*) AS n FROM dead_letters"), expected.dead);
    assert_eq!(count(folder, "SELECT count(*) AS n FROM states"), expected.states);
    let hours = sql(
        folder,
        "SELECT epoch(hour)::BIGINT // 3600 AS hour, aircraft, observations FROM hourly_activity ORDER BY hour",
    );
    let found: Vec<_> = hours
        .iter()
        .map(|row| {
            (row["hour"].as_i64().unwrap(), row["aircraft"].as_i64().unwrap(), row["observations"].as_i64().unwrap())
        })
        .collect();
    let wanted: Vec<_> = expected.hours.iter().map(|(hour, (seen, n))| (*hour, seen.len() as i64, *n)).collect();
    assert_eq!(found, wanted);
    verify(folder);
}

/// `CONTRAIL_KILLS` kills, 20 unless told otherwise, then one run to the end.
#[test]
fn killed_at_any_moment_nothing_is_lost_and_nothing_stands_twice() {
    let kills: u64 = std::env::var("CONTRAIL_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let folder = tempdir().unwrap();
    let expected = record(&folder.path().join("sky.ndjson"), 40 + 2 * kills as i64, 150);
    for kill in 0..kills {
        let node = Node::start(&mut up(folder.path()));
        std::thread::sleep(Duration::from_millis(40 + kill * 7919 % 700));
        node.kill();
    }
    let node = Node::start(&mut up(folder.path()));
    node.wait("the recording has been played", played);
    node.wait("it says what it resumed from", |status| {
        let land = status["roles"].as_array().and_then(|roles| roles.iter().find(|role| role["role"] == "land"));
        land.and_then(|land| land["note"].as_str()).is_some_and(|note| note.contains("offset"))
    });
    assert_eq!(node.stop(), 0);
    check(folder.path(), &expected);
}

#[test]
fn hours_are_built_anew_beside_a_running_node_and_without_one() {
    let folder = tempdir().unwrap();
    let expected = record(&folder.path().join("sky.ndjson"), 20, 100);
    let build = |args: &[&str]| run(contrail(folder.path()).args(["--data-dir", "data", "build"]).args(args));
    let node = Node::start(&mut up(folder.path()));
    node.wait("the recording has been played", played);
    let (code, out, error) = build(&["--from", "2026-03-14T15", "--to", "2026-03-14T16"]);
    assert!(code == 0 && out.contains("hours built anew: 2"), "{out}{error}");
    let (code, out, error) = build(&["hourly_activity", "--hour", "2026-03-14T15", "--json"]);
    assert!(code == 0 && out.contains("\"rows\": 0"), "a mart needs no raw rows: {out}{error}");
    let (code, _, error) = build(&["nonsense"]);
    assert!(code == 2 && error.contains("nonsense") && error.contains("contrail assets"), "{code}: {error}");
    assert_eq!(node.stop(), 0);
    check(folder.path(), &expected);
    let (code, out, error) = build(&["--hour", "2026-03-14T16:20"]);
    assert!(code == 0 && out.contains("hours built anew: 1"), "{out}{error}");
    check(folder.path(), &expected);
}

#[test]
fn stopped_and_started_it_goes_on_where_it_was() {
    let folder = tempdir().unwrap();
    let expected = record(&folder.path().join("sky.ndjson"), 20, 100);
    let node = Node::start(&mut up(folder.path()));
    node.wait("something has landed", |status| status["lake"]["landed_rows"].as_i64().unwrap_or(0) > 0);
    assert_eq!(node.stop(), 0);
    let node = Node::start(&mut up(folder.path()));
    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);
    check(folder.path(), &expected);
}
