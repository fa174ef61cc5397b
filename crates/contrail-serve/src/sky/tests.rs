//! The server as its clients meet it.

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use contrail_types::time::SECOND;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::live::testing::{T0, sky as made_up};

struct Fixture {
    server: SkyServer,
    clock: Clock,
    stop: CancellationToken,
}

struct Made;

impl SkySource for Made {
    fn answer(&mut self, now: Micros) -> Content {
        Content::States { time: now, states: made_up(30, now) }
    }

    fn past(&mut self, at: Micros) -> Option<Content> {
        Some(self.answer(at))
    }
}

/// Answers 1, 2, 3, … as raw bodies.
struct Counting(i64);

impl SkySource for Counting {
    fn answer(&mut self, _: Micros) -> Content {
        self.0 += 1;
        Content::Raw(format!(r#"{{"time":{},"states":[["3c6444"]]}}"#, self.0).into())
    }
}

fn server(sky: impl SkySource + 'static, options: SkyOptions) -> Fixture {
    let (clock, stop) = (Clock::fixed(T0), CancellationToken::new());
    Fixture { server: SkyServer::new(Box::new(sky), options, clock.clone(), stop.clone()), clock, stop }
}

impl Fixture {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.server.router().oneshot(request).await.unwrap()
    }

    async fn get(&self, uri: &str) -> Response<Body> {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    async fn get_with(&self, uri: &str, token: &str) -> Response<Body> {
        let request = Request::get(uri).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn token(&self, form: &str) -> (StatusCode, Value) {
        let response = self.send(Request::post(TOKEN_PATH).body(Body::from(form.to_owned())).unwrap()).await;
        (response.status(), json_of(response).await)
    }

    async fn faults(&self, list: &str) {
        let response = self.send(Request::post("/admin/faults").body(Body::from(list.to_owned())).unwrap()).await;
        assert_eq!(response.status(), 200);
    }
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn a_sky_in_opensky_s_shape_with_its_parameters() {
    let f = server(Made, SkyOptions::default());
    let all = f.get("/api/states/all").await;
    assert_eq!(all.headers()["x-rate-limit-remaining"], "396");
    let all = json_of(all).await;
    assert_eq!(all["time"], json!(T0 / SECOND));
    assert_eq!((all["states"].as_array().unwrap().len(), all["states"][0].as_array().unwrap().len()), (30, 17));
    let extended = json_of(f.get("/api/states/all?extended=1&icao24=000001&icao24=000008").await).await;
    assert_eq!(
        (extended["states"].as_array().unwrap().len(), extended["states"][0].as_array().unwrap().len()),
        (2, 18)
    );
    let nobody = f.get("/api/states/all?lamin=-80&lomin=1&lamax=-79&lomax=2").await;
    assert_eq!(nobody.headers()["x-rate-limit-remaining"], "391");
    assert_eq!(json_of(nobody).await["states"], Value::Null);
    for bad in
        ["lamin=1", "lamin=5&lomin=5&lamax=1&lomax=6", "lamin=a&lomin=5&lamax=1&lomax=6", "icao24=zz", "time=soon"]
    {
        assert_eq!(f.get(&format!("/api/states/all?{bad}")).await.status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn tokens_are_issued_recognised_and_end() {
    let client = Some(("me".to_owned(), Secret::new("pass")));
    let f = server(Made, SkyOptions { client, ..SkyOptions::default() });
    for (form, status, error) in [
        ("grant_type=password&client_id=me&client_secret=pass", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials&client_id=me&client_secret=wrong", 401, "invalid_client"),
        ("", 400, "unsupported_grant_type"),
    ] {
        let (got, body) = f.token(form).await;
        assert_eq!((got.as_u16(), body["error"].as_str()), (status, Some(error)), "{form}");
    }
    let (_, answer) = f.token("grant_type=client_credentials&client_id=me&client_secret=pass").await;
    assert_eq!((answer["expires_in"].as_u64(), answer["token_type"].as_str()), (Some(1800), Some("Bearer")));
    let token = answer["access_token"].as_str().unwrap();
    let known = f.get_with("/api/states/all", token).await;
    assert_eq!((known.status().as_u16(), &known.headers()["x-rate-limit-remaining"]), (200, &"3996".parse().unwrap()));
    let past = json_of(f.get_with(&format!("/api/states/all?time={}", T0 / SECOND - 600), token).await).await;
    assert_eq!(past["time"], json!(T0 / SECOND - 600));
    assert_eq!(f.get(&format!("/api/states/all?time={}", T0 / SECOND - 600)).await.status(), 403);
    assert_eq!(f.get_with("/api/states/all?time=1000", token).await.status(), 400);
    assert_eq!(f.get_with("/api/states/all", "made-up").await.status(), 401);
    f.clock.set(T0 + 1801 * SECOND);
    assert_eq!(f.get_with("/api/states/all", token).await.status(), 401);
}

#[tokio::test]
async fn who_has_spent_its_credits_is_told_how_long_to_wait() {
    let budgets = Budgets { anonymous: 5, client: 100 };
    let f = server(Made, SkyOptions { budgets, ..SkyOptions::default() });
    f.get("/api/states/all").await;
    let spent = f.get("/api/states/all").await;
    assert_eq!(spent.status(), 429);
    let wait: i64 = spent.headers()["x-rate-limit-retry-after-seconds"].to_str().unwrap().parse().unwrap();
    assert_eq!(text(spent).await, "Too many requests");
    f.clock.set(T0 + wait * SECOND);
    assert_eq!(f.get("/api/states/all").await.status(), 200);
}

#[tokio::test]
async fn faults_happen_as_often_as_told_and_keep_no_answer_from_the_client() {
    let f = server(Counting(0), SkyOptions::default());
    for (fault, status, retry) in [("401*1", 401, None), ("429:3600*1", 429, Some("3600")), ("503*1", 503, None)] {
        f.faults(fault).await;
        let response = f.get("/api/states/all").await;
        assert_eq!(response.status(), status, "{fault}");
        let header = response.headers().get("x-rate-limit-retry-after-seconds").map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(header.as_deref(), retry);
        assert_eq!(text(response).await.contains("<html>"), status == 503);
    }
    f.faults("truncate*1,null*1").await;
    assert_eq!(text(f.get("/api/states/all").await).await, r#"{"time":1,"state"#);
    assert_eq!(json_of(f.get("/api/states/all").await).await, json!({"time": 1, "states": null}));
    // Nothing was lost so far; what comes garbled has come.
    assert_eq!(json_of(f.get("/api/states/all").await).await["time"], 1);
    f.faults(r#"["clock-back:100*1"]"#).await;
    assert_eq!(json_of(f.get("/api/states/all").await).await["time"], 2 - 100);
    assert_eq!(json_of(f.get("/api/states/all").await).await["time"], 3);
    let head = Request::head("/api/states/all").body(Body::empty()).unwrap();
    assert_eq!(f.send(head).await.status(), 200);
    assert_eq!(json_of(f.get("/api/states/all").await).await["time"], 4);
    let state = json_of(f.get("/admin/state").await).await;
    assert_eq!(
        (&state["by_status"]["200"], &state["by_status"]["503"], &state["faults"]),
        (&json!(7), &json!(1), &json!([]))
    );
    let bad = f.send(Request::post("/admin/faults").body(Body::from("sulk")).unwrap()).await;
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn a_401_takes_the_token_with_it() {
    let f = server(Made, SkyOptions::default());
    let (_, answer) = f.token("grant_type=client_credentials&client_id=a&client_secret=b").await;
    let token = answer["access_token"].as_str().unwrap();
    f.faults("401*1").await;
    assert_eq!(f.get_with("/api/states/all", token).await.status(), 401);
    assert_eq!(f.get_with("/api/states/all", token).await.status(), 401);
}

#[tokio::test]
async fn a_hanging_request_ends_with_the_server() {
    let f = server(Made, SkyOptions { faults: faults::parse("hang*1").unwrap(), ..SkyOptions::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, Some(admin), f.server.clone()));
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    socket.write_all(b"GET /api/states/all HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let silent = tokio::time::timeout(Duration::from_millis(200), socket.read_to_end(&mut answer)).await;
    assert!(silent.is_err() && answer.is_empty());
    f.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), serving).await.unwrap().unwrap().unwrap();
    socket.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503"));
}
