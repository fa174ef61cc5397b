//! Refusals in the API's own form, with the numbers that its clients look at.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contrail_kit::class::chain;
use contrail_log::RegistryError;

use super::shapes::{Answer, ErrorBody};

/// A status, the API's number and a sentence.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: ErrorBody,
}

impl ApiError {
    pub fn new(status: StatusCode, error_code: u32, message: impl Into<String>) -> Self {
        Self { status, body: ErrorBody { error_code, message: message.into() } }
    }

    pub fn no_subject(subject: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40401, format!("Subject '{subject}' not found."))
    }

    pub fn no_version(version: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40402, format!("Version {version} not found."))
    }

    pub fn no_schema(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, 40403, format!("Schema {what} not found"))
    }

    pub fn no_level(subject: &str) -> Self {
        let message = format!("Subject '{subject}' does not have subject-level compatibility configured");
        Self::new(StatusCode::NOT_FOUND, 40408, message)
    }

    /// What is asked for is understood and cannot be done.
    pub fn unprocessable(error_code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error_code, message)
    }

    /// Ids are for ever: a sentence why.
    pub fn permanent() -> Self {
        let why = "schemas are permanent here: messages name them by id, and would become unreadable. Set the level of \
                   the subject to NONE to register whatever follows";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, 405, why)
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Incompatible { subject, reason, .. } => {
                let said = "Schema being registered is incompatible with an earlier schema for subject";
                Self::new(StatusCode::CONFLICT, 409, format!("{said} \"{subject}\", details: {reason}"))
            }
            RegistryError::Invalid(reason) => Self::unprocessable(42201, format!("Invalid schema: {reason}")),
            error => Self::new(StatusCode::SERVICE_UNAVAILABLE, 50001, chain(&error)),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Answer(self.body)).into_response()
    }
}

/// The answer to whoever comes without the node's token.
pub fn token_needed() -> Response {
    let message =
        "this node asks for its token: send it as authorization: Bearer ..., or as the password of basic auth";
    let mut response = ApiError::new(StatusCode::UNAUTHORIZED, 40101, message).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
