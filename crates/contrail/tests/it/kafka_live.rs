//! The line over a real Kafka: several processes that share a topic, killed, paused, cut off from their broker, sent
//! astray, and beside programs that are not ours.

mod away;
mod beside;
mod clients;
mod kills;
mod landers;
pub mod process;
mod refused;
mod schemas;
mod topics;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use contrail_testkit::live::fresh_name;
use serde_json::Value;
use tempfile::TempDir;

use self::process::Process;
use super::node::{PATIENCE, contrail, run};
use super::sky::{Expected, record};

/// A recording, a topic, and a folder in which all processes find the same configuration.
struct Ground {
    folder: TempDir,
    topic: String,
    expected: Expected,
}

impl Ground {
    /// `settings` are lines of the configuration file, table by table.
    fn new(brokers: &str, settings: &[(&str, String)], answers: i64, aircraft: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let expected = record(&folder.path().join("sky.ndjson"), answers, aircraft);
        let ground = Self { folder, topic: fresh_name("line"), expected };
        ground.configure(brokers, settings);
        ground
    }

    /// Writes the configuration anew; what is not among `settings` is as every test needs it.
    fn configure(&self, brokers: &str, settings: &[(&str, String)]) {
        let lake = self.path().join("lake");
        std::fs::create_dir_all(&lake).unwrap();
        let text = |value: &str| format!("{value:?}");
        let path = |name: &str| text(&lake.join(name).display().to_string());
        let mut all: Vec<(&str, String)> = vec![
            ("log.kind", text("kafka")),
            ("log.topic", text(&self.topic)),
            ("log.kafka.brokers", text(brokers)),
            ("log.kafka.group", text(&format!("{}-land", self.topic))),
            ("log.kafka.partitions", "3".into()),
            ("lake.warehouse", path("warehouse")),
            ("lake.catalog.uri", path("catalog.db")),
            ("serve.http.listen", text("127.0.0.1:0")),
            ("feed.opensky.enabled", "false".into()),
            ("feed.rec.kind", text("replay")),
            ("feed.rec.path", text("sky.ndjson")),
            ("feed.rec.interval", text("100ms")),
            ("land.commit.interval", text("50ms")),
            ("build.publish_interval", text("200ms")),
        ];
        all.retain(|(key, _)| settings.iter().all(|(set, _)| set != key));
        all.extend_from_slice(settings);
        let lines: String = all.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        std::fs::write(self.path().join("contrail.toml"), lines).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Roles in a process of their own on a data folder of their own.
    fn roles(&self, data: &str, arguments: &[&str]) -> Process {
        let mut command = contrail(self.path());
        command.args(["run", "--data-dir", data]).args(arguments);
        Process::start(&mut command, &self.path().join(format!("{data}.log")))
    }

    /// What is built from the lake, and the pages.
    fn readers(&self) -> Process {
        self.roles("data", &["build", "serve"])
    }

    /// Rows of a table, as a node's status has them.
    fn rows(&self, node: &Process, table: &str) -> Option<i64> {
        let status = node.get("/api/v1/status")?;
        status["lake"]["tables"].as_array()?.iter().find(|found| found["name"] == table)?["rows"].as_i64()
    }

    /// Rows of the two tables that landers fill.
    fn landed(&self, node: &Process) -> Option<(i64, i64)> {
        Some((self.rows(node, "states_raw")?, self.rows(node, "dead_letters")?))
    }

    /// Waits until as much has landed as the recording holds; what is too much is for the check to find.
    fn wait_landed(&self, node: &Process) {
        self.wait_rows(node, self.expected.raw, self.expected.dead);
    }

    fn wait_rows(&self, node: &Process, raw: i64, dead: i64) {
        let what = format!("{raw} rows and {dead} dead letters");
        wait(&what, || self.landed(node).is_some_and(|(rows, letters)| rows >= raw && letters >= dead));
    }

    /// A command of ours, to its end.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(contrail(self.path()).args(["--data-dir", "data"]).args(arguments))
    }

    /// Whether the lake holds what the recording does, each message once.
    fn check(&self) {
        super::kills::check(self.path(), &self.expected);
    }

    /// What was accepted, as the table of rows keeps it.
    fn accepted(&self) -> Vec<Value> {
        let (code, out, error) = self.run(&["tables", "show", "states_raw", "--json"]);
        assert_eq!(code, 0, "{error}");
        let shown: Value = serde_json::from_str(&out).unwrap();
        match &shown["properties"]["contrail.accepted"] {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            _ => Vec::new(),
        }
    }
}

/// Looks until it is so.
pub fn wait(what: &str, so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Moments that differ, the same in each run.
fn moment(round: u64, from: u64, to: u64) -> Duration {
    Duration::from_millis(from + round.wrapping_mul(7919) % (to - from))
}

/// A Python with Confluent's client; without one a line that says so has been printed.
fn python() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.contrail/venv/bin/python");
    let path = std::env::var_os("CONTRAIL_PYTHON").map_or(default, PathBuf::from);
    let works = Command::new(&path).args(["-c", "import confluent_kafka.schema_registry.avro"]).output();
    if works.is_ok_and(|output| output.status.success()) {
        return Some(path);
    }
    let line = "SKIPPED (no Python with confluent-kafka: run scripts/setup test)";
    assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "{line}");
    println!("{line}");
    None
}

/// A verb of `kafka_live/topic.py`: what it prints, as JSON.
fn topic(python: &Path, asked: Value) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/kafka_live/topic.py");
    let (code, out, error) = run(Command::new(python).arg(script).arg(asked.to_string()));
    assert_eq!(code, 0, "{asked}: {out}{error}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{asked}: {e} in {out}"))
}
