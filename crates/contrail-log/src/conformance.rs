//! The promises of the seam [`Log`] as a suite that any log must pass. It panics where one is broken.
//!
//! A log that lives outside this process and is shared (Kafka) passes it with any number of partitions: order is only
//! asked for within one, and what was appended is compared by key.

pub mod registry;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Append, Chunk, Log, LogError, LogReader, Messages, Offsets, Range};

/// Where one log lives. It is empty at first.
#[async_trait]
pub trait Ground: Send + Sync {
    /// Opens the log; called again after the last one was dropped, it is the same log as it was left.
    async fn open(&self) -> Box<dyn Log>;
}

/// Runs the whole suite, each case on fresh ground.
pub async fn run<G: Ground>(fresh: impl AsyncFn() -> G) {
    offsets_are_dense_and_content_is_exact(&fresh().await).await;
    a_log_opened_again_goes_on(&fresh().await).await;
    readers_start_where_they_are_told(&fresh().await).await;
    readers_wait_wake_and_give_up(&fresh().await).await;
    a_dropped_read_loses_nothing(&fresh().await).await;
    wrong_starts_are_refused(&fresh().await).await;
    positions_go_with_their_append(&fresh().await).await;
    landing_takes_nothing_from_readers(&fresh().await).await;
    times_lead_to_offsets(&fresh().await).await;
    many_writers_do_not_mix_up_a_key(&fresh().await).await;
}

const SOON: Duration = Duration::from_millis(200);
const PATIENT: Duration = Duration::from_secs(20);
const NOW: i64 = 1_700_000_000_000_000;

pub(crate) type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);

fn numbered(range: std::ops::Range<usize>) -> Messages {
    range.map(|i| (Some(format!("key{}", i % 7)), Some(format!("value {i}")))).collect()
}

fn append(messages: Messages) -> Append {
    Append { messages, position: None, at: NOW }
}

pub(crate) fn pairs(messages: &Messages) -> Vec<Pair> {
    messages.iter().map(|m| (m.key.map(<[u8]>::to_vec), m.value.map(<[u8]>::to_vec))).collect()
}

async fn starts(log: &dyn Log) -> Offsets {
    log.bounds().await.expect("bounds").starts()
}

/// Reads until `rows` messages came; asks for odd numbers at a time. Checks that chunks join on.
async fn read(reader: &mut dyn LogReader, from: &Offsets, rows: usize) -> BTreeMap<i32, Vec<Pair>> {
    let mut next = from.clone();
    let mut found: BTreeMap<i32, Vec<Pair>> = BTreeMap::new();
    let mut count = 0;
    for size in [1, 3, 1000, 2].into_iter().cycle() {
        if count >= rows {
            break;
        }
        let chunk = reader.next(size, PATIENT).await.expect("read").expect("messages that were acknowledged are there");
        check_chunk(&chunk, size);
        assert_eq!(next.insert(chunk.partition, chunk.next_offset()), Some(chunk.first_offset), "chunks join on");
        count += chunk.messages.len();
        found.entry(chunk.partition).or_default().extend(pairs(&chunk.messages));
    }
    assert_eq!(count, rows, "no message more than was appended");
    found
}

fn check_chunk(chunk: &Chunk, most: usize) {
    assert!(!chunk.messages.is_empty(), "a chunk holds at least one message");
    assert!(chunk.messages.len() <= most, "and at most as many as asked for");
    assert_eq!(chunk.appended_at.len(), chunk.messages.len());
}

/// The messages of each key in order, wherever they are.
fn by_key(found: impl IntoIterator<Item = Pair>) -> BTreeMap<Option<Vec<u8>>, Vec<Option<Vec<u8>>>> {
    let mut keys: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (key, value) in found {
        keys.entry(key).or_default().push(value);
    }
    keys
}

