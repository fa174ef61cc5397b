//! Schemas by id, and the list of all.

use axum::response::Response;
use contrail_log::{Registry, Version};

use super::input::{At, Switches};
use super::shapes::{Answer, CONTENT_TYPE, ErrorBody, Place, SchemaText, SubjectVersion};
use super::subjects::plain;
use super::{ApiError, Face};

/// Looks without a trace: [`Registry::schema`] would strike an unknown id off.
async fn peek(registry: &dyn Registry, asked: &str) -> Result<(u32, String), ApiError> {
    let id: u32 = asked.parse().map_err(|_| ApiError::no_schema(asked))?;
    let found = registry.peek(id).await?;
    found.map(|schema| (id, schema.as_ref().to_owned())).ok_or_else(|| ApiError::no_schema(id))
}

async fn all(registry: &dyn Registry) -> Result<Vec<Version>, ApiError> {
    let mut all = Vec::new();
    for subject in registry.subjects().await? {
        all.extend(registry.versions(&subject).await?);
    }
    Ok(all)
}

/// The schema with an id, as the first five bytes of a message name it.
#[utoipa::path(get, path = "/registry/schemas/ids/{id}", tag = "registry",
    params(("id" = u32, Path), ("fetchMaxId" = Option<bool>, Query)),
    responses((status = 200, body = SchemaText, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn by_id(
    Face(registry): Face,
    At(id): At<String>,
    switches: Switches,
) -> Result<Answer<SchemaText>, ApiError> {
    let (_, schema) = peek(registry.as_ref(), &id).await?;
    let max_id = match switches.on("fetchMaxId") {
        true => all(registry.as_ref()).await?.iter().map(|version| version.id).max(),
        false => None,
    };
    Ok(Answer(SchemaText { schema, max_id }))
}

/// The same as a body of its own.
#[utoipa::path(get, path = "/registry/schemas/ids/{id}/schema", tag = "registry", params(("id" = u32, Path)),
    responses((status = 200, body = Object, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn schema_by_id(Face(registry): Face, At(id): At<String>) -> Result<Response, ApiError> {
    Ok(plain(&peek(registry.as_ref(), &id).await?.1))
}

async fn places(registry: &dyn Registry, asked: &str) -> Result<Vec<Place>, ApiError> {
    let (id, _) = peek(registry, asked).await?;
    let all = all(registry).await?.into_iter().filter(|version| version.id == id);
    Ok(all.map(|Version { subject, version, .. }| Place { subject, version }).collect())
}

/// The versions that have an id.
#[utoipa::path(get, path = "/registry/schemas/ids/{id}/versions", tag = "registry", params(("id" = u32, Path)),
    responses((status = 200, body = Vec<Place>, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn versions_by_id(
    Face(registry): Face,
    At(id): At<String>,
    switches: Switches,
) -> Result<Answer<Vec<Place>>, ApiError> {
    Ok(Answer(switches.page(places(registry.as_ref(), &id).await?)?))
}

/// The subjects that have an id.
#[utoipa::path(get, path = "/registry/schemas/ids/{id}/subjects", tag = "registry", params(("id" = u32, Path)),
    responses((status = 200, body = Vec<String>, content_type = CONTENT_TYPE),
              (status = 404, body = ErrorBody, content_type = CONTENT_TYPE)))]
pub async fn subjects_by_id(
    Face(registry): Face,
    At(id): At<String>,
    switches: Switches,
) -> Result<Answer<Vec<String>>, ApiError> {
    let mut subjects: Vec<String> =
        places(registry.as_ref(), &id).await?.into_iter().map(|place| place.subject).collect();
    subjects.dedup();
    Ok(Answer(switches.page(subjects)?))
}

/// Kinds of schemas: AVRO alone.
#[utoipa::path(get, path = "/registry/schemas/types", tag = "registry",
    responses((status = 200, body = Vec<String>, content_type = CONTENT_TYPE)))]
pub async fn types(_: Face) -> Answer<[&'static str; 1]> {
    Answer(["AVRO"])
}

/// All versions of all subjects.
#[utoipa::path(get, path = "/registry/schemas", tag = "registry",
    params(("subjectPrefix" = Option<String>, Query), ("latestOnly" = Option<bool>, Query),
           ("offset" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, body = Vec<SubjectVersion>, content_type = CONTENT_TYPE)))]
pub async fn schemas(Face(registry): Face, switches: Switches) -> Result<Answer<Vec<SubjectVersion>>, ApiError> {
    let mut all = all(registry.as_ref()).await?;
    if let Some(prefix) = switches.text("subjectPrefix").filter(|prefix| *prefix != ":*:") {
        all.retain(|version| version.subject.starts_with(prefix));
    }
    if switches.on("latestOnly") {
        all.reverse();
        all.dedup_by(|next, kept| next.subject == kept.subject);
        all.reverse();
    }
    Ok(Answer(switches.page(all.into_iter().map(SubjectVersion::from).collect())?))
}
