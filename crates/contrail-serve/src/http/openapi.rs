//! The API's description, generated from handlers and types.

use axum::Json;
use utoipa::OpenApi;

use super::{live, node, registry, shapes, sql, stream};
use crate::problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(title = "Contrail", description = "The live sky as a lakehouse that its user owns. Units are SI.",
         license(name = "MIT", identifier = "MIT")),
    paths(
        node::status, node::timeline, node::healthz, node::readyz, node::metrics,
        live::events, live::latest, live::frame, live::identity, live::trails,
        node::aircraft, node::track,
        node::explore, node::density, node::range,
        node::assets, node::tables, node::table, node::evolve, node::build, sql::sql,
        stream::overview, stream::tail, stream::dead_letters, stream::replay, stream::purge,
        shapes::states_all, shapes::aircraft_json, shapes::receiver_json,
        registry::root, registry::subjects, registry::lookup, registry::delete_subject, registry::versions,
        registry::register, registry::version, registry::delete_version, registry::version_schema,
        registry::referenced_by, registry::schemas, registry::types, registry::by_id, registry::schema_by_id,
        registry::versions_by_id, registry::subjects_by_id, registry::level, registry::set_level,
        registry::delete_level, registry::subject_level, registry::set_subject_level,
        registry::delete_subject_level, registry::compatible, registry::compatible_with, registry::mode,
        registry::subject_mode, registry::set_mode, registry::contexts, registry::metadata_id,
        registry::metadata_version,
    ),
    components(schemas(Problem, registry::ErrorBody)),
    tags(
        (name = "live", description = "The sky now: announced by events, fetched as frames"),
        (name = "aircraft", description = "One aircraft's history"),
        (name = "explore", description = "Figures over any range of hours"),
        (name = "lake", description = "Tables, models and SQL"),
        (name = "stream", description = "The stream between feeds and lake"),
        (name = "node", description = "The node itself"),
        (name = "registry", description = "The node's schema registry, as Confluent's API"),
        (name = "shapes", description = "The live sky in the shapes of OpenSky and readsb"),
    )
)]
struct Api;

/// The document of `/api/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

pub async fn json() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}