fn check_ranges(ranges: &[Range], next: &mut Offsets, rows: usize) {
    assert!(ranges.is_sorted_by_key(|r| r.partition), "ranges ascend by partition");
    for range in ranges {
        assert_eq!(next.insert(range.partition, range.end), Some(range.first), "offsets are dense");
        assert!(range.end > range.first);
    }
    assert_eq!(ranges.iter().map(|r| (r.end - r.first) as usize).sum::<usize>(), rows);
}

async fn offsets_are_dense_and_content_is_exact(ground: &dyn Ground) {
    let log = ground.open().await;
    let from = starts(&*log).await;
    let mut next = log.bounds().await.expect("bounds").ends();
    assert_eq!(from, next, "the log is empty at first");
    let foreign: Messages =
        [(None, Some(&b"no key"[..])), (Some(&b"tombstone"[..]), None), (Some(b""), Some(b"")), (None, None)]
            .into_iter()
            .collect();
    let batches = [numbered(0..1), foreign, numbered(1..2500), numbered(2500..2501), Messages::new()];
    let mut expected = Vec::new();
    for messages in &batches {
        let ranges = log.append(append(messages.clone())).await.expect("append");
        check_ranges(&ranges, &mut next, messages.len());
        expected.extend(pairs(messages));
    }
    assert_eq!(log.bounds().await.expect("bounds").ends(), next);
    let mut reader = log.reader(from.clone()).await.expect("reader");
    let found = read(&mut *reader, &from, expected.len()).await;
    let partition_of = |found: &BTreeMap<i32, Vec<Pair>>, key: &[u8]| {
        found.values().filter(|pairs| pairs.iter().any(|(k, _)| k.as_deref() == Some(key))).count()
    };
    for key in (0..7).map(|i| format!("key{i}")) {
        assert_eq!(partition_of(&found, key.as_bytes()), 1, "a key stays in its partition");
    }
    let mut found = by_key(found.into_values().flatten());
    let mut expected = by_key(expected);
    // Without a key there is no order to keep.
    for keys in [&mut found, &mut expected] {
        keys.entry(None).or_default().sort();
    }
    assert_eq!(found, expected);
}

async fn a_log_opened_again_goes_on(ground: &dyn Ground) {
    let log = ground.open().await;
    let stream = log.bounds().await.expect("bounds").stream;
    let from = starts(&*log).await;
    log.append(append(numbered(0..100))).await.expect("append");
    let ends = log.bounds().await.expect("bounds").ends();
    drop(log);
    let log = ground.open().await;
    let bounds = log.bounds().await.expect("bounds");
    assert_eq!((&bounds.stream, bounds.ends()), (&stream, ends.clone()), "stream and offsets outlive the process");
    let mut next = ends;
    let ranges = log.append(append(numbered(100..150))).await.expect("append");
    check_ranges(&ranges, &mut next, 50);
    let mut reader = log.reader(from.clone()).await.expect("reader");
    let found = read(&mut *reader, &from, 150).await;
    assert_eq!(by_key(found.into_values().flatten()), by_key(pairs(&numbered(0..150))));
    let chunk = reader.next(10, SOON).await.expect("read");
    assert_eq!(chunk, None, "nothing more comes than was appended");
}

async fn readers_start_where_they_are_told(ground: &dyn Ground) {
    let log = ground.open().await;
    let from = starts(&*log).await;
    log.append(append(numbered(0..40))).await.expect("append");
    log.append(append(numbered(40..100))).await.expect("append");
    let ends = log.bounds().await.expect("bounds").ends();
    let mut all = log.reader(from.clone()).await.expect("reader");
    let all = read(&mut *all, &from, 100).await;
    for back in [0, 1, 2, 5, 30] {
        let middle: Offsets = ends.iter().map(|(p, end)| (*p, (end - back).max(from[p]))).collect();
        let rows: i64 = middle.iter().map(|(p, at)| ends[p] - at).sum();
        let mut reader = log.reader(middle.clone()).await.expect("reader");
        let found = read(&mut *reader, &middle, rows as usize).await;
        for (partition, at) in &middle {
            let rest = all.get(partition).map_or(&[][..], |pairs| &pairs[(at - from[partition]) as usize..]);
            assert_eq!(found.get(partition).map_or(&[][..], Vec::as_slice), rest, "{back} before the end");
        }
    }
    let one: Offsets = from.iter().take(1).map(|(p, at)| (*p, *at)).collect();
    let partition = *one.keys().next().expect("a partition");
    let rows = all.get(&partition).map_or(0, Vec::len);
    let mut reader = log.reader(one.clone()).await.expect("reader");
    let found = read(&mut *reader, &one, rows).await;
    assert_eq!(found.get(&partition), all.get(&partition), "a reader gets no partition but its own");
}

