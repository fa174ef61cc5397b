//! The OpenSky-shaped server of `contrail sky`: tokens, `/api/states/all`, credits, and faults on demand.
//!
//! It speaks OpenSky's REST API as clients meet it, also on bad days, and plays whatever [`SkySource`] it is given: the
//! synthetic sky or a recording. An answer that a fault keeps from the client (401, 429, 503, hang, truncate, null) is
//! not lost: the next good request gets it.
//!
//! Source of the API: <https://openskynetwork.github.io/opensky-api/rest.html>.

mod admin;
mod body;
mod budget;
pub mod faults;
pub mod replay;
mod states;
pub mod synthetic;
mod tokens;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arrow::array::RecordBatch;
use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use contrail_kit::{Clock, Secret};
use contrail_types::Micros;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::ServeError;
pub use budget::Budgets;
use faults::{Fault, Faults};
pub use replay::{Pace, Replay};
pub use synthetic::Synthetic;

/// Where clients fetch tokens, as on OpenSky's own server.
pub const TOKEN_PATH: &str = "/auth/realms/opensky-network/protocol/openid-connect/token";

/// What there is to answer with.
#[derive(Clone, Debug)]
pub enum Content {
    /// Rows in the schema of [`contrail_types::state`], written as OpenSky writes them.
    States { time: Micros, states: RecordBatch },
    /// A recorded body, passed on as it is unless the request filters it or a fault changes it.
    Raw(Bytes),
    /// Nobody in the sky: `states` is null.
    Empty { time: Micros },
}

/// A sky to serve. Calls come one after the other, off the async threads.
pub trait SkySource: Send {
    /// The answer at `now`; a source that steps gives each of its answers once.
    fn answer(&mut self, now: Micros) -> Content;

    /// The sky at an earlier time, for clients that ask with `time=`; `None` where the source cannot tell.
    fn past(&mut self, _at: Micros) -> Option<Content> {
        None
    }

    /// Whether nothing will come any more.
    fn ended(&self) -> bool {
        false
    }
}

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct SkyOptions {
    pub faults: Vec<Fault>,
    pub budgets: Budgets,
    /// The one client id and secret that are accepted; none accepts any.
    pub client: Option<(String, Secret)>,
    /// How long a token is good for.
    pub token_life: Duration,
    /// Whether `/admin` is served on the main socket too.
    pub admin: bool,
    /// Picks which requests meet a fault that comes by chance.
    pub seed: u64,
}

impl Default for SkyOptions {
    fn default() -> Self {
        let token_life = Duration::from_secs(1800);
        Self { faults: Vec::new(), budgets: Budgets::default(), client: None, token_life, admin: true, seed: 1 }
    }
}

/// The server's state, shared by all requests.
#[derive(Clone)]
pub struct SkyServer(Arc<Inner>);

struct Inner {
    source: Mutex<Source>,
    desk: Mutex<Desk>,
    clock: Clock,
    options: SkyOptions,
    stop: CancellationToken,
}

struct Source {
    sky: Box<dyn SkySource>,
    /// An answer that a fault kept from its client.
    kept: Option<Content>,
}

/// Everything small that requests change.
struct Desk {
    faults: Faults,
    tokens: tokens::Tokens,
    accounts: budget::Accounts,
    counts: admin::Counts,
}

impl SkyServer {
    /// Requests that hang end with `stop`.
    pub fn new(sky: Box<dyn SkySource>, options: SkyOptions, clock: Clock, stop: CancellationToken) -> Self {
        let desk = Desk {
            faults: Faults::new(options.faults.clone(), options.seed),
            tokens: tokens::Tokens::default(),
            accounts: budget::Accounts::default(),
            counts: admin::Counts::default(),
        };
        let source = Mutex::new(Source { sky, kept: None });
        Self(Arc::new(Inner { source, desk: Mutex::new(desk), clock, options, stop }))
    }

    /// What clients see; with `/admin` if the options say so.
    pub fn router(&self) -> Router {
        let router = Router::new()
            .route("/", get(admin::about))
            .route(TOKEN_PATH, post(tokens::issue))
            .route("/api/states/all", get(states::all))
            .with_state(self.clone());
        if self.0.options.admin { router.merge(self.admin_router()) } else { router }
    }

    /// `/admin` alone.
    pub fn admin_router(&self) -> Router {
        Router::new()
            .route("/admin/state", get(admin::state))
            .route("/admin/faults", post(admin::set_faults))
            .with_state(self.clone())
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.desk.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.0.source.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Serves on the caller's sockets until the stop token given to [`SkyServer::new`] is cancelled.
pub async fn serve(listener: TcpListener, admin: Option<TcpListener>, sky: SkyServer) -> Result<(), ServeError> {
    let stop = || sky.0.stop.clone().cancelled_owned();
    let main = axum::serve(listener, sky.router()).with_graceful_shutdown(stop());
    match admin {
        None => main.await?,
        Some(socket) => {
            let admin = axum::serve(socket, sky.admin_router()).with_graceful_shutdown(stop());
            let (main, admin) = tokio::join!(async { main.await }, async { admin.await });
            main.and(admin)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
