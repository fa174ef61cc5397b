//! What the node itself answers: status, history, Explore, catalog, health.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use contrail_types::time;

use super::Shared;
use super::answer::{Body, Params, icao24};
use super::sql::cell;
use crate::api::{
    AircraftHistory, Asset, BuildRequest, Built, Catalog, CatalogRequest, Density, EvolveRequest, Evolved, Explore,
    ExploreAnswer, ExploreRequest, Filters, IdentityColumns, Range, RoleStatus, Status, Table, Time, Timeline, Track,
};
use crate::problem::Problem;

/// Longest time for which a track is given.
const LONGEST_TRACK: i64 = 31 * time::DAY;
/// Longest timeline in hours.
const LONGEST_TIMELINE: u32 = 31 * 24;

/// Roles, feeds, sky, log, lake.
#[utoipa::path(get, path = "/api/v1/status", tag = "node", responses((status = 200, body = Status)))]
pub async fn status(State(shared): State<Shared>) -> Json<Status> {
    let mut status = shared.app.node.status().await;
    let live = &shared.app.live;
    let now = live.clock().now();
    status.boot_id = live.boot_id().to_owned();
    status.server_time = Time(now);
    status.sky_time = Time(live.sky_time().unwrap_or(now));
    status.sky = live.status();
    Json(status)
}

/// One aircraft: who it is, its latest state, when it was seen.
#[utoipa::path(get, path = "/api/v1/aircraft/{icao24}", tag = "aircraft",
    params(("icao24" = String, Path, description = "Six hex digits")),
    responses((status = 200, body = AircraftHistory),
              (status = 404, body = Problem, content_type = "application/problem+json")))]
pub async fn aircraft(
    State(shared): State<Shared>,
    Path(address): Path<String>,
) -> Result<Json<AircraftHistory>, Problem> {
    let icao24 = icao24(&address)?;
    let live = shared.app.live.aircraft(icao24);
    let past = match shared.app.node.aircraft(icao24).await {
        // What is in the air now is worth showing even when the lake cannot be asked.
        Err(problem) if live.is_none() => return Err(problem),
        other => other.ok().flatten(),
    };
    if live.is_none() && past.is_none() {
        return Err(Problem::not_found(format!("{icao24} has never been seen here")));
    }
    let mut history = past.unwrap_or_default();
    history.icao24 = icao24.to_string();
    if let Some((state, identity)) = live {
        fill(&mut history, &state, identity);
    }
    Ok(Json(history))
}

/// What is known live goes before what the lake says.
fn fill(history: &mut AircraftHistory, state: &arrow::array::RecordBatch, mut identity: IdentityColumns) {
    let seen = Time::parse(cell(state.column_by_name("last_contact"), 0).as_str().unwrap_or_default());
    history.last_seen = history.last_seen.max(seen);
    history.first_seen = history.first_seen.or(seen);
    let fields = state.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
    history.state = fields.into_iter().zip(state.columns()).map(|(name, c)| (name, cell(Some(c), 0))).collect();
    let newer = |known: &mut Option<String>, column: &mut Vec<Option<String>>| {
        if let Some(text) = column.pop().flatten() {
            *known = Some(text);
        }
    };
    newer(&mut history.callsign, &mut identity.callsign);
    newer(&mut history.country, &mut identity.country);
    newer(&mut history.country_name, &mut identity.country_name);
    newer(&mut history.airline, &mut identity.airline);
    newer(&mut history.airline_name, &mut identity.airline_name);
    newer(&mut history.registration, &mut identity.registration);
    newer(&mut history.type_code, &mut identity.type_code);
    let category = identity.category.pop().filter(|&c| c > 0);
    history.category = category.map(i32::from).or(history.category);
}

