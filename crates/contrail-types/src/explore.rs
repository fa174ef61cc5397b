//! Explore: what is asked with which filters, and the figures that come back.
//!
//! Every figure ignores the filter on its own dimension and obeys all others, so that a chart shows what else could be
//! chosen.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Time;

/// What the time range and the charts select; an empty list selects everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Filters {
    pub from: Option<Time>,
    pub to: Option<Time>,
    /// ISO 3166-1 alpha-2 codes.
    pub country: Vec<String>,
    /// ICAO three-letter designators.
    pub airline: Vec<String>,
    /// Altitude bands, as `bands` numbers them.
    pub band: Vec<i32>,
    /// Flight phases.
    pub phase: Vec<String>,
    /// Hours of the day in UTC, 0..23.
    pub hour: Vec<u8>,
    /// Days of the week, 1 is Monday.
    pub dow: Vec<u8>,
}

/// `/api/v1/explore`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Explore {
    pub from: Time,
    pub to: Time,
    pub filters: Filters,
    pub kpis: Kpis,
    /// The period of equal length before, where it is covered.
    pub previous: Option<Previous>,
    /// Hours without data are absent.
    pub series: Vec<HourCount>,
    pub countries: Vec<Ranked>,
    pub airlines: Vec<Ranked>,
    pub bands: Vec<BandCount>,
    /// Mean distinct aircraft in that hour of that day of the week.
    pub hours: Vec<HourCell>,
    pub took_ms: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Kpis {
    /// Distinct aircraft.
    pub aircraft: u64,
    pub observations: u64,
    pub countries: u64,
    pub airlines: u64,
    pub median_altitude_m: Option<f64>,
    pub airborne_now: Option<u64>,
    pub data_age_s: Option<f64>,
    pub landed_at: Option<Time>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Previous {
    pub aircraft: u64,
    pub observations: u64,
    pub countries: u64,
    pub airlines: u64,
    pub median_altitude_m: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HourCount {
    pub hour: Time,
    pub aircraft: u64,
    pub observations: u64,
}

/// One entry of a list, most aircraft first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ranked {
    /// ISO 3166-1 alpha-2 of a country, ICAO designator of an airline.
    pub code: String,
    pub name: String,
    pub aircraft: u64,
    pub observations: u64,
    /// Aircraft in the period before; null where that is not covered.
    pub previous: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BandCount {
    pub band: i32,
    pub from_m: Option<f64>,
    pub to_m: Option<f64>,
    pub observations: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HourCell {
    /// 1 is Monday.
    pub dow: u8,
    /// UTC, 0..23.
    pub hour: u8,
    pub aircraft: f64,
}

/// `/api/v1/explore/density`: observations by cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Density {
    /// Side of a cell in degrees: 0.25, 0.5 or 1.
    pub cell_deg: f64,
    /// Latitude index, longitude index, count; the south-west corner is at -90 + i * cell, -180 + j * cell.
    pub cells: Vec<(i32, i32, u64)>,
}

/// `/api/v1/explore/range`: the hours that the folds cover.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Range {
    pub first: Option<Time>,
    pub last: Option<Time>,
}
