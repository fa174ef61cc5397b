//! How our clients of Kafka are set up, and what they say of their connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, TopicPartitionList};

use super::{BrokerError, Options};
use crate::LogError;

/// What correctness hangs on: no configuration may say otherwise.
const FIXED: [(&str, &str); 6] = [
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
];

/// Keys that a producer has and a consumer has not, and the other way round: librdkafka warns of each one.
const PRODUCER: [&str; 2] = ["acks", "enable.idempotence"];

/// Brokers hear of a new topic one after another, each within moments.
const SPREADS: Duration = Duration::from_secs(5);

/// The last complaint about a connection, whether there ever was one that worked, and when the topic was first found.
#[derive(Default)]
pub(super) struct Watch {
    connected: AtomicBool,
    found: OnceLock<Instant>,
    complaint: Mutex<Option<(RDKafkaErrorCode, String)>>,
}

impl Watch {
    /// An answer came.
    pub fn connected(&self) {
        self.connected.store(true, Ordering::Relaxed);
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn was_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// A broker knows the topic.
    pub fn found(&self) {
        self.found.get_or_init(Instant::now);
    }

    /// Whether some broker may not have heard of the topic yet.
    pub fn spreads(&self) -> bool {
        self.found.get().is_some_and(|found| found.elapsed() < SPREADS)
    }

    pub fn complaint(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn heard(&self, code: RDKafkaErrorCode, reason: &str) {
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        let tells = |code| matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL);
        // "All brokers are down" follows what brought them down, and says less.
        if complaint.as_ref().is_none_or(|(was, _)| tells(code) || !tells(*was))
            && code != RDKafkaErrorCode::AllBrokersDown
        {
            *complaint = Some((code, reason.to_owned()));
        }
    }
}

/// Hears what librdkafka has to say.
#[derive(Clone)]
pub(super) struct Context(pub Arc<Watch>);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // Broken connections come as errors too, and are told once by whoever waits for them.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "kafka", facility, "{message}");
            }
            _ => tracing::debug!(target: "kafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.0.heard(code, reason);
        }
        tracing::debug!(target: "kafka", %error, reason, "client error");
    }
}

impl ConsumerContext for Context {
    fn commit_callback(&self, result: rdkafka::error::KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "landed offsets could not be committed for lag dashboards");
        }
    }
}

/// A consumer that is assigned by hand and commits nothing by itself.
pub(super) fn consumer(options: &Options, watch: &Arc<Watch>) -> Result<BaseConsumer<Context>, LogError> {
    let mut config = config(options)?;
    config.set("group.id", &options.group);
    for (key, value) in FIXED.iter().filter(|(key, _)| !PRODUCER.contains(key)) {
        config.set(*key, *value);
    }
    default(options, &mut config, "queued.max.messages.kbytes", "32768");
    default(options, &mut config, "fetch.error.backoff.ms", "100");
    // With librdkafka's second a reader that catches up waits most of the time.
    default(options, &mut config, "fetch.queue.backoff.ms", "5");
    default(options, &mut config, "queued.min.messages", "500000");
    client(&config, watch)
}

/// What a producer is made of.
pub(super) fn producer_config(options: &Options) -> Result<ClientConfig, LogError> {
    let mut config = config(options)?;
    for key in PRODUCER {
        config.set(key, FIXED.iter().find(|(fixed, _)| *fixed == key).map_or("", |(_, value)| value));
    }
    config.set("message.timeout.ms", options.delivery_timeout.as_millis().to_string());
    for (key, value) in [
        ("compression.type", "zstd"),
        ("compression.level", "1"),
        // The partitioner of the Java clients: whoever else writes keys finds them in the same partition.
        ("partitioner", "murmur2_random"),
        ("linger.ms", "5"),
        ("batch.size", "1000000"),
        ("queue.buffering.max.messages", "500000"),
        ("queue.buffering.max.kbytes", "262144"),
    ] {
        default(options, &mut config, key, value);
    }
    Ok(config)
}

/// What any client is made of.
pub(super) fn config(options: &Options) -> Result<ClientConfig, LogError> {
    if let Some((key, value)) = FIXED.iter().find(|(key, value)| options.client.get(*key).is_some_and(|v| v != value)) {
        let what = format!("log.kafka.client may not set {key}: nothing is lost only with {value}");
        return Err(BrokerError::Settings(what).into());
    }
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &options.brokers);
    config.set("client.id", "contrail");
    config.set("allow.auto.create.topics", "false");
    config.set("reconnect.backoff.max.ms", "2000");
    let security = &options.security;
    let protocol = match (security.tls, &security.mechanism) {
        (false, None) => "plaintext",
        (true, None) => "ssl",
        (false, Some(_)) => "sasl_plaintext",
        (true, Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    let path = |path: &std::path::PathBuf| path.display().to_string();
    let set = [
        ("sasl.mechanism", security.mechanism.clone()),
        ("sasl.username", security.username.clone()),
        ("sasl.password", security.password.as_ref().map(|p| p.reveal().to_owned())),
        ("ssl.ca.location", security.ca.as_ref().map(path)),
        ("ssl.certificate.location", security.cert.as_ref().map(path)),
        ("ssl.key.location", security.key.as_ref().map(path)),
        ("ssl.key.password", security.key_password.as_ref().map(|p| p.reveal().to_owned())),
    ];
    for (key, value) in set {
        if let Some(value) = value {
            config.set(key, value);
        }
    }
    for (key, value) in &options.client {
        config.set(key, value);
    }
    Ok(config)
}

/// Sets what the user has not.
fn default(options: &Options, config: &mut ClientConfig, key: &str, value: &str) {
    if !options.client.contains_key(key) {
        config.set(key, value);
    }
}

/// Makes a client; its settings may be such that there can be none.
pub(super) fn client<C: FromClientConfigAndContext<Context>>(
    config: &ClientConfig,
    watch: &Arc<Watch>,
) -> Result<C, LogError> {
    C::from_config_and_context(config, Context(watch.clone())).map_err(unusable)
}

/// Why librdkafka does not take the settings.
pub(super) fn unusable(error: KafkaError) -> LogError {
    let what = match error {
        KafkaError::ClientConfig(_, text, key, _) => format!("librdkafka does not take {key}: {text}"),
        other => format!("librdkafka does not take the settings of log.kafka: {other}"),
    };
    BrokerError::Settings(what).into()
}
