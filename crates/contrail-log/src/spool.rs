//! The spool: messages wait in a log on disk until another log takes them, in order, each once.
//!
//! How far it has come stands in the spool itself: a mark says up to where all is delivered, and where the other log's
//! partitions ended then. What was on its way when a process died is looked for behind those ends, message by message,
//! and only what is not there is sent again. So a message that is in the spool is in the other log once, whoever is
//! killed when. (One case is left: a request of a killed process that its broker has received and not begun when the
//! next process looks.)

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use contrail_kit::class::chain;
use contrail_kit::{Backoff, Classified, Clock};
use contrail_types::Micros;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::embedded::PARTITION;
use crate::{Append, Bounds, Chunk, Log, LogError, Message, Messages, Offsets};

/// Messages on their way at once: also how far behind the mark a dead process can have come.
const WINDOW: usize = 50_000;
const WAIT: Duration = Duration::from_millis(500);
/// An acknowledgement that takes longer is worth a word.
const LATE: Duration = Duration::from_secs(3);
const AGAIN: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
/// Where the spool keeps the mark; no feed can have this name.
const MARK: &str = ">delivered";

/// How a spool does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpoolState {
    /// Messages that are not delivered yet.
    pub waiting: i64,
    /// Messages delivered since the process started.
    pub delivered: u64,
    /// Messages that turned out to have been delivered by a process that died.
    pub found: u64,
    /// Since when the other log does not take anything, and why.
    pub away: Option<(Micros, String)>,
}

/// Up to where all is delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mark {
    /// Offset in the spool.
    spooled: i64,
    /// The other log's stream, and where its partitions ended when the last message before `spooled` was in.
    stream: String,
    ends: Offsets,
}

/// Takes messages out of one log and into another.
pub struct Spool {
    from: Arc<dyn Log>,
    to: Arc<dyn Log>,
    clock: Clock,
    state: watch::Sender<SpoolState>,
}

impl Spool {
    pub fn new(from: Arc<dyn Log>, to: Arc<dyn Log>, clock: Clock) -> Self {
        Self { from, to, clock, state: watch::channel(SpoolState::default()).0 }
    }

    pub fn state(&self) -> watch::Receiver<SpoolState> {
        self.state.subscribe()
    }

