//! Sky time: the clock of what is on screen, from the answers' own times.

use std::sync::Arc;

use contrail_types::{Micros, time};

/// Answers' times go back by seconds all the time; the sky waits for them. A recording that starts again goes back by
/// more, and the sky with it.
const HELD: Micros = time::MINUTE;
/// A feed that has been silent this much longer than another has no say any more.
const SILENT: Micros = 10 * time::MINUTE;

/// A feed's latest answer.
#[derive(Clone, Debug)]
struct Answer {
    feed: Arc<str>,
    fetched_at: Micros,
    answer_time: Micros,
}

/// `answer_time` of the latest answer plus the time passed since it was fetched; of several feeds, the furthest on (a
/// recording beside a live feed does not take the sky back).
#[derive(Clone, Debug, Default)]
pub struct SkyTime {
    feeds: Vec<Answer>,
    shown: Micros,
}

impl SkyTime {
    /// An answer; one that was fetched earlier than the feed's present one changes nothing.
    pub fn answer(&mut self, feed: &Arc<str>, fetched_at: Micros, answer_time: Micros) {
        match self.feeds.iter_mut().find(|known| known.feed == *feed) {
            Some(known) if (fetched_at, answer_time) > (known.fetched_at, known.answer_time) => {
                (known.fetched_at, known.answer_time) = (fetched_at, answer_time);
            }
            Some(_) => {}
            None => self.feeds.push(Answer { feed: feed.clone(), fetched_at, answer_time }),
        }
    }

    /// `fetched_at` and `answer_time` of the answer that counts.
    pub fn latest(&self) -> Option<(Micros, Micros)> {
        let newest = self.feeds.iter().map(|a| a.fetched_at).max()?;
        let heard = self.feeds.iter().filter(|a| newest - a.fetched_at <= SILENT);
        // The furthest on at any moment is the one with the greatest difference.
        heard.max_by_key(|a| a.answer_time.saturating_sub(a.fetched_at)).map(|a| (a.fetched_at, a.answer_time))
    }

    /// Sky time when this node's clock shows `now`. A node's clock set back makes it stand still, never go back.
    pub fn now(&mut self, now: Micros) -> Option<Micros> {
        let (fetched_at, answer_time) = self.latest()?;
        let sky = answer_time.saturating_add(now.saturating_sub(fetched_at).max(0));
        if sky >= self.shown || self.shown - sky > HELD {
            self.shown = sky;
        }
        Some(self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Micros = time::SECOND;

    fn feed(name: &str) -> Arc<str> {
        name.into()
    }

    #[test]
    fn it_runs_on_between_answers_waits_for_small_steps_back_and_follows_large_ones() {
        let (mut t, opensky) = (SkyTime::default(), feed("opensky"));
        assert_eq!(t.now(0), None);
        t.answer(&opensky, 1000 * S, 500 * S);
        assert_eq!(t.now(1003 * S), Some(503 * S));
        t.answer(&opensky, 1010 * S, 506 * S);
        assert_eq!(t.now(1009 * S), Some(506 * S));
        // The next answer's time is 4 s behind: the sky stands until it has caught up.
        t.answer(&opensky, 1020 * S, 502 * S);
        assert_eq!(t.now(1020 * S), Some(506 * S));
        assert_eq!(t.now(1025 * S), Some(507 * S));
        // This node's clock goes back an hour.
        assert_eq!(t.now(-2600 * S), Some(507 * S));
        // A recording starts again.
        t.answer(&opensky, 1030 * S, 100 * S);
        assert_eq!(t.now(1030 * S), Some(100 * S));
        // A late line of an earlier fetch changes nothing.
        t.answer(&opensky, 1029 * S, 999 * S);
        assert_eq!(t.now(1031 * S), Some(101 * S));
    }

    #[test]
    fn of_several_feeds_the_furthest_on_counts_until_it_falls_silent() {
        let (mut t, opensky, replay) = (SkyTime::default(), feed("opensky"), feed("replay"));
        t.answer(&replay, 9_000 * S, 100 * S);
        t.answer(&opensky, 9_010 * S, 9_008 * S);
        t.answer(&replay, 9_020 * S, 120 * S);
        assert_eq!((t.now(9_020 * S), t.latest()), (Some(9_018 * S), Some((9_010 * S, 9_008 * S))));
        t.answer(&replay, 9_700 * S, 800 * S);
        assert_eq!(t.now(9_700 * S), Some(800 * S));
    }
}
