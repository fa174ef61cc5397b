//! OAuth2 client credentials: tokens issued and recognised.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use contrail_types::Micros;
use serde_json::json;

use super::SkyServer;

/// Tokens and when they end.
#[derive(Default)]
pub struct Tokens(HashMap<String, Micros>);

impl Tokens {
    fn issue(&mut self, until: Micros, now: Micros) -> String {
        self.0.retain(|_, until| *until > now);
        let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        self.0.insert(token.clone(), until);
        token
    }

    pub fn good(&self, token: &str, now: Micros) -> bool {
        self.0.get(token).is_some_and(|until| *until > now)
    }

    pub fn revoke(&mut self, token: &str) {
        self.0.remove(token);
    }
}

/// What a request shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    Anonymous,
    Bearer(String),
    /// Basic authentication and the like: no longer taken.
    Other,
}

pub fn credential(headers: &HeaderMap) -> Credential {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Credential::Anonymous };
    match value.to_str().ok().and_then(|v| v.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Credential::Bearer(token.trim().to_owned()),
        _ => Credential::Other,
    }
}

/// The token endpoint: a form with `grant_type=client_credentials`, `client_id` and `client_secret`.
pub async fn issue(State(sky): State<SkyServer>, body: String) -> Response {
    let refuse = |status: StatusCode, error: &str, text: &str| {
        (status, Json(json!({ "error": error, "error_description": text }))).into_response()
    };
    let form = Uri::try_from(format!("/?{body}")).ok().and_then(|uri| {
        let pairs = Query::<HashMap<String, String>>::try_from_uri(&uri);
        pairs.ok().map(|Query(pairs)| pairs)
    });
    let Some(form) = form else { return refuse(StatusCode::BAD_REQUEST, "invalid_request", "The form is unreadable") };
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "client_credentials" {
        let text = "Only client_credentials is supported";
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", text);
    }
    let (id, secret) = (field("client_id"), field("client_secret"));
    let known = match &sky.0.options.client {
        Some((known, good)) => known == id && good.reveal() == secret,
        None => !id.is_empty() && !secret.is_empty(),
    };
    if !known {
        let text = "Invalid client or Invalid client credentials";
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", text);
    }
    let (now, life) = (sky.0.clock.now(), sky.0.options.token_life);
    let mut desk = sky.desk();
    let token = desk.tokens.issue(now.saturating_add(life.as_micros() as Micros), now);
    desk.counts.tokens += 1;
    Json(json!({
        "access_token": token, "expires_in": life.as_secs(), "refresh_expires_in": 0, "token_type": "Bearer",
        "not-before-policy": 0, "scope": "profile email",
    }))
    .into_response()
}
