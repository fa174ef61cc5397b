//! A data folder that is moved, files that are deleted by hand: one clear sentence with the way out, and the way out works.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::tempdir;

use super::kills::{check, up};
use super::node::{Node, contrail, played, run};
use super::sky::record;

fn ask(folder: &Path, args: &[&str]) -> (i32, String, String) {
    run(contrail(folder).args(["--data-dir", "data"]).args(args))
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let (code, out, error) = run(contrail(folder).args(["--data-dir", "data", "--json"]).args(args));
    assert_eq!(code, 0, "{args:?}: {out}{error}");
    serde_json::from_str(&out).unwrap()
}

/// Plays what there is to play, and stops.
fn play(folder: &Path) {
    let node = Node::start(&mut up(folder));
    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);
}

/// The data file of a table with the most rows.
fn largest(folder: &Path, table: &str) -> (String, u64) {
    let files = json(folder, &["tables", "files", table]);
    let file = files.as_array().unwrap().iter().max_by_key(|file| file["rows"].as_u64()).unwrap();
    (file["path"].as_str().unwrap().to_owned(), file["rows"].as_u64().unwrap())
}

#[test]
fn a_data_folder_that_was_moved_is_relocated_and_goes_on() {
    let (before, after) = (tempdir().unwrap(), tempdir().unwrap());
    let expected = record(&before.path().join("sky.ndjson"), 30, 60);
    play(before.path());
    for name in ["data", "sky.ndjson"] {
        fs::rename(before.path().join(name), after.path().join(name)).unwrap();
    }
    let folder = after.path();
    for args in [&["tables"][..], &["up"]] {
        let (code, _, error) = ask(folder, args);
        assert!(code != 0 && error.contains("run `contrail tables relocate` once"), "{code}: {error}");
        assert!(error.lines().count() <= 3, "{error}");
    }
    let told = json(folder, &["tables", "relocate", "--dry-run"]);
    let tables = told.as_array().unwrap();
    assert!(tables.len() > 4 && tables.iter().all(|table| table["done"] == false), "{told:#}");
    let (_, out, error) = ask(folder, &["tables", "relocate", "dead_letters"]);
    assert!(out.contains("aviation.dead_letters"), "{out}{error}");
    let done = json(folder, &["tables", "relocate"]);
    assert_eq!(done.as_array().unwrap().len(), tables.len() - 1, "one has been already");
    let (code, out, _) = ask(folder, &["tables", "relocate"]);
    assert!(code == 0 && out.contains("nothing has moved"), "{out}");
    check(folder, &expected);
    play(folder);
    check(folder, &expected);
}

#[test]
fn files_deleted_by_hand_are_told_and_what_can_be_made_again_is() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let expected = record(&folder.join("sky.ndjson"), 30, 60);
    play(folder);
    let (lost, rows) = largest(folder, "states");
    fs::remove_file(&lost).unwrap();
    let (code, out, error) = ask(folder, &["sql", "SELECT count(DISTINCT icao24) FROM states"]);
    let said = format!("{out}{error}");
    assert!(code != 0 && said.contains(&lost) && said.contains("`contrail tables repair states`"), "{said}");
    let (code, out, _) = ask(folder, &["verify"]);
    assert!(code == 1 && out.contains("FAIL") && out.contains("`contrail tables repair states`"), "{out}");
    let told = json(folder, &["tables", "repair", "states", "--dry-run"]);
    assert_eq!((&told[0]["files"][0]["path"], &told[0]["files"][0]["rows"]), (&lost.into(), &rows.into()));
    assert_eq!((told[0]["built_again"].as_array().unwrap().len(), &told[0]["done"]), (1, &false.into()));
    let (code, out, error) = ask(folder, &["tables", "repair"]);
    assert!(code == 0 && out.contains("built again from its input at the next start"), "{out}{error}");
    assert!(out.contains("states_raw: every file is there"), "{out}");
    play(folder);
    check(folder, &expected);

    // Rows as they came cannot be made again: they are counted, and nothing else is wrong.
    let (lost, rows) = largest(folder, "states_raw");
    fs::remove_file(&lost).unwrap();
    let (code, out, error) = ask(folder, &["tables", "repair", "states_raw"]);
    assert!(code == 0 && out.contains("are lost; `contrail verify` counts them"), "{out}{error}");
    let (code, out, error) = ask(folder, &["verify"]);
    assert!(code == 0 && out.contains(&format!("{rows} more are lost with files that are gone")), "{out}{error}");
}

/// As long as it was, beginning and end as they were, and nonsense between.
#[test]
fn a_file_that_was_written_over_is_told_by_whoever_reads_it() {
    let folder = tempdir().unwrap();
    let folder = folder.path();
    let expected = record(&folder.join("sky.ndjson"), 30, 60);
    play(folder);
    let (spoilt, _) = largest(folder, "states");
    let mut bytes = fs::read(&spoilt).unwrap();
    let data = bytes.len() * 3 / 4;
    bytes[4..data].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(&spoilt, bytes).unwrap();
    let says = |said: String| assert!(said.contains("`contrail tables repair --deep --dry-run`"), "{said}");
    let statement = "SELECT max(callsign), max(velocity) FROM states";
    let (code, out, error) = ask(folder, &["sql", statement]);
    assert_eq!(code, 1, "{out}{error}");
    says(error);
    let (code, out, error) = ask(folder, &["verify"]);
    assert!(code == 1 && out.contains("FAIL  states:") && out.contains("ok    states_raw:"), "{out}{error}");
    says(out);
    let node = Node::start(&mut up(folder));
    let (code, out, error) = ask(folder, &["sql", statement]);
    assert!(code != 0, "{out}");
    says(error);
    assert_eq!(node.stop(), 0);
    let told = json(folder, &["tables", "repair", "--deep", "--dry-run"]);
    let broken: Vec<_> =
        told.as_array().unwrap().iter().flat_map(|table| table["files"].as_array()).flatten().collect();
    assert_eq!((broken.len(), &broken[0]["path"]), (1, &spoilt.into()), "{told:#}");
    let (code, out, error) = ask(folder, &["tables", "repair", "states", "--deep"]);
    assert!(code == 0 && out.contains("built again from its input"), "{out}{error}");
    play(folder);
    check(folder, &expected);
}

#[test]
fn relocating_and_repairing_refuse_beside_a_node() {
    let folder = tempdir().unwrap();
    record(&folder.path().join("sky.ndjson"), 5, 20);
    let node = Node::start(&mut up(folder.path()));
    for command in ["relocate", "repair"] {
        let (code, _, error) = ask(folder.path(), &["tables", command]);
        assert!(code == 2 && error.contains("another Contrail runs on the data folder"), "{code}: {error}");
    }
    assert_eq!(node.stop(), 0);
}
