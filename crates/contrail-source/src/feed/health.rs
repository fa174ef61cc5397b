//! How a feed does, as status pages show it. Counts are since the feed was opened.

use std::collections::BTreeMap;
use std::time::Duration;

use contrail_types::Micros;

use crate::feed::Kind;
use crate::pacer::Window;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedState {
    /// Has not fetched yet.
    Waiting,
    /// The last fetch went well.
    Ok,
    /// The last fetch failed; `retry_at` says when the next one is.
    Failed,
    /// There is nothing more to come.
    Ended,
}

impl FeedState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }
}

/// The credits of a feed that has some.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Credits {
    /// As the server said last; `None` before its first word.
    pub remaining: Option<u64>,
    pub limit: u64,
    pub window: Window,
    /// When they run out at this pace, if they do before the window ends.
    pub runs_out_at: Option<Micros>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FeedHealth {
    pub name: String,
    pub kind: Kind,
    pub state: FeedState,
    /// Time between fetches as it is paced now.
    pub interval: Option<Duration>,
    pub last_fetch_at: Option<Micros>,
    pub last_answer_time: Option<Micros>,
    pub next_fetch_at: Option<Micros>,
    /// HTTP status of the last fetch.
    pub status: Option<u16>,
    /// What the last fetch came to, in a few words.
    pub message: String,
    /// The last fetch's error, with its causes.
    pub error: Option<String>,
    pub retry_at: Option<Micros>,
    /// Failures in a row.
    pub failures: u32,
    /// Rows of the last answer.
    pub rows: u64,
    pub credits: Option<Credits>,
    /// This node's clock minus the server's, in seconds, from its `Date` header.
    pub clock_skew: Option<f64>,
    pub bad_rows: u64,
    pub bad_fields: BTreeMap<&'static str, u64>,
    pub left_out: BTreeMap<&'static str, u64>,
    /// What the user should know: credits that will run out, a clock that is off.
    pub warnings: Vec<String>,
}

impl FeedHealth {
    pub fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            state: FeedState::Waiting,
            interval: None,
            last_fetch_at: None,
            last_answer_time: None,
            next_fetch_at: None,
            status: None,
            message: String::new(),
            error: None,
            retry_at: None,
            failures: 0,
            rows: 0,
            credits: None,
            clock_skew: None,
            bad_rows: 0,
            bad_fields: BTreeMap::new(),
            left_out: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }
}
