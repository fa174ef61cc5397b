//! The OpenSky feed against a server that answers well, badly, late, or not at all.

use std::io::Write as _;
use std::time::Instant;

use arrow::array::AsArray;
use contrail_kit::{Class, Classified, Clock, Secret, Who};

use super::*;
use crate::fault_server::{Act, Request, Server};
use crate::feed::FeedState;
use crate::ledger::Outcome;

const BODY: &str = r#"{"time":1714311966,"states":[
    ["4b1815","SWR9YP  ","Switzerland",1714311964,1714311965,8.5,47.4,2042.16,false,231.5,95.6,-0.3,null,2148.8,"3027",false,0,6],
    [7],["a09281","","United States",null,1714311792,null,null,"x",true,0,0,null,null,null,null,false,0,0]]}"#;
const TOKEN: &str = r#"{"access_token":"first-token","expires_in":1800,"token_type":"Bearer"}"#;

fn config(server: &Server) -> OpenSkyConfig {
    OpenSkyConfig {
        url: server.url.clone(),
        token_url: format!("{}/token", server.url),
        interval: Some(Duration::from_millis(10)),
        timeout: Duration::from_secs(5),
        ..OpenSkyConfig::default()
    }
}

fn with_account(server: &Server) -> OpenSkyConfig {
    OpenSkyConfig { client_id: Some("me".into()), client_secret: Some(Secret::new("hush-hush")), ..config(server) }
}

fn open(config: &OpenSkyConfig) -> OpenSkyFeed {
    OpenSkyFeed::open("opensky", config, Context::new(Clock::system())).unwrap()
}

fn is_token(request: &Request) -> bool {
    request.line.starts_with("POST /token")
}

/// A feed whose server always does the same, and what its first fetch came to.
async fn first(act: Act) -> (OpenSkyFeed, Result<Option<Answer>, FetchError>) {
    let timeout = match act {
        Act::Hang | Act::HangInBody => Duration::from_millis(400),
        _ => Duration::from_secs(30),
    };
    let server = Server::start(move |_, _| act.clone()).await;
    let config = OpenSkyConfig { timeout, ..config(&server) };
    let mut feed = open(&config);
    let outcome = feed.next().await;
    (feed, outcome)
}

#[tokio::test]
async fn an_answer_with_its_line_of_the_ledger() {
    let server = Server::start(|request, _| match is_token(request) {
        true => Act::ok(TOKEN),
        false => Act::ok(BODY).header("X-Rate-Limit-Remaining: 3988"),
    })
    .await;
    let mut feed = open(&with_account(&server));
    let answer = feed.next().await.unwrap().unwrap();
    let fetch = &answer.fetch;
    assert_eq!((fetch.outcome, fetch.status, fetch.rows, fetch.bad_rows), (Outcome::Ok, Some(200), 2, 1));
    assert_eq!((fetch.credits_remaining, fetch.bytes), (Some(3988), BODY.len() as u64));
    assert_eq!(fetch.answer_time, Some(1_714_311_966_000_000));
    assert!(fetch.asked_at <= fetch.answered_at && fetch.fetch_id.get_version_num() == 7);
    assert_eq!(answer.states["fetch_id"].as_string::<i32>().value(1), fetch.fetch_id.to_string());
    assert_eq!(answer.bad_fields.get("baro_altitude"), Some(&1));
    assert_eq!(answer.rejected[0].row, b"[7]");

    let requests = server.requests();
    assert_eq!(requests[0].body, "grant_type=client_credentials&client_id=me&client_secret=hush-hush");
    assert_eq!(requests[1].line, "GET /api/states/all?extended=1");
    assert!(requests[1].headers.contains("authorization: bearer first-token"), "{}", requests[1].headers);

    let health = feed.health();
    assert_eq!((health.state, health.rows, health.bad_rows, health.status), (FeedState::Ok, 2, 1, Some(200)));
    assert_eq!(health.message, "2 states, 1 rows could not be read, 1 fields could not be read");
    let credits = health.credits.unwrap();
    assert_eq!((credits.remaining, credits.limit), (Some(3988), 4000));
    assert!(credits.runs_out_at.is_some() && health.warnings[0].contains("run out at about"), "{:?}", health.warnings);

    feed.next().await.unwrap().unwrap();
    assert_eq!((server.count("/token"), server.count("/states/all")), (1, 2), "one token serves both fetches");
}

