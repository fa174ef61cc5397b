//! Offsets of a log in a table: where to start, when a batch may land, how far dead letters are settled.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Offsets, Properties};

const PREFIX: &str = "contrail.offsets.";
/// Streams of back-filled files: their offsets are row numbers, and they never make a table "belong" to a log.
const FILE_STREAM: &str = "file:";

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
    #[error("the table's property {key} is {value:?}, which is no map of partitions to offsets")]
    Unreadable { key: String, value: String },
}

/// What a table says about one stream; empty when it says nothing.
pub fn offsets(properties: &Properties, stream: &str) -> Result<Offsets, Refused> {
    let key = key(stream);
    let Some(value) = properties.get(&key) else { return Ok(Offsets::new()) };
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

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStart {
    #[error(
        "the log starts at offset {start} of partition {partition}, but {landed} is the next to land: {} messages are gone. \
         Start once with --accept-gap to go on without them", start - landed
    )]
    Gap { partition: i32, landed: i64, start: i64 },
    #[error(
        "offset {landed} of partition {partition} is the next to land, but the log ends at {end}: the log was reset or \
         replaced. Put the old log back, or start once with --new-stream to take it as a new one"
    )]
    BeyondEnd { partition: i32, landed: i64, end: i64 },
    #[error(
        "this table was filled from {known}, not from the log {stream}. Use the data folder that belongs to that log, or \
         start once with --new-stream to go on with this one"
    )]
    UnknownStream { stream: String, known: String },
    #[error(
        "the table's property says {property} but its current snapshot says {summary}: it was rolled back by another \
         tool. Roll it forward again, or start once with --new-stream"
    )]
    RolledBack { property: String, summary: String },
    #[error(transparent)]
    Unreadable(#[from] Refused),
}

/// What the table and the log say when a lander starts.
pub struct Start<'a> {
    pub stream: &'a str,
    /// First and one-past-last offset of each partition that the log holds.
    pub log: &'a BTreeMap<i32, Range<i64>>,
    pub properties: &'a Properties,
    /// What the newest snapshot that speaks of this stream says; `None` when none does.
    pub recorded: Option<&'a str>,
    pub accept_gap: bool,
    pub new_stream: bool,
}

/// Where each partition goes on.
pub fn start(s: &Start<'_>) -> Result<Offsets, BadStart> {
    let table = offsets(s.properties, s.stream)?;
    let known: Vec<&str> = streams(s.properties).collect();
    if table.is_empty() && !s.new_stream && known.iter().any(|k| !k.starts_with(FILE_STREAM)) {
        let mut logs: Vec<&str> = known.into_iter().filter(|k| !k.starts_with(FILE_STREAM)).collect();
        logs.sort_unstable();
        return Err(BadStart::UnknownStream { stream: s.stream.into(), known: logs.join(", ") });
    }
    if let (Some(said), Some(property)) = (s.recorded, s.properties.get(&key(s.stream)))
        && said != property
        && !s.new_stream
    {
        return Err(BadStart::RolledBack { property: property.clone(), summary: said.into() });
    }
    let mut from = Offsets::new();
    for (&partition, held) in s.log {
        let landed = table.get(&partition).copied();
        let at = match landed {
            None => held.start,
            Some(landed) if landed > held.end && s.new_stream => held.end,
            Some(landed) if landed > held.end => {
                return Err(BadStart::BeyondEnd { partition, landed, end: held.end });
            }
            Some(landed) if landed < held.start && !s.accept_gap => {
                return Err(BadStart::Gap { partition, landed, start: held.start });
            }
            Some(landed) => landed.max(held.start),
        };
        // A fresh stream begins at 0 wherever its log begins now; what retention took before the first landing is a gap.
        if landed.is_none() && held.start > 0 && !s.accept_gap {
            return Err(BadStart::Gap { partition, landed: 0, start: held.start });
        }
        from.insert(partition, at);
    }
    Ok(from)
}

#[cfg(test)]
mod tests;
