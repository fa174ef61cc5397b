//! The stream of this node, opened by its configuration: an embedded log, or Kafka with a spool before it; a registry
//! beside the embedded log, or elsewhere.

use std::sync::Arc;

use anyhow::Result;
use contrail_kit::Clock;
use contrail_log::kafka::{self, Security, Wanted};
use contrail_log::registry::http::HttpRegistry;
use contrail_log::{EmbeddedLog, KafkaLog, Log, Registry, Spool, embedded};

use crate::config::{Config, LogKind};

/// The log as everybody reads it, and as the source writes it. Cheap to clone.
#[derive(Clone)]
pub struct Stream {
    pub log: Arc<dyn Log>,
    /// Where Kafka is the log.
    pub kafka: Option<KafkaLog>,
    /// Where answers wait for Kafka; opened by whoever runs a source.
    pub spool: Option<SpoolHere>,
    pub registry: Arc<dyn Registry>,
    /// The registry's subject of the topic.
    pub subject: String,
}

/// A spool on this machine.
#[derive(Clone)]
pub struct SpoolHere {
    pub log: Arc<dyn Log>,
    pub spool: Arc<Spool>,
}

impl Stream {
    /// Opens the stream on a data folder's files; `spool` where a source runs. Asks nothing of brokers or registries.
    pub async fn open(config: &Config, file: impl Fn(&str) -> std::path::PathBuf, spool: bool) -> Result<Self> {
        let clock = Clock::system();
        let options = embedded::Options {
            keep: config.log.retention,
            limit: config.log.limit_bytes.get(),
            clock: clock.clone(),
            ..embedded::Options::default()
        };
        // Beside Kafka it holds the registry alone: ids stay when a node moves from one log to the other.
        let embedded = EmbeddedLog::open(file("log.db"), options.clone()).await?;
        let registry: Arc<dyn Registry> = match config.registry.elsewhere() {
            Some(options) => Arc::new(HttpRegistry::open(options)?),
            None => Arc::new(embedded.registry()),
        };
        let subject = format!("{}-value", config.log.topic);
        if config.log.kind == LogKind::Embedded {
            return Ok(Self { log: Arc::new(embedded), kafka: None, spool: None, registry, subject });
        }
        let kafka = KafkaLog::new(kafka_options(config))?;
        let log: Arc<dyn Log> = Arc::new(kafka.clone());
        let spool = match spool && config.log.spool.enabled {
            false => None,
            true => {
                let limit = config.log.spool.limit_bytes.get();
                let options = embedded::Options { keep: std::time::Duration::ZERO, limit, ..options };
                let waiting: Arc<dyn Log> = Arc::new(EmbeddedLog::open(file("spool.db"), options).await?);
                let spool = Arc::new(Spool::new(waiting.clone(), log.clone(), clock));
                Some(SpoolHere { log: waiting, spool })
            }
        };
        Ok(Self { log, kafka: Some(kafka), spool, registry, subject })
    }

    /// Where a source appends.
    pub fn entry(&self) -> Arc<dyn Log> {
        self.spool.as_ref().map_or_else(|| self.log.clone(), |spool| spool.log.clone())
    }
}

fn kafka_options(config: &Config) -> kafka::Options {
    let k = &config.log.kafka;
    kafka::Options {
        brokers: k.brokers.clone(),
        topic: config.log.topic.clone(),
        group: k.group.clone(),
        wanted: Wanted {
            create: k.create,
            partitions: k.partitions,
            replication: k.replication,
            min_insync: k.min_insync,
            retention: (!k.retention.is_zero()).then_some(k.retention),
        },
        security: Security {
            tls: k.tls,
            mechanism: k.mechanism.clone(),
            username: k.username.clone(),
            password: k.password.clone(),
            ca: k.ca.clone(),
            cert: k.cert.clone(),
            key: k.key.clone(),
            key_password: k.key_password.clone(),
        },
        timeout: k.timeout,
        delivery_timeout: k.delivery_timeout,
        client: k.client.clone(),
    }
}
