//! The stream as people see it: figures, its tail decoded, its dead letters. For the API, and for `contrail stream`.

pub mod overview;
mod tail;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use contrail_flow::letters::{Done, Filter, Letter, Letters};
use contrail_kit::class::BoxError;
use contrail_serve::Problem;
use contrail_serve::api::{self, Time};
use contrail_serve::stream::StreamDesk;

use crate::node::Watched;

/// Letters of one answer, at most.
const MANY: usize = 1000;

/// [`StreamDesk`] over what is watched.
#[derive(Clone)]
pub struct Desk(pub Watched);

impl Desk {
    fn letters(&self) -> Result<Letters, Problem> {
        let (house, stream) = (&self.0.line.house, &self.0.line.stream);
        let (registry, clock) = (stream.registry.clone(), house.clock.clone());
        let absent = |error: anyhow::Error| Problem::unavailable(error.to_string());
        let (raw, dead) = (house.raw().map_err(absent)?.clone(), house.dead().map_err(absent)?.clone());
        Ok(Letters { raw, dead, registry, clock })
    }

    /// [`StreamDesk::replay`] that says how far it is.
    pub async fn replay_with(
        &self,
        filter: api::DeadLetterFilter,
        progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<api::DeadLettersDone, Problem> {
        let (letters, filter) = (self.letters()?, chosen(&filter));
        // To its end, also if nobody waits any more.
        let work = tokio::spawn(async move { letters.replay(&filter, progress).await });
        Ok(done(work.await.map_err(|e| Problem::internal(e.to_string()))?.map_err(problem)?))
    }
}

#[async_trait]
impl StreamDesk for Desk {
    async fn overview(&self) -> api::Stream {
        overview::overview(&self.0).await
    }

    async fn tail(&self, request: api::TailRequest) -> Result<api::Tail, Problem> {
        tail::tail(&self.0.line, request).await
    }

    async fn dead_letters(&self, filter: api::DeadLetterFilter) -> Result<api::DeadLetters, Problem> {
        let mut found = self.letters()?.all(&chosen(&filter)).await.map_err(problem)?;
        found.retain(|letter| filter.replayed || !letter.replayed);
        let total = found.len() as u64;
        found.truncate(filter.limit.unwrap_or(MANY).min(MANY));
        Ok(api::DeadLetters { letters: found.into_iter().map(row).collect(), total })
    }

    async fn replay(&self, filter: api::DeadLetterFilter) -> Result<api::DeadLettersDone, Problem> {
        self.replay_with(filter, |_, _| {}).await
    }

    async fn purge(&self, filter: api::DeadLetterFilter) -> Result<api::DeadLettersDone, Problem> {
        let (letters, filter) = (self.letters()?, chosen(&filter));
        let work = tokio::spawn(async move { letters.purge(&filter).await });
        Ok(done(work.await.map_err(|e| Problem::internal(e.to_string()))?.map_err(problem)?))
    }
}

fn problem(error: impl Into<BoxError>) -> Problem {
    Problem::of(&error.into())
}

fn chosen(filter: &api::DeadLetterFilter) -> Filter {
    let (partition, offset) = (filter.partition, filter.offset);
    Filter { reason: filter.reason.clone(), partition, offset, before: filter.before.map(|Time(at)| at) }
}

fn done(done: Done) -> api::DeadLettersDone {
    let Done { taken, done, left, reason, before } = done;
    api::DeadLettersDone { taken, done, left, reason, before }
}

fn row(letter: Letter) -> api::DeadLetterRow {
    let value = letter.value.as_deref().unwrap_or_default();
    let text =
        std::str::from_utf8(value).ok().filter(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()));
    api::DeadLetterRow {
        bytes: value.len() as u64,
        text: letter.value.as_ref().and(text).map(str::to_owned),
        base64: letter.value.as_ref().map(|value| BASE64_STANDARD.encode(value)),
        key: letter.key.map(|key| String::from_utf8_lossy(&key).into_owned()),
        stream: letter.stream,
        partition: letter.partition,
        offset: letter.offset,
        appended_at: Some(Time(letter.appended_at)),
        landed_at: Some(Time(letter.landed_at)),
        reason: letter.reason,
        replayed: letter.replayed,
    }
}
