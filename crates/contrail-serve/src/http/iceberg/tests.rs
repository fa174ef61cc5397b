//! The API address by address with its statuses, the rules for the line's own tables, and hostile input.

mod commits;
mod hostile;
mod tables;
mod views;

use std::path::Path;

use arrow::datatypes::DataType;
use axum::body::Body;
use axum::http::Response as Reply;
use axum::http::header;
use contrail_kit::Secret;
use contrail_lake::{FaceOptions, SqliteCatalog};
use contrail_types::{Column, TableDef};
use serde_json::{Value, json};

use super::*;
use crate::http::tests::{app, json_of, kind, request, send};
use crate::http::{App, Options};

struct Bench {
    app: App,
    folder: tempfile::TempDir,
}

/// A catalog whose line has the tables `aviation.raw` and `aviation.later`, the second not made yet.
fn bench(options: Options) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let catalog = SqliteCatalog::open(folder.path().join("catalog.db")).unwrap();
    let options_of_catalog = FaceOptions {
        warehouse: folder.path().join("warehouse"),
        locations: vec![folder.path().join("elsewhere")],
        namespace: "aviation".into(),
        kept: vec![def("raw"), def("later")],
    };
    let catalog = CatalogFace::new(catalog, options_of_catalog).unwrap();
    Bench { app: App { iceberg: IcebergFace::Catalog(Box::new(catalog)), ..app(options) }, folder }
}

