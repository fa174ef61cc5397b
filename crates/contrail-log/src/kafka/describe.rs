//! A topic's id and partitions: the one question that the rdkafka crate does not ask, put to librdkafka itself.

use std::ffi::{CStr, CString};
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;

/// What a topic is.
#[derive(Clone, Debug)]
pub struct Described {
    /// Kafka's own id, another one each time a topic is made; `None` where brokers give none.
    pub id: Option<String>,
    pub partitions: Vec<i32>,
    /// The smallest number of replicas of any partition.
    pub replicas: usize,
}

/// Frees what librdkafka has given when it goes out of scope.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the pointer came from librdkafka, with this function to give it back, and nobody else has it.
            unsafe { (self.1)(self.0) }
        }
    }
}

/// Asks the brokers; blocks until they answer or `timeout` is over.
pub fn topic<C: ClientContext>(client: &Client<C>, name: &str, timeout: Duration) -> Result<Described, KafkaError> {
    let name = CString::new(name).map_err(KafkaError::Nul)?;
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let failed = |code: RDKafkaRespErr| KafkaError::MetadataFetch(RDKafkaErrorCode::from(code));
    // SAFETY: the client outlives this call. Everything that is made here is held by an `Owned` until the end, the
    // result's parts are only read while its event is held, and no pointer leaves this function.
    unsafe {
        let rk = client.native_ptr();
        let queue = Owned(native::rd_kafka_queue_new(rk), native::rd_kafka_queue_destroy);
        let kind = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = Owned(native::rd_kafka_AdminOptions_new(rk, kind), native::rd_kafka_AdminOptions_destroy);
        native::rd_kafka_AdminOptions_set_request_timeout(options.0, millis, std::ptr::null_mut(), 0);
        let mut names = [name.as_ptr()];
        let topics = native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1);
        let topics = Owned(topics, native::rd_kafka_TopicCollection_destroy);
        native::rd_kafka_DescribeTopics(rk, topics.0, options.0, queue.0);
        let event = native::rd_kafka_queue_poll(queue.0, millis.saturating_add(500));
        let event = Owned(event, native::rd_kafka_event_destroy);
        if event.0.is_null() {
            return Err(failed(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT));
        }
        let code = native::rd_kafka_event_error(event.0);
        if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(failed(code));
        }
        let result = native::rd_kafka_event_DescribeTopics_result(event.0);
        let mut count = 0;
        let topics = native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if count == 0 {
            return Err(failed(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART));
        }
        let topic = *topics;
        let code = native::rd_kafka_error_code(native::rd_kafka_TopicDescription_error(topic));
        if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(failed(code));
        }
        let id = native::rd_kafka_TopicDescription_topic_id(topic);
        let known = native::rd_kafka_Uuid_most_significant_bits(id) != 0
            || native::rd_kafka_Uuid_least_significant_bits(id) != 0;
        let text = || CStr::from_ptr(native::rd_kafka_Uuid_base64str(id)).to_string_lossy().into_owned();
        // Kafka's own tools print ids in the alphabet for URLs.
        let text = || text().replace('+', "-").replace('/', "_");
        let mut count = 0;
        let partitions = native::rd_kafka_TopicDescription_partitions(topic, &raw mut count);
        let partitions = std::slice::from_raw_parts(partitions, count);
        let replicas = partitions.iter().map(|partition| {
            let mut count = 0;
            native::rd_kafka_TopicPartitionInfo_replicas(*partition, &raw mut count);
            count
        });
        let replicas = replicas.min().unwrap_or(0);
        let numbers = partitions.iter().map(|partition| native::rd_kafka_TopicPartitionInfo_partition(*partition));
        let mut partitions: Vec<i32> = numbers.collect();
        partitions.sort_unstable();
        Ok(Described { id: known.then(text), partitions, replicas })
    }
}
