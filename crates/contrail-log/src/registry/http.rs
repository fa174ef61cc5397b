//! A schema registry elsewhere: any server that speaks the Confluent API (Confluent, Apicurio, Redpanda, Karapace).
//!
//! Replicas of such a server lag, so that an id is unknown is believed only after it has been asked for during some
//! time ([`absent`]). What a schema is called an id of is believed at once and for ever.

mod absent;
mod ask;
#[cfg(test)]
mod registry_live;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use contrail_kit::Secret;
use futures::{StreamExt, TryStreamExt};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use self::absent::Absent;
use self::ask::{Reply, Server};
use super::verdict::same;
use super::{Level, Lookup, Registry, RegistryError, Version, judge, normal, verdict};

/// The server's own numbers for what it refuses.
mod code {
    pub const NO_SUBJECT: i64 = 40401;
    pub const NO_SCHEMA: i64 = 40403;
    pub const NO_LEVEL: i64 = 40408;
    pub const CLASH: i64 = 409;
    pub const INVALID: i64 = 42201;
}

/// Versions that are fetched at the same time.
const AT_ONCE: usize = 8;

/// How a registry elsewhere is reached and used.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its root; may have a path, such as `/apis/ccompat/v7`.
    pub url: String,
    pub login: Login,
    /// PEM file of certificates that are trusted besides the usual ones.
    pub ca: Option<PathBuf>,
    /// For one question, from its first byte to the answer's last.
    pub timeout: Duration,
    /// Off: schemas are looked up and must be there.
    pub register: bool,
    /// How long an unknown id may still turn up.
    pub patience: Duration,
    /// How long an id that did not is taken for unknown without asking.
    pub forget: Duration,
}

#[derive(Clone, Debug, Default)]
pub enum Login {
    #[default]
    None,
    Basic {
        username: String,
        password: Secret,
    },
    Bearer(Secret),
}

impl Options {
    /// For a server that asks for no login.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            login: Login::None,
            ca: None,
            timeout: Duration::from_secs(10),
            register: true,
            patience: Duration::from_secs(10),
            forget: Duration::from_secs(60),
        }
    }
}

/// The client. What it has learnt outlives the roles that ask.
pub struct HttpRegistry {
    server: Server,
    register: bool,
    found: Mutex<HashMap<u32, Arc<str>>>,
    absent: Mutex<Absent>,
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    schema: String,
    schema_type: Option<String>,
}

#[derive(Deserialize)]
struct OneVersion {
    version: u32,
    id: u32,
    schema: String,
}

#[derive(Deserialize)]
struct Config {
    #[serde(alias = "compatibility")]
    #[serde(rename = "compatibilityLevel")]
    level: Option<String>,
}

#[derive(Deserialize)]
struct Compatibility {
    is_compatible: bool,
    messages: Option<Vec<String>>,
}

impl HttpRegistry {
    /// Checks the settings; asks nothing yet.
    pub fn open(options: Options) -> Result<Self, RegistryError> {
        Ok(Self {
            register: options.register,
            found: Mutex::default(),
            absent: Mutex::new(Absent::new(options.patience, options.forget)),
            server: Server::new(options)?,
        })
    }

    /// The server's address, without user and password.
    pub fn target(&self) -> &str {
        self.server.target()
    }

    /// The schema's text, or none if the server says itself that there is none.
    async fn fetch(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        if let Some(known) = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Some(known.clone()));
        }
        let reply = self.server.ask(Method::GET, &["schemas", "ids", &id.to_string()], None).await?;
        let text: Text = match reply {
            Reply::Done(body) => self.server.read(&body)?,
            Reply::Refused { status: 404, code: Some(code::NO_SCHEMA), .. } => return Ok(None),
            refused => return Err(self.server.refused(refused)),
        };
        // Anything but Avro is a schema too, if none that writes states: the decoder says so.
        let schema: Arc<str> = match text.schema_type.as_deref() {
            None | Some("AVRO") => normal(&text.schema).unwrap_or(text.schema).into(),
            Some(_) => text.schema.into(),
        };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(id, schema.clone());
        Ok(Some(schema))
    }

    /// The id of `schema` under `subject`, if it is there.
    async fn lookup(&self, subject: &str, schema: &str) -> Result<Option<u32>, RegistryError> {
        let body = json!({ "schema": schema });
        match self.server.ask(Method::POST, &["subjects", subject], Some(body)).await? {
            Reply::Done(body) => Ok(Some(self.server.read::<Registered>(&body)?.id)),
            Reply::Refused { status: 404, code: Some(code::NO_SUBJECT), .. } => Ok(None),
            Reply::Refused { status: 404, code: Some(code::NO_SCHEMA), .. } => {
                // Some servers compare texts, not schemas.
                let versions = self.versions(subject).await?;
                Ok(versions.iter().find(|version| same(&version.schema, schema)).map(|version| version.id))
            }
            refused => Err(self.server.refused(refused)),
        }
    }

    /// Why the server does not take a schema: the field if we find it, else what the server said.
    async fn clash(&self, subject: &str, schema: &str, said: String) -> RegistryError {
        let level = match verdict(self, subject, schema).await {
            Err(error) => return error,
            Ok(verdict) => match verdict.agreed() {
                Err(ours) => return ours,
                Ok(()) => verdict.level,
            },
        };
        let reason = format!("the registry at {} says: {said}", self.target());
        RegistryError::Incompatible { subject: subject.to_owned(), level, reason }
    }

    async fn version(&self, subject: &str, version: u32) -> Result<Version, RegistryError> {
        let path = ["subjects", subject, "versions", &version.to_string()];
        match self.server.ask(Method::GET, &path, None).await? {
            Reply::Done(body) => {
                let OneVersion { version, id, schema } = self.server.read(&body)?;
                let schema = normal(&schema).unwrap_or(schema).into();
                Ok(Version { subject: subject.to_owned(), version, id, schema })
            }
            refused => Err(self.server.refused(refused)),
        }
    }
}

