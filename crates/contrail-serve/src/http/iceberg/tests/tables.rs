//! Tables: made, loaded, registered, renamed, dropped; and the line's own, which stay.

use super::*;

#[tokio::test]
async fn tables_are_made_loaded_listed_renamed_and_dropped() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    let made = bench.table("own", "t").await;
    let location = made["metadata-location"].as_str().unwrap();
    assert!(location.starts_with(&bench.path("warehouse/own/t-")) && exists(location), "{location}");
    assert_eq!(bench.get("/namespaces/own/tables/t").await, made);
    let listed = json!([{ "namespace": ["own"], "name": "t" }]);
    assert_eq!(bench.get("/namespaces/own/tables").await["identifiers"], listed);
    bench.refused("POST", "/namespaces/own/tables", new_table("t"), 409, "AlreadyExistsException").await;
    bench.refused("POST", "/namespaces/none/tables", new_table("t"), 404, "NoSuchNamespaceException").await;
    bench.refused("GET", "/namespaces/none/tables", json!({}), 404, "NoSuchNamespaceException").await;
    bench.refused("GET", "/namespaces/own/tables/x", json!({}), 404, "NoSuchTableException").await;
    bench.refused("DELETE", "/namespaces/own/tables/x", json!({}), 404, "NoSuchTableException").await;
    bench.refused("GET", "/namespaces/own/tables/t?snapshots=some", json!({}), 400, "BadRequestException").await;
    for (path, status) in [("/namespaces/own/tables/t", 204), ("/namespaces/own/tables/x", 404)] {
        assert_eq!(bench.ask("HEAD", path, "").await.status(), status, "{path}");
    }
    let report = json!({ "report-type": "scan-report", "table-name": "t" });
    bench.post("/namespaces/own/tables/t/metrics", report.clone()).await;
    bench.refused("POST", "/namespaces/own/tables/x/metrics", report, 404, "NoSuchTableException").await;

    let names = |from: &str, namespace: &str, to: &str| json!({ "source": { "namespace": ["own"], "name": from }, "destination": { "namespace": [namespace], "name": to } });
    bench.table("own", "u").await;
    bench.refused("POST", "/tables/rename", names("t", "own", "u"), 409, "AlreadyExistsException").await;
    bench.refused("POST", "/tables/rename", names("x", "own", "y"), 404, "NoSuchTableException").await;
    bench.refused("POST", "/tables/rename", names("t", "none", "y"), 404, "NoSuchNamespaceException").await;
    bench.post("/tables/rename", names("t", "own", "v")).await;
    assert_eq!(bench.get("/namespaces/own/tables/v").await["metadata"], made["metadata"]);
    assert_eq!(bench.ask("DELETE", "/namespaces/own/tables/v", "").await.status(), 204);
    assert!(exists(location), "only forgotten");
    let registered = json!({ "name": "back", "metadata-location": location });
    assert_eq!(bench.post("/namespaces/own/register", registered.clone()).await["metadata"], made["metadata"]);
    bench.refused("POST", "/namespaces/own/register", registered, 409, "AlreadyExistsException").await;
    let over = json!({ "name": "u", "metadata-location": location, "overwrite": true });
    assert_eq!(bench.post("/namespaces/own/register", over).await["metadata"], made["metadata"]);
    // Another table needs the same files: none goes.
    assert_eq!(bench.ask("DELETE", "/namespaces/own/tables/u?purgeRequested=true", "").await.status(), 204);
    assert!(exists(location));
    assert_eq!(bench.ask("DELETE", "/namespaces/own/tables/back?purgeRequested=True", "").await.status(), 204);
    assert!(!exists(location), "purged");
}

#[tokio::test]
async fn an_unchanged_table_is_not_sent_again() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    bench.table("own", "t").await;
    let path = "/iceberg/v1/namespaces/own/tables/t";
    let first = send(&bench.app, request("GET", path).body(Body::empty()).unwrap()).await;
    let tag = first.headers()[header::ETAG].clone();
    let again =
        |path: &str| request("GET", path).header(header::IF_NONE_MATCH, tag.clone()).body(Body::empty()).unwrap();
    assert_eq!(send(&bench.app, again(path)).await.status(), 304);
    assert_eq!(send(&bench.app, again(&format!("{path}?snapshots=refs"))).await.status(), 200);
    let change = json!({ "requirements": [], "updates": [{ "action": "set-properties", "updates": { "a": "1" } }] });
    bench.post("/namespaces/own/tables/t", change).await;
    assert_eq!(send(&bench.app, again(path)).await.status(), 200);
}

