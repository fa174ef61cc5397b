//! The day before the demo's first start, filled in at a coarser interval while the live sky already runs.
//!
//! The sky is a function of time, so its past can be had at once. The position is kept in the log with every answer: a
//! fill-in that was cut short goes on where it stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use contrail_source::demo::DemoSky;
use contrail_source::feed::Kind;
use contrail_source::{Answer, Fetch, Outcome};
use contrail_types::Micros;
use contrail_types::time::{DAY, MINUTE, SECOND};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Source, SourceError, Writer, note};
use crate::pulse::Backfill;

/// Rows of a feed with this ending are about the past: the live map leaves them out.
pub const SUFFIX: &str = "-history";
/// Time between two answers of the past.
const STEP: Micros = 10 * MINUTE;

/// Messages that may wait to be landed: they are held in memory on their way.
const AHEAD: i64 = 30_000;

/// What is left to fill in: from the next answer to the first start of the live feed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Left {
    next: Micros,
    to: Micros,
}

impl Left {
    fn fresh(now: Micros) -> Self {
        let to = now / STEP * STEP;
        Self { next: to - DAY, to }
    }

    fn parse(text: &str) -> Option<Self> {
        let (next, to) = text.split_once('/')?;
        Some(Self { next: next.parse().ok()?, to: to.parse().ok()? })
    }

    fn text(&self) -> String {
        format!("{}/{}", self.next, self.to)
    }

    fn steps(&self) -> u64 {
        ((self.to - self.next).max(0) / STEP) as u64
    }
}

/// Fills in what is left, until it is done or `stop`.
pub async fn fill(source: Source, name: String, seed: u64, stop: CancellationToken) -> Result<(), SourceError> {
    let feed = format!("{name}{SUFFIX}");
    let known = source.log.position(&feed).await?;
    let mut left = known.as_deref().and_then(Left::parse).unwrap_or_else(|| Left::fresh(source.context.now()));
    let total = ((DAY / STEP) as u64).max(left.steps());
    if left.steps() == 0 {
        return Ok(());
    }
    tracing::info!(feed, answers = left.steps(), "filling in the day before");
    let sky = tokio::task::spawn_blocking(move || DemoSky::shared(seed)).await?;
    let mut writer = Writer::new(&source).await?;
    while left.steps() > 0 && !stop.is_cancelled() {
        // In the middle of its ten minutes: what was heard a little earlier still counts in the same ones.
        let at = left.next + STEP / 2;
        left.next += STEP;
        let (sky, feed, now) = (sky.clone(), feed.clone(), source.context.stamp());
        let made = tokio::task::spawn_blocking(move || answer(&sky, &feed, at, now)).await?;
        match made {
            Ok(made) => {
                note(&source.ledger, &made.fetch);
                writer.append(Answer { position: Some(left.text()), ..made }, &stop).await?;
            }
            Err(error) => tracing::error!(%error, "an answer of the demo's past does not fit the schema"),
        }
        let (label, done) = ("Filling in the day before".into(), total - left.steps());
        let running = left.steps() > 0;
        source.pulse.with(|beats| beats.backfill = Some(Backfill { label, done, total, running }));
        // The live answers come first: they share the disk, the encoders and two cores.
        tokio::time::sleep(Duration::from_millis(20)).await;
        while behind(&source).await? > AHEAD && !stop.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// Messages in the log that the land role of this process, if there is one, has not landed.
async fn behind(source: &Source) -> Result<i64, SourceError> {
    let landed = source.pulse.read().land.next_offset;
    let bounds = source.log.bounds().await?;
    Ok(landed.iter().map(|(partition, next)| bounds.partitions.get(partition).map_or(0, |held| held.end - next)).sum())
}

fn answer(sky: &DemoSky, feed: &str, at: Micros, now: Micros) -> Result<Answer, arrow::error::ArrowError> {
    let fetch_id = Uuid::now_v7();
    let answer = sky.answer(at);
    let states = answer.to_batch(feed, fetch_id, now)?;
    let fetch = Fetch {
        fetch_id,
        feed: feed.to_owned(),
        kind: Kind::Demo,
        asked_at: now,
        answered_at: now,
        answer_time: Some(answer.time * SECOND),
        outcome: Outcome::Ok,
        status: None,
        error: None,
        rows: states.num_rows() as u64,
        bad_rows: 0,
        bytes: 0,
        credits_remaining: None,
        latency: Duration::ZERO,
    };
    let (rejected, position) = (Vec::new(), None);
    Ok(Answer { fetch, states, rejected, bad_fields: BTreeMap::new(), left_out: BTreeMap::new(), position })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_survives_its_position_and_ends() {
        let left = Left::fresh(1_795_010_400_123_456);
        assert_eq!(left.steps(), 144);
        assert_eq!(Left::parse(&left.text()), Some(left));
        assert_eq!(Left { next: left.to, ..left }.steps(), 0);
        assert_eq!(Left::parse("garbage"), None);
    }
}
