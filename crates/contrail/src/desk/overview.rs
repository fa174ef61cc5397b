//! `/api/v1/stream`: everything about the stream in one answer, from what was seen last.

use std::collections::BTreeMap;
use std::time::Duration;

use contrail_flow::land::{DeadLetterPolicy, WRITER};
use contrail_flow::rules::{Offsets, landing, letters};
use contrail_kit::class::chain;
use contrail_lake::Version;
use contrail_log::{codec, not_in_table, registry};
use contrail_serve::api::{self, Time};
use contrail_types::{TableDef, state};

use crate::line::Line;
use crate::node::{Watched, status};

/// How long the registry may take before the answer goes without it.
const PATIENCE: Duration = Duration::from_secs(2);

pub async fn overview(watched: &Watched) -> api::Stream {
    let (line, seen) = (&watched.line, &watched.seen.borrow().clone());
    let (stream, config) = (&line.stream, &line.house.config);
    let raw = match line.house.raw() {
        Ok(raw) => raw.load().await.ok(),
        Err(_) => None,
    };
    let writers = raw.as_ref().map(|raw| writers(raw, &seen.name)).unwrap_or_default();
    let bounds = seen.bounds.clone();
    let partitions: Vec<api::Partition> = bounds
        .iter()
        .flat_map(|bounds| &bounds.partitions)
        .map(|(&partition, held)| api::Partition {
            partition,
            start: held.start,
            end: held.end,
            landed: seen.landed.get(&partition).copied(),
            lag_rows: seen.lag(partition),
            appended_per_s: seen.rates(partition).0,
            writer: writers.get(&partition).cloned(),
        })
        .collect();
    let landed_per_s = partitions.iter().map(|p| seen.rates(p.partition).1).sum();
    let (beats, now) = (line.pulse.read(), line.house.clock.now());
    let peers = watched.peers.said();
    let feeds = beats.feeds.values().map(|feed| status::feed(feed, now));
    api::Stream {
        kind: if stream.kafka.is_some() { "kafka" } else { "embedded" }.into(),
        topic: config.log.topic.clone(),
        stream: bounds.as_ref().map(|bounds| bounds.stream.clone()).unwrap_or_default(),
        brokers: stream.kafka.as_ref().map(|kafka| kafka.brokers().to_owned()),
        error: seen.error.as_ref().map(|(_, why)| why.clone()),
        error_since: seen.error.as_ref().map(|(since, _)| Time(*since)),
        at: seen.at.map(Time),
        lag_rows: seen.lag_of_all(),
        appended_per_s: partitions.iter().map(|p| p.appended_per_s).sum(),
        landed_per_s,
        partitions,
        bytes: bounds.as_ref().and_then(|bounds| bounds.bytes),
        limit_bytes: bounds.as_ref().and_then(|bounds| bounds.limit),
        differences: differences(line),
        spool: spool(line).await.or_else(|| peers.iter().find_map(|peer| peer.spool.clone())),
        registry: schemas(line).await,
        dead_letters: dead_letters(line, raw.as_ref()).await,
        feeds: feeds.chain(peers.iter().flat_map(|peer| peer.feeds.clone())).collect(),
    }
}

/// The spool of this process; none where no source runs, or without Kafka.
pub async fn spool(line: &Line) -> Option<api::SpoolStatus> {
    let here = line.stream.spool.as_ref()?;
    let state = here.spool.state().borrow().clone();
    let held = here.log.bounds().await.ok()?;
    let missed = line.pulse.read().feeds.values().map(|feed| feed.missed).sum();
    Some(api::SpoolStatus {
        waiting: state.waiting,
        delivered: state.delivered,
        bytes: held.bytes.unwrap_or(0),
        limit_bytes: held.limit.unwrap_or(0),
        away_since: state.away.as_ref().map(|(since, _)| Time(*since)),
        error: state.away.map(|(_, why)| why),
        missed_fetches: missed,
    })
}

fn differences(line: &Line) -> Vec<api::Difference> {
    let found = line.stream.kafka.iter().flat_map(contrail_log::KafkaLog::differences);
    let shown = |d: contrail_log::kafka::Difference| api::Difference {
        name: d.name.into(),
        is: d.is,
        wanted: d.wanted,
        meaning: d.meaning.into(),
    };
    found.map(shown).collect()
}

