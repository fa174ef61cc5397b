//! The stream under observation: where its partitions end, how far they have landed, how fast both move.
//!
//! One task asks the log and the table once a second, and everybody who shows figures reads what it found: a broker
//! that is away makes no page wait, and the last figures stay with the time they are of.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use contrail_kit::Clock;
use contrail_kit::class::chain;
use contrail_lake::LakeTable;
use contrail_log::{Bounds, Log};
use contrail_types::Micros;
use contrail_types::time::{MINUTE, SECOND};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::rules::{Offsets, landing};

/// What was last seen of the stream.
#[derive(Clone, Debug, Default)]
pub struct StreamState {
    /// When the figures were had.
    pub at: Option<Micros>,
    pub bounds: Option<Bounds>,
    /// The name under which offsets count in the table, and the next to land.
    pub name: String,
    pub landed: Offsets,
    /// When rows landed last, whoever the lander was.
    pub landed_at: Option<Micros>,
    /// Since when nothing can be asked, and why.
    pub error: Option<(Micros, String)>,
    /// Ends and landed offsets of the last minute, oldest first.
    seen: VecDeque<(Micros, Offsets, Offsets)>,
}

const EVERY: Duration = Duration::from_secs(1);
/// Samples that rates are made of, and the least time between two of them.
const SPAN: Micros = MINUTE;
const STEP: Micros = 5 * SECOND;

impl StreamState {
    /// Asks once.
    pub async fn look(&mut self, log: &dyn Log, raw: &LakeTable, clock: &Clock) {
        let now = clock.now();
        let bounds = match log.bounds().await {
            Ok(bounds) => bounds,
            Err(error) => {
                let since = self.error.as_ref().map_or(now, |(since, _)| *since);
                self.error = Some((since, chain(&error)));
                return;
            }
        };
        self.error = None;
        match raw.load().await {
            Ok(version) => {
                self.name = landing::name_of(version.properties(), &bounds.stream);
                let landed = landing::offsets(version.properties(), &self.name).unwrap_or_default();
                if landed != self.landed {
                    self.landed_at = Some(version.updated_at());
                }
                self.landed = landed;
            }
            Err(error) => self.error = Some((now, chain(&error))),
        }
        if self.bounds.as_ref().is_some_and(|before| before.stream != bounds.stream) {
            self.seen.clear();
        }
        if self.seen.back().is_none_or(|(at, ..)| now - at >= STEP) {
            self.seen.push_back((now, bounds.ends(), self.landed.clone()));
        }
        while self.seen.front().is_some_and(|(at, ..)| now - at > SPAN + STEP) {
            self.seen.pop_front();
        }
        self.at = Some(now);
        self.bounds = Some(bounds);
    }

    /// Messages of a partition that have not landed.
    pub fn lag(&self, partition: i32) -> i64 {
        let Some(held) = self.bounds.as_ref().and_then(|bounds| bounds.partitions.get(&partition)) else { return 0 };
        held.end - self.landed.get(&partition).copied().unwrap_or(held.start).max(held.start)
    }

    pub fn lag_of_all(&self) -> i64 {
        let partitions = self.bounds.iter().flat_map(|bounds| bounds.partitions.keys());
        partitions.map(|partition| self.lag(*partition)).sum()
    }

    /// Messages a second that came to a partition, and that landed from it, over the last minute.
    pub fn rates(&self, partition: i32) -> (f64, f64) {
        let (Some((from, ends, landed)), Some(to), Some(bounds)) = (self.seen.front(), self.at, &self.bounds) else {
            return (0.0, 0.0);
        };
        let seconds = (to - from) as f64 / SECOND as f64;
        if seconds < 1.0 {
            return (0.0, 0.0);
        }
        let Some(held) = bounds.partitions.get(&partition) else { return (0.0, 0.0) };
        // Before the first landing nothing had landed of what there was.
        let at = |offsets: &Offsets| offsets.get(&partition).copied().unwrap_or(held.start);
        let since = |now: i64, then: &Offsets| (now - at(then)).max(0) as f64 / seconds;
        (since(held.end, ends), since(at(&self.landed), landed))
    }
}

/// Looks once a second until `stop`.
pub async fn observe(
    log: Arc<dyn Log>,
    raw: LakeTable,
    clock: Clock,
    state: watch::Sender<StreamState>,
    stop: CancellationToken,
) {
    let mut seen = StreamState::default();
    while !stop.is_cancelled() {
        tokio::select! {
            () = seen.look(log.as_ref(), &raw, &clock) => {}
            () = stop.cancelled() => break,
        }
        state.send_replace(seen.clone());
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_lag_follow_from_what_was_seen() {
        let bounds =
            |end: i64| Bounds { stream: "s".into(), partitions: [(0, 10..end)].into(), bytes: None, limit: None };
        let mut state = StreamState { bounds: Some(bounds(310)), at: Some(30 * SECOND), ..StreamState::default() };
        assert_eq!((state.lag(0), state.lag(7), state.rates(0)), (300, 0, (0.0, 0.0)));
        state.landed = [(0, 190)].into();
        state.seen.push_back((0, [(0, 10)].into(), [(0, 10)].into()));
        assert_eq!((state.lag_of_all(), state.rates(0)), (120, (10.0, 6.0)));
    }
}
