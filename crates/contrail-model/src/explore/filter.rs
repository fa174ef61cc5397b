//! What the viewer has narrowed the page down to.

use contrail_types::Micros;
use serde::{Deserialize, Serialize};

/// Time range and filters; an empty list filters nothing. Different lists are combined with "and".
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Filters {
    /// First instant (whole hour), microseconds.
    pub from: Micros,
    /// End (exclusive, whole hour), microseconds.
    pub to: Micros,
    /// ISO codes.
    pub country: Vec<String>,
    /// ICAO designators.
    pub airline: Vec<String>,
    /// Altitude bands, -1 for unknown.
    pub band: Vec<i32>,
    /// ground, climb, cruise, descent, unknown.
    pub phase: Vec<String>,
    /// Hours of the day, UTC, 0..23.
    pub hour: Vec<u8>,
    /// ISO days of the week, 1 is Monday.
    pub dow: Vec<u8>,
}
