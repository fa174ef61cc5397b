//! The live stream: events, frames, identities, trails.

use std::io::Read;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use contrail_types::Icao24;
use flate2::read::GzDecoder;
use futures::StreamExt;

use super::Shared;
use super::answer::{Params, blocking, may_be_kept, takes_gzip, unchanged};
use crate::api::{Announcement, Identities, Trails};
use crate::live::events;
use crate::live::frame::Frame;
use crate::problem::Problem;

/// Most aircraft whose trails may be asked for at once.
const MOST_TRAILS: usize = 200;

/// Server-sent events: `frame` announces a frame, `status` comes on changes and every 15 s.
#[utoipa::path(get, path = "/api/v1/live/events", tag = "live",
    params(("Last-Event-ID" = Option<String>, Header, description = "Id of the frame that the client has")),
    responses((status = 200, body = Announcement, content_type = "text/event-stream"),
              (status = 503, body = Problem, content_type = "application/problem+json")))]
pub async fn events(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let permit = shared.listeners.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::unavailable("too many listeners; try again in a minute"))?;
    let known = headers.get("last-event-id").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let stream = events::events(shared.app.live, known, shared.stop).map(move |event| {
        // The place is taken until the stream is dropped.
        let _ = &permit;
        event
    });
    let mut response = Sse::new(stream).into_response();
    // Proxies must not wait for more of it.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A frame by id: the sky in 22 bytes an aircraft, immutable, gone after a few more.
///
/// Little-endian. Header of 32 bytes: magic `CTR1`, count u32, time f64 (sky time in seconds since the epoch, at which
/// ages count), seq u32, flags u32 (bit 0 demo), 8 bytes reserved. Then one column after the other, each padded to 4
/// bytes, rows ordered by icao24: icao24 u32; latitude i32 and longitude i32 in 1e-7 degrees; altitude i16 in metres
/// (barometric, else geometric; -32768 unknown); speed u16 in 0.1 m/s; track u16 in 360/65536 degrees; age of the
/// position u16 in 0.1 s (65535 older); climb i8 in 0.5 m/s; flags u8: bit 0 on ground, bits 1-3 shape (0 jet, 1 heavy,
/// 2 light, 3 rotor, 4 glider, 5 ground vehicle), bit 4 emergency squawk, bit 5 position computed by multilateration or
/// radar, bit 6 suspect numbers. Aircraft without a position, or without a contact for 300 s, are left out.
#[utoipa::path(get, path = "/api/v1/live/frames/{id}", tag = "live",
    params(("id" = String, Path, description = "`<boot id>-<n>` as announced")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
              (status = 404, body = Problem, content_type = "application/problem+json")))]
pub async fn frame(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let frame = shared.app.live.frame(&id);
    let frame = frame.ok_or_else(|| Problem::not_found("that frame is gone; take /api/v1/live/frames/latest"))?;
    send(&frame, &headers, "private, max-age=31536000, immutable").await
}

/// The latest frame.
#[utoipa::path(get, path = "/api/v1/live/frames/latest", tag = "live",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
              (status = 404, body = Problem, content_type = "application/problem+json")))]
pub async fn latest(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let frame = shared.app.live.latest();
    let frame = frame.ok_or_else(|| Problem::not_found("no answer has come in yet; wait for the first event"))?;
    send(&frame, &headers, "no-cache").await
}

async fn send(frame: &Frame, asked: &HeaderMap, cache: &'static str) -> Result<Response, Problem> {
    let etag = format!("\"{}\"", frame.id);
    let mut headers = may_be_kept(cache, &etag);
    if unchanged(asked, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let gzip = frame.gzip.clone();
    if takes_gzip(asked) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return Ok((headers, gzip).into_response());
    }
    // The compression layer leaves an answer alone that says how it is encoded.
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("identity"));
    let raw = blocking(move || {
        let mut raw = Vec::new();
        GzDecoder::new(&gzip[..]).read_to_end(&mut raw).map(|_| raw)
    })
    .await?;
    Ok((headers, raw.map_err(|e| Problem::internal(e.to_string()))?).into_response())
}

/// Who the aircraft are: those that changed after `since`, or all.
#[utoipa::path(get, path = "/api/v1/live/identity", tag = "live",
    params(("since" = Option<u64>, Query, description = "Revision of the last answer")),
    responses((status = 200, body = Identities), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub async fn identity(State(shared): State<Shared>, params: Params) -> Result<Response, Problem> {
    params.only(&["since"])?;
    let since = params.value("since", "the revision of an earlier answer")?;
    let body = blocking(move || serde_json::to_vec(&shared.app.live.identities(since))).await?;
    let body = body.map_err(|e| Problem::internal(e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

/// Where aircraft have been within the last hour, from memory.
#[utoipa::path(get, path = "/api/v1/live/trails", tag = "live",
    params(("icao24" = String, Query, description = "Addresses separated by commas, 200 at most"),
           ("minutes" = Option<u32>, Query, description = "1..60, 60 unless told")),
    responses((status = 200, body = Trails), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub async fn trails(State(shared): State<Shared>, params: Params) -> Result<Json<Trails>, Problem> {
    params.only(&["icao24", "minutes"])?;
    let minutes = params.value("minutes", "a number from 1 to 60")?.unwrap_or(60);
    let aircraft: Vec<Icao24> = params.list("icao24", "six hex digits, such as 3c6444")?;
    if !(1..=60).contains(&minutes) {
        return Err(Problem::bad_request("minutes: expected a number from 1 to 60"));
    }
    if aircraft.is_empty() || aircraft.len() > MOST_TRAILS {
        return Err(Problem::bad_request(format!("icao24: name 1 to {MOST_TRAILS} aircraft, separated by commas")));
    }
    Ok(Json(shared.app.live.trails(&aircraft, minutes)))
}
