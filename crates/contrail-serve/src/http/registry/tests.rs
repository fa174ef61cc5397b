//! The API route by route, hostile bodies, and our own client and Confluent's against it.

mod kafka_live;
mod python;

use axum::body::Body;
use axum::http::Response as Reply;
use axum::http::header;
use contrail_kit::Secret;
use contrail_log::codec::{Encoder, SCHEMA, SUBJECT};
use contrail_log::conformance::{self, registry::Prefixed};
use contrail_log::embedded::{self, EmbeddedLog};
use contrail_log::registry::http::{HttpRegistry, Login, Options as ClientOptions};
use contrail_log::{EmbeddedRegistry, Lookup, RegistryError};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::http::tests::{app, body, json_of, kind, request, send};
use crate::http::{App, Options, serve};

struct Bench {
    app: App,
    registry: EmbeddedRegistry,
    _folder: tempfile::TempDir,
}

async fn bench(options: Options) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path().join("log.db"), embedded::Options::default()).await.unwrap();
    let registry = log.registry();
    Bench { app: App { registry: Some(Arc::new(registry.clone())), ..app(options) }, registry, _folder: folder }
}

impl Bench {
    async fn ask(&self, method: &str, path: &str, body: impl Into<Body>) -> Reply<Body> {
        let request = request(method, &format!("/registry{path}")).header(header::CONTENT_TYPE, "application/json");
        send(&self.app, request.body(body.into()).unwrap()).await
    }

    /// The router on a socket of its own.
    async fn listen(&self) -> (String, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/registry", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, self.app.clone(), stop.clone()));
        (url, stop)
    }
}

fn record(fields: Value) -> String {
    json!({ "type": "record", "name": "R", "fields": fields }).to_string()
}

fn sent(schema: &str) -> String {
    json!({ "schema": schema }).to_string()
}

type Case<'a> = (&'a str, &'a str, &'a str, Value);

