//! One request to the catalog: its address, its deadline, who asks, and what an answer amounts to.

use std::collections::BTreeMap;
use std::time::Duration;

use contrail_kit::{Backoff, Secret};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, Response, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::auth::Auth;
use super::{RestError, RestOptions, wire};

/// Metadata of a table with many thousand snapshots has some ten megabytes.
const MOST_BYTES: usize = 256 << 20;
/// Questions that change nothing are asked this often before an outage is believed.
const TRIES: u32 = 3;
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

/// What to ask.
#[derive(Clone)]
pub(super) struct Question {
    method: Method,
    path: Vec<String>,
    body: Option<Vec<u8>>,
    pub query: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
}

impl Question {
    pub fn new(method: Method, path: &[impl AsRef<str>]) -> Self {
        let path = path.iter().map(|part| part.as_ref().to_owned()).collect();
        Self { method, path, body: None, query: Vec::new(), headers: Vec::new() }
    }

    pub fn json(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }
}

/// What the server answered.
pub(super) enum Answer {
    Done {
        body: Vec<u8>,
        headers: HeaderMap,
    },
    /// What was asked for with a tag still is what it was.
    Unchanged,
    /// `api`: it is the protocol's own refusal, not a proxy's or a web server's.
    Refused {
        status: u16,
        api: bool,
        reason: String,
    },
}

/// A request without an answer.
pub(super) enum Fault {
    /// It has not reached the server.
    Unsent(RestError),
    /// It may have, and may have been followed.
    Unanswered(RestError),
}

impl Fault {
    pub fn into_error(self) -> RestError {
        match self {
            Self::Unsent(error) | Self::Unanswered(error) => error,
        }
    }
}

/// What the server says of itself.
pub(super) struct Settings {
    /// Before `/v1`.
    base: String,
    prefix: String,
    pub properties: BTreeMap<String, String>,
}

pub(super) struct Server {
    client: Client,
    base: String,
    options: RestOptions,
    auth: Auth,
    settings: OnceCell<Settings>,
}

fn setting(key: &'static str, reason: impl Into<String>) -> RestError {
    RestError::Setting { key, reason: reason.into() }
}

/// The library's error without the address, which the message around it names.
pub(super) fn reason(error: reqwest::Error) -> String {
    contrail_kit::class::chain(&error.without_url())
}

