//! A broker of a test's own, which it may kill and start again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::live::{Kafka, Services, fresh_name};

/// A Kafka of its own ports, data and users; gone when dropped.
pub struct Broker {
    name: String,
}

impl Broker {
    /// Starts one, which takes seconds; `None`, and a line that says why, where this machine has no Kafka.
    ///
    /// # Panics
    /// If it does not start although the machine has one; the panic shows its log.
    pub fn start(what: &str) -> Option<Self> {
        Services::kafka()?;
        let broker = Self { name: fresh_name(what) };
        broker.services(&["start", "kafka"]);
        Some(broker)
    }

    /// Its doors, the same over all restarts, and the pid of the process that runs now.
    pub fn kafka(&self) -> Kafka {
        let output = self.services(&["env"]);
        let lines = String::from_utf8(output.stdout).expect("scripts/services prints UTF-8");
        let pairs: HashMap<&str, &str> = lines.lines().filter_map(|line| line.split_once('=')).collect();
        let read = Kafka::read(&|name| pairs.get(name).map(ToString::to_string));
        read.unwrap_or_else(|missing| panic!("broker {} does not run: no {missing}", self.name))
    }

    /// Ends it at once (SIGKILL) and returns when it is gone.
    pub fn kill(&self) {
        self.services(&["stop", "--kill"]);
    }

    /// Ends it in good order.
    pub fn stop(&self) {
        self.services(&["stop"]);
    }

    /// Starts it again with its data, at its old addresses; returns when it answers.
    pub fn restart(&self) {
        self.services(&["start", "kafka"]);
    }

    fn services(&self, words: &[&str]) -> Output {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/services {}: {said}", words.join(" "));
        output
    }

    fn run(&self, words: &[&str]) -> Output {
        let script = repository().join("scripts/services");
        Command::new(script).args(words).args(["--name", &self.name]).output().expect("scripts/services runs")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Not an assertion: a panic while another unwinds would hide that one.
        let output = self.run(&["stop", "--kill", "--wipe"]);
        if !output.status.success() {
            eprintln!("broker {} is still there: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_killed_broker_comes_back_at_the_same_door() {
        let Some(broker) = Broker::start("testkit") else { return };
        let first = broker.kafka();
        TcpStream::connect(&first.brokers).unwrap();
        broker.kill();
        TcpStream::connect(&first.brokers).unwrap_err();
        broker.restart();
        let second = broker.kafka();
        TcpStream::connect(&second.brokers).unwrap();
        assert_ne!(first.pid, second.pid);
        assert_eq!(first, Kafka { pid: first.pid, ..second });
        let main = Services::kafka().unwrap();
        assert_ne!(main.brokers, first.brokers);
    }
}
