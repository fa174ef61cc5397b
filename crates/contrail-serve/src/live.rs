//! The live sky in memory: fed with rows and with news of the feeds, read by the map.
//!
//! [`LiveSky`] is the one handle; it is cheap to clone. Reading order: [`sky`] folds rows, [`frame`] makes what the
//! browser draws, [`events`] announces it. Folding and publishing take milliseconds of CPU and belong off the async
//! threads; [`LiveSky::update`] does that.

pub mod events;
pub mod frame;
pub mod identity;
#[cfg(test)]
mod measure;
mod rows;
pub mod sky;
#[cfg(test)]
pub(crate) mod testing;
mod time;
pub mod trail;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::RecordBatch;
use contrail_kit::{Class, Classified, Clock};
use contrail_types::{Icao24, Micros};
use tokio::sync::watch;

use crate::api::{Announcement, Credits, FeedState, Identities, IdentityColumns, SkyStatus, Time, Trails};
use frame::Frame;
pub use identity::{Identify, Identity, Unknown};
use sky::Sky;
pub use sky::StateFilter;

/// How many frames stay fetchable.
const FRAMES_KEPT: usize = 5;

#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("a batch of states has no column {name} of type {expected}")]
    Column { name: &'static str, expected: &'static str },
    #[error("the live sky could not be worked on: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl Classified for LiveError {
    fn class(&self) -> Class {
        Class::INTERNAL
    }
}

/// What the node knows about its feeds and its lake and the map shows beside the sky.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pulse {
    pub demo: bool,
    /// The feeds' state; lateness is also noticed here, from `interval_s`.
    pub state: FeedState,
    /// One sentence for people, when something is wrong.
    pub message: Option<String>,
    pub next_fetch_at: Option<Micros>,
    pub interval_s: Option<f64>,
    pub credits: Option<Credits>,
    pub landed_at: Option<Micros>,
    pub lag_rows: Option<i64>,
}

/// What one update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Rows that were newer than what was known.
    pub changed: usize,
    /// Rows whose `last_contact` is missing or lies outside `answer_time` - 24 h .. + 60 s.
    pub skipped: usize,
}

/// The live sky, shared between who feeds it and who serves it.
#[derive(Clone)]
pub struct LiveSky(Arc<Inner>);

struct Inner {
    boot_id: String,
    clock: Clock,
    identify: Arc<dyn Identify>,
    sky: Mutex<Sky>,
    /// The number of the last frame; held while the next one is made.
    seq: Mutex<u32>,
    frames: Mutex<VecDeque<Arc<Frame>>>,
    pulse: Mutex<Pulse>,
    beat: watch::Sender<Beat>,
}

/// What listeners wait for: counts up with every frame and with every change of state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    pub frame: u32,
    pub status: u32,
}

impl LiveSky {
    /// `boot_id` names this start of the process and becomes part of every frame's id (letters and digits).
    pub fn new(boot_id: impl Into<String>, clock: Clock, identify: Arc<dyn Identify>) -> Self {
        Self(Arc::new(Inner {
            boot_id: boot_id.into(),
            sky: Mutex::new(Sky::new(clock.now())),
            clock,
            identify,
            seq: Mutex::default(),
            frames: Mutex::default(),
            pulse: Mutex::default(),
            beat: watch::channel(Beat::default()).0,
        }))
    }

    pub fn boot_id(&self) -> &str {
        &self.0.boot_id
    }

    /// Folds batches in the schema of [`contrail_types::state`] (log columns may follow) and publishes a frame, off the
    /// async threads. One call for all that is there: a frame is made for the whole of it.
    pub async fn update(&self, batches: Vec<RecordBatch>) -> Result<Folded, LiveError> {
        let live = self.clone();
        tokio::task::spawn_blocking(move || {
            let mut total = Folded::default();
            for batch in &batches {
                let folded = live.fold(batch)?;
                total.changed += folded.changed;
                total.skipped += folded.skipped;
            }
            live.publish();
            Ok(total)
        })
        .await?
    }

    /// Folds one batch without publishing. CPU-bound.
    pub fn fold(&self, batch: &RecordBatch) -> Result<Folded, LiveError> {
        let rows = rows::Rows::of(batch)?;
        Ok(self.sky().fold(&rows, self.0.identify.as_ref()))
    }

    /// Makes a frame of the sky as it is now and announces it; `None` while there has been no row at all. CPU-bound.
    pub fn publish(&self) -> Option<Arc<Frame>> {
        let mut seq = self.0.seq.lock().unwrap_or_else(|e| e.into_inner());
        let next = seq.wrapping_add(1);
        let demo = self.pulse().demo;
        let picture = self.sky().picture(self.0.clock.now())?;
        let frame = Arc::new(Frame::new(&self.0.boot_id, next, demo, picture));
        *seq = next;
        let mut frames = self.frames();
        frames.push_back(frame.clone());
        if frames.len() > FRAMES_KEPT {
            frames.pop_front();
        }
        drop(frames);
        self.0.beat.send_modify(|b| b.frame = b.frame.wrapping_add(1));
        Some(frame)
    }

