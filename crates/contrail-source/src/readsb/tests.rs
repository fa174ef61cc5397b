//! The readsb feed over HTTP and from a file.

use contrail_kit::{Classified, Clock, Who};

use super::*;
use crate::fault_server::{Act, Server};
use crate::feed::FeedState;
use crate::ledger::Outcome;

fn body(now: f64) -> String {
    format!(r#"{{"now":{now:?},"messages":5,"aircraft":[{{"hex":"3c6444","seen":1,"rssi":-20}},{{"hex":"~11aa22"}}]}}"#)
}

fn open(url: String) -> ReadsbFeed {
    let config = ReadsbConfig { url, interval: Some(Duration::from_millis(100)), ..ReadsbConfig::default() };
    ReadsbFeed::open("roof", &config, Context::new(Clock::system())).unwrap()
}

#[tokio::test]
async fn over_http_with_a_failure_in_between() {
    let server = Server::start(|_, before| match before {
        1 => Act::status(502, "<html>bad gateway"),
        n => Act::ok(body(1_785_349_721.5 + n as f64)),
    })
    .await;
    let mut feed = open(format!("{}/data/aircraft.json", server.url));
    let answer = feed.next().await.unwrap().unwrap();
    assert_eq!((answer.fetch.rows, answer.fetch.status, answer.left_out.len()), (1, Some(200), 1));
    let error = feed.next().await.unwrap_err();
    assert_eq!((error.fetch.outcome, error.fetch.status), (Outcome::Refused, Some(502)));
    assert_eq!(feed.next().await.unwrap().unwrap().fetch.rows, 1);
    assert_eq!(feed.health().left_out.values().sum::<u64>(), 2);
    assert_eq!(server.requests()[0].line, "GET /data/aircraft.json");
}

#[tokio::test]
async fn from_a_file_that_comes_late_and_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aircraft.json");
    let mut feed = open(path.display().to_string());
    let error = feed.next().await.unwrap_err();
    assert_eq!((error.fetch.outcome, error.class().who, error.class().retry), (Outcome::Unreadable, Who::User, true));
    std::fs::write(&path, body(1_785_349_721.5)).unwrap();
    assert_eq!(feed.next().await.unwrap().unwrap().fetch.rows, 1);
    // The same file again brings no rows; a new one does.
    let same = feed.next().await.unwrap().unwrap();
    assert_eq!((same.fetch.rows, same.fetch.answer_time), (0, Some(1_785_349_721_500_000)));
    std::fs::write(&path, body(1_785_349_722.5)).unwrap();
    assert_eq!(feed.next().await.unwrap().unwrap().fetch.rows, 1);
    assert_eq!(feed.health().state, FeedState::Ok);
}

#[test]
fn a_receiver_that_has_stopped_writing_is_a_warning() {
    let mut feed = open("/nowhere".into());
    let parsed = Parsed::empty(Some(5));
    for (at, unchanged, warned) in [(0, false, false), (10, true, false), (31, true, true)] {
        assert_eq!(feed.unchanged(&parsed, at * 1_000_000), unchanged, "{at}");
        assert_eq!(!feed.health().warnings.is_empty(), warned, "{at}");
    }
    assert!(!feed.unchanged(&Parsed::empty(Some(6)), 32_000_000));
    assert!(feed.health().warnings.is_empty());
}

#[test]
fn configuration_without_a_place() {
    let error = ReadsbFeed::open("roof", &ReadsbConfig::default(), Context::default()).err().unwrap();
    assert!(error.to_string().contains("feed.roof.url: is missing"), "{error}");
}
