//! The line over a real object store and a real Iceberg REST catalog, each of them killed in the middle.

mod roles;

use std::path::Path;
use std::time::Duration;

use contrail_testkit::own::{Own, Service};
use serde_json::Value;
use tempfile::TempDir;

use super::kafka_live::process::Process;
use super::kills::check;
use super::node::{Node, contrail, count, played, run};
use super::sky::{Expected, record};

/// A recording, a store and a catalog, and a folder whose configuration names them.
struct Ground {
    folder: TempDir,
    services: Own,
    expected: Expected,
}

impl Ground {
    /// `None`, and a line that says why, where this machine has no such services.
    fn new(what: &str, answers: i64, aircraft: u32) -> Option<Self> {
        let services = Own::start(what, &[Service::S3, Service::Catalog])?;
        let folder = tempfile::tempdir().unwrap();
        let expected = record(&folder.path().join("sky.ndjson"), answers, aircraft);
        let ground = Self { folder, services, expected };
        ground.configure(&ground.services.catalog().s3_uri);
        Some(ground)
    }

    fn configure(&self, catalog: &str) {
        let store = self.services.s3();
        let lines = format!(
            r#"
serve.http.listen = "127.0.0.1:0"
feed.opensky.enabled = false
feed.rec.kind = "replay"
feed.rec.path = "sky.ndjson"
feed.rec.interval = "100ms"
land.commit.interval = "200ms"
build.publish_interval = "500ms"
maintain.keep.states_raw = "36500days"
maintain.keep.dead_letters = "36500days"
maintain.keep.aircraft_cells = "36500days"
[lake]
warehouse = "s3://{}/line"
[lake.catalog]
kind = "rest"
uri = "{catalog}"
timeout = "5s"
[lake.s3]
endpoint = "{}"
region = "{}"
access_key = "{}"
secret_key = "{}"
"#,
            store.bucket, store.endpoint, store.region, store.access_key, store.secret_key
        );
        std::fs::write(self.path().join("contrail.toml"), lines).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn up(&self) -> Node {
        Node::start(contrail(self.path()).args(["up", "--data-dir", "data"]))
    }
}

fn landed(status: &Value) -> i64 {
    let tables = status["lake"]["tables"].as_array();
    let raw = tables.and_then(|tables| tables.iter().find(|table| table["name"] == "states_raw"));
    raw.and_then(|raw| raw["rows"].as_i64()).unwrap_or(0)
}

#[test]
fn store_catalog_and_node_killed_in_turn_nothing_is_lost_and_nothing_stands_twice() {
    let Some(ground) = Ground::new("remote", 120, 100) else { return };
    let mut node = ground.up();
    for round in 0..3 {
        let before = landed(&node.wait("rows land", |status| landed(status) > 0));
        match round {
            0 => {
                ground.services.kill(Service::S3);
                std::thread::sleep(Duration::from_secs(2));
                ground.services.restart(Service::S3);
            }
            1 => {
                ground.services.kill(Service::Catalog);
                std::thread::sleep(Duration::from_secs(2));
                ground.services.restart(Service::Catalog);
            }
            _ => {
                node.kill();
                node = ground.up();
            }
        }
        node.wait("landing goes on", |status| landed(status) > before || played(status));
    }
    node.wait("all of it has landed", |status| played(status) && landed(status) >= ground.expected.raw);
    assert_eq!(node.stop(), 0);
    check(ground.path(), &ground.expected);
    // Nothing of the tables lies on this machine, but for copies and the queue.
    assert!(!ground.path().join("data/catalog.db").exists());
    assert_eq!(std::fs::read_dir(ground.path().join("data/warehouse")).unwrap().count(), 0);
    let left = std::fs::read_dir(ground.path().join("data/cache")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["lake"], "commands beside the node leave nothing behind");
}

#[test]
fn a_source_starts_without_its_lake_and_doctor_says_what_is_away() {
    let Some(ground) = Ground::new("source", 20, 50) else { return };
    let catalog = ground.services.catalog().s3_uri;
    let doctor = || run(contrail(ground.path()).args(["doctor", "--data-dir", "data"]));
    let (code, said, _) = doctor();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("lake catalog: {catalog} answers")), "{said}");
    assert!(said.contains("takes files and gives them back"), "{said}");
    ground.services.kill(Service::Catalog);
    let (_, said, _) = doctor();
    assert!(said.contains("warn  lake catalog:") && said.contains("does not answer"), "{said}");
    let words = ground.path().join("source.log");
    let source = Process::start(contrail(ground.path()).args(["run", "--data-dir", "data", "source"]), &words);
    source.wait_said("feed has ended");
    source.stop();
    // Whoever needs the lake waits for it.
    let mut waiting = contrail(ground.path());
    waiting.args(["run", "--data-dir", "data", "land", "build", "serve"]);
    let node = Process::start(&mut waiting, &ground.path().join("node.log"));
    node.wait_said("the lake is away, waiting for it");
    ground.services.restart(Service::Catalog);
    let node = node.ready();
    let wanted = ground.expected.raw;
    super::kafka_live::wait("the rows land", || {
        node.get("/api/v1/status").is_some_and(|status| landed(&status) >= wanted)
    });
    node.stop();
    assert_eq!(count(ground.path(), "SELECT count(*) FROM states_raw"), wanted);
}