/// Where it was, from the lake; the last 24 hours unless told.
#[utoipa::path(get, path = "/api/v1/aircraft/{icao24}/track", tag = "aircraft",
    params(("icao24" = String, Path, description = "Six hex digits"),
           ("from" = Option<Time>, Query), ("to" = Option<Time>, Query)),
    responses((status = 200, body = Track), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub async fn track(
    State(shared): State<Shared>,
    Path(address): Path<String>,
    params: Params,
) -> Result<Json<Track>, Problem> {
    params.only(&["from", "to"])?;
    let icao24 = icao24(&address)?;
    let now = shared.app.live.sky_time().unwrap_or_else(|| shared.app.live.clock().now());
    // The end is open: a state may be a little younger than the sky.
    let to = params.time("to")?.map_or(now + time::MINUTE, |t| t.0);
    let from = params.time("from")?.map_or(to - time::DAY, |t| t.0);
    if from >= to || to - from > LONGEST_TRACK {
        return Err(Problem::bad_request("from must lie before to, by 31 days at most"));
    }
    shared.app.node.track(icao24, from, to).await.map(Json)
}

/// Aircraft seen in each ten minutes; null where no fetch succeeded.
#[utoipa::path(get, path = "/api/v1/timeline", tag = "node",
    params(("hours" = Option<u32>, Query, description = "24 unless told, 744 at most")),
    responses((status = 200, body = Timeline)))]
pub async fn timeline(State(shared): State<Shared>, params: Params) -> Result<Json<Timeline>, Problem> {
    params.only(&["hours"])?;
    let hours = params.value("hours", "a number of hours")?.unwrap_or(24);
    if !(1..=LONGEST_TIMELINE).contains(&hours) {
        return Err(Problem::bad_request(format!("hours: expected a number from 1 to {LONGEST_TIMELINE}")));
    }
    shared.app.node.timeline(hours).await.map(Json)
}

fn filters(params: &Params) -> Result<Filters, Problem> {
    params.only(&["from", "to", "country", "airline", "band", "phase", "hour", "dow"])?;
    let filters = Filters {
        from: params.time("from")?,
        to: params.time("to")?,
        country: params.list("country", "two-letter codes such as DE")?,
        airline: params.list("airline", "three-letter codes such as DLH")?,
        band: params.list("band", "numbers of altitude bands")?,
        phase: params.list("phase", "flight phases")?,
        hour: params.list("hour", "hours of the day, 0..23")?,
        dow: params.list("dow", "days of the week, 1 (Monday) to 7")?,
    };
    if filters.from.zip(filters.to).is_some_and(|(from, to)| from >= to) {
        return Err(Problem::bad_request("from must lie before to"));
    }
    if filters.hour.iter().any(|&h| h > 23) || filters.dow.iter().any(|d| !(1..=7).contains(d)) {
        return Err(Problem::bad_request("hour is 0..23 and dow 1 (Monday) to 7"));
    }
    Ok(filters)
}

async fn ask(shared: &Shared, request: ExploreRequest) -> Result<Json<ExploreAnswer>, Problem> {
    shared.app.node.explore(request).await.map(Json)
}

