//! The spool under lost answers, half appends, refusals and deaths: what was put in comes out once.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use proptest::prelude::*;

use super::*;
use crate::embedded::{self, EmbeddedLog};
use crate::{LogReader, Range, Shape};

/// A log in which each append has a fate.
struct Fated {
    log: EmbeddedLog,
    /// One digit an append, the last first; 0 when there are none left.
    fates: AtomicU32,
}

impl Fated {
    fn lost() -> LogError {
        LogError::Unavailable { what: "the answer is lost".into(), source: "on purpose".into() }
    }
}

#[async_trait]
impl Log for Fated {
    async fn append(&self, append: Append) -> Result<Vec<Range>, LogError> {
        let fates = self.fates.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |f| Some(f / 5)).unwrap_or(0);
        let rows = append.messages.len();
        match fates % 5 {
            // Nothing came through; half of it did; all did, but nobody heard.
            1 => Err(Self::lost()),
            2 => {
                // What came through need not be what was sent first.
                let half = Append { messages: append.messages.slice(rows / 2..rows), ..append };
                self.log.append(half).await?;
                Err(Self::lost())
            }
            3 => {
                self.log.append(append).await?;
                Err(Self::lost())
            }
            // All came through, and the process dies before it knows.
            4 => {
                self.log.append(append).await?;
                std::future::pending().await
            }
            _ => self.log.append(append).await,
        }
    }

    async fn shape(&self) -> Result<Shape, LogError> {
        self.log.shape().await
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.log.bounds().await
    }

    async fn reader(&self, from: Offsets) -> Result<Box<dyn LogReader>, LogError> {
        self.log.reader(from).await
    }

    async fn offsets_at(&self, at: Micros) -> Result<Offsets, LogError> {
        self.log.offsets_at(at).await
    }

    async fn landed(&self, progress: &Offsets) -> Result<(), LogError> {
        self.log.landed(progress).await
    }

    async fn position(&self, feed: &str) -> Result<Option<String>, LogError> {
        self.log.position(feed).await
    }
}

async fn log(folder: &tempfile::TempDir, name: &str) -> EmbeddedLog {
    let options = embedded::Options { keep: Duration::ZERO, ..embedded::Options::default() };
    EmbeddedLog::open(folder.path().join(name), options).await.unwrap()
}

async fn content_of(log: &dyn Log) -> Vec<Content> {
    let bounds = log.bounds().await.unwrap();
    let rows: i64 = bounds.partitions.values().map(|held| held.end - held.start).sum();
    let mut reader = log.reader(bounds.starts()).await.unwrap();
    let mut all = Vec::new();
    while (all.len() as i64) < rows {
        let chunk = reader.next(1000, WAIT).await.unwrap().unwrap();
        all.extend(chunk.messages.iter().map(content));
    }
    all
}

/// Some of them alike: what is alike counts as often as it is there.
fn messages(from: usize, rows: usize) -> Messages {
    (from..from + rows).map(|i| (Some(format!("k{}", i % 5)), Some(format!("v{}", i / 2)))).collect()
}

async fn deliver_all(spool: &Spool, state: &mut watch::Receiver<SpoolState>, fated: &Fated) {
    // A death comes as a future that never ends: it is dropped, as a process would be.
    loop {
        let stop = CancellationToken::new();
        let drained = async {
            let drain = spool.drain(stop.clone());
            let empty = async {
                // The first look of this drain, then until nothing waits.
                tokio::time::sleep(Duration::from_millis(5)).await;
                while spool.from.bounds().await.unwrap().ends()[&PARTITION] > spool.mark().await.unwrap().spooled {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                stop.cancel();
            };
            let (drained, ()) = tokio::join!(drain, empty);
            drained.unwrap();
        };
        if tokio::time::timeout(Duration::from_millis(700), drained).await.is_ok() {
            break;
        }
        assert!(fated.fates.load(Ordering::SeqCst) < u32::MAX);
    }
    state.mark_unchanged();
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn what_goes_in_comes_out_once(
        appends in prop::collection::vec(0usize..60, 1..6),
        fates in 0u32..15_625,
    ) {
        run(async {
            let folder = tempfile::tempdir().unwrap();
            let (from, to) = (log(&folder, "spool.db").await, log(&folder, "log.db").await);
            let fated = Arc::new(Fated { log: to.clone(), fates: fates.into() });
            let mut expected = Vec::new();
            let mut at = 0;
            for (i, rows) in appends.iter().enumerate() {
                let messages = messages(at, *rows);
                at += rows;
                expected.extend(messages.iter().map(content));
                from.append(Append { messages, position: None, at: i as i64 * 1000 }).await.unwrap();
            }
            let spool = Spool::new(Arc::new(from), fated.clone(), Clock::system());
            deliver_all(&spool, &mut spool.state(), &fated).await;
            let mut found = content_of(&to).await;
            if fates == 0 {
                assert_eq!(found, expected, "without faults also in order");
            }
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        });
    }
}

#[test]
fn a_log_made_anew_gets_what_is_left_and_nobody_elses_messages_count() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let from: Arc<dyn Log> = Arc::new(log(&folder, "spool.db").await);
        let put = async |rows: Messages| from.append(Append { messages: rows, position: None, at: 0 }).await.unwrap();
        put(messages(0, 30)).await;
        let first = log(&folder, "first.db").await;
        // Somebody else has written the same before: it is not ours, it was there before the mark.
        let fated = Arc::new(Fated { log: first.clone(), fates: 0.into() });
        let spool = Spool::new(from.clone(), fated.clone(), Clock::system());
        deliver_all(&spool, &mut spool.state(), &fated).await;
        first.append(Append { messages: messages(90, 5), position: None, at: 0 }).await.unwrap();
        put(messages(30, 30)).await;
        deliver_all(&spool, &mut spool.state(), &fated).await;
        assert_eq!(first.bounds().await.unwrap().ends()[&PARTITION], 65);
        let second = Arc::new(Fated { log: log(&folder, "second.db").await, fates: 0.into() });
        put(messages(60, 10)).await;
        let spool = Spool::new(from.clone(), second.clone(), Clock::system());
        deliver_all(&spool, &mut spool.state(), &second).await;
        let found = content_of(&second.log).await;
        assert_eq!(found, messages(60, 10).iter().map(content).collect::<Vec<_>>());
    });
}

#[test]
fn what_does_not_get_through_is_said() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let from: Arc<dyn Log> = Arc::new(log(&folder, "spool.db").await);
        from.append(Append { messages: messages(0, 3), position: None, at: 0 }).await.unwrap();
        let to = Arc::new(Fated { log: log(&folder, "log.db").await, fates: 6.into() });
        let spool = Spool::new(from, to.clone(), Clock::system());
        let mut state = spool.state();
        let away = async { state.wait_for(|state| state.away.is_some()).await.unwrap().clone() };
        let stop = CancellationToken::new();
        let (drained, seen) = tokio::join!(spool.drain(stop.clone()), async {
            let seen = away.await;
            stop.cancel();
            seen
        });
        drained.unwrap();
        let (_, why) = seen.away.unwrap();
        assert!(why.contains("the answer is lost"), "{why}");
    });
}
