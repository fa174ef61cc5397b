//! Sky time: the clock of what is on screen, from the answers' own times.

use contrail_types::{Micros, time};

/// Answers' times go back by seconds all the time; the sky waits for them. A recording that starts again goes back by
/// more, and the sky with it.
const HELD: Micros = time::MINUTE;

/// `answer_time` of the latest answer plus the time passed since it was fetched.
#[derive(Clone, Copy, Debug, Default)]
pub struct SkyTime {
    /// `fetched_at` and `answer_time` of the answer that counts.
    answer: Option<(Micros, Micros)>,
    shown: Micros,
}

impl SkyTime {
    /// An answer; one that was fetched earlier than the present one changes nothing.
    pub fn answer(&mut self, fetched_at: Micros, answer_time: Micros) {
        self.answer = self.answer.max(Some((fetched_at, answer_time)));
    }

    /// `fetched_at` and `answer_time` of the latest answer.
    pub fn latest(&self) -> Option<(Micros, Micros)> {
        self.answer
    }

    /// Sky time when this node's clock shows `now`. A node's clock set back makes it stand still, never go back.
    pub fn now(&mut self, now: Micros) -> Option<Micros> {
        let (fetched_at, answer_time) = self.answer?;
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

    #[test]
    fn it_runs_on_between_answers_waits_for_small_steps_back_and_follows_large_ones() {
        let mut t = SkyTime::default();
        assert_eq!(t.now(0), None);
        t.answer(1000 * S, 500 * S);
        assert_eq!(t.now(1003 * S), Some(503 * S));
        // The next answer's time is 4 s behind: the sky stands until it has caught up.
        t.answer(1010 * S, 506 * S);
        assert_eq!(t.now(1009 * S), Some(506 * S));
        t.answer(1020 * S, 502 * S);
        assert_eq!(t.now(1020 * S), Some(506 * S));
        assert_eq!(t.now(1025 * S), Some(507 * S));
        // This node's clock goes back an hour.
        assert_eq!(t.now(-2600 * S), Some(507 * S));
        // A recording starts again.
        t.answer(1030 * S, 100 * S);
        assert_eq!(t.now(1030 * S), Some(100 * S));
        // A late line of an earlier fetch changes nothing.
        t.answer(1029 * S, 999 * S);
        assert_eq!(t.now(1031 * S), Some(101 * S));
    }
}
