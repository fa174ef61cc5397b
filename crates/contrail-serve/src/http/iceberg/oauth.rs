//! Tokens for client credentials: the node's own token, for whoever knows it. Where the node asks for none, any
//! credentials do.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::input::bytes;
use super::{ApiError, Face};
use crate::http::Shared;
use crate::http::guard;

const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Trades credentials, or a token that is right already, for the token.
pub async fn token(_: Face, State(shared): State<Shared>, request: Request) -> Result<Response, ApiError> {
    let basic = basic(request.headers());
    let body = bytes(request, &shared).await?;
    let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let secret = match field("grant_type").as_deref() {
        Some("client_credentials") => field("client_secret").or(basic),
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => field("subject_token"),
        other => {
            let what = other.unwrap_or("nothing");
            let detail = format!("grant_type is client_credentials or token exchange here, not {what}");
            return Ok(refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", &detail));
        }
    };
    let Some(secret) = secret else {
        return Ok(refused(StatusCode::BAD_REQUEST, "invalid_request", "client_secret or subject_token is missing"));
    };
    let token = shared.app.options.token.as_ref().map(|token| token.reveal());
    if token.is_some_and(|token| !guard::same(token, &secret)) {
        let detail = "the client's secret is the token of this node, and this is not it";
        return Ok(refused(StatusCode::UNAUTHORIZED, "invalid_client", detail));
    }
    // Where no token is asked for, nobody looks at this one.
    let token = token.unwrap_or("none");
    let answer = json!({ "access_token": token, "token_type": "bearer", "issued_token_type": TOKEN_TYPE });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// The secret of basic authentication.
fn basic(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, given) = text.split_once(' ')?;
    let pair = String::from_utf8(BASE64.decode(given.trim()).ok()?).ok()?;
    let (_, secret) = pair.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| secret.to_owned())
}

/// OAuth's own form of errors.
fn refused(status: StatusCode, error: &str, detail: &str) -> Response {
    let body = json!({ "error": error, "error_description": detail });
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
