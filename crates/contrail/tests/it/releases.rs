//! Lakes that earlier releases made (`releases/`, packed data folders): opened, proven, and gone on with.
//!
//! Each holds an hour and a half of 25 aircraft, landed, built and compacted, with a tag `first-release` on `states`.

use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use super::kills::up;
use super::node::{Node, contrail, count, played, run, verify};
use super::sky::record;

fn unpack(release: &str, folder: &Path) {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/releases/{release}.tar.gz"));
    let unpacked = Command::new("tar").arg("-xzf").arg(packed).arg("-C").arg(folder).status().unwrap();
    assert!(unpacked.success());
}

#[test]
fn a_lake_of_an_earlier_release_opens_is_whole_and_goes_on() {
    for release in ["0.1.0"] {
        let folder = tempdir().unwrap();
        let ask = |args: &[&str]| {
            let (code, out, error) = run(contrail(folder.path()).args(["--data-dir", "data"]).args(args));
            assert_eq!(code, 0, "{release}: {args:?}: {out}{error}");
            out
        };
        unpack(release, folder.path());
        ask(&["tables", "relocate"]);
        verify(folder.path());
        assert_eq!(count(folder.path(), "SELECT count(*) AS n FROM states_raw"), 300);
        let then = ask(&["sql", "--as-of", "first-release", "--format", "csv", "SELECT count(*) AS n FROM states"]);
        assert!(then.contains("300"), "{then}");

        ask(&["tables", "alter", "states", "rename", "velocity", "ground_speed"]);
        // What a feed of that name has played is known; this one is new.
        let expected = record(&folder.path().join("more.ndjson"), 10, 40);
        let more = [
            "feed.rec.enabled=false",
            "feed.more.kind=replay",
            "feed.more.path=more.ndjson",
            "feed.more.interval=100ms",
        ];
        let mut line = up(folder.path());
        for setting in more {
            line.args(["--set", setting]);
        }
        let node = Node::start(&mut line);
        node.wait("the recording has been played", played);
        assert_eq!(node.stop(), 0);
        verify(folder.path());
        assert_eq!(count(folder.path(), "SELECT count(*) AS n FROM states_raw"), 300 + expected.raw);
        assert!(count(folder.path(), "SELECT count(ground_speed) AS n FROM states") > 300);
    }
}
