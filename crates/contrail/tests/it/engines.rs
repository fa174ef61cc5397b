//! Spark, DuckDB and PyIceberg on a node's tables: all of them see the same, each makes tables of its own, and what they
//! do to the line's tables is let through, refused or named. `make test-engines` fetches the engines and runs this.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::iceberg::python;
use super::kafka_live::process::Process;
use super::kills::up;
use super::node::{Node, contrail, count, played, run, verify};
use super::sky::{Expected, record};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/engines.py");
/// A Spark on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(1800);
/// The hours of the recording.
const HOURS: [&str; 5] = ["--from", "2026-03-14T15:00Z", "--to", "2026-03-14T17:00Z", "--json"];

/// A recording, the engines, and where their words go.
struct Field {
    folder: TempDir,
    expected: Expected,
    python: String,
    engines: String,
}

impl Field {
    fn new() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/engines");
        let (code, out, error) = run(&mut Command::new(script));
        assert_eq!(code, 0, "{error}");
        let folder = tempdir().unwrap();
        let expected = record(&folder.path().join("sky.ndjson"), 80, 60);
        // Rows of the recording are older than rows usually become.
        let keep =
            ["states_raw", "dead_letters", "aircraft_cells"].map(|table| format!("keep.{table} = \"36500days\"\n"));
        let lines = format!("[maintain]\ninterval = \"1s\"\n{}", keep.concat());
        std::fs::write(folder.path().join("contrail.toml"), lines).unwrap();
        let python = python().expect("a Python with PyIceberg and DuckDB: scripts/setup test");
        Self { folder, expected, python, engines: out.trim().to_owned() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn up(&self) -> Node {
        Node::start(&mut up(self.path()))
    }

    fn engine(&self, name: &str, catalog: &str, steps: &[&str]) -> Process {
        let mut command = Command::new(&self.python);
        command.arg(SCRIPT).args([name, catalog]).args(steps).env("CONTRAIL_ENGINES", &self.engines);
        command.current_dir(self.path()).env("TMPDIR", self.path());
        Process::start(&mut command, &self.path().join(format!("{name}.log")))
    }

    /// What an engine has to say of each step.
    fn ask(&self, name: &str, catalog: &str, steps: &[&str]) -> BTreeMap<String, Value> {
        answers(self.engine(name, catalog, steps))
    }

    fn file(&self) -> PathBuf {
        self.path().join("data/catalog.db")
    }

    fn contrail(&self, words: &[&str]) -> (i32, String) {
        let (code, out, error) = run(contrail(self.path()).args(["--data-dir", "data"]).args(words));
        (code, format!("{out}{error}"))
    }

    fn count(&self, table: &str) -> i64 {
        count(self.path(), &format!("SELECT count(*) AS n FROM {table}"))
    }
}

fn steps(said: &str) -> BTreeMap<String, Value> {
    let lines = said.lines().filter(|line| line.starts_with("{\""));
    lines.flat_map(|line| serde_json::from_str::<BTreeMap<String, Value>>(line).unwrap_or_default()).collect()
}

fn answers(process: Process) -> BTreeMap<String, Value> {
    let (code, said) = process.end_within(PATIENCE);
    assert_eq!(code, 0, "{said}");
    steps(&said)
}

/// Sums of real numbers depend on the order of their parts.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        _ => one == other,
    }
}

#[track_caller]
fn assert_alike(who: &str, wanted: &Value, found: &Value) {
    let tables = wanted.as_object().unwrap();
    assert_eq!(found.as_object().map(serde_json::Map::len), Some(tables.len()), "{who}");
    for (table, figures) in tables {
        assert!(alike(figures, &found[table]), "{who}, {table}: {} where contrail has {figures}", found[table]);
    }
}

/// The rows of the tables that the engines have made for themselves.
fn theirs() -> Value {
    json!({
        "py": [[2, "two", 2], [3, "THREE", 3]],
        "duck": [[2, "TWO", 2], [3, "three", null], [4, "four", 4]],
        "spark": [[2, "B", 2], [3, "C", 3], [4, "d", 4], [5, "e", null], [7, "g", 7]],
    })
}

