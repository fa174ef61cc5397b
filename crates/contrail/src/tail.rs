//! The log's tail as the live sky: what serving knows of now comes from the log, not from the lake.

use std::time::Duration;

use arrow::record_batch::RecordBatch;
use contrail_flow::source::history::SUFFIX as HISTORY;
use contrail_kit::class::chain;
use contrail_kit::{Backoff, Class, Classified};
use contrail_log::{Chunk, CodecError, Decoder, LogError};
use contrail_serve::LiveSky;
use contrail_serve::live::LiveError;
use contrail_types::time::MINUTE;
use tokio_util::sync::CancellationToken;

use crate::line::Line;

/// How far back the tail begins: whoever is on the map now was heard of in that time.
const BACK: i64 = 5 * MINUTE;
const ROWS: usize = 50_000;
const WAIT: Duration = Duration::from_millis(500);
/// How long the runs of one answer may lie apart.
const TOGETHER: Duration = Duration::from_millis(10);
const AGAIN: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

#[derive(Debug, thiserror::Error)]
pub enum TailError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Live(#[from] LiveError),
    #[error("the live map stopped on a bug: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

impl Classified for TailError {
    fn class(&self) -> Class {
        match self {
            // Retention or a reset has overtaken the map: it starts again from the tail as it is.
            Self::Log(LogError::StartsLater { .. } | LogError::BeyondEnd { .. }) => Class::EXTERNAL,
            Self::Log(e) => e.class(),
            Self::Codec(e) => e.class(),
            Self::Live(e) => e.class(),
            Self::Panicked(_) => Class::INTERNAL,
        }
    }
}

/// Folds the log's tail into `live` until `stop`; starts again from the tail as it is when the log was away.
pub async fn follow(line: Line, live: LiveSky, stop: CancellationToken) -> Result<(), TailError> {
    for attempt in 1.. {
        let error = match fold(&line, &live, &stop).await {
            Ok(()) => break,
            Err(error) if error.class().retry => error,
            Err(error) => return Err(error),
        };
        tracing::warn!(error = chain(&error), "the live map cannot read the log just now");
        tokio::select! {
            () = tokio::time::sleep(AGAIN.wait_spread(attempt)) => {}
            () = stop.cancelled() => break,
        }
    }
    Ok(())
}

async fn fold(line: &Line, live: &LiveSky, stop: &CancellationToken) -> Result<(), TailError> {
    let log = &line.stream.log;
    let from = log.offsets_at(line.house.clock.now() - BACK).await?;
    let mut behind = log.bounds().await?.ends();
    behind.retain(|partition, end| from.get(partition).is_some_and(|at| at < end));
    let mut reader = log.reader(from).await?;
    let mut decoder = Decoder::new(line.stream.registry.clone(), &contrail_types::state::raw_table());
    while !stop.is_cancelled() {
        let mut news = Vec::new();
        let (mut rows, mut wait) = (0, WAIT);
        // An answer comes as a run in each partition: together they are one frame.
        while rows < ROWS
            && let Some(chunk) = reader.next(ROWS, wait).await?
        {
            if behind.get(&chunk.partition).is_some_and(|end| chunk.next_offset() >= *end) {
                behind.remove(&chunk.partition);
            }
            let states;
            (decoder, states) = decoded(line, chunk, decoder).await?;
            rows += states.num_rows();
            news.extend((states.num_rows() > 0).then_some(states));
            wait = TOGETHER;
        }
        if news.is_empty() {
            continue;
        }
        // While catching up after a start one frame at the end is enough.
        if behind.is_empty() {
            live.update(news).await?;
        } else {
            let live = live.clone();
            tokio::task::spawn_blocking(move || news.iter().try_for_each(|states| live.fold(states).map(drop)))
                .await??;
        }
    }
    Ok(())
}

async fn decoded(line: &Line, chunk: Chunk, mut decoder: Decoder) -> Result<(Decoder, RecordBatch), TailError> {
    decoder.prepare(&chunk).await?;
    let now = line.house.clock.now();
    let (decoder, states) = tokio::task::spawn_blocking(move || {
        let states = decoder.decode(&chunk, now).map(|decoded| decoded.states);
        (decoder, states)
    })
    .await?;
    Ok((decoder, news(states?)))
}

/// The rows that are about now. A chunk is of one append or a few; history comes in appends of its own.
fn news(states: RecordBatch) -> RecordBatch {
    use arrow::array::{AsArray, BooleanArray};
    let feeds = states["feed"].as_string::<i32>();
    if !feeds.iter().flatten().any(|feed| feed.ends_with(HISTORY)) {
        return states;
    }
    let keep: BooleanArray = feeds.iter().map(|feed| Some(feed.is_some_and(|feed| !feed.ends_with(HISTORY)))).collect();
    arrow::compute::filter_record_batch(&states, &keep).unwrap_or(states)
}
