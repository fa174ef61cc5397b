//! The log on a real Kafka: the seam's promises, and what is Kafka's own.

use contrail_testkit::live::{Identity, Login, fresh_name};
use contrail_testkit::{Kafka, Services};

use super::*;
use crate::conformance::{self, Ground};

pub(super) fn options(kafka: &Kafka, topic: &str, partitions: i32) -> Options {
    Options {
        brokers: kafka.brokers.clone(),
        topic: topic.into(),
        group: format!("{topic}-land"),
        // The suite's messages are years old.
        wanted: Wanted { create: true, partitions, replication: 1, min_insync: 1, retention: None },
        security: Security::default(),
        timeout: Duration::from_secs(10),
        delivery_timeout: Duration::from_secs(60),
        client: BTreeMap::new(),
    }
}

struct Topic(Options);

#[async_trait]
impl Ground for Topic {
    async fn open(&self) -> Box<dyn Log> {
        Box::new(KafkaLog::new(self.0.clone()).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_promises_of_a_log() {
    let Some(kafka) = Services::kafka() else { return };
    for partitions in [1, 3] {
        conformance::run(async || Topic(options(&kafka, &fresh_name("conformance"), partitions))).await;
    }
}

fn numbered(range: std::ops::Range<usize>) -> crate::Messages {
    range.map(|i| (Some(format!("k{}", i % 5)), Some(format!("value {i}")))).collect()
}

fn append(rows: usize) -> Append {
    Append { messages: numbered(0..rows), position: None, at: 1_700_000_000_000_000 }
}

/// Appends, reads back, and says how many came.
async fn round_trip(options: Options) -> Result<usize, LogError> {
    let log = KafkaLog::new(options)?;
    log.append(append(100)).await?;
    let mut reader = log.reader(log.bounds().await?.starts()).await?;
    let mut rows = 0;
    while let Some(chunk) = reader.next(1000, Duration::from_secs(3)).await? {
        rows += chunk.messages.len();
        if rows >= 100 {
            break;
        }
    }
    Ok(rows)
}

/// The error's sentence, and whether waiting may help.
async fn refused(options: Options) -> (String, bool) {
    let error = round_trip(options).await.expect_err("refused");
    (contrail_kit::class::chain(&error), contrail_kit::Classified::class(&error).retry)
}

fn sasl(kafka: &Kafka, mechanism: &str, login: &Login) -> Options {
    let security = Security {
        tls: true,
        mechanism: Some(mechanism.into()),
        username: Some(login.username.clone()),
        password: Some(Secret::new(login.password.clone())),
        ca: Some(kafka.ca.clone()),
        ..Security::default()
    };
    Options { brokers: kafka.sasl.brokers.clone(), security, ..options(kafka, &fresh_name("sasl"), 1) }
}

fn mtls(kafka: &Kafka, identity: &Identity) -> Options {
    let security = Security {
        tls: true,
        ca: Some(kafka.ca.clone()),
        cert: Some(identity.cert.clone()),
        key: Some(identity.key.clone()),
        ..Security::default()
    };
    Options { brokers: kafka.mtls.brokers.clone(), security, ..options(kafka, &fresh_name("mtls"), 1) }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_certificates_get_in() {
    let Some(kafka) = Services::kafka() else { return };
    for mechanism in ["PLAIN", "SCRAM-SHA-512"] {
        let options = sasl(&kafka, mechanism, &kafka.sasl.user);
        assert_eq!(round_trip(options).await.expect(mechanism), 100);
    }
    assert_eq!(round_trip(mtls(&kafka, &kafka.mtls.client)).await.expect("mTLS"), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_why() {
    let Some(kafka) = Services::kafka() else { return };
    let short = |options| Options { timeout: Duration::from_secs(4), ..options };
    let wrong = short(sasl(&kafka, "SCRAM-SHA-512", &Login { password: "wrong".into(), ..kafka.sasl.user.clone() }));
    let (text, retry) = refused(wrong).await;
    assert!(text.contains("user name or password is wrong") && text.contains("log.kafka.password"), "{text}");
    assert!(!retry, "{text}");

    let stranger = sasl(&kafka, "SCRAM-SHA-512", &kafka.sasl.stranger);
    let (text, retry) = refused(short(stranger)).await;
    assert!(text.contains("no right") && text.contains("ACL") && !retry, "{text}");

    let (text, retry) = refused(short(mtls(&kafka, &kafka.mtls.expired))).await;
    assert!(text.contains("expired") && text.contains("log.kafka.cert") && !retry, "{text}");

    let (text, retry) = refused(short(mtls(&kafka, &kafka.mtls.other))).await;
    assert!(text.contains("certificate") && !retry, "{text}");

    let mut unknown = mtls(&kafka, &kafka.mtls.client);
    unknown.security.ca = Some(kafka.other_ca.clone());
    let (text, retry) = refused(short(unknown)).await;
    assert!(text.contains("does not trust") && text.contains("log.kafka.ca") && !retry, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_and_topics_that_are_not_there() {
    let Some(kafka) = Services::kafka() else { return };
    let nobody = Options { brokers: "127.0.0.1:9".into(), timeout: Duration::from_secs(2), ..options(&kafka, "t", 1) };
    let (text, retry) = refused(nobody).await;
    assert!(text.contains("127.0.0.1:9") && retry, "{text}");

    let mut none = options(&kafka, &fresh_name("none"), 1);
    none.wanted.create = false;
    let (text, retry) = refused(none).await;
    assert!(text.contains("there is no topic none-") && text.contains("log.kafka.create") && !retry, "{text}");

    let mut replicas = options(&kafka, &fresh_name("replicas"), 1);
    replicas.wanted.replication = 3;
    let (text, retry) = refused(replicas).await;
    assert!(text.contains("do not allow it") && !retry, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_are_refused() {
    let Some(kafka) = Services::kafka() else { return };
    for (key, value, expected) in [
        ("no.such.key", "1", "no.such.key"),
        ("acks", "1", "may not set acks"),
        ("enable.auto.commit", "true", "may not set enable.auto.commit"),
        ("fetch.wait.max.ms", "much", "fetch.wait.max.ms"),
    ] {
        let mut options = options(&kafka, &fresh_name("settings"), 1);
        options.client.insert(key.into(), value.into());
        let (text, retry) = refused(options).await;
        assert!(text.contains(expected) && !retry, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_the_wanted_topic_is_said() {
    let Some(kafka) = Services::kafka() else { return };
    let mut options = options(&kafka, &fresh_name("differs"), 2);
    let log = KafkaLog::new(options.clone()).unwrap();
    log.shape().await.unwrap();
    assert_eq!(log.differences(), [], "what we make is as we want it");
    options.wanted.partitions = 6;
    options.wanted.retention = Some(Duration::from_secs(3600));
    let log = KafkaLog::new(options).unwrap();
    assert_eq!(log.shape().await.unwrap().partitions, [0, 1]);
    let said: Vec<String> = log.differences().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("partitions is 2, configured is 6") && said[1].contains("retention.ms is -1"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_makes_the_topic_at_the_same_time_has_it_too() {
    let Some(kafka) = Services::kafka() else { return };
    for _ in 0..3 {
        let options = options(&kafka, &fresh_name("at-once"), 3);
        let logs: Vec<_> = (0..4).map(|_| KafkaLog::new(options.clone()).unwrap()).collect();
        let asked = logs.iter().map(async |log| log.shape().await.map(|shape| shape.stream));
        let streams: Vec<_> = futures::future::join_all(asked).await.into_iter().map(Result::unwrap).collect();
        assert!(streams.iter().all(|stream| *stream == streams[0]), "{streams:?}");
    }
}

async fn admin(options: &Options) -> rdkafka::admin::AdminClient<client::Context> {
    client::client(&client::config(options).unwrap(), &Arc::default()).unwrap()
}

async fn delete(options: &Options) {
    let admin = admin(options).await;
    let deleted = admin.delete_topics(&[&options.topic], &rdkafka::admin::AdminOptions::new()).await.unwrap();
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_again_is_another_stream() {
    let Some(kafka) = Services::kafka() else { return };
    let options = options(&kafka, &fresh_name("again"), 1);
    let log = KafkaLog::new(options.clone()).unwrap();
    log.append(append(50)).await.unwrap();
    let before = log.bounds().await.unwrap();
    let mut reader = log.reader(before.starts()).await.unwrap();
    assert!(reader.next(1000, Duration::from_secs(5)).await.unwrap().is_some());
    delete(&options).await;
    // As long as the topic is new, a broker may only not have heard of it.
    let mut gone = log.shape().await.expect_err("it is gone");
    while matches!(gone, LogError::Unavailable { .. }) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        gone = log.shape().await.expect_err("it stays gone");
    }
    assert!(matches!(gone, LogError::Broker(BrokerError::NoTopic { .. })), "{gone}");
    let again = KafkaLog::new(options).unwrap();
    again.append(append(100)).await.unwrap();
    // The same log goes on with the new topic, under another name.
    log.append(append(30)).await.unwrap();
    let after = log.bounds().await.unwrap();
    assert_ne!(after.stream, before.stream);
    assert_eq!(after.stream.split('/').next(), before.stream.split('/').next(), "the cluster is the same");
    assert_eq!(after.ends()[&0], 130);
    // Whatever the old reader gives, it does not pass off as the new stream's.
    for _ in 0..20 {
        match reader.next(1000, Duration::from_millis(500)).await {
            Ok(None) => {}
            Ok(Some(chunk)) => assert_eq!(chunk.stream, before.stream, "shape() tells that these are not to be used"),
            Err(error) => {
                assert!(matches!(error, LogError::Broker(BrokerError::Replaced { .. })), "{error}");
                break;
            }
        }
    }
    assert_eq!(log.shape().await.unwrap().stream, after.stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_took_is_missed() {
    let Some(kafka) = Services::kafka() else { return };
    let options = options(&kafka, &fresh_name("retention"), 1);
    let log = KafkaLog::new(options.clone()).unwrap();
    log.append(append(50)).await.unwrap();
    let mut early = log.reader([(0, 0)].into()).await.unwrap();
    let mut upto = TopicPartitionList::new();
    upto.add_partition_offset(&options.topic, 0, Offset::Offset(20)).unwrap();
    let admin = admin(&options).await;
    admin.delete_records(&upto, &rdkafka::admin::AdminOptions::new()).await.unwrap();
    assert_eq!(log.bounds().await.unwrap().starts()[&0], 20);
    let refused = log.reader([(0, 10)].into()).await.err().expect("it is gone");
    assert!(matches!(refused, LogError::StartsLater { wanted: 10, start: 20, .. }), "{refused}");
    // The early reader may have what it fetched before; it never jumps over what it has not.
    let mut next = 0;
    for _ in 0..20 {
        match early.next(1000, Duration::from_millis(300)).await {
            Ok(Some(chunk)) => {
                assert_eq!(chunk.first_offset, next);
                next = chunk.next_offset();
            }
            Ok(None) if next == 50 => break,
            Ok(None) => {}
            Err(error) => {
                assert!(matches!(error, LogError::StartsLater { start: 20, .. }), "{error}");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_others_leave_gaps_and_what_they_take_back_is_not_read() {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
    let Some(kafka) = Services::kafka() else { return };
    let options = options(&kafka, &fresh_name("transactions"), 1);
    let log = KafkaLog::new(options.clone()).unwrap();
    log.append(append(3)).await.unwrap();
    let producer: BaseProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .set("transactional.id", &options.topic)
        .create()
        .unwrap();
    let topic = options.topic.clone();
    tokio::task::spawn_blocking(move || {
        let wait = Duration::from_secs(20);
        producer.init_transactions(wait).unwrap();
        for (value, keep) in [("kept", true), ("taken back", false), ("kept too", true)] {
            producer.begin_transaction().unwrap();
            producer.send(BaseRecord::to(&topic).key("k").payload(value)).unwrap();
            producer.flush(wait).unwrap();
            if keep { producer.commit_transaction(wait) } else { producer.abort_transaction(wait) }.unwrap();
        }
    })
    .await
    .unwrap();
    log.append(append(2)).await.unwrap();
    let mut reader = log.reader([(0, 0)].into()).await.unwrap();
    let mut found = Vec::new();
    while found.len() < 7 {
        let chunk = reader.next(1000, Duration::from_secs(10)).await.unwrap().expect("messages");
        for (i, message) in chunk.messages.iter().enumerate() {
            let value = String::from_utf8_lossy(message.value.unwrap()).into_owned();
            found.push((chunk.first_offset + i as i64, value));
        }
    }
    let offsets: Vec<i64> = found.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 7, 9, 10], "{found:?}");
    assert!(found.iter().all(|(_, value)| value != "taken back"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_copied_with_their_origin() {
    use rdkafka::message::{Headers, Message};
    let Some(kafka) = Services::kafka() else { return };
    let options = options(&kafka, &fresh_name("dead"), 1);
    let log = KafkaLog::new(options.clone()).unwrap();
    let letter = DeadLetter {
        stream: "cluster/topic".into(),
        partition: 2,
        offset: 41,
        appended_at: 1_700_000_000_123_000,
        reason: "not Avro: JSON".into(),
        key: Some(b"3c6444".to_vec()),
        value: Some(b"{}".to_vec()),
    };
    log.copy_dead(&[letter.clone(), DeadLetter { key: None, value: None, ..letter }]).await.unwrap();
    let name = format!("{}{}", options.topic, topic::DEAD);
    let found = tokio::task::spawn_blocking(move || {
        let consumer = client::consumer(&options, &Arc::default()).unwrap();
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&name, 0, Offset::Offset(0)).unwrap();
        consumer.assign(&from).unwrap();
        let mut found = Vec::new();
        while found.len() < 2 {
            let Some(message) = consumer.poll(Duration::from_secs(10)) else { panic!("no copy came") };
            found.push(message.unwrap().detach());
        }
        found
    })
    .await
    .unwrap();
    assert_eq!(found[0].payload(), Some(&b"{}"[..]));
    assert_eq!(found[1].payload(), None);
    let headers: Vec<(String, String)> = found[0]
        .headers()
        .unwrap()
        .iter()
        .map(|h| (h.key.to_owned(), String::from_utf8_lossy(h.value.unwrap()).into_owned()))
        .collect();
    for (key, value) in [("contrail.reason", "not Avro: JSON"), ("contrail.partition", "2"), ("contrail.offset", "41")]
    {
        assert!(headers.contains(&(key.into(), value.into())), "{headers:?}");
    }
}
