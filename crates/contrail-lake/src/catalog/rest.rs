//! A catalog elsewhere that speaks Iceberg's REST protocol: Polaris, Lakekeeper, Nessie, Apache's own and others.
//!
//! Metadata files are the server's: a change is sent as requirements and updates, and what stands then comes back with
//! the answer. An answer that is lost, or that is none, is [`CommitError::Unknown`]; so is every fault of the server
//! behind a commit, since what it did before it failed cannot be seen from here.

mod auth;
mod error;
mod server;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use iceberg::spec::TableMetadata;
use iceberg::{TableCreation, TableIdent};
use reqwest::Method;
use reqwest::header::{ETAG, HeaderMap};

use self::server::{Answer, Fault, Question, Server};
use super::{CatalogError, CommitError, Loaded, Proposal, Served, TableCatalog};

pub use self::auth::Login;
pub use self::error::RestError;

/// Keys that are given out are asked for again this long before they run out.
const EARLY: Duration = Duration::from_secs(300);

/// How a catalog elsewhere is reached and used.
#[derive(Clone, Debug)]
pub struct RestOptions {
    /// Its root, such as `https://catalog.example.org/api/catalog`; the protocol's `/v1` comes behind it.
    pub uri: String,
    /// Which of the server's warehouses, where it has several.
    pub warehouse: Option<String>,
    /// Path before `namespaces`, where the server does not tell it by itself.
    pub prefix: Option<String>,
    pub login: Login,
    /// Ask the server for keys of the store.
    pub vended: bool,
    /// PEM file of certificates that are trusted besides the usual ones.
    pub ca: Option<PathBuf>,
    /// For one request, from its first byte to the answer's last.
    pub timeout: Duration,
}

impl RestOptions {
    /// For a server that asks for no login.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            warehouse: None,
            prefix: None,
            login: Login::None,
            vended: false,
            ca: None,
            timeout: Duration::from_secs(30),
        }
    }
}

/// The client. Cheap to clone.
#[derive(Clone)]
pub struct RestCatalog(Arc<Inner>);

struct Inner {
    server: Server,
    vended: bool,
    seen: Mutex<HashMap<TableIdent, Seen>>,
}

/// What the server said with a table's metadata when it was loaded last.
#[derive(Clone)]
struct Seen {
    location: String,
    etag: Option<String>,
    store: Served,
    /// When the keys in it should be asked for again.
    until: Option<Instant>,
}

impl std::fmt::Debug for RestCatalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RestCatalog({})", self.0.server.target())
    }
}

impl RestCatalog {
    /// Checks the settings; asks nothing yet.
    pub fn open(options: RestOptions) -> Result<Self, RestError> {
        let vended = options.vended;
        Ok(Self(Arc::new(Inner { server: Server::new(options)?, vended, seen: Mutex::default() })))
    }

    /// The server's address.
    pub fn target(&self) -> &str {
        self.0.server.target()
    }

    /// Asks the server for its configuration: that it is there, is a catalog, knows the warehouse and lets us in.
    pub async fn check(&self) -> Result<(), RestError> {
        self.0.server.settings().await.map(drop)
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<TableIdent, Seen>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let vended = self.0.vended.then(|| ("x-iceberg-access-delegation", "vended-credentials".to_owned()));
        vended.into_iter().collect()
    }

    /// What the server says of the store: its own settings, and over them those of the table.
    async fn store_of(&self, result: &wire::LoadTableResult, metadata: &TableMetadata) -> Result<Served, RestError> {
        let ours = |(key, _): &(&String, &String)| key.starts_with("s3.") || *key == "client.region";
        let mut properties: BTreeMap<String, String> = BTreeMap::new();
        let settings = self.0.server.settings().await?;
        properties.extend(settings.properties.iter().filter(ours).map(|(k, v)| (k.clone(), v.clone())));
        properties.extend(result.config.iter().filter(ours).map(|(k, v)| (k.clone(), v.clone())));
        // The most fitting of the keys that are given out for parts of the store.
        let fitting = result.storage_credentials.iter().filter(|given| metadata.location().starts_with(&given.prefix));
        if let Some(given) = fitting.max_by_key(|given| given.prefix.len()) {
            properties.extend(given.config.clone());
        }
        Ok(Served(Arc::new(properties)))
    }

