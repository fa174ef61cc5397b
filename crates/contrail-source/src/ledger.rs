//! One line of the ledger of fetches: what was asked, when, and what came of it. Who keeps the lines is not our matter.

use std::time::Duration;

use contrail_types::Micros;
use uuid::Uuid;

use crate::feed::Kind;

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer that could be read, also one without rows.
    Ok,
    /// 429: the credits are used up.
    RateLimited,
    /// The credentials were refused.
    Unauthorized,
    /// Any other HTTP status that is no success.
    Refused,
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke off.
    Unreachable,
    /// An answer that could not be read.
    BadAnswer,
    /// A file that could not be read.
    Unreadable,
}

impl Outcome {
    /// The name under which the ledger keeps it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::BadAnswer => "bad_answer",
            Self::Unreadable => "unreadable",
        }
    }
}

/// One fetch of one feed, successful or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// UUIDv7; every row that the fetch brought carries it.
    pub fetch_id: Uuid,
    pub feed: String,
    pub kind: Kind,
    /// When the question went out and when the answer (or the failure) was complete, by this node's clock.
    pub asked_at: Micros,
    pub answered_at: Micros,
    /// The answer's own time; `None` when it has none, or one that lies a day or more ahead.
    pub answer_time: Option<Micros>,
    pub outcome: Outcome,
    /// HTTP status, where there was one.
    pub status: Option<u16>,
    /// What went wrong, in words.
    pub error: Option<String>,
    pub rows: u64,
    pub bad_rows: u64,
    /// Size of the body, unpacked.
    pub bytes: u64,
    /// What the server says is left of the credits.
    pub credits_remaining: Option<u64>,
    /// From question to complete answer.
    pub latency: Duration,
}