async fn readers_wait_wake_and_give_up(ground: &dyn Ground) {
    let log = ground.open().await;
    let from = starts(&*log).await;
    let mut reader = log.reader(from.clone()).await.expect("reader");
    let asked = std::time::Instant::now();
    assert_eq!(reader.next(10, SOON).await.expect("read"), None);
    assert!(asked.elapsed() >= SOON, "it waits as long as it may");
    let (chunk, appended) = tokio::join!(reader.next(10, PATIENT), async {
        tokio::time::sleep(SOON).await;
        log.append(append(numbered(0..1))).await
    });
    assert_eq!(appended.expect("append").len(), 1);
    assert_eq!(pairs(&chunk.expect("read").expect("a message wakes it").messages), pairs(&numbered(0..1)));
    assert!(asked.elapsed() < PATIENT, "before the time is over");
    let mut nobody = log.reader(Offsets::new()).await.expect("reader");
    assert_eq!(nobody.next(10, SOON).await.expect("read"), None, "no partition, no messages");
}

async fn a_dropped_read_loses_nothing(ground: &dyn Ground) {
    let log = ground.open().await;
    let from = starts(&*log).await;
    let mut reader = log.reader(from.clone()).await.expect("reader");
    // Dropped while it waits for the first message, and then at odd moments while it reads.
    let gone = tokio::time::timeout(SOON, reader.next(1, PATIENT)).await;
    assert!(gone.is_err(), "there is nothing to read yet");
    log.append(append(numbered(0..200))).await.expect("append");
    let mut found = Vec::new();
    let mut wait = 1;
    while found.len() < 200 {
        wait = wait * 3 % 997;
        if let Ok(chunk) = tokio::time::timeout(Duration::from_micros(wait), reader.next(3, PATIENT)).await {
            found.extend(pairs(&chunk.expect("read").expect("messages are there").messages));
        }
    }
    assert_eq!(by_key(found), by_key(pairs(&numbered(0..200))));
}

async fn wrong_starts_are_refused(ground: &dyn Ground) {
    let log = ground.open().await;
    log.append(append(numbered(0..10))).await.expect("append");
    let bounds = log.bounds().await.expect("bounds");
    let beyond: Offsets = bounds.ends().into_iter().map(|(p, end)| (p, end + 1)).collect();
    let refused = log.reader(beyond.clone()).await.err().expect("beyond the end is refused");
    assert!(matches!(refused, LogError::BeyondEnd { .. }), "{refused}");
    let refused = log.landed(&beyond).await.expect_err("beyond the end is refused");
    assert!(matches!(refused, LogError::BeyondEnd { .. }), "{refused}");
    let before: Offsets = bounds.starts().into_iter().map(|(p, start)| (p, start - 1)).collect();
    let refused = log.reader(before).await.err().expect("before the start is refused");
    assert!(matches!(refused, LogError::StartsLater { .. }), "{refused}");
    let refused = log.reader([(9999, 0)].into()).await.err().expect("an unknown partition is refused");
    assert!(matches!(refused, LogError::NoPartition { partition: 9999, .. }), "{refused}");
    assert!(log.reader(bounds.ends()).await.is_ok(), "the end itself is where most readers start");
}

