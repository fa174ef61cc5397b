//! Messages to Kafka: idempotent, acknowledged by all replicas, any number of appends on their way at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contrail_types::Micros;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use tokio::sync::oneshot;

use super::client::{self, Context, Watch};
use super::{Options, error};
use crate::{DeadLetter, LogError, Messages, Range};

/// Messages to one topic; `headers` are of each message, or there are none.
pub(super) struct Outgoing {
    pub messages: Messages,
    pub at: Micros,
    pub headers: Vec<OwnedHeaders>,
}

impl Outgoing {
    /// Dead letters as they came, with where from and why in their headers.
    pub fn dead(topic: &str, letters: &[DeadLetter], at: Micros) -> Self {
        let headers = letters.iter().map(|letter| {
            let header = |key, value| Header { key, value: Some(value) };
            OwnedHeaders::new()
                .insert(header("contrail.reason", &letter.reason))
                .insert(header("contrail.topic", &topic.to_owned()))
                .insert(header("contrail.stream", &letter.stream))
                .insert(header("contrail.partition", &letter.partition.to_string()))
                .insert(header("contrail.offset", &letter.offset.to_string()))
        });
        let messages = letters.iter().map(|letter| (letter.key.as_ref(), letter.value.as_ref()));
        Self { messages: messages.collect(), at, headers: headers.collect() }
    }
}

/// Appends on their way, by number.
#[derive(Default)]
struct Tickets(Mutex<HashMap<usize, Ticket>>);

struct Ticket {
    /// Messages without an answer, and one more as long as not all are sent.
    open: usize,
    ranges: BTreeMap<i32, Vec<Range>>,
    failed: Option<RDKafkaErrorCode>,
    done: Option<oneshot::Sender<Result<Vec<Range>, RDKafkaErrorCode>>>,
}

impl Tickets {
    fn with(&self, number: usize, change: impl FnOnce(&mut Ticket)) {
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ticket) = tickets.get_mut(&number) else { return };
        change(ticket);
        if ticket.open > 0 {
            return;
        }
        let Some(ticket) = tickets.remove(&number) else { return };
        let ranges = ticket.ranges.into_values().flatten().collect();
        if let Some(done) = ticket.done {
            // Nobody waits any more: the append's future was dropped.
            let _ = done.send(ticket.failed.map_or(Ok(ranges), Err));
        }
    }
}

impl Ticket {
    fn delivered(&mut self, partition: i32, offset: i64) {
        let ranges = self.ranges.entry(partition).or_default();
        match ranges.last_mut() {
            Some(range) if range.end == offset => range.end += 1,
            _ => ranges.push(Range { partition, first: offset, end: offset + 1 }),
        }
    }
}

struct Deliveries {
    context: Context,
    tickets: Arc<Tickets>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    /// The number of the append's ticket.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        self.tickets.with(number, |ticket| {
            ticket.open -= 1;
            match result {
                Ok(message) => ticket.delivered(message.partition(), message.offset()),
                Err((error, _)) => {
                    ticket.failed = ticket.failed.or(error.rdkafka_error_code()).or(Some(RDKafkaErrorCode::Unknown));
                }
            }
        });
    }
}

/// Sends appends; each ends when all of its messages are acknowledged, or one of them is not in time.
pub(super) struct Producer {
    producer: ThreadedProducer<Deliveries>,
    tickets: Arc<Tickets>,
    next: AtomicUsize,
    watch: Arc<Watch>,
}

impl Producer {
    pub fn new(options: &Options, watch: &Arc<Watch>) -> Result<Self, LogError> {
        let tickets = Arc::<Tickets>::default();
        let context = Deliveries { context: Context(watch.clone()), tickets: tickets.clone() };
        let config: ClientConfig = client::producer_config(options)?;
        let producer = ThreadedProducer::from_config_and_context(&config, context).map_err(client::unusable)?;
        Ok(Self { producer, tickets, next: AtomicUsize::new(1), watch: watch.clone() })
    }

    pub async fn send(
        self: &Arc<Self>,
        topic: &str,
        messages: Outgoing,
        options: &Options,
    ) -> Result<Vec<Range>, LogError> {
        let (done, answer) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket { open: 1, ranges: BTreeMap::new(), failed: None, done: Some(done) };
        self.tickets.0.lock().unwrap_or_else(PoisonError::into_inner).insert(number, ticket);
        let (this, topic) = (self.clone(), topic.to_owned());
        let failed = |e| error::failed(options, &self.watch, "appending", e);
        let sent = tokio::task::spawn_blocking(move || this.enqueue(&topic, &messages, number)).await;
        let sent = sent.unwrap_or(Err(KafkaError::Canceled));
        // All that is sent is counted: the ticket may end now.
        self.tickets.with(number, |ticket| ticket.open -= 1);
        sent.map_err(failed)?;
        let deadline = options.delivery_timeout + options.timeout;
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(Ok(ranges))) => Ok(ranges),
            Ok(Ok(Err(code))) => Err(failed(KafkaError::MessageProduction(code))),
            Ok(Err(_)) | Err(_) => Err(failed(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut))),
        }
    }

    fn enqueue(&self, topic: &str, outgoing: &Outgoing, number: usize) -> Result<(), KafkaError> {
        const FULL: Duration = Duration::from_millis(2);
        for (i, message) in outgoing.messages.iter().enumerate() {
            let mut record: BaseRecord<'_, [u8], [u8], usize> =
                BaseRecord::with_opaque_to(topic, number).timestamp(outgoing.at.div_euclid(1000));
            (record.key, record.payload) = (message.key, message.value);
            record.headers = outgoing.headers.get(i).cloned();
            self.tickets.with(number, |ticket| ticket.open += 1);
            while let Err((error, again)) = self.producer.send(record) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    self.tickets.with(number, |ticket| ticket.open -= 1);
                    return Err(error);
                }
                record = again;
                std::thread::sleep(FULL);
            }
        }
        Ok(())
    }
}

impl Drop for Producer {
    /// What nobody waits for any more must not turn up later.
    fn drop(&mut self) {
        self.producer.purge(PurgeConfig::default().queue().inflight());
    }
}
