//! Reading a topic: a consumer on a thread of its own, which gathers messages into runs and hands them on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use contrail_types::Micros;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::Offset;
use tokio::sync::mpsc;

use super::client::{self, Context};
use super::{BrokerError, Inner, KafkaLog};
use crate::{Chunk, Log, LogError, LogReader, MessagesBuilder, Offsets};

/// Messages that are gathered before they are handed on, if they come without a pause.
const ROWS: usize = 20_000;
const BYTES: usize = 8 << 20;
/// How long the thread waits for a message before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// Runs that wait to be taken.
const WAITING: usize = 8;

pub(super) struct Reader {
    log: KafkaLog,
    stream: String,
    /// Where each partition goes on behind what has been returned.
    next: Offsets,
    pending: VecDeque<Chunk>,
    /// Gone after an error: the next call begins again where the last one ended.
    running: Option<Running>,
}

struct Running {
    chunks: mpsc::Receiver<Result<Chunk, LogError>>,
    stop: Arc<AtomicBool>,
    /// Keeps the channel open where there is nothing to read.
    _idle: Option<mpsc::Sender<Result<Chunk, LogError>>>,
}

impl Reader {
    /// Begins to read `from`, offsets that the topic of `stream` has.
    pub fn start(log: KafkaLog, stream: String, from: Offsets) -> Result<Self, LogError> {
        let running = Some(Running::start(&log, &stream, &from)?);
        Ok(Self { log, stream, next: from, pending: VecDeque::new(), running })
    }

    /// The thread that reads; a new one if the last one has ended, and the topic is still the same.
    async fn running(&mut self) -> Result<&mut Running, LogError> {
        let running = match self.running.take() {
            Some(running) => running,
            None => {
                let shape = Log::shape(&self.log).await?;
                let is = match shape.stream == self.stream {
                    true => self.log.readable(&self.next).await?,
                    false => shape.stream,
                };
                if is != self.stream {
                    return Err(BrokerError::Replaced { was: self.stream.clone(), is }.into());
                }
                Running::start(&self.log, &self.stream, &self.next)?
            }
        };
        Ok(self.running.insert(running))
    }

    fn take(&mut self, max_rows: usize) -> Option<Chunk> {
        let chunk = self.pending.pop_front()?;
        let rows = chunk.messages.len();
        if rows <= max_rows {
            self.next.insert(chunk.partition, chunk.next_offset());
            return Some(chunk);
        }
        let part = |range: std::ops::Range<usize>| Chunk {
            first_offset: chunk.first_offset + range.start as i64,
            messages: chunk.messages.slice(range.clone()),
            appended_at: chunk.appended_at[range].to_vec(),
            stream: chunk.stream.clone(),
            partition: chunk.partition,
        };
        self.pending.push_front(part(max_rows..rows));
        let first = part(0..max_rows);
        self.next.insert(first.partition, first.next_offset());
        Some(first)
    }
}

