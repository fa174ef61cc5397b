//! Real recordings, where this machine has them (`CONTRAIL_RECORDINGS`): exact counts, and marts equal to what a script
//! computes straight from the recording.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use super::node::{KEEP, Node, contrail, count, run, verify};

const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/recording.py");

fn recording(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CONTRAIL_RECORDINGS").map(PathBuf::from);
    let path = folder.map(|folder| folder.join("opensky").join(name)).filter(|path| path.exists());
    if path.is_none() {
        eprintln!("SKIPPED: {name} is not here; set CONTRAIL_RECORDINGS to the folder that holds opensky/{name}");
    }
    path
}

/// Steps through a recording by way of the OpenSky-shaped server and the real client.
fn play(name: &str, answers: u64, raw: i64, states: i64) {
    let Some(recording) = recording(name) else { return };
    let folder = tempdir().unwrap();
    let path = recording.display().to_string();
    let sky =
        Node::start(contrail(folder.path()).args(["sky", "--listen", "127.0.0.1:0", "--step", "--replay", &path]));
    let mut command = contrail(folder.path());
    command.args(["up", "--data-dir", "data", "--set", "serve.http.listen=127.0.0.1:0"]);
    let url = format!("feed.opensky.url=http://{}", sky.address);
    let sets = [url.as_str(), "feed.opensky.interval=100ms", "land.commit.interval=200ms"];
    for set in sets.iter().chain(&KEEP) {
        command.args(["--set", set]);
    }
    let node = Node::start(&mut command);
    node.wait("the recording has been played and landed", |status| {
        status["log"]["end"] == raw && status["log"]["lag_rows"] == 0
    });
    assert_eq!(node.stop(), 0);
    let _ = answers;
    assert_eq!(count(folder.path(), "SELECT count(*) AS n FROM states_raw"), raw);
    assert_eq!(count(folder.path(), "SELECT count(DISTINCT log_offset) AS n FROM states_raw"), raw);
    assert_eq!(count(folder.path(), "SELECT count(*) AS n FROM states"), states);
    verify(folder.path());
    compare(&recording, &folder.path().join("data/marts"));
}

/// The country, hour and altitude marts against the recording itself, by Python and DuckDB alone.
fn compare(recording: &Path, marts: &Path) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.contrail/venv/bin/python");
    let python = std::env::var("CONTRAIL_PYTHON").unwrap_or_else(|_| root.to_owned());
    if !Path::new(&python).exists() {
        assert!(std::env::var_os("CI").is_none(), "no Python with DuckDB: run scripts/setup test");
        eprintln!("SKIPPED: the marts were not compared, there is no Python with DuckDB; run scripts/setup test");
        return;
    }
    let (code, out, error) = run(Command::new(python).arg(CHECK).arg(recording).arg(marts));
    assert_eq!(code, 0, "{out}{error}");
}

#[test]
fn a_day_of_the_whole_world_is_counted_exactly() {
    play("global_24x60s_2024-04-28.ndjson.gz", 24, 207_126, 186_674);
}

#[test]
fn a_server_whose_clock_goes_back_is_counted_exactly() {
    play("dulles_raw_450_2023-03-14.ndjson.gz", 450, 4_237, 2_289);
}
