//! What must come of a log's messages, in plain Rust: no SQL, no Arrow, nothing shared with what is tested.
//!
//! Every table is a sorted list of lines of text; [`TABLES`] says which SQL expressions give the same lines.

use std::collections::{BTreeMap, BTreeSet};

use contrail_types::Micros;
use contrail_types::time::{DAY, HOUR, MINUTE};

use super::sky::{Reply, Seen};

/// Lines by table.
pub type Content = BTreeMap<&'static str, Vec<String>>;

/// Tables and the expressions that make up a line of each.
pub const TABLES: [(&str, &[&str]); 7] = [
    (
        "states_raw",
        &[
            "log_offset",
            "log_partition",
            "feed",
            "epoch_us(fetched_at)",
            "epoch_us(answer_time)",
            "icao24",
            "epoch_us(last_contact)",
            "(latitude * 1000)::BIGINT",
            "(longitude * 10000)::BIGINT",
            "(baro_altitude * 100)::BIGINT",
            "callsign",
        ],
    ),
    ("dead_letters", &["log_offset", "log_partition", "reason"]),
    (
        "states",
        &[
            "icao24",
            "epoch_us(last_contact)",
            "log_offset",
            "epoch_us(fetched_at)",
            "feed",
            "callsign",
            "airline",
            "country",
            "(altitude * 100)::BIGINT",
            "is_airborne",
            "is_stale",
            "is_suspect",
            "phase",
            "altitude_band",
            "speed_band",
            "cell",
        ],
    ),
    (
        "aircraft_hours",
        &[
            "epoch_us(hour)",
            "icao24",
            "callsign",
            "airline",
            "country",
            "epoch_us(first_seen)",
            "epoch_us(last_seen)",
            "observations",
            "airborne",
            "stale",
            "suspect",
            "altitude_count",
            "altitude_sum",
            "altitude_min",
            "altitude_max",
            "speed_count",
            "speed_sum",
        ],
    ),
    (
        "aircraft_cells",
        &["epoch_us(hour)", "icao24", "cell", "altitude_band", "observations", "climb", "cruise", "descent"],
    ),
    ("hourly_activity", &["epoch_us(hour)", "aircraft", "airborne_aircraft", "observations", "stale", "countries"]),
    ("country_stats", &["epoch_us(hour)", "country", "aircraft", "observations", "airborne", "airlines"]),
];

macro_rules! line {
    ($($value:expr),+ $(,)?) => { [$(text($value)),+].join("|") };
}

/// A message of the log that is a state.
struct Row<'a> {
    offset: i64,
    reply: &'a Reply,
    seen: &'a Seen,
}

/// What the lake must hold once all of `replies`, appended in this order, have been landed and built.
pub fn content(replies: &[Reply]) -> Content {
    let (mut rows, mut dead, mut offset) = (Vec::new(), Vec::new(), 0);
    for reply in replies {
        for seen in &reply.seen {
            rows.push(Row { offset, reply, seen });
            offset += 1;
        }
        for _ in 0..reply.rejected {
            dead.push(line![offset, 0, "no icao24"]);
            offset += 1;
        }
    }
    let raw = rows.iter().map(Row::raw_line).collect();
    let states = winners(&rows);
    let mut all = Content::from([
        ("states_raw", raw),
        ("dead_letters", dead),
        ("states", states.iter().map(State::line).collect()),
        ("aircraft_hours", hours(&states).values().map(Hour::line).collect()),
        ("aircraft_cells", cells(&states)),
        ("hourly_activity", activity(&hours(&states))),
        ("country_stats", countries(&hours(&states))),
    ]);
    all.values_mut().for_each(|lines| lines.sort());
    all
}

impl Row<'_> {
    fn raw_line(&self) -> String {
        let (r, s) = (self.reply, self.seen);
        let (lat, lon) = (s.position.map(|p| p.0), s.position.map(|p| p.1));
        let times = |of: Option<f64>, by: f64| of.map(|v| (v * by).round() as i64);
        line![
            self.offset,
            0,
            r.feed,
            r.fetched_at,
            r.answer_time,
            &s.icao24,
            s.last_contact,
            times(lat, 1e3),
            times(lon, 1e4),
            times(s.baro_altitude, 1e2),
            &s.callsign
        ]
    }

    /// A position on earth, and heard when its answer may speak of it.
    fn key(&self) -> Option<(String, Micros)> {
        let (lat, lon) = self.seen.position?;
        let contact = self.seen.last_contact?;
        let placed = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        let lag = self.reply.answer_time - contact;
        (placed && (-MINUTE..=DAY).contains(&lag)).then(|| (self.seen.icao24.clone(), contact))
    }
}