impl Bench {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Reply<Body> {
        let request = request(method, &format!("/iceberg/v1{path}")).header(header::CONTENT_TYPE, "application/json");
        send(&self.app, request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.ask("GET", path, "").await;
        assert_eq!(reply.status(), 200, "{path}");
        json_of(reply).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let reply = self.ask("POST", path, body.to_string()).await;
        let status = reply.status();
        let bytes = crate::http::tests::body(reply).await;
        assert!(status == 200 || status == 204, "{path}: {status} {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    async fn space(&self, levels: &[&str]) {
        self.post("/namespaces", json!({ "namespace": levels })).await;
    }

    async fn table(&self, namespace: &str, name: &str) -> Value {
        self.post(&format!("/namespaces/{namespace}/tables"), new_table(name)).await
    }

    /// Asks and expects a refusal in the API's own form.
    async fn refused(&self, method: &str, path: &str, body: Value, status: u16, kind_of: &str) -> String {
        let reply = self.ask(method, path, body.to_string()).await;
        let (found, form) = (reply.status().as_u16(), kind(reply.headers()).to_owned());
        let said = String::from_utf8(crate::http::tests::body(reply).await).unwrap();
        assert_eq!((found, form.as_str()), (status, "application/json"), "{method} {path} {body}: {said}");
        let error = serde_json::from_str::<Value>(&said).unwrap()["error"].clone();
        // Two names for one thing: what cannot be read, and what contradicts itself.
        let named = error["type"].as_str().unwrap().replace("IllegalArgument", "BadRequest");
        assert_eq!((&error["code"], named.as_str()), (&json!(status), kind_of), "{method} {path}: {error}");
        let message = error["message"].as_str().unwrap().to_owned();
        assert!(message.len() > 10, "{error}");
        message
    }
}

fn new_table(name: &str) -> Value {
    json!({ "name": name, "schema": schema() })
}

/// The line's own idea of [`schema`].
fn def(name: &str) -> TableDef {
    TableDef {
        name: name.into(),
        doc: String::new(),
        columns: vec![
            Column::new("id", DataType::Int64, false, ""),
            Column::new("at", contrail_types::time::timestamp(), true, ""),
        ],
        partition: None,
        sort: Vec::new(),
        bounds: Vec::new(),
        ids: Vec::new(),
        gained: Vec::new(),
    }
}

fn schema() -> Value {
    json!({ "type": "struct", "schema-id": 0, "fields": [
        { "id": 1, "name": "id", "required": true, "type": "long" },
        { "id": 2, "name": "at", "required": false, "type": "timestamptz" },
    ] })
}

fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists()
}

#[tokio::test]
async fn clients_are_told_what_there_is() {
    let bench = bench(Options::default());
    let config = bench.get("/config?warehouse=anything").await;
    assert_eq!(config["defaults"]["warehouse"], json!(bench.path("warehouse")));
    assert_eq!(config["overrides"], json!({}));
    let endpoints: Vec<&str> = config["endpoints"].as_array().unwrap().iter().map(|e| e.as_str().unwrap()).collect();
    // Every address of the router is told, and every one that is told is routed.
    let source = include_str!("../iceberg.rs");
    for endpoint in &endpoints {
        let (method, path) = endpoint.split_once(' ').unwrap();
        let path = path.replace("/{prefix}", "");
        assert!(source.contains(&format!("\"{path}\"")), "{endpoint}");
        let asked = path.trim_start_matches("/v1").replace(['{', '}'], "");
        let reply = bench.ask(method, &asked, "").await;
        assert_ne!(reply.status(), 405, "{endpoint}");
    }
    let methods = ["get(", "head(", "post(", "delete("];
    let routed: usize = source
        .lines()
        .filter(|line| line.contains("::") && methods.iter().any(|m| line.contains(m)))
        .map(|line| methods.iter().map(|m| line.matches(m).count()).sum::<usize>())
        .sum();
    // The address of this answer itself is not in the list.
    assert_eq!(routed, endpoints.len() + 1);
}

#[tokio::test]
async fn a_node_without_this_catalog_says_which_it_has() {
    let app = app(Options::default());
    let reply = send(&app, request("GET", "/iceberg/v1/config").body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status(), 404);
    assert_eq!(json_of(reply).await["error"]["message"], "there is no catalog here");
}

#[tokio::test]
async fn namespaces_are_made_listed_changed_and_dropped() {
    let bench = bench(Options::default());
    assert_eq!(bench.get("/namespaces").await["namespaces"], json!([]));
    let made = json!({ "namespace": ["a"], "properties": { "owner": "me", "colour": "red" } });
    assert_eq!(bench.post("/namespaces", made.clone()).await, made);
    assert_eq!(bench.get("/namespaces/a").await, made);
    bench.refused("POST", "/namespaces", made, 409, "AlreadyExistsException").await;
    bench.space(&["b", "c.d", "e"]).await;
    assert_eq!(bench.get("/namespaces").await["namespaces"], json!([["a"], ["b"]]));
    assert_eq!(bench.get("/namespaces?parent=b").await["namespaces"], json!([["b", "c.d"]]));
    assert_eq!(bench.get("/namespaces?parent=b%1Fc.d").await["namespaces"], json!([["b", "c.d", "e"]]));
    assert_eq!(bench.get("/namespaces/b%1Fc.d%1Fe").await["namespace"], json!(["b", "c.d", "e"]));
    bench.refused("GET", "/namespaces?parent=nobody", json!({}), 404, "NoSuchNamespaceException").await;
    bench.refused("GET", "/namespaces/nobody", json!({}), 404, "NoSuchNamespaceException").await;
    // A dot within a level is not a level.
    bench.refused("GET", "/namespaces/b%1Fc%1Fd", json!({}), 404, "NoSuchNamespaceException").await;
    for (path, status) in [("/namespaces/a", 204), ("/namespaces/b%1Fc.d", 204), ("/namespaces/nobody", 404)] {
        assert_eq!(bench.ask("HEAD", path, "").await.status(), status, "{path}");
    }
    let changes = json!({ "removals": ["colour", "size"], "updates": { "owner": "you", "new": "1" } });
    assert_eq!(
        bench.post("/namespaces/a/properties", changes).await,
        json!({ "updated": ["new", "owner"], "removed": ["colour"], "missing": ["size"] })
    );
    assert_eq!(bench.get("/namespaces/a").await["properties"], json!({ "new": "1", "owner": "you" }));
    let both = json!({ "removals": ["x"], "updates": { "x": "1" } });
    bench.refused("POST", "/namespaces/a/properties", both, 422, "UnprocessableEntityException").await;
    let nowhere = json!({ "updates": { "x": "1" } });
    bench.refused("POST", "/namespaces/nobody/properties", nowhere, 404, "NoSuchNamespaceException").await;
    bench.refused("DELETE", "/namespaces/b", json!({}), 409, "NamespaceNotEmptyException").await;
    assert_eq!(bench.ask("DELETE", "/namespaces/b%1Fc.d%1Fe", "").await.status(), 204);
    assert_eq!(bench.ask("DELETE", "/namespaces/a", "").await.status(), 204);
    bench.refused("DELETE", "/namespaces/a", json!({}), 404, "NoSuchNamespaceException").await;
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let bench = bench(Options::default());
    for name in ["a", "b", "c", "d", "e"] {
        bench.space(&[name]).await;
        bench.table("a", &format!("t_{name}")).await;
    }
    for (path, field, of) in [("/namespaces", "namespaces", 5), ("/namespaces/a/tables", "identifiers", 5)] {
        let (mut token, mut seen, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let page = bench.get(&format!("{path}?pageSize=2&pageToken={token}")).await;
            seen.extend(page[field].as_array().unwrap().clone());
            pages += 1;
            match page["next-page-token"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        assert_eq!((seen.len(), pages), (of, 3), "{path}");
        assert_eq!(bench.get(path).await[field].as_array().unwrap().len(), of);
    }
    for wrong in ["pageSize=0", "pageSize=-1", "pageSize=many", "pageToken=%F0", "pageToken=***"] {
        bench.refused("GET", &format!("/namespaces?{wrong}"), json!({}), 400, "BadRequestException").await;
    }
}

#[tokio::test]
async fn the_token_is_had_for_credentials_and_asked_for() {
    let open = bench(Options::default());
    let credentials =
        |secret: &str| format!("grant_type=client_credentials&client_id=me&client_secret={secret}&scope=catalog");
    let reply = open.ask("POST", "/oauth/tokens", credentials("whatever")).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(json_of(reply).await["token_type"], "bearer");

    let shut = bench(Options { token: Some(Secret::new("t0ken")), ..Options::default() });
    shut.refused("GET", "/config", json!({}), 401, "NotAuthorizedException").await;
    let reply = shut.ask("POST", "/oauth/tokens", credentials("wrong")).await;
    assert_eq!(reply.status(), 401);
    assert_eq!(json_of(reply).await["error"], "invalid_client");
    for body in ["grant_type=password&username=a", "", "grant_type=client_credentials", "\u{0}\u{fffd}%%%"] {
        assert_eq!(shut.ask("POST", "/oauth/tokens", body).await.status(), 400, "{body:?}");
    }
    let reply = shut.ask("POST", "/oauth/tokens", credentials("t0ken")).await;
    assert_eq!(reply.status(), 200);
    let token = json_of(reply).await["access_token"].as_str().unwrap().to_owned();
    let exchange =
        format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={token}");
    assert_eq!(shut.ask("POST", "/oauth/tokens", exchange).await.status(), 200);
    let basic = request("POST", "/iceberg/v1/oauth/tokens").header(header::AUTHORIZATION, "Basic bWU6dDBrZW4=");
    let reply = send(&shut.app, basic.body(Body::from("grant_type=client_credentials")).unwrap()).await;
    assert_eq!(reply.status(), 200);
    let bearer = request("GET", "/iceberg/v1/config").header(header::AUTHORIZATION, format!("Bearer {token}"));
    assert_eq!(send(&shut.app, bearer.body(Body::empty()).unwrap()).await.status(), 200);
    // A token never opens what a foreign page asks for.
    let foreign = request("GET", "/iceberg/v1/config").header(header::ORIGIN, "http://evil.example");
    let reply = send(&open.app, foreign.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status(), 403);
    assert_eq!(json_of(reply).await["error"]["type"], "ForbiddenException");
}
