//! The source role: fetches from every feed and appends what came to the log, durable before the next fetch.

pub mod history;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contrail_kit::class::chain;
use contrail_kit::{Backoff, Class, Classified};
use contrail_log::codec::rejected;
use contrail_log::{Append, CodecError, Encoder, Log, LogError, Messages, Range, Registry, Spool};
use contrail_source::feed::OpenError;
use contrail_source::ledger::Fetch;
use contrail_source::{Answer, Context, Feed, FeedConfig, FetchError};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::{FetchLine, Ledger};
use crate::pulse::{FeedPulse, Pulse};

/// What the source role works with.
#[derive(Clone)]
pub struct Source {
    /// Where answers are appended: the log, or the spool before it.
    pub log: Arc<dyn Log>,
    /// What empties the spool, where there is one.
    pub spool: Option<Arc<Spool>>,
    pub registry: Arc<dyn Registry>,
    /// The registry's subject of our messages.
    pub subject: String,
    pub feeds: BTreeMap<String, FeedConfig>,
    pub context: Context,
    pub ledger: Ledger,
    pub pulse: Pulse,
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("the feed stopped on a bug: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Classified for SourceError {
    fn class(&self) -> Class {
        match self {
            Self::Open(e) => e.class(),
            Self::Log(e) => e.class(),
            Self::Codec(e) => e.class(),
            Self::Panicked(_) => Class::INTERNAL,
        }
    }
}

/// Runs all enabled feeds until `stop`. An answer that is being appended is appended to the end.
pub async fn run(source: Source, stop: CancellationToken) -> Result<(), SourceError> {
    let mut tasks = JoinSet::new();
    if let Some(spool) = source.spool.clone() {
        let stop = stop.clone();
        tasks.spawn(async move { Ok(spool.drain(stop).await?) });
    }
    for (name, config) in source.feeds.iter().filter(|(_, config)| config.enabled()) {
        let position = source.log.position(name).await?;
        if let Some(position) = &position {
            tracing::info!(feed = name, position, "going on where the feed stopped");
        }
        let feed = contrail_source::open(name, config, source.context.clone(), position)?;
        tasks.spawn(follow(source.clone(), feed, stop.clone()));
        if let FeedConfig::Demo(demo) = config {
            tasks.spawn(history::fill(source.clone(), name.clone(), demo.seed, stop.clone()));
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    stop.cancelled().await;
    Ok(())
}

/// Fetches from one feed and appends, in order, until it ends or `stop`.
async fn follow(source: Source, mut feed: Box<dyn Feed>, stop: CancellationToken) -> Result<(), SourceError> {
    let name = feed.name().to_owned();
    source
        .pulse
        .with(|beats| beats.feeds.insert(name.clone(), FeedPulse { health: feed.watch(), held_up: None, missed: 0 }));
    let mut writer = Writer::new(&source).await?;
    loop {
        let next = tokio::select! {
            next = feed.next() => next,
            () = stop.cancelled() => return Ok(()),
        };
        match next {
            Ok(None) => {
                tracing::info!(feed = name, "feed has ended");
                return Ok(());
            }
            Ok(Some(answer)) => {
                note(&source.ledger, &answer.fetch);
                writer.append(answer, &stop).await?;
            }
            Err(error) => {
                tracing::warn!(feed = name, error = chain(&error), "fetch failed");
                note(&source.ledger, &error.fetch);
                writer.skip(error, &stop).await?;
            }
        }
    }
}

/// A line that cannot be kept is no reason to stop fetching.
fn note(ledger: &Ledger, fetch: &Fetch) {
    let line = FetchLine {
        fetch_id: fetch.fetch_id.to_string(),
        feed: fetch.feed.clone(),
        asked_at: fetch.asked_at,
        answered_at: Some(fetch.answered_at),
        answer_time: fetch.answer_time,
        status: fetch.status,
        error: fetch.error.clone(),
        rows: fetch.rows,
        bad_rows: fetch.bad_rows,
        credits_remaining: fetch.credits_remaining.map(|c| c as i64),
    };
    if let Err(error) = ledger.fetch(&line) {
        tracing::warn!(%error, "the ledger could not take a fetch");
    }
}

/// Appends answers of one feed to the log.
pub struct Writer {
    log: Arc<dyn Log>,
    encoder: Option<Encoder>,
    registry: Arc<dyn Registry>,
    subject: String,
    pulse: Pulse,
}

/// An acknowledgement that takes longer holds the feed up; a stop waits for it as long.
const LATE: Duration = Duration::from_secs(3);
const HELD_UP: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));

impl Writer {
    pub async fn new(source: &Source) -> Result<Self, SourceError> {
        let encoder = Some(Encoder::new(source.registry.as_ref(), &source.subject).await?);
        let (log, registry, pulse) = (source.log.clone(), source.registry.clone(), source.pulse.clone());
        Ok(Self { log, encoder, registry, subject: source.subject.clone(), pulse })
    }

