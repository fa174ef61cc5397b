//! Who asks a catalog, and with which keys the store is reached: tokens that run out, keys that are given out and taken
//! back, answers that say that nothing has changed. Before the real catalog stands a door that asks for them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contrail_kit::{Class, Classified, Clock, Secret};
use contrail_lake::catalog::rest::Login;
use contrail_lake::{RestCatalog, RestOptions};
use serde_json::{Value, json};

use crate::proxy::{Asked, Door, Proxy, Said};
use crate::support::{Sandbox, append, def, ids};

fn said(status: u16, body: Value) -> Said {
    Said { status, body: body.to_string(), ..Said::default() }
}

/// Gives out tokens for a client's credentials and lets in the last one alone.
#[derive(Default)]
struct Tokens {
    held: Mutex<String>,
    given: AtomicU32,
    refused: AtomicU32,
    lasts: AtomicU32,
    /// 401, or the protocol's own 419.
    refusal: AtomicU32,
    out: AtomicBool,
}

impl Tokens {
    fn given(&self) -> u32 {
        self.given.load(Ordering::Relaxed)
    }

    fn take_back(&self) {
        self.held.lock().unwrap().clear();
    }
}

impl Door for Tokens {
    fn asked(&self, asked: &Asked) -> Option<Said> {
        if asked.path.ends_with("/v1/oauth/tokens") {
            if self.out.load(Ordering::Relaxed) {
                return Some(said(503, json!({})));
            }
            let fields: Vec<&str> = asked.body.split('&').collect();
            let wanted =
                ["grant_type=client_credentials", "client_id=us", "client_secret=right", "scope=PRINCIPAL_ROLE%3AALL"];
            if !wanted.iter().all(|field| fields.contains(field)) {
                let reason = json!({"error": "invalid_client", "error_description": "nobody we know"});
                return Some(said(401, reason));
            }
            let token = format!("token-{}", self.given.fetch_add(1, Ordering::Relaxed));
            *self.held.lock().unwrap() = token.clone();
            let lasts = self.lasts.load(Ordering::Relaxed);
            return Some(said(200, json!({"access_token": token, "token_type": "bearer", "expires_in": lasts})));
        }
        let held = self.held.lock().unwrap().clone();
        if !held.is_empty() && asked.header("authorization") == Some(&format!("Bearer {held}")) {
            return None;
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        let status = self.refusal.load(Ordering::Relaxed) as u16;
        let error = json!({"message": "not with that token", "type": "NotAuthorizedException", "code": status});
        Some(said(status, json!({"error": error})))
    }

    fn answered(&self, _: &Asked, said: Said) -> Said {
        said
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_token_is_fetched_renewed_and_fetched_again_when_it_is_refused() {
    let Some(sandbox) = Sandbox::remote() else { return };
    let door = Arc::new(Tokens { lasts: 3600.into(), refusal: 401.into(), ..Tokens::default() });
    let proxy = Proxy::behind(&sandbox.remote.as_ref().unwrap().catalog, door.clone()).await;
    let catalog = |credential: &str| {
        let credential = Secret::new(credential);
        let login = Login::Client { credential, uri: None, scope: "PRINCIPAL_ROLE:ALL".into() };
        RestCatalog::open(RestOptions { login, ..RestOptions::new(&proxy.url) }).unwrap()
    };

    let nobody = catalog("us:wrong-one").check().await.unwrap_err();
    assert_eq!(nobody.class(), Class::USER, "{nobody}");
    assert!(nobody.to_string().contains("nobody we know") && !nobody.to_string().contains("wrong-one"), "{nobody}");

    let table = sandbox.lake_on(Arc::new(catalog("us:right"))).ensure(&def()).await.unwrap();
    append(&table, 0).await.unwrap();
    assert_eq!((door.given(), door.refused.load(Ordering::Relaxed)), (1, 0), "one token serves all requests");
    for (n, refusal) in [(1, 401), (2, 419)] {
        door.refusal.store(refusal, Ordering::Relaxed);
        door.take_back();
        append(&table, n).await.unwrap();
        assert_eq!(door.given(), 1 + n as u32, "{refusal}");
    }
    // Many that find it refused at once fetch one.
    door.take_back();
    let loads = (0..8).map(|_| {
        let table = table.clone();
        tokio::spawn(async move { table.load().await.map(drop) })
    });
    for load in loads.collect::<Vec<_>>() {
        load.await.unwrap().unwrap();
    }
    assert_eq!(door.given(), 4);
    // One that is about to run out is renewed before anybody is refused.
    door.lasts.store(1, Ordering::Relaxed);
    door.take_back();
    append(&table, 3).await.unwrap();
    let refused = door.refused.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    append(&table, 4).await.unwrap();
    assert!(door.given() >= 6);
    assert_eq!(door.refused.load(Ordering::Relaxed), refused);
    // Who gives out tokens is away: that passes.
    door.out.store(true, Ordering::Relaxed);
    door.take_back();
    let away = append(&table, 5).await.unwrap_err();
    assert_eq!(away.class(), Class::EXTERNAL, "{away}");
    door.out.store(false, Ordering::Relaxed);
    append(&table, 5).await.unwrap();
    assert_eq!(ids(&table).await, [0, 1, 2, 3, 4, 5]);
}

/// Gives out the store's keys with a table, and says when what is asked for is known already.
struct Vends {
    prefix: String,
    /// Key, secret, and how long they are said to last.
    keys: Mutex<(String, String, Duration)>,
    /// Answers with keys, and answers that nothing has changed.
    full: AtomicU32,
    unchanged: AtomicU32,
}

impl Vends {
    fn seen(&self) -> (u32, u32) {
        (self.full.swap(0, Ordering::Relaxed), self.unchanged.swap(0, Ordering::Relaxed))
    }
}

impl Door for Vends {
    fn asked(&self, _: &Asked) -> Option<Said> {
        None
    }

    fn answered(&self, asked: &Asked, said: Said) -> Said {
        let of_table = asked.path.contains("/tables") && asked.header("x-iceberg-access-delegation").is_some();
        let Ok(mut body) = serde_json::from_str::<Value>(&said.body) else { return said };
        let Some(location) = body["metadata-location"].as_str().filter(|_| of_table) else { return said };
        let etag = format!("\"{}\"", location.rsplit('/').next().unwrap());
        if asked.header("if-none-match") == Some(&etag) {
            self.unchanged.fetch_add(1, Ordering::Relaxed);
            return Said { status: 304, headers: vec![("etag", etag)], body: String::new() };
        }
        self.full.fetch_add(1, Ordering::Relaxed);
        let (key, secret, lasts) = self.keys.lock().unwrap().clone();
        let until = Clock::system().now() / 1000 + lasts.as_millis() as i64;
        let config = |key: &str| {
            json!({"s3.access-key-id": key, "s3.secret-access-key": secret,
                   "s3.session-token-expires-at-ms": until.to_string()})
        };
        body["storage-credentials"] = json!([
            {"prefix": "s3://", "config": config("too-wide")},
            {"prefix": self.prefix, "config": config(&key)},
            {"prefix": "s3://elsewhere/", "config": config("elsewhere")},
        ]);
        Said { status: said.status, headers: vec![("etag", etag)], body: body.to_string() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn keys_that_the_catalog_gives_out_are_used_renewed_and_asked_for_when_refused() {
    let Some(mut sandbox) = Sandbox::remote() else { return };
    let witness = sandbox.table().await;
    let remote = sandbox.remote.as_mut().unwrap();
    let (key, secret) = remote.s3.keys.take().unwrap();
    let (key, secret) = (key, secret.reveal().to_owned());
    let hour = Duration::from_secs(3600);
    let door = Arc::new(Vends {
        prefix: remote.warehouse.clone(),
        keys: Mutex::new((key.clone(), secret.clone(), hour)),
        full: AtomicU32::default(),
        unchanged: AtomicU32::default(),
    });
    let proxy = Proxy::behind(&remote.catalog, door.clone()).await;
    let catalog = RestCatalog::open(RestOptions { vended: true, ..RestOptions::new(&proxy.url) }).unwrap();
    let table = sandbox.lake_on(Arc::new(catalog)).ensure(&def()).await.unwrap();
    append(&table, 0).await.unwrap();

    // What is known is not sent again; what somebody else has done is.
    table.load().await.unwrap();
    door.seen();
    table.load().await.unwrap();
    assert_eq!(door.seen(), (0, 1));
    append(&witness, 1).await.unwrap();
    *door.keys.lock().unwrap() = (key.clone(), secret.clone(), Duration::from_secs(1));
    assert_eq!(ids(&table).await, [0, 1]);
    assert_eq!(door.seen(), (1, 0));
    // Keys that run out are asked for before they do, though nothing has changed.
    tokio::time::sleep(Duration::from_millis(600)).await;
    *door.keys.lock().unwrap() = (key.clone(), secret.clone(), hour);
    table.load().await.unwrap();
    assert_eq!(door.seen(), (1, 0));
    table.load().await.unwrap();
    assert_eq!(door.seen(), (0, 1));

    // Keys that the store does not take are a fault that passes: others are asked for, and nothing is lost.
    *door.keys.lock().unwrap() = ("taken-back".into(), secret.clone(), hour);
    append(&witness, 2).await.unwrap();
    table.load().await.unwrap_err();
    let refused = append(&table, 3).await.unwrap_err();
    assert_eq!(refused.class(), Class::EXTERNAL, "{refused}");
    assert!(refused.to_string().contains("keys that the catalog has given out"), "{refused}");
    *door.keys.lock().unwrap() = (key, secret, hour);
    table.load().await.unwrap();
    append(&table, 3).await.unwrap();
    assert_eq!(ids(&witness).await, [0, 1, 2, 3]);
}
