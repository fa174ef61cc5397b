//! The seam of the source: a feed, what one fetch brings, how a fetch fails, and how a feed is opened.

pub mod config;
#[cfg(test)]
mod conformance;
pub mod desk;
pub mod health;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use contrail_kit::{Class, Classified, Clock, Who};
use contrail_types::Micros;
use tokio::sync::watch;

use crate::demo::feed::DemoFeed;
use crate::ledger::{Fetch, Outcome};
use crate::opensky::OpenSkyFeed;
use crate::readsb::ReadsbFeed;
use crate::replay::ReplayFeed;
use crate::wire::{BadAnswer, Rejected};
pub use config::FeedConfig;
pub use health::{Credits, FeedHealth, FeedState};

/// What a feed speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OpenSky,
    Readsb,
    Replay,
    Demo,
}

impl Kind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenSky => "opensky",
            Self::Readsb => "readsb",
            Self::Replay => "replay",
            Self::Demo => "demo",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one fetch of one feed brought: parsed rows and what could not be parsed.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The line for the ledger.
    pub fetch: Fetch,
    /// Rows in [`contrail_types::state::schema`], provenance filled. `answer_time` of every row is the answer's own
    /// time, or `fetched_at` where it has none.
    pub states: RecordBatch,
    /// Rows that cannot be a state, as received.
    pub rejected: Vec<Rejected>,
    /// Fields that were made null because they could not be what they should, by name.
    pub bad_fields: BTreeMap<&'static str, u64>,
    /// Rows left out on purpose, by reason: addresses that are not ICAO's (readsb's `~`).
    pub left_out: BTreeMap<&'static str, u64>,
    /// Replay: where to go on, to be stored in the same append to the log.
    pub position: Option<String>,
}

impl Answer {
    /// The time of the answer as all its rows carry it: its own, or that of the fetch.
    pub fn answer_time(&self) -> Micros {
        self.fetch.answer_time.unwrap_or(self.fetch.answered_at)
    }
}

/// One feed.
///
/// - `next` waits until it is time, fetches once and returns what came; `None` when the feed has ended (a recording).
/// - After an error it may be called again, and waits until the feed's own back-off has passed. An error whose class
///   says no to a retry ends the feed: `next` then gives `None`.
/// - Cancel-safe: a `next` that is dropped while it waits loses nothing; one dropped during a fetch loses that fetch.
///   A feed with positions gives the same answer again.
/// - Answers come in the order of their fetches, and `fetched_at` never goes back among feeds of one [`Context`].
#[async_trait]
pub trait Feed: Send {
    fn name(&self) -> &str;

    async fn next(&mut self) -> Result<Option<Answer>, FetchError>;

    /// How the feed does, followed from outside while `next` waits.
    fn watch(&self) -> watch::Receiver<FeedHealth>;

    /// How the feed does now.
    fn health(&self) -> FeedHealth {
        self.watch().borrow().clone()
    }
}

/// What all feeds of a node share: the clock, and the promise that its time never goes back.
#[derive(Clone, Debug, Default)]
pub struct Context {
    clock: Clock,
    latest: Arc<AtomicI64>,
}

impl Context {
    pub fn new(clock: Clock) -> Self {
        Self { clock, latest: Arc::default() }
    }

    /// Stamps never lie before `at`: the last `fetched_at` of the log that is continued.
    pub fn not_before(&self, at: Micros) {
        self.latest.fetch_max(at, Ordering::SeqCst);
    }

    /// Now, or the latest stamp given where the clock has been set back since.
    pub fn stamp(&self) -> Micros {
        let now = self.clock.now();
        self.latest.fetch_max(now, Ordering::SeqCst).max(now)
    }

