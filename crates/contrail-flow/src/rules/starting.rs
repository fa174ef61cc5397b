//! Where a lander starts, by what log and table say; and what it takes to go on when they do not fit together.

use std::collections::BTreeMap;
use std::ops::Range;

use contrail_types::Micros;
use serde::{Deserialize, Serialize};

use super::landing::{self, ACCEPTED, Refused, key, name_of, offsets, streams};
use super::{Offsets, Properties};

/// Streams of back-filled files: their offsets are row numbers, and they never make a table "belong" to a log.
const FILE_STREAM: &str = "file:";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStart {
    #[error(
        "the log starts at offset {start} of partition {partition}, but {landed} is the next to land: {} messages are gone. \
         Start once with --accept-gap to go on without them", start - landed
    )]
    Gap { partition: i32, landed: i64, start: i64 },
    #[error(
        "offset {landed} of partition {partition} is the next to land, but the log ends at {end}: the log was reset or \
         restored from an older copy. Put the right log back, or start once with --new-stream to go on at its end"
    )]
    BeyondEnd { partition: i32, landed: i64, end: i64 },
    #[error(
        "the topic was deleted and made again since this table was filled: its id was {was} and is {is} now. What had not \
         landed is gone. Start once with --new-stream to take the new topic from its beginning"
    )]
    TopicMadeAgain { was: String, is: String },
    #[error(
        "this table was filled from the Kafka cluster {was}, but the brokers are of {is}. Correct log.kafka.brokers, or \
         start once with --new-stream to go on with this cluster"
    )]
    OtherCluster { was: String, is: String },
    #[error(
        "this table was filled from {known}, not from the log {stream}. Use the data folder or the topic that belongs to it, \
         or start once with --new-stream to go on with this one"
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
    /// The log's own name of itself.
    pub stream: &'a str,
    /// First and one-past-last offset of each partition that this lander takes.
    pub log: &'a BTreeMap<i32, Range<i64>>,
    pub properties: &'a Properties,
    /// What the newest snapshot that speaks of this stream says; `None` when none does.
    pub recorded: Option<&'a str>,
    pub accept_gap: bool,
    pub new_stream: bool,
}

/// A start as it can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The name under which offsets count from now on.
    pub stream: String,
    pub from: Offsets,
    /// What was accepted; must be recorded, with `from` as progress, before anything lands.
    pub accepted: Vec<Accepted>,
}

/// A misfit that a user took upon themselves, as the table keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub flag: String,
    pub at: Micros,
    /// The log's own name.
    pub stream: String,
    pub partition: Option<i32>,
    /// Progress before and after.
    pub was: Option<i64>,
    pub now: Option<i64>,
    pub reason: String,
}

/// Where each partition goes on.
pub fn start(s: &Start<'_>, at: Micros) -> Result<Started, BadStart> {
    let mut stream = name_of(s.properties, s.stream);
    let table = offsets(s.properties, &stream)?;
    let mut accepted = Vec::new();
    let mut accept = |given: bool, flag: &str, error: BadStart, spot: Option<(i32, i64, i64)>| {
        if !given {
            return Err(error);
        }
        let (flag, reason) = (flag.to_owned(), error.to_string());
        let (partition, was, now) = (spot.map(|s| s.0), spot.map(|s| s.1), spot.map(|s| s.2));
        accepted.push(Accepted { flag, at, stream: s.stream.to_owned(), partition, was, now, reason });
        Ok(())
    };
    let (gap, new) = ("--accept-gap", "--new-stream");
    if table.is_empty()
        && let Some(error) = another(s)
    {
        accept(s.new_stream, new, error, None)?;
    }
    if let (Some(said), Some(property)) = (s.recorded, s.properties.get(&key(&stream)))
        && said != property
    {
        let error = BadStart::RolledBack { property: property.clone(), summary: said.into() };
        accept(s.new_stream, new, error, None)?;
    }
    let mut from = Offsets::new();
    for (&partition, held) in s.log {
        let (start, end) = (held.start, held.end);
        // A fresh stream begins at 0 wherever its log begins now; what retention took before is a gap.
        let landed = table.get(&partition).copied();
        let stands = landed.unwrap_or(0);
        if stands > end {
            accept(
                s.new_stream,
                new,
                BadStart::BeyondEnd { partition, landed: stands, end },
                Some((partition, stands, end)),
            )?;
            // Its offsets will come again with other messages: they must not count under the same name.
            stream = again(&stream);
        } else if stands < start {
            let error = BadStart::Gap { partition, landed: stands, start };
            accept(s.accept_gap, gap, error, Some((partition, stands, start)))?;
        }
        from.insert(partition, stands.clamp(start, end));
    }
    Ok(Started { stream, from, accepted })
}

/// The log is not the one that the table was filled from: which of the ways that can be.
fn another(s: &Start<'_>) -> Option<BadStart> {
    let mut known: Vec<&str> = streams(s.properties).filter(|known| !known.starts_with(FILE_STREAM)).collect();
    known.sort_unstable();
    let newest = known.last()?;
    // Kafka's streams are <cluster>/<topic>.
    Some(match (s.stream.split_once('/'), known.iter().rev().find_map(|known| known.split_once('/'))) {
        (Some((cluster, topic)), Some((same, other))) if cluster == same => {
            BadStart::TopicMadeAgain { was: other.into(), is: topic.into() }
        }
        (Some((cluster, _)), Some((other, _))) => BadStart::OtherCluster { was: other.into(), is: cluster.into() },
        _ => {
            let known = if known.len() == 1 { (*newest).to_owned() } else { known.join(", ") };
            BadStart::UnknownStream { stream: s.stream.into(), known }
        }
    })
}

/// The next name of a stream whose offsets begin again.
fn again(stream: &str) -> String {
    match stream.rsplit_once('~').and_then(|(name, n)| Some((name, n.parse::<u32>().ok()?))) {
        Some((name, n)) => format!("{name}~{}", n + 1),
        None => format!("{stream}~2"),
    }
}

/// The properties that say what was accepted and where this stream goes on; empty where nothing was.
pub fn record(s: &Start<'_>, started: &Started) -> Result<Vec<(String, String)>, Refused> {
    if started.accepted.is_empty() {
        return Ok(Vec::new());
    }
    let mut all: Vec<Accepted> = match s.properties.get(ACCEPTED) {
        Some(value) => serde_json::from_str(value)
            .map_err(|_| Refused::Unreadable { key: ACCEPTED.into(), value: value.clone() })?,
        None => Vec::new(),
    };
    all.extend(started.accepted.iter().cloned());
    // Under a new name too: other landers of the stream go on where they are.
    let mut progress = offsets(s.properties, &name_of(s.properties, s.stream))?;
    progress.extend(&started.from);
    let all = serde_json::to_string(&all).expect("texts and integers serialise");
    let mut properties = vec![(ACCEPTED.to_owned(), all)];
    properties.push(landing::property(&started.stream, &progress));
    if started.stream != s.stream {
        properties.push(landing::naming(s.stream, &started.stream));
    }
    let gap = |a: &Accepted| Some((a.partition?, a.now?.checked_sub(a.was?)?));
    let holes: Offsets = started.accepted.iter().filter_map(gap).filter(|(_, lost)| *lost > 0).collect();
    properties.extend(landing::holes_property(s.properties, &started.stream, &holes)?);
    Ok(properties)
}

#[cfg(test)]
mod tests;
