//! The demo sky as a feed: one answer an interval, of the time that the clock shows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::DemoSky;
use crate::feed::config::DemoConfig;
use crate::feed::desk::{Carried, Desk, Turns, off_thread};
use crate::feed::{Answer, Context, Feed, FeedHealth, FetchError, Kind, OpenError};
use crate::wire::Parsed;

const INTERVAL: Duration = Duration::from_secs(10);
/// Nobody needs it faster, and a mistyped `10ms` would fill the disk.
const LEAST: Duration = Duration::from_millis(100);

/// The synthetic sky behind the seam of all feeds. It never fails and never ends.
pub struct DemoFeed {
    desk: Desk,
    seed: u64,
    /// Made off the caller's thread at the first answer.
    sky: Option<Arc<DemoSky>>,
    turns: Turns,
}

impl DemoFeed {
    pub fn open(name: &str, config: &DemoConfig, context: Context) -> Result<Self, OpenError> {
        let interval = config.interval.unwrap_or(INTERVAL);
        if interval < LEAST {
            let reason = "must be at least 100ms".into();
            return Err(OpenError::Key { feed: name.into(), key: "interval", reason });
        }
        let desk = Desk::new(name, Kind::Demo, context);
        let turns = Turns::every(interval, &desk);
        Ok(Self { desk, seed: config.seed, sky: None, turns })
    }

    #[cfg(test)]
    fn with_sky(mut self, sky: Arc<DemoSky>) -> Self {
        self.sky = Some(sky);
        self
    }
}

#[async_trait]
impl Feed for DemoFeed {
    fn name(&self) -> &str {
        self.desk.name()
    }

    async fn next(&mut self) -> Result<Option<Answer>, FetchError> {
        let asked = self.turns.next(&self.desk).await;
        let (sky, seed) = (self.sky.clone(), self.seed);
        let (feed, fetch_id, at) = (self.desk.name().to_owned(), asked.fetch_id, self.desk.context().stamp());
        let (sky, parsed) = off_thread(move || {
            let sky = sky.unwrap_or_else(|| DemoSky::shared(seed));
            let answer = sky.answer(at);
            let mut parsed = Parsed::empty(Some(answer.time * contrail_types::time::SECOND));
            match answer.to_batch(&feed, fetch_id, at) {
                Ok(states) => parsed.states = states,
                // Cannot be: the rows have the schema's columns by construction. An empty answer is better than a panic.
                Err(error) => tracing::error!(%error, "the demo sky's answer does not fit the schema"),
            }
            (sky, parsed)
        })
        .await;
        self.sky = Some(sky);
        self.turns.show(&self.desk);
        Ok(Some(self.desk.answered(asked, at, Carried::default(), parsed)))
    }

    fn watch(&self) -> watch::Receiver<FeedHealth> {
        self.desk.watch()
    }
}

#[cfg(test)]
mod tests {
    use contrail_kit::Clock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_come_at_the_interval_with_rows_of_the_schema() {
        let clock = Clock::fixed(1_795_010_400_000_000);
        let config = DemoConfig::default();
        let sky = Arc::new(DemoSky::new(config.seed, 600));
        let mut feed = DemoFeed::open("demo", &config, Context::new(clock.clone())).unwrap().with_sky(sky);
        let first = feed.next().await.unwrap().unwrap();
        assert_eq!(first.states.schema(), contrail_types::state::schema());
        assert!(first.states.num_rows() > 300, "{}", first.states.num_rows());
        assert_eq!(first.fetch.rows, first.states.num_rows() as u64);
        assert_eq!(feed.health().next_fetch_at, Some(clock.now() + 10_000_000));
        clock.set(clock.now() + 10_000_000);
        let second = feed.next().await.unwrap().unwrap();
        assert_eq!(second.fetch.answered_at - first.fetch.answered_at, 10_000_000);
    }

    #[test]
    fn an_interval_that_makes_no_sense_is_refused() {
        let config = DemoConfig { interval: Some(Duration::from_millis(1)), ..DemoConfig::default() };
        assert!(DemoFeed::open("demo", &config, Context::default()).is_err());
    }
}
