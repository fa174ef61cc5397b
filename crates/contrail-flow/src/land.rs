//! The land role: log messages become rows of `states_raw` and dead letters, each exactly once.
//!
//! Three steps run side by side: one task gathers messages until a commit is due, blocking threads decode and encode
//! (two batches at a time), and this task alone commits, in order. Rows and the offsets behind them land in one
//! compare-and-set; the rules are in [`crate::rules::landing`].

mod batch;
mod commit;
mod id;
mod shard;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use contrail_kit::class::chain;
use contrail_kit::crash::Crashed;
use contrail_kit::{Class, Classified, Clock, crash};
use contrail_lake::{Change, CommitFailed, FenceFailure, LakeError, LakeTable};
use contrail_log::{BrokerError, Chunk, CodecError, Log, LogError, LogReader, Registry, Shape, codec};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::evolve::{EvolveError, EvolvePolicy};
use crate::pulse::Pulse;
use crate::rules::Offsets;
use crate::rules::landing::{self, Refused};
use crate::rules::starting::{self, BadStart, Start, Started};
use batch::{Batch, Work, Workshop};

pub use id::{LanderId, WRITER};
pub use shard::{BadShard, Shard};

/// When gathered messages are committed: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct CommitPolicy {
    /// At most one commit in this time; what comes after a longer silence is committed at once.
    pub interval: Duration,
    pub rows: usize,
    /// Of messages as the log holds them.
    pub bytes: usize,
}

/// What becomes of a message that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadLetterPolicy {
    /// It goes to the table of dead letters, and landing goes on.
    #[default]
    DeadLetter,
    /// Landing stops before it.
    Stop,
}

/// What the land role works with.
#[derive(Clone)]
pub struct Land {
    pub log: Arc<dyn Log>,
    pub registry: Arc<dyn Registry>,
    /// The registry's subject of the messages.
    pub subject: String,
    pub raw: LakeTable,
    pub dead: LakeTable,
    pub policy: CommitPolicy,
    pub dead_letters: DeadLetterPolicy,
    pub evolve: EvolvePolicy,
    pub shard: Shard,
    pub id: LanderId,
    pub accept_gap: bool,
    pub new_stream: bool,
    pub clock: Clock,
    pub pulse: Pulse,
    /// Told after each commit to `states_raw`.
    pub landed: watch::Sender<u64>,
}