    async fn loaded(
        &self,
        table: &TableIdent,
        known: Option<&Loaded>,
        headers: &HeaderMap,
        result: wire::LoadTableResult,
    ) -> Result<Loaded, RestError> {
        let location = result.metadata_location.clone().ok_or_else(|| {
            self.0.server.foreign(&format!("it gave table {table} without the location of its metadata"))
        })?;
        let metadata = match known.filter(|known| known.location == location) {
            Some(known) => known.metadata.clone(),
            None => Arc::new(self.0.server.parse::<TableMetadata>(result.metadata.get().as_bytes())?),
        };
        let store = self.store_of(&result, &metadata).await?;
        let etag = tag(headers);
        let until = expiry(&store.0);
        self.seen().insert(table.clone(), Seen { location: location.clone(), etag, store: store.clone(), until });
        Ok(Loaded { metadata, location, store })
    }

    async fn make_namespace(&self, table: &TableIdent) -> Result<(), CatalogError> {
        let body = wire::CreateNamespace { namespace: table.namespace().as_ref(), properties: BTreeMap::new() };
        let question = Question::new(Method::POST, &["namespaces"]).json(self.0.server.write(&body)?);
        match self.0.server.ask(question).await.map_err(Fault::into_error)? {
            Answer::Done { .. } | Answer::Refused { status: 409, .. } => Ok(()),
            other => Err(self.0.server.refused(other).into()),
        }
    }
}

fn tag(headers: &HeaderMap) -> Option<String> {
    headers.get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned)
}

/// When keys that run out should be asked for again.
fn expiry(properties: &BTreeMap<String, String>) -> Option<Instant> {
    let Some(at) = properties.get("s3.session-token-expires-at-ms").and_then(|at| at.parse::<i64>().ok()) else {
        // Keys for a session run out, also if nobody says when.
        return properties.contains_key("s3.session-token").then(|| Instant::now() + 2 * EARLY);
    };
    let now = contrail_kit::Clock::system().now() / 1000;
    let left = Duration::from_millis(u64::try_from(at - now).unwrap_or(0));
    Some(Instant::now() + left.saturating_sub(EARLY.min(left / 2)))
}

/// Path of a namespace's tables, or of one of them.
fn path(table: &TableIdent, named: bool) -> Vec<String> {
    let mut path = vec!["namespaces".to_owned(), table.namespace().to_url_string(), "tables".to_owned()];
    path.extend(named.then(|| table.name().to_owned()));
    path
}

#[async_trait]
impl TableCatalog for RestCatalog {
    async fn tables(&self, namespace: &str) -> Result<Vec<String>, CatalogError> {
        let (server, mut names, mut page) = (&self.0.server, Vec::new(), None);
        loop {
            let mut question = Question::new(Method::GET, &["namespaces", namespace, "tables"]);
            question.query = page.take().map(|token: String| ("pageToken", token)).into_iter().collect();
            let body = match server.ask_again(question).await? {
                Answer::Done { body, .. } => body,
                Answer::Refused { status: 404, api: true, .. } => return Ok(Vec::new()),
                other => return Err(server.refused(other).into()),
            };
            let tables: wire::ListTables = server.parse(&body)?;
            names.extend(tables.identifiers.into_iter().map(|table| table.name));
            match tables.next_page_token.filter(|token| !token.is_empty()) {
                Some(token) => page = Some(token),
                None => break,
            }
        }
        names.sort();
        Ok(names)
    }

    async fn create(&self, table: &TableIdent, creation: TableCreation) -> Result<Loaded, CatalogError> {
        let server = &self.0.server;
        let body = server.write(&wire::CreateTable::new(&creation))?;
        for again in [false, true] {
            let mut question = Question::new(Method::POST, &path(table, false)).json(body.clone());
            question.headers = self.headers();
            match server.ask(question).await.map_err(Fault::into_error)? {
                Answer::Done { body, headers } => {
                    let result = server.parse(&body)?;
                    return Ok(self.loaded(table, None, &headers, result).await?);
                }
                Answer::Refused { status: 409, .. } => return Err(CatalogError::TableExists(table.to_string())),
                Answer::Refused { status: 404, api: true, .. } if !again => self.make_namespace(table).await?,
                other => return Err(server.refused(other).into()),
            }
        }
        Err(CatalogError::NoSuchTable(table.to_string()))
    }

