//! Topics that are not what the table was filled from: each has its own sentence, and a flag to go on that the table
//! remembers.

use std::path::Path;

use contrail_testkit::{Broker, Services};
use serde_json::{Value, json};

use super::super::node::{count, verify};
use super::{Ground, python, topic};

struct Astray {
    ground: Ground,
    brokers: String,
    registry: String,
}

impl Astray {
    /// A recording that has landed; nothing runs any more.
    fn start() -> Option<Self> {
        let (kafka, registry) = (Services::kafka()?, Services::registry()?);
        let ground = Ground::new(&kafka.brokers, &[("registry.url", format!("{registry:?}"))], 12, 40);
        let astray = Self { ground, brokers: kafka.brokers, registry };
        astray.play(&[]);
        Some(astray)
    }

    /// Plays the recording from its beginning, and lands it.
    fn play(&self, flags: &[&str]) {
        let before = match self.ground.path().join("lake/catalog.db").exists() {
            true => count(self.ground.path(), "SELECT count(*) AS n FROM states_raw"),
            false => 0,
        };
        let source = self.ground.roles(&format!("src-{before}"), &["source"]);
        let roles: Vec<&str> = ["land", "build", "serve"].iter().chain(flags).copied().collect();
        let node = self.ground.roles("data", &roles).ready();
        self.ground.wait_rows(&node, before + self.ground.expected.raw, 0);
        source.wait_said("feed has ended");
        source.stop();
        node.stop();
        let rows = count(self.ground.path(), "SELECT count(*) AS n FROM states_raw");
        assert_eq!(rows, before + self.ground.expected.raw);
    }

    fn ask(&self, python: &Path, verb: &str) -> Value {
        topic(python, json!({ "verb": verb, "brokers": self.brokers, "topic": self.ground.topic, "partitions": 3 }))
    }

    /// A lander ends with a user's error, in which all of `words` stand.
    fn refused(&self, words: &[&str]) {
        let (code, said) = self.ground.roles("data", &["land"]).end();
        let last = said.lines().last().unwrap_or_default();
        assert!(code == 2 && words.iter().all(|word| last.contains(word)), "{code}: not {words:?} but\n{said}");
    }

    /// Goes on by `flag`: all lands, and the table says what was accepted and why.
    fn goes_on(&self, flag: &str, reason: &str) {
        self.play(&[flag]);
        let accepted = self.ground.accepted();
        assert!(!accepted.is_empty());
        for one in &accepted {
            assert_eq!(one["flag"], flag, "{one}");
            assert!(one["reason"].as_str().unwrap().contains(reason), "{one}");
        }
        verify(self.ground.path());
        // Once is enough.
        let lander = self.ground.roles("data", &["land"]);
        lander.wait_said("landing resumes");
        lander.stop();
        assert_eq!(self.ground.accepted(), accepted);
    }
}

#[test]
fn a_topic_that_was_made_again_is_taken_as_a_new_stream() {
    let (Some(python), Some(astray)) = (python(), Astray::start()) else { return };
    astray.ask(&python, "delete");
    astray.refused(&["was deleted and made again", "--new-stream"]);
    astray.goes_on("--new-stream", "was deleted and made again");
}

#[test]
fn a_topic_that_is_made_again_under_a_lander_stops_it() {
    let (Some(python), Some(astray)) = (python(), Astray::start()) else { return };
    let lander = astray.ground.roles("data", &["land"]);
    lander.wait_said("landing resumes");
    astray.ask(&python, "delete");
    astray.ask(&python, "create");
    let (code, said) = lander.end();
    assert!(
        code == 2 && said.contains("was deleted and made again") && said.contains("--new-stream"),
        "{code}: {said}"
    );
    let source = astray.ground.roles("again", &["source"]);
    source.wait_said("feed has ended");
    source.stop();
}

#[test]
fn records_that_are_gone_are_a_gap() {
    let (Some(python), Some(astray)) = (python(), Astray::start()) else { return };
    // What the second source delivers is deleted before it lands.
    let source = astray.ground.roles("lost", &["source"]);
    source.wait_said("feed has ended");
    let total = 2 * (astray.ground.expected.raw + astray.ground.expected.dead);
    super::wait("the spool is empty", || astray.ask(&python, "empty")["records"] == total);
    source.stop();
    astray.refused(&["messages are gone", "--accept-gap"]);
    astray.goes_on("--accept-gap", "messages are gone");
    let lost: i64 =
        astray.ground.accepted().iter().map(|a| a["now"].as_i64().unwrap() - a["was"].as_i64().unwrap()).sum();
    assert_eq!(lost, astray.ground.expected.raw + astray.ground.expected.dead);
}

#[test]
fn another_cluster_is_not_taken_for_the_first() {
    let Some(astray) = Astray::start() else { return };
    let Some(other) = Broker::start("other") else { return };
    let registry = [("registry.url", format!("{:?}", astray.registry))];
    astray.ground.configure(&other.kafka().brokers, &registry);
    astray.refused(&["was filled from the Kafka cluster", "log.kafka.brokers", "--new-stream"]);
    astray.goes_on("--new-stream", "was filled from the Kafka cluster");
}
