//! What serving needs to know of the stream: a second small seam beside [`crate::Node`].
//!
//! `overview` answers at once with what was last seen. The others may take seconds and hold their own deadlines; a
//! dropped future of `tail` cancels it, a replay or a purge that has begun goes on to its end. Everything may be
//! retried: replaying twice makes no row twice.

use async_trait::async_trait;

use crate::api;
use crate::problem::Problem;

/// The stream as the API sees it.
#[async_trait]
pub trait StreamDesk: Send + Sync {
    /// Partitions, lag, rates, schemas, dead letters, feeds.
    async fn overview(&self) -> api::Stream;

    /// Messages of the stream, decoded.
    async fn tail(&self, request: api::TailRequest) -> Result<api::Tail, Problem>;

    /// Dead letters, newest first.
    async fn dead_letters(&self, filter: api::DeadLetterFilter) -> Result<api::DeadLetters, Problem>;

    /// Makes rows of the letters that can be read by now.
    async fn replay(&self, filter: api::DeadLetterFilter) -> Result<api::DeadLettersDone, Problem>;

    /// Deletes letters for good.
    async fn purge(&self, filter: api::DeadLetterFilter) -> Result<api::DeadLettersDone, Problem>;
}
