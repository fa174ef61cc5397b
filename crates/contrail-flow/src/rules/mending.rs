//! Rows that are gone with their files: how they are counted, and what is not computed from a table any more because of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use contrail_types::Micros;
use contrail_types::time::HOUR;

use super::landing::{Expired, Refused};
use super::{Properties, deriving};

const LOST: &str = "contrail.lost.";
/// The property with the hours (of tables by day: days) of which rows are gone for good.
pub const INCOMPLETE: &str = "contrail.incomplete";

/// Offsets of a stream whose rows are gone with their files, by partition.
pub fn lost(properties: &Properties, stream: &str) -> Result<BTreeMap<i32, Expired>, Refused> {
    super::landing::map(properties, format!("{LOST}{stream}"))
}

/// The properties to write when more is lost, by stream and partition.
pub fn lost_properties(
    properties: &Properties,
    gone: &BTreeMap<String, BTreeMap<i32, Expired>>,
) -> Result<Vec<(String, String)>, Refused> {
    let mut written = Vec::new();
    for (stream, partitions) in gone {
        let mut all = lost(properties, stream)?;
        for (partition, more) in partitions {
            let found = all.entry(*partition).or_insert(Expired { rows: 0, ..*more });
            *found = Expired { first: found.first.min(more.first), rows: found.rows + more.rows };
        }
        written.push((format!("{LOST}{stream}"), serde_json::to_string(&all).expect("integers serialise")));
    }
    Ok(written)
}

/// Where hours begin of which rows are gone for good.
pub fn incomplete(properties: &Properties) -> BTreeSet<Micros> {
    properties.get(INCOMPLETE).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The property to write when more hours are incomplete.
pub fn incomplete_property(properties: &Properties, more: &BTreeSet<Micros>) -> (String, String) {
    let all: BTreeSet<Micros> = incomplete(properties).union(more).copied().collect();
    (INCOMPLETE.into(), serde_json::to_string(&all).expect("integers serialise"))
}

/// Whether what is made of `span` was to be read from an hour of which rows are gone. `raw`: the input is the raw table,
/// whose rows lie in the hours of their answers.
pub fn lacks(incomplete: &BTreeSet<Micros>, span: RangeInclusive<Micros>, raw: bool) -> bool {
    let hours = match raw {
        true => *deriving::raw_hours_of(*span.start()).start()..=*deriving::raw_hours_of(*span.end()).end(),
        false => *span.start()..=*span.end(),
    };
    incomplete.range(hours).next().is_some()
}

/// Offsets of one partition that are there, as a query counts them, and what the tables say of those that are not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// The first offset that was ever there, and the next to land.
    pub first: i64,
    pub next: i64,
    pub rows: i64,
    /// Without a message, given up, purged, expired or lost before.
    pub accounted: i64,
}

/// Of `rows` that are gone with their files: how many of each partition, by the offsets that are missing; and how many
/// rows no missing offset explains.
pub fn attribute(
    counted: &BTreeMap<(String, i32), Counted>,
    mut rows: i64,
) -> (BTreeMap<String, BTreeMap<i32, Expired>>, i64) {
    let mut lost: BTreeMap<String, BTreeMap<i32, Expired>> = BTreeMap::new();
    for ((stream, partition), c) in counted {
        let missing = (c.next - c.first - c.rows - c.accounted).clamp(0, rows);
        if missing > 0 {
            rows -= missing;
            lost.entry(stream.clone()).or_default().insert(*partition, Expired { first: c.first, rows: missing });
        }
    }
    (lost, rows)
}

/// The hours of a span.
pub fn hours_of(start: Micros, length: Micros) -> impl Iterator<Item = Micros> {
    (0..length / HOUR).map(move |n| start + n * HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_lost_and_never_more_than_was_in_the_files() {
        let at = |first, next, rows, accounted| Counted { first, next, rows, accounted };
        let counted = BTreeMap::from([
            (("a".to_owned(), 0), at(10, 100, 70, 5)),
            (("a".to_owned(), 1), at(0, 50, 50, 0)),
            (("b".to_owned(), 0), at(0, 40, 10, 0)),
        ]);
        let (lost, rest) = attribute(&counted, 35);
        assert_eq!(lost["a"], BTreeMap::from([(0, Expired { first: 10, rows: 15 })]));
        assert_eq!((lost["b"][&0].rows, rest), (20, 0), "no more than the files had");
        assert_eq!(attribute(&counted, 50).1, 5, "rows that no offset explains");
    }

    #[test]
    fn lost_offsets_add_up_and_hours_stay_named() {
        let gone = |first, rows| BTreeMap::from([("s".to_owned(), BTreeMap::from([(0, Expired { first, rows })]))]);
        let mut properties: Properties =
            lost_properties(&Properties::new(), &gone(7, 3)).unwrap().into_iter().collect();
        properties.extend(lost_properties(&properties, &gone(5, 2)).unwrap());
        assert_eq!(lost(&properties, "s").unwrap()[&0], Expired { first: 5, rows: 5 });
        let (key, value) = incomplete_property(&properties, &[HOUR].into());
        properties.insert(key, value);
        let (key, value) = incomplete_property(&properties, &[3 * HOUR].into());
        properties.insert(key, value);
        assert_eq!(incomplete(&properties), [HOUR, 3 * HOUR].into());
    }

    #[test]
    fn an_hour_lacks_rows_if_an_answer_that_may_hold_them_is_gone() {
        let gone = BTreeSet::from([100 * HOUR]);
        let hour = |n: i64| n * HOUR..=(n + 1) * HOUR - 1;
        for (n, raw, expected) in [
            (100, false, true),
            (99, false, false),
            (100, true, true),
            (99, true, true),
            (76, true, true),
            (101, true, true),
            (103, true, false),
            (70, true, false),
        ] {
            assert_eq!(lacks(&gone, hour(n), raw), expected, "{n} {raw}");
        }
    }
}
