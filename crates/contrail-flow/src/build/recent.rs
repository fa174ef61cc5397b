//! The keys of `states` seen in the last minutes, in memory, so that a repeat costs a look-up and not a read of files.
//!
//! It knows every kept row whose `last_contact` is not before [`Recent::covers`], and older ones for as long as they
//! are repeated. For anything else it has no opinion, and the files of the row's hour are asked.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use contrail_types::time::MINUTE;
use contrail_types::{Icao24, Micros};

use crate::rules::deriving::Order;

/// What identifies an observation.
pub type Key = (u32, Micros);

/// How far back all keys are known. The real feed lags by up to 315 s.
const WINDOW: Micros = 6 * MINUTE;
/// A key older than the window goes once it has not been repeated in this many builds.
const ROUNDS: u32 = 40;

/// Keys older than the window that are worth their memory.
const MOST_OLD: usize = 20_000;

/// The columns of `states` that say what a row's key and rank are.
pub const KEY_COLUMNS: [&str; 6] =
    ["icao24", "last_contact", "fetched_at", "log_stream", "log_partition", "log_offset"];

/// Keys and ranks of a batch's rows, by row.
pub struct Keys<'a> {
    icao24: &'a arrow::array::StringArray,
    last_contact: &'a arrow::array::PrimitiveArray<TimestampMicrosecondType>,
    fetched_at: &'a arrow::array::PrimitiveArray<TimestampMicrosecondType>,
    stream: &'a arrow::array::StringArray,
    partition: &'a arrow::array::PrimitiveArray<Int32Type>,
    offset: &'a arrow::array::PrimitiveArray<Int64Type>,
}

impl<'a> Keys<'a> {
    /// `batch` has [`KEY_COLUMNS`] with the types of the table `states`.
    pub fn of(batch: &'a RecordBatch) -> Self {
        Self {
            icao24: batch["icao24"].as_string(),
            last_contact: batch["last_contact"].as_primitive(),
            fetched_at: batch["fetched_at"].as_primitive(),
            stream: batch["log_stream"].as_string(),
            partition: batch["log_partition"].as_primitive(),
            offset: batch["log_offset"].as_primitive(),
        }
    }

    pub fn rows(&self) -> usize {
        self.icao24.len()
    }

    pub fn key(&self, row: usize) -> Key {
        let address = Icao24::parse(self.icao24.value(row).as_bytes()).map_or(u32::MAX, Icao24::get);
        (address, self.last_contact.value(row))
    }

    pub fn order(&self, row: usize) -> Order<&'a str> {
        Order {
            fetched_at: self.fetched_at.value(row),
            stream: self.stream.value(row),
            partition: self.partition.value(row),
            offset: self.offset.value(row),
        }
    }
}

struct Kept {
    fetched_at: Micros,
    offset: i64,
    /// Index into `sources`.
    source: u32,
    /// The round in which the key was seen last.
    seen: u32,
}

/// See the module's sentence.
#[derive(Default)]
pub struct Recent {
    kept: HashMap<Key, Kept>,
    sources: Vec<(Box<str>, i32)>,
    /// Every kept row from this `last_contact` on is known; `None` before the first load.
    covers: Option<Micros>,
    round: u32,
}

/// What is known of a key.
#[derive(Debug, PartialEq)]
pub enum Known<'a> {
    Kept(Order<&'a str>),
    /// Certainly not in the table.
    New,
    /// Ask the files of its hour.
    Ask,
}

impl Recent {
    /// Knows every kept row from `covers` on, once the rows that are there have been [`Recent::insert`]ed.
    pub fn covering(covers: Micros) -> Self {
        Self { covers: Some(covers), ..Self::default() }
    }

    /// How far back keys are worth keeping when `newest` is the newest contact.
    pub fn reach(newest: Micros) -> Micros {
        newest - WINDOW
    }

    pub fn covers(&self) -> Option<Micros> {
        self.covers
    }

    /// Keys held.
    pub fn size(&self) -> usize {
        self.kept.len()
    }