/// Who moved each partition last: the lander named in the newest kept snapshot with another offset than the one before.
fn writers(raw: &Version, name: &str) -> BTreeMap<i32, String> {
    let key = landing::key(name);
    let (mut last, mut writers) = (Offsets::new(), BTreeMap::new());
    for snapshot in raw.snapshots() {
        let said = snapshot.summary.get(&key).and_then(|value| serde_json::from_str::<Offsets>(value).ok());
        let (Some(said), Some(writer)) = (said, snapshot.summary.get(WRITER)) else { continue };
        for (partition, next) in &said {
            if last.get(partition) != Some(next) {
                let place = writer.split_once(" on ").map_or(writer.as_str(), |(_, place)| place);
                writers.insert(*partition, place.to_owned());
            }
        }
        last = said;
    }
    writers
}

async fn schemas(line: &Line) -> api::RegistryStatus {
    let (stream, config) = (&line.stream, &line.house.config.registry);
    let mut status = api::RegistryStatus {
        kind: if config.url.is_some() { "http" } else { "embedded" }.into(),
        url: config.url.clone(),
        subject: stream.subject.clone(),
        ..api::RegistryStatus::default()
    };
    let asked = async {
        let versions = stream.registry.versions(&stream.subject).await?;
        Ok::<_, registry::RegistryError>((registry::level(stream.registry.as_ref(), &stream.subject).await?, versions))
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok((level, versions))) => {
            status.level = Some(level.to_string());
            status.versions = match line.house.raw() {
                Ok(raw) => history(&versions, raw.shape().def()),
                Err(_) => history(&versions, &state::raw_table()),
            };
        }
        Ok(Err(error)) => status.error = Some(chain(&error)),
        Err(_) => status.error = Some(format!("the registry did not answer within {} s", PATIENCE.as_secs())),
    }
    status
}

fn history(versions: &[contrail_log::Version], table: &TableDef) -> Vec<api::SchemaVersion> {
    let ours = registry::normal(codec::SCHEMA).ok();
    let mut before: Option<Vec<String>> = None;
    let mut shown = Vec::new();
    for version in versions {
        let fields = fields(&version.schema);
        let missing = |from: &[String], of: &[String]| of.iter().filter(|f| !from.contains(f)).cloned().collect();
        shown.push(api::SchemaVersion {
            version: version.version,
            id: version.id,
            fields: fields.len() as u32,
            ours: registry::normal(&version.schema).ok() == ours,
            added: before.as_ref().map(|before| missing(before, &fields)).unwrap_or_default(),
            removed: before.as_ref().map(|before| missing(&fields, before)).unwrap_or_default(),
            not_in_table: not_in_table(std::slice::from_ref(version), table)
                .names()
                .into_iter()
                .map(Into::into)
                .collect(),
        });
        before = Some(fields);
    }
    shown
}

/// Names of a record's fields.
fn fields(schema: &str) -> Vec<String> {
    let parsed: serde_json::Value = serde_json::from_str(schema).unwrap_or_default();
    let fields = parsed["fields"].as_array().into_iter().flatten();
    fields.filter_map(|field| field["name"].as_str().map(str::to_owned)).collect()
}

async fn dead_letters(line: &Line, raw: Option<&Version>) -> api::DeadLetterStatus {
    let config = &line.house.config;
    let mut status = api::DeadLetterStatus {
        policy: match config.land.dead_letters {
            DeadLetterPolicy::DeadLetter => "dead-letter".into(),
            DeadLetterPolicy::Stop => "stop".into(),
        },
        topic: line.stream.kafka.as_ref().map(|kafka| kafka.dead_letter_topic()),
        ..api::DeadLetterStatus::default()
    };
    if let Ok(dead) = line.house.dead()
        && let Ok(dead) = dead.load().await
    {
        status.rows = dead.totals().0;
        let latest = dead.live_files().filter_map(|file| file.bounds("landed_at")).map(|(_, upper)| upper).max();
        status.last_at = latest.map(Time);
    }
    if let Some(raw) = raw {
        let spans = letters::streams(raw.properties()).filter_map(|s| letters::replayed(raw.properties(), s).ok());
        let all = spans.flat_map(|spans| spans.into_values().flatten());
        status.replayed = all.map(|(first, end)| (end - first) as u64).sum();
    }
    status
}
