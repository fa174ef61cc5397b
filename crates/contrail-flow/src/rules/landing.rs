//! Offsets of a log in a table: where to start, when a batch may land, how far dead letters are settled.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Offsets, Properties};

const PREFIX: &str = "contrail.offsets.";
const HOLES: &str = "contrail.holes.";
const PURGED: &str = "contrail.purged.";
const EXPIRED: &str = "contrail.expired.";
const NAMED: &str = "contrail.stream.";
/// The property with every start that went on although log and table did not fit together.
pub const ACCEPTED: &str = "contrail.accepted";

/// The property (and summary entry) that holds the next offset of every partition of `stream`.
pub fn key(stream: &str) -> String {
    format!("{PREFIX}{stream}")
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The table is ahead of this batch: another writer landed it, or our own commit did whose answer was lost.
    #[error("partition {partition} of {stream} has landed up to {table} already, this batch starts at {batch}")]
    Ahead { stream: String, partition: i32, table: i64, batch: i64 },
    /// The table is behind what we read: somebody reset it under us.
    #[error(
        "partition {partition} of {stream} stands at {table} in the table, behind {batch} where this batch starts: \
         the table was reset by somebody else"
    )]
    Behind { stream: String, partition: i32, table: i64, batch: i64 },
    /// A start has taken the log as a new one.
    #[error("the table counts offsets of this log under the name {now} by now, not under {was}")]
    Renamed { was: String, now: String },
    #[error("the table's property {key} is {value:?}, which is not what Contrail writes there")]
    Unreadable { key: String, value: String },
}

/// What a table says about one stream; empty when it says nothing.
pub fn offsets(properties: &Properties, stream: &str) -> Result<Offsets, Refused> {
    map(properties, key(stream))
}

/// How many offsets below a partition's progress have no message: markers of others' transactions, accepted gaps.
pub fn holes(properties: &Properties, stream: &str) -> Result<Offsets, Refused> {
    map(properties, format!("{HOLES}{stream}"))
}

/// The name under which a log's offsets count in this table: its stream's, unless a start has taken the log as a new
/// one although the stream had its old name.
pub fn name_of(properties: &Properties, stream: &str) -> String {
    properties.get(&format!("{NAMED}{stream}")).cloned().unwrap_or_else(|| stream.to_owned())
}

/// The property that gives a log's stream another name in this table.
pub fn naming(stream: &str, name: &str) -> (String, String) {
    (format!("{NAMED}{stream}"), name.to_owned())
}

/// The property to write for the holes of `stream`, with `more` added; none if there are none more.
pub fn holes_property(
    properties: &Properties,
    stream: &str,
    more: &Offsets,
) -> Result<Option<(String, String)>, Refused> {
    let mut holes = holes(properties, stream)?;
    for (partition, count) in more.iter().filter(|(_, count)| **count > 0) {
        *holes.entry(*partition).or_default() += count;
    }
    let text = serde_json::to_string(&holes).expect("integers serialise");
    Ok(more.values().any(|count| *count > 0).then(|| (format!("{HOLES}{stream}"), text)))
}

/// How many letters of a stream were deleted from the table of dead letters without having been replayed.
pub fn purged(properties: &Properties, stream: &str) -> Result<Offsets, Refused> {
    map(properties, format!("{PURGED}{stream}"))
}

/// The properties to write for letters that are deleted, by stream and partition.
pub fn purged_properties(
    properties: &Properties,
    gone: &BTreeMap<String, Offsets>,
) -> Result<Vec<(String, String)>, Refused> {
    let mut written = Vec::new();
    for (stream, partitions) in gone {
        let mut all = purged(properties, stream)?;
        for (partition, count) in partitions {
            *all.entry(*partition).or_default() += count;
        }
        let text = serde_json::to_string(&all).expect("integers serialise");
        written.push((format!("{PURGED}{stream}"), text));
    }
    Ok(written)
}

/// What retention has taken of one partition of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// The least offset among them.
    pub first: i64,
    pub rows: i64,
}

/// What retention has taken of a stream, by partition.
pub fn expired(properties: &Properties, stream: &str) -> Result<BTreeMap<i32, Expired>, Refused> {
    map(properties, format!("{EXPIRED}{stream}"))
}

