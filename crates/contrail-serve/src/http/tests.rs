//! The router as clients meet it: answers, refusals, caching, the stream and its end.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, header};
use contrail_types::{Icao24, Micros};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::*;
use crate::api;
use crate::live::testing::{S, T0, batch, row, sky};
use crate::live::{Pulse, Unknown};
use crate::problem::Problem;
use contrail_kit::Clock;

/// A node with little to say.
struct Quiet;

#[async_trait::async_trait]
impl StreamDesk for Quiet {
    async fn overview(&self) -> api::Stream {
        api::Stream { kind: "kafka".into(), ..Default::default() }
    }

    /// Says what it was asked.
    async fn tail(&self, request: api::TailRequest) -> Result<api::Tail, Problem> {
        Ok(api::Tail { next: format!("{request:?}"), ..Default::default() })
    }

    async fn dead_letters(&self, filter: api::DeadLetterFilter) -> Result<api::DeadLetters, Problem> {
        Ok(api::DeadLetters { total: filter.limit.unwrap_or(0) as u64, ..Default::default() })
    }

    async fn replay(&self, filter: api::DeadLetterFilter) -> Result<api::DeadLettersDone, Problem> {
        Ok(api::DeadLettersDone { reason: filter.reason, ..Default::default() })
    }

    async fn purge(&self, _: api::DeadLetterFilter) -> Result<api::DeadLettersDone, Problem> {
        Err(Problem::unavailable("not now"))
    }
}

#[async_trait::async_trait]
impl Node for Quiet {
    async fn status(&self) -> api::Status {
        let role = api::RoleStatus { role: "land".into(), state: "waiting".into(), ..Default::default() };
        api::Status { version: "1".into(), roles: vec![role], ..Default::default() }
    }

    async fn explore(&self, request: api::ExploreRequest) -> Result<api::ExploreAnswer, Problem> {
        match request {
            api::ExploreRequest::Figures(filters) => {
                Ok(api::ExploreAnswer::Figures(Box::new(api::Explore { filters, ..Default::default() })))
            }
            _ => Err(Problem::unavailable("nothing has been built yet")),
        }
    }

    async fn aircraft(&self, icao24: Icao24) -> Result<Option<api::AircraftHistory>, Problem> {
        let known = api::AircraftHistory { hours_seen: 3, callsign: Some("OLD1".into()), ..Default::default() };
        Ok((icao24.get() < 10).then_some(known))
    }

    async fn track(&self, icao24: Icao24, from: Micros, to: Micros) -> Result<api::Track, Problem> {
        let time = vec![from as f64 / 1e6, to as f64 / 1e6];
        let columns = contrail_types::history::TrackColumns { time, ..Default::default() };
        Ok(api::Track { icao24: icao24.to_string(), columns })
    }

    async fn timeline(&self, hours: u32) -> Result<api::Timeline, Problem> {
        Ok(api::Timeline { bucket_s: 600, counts: vec![None; hours as usize * 6], ..Default::default() })
    }

    async fn catalog(&self, request: api::CatalogRequest) -> Result<api::Catalog, Problem> {
        match request {
            api::CatalogRequest::Table(name) => Err(Problem::not_found(format!("there is no table {name}"))),
            api::CatalogRequest::Evolve { table, dry_run } => {
                Ok(api::Catalog::Evolved(api::Evolved { table, dry_run, ..Default::default() }))
            }
            _ => Ok(api::Catalog::Tables(Vec::new())),
        }
    }

    async fn build(&self, request: api::BuildRequest) -> Result<api::Built, Problem> {
        Ok(api::Built { rows: request.hours.len() as u64 })
    }

