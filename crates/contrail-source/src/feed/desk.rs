//! What every feed does the same way: waiting until it is time, stamping a fetch, keeping the feed's health.

use std::collections::BTreeMap;
use std::time::Duration;

use contrail_kit::class::chain;
use contrail_types::Micros;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::feed::health::{FeedHealth, FeedState};
use crate::feed::{Answer, Cause, Context, FetchError, Kind};
use crate::ledger::{Fetch, Outcome};
use crate::meter;
use crate::wire::Parsed;

/// One question under way.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub fetch_id: Uuid,
    pub asked_at: Micros,
    started: Instant,
}

/// What a transport knows of an answer besides its rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried {
    pub status: Option<u16>,
    pub bytes: u64,
    pub credits_remaining: Option<u64>,
}

/// The desk of one feed.
#[derive(Debug)]
pub struct Desk {
    name: String,
    kind: Kind,
    context: Context,
    health: watch::Sender<FeedHealth>,
}

/// The longest single sleep: after a suspend the monotonic clock has stood still, the wall clock has not.
const NAP: Duration = Duration::from_secs(20);

impl Desk {
    pub fn new(name: &str, kind: Kind, context: Context) -> Self {
        let health = watch::Sender::new(FeedHealth::new(name, kind));
        Self { name: name.into(), kind, context, health }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn watch(&self) -> watch::Receiver<FeedHealth> {
        self.health.subscribe()
    }

    /// Changes the feed's health and tells whoever watches.
    pub fn tell(&self, change: impl FnOnce(&mut FeedHealth)) {
        self.health.send_modify(change);
    }

    /// Sleeps until the clock shows `at`, suspends of the machine included.
    pub async fn wait_until(&self, at: Micros) {
        let left = |now: Micros| Duration::from_micros(at.saturating_sub(now).max(0) as u64);
        let end = Instant::now().checked_add(left(self.context.now()));
        loop {
            let by_wall = left(self.context.now());
            let by_time = end.map_or(NAP, |end| end.saturating_duration_since(Instant::now()));
            if by_wall.is_zero() || by_time.is_zero() {
                return;
            }
            tokio::time::sleep(by_wall.min(by_time).min(NAP)).await;
        }
    }

    pub fn ask(&self) -> Asked {
        Asked { fetch_id: Uuid::now_v7(), asked_at: self.context.stamp(), started: Instant::now() }
    }

    /// Makes the answer and its line of the ledger; `answered_at` is the `fetched_at` of its rows.
    pub fn answered(&self, asked: Asked, answered_at: Micros, carried: Carried, parsed: Parsed) -> Answer {
        let mut fetch = self.line(asked, answered_at);
        fetch.answer_time = parsed.answer_time;
        fetch.status = carried.status;
        fetch.rows = parsed.states.num_rows() as u64;
        fetch.bad_rows = parsed.rejected.len() as u64;
        fetch.bytes = carried.bytes;
        fetch.credits_remaining = carried.credits_remaining;
        meter::fetched(&fetch, &parsed.bad_fields);
        self.tell(|health| {
            health.state = FeedState::Ok;
            health.last_fetch_at = Some(answered_at);
            health.last_answer_time = Some(fetch.answer_time.unwrap_or(answered_at));
            health.status = carried.status;
            health.message = message(&parsed);
            health.error = None;
            health.retry_at = None;
            health.failures = 0;
            health.rows = fetch.rows;
            health.bad_rows += fetch.bad_rows;
            for (name, count) in &parsed.bad_fields {
                *health.bad_fields.entry(name).or_default() += count;
            }
            for (reason, count) in &parsed.left_out {
                *health.left_out.entry(reason).or_default() += count;
            }
        });
        Answer {
            fetch,
            states: parsed.states,
            rejected: parsed.rejected,
            bad_fields: parsed.bad_fields,
            left_out: parsed.left_out,
            position: None,
        }
    }

    /// Makes the error of a fetch that failed; without `retry_at` the feed has ended.
    pub fn failed(&self, asked: Asked, carried: Carried, cause: Cause, retry_at: Option<Micros>) -> FetchError {
        let text = chain(&cause);
        let mut fetch = self.line(asked, self.context.stamp());
        fetch.outcome = cause.outcome();
        fetch.status = carried.status.or(cause.status());
        fetch.bytes = carried.bytes;
        fetch.credits_remaining = carried.credits_remaining;
        fetch.error = Some(text.clone());
        meter::fetched(&fetch, &BTreeMap::new());
        self.tell(|health| {
            health.state = FeedState::Failed;
            health.last_fetch_at = Some(fetch.answered_at);
            health.status = fetch.status;
            health.message = fetch.outcome.as_str().replace('_', " ");
            health.error = Some(text);
            health.retry_at = retry_at;
            health.next_fetch_at = retry_at;
            health.failures += 1;
        });
        FetchError { fetch: Box::new(fetch), retry_at, position: None, cause: Box::new(cause) }
    }

    /// Says that nothing more will come.
    pub fn ended(&self) {
        self.tell(|health| {
            // A feed that ended on an error keeps showing it.
            if health.state != FeedState::Failed {
                health.state = FeedState::Ended;
            }
            health.next_fetch_at = None;
        });
    }

    fn line(&self, asked: Asked, answered_at: Micros) -> Fetch {
        Fetch {
            fetch_id: asked.fetch_id,
            feed: self.name.clone(),
            kind: self.kind,
            asked_at: asked.asked_at,
            answered_at,
            answer_time: None,
            outcome: Outcome::Ok,
            status: None,
            error: None,
            rows: 0,
            bad_rows: 0,
            bytes: 0,
            credits_remaining: None,
            latency: asked.started.elapsed(),
        }
    }
}

fn message(parsed: &Parsed) -> String {
    let mut text = format!("{} states", parsed.states.num_rows());
    let mut add = |count: u64, what: &str| {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    };
    add(parsed.rejected.len() as u64, "rows could not be read");
    add(parsed.bad_fields.values().sum(), "fields could not be read");
    add(parsed.left_out.values().sum(), "rows left out");
    text
}

/// Runs what takes milliseconds of computing away from the async threads; a panic in it goes on here.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and so is whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}

/// When a feed with a fixed interval asks.
pub struct Turns {
    interval: Duration,
    next_at: Micros,
}

impl Turns {
    /// The first turn is now.
    pub fn every(interval: Duration, desk: &Desk) -> Self {
        let turns = Self { interval, next_at: desk.context().now() };
        desk.tell(|health| health.interval = Some(interval));
        turns.show(desk);
        turns
    }

    /// Waits for the next turn and asks; the one after it is an interval later.
    pub async fn next(&mut self, desk: &Desk) -> Asked {
        desk.wait_until(self.next_at).await;
        let asked = desk.ask();
        self.next_at = after(desk.context().now(), self.interval);
        asked
    }

    /// Says in the feed's health when the next turn is. A turn that has passed while the last one was busy is now.
    pub fn show(&self, desk: &Desk) {
        let next_at = self.next_at.max(desk.context().now());
        desk.tell(|health| health.next_fetch_at = Some(next_at));
    }

    /// The next turn is `wait` from now; returns when that is.
    pub fn put_off(&mut self, wait: Duration, desk: &Desk) -> Micros {
        self.next_at = after(desk.context().now(), wait);
        self.next_at
    }
}

fn after(from: Micros, wait: Duration) -> Micros {
    from.saturating_add(wait.as_micros() as Micros)
}
