//! The node as the API sees it: questions of the UI answered from the lake, the folds in memory and the roles' pulse.

pub mod catalog;
pub mod status;

use std::sync::Arc;

use arrow::array::AsArray;
use async_trait::async_trait;
use contrail_flow::build::order::{Order, OrderError};
use contrail_flow::build::{fold, input};
use contrail_flow::stream::StreamState;
use contrail_kit::class::{BoxError, chain};
use contrail_kit::supervise::Board;
use contrail_model::explore::{self, Now, Question, Sources};
use contrail_model::query::{Limits, QueryError, QueryService};
use contrail_model::{EngineError, Input, reference};
use contrail_serve::live::identity::Texts;
use contrail_serve::live::{Identity, StateFilter};
use contrail_serve::{LiveSky, Node, Problem, api};
use contrail_types::time::{HOUR, hour_of};
use contrail_types::{Icao24, Micros, Transform};
use futures::StreamExt;
use tokio::sync::watch;

use crate::line::Line;
use crate::peers::Peers;

/// What can be seen of this process and of those beside it. Cheap to clone.
#[derive(Clone)]
pub struct Watched {
    pub line: Line,
    pub board: Board,
    pub seen: watch::Receiver<StreamState>,
    pub peers: Peers,
}

impl Watched {
    /// When rows landed last: here, or in another process, as the table tells.
    pub fn landed_at(&self) -> Option<Micros> {
        self.line.pulse.read().land.landed_at.max(self.seen.borrow().landed_at)
    }
}

/// [`Node`] over a line.
pub struct LineNode {
    pub watched: Watched,
    pub line: Line,
    pub live: LiveSky,
    pub query: QueryService,
    pub demo: bool,
}

#[async_trait]
impl Node for LineNode {
    async fn status(&self) -> api::Status {
        let query = api::RoleStatus {
            role: "query".into(),
            state: if self.query.running() { "running" } else { "stopped" }.into(),
            note: Some("started by the first statement, stopped when idle".into()),
            ..api::RoleStatus::default()
        };
        let mut status = status::status(&self.watched, self.demo).await;
        status.roles.push(query);
        status
    }

    async fn explore(&self, request: api::ExploreRequest) -> Result<api::ExploreAnswer, Problem> {
        match request {
            api::ExploreRequest::Range => {
                let sources = self.sources(|_| true, false).await?;
                let engine = self.line.engine.clone();
                Ok(api::ExploreAnswer::Range(run(move || explore::range(&engine, &sources)).await?))
            }
            api::ExploreRequest::Density(filters) => {
                let question = self.question(filters)?;
                let (from, to) = question.hours();
                let sources = self.sources(move |hour| (from..to).contains(&hour), true).await?;
                let engine = self.line.engine.clone();
                Ok(api::ExploreAnswer::Density(run(move || explore::density(&engine, &sources, &question)).await?))
            }
            api::ExploreRequest::Figures(filters) => {
                let with_cells = !filters.phase.is_empty();
                let question = self.question(filters)?;
                let (from, to) = (question.before().0, question.hours().1);
                let sources = self.sources(move |hour| (from..to).contains(&hour), with_cells).await?;
                let (engine, now, covered) = (self.line.engine.clone(), self.now(), self.covered_from().await?);
                let figures = run(move || explore::explore(&engine, &sources, &question, covered, &now));
                Ok(api::ExploreAnswer::Figures(Box::new(figures.await?)))
            }
        }
    }

    async fn aircraft(&self, icao24: Icao24) -> Result<Option<api::AircraftHistory>, Problem> {
        let sources = self.sources(|_| true, false).await?;
        let engine = self.line.engine.clone();
        run(move || explore::history(&engine, &sources, &icao24.to_string())).await
    }

    async fn track(&self, icao24: Icao24, from: Micros, to: Micros) -> Result<api::Track, Problem> {
        let states = self.states(icao24, from, to).await?;
        let engine = self.line.engine.clone();
        run(move || explore::track(&engine, &states, &icao24.to_string(), from, to)).await
    }

