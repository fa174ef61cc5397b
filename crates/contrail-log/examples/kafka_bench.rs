//! How fast the log on Kafka takes messages and gives them back, beside librdkafka alone with the same bytes and the
//! same settings: one line a stage, and the ratios.
//!
//! `KAFKA_BROKERS=HOST:PORT cargo run --release -p contrail-log --example kafka_bench [-- ROWS]`

#[path = "sample/states.rs"]
mod states;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contrail_log::embedded::Options as EmbeddedOptions;
use contrail_log::kafka::{KafkaLog, Options, Security, Wanted};
use contrail_log::{Append, EmbeddedLog, Encoder, Log, Messages, codec};
use futures::{StreamExt, TryStreamExt, stream};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};

use self::states::{ROWS, states};

const PARTITIONS: i32 = 2;
const PATIENCE: Duration = Duration::from_secs(120);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn options(brokers: &str, topic: &str) -> Options {
    Options {
        brokers: brokers.into(),
        topic: topic.into(),
        group: format!("{topic}-land"),
        wanted: Wanted { create: true, partitions: PARTITIONS, replication: 1, min_insync: 1, retention: None },
        security: Security::default(),
        timeout: Duration::from_secs(10),
        delivery_timeout: PATIENCE,
        client: BTreeMap::new(),
    }
}

/// Processor seconds of this process so far.
fn cpu() -> f64 {
    // SAFETY: a plain struct of integers, which the call fills.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Times a stage; rows a second.
async fn stage(name: &str, rows: usize, work: impl Future<Output = Outcome<()>>) -> Outcome<f64> {
    let (start, used) = (Instant::now(), cpu());
    work.await?;
    let (seconds, used) = (start.elapsed().as_secs_f64(), cpu() - used);
    let rate = rows as f64 / seconds;
    println!("{name:<44} {:>6.2} M rows/s {:>6.2} M rows per CPU second", rate / 1e6, rows as f64 / used / 1e6);
    Ok(rate)
}

async fn append(log: &KafkaLog, messages: &Messages, batches: usize, at_once: usize) -> Outcome<()> {
    let appends = stream::iter(0..batches).map(|at| {
        log.append(Append { messages: messages.clone(), position: None, at: 1_700_000_000_000_000 + at as i64 * 1000 })
    });
    appends.buffered(at_once).try_for_each(|_| std::future::ready(Ok(()))).await?;
    Ok(())
}

/// What our producer is made of, without us.
fn produce(brokers: &str, topic: &str, messages: &Messages, batches: usize) -> Outcome<()> {
    let mut config = ClientConfig::new();
    for (key, value) in [
        ("bootstrap.servers", brokers),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("compression.type", "zstd"),
        ("compression.level", "1"),
        ("partitioner", "murmur2_random"),
        ("linger.ms", "5"),
        ("batch.size", "1000000"),
        ("queue.buffering.max.messages", "500000"),
        ("queue.buffering.max.kbytes", "262144"),
    ] {
        config.set(key, value);
    }
    let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
    for _ in 0..batches {
        for message in messages.iter() {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
            (record.key, record.payload) = (message.key, message.value);
            while let Err((error, again)) = producer.send(record) {
                if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                record = again;
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
    Ok(producer.flush(PATIENCE)?)
}

async fn read(log: &KafkaLog, rows: usize) -> Outcome<()> {
    let mut reader = log.reader(log.bounds().await?.starts()).await?;
    let mut seen = 0;
    while seen < rows {
        let chunk = reader.next(100_000, PATIENCE).await?.ok_or("no message in time")?;
        seen += chunk.messages.len();
    }
    Ok(())
}

/// What our consumer is made of, without us.
fn consume(brokers: &str, topic: &str, rows: usize) -> Outcome<()> {
    let mut config = ClientConfig::new();
    for (key, value) in [
        ("bootstrap.servers", brokers),
        ("group.id", "kafka-bench"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("isolation.level", "read_committed"),
        ("queued.max.messages.kbytes", "32768"),
        ("fetch.error.backoff.ms", "100"),
    ] {
        config.set(key, value);
    }
    let consumer: BaseConsumer = config.create()?;
    let mut assigned = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assigned.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assigned)?;
    let (mut seen, mut bytes) = (0, 0);
    while seen < rows {
        let message = consumer.poll(PATIENCE).ok_or("no message in time")??;
        bytes += message.key_len() + message.payload_len();
        seen += 1;
    }
    println!("{:<44} {:>6.0} bytes a message", "", bytes as f64 / seen as f64);
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let brokers = std::env::var("KAFKA_BROKERS").map_err(|_| "set KAFKA_BROKERS (make -s services-env)")?;
    let rows: usize = std::env::args().nth(1).map_or(Ok(3_000_000), |text| text.parse())?;
    let batches = rows.div_ceil(ROWS);
    let rows = batches * ROWS;
    let folder = tempfile::tempdir()?;
    let registry = EmbeddedLog::open(folder.path().join("log.db"), EmbeddedOptions::default()).await?.registry();
    let messages = Encoder::new(&registry, codec::SUBJECT).await?.encode(&states())?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let topics = ["ours", "late", "bare"].map(|name| format!("bench-{now:x}-{name}"));
    let logs: Vec<KafkaLog> =
        topics.iter().map(|topic| KafkaLog::new(options(&brokers, topic))).collect::<Result<_, _>>()?;
    for log in &logs {
        // Makes the topic.
        log.shape().await?;
    }
    println!("{rows} messages in appends of {ROWS} over {PARTITIONS} partitions");
    let one = stage("append, each acknowledged before the next", rows, append(&logs[1], &messages, batches, 1)).await?;
    let four = stage("append, four on their way", rows, append(&logs[0], &messages, batches, 4)).await?;
    let bare = stage("librdkafka's producer alone", rows, async { produce(&brokers, &topics[2], &messages, batches) });
    let bare = bare.await?;
    let ours = stage("read", rows, read(&logs[0], rows)).await?;
    let alone = stage("librdkafka's consumer alone", rows, async { consume(&brokers, &topics[0], rows) }).await?;
    println!("appends one by one {:.2}, four on their way {:.2} of the producer alone", one / bare, four / bare);
    println!("read {:.2} of the consumer alone", ours / alone);

    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &brokers).create()?;
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    admin.delete_topics(&names, &AdminOptions::new()).await?;
    Ok(())
}