#[tokio::test]
async fn tables_lie_where_they_may() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    let at = |name: &str, location: String| {
        let mut table = new_table(name);
        table["location"] = location.into();
        table
    };
    for (name, location) in [
        ("a", bench.path("warehouse/own/folder")),
        ("b", format!("file:{}", bench.path("elsewhere/x/"))),
        ("c", format!("file://{}", bench.path("elsewhere/y"))),
    ] {
        let made = bench.post("/namespaces/own/tables", at(name, location.clone())).await;
        assert_eq!(made["metadata"]["location"], location.trim_end_matches('/'));
        let file = made["metadata-location"].as_str().unwrap();
        assert!(exists(file.trim_start_matches("file:")), "{file}");
    }
    std::os::unix::fs::symlink("/", bench.folder.path().join("warehouse/link")).unwrap();
    for location in [
        "/etc/contrail".to_owned(),
        "relative".into(),
        "s3://bucket/t".into(),
        "file://host/t".into(),
        bench.path("warehouse-beside/t"),
        bench.path("warehouse/../t"),
        bench.path("warehouse/own/../../t"),
        bench.path("warehouse/link/tmp/t"),
        bench.path("warehouse/a\u{0}b"),
        // Where the line's tables are.
        bench.path("warehouse/aviation/raw"),
        bench.path("warehouse/aviation/later/x"),
        bench.path("warehouse/aviation"),
        bench.path("warehouse"),
    ] {
        bench.refused("POST", "/namespaces/own/tables", at("z", location.clone()), 400, "BadRequestException").await;
        let staged = json!({ "requirements": [{ "type": "assert-create" }], "updates": [
            { "action": "add-schema", "schema": schema() }, { "action": "set-location", "location": location.clone() },
        ] });
        bench.refused("POST", "/namespaces/own/tables/z", staged, 400, "BadRequestException").await;
        let moved = json!({ "requirements": [], "updates": [{ "action": "set-location", "location": location }] });
        bench.refused("POST", "/namespaces/own/tables/a", moved, 400, "BadRequestException").await;
    }
    let outside = bench.path("outside.metadata.json");
    std::fs::write(&outside, "{\"secret\": 1}").unwrap();
    let inside = bench.path("elsewhere/odd.metadata.json");
    std::fs::write(&inside, "{\"secret\": 1}").unwrap();
    for location in [outside, inside, "/etc/passwd".into(), bench.path("warehouse/nothing.json")] {
        let registration = json!({ "name": "z", "metadata-location": location });
        let said = bench.refused("POST", "/namespaces/own/register", registration, 400, "BadRequestException").await;
        assert!(!said.contains("secret") && !said.contains("root:"), "{said}");
    }
}

#[tokio::test]
async fn the_lines_tables_stay() {
    let bench = bench(Options::default());
    bench.space(&["aviation"]).await;
    bench.space(&["own"]).await;
    let said = bench.refused("POST", "/namespaces/aviation/tables", new_table("later"), 409, "AlreadyExistsException");
    assert!(said.await.contains("contrail"));
    let staged = json!({ "requirements": [{ "type": "assert-create" }],
                         "updates": [{ "action": "add-schema", "schema": schema() }] });
    bench.refused("POST", "/namespaces/aviation/tables/later", staged, 409, "AlreadyExistsException").await;
    bench.table("aviation", "mine").await;
    bench.table("own", "raw").await;

    line_table(&bench).await;
    for path in ["/namespaces/aviation/tables/raw", "/namespaces/aviation/tables/raw?purgeRequested=true"] {
        let said = bench.refused("DELETE", path, json!({}), 409, "AlreadyExistsException").await;
        assert!(said.contains("copy its rows"), "{said}");
    }
    let names = |from: [&str; 2], to: [&str; 2]| {
        json!({ "source": { "namespace": [from[0]], "name": from[1] },
                "destination": { "namespace": [to[0]], "name": to[1] } })
    };
    for (from, to) in [(["aviation", "raw"], ["own", "x"]), (["aviation", "mine"], ["aviation", "later"])] {
        bench.refused("POST", "/tables/rename", names(from, to), 409, "AlreadyExistsException").await;
    }
    let location = bench.get("/namespaces/aviation/tables/raw").await["metadata-location"].clone();
    for name in ["copy", "raw"] {
        let registration = json!({ "name": name, "metadata-location": location, "overwrite": true });
        let reply = bench.ask("POST", "/namespaces/aviation/register", registration.to_string()).await;
        assert!([400, 409].contains(&reply.status().as_u16()), "{name}: {}", reply.status());
    }
    bench.refused("DELETE", "/namespaces/aviation", json!({}), 409, "NamespaceNotEmptyException").await;
    assert_eq!(bench.ask("DELETE", "/namespaces/aviation/tables/mine?purgeRequested=true", "").await.status(), 204);
}

