//! Input that nobody sends by accident: every answer is a refusal in the API's form, and nothing is written outside.

use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn odd_names_are_names_or_refused() {
    let bench = bench(Options::default());
    // Encoded, and as it comes back.
    for (segment, name) in [
        ("..", ".."),
        ("%2E%2E%2F%2E%2E%2Fetc", "../../etc"),
        ("a%2Fb", "a/b"),
        ("caf%C3%A9%20%F0%9F%9B%AB", "café 🛫"),
        ("with+blank", "with blank"),
        ("plus%2Bsign", "plus+sign"),
        ("per%25cent", "per%cent"),
        ("a.b", "a.b"),
        ("a%252Eb", "a%2Eb"),
        ("Robert'%29%3B%20DROP%20TABLE%20iceberg_tables%3B--", "Robert'); DROP TABLE iceberg_tables;--"),
        ("%E2%80%AEgnirts", "\u{202e}gnirts"),
    ] {
        // A client or a proxy resolves dots of a path before anybody sees them.
        let segment = if segment == ".." { "%2E%2E" } else { segment };
        bench.space(&[name]).await;
        assert_eq!(bench.get(&format!("/namespaces/{segment}")).await["namespace"], json!([name]), "{name}");
        let made = bench.table(segment, name).await;
        let location = made["metadata"]["location"].as_str().unwrap();
        assert!(location.starts_with(&bench.path("warehouse/")) && !location.contains("/.."), "{location}");
        let path = format!("/namespaces/{segment}/tables/{segment}");
        assert_eq!(bench.get(&path).await, made, "{name}");
        assert_eq!(bench.get(&format!("/namespaces/{segment}/tables")).await["identifiers"][0]["name"], name);
        assert_eq!(bench.ask("DELETE", &format!("{path}?purgeRequested=true"), "").await.status(), 204, "{name}");
        assert_eq!(bench.ask("DELETE", &format!("/namespaces/{segment}"), "").await.status(), 204, "{name}");
    }
    let deep: Vec<&str> = vec!["x"; 17];
    let long = "x".repeat(256);
    for levels in
        [json!([]), json!([""]), json!(["a\u{1f}b"]), json!(["a\u{0}"]), json!([long]), json!(deep), json!("a")]
    {
        bench.refused("POST", "/namespaces", json!({ "namespace": levels }), 400, "BadRequestException").await;
    }
    bench.space(&["own"]).await;
    for name in ["", "a\u{1f}b", "a\nb", &long] {
        bench.refused("POST", "/namespaces/own/tables", new_table(name), 400, "BadRequestException").await;
    }
    for path in ["/namespaces/%FF", "/namespaces/%1F", "/namespaces/a%1F", "/namespaces/own/tables/%C3%28"] {
        bench.refused("GET", path, json!({}), 400, "BadRequestException").await;
    }
    let mut left: BTreeSet<String> = BTreeSet::new();
    for entry in std::fs::read_dir(bench.folder.path()).unwrap() {
        left.insert(entry.unwrap().file_name().into_string().unwrap());
    }
    left.retain(|name| !name.starts_with("catalog.db"));
    assert!(left.iter().all(|name| name == "warehouse"), "{left:?}");
}