/// The properties to write when more expires, by stream and partition.
pub fn expired_properties(
    properties: &Properties,
    gone: &BTreeMap<String, BTreeMap<i32, Expired>>,
) -> Result<Vec<(String, String)>, Refused> {
    let mut written = Vec::new();
    for (stream, partitions) in gone {
        let mut all = expired(properties, stream)?;
        for (partition, more) in partitions {
            let found = all.entry(*partition).or_insert(Expired { rows: 0, ..*more });
            *found = Expired { first: found.first.min(more.first), rows: found.rows + more.rows };
        }
        let text = serde_json::to_string(&all).expect("integers serialise");
        written.push((format!("{EXPIRED}{stream}"), text));
    }
    Ok(written)
}

pub(super) fn map<T: DeserializeOwned + Default>(properties: &Properties, key: String) -> Result<T, Refused> {
    let Some(value) = properties.get(&key) else { return Ok(T::default()) };
    serde_json::from_str(value).map_err(|_| Refused::Unreadable { key, value: value.clone() })
}

/// The streams that a table says anything about.
pub fn streams(properties: &Properties) -> impl Iterator<Item = &str> {
    properties.keys().filter_map(|key| key.strip_prefix(PREFIX))
}

/// The property to write for `stream`.
pub fn property(stream: &str, offsets: &Offsets) -> (String, String) {
    (key(stream), serde_json::to_string(offsets).expect("integers serialise"))
}

/// May a batch that consumed `ranges` land on a table that stands at `table`? Only this writer's partitions are
/// compared and replaced; everybody else's stay as they were loaded.
pub fn land(stream: &str, table: &Offsets, ranges: &BTreeMap<i32, Range<i64>>) -> Result<Offsets, Refused> {
    let mut next = table.clone();
    for (&partition, range) in ranges {
        let (stands, batch) = (table.get(&partition).copied(), range.start);
        let (stream, at) = (stream.to_owned(), stands.unwrap_or(batch));
        match at.cmp(&batch) {
            std::cmp::Ordering::Equal => next.insert(partition, range.end),
            std::cmp::Ordering::Greater => return Err(Refused::Ahead { stream, partition, table: at, batch }),
            std::cmp::Ordering::Less => return Err(Refused::Behind { stream, partition, table: at, batch }),
        };
    }
    Ok(next)
}

/// Progress of dead letters never goes down: each partition takes the larger of what stands and the batch's end.
pub fn settle(table: &Offsets, ranges: &BTreeMap<i32, Range<i64>>) -> Offsets {
    let mut next = table.clone();
    for (&partition, range) in ranges {
        let at = next.entry(partition).or_insert(range.end);
        *at = range.end.max(*at);
    }
    next
}

/// May dead letters found in `ranges` be added? Those below the table's progress are settled already, and the caller
/// has left them out of its batch; the progress that it saw must still stand.
pub fn settle_fence(
    stream: &str,
    seen: &Offsets,
    now: &Offsets,
    ranges: &BTreeMap<i32, Range<i64>>,
) -> Result<Offsets, Refused> {
    for &partition in ranges.keys() {
        let (was, is) = (seen.get(&partition).copied(), now.get(&partition).copied());
        if was != is {
            let (table, batch) = (is.unwrap_or(0), was.unwrap_or(0));
            let stream = stream.to_owned();
            return Err(if is > was {
                Refused::Ahead { stream, partition, table, batch }
            } else {
                Refused::Behind { stream, partition, table, batch }
            });
        }
    }
    Ok(settle(now, ranges))
}

/// What to do with one message of which the decoder has its own opinion, given what dead letters already say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Row,
    /// Dead, and not in the table of dead letters yet.
    NewDead,
    /// Dead, and in the table already.
    KnownDead,
    /// Below dead-letter progress, not in the table, and yet unreadable: an earlier version read it otherwise.
    Contradiction,
}

/// Below dead-letter progress the table decides; above it, the bytes do.
pub fn verdict(readable: bool, offset: i64, settled: i64, known_dead: &BTreeSet<i64>) -> Verdict {
    match (offset < settled, known_dead.contains(&offset), readable) {
        (true, true, _) => Verdict::KnownDead,
        (_, false, true) => Verdict::Row,
        (true, false, false) => Verdict::Contradiction,
        (false, true, _) | (false, false, false) => Verdict::NewDead,
    }
}

#[cfg(test)]
mod tests;
