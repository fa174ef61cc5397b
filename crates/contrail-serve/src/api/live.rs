//! The live stream's JSON: announcements of frames, identities, trails.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Credits, FeedState, Time};

/// The data of an event of `/api/v1/live/events`: a `frame` event has `url`, a `status` event has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Announcement {
    /// Number of the latest frame; 0 before the first.
    pub frame: u32,
    /// Where the frame is, `/api/v1/live/frames/<boot id>-<n>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Aircraft in the frame.
    pub aircraft: u64,
    pub answer_time: Option<Time>,
    pub fetched_at: Option<Time>,
    /// The node's time before the first answer.
    pub sky_time: Time,
    pub server_time: Time,
    pub next_fetch_at: Option<Time>,
    pub interval_s: Option<f64>,
    /// Revision of `/api/v1/live/identity` that covers the frame.
    pub identity: u64,
    pub credits: Option<Credits>,
    pub demo: bool,
    pub state: FeedState,
    pub message: Option<String>,
    /// Aircraft in the frame whose position is older than 15 s.
    pub estimated: u64,
    pub landed_at: Option<Time>,
    pub lag_rows: Option<i64>,
}

/// `/api/v1/live/identity`: who the aircraft are, for those that changed after the revision asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Identities {
    /// Ask with `since=` this the next time.
    pub rev: u64,
    pub boot_id: String,
    /// Whether every known aircraft is listed, because the revision asked for is unknown.
    pub full: bool,
    pub columns: IdentityColumns,
}

/// Columns of equal length, ordered by `icao24`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IdentityColumns {
    pub icao24: Vec<String>,
    pub callsign: Vec<Option<String>>,
    /// ISO 3166-1 alpha-2 code.
    pub country: Vec<Option<String>>,
    pub country_name: Vec<Option<String>>,
    /// ICAO three-letter designator of the operator.
    pub airline: Vec<Option<String>>,
    pub airline_name: Vec<Option<String>>,
    pub squawk: Vec<Option<String>>,
    /// OpenSky's category, 0..20.
    pub category: Vec<u8>,
    pub registration: Vec<Option<String>>,
    pub type_code: Vec<Option<String>>,
    /// 0 ADS-B, 1 ASTERIX, 2 MLAT, 3 FLARM.
    pub position_source: Vec<Option<u8>>,
}

/// `/api/v1/live/trails`: where aircraft have been within the last minutes, by `icao24`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trails {
    pub trails: BTreeMap<String, Trail>,
}

/// Columns of equal length, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trail {
    /// Seconds since the Unix epoch.
    pub t: Vec<i64>,
    /// Degrees, to about 2 m.
    pub lat: Vec<f64>,
    pub lon: Vec<f64>,
    /// Metres.
    pub alt: Vec<Option<i16>>,
}