    /// Takes news of feeds and lake; listeners hear of it at once when the state or the message changes.
    pub fn note(&self, pulse: Pulse) {
        let old = std::mem::replace(&mut *self.pulse(), pulse.clone());
        if (&old.state, &old.message, old.demo) != (&pulse.state, &pulse.message, pulse.demo) {
            self.0.beat.send_modify(|b| b.status = b.status.wrapping_add(1));
        }
    }

    /// What an event says now; without `url`.
    pub fn announcement(&self) -> Announcement {
        let (now, pulse, frame) = (self.0.clock.now(), self.pulse().clone(), self.latest());
        let mut sky = self.sky();
        let fetched_at = sky.fetch().map(|f| f.0);
        Announcement {
            frame: frame.as_ref().map_or(0, |f| f.seq),
            url: None,
            aircraft: frame.as_ref().map_or(0, |f| f.aircraft as u64),
            answer_time: sky.fetch().map(|f| Time(f.1)),
            fetched_at: fetched_at.map(Time),
            sky_time: Time(sky.now(now).unwrap_or(now)),
            server_time: Time(now),
            next_fetch_at: pulse.next_fetch_at.map(Time),
            interval_s: pulse.interval_s,
            identity: sky.revision(),
            credits: pulse.credits,
            demo: pulse.demo,
            state: late(pulse.state, pulse.interval_s, fetched_at, now),
            message: pulse.message,
            estimated: frame.as_ref().map_or(0, |f| f.estimated as u64),
            landed_at: pulse.landed_at.map(Time),
            lag_rows: pulse.lag_rows,
        }
    }

    /// The latest frame.
    pub fn latest(&self) -> Option<Arc<Frame>> {
        self.frames().back().cloned()
    }

    /// A frame by id, while it is kept.
    pub fn frame(&self, id: &str) -> Option<Arc<Frame>> {
        self.frames().iter().find(|f| f.id == id).cloned()
    }

    /// Who changed after revision `since`; all of them when that revision is unknown here. CPU-bound.
    pub fn identities(&self, since: Option<u64>) -> Identities {
        self.sky().identities(&self.0.boot_id, since)
    }

    /// Where these aircraft were within the last `minutes`.
    pub fn trails(&self, aircraft: &[Icao24], minutes: u32) -> Trails {
        self.sky().trails(aircraft, minutes, self.0.clock.now())
    }

    /// The latest state of every aircraft still in the frame that passes `filter`, ordered by icao24, in the schema of
    /// [`contrail_types::state`] (`sensors` is null). CPU-bound.
    pub fn states(&self, filter: &StateFilter) -> RecordBatch {
        self.sky().states(filter, self.0.clock.now())
    }

    /// The latest state of one aircraft, as [`LiveSky::states`] has it, while it is remembered, and who it is.
    pub fn aircraft(&self, icao24: Icao24) -> Option<(RecordBatch, IdentityColumns)> {
        self.sky().one(icao24)
    }

    /// Rows folded since the start.
    pub fn rows_seen(&self) -> u64 {
        self.sky().rows_seen()
    }

    pub fn sky_time(&self) -> Option<Micros> {
        self.sky().now(self.0.clock.now())
    }

    /// The sky's part of the node's status.
    pub fn status(&self) -> SkyStatus {
        let a = self.announcement();
        SkyStatus {
            aircraft: a.aircraft,
            answer_time: a.answer_time,
            fetched_at: a.fetched_at,
            frame: Some(a.frame).filter(|&f| f > 0),
        }
    }

    /// Wakes with every frame and every change of state; a slow listener misses what it did not come for.
    pub fn listen(&self) -> watch::Receiver<Beat> {
        self.0.beat.subscribe()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn sky(&self) -> MutexGuard<'_, Sky> {
        self.0.sky.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn frames(&self) -> MutexGuard<'_, VecDeque<Arc<Frame>>> {
        self.0.frames.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.0.pulse.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// A sky that says it is well is late once more than two intervals have passed without an answer.
fn late(state: FeedState, interval_s: Option<f64>, fetched_at: Option<Micros>, now: Micros) -> FeedState {
    let (FeedState::Ok, Some(interval), Some(fetched_at)) = (state, interval_s, fetched_at) else { return state };
    let overdue = (now - fetched_at) as f64 / 1e6 > 2.0 * interval + 2.0;
    if overdue { FeedState::Late } else { FeedState::Ok }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_a_matter_of_two_intervals() {
        let second = 1_000_000;
        for (state, interval, age, expected) in [
            (FeedState::Ok, Some(10.0), 21, FeedState::Ok),
            (FeedState::Ok, Some(10.0), 23, FeedState::Late),
            (FeedState::Failed, Some(10.0), 500, FeedState::Failed),
            (FeedState::Ok, None, 500, FeedState::Ok),
        ] {
            assert_eq!(late(state, interval, Some(0), age * second), expected, "{state:?} {interval:?} {age}");
        }
    }
}
