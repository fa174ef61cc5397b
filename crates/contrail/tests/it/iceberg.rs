//! PyIceberg on a running node's catalog, by way of `/iceberg`: tables of its own, and the line's, which goes on.

use std::path::Path;
use std::process::Command;

use contrail_testkit::{Services, kit};
use serde_json::Value;
use tempfile::tempdir;

use super::kills::up;
use super::node::{Node, contrail, count, played, run, verify};
use super::sky::record;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/iceberg.py");

/// A Python with PyIceberg; without one the test says so, unless it is the build server.
pub fn python() -> Option<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.contrail/venv/bin/python");
    let python = std::env::var("CONTRAIL_PYTHON").unwrap_or_else(|_| root.to_owned());
    let works = Command::new(&python).args(["-c", "import pyiceberg, pyarrow"]).output();
    let found = works.is_ok_and(|output| output.status.success());
    if !found {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no Python with pyiceberg");
        eprintln!("SKIPPED: no Python with pyiceberg; run scripts/setup or set CONTRAIL_PYTHON");
    }
    found.then_some(python)
}

fn script(python: &str, node: &Node, step: &str) -> Value {
    let uri = format!("http://{}/iceberg", node.address);
    let (code, out, error) = run(Command::new(python).args([SCRIPT, &uri, step]));
    assert_eq!(code, 0, "{step}: {out}{error}");
    serde_json::from_str(out.lines().last().unwrap_or_default()).unwrap_or_else(|e| panic!("{step}: {e} in {out}"))
}

/// Exit code and findings of `contrail verify`.
fn verified(folder: &Path) -> (i32, Vec<Value>) {
    let (code, out, error) = run(contrail(folder).args(["--data-dir", "data", "--json", "verify"]));
    (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e} in {out}{error}")))
}

#[test]
fn apaches_compatibility_kit_passes() {
    // What fetches the reference catalog fetches the kit.
    let Some(_) = Services::catalog() else { return };
    let folder = tempdir().unwrap();
    let node = Node::start(contrail(folder.path()).args([
        "up",
        "--demo",
        "--data-dir=data",
        "--set=serve.http.listen=127.0.0.1:0",
        // The kit asks for places of its own choice.
        "--set=serve.iceberg.locations=[\"/tmp\"]",
    ]));
    let uri = format!("http://{}/iceberg", node.address);
    let outcome = kit::run(&uri, &["--property", "rck.requires-namespace-create=true"]);
    assert!(outcome.failures.is_empty() && outcome.passed >= 144, "{outcome:?}");
    assert_eq!(node.stop(), 0);
}

#[test]
fn pyiceberg_works_on_the_catalog_while_the_line_runs() {
    let Some(python) = python() else { return };
    let folder = tempdir().unwrap();
    let expected = record(&folder.path().join("sky.ndjson"), 300, 100);
    let node = Node::start(&mut up(folder.path()));
    node.wait("rows of states are there", |status| {
        let tables = status["lake"]["tables"].as_array().cloned().unwrap_or_default();
        tables.iter().any(|table| table["name"] == "states" && table["rows"].as_i64().unwrap_or(0) > 0)
    });

    let own = script(&python, &node, "own");
    assert_eq!(own["rows"], serde_json::json!([[2, "two", null], [3, "three", null], [4, "four", 1.5]]), "{own}");
    assert_eq!(own["gone"], true, "purged: {own}");
    assert_eq!(own["beside"], 3, "{own}");

    // The line's own tables stay, whatever is asked.
    let refused = script(&python, &node, "refused");
    for (what, said) in refused.as_object().unwrap() {
        assert!(said.as_str().unwrap().contains("contrail"), "{what}: {said}");
    }

    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);
    assert_eq!(count(folder.path(), "SELECT count(*) AS n FROM states_raw"), expected.raw);
    assert_eq!(count(folder.path(), "SELECT count(*) AS n FROM states"), expected.states);
    verify(folder.path());
    let (_, findings) = verified(folder.path());
    let beside = findings.iter().find(|finding| finding["table"] == "notes").unwrap();
    assert!(beside["text"].as_str().unwrap().contains("another program"), "{beside}");
}

#[test]
fn rows_that_another_program_deletes_are_named_and_the_line_goes_on() {
    let Some(python) = python() else { return };
    let folder = tempdir().unwrap();
    let expected = record(&folder.path().join("sky.ndjson"), 300, 100);
    let node = Node::start(&mut up(folder.path()));
    node.wait("rows of states are there", |status| {
        let tables = status["lake"]["tables"].as_array().cloned().unwrap_or_default();
        tables.iter().any(|table| table["name"] == "states" && table["rows"].as_i64().unwrap_or(0) > 1000)
    });
    let changed = script(&python, &node, "delete");
    assert!(changed["deleted"].as_i64().unwrap() > 0, "{changed}");
    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);

    // What the log held has landed, each row once; what was deleted is missing in states and nowhere else.
    assert_eq!(count(folder.path(), "SELECT count(*) AS n FROM states_raw"), expected.raw);
    let missing = expected.states - count(folder.path(), "SELECT count(*) AS n FROM states");
    assert!(missing > 0 && missing <= changed["deleted"].as_i64().unwrap(), "{missing} of {changed}");
    let (code, findings) = verified(folder.path());
    let failed: Vec<&Value> = findings.iter().filter(|finding| finding["ok"] == false).collect();
    assert_eq!((code, failed.len(), &failed[0]["table"]), (1, 1, &Value::from("states")), "{findings:?}");
    assert!(failed[0]["text"].as_str().unwrap().contains("rows differ"), "{failed:?}");

    // Building those hours anew mends it.
    let hours = ["--from", "2026-03-14T15:00Z", "--to", "2026-03-14T19:00Z"];
    let (code, out, error) = run(contrail(folder.path()).args(["--data-dir", "data", "build"]).args(hours));
    assert_eq!(code, 0, "{out}{error}");
    assert_eq!(count(folder.path(), "SELECT count(*) AS n FROM states"), expected.states);
    verify(folder.path());
}
