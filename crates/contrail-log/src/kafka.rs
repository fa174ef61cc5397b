//! The log on Apache Kafka: one topic, through librdkafka, which no other module of ours knows.
//!
//! [`client`] is how a client is set up and what it says of itself, [`topic`] what a topic is and how it is made,
//! [`producer`], [`reader`] and [`positions`] are the three things done with it. librdkafka's calls block, so each runs
//! on a blocking thread with a deadline of its own; nothing is asked of a broker before the first call needs it, so a
//! log whose brokers are away can be opened.

mod client;
mod describe;
mod error;
#[cfg(test)]
mod kafka_live;
mod positions;
mod producer;
mod reader;
mod topic;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use contrail_kit::Secret;
use contrail_types::Micros;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::Offset;
use tokio::sync::OnceCell;

use self::client::Watch;
use self::producer::Producer;
use crate::{Append, Bounds, DeadLetter, Log, LogError, LogReader, Offsets, Range, Shape};

pub use error::BrokerError;
pub use topic::{Difference, Wanted};

/// Where the topic is and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Options {
    /// Host and port of one or more brokers, with commas between them.
    pub brokers: String,
    pub topic: String,
    /// The consumer group under which landed offsets are committed, for lag dashboards only.
    pub group: String,
    /// How the topic is made if it is not there; what differs from it is said.
    pub wanted: Wanted,
    pub security: Security,
    /// How long one question to the brokers may take.
    pub timeout: Duration,
    /// How long a message may wait for its acknowledgement.
    pub delivery_timeout: Duration,
    /// Any other key of librdkafka.
    pub client: BTreeMap<String, String>,
}

/// How brokers and we prove who we are.
#[derive(Clone, Debug, Default)]
pub struct Security {
    pub tls: bool,
    /// SASL mechanism: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; `None` for none.
    pub mechanism: Option<String>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// PEM files: who signs the brokers' certificates, our certificate, its key.
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub key_password: Option<Secret>,
}

/// A log in one topic of Kafka. Clones share its connections.
#[derive(Clone)]
pub struct KafkaLog {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    watch: Arc<Watch>,
    /// Asks for offsets and commits them; is never assigned anything.
    asker: BaseConsumer<client::Context>,
    producer: Mutex<Option<Arc<Producer>>>,
    /// The topic is there; holds what differs from what is wanted.
    checked: OnceCell<Vec<Difference>>,
    /// The stream for which the producer was made, and the largest ends seen.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    stream: Option<String>,
    ends: Offsets,
}

