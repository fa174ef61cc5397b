//! What the model answers and the API shows of the past: one aircraft's history, its track, the timeline of the sky.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Time;

/// `/api/v1/aircraft/{icao24}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AircraftHistory {
    pub icao24: String,
    pub callsign: Option<String>,
    /// ISO 3166-1 alpha-2 code.
    pub country: Option<String>,
    pub country_name: Option<String>,
    /// ICAO three-letter designator.
    pub airline: Option<String>,
    pub airline_name: Option<String>,
    pub registration: Option<String>,
    pub type_code: Option<String>,
    pub category: Option<i32>,
    /// The latest state vector in SI units, by column name.
    #[schema(value_type = Object)]
    pub state: serde_json::Value,
    pub first_seen: Option<Time>,
    pub last_seen: Option<Time>,
    pub hours_seen: u64,
    pub days: Vec<AircraftDay>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AircraftDay {
    /// Date in UTC, such as 2026-01-31.
    pub day: String,
    pub observations: u64,
    pub callsigns: Vec<String>,
}

/// `/api/v1/aircraft/{icao24}/track`: where it was, from the lake.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Track {
    pub icao24: String,
    pub columns: TrackColumns,
}

/// Columns of equal length, ordered by time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TrackColumns {
    /// Seconds since the Unix epoch.
    pub time: Vec<f64>,
    pub latitude: Vec<f64>,
    pub longitude: Vec<f64>,
    /// Metres.
    pub altitude: Vec<Option<f64>>,
    /// Metres per second.
    pub speed: Vec<Option<f64>>,
    /// Degrees.
    pub track: Vec<Option<f64>>,
    /// Metres per second.
    pub climb: Vec<Option<f64>>,
    pub on_ground: Vec<Option<bool>>,
    pub callsign: Vec<Option<String>>,
}

/// `/api/v1/timeline`: aircraft seen in each bucket; null is a gap, no successful fetch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    pub bucket_s: u32,
    pub start: Time,
    pub counts: Vec<Option<u64>>,
}
