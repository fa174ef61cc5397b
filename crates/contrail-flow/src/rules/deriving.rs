//! Tables made from other tables: what is new, which hours it touches, when a commit may land, who wins a key.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use contrail_types::Micros;
use contrail_types::time::{DAY, HOUR, MINUTE, hour_of};

use super::Properties;

const BUILT: &str = "contrail.built.";
const HELD: &str = "contrail.held";
const EPOCH: &str = "contrail.epoch";

/// What a derived table says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// By input table: the sequence number that this table covers.
    pub built: BTreeMap<String, i64>,
    /// Hours (their first microsecond) kept back by a failed check; they stay dirty.
    pub held: BTreeSet<Micros>,
    /// Counts overwrites.
    pub epoch: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Moved {
    #[error("{0} changed since it was read: somebody else has built this table")]
    Progress(&'static str),
    #[error("the hour {0} has changed since it was read")]
    Hour(Micros),
    #[error("the property {key} is {value:?}, which cannot be read")]
    Unreadable { key: String, value: String },
}

impl Progress {
    pub fn read(properties: &Properties) -> Result<Self, Moved> {
        let bad = |key: &str, value: &str| Moved::Unreadable { key: key.into(), value: value.into() };
        let mut progress = Self::default();
        for (key, value) in properties {
            if let Some(input) = key.strip_prefix(BUILT) {
                progress.built.insert(input.into(), value.parse().map_err(|_| bad(key, value))?);
            } else if key == HELD {
                progress.held = serde_json::from_str(value).map_err(|_| bad(key, value))?;
            } else if key == EPOCH {
                progress.epoch = value.parse().map_err(|_| bad(key, value))?;
            }
        }
        Ok(progress)
    }

    /// The properties that say this; always all of them, so that a commit leaves nothing of an older state behind.
    pub fn properties(&self) -> Vec<(String, String)> {
        let mut out: Vec<_> = self.built.iter().map(|(k, v)| (format!("{BUILT}{k}"), v.to_string())).collect();
        out.push((HELD.into(), serde_json::to_string(&self.held).expect("integers serialise")));
        out.push((EPOCH.into(), self.epoch.to_string()));
        out
    }

    /// How far `input` is consumed; 0 when never.
    pub fn covers(&self, input: &str) -> i64 {
        self.built.get(input).copied().unwrap_or(0)
    }
}

/// The fence of a running build: nothing of the table's own record may have moved.
pub fn fence(seen: &Progress, now: &Progress) -> Result<(), Moved> {
    match (seen.built == now.built, seen.held == now.held, seen.epoch == now.epoch) {
        (true, true, true) => Ok(()),
        (false, ..) => Err(Moved::Progress("contrail.built")),
        (_, false, _) => Err(Moved::Progress(HELD)),
        _ => Err(Moved::Progress(EPOCH)),
    }
}

/// The fence of a manual build of `hours`: epoch, held, and its own hours; on `built` only where an hour is held, so
/// that a running builder cannot starve it. `newest` gives the largest data sequence number live in an hour now,
/// `read_at` the sequence number of the table as it was read.
pub fn manual_fence(
    seen: &Progress,
    now: &Progress,
    hours: &BTreeSet<Micros>,
    read_at: i64,
    newest: impl Fn(Micros) -> i64,
) -> Result<(), Moved> {
    if seen.epoch != now.epoch {
        return Err(Moved::Progress(EPOCH));
    }
    if seen.held != now.held {
        return Err(Moved::Progress(HELD));
    }
    if seen.built != now.built && hours.iter().any(|h| seen.held.contains(h)) {
        return Err(Moved::Progress("contrail.built"));
    }
    match hours.iter().find(|h| newest(**h) > read_at) {
        Some(hour) => Err(Moved::Hour(*hour)),
        None => Ok(()),
    }
}

/// An input that is older than what its consumer covers was loaded too early: load it again.
pub fn is_stale(covers: i64, input_sequence: i64) -> bool {
    input_sequence < covers
}

/// The instants that a raw row of answers between `answers` may be about; everything else never enters `states`.
pub fn plausible(answers: RangeInclusive<Micros>) -> RangeInclusive<Micros> {
    answers.start() - DAY..=answers.end() + MINUTE
}

/// The hours that rows with `contacts` in them may touch, clipped to what their answers make plausible.
pub fn touched_hours(contacts: RangeInclusive<Micros>, answers: RangeInclusive<Micros>) -> BTreeSet<Micros> {
    let clip = plausible(answers);
    let (first, last) = (hour_of(*contacts.start().max(clip.start())), hour_of(*contacts.end().min(clip.end())));
    (0..).map(|n| first + n * HOUR).take_while(|h| *h <= last).collect()
}

/// The hours of raw answers that may hold a row of `hour`.
pub fn raw_hours_of(hour: Micros) -> RangeInclusive<Micros> {
    hour_of(hour - MINUTE)..=hour_of(hour + HOUR - 1 + DAY)
}

/// The order among rows of one key: the least wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order<S = u32> {
    pub fetched_at: Micros,
    /// The stream, in the order of its text.
    pub stream: S,
    pub partition: i32,
    pub offset: i64,
}

/// What happens to an incoming row whose key may be kept already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    Append,
    /// The kept row wins (or it is the same row, read again).
    Drop,
    /// It beats the kept row: the hour is rewritten.
    Beats,
}

pub fn incoming<S: Ord>(row: &Order<S>, kept: Option<&Order<S>>) -> Incoming {
    match kept {
        None => Incoming::Append,
        Some(kept) if row < kept => Incoming::Beats,
        Some(_) => Incoming::Drop,
    }
}

/// How a fold that lives in memory follows its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// The input's newest snapshot is the fold's own last one: nothing to do.
    Current,
    /// Add the rows that were just appended.
    Merge,
    /// Compute the touched hours again.
    Recompute,
}

/// A commit on the input, as the builder that made it knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub parent: Option<i64>,
    pub snapshot: i64,
    /// Whether it overwrote anything; its added rows are then no delta.
    pub overwrote: bool,
}

/// `at` is the input snapshot that the fold covers, `now` the input's current one; `fold_moved` when the fold's own
/// table is no longer this builder's last commit.
pub fn follow(at: Option<i64>, now: Option<i64>, own: Option<&Appended>, fold_moved: bool) -> Follow {
    if fold_moved {
        return Follow::Recompute;
    }
    if at == now {
        return Follow::Current;
    }
    match own {
        Some(own) if !own.overwrote && own.parent == at && Some(own.snapshot) == now => Follow::Merge,
        _ => Follow::Recompute,
    }
}

/// Whether a rebuild on command of `hour` may read an input that is complete from `horizon` on; `lag` is how far before
/// the hour its rows may lie (a minute for raw, whose answers run that far behind their rows).
pub fn before_horizon(hour: Micros, lag: Micros, horizon: Option<Micros>) -> bool {
    horizon.is_some_and(|horizon| hour - lag < horizon)
}

#[cfg(test)]
mod tests;