impl KafkaLog {
    /// Prepares a log; asks no broker. Fails if librdkafka does not take the settings.
    pub fn new(options: Options) -> Result<Self, LogError> {
        let watch = Arc::new(Watch::default());
        let asker = client::consumer(&options, &watch)?;
        let inner = Inner {
            options,
            watch,
            asker,
            producer: Mutex::default(),
            checked: OnceCell::new(),
            seen: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn topic(&self) -> &str {
        &self.inner.options.topic
    }

    /// Where copies of dead letters go.
    pub fn dead_letter_topic(&self) -> String {
        format!("{}{}", self.topic(), topic::DEAD)
    }

    pub fn brokers(&self) -> &str {
        &self.inner.options.brokers
    }

    /// What the topic's settings say otherwise than ours; empty as long as no broker has answered.
    pub fn differences(&self) -> Vec<Difference> {
        self.inner.checked.get().cloned().unwrap_or_default()
    }

    /// Makes the topic if it is not there, else compares it with what is wanted; once.
    async fn ready(&self) -> Result<(), LogError> {
        let check = || async {
            let found = topic::ensure(&self.inner).await?;
            self.inner.watch.found();
            for difference in &found {
                tracing::warn!(topic = self.topic(), "{difference}");
            }
            self.inner.watch.connected();
            Ok::<_, LogError>(found)
        };
        self.inner.checked.get_or_try_init(check).await.map(drop)
    }

    /// Runs a blocking question, no longer than the time-out and a little.
    async fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        question: impl FnOnce(&Inner) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let inner = self.inner.clone();
        let deadline = self.inner.options.timeout + Duration::from_secs(2);
        let answer = tokio::time::timeout(deadline, tokio::task::spawn_blocking(move || question(&inner))).await;
        match answer {
            Ok(Ok(answer)) => answer.inspect(|_| self.inner.watch.connected()),
            Ok(Err(error)) => Err(LogError::Unavailable { what: format!("{what} was cut off"), source: error.into() }),
            Err(elapsed) => Err(self.inner.away(what, elapsed)),
        }
    }

    /// The stream, if all of these offsets can be read on from.
    async fn readable(&self, from: &Offsets) -> Result<String, LogError> {
        let bounds = self.bounds().await?;
        for (&partition, &wanted) in from {
            let stream = bounds.stream.clone();
            let Some(held) = bounds.partitions.get(&partition) else {
                return Err(LogError::NoPartition { stream, partition });
            };
            if wanted < held.start {
                return Err(LogError::StartsLater { stream, partition, wanted, start: held.start });
            }
            if wanted > held.end {
                return Err(LogError::BeyondEnd { stream, partition, wanted, end: held.end });
            }
        }
        Ok(bounds.stream)
    }

    async fn produce(&self, to: &str, messages: producer::Outgoing) -> Result<Vec<Range>, LogError> {
        let producer = self.inner.producer()?;
        let sent = producer.send(to, messages, &self.inner.options).await;
        match &sent {
            Ok(_) => self.inner.watch.connected(),
            // Nothing of a failed append may turn up later: dropping a producer takes back what has not left.
            Err(_) => *self.inner.producer.lock().unwrap_or_else(PoisonError::into_inner) = None,
        }
        sent
    }
}

impl Inner {
    fn producer(&self) -> Result<Arc<Producer>, LogError> {
        let mut slot = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(producer) => Ok(producer.clone()),
            None => Ok(slot.insert(Arc::new(Producer::new(&self.options, &self.watch)?)).clone()),
        }
    }

    fn away(&self, what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LogError {
        error::away(&self.options, &self.watch, what, source)
    }

    fn failed(&self, what: &str, error: rdkafka::error::KafkaError) -> LogError {
        self.listen();
        error::failed(&self.options, &self.watch, what, error)
    }

    /// What the client has to say of its connections comes by way of its event queue, some of it as no event at all.
    fn listen(&self) {
        for _ in 0..20 {
            if self.asker.poll(Duration::from_millis(1)).is_none() && self.watch.complaint().is_some() {
                break;
            }
        }
    }

    /// Stream and partitions as the brokers have them now.
    fn shape(&self) -> Result<Shape, LogError> {
        let described = describe::topic(self.asker.client(), &self.options.topic, self.options.timeout);
        let topic = described.map_err(|e| self.failed("describing the topic", e))?;
        let cluster = self.asker.client().fetch_cluster_id(self.options.timeout);
        let cluster = cluster.ok_or_else(|| self.away("asking for the cluster's id", "no answer in time"))?;
        let stream = format!("{cluster}/{}", topic.id.as_deref().unwrap_or(&self.options.topic));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.stream.as_ref().is_some_and(|was| *was != stream) {
            // librdkafka 2.12 keeps state of a topic by its name: a client does not outlive the topic.
            *self.producer.lock().unwrap_or_else(PoisonError::into_inner) = None;
            seen.ends.clear();
        }
        seen.stream = Some(stream.clone());
        Ok(Shape { stream, partitions: topic.partitions })
    }

    fn bounds(&self) -> Result<Bounds, LogError> {
        let shape = self.shape()?;
        let mut partitions = BTreeMap::new();
        for partition in shape.partitions {
            let found = self.asker.fetch_watermarks(&self.options.topic, partition, self.options.timeout);
            let (start, end) = found.map_err(|e| self.failed("asking for offsets", e))?;
            partitions.insert(partition, start..end);
        }
        let bounds = Bounds { stream: shape.stream, partitions, bytes: None, limit: None };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).ends = bounds.ends();
        Ok(bounds)
    }