#[async_trait]
impl Registry for HttpRegistry {
    async fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let schema = normal(schema)?;
        if !self.register {
            let found = self.lookup(subject, &schema).await?;
            return found.ok_or_else(|| RegistryError::Unregistered {
                target: self.target().to_owned(),
                subject: subject.to_owned(),
            });
        }
        let body = json!({ "schema": schema });
        match self.server.ask(Method::POST, &["subjects", subject, "versions"], Some(body)).await? {
            Reply::Done(body) => Ok(self.server.read::<Registered>(&body)?.id),
            Reply::Refused { code: Some(code::CLASH), message, .. } | Reply::Refused { status: 409, message, .. } => {
                Err(self.clash(subject, &schema, message).await)
            }
            Reply::Refused { code: Some(code::INVALID), message, .. } => Err(RegistryError::Invalid(message)),
            refused => Err(self.server.refused(refused)),
        }
    }

    async fn schema(&self, id: u32) -> Result<Lookup, RegistryError> {
        let absent = || self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        if absent().stands(id, Instant::now()) {
            return Ok(Lookup::Never);
        }
        if let Some(schema) = self.fetch(id).await? {
            absent().found(id);
            return Ok(Lookup::Found(schema));
        }
        match absent().missing(id, Instant::now()) {
            None => Ok(Lookup::Never),
            Some(left) => {
                let left = left.as_secs_f64().ceil();
                let what = format!("{} has no schema {id} yet; it may turn up for {left} s more", self.target());
                Err(RegistryError::Unavailable { what, source: None })
            }
        }
    }

    async fn peek(&self, id: u32) -> Result<Option<Arc<str>>, RegistryError> {
        self.fetch(id).await
    }

    async fn check(&self, subject: &str, schema: &str) -> Result<(), RegistryError> {
        let schema = normal(schema)?;
        let versions = self.versions(subject).await?;
        let level = super::level(self, subject).await?;
        judge(subject, level, &versions, &schema).agreed()?;
        if versions.is_empty() {
            return Ok(());
        }
        let path: &[&str] = match level.transitive() {
            true => &["compatibility", "subjects", subject, "versions"],
            false => &["compatibility", "subjects", subject, "versions", "latest"],
        };
        match self.server.ask(Method::POST, path, Some(json!({ "schema": schema }))).await? {
            Reply::Done(body) => {
                let theirs: Compatibility = self.server.read(&body)?;
                if theirs.is_compatible {
                    return Ok(());
                }
                let said = theirs.messages.filter(|m| !m.is_empty()).map(|messages| messages.join("; "));
                let reason = said.unwrap_or_else(|| "that it is not compatible".into());
                let reason = format!("the registry at {} says: {reason}", self.target());
                Err(RegistryError::Incompatible { subject: subject.to_owned(), level, reason })
            }
            Reply::Refused { code: Some(code::INVALID), message, .. } => Err(RegistryError::Invalid(message)),
            refused => Err(self.server.refused(refused)),
        }
    }

    async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        match self.server.ask(Method::GET, &["subjects"], None).await? {
            Reply::Done(body) => {
                let mut subjects: Vec<String> = self.server.read(&body)?;
                subjects.sort();
                Ok(subjects)
            }
            refused => Err(self.server.refused(refused)),
        }
    }

    async fn versions(&self, subject: &str) -> Result<Vec<Version>, RegistryError> {
        let mut numbers: Vec<u32> = match self.server.ask(Method::GET, &["subjects", subject, "versions"], None).await?
        {
            Reply::Done(body) => self.server.read(&body)?,
            Reply::Refused { status: 404, code: Some(code::NO_SUBJECT), .. } => return Ok(Vec::new()),
            refused => return Err(self.server.refused(refused)),
        };
        numbers.sort_unstable();
        let fetched = futures::stream::iter(numbers).map(|number| self.version(subject, number));
        fetched.buffered(AT_ONCE).try_collect().await
    }

    async fn level(&self, subject: Option<&str>) -> Result<Option<Level>, RegistryError> {
        let path: Vec<&str> = std::iter::once("config").chain(subject).collect();
        let config: Config = match self.server.ask(Method::GET, &path, None).await? {
            Reply::Done(body) => self.server.read(&body)?,
            Reply::Refused { status: 404, code: Some(code::NO_SUBJECT | code::NO_LEVEL), .. } if subject.is_some() => {
                return Ok(None);
            }
            refused => return Err(self.server.refused(refused)),
        };
        let Some(text) = config.level else { return Ok(subject.is_none().then(Level::default)) };
        let level = text.parse().map_err(|e: super::BadLevel| self.server.foreign(e.to_string()))?;
        Ok(Some(level))
    }

    async fn set_level(&self, subject: Option<&str>, level: Option<Level>) -> Result<(), RegistryError> {
        let path: Vec<&str> = std::iter::once("config").chain(subject).collect();
        let reply = match level {
            Some(level) => {
                let body = json!({ "compatibility": level.to_string() });
                self.server.ask(Method::PUT, &path, Some(body)).await?
            }
            None => self.server.ask(Method::DELETE, &path, None).await?,
        };
        match reply {
            Reply::Done(_) => Ok(()),
            // Nothing to take away.
            Reply::Refused { code: Some(code::NO_SUBJECT | code::NO_LEVEL), .. } if level.is_none() => Ok(()),
            refused => Err(self.server.refused(refused)),
        }
    }
}
