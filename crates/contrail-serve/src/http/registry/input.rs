//! What clients send: names in the path, switches in the query, JSON bodies under any content type.

use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::Bytes;
use contrail_log::Level;
use contrail_log::registry::normal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::ApiError;

/// Longer names serve nobody.
const LONGEST_SUBJECT: usize = 255;

/// A part of the path, or two.
pub struct At<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        let unreadable = |_| ApiError::new(StatusCode::NOT_FOUND, 404, "this address cannot be read");
        path.map(|Path(names)| Self(names)).map_err(unreadable)
    }
}

/// The name of a subject that something is made under.
pub fn subject(name: &str) -> Result<&str, ApiError> {
    let reserved = matches!(name, "" | "__GLOBAL" | "__EMPTY");
    if reserved || name.chars().count() > LONGEST_SUBJECT || name.chars().any(char::is_control) {
        let message = format!("a subject has 1 to {LONGEST_SUBJECT} printable characters, and no reserved name");
        return Err(ApiError::unprocessable(42208, message));
    }
    Ok(name)
}

/// The query: clients send much that makes no difference here, so unknown names are let through.
pub struct Switches(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Switches {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let unreadable =
            |e| ApiError::new(StatusCode::BAD_REQUEST, 400, format!("the query string is unreadable: {e}"));
        pairs.map(|Query(pairs)| Self(pairs)).map_err(unreadable)
    }
}

impl Switches {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// In any letter case: Python says True.
    pub fn on(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The part of `all` between `offset` and `offset` + `limit`; a limit below zero is none.
    pub fn page<T>(&self, all: Vec<T>) -> Result<Vec<T>, ApiError> {
        let number = |name: &str, otherwise: i64| match self.text(name).map(str::parse::<i64>) {
            None => Ok(otherwise),
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) => {
                Err(ApiError::new(StatusCode::BAD_REQUEST, 400, format!("{name}: expected a whole number")))
            }
        };
        let (offset, limit) = (number("offset", 0)?, number("limit", -1)?);
        let offset = usize::try_from(offset).unwrap_or(0);
        Ok(all.into_iter().skip(offset).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }
}

/// A JSON body.
pub struct Sent<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Sent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
                let most = format!("a request may have {} kB at most", super::super::BODY_LIMIT / 1024);
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, 413, most)
            }
            other => ApiError::new(StatusCode::BAD_REQUEST, 400, other.to_string()),
        })?;
        let body = serde_json::from_slice(&bytes);
        body.map(Self).map_err(|e| ApiError::new(StatusCode::BAD_REQUEST, 400, format!("the body: {e}")))
    }
}

/// A schema on its way in.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegistrySchemaIn)]
pub struct SchemaIn {
    /// The Avro schema as a JSON text.
    schema: String,
    /// AVRO, which is also what is meant where it is left out.
    schema_type: Option<String>,
    references: Option<Vec<Value>>,
    id: Option<i64>,
    version: Option<i64>,
    metadata: Option<Value>,
    rule_set: Option<Value>,
}

impl SchemaIn {
    /// The schema's text without white space, if there is nothing about it that we would have to drop.
    pub fn text(&self) -> Result<String, ApiError> {
        if let Some(kind) = self.schema_type.as_deref().filter(|kind| *kind != "AVRO") {
            return Err(ApiError::unprocessable(42201, format!("schemas are AVRO here, not {kind}")));
        }
        if self.references.as_ref().is_some_and(|references| !references.is_empty()) {
            let message = "schemas cannot refer to other subjects here: put the named types into the schema itself";
            return Err(ApiError::unprocessable(42201, message));
        }
        if self.metadata.is_some() || self.rule_set.is_some() {
            return Err(ApiError::unprocessable(42201, "metadata and rules are not kept here: leave them out"));
        }
        Ok(normal(&self.schema)?)
    }

    /// The same for registering, where ids and versions are given by us alone.
    pub fn new_text(&self) -> Result<String, ApiError> {
        if self.id.is_some_and(|id| id > 0) || self.version.is_some_and(|version| version > 0) {
            let message = "the registry is not in mode IMPORT: ids and versions are given by it, leave them out";
            return Err(ApiError::unprocessable(42205, message));
        }
        self.text()
    }
}

/// A level on its way in.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = RegistryLevelIn)]
pub struct LevelIn {
    /// NONE, BACKWARD, FORWARD or FULL, the last three also with `_TRANSITIVE`.
    #[serde(alias = "compatibilityLevel")]
    compatibility: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: serde_json::Map<String, Value>,
}

impl LevelIn {
    pub fn level(&self) -> Result<Level, ApiError> {
        let asked = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        if let Some((name, _)) = self.rest.iter().find(|(_, value)| asked(value)) {
            return Err(ApiError::unprocessable(42203, format!("only compatibility can be set here, not {name}")));
        }
        let text = self.compatibility.as_deref().unwrap_or_default();
        text.to_ascii_uppercase()
            .parse()
            .map_err(|e| ApiError::unprocessable(42203, format!("Invalid compatibility level: {e}")))
    }
}
