//! Which ids a server does not know, since when, and when to ask again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Ids that were asked for in vain. An id is believed to be nobody's once it has been unknown for `patience`; that holds
/// for `forget`, then it is asked for again. An id that nobody asks for any more is dropped and begins anew.
pub(super) struct Absent {
    patience: Duration,
    forget: Duration,
    ids: HashMap<u32, Entry>,
    /// How many ids there may be before the stale ones are looked for.
    room: usize,
}

struct Entry {
    since: Instant,
    asked: Instant,
    /// Believed to be nobody's until then.
    until: Option<Instant>,
}

const ROOM: usize = 1024;

impl Absent {
    pub fn new(patience: Duration, forget: Duration) -> Self {
        Self { patience, forget, ids: HashMap::new(), room: ROOM }
    }

    /// Whether the id is nobody's, without asking.
    pub fn stands(&mut self, id: u32, now: Instant) -> bool {
        self.ids.get(&id).is_some_and(|entry| entry.until.is_some_and(|until| now < until))
    }

    /// The server does not know the id: how much longer it may turn up, or none if it is nobody's.
    pub fn missing(&mut self, id: u32, now: Instant) -> Option<Duration> {
        let stale = self.stale();
        if self.ids.len() >= self.room {
            self.ids.retain(|_, entry| now - entry.asked < stale);
            self.room = (self.ids.len() * 2).max(ROOM);
        }
        let fresh = Entry { since: now, asked: now, until: None };
        let entry = self.ids.entry(id).or_insert(fresh);
        if now - entry.asked >= stale {
            *entry = Entry { since: now, asked: now, until: None };
        }
        entry.asked = now;
        let left = self.patience.saturating_sub(now - entry.since);
        if left.is_zero() {
            entry.until = Some(now + self.forget);
            return None;
        }
        Some(left)
    }

    pub fn found(&mut self, id: u32) {
        self.ids.remove(&id);
    }

    /// Long enough that whoever comes back after a verdict has run out is still known.
    fn stale(&self) -> Duration {
        (self.patience + self.forget) * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn an_id_is_waited_for_then_believed_then_asked_for_again() {
        let mut absent = Absent::new(10 * S, 60 * S);
        let start = Instant::now();
        let at = |seconds: u32| start + seconds * S;
        assert!(!absent.stands(7, at(0)));
        assert_eq!(absent.missing(7, at(0)), Some(10 * S));
        assert_eq!(absent.missing(7, at(4)), Some(6 * S));
        assert!(!absent.stands(7, at(9)));
        assert_eq!(absent.missing(8, at(9)), Some(10 * S), "each id has its own time");
        assert_eq!(absent.missing(7, at(10)), None);
        assert!(absent.stands(7, at(11)) && absent.stands(7, at(69)) && !absent.stands(8, at(11)));
        assert!(!absent.stands(7, at(70)), "forgotten, so asked for again");
        assert_eq!(absent.missing(7, at(70)), None, "still nobody's: no second wait while the rubbish goes on");
        assert_eq!(absent.missing(7, at(270)), Some(10 * S), "long unheard of: begins anew");
        absent.found(7);
        assert_eq!(absent.missing(7, at(271)), Some(10 * S));
    }

    #[test]
    fn memory_is_bounded_by_time() {
        let mut absent = Absent::new(S, S);
        let start = Instant::now();
        for round in 0..20u32 {
            for id in 0..1000 {
                absent.missing(round * 1000 + id, start + round * 5 * S);
            }
        }
        assert!(absent.ids.len() <= 2 * ROOM, "{}", absent.ids.len());
    }
}
