//! Columns and partitions change while the line runs: it goes on, and everybody reads what was written before.

use tempfile::tempdir;

use super::kills::{check, up};
use super::node::{Node, contrail, played, run, sql};
use super::sky::record;

#[test]
fn a_table_changes_its_shape_beside_the_running_line() {
    let folder = tempdir().unwrap();
    let expected = record(&folder.path().join("sky.ndjson"), 60, 100);
    let alter = |args: &[&str]| {
        let command = ["--data-dir", "data", "tables", "alter"];
        run(contrail(folder.path()).args(command).args(args))
    };
    let node = Node::start(&mut up(folder.path()));
    node.wait("something has been built", |status| status["lake"]["landed_rows"].as_i64().unwrap_or(0) > 0);
    for (args, said) in [
        (&["states", "rename", "velocity", "ground_speed"][..], "contrail's own models go on calling it velocity"),
        (&["states", "partition", "day(last_contact)"], "states has changed: partition by last_contact_day"),
        (&["states", "partition", "day(last_contact)"], "states is so already"),
        (&["states_raw", "add", "note", "text", "--doc", "Mine"], "states_raw has changed: add note"),
        (&["states_raw", "widen", "position_source"], "states_raw has changed: widen position_source"),
        (&["states_raw", "move", "note", "--first"], "move note to the front"),
        (&["aircraft_hours", "partition", "none"], "aircraft_hours has changed: partition no more"),
        (&["states", "drop", "squawk", "--dry-run"], "states would change: drop squawk"),
    ] {
        let (code, out, error) = alter(args);
        assert!(code == 0 && out.contains(said), "{args:?}: {out}{error}");
    }
    for (args, said) in [
        (&["states", "drop", "icao24"][..], "rows are sorted by it"),
        (&["states", "rename", "nothing", "something"], "there is no column nothing"),
        (&["states_raw", "add", "NOTE", "text"], "has a column NOTE already"),
        (&["states", "partition", "week(last_contact)"], "hour(COLUMN), day(COLUMN) or none"),
        (&["sky_now", "drop", "icao24"], "contrail tables"),
    ] {
        let (code, out, error) = alter(args);
        assert!(code == 2 && error.contains(said), "{args:?}: {code} {out}{error}");
    }
    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);
    check(folder.path(), &expected);

    let fast = sql(folder.path(), "SELECT count(ground_speed) AS n, count(*) AS rows FROM states");
    assert!(fast[0]["n"].as_i64() > Some(0) && fast[0]["rows"] == expected.states, "{fast:?}");
    let shown = sql(folder.path(), "SELECT * FROM states_raw LIMIT 1");
    assert!(shown[0].as_object().unwrap().contains_key("note") && shown[0]["note"].is_null());
    let (code, _, error) =
        run(contrail(folder.path()).args(["--data-dir", "data", "sql", "SELECT velocity FROM states"]));
    assert!(code != 0 && error.contains("velocity"), "{error}");
    let (code, out, error) =
        run(contrail(folder.path()).args(["--data-dir", "data", "tables", "show", "states", "--json"]));
    assert!(code == 0 && out.contains("\"partition\": \"day(last_contact)\""), "{out}{error}");
    let (code, out, error) = run(contrail(folder.path()).args(["--data-dir", "data", "tables", "compact"]));
    assert!(code == 0, "{out}{error}");
    check(folder.path(), &expected);
}