/// Figures of the Explore page: each ignores the filter on its own dimension and obeys all others.
#[utoipa::path(get, path = "/api/v1/explore", tag = "explore",
    params(("from" = Option<Time>, Query), ("to" = Option<Time>, Query),
           ("country" = Option<String>, Query, description = "Codes separated by commas; so all lists"),
           ("airline" = Option<String>, Query), ("band" = Option<String>, Query), ("phase" = Option<String>, Query),
           ("hour" = Option<String>, Query), ("dow" = Option<String>, Query, description = "1 is Monday")),
    responses((status = 200, body = Explore), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub async fn explore(State(shared): State<Shared>, params: Params) -> Result<Json<ExploreAnswer>, Problem> {
    ask(&shared, ExploreRequest::Figures(filters(&params)?)).await
}

/// Observations by cell, under the same filters as `/api/v1/explore`.
#[utoipa::path(get, path = "/api/v1/explore/density", tag = "explore", responses((status = 200, body = Density)))]
pub async fn density(State(shared): State<Shared>, params: Params) -> Result<Json<ExploreAnswer>, Problem> {
    ask(&shared, ExploreRequest::Density(filters(&params)?)).await
}

/// The hours that can be explored.
#[utoipa::path(get, path = "/api/v1/explore/range", tag = "explore", responses((status = 200, body = Range)))]
pub async fn range(State(shared): State<Shared>) -> Result<Json<ExploreAnswer>, Problem> {
    ask(&shared, ExploreRequest::Range).await
}

/// Models: what they are made of and when they were built.
#[utoipa::path(get, path = "/api/v1/assets", tag = "lake", responses((status = 200, body = Vec<Asset>)))]
pub async fn assets(State(shared): State<Shared>) -> Result<Json<Catalog>, Problem> {
    shared.app.node.catalog(CatalogRequest::Assets).await.map(Json)
}

/// Tables of the lake.
#[utoipa::path(get, path = "/api/v1/tables", tag = "lake", responses((status = 200, body = Vec<Table>)))]
pub async fn tables(State(shared): State<Shared>) -> Result<Json<Catalog>, Problem> {
    shared.app.node.catalog(CatalogRequest::Tables).await.map(Json)
}

/// One table with its columns and snapshots.
#[utoipa::path(get, path = "/api/v1/tables/{name}", tag = "lake", params(("name" = String, Path)),
    responses((status = 200, body = Table), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub async fn table(State(shared): State<Shared>, Path(name): Path<String>) -> Result<Json<Catalog>, Problem> {
    shared.app.node.catalog(CatalogRequest::Table(name)).await.map(Json)
}

/// Gives a table columns for the fields of the stream that it lacks; says which, and which cannot be columns.
#[utoipa::path(post, path = "/api/v1/tables/{name}/evolve", tag = "lake", params(("name" = String, Path)),
    request_body = EvolveRequest,
    responses((status = 200, body = Evolved), (status = 404, body = Problem, content_type = "application/problem+json"),
              (status = 503, body = Problem, content_type = "application/problem+json")))]
pub async fn evolve(
    State(shared): State<Shared>,
    Path(table): Path<String>,
    Body(EvolveRequest { dry_run }): Body<EvolveRequest>,
) -> Result<Json<Catalog>, Problem> {
    shared.app.node.catalog(CatalogRequest::Evolve { table, dry_run }).await.map(Json)
}

/// Computes hours of derived tables anew from their inputs; answers when they are in the lake.
#[utoipa::path(post, path = "/api/v1/build", tag = "lake", request_body = BuildRequest,
    responses((status = 200, body = Built), (status = 422, body = Problem, content_type = "application/problem+json"),
              (status = 503, body = Problem, content_type = "application/problem+json")))]
pub async fn build(State(shared): State<Shared>, Body(request): Body<BuildRequest>) -> Result<Json<Built>, Problem> {
    shared.app.node.build(request).await.map(Json)
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "node", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn metrics(State(shared): State<Shared>) -> Response {
    exposition(&(shared.app.metrics)())
}

/// Metrics as Prometheus reads them.
pub fn exposition(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.to_owned()).into_response()
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "node", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// No role is starting, waiting, stopping or failed; else 503 with the names of those that are. (The query process is
/// stopped until it is needed.)
#[utoipa::path(get, path = "/readyz", tag = "node",
    responses((status = 200, body = String, content_type = "text/plain"),
              (status = 503, body = Problem, content_type = "application/problem+json")))]
pub async fn readyz(State(shared): State<Shared>) -> Result<&'static str, Problem> {
    unready(&shared.app.node.status().await.roles).map_or(Ok("ready\n"), Err)
}

/// The problem with roles that are not running as they should; none if all are.
pub fn unready(roles: &[RoleStatus]) -> Option<Problem> {
    let unready = roles.iter().filter(|r| !matches!(r.state.as_str(), "running" | "stopped"));
    let unready: Vec<String> = unready.map(|r| format!("{} is {}", r.role, r.state)).collect();
    let problem = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not ready", unready.join(", "));
    (!unready.is_empty()).then(problem)
}
