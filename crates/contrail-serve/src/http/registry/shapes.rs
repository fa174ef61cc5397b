//! The JSON of the API, as Confluent's clients expect it.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use contrail_log::Version;
use serde::Serialize;
use utoipa::ToSchema;

pub const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// A body under the API's own content type.
pub struct Answer<T>(pub T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        ([(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))], body).into_response()
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegistryError)]
pub struct ErrorBody {
    /// The HTTP status, or that with two more digits.
    #[schema(example = 40401)]
    pub error_code: u32,
    pub message: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegistrySchema)]
pub struct SchemaText {
    /// The Avro schema as a JSON text.
    pub schema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_id: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryId)]
pub struct RegisteredId {
    pub id: u32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryVersion)]
pub struct SubjectVersion {
    pub subject: String,
    pub version: u32,
    pub id: u32,
    pub schema: String,
}

impl From<Version> for SubjectVersion {
    fn from(Version { subject, version, id, schema }: Version) -> Self {
        Self { subject, version, id, schema: schema.as_ref().to_owned() }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryPlace)]
pub struct Place {
    pub subject: String,
    pub version: u32,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegistryLevel)]
pub struct CurrentLevel {
    #[schema(example = "BACKWARD")]
    pub compatibility_level: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryLevelSet)]
pub struct NewLevel {
    #[schema(example = "BACKWARD")]
    pub compatibility: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryCompatibility)]
pub struct Compatibility {
    pub is_compatible: bool,
    /// With `verbose=true`: a sentence for each clash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryMode)]
pub struct Mode {
    #[schema(example = "READWRITE")]
    pub mode: &'static str,
}