// tidy: allow error-size: people read each of these; what they have in common is their class.
#[derive(Debug, thiserror::Error)]
pub enum LandError {
    #[error("cannot land: {0}")]
    Start(#[from] BadStart),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Commit(#[from] CommitFailed),
    #[error(transparent)]
    Evolve(#[from] EvolveError),
    #[error("a batch was dropped: {0}. Landing starts again from the table")]
    Overtaken(String),
    #[error(
        "another lander that was started later, {by}, lands these partitions: this one stops. Run one lander a shard, each \
         with its own land.shard"
    )]
    Superseded { by: String },
    #[error("the topic has partitions that it had not when landing began: landing starts again with all of them")]
    Repartitioned,
    #[error("landing stopped: {0}")]
    Refused(#[from] Refused),
    #[error(
        "offset {offset} of partition {partition} cannot be read ({reason}), and land.dead_letters is stop. Correct the \
         producer or the registry, or set land.dead_letters = \"dead-letter\" to go on"
    )]
    Unreadable { partition: i32, offset: i64, reason: String },
    #[error(
        "offset {offset} of partition {partition} was read by an earlier version, but this one cannot read it ({reason}). \
         Run the earlier version until it has landed the rest"
    )]
    Contradiction { partition: i32, offset: i64, reason: String },
    #[error("landing stopped on a bug: {0}")]
    Panicked(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Crashed(#[from] Crashed),
}

impl LandError {
    /// Also when the table refused a batch a moment ago and would take it now.
    fn by_another(stream: &str) -> Self {
        Self::Overtaken(format!("another process is landing {stream} too"))
    }
}

impl Classified for LandError {
    fn class(&self) -> Class {
        match self {
            Self::Start(_) | Self::Refused(_) | Self::Superseded { .. } => Class::USER,
            Self::Contradiction { .. } | Self::Unreadable { .. } => Class::USER,
            Self::Log(e) => e.class(),
            Self::Codec(e) => e.class(),
            Self::Lake(e) => e.class(),
            Self::Commit(e) => e.class(),
            Self::Evolve(e) => e.class(),
            Self::Overtaken(_) | Self::Repartitioned => Class::EXTERNAL,
            Self::Panicked(_) | Self::Crashed(_) => Class::INTERNAL,
        }
    }
}

/// Batches that are decoded and encoded at the same time.
const ENCODERS: usize = 2;

/// Lands until `stop`; what the log held by then is committed first.
pub async fn run(land: Land, stop: CancellationToken) -> Result<(), LandError> {
    let begun = begin(&land).await?;
    let settled = Settled::load(&land, &begun.stream, &begun.from).await?;
    let reader = land.log.reader(begun.from.clone()).await?;
    let workshop = Arc::new(Workshop::new(&land, settled));
    let (tx, mut rx) = mpsc::channel(ENCODERS - 1);
    let (stream, next) = (begun.stream.clone(), begun.from.clone());
    let source = Gatherer { land: land.clone(), reader, stream, next, last: None };
    let gatherer = tokio::spawn(source.gather(workshop.clone(), tx, stop));
    let mut committer = commit::Committer::new(&land, begun, workshop.settled().clone());
    let outcome = async {
        while let Some(first) = rx.recv().await {
            let mut ready: Vec<Work> = vec![flatten(first.await)?];
            // Whatever else is finished lands in the same commit.
            while let Ok(next) = rx.try_recv() {
                ready.push(flatten(next.await)?);
            }
            committer.commit(ready).await?;
        }
        Ok(())
    }
    .await;
    // An error drops the receiver's hand-overs and ends the gatherer; its own error is the more telling one.
    drop(rx);
    match (gatherer.await?, outcome) {
        (Err(error), Ok(())) => Err(error),
        (_, outcome) => outcome,
    }
}

type Handle = tokio::task::JoinHandle<Result<Work, LandError>>;

fn flatten(work: Result<Result<Work, LandError>, tokio::task::JoinError>) -> Result<Work, LandError> {
    work?
}

/// Where a lander stands when it begins.
struct Begun {
    /// The log's own name, and the one under which its offsets count in the tables.
    log: Shape,
    stream: String,
    from: Offsets,
}

/// Where landing goes on, by the table; says so. A misfit that was accepted is recorded first.
async fn begin(land: &Land) -> Result<Begun, LandError> {
    codec::readable(land.registry.as_ref(), &land.subject).await?;
    let bounds = land.log.bounds().await?;
    let log = Shape { stream: bounds.stream.clone(), partitions: bounds.partitions.keys().copied().collect() };
    let mut held = bounds.partitions.clone();
    held.retain(|partition, _| land.shard.takes(*partition));
    if held.is_empty() {
        let (shard, partitions) = (land.shard, log.partitions.len());
        tracing::warn!(%shard, partitions, "this shard has no partition of the topic: nothing will land here");
    }
    let version = land.raw.load().await?;
    let name = landing::name_of(version.properties(), &log.stream);
    let asked = Start {
        stream: &log.stream,
        log: &held,
        properties: version.properties(),
        recorded: version.recorded(&landing::key(&name)),
        accept_gap: land.accept_gap,
        new_stream: land.new_stream,
    };
    let started = starting::start(&asked, land.clock.now())?;
    record(land, &version, starting::record(&asked, &started)?, &started).await?;
    for (partition, at) in &started.from {
        let behind = held.get(partition).map_or(0, |held| held.end - at);
        let text = format!("partition {partition} at offset {at}, {behind} messages behind the log's end");
        tracing::info!(partition, offset = at, behind, "landing resumes from what the table says");
        land.pulse.with(|beats| {
            beats.land.resumed_from = Some(text);
            beats.land.next_offset.insert(*partition, *at);
        });
    }
    // The log may have missed the word of our last commit.
    let mut landed = landing::offsets(version.properties(), &started.stream)?;
    landed.retain(|partition, at| bounds.partitions.get(partition).is_some_and(|held| *at <= held.end));
    land.log.landed(&landed).await?;
    Ok(Begun { log, stream: started.stream, from: started.from })
}

/// Puts what was accepted into the table, unless it has moved on since it was looked at.
async fn record(
    land: &Land,
    seen: &contrail_lake::Version,
    properties: Vec<(String, String)>,
    started: &Started,
) -> Result<(), LandError> {
    if properties.is_empty() {
        return Ok(());
    }
    for accepted in &started.accepted {
        tracing::warn!(flag = accepted.flag, reason = accepted.reason, "accepted, and recorded in the table");
    }
    let seen = seen.sequence_number();
    let unmoved = move |version: &contrail_lake::Version| match version.sequence_number() == seen {
        true => Ok(()),
        false => Err(FenceFailure::Stale("another lander has landed in the meantime".into())),
    };
    let change = Change::properties().set(properties).summary(WRITER, land.id.to_string());
    match land.raw.commit(change, unmoved).await {
        Ok(_) => Ok(()),
        Err(CommitFailed::Stale { reason, .. }) => Err(LandError::Overtaken(reason)),
        Err(error) => Err(error.into()),
    }
}

/// What dead letters say about offsets that have not landed as rows yet.
#[derive(Default)]
struct Settled {
    progress: Offsets,
    /// (partition, offset) of dead letters below that progress and not below the rows' own.
    known: BTreeSet<(i32, i64)>,
}

impl Settled {
    async fn load(land: &Land, stream: &str, from: &Offsets) -> Result<Self, LandError> {
        let version = land.dead.load().await?;
        let progress = landing::offsets(version.properties(), stream)?;
        let ahead = progress.iter().any(|(partition, at)| from.get(partition).is_some_and(|from| at > from));
        if !ahead {
            return Ok(Self { progress, known: BTreeSet::new() });
        }
        let least = from.values().copied().min().unwrap_or(0);
        let recent = |f: &&Arc<contrail_lake::LiveFile>| f.bounds("log_offset").is_none_or(|(_, upper)| upper >= least);
        let paths: Vec<String> = version.live_files().filter(recent).map(|f| f.path.clone()).collect();
        let table = land.dead.clone();
        let rows = tokio::task::spawn_blocking(move || {
            table.read(paths, Some(&["log_stream", "log_partition", "log_offset"]))
        })
        .await??;
        let known = batch::offsets_of(&rows, stream);
        Ok(Self { progress, known })
    }
}

/// Reads the log and cuts it into batches by the policy.
struct Gatherer {
    land: Land,
    reader: Box<dyn LogReader>,
    /// The name under which offsets count.
    stream: String,
    /// Where each partition goes on: what is read may begin later where offsets have no message.
    next: Offsets,
    /// Where the log ended when it was time to stop.
    last: Option<Offsets>,
}

impl Gatherer {
    /// Hands each batch to a task of its own, in order.
    async fn gather(
        mut self,
        workshop: Arc<Workshop>,
        out: mpsc::Sender<Handle>,
        stop: CancellationToken,
    ) -> Result<(), LandError> {
        let mut due = Instant::now();
        loop {
            let batch = tokio::select! {
                batch = self.next_batch(due, &stop) => batch?,
                // Nobody commits any more: what has been read lands after the next start, whether or not more comes.
                () = out.closed() => break,
            };
            let Some(batch) = batch else { break };
            due = Instant::now() + self.land.policy.interval;
            crash::point("land.read")?;
            let workshop = workshop.clone();
            let handle = tokio::spawn(async move { workshop.work(batch).await });
            if out.send(handle).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The next batch; `None` after `stop`.
    async fn next_batch(&mut self, due: Instant, stop: &CancellationToken) -> Result<Option<Batch>, LandError> {
        let policy = self.land.policy;
        let mut batch = Batch::default();
        loop {
            if stop.is_cancelled() && self.has_read_the_last().await {
                return Ok(Some(batch).filter(|batch| batch.rows() > 0));
            }
            let wait = match batch.rows() {
                0 => LOOK,
                _ => due.saturating_duration_since(Instant::now()).min(LOOK),
            };
            let room = policy.rows.saturating_sub(batch.rows()).max(1);
            let next = tokio::select! {
                biased;
                next = self.reader.next(room, wait) => next,
                () = stop.cancelled(), if self.last.is_none() => Ok(None),
            };
            let chunk = match next {
                // Another stream: what was read and not committed is of the old one, and the table must be asked again.
                Err(error @ LogError::Broker(BrokerError::Replaced { .. })) => return Err(error.into()),
                Err(error) if error.class().retry => {
                    tracing::warn!(error = chain(&error), "the log cannot be read just now");
                    tokio::time::sleep(LOOK).await;
                    None
                }
                // The log lets go only of what has landed: another lander has taken over.
                Err(LogError::StartsLater { stream, .. }) => return Err(LandError::by_another(&stream)),
                other => other?,
            };
            let came = chunk.is_some();
            if let Some(chunk) = chunk {
                batch.extend(Chunk { stream: self.stream.clone(), ..chunk }, &mut self.next);
            }
            let full = batch.rows() >= policy.rows || batch.bytes() >= policy.bytes;
            let done = full || (!came && Instant::now() >= due) || stop.is_cancelled();
            if batch.rows() > 0 && done {
                return Ok(Some(batch));
            }
            if !came && self.last.is_some() {
                return Ok(None);
            }
        }
    }

    /// Whether all is read that was there when it was time to stop. What came later is for the next start: beside a
    /// source that goes on there is always more. Where the log cannot be asked, what has been read is enough.
    async fn has_read_the_last(&mut self) -> bool {
        let last = match self.last.take() {
            Some(last) => last,
            None => self.land.log.bounds().await.map(|bounds| bounds.ends()).unwrap_or_default(),
        };
        let last = self.last.insert(last);
        self.next.iter().all(|(partition, at)| last.get(partition).is_none_or(|end| at >= end))
    }
}

/// How long one look into the log may wait before stop is asked for again.
const LOOK: Duration = Duration::from_millis(500);
