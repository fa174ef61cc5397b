//! Wire forms: OpenSky's and readsb's JSON to Arrow rows and back. Nobody else knows them.
//!
//! Parsing never fails on a value: a field that is not what it should be is null and counted by name, a row that cannot
//! be a state is kept as received, and only an answer that is no answer at all is an error.

pub mod opensky;
pub mod readsb;
pub(crate) mod rows;
mod scan;
mod write;

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use contrail_types::Micros;
use contrail_types::time::DAY;
use uuid::Uuid;

/// Bodies beyond this are refused unread: nothing real comes near it, and Arrow's text columns end at 2 GiB.
pub const MOST_BYTES: usize = 128 << 20;

/// Where rows come from; every row carries it.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    pub feed: &'a str,
    pub fetch_id: Uuid,
    pub fetched_at: Micros,
}

/// An answer as rows.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The answer's own time; `None` when it has none, or one that lies a day or more after `fetched_at`.
    pub answer_time: Option<Micros>,
    pub states: RecordBatch,
    pub rejected: Vec<Rejected>,
    pub bad_fields: BTreeMap<&'static str, u64>,
    pub left_out: BTreeMap<&'static str, u64>,
}

impl Parsed {
    /// An answer without rows.
    pub fn empty(answer_time: Option<Micros>) -> Self {
        Self {
            answer_time,
            states: RecordBatch::new_empty(contrail_types::state::schema()),
            rejected: Vec::new(),
            bad_fields: BTreeMap::new(),
            left_out: BTreeMap::new(),
        }
    }
}

/// A row that cannot be a state, as received; the log takes it to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub reason: &'static str,
    /// The row's JSON, or what stood in its place.
    pub row: Vec<u8>,
}

/// An answer that is none: not JSON, cut short, or without the array of aircraft.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {at}; it begins with: {head}")]
pub struct BadAnswer {
    pub reason: &'static str,
    pub at: usize,
    /// Its first 200 bytes, made printable.
    pub head: String,
}

impl BadAnswer {
    pub(crate) fn new(body: &[u8], at: usize, reason: &'static str) -> Self {
        Self { reason, at, head: head(body) }
    }
}

/// The first 200 bytes of a body on one printable line.
pub fn head(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// An answer's own time, unless it lies a day or more ahead of this node's clock.
fn answer_time(seconds: Option<f64>, fetched_at: Micros) -> Option<Micros> {
    let time = rows::instant(seconds?)?;
    (time < fetched_at.saturating_add(DAY)).then_some(time)
}