    /// Now by the clock as it stands, for waiting.
    pub fn now(&self) -> Micros {
        self.clock.now()
    }
}

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    #[error("{target} gave no complete answer within {}", humantime::format_duration(*.limit))]
    Timeout { target: String, limit: Duration },
    #[error("{target} cannot be reached or broke off")]
    Unreachable { target: String, source: reqwest::Error },
    #[error("{target} refuses access ({status}); check client_id and client_secret: {head}")]
    Unauthorized { target: String, status: u16, head: String },
    #[error("{target} says that the credits are used up{}: {head}", wait_text(*.wait))]
    RateLimited { target: String, wait: Option<Duration>, head: String },
    #[error("{target} answered {status}: {head}")]
    Refused { target: String, status: u16, head: String },
    #[error("{target} gave an answer that cannot be read")]
    BadAnswer { target: String, source: BadAnswer },
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
}

fn wait_text(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(" for another {}", humantime::format_duration(wait)))
}

impl Cause {
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Timeout { .. } => Outcome::Timeout,
            Self::Unreachable { .. } => Outcome::Unreachable,
            Self::Unauthorized { .. } => Outcome::Unauthorized,
            Self::RateLimited { .. } => Outcome::RateLimited,
            Self::Refused { .. } => Outcome::Refused,
            Self::BadAnswer { .. } => Outcome::BadAnswer,
            Self::Unreadable { .. } => Outcome::Unreadable,
        }
    }

    /// The HTTP status behind it, where there was one.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { status, .. } | Self::Refused { status, .. } => Some(*status),
            Self::RateLimited { .. } => Some(429),
            Self::BadAnswer { .. } => Some(200),
            _ => None,
        }
    }
}

/// A fetch that failed, with its line for the ledger and the time at which the feed tries again.
#[derive(Debug, thiserror::Error)]
#[error("feed {}: {cause}", fetch.feed)]
pub struct FetchError {
    pub fetch: Box<Fetch>,
    /// `None`: the feed has ended.
    pub retry_at: Option<Micros>,
    /// Replay: where to go on behind the answer that could not be read.
    pub position: Option<String>,
    #[source]
    pub cause: Box<Cause>,
}

impl Classified for FetchError {
    fn class(&self) -> Class {
        let who = match *self.cause {
            Cause::Unauthorized { .. } | Cause::Unreadable { .. } => Who::User,
            _ => Who::External,
        };
        Class { who, retry: self.retry_at.is_some() }
    }
}

/// Why a feed cannot be opened: always the configuration.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("feed.{feed}: {value:?} is no name for a feed: use up to 40 of a-z, 0-9, - and _")]
    Name { feed: String, value: String },
    #[error("feed.{feed}.{key}: {reason}")]
    Key { feed: String, key: &'static str, reason: String },
    #[error("feed.{feed}.{key}: cannot read {}", path.display())]
    File { feed: String, key: &'static str, path: PathBuf, source: std::io::Error },
    #[error("feed.{feed}: cannot set up the HTTP client")]
    Http { feed: String, source: reqwest::Error },
    #[error("feed.{feed}: the stored position {position:?} is none of a recording; it must be a number of answers")]
    Position { feed: String, position: String },
}

impl Classified for OpenError {
    fn class(&self) -> Class {
        Class::USER
    }
}

/// Opens a feed. `position` is what the log kept of it; only recordings have one.
pub fn open(
    name: &str,
    config: &FeedConfig,
    context: Context,
    position: Option<String>,
) -> Result<Box<dyn Feed>, OpenError> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 40 || !name.chars().all(good) {
        return Err(OpenError::Name { feed: name.into(), value: name.into() });
    }
    Ok(match config {
        FeedConfig::OpenSky(config) => Box::new(OpenSkyFeed::open(name, config, context)?),
        FeedConfig::Readsb(config) => Box::new(ReadsbFeed::open(name, config, context)?),
        FeedConfig::Replay(config) => Box::new(ReplayFeed::open(name, config, context, position)?),
        FeedConfig::Demo(config) => Box::new(DemoFeed::open(name, config, context)?),
    })
}
