//! Levels of compatibility, tests of it, and what the registry says of itself.

use contrail_log::registry::{judge, level as level_of};
use contrail_log::{Level, Registry};
use serde_json::{Value, json};

use super::input::{At, LevelIn, SchemaIn, Sent, Switches, subject};
use super::shapes::{Answer, CONTENT_TYPE, Compatibility, CurrentLevel, ErrorBody, Mode, NewLevel};
use super::subjects::{existing, pick};
use super::{ApiError, Face};
use crate::http::answer::blocking;

fn current(level: Level) -> Answer<CurrentLevel> {
    Answer(CurrentLevel { compatibility_level: level.to_string() })
}

async fn global(registry: &dyn Registry) -> Result<Level, ApiError> {
    Ok(registry.level(None).await?.unwrap_or_default())
}

async fn set(registry: &dyn Registry, subject: Option<&str>, level: Level) -> Result<Answer<NewLevel>, ApiError> {
    registry.set_level(subject, Some(level)).await?;
    Ok(Answer(NewLevel { compatibility: level.to_string() }))
}

/// The level of all subjects that have none of their own.
#[utoipa::path(get, path = "/registry/config", tag = "registry",
    responses((status = 200, body = CurrentLevel, content_type = CONTENT_TYPE)))]
pub async fn level(Face(registry): Face) -> Result<Answer<CurrentLevel>, ApiError> {
    global(registry.as_ref()).await.map(current)
}

/// Sets it.
#[utoipa::path(put, path = "/registry/config", tag = "registry",
    request_body(content = LevelIn, content_type = CONTENT_TYPE),
    responses((status = 200, body = NewLevel, content_type = CONTENT_TYPE),
              (status = 422, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn set_level(Face(registry): Face, Sent(sent): Sent<LevelIn>) -> Result<Answer<NewLevel>, ApiError> {
    set(registry.as_ref(), None, sent.level()?).await
}

/// Back to BACKWARD; answers with what it was.
#[utoipa::path(delete, path = "/registry/config", tag = "registry",
    responses((status = 200, body = CurrentLevel, content_type = CONTENT_TYPE)))]
pub async fn delete_level(Face(registry): Face) -> Result<Answer<CurrentLevel>, ApiError> {
    let before = global(registry.as_ref()).await?;
    registry.set_level(None, None).await?;
    Ok(current(before))
}

