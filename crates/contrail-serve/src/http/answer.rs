//! What handlers share: query parameters, JSON bodies, and refusals as problems.

use std::str::FromStr;

use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use bytes::Bytes;
use contrail_types::Icao24;
use serde::de::DeserializeOwned;

use crate::api::Time;
use crate::problem::Problem;

/// The query string as pairs; a name may repeat.
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        pairs.map(|Query(p)| Self(p)).map_err(|e| Problem::bad_request(format!("the query string is unreadable: {e}")))
    }
}

impl Params {
    /// Refuses names that are not among `known`, so that a typing error does not pass for "no filter".
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                Err(Problem::bad_request(format!("there is no parameter {name:?}; known are: {}", known.join(", "))))
            }
        }
    }

    /// The last value of a name; empty counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    pub fn value<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        self.text(name).map(|text| read(name, text, expected)).transpose()
    }

    pub fn time(&self, name: &str) -> Result<Option<Time>, Problem> {
        let read = |text| {
            Time::parse(text).ok_or_else(|| {
                Problem::bad_request(format!("{name}={text:?}: expected an RFC 3339 time such as 2026-01-31T12:00:00Z"))
            })
        };
        self.text(name).map(read).transpose()
    }

    /// Values separated by commas, or a name that repeats.
    pub fn list<T: FromStr>(&self, name: &str, expected: &str) -> Result<Vec<T>, Problem> {
        let values = self.0.iter().filter(|(n, _)| n == name).flat_map(|(_, v)| v.split(','));
        values.map(str::trim).filter(|v| !v.is_empty()).map(|v| read(name, v, expected)).collect()
    }
}

fn read<T: FromStr>(name: &str, text: &str, expected: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::bad_request(format!("{name}={text:?}: expected {expected}")))
}

/// An address out of a path.
pub fn icao24(text: &str) -> Result<Icao24, Problem> {
    text.parse().map_err(|e: contrail_types::icao24::BadIcao24| Problem::bad_request(e.to_string()))
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !has(request.headers(), header::CONTENT_TYPE, "application/json") {
            let detail = "the body must be JSON, with content-type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", detail));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        let body = serde_json::from_slice(&bytes).map_err(|e| Problem::bad_request(format!("the body: {e}")))?;
        Ok(Self(body))
    }
}

fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            let detail = format!("a request may have {} kB at most", super::BODY_LIMIT / 1024);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", detail)
        }
        other => Problem::bad_request(other.to_string()),
    }
}

/// Whether a header contains a text, in any letter case.
pub fn has(headers: &HeaderMap, name: HeaderName, text: &str) -> bool {
    headers.get_all(name).iter().any(|v| v.to_str().is_ok_and(|v| v.to_ascii_lowercase().contains(text)))
}

/// The head of an answer that the client may keep: for how long, and which version it is.
pub fn may_be_kept(cache: &'static str, etag: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers
}

/// Whether the client has this version already.
pub fn unchanged(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
    tags.split(',').map(|t| t.trim().trim_start_matches("W/")).any(|t| t == etag || t == "*")
}

/// Whether the client takes gzip.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let offers = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    offers.split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|p| p.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0));
        named && !refused
    })
}

pub async fn method_not_allowed() -> Problem {
    let detail = "this address does not take that method; see /api/openapi.json";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", detail)
}

/// Runs CPU-bound work off the async threads.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Problem::internal(e.to_string()))
}
