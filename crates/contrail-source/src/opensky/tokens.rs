//! OAuth2 client credentials: traded for a token, which is renewed 30 s before it ends.

use std::path::Path;
use std::time::Duration;

use contrail_kit::Secret;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::time::Instant;

use crate::feed::config::OpenSkyConfig;
use crate::feed::{Cause, OpenError};
use crate::http;
use crate::wire::BadAnswer;

/// So much before its end a token is renewed.
const EARLY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Tokens {
    client: Client,
    url: Url,
    target: String,
    id: String,
    secret: Secret,
    current: Option<(Secret, Instant)>,
}

/// OpenSky's `credentials.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    client_id: String,
    client_secret: Secret,
}

#[derive(Deserialize)]
struct Grant {
    access_token: Secret,
    #[serde(default = "half_an_hour")]
    expires_in: f64,
}

fn half_an_hour() -> f64 {
    1800.0
}

impl Tokens {
    /// `None` without credentials: the feed then asks as anybody.
    pub fn of(feed: &str, config: &OpenSkyConfig) -> Result<Option<Self>, OpenError> {
        let Some((id, secret)) = credentials(feed, config)? else { return Ok(None) };
        let key = |reason| OpenError::Key { feed: feed.into(), key: "token_url", reason };
        let url = super::web_url(&config.token_url).map_err(key)?;
        let client = http::client(&url).map_err(|source| OpenError::Http { feed: feed.into(), source })?;
        Ok(Some(Self { client, target: http::target(&url), url, id, secret, current: None }))
    }

    /// A token that is good for the next seconds.
    pub async fn bearer(&mut self, limit: Duration) -> Result<Secret, Cause> {
        if let Some((token, until)) = &self.current
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let form =
            [("grant_type", "client_credentials"), ("client_id", &self.id), ("client_secret", self.secret.reveal())];
        let reply = http::ask(self.client.post(self.url.clone()).form(&form), &self.target, limit).await?;
        let target = self.target.clone();
        // 400 is how OAuth2 says that it does not know the client.
        if reply.status == 400 {
            return Err(Cause::Unauthorized { target, status: 400, head: crate::wire::head(&reply.body) });
        }
        let reply = http::judge(reply, &self.target)?;
        let Ok(grant) = serde_json::from_slice::<Grant>(&reply.body) else {
            // What cannot be read may still hold a token: it is not shown.
            let source = BadAnswer { reason: "it holds no access_token", at: 0, head: "(not shown)".into() };
            return Err(Cause::BadAnswer { target, source });
        };
        let lasts = Duration::try_from_secs_f64(grant.expires_in).unwrap_or_default().min(Duration::from_secs(86_400));
        self.current = Some((grant.access_token.clone(), Instant::now() + lasts.saturating_sub(EARLY)));
        Ok(grant.access_token)
    }

    /// Drops a token that the server has refused.
    pub fn forget(&mut self) {
        self.current = None;
    }
}

fn credentials(feed: &str, config: &OpenSkyConfig) -> Result<Option<(String, Secret)>, OpenError> {
    let id = config.client_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
    let secret = config.client_secret.as_ref().filter(|secret| !secret.is_empty());
    let missing = |key, other| OpenError::Key {
        feed: feed.into(),
        key,
        reason: format!("is missing, but {other} is set: set both or none"),
    };
    match (id, secret, config.credentials.as_deref().filter(|path| !path.as_os_str().is_empty())) {
        (Some(id), Some(secret), _) => Ok(Some((id.into(), secret.clone()))),
        (Some(_), None, _) => Err(missing("client_secret", "client_id")),
        (None, Some(_), _) => Err(missing("client_id", "client_secret")),
        (None, None, Some(path)) => from_file(feed, path).map(Some),
        (None, None, None) => Ok(None),
    }
}

fn from_file(feed: &str, path: &Path) -> Result<(String, Secret), OpenError> {
    let key = "credentials";
    let bytes =
        std::fs::read(path).map_err(|source| OpenError::File { feed: feed.into(), key, path: path.into(), source })?;
    let read = serde_json::from_slice::<Credentials>(&bytes);
    // The parser's words may quote the secret.
    let Ok(Credentials { client_id, client_secret }) = read else {
        let reason = format!("{} must be a JSON object with clientId and clientSecret", path.display());
        return Err(OpenError::Key { feed: feed.into(), key, reason });
    };
    Ok((client_id, client_secret))
}
