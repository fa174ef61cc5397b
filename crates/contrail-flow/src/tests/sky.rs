//! Answers for tests: readable rows, a fixed story that shows every awkward case, and a strategy that mixes its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::array::{RecordBatchOptions, new_null_array};
use contrail_source::feed::Kind;
use contrail_source::wire::Rejected;
use contrail_source::{Answer, Fetch, Outcome};
use contrail_types::time::{DAY, HOUR, MINUTE, SECOND, ZONE};
use contrail_types::{Micros, state};
use proptest::prelude::*;
use uuid::Uuid;

/// A whole hour.
pub const T0: Micros = 475_000 * HOUR;

/// One state: the columns that models look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub icao24: String,
    pub last_contact: Option<Micros>,
    /// Latitude, longitude.
    pub position: Option<(f64, f64)>,
    pub callsign: Option<String>,
    pub origin_country: Option<String>,
    pub baro_altitude: Option<f64>,
    pub geo_altitude: Option<f64>,
    pub on_ground: Option<bool>,
    pub velocity: Option<f64>,
    pub vertical_rate: Option<f64>,
}

/// One answer of one feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub feed: &'static str,
    pub fetched_at: Micros,
    pub answer_time: Micros,
    pub seen: Vec<Seen>,
    /// Rows that are no states: each becomes a dead letter.
    pub rejected: usize,
}

impl Reply {
    pub fn answer(&self, position: usize) -> Answer {
        let fetch_id = Uuid::now_v7();
        let fetch = Fetch {
            fetch_id,
            feed: self.feed.into(),
            kind: Kind::Replay,
            asked_at: self.fetched_at,
            answered_at: self.fetched_at,
            answer_time: Some(self.answer_time),
            outcome: Outcome::Ok,
            status: None,
            error: None,
            rows: self.seen.len() as u64,
            bad_rows: 0,
            bytes: 0,
            credits_remaining: None,
            latency: Duration::ZERO,
        };
        let rejected =
            (0..self.rejected).map(|n| Rejected { reason: "no icao24", row: vec![b'[', b'0' + n as u8, b']'] });
        Answer {
            fetch,
            states: self.batch(fetch_id),
            rejected: rejected.collect(),
            bad_fields: BTreeMap::new(),
            left_out: BTreeMap::new(),
            position: Some(position.to_string()),
        }
    }

