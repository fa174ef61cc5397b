//! Whom a broker turns away is told why and what to do, and the process ends as a user's matter.

use std::path::Path;

use contrail_testkit::live::{Identity, Login};
use contrail_testkit::{Kafka, Services};

use super::Ground;

fn quoted(value: &str) -> String {
    format!("{value:?}")
}

fn path(value: &Path) -> String {
    quoted(&value.display().to_string())
}

fn sasl(kafka: &Kafka, login: &Login) -> Vec<(&'static str, String)> {
    vec![
        ("log.kafka.tls", "true".into()),
        ("log.kafka.ca", path(&kafka.ca)),
        ("log.kafka.mechanism", quoted("SCRAM-SHA-512")),
        ("log.kafka.username", quoted(&login.username)),
        ("log.kafka.password", quoted(&login.password)),
    ]
}

fn mtls(kafka: &Kafka, identity: &Identity) -> Vec<(&'static str, String)> {
    vec![
        ("log.kafka.tls", "true".into()),
        ("log.kafka.ca", path(&kafka.ca)),
        ("log.kafka.cert", path(&identity.cert)),
        ("log.kafka.key", path(&identity.key)),
    ]
}

/// A lander and a source both end with a user's error, in which all of `words` stand.
fn refused(brokers: &str, mut settings: Vec<(&str, String)>, words: &[&str]) {
    settings.push(("log.kafka.timeout", quoted("4s")));
    let ground = Ground::new(brokers, &settings, 1, 1);
    for role in ["land", "source"] {
        let (code, said) = ground.roles(role, &[role]).end();
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("contrail: ") && code == 2, "{role} ended with {code}:\n{said}");
        for word in words {
            assert!(last.contains(word), "{role} does not say {word:?}:\n{said}");
        }
        assert!(!said.contains("-password-"), "{said}");
    }
}

#[test]
fn a_wrong_password_is_called_that() {
    let Some(kafka) = Services::kafka() else { return };
    let login = Login { password: "wrong-password-of-mine".into(), ..kafka.sasl.user.clone() };
    refused(&kafka.sasl.brokers, sasl(&kafka, &login), &["user name or password is wrong", "log.kafka.password"]);
}

#[test]
fn who_has_no_rights_is_told_of_acls() {
    let Some(kafka) = Services::kafka() else { return };
    refused(&kafka.sasl.brokers, sasl(&kafka, &kafka.sasl.stranger), &["no right", "ACL"]);
    refused(&kafka.mtls.brokers, mtls(&kafka, &kafka.mtls.stranger), &["no right", "ACL"]);
}

#[test]
fn a_certificate_that_has_expired_is_named() {
    let Some(kafka) = Services::kafka() else { return };
    let name = kafka.mtls.expired.cert.file_name().unwrap().to_str().unwrap().to_owned();
    refused(&kafka.mtls.brokers, mtls(&kafka, &kafka.mtls.expired), &["has expired", &name, "log.kafka.cert"]);
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let Some(kafka) = Services::kafka() else { return };
    refused(&kafka.mtls.brokers, mtls(&kafka, &kafka.mtls.other), &["certificate", "log.kafka.cert"]);
}

#[test]
fn a_topic_that_is_not_there_and_may_not_be_made_is_named() {
    let Some(kafka) = Services::kafka() else { return };
    let settings = vec![("log.kafka.create", "false".into())];
    refused(&kafka.brokers, settings, &["there is no topic line-", "log.kafka.create"]);
}

#[test]
fn who_may_come_in_gets_in() {
    let Some(kafka) = Services::kafka() else { return };
    let ways = [
        (&kafka.sasl.brokers, sasl(&kafka, &kafka.sasl.user)),
        (&kafka.mtls.brokers, mtls(&kafka, &kafka.mtls.client)),
    ];
    for (brokers, settings) in ways {
        let ground = Ground::new(brokers, &settings, 5, 20);
        let node = ground.roles("data", &["source", "land", "build", "serve"]).ready();
        ground.wait_landed(&node);
        node.stop();
        ground.check();
    }
}

/// Nothing listens there: that may pass, so it waits and says for what.
#[test]
fn brokers_that_are_away_are_waited_for() {
    let ground = Ground::new("127.0.0.1:1", &[("log.kafka.timeout", quoted("2s"))], 1, 1);
    let mut lander = ground.roles("land", &["land"]);
    lander.wait_said("127.0.0.1:1 did not answer");
    assert!(lander.is_running());
    lander.stop();
}
