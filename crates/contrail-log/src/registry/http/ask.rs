//! One question to the server: the request, its deadline, and what an answer amounts to.

use reqwest::{Client, Method, RequestBuilder, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Login, Options};
use crate::RegistryError;

/// No schema is larger.
const MOST_BYTES: usize = 16 << 20;
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// What the API itself answered.
pub(super) enum Reply {
    Done(Vec<u8>),
    Refused { status: u16, code: Option<i64>, message: String },
}

#[derive(Deserialize)]
struct ApiError {
    error_code: Option<i64>,
    message: Option<String>,
}

pub(super) struct Server {
    client: Client,
    base: Url,
    target: String,
    login: Login,
    timeout: std::time::Duration,
}

fn setting(key: &'static str, reason: impl Into<String>) -> RegistryError {
    RegistryError::Setting { key, reason: reason.into() }
}

impl Server {
    pub fn new(options: Options) -> Result<Self, RegistryError> {
        let base = Url::parse(&options.url).map_err(|e| setting("registry.url", format!("is no address: {e}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(setting("registry.url", "must begin with http:// or https:// and name a host"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(setting("registry.url", "move user and password to registry.username and registry.password"));
        }
        let mut builder = Client::builder()
            .user_agent(concat!("contrail/", env!("CARGO_PKG_VERSION")))
            // A registry does not redirect; a login page does.
            .redirect(redirect::Policy::none())
            .timeout(options.timeout);
        if matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            builder = builder.no_proxy();
        }
        if let Some(path) = &options.ca {
            let bad = |e: &dyn std::fmt::Display| setting("registry.ca", format!("{}: {e}", path.display()));
            let pem = std::fs::read(path).map_err(|e| bad(&e))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| bad(&e))?;
            if certificates.is_empty() {
                return Err(bad(&"holds no certificate in PEM"));
            }
            builder = certificates.into_iter().fold(builder, |builder, one| builder.add_root_certificate(one));
        }
        let client = builder.build().map_err(|e| setting("registry.ca", format!("no TLS client: {e}")))?;
        let port = base.port().map_or_else(String::new, |port| format!(":{port}"));
        let path = base.path().trim_end_matches('/');
        let target = format!("{}://{}{port}{path}", base.scheme(), base.host_str().unwrap_or_default());
        Ok(Self { client, base, target, login: options.login, timeout: options.timeout })
    }

    pub fn target(&self) -> &str {
        &self.target
    }

    /// Asks, and sorts out the answers that are not the API's.
    pub async fn ask(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<Reply, RegistryError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self.client.request(method, url).header("accept", ACCEPT);
        if let Some(body) = body {
            request = request.header("content-type", CONTENT_TYPE).body(body.to_string());
        }
        request = match &self.login {
            Login::None => request,
            Login::Basic { username, password } => request.basic_auth(username, Some(password.reveal())),
            Login::Bearer(token) => request.bearer_auth(token.reveal()),
        };
        let (status, body) = self.send(request).await?;
        let said = serde_json::from_slice::<ApiError>(&body).ok();
        match (status, said) {
            (200..=299, _) => Ok(Reply::Done(body)),
            (401 | 403, _) => Err(self.denied(status)),
            (408 | 429 | 500..=599, said) => {
                let said = said.and_then(|said| said.message).unwrap_or_else(|| beginning(&body));
                let what = format!("{} answers {status}: {said}", self.target);
                Err(RegistryError::Unavailable { what, source: None })
            }
            (400..=499, Some(ApiError { error_code: Some(code), message })) => {
                Ok(Reply::Refused { status, code: Some(code), message: message.unwrap_or_default() })
            }
            _ => Err(self.foreign(format!("{status}: {}", beginning(&body)))),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<(u16, Vec<u8>), RegistryError> {
        let unreachable = |error: reqwest::Error| {
            let what = match error.is_timeout() {
                true => format!("{} did not answer within {:?} (registry.timeout)", self.target, self.timeout),
                false => format!("{} cannot be reached", self.target),
            };
            RegistryError::Unavailable { what, source: Some(error.without_url().into()) }
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&part);
            if body.len() > MOST_BYTES {
                return Err(self.foreign(format!("more than {} MiB", MOST_BYTES >> 20)));
            }
        }
        Ok((response.status().as_u16(), body))
    }

    pub fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, RegistryError> {
        serde_json::from_slice(body).map_err(|_| self.foreign(beginning(body)))
    }

    pub fn foreign(&self, what: String) -> RegistryError {
        RegistryError::Foreign { target: self.target.clone(), what }
    }

    /// A refusal that no caller has an answer to.
    pub fn refused(&self, reply: Reply) -> RegistryError {
        match reply {
            Reply::Refused { status, code, message } => {
                let code = code.map_or_else(String::new, |code| format!(", {code}"));
                let message = format!("{message} ({status}{code})");
                RegistryError::Refused { target: self.target.clone(), message }
            }
            Reply::Done(body) => self.foreign(beginning(&body)),
        }
    }

    fn denied(&self, status: u16) -> RegistryError {
        let advice = match (status, &self.login) {
            (403, Login::None) => {
                "it may ask for registry.username and registry.password, or registry.token".to_owned()
            }
            (403, Login::Basic { username, .. }) => format!("give registry.username = {username} the right to do this"),
            (403, Login::Bearer(_)) => "give whom registry.token stands for the right to do this".to_owned(),
            (_, Login::None) => "set registry.username and registry.password, or registry.token".to_owned(),
            (_, Login::Basic { .. }) => "mend registry.username or registry.password".to_owned(),
            (_, Login::Bearer(_)) => "mend registry.token".to_owned(),
        };
        RegistryError::Denied { target: self.target.clone(), status, advice }
    }
}

/// The beginning of an answer, on one line.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect();
    if text.is_empty() { "nothing".into() } else { text }
}
