//! Commits: requirements, create transactions, several tables at once, and writers that race.

use super::*;

fn set(key: &str, value: &str) -> Value {
    json!({ "action": "set-properties", "updates": { key: value } })
}

#[tokio::test]
async fn requirements_are_checked_and_updates_applied() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    let made = bench.table("own", "t").await;
    let path = "/namespaces/own/tables/t";
    let uuid = made["metadata"]["table-uuid"].clone();
    let good = [
        json!({ "type": "assert-table-uuid", "uuid": uuid }),
        json!({ "type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": null }),
        json!({ "type": "assert-last-assigned-field-id", "last-assigned-field-id": 2 }),
        json!({ "type": "assert-current-schema-id", "current-schema-id": 0 }),
        json!({ "type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 999 }),
        json!({ "type": "assert-default-spec-id", "default-spec-id": 0 }),
        json!({ "type": "assert-default-sort-order-id", "default-sort-order-id": 0 }),
    ];
    let bad = [
        json!({ "type": "assert-create" }),
        json!({ "type": "assert-table-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1" }),
        json!({ "type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 5 }),
        json!({ "type": "assert-last-assigned-field-id", "last-assigned-field-id": 3 }),
        json!({ "type": "assert-current-schema-id", "current-schema-id": 1 }),
        json!({ "type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 1000 }),
        json!({ "type": "assert-default-spec-id", "default-spec-id": 1 }),
        json!({ "type": "assert-default-sort-order-id", "default-sort-order-id": 1 }),
    ];
    for requirement in bad {
        let change = json!({ "requirements": [requirement], "updates": [set("bad", "1")] });
        let said = bench.refused("POST", path, change, 409, "CommitFailedException").await;
        assert!(said.starts_with("Requirement failed"), "{said}");
    }
    let change = json!({ "requirements": good, "updates": [
        set("a", "1"),
        { "action": "add-schema", "schema": { "type": "struct", "schema-id": 1, "fields": [
            { "id": 1, "name": "id", "required": true, "type": "long" },
            { "id": 2, "name": "at", "required": false, "type": "timestamptz" },
            { "id": 3, "name": "more", "required": false, "type": "string" } ] }, "last-column-id": 3 },
        { "action": "set-current-schema", "schema-id": -1 },
    ] });
    let changed = bench.post(path, change).await;
    assert_eq!(changed["metadata"]["properties"], json!({ "a": "1" }));
    assert_eq!(
        (&changed["metadata"]["current-schema-id"], &changed["metadata"]["last-column-id"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(changed["metadata"]["metadata-log"][0]["metadata-file"], made["metadata-location"]);
    assert_eq!(bench.get(path).await, changed);
    // Nothing to do is nothing done.
    let same = bench.post(path, json!({ "requirements": [], "updates": [] })).await;
    assert_eq!(same["metadata-location"], changed["metadata-location"]);

    for wrong in [
        json!({ "action": "set-current-schema", "schema-id": 9 }),
        json!({ "action": "upgrade-format-version", "format-version": 1 }),
        json!({ "action": "set-properties", "updates": { "format-version": "3" } }),
        json!({ "action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 9 }),
        json!({ "action": "grow-wings" }),
        json!({ "action": "add-snapshot", "snapshot": { "snapshot-id": 1 } }),
        json!("set-properties"),
    ] {
        let change = json!({ "requirements": [], "updates": [wrong] });
        bench.refused("POST", path, change, 400, "BadRequestException").await;
    }
    let other = json!({ "identifier": { "namespace": ["own"], "name": "u" }, "requirements": [], "updates": [] });
    bench.refused("POST", path, other, 400, "BadRequestException").await;
    let change = json!({ "requirements": [], "updates": [set("a", "1")] });
    bench.refused("POST", "/namespaces/own/tables/x", change.clone(), 404, "NoSuchTableException").await;
    bench.refused("POST", "/namespaces/none/tables/x", change, 404, "NoSuchNamespaceException").await;
}

#[tokio::test]
async fn a_table_is_staged_and_then_made_with_the_ids_that_the_client_has() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    let mut staging = new_table("t");
    staging["stage-create"] = true.into();
    staging["partition-spec"] = json!({ "spec-id": 0, "fields": [
        { "source-id": 2, "field-id": 1000, "name": "at_day", "transform": "day" } ] });
    staging["properties"] = json!({ "format-version": "2", "x": "1" });
    let staged = bench.post("/namespaces/own/tables", staging).await;
    assert!(staged.get("metadata-location").is_none(), "{staged}");
    assert_eq!(bench.ask("HEAD", "/namespaces/own/tables/t", "").await.status(), 404);
    let metadata = &staged["metadata"];
    // The client has gone on: its ids do not begin at 1 any more, and it has made a second schema.
    let first = json!({ "type": "struct", "schema-id": 0, "fields": [
        { "id": 4, "name": "id", "required": true, "type": "long" },
        { "id": 7, "name": "at", "required": false, "type": "timestamptz" } ] });
    let second = json!({ "type": "struct", "schema-id": 1, "fields": [
        { "id": 4, "name": "id", "required": true, "type": "long" },
        { "id": 7, "name": "at", "required": false, "type": "timestamptz" },
        { "id": 8, "name": "more", "required": false, "type": "string" } ] });
    let change = json!({ "requirements": [{ "type": "assert-create" }], "updates": [
        { "action": "assign-uuid", "uuid": metadata["table-uuid"] },
        { "action": "upgrade-format-version", "format-version": 2 },
        { "action": "add-schema", "schema": first, "last-column-id": 7 },
        { "action": "set-current-schema", "schema-id": -1 },
        { "action": "add-spec", "spec": { "spec-id": 0, "fields": [
            { "source-id": 7, "name": "at_day", "transform": "day" } ] } },
        { "action": "set-default-spec", "spec-id": -1 },
        { "action": "add-sort-order", "sort-order": { "order-id": 1, "fields": [
            { "source-id": 4, "transform": "identity", "direction": "asc", "null-order": "nulls-first" } ] } },
        { "action": "set-default-sort-order", "sort-order-id": -1 },
        { "action": "set-location", "location": metadata["location"] },
        { "action": "add-schema", "schema": second, "last-column-id": 8 },
        { "action": "set-current-schema", "schema-id": -1 },
        set("x", "1"),
    ] });
    let made = bench.post("/namespaces/own/tables/t", change.clone()).await["metadata"].clone();
    for key in ["table-uuid", "location", "properties"] {
        assert_eq!(made[key], metadata[key], "{key}");
    }
    let fields = made["schemas"].as_array().unwrap().iter().find(|s| s["schema-id"] == 1).unwrap()["fields"].clone();
    let ids: Vec<i64> = fields.as_array().unwrap().iter().map(|field| field["id"].as_i64().unwrap()).collect();
    assert_eq!((ids, &made["last-column-id"], &made["current-schema-id"]), (vec![4, 7, 8], &json!(8), &json!(1)));
    assert_eq!(made["partition-specs"][0]["fields"][0]["field-id"], 1000);
    assert_eq!((&made["default-spec-id"], &made["default-sort-order-id"]), (&json!(0), &json!(1)));
    bench.refused("POST", "/namespaces/own/tables/t", change, 409, "CommitFailedException").await;
    let mut v3 = new_table("v3");
    v3["properties"] = json!({ "format-version": "3" });
    assert_eq!(bench.post("/namespaces/own/tables", v3).await["metadata"]["format-version"], 3);
    let mut odd = new_table("odd");
    odd["properties"] = json!({ "format-version": "4" });
    bench.refused("POST", "/namespaces/own/tables", odd, 400, "BadRequestException").await;
    let nothing = json!({ "requirements": [{ "type": "assert-create" }], "updates": [] });
    bench.refused("POST", "/namespaces/own/tables/none", nothing, 400, "BadRequestException").await;
}

#[tokio::test]
async fn several_tables_change_at_once_or_not_at_all() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    bench.table("own", "a").await;
    bench.table("own", "b").await;
    let change = |name: &str, schema_id: i32, value: &str| {
        json!({ "identifier": { "namespace": ["own"], "name": name },
                "requirements": [{ "type": "assert-current-schema-id", "current-schema-id": schema_id }],
                "updates": [set("k", value)] })
    };
    let property = async |name: &str| {
        bench.get(&format!("/namespaces/own/tables/{name}")).await["metadata"]["properties"]["k"].clone()
    };
    let files = || {
        let mut all = Vec::new();
        let mut folders = vec![bench.folder.path().join("warehouse")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { all.push(path) }
            }
        }
        all.len()
    };
    let both = json!({ "table-changes": [change("a", 0, "1"), change("b", 0, "1")] });
    bench.post("/transactions/commit", both).await;
    assert_eq!((property("a").await, property("b").await), (json!("1"), json!("1")));
    let before = files();
    for (second, status, kind_of) in [
        (change("b", 5, "2"), 409, "CommitFailedException"),
        (change("c", 0, "2"), 404, "NoSuchTableException"),
        (change("a", 0, "2"), 400, "BadRequestException"),
        (json!({ "requirements": [], "updates": [] }), 400, "BadRequestException"),
    ] {
        let all = json!({ "table-changes": [change("a", 0, "2"), second] });
        bench.refused("POST", "/transactions/commit", all, status, kind_of).await;
    }
    bench.refused("POST", "/transactions/commit", json!({ "table-changes": [] }), 400, "BadRequestException").await;
    assert_eq!((property("a").await, property("b").await), (json!("1"), json!("1")));
    assert_eq!(files(), before, "nothing is left of what was refused");
    let staged = json!({ "identifier": { "namespace": ["own"], "name": "new" },
        "requirements": [{ "type": "assert-create" }], "updates": [{ "action": "add-schema", "schema": schema() }] });
    bench.post("/transactions/commit", json!({ "table-changes": [change("a", 0, "3"), staged] })).await;
    assert_eq!(property("a").await, json!("3"));
    assert_eq!(bench.ask("HEAD", "/namespaces/own/tables/new", "").await.status(), 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_writers_lose_nothing() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    bench.table("own", "t").await;
    let writer = async |writer: usize| {
        for n in 0..5 {
            let key = format!("w{writer}_{n}");
            let change = json!({ "requirements": [], "updates": [set(&key, "1")] });
            bench.post("/namespaces/own/tables/t", change).await;
        }
    };
    futures::join!(writer(0), writer(1), writer(2), writer(3));
    let table = bench.get("/namespaces/own/tables/t").await;
    assert_eq!(table["metadata"]["properties"].as_object().unwrap().len(), 20);
    // Of those that ask for one state of the table one alone is right.
    let once = async |n: usize| {
        let schema = json!({ "type": "struct", "schema-id": 1, "fields": [
            { "id": 1, "name": "id", "required": true, "type": "long" },
            { "id": 3, "name": format!("c{n}"), "required": false, "type": "long" } ] });
        let change = json!({ "requirements": [{ "type": "assert-current-schema-id", "current-schema-id": 0 }], "updates": [
            { "action": "add-schema", "schema": schema }, { "action": "set-current-schema", "schema-id": -1 } ] });
        bench.ask("POST", "/namespaces/own/tables/t", change.to_string()).await.status().as_u16()
    };
    let (a, b, c, d) = futures::join!(once(0), once(1), once(2), once(3));
    let mut all = [a, b, c, d];
    all.sort_unstable();
    assert_eq!(all, [200, 409, 409, 409]);
}
