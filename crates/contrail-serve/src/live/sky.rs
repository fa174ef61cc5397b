//! The last row of every aircraft: folded from batches in any order, read as a picture, as identities, as a batch.
//!
//! Of an aircraft's rows the one with the newest `last_contact` counts; of several with the same `last_contact` the one
//! that was fetched (then logged) first, as in the table `states`. A row without a position keeps the last known one with
//! its time. All of it is independent of the order in which rows arrive.

mod export;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::sync::Arc;

use contrail_types::{Icao24, Micros, time};

use super::Folded;
use super::identity::{Identify, Identity, Texts};
use super::rows::{self, Rows};
use super::time::SkyTime;
use super::trail::Trail;
use crate::api::{Identities, Trails};
pub use export::StateFilter;

/// An aircraft leaves the frame this long after its last contact …
pub const SHOWN: Micros = 300 * time::SECOND;
/// … and memory after this.
const REMEMBERED: Micros = time::HOUR;
/// `last_contact` is believed within `answer_time` minus and plus these.
const EARLIEST: Micros = time::DAY;
const LATEST: Micros = time::MINUTE;

/// Which row counts: the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    last_contact: Micros,
    fetched_at: Reverse<Micros>,
    /// Offset in the log, or where there is none a hash of the row: any total order will do.
    offset: Reverse<i64>,
}

/// The fetch that a row came with; shared by all its rows.
#[derive(Debug, PartialEq, Eq)]
struct Fetch {
    feed: Arc<str>,
    fetch_id: String,
    fetched_at: Micros,
    answer_time: Micros,
}

/// A measured position.
#[derive(Clone, Copy, Debug)]
struct Fix {
    key: Key,
    /// `time_position`, or `last_contact` where a feed has none.
    at: Micros,
    latitude: f64,
    longitude: f64,
}

/// The row that counts, without what [`Fix`] holds. Null numbers are NaN; units as in the state vector.
#[derive(Clone, Debug)]
struct State {
    key: Key,
    fetch: Arc<Fetch>,
    callsign: Option<Arc<str>>,
    origin_country: Option<Arc<str>>,
    squawk: Option<Arc<str>>,
    emergency: Option<Arc<str>>,
    registration: Option<Arc<str>>,
    type_code: Option<Arc<str>>,
    baro_altitude: f64,
    geo_altitude: f64,
    velocity: f64,
    true_track: f64,
    vertical_rate: f64,
    rssi: f64,
    on_ground: Option<bool>,
    spi: Option<bool>,
    alert: Option<bool>,
    position_source: Option<i32>,
    category: Option<i32>,
}

struct Aircraft {
    state: State,
    fix: Option<Fix>,
    identity: Identity,
    /// Revision of the last change of identity.
    revision: u64,
    trail: Trail,
}

/// What a frame is made of.
pub struct Picture {
    /// Sky time.
    pub at: Micros,
    /// Ordered by icao24.
    pub marks: Vec<Mark>,
}

/// One aircraft in a picture. Null numbers are NaN; units as in the state vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    pub icao24: u32,
    pub latitude: f64,
    pub longitude: f64,
    pub altitude: f64,
    pub velocity: f64,
    pub track: f64,
    pub climb: f64,
    /// Sky time minus the time of the position.
    pub age: Micros,
    pub on_ground: bool,
    pub emergency: bool,
    pub position_source: i32,
    pub category: i32,
    /// Whether its callsign is that of an airline.
    pub airline: bool,
    /// Numbers that no aircraft reaches: they are shown, and marked.
    pub suspect: bool,
}

/// All aircraft of the last hour.
pub struct Sky {
    aircraft: BTreeMap<u32, Aircraft>,
    texts: Texts,
    time: SkyTime,
    first_revision: u64,
    revision: u64,
    /// Whether an identity has changed since `revision` was last counted up.
    changed: bool,
    rows_seen: u64,
}

