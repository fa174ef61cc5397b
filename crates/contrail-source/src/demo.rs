//! The demo sky: a synthetic feed that a pilot would believe, a pure function of seed and time.
//!
//! Nothing is simulated step by step: an aircraft's day follows from its key ([`schedule`]), a flight from the day
//! ([`flight`], of a path and a profile), a row from the flight and from what receivers heard of it ([`reception`]). So
//! any instant can be asked, in any order, at any speed, and looks the same on every machine (trigonometry is
//! [`trig`]'s or `libm`'s, chance is hashing).
//!
//! Reading order: [`fleet`], [`schedule`], [`flight`], [`travel`], [`reception`].

mod air;
mod coverage;
pub mod feed;
mod fleet;
mod flight;
mod identity;
mod levels;
mod local;
mod market;
mod path;
mod profile;
mod random;
mod reception;
mod schedule;
mod site;
#[cfg(test)]
mod tests;
mod travel;
mod trig;
mod types;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use contrail_types::time::SECOND;
use contrail_types::{Icao24, Micros};
use uuid::Uuid;

use crate::wire::Stamp;
use crate::wire::rows::{Row, Rows};
use coverage::Coverage;
use fleet::Aircraft;
use flight::Flight;
pub use flight::Truth;
use market::Markets;
use random::unit;
use reception::Heard;
use schedule::Slot;

/// How many aircraft a busy answer has.
pub const AIRCRAFT: usize = 12_000;

/// One row as the real API would send it.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoState {
    pub icao24: Icao24,
    /// Padded with blanks; all zero where the API sends an empty text.
    pub callsign: [u8; 8],
    pub origin_country: Option<&'static str>,
    /// Seconds since the epoch, as all times here.
    pub time_position: Option<i64>,
    pub last_contact: i64,
    pub longitude: Option<f64>,
    pub latitude: Option<f64>,
    pub baro_altitude: Option<f64>,
    pub on_ground: bool,
    pub velocity: Option<f64>,
    /// Degrees; -180..180 from FLARM.
    pub true_track: Option<f64>,
    pub vertical_rate: Option<f64>,
    pub geo_altitude: Option<f64>,
    pub squawk: Option<[u8; 4]>,
    pub spi: bool,
    pub position_source: i32,
    pub category: i32,
}

impl DemoState {
    /// The callsign as sent: eight characters, or none.
    pub fn padded_callsign(&self) -> &str {
        if self.callsign[0] == 0 { "" } else { std::str::from_utf8(&self.callsign).unwrap_or("") }
    }
}

/// What the demo sky answers.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoAnswer {
    /// The answer's own time; like the real one it repeats itself and goes back now and then.
    pub time: i64,
    /// Ordered by address.
    pub states: Vec<DemoState>,
}

/// What an aircraft does for some time, remembered so that the next answer need not find out again.
#[derive(Default)]
struct Memory {
    from: i64,
    to: i64,
    flight: Option<Box<Flight>>,
    /// Nothing is heard in this time.
    silent: (i64, i64),
}

/// The sky.
pub struct DemoSky {
    seed: u64,
    fleet: Vec<Aircraft>,
    markets: Markets,
    coverage: Coverage,
    /// Speeds answers up; what it holds follows from seed and time alone, so it changes none.
    memory: Mutex<Vec<Memory>>,
}

impl DemoSky {
    /// A sky whose busy answers have about `aircraft` rows.
    pub fn new(seed: u64, aircraft: usize) -> Self {
        let (fleet, markets) = fleet::Builder::new(seed, aircraft).build();
        let memory = Mutex::new(fleet.iter().map(|_| Memory::default()).collect());
        Self { seed, fleet, markets, coverage: Coverage::new(), memory }
    }