async fn positions_go_with_their_append(ground: &dyn Ground) {
    let log = ground.open().await;
    assert_eq!(log.position("replay").await.expect("position"), None);
    let with = |messages, feed: &str, position: &str| Append {
        messages,
        position: Some((feed.into(), position.into())),
        at: NOW,
    };
    log.append(with(numbered(0..5), "replay", "line 5")).await.expect("append");
    let ranges = log.append(with(Messages::new(), "replay", "line 6")).await.expect("append");
    assert_eq!(ranges, [], "a position may come alone");
    log.append(with(numbered(5..6), "file", "α/β")).await.expect("append");
    log.append(append(numbered(6..7))).await.expect("append");
    drop(log);
    let log = ground.open().await;
    assert_eq!(log.position("replay").await.expect("position").as_deref(), Some("line 6"));
    assert_eq!(log.position("file").await.expect("position").as_deref(), Some("α/β"));
    assert_eq!(log.position("other").await.expect("position"), None);
}

async fn landing_takes_nothing_from_readers(ground: &dyn Ground) {
    let log = ground.open().await;
    let from = starts(&*log).await;
    log.append(append(numbered(0..50))).await.expect("append");
    let half = log.bounds().await.expect("bounds").ends();
    log.append(append(numbered(50..100))).await.expect("append");
    let mut reader = log.reader(half.clone()).await.expect("reader");
    log.landed(&half).await.expect("landed");
    log.landed(&from).await.expect("an older report is no error");
    log.landed(&Offsets::new()).await.expect("nor is an empty one");
    read(&mut *reader, &half, 50).await;
    let mut reader = log.reader(half.clone()).await.expect("what has not landed is there");
    let found = read(&mut *reader, &half, 50).await;
    assert_eq!(by_key(found.into_values().flatten()), by_key(pairs(&numbered(50..100))));
    let mut next = log.bounds().await.expect("bounds").ends();
    let ranges = log.append(append(numbered(0..3))).await.expect("append");
    check_ranges(&ranges, &mut next, 3);
}

async fn times_lead_to_offsets(ground: &dyn Ground) {
    let log = ground.open().await;
    let at = |n: i64| NOW + n * 60_000_000;
    let mut ends = vec![log.bounds().await.expect("bounds").ends()];
    for n in 0..3 {
        log.append(Append { messages: numbered(0..70), position: None, at: at(n) }).await.expect("append");
        ends.push(log.bounds().await.expect("bounds").ends());
    }
    for (time, expected) in
        [(at(0) - 1, 0), (at(0), 0), (at(0) + 1, 1), (at(1), 1), (at(2) - 1, 2), (at(2), 2), (at(3), 3)]
    {
        assert_eq!(log.offsets_at(time).await.expect("offsets"), ends[expected], "{time}");
    }
    let mut reader = log.reader(ends[2].clone()).await.expect("reader");
    let chunk = reader.next(1000, PATIENT).await.expect("read").expect("messages");
    assert!(chunk.appended_at.iter().all(|t| *t == at(2)), "each message says when it was appended");
}

async fn many_writers_do_not_mix_up_a_key(ground: &dyn Ground) {
    let log = ground.open().await;
    let from = starts(&*log).await;
    let write = |writer: usize| {
        let log = &log;
        async move {
            for i in 0..20 {
                let of = |j: usize| (Some(format!("writer {writer}")), Some(format!("{}", i * 10 + j)));
                log.append(append((0..10).map(of).collect())).await.expect("append");
            }
        }
    };
    tokio::join!(write(0), write(1), write(2), write(3));
    let mut reader = log.reader(from.clone()).await.expect("reader");
    let found = by_key(read(&mut *reader, &from, 800).await.into_values().flatten());
    assert_eq!(found.len(), 4);
    for (writer, values) in found {
        let values: Vec<String> = values.into_iter().flatten().map(|v| String::from_utf8_lossy(&v).into()).collect();
        let expected: Vec<String> = (0..200).map(|i| i.to_string()).collect();
        assert_eq!(values, expected, "{writer:?}");
    }
}