#[tokio::test]
async fn bodies_that_are_no_bodies_are_refused() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    bench.table("own", "t").await;
    let addresses = [
        "/namespaces",
        "/namespaces/own/properties",
        "/namespaces/own/tables",
        "/namespaces/own/tables/t",
        "/namespaces/own/tables/t/metrics",
        "/namespaces/own/register",
        "/namespaces/own/views",
        "/namespaces/own/views/v",
        "/tables/rename",
        "/views/rename",
        "/transactions/commit",
    ];
    let deep = "[".repeat(100_000);
    for path in addresses {
        for body in ["", "{", "null", "[]", "\"x\"", "{\"name\": 1, \"namespace\": 1, \"updates\": 1}", "\u{0}", &deep]
        {
            let reply = bench.ask("POST", path, body.to_owned()).await;
            assert_eq!(reply.status(), 400, "{path} {:.40}", body);
            assert_eq!(json_of(reply).await["error"]["code"], 400, "{path} {:.40}", body);
        }
        let huge = format!("{{\"x\": \"{}\"}}", "x".repeat(BODY_LIMIT));
        let reply = bench.ask("POST", path, huge).await;
        assert_eq!(reply.status(), 413, "{path}");
        assert_eq!(json_of(reply).await["error"]["code"], 413, "{path}");
    }
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "", 404),
        ("GET", "/namespaces/own/tables/t/more", 404),
        ("PUT", "/namespaces", 405),
        ("DELETE", "/config", 405),
        ("GET", "/oauth/tokens", 405),
    ] {
        let reply = bench.ask(method, path, "").await;
        assert_eq!(reply.status(), status, "{method} {path}");
        assert_eq!(json_of(reply).await["error"]["code"], status, "{method} {path}");
    }
}

#[tokio::test]
async fn metadata_that_contradict_themselves_are_refused() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    let made = bench.table("own", "t").await;
    let list = format!("{}/metadata/snap.avro", made["metadata"]["location"].as_str().unwrap());
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    let snapshot = |id: i64, number: i64, parent: Value| {
        json!({ "action": "add-snapshot", "snapshot": { "snapshot-id": id, "sequence-number": number,
                "parent-snapshot-id": parent, "timestamp-ms": now(), "manifest-list": list,
                "summary": { "operation": "append" }, "schema-id": 0 } })
    };
    let mut ahead = snapshot(2, 2, json!(1));
    ahead["snapshot"]["timestamp-ms"] = (now() + 120_000).into();
    let main =
        |id: i64| json!({ "action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": id });
    let path = "/namespaces/own/tables/t";
    let change = |updates: Value| json!({ "requirements": [], "updates": updates });
    let added = bench.post(path, change(json!([snapshot(1, 1, Value::Null), main(1)]))).await;
    assert_eq!(added["metadata"]["current-snapshot-id"], 1);
    for (updates, status, kind_of) in [
        (json!([snapshot(1, 2, json!(1))]), 400, "BadRequestException"),
        (json!([ahead]), 400, "BadRequestException"),
        (json!([snapshot(2, 1, json!(1))]), 409, "CommitFailedException"),
        (json!([snapshot(2, -1, json!(1))]), 400, "BadRequestException"),
        (json!([{ "action": "remove-snapshots", "snapshot-ids": [1] }]), 400, "BadRequestException"),
        (
            json!([snapshot(2, 2, json!(1)), main(2), { "action": "remove-snapshots", "snapshot-ids": [2] }]),
            400,
            "BadRequestException",
        ),
        (
            json!([{ "action": "set-statistics", "snapshot-id": 1, "statistics": { "snapshot-id": 1,
            "statistics-path": "/etc/passwd", "file-size-in-bytes": 1, "file-footer-size-in-bytes": 1,
            "blob-metadata": [] } }]),
            400,
            "BadRequestException",
        ),
    ] {
        bench.refused("POST", path, change(updates), status, kind_of).await;
    }
    let all = bench.get(&format!("{path}?snapshots=all")).await;
    bench.post(path, change(json!([snapshot(2, 2, json!(1)), main(2)]))).await;
    let refs = bench.get(&format!("{path}?snapshots=refs")).await;
    assert_eq!((all["metadata"]["snapshots"].as_array().unwrap().len(), &all), (1, &added));
    assert_eq!(refs["metadata"]["snapshots"].as_array().unwrap().len(), 1, "the current one alone");
    assert_eq!(bench.get(path).await["metadata"]["snapshots"].as_array().unwrap().len(), 2);
    let expired = bench.post(path, change(json!([{ "action": "remove-snapshots", "snapshot-ids": [1] }]))).await;
    assert_eq!(expired["metadata"]["snapshots"].as_array().unwrap().len(), 1);
}