    /// Appends an answer with its position; returns when it is durable, or unappended after `stop`.
    pub async fn append(&mut self, answer: Answer, stop: &CancellationToken) -> Result<(), SourceError> {
        let (feed, at, rows) = (answer.fetch.feed.clone(), answer.fetch.answered_at, answer.fetch.rows);
        let position = answer.position.clone().map(|position| (feed.clone(), position));
        let messages = self.encode(answer).await?;
        if messages.is_empty() && position.is_none() {
            return Ok(());
        }
        if self.put(&feed, Append { messages, position, at }, stop).await? {
            self.pulse.count("source", rows, at);
        }
        Ok(())
    }

    /// Stores where to go on behind an answer that could not be read.
    async fn skip(&mut self, error: FetchError, stop: &CancellationToken) -> Result<(), SourceError> {
        let Some(position) = error.position else { return Ok(()) };
        let (feed, at) = (error.fetch.feed.clone(), error.fetch.answered_at);
        let append = Append { messages: Messages::new(), position: Some((feed.clone(), position)), at };
        self.put(&feed, append, stop).await.map(drop)
    }

    /// Appends, waiting out whatever may pass (a full log, a full disk). Whether it was appended before `stop`.
    async fn put(&self, feed: &str, append: Append, stop: &CancellationToken) -> Result<bool, SourceError> {
        let began = Instant::now();
        for attempt in 1.. {
            match self.acknowledged(feed, append.clone(), stop).await {
                None => return Ok(false),
                Some(Ok(_)) => {
                    self.pulse.taken(feed, began.elapsed());
                    return Ok(true);
                }
                Some(Err(error)) if error.class().retry => {
                    tracing::warn!(feed, error = chain(&error), attempt, "the log does not take an answer");
                    self.pulse.held_up(feed, chain(&error));
                }
                Some(Err(error)) => return Err(error.into()),
            }
            tokio::select! {
                () = tokio::time::sleep(HELD_UP.wait_spread(attempt)) => {}
                () = stop.cancelled() => break,
            }
        }
        Ok(false)
    }

    /// One attempt; `None` if it did not end soon after `stop`.
    async fn acknowledged(
        &self,
        feed: &str,
        append: Append,
        stop: &CancellationToken,
    ) -> Option<Result<Vec<Range>, LogError>> {
        let append = self.log.append(append);
        tokio::pin!(append);
        let late = async {
            tokio::time::sleep(LATE).await;
            self.pulse.held_up(feed, "the log has not acknowledged an answer yet".into());
            stop.cancelled().await;
            tokio::time::sleep(LATE).await;
        };
        tokio::select! {
            outcome = &mut append => Some(outcome),
            () = late => None,
        }
    }

    /// Off the async threads: 12,000 states are milliseconds of work.
    async fn encode(&mut self, answer: Answer) -> Result<Messages, SourceError> {
        let mut encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => Encoder::new(self.registry.as_ref(), &self.subject).await?,
        };
        let (encoder, messages) = tokio::task::spawn_blocking(move || {
            let messages = messages(&mut encoder, &answer);
            (encoder, messages)
        })
        .await?;
        self.encoder = Some(encoder);
        Ok(messages?)
    }
}

/// An answer's states as messages, then its rejected rows as what they are.
fn messages(encoder: &mut Encoder, answer: &Answer) -> Result<Messages, CodecError> {
    let states = encoder.encode(&answer.states)?;
    if answer.rejected.is_empty() {
        return Ok(states);
    }
    let fetch_id = answer.fetch.fetch_id.to_string();
    let mut all = Messages::builder();
    all.extend(&states);
    for row in &answer.rejected {
        all.push(None, Some(&rejected::value(row.reason, &answer.fetch.feed, &fetch_id, &row.row)));
    }
    Ok(all.finish())
}