    fn batch(&self, fetch_id: Uuid) -> RecordBatch {
        let rows = &self.seen;
        let text =
            |f: &dyn Fn(&Seen) -> Option<String>| Arc::new(rows.iter().map(f).collect::<StringArray>()) as ArrayRef;
        let double =
            |f: &dyn Fn(&Seen) -> Option<f64>| Arc::new(rows.iter().map(f).collect::<Float64Array>()) as ArrayRef;
        let time = |f: &dyn Fn(&Seen) -> Option<Micros>| {
            Arc::new(rows.iter().map(f).collect::<TimestampMicrosecondArray>().with_timezone(ZONE)) as ArrayRef
        };
        let schema = state::schema();
        let columns = schema.fields().iter().map(|field| match field.name().as_str() {
            "feed" => text(&|_| Some(self.feed.into())),
            "fetch_id" => text(&|_| Some(fetch_id.to_string())),
            "fetched_at" => time(&|_| Some(self.fetched_at)),
            "answer_time" => time(&|_| Some(self.answer_time)),
            "icao24" => text(&|s| Some(s.icao24.clone())),
            "callsign" => text(&|s| s.callsign.clone()),
            "origin_country" => text(&|s| s.origin_country.clone()),
            "last_contact" => time(&|s| s.last_contact),
            "longitude" => double(&|s| s.position.map(|p| p.1)),
            "latitude" => double(&|s| s.position.map(|p| p.0)),
            "baro_altitude" => double(&|s| s.baro_altitude),
            "geo_altitude" => double(&|s| s.geo_altitude),
            "on_ground" => Arc::new(rows.iter().map(|s| s.on_ground).collect::<BooleanArray>()),
            "velocity" => double(&|s| s.velocity),
            "vertical_rate" => double(&|s| s.vertical_rate),
            _ => new_null_array(field.data_type(), rows.len()),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(schema.clone(), columns.collect(), &options).unwrap()
    }
}

const CALLSIGNS: [&str; 6] = ["DLH400", "BAW12", "N123AB", "D-ABCD", "ZZZ9", "AFR7XY"];
const COUNTRIES: [&str; 4] = ["Germany", "France", "Atlantis", "Algeria"];

/// Aircraft `n` as it is heard at `contact`; where it is and what it does follows from both.
pub fn seen(n: usize, contact: Micros) -> Seen {
    let phase = n as i64 + contact / (10 * SECOND);
    let pick = |of: i64| phase.rem_euclid(of);
    Seen {
        icao24: format!("3c6{n:03x}"),
        last_contact: Some(contact),
        position: Some((50.0 + pick(40) as f64 / 8.0, n as f64 / 16.0)),
        callsign: (n % 7 != 6).then(|| CALLSIGNS[n % 6].to_owned()),
        origin_country: (n % 5 != 4).then(|| COUNTRIES[n % 4].to_owned()),
        baro_altitude: (pick(9) != 0).then(|| 500.25 * pick(30) as f64),
        geo_altitude: (pick(2) == 0).then(|| 512.5 * pick(29) as f64),
        on_ground: Some(pick(11) == 0),
        velocity: (pick(13) != 0).then(|| if pick(37) == 0 { 2676.5 } else { 10.25 * pick(31) as f64 }),
        vertical_rate: (pick(5) != 0).then(|| pick(17) as f64 - 8.0),
    }
}

/// A dozen answers of two feeds over several hours, with all that is awkward; about 300 messages.
pub fn story() -> Vec<Reply> {
    let mut replies: Vec<Reply> = Vec::new();
    for step in 0..12usize {
        // Four minutes apart over the border of an hour, then two leaps of an hour and a half.
        let leap = [0, 90, 180][step / 5] * MINUTE;
        let at = T0 + 50 * MINUTE + step as i64 * 4 * MINUTE + leap;
        let mut seen: Vec<Seen> = (0..18).map(|n| self::seen(n, at - (n as i64 * 7 % 90) * SECOND)).collect();
        if let Some(before) = replies.last() {
            // What was not heard again stands in the next answer as it was.
            seen.extend(before.seen.iter().filter(|s| s.icao24.ends_with(['1', '5', '9'])).cloned());
        }
        seen.push(self::seen(30, at - 12 * MINUTE));
        seen.push(self::seen(31, at - 2 * HOUR - step as i64 * SECOND));
        seen.push(Seen { position: None, ..self::seen(32, at) });
        seen.push(Seen { position: Some((95.0, 8.0)), ..self::seen(33, at) });
        seen.push(Seen { last_contact: None, ..self::seen(34, at) });
        seen.push(self::seen(35, at - DAY - SECOND));
        seen.push(self::seen(36, at + MINUTE + SECOND));
        seen.push(self::seen(37, at + MINUTE));
        let rejected = [0, 2, 0, 1][step % 4];
        replies.push(Reply { feed: "first", fetched_at: at + SECOND, answer_time: at, seen, rejected });
        if step % 3 == 2 {
            replies.push(overheard(&replies[replies.len() - 2]));
        }
    }
    replies.push(Reply { feed: "first", seen: Vec::new(), rejected: 3, ..replies[3].clone() });
    // Late: beats rows of an hour that was closed long ago.
    replies.push(overheard(&replies[0]));
    replies
}

/// The same observations from another feed, which had them earlier and otherwise, but delivers them later.
fn overheard(of: &Reply) -> Reply {
    let louder = |s: &Seen| Seen { callsign: Some("BAW777".into()), baro_altitude: Some(3_333.25), ..s.clone() };
    let seen = of.seen.iter().step_by(3).map(louder).collect();
    Reply { feed: "second", fetched_at: of.fetched_at - 10 * SECOND, answer_time: of.answer_time, seen, rejected: 0 }
}

prop_compose! {
    /// One state near a border between two hours; repeats of a key are likely.
    fn any_seen()(
        n in 0..6usize,
        contact in prop::option::weighted(0.95, -40..40i64),
        shape in 0..64i64,
        placed in prop::option::weighted(0.9, -91..=91i32),
    ) -> Seen {
        let like = seen(n, T0 + shape * 10 * SECOND);
        Seen {
            last_contact: contact.map(|c| T0 + c * 2 * MINUTE),
            position: placed.map(|lat| (f64::from(lat), like.position.map_or(0.0, |p| p.1))),
            ..like
        }
    }
}

prop_compose! {
    fn any_reply()(
        feed in prop::sample::select(vec!["first", "second", "third"]),
        at in -50..50i64,
        lag in prop::sample::select(vec![0, 30 * SECOND, -10 * MINUTE, HOUR, 23 * HOUR]),
        seen in prop::collection::vec(any_seen(), 0..25),
        rejected in prop::sample::select(vec![0usize, 0, 0, 1, 4]),
    ) -> Reply {
        let answer_time = T0 + at * 2 * MINUTE + lag;
        Reply { feed, fetched_at: T0 + at.abs() * 2 * MINUTE, answer_time, seen, rejected }
    }
}

/// Answers in no order at all.
pub fn any_replies() -> impl Strategy<Value = Vec<Reply>> {
    prop::collection::vec(any_reply(), 1..12)
}