impl Server {
    pub fn new(options: RestOptions) -> Result<Self, RestError> {
        let uri = Url::parse(&options.uri).map_err(|e| setting("lake.catalog.uri", format!("is no address: {e}")))?;
        if !matches!(uri.scheme(), "http" | "https") || uri.host_str().is_none() {
            return Err(setting("lake.catalog.uri", "must begin with http:// or https:// and name a host"));
        }
        if !uri.username().is_empty() || uri.password().is_some() {
            return Err(setting("lake.catalog.uri", "move user and password to lake.catalog.credential"));
        }
        let mut builder = Client::builder()
            .user_agent(concat!("contrail/", env!("CARGO_PKG_VERSION")))
            // A catalog does not redirect; a login page does.
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(options.timeout);
        if matches!(uri.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            builder = builder.no_proxy();
        }
        if let Some(path) = &options.ca {
            let bad = |e: &dyn std::fmt::Display| setting("lake.ca", format!("{}: {e}", path.display()));
            let pem = std::fs::read(path).map_err(|e| bad(&e))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| bad(&e))?;
            if certificates.is_empty() {
                return Err(bad(&"holds no certificate in PEM"));
            }
            builder = certificates.into_iter().fold(builder, |builder, one| builder.add_root_certificate(one));
        }
        let client = builder.build().map_err(|e| setting("lake.ca", format!("no TLS client: {e}")))?;
        let base = options.uri.trim_end_matches('/').to_owned();
        let auth = Auth::new(options.login.clone());
        Ok(Self { client, base, options, auth, settings: OnceCell::new() })
    }

    pub fn target(&self) -> &str {
        &self.base
    }

    /// What the server says of itself; asked for once.
    pub async fn settings(&self) -> Result<&Settings, RestError> {
        self.settings.get_or_try_init(|| self.ask_settings()).await
    }

    async fn ask_settings(&self) -> Result<Settings, RestError> {
        let mut question = Question::new(Method::GET, &["config"]);
        question.query = self.options.warehouse.clone().map(|name| ("warehouse", name)).into_iter().collect();
        let url = format!("{}/v1", self.base);
        let answer = self.again(&question, &url).await?;
        let config: wire::Config = match answer {
            Answer::Done { body, .. } => self.parse(&body)?,
            Answer::Refused { status: 400 | 404 | 405, api: false, reason } => return Err(self.foreign(&reason)),
            // Servers differ in how they say that they have no such warehouse.
            Answer::Refused { status: 400 | 404, reason, .. } if self.options.warehouse.is_some() => {
                return Err(RestError::Nowhere { target: self.base.clone(), reason });
            }
            other => return Err(self.refused(other)),
        };
        let mut properties = config.defaults;
        properties.extend(self.options.prefix.clone().map(|prefix| ("prefix".to_owned(), prefix)));
        properties.extend(config.overrides);
        let base = properties.get("uri").map_or(self.base.as_str(), |uri| uri.trim_end_matches('/')).to_owned();
        let prefix = properties.get("prefix").map(|prefix| prefix.trim_matches('/').to_owned()).unwrap_or_default();
        Ok(Settings { base, prefix, properties })
    }

    /// Asks once.
    pub async fn ask(&self, question: Question) -> Result<Answer, Fault> {
        let settings = self.settings().await.map_err(Fault::Unsent)?;
        self.once(&question, &settings.root()).await
    }

    /// Asks a question that changes nothing, more than once if need be.
    pub async fn ask_again(&self, question: Question) -> Result<Answer, RestError> {
        let settings = self.settings().await?;
        self.again(&question, &settings.root()).await
    }

    async fn again(&self, question: &Question, root: &str) -> Result<Answer, RestError> {
        let mut attempt = 1;
        loop {
            let outcome = self.once(question, root).await.map_err(Fault::into_error);
            let passing = match &outcome {
                Ok(Answer::Refused { status, .. }) => *status == 429 || *status >= 500,
                Err(RestError::Unavailable { .. } | RestError::Broken { .. }) => true,
                _ => false,
            };
            if !passing || attempt == TRIES {
                return outcome;
            }
            tokio::time::sleep(BACKOFF.wait_spread(attempt)).await;
            attempt += 1;
        }
    }

    /// One request, and a second one with a new token if the first one's is not taken any more.
    async fn once(&self, question: &Question, root: &str) -> Result<Answer, Fault> {
        let url = self.url(question, root).map_err(Fault::Unsent)?;
        let own = Url::parse(&format!("{}/v1/oauth/tokens", self.base))
            .map_err(|e| Fault::Unsent(setting("lake.catalog.uri", e.to_string())))?;
        let token = self.auth.token(&self.client, &own, None).await.map_err(Fault::Unsent)?;
        let answer = self.send(question, url.clone(), token.as_deref()).await?;
        match (answer, token) {
            // 419: the protocol's own word for a token that has run out.
            (Answer::Refused { status: 401 | 419, .. }, Some(old)) if self.auth.renews() => {
                let token = self.auth.token(&self.client, &own, Some(&old)).await.map_err(Fault::Unsent)?;
                self.send(question, url, token.as_deref()).await
            }
            (answer, _) => Ok(answer),
        }
    }

    fn url(&self, question: &Question, root: &str) -> Result<Url, RestError> {
        let mut url = Url::parse(root).map_err(|e| setting("lake.catalog.uri", format!("is no address: {e}")))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&question.path);
        }
        if !question.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&question.query);
        }
        Ok(url)
    }

    async fn send(&self, question: &Question, url: Url, token: Option<&Secret>) -> Result<Answer, Fault> {
        let mut request = self.client.request(question.method.clone(), url).header("accept", "application/json");
        for (name, value) in &question.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = &question.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(token) = token {
            request = request.bearer_auth(token.reveal());
        }
        let answer = request.send().await.map_err(|error| {
            let (unsent, error) = (error.is_connect() || error.is_builder(), self.unavailable(error));
            if unsent { Fault::Unsent(error) } else { Fault::Unanswered(error) }
        })?;
        self.answer(answer).await.map_err(Fault::Unanswered)
    }

    fn unavailable(&self, error: reqwest::Error) -> RestError {
        let tls = |text: &str| text.contains("certificate") || text.contains("TLS") || text.contains("tls");
        let reason = match reason(error) {
            text if tls(&text) => {
                format!("{text}; if its certificate is signed by an authority of your own, set lake.ca")
            }
            text => text,
        };
        RestError::Unavailable { target: self.base.clone(), reason }
    }

    async fn answer(&self, mut answer: Response) -> Result<Answer, RestError> {
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| self.unavailable(error))? {
            body.extend_from_slice(&piece);
            if body.len() > MOST_BYTES {
                return Err(self.foreign("its answer does not end"));
            }
        }
        Ok(match status {
            304 => Answer::Unchanged,
            // Some gateways say 200 and put the failure into the body.
            200..300 => match failure(&body) {
                Some(reason) => Answer::Refused { status: 500, api: true, reason },
                None => Answer::Done { body, headers },
            },
            _ => {
                let (api, reason) = match failure(&body) {
                    Some(reason) => (true, reason),
                    // An answer without a word, to a HEAD or from a sparing server, is taken for the API's.
                    None if body.is_empty() => (true, "it does not say why".to_owned()),
                    None => (false, beginning(&body)),
                };
                Answer::Refused { status, api, reason }
            }
        })
    }

    /// An answer that is none of those that are wanted, as an error.
    pub fn refused(&self, answer: Answer) -> RestError {
        let target = self.base.clone();
        match answer {
            Answer::Refused { status: status @ (401 | 403 | 419), reason, .. } => {
                RestError::Denied { target, status, reason }
            }
            Answer::Refused { status: 404, reason, .. } => RestError::Nowhere { target, reason },
            Answer::Refused { status, reason, .. } if status < 400 => RestError::Foreign { target, reason },
            Answer::Refused { status, reason, .. } if status >= 500 => RestError::Broken { target, status, reason },
            Answer::Refused { status, reason, .. } => RestError::Refused { target, status, reason },
            Answer::Done { .. } | Answer::Unchanged => self.foreign("it answers something else"),
        }
    }

    pub fn foreign(&self, reason: &str) -> RestError {
        RestError::Foreign { target: self.base.clone(), reason: reason.to_owned() }
    }

    pub fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, RestError> {
        serde_json::from_slice(body).map_err(|error| self.foreign(&format!("its answer cannot be read: {error}")))
    }

    pub fn write(&self, body: &impl Serialize) -> Result<Vec<u8>, RestError> {
        serde_json::to_vec(body).map_err(|error| self.foreign(&format!("the question cannot be written: {error}")))
    }
}

impl Settings {
    /// Under which namespaces lie. The prefix comes encoded as the server wants it.
    fn root(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("{}/v1", self.base),
            prefix => format!("{}/v1/{prefix}", self.base),
        }
    }
}

/// The protocol's own error, if the body is one.
fn failure(body: &[u8]) -> Option<String> {
    // Metadata has megabytes; an error is short, and begins with its only field.
    if body.len() > 1 << 20 {
        return None;
    }
    let error = serde_json::from_slice::<wire::Failure>(body).ok()?.error;
    Some(match (error.kind.is_empty(), error.message.is_empty()) {
        (true, true) => "it does not say why".to_owned(),
        (false, true) => error.kind,
        (_, false) => error.message.lines().next().unwrap_or_default().to_owned(),
    })
}

/// The beginning of what a web server shows people.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