/// A row of `states`.
struct State<'a> {
    row: &'a Row<'a>,
    contact: Micros,
}

fn winners<'a>(rows: &'a [Row<'a>]) -> Vec<State<'a>> {
    let mut best: BTreeMap<(String, Micros), &Row<'_>> = BTreeMap::new();
    for row in rows {
        let Some(key) = row.key() else { continue };
        let rank = |row: &Row<'_>| (row.reply.fetched_at, row.offset);
        let kept = best.entry(key).or_insert(row);
        if rank(row) < rank(kept) {
            *kept = row;
        }
    }
    best.into_iter().map(|((_, contact), row)| State { row, contact }).collect()
}

impl State<'_> {
    fn seen(&self) -> &Seen {
        self.row.seen
    }

    fn hour(&self) -> Micros {
        self.contact.div_euclid(HOUR) * HOUR
    }

    fn airline(&self) -> Option<&str> {
        match self.seen().callsign.as_deref() {
            Some(sign) if sign.len() > 3 && sign.as_bytes()[3].is_ascii_digit() => {
                Some(&sign[..3]).filter(|code| ["DLH", "BAW", "AFR"].contains(code))
            }
            _ => None,
        }
    }

    fn country(&self) -> Option<&'static str> {
        match self.seen().origin_country.as_deref()? {
            "Germany" => Some("DE"),
            "France" => Some("FR"),
            "Algeria" => Some("DZ"),
            _ => None,
        }
    }

    fn altitude(&self) -> Option<f64> {
        self.seen().baro_altitude.or(self.seen().geo_altitude)
    }

    fn airborne(&self) -> bool {
        self.seen().on_ground != Some(true)
    }

    fn stale(&self) -> bool {
        self.row.reply.answer_time - self.contact > MINUTE
    }

    fn suspect(&self) -> bool {
        let s = self.seen();
        let beyond = |v: Option<f64>| v.is_some_and(|v| !(-500.0..=35_000.0).contains(&v));
        s.velocity.is_some_and(|v| !(0.0..=700.0).contains(&v))
            || s.vertical_rate.is_some_and(|v| v.abs() > 150.0)
            || beyond(s.baro_altitude)
            || beyond(s.geo_altitude)
    }

    fn phase(&self) -> &'static str {
        match self.seen().vertical_rate {
            _ if !self.airborne() => "ground",
            None => "unknown",
            Some(rate) if rate >= 2.0 => "climb",
            Some(rate) if rate <= -2.0 => "descent",
            Some(_) => "cruise",
        }
    }

    fn band(&self) -> i64 {
        match self.altitude() {
            _ if !self.airborne() => 0,
            None => -1,
            Some(metres) => 1 + ((metres / 1000.0).floor() as i64).clamp(0, 13),
        }
    }

    fn speed_band(&self) -> i64 {
        self.seen().velocity.map_or(-1, |speed| ((speed / 50.0).floor() as i64).clamp(0, 6))
    }

    fn cell(&self) -> i64 {
        let (lat, lon) = self.seen().position.unwrap_or_default();
        let row = (((lat + 90.0) * 4.0).floor() as i64).min(719);
        1440 * row + (((lon + 180.0) * 4.0).floor() as i64).min(1439)
    }

    fn line(&self) -> String {
        let (s, r) = (self.seen(), self.row.reply);
        line![
            &s.icao24,
            self.contact,
            self.row.offset,
            r.fetched_at,
            r.feed,
            &s.callsign,
            self.airline(),
            self.country(),
            self.altitude().map(centi),
            self.airborne(),
            self.stale(),
            self.suspect(),
            self.phase(),
            self.band(),
            self.speed_band(),
            self.cell()
        ]
    }
}

fn centi(value: f64) -> i64 {
    (value * 100.0).round() as i64
}

/// All states of one aircraft in one hour.
struct Hour<'a>(Vec<&'a State<'a>>);