    async fn sql(&self, request: api::SqlRequest) -> Result<api::SqlAnswer, Problem> {
        if request.sql.contains("refused") {
            return Err(Problem::statement("only one SELECT is taken"));
        }
        let rows = batch(&[row(1), row(2), row(3)]).project(&[4, 5]).unwrap();
        let batches = Box::pin(futures::stream::iter([Ok(rows.clone()), Ok(rows.clone())]));
        Ok(api::SqlAnswer { schema: rows.schema(), batches })
    }
}

pub(super) fn app(options: Options) -> App {
    let live = LiveSky::new("b00t", Clock::fixed(T0 + 3 * S), Arc::new(Unknown));
    App {
        node: Arc::new(Quiet),
        stream: Arc::new(Quiet),
        live,
        registry: None,
        iceberg: IcebergFace::Elsewhere("there is no catalog here".into()),
        metrics: Arc::new(|| "contrail_up 1\n".into()),
        options,
    }
}

pub(super) async fn send(app: &App, request: Request<Body>) -> Response<Body> {
    let address = "127.0.0.1:8090".parse().unwrap();
    router(app.clone(), address, CancellationToken::new()).oneshot(request).await.unwrap()
}

pub(super) fn request(method: &str, uri: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(uri).header(header::HOST, "localhost:8090")
}

pub(super) async fn get(app: &App, uri: &str) -> Response<Body> {
    send(app, request("GET", uri).body(Body::empty()).unwrap()).await
}

pub(super) async fn body(response: Response<Body>) -> Vec<u8> {
    to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec()
}

pub(super) async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_slice(&body(response).await).unwrap()
}

pub(super) fn kind(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).map_or("", |v| v.to_str().unwrap())
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let app = app(Options::default());
    for (method, uri, status) in [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/nothing.js", 404),
        ("POST", "/api/v1/status", 405),
        ("POST", "/explore", 405),
        ("GET", "/api/v1/sql", 405),
        ("POST", "/api/v1/sql", 415),
        ("GET", "/api/v1/aircraft/xyz", 400),
        ("GET", "/api/v1/aircraft/ffffff", 404),
        ("GET", "/api/v1/aircraft/000001/track?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400),
        ("GET", "/api/v1/aircraft/000001/track?from=yesterday", 400),
        ("GET", "/api/v1/live/frames/latest", 404),
        ("GET", "/api/v1/live/frames/b00t-9", 404),
        ("GET", "/api/v1/live/identity?since=abc", 400),
        ("GET", "/api/v1/live/trails", 400),
        ("GET", "/api/v1/live/trails?icao24=000001&minutes=61", 400),
        ("GET", "/api/v1/timeline?hours=0", 400),
        ("GET", "/api/v1/explore?contry=DE", 400),
        ("GET", "/api/v1/explore?hour=24", 400),
        ("GET", "/api/v1/explore/range", 503),
        ("GET", "/api/v1/tables/none", 404),
        ("GET", "/api/states/all?lamin=4", 400),
        ("GET", "/readyz", 503),
    ] {
        let response = send(&app, request(method, uri).body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), status, "{method} {uri}");
        assert_eq!(kind(response.headers()), "application/problem+json", "{method} {uri}");
        let problem = json_of(response).await;
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{problem}");
    }
    let many = format!("/api/v1/live/trails?icao24={}", vec!["000001"; 201].join(","));
    assert_eq!(get(&app, &many).await.status(), 400);
}

#[tokio::test]
async fn every_response_carries_the_careful_headers() {
    let app = app(Options::default());
    for uri in ["/", "/live", "/api/v1/status", "/healthz", "/api/v1/nothing"] {
        let response = get(&app, uri).await;
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        assert!(headers.contains_key(header::CACHE_CONTROL) && !headers.contains_key("access-control-allow-origin"));
    }
    assert_eq!(kind(get(&app, "/explore").await.headers()), "text/html; charset=utf-8");
    assert_eq!(body(get(&app, "/metrics").await).await, b"contrail_up 1\n");
}

