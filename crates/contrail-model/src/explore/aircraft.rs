//! One aircraft's past, and how many there were.

use contrail_types::Micros;
use serde::Serialize;

use super::Sources;
use crate::engine::{Engine, EngineError, Input};

/// What `aircraft_hours` knows about an aircraft.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct History {
    pub first_seen: String,
    pub last_seen: String,
    pub hours_seen: i64,
    pub days: Vec<Day>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Day {
    /// `2026-11-22`
    pub day: String,
    pub observations: i64,
    pub callsigns: Vec<String>,
}

#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Track {
    pub icao24: String,
    pub columns: TrackColumns,
}

#[derive(Clone, Debug, Default, Serialize, PartialEq)]
pub struct TrackColumns {
    /// Seconds since the epoch.
    pub time: Vec<i64>,
    pub latitude: Vec<f64>,
    pub longitude: Vec<f64>,
    /// Metres.
    pub altitude: Vec<Option<f64>>,
    /// Metres per second.
    pub speed: Vec<Option<f64>>,
    pub track: Vec<Option<f64>>,
    /// Metres per second.
    pub climb: Vec<Option<f64>>,
    pub on_ground: Vec<Option<bool>>,
    pub callsign: Vec<Option<String>>,
}

/// Aircraft seen in each ten minutes; null where no fetch succeeded.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Timeline {
    pub bucket_s: i64,
    /// Start of the first bucket, RFC 3339.
    pub start: String,
    pub counts: Vec<Option<i64>>,
}

/// `None` if the aircraft was never seen.
pub fn history(_engine: &Engine, _sources: &Sources, _icao24: &str) -> Result<Option<History>, EngineError> {
    unimplemented!()
}

/// Positions of one aircraft in `from..to`, oldest first; `states` are the files (and rows not there yet) of that time.
pub fn track(
    _engine: &Engine,
    _states: &Input,
    _icao24: &str,
    _from: Micros,
    _to: Micros,
) -> Result<Track, EngineError> {
    unimplemented!()
}

/// Distinct aircraft by ten minutes in `from..to` (whole ten minutes), out of `aircraft_hours`.
pub fn timeline(_engine: &Engine, _sources: &Sources, _from: Micros, _to: Micros) -> Result<Timeline, EngineError> {
    unimplemented!()
}
