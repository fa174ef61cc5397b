//! Configuration: one value for each key, and where it came from.
//!
//! `default.toml` is embedded, holds every key, and is the reference; what it does not name is an error. [`load`] lays
//! the sources over it in a fixed order ([`sources`]), checks every key, and gives typed sections to whoever wires the
//! stages. Reading order: [`Config`], [`load`], [`layers`] (merging, pure), [`keys`] (what exists), [`reference`].

mod bytes;
mod keys;
mod lake;
mod layers;
#[cfg(test)]
mod reference;
mod registry;
mod sources;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use contrail_flow::land::{DeadLetterPolicy, Shard};
use contrail_kit::{Class, Classified, Secret};
use contrail_source::FeedConfig;
use serde::{Deserialize, Serialize};

pub use bytes::Bytes;
pub use lake::Lake;
pub use layers::{Origin, Origins};
#[cfg(test)]
pub use reference::reference;
pub use registry::Registry;
pub use sources::Sources;

/// The embedded reference: every key with a comment.
pub const DEFAULT: &str = include_str!("../default.toml");

/// Everything that can be set. Sections have the names that they have in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data_dir: PathBuf,
    pub demo_data_dir: PathBuf,
    pub feed: BTreeMap<String, FeedConfig>,
    pub log: Log,
    pub registry: Registry,
    pub lake: Lake,
    pub land: Land,
    pub build: Build,
    pub maintain: Maintain,
    pub engine: Engine,
    pub query: Query,
    pub serve: Serve,
    #[serde(default)]
    pub health: Health,
    pub telemetry: Telemetry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    Embedded,
    Kafka,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub kind: LogKind,
    pub topic: String,
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    pub limit_bytes: Bytes,
    pub kafka: Kafka,
    pub spool: Spool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    pub brokers: String,
    pub group: String,
    pub create: bool,
    pub partitions: i32,
    pub replication: i32,
    pub min_insync: i32,
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    pub tls: bool,
    pub mechanism: Option<String>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub key_password: Option<Secret>,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    #[serde(with = "humantime_serde")]
    pub delivery_timeout: Duration,
    /// Keys of librdkafka.
    pub client: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spool {
    pub enabled: bool,
    pub limit_bytes: Bytes,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Land {
    pub shard: Shard,
    pub dead_letters: DeadLetterPolicy,
    pub commit: Commit,
}

/// A commit is made when the first of these is reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    pub rows: usize,
    pub bytes: Bytes,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    #[serde(with = "humantime_serde")]
    pub publish_interval: Duration,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintain {
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    pub cpu_share: f64,
    pub bytes: Bytes,
    /// By table.
    pub keep: BTreeMap<String, humantime_serde::Serde<Duration>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    pub memory: Bytes,
    pub threads: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    pub memory: Bytes,
    pub process_memory: Bytes,
    pub threads: u32,
    pub concurrent: usize,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    pub rows: u64,
    #[serde(with = "humantime_serde")]
    pub idle: Duration,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serve {
    /// Addresses of processes that run other roles of this node.
    pub peers: Vec<String>,
    pub http: Http,
    pub iceberg: Iceberg,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iceberg {
    pub enabled: bool,
    /// Folders beside the warehouse.
    pub locations: Vec<PathBuf>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    pub address: Option<SocketAddr>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    pub token: Option<Secret>,
    pub open_data: bool,
    pub hosts: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    pub log: String,
}

/// What is wrong with the configuration. Every message names the place and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration file {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{origin} is not TOML: {message}")]
    Syntax { origin: Origin, message: String },
    #[error("unknown key {key} ({origin}){}", suggestion(.nearest))]
    UnknownKey { key: String, origin: Origin, nearest: Option<String> },
    #[error("{key} ({origin}): {message}")]
    Value { key: String, origin: Origin, message: String },
    #[error("--set {text}: write it as KEY=VALUE, such as --set serve.http.listen=127.0.0.1:9000")]
    Set { text: String },
}

fn suggestion(nearest: &Option<String>) -> String {
    match nearest {
        Some(key) => format!(": did you mean {key}?"),
        None => "; `contrail config show` lists all keys".into(),
    }
}

impl Classified for ConfigError {
    fn class(&self) -> Class {
        Class::USER
    }
}

/// Lays the sources over the defaults, checks every key and value, and remembers where each came from.
pub fn load(sources: &Sources) -> Result<(Config, Origins), ConfigError> {
    let known = keys::Known::embedded();
    let mut origins = Origins::default();
    for layer in sources::layers(sources, &known)? {
        origins.lay(layer, &known)?;
    }
    let config = layers::typed(&origins, &known)?;
    config.check(&origins)?;
    Ok((config, origins))
}

impl Config {
    /// The feeds that are turned on.
    pub fn enabled_feeds(&self) -> impl Iterator<Item = (&str, &FeedConfig)> {
        self.feed.iter().filter(|(_, feed)| feed.enabled()).map(|(name, feed)| (name.as_str(), feed))
    }

    /// Turns the demo sky on and every other feed off. The data go to the demo's own folder, unless the command line
    /// names one (`data_dir`, already in place then).
    pub fn demo(&mut self, keep_data_dir: bool) {
        for feed in self.feed.values_mut() {
            feed.set_enabled(matches!(feed, FeedConfig::Demo(_)));
        }
        if !keep_data_dir {
            self.data_dir = self.demo_data_dir.clone();
        }
    }

    /// What types cannot say.
    fn check(&self, origins: &Origins) -> Result<(), ConfigError> {
        let zero = |duration: Duration| (duration.is_zero()).then(|| "must be longer than nothing".to_string());
        let least = |value: u64, least: u64| (value < least).then(|| format!("must be at least {least}"));
        let mut wrong: Vec<(String, Option<String>)> = vec![
            ("land.commit.interval".into(), zero(self.land.commit.interval)),
            ("land.commit.rows".into(), least(self.land.commit.rows as u64, 1)),
            ("land.commit.bytes".into(), least(self.land.commit.bytes.get(), 1 << 20)),
            ("log.limit_bytes".into(), least(self.log.limit_bytes.get(), 16 << 20)),
            ("log.topic".into(), topic_fault(&self.log.topic)),
            ("log.kafka.partitions".into(), least(self.log.kafka.partitions.max(0) as u64, 1)),
            ("log.kafka.timeout".into(), zero(self.log.kafka.timeout)),
            ("log.spool.limit_bytes".into(), least(self.log.spool.limit_bytes.get(), 16 << 20)),
            ("build.publish_interval".into(), zero(self.build.publish_interval)),
            ("maintain.interval".into(), zero(self.maintain.interval)),
            ("maintain.cpu_share".into(), share_fault(self.maintain.cpu_share)),
            ("maintain.bytes".into(), least(self.maintain.bytes.get(), 1 << 20)),
            ("engine.memory".into(), least(self.engine.memory.get(), 64 << 20)),
            ("engine.threads".into(), least(self.engine.threads.into(), 1)),
            ("query.memory".into(), least(self.query.memory.get(), 32 << 20)),
            ("query.process_memory".into(), least(self.query.process_memory.get(), self.query.memory.get())),
            ("query.threads".into(), least(self.query.threads.into(), 1)),
            ("query.concurrent".into(), least(self.query.concurrent as u64, 1)),
            ("query.timeout".into(), zero(self.query.timeout)),
            ("query.rows".into(), least(self.query.rows, 1)),
        ];
        let short = self.maintain.keep.iter().filter(|(_, keep)| ***keep < Duration::from_secs(2 * 3600));
        wrong.extend(
            short.map(|(table, _)| (format!("maintain.keep.{table}"), Some("must be at least 2 hours".into()))),
        );
        wrong.extend(self.registry.faults());
        wrong.extend(self.lake.faults());
        let odd = self.serve.iceberg.locations.iter().find(|path| !absolute(path));
        let relative = odd.map(|path| format!("{} must be an absolute path", path.display()));
        wrong.push(("serve.iceberg.locations".into(), relative));
        let odd = self.serve.peers.iter().find(|url| !is_web(url));
        wrong.push(("serve.peers".into(), odd.map(|url| format!("{url} must begin with http:// or https://"))));
        for (name, feed) in &self.feed {
            wrong.extend(feed_faults(name, feed));
        }
        match wrong.into_iter().find_map(|(key, message)| Some((key, message?))) {
            Some((key, message)) => Err(ConfigError::Value { origin: origins.of(&key), key, message }),
            None => Ok(()),
        }
    }
}

fn share_fault(share: f64) -> Option<String> {
    (!(share > 0.0 && share <= 1.0)).then(|| "must be more than 0 and at most 1".into())
}

fn feed_faults(name: &str, feed: &FeedConfig) -> Vec<(String, Option<String>)> {
    let key = |last: &str| format!("feed.{name}.{last}");
    let mut faults = Vec::new();
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_') {
        faults.push((key("kind"), Some("a feed's name has lower-case letters, digits, - and _ only".into())));
    }
    if feed.interval().is_some_and(|interval| interval < Duration::from_millis(100)) {
        faults.push((key("interval"), Some("must be at least 100 ms".into())));
    }
    match feed {
        FeedConfig::OpenSky(c) => {
            faults.extend(c.boxes.iter().map(|area| (key("boxes"), area.check().err())));
            let half = c.client_id.is_some() != c.client_secret.is_some();
            faults
                .push((key("client_id"), half.then(|| "client_id and client_secret belong together: set both".into())));
            faults.push((key("url"), (!is_web(&c.url)).then(|| "must begin with http:// or https://".into())));
        }
        FeedConfig::Readsb(c) => {
            faults.push((key("url"), c.url.is_empty().then(|| "set the address or path of aircraft.json".into())));
        }
        FeedConfig::Replay(c) => {
            let nothing = c.path.as_os_str().is_empty();
            faults.push((key("path"), nothing.then(|| "set the path of the recording".into())));
            let odd = !(c.speed.is_finite() && c.speed >= 0.0);
            faults.push((key("speed"), odd.then(|| "must be 0 or more".into())));
        }
        FeedConfig::Demo(_) => {}
    }
    faults
}

/// Kafka's own rule.
fn topic_fault(topic: &str) -> Option<String> {
    let odd = |c: char| !(c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c));
    let bad = topic.is_empty() || topic.len() > 200 || topic.contains(odd) || [".", ".."].contains(&topic);
    bad.then(|| "a topic's name has letters, digits, '.', '_' and '-' only, at most 200".into())
}

/// A path from the root, with or without `file:` before it.
fn absolute(path: &std::path::Path) -> bool {
    let text = path.to_string_lossy();
    let text = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(&text);
    text.starts_with('/')
}

fn is_web(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
