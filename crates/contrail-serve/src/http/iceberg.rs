//! The node's embedded catalog as an Iceberg REST catalog, so that Spark, Trino, DuckDB and PyIceberg attach to it.
//!
//! Handlers read names and bodies and ask [`CatalogFace`], which holds the rules. Paths are taken apart here, not by
//! the router: a namespace is one segment with %1F between its levels, and Java's clients write a blank as +.

mod config;
mod error;
mod input;
mod namespaces;
mod oauth;
mod tables;
#[cfg(test)]
mod tests;
mod views;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{get, post};
use contrail_lake::CatalogFace;

use super::Shared;
pub use error::{ApiError, refused, token_needed};

/// Largest request body: a commit over many tables, with their schemas.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What `/iceberg` shows.
#[derive(Clone, Debug)]
pub enum IcebergFace {
    Catalog(Box<CatalogFace>),
    /// Nothing, and why.
    Elsewhere(String),
}

/// Whether a path is of this API.
pub fn owns(path: &str) -> bool {
    path == "/iceberg" || path.starts_with("/iceberg/")
}

/// Whether a path is where tokens are had, which whoever has none must reach.
pub fn gives_tokens(path: &str) -> bool {
    path == "/iceberg/v1/oauth/tokens"
}

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/config", get(config::config))
        .route("/v1/oauth/tokens", post(oauth::token))
        .route("/v1/namespaces", get(namespaces::list).post(namespaces::create))
        .route("/v1/namespaces/{namespace}", get(namespaces::load).head(namespaces::exists).delete(namespaces::delete))
        .route("/v1/namespaces/{namespace}/properties", post(namespaces::set))
        .route("/v1/namespaces/{namespace}/tables", get(tables::list).post(tables::create))
        .route(
            "/v1/namespaces/{namespace}/tables/{table}",
            get(tables::load).head(tables::exists).post(tables::commit).delete(tables::delete),
        )
        .route("/v1/namespaces/{namespace}/tables/{table}/metrics", post(tables::metrics))
        .route("/v1/namespaces/{namespace}/register", post(tables::register))
        .route("/v1/tables/rename", post(tables::rename))
        .route("/v1/transactions/commit", post(tables::transaction))
        .route("/v1/namespaces/{namespace}/views", get(views::list).post(views::create))
        .route(
            "/v1/namespaces/{namespace}/views/{view}",
            get(views::load).head(views::exists).post(views::commit).delete(views::delete),
        )
        .route("/v1/namespaces/{namespace}/register-view", post(views::register))
        .route("/v1/views/rename", post(views::rename))
        .fallback(nothing)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// The catalog of this node.
pub struct Face(CatalogFace);

impl FromRequestParts<Shared> for Face {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        match &shared.app.iceberg {
            IcebergFace::Catalog(catalog) => Ok(Self(catalog.as_ref().clone())),
            IcebergFace::Elsewhere(why) => Err(ApiError::new(StatusCode::NOT_FOUND, "NotFoundException", why.clone())),
        }
    }
}

async fn nothing() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "NotFoundException", "the Iceberg catalog has nothing at this address")
}

async fn not_allowed() -> ApiError {
    let message = "this address of the Iceberg catalog does not take that method";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "UnsupportedOperationException", message)
}