    async fn load(&self, table: &TableIdent, known: Option<&Loaded>) -> Result<Loaded, CatalogError> {
        let server = &self.0.server;
        let mut question = Question::new(Method::GET, &path(table, true));
        question.headers = self.headers();
        let seen = self.seen().get(table).cloned();
        let seen = seen.filter(|seen| known.is_some_and(|known| known.location == seen.location));
        let fresh = seen.as_ref().filter(|seen| seen.until.is_none_or(|until| Instant::now() < until));
        if let Some(etag) = fresh.and_then(|seen| seen.etag.clone()) {
            question.headers.push(("if-none-match", etag));
        }
        match (server.ask_again(question).await?, known, seen) {
            (Answer::Done { body, headers }, known, _) => {
                let result = server.parse(&body)?;
                Ok(self.loaded(table, known, &headers, result).await?)
            }
            (Answer::Unchanged, Some(known), Some(seen)) => Ok(Loaded { store: seen.store, ..known.clone() }),
            (Answer::Refused { status: 404, api: true, .. }, ..) => Err(CatalogError::NoSuchTable(table.to_string())),
            (other, ..) => Err(server.refused(other).into()),
        }
    }

    async fn commit(&self, table: &TableIdent, base: &Loaded, proposal: Proposal) -> Result<Loaded, CommitError> {
        let server = &self.0.server;
        let body = wire::CommitTable {
            identifier: wire::Identifier { namespace: table.namespace().as_ref(), name: table.name() },
            requirements: &proposal.requirements,
            updates: &proposal.updates,
        };
        let body = server.write(&body).map_err(CatalogError::from)?;
        let question = Question::new(Method::POST, &path(table, true)).json(body);
        let unknown = |error: RestError| CommitError::Unknown(Box::new(error));
        let answer = match server.ask(question).await {
            Ok(answer) => answer,
            Err(Fault::Unsent(error)) => return Err(CommitError::Failed(error.into())),
            Err(Fault::Unanswered(error)) => return Err(unknown(error)),
        };
        match answer {
            Answer::Done { body, headers } => {
                let result: wire::CommitResult = server.parse(&body).map_err(unknown)?;
                let metadata: TableMetadata = server.parse(result.metadata.get().as_bytes()).map_err(unknown)?;
                let (location, store) = (result.metadata_location, base.store.clone());
                let mut seen = self.seen();
                // Of the store it says nothing new.
                let until = seen.get(table).and_then(|seen| seen.until);
                let now = Seen { location: location.clone(), etag: tag(&headers), store: store.clone(), until };
                seen.insert(table.clone(), now);
                Ok(Loaded { store, ..Loaded::new(metadata, location) })
            }
            Answer::Refused { status: 409, .. } => Err(CommitError::Conflict),
            Answer::Refused { status: 404, api: true, .. } => {
                Err(CommitError::Failed(CatalogError::NoSuchTable(table.to_string())))
            }
            Answer::Refused { status: 400..500, .. } => Err(CommitError::Failed(server.refused(answer).into())),
            other => Err(unknown(server.refused(other))),
        }
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<(), CatalogError> {
        let server = &self.0.server;
        let mut question = Question::new(Method::DELETE, &path(table, true));
        question.query = vec![("purgeRequested", "false".to_owned())];
        self.seen().remove(table);
        match server.ask(question).await.map_err(Fault::into_error)? {
            Answer::Done { .. } => Ok(()),
            Answer::Refused { status: 404, api: true, .. } => Err(CatalogError::NoSuchTable(table.to_string())),
            other => Err(server.refused(other).into()),
        }
    }

    fn is_final(&self) -> bool {
        false
    }
}
