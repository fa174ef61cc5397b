//! `/api/states/all`: who asks, what it costs, what goes wrong, what is answered.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contrail_source::area::Area;
use contrail_source::pacer;
use contrail_types::{Micros, time};

use super::body::{Asked, body};
use super::faults::Kind;
use super::tokens::{Credential, credential};
use super::{Content, SkyServer};
use crate::http::answer::{Params, blocking};

const REMAINING: HeaderName = HeaderName::from_static("x-rate-limit-remaining");
const RETRY_AFTER: HeaderName = HeaderName::from_static("x-rate-limit-retry-after-seconds");
/// How far back `time=` may ask.
const PAST: Micros = time::HOUR;

/// Answers one request, and counts it.
pub async fn all(State(sky): State<SkyServer>, method: Method, headers: HeaderMap, params: Params) -> Response {
    let response = match asked(&params) {
        Ok(asked) => answer(&sky, asked, &headers, method == Method::HEAD).await.unwrap_or_else(|refusal| refusal),
        Err(text) => (StatusCode::BAD_REQUEST, text).into_response(),
    };
    *sky.desk().counts.by_status.entry(response.status().as_u16()).or_default() += 1;
    response
}

fn asked(params: &Params) -> Result<Asked, String> {
    let corner = |name| params.value::<f64>(name, "degrees").map_err(|p| p.detail);
    let area = match [corner("lamin")?, corner("lomin")?, corner("lamax")?, corner("lomax")?] {
        [None, None, None, None] => None,
        [Some(lamin), Some(lomin), Some(lamax), Some(lomax)] => Some(Area { lamin, lomin, lamax, lomax }),
        _ => return Err("a box needs all of lamin, lomin, lamax and lomax".into()),
    };
    if let Some(area) = area {
        area.check()?;
        if area.lomin > area.lomax {
            return Err("lomin must be smaller than lomax: split a box over the antimeridian in two".into());
        }
    }
    let icao24 = params.list("icao24", "six hex digits, such as 3c6444").map_err(|p| p.detail)?;
    let seconds = params.value::<i64>("time", "seconds since the epoch").map_err(|p| p.detail)?;
    let time = seconds.filter(|&s| s > 0).map(|s| s.saturating_mul(time::SECOND));
    let extended = params.text("extended").is_some_and(|e| matches!(e, "1" | "true"));
    Ok(Asked { area, icao24, extended, time })
}

/// The answer; what keeps it from the client is the error.
async fn answer(sky: &SkyServer, asked: Asked, headers: &HeaderMap, head: bool) -> Result<Response, Response> {
    let now = sky.0.clock.now();
    let who = credential(headers);
    let fault = {
        let mut desk = sky.desk();
        desk.counts.requests += 1;
        let fault = desk.faults.draw();
        if let (Some(Kind::Unauthorized), Credential::Bearer(token)) = (fault, &who) {
            desk.tokens.revoke(token);
        }
        fault
    };
    meet(sky, fault).await?;
    let remaining = {
        let mut desk = sky.desk();
        let client = match &who {
            Credential::Anonymous => false,
            Credential::Bearer(token) if desk.tokens.good(token, now) => true,
            _ => return Err(unauthorized()),
        };
        if !client && asked.time.is_some() {
            let text = "the time parameter needs authentication";
            return Err((StatusCode::FORBIDDEN, text).into_response());
        }
        if asked.time.is_some_and(|t| t < now - PAST || t > now + time::MINUTE) {
            let text = "the time must lie within the last hour";
            return Err((StatusCode::BAD_REQUEST, text).into_response());
        }
        let paid = desk.accounts.pay(client, pacer::cost(asked.area), sky.0.options.budgets, now);
        paid.map_err(too_many)?
    };
    // Half an answer, or none, is no answer: the next request gets it whole.
    let keep = head || matches!(fault, Some(Kind::Truncate | Kind::Null));
    let body = produce(sky, asked, fault, now, keep).await?;
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(([content_type, (REMAINING, HeaderValue::from(remaining))], body).into_response())
}

/// The faults that come before any answer.
async fn meet(sky: &SkyServer, fault: Option<Kind>) -> Result<(), Response> {
    match fault {
        Some(Kind::Unauthorized) => Err(unauthorized()),
        Some(Kind::TooMany(seconds)) => Err(too_many(seconds)),
        Some(Kind::Unavailable) => Err(unavailable()),
        Some(Kind::Hang) => {
            sky.0.stop.cancelled().await;
            Err(unavailable())
        }
        Some(Kind::Slow(seconds)) => {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(seconds)) => Ok(()),
                () = sky.0.stop.cancelled() => Err(unavailable()),
            }
        }
        _ => Ok(()),
    }
}

/// Takes the next answer from the source, or the one that was kept, and writes it.
async fn produce(
    sky: &SkyServer,
    asked: Asked,
    fault: Option<Kind>,
    now: Micros,
    keep: bool,
) -> Result<Bytes, Response> {
    let sky = sky.clone();
    let work = move || {
        let mut source = sky.source();
        let past = asked.time.and_then(|at| source.sky.past(at));
        let content = match past {
            Some(past) => past,
            None => {
                let content = source.kept.take().unwrap_or_else(|| source.sky.answer(now));
                // Only a recording's answers are counted; a sky that moves is asked again.
                if keep && matches!(content, Content::Raw(_)) {
                    source.kept = Some(content.clone());
                }
                content
            }
        };
        drop(source);
        body(&content, &asked, fault)
    };
    blocking(work).await.map_err(IntoResponse::into_response)
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, "Unauthorized").into_response()
}

fn too_many(seconds: u64) -> Response {
    let headers = [(RETRY_AFTER, HeaderValue::from(seconds))];
    (StatusCode::TOO_MANY_REQUESTS, headers, "Too many requests").into_response()
}

fn unavailable() -> Response {
    let html = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center>\
                <h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/html")], html).into_response()
}