    async fn timeline(&self, hours: u32) -> Result<api::Timeline, Problem> {
        let to = self.live.sky_time().unwrap_or_else(|| self.line.house.clock.now());
        let from = to - Micros::from(hours.clamp(1, 24 * 31)) * HOUR;
        let sources = self.sources(move |hour| hour + HOUR > from && hour <= to, true).await?;
        let engine = self.line.engine.clone();
        run(move || explore::timeline(&engine, &sources, from, to)).await
    }

    async fn catalog(&self, request: api::CatalogRequest) -> Result<api::Catalog, Problem> {
        catalog::answer(self, request).await
    }

    async fn build(&self, request: api::BuildRequest) -> Result<api::Built, Problem> {
        let hours = request.hours.into_iter().map(|time| hour_of(time.0)).collect();
        let order = Order { models: request.models.into_iter().collect(), hours };
        let built = self.line.orders.place(order).await;
        built.map(|rows| api::Built { rows }).map_err(|error| match error {
            OrderError::Build(error) => problem(error),
            nobody => Problem::unavailable(nobody.to_string()),
        })
    }

    async fn sql(&self, request: api::SqlRequest) -> Result<api::SqlAnswer, Problem> {
        let configured = &self.line.house.config.query;
        let most = configured.rows.max(100_000);
        // One more than is shown, so that the reader knows whether there was more.
        let rows = request.limit.map_or(configured.rows, |limit| limit as u64).min(most) + 1;
        let limits = Limits { rows, time: configured.timeout, ..Limits::default() };
        let rows = self.query.query_at(&request.sql, request.as_of.as_deref(), limits).await.map_err(query_problem)?;
        let schema = rows.schema();
        let batches = futures::stream::unfold(Some(rows), |rows| async move {
            let mut rows = rows?;
            match rows.next().await {
                Ok(Some(batch)) => Some((Ok(batch), Some(rows))),
                Ok(None) => None,
                Err(error) => Some((Err(query_problem(error)), None)),
            }
        });
        Ok(api::SqlAnswer { schema, batches: batches.boxed() })
    }
}

impl LineNode {
    /// Where the rows of the folds are, for the hours that `wanted` likes.
    async fn sources(
        &self,
        wanted: impl Fn(Micros) -> bool + Copy + Send + Sync,
        with_cells: bool,
    ) -> Result<Sources, Problem> {
        Ok(Sources {
            hours: self.fold("aircraft_hours", wanted).await?,
            cells: if with_cells { self.fold("aircraft_cells", wanted).await? } else { Input::default() },
        })
    }

    async fn fold(&self, name: &str, wanted: impl Fn(Micros) -> bool + Send + Sync) -> Result<Input, Problem> {
        match self.line.house.fresh.get(name) {
            Some((table, memory)) => fold::rows(&table, &memory, wanted).await.map_err(problem),
            // The builder is another process, or has not opened it yet: the lake has what was published.
            None => {
                let table = self.line.house.table(name).await.map_err(|e| Problem::internal(e.to_string()))?;
                let version = table.load().await.map_err(problem)?;
                let files = version.live_files().filter(|f| f.records > 0);
                let files = files.filter(|f| f.partition.is_none_or(|hour| wanted(Micros::from(hour) * HOUR)));
                input(&table, files).await.map_err(problem)
            }
        }
    }

    /// The files of `states` that can hold rows of an aircraft in `from..to`.
    async fn states(&self, icao24: Icao24, from: Micros, to: Micros) -> Result<Input, Problem> {
        let table = self.line.house.table("states").await.map_err(|e| Problem::internal(e.to_string()))?;
        let version = table.load().await.map_err(problem)?;
        let (first, last) = (Transform::Hour.value(from), Transform::Hour.value(to));
        let address = icao24.to_string();
        let files = version
            .live_files()
            .filter(|file| file.records > 0 && file.partition.is_none_or(|hour| (first..=last).contains(&hour)))
            .filter(|file| {
                file.text_bounds("icao24").is_none_or(|(low, high)| low <= address.as_str() && address.as_str() <= high)
            });
        input(&table, files).await.map_err(problem)
    }

