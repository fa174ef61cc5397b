//! What the roles of this process report of themselves while they run; `status`, metrics and the UI read it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contrail_source::FeedHealth;
use contrail_types::Micros;
use contrail_types::time::SECOND;
use serde::Serialize;
use tokio::sync::watch;

/// How a fill-in of history is coming along.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Backfill {
    pub label: String,
    pub done: u64,
    pub total: u64,
    pub running: bool,
}

/// One feed: its health as it reports it, and what holds up its answers.
#[derive(Clone)]
pub struct FeedPulse {
    pub health: watch::Receiver<FeedHealth>,
    /// Why nothing is fetched although it would be time, such as a full log.
    pub held_up: Option<String>,
    /// Fetches that were due while it was held up.
    pub missed: u64,
}

/// What the lander has done since the process started.
#[derive(Clone, Debug, Default)]
pub struct LandPulse {
    pub resumed_from: Option<String>,
    pub landed_at: Option<Micros>,
    pub landed_rows: u64,
    pub dead_letters: u64,
    pub commits: u64,
    /// Batches dropped because the table was ahead of them.
    pub dropped_batches: u64,
    pub next_offset: BTreeMap<i32, i64>,
}

/// What the builder has done since the process started.
#[derive(Clone, Debug, Default)]
pub struct BuildPulse {
    pub built_at: Option<Micros>,
    pub published_at: Option<Micros>,
    pub rows: u64,
    pub builds: u64,
    pub held_hours: Vec<Micros>,
    pub last_error: Option<String>,
    pub took_ms: u64,
}

/// What upkeep has done since the process started.
#[derive(Clone, Debug, Default)]
pub struct MaintainPulse {
    pub rounds: u64,
    pub round_at: Option<Micros>,
    /// Table and partition, while files are rewritten.
    pub working_on: Option<String>,
    /// Pieces of work done.
    pub runs: u64,
    pub files_removed: u64,
    pub bytes_saved: u64,
    pub last_error: Option<String>,
}

#[derive(Clone, Default)]
pub struct Beats {
    pub feeds: BTreeMap<String, FeedPulse>,
    pub land: LandPulse,
    pub build: BuildPulse,
    pub maintain: MaintainPulse,
    pub backfill: Option<Backfill>,
    rates: BTreeMap<&'static str, Rate>,
}

/// Shared by the roles of one process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Mutex<Beats>>);

impl Pulse {
    pub fn read(&self) -> Beats {
        self.0.lock().unwrap().clone()
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut Beats) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// Says what holds a feed's answers up.
    pub fn held_up(&self, feed: &str, why: String) {
        self.with(|beats| {
            if let Some(feed) = beats.feeds.get_mut(feed) {
                feed.held_up = Some(why);
            }
        });
    }

    /// Says that a feed's answer was taken after `wait`; what was not fetched meanwhile is counted.
    pub fn taken(&self, name: &str, wait: Duration) {
        self.with(|beats| {
            let Some(feed) = beats.feeds.get_mut(name) else { return };
            if feed.held_up.take().is_none() {
                return;
            }
            let interval = feed.health.borrow().interval.unwrap_or(wait).max(Duration::from_millis(1));
            let missed = (wait.as_secs_f64() / interval.as_secs_f64()) as u64;
            feed.missed += missed;
            tracing::warn!(feed = name, missed, waited = ?wait, "answers are taken again; fetches were missed meanwhile");
        });
    }

    /// Counts rows that a role has moved at `now`.
    pub fn count(&self, role: &'static str, rows: u64, now: Micros) {
        self.with(|beats| beats.rates.entry(role).or_default().add(rows, now));
    }
}

impl Beats {
    /// Rows a second of a role over the last minute.
    pub fn rate(&self, role: &str, now: Micros) -> f64 {
        self.rates.get(role).map_or(0.0, |rate| rate.per_second(now))
    }
}

/// A sliding minute in slots of five seconds.
#[derive(Clone, Debug, Default)]
struct Rate {
    slots: BTreeMap<i64, u64>,
}

const SLOT: Micros = 5 * SECOND;
const SLOTS: i64 = 12;

impl Rate {
    fn add(&mut self, rows: u64, now: Micros) {
        let slot = now / SLOT;
        *self.slots.entry(slot).or_default() += rows;
        self.slots.retain(|s, _| *s > slot - SLOTS);
    }

    fn per_second(&self, now: Micros) -> f64 {
        let first = now / SLOT - SLOTS;
        let rows: u64 = self.slots.range(first + 1..).map(|(_, n)| n).sum();
        rows as f64 / (SLOTS * SLOT / SECOND) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_covers_the_last_minute() {
        let pulse = Pulse::default();
        for second in 0..120 {
            pulse.count("land", 100, second * SECOND);
        }
        let now = 119 * SECOND;
        assert_eq!(pulse.read().rate("land", now), 100.0);
        assert_eq!(pulse.read().rate("land", now + 300 * SECOND), 0.0);
        assert_eq!(pulse.read().rate("build", now), 0.0);
    }
}
