//! The HTTP face of a node: router, guards, UI files. The caller owns the socket and the stop token.

pub(crate) mod answer;
mod files;
mod guard;
mod iceberg;
mod live;
mod node;
mod openapi;
mod registry;
mod shapes;
mod sql;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::{Json, Router};
use contrail_kit::{Class, Classified, Secret};
use contrail_log::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::api::Status;
use crate::live::LiveSky;
use crate::node::Node;
use crate::stream::StreamDesk;

pub use iceberg::IcebergFace;
pub use openapi::openapi;

/// Largest request body: a statement and a little more.
const BODY_LIMIT: usize = 256 * 1024;
/// Most event streams at once.
const LISTENERS: usize = 512;
/// How long a stop waits for answers that are being sent.
const GRACE: Duration = Duration::from_secs(5);

/// What a node serves, and to whom.
#[derive(Clone)]
pub struct App {
    pub node: Arc<dyn Node>,
    pub stream: Arc<dyn StreamDesk>,
    pub live: LiveSky,
    /// What `/registry` shows; none where schemas are kept elsewhere.
    pub registry: Option<Arc<dyn Registry>>,
    /// What `/iceberg` shows.
    pub iceberg: IcebergFace,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    pub options: Options,
}

/// Who may ask.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Asked of everybody when set; must be set when the socket is reachable from beyond this machine.
    pub token: Option<Secret>,
    /// Lets everybody read `/data/*` without a token.
    pub open_data: bool,
    /// Names under which a proxy in front of this node is reached, such as `sky.example.org`; loopback names always are
    /// allowed.
    pub hosts: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{0} can be reached from other machines, so a token is needed: set serve.http.token, or bind 127.0.0.1")]
    NoToken(SocketAddr),
    #[error("the HTTP socket failed: {0}")]
    Socket(#[from] std::io::Error),
}

impl Classified for ServeError {
    fn class(&self) -> Class {
        match self {
            Self::NoToken(_) => Class::USER,
            Self::Socket(_) => Class::EXTERNAL,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Shared {
    app: App,
    listeners: Arc<Semaphore>,
    files: Arc<files::Files>,
    stop: CancellationToken,
}

/// Serves until `stop`, then ends event streams at once and gives running answers five seconds.
pub async fn serve(listener: TcpListener, app: App, stop: CancellationToken) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if app.options.token.is_none() && !address.ip().is_loopback() {
        return Err(ServeError::NoToken(address));
    }
    let router = router(app, address, stop.clone());
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = async { server.await } => Ok(ended?),
        () = over => {
            tracing::warn!("stopped serving with answers still being sent");
            Ok(())
        }
    }
}

/// Health alone, for a process that serves nothing else: `/healthz`, `/readyz`, `/metrics`, `/api/v1/status`, to anybody.
pub async fn health<F: Future<Output = Status> + Send + 'static>(
    listener: TcpListener,
    status: impl Fn() -> F + Clone + Send + Sync + 'static,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let ready = status.clone();
    let router = Router::new()
        .route("/healthz", get(node::healthz))
        .route("/readyz", get(async move || node::unready(&ready().await.roles).map_or(Ok("ready\n"), Err)))
        .route("/metrics", get(async move || node::exposition(&metrics())))
        .route("/api/v1/status", get(async move || Json(status().await)));
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await?)
}

/// All routes, for a socket bound to `address`; event streams end with `stop`.
pub fn router(app: App, address: SocketAddr, stop: CancellationToken) -> Router {
    let guard = Arc::new(guard::Guard::new(&app.options, address));
    let (listeners, files) = (Arc::new(Semaphore::new(LISTENERS)), Arc::default());
    let shared = Shared { app, listeners, files, stop };
    let api = Router::new()
        .route("/status", get(node::status))
        .route("/live/events", get(live::events))
        .route("/live/frames/latest", get(live::latest))
        .route("/live/frames/{id}", get(live::frame))
        .route("/live/identity", get(live::identity))
        .route("/live/trails", get(live::trails))
        .route("/aircraft/{icao24}", get(node::aircraft))
        .route("/aircraft/{icao24}/track", get(node::track))
        .route("/timeline", get(node::timeline))
        .route("/explore", get(node::explore))
        .route("/explore/density", get(node::density))
        .route("/explore/range", get(node::range))
        .route("/assets", get(node::assets))
        .route("/build", post(node::build))
        .route("/tables", get(node::tables))
        .route("/tables/{name}", get(node::table))
        .route("/tables/{name}/evolve", post(node::evolve))
        .route("/sql", post(sql::sql))
        .route("/stream", get(stream::overview))
        .route("/stream/tail", get(stream::tail))
        .route("/stream/dead-letters", get(stream::dead_letters))
        .route("/stream/dead-letters/replay", post(stream::replay))
        .route("/stream/dead-letters/purge", post(stream::purge));
    Router::new()
        .nest("/api/v1", api)
        .nest("/registry", registry::routes())
        .route("/registry/", get(registry::root))
        .nest("/iceberg", iceberg::routes())
        .route("/api/openapi.json", get(openapi::json))
        .route("/api/states/all", get(shapes::states_all))
        .route("/data/aircraft.json", get(shapes::aircraft_json))
        .route("/data/receiver.json", get(shapes::receiver_json))
        .route("/metrics", get(node::metrics))
        .route("/healthz", get(node::healthz))
        .route("/readyz", get(node::readyz))
        .fallback(files::file)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(from_fn_with_state(guard, guard::check))
        .layer(from_fn(guard::headers))
        .with_state(shared)
}

#[cfg(test)]
mod tests;
