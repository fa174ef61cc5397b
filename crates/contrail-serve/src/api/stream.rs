//! `/api/v1/stream`: the topic, how far each reader has come, what cannot be read.

use contrail_types::Micros;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FeedStatus, Time};

/// The stream between feeds and lake at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Stream {
    /// `embedded` or `kafka`.
    pub kind: String,
    pub topic: String,
    /// Names where offsets count: the embedded log's id, or `<cluster id>/<topic id>`.
    pub stream: String,
    /// Host and port of the brokers as configured; none for an embedded log.
    pub brokers: Option<String>,
    /// Why nothing can be asked of the log just now; figures are the last that were had.
    pub error: Option<String>,
    pub error_since: Option<Time>,
    /// When the figures were had.
    pub at: Option<Time>,
    pub partitions: Vec<Partition>,
    /// Messages that have not landed, over all partitions.
    pub lag_rows: i64,
    /// Messages a second over the last minute.
    pub appended_per_s: f64,
    pub landed_per_s: f64,
    /// On disk; an embedded log alone knows.
    pub bytes: Option<u64>,
    pub limit_bytes: Option<u64>,
    /// The topic's settings that are not as configured.
    pub differences: Vec<Difference>,
    /// Where answers wait when Kafka is away; none for an embedded log, and where no source runs.
    pub spool: Option<SpoolStatus>,
    pub registry: RegistryStatus,
    pub dead_letters: DeadLetterStatus,
    /// Feeds with their credits and next fetches; empty where no source runs.
    pub feeds: Vec<FeedStatus>,
}

/// One partition of the topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Partition {
    pub partition: i32,
    /// The first offset that is there, and the one the next message will get.
    pub start: i64,
    pub end: i64,
    /// The next offset to land, as the table says; none before the first landing.
    pub landed: Option<i64>,
    pub lag_rows: i64,
    pub appended_per_s: f64,
    /// Who landed the last rows of it: host and process of the lander.
    pub writer: Option<String>,
}

/// A setting of the topic that is not as configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Difference {
    pub name: String,
    pub is: String,
    pub wanted: String,
    /// What follows from it.
    pub meaning: String,
}

/// The spool of a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SpoolStatus {
    /// Messages that Kafka has not taken yet.
    pub waiting: i64,
    pub delivered: u64,
    pub bytes: u64,
    pub limit_bytes: u64,
    /// Since when Kafka takes nothing, and why.
    pub away_since: Option<Time>,
    pub error: Option<String>,
    /// Fetches that were not made because the spool was full, since the process started.
    pub missed_fetches: u64,
}

/// The schemas of the topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RegistryStatus {
    /// `embedded` or `http`.
    pub kind: String,
    pub url: Option<String>,
    pub subject: String,
    /// The rule for the next version, such as `BACKWARD`.
    pub level: Option<String>,
    pub error: Option<String>,
    /// Oldest first.
    pub versions: Vec<SchemaVersion>,
}

/// One version of the subject.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SchemaVersion {
    pub version: u32,
    pub id: u32,
    pub fields: u32,
    /// Whether this node writes with it.
    pub ours: bool,
    /// Fields that the version before does not have.
    pub added: Vec<String>,
    /// Fields that only the version before has.
    pub removed: Vec<String>,
    /// Fields that the raw table has no column for; their values are not kept until it has one.
    pub not_in_table: Vec<String>,
}

/// What could not be read, in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeadLetterStatus {
    /// `dead-letter` or `stop`.
    pub policy: String,
    /// Letters in the table, and how many of them have been replayed since.
    pub rows: u64,
    pub replayed: u64,
    pub last_at: Option<Time>,
    /// The topic with copies; none for an embedded log.
    pub topic: Option<String>,
}

/// Which messages of the stream are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TailRequest {
    pub icao24: Option<String>,
    pub from: TailFrom,
    pub limit: usize,
    /// How long to wait for the first message.
    pub wait_ms: u64,
}

/// Where a tail begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum TailFrom {
    /// The last `limit` messages of all partitions together.
    #[default]
    End,
    /// Messages appended at this time or later.
    Time(Micros),
    /// An answer's own `next`, or `partition:offset` pairs with commas between them.
    Cursor(String),
}

/// Messages of the stream, decoded, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Tail {
    pub messages: Vec<TailMessage>,
    /// Where the next question goes on.
    pub next: String,
    /// Messages looked at, also those that a filter left out.
    pub scanned: u64,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TailMessage {
    pub partition: i32,
    pub offset: i64,
    pub appended_at: Option<Time>,
    pub key: Option<String>,
    pub bytes: u64,
    pub schema_id: Option<u32>,
    /// The state's columns by name; none if it cannot be read.
    #[schema(value_type = Object)]
    pub state: Option<serde_json::Value>,
    /// Why it cannot be read.
    pub dead: Option<String>,
}

/// Which dead letters are meant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeadLetterFilter {
    /// Those whose reason has this in it.
    pub reason: Option<String>,
    pub partition: Option<i32>,
    pub offset: Option<i64>,
    /// Those that landed before this.
    pub before: Option<Time>,
    /// Also those that have been replayed.
    pub replayed: bool,
    pub limit: Option<usize>,
}

/// Dead letters, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeadLetters {
    pub letters: Vec<DeadLetterRow>,
    /// How many the filter takes, also beyond the limit.
    pub total: u64,
}

/// One dead letter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeadLetterRow {
    pub stream: String,
    pub partition: i32,
    pub offset: i64,
    pub appended_at: Option<Time>,
    pub landed_at: Option<Time>,
    pub reason: String,
    pub key: Option<String>,
    /// The payload as text where it is text.
    pub text: Option<String>,
    pub base64: Option<String>,
    pub bytes: u64,
    pub replayed: bool,
}

/// What a replay or a purge did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DeadLettersDone {
    /// Letters that the filter took.
    pub taken: u64,
    /// Rows that landed, or letters that were deleted.
    pub done: u64,
    /// Letters that still cannot be read, or may not be deleted yet.
    pub left: u64,
    /// Letters that had been replayed before.
    pub before: u64,
    /// Why the first of those that are left is left.
    pub reason: Option<String>,
}
