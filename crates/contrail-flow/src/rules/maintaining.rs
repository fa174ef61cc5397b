//! Upkeep of a table: which partitions are rewritten as one file, and which have outlived their time.

use std::collections::BTreeSet;
use std::ops::Range;

use contrail_types::Micros;
use contrail_types::time::{DAY, HOUR, MINUTE};

use super::deriving::raw_hours_of;

/// So long after its end a partition counts as closed: late answers have mostly come by then.
const QUIET: Micros = 10 * MINUTE;
/// So long after its end nothing plausible comes any more.
const FINAL: Micros = 26 * HOUR;
/// So many late files are worth a rewrite by themselves.
const MANY_LATE: usize = 16;
/// So many files of a partition that still grows are worth one.
const MANY_OPEN: usize = 64;

/// The files of one partition that every consumer has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// When its rows begin and end.
    pub span: Range<Micros>,
    pub files: usize,
    pub rows: u64,
    pub bytes: u64,
    /// Rows of the largest file.
    pub largest: u64,
    /// Whether one of them holds rows of other partitions as well, as only other programs write them.
    pub spanning: bool,
}

impl Part {
    /// Counts a file in.
    pub fn add(&mut self, rows: u64, bytes: u64) {
        self.files += 1;
        self.rows += rows;
        self.bytes += bytes;
        self.largest = self.largest.max(rows);
    }
}

/// How much a rewrite is wanted; the larger goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// It still grows, and has many files.
    Open,
    Closed,
}

/// Whether a partition is worth rewriting at `now`. A closed one that has been rewritten is left alone for a few late
/// rows: it is rewritten once more when they are many, or when no more can come.
pub fn due(part: &Part, now: Micros) -> Option<Due> {
    if part.spanning {
        return Some(Due::Closed);
    }
    let small = part.files.saturating_sub(1);
    if small == 0 {
        return None;
    }
    if now < part.span.end + QUIET {
        return (small >= MANY_OPEN).then_some(Due::Open);
    }
    let late = part.rows - part.largest;
    let worth = late * 4 >= part.largest || small >= MANY_LATE || now >= part.span.end + FINAL;
    worth.then_some(Due::Closed)
}

/// Why a partition that has outlived its time is kept all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Needed {
    #[error("a table made from it has not read all of it yet")]
    Unread,
    #[error("an hour that a failed check holds back is computed from it")]
    Held,
}

/// Whether a partition whose newest file is of commit `newest` may go: everybody has read it (`read`), and no hour that is
/// held back needs it.
pub fn may_expire(span: &Range<Micros>, newest: i64, read: i64, held: &BTreeSet<Micros>) -> Result<(), Needed> {
    if newest > read {
        return Err(Needed::Unread);
    }
    let needs = |hour: &Micros| {
        let raw = raw_hours_of(*hour);
        *raw.start() < span.end && span.start < *raw.end() + HOUR
    };
    if held.iter().any(needs) { Err(Needed::Held) } else { Ok(()) }
}

/// Bytes that a table will have in a year, if it goes on as in its last days: `recent` are the bytes of the partitions of
/// the last `days` days, `now` what it has. `keep`: how long rows stay, if not for ever.
pub fn in_a_year(now: u64, recent: u64, days: f64, keep: Option<Micros>) -> u64 {
    let a_day = recent as f64 / days.max(1.0 / 24.0);
    match keep {
        Some(keep) => (a_day * (keep as f64 / DAY as f64).min(365.0)).max(recent as f64) as u64,
        None => (now as f64 + a_day * 365.0) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(files: &[u64]) -> Part {
        let mut part = Part { span: 10 * HOUR..11 * HOUR, ..Part::default() };
        files.iter().for_each(|rows| part.add(*rows, rows * 20));
        part
    }

    #[test]
    fn a_partition_is_rewritten_when_it_pays() {
        let (open, closed, last) = (10 * HOUR + 1, 11 * HOUR + QUIET, 11 * HOUR + FINAL);
        let many = |rows: u64, count: usize| [vec![1_000_000], vec![rows; count]].concat();
        let cases: [(Vec<u64>, Micros, Option<Due>); 10] = [
            (vec![], closed, None),
            (vec![5], last, None),
            (vec![5, 5], open, None),
            (vec![5, 5], closed - 1, None),
            (vec![5, 5], closed, Some(Due::Closed)),
            (many(100, 3), closed, None),
            (many(100, MANY_LATE), closed, Some(Due::Closed)),
            (many(100, 3), last, Some(Due::Closed)),
            (vec![5; MANY_OPEN], open, None),
            (vec![5; MANY_OPEN + 1], open, Some(Due::Open)),
        ];
        for (files, now, expected) in cases {
            assert_eq!(due(&part(&files), now), expected, "{files:?} at {now}");
        }
        assert!(Due::Closed > Due::Open);
    }

    #[test]
    fn nothing_goes_that_somebody_still_needs() {
        let span = 100 * HOUR..101 * HOUR;
        let none = BTreeSet::new();
        assert_eq!(may_expire(&span, 7, 7, &none), Ok(()));
        assert_eq!(may_expire(&span, 8, 7, &none), Err(Needed::Unread));
        for (hour, needed) in [(74, false), (75, false), (76, true), (100, true), (101, true), (102, false)] {
            let outcome = may_expire(&span, 7, 7, &BTreeSet::from([hour * HOUR]));
            assert_eq!(outcome == Err(Needed::Held), needed, "hour {hour}: {outcome:?}");
        }
    }

    #[test]
    fn a_year_at_this_rate() {
        let gb = 1 << 30;
        assert_eq!(in_a_year(10 * gb, 7 * gb, 7.0, None), 375 * gb);
        assert_eq!(in_a_year(10 * gb, 7 * gb, 7.0, Some(30 * DAY)), 30 * gb);
        assert_eq!(in_a_year(gb, gb, 7.0, Some(DAY)), gb, "never less than what lies there now");
        assert_eq!(in_a_year(0, 0, 0.0, None), 0);
    }
}
