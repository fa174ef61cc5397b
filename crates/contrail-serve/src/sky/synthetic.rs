//! The synthetic sky as a sky to serve.

use contrail_source::demo::{AIRCRAFT, DemoSky};
use contrail_types::{Micros, time};
use uuid::Uuid;

use super::{Content, SkySource};

/// Thousands of made-up aircraft, at any time; the same seed shows the same sky everywhere.
pub struct Synthetic(DemoSky);

impl Synthetic {
    pub fn new(seed: u64) -> Self {
        Self::with_aircraft(seed, AIRCRAFT)
    }

    /// A sky whose busy answers have about `aircraft` rows.
    pub fn with_aircraft(seed: u64, aircraft: usize) -> Self {
        Self(DemoSky::new(seed, aircraft))
    }
}

impl SkySource for Synthetic {
    fn answer(&mut self, now: Micros) -> Content {
        let answer = self.0.answer(now);
        let time = answer.time.saturating_mul(time::SECOND);
        match answer.to_batch("sky", Uuid::nil(), now) {
            Ok(states) => Content::States { time, states },
            Err(error) => {
                tracing::error!(%error, "the synthetic sky makes no batch");
                Content::Empty { time }
            }
        }
    }

    fn past(&mut self, at: Micros) -> Option<Content> {
        Some(self.answer(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::testing::T0;

    #[test]
    fn the_same_moment_shows_the_same_sky() {
        let mut sky = Synthetic::with_aircraft(3, 300);
        let Content::States { time, states } = sky.answer(T0) else { panic!() };
        assert!((T0 - time).abs() < 60 * time::SECOND && states.num_rows() > 30, "{time} {}", states.num_rows());
        let Some(Content::States { states: again, .. }) = Synthetic::with_aircraft(3, 300).past(T0) else { panic!() };
        assert_eq!(again, states);
    }
}
