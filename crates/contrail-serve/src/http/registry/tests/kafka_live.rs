//! Our log on a real Kafka, read and written by Confluent's Python client with the schemas that the node serves.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::array::AsArray;
use contrail_log::kafka::{KafkaLog, Options as KafkaOptions, Security, Wanted};
use contrail_log::{Append, Decoder, Log};
use contrail_testkit::Services;
use contrail_testkit::live::fresh_name;

use super::*;
use crate::live::testing::{T0, batch, row};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_reads_and_writes_the_topic() {
    let Some(kafka) = Services::kafka() else { return };
    let topic = fresh_name("registry");
    let bench = bench(Options::default()).await;
    let (url, stop) = bench.listen().await;
    let log = KafkaLog::new(KafkaOptions {
        brokers: kafka.brokers.clone(),
        topic: topic.clone(),
        group: format!("{topic}-land"),
        wanted: Wanted { create: true, partitions: 1, replication: 1, min_insync: 1, retention: None },
        security: Security::default(),
        timeout: Duration::from_secs(10),
        delivery_timeout: Duration::from_secs(60),
        client: BTreeMap::new(),
    })
    .unwrap();
    let mut encoder = Encoder::new(&bench.registry, &format!("{topic}-value")).await.unwrap();
    let messages = encoder.encode(&batch(&[row(0x3c6444), row(2)])).unwrap();
    log.append(Append { messages, position: None, at: T0 }).await.unwrap();

    let asked = json!({ "brokers": kafka.brokers, "topic": topic, "url": url, "rows": 2 });
    let Some(answer) = python::run("topic.py", asked).await else { return };
    assert_eq!(answer["read"], json!(["3c6444", "000002"]));

    // It has written both once more, with a column that we do not know.
    let mut decoder = Decoder::new(Arc::new(bench.registry.clone()), &contrail_types::state::raw_table());
    let mut reader = log.reader([(0, 2)].into()).await.unwrap();
    let mut addresses = Vec::new();
    while addresses.len() < 2 {
        let chunk = reader.next(100, Duration::from_secs(20)).await.unwrap().expect("what it has written");
        let decoded = decoder.read(&chunk, T0).await.unwrap();
        assert_eq!(decoded.dead.num_rows(), 0, "{:?}", decoded.dead);
        addresses.extend(decoded.states["icao24"].as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    assert_eq!(addresses, ["3c6444", "000002"]);
    stop.cancel();
}
