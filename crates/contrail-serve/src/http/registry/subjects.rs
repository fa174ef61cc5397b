//! Subjects and their versions: listed, looked up, registered, never deleted.

use axum::response::{IntoResponse, Response};
use contrail_log::{Registry, Version};
use serde_json::Value;
use serde_json::json;

use super::input::{At, SchemaIn, Sent, Switches, subject};
use super::shapes::{Answer, CONTENT_TYPE, ErrorBody, RegisteredId, SubjectVersion};
use super::{ApiError, Face};

/// An empty object: the registry is there.
#[utoipa::path(get, path = "/registry", tag = "registry",
    responses((status = 200, body = Object, content_type = CONTENT_TYPE)))]
pub async fn root() -> Response {
    Answer(json!({})).into_response()
}

/// Names of all subjects.
#[utoipa::path(get, path = "/registry/subjects", tag = "registry",
    params(("subjectPrefix" = Option<String>, Query), ("offset" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, body = Vec<String>, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn subjects(Face(registry): Face, switches: Switches) -> Result<Answer<Vec<String>>, ApiError> {
    if switches.on("deletedOnly") {
        return Ok(Answer(Vec::new()));
    }
    let mut all = registry.subjects().await?;
    if let Some(prefix) = switches.text("subjectPrefix").filter(|prefix| *prefix != ":*:") {
        all.retain(|name| name.starts_with(prefix));
    }
    Ok(Answer(switches.page(all)?))
}

/// All versions of a subject that is there.
pub(super) async fn existing(registry: &dyn Registry, subject: &str) -> Result<Vec<Version>, ApiError> {
    let versions = registry.versions(subject).await?;
    if versions.is_empty() { Err(ApiError::no_subject(subject)) } else { Ok(versions) }
}

/// The version that a path names: a number, or `latest`.
pub(super) fn pick(versions: Vec<Version>, asked: &str) -> Result<Version, ApiError> {
    let latest = matches!(asked, "latest" | "-1");
    let number = asked.parse::<u32>().ok().filter(|number| *number > 0 && i32::try_from(*number).is_ok());
    if !latest && number.is_none() {
        let message = format!(
            "The specified version '{asked}' is not a valid version id. Allowed values are between [1, 2^31-1] and the \
             string \"latest\""
        );
        return Err(ApiError::unprocessable(42202, message));
    }
    let found = versions.into_iter().rev().find(|version| latest || Some(version.version) == number);
    found.ok_or_else(|| ApiError::no_version(asked))
}

/// Numbers of a subject's versions.
#[utoipa::path(get, path = "/registry/subjects/{subject}/versions", tag = "registry",
    params(("subject" = String, Path)),
    responses((status = 200, body = Vec<u32>, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn versions(
    Face(registry): Face,
    At(subject): At<String>,
    switches: Switches,
) -> Result<Answer<Vec<u32>>, ApiError> {
    if switches.on("deletedOnly") {
        return Ok(Answer(Vec::new()));
    }
    let versions = existing(registry.as_ref(), &subject).await?;
    Ok(Answer(switches.page(versions.iter().map(|version| version.version).collect())?))
}

/// One version: a number, or `latest`.
#[utoipa::path(get, path = "/registry/subjects/{subject}/versions/{version}", tag = "registry",
    params(("subject" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = SubjectVersion, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE),
              (status = 422, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn version(
    Face(registry): Face,
    At((subject, version)): At<(String, String)>,
) -> Result<Answer<SubjectVersion>, ApiError> {
    Ok(Answer(pick(existing(registry.as_ref(), &subject).await?, &version)?.into()))
}

/// The schema of a version, as it is.
#[utoipa::path(get, path = "/registry/subjects/{subject}/versions/{version}/schema", tag = "registry",
    params(("subject" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = Object, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn version_schema(
    Face(registry): Face,
    At((subject, version)): At<(String, String)>,
) -> Result<Response, ApiError> {
    let version = pick(existing(registry.as_ref(), &subject).await?, &version)?;
    Ok(plain(&version.schema))
}

/// A schema's text as a body of its own.
pub(super) fn plain(schema: &str) -> Response {
    ([(axum::http::header::CONTENT_TYPE, CONTENT_TYPE)], schema.to_owned()).into_response()
}

/// Schemas that refer to this one: there are none, references are not taken.
#[utoipa::path(get, path = "/registry/subjects/{subject}/versions/{version}/referencedby", tag = "registry",
    params(("subject" = String, Path), ("version" = String, Path)),
    responses((status = 200, body = Vec<u32>, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn referenced_by(
    Face(registry): Face,
    At((subject, version)): At<(String, String)>,
) -> Result<Answer<Vec<u32>>, ApiError> {
    pick(existing(registry.as_ref(), &subject).await?, &version)?;
    Ok(Answer(Vec::new()))
}

/// Registers a schema as the subject's next version, or gives the id that it has.
#[utoipa::path(post, path = "/registry/subjects/{subject}/versions", tag = "registry",
    params(("subject" = String, Path)), request_body(content = SchemaIn, content_type = CONTENT_TYPE),
    responses((status = 200, body = RegisteredId, content_type = CONTENT_TYPE),
              (status = 409, body = ErrorBody, content_type = CONTENT_TYPE),
              (status = 422, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn register(
    Face(registry): Face,
    At(name): At<String>,
    Sent(schema): Sent<SchemaIn>,
) -> Result<Answer<RegisteredId>, ApiError> {
    let name = subject(&name)?;
    let id = registry.register(name, &schema.new_text()?).await?;
    Ok(Answer(RegisteredId { id }))
}

/// The version under which a subject has a schema.
#[utoipa::path(post, path = "/registry/subjects/{subject}", tag = "registry",
    params(("subject" = String, Path)), request_body(content = SchemaIn, content_type = CONTENT_TYPE),
    responses((status = 200, body = SubjectVersion, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE),
              (status = 422, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn lookup(
    Face(registry): Face,
    At(subject): At<String>,
    Sent(schema): Sent<SchemaIn>,
) -> Result<Answer<SubjectVersion>, ApiError> {
    let versions = existing(registry.as_ref(), &subject).await?;
    let text = schema.text()?;
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let exact = versions.iter().position(|version| *version.schema == *text);
    let asked = json(&text);
    let found = exact.or_else(|| versions.iter().position(|version| json(&version.schema) == asked));
    let found = found.map(|at| versions[at].clone()).ok_or_else(|| ApiError::no_schema("of this text"))?;
    Ok(Answer(found.into()))
}

/// Refused: schemas are permanent.
#[utoipa::path(delete, path = "/registry/subjects/{subject}", tag = "registry", params(("subject" = String, Path)),
    responses((status = 405, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn delete_subject() -> ApiError {
    ApiError::permanent()
}

/// Refused: schemas are permanent.
#[utoipa::path(delete, path = "/registry/subjects/{subject}/versions/{version}", tag = "registry",
    params(("subject" = String, Path), ("version" = String, Path)),
    responses((status = 405, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn delete_version() -> ApiError {
    ApiError::permanent()
}