    /// The last day where no range is asked for.
    fn question(&self, filters: api::Filters) -> Result<Question, Problem> {
        let now = self.live.sky_time().unwrap_or_else(|| self.line.house.clock.now());
        Question::new(filters, now).ok_or_else(|| Problem::bad_request("`from` must lie before `to`"))
    }

    fn now(&self) -> Now {
        let sky_time = self.live.sky_time();
        let answer = self.live.status().answer_time.map(|time| time.0);
        let airborne = sky_time.map(|_| airborne(&self.live));
        let data_age_s = sky_time.zip(answer).map(|(now, answer)| (now - answer) as f64 / 1e6);
        Now { airborne, data_age_s, landed_at: self.watched.landed_at() }
    }

    /// The first hour that the folds hold.
    async fn covered_from(&self) -> Result<Option<Micros>, Problem> {
        let (table, memory) = match self.line.house.fresh.get("aircraft_hours") {
            Some((table, memory)) => (table, Some(memory)),
            None => {
                (self.line.house.table("aircraft_hours").await.map_err(|e| Problem::internal(e.to_string()))?, None)
            }
        };
        let version = table.load().await.map_err(problem)?;
        let files = version.live_files().filter(|f| f.records > 0).filter_map(|f| f.partition);
        let landed = files.map(|hour| Micros::from(hour) * HOUR).min();
        let Some(memory) = memory else { return Ok(landed) };
        let growing = memory.lock().map_or(None, |memory| memory.hours().into_iter().min());
        Ok(landed.into_iter().chain(growing).min())
    }
}

/// Aircraft on the map that are not on the ground.
fn airborne(live: &LiveSky) -> u64 {
    let states = live.states(&StateFilter::default());
    let grounded = states["on_ground"].as_boolean();
    grounded.iter().filter(|on_ground| *on_ground != Some(true)).count() as u64
}

/// A fixed question off the async threads.
async fn run<T: Send + 'static>(ask: impl FnOnce() -> Result<T, EngineError> + Send + 'static) -> Result<T, Problem> {
    let answer = tokio::task::spawn_blocking(ask).await.map_err(|e| Problem::internal(e.to_string()))?;
    answer.map_err(problem)
}

fn problem(error: impl Into<BoxError>) -> Problem {
    Problem::of(&error.into())
}

fn query_problem(error: QueryError) -> Problem {
    match error {
        QueryError::Ended(_) | QueryError::Start(_) | QueryError::Table { .. } => Problem::internal(chain(&error)),
        QueryError::File(_) => Problem::unavailable(chain(&error)),
        user => Problem::statement(chain(&user)),
    }
}

/// Country and operator from the same reference data that the models use.
pub fn identify() -> Arc<dyn contrail_serve::live::Identify> {
    let texts = std::sync::Mutex::new(Texts::default());
    Arc::new(move |_: Icao24, callsign: Option<&str>, origin: Option<&str>| {
        let mut texts = texts.lock().unwrap_or_else(|e| e.into_inner());
        let country = origin.and_then(reference::country_code).map(|code| texts.get(code));
        let airline = callsign.and_then(airline_of);
        let airline_name = airline.and_then(reference::airline_name).map(|name| texts.get(name));
        Identity { country, airline: airline.map(|code| texts.get(code)), airline_name }
    })
}

/// Three letters and a digit, the letters of a known operator: the rule of the model `states`.
fn airline_of(callsign: &str) -> Option<&str> {
    let code = callsign.get(..3)?;
    let flight = callsign.as_bytes().get(3)?.is_ascii_digit();
    (flight && code.bytes().all(|c| c.is_ascii_uppercase()) && reference::airline_name(code).is_some()).then_some(code)
}
