//! Laying layers over one another, and making types of the result. Pure: files and variables were read before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use contrail_kit::secret::MASK;
use toml::{Table, Value};

use super::keys::{self, Key, Known, Place};
use super::{Config, ConfigError};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    /// A variable in a `.env` file.
    EnvFile(PathBuf, String),
    Env(String),
    Set,
    /// A flag of its own, such as `--data-dir`.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::EnvFile(path, variable) => write!(f, "{variable} in {}", path.display()),
            Self::Env(variable) => write!(f, "environment variable {variable}"),
            Self::Set => f.write_str("--set"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One value that some source sets.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub key: Key,
    pub value: Value,
    pub origin: Origin,
}

/// Every value that is set, and where it came from.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<Key, (Value, Origin)>);

impl Origins {
    /// Lays a layer over what is there. A key that nobody knows is an error.
    pub fn lay(&mut self, layer: Vec<Leaf>, known: &Known) -> Result<(), ConfigError> {
        for Leaf { key, value, origin } in layer {
            match known.place(&key) {
                Place::Value(_) => {
                    self.0.insert(key, (value, origin));
                }
                Place::Foreign => {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    self.0.insert(keys::foreign(&key), (Value::String(text), origin));
                    // An empty section in the defaults is no value beside its keys.
                    self.0.remove(&key[..3]);
                }
                Place::Section if matches!(&value, Value::Table(table) if table.is_empty()) => {}
                Place::Section => {
                    let message = "is a section: set the keys in it".to_string();
                    return Err(ConfigError::Value { key: key.join("."), origin, message });
                }
                Place::Unknown => {
                    let nearest = known.nearest(&key);
                    return Err(ConfigError::UnknownKey { key: key.join("."), origin, nearest });
                }
            }
        }
        Ok(())
    }

    /// Where the value of a key came from; the default when nobody set it.
    pub fn of(&self, key: &str) -> Origin {
        let key: Key = key.split('.').map(str::to_string).collect();
        self.0.get(&key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// Every key with its value (as TOML; none when it is not set) and origin. Secrets are masked.
    pub fn shown(&self) -> Vec<Shown> {
        let mut shown: BTreeMap<String, Shown> = Known::embedded()
            .all()
            .into_iter()
            .map(|key| (key.join("."), Shown { key: key.join("."), value: None, origin: "not set".into() }))
            .collect();
        for (key, (value, origin)) in &self.0 {
            let secret = key.last().is_some_and(|last| is_secret(last));
            let value = if secret { MASK.to_string() } else { value.to_string() };
            let key = key.join(".");
            shown.insert(key.clone(), Shown { key, value: Some(value), origin: origin.to_string() });
        }
        shown.into_values().collect()
    }

    /// [`Origins::shown`] for people: a line a key.
    pub fn text(&self) -> String {
        let lines: Vec<(String, String)> = self
            .shown()
            .into_iter()
            .map(|Shown { key, value, origin }| (format!("{key} = {}", value.unwrap_or_else(|| "-".into())), origin))
            .collect();
        let width = lines.iter().map(|(left, _)| left.chars().count().min(60)).max().unwrap_or(0);
        lines.iter().fold(String::new(), |mut text, (left, origin)| {
            let _ = writeln!(text, "{left:width$}  # {origin}");
            text
        })
    }

    fn table<'a>(entries: impl Iterator<Item = (&'a Key, &'a Value)>) -> Table {
        let mut root = Table::new();
        for (key, value) in entries {
            let Some((last, sections)) = key.split_last() else { continue };
            let mut table = &mut root;
            for section in sections {
                let entry = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
                match entry {
                    Value::Table(inner) => table = inner,
                    // Keys were checked against those that exist: a value never stands where a section does.
                    _ => unreachable!("{} is not a section", key.join(".")),
                }
            }
            table.insert(last.clone(), value.clone());
        }
        root
    }
}

/// A line of `contrail config show`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    pub key: String,
    pub value: Option<String>,
    pub origin: String,
}

fn is_secret(last: &str) -> bool {
    // Keys of librdkafka have dots in them, and a private key may stand in one.
    ["token", "credential"].contains(&last)
        || ["secret", "password", ".pem", "oauthbearer.config"].iter().any(|part| last.contains(part))
}

/// The typed sections. A value of the wrong type is reported with its own key and origin.
pub fn typed(origins: &Origins, known: &Known) -> Result<Config, ConfigError> {
    let dropped = keys_of_other_kinds(origins, known)?;
    let entries = || origins.0.iter().filter(|(key, _)| !dropped.contains(*key));
    let table = Origins::table(entries().map(|(key, (value, _))| (key, value)));
    let error = match Value::Table(table).try_into::<Config>() {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    // One value after the other over the defaults alone: the first that does not go is the culprit.
    for (key, (value, origin)) in entries().filter(|(_, (_, origin))| *origin != Origin::Default) {
        let kind = |other: &Key| key[0] == "feed" && other[..2] == key[..2] && other[2] == "kind";
        let alone = Origins::table(
            entries()
                .filter(|(other, (_, origin))| *origin == Origin::Default || *other == key || kind(other))
                .map(|(key, (value, _))| (key, value)),
        );
        if let Err(error) = Value::Table(alone).try_into::<Config>() {
            let message = format!("{} does not do: {}", shown_value(key, value), error.message());
            return Err(ConfigError::Value { key: key.join("."), origin: origin.clone(), message });
        }
    }
    Err(ConfigError::Value { key: "configuration".into(), origin: Origin::Default, message: error.message().into() })
}

fn shown_value(key: &Key, value: &Value) -> String {
    if key.last().is_some_and(|last| is_secret(last)) { MASK.into() } else { value.to_string() }
}

/// A feed's kind says which keys it has. What was set beyond them is an error; what only the defaults of another kind
/// put there is left out.
fn keys_of_other_kinds(origins: &Origins, known: &Known) -> Result<BTreeSet<Key>, ConfigError> {
    let mut dropped = BTreeSet::new();
    for (key, (_, origin)) in &origins.0 {
        let [feed, name, last] = key.as_slice() else { continue };
        if feed != "feed" {
            continue;
        }
        let kind_key: Key = vec![feed.clone(), name.clone(), "kind".into()];
        let kinds = || known.kinds().collect::<Vec<_>>().join(", ");
        let Some((kind, kind_origin)) = origins.0.get(&kind_key) else {
            let message = format!("the feed {name} has no kind: set feed.{name}.kind to one of {}", kinds());
            return Err(ConfigError::Value { key: key.join("."), origin: origin.clone(), message });
        };
        let Some(keys) = kind.as_str().and_then(|kind| known.of_kind(kind)) else {
            let message = format!("{kind} is no kind of feed: use one of {}", kinds());
            return Err(ConfigError::Value { key: kind_key.join("."), origin: kind_origin.clone(), message });
        };
        if keys.contains(last.as_str()) {
            continue;
        }
        if *origin != Origin::Default {
            let (key, origin) = (key.join("."), origin.clone());
            let message = format!("a feed of kind {kind} has no such key; it has {}", Vec::from_iter(keys).join(", "));
            return Err(ConfigError::Value { key, origin, message });
        }
        dropped.insert(key.clone());
    }
    Ok(dropped)
}
