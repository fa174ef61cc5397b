//! Topics: made if they are not there, else compared with what is wanted.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{self, Context};
use super::{BrokerError, Inner, Options, describe};
use crate::LogError;

/// What a topic of ours should be like.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whether it is made if it is not there.
    pub create: bool,
    pub partitions: i32,
    /// -1: the brokers' default.
    pub replication: i32,
    /// 0: the brokers' default.
    pub min_insync: i32,
    /// How long messages stay; `None` for ever.
    pub retention: Option<Duration>,
}

/// A setting of the topic that is not what the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub name: &'static str,
    pub is: String,
    pub wanted: String,
    /// What follows from it.
    pub meaning: &'static str,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the topic's {} is {}, configured is {}: {}", self.name, self.is, self.wanted, self.meaning)
    }
}

/// Ending of the topic that holds copies of dead letters.
pub(super) const DEAD: &str = "-dlq";
/// Ending of the topic that holds the feeds' positions.
pub(super) const POSITIONS: &str = "-positions";
/// In milliseconds: as long as the table keeps them.
const NINETY_DAYS: &str = "7776000000";

/// Makes the main topic, or says what differs.
pub(super) async fn ensure(inner: &Arc<Inner>) -> Result<Vec<Difference>, LogError> {
    let Options { topic: name, wanted, brokers, .. } = &inner.options;
    let Some(described) = look(inner, name).await? else {
        if !wanted.create {
            return Err(BrokerError::NoTopic { topic: name.clone(), brokers: brokers.clone() }.into());
        }
        let retention = wanted.retention.map_or("-1".into(), |keep| keep.as_millis().to_string());
        let min_insync = wanted.min_insync.to_string();
        let mut topic = NewTopic::new(name, wanted.partitions, TopicReplication::Fixed(wanted.replication))
            .set("cleanup.policy", "delete")
            .set("retention.ms", &retention);
        if wanted.min_insync > 0 {
            topic = topic.set("min.insync.replicas", &min_insync);
        }
        create(inner, topic).await?;
        tracing::info!(topic = name, partitions = wanted.partitions, "made the topic");
        return Ok(Vec::new());
    };
    compare(inner, &described).await
}

/// Makes a topic beside the main one if it is not there; its name.
pub(super) async fn ensure_side(inner: &Arc<Inner>, ending: &str) -> Result<String, LogError> {
    let name = format!("{}{ending}", inner.options.topic);
    if look(inner, &name).await?.is_none() {
        let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(inner.options.wanted.replication));
        let topic = match ending {
            POSITIONS => topic.set("cleanup.policy", "compact"),
            _ => topic.set("cleanup.policy", "delete").set("retention.ms", NINETY_DAYS),
        };
        create(inner, topic).await?;
    }
    Ok(name)
}

/// The topic, or that there is none.
async fn look(inner: &Arc<Inner>, name: &str) -> Result<Option<describe::Described>, LogError> {
    let (asked, name) = (inner.clone(), name.to_owned());
    let answer = tokio::task::spawn_blocking(move || {
        match describe::topic(asked.asker.client(), &name, asked.options.timeout) {
            Ok(described) => Ok(Some(described)),
            Err(e) if e.rdkafka_error_code().is_some_and(unknown) => Ok(None),
            Err(e) => Err(asked.failed("describing the topic", e)),
        }
    });
    answer.await.map_err(|e| inner.away("describing the topic", e))?
}

fn unknown(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
}

fn admin(inner: &Inner) -> Result<AdminClient<Context>, LogError> {
    client::client(&client::config(&inner.options)?, &inner.watch)
}

/// Makes a topic, and waits until it is known: the controller answers before the brokers have heard of it.
async fn create(inner: &Arc<Inner>, topic: NewTopic<'_>) -> Result<(), LogError> {
    const AGAIN: Duration = Duration::from_millis(20);
    let timeout = Some(inner.options.timeout);
    let how = AdminOptions::new().request_timeout(timeout).operation_timeout(timeout);
    let failed = |e| inner.failed("creating the topic", e);
    let admin = admin(inner)?;
    let made = admin.create_topics([&topic], &how).await.map_err(failed)?;
    for outcome in made {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(failed(KafkaError::AdminOp(code))),
        }
    }
    let until = Instant::now() + inner.options.timeout;
    while look(inner, topic.name).await?.is_none() {
        if Instant::now() > until {
            return Err(inner.away("creating the topic", "it was made, and no broker knows it"));
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}

async fn compare(inner: &Inner, described: &describe::Described) -> Result<Vec<Difference>, LogError> {
    let options = &inner.options;
    let how = AdminOptions::new().request_timeout(Some(options.timeout));
    let asked = [ResourceSpecifier::Topic(&options.topic)];
    let found = admin(inner)?.describe_configs(&asked, &how).await;
    let found = found.map_err(|e| inner.failed("reading the topic's settings", e))?;
    let config = match found.into_iter().next() {
        Some(Ok(config)) => Some(config),
        // Without the right to read settings there is nothing to compare.
        _ => None,
    };
    let policy = config.as_ref().and_then(|c| setting(c, "cleanup.policy")).unwrap_or_default();
    if policy.contains("compact") {
        let what = format!(
            "the topic {} has cleanup.policy={policy}: compaction takes messages that have not landed. Set it to delete, \
             or name another topic",
            options.topic
        );
        return Err(BrokerError::Settings(what).into());
    }
    Ok(differences(&options.wanted, described, config.as_ref()))
}

fn setting(config: &ConfigResource, name: &str) -> Option<String> {
    config.get(name).and_then(|entry| entry.value.clone())
}

fn differences(wanted: &Wanted, topic: &describe::Described, config: Option<&ConfigResource>) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |name, is: String, wanted: String, meaning| {
        if is != wanted {
            found.push(Difference { name, is, wanted, meaning });
        }
    };
    let partitions = topic.partitions.len().to_string();
    differ("partitions", partitions, wanted.partitions.to_string(), "the topic's count is used");
    if wanted.replication > 0 {
        let meaning = "what one broker loses may be lost for good";
        let is = topic.replicas.to_string();
        differ("replication factor", is, wanted.replication.to_string(), meaning);
    }
    let Some(config) = config else { return found };
    let get = |name| setting(config, name);
    if let Some(is) = get("retention.ms") {
        let wanted = wanted.retention.map_or("-1".into(), |keep| keep.as_millis().to_string());
        differ("retention.ms", is, wanted, "what lands later than the topic's own is lost, and landing will say so");
    }
    if let (Some(is), true) = (get("min.insync.replicas"), wanted.min_insync > 0) {
        let meaning = "acknowledged messages are on that many brokers";
        differ("min.insync.replicas", is, wanted.min_insync.to_string(), meaning);
    }
    if let Some(is) = get("unclean.leader.election.enable") {
        let meaning = "a broker that lags may take over, and acknowledged messages are gone";
        differ("unclean.leader.election.enable", is, "false".into(), meaning);
    }
    found
}