#[tokio::test]
async fn a_token_about_to_end_is_renewed_before_it_is_used() {
    let server = Server::start(|request, _| match is_token(request) {
        true => Act::ok(TOKEN.replace("1800", "29")),
        false => Act::ok(BODY),
    })
    .await;
    let mut feed = open(&with_account(&server));
    for _ in 0..3 {
        feed.next().await.unwrap().unwrap();
    }
    assert_eq!((server.count("/token"), server.count("/states/all")), (3, 3));
}

#[tokio::test]
async fn a_401_renews_the_token_once() {
    let server = Server::start(|request, before| match (is_token(request), before) {
        (true, 0) => Act::ok(TOKEN),
        (true, _) => Act::ok(TOKEN.replace("first", "second")),
        (false, _) if request.headers.contains("second-token") => Act::ok(BODY),
        (false, _) => Act::status(401, "Unauthorized"),
    })
    .await;
    let answer = open(&with_account(&server)).next().await.unwrap().unwrap();
    assert_eq!(answer.fetch.status, Some(200));
    assert_eq!((server.count("/token"), server.count("/states/all")), (2, 2));
}

#[tokio::test]
async fn a_401_that_stays_is_an_error_for_the_user_that_is_tried_again_later() {
    let server = Server::start(|request, _| match is_token(request) {
        true => Act::ok(TOKEN),
        false => Act::status(401, "no"),
    })
    .await;
    let mut feed = open(&with_account(&server));
    let error = feed.next().await.unwrap_err();
    assert_eq!((error.fetch.outcome, error.fetch.status), (Outcome::Unauthorized, Some(401)));
    assert_eq!(error.class(), Class { who: Who::User, retry: true });
    assert_eq!((server.count("/token"), server.count("/states/all")), (2, 2));
    assert_eq!(feed.health().state, FeedState::Failed);
    assert!(error.to_string().contains("check client_id and client_secret: no"), "{error}");
}

