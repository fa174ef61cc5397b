//! The API's description, generated from handlers and types.

use axum::Json;
use utoipa::OpenApi;

use super::{live, node, shapes, sql};
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
        node::assets, node::tables, node::table, node::build, sql::sql,
        shapes::states_all, shapes::aircraft_json, shapes::receiver_json,
    ),
    components(schemas(Problem)),
    tags(
        (name = "live", description = "The sky now: announced by events, fetched as frames"),
        (name = "aircraft", description = "One aircraft's history"),
        (name = "explore", description = "Figures over any range of hours"),
        (name = "lake", description = "Tables, models and SQL"),
        (name = "node", description = "The node itself"),
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
