//! The feed `replay`: recorded OpenSky answers played again, at their own pace, faster, or as fast as they are taken.

pub mod recording;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use contrail_types::Micros;
use tokio::sync::{mpsc, watch};

use crate::feed::config::ReplayConfig;
use crate::feed::desk::{Carried, Desk, off_thread};
use crate::feed::{Answer, Cause, Context, Feed, FeedHealth, FetchError, Kind, OpenError};
use crate::wire::{Stamp, opensky};
use recording::{Line, Recording};

/// Lines read ahead.
const AHEAD: usize = 2;

pub struct ReplayFeed {
    desk: Desk,
    path: PathBuf,
    lines: mpsc::Receiver<std::io::Result<Line>>,
    /// The line whose turn is next; kept until its answer has been handed over.
    line: Option<Line>,
    pace: Pace,
    ended: bool,
}

/// When the next line is due: a fixed time after the last, or as far from the first as it was recorded.
struct Pace {
    interval: Option<Duration>,
    speed: f64,
    /// The first line's own time, and when it was played.
    start: Option<(Micros, Micros)>,
    last: Option<Micros>,
}

impl Pace {
    fn due(&self, time: Option<Micros>, now: Micros) -> Micros {
        match (self.interval, self.last, self.start) {
            (Some(interval), Some(last), _) => last.saturating_add(interval.as_micros() as Micros),
            (None, _, Some((first, played))) if self.speed > 0.0 => {
                let after = time.map_or(0.0, |time| time.saturating_sub(first) as f64 / self.speed);
                played.saturating_add(after as Micros)
            }
            _ => now,
        }
    }

    fn played(&mut self, time: Option<Micros>, now: Micros) {
        self.last = Some(now);
        if let (None, Some(time)) = (self.start, time) {
            self.start = Some((time, now));
        }
    }
}

impl ReplayFeed {
    /// Goes on behind `position`, the number of lines that have been played.
    pub fn open(
        name: &str,
        config: &ReplayConfig,
        context: Context,
        position: Option<String>,
    ) -> Result<Self, OpenError> {
        let key = |key, reason: &str| OpenError::Key { feed: name.into(), key, reason: reason.into() };
        if !config.speed.is_finite() || config.speed < 0.0 {
            return Err(key("speed", "must be a number from 0 (as fast as possible) up"));
        }
        if config.path.as_os_str().is_empty() {
            return Err(key("path", "is missing: give the file of recorded answers"));
        }
        let played = match position {
            None => 0,
            Some(position) => {
                position.parse().map_err(|_| OpenError::Position { feed: name.into(), position: position.clone() })?
            }
        };
        let file = |source| OpenError::File { feed: name.into(), key: "path", path: config.path.clone(), source };
        let recording = Recording::open(&config.path).map_err(file)?;
        let desk = Desk::new(name, Kind::Replay, context);
        desk.tell(|health| {
            health.interval = config.interval;
            health.message = format!("plays {} from line {}", config.path.display(), played + 1);
        });
        Ok(Self {
            desk,
            path: config.path.clone(),
            lines: read_ahead(recording, played),
            line: None,
            pace: Pace { interval: config.interval, speed: config.speed, start: None, last: None },
            ended: false,
        })
    }

    /// The next line, read if need be; `None` at the end of the recording.
    async fn line(&mut self) -> Result<Option<&Line>, FetchError> {
        if self.line.is_none() && !self.ended {
            match self.lines.recv().await {
                Some(Ok(line)) => self.line = Some(line),
                end => {
                    self.ended = true;
                    if let Some(Err(source)) = end {
                        let cause = Cause::Unreadable { path: self.path.clone(), source };
                        let asked = self.desk.ask();
                        return Err(self.desk.failed(asked, Carried::default(), cause, None));
                    }
                    self.desk.ended();
                }
            }
        }
        Ok(self.line.as_ref())
    }
}

#[async_trait]
impl Feed for ReplayFeed {
    fn name(&self) -> &str {
        self.desk.name()
    }

    async fn next(&mut self) -> Result<Option<Answer>, FetchError> {
        let Some(line) = self.line().await?.cloned() else { return Ok(None) };
        let time = opensky::time_of(&line.body);
        let due = self.pace.due(time, self.desk.context().now());
        self.desk.tell(|health| health.next_fetch_at = Some(due));
        self.desk.wait_until(due).await;
        let asked = self.desk.ask();
        let (feed, fetched_at) = (self.desk.name().to_owned(), self.desk.context().stamp());
        let body = line.body.clone();
        let parsed =
            off_thread(move || opensky::parse(&body, &Stamp { feed: &feed, fetch_id: asked.fetch_id, fetched_at }));
        let parsed = parsed.await;
        // Nothing below waits: the line is taken and handed over in one go.
        self.line = None;
        self.pace.played(time, self.desk.context().now());
        let carried = Carried { bytes: line.body.len() as u64, ..Carried::default() };
        let position = Some(line.number.to_string());
        match parsed {
            Ok(parsed) => Ok(Some(Answer { position, ..self.desk.answered(asked, fetched_at, carried, parsed) })),
            Err(source) => {
                let target = format!("line {} of {}", line.number, self.path.display());
                let cause = Cause::BadAnswer { target, source };
                let error = self.desk.failed(asked, carried, cause, Some(self.desk.context().now()));
                Err(FetchError { position, ..error })
            }
        }
    }

    fn watch(&self) -> watch::Receiver<FeedHealth> {
        self.desk.watch()
    }
}

/// Reads and unpacks on a thread of its own, which ends with the receiver.
fn read_ahead(mut recording: Recording, played: u64) -> mpsc::Receiver<std::io::Result<Line>> {
    let (send, receive) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        loop {
            let line = match recording.next() {
                None => return,
                Some(Ok(line)) if line.number <= played => continue,
                Some(line) => line,
            };
            let failed = line.is_err();
            if send.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    receive
}

#[cfg(test)]
mod tests;
