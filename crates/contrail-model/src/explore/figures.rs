//! The figures of the Explore page.

use contrail_types::Micros;
use serde::Serialize;

use super::{Filters, Sources};
use crate::engine::{Engine, EngineError};

/// What the caller knows about now; shown beside the figures.
#[derive(Clone, Debug, Default)]
pub struct Now {
    pub airborne: Option<i64>,
    pub data_age_s: Option<f64>,
    pub landed_at: Option<Micros>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Explore {
    pub from: String,
    pub to: String,
    pub filters: Filters,
    pub kpis: Kpis,
    pub previous: Option<Previous>,
    pub series: Vec<Point>,
    pub countries: Vec<Country>,
    pub airlines: Vec<Airline>,
    pub bands: Vec<Band>,
    pub hours: Vec<Slot>,
    pub took_ms: f64,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Kpis {
    pub aircraft: i64,
    pub observations: i64,
    pub countries: i64,
    pub airlines: i64,
    pub median_altitude_m: Option<f64>,
    pub airborne_now: Option<i64>,
    pub data_age_s: Option<f64>,
    pub landed_at: Option<String>,
}

/// The period of equal length before.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Previous {
    pub aircraft: i64,
    pub observations: i64,
    pub countries: i64,
    pub airlines: i64,
    pub median_altitude_m: Option<f64>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Point {
    pub hour: String,
    pub aircraft: i64,
    pub observations: i64,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Country {
    pub iso2: Option<String>,
    pub name: String,
    pub aircraft: i64,
    pub observations: i64,
    /// Aircraft in the period before; null when that is not covered.
    pub previous: Option<i64>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Airline {
    pub icao: Option<String>,
    pub name: String,
    pub aircraft: i64,
    pub observations: i64,
    /// Aircraft in the period before; null when that is not covered.
    pub previous: Option<i64>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Band {
    pub band: i32,
    /// Metres; null for the ground, and for observations without an altitude.
    pub from_m: Option<i32>,
    /// Metres; null for the highest band.
    pub to_m: Option<i32>,
    pub observations: i64,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Slot {
    pub dow: u8,
    pub hour: u8,
    /// Mean number of distinct aircraft in that hour.
    pub aircraft: f64,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Density {
    pub cell_deg: f64,
    pub cells: Vec<(i32, i32, i64)>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Range {
    pub first: Option<String>,
    pub last: Option<String>,
}

/// Everything on the page but the map. `covered_from` is the first hour that the folds hold: the period before is
/// compared only if it lies wholly after that.
pub fn explore(
    _engine: &Engine,
    _sources: &Sources,
    _filters: &Filters,
    _covered_from: Option<Micros>,
    _now: &Now,
) -> Result<Explore, EngineError> {
    unimplemented!()
}

/// Observations by grid cell; the cell is coarser for longer ranges.
pub fn density(_engine: &Engine, _sources: &Sources, _filters: &Filters) -> Result<Density, EngineError> {
    unimplemented!()
}

/// First and last hour that the folds hold.
pub fn range(_engine: &Engine, _sources: &Sources) -> Result<Range, EngineError> {
    unimplemented!()
}