impl Sky {
    /// `started` (this node's clock) makes revisions of different starts distinct: they count up from it.
    pub fn new(started: Micros) -> Self {
        // Microseconds of today fit a JavaScript number (2^53) until the year 2255.
        let revision = started.max(0) as u64;
        let (aircraft, texts, time) = (BTreeMap::new(), Texts::default(), SkyTime::default());
        Self { aircraft, texts, time, first_revision: revision, revision, changed: false, rows_seen: 0 }
    }

    /// `fetched_at` and `answer_time` of the latest answer.
    pub fn fetch(&self) -> Option<(Micros, Micros)> {
        self.time.latest()
    }

    /// Sky time when this node's clock shows `clock`.
    pub fn now(&mut self, clock: Micros) -> Option<Micros> {
        self.time.now(clock)
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn rows_seen(&self) -> u64 {
        self.rows_seen
    }

    pub fn fold(&mut self, rows: &Rows<'_>, identify: &dyn Identify) -> Folded {
        let mut folded = Folded::default();
        self.rows_seen += rows.len as u64;
        let mut start = 0;
        while start < rows.len {
            let fetch = self.fetch_of(rows, start);
            let same =
                |&row: &usize| rows.fetch_id.value(row) == fetch.fetch_id && rows.feed.value(row) == &*fetch.feed;
            let end = (start + 1..rows.len).find(|row| !same(row)).unwrap_or(rows.len);
            let mut recent = 0;
            for row in start..end {
                match plausible(rows, row, fetch.answer_time) {
                    Some((icao24, last_contact)) => {
                        recent += usize::from(last_contact >= fetch.answer_time - REMEMBERED);
                        let key = key(rows, row, last_contact, fetch.fetched_at);
                        folded.changed += usize::from(self.row(rows, row, icao24, key, &fetch, identify));
                    }
                    None => folded.skipped += 1,
                }
            }
            // An answer whose own time contradicts its rows must not move the sky's clock.
            if recent * 2 >= end - start || self.time.latest().is_none() {
                self.time.answer(&fetch.feed, fetch.fetched_at, fetch.answer_time);
            }
            start = end;
        }
        folded
    }

    /// The sky at this node's time `clock`: forgets who is long gone, closes a revision. `None` before the first answer.
    pub fn picture(&mut self, clock: Micros) -> Option<Picture> {
        let at = self.time.now(clock)?;
        let before = self.aircraft.len();
        self.aircraft.retain(|_, a| {
            let contact = a.state.key.last_contact;
            at - contact <= REMEMBERED && contact - at <= 2 * LATEST
        });
        if self.aircraft.len() < before {
            self.texts.prune();
        }
        if std::mem::take(&mut self.changed) {
            self.revision += 1;
        }
        let marks = self.aircraft.iter().filter_map(|(&icao24, a)| a.mark(icao24, at)).collect();
        Some(Picture { at, marks })
    }

    /// Identities that changed after `since`; all when `since` is none of this start's revisions.
    pub fn identities(&self, boot_id: &str, since: Option<u64>) -> Identities {
        let known = since.filter(|s| (self.first_revision..=self.revision).contains(s));
        let from = known.map_or(Bound::Unbounded, Bound::Excluded);
        let mut answer =
            Identities { rev: self.revision, boot_id: boot_id.into(), full: known.is_none(), ..Identities::default() };
        let changed = |a: &Aircraft| match from {
            Bound::Excluded(since) => a.revision > since,
            _ => true,
        };
        for (&icao24, a) in self.aircraft.iter().filter(|(_, a)| changed(a)) {
            a.list(icao24, &mut answer.columns);
        }
        answer
    }

    pub fn trails(&mut self, icao24: &[Icao24], minutes: u32, clock: Micros) -> Trails {
        let mut answer = Trails::default();
        let Some(now) = self.time.now(clock) else { return answer };
        let from_s = now.div_euclid(time::SECOND) - i64::from(minutes) * 60;
        for icao24 in icao24 {
            if let Some(aircraft) = self.aircraft.get(&icao24.get()) {
                let trail = aircraft.trail.since(from_s);
                if !trail.t.is_empty() {
                    answer.trails.insert(icao24.to_string(), trail);
                }
            }
        }
        answer
    }

    fn fetch_of(&mut self, rows: &Rows<'_>, row: usize) -> Arc<Fetch> {
        Arc::new(Fetch {
            feed: self.texts.get(rows.feed.value(row)),
            fetch_id: rows.fetch_id.value(row).to_owned(),
            fetched_at: rows.fetched_at.value(row),
            answer_time: rows.answer_time.value(row),
        })
    }

    /// Folds one row; whether it was news.
    fn row(
        &mut self,
        rows: &Rows<'_>,
        row: usize,
        icao24: Icao24,
        key: Key,
        fetch: &Arc<Fetch>,
        identify: &dyn Identify,
    ) -> bool {
        let fix = fix(rows, row, key);
        let revision = self.revision + 1;
        let Some(aircraft) = self.aircraft.get_mut(&icao24.get()) else {
            let state = State::read(rows, row, key, fetch, None, &mut self.texts);
            let identity = identify.identify(icao24, state.callsign.as_deref(), state.origin_country.as_deref());
            let mut aircraft = Aircraft { state, fix: None, identity, revision, trail: Trail::default() };
            aircraft.fixed(fix);
            self.aircraft.insert(icao24.get(), aircraft);
            self.changed = true;
            return true;
        };
        let news = key > aircraft.state.key;
        if news {
            let state = State::read(rows, row, key, fetch, Some(&aircraft.state), &mut self.texts);
            let old = std::mem::replace(&mut aircraft.state, state);
            let new = &aircraft.state;
            if (&old.callsign, &old.origin_country) != (&new.callsign, &new.origin_country) {
                aircraft.identity = identify.identify(icao24, new.callsign.as_deref(), new.origin_country.as_deref());
            }
            if old.identifies() != new.identifies() {
                aircraft.revision = revision;
                self.changed = true;
            }
        } else {
            aircraft.state.fill(rows, row, &mut self.texts);
        }
        aircraft.fixed(fix);
        news
    }
}

/// Address and last contact of a row that can be believed.
fn plausible(rows: &Rows<'_>, row: usize, answer_time: Micros) -> Option<(Icao24, Micros)> {
    let last_contact = rows::instant(rows.last_contact, row)?;
    let believed = (answer_time - EARLIEST..=answer_time + LATEST).contains(&last_contact);
    believed.then_some((Icao24::parse(rows.icao24.value(row).as_bytes())?, last_contact))
}

fn key(rows: &Rows<'_>, row: usize, last_contact: Micros, fetched_at: Micros) -> Key {
    let offset = rows.log_offset.map_or_else(|| content_hash(rows, row), |o| o.value(row));
    Key { last_contact, fetched_at: Reverse(fetched_at), offset: Reverse(offset) }
}

/// A row's place among rows of one answer that repeat an aircraft, where no log gives them an order.
fn content_hash(rows: &Rows<'_>, row: usize) -> i64 {
    let mut hash = DefaultHasher::new();
    let numbers =
        [rows.longitude, rows.latitude, rows.baro_altitude, rows.geo_altitude, rows.velocity, rows.true_track];
    for column in numbers {
        rows::number(column, row).to_bits().hash(&mut hash);
    }
    rows::text(rows.callsign, row).hash(&mut hash);
    rows::text(rows.squawk, row).hash(&mut hash);
    rows::instant(rows.time_position, row).hash(&mut hash);
    hash.finish() as i64
}

fn fix(rows: &Rows<'_>, row: usize, key: Key) -> Option<Fix> {
    let (latitude, longitude) = (rows::number(rows.latitude, row), rows::number(rows.longitude, row));
    let valid = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    let at = rows::instant(rows.time_position, row).unwrap_or(key.last_contact);
    valid.then_some(Fix { key, at, latitude, longitude })
}

impl State {
    fn read(rows: &Rows<'_>, row: usize, key: Key, fetch: &Arc<Fetch>, old: Option<&Self>, texts: &mut Texts) -> Self {
        let mut text =
            |array, old: Option<&Option<Arc<str>>>| texts.set(old.cloned().flatten(), rows::text(array, row));
        let registration = text(rows.registration, old.map(|o| &o.registration));
        let type_code = text(rows.type_code, old.map(|o| &o.type_code));
        Self {
            key,
            fetch: fetch.clone(),
            callsign: text(rows.callsign, old.map(|o| &o.callsign)),
            origin_country: text(rows.origin_country, old.map(|o| &o.origin_country)),
            squawk: text(rows.squawk, old.map(|o| &o.squawk)),
            emergency: text(rows.emergency, old.map(|o| &o.emergency)),
            // What belongs to the airframe stays known when another feed's row does not say it.
            registration: registration.or_else(|| old?.registration.clone()),
            type_code: type_code.or_else(|| old?.type_code.clone()),
            baro_altitude: rows::number(rows.baro_altitude, row),
            geo_altitude: rows::number(rows.geo_altitude, row),
            velocity: rows::number(rows.velocity, row),
            true_track: rows::number(rows.true_track, row),
            vertical_rate: rows::number(rows.vertical_rate, row),
            rssi: rows::number(rows.rssi, row),
            on_ground: rows::truth(rows.on_ground, row),
            spi: rows::truth(rows.spi, row),
            alert: rows::truth(rows.alert, row),
            position_source: rows::int(rows.position_source, row),
            category: rows::int(rows.category, row),
        }
    }

