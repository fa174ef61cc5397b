//! The log's tail as the live sky: what serving knows of now comes from the log, not from the lake.

use std::time::Duration;

use contrail_flow::source::history::SUFFIX as HISTORY;
use contrail_kit::class::chain;
use contrail_kit::{Class, Classified};
use contrail_log::{CodecError, Decoder, LogError, LogReader, Offsets};
use contrail_serve::LiveSky;
use contrail_serve::live::LiveError;
use contrail_types::time::MINUTE;
use tokio_util::sync::CancellationToken;

use crate::line::Line;

/// How far back the tail begins: whoever is on the map now was heard of in that time.
const BACK: i64 = 5 * MINUTE;
const ROWS: usize = 50_000;
const WAIT: Duration = Duration::from_millis(500);

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

/// Folds the log's tail into `live` until `stop`.
pub async fn follow(line: Line, live: LiveSky, stop: CancellationToken) -> Result<(), TailError> {
    let from = line.stream.log.offsets_at(line.house.clock.now() - BACK).await?;
    let ends = line.stream.log.bounds().await?.ends();
    let mut reader = line.stream.log.reader(from).await?;
    let mut decoder = Decoder::new(line.stream.registry.clone());
    while !stop.is_cancelled() {
        decoder = match next(&line, &live, reader.as_mut(), decoder, &ends).await {
            Ok(decoder) => decoder,
            Err(error) if error.class().retry && !matches!(error, TailError::Log(LogError::StartsLater { .. })) => {
                tracing::warn!(error = chain(&error), "the live map cannot read the log just now");
                tokio::time::sleep(WAIT).await;
                Decoder::new(line.stream.registry.clone())
            }
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

async fn next(
    line: &Line,
    live: &LiveSky,
    reader: &mut dyn LogReader,
    mut decoder: Decoder,
    ends: &Offsets,
) -> Result<Decoder, TailError> {
    let Some(chunk) = reader.next(ROWS, WAIT).await? else { return Ok(decoder) };
    let caught_up = ends.get(&chunk.partition).is_none_or(|end| chunk.next_offset() >= *end);
    decoder.prepare(&chunk).await?;
    let now = line.house.clock.now();
    let (decoder, states) = tokio::task::spawn_blocking(move || {
        let states = decoder.decode(&chunk, now).map(|decoded| decoded.states);
        (decoder, states)
    })
    .await?;
    let states = news(states?);
    if states.num_rows() == 0 {
        return Ok(decoder);
    }
    // While catching up after a start one frame at the end is enough.
    if caught_up {
        live.update(vec![states]).await?;
    } else {
        let live = live.clone();
        tokio::task::spawn_blocking(move || live.fold(&states).map(drop)).await??;
    }
    Ok(decoder)
}

/// The rows that are about now. A chunk is of one append or a few; history comes in appends of its own.
fn news(states: arrow::record_batch::RecordBatch) -> arrow::record_batch::RecordBatch {
    use arrow::array::{AsArray, BooleanArray};
    let feeds = states["feed"].as_string::<i32>();
    if !feeds.iter().flatten().any(|feed| feed.ends_with(HISTORY)) {
        return states;
    }
    let keep: BooleanArray = feeds.iter().map(|feed| Some(feed.is_some_and(|feed| !feed.ends_with(HISTORY)))).collect();
    arrow::compute::filter_record_batch(&states, &keep).unwrap_or(states)
}
