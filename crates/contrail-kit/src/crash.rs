//! Named crash points: places where a test, or a soak run, may end the work as a power cut would.
//!
//! Unarmed, a point costs one relaxed load. Armed from the environment (`CONTRAIL_CRASH_AT=name[:n]`) the n-th pass
//! aborts the process; armed by [`arm`] in a test it returns [`Crashed`], which must travel up without any clean-up on
//! its way, as after a real crash.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::class::{Class, Classified};

/// The environment variable that arms a point: `name` or `name:n` for the n-th pass, counted from 1.
pub const CRASH_AT: &str = "CONTRAIL_CRASH_AT";

/// What an armed point returns inside a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("crashed on request at {0}")]
pub struct Crashed(pub &'static str);

impl Classified for Crashed {
    fn class(&self) -> Class {
        Class::INTERNAL
    }
}

const UNREAD: u8 = 0;
const OFF: u8 = 1;
const ON: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNREAD);
static PLAN: Mutex<Plan> = Mutex::new(Plan { at: None, abort: false, seen: None });

struct Plan {
    /// The point and how many passes are left until it strikes.
    at: Option<(String, u32)>,
    abort: bool,
    /// Names of the points that were passed, while a test watches.
    seen: Option<BTreeSet<&'static str>>,
}

/// Passes the point `name`: nothing, unless it is armed.
#[inline]
pub fn point(name: &'static str) -> Result<(), Crashed> {
    if STATE.load(Ordering::Relaxed) == OFF { Ok(()) } else { pass(name) }
}

#[cold]
fn pass(name: &'static str) -> Result<(), Crashed> {
    let mut plan = plan();
    if STATE.load(Ordering::Relaxed) == UNREAD {
        if let Some(at) = std::env::var(CRASH_AT).ok().filter(|v| !v.is_empty()) {
            plan.at = Some(parse(&at));
            plan.abort = true;
        }
        STATE.store(if plan.at.is_some() { ON } else { OFF }, Ordering::Relaxed);
    }
    if let Some(seen) = &mut plan.seen {
        seen.insert(name);
    }
    match &mut plan.at {
        Some((at, left)) if at == name => {
            *left = left.saturating_sub(1);
            if *left > 0 {
                return Ok(());
            }
        }
        _ => return Ok(()),
    }
    if plan.abort {
        eprintln!("{}", Crashed(name));
        std::process::abort();
    }
    plan.at = None;
    Err(Crashed(name))
}

/// Arms `name` for this process: its n-th pass from now returns [`Crashed`] once. Tests that arm must not run beside
/// others in the same process.
pub fn arm(name: &str, nth: u32) {
    let mut plan = plan();
    plan.at = Some((name.into(), nth.max(1)));
    plan.abort = false;
    STATE.store(ON, Ordering::Relaxed);
}

/// Disarms and forgets.
pub fn disarm() {
    let mut plan = plan();
    plan.at = None;
    plan.seen = None;
    STATE.store(OFF, Ordering::Relaxed);
}

/// Runs `work` and says which points it passed, so that a suite can enumerate them instead of listing them.
pub async fn watch<T>(work: impl Future<Output = T>) -> (T, BTreeSet<&'static str>) {
    plan().seen = Some(BTreeSet::new());
    STATE.store(ON, Ordering::Relaxed);
    let result = work.await;
    let seen = plan().seen.take().unwrap_or_default();
    disarm();
    (result, seen)
}

fn plan() -> MutexGuard<'static, Plan> {
    PLAN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parse(at: &str) -> (String, u32) {
    match at.rsplit_once(':') {
        Some((name, n)) if n.parse::<u32>().is_ok() => (name.into(), n.parse().unwrap_or(1)),
        _ => (at.into(), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_nth_pass_strikes_once_and_passes_are_counted() {
        let (result, seen) = watch(async {
            arm("b", 2);
            (point("a"), point("b"), point("b"), point("b"))
        })
        .await;
        assert_eq!(result, (Ok(()), Ok(()), Err(Crashed("b")), Ok(())));
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(point("b"), Ok(()));
    }

    #[test]
    fn names_may_carry_a_count() {
        assert_eq!(parse("lake.commit.before_cas:3"), ("lake.commit.before_cas".into(), 3));
        assert_eq!(parse("lake.commit.before_cas"), ("lake.commit.before_cas".into(), 1));
    }
}
