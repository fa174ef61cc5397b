//! The node's schema registry in the shape of Confluent's API, so that its clients and kcat read our messages.
//!
//! Nobody who only looks changes anything: an id that is asked for here in vain is not struck off. What is registered
//! stays, because messages name it: deleting is refused.

mod error;
mod ids;
mod input;
mod levels;
mod shapes;
mod subjects;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post};
use contrail_log::Registry;

use super::Shared;
pub use error::{ApiError, token_needed};
pub use shapes::ErrorBody;

pub use ids::*;
pub use levels::*;
pub use subjects::*;

/// Whether a path is of this API.
pub fn owns(path: &str) -> bool {
    path == "/registry" || path.starts_with("/registry/")
}

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(root))
        .route("/subjects", get(subjects))
        .route("/subjects/{subject}", post(lookup).delete(delete_subject))
        .route("/subjects/{subject}/versions", get(versions).post(register))
        .route("/subjects/{subject}/versions/{version}", get(version).delete(delete_version))
        .route("/subjects/{subject}/versions/{version}/schema", get(version_schema))
        .route("/subjects/{subject}/versions/{version}/referencedby", get(referenced_by))
        .route("/schemas", get(schemas))
        .route("/schemas/types", get(types))
        .route("/schemas/ids/{id}", get(by_id))
        .route("/schemas/ids/{id}/schema", get(schema_by_id))
        .route("/schemas/ids/{id}/versions", get(versions_by_id))
        .route("/schemas/ids/{id}/subjects", get(subjects_by_id))
        .route("/config", get(level).put(set_level).delete(delete_level))
        .route("/config/{subject}", get(subject_level).put(set_subject_level).delete(delete_subject_level))
        .route("/compatibility/subjects/{subject}/versions", post(compatible))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(compatible_with))
        .route("/mode", get(mode).put(set_mode))
        .route("/mode/{subject}", get(subject_mode).put(set_mode).delete(set_mode))
        .route("/contexts", get(contexts))
        .route("/v1/metadata/id", get(metadata_id))
        .route("/v1/metadata/version", get(metadata_version))
        .fallback(nothing)
        .method_not_allowed_fallback(not_allowed)
}

/// The registry of this node.
pub struct Face(Arc<dyn Registry>);

impl FromRequestParts<Shared> for Face {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let elsewhere = "this node keeps its schemas in a registry elsewhere: ask the one that registry.url names";
        shared.app.registry.clone().map(Self).ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, 404, elsewhere))
    }
}

async fn nothing() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, 404, "the schema registry has nothing at this address")
}

async fn not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, 405, "this address of the schema registry does not take that method")
}
