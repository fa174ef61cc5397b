//! Landing from a real Kafka, struck at every crash point: the next process loses and doubles nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use contrail_log::kafka::{Options, Security, Wanted};
use contrail_testkit::Services;
use contrail_testkit::live::fresh_name;

use super::crashes::{LANDING, assert_passed, landing};
use super::world::World;

#[test]
fn a_lander_that_crashes_anywhere_over_kafka_loses_and_doubles_nothing() {
    let Some(kafka) = Services::kafka() else { return };
    let points = landing(|project| {
        let topic = fresh_name("crashes");
        let group = format!("{topic}-land");
        let options = Options {
            brokers: kafka.brokers.clone(),
            topic,
            group,
            // What is told happened years ago.
            wanted: Wanted { create: true, partitions: 1, replication: 1, min_insync: 1, retention: None },
            security: Security::default(),
            // Nobody begins again after a failed question here, and others may keep the broker busy.
            timeout: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(60),
            client: BTreeMap::new(),
        };
        World::on_kafka(project, options)
    });
    assert_passed(&points, &LANDING);
}
