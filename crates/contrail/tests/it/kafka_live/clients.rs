//! Programs that are not ours on a topic of ours: Confluent's Python client and kcat read it, rows of others land, and
//! what is no state becomes a dead letter.

use std::process::Command;

use contrail_testkit::Services;
use serde_json::{Value, json};

use super::super::node::{count, run, sql, verify};
use super::process::Process;
use super::{Ground, python, topic};

/// A recording that has been played over a topic; the node still runs.
pub fn played(registry: Option<String>) -> Option<(Ground, Process, String)> {
    let kafka = Services::kafka()?;
    let settings: Vec<_> = registry.iter().map(|url| ("registry.url", format!("{url:?}"))).collect();
    let ground = Ground::new(&kafka.brokers, &settings, 12, 40);
    let node = ground.roles("data", &["source", "land", "build", "serve"]).ready();
    ground.wait_landed(&node);
    let url = registry.unwrap_or_else(|| format!("http://{}/registry", node.address().unwrap()));
    Some((ground, node, url))
}

fn read_and_written(registry: Option<String>) {
    let Some(python) = python() else { return };
    let Some((ground, node, registry)) = played(registry) else { return };
    let kafka = Services::kafka().unwrap();
    let ask = |verb: &str, rows: i64| {
        let asked = json!({ "verb": verb, "brokers": kafka.brokers, "topic": ground.topic, "registry": registry, "rows": rows });
        topic(&python, asked)
    };
    let there = ask("read", 0);
    assert_eq!(there["states"].as_array().unwrap().len() as i64, ground.expected.raw);
    assert_eq!((&there["others"], &there["keys_fit"]), (&json!(ground.expected.dead), &Value::Bool(true)));

    assert_eq!(ask("write", 250)["written"], 250);
    ground.wait_rows(&node, ground.expected.raw + 250, ground.expected.dead);
    node.stop();
    let theirs = "SELECT count(DISTINCT icao24) AS n FROM states_raw WHERE icao24 LIKE 'f0%'";
    assert_eq!(count(ground.path(), theirs), 250);
    assert_eq!(count(ground.path(), "SELECT count(*) AS n FROM dead_letters"), ground.expected.dead);
    verify(ground.path());
}

#[test]
fn confluents_client_reads_our_rows_and_its_rows_land_by_the_nodes_registry() {
    read_and_written(None);
}

#[test]
fn confluents_client_reads_our_rows_and_its_rows_land_by_a_registry_elsewhere() {
    let Some(registry) = Services::registry() else { return };
    read_and_written(Some(registry));
}

#[test]
fn kcat_counts_what_the_topic_holds() {
    let kcat = Command::new("kcat").arg("-V").output();
    if !kcat.is_ok_and(|output| output.status.success()) {
        assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "no kcat: run scripts/setup test");
        println!("SKIPPED (no kcat: run scripts/setup test)");
        return;
    }
    let Some((ground, node, _)) = played(None) else { return };
    let kafka = Services::kafka().unwrap();
    let arguments = ["-C", "-q", "-e", "-o", "beginning", "-f", "%k %S\n", "-b", &kafka.brokers, "-t", &ground.topic];
    let (code, out, error) = run(Command::new("kcat").args(arguments));
    assert_eq!(code, 0, "{error}");
    let (rows, others): (Vec<&str>, Vec<&str>) = out.lines().partition(|line| line.split(' ').next() != Some(""));
    assert_eq!((rows.len() as i64, others.len() as i64), (ground.expected.raw, ground.expected.dead));
    assert!(rows.iter().any(|line| line.starts_with("000001 ")), "{rows:?}");
    node.stop();
    ground.check();
}

/// Why each message that `foreign` writes is a dead letter, by its key.
const REASONS: [(&str, &str); 8] = [
    ("plain", "begins with byte 104"),
    ("json", "not Avro: JSON"),
    ("empty", "empty value"),
    ("null", "no value"),
    ("short", "cut short: 2 bytes"),
    ("unknown", "schema 2000000001 does not exist"),
    ("parcel", "is named Parcel"),
    ("bent", "not a record of its schema"),
];

#[test]
fn messages_of_others_become_dead_letters_and_are_copied() {
    let (Some(python), Some(registry)) = (python(), Services::registry()) else { return };
    let Some((ground, node, _)) = played(Some(registry.clone())) else { return };
    let kafka = Services::kafka().unwrap();
    let ask = |verb: &str| {
        topic(&python, json!({ "verb": verb, "brokers": kafka.brokers, "topic": ground.topic, "registry": registry }))
    };
    assert_eq!(ask("foreign")["written"], REASONS.len());
    let dead = ground.expected.dead + REASONS.len() as i64;
    ground.wait_rows(&node, ground.expected.raw, dead);
    node.stop();

    let letters = sql(ground.path(), "SELECT decode(key) AS key, reason FROM dead_letters ORDER BY key, reason");
    let copies = ask("dead");
    let copies = copies.as_array().unwrap();
    assert_eq!((letters.len() as i64, copies.len()), (dead, letters.len()));
    for (key, reason) in REASONS {
        let of = |all: &[Value], why: &str| {
            let found: Vec<String> =
                all.iter().filter(|one| one["key"] == key).map(|one| one[why].as_str().unwrap().to_owned()).collect();
            assert!(found.len() == 1 && found[0].contains(reason), "{key}: {found:?} is not {reason:?}");
        };
        of(&letters, "reason");
        of(copies, "contrail.reason");
    }
    assert!(copies.iter().all(|copy| copy["contrail.topic"] == ground.topic.as_str()), "{copies:?}");
    assert_eq!(count(ground.path(), "SELECT count(*) AS n FROM states_raw"), ground.expected.raw);
    verify(ground.path());
}