#[tokio::test]
async fn credentials_that_the_token_server_does_not_know() {
    for (status, body) in [(400, r#"{"error":"invalid_client"}"#), (401, "no"), (403, "no")] {
        let server = Server::start(move |_, _| Act::status(status, body)).await;
        let error = open(&with_account(&server)).next().await.unwrap_err();
        assert_eq!((error.fetch.outcome, error.fetch.status), (Outcome::Unauthorized, Some(status)));
        assert_eq!(server.count("/states/all"), 0);
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
    let server = Server::start(|_, _| Act::ok(r#"{"token":"first-token"}"#)).await;
    let error = open(&with_account(&server)).next().await.unwrap_err();
    assert_eq!(error.fetch.outcome, Outcome::BadAnswer);
    assert!(!format!("{error:?}").contains("first-token"), "{error:?}");
}

#[tokio::test]
async fn a_429_is_waited_out_to_the_second() {
    let act = Act::status(429, "Too many requests")
        .header("X-Rate-Limit-Retry-After-Seconds: 3600")
        .header("X-Rate-Limit-Remaining: 0");
    let (feed, outcome) = first(act).await;
    let error = outcome.unwrap_err();
    let wait = error.retry_at.unwrap() - error.fetch.answered_at;
    assert!((wait - 3_600_000_000).abs() < 1_000_000, "{wait}");
    assert_eq!((error.fetch.outcome, error.fetch.status), (Outcome::RateLimited, Some(429)));
    assert_eq!(error.fetch.credits_remaining, Some(0));
    let health = feed.health();
    assert_eq!((health.retry_at, health.next_fetch_at), (error.retry_at, error.retry_at));
    assert!(health.error.unwrap().contains("used up for another 1h: Too many requests"));
}

#[tokio::test]
async fn whatever_the_server_does_is_a_clear_error_and_the_feed_goes_on() {
    let html = "<html><head><title>503</title></head>\n<body>Service Unavailable</body></html>";
    // act, outcome, status, part of the text
    let cases = [
        (Act::status(503, html), Outcome::Refused, Some(503), "answered 503: <html><head><title>503"),
        (Act::status(500, ""), Outcome::Refused, Some(500), "answered 500"),
        (Act::status(404, "no"), Outcome::Refused, Some(404), "answered 404: no"),
        (Act::Hang, Outcome::Timeout, None, "no complete answer within 400ms"),
        (Act::HangInBody, Outcome::Timeout, None, "no complete answer within 400ms"),
        (Act::CutShort(BODY[..100].into()), Outcome::Unreachable, None, "cannot be reached or broke off"),
        (Act::ok(&BODY[..100]), Outcome::BadAnswer, Some(200), "cut short at byte 100; it begins with: {\"time\":1714"),
        (Act::ok(html), Outcome::BadAnswer, Some(200), "it is no JSON object at byte 0; it begins with: <html>"),
        (Act::ok(""), Outcome::BadAnswer, Some(200), "cut short"),
        (Act::ok(r#"{"time":1}"#), Outcome::BadAnswer, Some(200), "it has no states"),
    ];
    for (act, kind, status, part) in cases {
        let started = Instant::now();
        let (feed, outcome) = first(act.clone()).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.fetch.outcome, error.fetch.status), (kind, status), "{act:?}");
        let text = error.fetch.error.clone().unwrap();
        assert!(text.contains(part), "{act:?}: {text}");
        assert_eq!(error.class(), Class::EXTERNAL, "{act:?}");
        assert!(error.retry_at.unwrap() > error.fetch.answered_at, "{act:?}");
        assert!(started.elapsed() < Duration::from_secs(4), "{act:?}");
        assert_eq!((feed.health().error, feed.health().failures), (Some(text), 1));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let config = OpenSkyConfig { url: "http://127.0.0.1:9".into(), ..OpenSkyConfig::default() };
    let error = open(&config).next().await.unwrap_err();
    assert_eq!(error.fetch.outcome, Outcome::Unreachable);
    assert!(error.fetch.error.unwrap().contains("http://127.0.0.1:9/api/states/all cannot be reached"));
}

#[tokio::test]
async fn after_a_failure_it_comes_back_by_itself() {
    let server = Server::start(|_, before| match before {
        0 => Act::status(502, "<html>"),
        _ => Act::ok(r#"{"time":1714311966,"states":null}"#),
    })
    .await;
    let mut feed = open(&config(&server));
    assert!(feed.next().await.is_err());
    let answer = feed.next().await.unwrap().unwrap();
    assert_eq!((answer.states.num_rows(), answer.fetch.outcome), (0, Outcome::Ok));
    let health = feed.health();
    assert_eq!((health.state, health.error, health.failures, health.retry_at), (FeedState::Ok, None, 0, None));
}

#[tokio::test]
async fn a_fetch_that_is_dropped_is_not_asked_again_at_once() {
    let server = Server::start(|_, before| if before == 0 { Act::Hang } else { Act::ok(BODY) }).await;
    let mut feed = open(&OpenSkyConfig { interval: Some(Duration::from_millis(700)), ..config(&server) });
    let started = Instant::now();
    tokio::select! {
        _ = feed.next() => panic!("it hangs"),
        () = async {
            while server.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        } => {}
    }
    feed.next().await.unwrap().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(650), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_box_over_the_antimeridian_is_asked_in_two_and_answered_as_one() {
    let server = Server::start(|request, _| match request.line.contains("lomin=175") {
        true => Act::ok(BODY),
        false => Act::ok(BODY.replace("1714311966", "1714311968").replace("4b1815", "c81234")),
    })
    .await;
    let boxes = vec![[-20.0, 175.0, -15.5, -178.0].into()];
    let mut feed = open(&OpenSkyConfig { boxes, extended: false, ..config(&server) });
    assert_eq!(feed.budget.cost, 2);
    let answer = feed.next().await.unwrap().unwrap();
    let lines: Vec<String> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        [
            "GET /api/states/all?lamin=-20&lomin=175&lamax=-15.5&lomax=180",
            "GET /api/states/all?lamin=-20&lomin=-180&lamax=-15.5&lomax=-178"
        ]
    );
    assert_eq!((answer.fetch.rows, answer.fetch.bad_rows), (4, 2));
    assert_eq!(answer.answer_time(), 1_714_311_968_000_000);
    let addresses: Vec<_> = answer.states["icao24"].as_string::<i32>().iter().flatten().collect();
    assert_eq!(addresses, ["4b1815", "a09281", "c81234", "a09281"]);
}

#[tokio::test]
async fn a_clock_that_is_off_is_a_warning() {
    let now = chrono::Utc::now();
    for (ahead, part) in [(-45, Some("45 s ahead of")), (0, None), (20, None), (3600, Some("3600 s behind"))] {
        let date = (now + chrono::Duration::seconds(ahead)).format("%a, %d %b %Y %H:%M:%S GMT");
        let (feed, outcome) = first(Act::ok(BODY).header(format!("Date: {date}"))).await;
        outcome.unwrap();
        let health = feed.health();
        assert!((health.clock_skew.unwrap() + ahead as f64).abs() < 3.0, "{:?}", health.clock_skew);
        let warned = health.warnings.iter().any(|w| w.contains("clock"));
        let exact = part.is_none_or(|part| {
            let near =
                |off: i64| part.replace("45", &(45 + off).to_string()).replace("3600", &(3600 + off).to_string());
            health.warnings.iter().any(|w| (-2..=2).any(|off| w.contains(&near(off))))
        });
        assert!(warned == part.is_some() && exact, "{ahead}: {:?}", health.warnings);
    }
}

#[tokio::test]
async fn packed_answers_are_unpacked() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(BODY.as_bytes()).unwrap();
    let (_, outcome) = first(Act::ok(packer.finish().unwrap()).header("Content-Encoding: gzip")).await;
    let answer = outcome.unwrap().unwrap();
    assert_eq!((answer.fetch.rows, answer.fetch.bytes), (2, BODY.len() as u64));
}

#[test]
fn addresses_as_users_write_them() {
    let cases = [
        ("https://opensky-network.org/api", "https://opensky-network.org/api/states/all"),
        ("https://opensky-network.org/api/", "https://opensky-network.org/api/states/all"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099/api/states/all"),
        ("http://127.0.0.1:8099/", "http://127.0.0.1:8099/api/states/all"),
        ("http://sky/api/states/all", "http://sky/api/states/all"),
        ("http://sky/proxy/api/states/all/", "http://sky/proxy/api/states/all"),
    ];
    for (text, url) in cases {
        assert_eq!(states_url(text).map(String::from), Ok(url.into()), "{text}");
    }
}

#[test]
fn what_is_wrong_in_the_configuration_is_said_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials.json");
    std::fs::write(&file, r#"{"clientId":"me","secret":"hush-hush"}"#).unwrap();
    let base = OpenSkyConfig::default;
    let cases = [
        (OpenSkyConfig { url: "opensky".into(), ..base() }, "feed.sky.url: \"opensky\" is no address"),
        (OpenSkyConfig { url: "ftp://x/".into(), ..base() }, "must begin with http:// or https://"),
        (OpenSkyConfig { boxes: vec![[5.0, 0.0, 1.0, 1.0].into()], ..base() }, "feed.sky.boxes: the box is empty"),
        (OpenSkyConfig { interval: Some(Duration::ZERO), ..base() }, "feed.sky.interval: must be at least"),
        (OpenSkyConfig { client_id: Some("me".into()), ..base() }, "feed.sky.client_secret: is missing"),
        (OpenSkyConfig { client_secret: Some(Secret::new("x")), ..base() }, "feed.sky.client_id: is missing"),
        (OpenSkyConfig { credentials: Some("/nowhere/c.json".into()), ..base() }, "cannot read /nowhere/c.json"),
        (
            OpenSkyConfig { credentials: Some(file.clone()), ..base() },
            "must be a JSON object with clientId and clientSecret",
        ),
    ];
    for (config, part) in cases {
        let error = OpenSkyFeed::open("sky", &config, Context::default()).err().unwrap();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.class(), Class::USER);
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
    std::fs::write(&file, r#"{"clientId":"me","clientSecret":"hush-hush"}"#).unwrap();
    let feed =
        OpenSkyFeed::open("sky", &OpenSkyConfig { credentials: Some(file), ..base() }, Context::default()).unwrap();
    assert_eq!(feed.budget.tier, Tier::Standard);
    assert_eq!(OpenSkyFeed::open("sky", &base(), Context::default()).unwrap().budget.tier, Tier::Anonymous);
}
