//! What can be wrong with brokers and topics, as sentences that say what to do.

use contrail_kit::{Class, Classified};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::Options;
use super::client::Watch;
use crate::LogError;

/// Why brokers do not do what they are asked. That they cannot be reached is [`LogError::Unavailable`].
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    #[error("{brokers} refuses us: {reason}. {advice}")]
    Refused {
        brokers: String,
        reason: String,
        advice: &'static str,
        /// They did not before: a broker that starts may not know its users yet.
        for_now: bool,
    },
    #[error("there is no topic {topic} on {brokers}: create it, or set log.kafka.create = true")]
    NoTopic { topic: String, brokers: String },
    #[error(
        "the topic was deleted and made again while it was read: it was stream {was}, now it is {is}. Start again; \
         --new-stream takes the new topic as it is"
    )]
    Replaced { was: String, is: String },
    #[error("{0}")]
    Settings(String),
}

impl Classified for BrokerError {
    fn class(&self) -> Class {
        match self {
            Self::Refused { for_now: true, .. } => Class::EXTERNAL,
            // Landing starts again, and then says what to do by what the table holds.
            Self::Replaced { .. } => Class::EXTERNAL,
            Self::Refused { .. } | Self::NoTopic { .. } | Self::Settings(_) => Class::USER,
        }
    }
}

const CREDENTIALS: &str = "Check log.kafka.username, log.kafka.password and log.kafka.mechanism";
const TLS: &str = "Check log.kafka.tls, log.kafka.ca, log.kafka.cert and log.kafka.key";
const RIGHTS: &str = "Give this user the right by an ACL (docs/kafka.md lists which are needed), or use another user";

/// Brokers that did not answer, or the reason why they could not.
pub(super) fn away(
    options: &Options,
    watch: &Watch,
    what: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> LogError {
    let brokers = options.brokers.clone();
    let refused = |reason: String, advice| -> LogError {
        BrokerError::Refused { brokers: brokers.clone(), reason, advice, for_now: watch.was_connected() }.into()
    };
    match watch.complaint() {
        Some((RDKafkaErrorCode::Authentication, text)) => {
            refused(format!("user name or password is wrong ({})", plain(&text)), CREDENTIALS)
        }
        Some((code, text)) if code == RDKafkaErrorCode::SSL || text.contains("SSL alert") => {
            refused(tls(options, &text), TLS)
        }
        Some((_, text)) => {
            let what = format!("{what}: {brokers} did not answer ({})", plain(&text));
            LogError::Unavailable { what, source: source.into() }
        }
        None => LogError::Unavailable { what: format!("{what}: {brokers} did not answer"), source: source.into() },
    }
}

/// What a failed call means.
pub(super) fn failed(options: &Options, watch: &Watch, what: &str, error: KafkaError) -> LogError {
    use RDKafkaErrorCode as Code;
    let refused = |reason: String, advice| -> LogError {
        let brokers = options.brokers.clone();
        BrokerError::Refused { brokers, reason, advice, for_now: false }.into()
    };
    let topic = options.topic.clone();
    match code(&error) {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownTopicId) => {
            if watch.spreads() {
                let what = format!("{what}: a broker of {} does not know the new topic {topic} yet", options.brokers);
                return LogError::Unavailable { what, source: error.into() };
            }
            BrokerError::NoTopic { topic, brokers: options.brokers.clone() }.into()
        }
        Some(Code::TopicAuthorizationFailed) => {
            refused(format!("the user has no right on the topic {topic} for {what}"), RIGHTS)
        }
        Some(Code::ClusterAuthorizationFailed) => {
            refused(format!("the user has no right on the cluster for {what}"), RIGHTS)
        }
        Some(Code::GroupAuthorizationFailed) => {
            refused(format!("the user has no right on the group {}", options.group), RIGHTS)
        }
        Some(Code::SaslAuthenticationFailed | Code::Authentication) => {
            refused("user name or password is wrong".into(), CREDENTIALS)
        }
        Some(Code::PolicyViolation | Code::InvalidReplicationFactor | Code::InvalidConfig) => {
            let what = format!(
                "{what}: the brokers do not allow it ({error}). Change log.kafka.partitions, replication, min_insync or retention"
            );
            BrokerError::Settings(what).into()
        }
        _ => away(options, watch, what, error),
    }
}

/// The code of an error, where the crate keeps one to itself too.
fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// The interesting half of OpenSSL's words. A broker that does not like our certificate says little of why, so the
/// certificate itself is asked.
fn tls(options: &Options, text: &str) -> String {
    let lower = text.to_lowercase();
    let ours = options.security.cert.as_deref().and_then(expired);
    let cause = if let Some(ours) = ours {
        ours
    } else if lower.contains("certificate has expired") || lower.contains("certificate expired") {
        "the broker's certificate has expired".into()
    } else if lower.contains("alert") {
        "the broker does not accept our certificate, or wants one".into()
    } else if lower.contains("verify failed") {
        "the broker's certificate is signed by somebody whom log.kafka.ca does not trust".into()
    } else {
        "the TLS handshake failed".into()
    };
    format!("{cause} ({})", plain(text))
}

/// Whether the certificate in this PEM file has expired.
fn expired(path: &std::path::Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(&bytes).ok()?;
    let valid = pem.parse_x509().ok()?.validity().clone();
    let late = valid.not_after < x509_parser::time::ASN1Time::now();
    late.then(|| format!("our certificate {} has expired on {}", path.display(), valid.not_after))
}

/// librdkafka's sentence without the name of its thread and what it adds about retries.
fn plain(text: &str) -> String {
    let text = text.split_once("]: ").map_or(text, |(_, rest)| rest);
    let text = text.split(" (after ").next().unwrap_or(text).trim();
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_was_just_found_is_only_not_known_yet() {
        let options = Options {
            brokers: "b:9092".into(),
            topic: "sky".into(),
            group: "land".into(),
            wanted: super::super::Wanted {
                create: true,
                partitions: 1,
                replication: 1,
                min_insync: 0,
                retention: None,
            },
            security: super::super::Security::default(),
            timeout: std::time::Duration::from_secs(1),
            delivery_timeout: std::time::Duration::from_secs(1),
            client: std::collections::BTreeMap::new(),
        };
        let watch = Watch::default();
        let unknown = || KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);
        let never = failed(&options, &watch, "asking", unknown());
        assert!(matches!(never, LogError::Broker(BrokerError::NoTopic { .. })), "{never}");
        watch.found();
        let new = failed(&options, &watch, "asking", unknown());
        assert!(matches!(new, LogError::Unavailable { .. }) && new.to_string().contains("topic sky yet"), "{new}");
        assert_eq!(new.class(), Class::EXTERNAL);
    }

    #[test]
    fn sentences_leave_out_what_helps_nobody() {
        let text = "[thrd:sasl_ssl://127.0.0.1:1/bootstrap]: sasl_ssl://127.0.0.1:1/bootstrap: Authentication failed \
                    (after 312ms in state AUTH_REQ, 3 identical error(s) suppressed)";
        assert_eq!(plain(text), "sasl_ssl://127.0.0.1:1/bootstrap: Authentication failed");
    }
}
