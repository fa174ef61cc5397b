//! A producer that is not ours moves to a newer schema while an older lander runs: nothing is lost, and the table gains
//! the column when it is told to.

use contrail_testkit::Services;
use serde_json::{Value, json};

use super::super::node::{sql, verify};
use super::clients::played;
use super::{python, topic};

fn gains_a_column(registry: Option<String>) {
    let Some(python) = python() else { return };
    let Some((ground, node, registry)) = played(registry) else { return };
    let kafka = Services::kafka().unwrap();
    let write = |prefix: &str, mach: f64| {
        let field = json!({ "name": "mach", "type": ["null", "double"], "default": null });
        let asked = json!({
            "verb": "write", "brokers": kafka.brokers, "topic": ground.topic, "registry": registry,
            "rows": 30, "prefix": prefix, "field": field, "value": mach,
        });
        assert_eq!(topic(&python, asked)["written"], 30);
    };
    let told = |arguments: &[&str]| -> Value {
        let (code, out, error) = ground.run(&[&["tables", "evolve", "--json"], arguments].concat());
        assert_eq!(code, 0, "{error}");
        serde_json::from_str(&out).unwrap()
    };
    assert_eq!(told(&["--dry-run"])["added"], json!([]));

    // The lander does not know the field; its rows land without it.
    write("e", 0.78);
    ground.wait_rows(&node, ground.expected.raw + 30, ground.expected.dead);
    for arguments in [&["--dry-run"][..], &[]] {
        let told = told(arguments);
        assert_eq!((&told["added"][0]["name"], &told["added"][0]["type"]), (&json!("mach"), &json!("double")));
    }
    assert_eq!(told(&[])["added"], json!([]), "there is nothing left to add");

    // The same lander, never restarted, writes the column from its next commit on.
    write("d", 0.81);
    ground.wait_rows(&node, ground.expected.raw + 60, ground.expected.dead);
    let counts = "SELECT left(icao24, 1) AS by, count(*) AS n, count(mach) AS known, min(mach) AS mach
                  FROM states_raw WHERE icao24 > 'd' AND icao24 LIKE '_000__' GROUP BY 1 ORDER BY 1";
    let expected = [
        json!({ "by": "d", "n": 30, "known": 30, "mach": 0.81 }),
        json!({ "by": "e", "n": 30, "known": 0, "mach": null }),
    ];
    assert_eq!(sql(ground.path(), counts), expected);
    node.stop();
    assert_eq!(sql(ground.path(), counts), expected, "without the node too");
    verify(ground.path());
}

#[test]
fn a_newer_producer_gives_the_table_a_column_by_a_registry_elsewhere() {
    let Some(registry) = Services::registry() else { return };
    gains_a_column(Some(registry));
}

#[test]
fn a_newer_producer_gives_the_table_a_column_by_the_nodes_registry() {
    gains_a_column(None);
}
