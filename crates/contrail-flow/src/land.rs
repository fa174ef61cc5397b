//! The land role: log messages become rows of `states_raw` and dead letters, each exactly once.
//!
//! Three steps run side by side: one task gathers messages until a commit is due, blocking threads decode and encode
//! (two batches at a time), and this task alone commits, in order. Rows and the offsets behind them land in one
//! compare-and-set; the rules are in [`crate::rules::landing`].

mod batch;
mod commit;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use contrail_kit::class::chain;
use contrail_kit::crash::Crashed;
use contrail_kit::{Class, Classified, Clock, crash};
use contrail_lake::{CommitFailed, LakeError, LakeTable};
use contrail_log::{CodecError, Log, LogError, LogReader, Registry};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pulse::Pulse;
use crate::rules::Offsets;
use crate::rules::landing::{self, BadStart, Refused, Start};
use batch::{Batch, Work, Workshop};

/// When gathered messages are committed: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct CommitPolicy {
    /// At most one commit in this time; what comes after a longer silence is committed at once.
    pub interval: Duration,
    pub rows: usize,
    /// Of messages as the log holds them.
    pub bytes: usize,
}

/// What the land role works with.
#[derive(Clone)]
pub struct Land {
    pub log: Arc<dyn Log>,
    pub registry: Arc<dyn Registry>,
    pub raw: LakeTable,
    pub dead: LakeTable,
    pub policy: CommitPolicy,
    pub accept_gap: bool,
    pub new_stream: bool,
    pub clock: Clock,
    pub pulse: Pulse,
    /// Told after each commit to `states_raw`.
    pub landed: watch::Sender<u64>,
}

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
    #[error("a batch was dropped: {0}. Landing starts again from the table")]
    Overtaken(String),
    #[error("landing stopped: {0}")]
    Refused(#[from] Refused),
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
            Self::Start(_) | Self::Refused(_) => Class::USER,
            Self::Contradiction { .. } => Class::USER,
            Self::Log(e) => e.class(),
            Self::Codec(e) => e.class(),
            Self::Lake(e) => e.class(),
            Self::Commit(e) => e.class(),
            Self::Overtaken(_) => Class::EXTERNAL,
            Self::Panicked(_) | Self::Crashed(_) => Class::INTERNAL,
        }
    }
}

/// Batches that are decoded and encoded at the same time.
const ENCODERS: usize = 2;

/// Lands until `stop`; what has been read by then is committed first.
pub async fn run(land: Land, stop: CancellationToken) -> Result<(), LandError> {
    let (stream, from) = begin(&land).await?;
    let settled = Settled::load(&land, &stream, &from).await?;
    let reader = land.log.reader(from).await?;
    let workshop = Arc::new(Workshop::new(&land, stream.clone(), settled));
    let (tx, mut rx) = mpsc::channel(ENCODERS - 1);
    let gatherer = tokio::spawn(gather(land.clone(), workshop.clone(), reader, tx, stop));
    let mut committer = commit::Committer::new(&land, &workshop);
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

/// Where landing goes on, by the table; says so.
async fn begin(land: &Land) -> Result<(String, Offsets), LandError> {
    let bounds = land.log.bounds().await?;
    let version = land.raw.load().await?;
    let key = landing::key(&bounds.stream);
    let from = landing::start(&Start {
        stream: &bounds.stream,
        log: &bounds.partitions,
        properties: version.properties(),
        recorded: version.recorded(&key),
        accept_gap: land.accept_gap,
        new_stream: land.new_stream,
    })?;
    for (partition, at) in &from {
        let behind = bounds.partitions.get(partition).map_or(0, |held| held.end - at);
        let text = format!("partition {partition} at offset {at}, {behind} messages behind the log's end");
        tracing::info!(partition, offset = at, behind, "landing resumes from what the table says");
        land.pulse.with(|beats| {
            beats.land.resumed_from = Some(text);
            beats.land.next_offset.insert(*partition, *at);
        });
    }
    // The log may have missed the word of our last commit.
    land.log.landed(&landing::offsets(version.properties(), &bounds.stream)?).await?;
    Ok((bounds.stream, from))
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

/// Reads the log, cuts it into batches by the policy, hands each to a blocking thread.
async fn gather(
    land: Land,
    workshop: Arc<Workshop>,
    mut reader: Box<dyn LogReader>,
    out: mpsc::Sender<Handle>,
    stop: CancellationToken,
) -> Result<(), LandError> {
    let mut due = Instant::now();
    loop {
        let batch = tokio::select! {
            batch = next_batch(&land, reader.as_mut(), due, &stop) => batch?,
            // Nobody commits any more: what has been read lands after the next start, whether or not more comes.
            () = out.closed() => break,
        };
        let Some(batch) = batch else { break };
        due = Instant::now() + land.policy.interval;
        crash::point("land.read")?;
        let workshop = workshop.clone();
        let handle = tokio::spawn(async move { workshop.work(batch).await });
        if out.send(handle).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// How long one look into the log may wait before stop is asked for again.
const LOOK: Duration = Duration::from_millis(500);

/// The next batch; `None` after `stop`.
async fn next_batch(
    land: &Land,
    reader: &mut dyn LogReader,
    due: Instant,
    stop: &CancellationToken,
) -> Result<Option<Batch>, LandError> {
    let mut batch = Batch::default();
    loop {
        let wait = match batch.rows() {
            0 => LOOK,
            _ => due.saturating_duration_since(Instant::now()).min(LOOK),
        };
        let room = land.policy.rows.saturating_sub(batch.rows()).max(1);
        let next = tokio::select! {
            biased;
            next = reader.next(room, wait) => next,
            () = stop.cancelled() => Ok(None),
        };
        let chunk = match next {
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
        batch.extend(chunk);
        let full = batch.rows() >= land.policy.rows || batch.bytes() >= land.policy.bytes;
        let done = full || (!came && Instant::now() >= due) || stop.is_cancelled();
        if batch.rows() > 0 && done {
            return Ok(Some(batch));
        }
        if stop.is_cancelled() {
            return Ok(None);
        }
    }
}
