//! Services of a test's own, which it may kill and start again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::live::{Catalog, Kafka, S3, Services, fresh_name};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Kafka,
    Registry,
    S3,
    Catalog,
}

impl Service {
    /// As `scripts/services` calls it.
    fn word(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::S3 => "s3",
            Self::Catalog => "catalog",
        }
    }

    /// Whether this machine has it; if not, a line that says so has been printed.
    fn is_here(self) -> bool {
        match self {
            Self::Kafka => Services::kafka().is_some(),
            Self::Registry => Services::registry().is_some(),
            Self::S3 => Services::s3().is_some(),
            Self::Catalog => Services::catalog().is_some(),
        }
    }
}

/// A set of services with ports, data and keys of its own; gone when dropped. The catalog of a set keeps what is below
/// `s3:` in the store of the same set.
pub struct Own {
    name: String,
}

impl Own {
    /// Starts them, which takes seconds; `None`, and a line that says why, where this machine lacks one of them.
    ///
    /// # Panics
    /// If one does not start although the machine has it; the panic shows its log.
    pub fn start(what: &str, services: &[Service]) -> Option<Self> {
        if !services.iter().all(|service| service.is_here()) {
            return None;
        }
        let own = Self { name: fresh_name(what) };
        let words: Vec<&str> = services.iter().map(|service| service.word()).collect();
        own.services(&[&["start"], words.as_slice()].concat());
        Some(own)
    }

    /// The broker's doors, the same over all restarts, and the pid of the process that runs now.
    pub fn kafka(&self) -> Kafka {
        self.read(Kafka::read)
    }

    /// The store's address and keys, the same over all restarts, and the pid of the process that runs now.
    pub fn s3(&self) -> S3 {
        self.read(S3::read)
    }

    /// The catalog's addresses, the same over all restarts, and the pid of the process that runs now.
    pub fn catalog(&self) -> Catalog {
        self.read(Catalog::read)
    }

    /// Ends it at once (SIGKILL) and returns when it is gone.
    pub fn kill(&self, service: Service) {
        self.services(&["stop", "--kill", service.word()]);
    }

    /// Ends it in good order.
    pub fn stop(&self, service: Service) {
        self.services(&["stop", service.word()]);
    }

    /// Starts it again with its data, at its old addresses; returns when it answers.
    pub fn restart(&self, service: Service) {
        self.services(&["start", service.word()]);
    }

    fn read<T>(&self, of: impl Fn(&dyn Fn(&str) -> Option<String>) -> Result<T, String>) -> T {
        let output = self.services(&["env"]);
        let lines = String::from_utf8(output.stdout).expect("scripts/services prints UTF-8");
        let pairs: HashMap<&str, &str> = lines.lines().filter_map(|line| line.split_once('=')).collect();
        let read = of(&|name| pairs.get(name).map(ToString::to_string));
        read.unwrap_or_else(|missing| panic!("a service of {} does not run: no {missing}", self.name))
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

impl Drop for Own {
    fn drop(&mut self) {
        // Not an assertion: a panic while another unwinds would hide that one.
        let output = self.run(&["stop", "--kill", "--wipe"]);
        if !output.status.success() {
            eprintln!("services of {} are still there: {}", self.name, String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// A Kafka of a test's own.
pub struct Broker(Own);

impl Broker {
    /// As [`Own::start`].
    pub fn start(what: &str) -> Option<Self> {
        Own::start(what, &[Service::Kafka]).map(Self)
    }

    pub fn kafka(&self) -> Kafka {
        self.0.kafka()
    }

    pub fn kill(&self) {
        self.0.kill(Service::Kafka);
    }

    pub fn stop(&self) {
        self.0.stop(Service::Kafka);
    }

    pub fn restart(&self) {
        self.0.restart(Service::Kafka);
    }
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
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

    /// The answer to a request, head and body.
    fn ask(address: &str, request: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap())?;
        let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json";
        write!(stream, "{request} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn a_killed_catalog_and_its_killed_store_come_back_with_what_they_held() {
        let Some(own) = Own::start("testkit", &[Service::S3, Service::Catalog]) else { return };
        let (store, catalog) = (own.s3(), own.catalog());
        assert_eq!(catalog.s3_uri, format!("{}/s3", catalog.uri));
        let namespace = r#"{"namespace": ["sky"]}"#;
        let table = r#"{"name": "states", "schema": {"type": "struct", "fields": []}}"#;
        for (folder, warehouse) in [("", "\"file:"), ("/s3", "\"s3://")] {
            let made = ask(&catalog.uri, &format!("POST {folder}/v1/namespaces"), namespace).unwrap();
            assert!(made.starts_with("HTTP/1.1 200"), "{made}");
            let made = ask(&catalog.uri, &format!("POST {folder}/v1/namespaces/sky/tables"), table).unwrap();
            assert!(made.contains(&format!("\"metadata-location\":{warehouse}")), "{made}");
        }
        own.kill(Service::S3);
        own.kill(Service::Catalog);
        ask(&store.endpoint, "GET /", "").unwrap_err();
        ask(&catalog.uri, "GET /v1/config", "").unwrap_err();
        own.restart(Service::Catalog);
        let load = |folder| ask(&catalog.uri, &format!("GET {folder}/v1/namespaces/sky/tables/states"), "").unwrap();
        assert!(load("").starts_with("HTTP/1.1 200"), "{}", load(""));
        own.restart(Service::S3);
        assert!(load("/s3").starts_with("HTTP/1.1 200"), "{}", load("/s3"));
        // Whoever does not sign is not let in.
        let stranger = ask(&store.endpoint, &format!("GET /{}", store.bucket), "").unwrap();
        assert!(stranger.starts_with("HTTP/1.1 403"), "{stranger}");
        let (again, other) = (own.s3(), own.catalog());
        assert_ne!((store.pid, catalog.pid), (again.pid, other.pid));
        assert_eq!((&store.endpoint, &store.secret_key), (&again.endpoint, &again.secret_key));
        assert_ne!(Services::s3().unwrap().endpoint, store.endpoint);
    }
}