/// The level of one subject.
#[utoipa::path(get, path = "/registry/config/{subject}", tag = "registry",
    params(("subject" = String, Path), ("defaultToGlobal" = Option<bool>, Query)),
    responses((status = 200, body = CurrentLevel, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn subject_level(
    Face(registry): Face,
    At(name): At<String>,
    switches: Switches,
) -> Result<Answer<CurrentLevel>, ApiError> {
    match registry.level(Some(&name)).await? {
        Some(level) => Ok(current(level)),
        None if switches.on("defaultToGlobal") => global(registry.as_ref()).await.map(current),
        None => Err(ApiError::no_level(&name)),
    }
}

/// Sets the level of one subject, which need not be there yet.
#[utoipa::path(put, path = "/registry/config/{subject}", tag = "registry", params(("subject" = String, Path)),
    request_body(content = LevelIn, content_type = CONTENT_TYPE),
    responses((status = 200, body = NewLevel, content_type = CONTENT_TYPE),
              (status = 422, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn set_subject_level(
    Face(registry): Face,
    At(name): At<String>,
    Sent(sent): Sent<LevelIn>,
) -> Result<Answer<NewLevel>, ApiError> {
    set(registry.as_ref(), Some(subject(&name)?), sent.level()?).await
}

/// Takes the subject's own level away; answers with what it was.
#[utoipa::path(delete, path = "/registry/config/{subject}", tag = "registry", params(("subject" = String, Path)),
    responses((status = 200, body = CurrentLevel, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn delete_subject_level(
    Face(registry): Face,
    At(name): At<String>,
) -> Result<Answer<CurrentLevel>, ApiError> {
    let before = registry.level(Some(&name)).await?.ok_or_else(|| ApiError::no_level(&name))?;
    registry.set_level(Some(&name), None).await?;
    Ok(current(before))
}

/// Whether a schema could be the next version, by the subject's level.
#[utoipa::path(post, path = "/registry/compatibility/subjects/{subject}/versions", tag = "registry",
    params(("subject" = String, Path), ("verbose" = Option<bool>, Query)),
    request_body(content = SchemaIn, content_type = CONTENT_TYPE),
    responses((status = 200, body = Compatibility, content_type = CONTENT_TYPE),
              (status = 422, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn compatible(
    Face(registry): Face,
    At(name): At<String>,
    switches: Switches,
    Sent(schema): Sent<SchemaIn>,
) -> Result<Answer<Compatibility>, ApiError> {
    let versions = registry.versions(&name).await?;
    answer(registry.as_ref(), name, versions, schema.text()?, switches.on("verbose")).await
}

/// The same against one version alone.
#[utoipa::path(post, path = "/registry/compatibility/subjects/{subject}/versions/{version}", tag = "registry",
    params(("subject" = String, Path), ("version" = String, Path), ("verbose" = Option<bool>, Query)),
    request_body(content = SchemaIn, content_type = CONTENT_TYPE),
    responses((status = 200, body = Compatibility, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE),
              (status = 422, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn compatible_with(
    Face(registry): Face,
    At((name, version)): At<(String, String)>,
    switches: Switches,
    Sent(schema): Sent<SchemaIn>,
) -> Result<Answer<Compatibility>, ApiError> {
    let version = pick(existing(registry.as_ref(), &name).await?, &version)?;
    answer(registry.as_ref(), name, vec![version], schema.text()?, switches.on("verbose")).await
}

async fn answer(
    registry: &dyn Registry,
    subject: String,
    versions: Vec<contrail_log::Version>,
    schema: String,
    verbose: bool,
) -> Result<Answer<Compatibility>, ApiError> {
    let level = level_of(registry, &subject).await?;
    let verdict = blocking(move || judge(&subject, level, &versions, &schema)).await;
    let verdict = verdict.map_err(|_| ApiError::unprocessable(42201, "the schemas cannot be compared"))?;
    let messages = verbose.then(|| verdict.messages());
    Ok(Answer(Compatibility { is_compatible: verdict.compatible(), messages }))
}

/// READWRITE, as ever.
#[utoipa::path(get, path = "/registry/mode", tag = "registry",
    responses((status = 200, body = Mode, content_type = CONTENT_TYPE)))]
pub async fn mode(_: Face) -> Answer<Mode> {
    Answer(Mode { mode: "READWRITE" })
}

/// READWRITE, as ever.
#[utoipa::path(get, path = "/registry/mode/{subject}", tag = "registry", params(("subject" = String, Path)),
    responses((status = 200, body = Mode, content_type = CONTENT_TYPE)))]
pub async fn subject_mode(_: Face) -> Answer<Mode> {
    Answer(Mode { mode: "READWRITE" })
}

/// Refused: there is one mode.
#[utoipa::path(put, path = "/registry/mode", tag = "registry",
    responses((status = 405, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn set_mode() -> ApiError {
    let why =
        "the mode is READWRITE and stays so: a registry that is read only, or takes ids from others, is not had here";
    ApiError::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, 405, why)
}

/// The default context alone.
#[utoipa::path(get, path = "/registry/contexts", tag = "registry",
    responses((status = 200, body = Vec<String>, content_type = CONTENT_TYPE)))]
pub async fn contexts(_: Face) -> Answer<[&'static str; 1]> {
    Answer(["."])
}

/// What cluster this is.
#[utoipa::path(get, path = "/registry/v1/metadata/id", tag = "registry",
    responses((status = 200, body = Object, content_type = CONTENT_TYPE)))]
pub async fn metadata_id(_: Face) -> Answer<Value> {
    Answer(json!({ "id": "", "scope": { "path": [], "clusters": { "schema-registry-cluster": "contrail" } } }))
}

/// The version of this program.
#[utoipa::path(get, path = "/registry/v1/metadata/version", tag = "registry",
    responses((status = 200, body = Object, content_type = CONTENT_TYPE)))]
pub async fn metadata_version(_: Face) -> Answer<Value> {
    Answer(json!({ "version": env!("CARGO_PKG_VERSION"), "commitId": "" }))
}
