//! Topics: made if they are not there, else compared with what is wanted.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{self, Context, Watch};
use super::{BrokerError, Options, describe, error};
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

/// Makes the main topic, or says what differs.
pub(super) async fn ensure(options: &Options, wanted: &Wanted, watch: &Arc<Watch>) -> Result<Vec<Difference>, LogError> {
    let admin: AdminClient<Context> = client::client(&client::config(options)?, watch)?;
    let name = &options.topic;
    let described = blocking_describe(admin, options, watch, name).await;
    let (admin, described) = described?;
    match described {
        Some(described) => compare(&admin, options, wanted, watch, &described).await,
        None if !wanted.create => {
            Err(BrokerError::NoTopic { topic: name.clone(), brokers: options.brokers.clone() }.into())
        }
        None => {
            let retention = wanted.retention.map_or("-1".into(), |keep| keep.as_millis().to_string());
            let min_insync = wanted.min_insync.to_string();
            let mut topic = NewTopic::new(name, wanted.partitions, TopicReplication::Fixed(wanted.replication))
                .set("cleanup.policy", "delete")
                .set("retention.ms", &retention);
            if wanted.min_insync > 0 {
                topic = topic.set("min.insync.replicas", &min_insync);
            }
            create(&admin, options, watch, topic).await?;
            tracing::info!(topic = name, partitions = wanted.partitions, "made the topic");
            Ok(Vec::new())
        }
    }
}

/// Makes a topic beside the main one if it is not there; its name.
pub(super) async fn ensure_side(options: &Options, ending: &str, watch: &Arc<Watch>) -> Result<String, LogError> {
    let name = format!("{}{ending}", options.topic);
    let admin: AdminClient<Context> = client::client(&client::config(options)?, watch)?;
    let (admin, described) = blocking_describe(admin, options, watch, &name).await?;
    if described.is_none() {
        let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(options.wanted.replication));
        let topic = match ending {
            POSITIONS => topic.set("cleanup.policy", "compact"),
            _ => topic.set("cleanup.policy", "delete").set("retention.ms", "7776000000"),
        };
        create(&admin, options, watch, topic).await?;
    }
    Ok(name)
}

type Admin = AdminClient<Context>;

/// The topic, or that there is none.
async fn blocking_describe(
    admin: Admin,
    options: &Options,
    watch: &Arc<Watch>,
    name: &str,
) -> Result<(Admin, Option<describe::Described>), LogError> {
    let (asked, timeout) = (name.to_owned(), options.timeout);
    let answer = tokio::task::spawn_blocking(move || {
        let described = describe::topic(admin.inner(), &asked, timeout);
        (admin, described)
    });
    let (admin, described) = answer.await.map_err(|e| error::away(options, watch, "describing the topic", e))?;
    match described {
        Ok(described) => Ok((admin, Some(described))),
        Err(e) if e.rdkafka_error_code().is_some_and(unknown) => Ok((admin, None)),
        Err(e) => Err(error::failed(options, watch, "describing the topic", e)),
    }
}

fn unknown(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
}

async fn create(admin: &Admin, options: &Options, watch: &Watch, topic: NewTopic<'_>) -> Result<(), LogError> {
    let how = AdminOptions::new().request_timeout(Some(options.timeout)).operation_timeout(Some(options.timeout));
    let failed = |e| error::failed(options, watch, "creating the topic", e);
    let made = admin.create_topics([&topic], &how).await.map_err(failed)?;
    for outcome in made {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(failed(KafkaError::AdminOp(code))),
        }
    }
    Ok(())
}

async fn compare(
    admin: &Admin,
    options: &Options,
    wanted: &Wanted,
    watch: &Watch,
    described: &describe::Described,
) -> Result<Vec<Difference>, LogError> {
    let how = AdminOptions::new().request_timeout(Some(options.timeout));
    let asked = [ResourceSpecifier::Topic(&options.topic)];
    let found = match admin.describe_configs(&asked, &how).await {
        Ok(found) => found,
        Err(e) => return Err(error::failed(options, watch, "reading the topic's settings", e)),
    };
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
    Ok(differences(wanted, described, config.as_ref()))
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
