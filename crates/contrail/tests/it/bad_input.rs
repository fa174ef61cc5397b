//! Bad input: one clear sentence, what to do, the right exit code, and nothing damaged.

use std::fs;
use std::net::TcpListener;

use tempfile::tempdir;

use super::node::{Node, contrail, run};

const QUIET: [&str; 4] = ["--set", "serve.http.listen=127.0.0.1:0", "--set", "feed.opensky.enabled=false"];

/// Runs `contrail` in a fresh folder; the exit code and what it said on standard error.
fn refused(prepare: impl FnOnce(&std::path::Path), args: &[&str]) -> (i32, String) {
    let folder = tempdir().unwrap();
    prepare(folder.path());
    let (code, _, error) = run(contrail(folder.path()).args(args));
    (code, error)
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_one() {
    let (code, error) = refused(
        |folder| fs::write(folder.join("contrail.toml"), "[land.commit]\nintervall = \"1s\"\n").unwrap(),
        &["up", "--data-dir", "data"],
    );
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("land.commit.intervall") && error.contains("land.commit.interval"), "{error}");
}

#[test]
fn a_folder_of_a_newer_version_is_refused() {
    let (code, error) = refused(
        |folder| {
            fs::create_dir(folder.join("data")).unwrap();
            fs::write(folder.join("data/VERSION"), "99\n").unwrap();
        },
        &[&["up", "--data-dir", "data"], &QUIET[..]].concat(),
    );
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("newer") && error.contains("--data-dir"), "{error}");
}

#[test]
fn a_port_in_use_is_named_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("serve.http.listen={}", taken.local_addr().unwrap());
    let (code, error) = refused(|_| (), &["up", "--data-dir", "data", "--set", &listen]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("in use") && error.contains("--set serve.http.listen"), "{error}");
}

#[test]
fn a_corrupt_catalog_is_named_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let catalog = folder.path().join("data/catalog.db");
    fs::write(&catalog, b"this is no database, and it is long enough to be read as one".repeat(100)).unwrap();
    let before = fs::read(&catalog).unwrap();
    let (code, _, error) = run(contrail(folder.path()).args(["up", "--data-dir", "data"]).args(QUIET));
    assert_ne!(code, 0);
    assert!(error.contains("catalog.db"), "{error}");
    assert_eq!(fs::read(&catalog).unwrap(), before);
}

#[test]
fn a_second_process_on_a_folder_is_told_of_the_first() {
    let folder = tempdir().unwrap();
    let up = || {
        let mut command = contrail(folder.path());
        command.args(["up", "--data-dir", "data"]).args(QUIET);
        command
    };
    let node = Node::start(&mut up());
    let (code, _, error) = run(&mut up());
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("another Contrail") && error.contains(&node.address), "{error}");
    assert_eq!(node.stop(), 0);
}

#[test]
fn hostile_sql_gets_a_sentence_and_the_node_goes_on() {
    let folder = tempdir().unwrap();
    let mut command = contrail(folder.path());
    let node = Node::start(command.args(["up", "--data-dir", "data"]).args(QUIET));
    for statement in [
        "DROP TABLE states",
        "SELECT * FROM enable_logging()",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT 1; SELECT 2",
        "COPY states TO '/tmp/states.csv'",
        "SELECT list_sum(range(800000000))",
        "EXPLAIN ANALYZE DROP TABLE states",
    ] {
        let (code, out, error) = run(contrail(folder.path()).args(["--data-dir", "data", "sql", statement]));
        assert_eq!(code, 2, "{statement}: {out}{error}");
        assert!(error.len() > 20, "{statement}: {error}");
    }
    let (code, out, error) =
        run(contrail(folder.path()).args(["--data-dir", "data", "sql", "SELECT 40 + 2 AS answer"]));
    assert!(code == 0 && out.contains("42"), "{out}{error}");
    let nested = "SELECT [1, NULL, 3] AS l, {'a': 1.5} AS s, NULL::INTEGER[] AS n, 'x' AS t";
    let (code, out, error) =
        run(contrail(folder.path()).args(["--data-dir", "data", "sql", "--format", "csv", nested]));
    assert_eq!((code, out.as_str()), (0, "l,s,n,t\n\"[1, , 3]\",{a: 1.5},,x\n"), "{error}");
    assert_eq!(node.stop(), 0);
}

#[test]
fn a_reader_that_stops_reading_is_no_error() {
    let folder = tempdir().unwrap();
    let line = format!("{} config show | true", super::node::BINARY);
    let out = std::process::Command::new("bash").args(["-c", &line]).current_dir(folder.path()).output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn commands_say_what_is_missing() {
    for args in [&["tables"][..], &["assets"], &["verify"]] {
        let (code, error) = refused(|_| (), &[&["--data-dir", "data"], args].concat());
        assert_eq!(code, 2, "{args:?}: {error}");
        assert!(error.contains("contrail up"), "{args:?}: {error}");
    }
    let (code, error) = refused(|_| (), &["sky", "--replay", "nowhere.ndjson", "--step"]);
    assert!(code == 2 && error.contains("nowhere.ndjson"), "{error}");
    let (code, error) = refused(|_| (), &["sky", "--fault", "gremlins"]);
    assert!(code == 2 && error.contains("gremlins"), "{error}");
}