    /// Delivers until `stop`. Ends with an error only where waiting does not help.
    pub async fn drain(&self, stop: CancellationToken) -> Result<(), LogError> {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let error = match self.deliver(&stop, &mut failures).await {
                Ok(()) => break,
                Err(error) if error.class().retry => error,
                Err(error) => {
                    self.away(Some(chain(&error)));
                    return Err(error);
                }
            };
            tracing::warn!(error = chain(&error), "the spool cannot deliver just now");
            self.away(Some(chain(&error)));
            failures += 1;
            tokio::select! {
                () = tokio::time::sleep(AGAIN.wait_spread(failures)) => {}
                () = stop.cancelled() => break,
            }
        }
        Ok(())
    }

    async fn deliver(&self, stop: &CancellationToken, failures: &mut u32) -> Result<(), LogError> {
        let mut mark = self.mark().await?;
        let (mut there, bounds) = self.on_their_way(&mark).await?;
        if mark.stream != bounds.stream {
            mark = Mark { stream: bounds.stream.clone(), ends: bounds.starts(), ..mark };
        }
        let mut reader = self.from.reader([(PARTITION, mark.spooled)].into()).await?;
        loop {
            self.count_waiting(&mark).await?;
            let chunk = tokio::select! {
                chunk = reader.next(WINDOW, WAIT) => chunk?,
                () = stop.cancelled() => return Ok(()),
            };
            let Some(chunk) = chunk else {
                self.away(None);
                continue;
            };
            let Some((ends, found)) = self.send(&chunk, &mut there, stop).await? else { return Ok(()) };
            if found > 0 {
                tracing::info!(found, "messages on their way when the last process ended had arrived");
            }
            // Where nothing had to be sent, the ends of before are still right: they are only where to begin to look.
            mark.ends.extend(ends);
            mark.spooled = chunk.next_offset();
            self.keep(&mark).await?;
            *failures = 0;
            self.away(None);
            self.state.send_modify(|state| {
                state.delivered += chunk.messages.len() as u64 - found;
                state.found += found;
            });
        }
    }

    /// Sends what is not `there` of a chunk. Where the partitions it went to end, and how many were there; `None` after
    /// `stop`.
    async fn send(
        &self,
        chunk: &Chunk,
        there: &mut Multiset,
        stop: &CancellationToken,
    ) -> Result<Option<(Offsets, u64)>, LogError> {
        let (mut ends, mut found) = (Offsets::new(), 0);
        let mut first = 0;
        // What was appended at the same time goes at once, so that the other log tells the same times.
        for same in chunk.appended_at.chunk_by(|a, b| a == b) {
            let part = chunk.messages.slice(first..first + same.len());
            first += same.len();
            let missing = there.take_from(&part);
            found += (part.len() - missing.len()) as u64;
            let append = self.to.append(Append { messages: missing, position: None, at: same[0] });
            tokio::pin!(append);
            let ranges = loop {
                tokio::select! {
                    ranges = &mut append => break ranges?,
                    () = tokio::time::sleep(LATE) => {
                        let why = self.to.shape().await.err().map(|error| chain(&error));
                        self.away(Some(why.unwrap_or_else(|| "messages are not acknowledged yet".into())));
                    }
                    // What is on its way is looked for at the next start.
                    () = stop.cancelled() => return Ok(None),
                }
            };
            for range in ranges {
                let end = ends.entry(range.partition).or_insert(range.end);
                *end = range.end.max(*end);
            }
        }
        Ok(Some((ends, found)))
    }

    async fn mark(&self) -> Result<Mark, LogError> {
        let held = self.from.bounds().await?.partitions[&PARTITION].clone();
        let mark = match self.from.position(MARK).await? {
            Some(text) => serde_json::from_str(&text).map_err(|source| LogError::Unavailable {
                what: format!("the spool's mark {text:?} cannot be read"),
                source: source.into(),
            })?,
            None => Mark { spooled: held.start, ..Mark::default() },
        };
        // Everything before the spool's start had been delivered: nothing else is ever dropped.
        Ok(Mark { spooled: mark.spooled.max(held.start), ..mark })
    }

    async fn keep(&self, mark: &Mark) -> Result<(), LogError> {
        // A map of integers and a text always serialise.
        let text = serde_json::to_string(mark).unwrap_or_default();
        let position = Some((MARK.to_owned(), text));
        self.from.append(Append { messages: Messages::new(), position, at: self.clock.now() }).await?;
        self.from.landed(&[(PARTITION, mark.spooled)].into()).await
    }

    /// Messages behind the mark that are in the other log already.
    async fn on_their_way(&self, mark: &Mark) -> Result<(Multiset, Bounds), LogError> {
        let bounds = self.to.bounds().await?;
        let starts = bounds.starts();
        let mut next: Offsets = bounds.partitions.keys().map(|p| (*p, starts[p])).collect();
        if mark.stream == bounds.stream {
            for (partition, at) in &mut next {
                *at = mark.ends.get(partition).copied().unwrap_or(*at).max(*at);
            }
        }
        let ends = bounds.ends();
        next.retain(|partition, at| *at < ends[partition]);
        let mut spooled = Multiset::default();
        let mut reader = self.from.reader([(PARTITION, mark.spooled)].into()).await?;
        while spooled.len < WINDOW
            && let Some(chunk) = reader.next(WINDOW - spooled.len, Duration::ZERO).await?
        {
            chunk.messages.iter().for_each(|message| spooled.add(message));
        }
        let mut there = Multiset::default();
        if spooled.len == 0 || next.is_empty() {
            return Ok((there, bounds));
        }
        let mut reader = self.to.reader(next.clone()).await?;
        while !next.is_empty() {
            let Some(chunk) = reader.next(WINDOW, LATE).await? else {
                let what = "looking for messages on their way: the log does not give what it says it holds".into();
                return Err(LogError::Unavailable { what, source: "no message in time".into() });
            };
            for message in chunk.messages.iter().filter(|message| spooled.remove(*message)) {
                there.add(message);
            }
            if chunk.next_offset() >= ends[&chunk.partition] {
                next.remove(&chunk.partition);
            }
        }
        Ok((there, bounds))
    }

    async fn count_waiting(&self, mark: &Mark) -> Result<(), LogError> {
        let end = self.from.bounds().await?.ends().get(&PARTITION).copied().unwrap_or(mark.spooled);
        self.state.send_if_modified(|state| {
            let waiting = end - mark.spooled;
            std::mem::replace(&mut state.waiting, waiting) != waiting
        });
        Ok(())
    }

    /// Says once that deliveries have ceased, and once that they go on.
    fn away(&self, why: Option<String>) {
        let now = self.clock.now();
        let was = self.state.borrow().away.is_some();
        match &why {
            Some(why) if !was => tracing::warn!(why, "the log takes nothing: answers wait in the spool"),
            None if was => tracing::info!("the log takes messages again: the spool is delivered"),
            _ => {}
        }
        self.state.send_if_modified(|state| {
            let since = state.away.as_ref().map_or(now, |(since, _)| *since);
            let away = why.map(|why| (since, why));
            std::mem::replace(&mut state.away, away.clone()) != away
        });
    }
}

/// Messages by content, with how many there are of each.
#[derive(Default)]
struct Multiset {
    len: usize,
    counts: HashMap<Content, usize>,
}

type Content = (Option<Box<[u8]>>, Option<Box<[u8]>>);

fn content(message: Message<'_>) -> Content {
    (message.key.map(Into::into), message.value.map(Into::into))
}

impl Multiset {
    fn add(&mut self, message: Message<'_>) {
        *self.counts.entry(content(message)).or_default() += 1;
        self.len += 1;
    }

    fn remove(&mut self, message: Message<'_>) -> bool {
        if self.len == 0 {
            return false;
        }
        let Some(count) = self.counts.get_mut(&content(message)).filter(|count| **count > 0) else { return false };
        *count -= 1;
        self.len -= 1;
        true
    }

    /// The messages that are not in here; those that are leave it.
    fn take_from(&mut self, messages: &Messages) -> Messages {
        if self.len == 0 {
            return messages.clone();
        }
        let mut missing = Messages::builder();
        for message in messages.iter() {
            if !self.remove(message) {
                missing.push(message.key, message.value);
            }
        }
        missing.finish()
    }
}

#[cfg(test)]
mod tests;