async fn all_answer(bench: &Bench, cases: &[Case<'_>]) {
    for (method, path, sends, expected) in cases {
        let reply = bench.ask(method, path, (*sends).to_owned()).await;
        assert_eq!(reply.status(), 200, "{method} {path}: {:?}", json_of(reply).await);
        assert_eq!(kind(reply.headers()), shapes::CONTENT_TYPE, "{method} {path}");
        assert_eq!(json_of(reply).await, *expected, "{method} {path}");
    }
}

fn compatibility(level: &str) -> String {
    json!({ "compatibility": level }).to_string()
}

#[tokio::test]
async fn subjects_and_schemas_answer_as_clients_expect() {
    let bench = bench(Options::default()).await;
    let one = record(json!([{ "name": "a", "type": "int" }]));
    let two =
        record(json!([{ "name": "a", "type": "int" }, { "name": "b", "type": ["null", "int"], "default": null }]));
    let version = |n: u32, schema: &str| json!({ "subject": "s", "version": n, "id": n, "schema": schema });
    let none = "";
    all_answer(
        &bench,
        &[
            ("GET", "", none, json!({})),
            ("GET", "/", none, json!({})),
            ("GET", "/subjects", none, json!([])),
            ("GET", "/schemas", none, json!([])),
            ("GET", "/schemas/types", none, json!(["AVRO"])),
            ("GET", "/contexts", none, json!(["."])),
            ("GET", "/mode", none, json!({ "mode": "READWRITE" })),
            ("GET", "/mode/s", none, json!({ "mode": "READWRITE" })),
            ("GET", "/v1/metadata/version", none, json!({ "version": env!("CARGO_PKG_VERSION"), "commitId": "" })),
            ("GET", "/config", none, json!({ "compatibilityLevel": "BACKWARD" })),
            ("POST", "/compatibility/subjects/s/versions", &sent(&one), json!({ "is_compatible": true })),
            ("POST", "/subjects/s/versions", &sent(&one), json!({ "id": 1 })),
            ("POST", "/subjects/s/versions?normalize=True", &sent(&two), json!({ "id": 2 })),
            ("POST", "/subjects/s/versions", &sent(&one.replace(',', " , ")), json!({ "id": 1 })),
            ("POST", "/subjects/t%2Fu/versions", &sent(&one), json!({ "id": 1 })),
            ("GET", "/subjects", none, json!(["s", "t/u"])),
            ("GET", "/subjects?subjectPrefix=t", none, json!(["t/u"])),
            ("GET", "/subjects?offset=1&limit=1", none, json!(["t/u"])),
            ("GET", "/subjects?deletedOnly=true", none, json!([])),
            ("GET", "/subjects/s/versions", none, json!([1, 2])),
            ("GET", "/subjects/s/versions?offset=0&limit=1", none, json!([1])),
            ("GET", "/subjects/t%2Fu/versions", none, json!([1])),
            ("GET", "/subjects/s/versions/1", none, version(1, &one)),
            ("GET", "/subjects/s/versions/latest", none, version(2, &two)),
            ("GET", "/subjects/s/versions/-1", none, version(2, &two)),
            ("GET", "/subjects/s/versions/1/schema", none, serde_json::from_str(&one).unwrap()),
            ("GET", "/subjects/s/versions/1/referencedby", none, json!([])),
            ("POST", "/subjects/s", &sent(&two), version(2, &two)),
            ("POST", "/subjects/s?normalize=false&deleted=true", &sent(&one.replace(':', ": ")), version(1, &one)),
            ("GET", "/schemas/ids/2", none, json!({ "schema": two })),
            ("GET", "/schemas/ids/1?subject=s&fetchMaxId=true", none, json!({ "schema": one, "maxId": 2 })),
            ("GET", "/schemas/ids/2/schema", none, serde_json::from_str(&two).unwrap()),
            ("GET", "/schemas/ids/1/subjects", none, json!(["s", "t/u"])),
            (
                "GET",
                "/schemas/ids/1/versions",
                none,
                json!([{ "subject": "s", "version": 1 }, { "subject": "t/u", "version": 1 }]),
            ),
            ("GET", "/schemas?subjectPrefix=s", none, json!([version(1, &one), version(2, &two)])),
            ("GET", "/schemas?subjectPrefix=s&latestOnly=true", none, json!([version(2, &two)])),
        ],
    )
    .await;
}

#[tokio::test]
async fn levels_and_tests_of_compatibility_answer_as_clients_expect() {
    let bench = bench(Options::default()).await;
    let one = record(json!([{ "name": "a", "type": "int" }]));
    let two =
        record(json!([{ "name": "a", "type": "int" }, { "name": "b", "type": ["null", "int"], "default": null }]));
    let bad = record(json!([{ "name": "a", "type": "string" }, { "name": "c", "type": "int" }]));
    for schema in [&one, &two] {
        assert_eq!(bench.ask("POST", "/subjects/s/versions", sent(schema)).await.status(), 200);
    }
    let level = |level: &str| json!({ "compatibilityLevel": level });
    let none = "";
    let messages = |version: u32| {
        json!({ "is_compatible": false, "messages": [
            format!("this schema cannot read version {version}: field a is written as int and read as string"),
            format!("this schema cannot read version {version}: field c is not written and has no default"),
        ] })
    };
    all_answer(
        &bench,
        &[
            ("POST", "/compatibility/subjects/s/versions/latest", &sent(&one), json!({ "is_compatible": true })),
            ("POST", "/compatibility/subjects/s/versions/latest", &sent(&bad), json!({ "is_compatible": false })),
            ("POST", "/compatibility/subjects/s/versions/latest?verbose=True", &sent(&bad), messages(2)),
            ("POST", "/compatibility/subjects/s/versions?verbose=true", &sent(&bad), messages(2)),
            ("POST", "/compatibility/subjects/s/versions/1?verbose=true", &sent(&bad), messages(1)),
            ("PUT", "/config", &compatibility("FULL_TRANSITIVE"), json!({ "compatibility": "FULL_TRANSITIVE" })),
            ("GET", "/config", none, level("FULL_TRANSITIVE")),
            ("GET", "/config/s?defaultToGlobal=true", none, level("FULL_TRANSITIVE")),
            ("DELETE", "/config", none, level("FULL_TRANSITIVE")),
            ("GET", "/config", none, level("BACKWARD")),
            ("PUT", "/config/s", &compatibility("none"), json!({ "compatibility": "NONE" })),
            ("GET", "/config/s", none, level("NONE")),
            (
                "POST",
                "/compatibility/subjects/s/versions/latest?verbose=true",
                &sent(&bad),
                json!({ "is_compatible": true, "messages": [] }),
            ),
            ("POST", "/subjects/s/versions", &sent(&bad), json!({ "id": 3 })),
            ("DELETE", "/config/s", none, level("NONE")),
        ],
    )
    .await;
}

#[tokio::test]
async fn every_refusal_has_its_number_and_a_sentence() {
    let bench = bench(Options::default()).await;
    let one = record(json!([{ "name": "a", "type": "int" }]));
    let clash = record(json!([{ "name": "a", "type": "string" }]));
    assert_eq!(bench.ask("POST", "/subjects/s/versions", sent(&one)).await.status(), 200);
    let with = |name: &str, value: Value| {
        let mut body = json!({ "schema": one });
        body[name] = value;
        body.to_string()
    };
    let reference = json!([{ "name": "x", "subject": "t", "version": 1 }]);
    let none = String::new();
    let long = format!("/subjects/{}/versions", "x".repeat(256));
    let huge = sent(&"x".repeat(crate::http::BODY_LIMIT));
    for (method, path, sends, status, code, words) in [
        ("GET", "/nothing", &none, 404, 404, "nothing at this address"),
        ("GET", "/schemas/guids/1", &none, 404, 404, "nothing at this address"),
        ("POST", "/subjects", &none, 405, 405, "does not take that method"),
        ("GET", "/subjects/s", &none, 405, 405, "does not take that method"),
        ("GET", "/subjects/t/versions", &none, 404, 40401, "Subject 't' not found"),
        ("GET", "/subjects/t/versions/1", &none, 404, 40401, "Subject 't' not found"),
        ("POST", "/subjects/t", &sent(&one), 404, 40401, "not found"),
        ("POST", "/compatibility/subjects/t/versions/latest", &sent(&one), 404, 40401, "not found"),
        ("GET", "/subjects/s/versions/2", &none, 404, 40402, "Version 2 not found"),
        ("GET", "/subjects/s/versions/2/referencedby", &none, 404, 40402, "Version 2 not found"),
        ("POST", "/compatibility/subjects/s/versions/2", &sent(&one), 404, 40402, "Version 2 not found"),
        ("GET", "/subjects/s/versions/0", &none, 422, 42202, "not a valid version id"),
        ("GET", "/subjects/s/versions/x", &none, 422, 42202, "not a valid version id"),
        ("GET", "/subjects/s/versions/4000000000", &none, 422, 42202, "not a valid version id"),
        ("POST", "/subjects/s", &sent(&clash), 404, 40403, "not found"),
        ("GET", "/schemas/ids/9", &none, 404, 40403, "Schema 9 not found"),
        ("GET", "/schemas/ids/9/schema", &none, 404, 40403, "Schema 9 not found"),
        ("GET", "/schemas/ids/9/versions", &none, 404, 40403, "Schema 9 not found"),
        ("GET", "/schemas/ids/9/subjects", &none, 404, 40403, "Schema 9 not found"),
        ("GET", "/schemas/ids/-1", &none, 404, 40403, "Schema -1 not found"),
        ("GET", "/schemas/ids/4294967296", &none, 404, 40403, "not found"),
        ("GET", "/config/s", &none, 404, 40408, "does not have subject-level compatibility"),
        ("DELETE", "/config/s", &none, 404, 40408, "does not have subject-level compatibility"),
        ("PUT", "/config", &compatibility("SIDEWAYS"), 422, 42203, "SIDEWAYS"),
        ("PUT", "/config/s", &json!({}).to_string(), 422, 42203, "Invalid compatibility level"),
        ("PUT", "/config/s", &json!({ "compatibility": "FULL", "alias": "t" }).to_string(), 422, 42203, "not alias"),
        ("PUT", "/mode", &json!({ "mode": "IMPORT" }).to_string(), 405, 405, "READWRITE"),
        ("DELETE", "/mode/s", &none, 405, 405, "READWRITE"),
        ("DELETE", "/subjects/s", &none, 405, 405, "permanent"),
        ("DELETE", "/subjects/s?permanent=true", &none, 405, 405, "permanent"),
        ("DELETE", "/subjects/s/versions/1", &none, 405, 405, "permanent"),
        (
            "POST",
            "/subjects/s/versions",
            &sent(&clash),
            409,
            409,
            "field a is written as int and read as string\nfield",
        ),
        ("POST", "/subjects/s/versions", &sent("{}"), 422, 42201, "Invalid schema"),
        ("POST", "/subjects/s", &sent("nonsense"), 422, 42201, "Invalid schema"),
        ("POST", "/compatibility/subjects/s/versions", &sent(""), 422, 42201, "Invalid schema"),
        ("POST", "/subjects/s/versions", &with("schemaType", json!("PROTOBUF")), 422, 42201, "AVRO here, not PROTOBUF"),
        ("POST", "/subjects/s/versions", &with("references", reference), 422, 42201, "cannot refer to other subjects"),
        ("POST", "/subjects/s/versions", &with("ruleSet", json!({})), 422, 42201, "metadata and rules are not kept"),
        ("POST", "/subjects/s/versions", &with("id", json!(7)), 422, 42205, "IMPORT"),
        ("POST", "/subjects/__GLOBAL/versions", &sent(&one), 422, 42208, "a subject has"),
        ("POST", "/subjects/a%0Ab/versions", &sent(&one), 422, 42208, "a subject has"),
        ("PUT", "/config/%00", &compatibility("FULL"), 422, 42208, "a subject has"),
        ("POST", &long, &sent(&one), 422, 42208, "a subject has"),
        ("POST", "/subjects/%FF/versions", &sent(&one), 404, 404, "cannot be read"),
        ("POST", "/subjects/s/versions", &none, 400, 400, "the body"),
        ("POST", "/subjects/s/versions", &"{}".to_owned(), 400, 400, "missing field `schema`"),
        ("GET", "/subjects?limit=many", &none, 400, 400, "limit: expected a whole number"),
        ("POST", "/subjects/s/versions", &huge, 413, 413, "256 kB at most"),
    ] {
        let reply = bench.ask(method, path, sends.clone()).await;
        assert_eq!(reply.status(), status, "{method} {path}");
        assert_eq!(kind(reply.headers()), shapes::CONTENT_TYPE, "{method} {path}");
        let error = json_of(reply).await;
        assert_eq!(error["error_code"], code, "{method} {path}: {error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{method} {path}: {error}");
    }
    assert_eq!(bench.registry.versions("s").await.unwrap().len(), 1, "what is refused leaves nothing");
}

#[tokio::test]
async fn looking_burns_no_id() {
    let bench = bench(Options::default()).await;
    for path in ["/schemas/ids/1", "/schemas/ids/2/schema", "/schemas/ids/3/versions", "/schemas/ids/4/subjects"] {
        assert_eq!(bench.ask("GET", path, "").await.status(), 404);
    }
    for (n, name) in ["\"int\"", "\"long\"", "\"string\"", "\"bytes\""].into_iter().enumerate() {
        assert_eq!(bench.registry.register(&format!("s{n}"), name).await.unwrap(), n as u32 + 1);
    }
    // A message that names an id is another matter.
    assert_eq!(bench.registry.schema(5).await.unwrap(), Lookup::Never);
    assert_eq!(bench.registry.register("t", "\"float\"").await.unwrap(), 6);
}

#[tokio::test]
async fn a_node_whose_registry_is_elsewhere_says_so() {
    let bench = Bench { app: app(Options::default()), ..bench(Options::default()).await };
    for (method, path) in [("GET", "/subjects"), ("GET", "/config"), ("POST", "/subjects/s/versions")] {
        let reply = bench.ask(method, path, "{}").await;
        assert_eq!(reply.status(), 404);
        let error = json_of(reply).await;
        assert!(error["message"].as_str().unwrap().contains("registry.url"), "{error}");
    }
}

#[tokio::test]
async fn the_token_is_asked_for_in_the_apis_own_form() {
    let bench = bench(Options { token: Some(Secret::new("t0ken")), ..Options::default() }).await;
    let reply = bench.ask("GET", "/subjects", "").await;
    assert_eq!((reply.status().as_u16(), kind(reply.headers())), (401, shapes::CONTENT_TYPE));
    assert_eq!(json_of(reply).await["error_code"], 40101);
    let (url, stop) = bench.listen().await;
    let basic = |username: &str, password: &str| Login::Basic {
        username: username.into(),
        password: Secret::new(password.to_owned()),
    };
    for (login, admitted) in [
        (Login::None, false),
        (Login::Bearer(Secret::new("t0ken")), true),
        (Login::Bearer(Secret::new("token")), false),
        (basic("me", "t0ken"), true),
        (basic("t0ken", ""), true),
        (basic("me", "wrong"), false),
    ] {
        let client = HttpRegistry::open(ClientOptions { login: login.clone(), ..ClientOptions::new(&url) }).unwrap();
        let answer = client.subjects().await;
        match admitted {
            true => assert_eq!(answer.unwrap(), Vec::<String>::new()),
            false => assert!(matches!(answer, Err(RegistryError::Denied { status: 401, .. })), "{login:?} {answer:?}"),
        }
    }
    stop.cancel();
}

#[tokio::test]
async fn our_own_client_finds_a_registry_here() {
    let bench = bench(Options::default()).await;
    let (url, stop) = bench.listen().await;
    let round = std::sync::atomic::AtomicUsize::new(0);
    conformance::registry::run(async || Prefixed {
        prefix: format!("suite{}-", round.fetch_add(1, std::sync::atomic::Ordering::SeqCst)),
        registry: HttpRegistry::open(ClientOptions::new(&url)).unwrap(),
    })
    .await;
    let client = HttpRegistry::open(ClientOptions::new(&url)).unwrap();
    let id = Encoder::new(&client, SUBJECT).await.unwrap().schema_id();
    assert_eq!(bench.registry.register(SUBJECT, SCHEMA).await.unwrap(), id);
    stop.cancel();
}

/// Any JSON, of modest size.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("type"),
        Just("name"),
        Just("fields"),
        Just("record"),
        Just("items"),
        Just("array"),
        Just("map"),
        Just("values"),
        Just("enum"),
        Just("symbols"),
        Just("fixed"),
        Just("size"),
        Just("logicalType"),
        Just("decimal"),
        Just("precision"),
        Just("scale"),
        Just("int"),
        Just("R"),
        Just("default"),
        Just("schema"),
        Just("compatibility"),
        Just("null"),
        Just(""),
        Just("a.b"),
        Just("timestamp-micros"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

#[test]
fn hostile_bodies_are_refused_and_never_an_internal_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = runtime.block_on(bench(Options::default()));
    let one = record(json!([{ "name": "a", "type": "int" }]));
    assert_eq!(runtime.block_on(bench.ask("POST", "/subjects/s/versions", sent(&one))).status(), 200);
    let routes = [
        ("POST", "/subjects/s/versions"),
        ("POST", "/subjects/s"),
        ("POST", "/compatibility/subjects/s/versions"),
        ("POST", "/compatibility/subjects/s/versions/1?verbose=true"),
        ("PUT", "/config/t"),
    ];
    let try_all = |bytes: Vec<u8>| {
        for (method, path) in routes {
            let reply = runtime.block_on(bench.ask(method, path, bytes.clone()));
            assert!(reply.status().as_u16() < 500, "{method} {path}: {}", String::from_utf8_lossy(&bytes));
            assert_eq!(kind(reply.headers()), shapes::CONTENT_TYPE);
            runtime.block_on(body(reply));
        }
    };
    for schema in [
        "[".repeat(100_000),
        r#"{"type":"array","items":"#.repeat(10_000),
        r#"{"type":"fixed","name":"F","size":-1}"#.into(),
        r#"{"type":"fixed","name":"F","size":18446744073709551616}"#.into(),
        r#"{"type":"bytes","logicalType":"decimal","precision":-1,"scale":9}"#.into(),
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"R"},{"name":"a","type":"R"}]}"#.into(),
        r#"{"type":"enum","name":"E","symbols":["A","A"],"default":7}"#.into(),
        r#"["null","null",["int"]]"#.into(),
        "\u{0}\u{10ffff}".into(),
    ] {
        try_all(sent(&schema).into_bytes());
        try_all(schema.into_bytes());
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let bodies = prop_oneof![
        any_json().prop_map(|json| sent(&json.to_string()).into_bytes()),
        any_json().prop_map(|json| json.to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..200),
    ];
    runner
        .run(&bodies, |bytes| {
            try_all(bytes);
            Ok(())
        })
        .unwrap();
}