fn hours<'a>(states: &'a [State<'a>]) -> BTreeMap<(Micros, String), Hour<'a>> {
    let mut hours = BTreeMap::new();
    for state in states {
        let key = (state.hour(), state.seen().icao24.clone());
        hours.entry(key).or_insert_with(|| Hour(Vec::new())).0.push(state);
    }
    hours
}

impl<'a> Hour<'a> {
    fn count(&self, of: impl Fn(&State<'_>) -> bool) -> usize {
        self.0.iter().filter(|s| of(s)).count()
    }

    /// The last in alphabetical order.
    fn last(&self, of: impl Fn(&'a State<'a>) -> Option<&'a str>) -> Option<&'a str> {
        self.0.iter().filter_map(|s| of(s)).max()
    }

    fn country(&self) -> Option<&'a str> {
        self.last(|s| s.country())
    }

    fn airline(&self) -> Option<&'a str> {
        self.last(|s| s.airline())
    }

    fn line(&self) -> String {
        let flown = || self.0.iter().filter(|s| s.airborne() && !s.suspect());
        let altitudes: Vec<i64> = flown().filter_map(|s| s.altitude()).map(centi).collect();
        let speeds: Vec<i64> = flown().filter_map(|s| s.seen().velocity).map(centi).collect();
        line![
            self.0[0].hour(),
            &self.0[0].seen().icao24,
            self.last(|s| s.seen().callsign.as_deref()),
            self.airline(),
            self.country(),
            self.0.iter().map(|s| s.contact).min(),
            self.0.iter().map(|s| s.contact).max(),
            self.0.len(),
            self.count(|s| s.airborne()),
            self.count(|s| s.stale()),
            self.count(|s| s.suspect()),
            altitudes.len(),
            altitudes.iter().sum::<i64>(),
            altitudes.iter().min(),
            altitudes.iter().max(),
            speeds.len(),
            speeds.iter().sum::<i64>()
        ]
    }
}

fn cells(states: &[State<'_>]) -> Vec<String> {
    let mut counts: BTreeMap<(Micros, &str, i64, i64), [usize; 4]> = BTreeMap::new();
    for state in states {
        let key = (state.hour(), state.seen().icao24.as_str(), state.cell(), state.band());
        let count = counts.entry(key).or_default();
        count[0] += 1;
        for (n, phase) in ["climb", "cruise", "descent"].into_iter().enumerate() {
            count[n + 1] += usize::from(state.phase() == phase);
        }
    }
    counts
        .iter()
        .map(|((h, i, c, b), [all, up, level, down])| line![*h, *i, *c, *b, *all, *up, *level, *down])
        .collect()
}

type ByAircraft<'a> = BTreeMap<(Micros, String), Hour<'a>>;

fn activity(hours: &ByAircraft<'_>) -> Vec<String> {
    let mut by: BTreeMap<Micros, Vec<&Hour<'_>>> = BTreeMap::new();
    hours.iter().for_each(|((hour, _), aircraft)| by.entry(*hour).or_default().push(aircraft));
    let lines = by.iter().map(|(hour, all)| {
        let countries: BTreeSet<&str> = all.iter().filter_map(|a| a.country()).collect();
        let sum = |of: &dyn Fn(&State<'_>) -> bool| all.iter().map(|a| a.count(of)).sum::<usize>();
        let flown = all.iter().filter(|a| a.count(|s| s.airborne()) > 0).count();
        line![*hour, all.len(), flown, sum(&|_| true), sum(&|s| s.stale()), countries.len()]
    });
    lines.collect()
}

fn countries(hours: &ByAircraft<'_>) -> Vec<String> {
    let mut by: BTreeMap<(Micros, Option<&str>), Vec<&Hour<'_>>> = BTreeMap::new();
    hours.iter().for_each(|((hour, _), aircraft)| by.entry((*hour, aircraft.country())).or_default().push(aircraft));
    let lines = by.iter().map(|((hour, country), all)| {
        let airlines: BTreeSet<&str> = all.iter().filter_map(|a| a.airline()).collect();
        let sum = |of: &dyn Fn(&State<'_>) -> bool| all.iter().map(|a| a.count(of)).sum::<usize>();
        line![*hour, *country, all.len(), sum(&|_| true), sum(&|s| s.airborne()), airlines.len()]
    });
    lines.collect()
}

/// A value as the line has it.
fn text(value: impl Text) -> String {
    value.text()
}

trait Text {
    fn text(self) -> String;
}

macro_rules! plain {
    ($($kind:ty),+) => { $(impl Text for $kind { fn text(self) -> String { self.to_string() } })+ };
}

plain!(i64, i32, usize, bool, &str, &String, &i64);

impl<T: Text> Text for Option<T> {
    fn text(self) -> String {
        self.map_or_else(|| "-".into(), Text::text)
    }
}

impl<'a, T> Text for &'a Option<T>
where
    &'a T: Text,
{
    fn text(self) -> String {
        self.as_ref().text()
    }
}
