//! One HTTP question with a deadline for all of it and a limit for its body, and what the reply's headers say.

use std::future::Future;
use std::time::Duration;

use contrail_types::Micros;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Url};
use tokio::time::Instant;

use crate::feed::Cause;
use crate::wire::{BadAnswer, MOST_BYTES, head};

/// A complete reply, of whatever status.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    /// The server's own clock when the reply began, and when that was here.
    pub date: Option<Micros>,
    pub began: Instant,
    pub credits_remaining: Option<u64>,
    pub retry_after: Option<Duration>,
}

/// A client for one server. Loopback addresses are never asked through a proxy.
pub fn client(url: &Url) -> Result<Client, reqwest::Error> {
    let builder = Client::builder()
        .user_agent(concat!("contrail/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .pool_idle_timeout(Duration::from_secs(90));
    let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    if here { builder.no_proxy().build() } else { builder.build() }
}

/// The address as messages show it: without query and user.
pub fn target(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// Sends the question and reads the whole reply within `limit`.
pub async fn ask(request: RequestBuilder, target: &str, limit: Duration) -> Result<Reply, Cause> {
    within(limit, target, async {
        let unreachable = |source: reqwest::Error| Cause::Unreachable {
            target: target.into(),
            // The address stands in `target`; a query may hold what is nobody's business.
            source: source.without_url(),
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let headers = response.headers();
        let mut reply = Reply {
            status,
            body: Vec::new(),
            began: Instant::now(),
            date: headers.get("date").and_then(|d| date(d.to_str().ok()?)),
            credits_remaining: number(headers, "x-rate-limit-remaining").map(|n| n as u64),
            retry_after: number(headers, "x-rate-limit-retry-after-seconds")
                .or_else(|| number(headers, "retry-after"))
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        };
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if reply.body.len() + chunk.len() > MOST_BYTES {
                let source = BadAnswer::new(&reply.body, MOST_BYTES, "the answer is larger than 128 MiB");
                return Err(Cause::BadAnswer { target: target.into(), source });
            }
            reply.body.extend_from_slice(&chunk);
        }
        Ok(reply)
    })
    .await
}

async fn within<T>(
    limit: Duration,
    target: &str,
    question: impl Future<Output = Result<T, Cause>>,
) -> Result<T, Cause> {
    match tokio::time::timeout(limit, question).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Cause::Timeout { target: target.into(), limit }),
    }
}

/// A reply that is no success, as the cause of a failure.
pub fn judge(reply: Reply, target: &str) -> Result<Reply, Cause> {
    let (target, status) = (target.to_owned(), reply.status);
    let head = || head(&reply.body);
    match status {
        200..=299 => Ok(reply),
        401 | 403 => Err(Cause::Unauthorized { target, status, head: head() }),
        429 => Err(Cause::RateLimited { target, wait: reply.retry_after, head: head() }),
        _ => Err(Cause::Refused { target, status, head: head() }),
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    let number: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// An HTTP date, which is one of RFC 2822.
fn date(text: &str) -> Option<Micros> {
    chrono::DateTime::parse_from_rfc2822(text).ok().map(|date| date.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http() {
        assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000_000));
        assert_eq!(date("yesterday"), None);
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let url = Url::parse("https://me:secret@example.org:8443/api/states/all?lamin=1").unwrap();
        assert_eq!(target(&url), "https://example.org:8443/api/states/all");
    }
}