#[test]
#[ignore = "fetches 450 MB: make test-engines"]
fn every_engine_reads_the_same_and_writes_what_the_others_read() {
    let field = Field::new();
    let node = field.up();
    node.wait("the recording has been played", |status| {
        let rows = |table: &str| {
            let tables = status["lake"]["tables"].as_array().cloned().unwrap_or_default();
            tables.iter().find(|found| found["name"] == table).and_then(|found| found["rows"].as_i64()).unwrap_or(0)
        };
        let hours: i64 = field.expected.hours.values().map(|(seen, _)| seen.len() as i64).sum();
        played(status) && rows("states") == field.expected.states && rows("aircraft_hours") == hours
    });
    let (api, file) = (format!("http://{}", node.address), field.file().display().to_string());
    // Marts follow the folds.
    let settled = || field.ask("contrail", &api, &["figures"])["figures"].clone();
    let mut before = settled();
    let wanted = loop {
        std::thread::sleep(Duration::from_secs(2));
        let now = settled();
        if std::mem::replace(&mut before, now.clone()) == now {
            break now;
        }
    };
    for (engine, catalog) in [("pyiceberg", &api), ("pyiceberg", &file), ("duckdb", &api), ("duckdb", &file)] {
        assert_alike(&format!("{engine} on {catalog}"), &wanted, &field.ask(engine, catalog, &["figures"])["figures"]);
    }
    for engine in ["pyiceberg", "duckdb"] {
        field.ask(engine, &api, &["own"]);
    }
    let spark = field.ask("spark", &api, &["figures", "own", "theirs", "ours"]);
    assert_alike("spark", &wanted, &spark["figures"]);
    assert_eq!(spark["theirs"], theirs());
    for (engine, catalog) in [("pyiceberg", &api), ("pyiceberg", &file), ("duckdb", &api)] {
        assert_eq!(field.ask(engine, catalog, &["theirs"])["theirs"], theirs(), "{engine}");
    }

    // On a table of the line: rows were appended and deleted, it has a column and a partition field more, and that is all.
    let ours = &spark["ours"];
    let deleted = ours["deleted"].as_i64().unwrap();
    assert!(ours["appended"] == 1 && deleted > 0, "{ours}");
    let said = |what: &str| ours["refused"][what].as_str().unwrap_or_default();
    for what in ["columns", "drop", "row-level deletes"] {
        assert!(said(what).contains("contrail"), "{what}: {}", said(what));
    }
    assert!(said("row-level deletes").contains("write with copy-on-write"), "{}", said("row-level deletes"));
    let now = field.ask("contrail", &api, &["figures"])["figures"].clone();
    for (engine, catalog) in [("pyiceberg", &api), ("duckdb", &api)] {
        let found = field.ask(engine, catalog, &["figures"])["figures"]["states"].clone();
        assert!(alike(&now["states"], &found), "{engine}: {found} where contrail has {}", now["states"]);
    }
    assert_eq!(node.stop(), 0);
    assert_eq!(field.count("states"), field.expected.states - deleted);
    let (code, said) = field.contrail(&["verify"]);
    assert!(code == 1 && said.contains("FAIL  states"), "{said}");
    let (code, said) = field.contrail(&["build", "--from", "2026-03-10T05", "--to", "2026-03-10T05"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = field.contrail(&[&["build"], &HOURS[..]].concat());
    assert_eq!(code, 0, "{said}");
    let (code, said) = field.contrail(&["tables", "show", "states"]);
    assert!(code == 0 && said.contains("bucket") && said.contains("mine"), "{said}");
    assert_eq!(field.count("states WHERE mine IS NULL"), field.expected.states);
    super::kills::check(field.path(), &field.expected);
}

#[test]
#[ignore = "fetches 450 MB: make test-engines"]
fn row_level_deletes_past_the_node_are_named_until_they_are_written_out() {
    let field = Field::new();
    let node = field.up();
    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);
    let file = field.file().display().to_string();
    let wanted = field.count("states");
    let spark = field.engine("spark", &file, &["figures", "deletes", "wait:seen", "mend", "figures"]);
    let until = Instant::now() + PATIENCE;
    let gone = loop {
        if let Some(gone) = steps(&spark.said()).get("deletes") {
            break gone.as_i64().unwrap();
        }
        assert!(Instant::now() < until, "{}", spark.said());
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(gone > 0);
    assert_eq!(steps(&spark.said())["figures"]["states"][0], wanted.to_string());
    // Wrong rows are never shown: it says why there are none.
    let (code, said) = field.contrail(&["sql", "SELECT count(*) FROM states"]);
    assert!(code != 0 && said.contains("states holds row-level deletes of another engine"), "{code}: {said}");
    let (code, said) = field.contrail(&["verify"]);
    assert!(code == 1 && said.contains("FAIL  states: another engine has written row-level deletes"), "{code}: {said}");
    let mut role = contrail(field.path());
    role.args(["run", "--data-dir", "data", "maintain"]);
    let maintain = Process::start(&mut role, &field.path().join("maintain.log"));
    maintain.wait_said("another engine has written row-level deletes");
    maintain.stop();
    std::fs::write(field.path().join("seen"), "").unwrap();
    let after = answers(spark);
    let left = wanted - gone;
    assert_eq!(after["figures"]["states"][0], left.to_string());
    assert_eq!(field.count("states"), left);
    let (code, said) = field.contrail(&[&["build"], &HOURS[..]].concat());
    assert_eq!(code, 0, "{said}");
    assert_eq!(field.count("states"), field.expected.states);
    verify(field.path());
}
