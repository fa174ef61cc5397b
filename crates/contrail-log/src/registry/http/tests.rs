//! The client against servers that misbehave, one way each.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contrail_kit::{Class, Classified};

use super::*;
use crate::codec::{Decoder, SCHEMA};
use crate::{Chunk, Messages};

/// What a server does with each request: by method and path, or the same with all.
type Answer = Arc<dyn Fn(&str, &str, &str) -> Response + Send + Sync>;

async fn server(answer: impl Fn(&str, &str, &str) -> Response + Send + Sync + 'static) -> String {
    async fn handle(State(answer): State<Answer>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let line = format!("{} {}", parts.method, parts.uri);
        let login = parts.headers.get("authorization").map_or("", |v| v.to_str().unwrap());
        let reply = answer(&line, std::str::from_utf8(&body).unwrap(), login);
        if reply.status() == StatusCode::CONTINUE {
            std::future::pending::<()>().await;
        }
        reply
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer: Answer = Arc::new(answer);
    let router = Router::new().fallback(handle).with_state(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn json(status: u16, body: &str) -> Response {
    let head = [("content-type", "application/vnd.schemaregistry.v1+json")];
    (StatusCode::from_u16(status).unwrap(), head, body.to_owned()).into_response()
}

fn unknown() -> Response {
    json(404, r#"{"error_code":40403,"message":"Schema not found"}"#)
}

fn quick(url: &str) -> Options {
    Options {
        timeout: Duration::from_millis(300),
        patience: Duration::from_millis(400),
        forget: Duration::from_millis(600),
        ..Options::new(url)
    }
}

fn open(options: Options) -> HttpRegistry {
    HttpRegistry::open(options).unwrap()
}

#[tokio::test]
async fn what_fails_is_of_the_right_class_and_says_what_to_do() {
    let basic = Login::Basic { username: "me".into(), password: Secret::new("pass") };
    let token = Login::Bearer(Secret::new("t0ken"));
    let page = "<html>\n<body>nginx   is here";
    for (login, status, body, class, words) in [
        (Login::None, 401, "", Class::USER, "set registry.username and registry.password, or registry.token"),
        (basic.clone(), 401, "{}", Class::USER, "mend registry.username or registry.password"),
        (token.clone(), 401, "{}", Class::USER, "mend registry.token"),
        (basic, 403, "{}", Class::USER, "give registry.username = me the right"),
        (token, 403, "{}", Class::USER, "whom registry.token stands for"),
        (Login::None, 403, "", Class::USER, "registry.username"),
        (Login::None, 404, page, Class::EXTERNAL, "404: <html> <body>nginx is here): look at registry.url"),
        (Login::None, 404, r#"{"message":"no route"}"#, Class::EXTERNAL, "registry.url"),
        (Login::None, 404, "", Class::EXTERNAL, "404: nothing): look at registry.url"),
        (Login::None, 302, "", Class::EXTERNAL, "registry.url"),
        (Login::None, 200, page, Class::EXTERNAL, "<html> <body>nginx is here): look at registry.url"),
        (Login::None, 200, r#"{"schema":7}"#, Class::EXTERNAL, "registry.url"),
        (Login::None, 500, r#"{"error_code":50001,"message":"store timed out"}"#, Class::EXTERNAL, "store timed out"),
        (Login::None, 503, page, Class::EXTERNAL, "answers 503"),
        (Login::None, 429, "", Class::EXTERNAL, "answers 429"),
        (Login::None, 422, r#"{"error_code":42205,"message":"read only"}"#, Class::USER, "read only (422, 42205)"),
    ] {
        let url = server(move |_, _, _| json(status, body)).await;
        let registry = open(Options { login, ..quick(&url) });
        for error in [registry.schema(7).await.map(drop), registry.peek(7).await.map(drop)] {
            let error = error.expect_err(words);
            assert_eq!(error.class(), class, "{error}");
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.to_string().contains(&url), "{error}");
            assert!(!format!("{error:?}").contains("pass\"") && !format!("{error:?}").contains("t0ken"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_hangs_or_is_away_is_waited_for() {
    let hanging = server(|_, _, _| StatusCode::CONTINUE.into_response()).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for (url, words) in [(hanging, "did not answer within 300ms (registry.timeout)"), (away, "cannot be reached")] {
        let registry = open(quick(&url));
        let began = Instant::now();
        for error in [
            registry.schema(7).await.map(drop),
            registry.register("s", "\"int\"").await.map(drop),
            registry.versions("s").await.map(drop),
        ] {
            let error = error.unwrap_err();
            assert!(matches!(error, RegistryError::Unavailable { .. }), "{error}");
            assert_eq!(error.class(), Class::EXTERNAL);
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn a_schema_is_asked_for_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let url = server(move |line, _, login| {
        counter.fetch_add(1, Ordering::SeqCst);
        assert_eq!((line, login), ("GET /apis/ccompat/v7/schemas/ids/7", "Basic bWU6cGFzcw=="));
        json(200, r#"{"schema":"{\"type\": \"record\", \"name\": \"R\", \"fields\": []}"}"#)
    })
    .await;
    let login = Login::Basic { username: "me".into(), password: Secret::new("pass") };
    // With and without a slash at its end.
    for path in ["/apis/ccompat/v7", "/apis/ccompat/v7/"] {
        asked.store(0, Ordering::SeqCst);
        let registry = open(Options { login: login.clone(), ..quick(&format!("{url}{path}")) });
        for _ in 0..3 {
            let expected = r#"{"type":"record","name":"R","fields":[]}"#;
            assert_eq!(registry.schema(7).await.unwrap(), Lookup::Found(expected.into()));
            assert_eq!(registry.peek(7).await.unwrap().as_deref(), Some(expected));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn an_unknown_id_may_turn_up() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let url = server(move |_, _, _| match counter.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => unknown(),
        _ => json(200, r#"{"schema":"\"int\""}"#),
    })
    .await;
    let registry = open(quick(&url));
    for _ in 0..2 {
        let error = registry.schema(7).await.unwrap_err();
        assert!(matches!(error, RegistryError::Unavailable { .. }) && error.class().retry, "{error}");
        assert!(error.to_string().contains("no schema 7 yet"), "{error}");
    }
    assert_eq!(registry.schema(7).await.unwrap(), Lookup::Found("\"int\"".into()));
}

#[tokio::test]
async fn an_unknown_id_is_nobodys_after_a_while_and_asked_for_again_after_another() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (counter, there) = (asked.clone(), Arc::new(AtomicUsize::new(0)));
    let turned_up = there.clone();
    let url = server(move |_, _, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        if turned_up.load(Ordering::SeqCst) == 0 { unknown() } else { json(200, r#"{"schema":"\"int\""}"#) }
    })
    .await;
    let registry = open(quick(&url));
    assert!(registry.schema(7).await.is_err());
    assert_eq!(registry.peek(9).await.unwrap(), None, "who looks waits for nothing");
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(registry.schema(7).await.unwrap(), Lookup::Never);
    assert!(registry.schema(9).await.is_err(), "looking has not begun the wait");
    let before = asked.load(Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(registry.schema(7).await.unwrap(), Lookup::Never);
    }
    assert_eq!(asked.load(Ordering::SeqCst), before, "the verdict holds without asking");
    there.store(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(650)).await;
    assert_eq!(registry.schema(7).await.unwrap(), Lookup::Found("\"int\"".into()));
}

fn chunk(ids: &[u32]) -> Chunk {
    let mut messages = Messages::builder();
    for id in ids {
        messages.push(None, Some(&[&[0][..], &id.to_be_bytes(), &[2, 2]].concat()));
    }
    let messages = messages.finish();
    let appended_at = vec![0; messages.len()];
    Chunk { stream: "s".into(), partition: 0, first_offset: 0, messages, appended_at }
}

#[tokio::test]
async fn a_decoder_waits_for_all_unknown_ids_at_once() {
    let url = server(|line, _, _| match line.ends_with("/7") {
        true => json(200, &serde_json::json!({ "schema": SCHEMA }).to_string()),
        false => unknown(),
    })
    .await;
    let mut decoder = Decoder::new(Arc::new(open(quick(&url))), &contrail_types::state::raw_table());
    let ids: Vec<u32> = (1..=40).collect();
    let chunk = chunk(&ids);
    let began = Instant::now();
    let decoded = loop {
        match decoder.read(&chunk, 0).await {
            Ok(decoded) => break decoded,
            Err(error) => assert!(error.class().retry, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(began.elapsed() < Duration::from_secs(5), "one patience for all of them");
    };
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
    assert_eq!((decoded.states.num_rows(), decoded.dead.num_rows()), (0, 40));
    // The verdict is the registry's, and it forgets: the decoder must not have kept it.
    tokio::time::sleep(Duration::from_millis(650)).await;
    let again = decoder.read(&chunk, 0).await.unwrap();
    assert_eq!(again.dead.num_rows(), 40);
}

/// Answers in the given order, whatever is asked; remembers what was.
async fn script(answers: &[(u16, &str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let said: Mutex<VecDeque<(u16, String)>> = Mutex::new(answers.iter().map(|(s, b)| (*s, (*b).to_owned())).collect());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = asked.clone();
    let url = server(move |line, body, _| {
        log.lock().unwrap().push(format!("{line} {body}").trim_end().to_owned());
        let (status, body) = said.lock().unwrap().pop_front().expect("one question too many");
        json(status, &body)
    })
    .await;
    (url, asked)
}

const OLD: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}"#;
const NEW: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}"#;

fn version(n: u32, schema: &str) -> String {
    serde_json::json!({ "subject": "s/1", "version": n, "id": n + 70, "schema": schema }).to_string()
}

#[tokio::test]
async fn a_refused_schema_is_explained_by_field_or_by_the_server() {
    let refusal = (409, r#"{"error_code":409,"message":"incompatible with an earlier schema"}"#);
    let (level, old) = (r#"{"compatibilityLevel":"BACKWARD"}"#, version(3, OLD));
    let (url, asked) = script(&[refusal, (200, "[3]"), (200, &old), (200, level)]).await;
    let error = open(quick(&url)).register("s/1", NEW).await.unwrap_err();
    assert!(matches!(&error, RegistryError::Incompatible { level: Level::Backward, .. }), "{error}");
    assert!(error.to_string().contains("field a is written as string and read as long\nfield | in version 3 (id 73)"));
    assert_eq!(
        *asked.lock().unwrap(),
        [
            format!("POST /subjects/s%2F1/versions {}", serde_json::json!({ "schema": NEW })).as_str(),
            "GET /subjects/s%2F1/versions",
            "GET /subjects/s%2F1/versions/3",
            "GET /config/s%2F1",
        ]
    );
    // We find nothing: the server's word.
    let (url, _) = script(&[refusal, (200, "[3]"), (200, &version(3, NEW)), (200, level)]).await;
    let error = open(quick(&url)).register("s/1", NEW).await.unwrap_err();
    assert!(error.to_string().contains("says: incompatible with an earlier schema"), "{error}");
    let (url, _) = script(&[(422, r#"{"error_code":42201,"message":"Invalid schema"}"#)]).await;
    let error = open(quick(&url)).register("s", "\"int\"").await.unwrap_err();
    assert!(matches!(&error, RegistryError::Invalid(said) if said == "Invalid schema"), "{error}");
    // What is no schema is not even sent.
    let error = open(quick("http://127.0.0.1:1")).register("s", "{}").await.unwrap_err();
    assert!(matches!(&error, RegistryError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_check_hears_the_server_too() {
    let none = r#"{"compatibilityLevel":"NONE"}"#;
    let versions = [(200, "[1]".to_owned()), (200, version(1, OLD)), (200, none.to_owned())];
    for (said, allowed, words) in [
        (r#"{"is_compatible":true}"#, true, ""),
        (r#"{"is_compatible":false}"#, false, "not compatible"),
        (r#"{"is_compatible":false,"messages":["too wide"]}"#, false, "says: too wide"),
    ] {
        let mut answers: Vec<(u16, &str)> = versions.iter().map(|(status, body)| (*status, body.as_str())).collect();
        answers.push((200, said));
        let (url, asked) = script(&answers).await;
        let checked = open(quick(&url)).check("s/1", NEW).await;
        assert_eq!(checked.is_ok(), allowed, "{said}");
        assert!(checked.err().is_none_or(|error| error.to_string().contains(words)), "{words}");
        let last = asked.lock().unwrap().last().unwrap().clone();
        assert!(last.starts_with("POST /compatibility/subjects/s%2F1/versions/latest {"), "{last}");
    }
}

#[tokio::test]
async fn with_registering_off_a_schema_is_looked_up() {
    let spaced = NEW.replace(',', ", ");
    let not_there = (404, r#"{"error_code":40403,"message":"Schema not found"}"#);
    let no_subject = (404, r#"{"error_code":40401,"message":"Subject not found"}"#);
    let (one, two) = (version(1, OLD), version(2, &spaced));
    for (answers, id) in [
        (vec![(200, r#"{"subject":"s","version":1,"id":5,"schema":"{}"}"#)], Some(5)),
        (vec![no_subject], None),
        (vec![not_there, (200, "[1]"), (200, &one)], None),
        (vec![not_there, (200, "[1,2]"), (200, &one), (200, &two)], Some(72)),
    ] {
        // Both versions are asked for at the same time, so they are told apart by address.
        let (one, two) = (one.clone(), two.clone());
        let answers: Vec<(u16, String)> = answers.into_iter().map(|(s, b)| (s, b.to_owned())).collect();
        let url = server(move |line, _, _| match line {
            "POST /subjects/s" => json(answers[0].0, &answers[0].1),
            "GET /subjects/s/versions" => json(answers[1].0, &answers[1].1),
            "GET /subjects/s/versions/1" => json(200, &one),
            "GET /subjects/s/versions/2" => json(200, &two),
            other => panic!("{other}"),
        })
        .await;
        let registry = open(Options { register: false, ..quick(&url) });
        match (registry.register("s", NEW).await, id) {
            (Ok(found), Some(id)) => assert_eq!(found, id),
            (Err(error), None) => {
                assert_eq!(error.class(), Class::USER);
                let text = error.to_string();
                assert!(
                    text.contains("registry.register is off") && text.contains("registry.register = true"),
                    "{text}"
                );
                assert!(text.contains(&format!("{url}/subjects/s/versions")), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn settings_are_checked_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("ca.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let ca = |path: PathBuf| Options { ca: Some(path), ..Options::new("https://registry.example") };
    for (options, words) in [
        (Options::new("registry:8081"), "registry.url: must begin with http"),
        (Options::new("not an address"), "registry.url: is no address"),
        (Options::new("http://me:secret@registry.example"), "move user and password to registry.username"),
        (ca(folder.path().join("absent.pem")), "registry.ca"),
        (ca(empty), "holds no certificate"),
    ] {
        let error = HttpRegistry::open(options).err().expect(words);
        assert_eq!(error.class(), Class::USER);
        assert!(error.to_string().contains(words) && !error.to_string().contains("secret@"), "{error}");
    }
    assert_eq!(open(Options::new("https://r.example:81/a/b/")).target(), "https://r.example:81/a/b");
}
