//! What serving needs to know of the node behind it: one small seam, filled by whoever wires the roles together.
//!
//! Every method may be called from many requests at once and at any time, also before the first row has landed. An
//! implementation returns soon or holds an own deadline; a dropped future must cancel its work. Errors are problems that
//! a person can read. But for `build` and
//! [`api::CatalogRequest::Evolve`], nothing here changes state; everything may be retried.

use async_trait::async_trait;
use contrail_types::{Icao24, Micros};

use crate::api;
use crate::problem::Problem;

/// The node as the API sees it. Live data does not pass through here: see [`crate::live::LiveSky`].
#[async_trait]
pub trait Node: Send + Sync {
    /// Roles, feeds, log, lake; serving fills `boot_id`, `server_time`, `sky_time` and `sky` itself.
    async fn status(&self) -> api::Status;

    /// Figures, density or range: the answer is of the request's own kind.
    async fn explore(&self, request: api::ExploreRequest) -> Result<api::ExploreAnswer, Problem>;

    /// History of one aircraft from the lake; `None` when it was never seen there.
    async fn aircraft(&self, icao24: Icao24) -> Result<Option<api::AircraftHistory>, Problem>;

    /// Its positions in `from..to`, ordered by time.
    async fn track(&self, icao24: Icao24, from: Micros, to: Micros) -> Result<api::Track, Problem>;

    /// Aircraft seen in each bucket of the last `hours`.
    async fn timeline(&self, hours: u32) -> Result<api::Timeline, Problem>;

    /// Assets, tables, or one table (a 404 problem when there is no such table); or a table is given columns.
    async fn catalog(&self, request: api::CatalogRequest) -> Result<api::Catalog, Problem>;

    /// Computes hours of derived tables anew; returns when they are in the lake.
    async fn build(&self, request: api::BuildRequest) -> Result<api::Built, Problem>;

    /// Runs one statement that a user wrote, inside the limits of the query service. `limit` is the reader's: it reads
    /// on until it knows whether there is more, then drops the stream.
    async fn sql(&self, request: api::SqlRequest) -> Result<api::SqlAnswer, Problem>;
}
