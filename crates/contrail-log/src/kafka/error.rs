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
        Some((RDKafkaErrorCode::SSL, text)) => refused(tls(&text), TLS),
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
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownTopicId) => {
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
            let what = format!("{what}: the brokers do not allow it ({error}). Change log.kafka.partitions, replication, min_insync or retention");
            BrokerError::Settings(what).into()
        }
        _ => away(options, watch, what, error),
    }
}

/// The interesting half of OpenSSL's words.
fn tls(text: &str) -> String {
    let lower = text.to_lowercase();
    let cause = if lower.contains("expired") {
        "a certificate has expired"
    } else if lower.contains("unknown ca") || lower.contains("verify failed") || lower.contains("unknown_ca") {
        "a certificate is signed by somebody whom the other side does not trust"
    } else if lower.contains("certificate required") || lower.contains("bad certificate") {
        "the broker wants another certificate of ours"
    } else {
        "the TLS handshake failed"
    };
    format!("{cause} ({})", plain(text))
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
    fn sentences_leave_out_what_helps_nobody() {
        let text = "[thrd:sasl_ssl://127.0.0.1:1/bootstrap]: sasl_ssl://127.0.0.1:1/bootstrap: Authentication failed \
                    (after 312ms in state AUTH_REQ, 3 identical error(s) suppressed)";
        assert_eq!(plain(text), "sasl_ssl://127.0.0.1:1/bootstrap: Authentication failed");
        assert!(tls("SSL handshake failed: ... certificate has expired ...").starts_with("a certificate has expired ("));
    }
}