    /// What is known of a key; a key that is known stays for some more rounds.
    pub fn look(&mut self, key: &Key) -> Known<'_> {
        match self.kept.get_mut(key) {
            Some(kept) => {
                kept.seen = self.round;
                let (stream, partition) = &self.sources[kept.source as usize];
                let (fetched_at, offset) = (kept.fetched_at, kept.offset);
                Known::Kept(Order { fetched_at, stream, partition: *partition, offset })
            }
            None if self.covers.is_some_and(|covers| key.1 >= covers) => Known::New,
            None => Known::Ask,
        }
    }

    /// Takes in kept rows.
    pub fn insert(&mut self, keys: &Keys<'_>) {
        for row in 0..keys.rows() {
            let order = keys.order(row);
            let source = self.source(order.stream, order.partition);
            let kept = Kept { fetched_at: order.fetched_at, offset: order.offset, source, seen: self.round };
            self.kept.insert(keys.key(row), kept);
        }
    }

    fn source(&mut self, stream: &str, partition: i32) -> u32 {
        let found = self.sources.iter().position(|(s, p)| **s == *stream && *p == partition);
        found.unwrap_or_else(|| {
            self.sources.push((stream.into(), partition));
            self.sources.len() - 1
        }) as u32
    }

    /// Ends a round of which `newest` was the newest contact; lets go of what is old and not repeated.
    pub fn advance(&mut self, newest: Micros) {
        self.round += 1;
        let reach = Self::reach(newest);
        if self.covers.is_none_or(|covers| reach <= covers) {
            return;
        }
        self.covers = Some(reach);
        let round = self.round;
        self.kept.retain(|key, kept| key.1 >= reach || kept.seen + ROUNDS > round);
        if self.kept.keys().filter(|key| key.1 < reach).count() > MOST_OLD {
            // The past is being filled in: its keys are many and will not come again.
            self.kept.retain(|key, _| key.1 >= reach);
        }
        if self.kept.capacity() > 4 * self.kept.len().max(1024) {
            self.kept.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray};
    use contrail_types::time::SECOND;

    use super::*;

    fn rows(rows: &[(&str, Micros, i64)]) -> RecordBatch {
        let times = |f: fn(&(&str, Micros, i64)) -> i64| {
            Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(f)).with_timezone("+00:00"))
                as ArrayRef
        };
        RecordBatch::try_from_iter([
            ("icao24", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.0))) as ArrayRef),
            ("last_contact", times(|r| r.1)),
            ("fetched_at", times(|r| r.1)),
            ("log_stream", Arc::new(StringArray::from_iter_values(rows.iter().map(|_| "s"))) as ArrayRef),
            ("log_partition", Arc::new(Int32Array::from_iter_values(rows.iter().map(|_| 0)))),
            ("log_offset", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.2)))),
        ])
        .unwrap()
    }

    #[test]
    fn inside_the_window_it_is_sure_and_outside_it_asks() {
        let mut recent = Recent::covering(100 * SECOND);
        recent.insert(&Keys::of(&rows(&[("3c6444", 120 * SECOND, 7)])));
        let key = |at| (0x3c6444, at * SECOND);
        assert!(matches!(recent.look(&key(120)), Known::Kept(Order { offset: 7, .. })));
        assert_eq!(recent.look(&key(130)), Known::New);
        assert_eq!(recent.look(&key(99)), Known::Ask);
        assert_eq!(Recent::default().look(&key(130)), Known::Ask, "before the first load nothing is sure");
    }

    #[test]
    fn the_past_in_bulk_is_not_remembered() {
        let mut recent = Recent::covering(0);
        let addresses: Vec<String> = (0..=MOST_OLD).map(|i| format!("{i:06x}")).collect();
        let past: Vec<_> = addresses.iter().map(|address| (address.as_str(), 0, 1)).collect();
        recent.insert(&Keys::of(&rows(&past)));
        recent.insert(&Keys::of(&rows(&[("3c6444", WINDOW, 2)])));
        recent.advance(WINDOW + SECOND);
        assert_eq!(recent.size(), 1);
        assert_eq!(recent.look(&(1, 0)), Known::Ask);
    }

    #[test]
    fn a_key_stays_as_long_as_it_is_repeated() {
        let mut recent = Recent::covering(0);
        recent.insert(&Keys::of(&rows(&[("000001", 0, 1), ("000002", 0, 2)])));
        for round in 1..=2 * i64::from(ROUNDS) {
            assert!(matches!(recent.look(&(1, 0)), Known::Kept(_)), "round {round}");
            recent.advance(WINDOW + round * 10 * SECOND);
        }
        assert_eq!(recent.size(), 1);
        assert_eq!(recent.look(&(2, 0)), Known::Ask, "forgotten, and older than the window: the files know");
    }
}
