//! Roles in processes of their own over Kafka, a REST catalog and an object store, each stopped and killed alone while the
//! others go on.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use contrail_testkit::Services;
use contrail_testkit::live::fresh_name;
use serde_json::{Value, json};

use super::super::kafka_live::process::Process;
use super::super::kills::check;
use super::super::node::{contrail, get};
use super::{Ground, landed};

const PATIENCE: Duration = Duration::from_secs(300);

/// The data folder of each process, and its roles; the one with the map is the last.
const ROLES: [(&str, &[&str]); 4] =
    [("src", &["source"]), ("land", &["land"]), ("build", &["build", "maintain"]), ("data", &["serve"])];

struct Apart {
    ground: Ground,
    /// Where the processes without the map say how they do.
    health: Vec<String>,
}

impl Apart {
    fn new(answers: i64) -> Option<Self> {
        let (kafka, registry) = (Services::kafka()?, Services::registry()?);
        let ground = Ground::new("apart", answers, 60)?;
        // Ports that others are given while a process of ours is away are those of another address.
        let free = |_| TcpListener::bind("127.0.0.77:0").and_then(|socket| socket.local_addr()).unwrap().to_string();
        let health: Vec<String> = (0..ROLES.len() - 1).map(free).collect();
        let peers: Vec<String> = health.iter().map(|address| format!("http://{address}")).collect();
        let topic = fresh_name("apart");
        let lines = format!(
            r#"log.kind = "kafka"
log.topic = "{topic}"
log.kafka.brokers = "{}"
log.kafka.group = "{topic}-land"
log.kafka.partitions = 3
registry.url = "{registry}"
serve.peers = {peers:?}
maintain.interval = "2s"
maintain.cpu_share = 1.0
"#,
            kafka.brokers
        );
        let file = ground.path().join("contrail.toml");
        let more = std::fs::read_to_string(&file).unwrap().replace("\"100ms\"", "\"300ms\"");
        std::fs::write(&file, lines + &more).unwrap();
        Some(Self { ground, health })
    }

    fn start(&self, role: usize) -> Process {
        let (data, roles) = ROLES[role];
        let mut command = contrail(self.ground.path());
        command.args(["run", "--data-dir", data]).args(roles);
        if let Some(health) = self.health.get(role) {
            command.arg("--set").arg(format!("health.address={health}"));
        }
        Process::start(&mut command, &self.ground.path().join(format!("{data}.log")))
    }
}

fn wait<T>(what: &str, line: &mut [Option<Process>], so: impl Fn(&[Option<Process>]) -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = so(line) {
            return found;
        }
        if Instant::now() > until {
            panic!("not within {PATIENCE:?}: {what}; the last status was {:#}", status(line).unwrap_or_default());
        }
        for process in line.iter_mut().flatten() {
            assert!(process.is_running(), "it has ended: {}", process.said());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What the process with the map says.
fn status(line: &[Option<Process>]) -> Option<Value> {
    line[ROLES.len() - 1].as_ref()?.get("/api/v1/status")
}

fn rows(line: &[Option<Process>]) -> Option<i64> {
    status(line).map(|status| landed(&status)).filter(|rows| *rows > 0)
}

/// POST of JSON: the answer's JSON.
fn post(process: &Process, path: &str, body: &Value) -> Option<Value> {
    let (address, body) = (process.address()?, body.to_string());
    let mut socket = TcpStream::connect(&address).ok()?;
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}",
        body.len()
    );
    write!(socket, "{head}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

#[test]
fn roles_apart_over_all_services_go_on_while_one_of_them_is_away() {
    let Some(apart) = Apart::new(240) else { return };
    let (map, raw, dead) = (ROLES.len() - 1, apart.ground.expected.raw, apart.ground.expected.dead);
    let mut line: Vec<Option<Process>> = (0..ROLES.len()).map(|role| Some(apart.start(role))).collect();
    wait("rows land", &mut line, rows);
    // The map's process knows of the others by their addresses, and of what they landed by the table.
    wait("every role is seen", &mut line, |line| {
        let status = status(line)?;
        let names: Vec<&str> = status["roles"].as_array()?.iter().filter_map(|role| role["role"].as_str()).collect();
        let all = ["source", "land", "build", "maintain", "serve"].iter().all(|role| names.contains(role));
        let told = status["lake"]["landed_at"].is_string() && status["build"]["built_at"].is_string();
        (all && told).then_some(())
    });
    for round in 0..2 * ROLES.len() {
        let role = round / 2;
        let before = wait("the map's process answers", &mut line, rows);
        let away = line[role].take().unwrap();
        if round % 2 == 0 {
            away.kill()
        } else {
            away.stop()
        }
        let more = |line: &[Option<Process>]| rows(line).filter(|rows| *rows > before || *rows == raw);
        if ROLES[role].0 == "build" {
            wait("landing goes on without a builder", &mut line, more);
        }
        std::thread::sleep(Duration::from_secs(2));
        line[role] = Some(apart.start(role));
        wait("it is up", &mut line, |line| match apart.health.get(role) {
            Some(health) => get(health, "/api/v1/status"),
            None => status(line),
        });
        wait("it goes on", &mut line, more);
    }
    wait("all of it has landed", &mut line, |line| {
        let status = status(line)?;
        let letters = status["lake"]["tables"].as_array()?.iter().find(|table| table["name"] == "dead_letters")?;
        (landed(&status) >= raw && letters["rows"].as_i64()? >= dead).then_some(())
    });
    wait("the map has every aircraft", &mut line, |line| {
        let sky = line[map].as_ref()?.get("/api/states/all")?;
        (sky["states"].as_array()?.len() == 60).then_some(())
    });
    for (table, rows) in [("states_raw", raw), ("states", apart.ground.expected.states)] {
        wait("the tables have all rows", &mut line, |line| {
            let sql = json!({"sql": format!("SELECT count(*) AS n FROM {table}")});
            let answer = post(line[map].as_ref()?, "/api/v1/sql", &sql)?;
            (answer["rows"] == json!([[rows]])).then_some(())
        });
    }
    line.into_iter().flatten().for_each(Process::stop);
    check(apart.ground.path(), &apart.ground.expected);
}
