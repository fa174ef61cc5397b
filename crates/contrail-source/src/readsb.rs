//! The feed `readsb`: a receiver's `aircraft.json`, over HTTP or from a file.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use contrail_kit::Backoff;
use contrail_types::Micros;
use reqwest::{Client, Url};
use tokio::sync::watch;

use crate::feed::config::ReadsbConfig;
use crate::feed::desk::{Asked, Carried, Desk, Turns, off_thread};
use crate::feed::{Answer, Cause, Context, Feed, FeedHealth, FetchError, Kind, OpenError};
use crate::http;
use crate::wire::{Parsed, Stamp, readsb};

/// Asked of a file and of a server: receivers write every second.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));
/// A receiver writes every second or so; one that has not for this long is worth a warning.
const SILENT: Micros = 30_000_000;
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

enum Place {
    Web { client: Client, url: Url, target: String },
    File(PathBuf),
}

pub struct ReadsbFeed {
    desk: Desk,
    place: Place,
    turns: Turns,
    timeout: Duration,
    failures: u32,
    /// The receiver's time in the last answer, and when it was first seen.
    written: Option<(Micros, Micros)>,
}

impl ReadsbFeed {
    pub fn open(name: &str, config: &ReadsbConfig, context: Context) -> Result<Self, OpenError> {
        let key = |key, reason: &str| OpenError::Key { feed: name.into(), key, reason: reason.into() };
        if config.url.is_empty() {
            return Err(key("url", "is missing: give the address or the path of the receiver's aircraft.json"));
        }
        let web = config.url.starts_with("http://") || config.url.starts_with("https://");
        let interval = config.interval.unwrap_or(if web { INTERVALS.1 } else { INTERVALS.0 });
        if interval < Duration::from_millis(100) {
            return Err(key("interval", "must be at least 100ms"));
        }
        let place = if web {
            let url = Url::parse(&config.url).map_err(|error| key("url", &format!("is no address: {error}")))?;
            let client = http::client(&url).map_err(|source| OpenError::Http { feed: name.into(), source })?;
            Place::Web { client, target: http::target(&url), url }
        } else {
            Place::File(config.url.strip_prefix("file://").unwrap_or(&config.url).into())
        };
        let desk = Desk::new(name, Kind::Readsb, context);
        let turns = Turns::every(interval, &desk);
        Ok(Self { desk, place, turns, timeout: config.timeout, failures: 0, written: None })
    }

    async fn fetch(&self, asked: Asked, carried: &mut Carried) -> Result<(Parsed, Micros), Cause> {
        let (body, target) = match &self.place {
            Place::Web { client, url, target } => {
                let reply = http::ask(client.get(url.clone()), target, self.timeout).await?;
                carried.status = Some(reply.status);
                (http::judge(reply, target)?.body, target.clone())
            }
            Place::File(path) => {
                let read = tokio::time::timeout(self.timeout, tokio::fs::read(path)).await;
                let target = path.display().to_string();
                let read = read.map_err(|_| Cause::Timeout { target: target.clone(), limit: self.timeout })?;
                (read.map_err(|source| Cause::Unreadable { path: path.clone(), source })?, target)
            }
        };
        carried.bytes = body.len() as u64;
        let (feed, fetch_id) = (self.desk.name().to_owned(), asked.fetch_id);
        let fetched_at = self.desk.context().stamp();
        let parsed = off_thread(move || {
            readsb::parse(&body, &Stamp { feed: &feed, fetch_id, fetched_at })
                .map_err(|source| Cause::BadAnswer { target, source })
        });
        Ok((parsed.await?, fetched_at))
    }

    /// Whether the receiver has not written since the last answer; notes it, and says so when it lasts.
    fn unchanged(&mut self, parsed: &Parsed, at: Micros) -> bool {
        let Some(now) = parsed.answer_time else { return false };
        let same = self.written.is_some_and(|(last, _)| last == now);
        let since = if same { self.written.map_or(at, |(_, since)| since) } else { at };
        self.written = Some((now, since));
        let silent = at - since;
        self.desk.tell(|health| {
            health.warnings.clear();
            if silent > SILENT {
                health.warnings.push(format!("the receiver has not written for {} s", silent / 1_000_000));
            }
        });
        same
    }
}

#[async_trait]
impl Feed for ReadsbFeed {
    fn name(&self) -> &str {
        self.desk.name()
    }

    async fn next(&mut self) -> Result<Option<Answer>, FetchError> {
        let asked = self.turns.next(&self.desk).await;
        let mut carried = Carried::default();
        match self.fetch(asked, &mut carried).await {
            Ok((mut parsed, at)) => {
                self.failures = 0;
                if self.unchanged(&parsed, at) {
                    parsed = Parsed::empty(parsed.answer_time);
                }
                self.turns.show(&self.desk);
                Ok(Some(self.desk.answered(asked, at, carried, parsed)))
            }
            Err(cause) => {
                self.failures = self.failures.saturating_add(1);
                let again = self.turns.put_off(BACKOFF.wait_spread(self.failures), &self.desk);
                Err(self.desk.failed(asked, carried, cause, Some(again)))
            }
        }
    }

    fn watch(&self) -> watch::Receiver<FeedHealth> {
        self.desk.watch()
    }
}

#[cfg(test)]
mod tests;
