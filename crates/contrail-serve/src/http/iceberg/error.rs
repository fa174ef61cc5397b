//! Refusals in the catalog API's own form: the HTTP status once more as `code`, and the class that Java's clients throw.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contrail_kit::class::chain;
use contrail_lake::face::What;
use contrail_lake::{CatalogError, FaceError};
use serde::Serialize;

/// A status, the name of an exception and a sentence.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    code: u16,
}

impl ApiError {
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestException", message)
    }

    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "UnprocessableEntityException", message)
    }
}

impl From<FaceError> for ApiError {
    fn from(error: FaceError) -> Self {
        let message = chain(&error);
        let (status, kind) = match error {
            FaceError::NoSuch(What::Metadata, _) => (StatusCode::NOT_FOUND, "NotFoundException"),
            FaceError::NoSuch(What::Namespace, _) => (StatusCode::NOT_FOUND, "NoSuchNamespaceException"),
            FaceError::NoSuch(What::Table, _) => (StatusCode::NOT_FOUND, "NoSuchTableException"),
            FaceError::NoSuch(What::View, _) => (StatusCode::NOT_FOUND, "NoSuchViewException"),
            FaceError::Exists(_) => (StatusCode::CONFLICT, "AlreadyExistsException"),
            FaceError::NotEmpty(_) => (StatusCode::CONFLICT, "NamespaceNotEmptyException"),
            FaceError::Conflict(_) => (StatusCode::CONFLICT, "CommitFailedException"),
            // Clients try a commit again that is answered with 409.
            FaceError::Kept { commit: true, .. } => (StatusCode::FORBIDDEN, "ForbiddenException"),
            FaceError::Kept { commit: false, .. } => (StatusCode::CONFLICT, "AlreadyExistsException"),
            FaceError::Invalid(_) => (StatusCode::BAD_REQUEST, "IllegalArgumentException"),
            FaceError::Unknown(_) => (StatusCode::INTERNAL_SERVER_ERROR, "CommitStateUnknownException"),
            FaceError::Catalog(CatalogError::Sqlite { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException")
            }
            FaceError::Catalog(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        };
        if status.is_server_error() {
            tracing::warn!(error = message, "the Iceberg catalog failed");
        }
        Self { status, kind, message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Body { message: &self.message, kind: self.kind, code: self.status.as_u16() };
        (self.status, Json(Envelope { error: body })).into_response()
    }
}

/// The answer to whoever comes without the node's token.
pub fn token_needed() -> Response {
    let message = "this node asks for its token: send it as authorization: Bearer ..., or as the secret of client \
                   credentials to /iceberg/v1/oauth/tokens";
    let error = ApiError::new(StatusCode::UNAUTHORIZED, "NotAuthorizedException", message);
    let mut response = error.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The answer to a host or a page that may not ask.
pub fn refused(detail: String) -> Response {
    ApiError::new(StatusCode::FORBIDDEN, "ForbiddenException", detail).into_response()
}