impl Running {
    fn start(log: &KafkaLog, stream: &str, from: &Offsets) -> Result<Self, LogError> {
        let (out, chunks) = mpsc::channel(WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        let idle = from.is_empty().then(|| out.clone());
        if !from.is_empty() {
            let inner = log.inner.clone();
            let consumer = client::consumer(&inner.options, &inner.watch)?;
            let mut assigned = TopicPartitionList::new();
            for (partition, at) in from {
                let added = assigned.add_partition_offset(log.topic(), *partition, Offset::Offset(*at));
                added.map_err(|e| inner.failed("reading", e))?;
            }
            consumer.assign(&assigned).map_err(|e| inner.failed("reading", e))?;
            let (stream, next) = (stream.to_owned(), from.clone());
            let thread = Thread { inner, consumer, stream, next, out, stop: stop.clone() };
            let spawned = std::thread::Builder::new().name("kafka-reader".into()).spawn(move || thread.run());
            spawned.map_err(|e| LogError::Unavailable { what: "a thread to read with".into(), source: e.into() })?;
        }
        Ok(Self { chunks, stop, _idle: idle })
    }
}

#[async_trait]
impl LogReader for Reader {
    async fn next(&mut self, max_rows: usize, max_wait: Duration) -> Result<Option<Chunk>, LogError> {
        if self.pending.is_empty() {
            let running = self.running().await?;
            match tokio::time::timeout(max_wait, running.chunks.recv()).await {
                Err(_) => return Ok(None),
                Ok(Some(Ok(chunk))) => self.pending.push_back(chunk),
                Ok(Some(Err(error))) => {
                    self.running = None;
                    return Err(error);
                }
                Ok(None) => {
                    self.running = None;
                    let source = "its thread has ended".into();
                    return Err(LogError::Unavailable { what: "the reader begins again".into(), source });
                }
            }
        }
        Ok(self.take(max_rows.max(1)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A run that grows.
struct Growing {
    first: i64,
    messages: MessagesBuilder,
    appended_at: Vec<Micros>,
}

struct Thread {
    inner: Arc<Inner>,
    consumer: BaseConsumer<Context>,
    stream: String,
    /// The offset after the last message of each partition.
    next: Offsets,
    out: mpsc::Sender<Result<Chunk, LogError>>,
    stop: Arc<AtomicBool>,
}

impl Thread {
    fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            if let Err(error) = self.round() {
                let _ = self.out.blocking_send(Err(error));
                return;
            }
        }
    }

    /// Gathers until nothing comes any more or it is enough, and hands on.
    fn round(&mut self) -> Result<(), LogError> {
        let mut runs: BTreeMap<i32, Growing> = BTreeMap::new();
        let (mut rows, mut bytes, mut wait) = (0, 0, LOOK);
        while rows < ROWS && bytes < BYTES {
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let run = runs.entry(partition).or_insert_with(|| Growing::at(offset));
                    // Offsets may be missing where others write in transactions.
                    if run.end() != offset {
                        let full = std::mem::replace(run, Growing::at(offset));
                        hand_on(&self.out, &self.stream, partition, full);
                    }
                    bytes += run.push(&message);
                    rows += 1;
                    wait = Duration::ZERO;
                }
                Some(Err(error)) => self.hear(error)?,
            }
        }
        for (partition, run) in runs {
            self.next.insert(partition, run.end());
            hand_on(&self.out, &self.stream, partition, run);
        }
        Ok(())
    }

    /// Connections come and go, and librdkafka mends them; an offset that is not there does not come back.
    fn hear(&self, error: KafkaError) -> Result<(), LogError> {
        use RDKafkaErrorCode as Code;
        match error.rdkafka_error_code() {
            Some(
                Code::AutoOffsetReset
                | Code::OffsetOutOfRange
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::UnknownTopicId,
            ) => Err(self.why(error)),
            Some(Code::TopicAuthorizationFailed) => Err(self.inner.failed("reading", error)),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => Err(self.inner.failed("reading", error)),
            _ => {
                tracing::debug!(%error, "the topic cannot be read just now");
                Ok(())
            }
        }
    }

    /// What has become of the topic.
    fn why(&self, error: KafkaError) -> LogError {
        let bounds = match self.inner.bounds() {
            Ok(bounds) => bounds,
            Err(error) => return error,
        };
        if bounds.stream != self.stream {
            return BrokerError::Replaced { was: self.stream.clone(), is: bounds.stream }.into();
        }
        let stream = self.stream.clone();
        for (&partition, &wanted) in &self.next {
            let stream = stream.clone();
            match bounds.partitions.get(&partition) {
                None => return LogError::NoPartition { stream, partition },
                Some(held) if wanted < held.start => {
                    return LogError::StartsLater { stream, partition, wanted, start: held.start };
                }
                Some(held) if wanted > held.end => {
                    return LogError::BeyondEnd { stream, partition, wanted, end: held.end };
                }
                Some(_) => {}
            }
        }
        LogError::Unavailable { what: "the topic is being moved".into(), source: error.into() }
    }
}

impl Growing {
    fn at(first: i64) -> Self {
        Self { first, messages: MessagesBuilder::default(), appended_at: Vec::new() }
    }

    fn end(&self) -> i64 {
        self.first + self.appended_at.len() as i64
    }

    fn push(&mut self, message: &BorrowedMessage<'_>) -> usize {
        self.messages.push(message.key(), message.payload());
        self.appended_at.push(message.timestamp().to_millis().unwrap_or(0) * 1000);
        message.key_len() + message.payload_len()
    }
}

/// A receiver that is gone wants nothing any more; the thread ends on its next look.
fn hand_on(out: &mpsc::Sender<Result<Chunk, LogError>>, stream: &str, partition: i32, run: Growing) {
    if run.appended_at.is_empty() {
        return;
    }
    let Growing { first, messages, appended_at } = run;
    let chunk =
        Chunk { stream: stream.into(), partition, first_offset: first, messages: messages.finish(), appended_at };
    let _ = out.blocking_send(Ok(chunk));
}
