//! How the catalog knows who asks: a token that stands, or one that is fetched for a client's credentials and renewed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contrail_kit::Secret;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::RestError;

/// A token is renewed this long before it runs out.
const EARLY: Duration = Duration::from_secs(60);
/// Without a word of the server, a token is taken to last this long.
const LASTS: Duration = Duration::from_secs(3600);
const MOST_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, Default)]
pub enum Login {
    #[default]
    None,
    Token(Secret),
    /// OAuth2 client credentials.
    Client {
        /// `id:secret`, or a secret alone.
        credential: Secret,
        /// Where tokens are given out; left out, the catalog's own `/v1/oauth/tokens`.
        uri: Option<String>,
        scope: String,
    },
}

pub(super) struct Auth {
    login: Login,
    token: Mutex<Option<Fetched>>,
}

#[derive(Clone)]
struct Fetched {
    token: Arc<Secret>,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Rejected {
    error: Option<serde_json::Value>,
    error_description: Option<String>,
}

impl Auth {
    pub fn new(login: Login) -> Self {
        Self { login, token: Mutex::new(None) }
    }

    /// Whether a refusal may be mended by a new token.
    pub fn renews(&self) -> bool {
        matches!(self.login, Login::Client { .. })
    }

    /// The token to send. `refused` is one that the server does not take any more.
    pub async fn token(
        &self,
        client: &Client,
        own: &Url,
        refused: Option<&Secret>,
    ) -> Result<Option<Arc<Secret>>, RestError> {
        let (credential, uri, scope) = match &self.login {
            Login::None => return Ok(None),
            Login::Token(token) => return Ok(Some(Arc::new(token.clone()))),
            Login::Client { credential, uri, scope } => (credential, uri, scope),
        };
        // One fetches, the others wait for what it gets.
        let mut held = self.token.lock().await;
        if let Some(fetched) = &*held
            && Instant::now() < fetched.until
            && refused.is_none_or(|refused| *refused != *fetched.token)
        {
            return Ok(Some(fetched.token.clone()));
        }
        let uri = match uri {
            Some(uri) => Url::parse(uri).map_err(|error| RestError::Setting {
                key: "lake.catalog.oauth2_uri",
                reason: format!("is no address: {error}"),
            })?,
            None => own.clone(),
        };
        let fetched = fetch(client, uri, credential, scope).await?;
        *held = Some(fetched.clone());
        Ok(Some(fetched.token))
    }
}

async fn fetch(client: &Client, uri: Url, credential: &Secret, scope: &str) -> Result<Fetched, RestError> {
    let target = uri.to_string();
    let (id, secret) = match credential.reveal().split_once(':') {
        Some((id, secret)) => (Some(id), secret),
        None => (None, credential.reveal()),
    };
    let mut form = vec![("grant_type", "client_credentials"), ("client_secret", secret)];
    form.extend(id.map(|id| ("client_id", id)));
    if !scope.is_empty() {
        form.push(("scope", scope));
    }
    let asked = Instant::now();
    let unavailable = |reason: String| RestError::Unavailable { target: target.clone(), reason };
    let answer = client.post(uri).form(&form).send().await;
    let mut answer = answer.map_err(|error| unavailable(super::server::reason(error)))?;
    let (status, mut body) = (answer.status().as_u16(), Vec::new());
    while let Some(piece) = answer.chunk().await.map_err(|error| unavailable(super::server::reason(error)))? {
        body.extend_from_slice(&piece);
        if body.len() > MOST_BYTES {
            return Err(RestError::Foreign { target, reason: "its answer does not end".into() });
        }
    }
    match status {
        200..300 => {
            let granted: Granted = serde_json::from_slice(&body)
                // The answer may hold a token: it is not shown.
                .map_err(|_| RestError::Foreign { target, reason: "it gives no OAuth2 token".into() })?;
            let lasts = granted.expires_in.map_or(LASTS, Duration::from_secs);
            let until = asked + lasts.saturating_sub(EARLY.min(lasts / 10));
            Ok(Fetched { token: Arc::new(Secret::new(granted.access_token)), until })
        }
        400..500 => {
            let rejected = serde_json::from_slice::<Rejected>(&body).ok();
            let said = rejected.and_then(|r| {
                let error = r.error.and_then(|error| error.as_str().map(str::to_owned));
                r.error_description.filter(|text| !text.is_empty()).or(error)
            });
            let reason = said.unwrap_or_else(|| "the credentials are not taken".into());
            Err(RestError::Denied { target, status, reason })
        }
        _ => Err(RestError::Broken { target, status, reason: "it gave no token".into() }),
    }
}
