//! The replay feed: every packing, every position, at every speed.

use std::io::Write as _;
use std::path::Path;

use contrail_kit::{Classified, Clock};

use super::*;
use crate::feed::FeedState;
use crate::ledger::Outcome;

/// Ten answers a minute apart, answer n with n rows; a blank line after the third.
fn text() -> String {
    let mut text = String::new();
    for n in 1..=10 {
        let row = r#"["4b1815","SWR9YP  ","Switzerland",1,1,8.5,47.4]"#;
        text.push_str(&format!("{{\"time\":{},\"states\":[{}]}}\n", n * 60, vec![row; n].join(",")));
        if n == 3 {
            text.push('\n');
        }
    }
    text
}

fn open(path: &Path, speed: f64, position: Option<&str>) -> Result<ReplayFeed, OpenError> {
    let config = ReplayConfig { path: path.into(), speed, ..ReplayConfig::default() };
    ReplayFeed::open("replay", &config, Context::new(Clock::system()), position.map(Into::into))
}

/// Plays to the end; (rows, position) of each answer.
async fn play(mut feed: ReplayFeed) -> Vec<(u64, String)> {
    let mut played = Vec::new();
    while let Some(answer) = feed.next().await.unwrap() {
        played.push((answer.fetch.rows, answer.position.unwrap()));
    }
    assert!(feed.next().await.unwrap().is_none());
    assert_eq!(feed.health().state, FeedState::Ended);
    played
}

#[tokio::test]
async fn plain_gzip_and_zstd_play_alike_from_any_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text().as_bytes()).unwrap();
    let packed = [
        ("plain", text().into_bytes()),
        ("no-end", text().trim_end().as_bytes().to_vec()),
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(text().as_bytes(), 1).unwrap()),
    ];
    let all: Vec<(u64, String)> = (1..=10).map(|n| (n, (if n > 3 { n + 1 } else { n }).to_string())).collect();
    for (name, bytes) in packed {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(play(open(&path, 0.0, None).unwrap()).await, all, "{name}");
        for (position, left) in [("0", 10), ("3", 7), ("4", 7), ("5", 6), ("11", 0), ("999", 0)] {
            let feed = open(&path, 0.0, Some(position)).unwrap();
            assert_eq!(play(feed).await, all[10 - left..], "{name} {position}");
        }
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_an_error_with_a_position_and_the_rest_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.ndjson");
    std::fs::write(&path, format!("{}<html>\n{}", text(), text())).unwrap();
    let mut feed = open(&path, 0.0, Some("11")).unwrap();
    let error = feed.next().await.unwrap_err();
    assert_eq!((error.fetch.outcome, error.position.as_deref()), (Outcome::BadAnswer, Some("12")));
    assert!(error.to_string().contains("line 12 of"), "{error}");
    assert!(error.class().retry);
    assert_eq!(play(feed).await.len(), 10);
}

#[tokio::test]
async fn a_damaged_file_ends_the_feed_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.ndjson.zst");
    let packed = zstd::encode_all(text().repeat(200).as_bytes(), 1).unwrap();
    std::fs::write(&path, &packed[..packed.len() - 20]).unwrap();
    let mut feed = open(&path, 0.0, None).unwrap();
    let error = loop {
        if let Err(error) = feed.next().await {
            break error;
        }
    };
    assert_eq!((error.fetch.outcome, error.class().retry), (Outcome::Unreadable, false));
    assert!(feed.next().await.unwrap().is_none());
    assert_eq!(feed.health().state, FeedState::Failed);
}

#[tokio::test]
async fn a_next_that_is_dropped_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.ndjson");
    std::fs::write(&path, text()).unwrap();
    let mut feed = open(&path, 600.0, None).unwrap();
    let mut played = Vec::new();
    // An answer is due every 100 ms; most of these attempts are dropped while they wait.
    while played.len() < 5 {
        if let Ok(answer) = tokio::time::timeout(std::time::Duration::from_millis(30), feed.next()).await {
            played.push(answer.unwrap().unwrap().fetch.rows);
        }
    }
    assert_eq!(played, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn configuration_and_positions_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (open(Path::new(""), 1.0, None), "feed.replay.path: is missing"),
        (open(Path::new("/nowhere.gz"), 1.0, None), "cannot read /nowhere.gz"),
        (open(folder.path(), 1.0, None), "cannot read"),
        (open(Path::new("/nowhere.gz"), -1.0, None), "feed.replay.speed: must be"),
        (open(Path::new("/nowhere.gz"), f64::NAN, None), "feed.replay.speed: must be"),
        (open(Path::new("/nowhere.gz"), 1.0, Some("x")), "the stored position \"x\""),
    ];
    for (outcome, part) in cases {
        let error = outcome.err().unwrap();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn when_a_line_is_due() {
    let pace = |interval, speed| Pace { interval, speed, start: Some((1_000_000, 50_000_000)), last: Some(60_000_000) };
    let now = 70_000_000;
    let ten = Some(std::time::Duration::from_secs(10));
    // pace, the line's time, when
    let cases = [
        (pace(None, 1.0), Some(21_000_000), 70_000_000),
        (pace(None, 1.0), Some(41_000_000), 90_000_000),
        (pace(None, 10.0), Some(401_000_000), 90_000_000),
        (pace(None, 1.0), Some(500_000), 49_500_000),
        (pace(None, 1.0), None, 50_000_000),
        (pace(None, 0.0), Some(401_000_000), now),
        (pace(ten, 1.0), Some(401_000_000), 70_000_000),
        (Pace { start: None, last: None, ..pace(ten, 1.0) }, Some(401_000_000), now),
        (Pace { start: None, last: None, ..pace(None, 1.0) }, Some(401_000_000), now),
    ];
    for (i, (pace, time, due)) in cases.into_iter().enumerate() {
        assert_eq!(pace.due(time, now), due, "case {i}");
    }
}
