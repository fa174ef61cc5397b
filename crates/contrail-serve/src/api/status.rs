//! `/api/v1/status`: what every role, feed and table of the node is doing.

use contrail_kit::supervise::RoleState;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SpoolStatus, Time};

/// The whole node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Status {
    pub version: String,
    /// Changes with every start of the process; part of frame ids.
    pub boot_id: String,
    /// Whether the sky is made up.
    pub demo: bool,
    pub server_time: Time,
    /// `answer_time` of the last answer plus the time passed since it was fetched; the node's time before the first.
    pub sky_time: Time,
    /// Roles of this process in flow order.
    pub roles: Vec<RoleStatus>,
    pub feeds: Vec<FeedStatus>,
    pub sky: SkyStatus,
    pub log: Option<LogStatus>,
    /// Where answers wait for Kafka; none where no source runs, or without Kafka.
    pub spool: Option<SpoolStatus>,
    pub lake: Option<LakeStatus>,
    pub build: Option<BuildStatus>,
    pub backfill: Option<Backfill>,
}

/// One role of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RoleStatus {
    /// `source`, `land`, `build`, `serve` or `query`.
    pub role: String,
    /// `starting`, `running`, `waiting`, `stopping`, `stopped` or `failed`.
    pub state: String,
    pub since: Option<Time>,
    pub error: Option<String>,
    /// When a role that waits is started again.
    pub retry_at: Option<Time>,
    pub rate_per_s: Option<f64>,
    pub note: Option<String>,
}

impl RoleStatus {
    /// As the supervisor's board has it.
    pub fn of(role: &str, state: &RoleState) -> Self {
        let status = |name: &str| Self { role: role.into(), state: name.into(), ..Self::default() };
        match state {
            RoleState::Starting => status("starting"),
            RoleState::Running { since } => Self { since: Some(Time(*since)), ..status("running") },
            RoleState::Waiting { error, retry_at, .. } => {
                Self { error: Some(error.clone()), retry_at: Some(Time(*retry_at)), ..status("waiting") }
            }
            RoleState::Stopping => status("stopping"),
            RoleState::Stopped => status("stopped"),
            RoleState::Failed { error, .. } => Self { error: Some(error.clone()), ..status("failed") },
        }
    }
}

/// How a feed does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    #[default]
    Ok,
    /// Has not answered yet, or waits for its turn or its credits.
    Waiting,
    /// Its answer is overdue.
    Late,
    Failed,
    /// A recording that has been played to its end.
    Ended,
}

/// One feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FeedStatus {
    pub name: String,
    /// `opensky`, `readsb`, `replay` or `demo`.
    pub kind: String,
    pub state: FeedState,
    pub interval_s: Option<f64>,
    pub last_fetch_at: Option<Time>,
    pub last_answer_time: Option<Time>,
    pub next_fetch_at: Option<Time>,
    /// HTTP status of the last fetch.
    pub status: Option<u16>,
    /// One sentence for people.
    pub message: Option<String>,
    pub error: Option<String>,
    pub retry_at: Option<Time>,
    /// Rows of the last answer.
    pub rows: Option<u64>,
    pub credits: Option<Credits>,
    /// This node's clock minus the server's, in seconds.
    pub clock_skew_s: Option<f64>,
    pub bad_rows: u64,
    /// Fields that could not be read and became null, by name.
    pub bad_fields: std::collections::BTreeMap<String, u64>,
}

/// What a feed may still ask for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Credits {
    pub remaining: Option<i64>,
    pub limit: Option<i64>,
    /// The time over which the limit counts: `day` or `hour`.
    pub window: String,
    /// When the credits run out at the present interval.
    pub runs_out_at: Option<Time>,
}

/// The live sky.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SkyStatus {
    pub aircraft: u64,
    pub answer_time: Option<Time>,
    pub fetched_at: Option<Time>,
    /// Number of the latest frame.
    pub frame: Option<u32>,
}

/// The log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LogStatus {
    pub stream: String,
    pub kind: String,
    pub start: i64,
    pub end: i64,
    pub bytes: u64,
    pub limit_bytes: Option<u64>,
    /// Rows in the log that have not landed.
    pub lag_rows: i64,
    /// Why it cannot be asked just now; the figures are the last that were had.
    pub error: Option<String>,
}

/// The lake.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct LakeStatus {
    pub landed_at: Option<Time>,
    pub landed_rows: Option<u64>,
    pub tables: Vec<TableStatus>,
}

/// One table in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TableStatus {
    pub name: String,
    pub rows: u64,
    pub files: u64,
    pub bytes: u64,
    /// As text: a snapshot id does not fit a JavaScript number.
    pub snapshot_id: Option<String>,
}

/// The derived tables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BuildStatus {
    pub built_at: Option<Time>,
    /// Hours that a failed check holds back.
    pub held_hours: Vec<Time>,
    /// Models whose definition is newer than their rows.
    pub outdated: Vec<String>,
}

/// A back-fill under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Backfill {
    pub label: String,
    pub done: u64,
    pub total: u64,
    pub running: bool,
}
