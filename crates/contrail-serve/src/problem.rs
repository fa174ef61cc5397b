//! Errors of the HTTP API: RFC 9457 problem details.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contrail_kit::class::{BoxError, Who, chain};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One problem: `title` names its kind, `detail` says what happened here and what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    /// `about:blank`, or a URI reference that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub title: Cow<'static, str>,
    pub status: u16,
    pub detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { kind: "about:blank".into(), title: title.into(), status: status.as_u16(), detail: detail.into() }
    }

    /// The request cannot be understood: 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad request", detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", detail)
    }

    /// Not now, but perhaps later: 503.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not available now", detail)
    }

    /// The statement was refused or failed: 422.
    pub fn statement(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Statement failed", detail)
    }

    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", detail)
    }

    /// A classified error: the user's is 422, an outside one 503, our own 500.
    pub fn of(error: &BoxError) -> Self {
        let detail = chain(error.as_ref());
        match error.class().who {
            Who::User => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Cannot be done", detail),
            Who::External => Self::unavailable(detail),
            Who::Internal => Self::internal(detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
