//! What `make services` runs (Kafka, a schema registry, an S3 store, an Iceberg REST catalog), as the environment names
//! it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The services of this machine.
pub struct Services;

/// One broker, by three doors. Whoever comes by the open one may do all; topics are not made by asking for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kafka {
    /// The open door: no encryption, no name.
    pub brokers: String,
    pub sasl: Sasl,
    pub mtls: Mtls,
    /// The authority that signed the broker's certificate (PEM).
    pub ca: PathBuf,
    /// An authority that did not.
    pub other_ca: PathBuf,
    /// Of the process, where it runs on this machine.
    pub pid: Option<u32>,
}

/// SASL over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sasl {
    pub brokers: String,
    /// May do all; by SCRAM-SHA-512 and by PLAIN.
    pub user: Login,
    /// May do nothing; by SCRAM-SHA-512.
    pub stranger: Login,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub username: String,
    pub password: String,
}

/// TLS on both sides: the client shows a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mtls {
    pub brokers: String,
    /// May do all.
    pub client: Identity,
    /// May do nothing.
    pub stranger: Identity,
    /// Was the first one's until 2021.
    pub expired: Identity,
    /// Bears the first one's name, by another authority.
    pub other: Identity,
}

/// A client's certificate and its key (PEM, PKCS#8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A store with one bucket, which is addressed in the path; signatures are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// `http://HOST:PORT`
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    /// Of the process, where it runs on this machine.
    pub pid: Option<u32>,
}

/// Two Iceberg REST catalogs in one process. Either takes a table at a `file:` or an `s3:` location that is named when
/// it is made, and has the keys of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// Where `/v1/config` is; tables go to a folder of this machine.
    pub uri: String,
    /// The same for a catalog of its own whose tables go to the bucket.
    pub s3_uri: String,
    /// Of the process, where it runs on this machine.
    pub pid: Option<u32>,
}

impl Services {
    /// The broker; without one a line that says so has been printed.
    ///
    /// # Panics
    /// Under `CI=true`, where there must be one.
    pub fn kafka() -> Option<Kafka> {
        found(Kafka::read(&variable))
    }

    /// Where the Confluent API of the registry begins; without one a line that says so has been printed.
    ///
    /// # Panics
    /// Under `CI=true`, where there must be one.
    pub fn registry() -> Option<String> {
        found(named(&variable, "REGISTRY_URL"))
    }

    /// The store; without one a line that says so has been printed.
    ///
    /// # Panics
    /// Under `CI=true`, where there must be one.
    pub fn s3() -> Option<S3> {
        found(S3::read(&variable))
    }

    /// The Iceberg REST catalog; without one a line that says so has been printed.
    ///
    /// # Panics
    /// Under `CI=true`, where there must be one.
    pub fn catalog() -> Option<Catalog> {
        found(Catalog::read(&variable))
    }
}

impl Kafka {
    /// Out of variables as `scripts/services env` prints them; else the name of the one that is missing.
    pub(crate) fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let text = |name: &str| named(get, name);
        let path = |name: &str| named(get, name).map(PathBuf::from);
        let login = |whose: &str| {
            let (username, password) = (format!("KAFKA_{whose}USERNAME"), format!("KAFKA_{whose}PASSWORD"));
            Ok::<_, String>(Login { username: text(&username)?, password: text(&password)? })
        };
        let identity = |whose: &str| {
            let (cert, key) = (format!("KAFKA_{whose}CERT"), format!("KAFKA_{whose}KEY"));
            Ok::<_, String>(Identity { cert: path(&cert)?, key: path(&key)? })
        };
        Ok(Self {
            brokers: text("KAFKA_BROKERS")?,
            sasl: Sasl { brokers: text("KAFKA_SASL_BROKERS")?, user: login("")?, stranger: login("STRANGER_")? },
            mtls: Mtls {
                brokers: text("KAFKA_MTLS_BROKERS")?,
                client: identity("")?,
                stranger: identity("STRANGER_")?,
                expired: identity("EXPIRED_")?,
                other: identity("OTHER_")?,
            },
            ca: path("KAFKA_CA")?,
            other_ca: path("KAFKA_OTHER_CA")?,
            pid: get("KAFKA_PID").and_then(|pid| pid.parse().ok()),
        })
    }
}

impl S3 {
    /// Out of variables as `scripts/services env` prints them; else the name of the one that is missing.
    pub(crate) fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        Ok(Self {
            endpoint: named(get, "S3_ENDPOINT")?,
            region: named(get, "S3_REGION")?,
            bucket: named(get, "S3_BUCKET")?,
            access_key: named(get, "S3_ACCESS_KEY")?,
            secret_key: named(get, "S3_SECRET_KEY")?,
            pid: get("S3_PID").and_then(|pid| pid.parse().ok()),
        })
    }
}

impl Catalog {
    /// Out of variables as `scripts/services env` prints them; else the name of the one that is missing.
    pub(crate) fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        Ok(Self {
            uri: named(get, "REST_CATALOG_URI")?,
            s3_uri: named(get, "REST_CATALOG_S3_URI")?,
            pid: get("REST_CATALOG_PID").and_then(|pid| pid.parse().ok()),
        })
    }
}

/// A name that no topic, group, subject or namespace has had yet.
pub fn fresh_name(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    format!("{what}-{:x}-{:x}-{}", std::process::id(), now.as_micros(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn named(get: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<String, String> {
    get(name).ok_or_else(|| name.to_string())
}

/// The line is what the runner's totals look for.
fn found<T>(read: Result<T, String>) -> Option<T> {
    match read {
        Ok(found) => Some(found),
        Err(missing) => {
            let reason = format!("no {missing}: run make services");
            assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "{reason}");
            println!("SKIPPED ({reason})");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: &str) -> Option<String> {
        Some(if name.ends_with("_PID") { "12".into() } else { format!("<{name}>") })
    }

    #[test]
    fn every_variable_has_its_place() {
        let kafka = Kafka::read(&all).unwrap();
        assert_eq!(kafka.brokers, "<KAFKA_BROKERS>");
        assert_eq!(kafka.sasl.stranger.password, "<KAFKA_STRANGER_PASSWORD>");
        assert_eq!(kafka.mtls.client.cert, PathBuf::from("<KAFKA_CERT>"));
        assert_eq!(kafka.mtls.expired.key, PathBuf::from("<KAFKA_EXPIRED_KEY>"));
        assert_eq!(kafka.pid, Some(12));
        let store = S3::read(&all).unwrap();
        assert_eq!((store.secret_key.as_str(), store.pid), ("<S3_SECRET_KEY>", Some(12)));
        let catalog = Catalog::read(&all).unwrap();
        assert_eq!((catalog.s3_uri.as_str(), catalog.pid), ("<REST_CATALOG_S3_URI>", Some(12)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let none = |_: &str| None;
        assert_eq!(Kafka::read(&none), Err("KAFKA_BROKERS".into()));
        let some = |name: &str| all(name).filter(|_| name != "KAFKA_OTHER_KEY" && name != "KAFKA_PID");
        assert_eq!(Kafka::read(&some), Err("KAFKA_OTHER_KEY".into()));
        assert_eq!(S3::read(&none), Err("S3_ENDPOINT".into()));
        assert_eq!(Catalog::read(&none), Err("REST_CATALOG_URI".into()));
    }

    #[test]
    fn names_are_fresh() {
        assert_ne!(fresh_name("states"), fresh_name("states"));
        assert!(fresh_name("states").starts_with("states-"));
    }
}
