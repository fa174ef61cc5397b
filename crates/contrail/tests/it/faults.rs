//! A source that misbehaves: the line goes on, and the status says what is wrong and when it tries again.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use tempfile::tempdir;

use super::node::{Node, contrail};

fn set_fault(sky: &Node, fault: &str) {
    let mut socket = TcpStream::connect(&sky.address).unwrap();
    let (address, length) = (&sky.address, fault.len());
    write!(socket, "POST /admin/faults HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{fault}")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 200 "), "{answer}");
}

fn feed(status: &Value) -> &Value {
    status["feeds"].as_array().and_then(|feeds| feeds.iter().find(|f| f["name"] == "opensky")).unwrap_or(&Value::Null)
}

fn rows(status: &Value) -> i64 {
    status["lake"]["landed_rows"].as_i64().unwrap_or(0)
}

#[test]
fn the_line_goes_on_through_every_fault_of_the_source() {
    let folder = tempdir().unwrap();
    let sky = Node::start(contrail(folder.path()).args(["sky", "--listen", "127.0.0.1:0", "--aircraft", "300"]));
    let mut command = contrail(folder.path());
    command.args(["up", "--data-dir", "data", "--set", "serve.http.listen=127.0.0.1:0"]);
    let url = format!("feed.opensky.url=http://{}", sky.address);
    for set in [url.as_str(), "feed.opensky.interval=300ms", "feed.opensky.timeout=1s", "land.commit.interval=100ms"] {
        command.args(["--set", set]);
    }
    let node = Node::start(&mut command);
    node.wait("the first answer has landed", |status| rows(status) > 0);
    for (fault, said) in [("503", "503"), ("truncate", ""), ("hang", "within"), ("401", "401")] {
        set_fault(&sky, fault);
        let failed = node.wait(fault, |status| feed(status)["state"] == "failed");
        let error = feed(&failed)["error"].as_str().unwrap_or_default();
        assert!(error.contains(said), "{fault}: {error}");
        assert!(feed(&failed)["retry_at"].is_string(), "{fault}: it says when it tries again: {failed:#}");
        set_fault(&sky, "");
        if fault == "401" {
            continue;
        }
        let before = rows(&node.wait("it is well again", |status| feed(status)["state"] == "ok"));
        node.wait(&format!("rows land again after {fault}"), |status| rows(status) > before);
    }
}

#[test]
fn answers_without_rows_or_with_nonsense_are_no_failures() {
    let folder = tempdir().unwrap();
    let sky = Node::start(contrail(folder.path()).args(["sky", "--listen", "127.0.0.1:0", "--aircraft", "200"]));
    let mut command = contrail(folder.path());
    command.args(["up", "--data-dir", "data", "--set", "serve.http.listen=127.0.0.1:0"]);
    let url = format!("feed.opensky.url=http://{}", sky.address);
    for set in [url.as_str(), "feed.opensky.interval=200ms", "land.commit.interval=100ms"] {
        command.args(["--set", set]);
    }
    let node = Node::start(&mut command);
    node.wait("the first answer has landed", |status| rows(status) > 0);
    for fault in ["null*3", "nonsense*3", "clock-back*3"] {
        set_fault(&sky, fault);
        let before = rows(&node.wait(fault, |status| feed(status)["state"] == "ok"));
        node.wait(&format!("rows land again after {fault}"), |status| rows(status) > before + 400);
    }
    set_fault(&sky, "429:3600*1");
    let waiting = node.wait("credits used up", |status| feed(status)["state"] == "failed");
    let (retry, now) = (feed(&waiting)["retry_at"].as_str().unwrap(), waiting["server_time"].as_str().unwrap());
    let at = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp();
    assert!((3500..=3600).contains(&(at(retry) - at(now))), "an hour, as the server said: {retry} at {now}");
}
