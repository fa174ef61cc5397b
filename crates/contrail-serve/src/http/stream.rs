//! `/api/v1/stream`: the topic, its tail, its dead letters.

use axum::Json;
use axum::extract::State;

use super::Shared;
use super::answer::{Body, Params, icao24};
use crate::api::{DeadLetterFilter, DeadLetters, DeadLettersDone, Stream, Tail, TailFrom, TailRequest, Time};
use crate::problem::Problem;

/// Messages of one answer, unless asked for otherwise, and at most.
const FEW: usize = 50;
const MANY: usize = 1000;
/// Longest wait for a first message, in seconds.
const LONGEST_WAIT: u64 = 30;

/// Partitions with lag and rates, the spool, schema versions, dead letters, feeds.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream", responses((status = 200, body = Stream)))]
pub async fn overview(State(shared): State<Shared>) -> Json<Stream> {
    Json(shared.app.stream.overview().await)
}

/// Messages of the stream, decoded, oldest first. Ask again with `after` = the answer's `next` to follow it.
#[utoipa::path(get, path = "/api/v1/stream/tail", tag = "stream",
    params(("icao24" = Option<String>, Query, description = "Of this aircraft only"),
           ("from" = Option<String>, Query, description = "A time, or `earliest`; the last messages without it"),
           ("after" = Option<String>, Query, description = "Where another answer ended, or partition:offset pairs"),
           ("limit" = Option<usize>, Query, description = "At most 1000"),
           ("wait" = Option<u64>, Query, description = "Seconds to wait for a message, at most 30")),
    responses((status = 200, body = Tail), (status = 400, body = Problem, content_type = "application/problem+json"),
              (status = 503, body = Problem, content_type = "application/problem+json")))]
pub async fn tail(State(shared): State<Shared>, params: Params) -> Result<Json<Tail>, Problem> {
    params.only(&["icao24", "from", "after", "limit", "wait"])?;
    let from = match (params.text("after"), params.text("from")) {
        (Some(cursor), _) => TailFrom::Cursor(cursor.to_owned()),
        (None, Some("earliest")) => TailFrom::Time(0),
        (None, _) => params.time("from")?.map_or(TailFrom::End, |Time(at)| TailFrom::Time(at)),
    };
    let limit = params.value::<usize>("limit", "a number of messages")?.unwrap_or(FEW).min(MANY);
    let wait = params.value::<u64>("wait", "seconds")?.unwrap_or(0).min(LONGEST_WAIT);
    let address = params.text("icao24").map(|text| icao24(&text.to_lowercase())).transpose()?;
    let request = TailRequest { icao24: address.map(|a| a.to_string()), from, limit, wait_ms: wait * 1000 };
    shared.app.stream.tail(request).await.map(Json)
}

/// Messages that could not be read, newest first.
#[utoipa::path(get, path = "/api/v1/stream/dead-letters", tag = "stream",
    params(("reason" = Option<String>, Query, description = "Those whose reason has this in it"),
           ("partition" = Option<i32>, Query), ("offset" = Option<i64>, Query),
           ("before" = Option<String>, Query, description = "Those that landed before this time"),
           ("replayed" = Option<bool>, Query, description = "Also those that have been replayed"),
           ("limit" = Option<usize>, Query)),
    responses((status = 200, body = DeadLetters), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub async fn dead_letters(State(shared): State<Shared>, params: Params) -> Result<Json<DeadLetters>, Problem> {
    params.only(&["reason", "partition", "offset", "before", "replayed", "limit"])?;
    let filter = DeadLetterFilter {
        reason: params.text("reason").map(str::to_owned),
        partition: params.value("partition", "a partition's number")?,
        offset: params.value("offset", "an offset")?,
        before: params.time("before")?,
        replayed: params.value("replayed", "true or false")?.unwrap_or(false),
        limit: Some(params.value::<usize>("limit", "a number of letters")?.unwrap_or(FEW).min(MANY)),
    };
    shared.app.stream.dead_letters(filter).await.map(Json)
}

/// Makes rows of the dead letters that can be read by now; each once, however often it is asked.
#[utoipa::path(post, path = "/api/v1/stream/dead-letters/replay", tag = "stream", request_body = DeadLetterFilter,
    responses((status = 200, body = DeadLettersDone), (status = 503, body = Problem, content_type = "application/problem+json")))]
pub async fn replay(
    State(shared): State<Shared>,
    Body(filter): Body<DeadLetterFilter>,
) -> Result<Json<DeadLettersDone>, Problem> {
    shared.app.stream.replay(filter).await.map(Json)
}

/// Deletes dead letters for good; those that landing has not passed yet stay.
#[utoipa::path(post, path = "/api/v1/stream/dead-letters/purge", tag = "stream", request_body = DeadLetterFilter,
    responses((status = 200, body = DeadLettersDone), (status = 503, body = Problem, content_type = "application/problem+json")))]
pub async fn purge(
    State(shared): State<Shared>,
    Body(filter): Body<DeadLetterFilter>,
) -> Result<Json<DeadLettersDone>, Problem> {
    shared.app.stream.purge(filter).await.map(Json)
}