#[tokio::test]
async fn files_of_the_ui_are_sent_with_type_and_cache() {
    let app = app(Options::default());
    for name in files::names() {
        let plain = get(&app, &format!("/{name}")).await;
        assert_eq!(plain.status(), 200, "{name}");
        assert_ne!(kind(plain.headers()), "application/octet-stream", "{name}");
        let cache = plain.headers()[header::CACHE_CONTROL].to_str().unwrap();
        assert_eq!(cache.contains("immutable"), name.starts_with("assets/"), "{name}");
        let etag = plain.headers()[header::ETAG].clone();
        let plain = body(plain).await;
        for _ in 0..2 {
            let packed = request("GET", &format!("/{name}")).header(header::ACCEPT_ENCODING, "gzip");
            let packed = send(&app, packed.body(Body::empty()).unwrap()).await;
            if packed.headers().get(header::CONTENT_ENCODING).is_some_and(|e| e == "gzip") {
                let packed = body(packed).await;
                let mut raw = Vec::new();
                std::io::copy(&mut flate2::read::GzDecoder::new(&packed[..]), &mut raw).unwrap();
                assert_eq!(raw, plain, "{name}");
            }
        }
        let same = request("GET", &format!("/{name}")).header(header::IF_NONE_MATCH, etag);
        assert_eq!(send(&app, same.body(Body::empty()).unwrap()).await.status(), 304, "{name}");
    }
}

