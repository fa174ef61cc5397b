//! Views: made, replaced, renamed, dropped; their names are those of tables as well.

use super::*;

fn version(sql: &str) -> Value {
    json!({ "version-id": 1, "schema-id": -1, "timestamp-ms": std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64,
            "summary": { "engine-name": "test" },
            "default-namespace": ["own"], "representations": [{ "type": "sql", "sql": sql, "dialect": "spark" }] })
}

fn new_view(name: &str) -> Value {
    json!({ "name": name, "schema": schema(), "view-version": version("SELECT 1"), "properties": { "owner": "me" } })
}

#[tokio::test]
async fn views_are_made_replaced_renamed_and_dropped() {
    let bench = bench(Options::default());
    bench.space(&["own"]).await;
    bench.table("own", "t").await;
    let mut first = new_view("v");
    first["view-version"]["schema-id"] = 0.into();
    let made = bench.post("/namespaces/own/views", first).await;
    let file = made["metadata-location"].as_str().unwrap();
    assert!(exists(file), "{made}");
    let metadata = &made["metadata"];
    assert_eq!((&metadata["format-version"], &metadata["current-version-id"]), (&json!(1), &json!(1)));
    assert_eq!(metadata["properties"], json!({ "owner": "me" }));
    assert_eq!(bench.get("/namespaces/own/views/v").await, made);
    let listed = json!([{ "namespace": ["own"], "name": "v" }]);
    assert_eq!(bench.get("/namespaces/own/views").await["identifiers"], listed);
    assert_eq!(bench.get("/namespaces/own/tables").await["identifiers"][0]["name"], "t");
    for (path, status) in [("views/v", 204), ("views/t", 404), ("tables/v", 404), ("views/x", 404)] {
        assert_eq!(bench.ask("HEAD", &format!("/namespaces/own/{path}"), "").await.status(), status, "{path}");
    }
    bench.refused("POST", "/namespaces/own/views", new_view("v"), 409, "AlreadyExistsException").await;
    bench.refused("POST", "/namespaces/own/views", new_view("t"), 409, "AlreadyExistsException").await;
    bench.refused("POST", "/namespaces/own/tables", new_table("v"), 409, "AlreadyExistsException").await;
    bench.refused("POST", "/namespaces/none/views", new_view("v"), 404, "NoSuchNamespaceException").await;
    bench.refused("GET", "/namespaces/own/views/t", json!({}), 404, "NoSuchViewException").await;
    bench.refused("DELETE", "/namespaces/own/views/x", json!({}), 404, "NoSuchViewException").await;

    let replace = |uuid: &Value, sql: &str| {
        json!({ "requirements": [{ "type": "assert-view-uuid", "uuid": uuid }], "updates": [
            { "action": "add-schema", "schema": schema() }, { "action": "add-view-version", "view-version": version(sql) },
            { "action": "set-current-view-version", "view-version-id": -1 } ] })
    };
    let other = json!("9c12d441-03fe-4693-9a96-a0705ddf69c1");
    bench.refused("POST", "/namespaces/own/views/v", replace(&other, "SELECT 2"), 409, "CommitFailedException").await;
    bench.refused("POST", "/namespaces/own/views/x", replace(&other, "SELECT 2"), 404, "NoSuchViewException").await;
    let replaced = bench.post("/namespaces/own/views/v", replace(&metadata["view-uuid"], "SELECT 2")).await;
    assert_eq!(replaced["metadata"]["current-version-id"], 2);
    assert!(!exists(file) && exists(replaced["metadata-location"].as_str().unwrap()), "the old file has gone");
    let unknown = json!({ "updates": [{ "action": "set-current-view-version", "view-version-id": 77 }] });
    bench.refused("POST", "/namespaces/own/views/v", unknown, 400, "BadRequestException").await;
    let outside = json!({ "updates": [{ "action": "set-location", "location": "/etc" }] });
    bench.refused("POST", "/namespaces/own/views/v", outside, 400, "BadRequestException").await;

    let names = |to: &str| json!({ "source": { "namespace": ["own"], "name": "v" }, "destination": { "namespace": ["own"], "name": to } });
    bench.refused("POST", "/views/rename", names("t"), 409, "AlreadyExistsException").await;
    bench.refused("POST", "/tables/rename", names("w"), 404, "NoSuchTableException").await;
    bench.post("/views/rename", names("w")).await;
    bench.refused("DELETE", "/namespaces/own", json!({}), 409, "NamespaceNotEmptyException").await;
    assert_eq!(bench.ask("DELETE", "/namespaces/own/views/w", "").await.status(), 204);
    let registered = json!({ "name": "back", "metadata-location": replaced["metadata-location"] });
    assert_eq!(bench.post("/namespaces/own/register-view", registered.clone()).await, replaced);
    bench.refused("POST", "/namespaces/own/register-view", registered, 409, "AlreadyExistsException").await;
    let secret = json!({ "name": "z", "metadata-location": "/etc/passwd" });
    bench.refused("POST", "/namespaces/own/register-view", secret, 400, "BadRequestException").await;
    bench.refused("GET", "/namespaces/own/views/w", json!({}), 404, "NoSuchViewException").await;
}