    /// The sky of the demo feeds: one for all who ask for the same seed while any of them has it. Making it takes a
    /// moment and tens of megabytes; call it off the async threads.
    pub fn shared(seed: u64) -> Arc<Self> {
        static SKIES: Mutex<BTreeMap<u64, Weak<DemoSky>>> = Mutex::new(BTreeMap::new());
        let mut skies = SKIES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sky) = skies.get(&seed).and_then(Weak::upgrade) {
            return sky;
        }
        let sky = Arc::new(Self::new(seed, AIRCRAFT));
        skies.insert(seed, Arc::downgrade(&sky));
        sky
    }

    /// The answer to a question asked at `at`.
    pub fn answer(&self, at: Micros) -> DemoAnswer {
        let time = self.server_time(at);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut states = Vec::with_capacity(self.fleet.len() / 3);
        for (aircraft, memory) in self.fleet.iter().zip(memory.iter_mut()) {
            states.extend(self.row(aircraft, memory, time));
        }
        DemoAnswer { time, states }
    }

    /// The state of the servers that answer: they make a new one every three seconds or so, one of them is a little
    /// behind, and now and then a cache answers with the state of the question before.
    fn server_time(&self, at: Micros) -> i64 {
        let second = at.div_euclid(SECOND);
        let fresh = second - second.rem_euclid(3);
        match unit([self.seed, at.div_euclid(SECOND / 2) as u64, 0x5e7e]) {
            x if x < 0.012 => fresh - 9 - second.rem_euclid(4),
            x if x < 0.115 => fresh - 1 - second.rem_euclid(4),
            _ => fresh,
        }
    }

    fn row(&self, aircraft: &Aircraft, memory: &mut Memory, now: i64) -> Option<DemoState> {
        self.remember(aircraft, memory, now);
        let flight = memory.flight.as_ref()?;
        if (memory.silent.0..memory.silent.1).contains(&now) {
            return None;
        }
        match reception::state(aircraft, flight, &self.coverage, now) {
            Heard::State(state) => Some(state),
            Heard::Nothing => None,
            Heard::Over => {
                *memory = Memory { from: now, to: memory.to, ..Memory::default() };
                None
            }
            Heard::Silence(seconds) => {
                memory.silent = (now, now + seconds);
                None
            }
        }
    }

    /// Sees to it that `memory` holds what the aircraft does at `now`. A flight keeps its slot until its last state has
    /// been dropped; pauses between flights are long enough for that.
    fn remember(&self, aircraft: &Aircraft, memory: &mut Memory, now: i64) {
        if (memory.from..memory.to).contains(&now) {
            return;
        }
        let slot = schedule::slot(aircraft, &self.markets, now);
        let last = slot.sortie.or_else(|| self.just_ended(aircraft, &slot, now));
        let (from, to) = match (slot.sortie, last) {
            (None, Some(sortie)) => (sortie.end, slot.to.min(sortie.end + reception::KEPT + 1)),
            (None, None) => ((slot.from + reception::KEPT + 1).min(now), slot.to),
            _ => (slot.from, slot.to),
        };
        *memory =
            Memory { from, to, silent: (0, 0), flight: last.map(|sortie| Box::new(Flight::new(aircraft, sortie))) };
    }

    /// The sortie whose last state may still be shown in the pause after it.
    fn just_ended(&self, aircraft: &Aircraft, slot: &Slot, now: i64) -> Option<schedule::Sortie> {
        if now - slot.from > reception::KEPT {
            return None;
        }
        schedule::slot(aircraft, &self.markets, slot.from - 1).sortie
    }

    /// Where an aircraft really is, noise and receivers aside; `None` when it is parked or not of this fleet.
    pub fn truth(&self, icao24: Icao24, at: Micros) -> Option<Truth> {
        let i = self.fleet.binary_search_by_key(&icao24, |a| a.icao24).ok()?;
        let sortie = schedule::slot(&self.fleet[i], &self.markets, at.div_euclid(SECOND)).sortie?;
        let flight = Flight::new(&self.fleet[i], sortie);
        let t = (at - sortie.start * SECOND) as f64 / SECOND as f64;
        (t <= flight.end()).then(|| flight.at(t))
    }
}

impl DemoAnswer {
    /// The answer as rows of the state schema, with their provenance.
    pub fn to_batch(&self, feed: &str, fetch_id: Uuid, fetched_at: Micros) -> Result<RecordBatch, ArrowError> {
        let mut rows = Rows::with_capacity(self.states.len());
        for state in &self.states {
            rows.push(state.icao24, &state.row());
        }
        rows.batch(&Stamp { feed, fetch_id, fetched_at }, self.time * SECOND)
    }
}

impl DemoState {
    /// The row as parsing the real answer would give it.
    fn row(&self) -> Row<'_> {
        let callsign = self.padded_callsign().trim_end();
        Row {
            callsign: (!callsign.is_empty()).then_some(Cow::Borrowed(callsign)),
            origin_country: self.origin_country.map(Cow::Borrowed),
            time_position: self.time_position.map(|t| t * SECOND),
            last_contact: Some(self.last_contact * SECOND),
            longitude: self.longitude,
            latitude: self.latitude,
            baro_altitude: self.baro_altitude,
            on_ground: Some(self.on_ground),
            velocity: self.velocity,
            true_track: self.true_track.map(contrail_types::geo::degrees),
            vertical_rate: self.vertical_rate,
            geo_altitude: self.geo_altitude,
            squawk: self.squawk.as_ref().and_then(|s| std::str::from_utf8(s).ok()).map(Cow::Borrowed),
            spi: Some(self.spi),
            position_source: Some(self.position_source),
            category: Some(self.category),
            ..Row::default()
        }
    }
}

/// The answers of a stretch of time, for filling in a history: one every `step` from `from` to before `to`.
pub fn history(sky: &DemoSky, from: Micros, to: Micros, step: Micros) -> impl Iterator<Item = DemoAnswer> {
    let step = step.max(SECOND);
    (0..).map(move |i| from + i * step).take_while(move |at| *at < to).map(|at| sky.answer(at))
}
