//! When to ask OpenSky next: a pure function of tier, boxes, what the server said about credits, and the failures.
//!
//! What is known of the credits (<https://openskynetwork.github.io/opensky-api/rest.html#limitations>): a call costs 1
//! to 4 by the size of its box; an account has so many a day (licensed: an hour); each answer says how many are left;
//! 429 says for how many seconds there are none. When a window begins is not said: whole days and hours in UTC are
//! assumed, and only ever used to ask less often, never more.

use std::time::Duration;

use contrail_kit::Backoff;
use contrail_types::Micros;
use contrail_types::time::{DAY, HOUR, SECOND, rfc3339};
use serde::{Deserialize, Serialize};

use crate::area::Area;

/// What an account may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 400 credits a day, without an account.
    Anonymous,
    /// 4,000 a day.
    Standard,
    /// 8,000 a day, for accounts that feed a receiver.
    Feeder,
    /// 14,400 an hour.
    Licensed,
}

/// The time in which credits are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Hour,
    Day,
}

impl Window {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    const fn width(self) -> Micros {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// When the window that `now` lies in ends, as far as one can tell.
    fn end(self, now: Micros) -> Micros {
        (now.div_euclid(self.width()) + 1).saturating_mul(self.width())
    }
}

impl Tier {
    /// Credits in a window.
    pub const fn credits(self) -> (u64, Window) {
        match self {
            Self::Anonymous => (400, Window::Day),
            Self::Standard => (4_000, Window::Day),
            Self::Feeder => (8_000, Window::Day),
            Self::Licensed => (14_400, Window::Hour),
        }
    }

    /// The time between calls of `cost` credits that spends the credits evenly.
    pub fn interval(self, cost: u64) -> Duration {
        let (credits, window) = self.credits();
        Duration::from_micros(window.width() as u64 * cost / credits)
    }
}

/// What one call costs; without a box it is the whole world.
pub fn cost(area: Option<Area>) -> u64 {
    match area.map_or(f64::INFINITY, Area::square_degrees) {
        size if size <= 25.0 => 1,
        size if size <= 100.0 => 2,
        size if size <= 400.0 => 3,
        _ => 4,
    }
}

/// What the user has set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    pub tier: Tier,
    /// Credits of one fetch: the sum over its boxes.
    pub cost: u64,
    /// An interval that is obeyed whatever it costs.
    pub interval: Option<Duration>,
}

/// How the last fetch ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Last {
    /// There was none yet.
    None,
    Ok,
    /// 429, with the wait that the server named.
    RateLimited(Option<Duration>),
    /// The credentials were refused: somebody has to do something.
    Unauthorized,
    Failed,
}

/// What is known when the next fetch is planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Situation {
    pub now: Micros,
    pub asked_at: Micros,
    pub last: Last,
    /// Failures in a row, the last one included.
    pub failures: u32,
    /// Credits left by the server's last word.
    pub remaining: Option<u64>,
    /// Where in the spread of back-offs to go, 0..1.
    pub spread: f64,
}

/// When to ask next, and what to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub next_fetch_at: Micros,
    /// Time between fetches while all is well.
    pub interval: Duration,
    /// When the credits run out at this interval, if they do before the window ends.
    pub runs_out_at: Option<Micros>,
    pub warning: Option<String>,
}

/// A wait beyond this is taken for nonsense.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 86_400);
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(300));
/// Nobody mends credentials within seconds.
const REFUSED: Backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(900));

/// Plans the next fetch.
pub fn plan(budget: &Budget, seen: &Situation) -> Plan {
    let interval = budget.interval.unwrap_or_else(|| paced(budget, seen));
    let runs_out_at = runs_out(budget, seen, interval);
    let after = |from: Micros, wait: Duration| from.saturating_add(micros(wait));
    let retry = |backoff: Backoff| {
        // A feed that asks once a second may try again after a second; one that asks each quarter of an hour waits no
        // longer than that.
        let first = backoff.first.min(interval.max(Duration::from_secs(1)));
        let backoff = Backoff::new(first, backoff.most);
        after(seen.now, backoff.wait(seen.failures.max(1), seen.spread))
    };
    let next_fetch_at = match seen.last {
        Last::None => seen.now,
        Last::Ok => after(seen.asked_at, interval).max(seen.now),
        Last::RateLimited(Some(wait)) if wait <= LONGEST_WAIT => after(seen.now, wait),
        Last::RateLimited(_) | Last::Unauthorized => retry(REFUSED),
        Last::Failed => retry(BACKOFF),
    };
    let warning = runs_out_at.filter(|_| budget.interval.is_some()).map(|at| warning(budget, interval, at));
    Plan { next_fetch_at, interval, runs_out_at, warning }
}

/// The interval where the user has set none: even over the window, and longer when fewer credits are left than that
/// needs (others use the account, or this node was started again).
fn paced(budget: &Budget, seen: &Situation) -> Duration {
    let even = budget.tier.interval(budget.cost);
    let calls = seen.remaining.map(|remaining| remaining / budget.cost.max(1));
    match calls {
        // With nothing left one more question is asked: its 429 says exactly how long to wait.
        None | Some(0) => even,
        Some(calls) => {
            let left = budget.tier.credits().1.end(seen.now).saturating_sub(seen.now).max(0) as u64;
            even.max(Duration::from_micros(left / calls))
        }
    }
}

fn runs_out(budget: &Budget, seen: &Situation, interval: Duration) -> Option<Micros> {
    let (credits, window) = budget.tier.credits();
    let calls = seen.remaining.unwrap_or(credits) / budget.cost.max(1);
    let at = seen.now.saturating_add(micros(interval).saturating_mul(i64::try_from(calls).unwrap_or(i64::MAX)));
    // Even pacing ends with the window; one interval more or less is no news.
    let end = window.end(seen.now);
    (at.saturating_add(micros(interval)) < end).then_some(at)
}

fn warning(budget: &Budget, interval: Duration, at: Micros) -> String {
    let (credits, window) = budget.tier.credits();
    let spent = window.width() as f64 / micros(interval).max(1) as f64 * budget.cost as f64;
    let hour = &rfc3339(at.div_euclid(SECOND) * SECOND)[11..16];
    format!(
        "an interval of {} spends {spent:.0} credits {} of the {credits} there are: they run out at about {hour} UTC; \
         {} would last",
        humantime::format_duration(interval),
        if window == Window::Day { "a day" } else { "an hour" },
        humantime::format_duration(whole_tenths(budget.tier.interval(budget.cost))),
    )
}

/// Rounded up to 0.1 s, for people.
fn whole_tenths(interval: Duration) -> Duration {
    Duration::from_millis((interval.as_millis() as u64).div_ceil(100) * 100)
}

fn micros(duration: Duration) -> Micros {
    Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX)
}

#[cfg(test)]
mod tests;
