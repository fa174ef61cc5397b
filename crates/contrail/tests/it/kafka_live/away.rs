//! A broker that is away while the source fetches: answers wait in the spool, and a full spool holds the source up.

use contrail_testkit::{Broker, Services};

use super::Ground;

/// Takes the broker away in one way and brings it back in another, while a recording is played.
fn away(
    what: &str,
    leave: impl Fn(&Broker),
    back: impl Fn(&Broker),
    limit: Option<&str>,
    (answers, aircraft): (i64, u32),
    says: &str,
) {
    let Some(registry) = Services::registry() else { return };
    let Some(broker) = Broker::start(what) else { return };
    let mut settings = vec![("registry.url", format!("{registry:?}")), ("log.kafka.timeout", "\"2s\"".to_owned())];
    match limit {
        Some(limit) => settings.push(("log.spool.limit_bytes", format!("{limit:?}"))),
        // There is to be something left to fetch when the broker is away.
        None => settings.push(("feed.rec.interval", "\"500ms\"".to_owned())),
    }
    let ground = Ground::new(&broker.kafka().brokers, &settings, answers, aircraft);
    let node = ground.roles("data", &["land", "build", "serve"]).ready();
    let source = ground.roles("src", &["source"]);
    ground.wait_rows(&node, 1, 0);
    leave(&broker);
    source.wait_said(says);
    if limit.is_none() {
        source.wait_said("feed has ended");
    }
    back(&broker);
    ground.wait_landed(&node);
    source.wait_said("feed has ended");
    source.stop();
    node.stop();
    ground.check();
}

fn signal(broker: &Broker, signal: i32) {
    let pid = broker.kafka().pid.expect("it runs on this machine");
    // SAFETY: a number to a process of ours.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

#[test]
fn answers_wait_for_a_broker_that_was_stopped() {
    away("stopped", Broker::stop, Broker::restart, None, (60, 150), "answers wait in the spool");
}

#[test]
fn answers_wait_for_a_broker_that_does_not_answer() {
    let (pause, go_on) =
        (|broker: &Broker| signal(broker, libc::SIGSTOP), |broker: &Broker| signal(broker, libc::SIGCONT));
    away("paused", pause, go_on, None, (60, 150), "answers wait in the spool");
}

#[test]
fn a_full_spool_holds_the_source_up_and_nothing_is_lost() {
    away("full", Broker::stop, Broker::restart, Some("16 MiB"), (140, 8_000), "the log does not take an answer");
}