    fn offsets_at(&self, at: Micros) -> Result<Offsets, LogError> {
        let ends = self.bounds()?.ends();
        let mut times = TopicPartitionList::new();
        for partition in ends.keys() {
            // Kafka's times are milliseconds; a fraction of one is later than it.
            let millis = Offset::Offset(at.div_euclid(1000) + i64::from(at.rem_euclid(1000) > 0));
            let added = times.add_partition_offset(&self.options.topic, *partition, millis);
            added.map_err(|e| self.failed("asking for offsets of a time", e))?;
        }
        let found = self.asker.offsets_for_times(times, self.options.timeout);
        let found = found.map_err(|e| self.failed("asking for offsets of a time", e))?;
        let at = |partition: i32| match found.find_partition(&self.options.topic, partition).map(|e| e.offset()) {
            Some(Offset::Offset(offset)) => offset,
            _ => ends[&partition],
        };
        Ok(ends.keys().map(|partition| (*partition, at(*partition))).collect())
    }

    fn check_ends(&self, progress: &Offsets) -> Result<(), LogError> {
        let known = |inner: &Self| {
            let seen = inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
            progress.iter().all(|(partition, at)| seen.ends.get(partition).is_some_and(|end| at <= end))
        };
        if known(self) {
            return Ok(());
        }
        let Bounds { stream, partitions, .. } = self.bounds()?;
        for (&partition, &wanted) in progress {
            match partitions.get(&partition) {
                Some(held) if wanted > held.end => {
                    return Err(LogError::BeyondEnd { stream, partition, wanted, end: held.end });
                }
                Some(_) => {}
                None => return Err(LogError::NoPartition { stream, partition }),
            }
        }
        Ok(())
    }

    /// For dashboards: nothing of ours reads it, so a broker that refuses is only worth a line in the log.
    fn commit(&self, progress: &Offsets) {
        let mut offsets = TopicPartitionList::new();
        for (partition, at) in progress {
            let _ = offsets.add_partition_offset(&self.options.topic, *partition, Offset::Offset(*at));
        }
        if let Err(error) = self.asker.commit(&offsets, CommitMode::Async) {
            tracing::debug!(%error, "landed offsets could not be committed for lag dashboards");
        }
        while self.asker.poll(Duration::ZERO).is_some() {}
    }
}

#[async_trait]
impl Log for KafkaLog {
    async fn shape(&self) -> Result<Shape, LogError> {
        self.ready().await?;
        self.ask("describing the topic", Inner::shape).await
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.ready().await?;
        self.ask("asking for offsets", Inner::bounds).await
    }

    async fn append(&self, append: Append) -> Result<Vec<Range>, LogError> {
        self.ready().await?;
        let mut ranges = Vec::new();
        if !append.messages.is_empty() {
            let outgoing = producer::Outgoing { messages: append.messages, at: append.at, headers: Vec::new() };
            ranges = self.produce(self.topic(), outgoing).await?;
        }
        if let Some((feed, position)) = append.position {
            positions::put(self, &feed, &position, append.at).await?;
        }
        Ok(ranges)
    }

    async fn reader(&self, from: Offsets) -> Result<Box<dyn LogReader>, LogError> {
        let stream = self.readable(&from).await?;
        Ok(Box::new(reader::Reader::start(self.clone(), stream, from)?))
    }

    async fn offsets_at(&self, at: Micros) -> Result<Offsets, LogError> {
        self.ready().await?;
        self.ask("asking for offsets of a time", move |inner| inner.offsets_at(at)).await
    }

    async fn landed(&self, progress: &Offsets) -> Result<(), LogError> {
        if progress.is_empty() {
            return Ok(());
        }
        self.ready().await?;
        let progress = progress.clone();
        self.ask("committing landed offsets", move |inner| {
            inner.check_ends(&progress)?;
            inner.commit(&progress);
            Ok(())
        })
        .await
    }

    async fn position(&self, feed: &str) -> Result<Option<String>, LogError> {
        self.ready().await?;
        let feed = feed.to_owned();
        self.ask("reading positions", move |inner| positions::get(&inner.options, &inner.watch, &feed)).await
    }

    async fn copy_dead(&self, letters: &[DeadLetter]) -> Result<(), LogError> {
        if letters.is_empty() {
            return Ok(());
        }
        self.ready().await?;
        let to = topic::ensure_side(&self.inner, topic::DEAD).await?;
        let at = letters.iter().map(|letter| letter.appended_at).max().unwrap_or_default();
        self.produce(&to, producer::Outgoing::dead(self.topic(), letters, at)).await.map(drop)
    }
}
