//! The feed `opensky`: asks `/states/all` at the pace that the credits allow, box by box, with a token if there is one.

mod tokens;

use std::time::Duration;

use async_trait::async_trait;
use contrail_types::Micros;
use reqwest::{Client, Url};
use tokio::sync::watch;

use crate::area::Area;
use crate::feed::config::OpenSkyConfig;
use crate::feed::desk::{Asked, Carried, Desk, off_thread};
use crate::feed::{Answer, Cause, Context, Credits, Feed, FeedHealth, FetchError, Kind, OpenError};
use crate::http::{self, Reply};
use crate::pacer::{self, Budget, Last, Plan, Situation, Tier};
use crate::wire::{Parsed, Stamp, opensky};
use tokens::Tokens;

/// A clock that is off by more than this is worth a warning.
const MOST_SKEW: f64 = 30.0;

pub struct OpenSkyFeed {
    desk: Desk,
    client: Client,
    /// One address a box.
    urls: Vec<Url>,
    target: String,
    tokens: Option<Tokens>,
    timeout: Duration,
    budget: Budget,
    next_at: Micros,
    remaining: Option<u64>,
    skew: Option<f64>,
    failures: u32,
}

impl OpenSkyFeed {
    pub fn open(name: &str, config: &OpenSkyConfig, context: Context) -> Result<Self, OpenError> {
        let key = |key, reason: String| OpenError::Key { feed: name.into(), key, reason };
        let base = states_url(&config.url).map_err(|reason| key("url", reason))?;
        for area in &config.boxes {
            area.check().map_err(|reason| key("boxes", reason))?;
        }
        if config.interval.is_some_and(|interval| interval < Duration::from_millis(10)) {
            return Err(key("interval", "must be at least 10ms".into()));
        }
        if config.timeout.is_zero() {
            return Err(key("timeout", "must be longer than nothing".into()));
        }
        let boxes: Vec<Area> = config.boxes.iter().flat_map(|area| area.split()).collect();
        let cost = if boxes.is_empty() { pacer::cost(None) } else { boxes.iter().map(|b| pacer::cost(Some(*b))).sum() };
        let tokens = Tokens::of(name, config)?;
        let tier = config.tier.unwrap_or(if tokens.is_some() { Tier::Standard } else { Tier::Anonymous });
        let client = http::client(&base).map_err(|source| OpenError::Http { feed: name.into(), source })?;
        let feed = Self {
            desk: Desk::new(name, Kind::OpenSky, context.clone()),
            client,
            target: http::target(&base),
            urls: addresses(&base, &boxes, config.extended),
            tokens,
            timeout: config.timeout,
            budget: Budget { tier, cost, interval: config.interval },
            next_at: context.now(),
            remaining: None,
            skew: None,
            failures: 0,
        };
        let plan = feed.plan(context.now(), Last::None);
        feed.show(&plan);
        Ok(feed)
    }

    /// Asks for every box; the answer is the rows of all.
    async fn fetch(&mut self, asked: Asked, carried: &mut Carried) -> Result<(Parsed, Micros), Cause> {
        let mut bodies = Vec::with_capacity(self.urls.len());
        for at in 0..self.urls.len() {
            let reply = self.question(at).await?;
            carried.status = Some(reply.status);
            carried.bytes += reply.body.len() as u64;
            bodies.push(reply.body);
        }
        let (feed, target) = (self.desk.name().to_owned(), self.target.clone());
        let (fetch_id, fetched_at) = (asked.fetch_id, self.desk.context().stamp());
        let parsed = off_thread(move || {
            opensky::parse_all(&bodies, &Stamp { feed: &feed, fetch_id, fetched_at })
                .map_err(|source| Cause::BadAnswer { target, source })
        });
        Ok((parsed.await?, fetched_at))
    }

    /// One question; a token that is refused is renewed once.
    async fn question(&mut self, at: usize) -> Result<Reply, Cause> {
        let mut renewed = false;
        loop {
            let mut request = self.client.get(self.urls[at].clone());
            if let Some(tokens) = &mut self.tokens {
                request = request.bearer_auth(tokens.bearer(self.timeout).await?.reveal());
            }
            let reply = http::ask(request, &self.target, self.timeout).await?;
            self.remaining = reply.credits_remaining.or(self.remaining);
            if let Some(date) = reply.date {
                let here = self.desk.context().now() as f64 / 1e6 - reply.began.elapsed().as_secs_f64();
                self.skew = Some(here - date as f64 / 1e6);
            }
            match &mut self.tokens {
                Some(tokens) if reply.status == 401 && !renewed => {
                    tokens.forget();
                    renewed = true;
                }
                _ => return http::judge(reply, &self.target),
            }
        }
    }

