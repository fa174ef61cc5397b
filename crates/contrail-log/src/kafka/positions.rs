//! Positions of feeds on Kafka: a compacted topic beside the main one, a message a feed.

use std::sync::Arc;
use std::time::Instant;

use contrail_types::Micros;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;

use super::client::{self, Watch};
use super::{KafkaLog, Options, error, producer, topic};
use crate::{LogError, Messages};

const PARTITION: i32 = 0;

/// Stores a feed's position; the last one wins.
pub(super) async fn put(log: &KafkaLog, feed: &str, position: &str, at: Micros) -> Result<(), LogError> {
    let to = topic::ensure_side(&log.inner, topic::POSITIONS).await?;
    let messages: Messages = [(Some(feed), Some(position))].into_iter().collect();
    log.produce(&to, producer::Outgoing { messages, at, headers: Vec::new() }).await.map(drop)
}

/// Reads the whole topic, which compaction keeps at about a message a feed. Blocks.
pub(super) fn get(options: &Options, watch: &Arc<Watch>, feed: &str) -> Result<Option<String>, LogError> {
    let name = format!("{}{}", options.topic, topic::POSITIONS);
    let consumer = client::consumer(options, watch)?;
    let failed = |e| error::failed(options, watch, "reading positions", e);
    let (start, end) = match consumer.fetch_watermarks(&name, PARTITION, options.timeout) {
        Ok(held) => held,
        Err(e) => match e.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopic,
            ) => return Ok(None),
            _ => return Err(failed(e)),
        },
    };
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(&name, PARTITION, Offset::Offset(start)).map_err(failed)?;
    consumer.assign(&from).map_err(failed)?;
    let (mut position, mut next, asked) = (None, start, Instant::now());
    while next < end {
        match consumer.poll(std::time::Duration::from_millis(100)) {
            Some(Ok(message)) => {
                next = message.offset() + 1;
                if message.key() == Some(feed.as_bytes()) {
                    position = message.payload().map(|value| String::from_utf8_lossy(value).into_owned());
                }
            }
            Some(Err(e)) if e.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                return Err(failed(e));
            }
            _ if asked.elapsed() > options.timeout => {
                return Err(error::away(options, watch, "reading positions", "no answer in time"));
            }
            _ => {}
        }
    }
    Ok(position)
}