#[tokio::test]
async fn the_lines_tables_keep_progress_and_shape() {
    let bench = bench(Options::default());
    bench.space(&["aviation"]).await;
    line_table(&bench).await;
    let path = "/namespaces/aviation/tables/raw";
    let forged = bench.path("warehouse/aviation/raw/metadata/snap-1.avro");
    std::fs::write(&forged, "not Avro").unwrap();
    let snapshot = |list: &str| {
        json!({ "action": "add-snapshot", "snapshot": { "snapshot-id": 1, "sequence-number": 1,
                "timestamp-ms": std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64, "manifest-list": list, "summary": { "operation": "append" },
                "schema-id": 0 } })
    };
    for (update, status) in [
        (json!({ "action": "set-properties", "updates": { "contrail.offsets.s": "9" } }), 403),
        (json!({ "action": "remove-properties", "removals": ["contrail.swept"] }), 403),
        (json!({ "action": "remove-schemas", "schema-ids": [0] }), 403),
        (json!({ "action": "add-sort-order", "sort-order": { "order-id": 1, "fields": [] } }), 403),
        (json!({ "action": "set-location", "location": bench.path("warehouse/x") }), 403),
        (json!({ "action": "upgrade-format-version", "format-version": 3 }), 403),
        (json!({ "action": "assign-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1" }), 403),
        (json!({ "action": "remove-snapshot-ref", "ref-name": "main" }), 403),
        (json!({ "action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 7 }), 403),
        (snapshot(&forged), 400),
        (snapshot("/etc/passwd"), 400),
        (snapshot("/nowhere"), 400),
    ] {
        let change = json!({ "requirements": [], "updates": [update] });
        let kind_of = if status == 403 { "ForbiddenException" } else { "BadRequestException" };
        bench.refused("POST", path, change.clone(), status, kind_of).await;
        let mut named = change;
        named["identifier"] = json!({ "namespace": ["aviation"], "name": "raw" });
        let all = json!({ "table-changes": [named] });
        bench.refused("POST", "/transactions/commit", all, status, kind_of).await;
    }
    // Columns may be renamed, moved and added, and partitions changed; what the line needs stays.
    let columns = |id: Value| {
        let schema = json!({ "type": "struct", "schema-id": 1, "fields": [
            { "id": 3, "name": "note", "required": false, "type": "string" },
            { "id": 2, "name": "seen", "required": false, "type": "timestamptz" }, id ] });
        json!({ "requirements": [], "updates": [
            { "action": "add-schema", "schema": schema }, { "action": "set-current-schema", "schema-id": -1 } ] })
    };
    for (column, why) in [
        (json!({ "id": 4, "name": "other", "required": false, "type": "long" }), "column id was dropped"),
        (json!({ "id": 1, "name": "id", "required": true, "type": "string" }), "column id is string instead of long"),
        (json!({ "id": 4, "name": "must", "required": true, "type": "long" }), "column must is required"),
    ] {
        let said = bench.refused("POST", path, columns(column), 403, "ForbiddenException").await;
        assert!(said.contains(why), "{said}");
    }
    bench.post(path, columns(json!({ "id": 1, "name": "number", "required": true, "type": "long" }))).await;
    let by_day = json!([{ "source-id": 2, "field-id": 1000, "name": "seen_day", "transform": "day" }]);
    let partitions = json!({ "requirements": [], "updates": [
        { "action": "add-spec", "spec": { "fields": by_day } }, { "action": "set-default-spec", "spec-id": -1 } ] });
    bench.post(path, partitions).await;
    assert_eq!(bench.get(path).await["metadata"]["current-schema-id"], 1);
    let before = bench.get(path).await["metadata"]["properties"].clone();
    let allowed = json!({ "requirements": [], "updates": [
        { "action": "set-properties", "updates": { "comment": "ours too", "contrailer": "1" } } ] });
    bench.post(path, allowed).await;
    let after = bench.get(path).await["metadata"]["properties"].clone();
    assert_eq!((&before["contrail.progress"], &after["contrail.progress"]), (&json!("7"), &json!("7")));
    assert_eq!(after["comment"], "ours too");
}

/// The table `aviation.raw`, made as the line makes its own.
async fn line_table(bench: &Bench) {
    let catalog = SqliteCatalog::open(bench.folder.path().join("catalog.db")).unwrap();
    let options = FaceOptions {
        warehouse: bench.folder.path().join("nowhere"),
        locations: vec![bench.folder.path().join("warehouse")],
        namespace: "none".into(),
        kept: Vec::new(),
    };
    let line = CatalogFace::new(catalog, options).unwrap();
    let app = App { iceberg: IcebergFace::Catalog(Box::new(line)), ..bench.app.clone() };
    let mut table = new_table("raw");
    table["location"] = bench.path("warehouse/aviation/raw").into();
    table["properties"] = json!({ "contrail.progress": "7" });
    let ask = request("POST", "/iceberg/v1/namespaces/aviation/tables").body(Body::from(table.to_string())).unwrap();
    assert_eq!(send(&app, ask).await.status(), 200);
}