#[tokio::test]
async fn strangers_are_refused_and_the_token_opens() {
    let open = app(Options::default());
    let strange = Request::get("/api/v1/status").header(header::HOST, "evil.example").body(Body::empty()).unwrap();
    assert_eq!(send(&open, strange).await.status(), 403);
    let foreign = request("POST", "/api/v1/sql").header(header::ORIGIN, "http://evil.example");
    assert_eq!(send(&open, foreign.body(Body::empty()).unwrap()).await.status(), 403);

    let options = Options { token: Some(Secret::new("t0ken")), open_data: true, ..Options::default() };
    let shut = app(options);
    let refused = get(&shut, "/api/v1/status").await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()[header::WWW_AUTHENTICATE]),
        (401, &"Bearer".parse().unwrap())
    );
    for (uri, status) in [("/healthz", 200), ("/data/receiver.json", 200), ("/", 401), ("/metrics", 401)] {
        assert_eq!(get(&shut, uri).await.status(), status, "{uri}");
    }
    let page = request("GET", "/").header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
    assert!(String::from_utf8(body(send(&shut, page).await).await).unwrap().contains("asks for its token"));
    let bearer = request("GET", "/api/v1/status").header(header::AUTHORIZATION, "Bearer t0ken");
    assert_eq!(send(&shut, bearer.body(Body::empty()).unwrap()).await.status(), 200);
    let link = get(&shut, "/live?token=t0ken&zoom=4").await;
    assert_eq!((link.status().as_u16(), &link.headers()[header::LOCATION]), (303, &"/live?zoom=4".parse().unwrap()));
    let cookie = link.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let with_cookie = request("GET", "/api/v1/status").header(header::COOKIE, cookie);
    assert_eq!(send(&shut, with_cookie.body(Body::empty()).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn a_socket_beyond_this_machine_needs_a_token() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let error = serve(listener, app(Options::default()), CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.class(), Class::USER);
    assert!(error.to_string().contains("serve.http.token"));
}

#[tokio::test]
async fn frames_are_immutable_and_compressed_once() {
    let app = app(Options::default());
    app.live.update(vec![sky(100, T0)]).await.unwrap();
    let frame = get(&app, "/api/v1/live/frames/b00t-1").await;
    assert!(frame.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let etag = frame.headers()[header::ETAG].clone();
    let plain = body(frame).await;
    assert_eq!((&plain[..4], plain.len()), (&b"CTR1"[..], 32 + 100 * 22));
    let packed = request("GET", "/api/v1/live/frames/latest").header(header::ACCEPT_ENCODING, "br, gzip");
    let packed = send(&app, packed.body(Body::empty()).unwrap()).await;
    assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(body(packed).await, app.live.latest().unwrap().gzip);
    let same = request("GET", "/api/v1/live/frames/latest").header(header::IF_NONE_MATCH, etag);
    let same = send(&app, same.body(Body::empty()).unwrap()).await;
    assert_eq!((same.status().as_u16(), body(same).await.len()), (304, 0));
    let head = send(&app, request("HEAD", "/api/v1/live/frames/b00t-1").body(Body::empty()).unwrap()).await;
    assert_eq!((head.status().as_u16(), body(head).await.len()), (200, 0));
    for _ in 0..5 {
        app.live.publish();
    }
    assert_eq!(get(&app, "/api/v1/live/frames/b00t-1").await.status(), 404);
    assert_eq!(get(&app, "/api/v1/live/frames/b00t-6").await.status(), 200);
}

#[tokio::test]
async fn the_live_sky_is_in_every_shape() {
    let app = app(Options::default());
    app.live.update(vec![sky(20, T0)]).await.unwrap();
    let status = json_of(get(&app, "/api/v1/status").await).await;
    assert_eq!(
        (&status["sky"]["aircraft"], &status["sky"]["frame"], &status["boot_id"]),
        (&json!(20), &json!(1), &json!("b00t"))
    );
    assert_eq!(status["sky_time"], "2024-04-28T13:46:05.000Z");
    let states = json_of(get(&app, "/api/states/all?icao24=000001").await).await;
    assert_eq!((&states["time"], &states["states"][0][0]), (&json!(T0 / S), &json!("000001")));
    let readsb = json_of(get(&app, "/data/aircraft.json").await).await;
    assert_eq!((readsb["aircraft"].as_array().unwrap().len(), &readsb["messages"]), (20, &json!(20)));
    assert_eq!(json_of(get(&app, "/data/receiver.json").await).await["refresh"], 10_000);
    let identity = json_of(get(&app, "/api/v1/live/identity").await).await;
    assert_eq!((identity["columns"]["icao24"].as_array().unwrap().len(), &identity["full"]), (20, &json!(true)));
    let trails = json_of(get(&app, "/api/v1/live/trails?icao24=000001,000002").await).await;
    assert_eq!(trails["trails"].as_object().unwrap().keys().collect::<Vec<_>>(), ["000001"]);
    // Live goes before the lake, and is there without it.
    let known = json_of(get(&app, "/api/v1/aircraft/000001").await).await;
    assert_eq!(
        (&known["hours_seen"], &known["callsign"], &known["state"]["velocity"]),
        (&json!(3), &json!("DLH1"), &json!(0.0))
    );
    let unknown = json_of(get(&app, "/api/v1/aircraft/00000F").await).await;
    assert_eq!(
        (&unknown["icao24"], &unknown["hours_seen"], &unknown["last_seen"]),
        (&json!("00000f"), &json!(0), &json!("2024-04-28T13:46:03.000Z"))
    );
    let explored = json_of(get(&app, "/api/v1/explore?country=DE,US&hour=1&hour=2").await).await;
    assert_eq!((&explored["filters"]["country"], &explored["filters"]["hour"]), (&json!(["DE", "US"]), &json!([1, 2])));
}

#[tokio::test]
async fn statements_come_back_as_rows_or_as_arrow() {
    let app = app(Options::default());
    let post = |text: &str, accept: &str| {
        let request = request("POST", "/api/v1/sql").header(header::CONTENT_TYPE, "application/json");
        request.header(header::ACCEPT, accept).body(Body::from(text.to_owned())).unwrap()
    };
    let rows = json_of(send(&app, post(r#"{"sql":"select 1","limit":4}"#, "*/*")).await).await;
    assert_eq!((rows["rows"].as_array().unwrap().len(), &rows["truncated"]), (4, &json!(true)));
    assert_eq!(
        (&rows["columns"][1], &rows["rows"][0]),
        (&json!({"name": "callsign", "type": "text"}), &json!(["000001", "DLH1"]))
    );
    let all = json_of(send(&app, post(r#"{"sql":"select 1","limit":6}"#, "*/*")).await).await;
    assert_eq!((all["rows"].as_array().unwrap().len(), &all["truncated"]), (6, &json!(false)));
    let arrow = send(&app, post(r#"{"sql":"select 1"}"#, "application/vnd.apache.arrow.stream")).await;
    let bytes = body(arrow).await;
    let batches = arrow::ipc::reader::StreamReader::try_new(&bytes[..], None).unwrap();
    assert_eq!(batches.map(|b| b.unwrap().num_rows()).sum::<usize>(), 6);
    for (text, status) in [
        (r#"{"sql":"refused"}"#, 422),
        (r#"{"sql":" "}"#, 400),
        (r#"{"sql":"select 1","limit":0}"#, 400),
        (r#"{"sql":"select 1","limits":1}"#, 400),
        ("select 1", 400),
    ] {
        assert_eq!(send(&app, post(text, "*/*")).await.status(), status, "{text}");
    }
    let long = format!(r#"{{"sql":"{}"}}"#, "x".repeat(BODY_LIMIT));
    assert_eq!(send(&app, post(&long, "*/*")).await.status(), 413);
}

/// The events of a stream over a real socket, as (event, id, data).
struct Events(BufReader<TcpStream>);

impl Events {
    async fn open(address: SocketAddr, more: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!("GET /api/v1/live/events HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        Self(BufReader::new(socket))
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        tokio::time::timeout(Duration::from_secs(10), self.0.read_line(&mut line)).await.unwrap().unwrap();
        line.trim_end().to_owned()
    }

    async fn next(&mut self) -> (String, String, Value) {
        let (mut event, mut id) = (String::new(), String::new());
        loop {
            let line = self.line().await;
            match line.split_once(": ").or_else(|| line.split_once(':')) {
                Some(("event", name)) => event = name.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", data)) => return (event, id, serde_json::from_str(data).unwrap()),
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_announce_frames_and_end_with_the_server() {
    let app = app(Options::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(serve(listener, app.clone(), stop.clone()));

    let mut early = Events::open(address, "").await;
    let (event, id, data) = early.next().await;
    assert_eq!((event.as_str(), id.as_str(), &data["frame"], data.get("url")), ("status", "", &json!(0), None));
    app.live.update(vec![sky(50, T0)]).await.unwrap();
    let (event, id, data) = early.next().await;
    assert_eq!((event.as_str(), id.as_str()), ("frame", "b00t-1"));
    assert_eq!((&data["url"], &data["aircraft"]), (&json!("/api/v1/live/frames/b00t-1"), &json!(50)));
    app.live.note(Pulse {
        message: Some("429: waits an hour".into()),
        state: api::FeedState::Failed,
        ..Pulse::default()
    });
    let (event, _, data) = early.next().await;
    assert_eq!((event.as_str(), &data["state"], data.get("url")), ("status", &json!("failed"), None));

    // Who connects later gets the frame at once; who has it gets the state only.
    assert_eq!(Events::open(address, "").await.next().await.0, "frame");
    let mut again = Events::open(address, "last-event-id: b00t-1\r\n").await;
    assert_eq!(again.next().await.0, "status");
    // One who does not read costs nothing, and then sees the latest only.
    for _ in 0..200 {
        app.live.publish();
    }
    let mut seen = again.next().await;
    while seen.1 != "b00t-201" {
        seen = again.next().await;
    }

    stop.cancel();
    tokio::time::timeout(Duration::from_secs(4), serving).await.unwrap().unwrap().unwrap();
    let mut rest = Vec::new();
    early.0.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"));
}

#[test]
fn the_description_is_as_reviewed() {
    insta::assert_json_snapshot!("openapi", openapi());
}

#[test]
fn every_route_is_described() {
    let described = serde_json::to_value(openapi()).unwrap();
    let mut routes = 0;
    let api = [("/api/v1", include_str!("../http.rs")), ("/registry", include_str!("registry.rs"))];
    let lines = api.iter().flat_map(|(root, source)| source.lines().map(move |line| (root, line.trim())));
    for (root, line) in lines.filter_map(|(root, line)| Some((root, line.strip_prefix(".route(\"")?))) {
        let path = line.split('"').next().unwrap();
        let path = if path.starts_with("/api")
            || line.contains("shapes::")
            || path == "/registry/"
            || matches!(path, "/metrics" | "/healthz" | "/readyz")
        {
            path.to_owned()
        } else {
            format!("{root}{path}")
        };
        let path = path.trim_end_matches('/').to_owned();
        if path == "/api/openapi.json" {
            continue;
        }
        let here = described["paths"].get(&path).unwrap_or_else(|| panic!("{path} is not in the description"));
        if *root == "/registry" {
            for method in ["get", "post", "put", "delete"] {
                // One refusal serves several addresses and is described once.
                let served = line.contains(&format!("{method}(")) && !line.contains(&format!("{method}(set_mode"));
                assert!(!served || here.get(method).is_some(), "{method} {path} is not in the description");
            }
        }
        routes += 1;
    }
    assert!(routes > 40, "{routes}");
}

#[tokio::test]
async fn the_stream_answers_and_refuses() {
    let app = app(Options::default());
    assert_eq!(json_of(get(&app, "/api/v1/stream").await).await["kind"], "kafka");
    let asked = json_of(get(&app, "/api/v1/stream/tail?icao24=3C6444&after=0:12,1:7&limit=9999&wait=99").await).await;
    let asked = asked["next"].as_str().unwrap();
    assert!(asked.contains("Some(\"3c6444\")") && asked.contains("Cursor(\"0:12,1:7\")"), "{asked}");
    assert!(asked.contains("limit: 1000") && asked.contains("wait_ms: 30000"), "{asked}");
    let asked = json_of(get(&app, "/api/v1/stream/tail?from=2026-03-14T15:00Z").await).await;
    assert!(asked["next"].as_str().unwrap().contains("Time("), "{asked}");
    assert_eq!(json_of(get(&app, "/api/v1/stream/dead-letters").await).await["total"], 50);
    for wrong in ["tail?icao24=x", "tail?from=yesterday", "tail?limit=-1", "tail?fron=1", "dead-letters?partition=a"] {
        assert_eq!(get(&app, &format!("/api/v1/stream/{wrong}")).await.status(), 400, "{wrong}");
    }
    let post = async |what: &str, body: &str| {
        let request = request("POST", &format!("/api/v1/stream/dead-letters/{what}"));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_owned()));
        send(&app, request.unwrap()).await
    };
    assert_eq!(json_of(post("replay", r#"{"reason": "JSON"}"#).await).await["reason"], "JSON");
    assert_eq!(post("replay", "[1").await.status(), 400);
    assert_eq!(post("purge", "{}").await.status(), 503);
}

#[tokio::test]
async fn a_process_without_a_map_says_how_it_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served =
        tokio::spawn(health(listener, || async { Quiet.status().await }, Arc::new(|| "up 1\n".into()), stop.clone()));
    let ask = async |path: &str| {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(ask("/healthz").await.ends_with("ok\n"));
    assert!(ask("/metrics").await.contains("up 1"));
    assert!(ask("/api/v1/status").await.contains("\"role\":\"land\""));
    let unready = ask("/readyz").await;
    assert!(unready.contains(" 503 ") && unready.contains("land is waiting"), "{unready}");
    stop.cancel();
    served.await.unwrap().unwrap();
}