    fn plan(&self, asked_at: Micros, last: Last) -> Plan {
        let spread = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
        let (now, failures) = (self.desk.context().now(), self.failures);
        pacer::plan(&self.budget, &Situation { now, asked_at, last, failures, remaining: self.remaining, spread })
    }

    fn show(&self, plan: &Plan) {
        let (limit, window) = self.budget.tier.credits();
        let credits = Credits { remaining: self.remaining, limit, window, runs_out_at: plan.runs_out_at };
        let skew = self.skew.filter(|skew| skew.abs() > MOST_SKEW).map(|skew| {
            let side = if skew > 0.0 { "ahead of" } else { "behind" };
            format!("this machine's clock is {:.0} s {side} the server's: set it, or ages will be wrong", skew.abs())
        });
        self.desk.tell(|health| {
            health.interval = Some(plan.interval);
            health.next_fetch_at = Some(plan.next_fetch_at);
            health.credits = Some(credits);
            health.clock_skew = self.skew;
            health.warnings = plan.warning.iter().cloned().chain(skew).collect();
        });
    }
}

#[async_trait]
impl Feed for OpenSkyFeed {
    fn name(&self) -> &str {
        self.desk.name()
    }

    async fn next(&mut self) -> Result<Option<Answer>, FetchError> {
        self.desk.wait_until(self.next_at).await;
        let asked = self.desk.ask();
        // Whoever drops this fetch half-way has spent its credits all the same.
        let now = self.desk.context().now();
        self.next_at = self.plan(now, Last::Ok).next_fetch_at;
        let mut carried = Carried::default();
        let outcome = self.fetch(asked, &mut carried).await;
        carried.credits_remaining = self.remaining;
        let last = match &outcome {
            Ok(_) => Last::Ok,
            Err(Cause::RateLimited { wait, .. }) => Last::RateLimited(*wait),
            Err(Cause::Unauthorized { .. }) => Last::Unauthorized,
            Err(_) => Last::Failed,
        };
        self.failures = if outcome.is_ok() { 0 } else { self.failures.saturating_add(1) };
        let plan = self.plan(now, last);
        self.next_at = plan.next_fetch_at;
        self.show(&plan);
        match outcome {
            Ok((parsed, at)) => Ok(Some(self.desk.answered(asked, at, carried, parsed))),
            Err(cause) => Err(self.desk.failed(asked, carried, cause, Some(self.next_at))),
        }
    }

    fn watch(&self) -> watch::Receiver<FeedHealth> {
        self.desk.watch()
    }
}

/// The address of `/states/all` behind what the user wrote.
fn states_url(text: &str) -> Result<Url, String> {
    let mut url = web_url(text)?;
    let path = url.path().trim_end_matches('/');
    let path = match path {
        "" => "/api/states/all".to_owned(),
        path if path.ends_with("/states/all") => path.to_owned(),
        path => format!("{path}/states/all"),
    };
    url.set_path(&path);
    Ok(url)
}

/// An address of HTTP, or what is wrong with it.
fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no address ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("{text:?} must begin with http:// or https:// and name a server"));
    }
    Ok(url)
}

fn addresses(base: &Url, boxes: &[Area], extended: bool) -> Vec<Url> {
    let address = |area: Option<&Area>| {
        let mut url = base.clone();
        if let Some(area) = area {
            let corners = [("lamin", area.lamin), ("lomin", area.lomin), ("lamax", area.lamax), ("lomax", area.lomax)];
            url.query_pairs_mut().extend_pairs(corners.map(|(name, value)| (name, value.to_string())));
        }
        if extended {
            url.query_pairs_mut().append_pair("extended", "1");
        }
        url
    };
    if boxes.is_empty() { vec![address(None)] } else { boxes.iter().map(|area| address(Some(area))).collect() }
}

#[cfg(test)]
mod tests;