    /// Takes what an older row knows about the airframe and this one does not.
    fn fill(&mut self, rows: &Rows<'_>, row: usize, texts: &mut Texts) {
        if self.registration.is_none() {
            self.registration = texts.set(None, rows::text(rows.registration, row));
        }
        if self.type_code.is_none() {
            self.type_code = texts.set(None, rows::text(rows.type_code, row));
        }
    }

    /// What the identity resource shows of a row.
    #[allow(clippy::type_complexity, reason = "a tuple to compare, used once")]
    fn identifies(&self) -> ([&Option<Arc<str>>; 5], Option<i32>, Option<i32>) {
        let texts = [&self.callsign, &self.origin_country, &self.squawk, &self.registration, &self.type_code];
        (texts, self.category, self.position_source)
    }

    /// As `is_suspect` of the table `states`.
    fn suspect(&self) -> bool {
        let odd = |altitude: f64| !altitude.is_nan() && !(-500.0..=35_000.0).contains(&altitude);
        self.velocity > 700.0
            || self.velocity < 0.0
            || self.vertical_rate.abs() > 150.0
            || odd(self.baro_altitude)
            || odd(self.geo_altitude)
    }

    /// Barometric altitude, else geometric.
    fn altitude(&self) -> f64 {
        if self.baro_altitude.is_nan() { self.geo_altitude } else { self.baro_altitude }
    }
}

impl Aircraft {
    /// Takes a position if it is newer than the one known.
    fn fixed(&mut self, fix: Option<Fix>) {
        let Some(fix) = fix.filter(|f| self.fix.is_none_or(|known| f.key > known.key)) else { return };
        self.fix = Some(fix);
        let altitude = super::frame::altitude(self.state.altitude());
        self.trail.add(fix.at, fix.latitude, fix.longitude, altitude, self.state.true_track);
    }

    fn mark(&self, icao24: u32, at: Micros) -> Option<Mark> {
        let (state, fix) = (&self.state, self.fix?);
        (at - state.key.last_contact <= SHOWN).then(|| Mark {
            icao24,
            latitude: fix.latitude,
            longitude: fix.longitude,
            altitude: state.altitude(),
            velocity: state.velocity,
            track: state.true_track,
            climb: state.vertical_rate,
            age: at - fix.at,
            on_ground: state.on_ground == Some(true),
            emergency: state.squawk.as_deref().is_some_and(|s| matches!(s, "7500" | "7600" | "7700")),
            position_source: state.position_source.unwrap_or(0),
            category: state.category.unwrap_or(0),
            airline: self.identity.airline.is_some(),
            suspect: state.suspect(),
        })
    }
}

#[cfg(test)]
mod tests;
