//! Messages of the stream as rows that people can read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use contrail_kit::class::BoxError;
use contrail_log::{Chunk, Decoder, LogError, Offsets};
use contrail_serve::Problem;
use contrail_serve::api::{Tail, TailFrom, TailMessage, TailRequest, Time};

use crate::line::Line;

/// Messages looked at for one answer.
const MOST: usize = 200_000;
/// How far back of its end a partition is searched for an aircraft.
const BACK: i64 = 20_000;
/// How long one answer may be worked on.
const LONGEST: Duration = Duration::from_secs(10);
const ROWS: usize = 5_000;
/// Columns that say where a row came from; the answer has them already.
const PLACE: [&str; 3] = ["log_stream", "log_partition", "log_offset"];

pub async fn tail(line: &Line, request: TailRequest) -> Result<Tail, Problem> {
    let log = &line.stream.log;
    let bounds = log.bounds().await.map_err(problem)?;
    let limit = request.limit.max(1);
    let last = matches!(request.from, TailFrom::End);
    let mut next = match &request.from {
        TailFrom::End => {
            let back = if request.icao24.is_some() { BACK } else { limit as i64 };
            bounds.partitions.iter().map(|(p, held)| (*p, (held.end - back).max(held.start))).collect()
        }
        TailFrom::Time(at) => log.offsets_at(*at).await.map_err(problem)?,
        TailFrom::Cursor(text) => cursor(text, &bounds)?,
    };
    let ends = bounds.ends();
    let mut reader = log.reader(next.clone()).await.map_err(problem)?;
    let mut decoder = Decoder::new(line.stream.registry.clone(), &contrail_types::state::raw_table());
    let (mut messages, mut scanned, began) = (Vec::new(), 0, Instant::now());
    let mut wait = Duration::from_millis(request.wait_ms);
    while scanned < MOST && (last || messages.len() < limit) {
        let behind = next.iter().any(|(partition, at)| ends.get(partition).is_some_and(|end| at < end));
        if !behind && (wait.is_zero() || !messages.is_empty()) || began.elapsed() > LONGEST.max(wait) {
            break;
        }
        let patience = if behind { Duration::from_secs(2) } else { std::mem::take(&mut wait) };
        let Some(chunk) = reader.next(ROWS, patience).await.map_err(problem)? else { break };
        decoder.prepare(&chunk).await.map_err(problem)?;
        let now = line.house.clock.now();
        let decoded = decoder.decode(&chunk, now).map_err(problem)?;
        let rows = rows(&chunk, &decoded.states, &decoded.dead)?;
        for message in rows {
            if !last && messages.len() == limit {
                break;
            }
            scanned += 1;
            next.insert(message.partition, message.offset + 1);
            if request.icao24.is_none() || message.key == request.icao24 {
                messages.push(message);
            }
        }
    }
    messages.sort_by_key(|m| (m.appended_at.map(|Time(at)| at), m.partition, m.offset));
    if messages.len() > limit {
        messages.drain(..messages.len() - limit);
    }
    let cursor: Vec<String> = next.iter().map(|(partition, offset)| format!("{partition}:{offset}")).collect();
    Ok(Tail { messages, next: cursor.join(","), scanned: scanned as u64 })
}

fn problem(error: impl Into<BoxError>) -> Problem {
    Problem::of(&error.into())
}

/// `partition:offset` pairs; what retention has overtaken goes on at the start, partitions that are not named at their
/// end.
fn cursor(text: &str, bounds: &contrail_log::Bounds) -> Result<Offsets, Problem> {
    let bad = || {
        Problem::bad_request(format!(
            "{text:?} is no place in the stream: write partition:offset, such as 0:1200,1:1180"
        ))
    };
    let mut next = bounds.ends();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (partition, offset) = pair.split_once(':').ok_or_else(bad)?;
        let (partition, offset): (i32, i64) =
            (partition.parse().map_err(|_| bad())?, offset.parse().map_err(|_| bad())?);
        let Some(held) = bounds.partitions.get(&partition) else {
            let stream = bounds.stream.clone();
            return Err(problem(LogError::NoPartition { stream, partition }));
        };
        next.insert(partition, offset.clamp(held.start, held.end));
    }
    Ok(next)
}

fn rows(chunk: &Chunk, states: &RecordBatch, dead: &RecordBatch) -> Result<Vec<TailMessage>, Problem> {
    let offsets = |batch: &RecordBatch| batch["log_offset"].as_primitive::<Int64Type>().values().to_vec();
    let mut decoded: BTreeMap<i64, serde_json::Value> = offsets(states).into_iter().zip(json(states)?).collect();
    let reasons = dead["reason"].as_string::<i32>();
    let dead: BTreeMap<i64, &str> = offsets(dead).into_iter().zip(reasons.iter().flatten()).collect();
    let row = |(i, message): (usize, contrail_log::Message<'_>)| {
        let offset = chunk.first_offset + i as i64;
        let value = message.value.unwrap_or_default();
        TailMessage {
            partition: chunk.partition,
            offset,
            appended_at: chunk.appended_at.get(i).map(|at| Time(*at)),
            key: message.key.map(|key| String::from_utf8_lossy(key).into_owned()),
            bytes: value.len() as u64,
            schema_id: match value {
                [0, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
                _ => None,
            },
            state: decoded.remove(&offset),
            dead: dead.get(&offset).map(ToString::to_string),
        }
    };
    Ok(chunk.messages.iter().enumerate().map(row).collect())
}

/// Rows as JSON objects with the columns of the state vector; absent values are left out.
fn json(states: &RecordBatch) -> Result<Vec<serde_json::Value>, Problem> {
    if states.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let wanted: Vec<usize> = states
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, f)| !PLACE.contains(&f.name().as_str()))
        .map(|(i, _)| i)
        .collect();
    let internal = |e: &dyn std::fmt::Display| Problem::internal(e.to_string());
    let columns = states.project(&wanted).map_err(|e| internal(&e))?;
    let mut writer = arrow::json::ArrayWriter::new(Vec::new());
    writer.write(&columns).and_then(|()| writer.finish()).map_err(|e| internal(&e))?;
    serde_json::from_slice(&writer.into_inner()).map_err(|e| internal(&e))
}
