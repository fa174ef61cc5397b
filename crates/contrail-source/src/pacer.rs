//! When to ask OpenSky next: a pure function of tier, boxes, what the server said about credits, and the failures.

use serde::{Deserialize, Serialize};

/// What an account may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    Anonymous,
    Standard,
    Feeder,
    Licensed,
}

/// The time in which credits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Hour,
    Day,
}
