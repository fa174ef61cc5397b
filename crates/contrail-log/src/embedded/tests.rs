//! The embedded log against the seam's promises, and what is its own: retention, limits, damage, a full disk.

mod histories;
#[cfg(unix)]
mod process;

use std::path::{Path, PathBuf};

use contrail_kit::Classified;

use super::*;
use crate::conformance::{self, Ground};
use crate::{Chunk, Messages};

const MINUTE: i64 = 60_000_000;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("log.db")
    }

    async fn open(&self, options: Options) -> EmbeddedLog {
        EmbeddedLog::open(self.file(), options).await.unwrap()
    }
}

#[async_trait]
impl Ground for Folder {
    async fn open(&self) -> Box<dyn Log> {
        Box::new(EmbeddedLog::open(self.file(), Options::default()).await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_promises_of_a_log() {
    conformance::run(async || Folder::new()).await;
}

/// `n` messages of a hundred bytes that do not compress.
fn noise(n: usize, seed: u64) -> Messages {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..n).map(|i| (Some(format!("{i:06x}")), Some((0..100).map(|_| byte()).collect::<Vec<_>>()))).collect()
}

fn append(messages: Messages, at: i64) -> Append {
    Append { messages, position: None, at }
}

async fn all(log: &EmbeddedLog, from: i64) -> Vec<Chunk> {
    let mut reader = log.reader([(PARTITION, from)].into()).await.unwrap();
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next(usize::MAX, Duration::ZERO).await.unwrap() {
        chunks.push(chunk);
    }
    chunks
}

async fn range(log: &EmbeddedLog) -> std::ops::Range<i64> {
    log.bounds().await.unwrap().partitions[&PARTITION].clone()
}

fn size(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

#[tokio::test]
async fn what_has_landed_goes_when_it_is_old_and_not_before() {
    let folder = Folder::new();
    let clock = Clock::fixed(100 * MINUTE);
    let options = Options { clock: clock.clone(), ..Options::default() };
    let log = folder.open(options.clone()).await;
    for minute in 100..110 {
        log.append(append(noise(10, minute), minute as i64 * MINUTE)).await.unwrap();
    }
    let landed = |offset| Offsets::from([(PARTITION, offset)]);
    clock.set(109 * MINUTE);
    log.landed(&landed(100)).await.unwrap();
    assert_eq!(range(&log).await, 0..100, "nothing is ten minutes old");
    clock.set(114 * MINUTE + 1);
    log.landed(&landed(35)).await.unwrap();
    assert_eq!(range(&log).await, 50..100, "all has landed, half of it is old");
    clock.set(1000 * MINUTE);
    drop(log);
    let log = folder.open(options).await;
    log.landed(&landed(75)).await.unwrap();
    assert_eq!(range(&log).await, 70..100, "a batch goes as a whole; how far it has landed is asked anew");
    log.landed(&landed(100)).await.unwrap();
    assert_eq!(range(&log).await, 100..100);
    log.append(append(noise(1, 0), 0)).await.unwrap();
    assert_eq!(range(&log).await, 100..101, "offsets go on after all was dropped");
    let late = log.reader(landed(99)).await.err().unwrap();
    assert!(matches!(late, LogError::StartsLater { wanted: 99, start: 100, .. }), "{late}");
}

#[tokio::test]
async fn a_reader_that_retention_overtakes_is_told() {
    let folder = Folder::new();
    let clock = Clock::fixed(0);
    let log = folder.open(Options { clock: clock.clone(), ..Options::default() }).await;
    log.append(append(noise(5, 1), 0)).await.unwrap();
    let mut reader = log.reader([(PARTITION, 0)].into()).await.unwrap();
    assert_eq!(reader.next(2, Duration::ZERO).await.unwrap().unwrap().messages.len(), 2);
    log.append(append(noise(5, 2), 0)).await.unwrap();
    clock.set(60 * MINUTE);
    log.landed(&[(PARTITION, 10)].into()).await.unwrap();
    log.append(append(noise(5, 3), 60 * MINUTE)).await.unwrap();
    // It still has the rest of the batch that it has read.
    assert_eq!(reader.next(9, Duration::ZERO).await.unwrap().unwrap().messages.len(), 3);
    for _ in 0..2 {
        let late = reader.next(9, Duration::ZERO).await.unwrap_err();
        assert!(matches!(late, LogError::StartsLater { wanted: 5, start: 10, .. }), "{late}");
    }
}

#[tokio::test]
async fn a_full_log_says_so_and_takes_messages_again_after_landing() {
    let folder = Folder::new();
    let clock = Clock::fixed(0);
    let options = Options { limit: 1 << 20, clock: clock.clone(), ..Options::default() };
    let log = folder.open(options).await;
    let mut taken = 0;
    let full = loop {
        match log.append(append(noise(500, taken), 0)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!((10..20).contains(&taken), "{taken}");
    assert!(matches!(full, LogError::Full { bytes, limit: 1_048_576 } if bytes <= 1 << 20), "{full}");
    assert!(full.class().retry);
    log.landed(&[(PARTITION, 5000)].into()).await.unwrap();
    assert!(log.append(append(noise(500, 1), 0)).await.is_err(), "landed, but not old");
    clock.set(11 * MINUTE);
    log.append(append(noise(500, 1), clock.now())).await.unwrap();
    assert_eq!(range(&log).await, 5000..(taken as i64 + 1) * 500, "what has not landed is all there");
    let huge = log.append(append(noise(20_000, 1), 0)).await.unwrap_err();
    assert!(matches!(huge, LogError::TooLarge { .. }) && !huge.class().retry, "{huge}");
}

#[tokio::test]
async fn the_file_shrinks_when_much_was_dropped() {
    let folder = Folder::new();
    let clock = Clock::fixed(0);
    let log = folder.open(Options { clock: clock.clone(), ..Options::default() }).await;
    for i in 0..30 {
        log.append(append(noise(10_000, i), 0)).await.unwrap();
    }
    clock.set(11 * MINUTE);
    log.landed(&[(PARTITION, 290_000)].into()).await.unwrap();
    log.append(append(noise(10, 0), clock.now())).await.unwrap();
    let bytes = log.bounds().await.unwrap().bytes.unwrap();
    assert!(bytes < 3 << 20, "{bytes} bytes in use");
    drop(log);
    assert!(size(&folder.file()) < 8 << 20, "{} bytes of 33 MB are left", size(&folder.file()));
    let log = folder.open(Options::default()).await;
    assert_eq!(all(&log, 290_000).await.iter().map(|c| c.messages.len()).sum::<usize>(), 10_010);
}

#[tokio::test]
async fn small_batches_are_read_together_and_large_ones_in_parts() {
    let folder = Folder::new();
    let log = folder.open(Options::default()).await;
    for i in 0..40 {
        log.append(append(noise(10, i), i as i64)).await.unwrap();
    }
    let mut reader = log.reader([(PARTITION, 3)].into()).await.unwrap();
    let mut sizes = Vec::new();
    let mut times = Vec::new();
    while let Some(chunk) = reader.next(150, Duration::ZERO).await.unwrap() {
        sizes.push(chunk.messages.len());
        times.extend(chunk.appended_at);
    }
    assert_eq!(times, (3..400).map(|i| i / 10).collect::<Vec<i64>>());
    assert!(sizes.len() <= 6, "{sizes:?}");
    log.append(append(noise(300_000, 7), 0)).await.unwrap();
    let sizes: Vec<usize> = all(&log, 400).await.iter().map(|c| c.messages.len()).collect();
    assert!(sizes.len() > 3 && sizes.iter().sum::<usize>() == 300_000, "{sizes:?}");
}

#[tokio::test]
async fn a_second_opening_is_refused_and_possible_when_the_first_is_gone() {
    let folder = Folder::new();
    let log = folder.open(Options::default()).await;
    let reader = log.reader([(PARTITION, 0)].into()).await.unwrap();
    let refused = EmbeddedLog::open(folder.file(), Options::default()).await.err().unwrap();
    assert!(matches!(&refused, LogError::InUse { path } if *path == folder.file()), "{refused}");
    drop(log);
    assert!(EmbeddedLog::open(folder.file(), Options::default()).await.is_err(), "a reader holds it too");
    drop(reader);
    assert!(EmbeddedLog::open(folder.file(), Options::default()).await.is_ok());
}

#[tokio::test]
async fn damage_is_named_and_never_skipped() {
    let folder = Folder::new();
    let log = folder.open(Options::default()).await;
    for i in 0..5 {
        log.append(append(noise(1000, i), 0)).await.unwrap();
    }
    drop(log);
    let db = rusqlite::Connection::open(folder.file()).unwrap();
    db.execute("UPDATE blocks SET body = zeroblob(length(body)) WHERE first = 2000", []).unwrap();
    drop(db);
    let log = folder.open(Options::default()).await;
    let mut reader = log.reader([(PARTITION, 0)].into()).await.unwrap();
    let chunk = reader.next(2000, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(chunk.messages.len(), 2000);
    for _ in 0..2 {
        let damaged = reader.next(1, Duration::ZERO).await.unwrap_err();
        assert!(damaged.to_string().contains("offsets 2000..3000"), "{damaged}");
        assert!(!damaged.class().retry);
    }
    drop((log, reader));
    let db = rusqlite::Connection::open(folder.file()).unwrap();
    db.execute("DELETE FROM blocks WHERE first = 3000", []).unwrap();
    drop(db);
    let damaged = EmbeddedLog::open(folder.file(), Options::default()).await.err().unwrap();
    assert!(damaged.to_string().contains("offset 3000 is missing"), "{damaged}");
}

#[tokio::test]
async fn files_that_are_no_log_are_refused_untouched() {
    let folder = Folder::new();
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("CREATE TABLE mine (a)").unwrap();
    drop(other);
    let refused = EmbeddedLog::open(folder.file(), Options::default()).await.err().unwrap();
    assert!(refused.to_string().contains("another program's"), "{refused}");
    std::fs::write(folder.file(), "no database at all, but some text that is long enough to be one").unwrap();
    let refused = EmbeddedLog::open(folder.file(), Options::default()).await.err().unwrap();
    assert!(matches!(refused, LogError::Damaged { .. }), "{refused}");
    let folder = Folder::new();
    drop(folder.open(Options::default()).await);
    rusqlite::Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let refused = EmbeddedLog::open(folder.file(), Options::default()).await.err().unwrap();
    assert!(refused.to_string().contains("format 2"), "{refused}");
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_the_log_goes_on() {
    let folder = Folder::new();
    let log = folder.open(Options::default()).await;
    for i in 0..3 {
        log.append(append(noise(1000, i), 0)).await.unwrap();
    }
    // As a power cut leaves it: the file and its write-ahead log as they stand, the last write torn.
    let copy = Folder::new();
    std::fs::copy(folder.file(), copy.file()).unwrap();
    let wal = std::fs::read(folder.file().with_extension("db-wal")).unwrap();
    for cut in [1, 4096 + 24, 60_000] {
        std::fs::write(copy.file().with_extension("db-wal"), &wal[..wal.len() - cut]).unwrap();
        let _ = std::fs::remove_file(copy.file().with_extension("db-shm"));
        let torn = Folder::new();
        for name in ["log.db", "log.db-wal"] {
            std::fs::copy(copy.0.path().join(name), torn.0.path().join(name)).unwrap();
        }
        let log = torn.open(Options::default()).await;
        assert_eq!(range(&log).await, 0..2000, "{cut} bytes short");
        log.append(append(noise(1000, 9), 0)).await.unwrap();
        let found: Vec<_> =
            all(&log, 0).await.into_iter().flat_map(|c| crate::conformance::pairs(&c.messages)).collect();
        let expected: Vec<_> = [0, 1, 9].iter().flat_map(|i| crate::conformance::pairs(&noise(1000, *i))).collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_full_disk_fails_the_append_and_damages_nothing() {
    let folder = Folder::new();
    let log = folder.open(Options::default()).await;
    log.append(append(noise(1000, 1), 0)).await.unwrap();
    let set_limit = |pages: u32| {
        log.with_store(move |_, store| {
            let (db, failed) = store.db()?;
            db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).map_err(failed.to("test"))
        })
    };
    set_limit(60).await.unwrap();
    let position = Some(("feed".to_owned(), "2".to_owned()));
    let full = log.append(Append { messages: noise(5000, 2), position, at: 0 }).await.unwrap_err();
    assert!(matches!(full, LogError::DiskFull { .. }) && full.class().retry, "{full}");
    assert_eq!(log.position("feed").await.unwrap(), None, "not half of it was done");
    assert_eq!(range(&log).await, 0..1000);
    // The connection was opened anew and with it the limit went: the disk has room again.
    log.append(append(noise(5000, 2), 0)).await.unwrap();
    drop(log);
    let log = folder.open(Options::default()).await;
    let found: Vec<_> = all(&log, 0).await.into_iter().flat_map(|c| crate::conformance::pairs(&c.messages)).collect();
    let expected: Vec<_> = [noise(1000, 1), noise(5000, 2)].iter().flat_map(crate::conformance::pairs).collect();
    assert_eq!(found, expected);
}
