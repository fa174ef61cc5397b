//! One batch on its way: gathered chunks, decoded, sorted out against dead letters, encoded as data files.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int32Type, Int64Type, SchemaRef};
use contrail_kit::{Clock, crash};
use contrail_lake::{EncodedFile, LakeTable, TableShape};
use contrail_log::{Chunk, CodecError, DeadLetter, Decoder, Registry, Version, not_in_table};
use contrail_types::Micros;

use super::{DeadLetterPolicy, Land, LandError, Settled};
use crate::evolve::{self, EvolvePolicy};
use crate::letters::dead_letters;
use crate::rules::Offsets;
use crate::rules::landing::{Verdict, verdict};

/// Messages that will land together.
#[derive(Default)]
pub struct Batch {
    chunks: Vec<Chunk>,
    /// The offsets that the chunks cover, and those before them that have no message.
    ranges: BTreeMap<i32, Range<i64>>,
    rows: usize,
    bytes: usize,
}

impl Batch {
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the chunk that comes after what was read up to `next`.
    pub fn extend(&mut self, chunk: Chunk, next: &mut Offsets) {
        self.rows += chunk.messages.len();
        self.bytes += chunk.messages.bytes();
        let from = next.insert(chunk.partition, chunk.next_offset()).unwrap_or(chunk.first_offset);
        self.ranges.entry(chunk.partition).or_insert(from..from).end = chunk.next_offset();
        self.chunks.push(chunk);
    }

    /// How many offsets of each partition have no message.
    fn holes(&self) -> Offsets {
        let mut holes: Offsets =
            self.ranges.iter().map(|(partition, range)| (*partition, range.end - range.start)).collect();
        for chunk in &self.chunks {
            *holes.entry(chunk.partition).or_default() -= chunk.messages.len() as i64;
        }
        holes.retain(|_, count| *count > 0);
        holes
    }
}

/// A batch that only has to be committed.
pub struct Work {
    pub ranges: BTreeMap<i32, Range<i64>>,
    /// Offsets in them that have no message, by partition.
    pub holes: Offsets,
    pub raw: Vec<EncodedFile>,
    pub dead: Vec<EncodedFile>,
    pub rows: u64,
    /// New ones, for the log's copy of them.
    pub letters: Vec<DeadLetter>,
}

/// Decodes and encodes batches; any number at the same time.
pub struct Workshop {
    registry: Arc<dyn Registry>,
    raw: LakeTable,
    dead: LakeTable,
    clock: Clock,
    policy: DeadLetterPolicy,
    evolve: EvolvePolicy,
    subject: String,
    settled: Settled,
    /// Decoders that are not at work; a decoder keeps what it has learnt of a schema.
    idle: Mutex<Vec<Worker>>,
    /// Schemas that were looked at for fields that the table lacks. Held while columns are added, so that no batch lands
    /// without their values meanwhile.
    met: tokio::sync::Mutex<HashSet<u32>>,
}

/// A decoder, and the shape of the raw table whose rows it makes.
struct Worker {
    shape: Arc<TableShape>,
    decoder: Decoder,
}

impl Workshop {
    pub(super) fn new(land: &Land, settled: Settled) -> Self {
        Self {
            registry: land.registry.clone(),
            raw: land.raw.clone(),
            dead: land.dead.clone(),
            clock: land.clock.clone(),
            policy: land.dead_letters,
            evolve: land.evolve,
            subject: land.subject.clone(),
            settled,
            idle: Mutex::default(),
            met: tokio::sync::Mutex::default(),
        }
    }

    pub fn settled(&self) -> &Offsets {
        &self.settled.progress
    }

    /// From messages to synced files.
    pub async fn work(self: Arc<Self>, batch: Batch) -> Result<Work, LandError> {
        let batch = Arc::new(batch);
        let worker = loop {
            let mut worker = self.worker(self.raw.shape());
            worker.decoder.prepare_all(&batch.chunks).await?;
            self.meet(&worker.decoder).await?;
            if worker.shape.schema_id() == self.raw.shape().schema_id() {
                break worker;
            }
        };
        let gained = !worker.shape.def().gained.is_empty();
        let outcome = self.clone().decode_and_encode(worker, batch.clone()).await;
        match outcome {
            // A column that was gained since the message was settled as readable clashes with it: it lands without.
            Err(LandError::Contradiction { .. }) if gained => {
                let mut worker = self.worker(Arc::new(self.raw.shape().plain()?));
                worker.decoder.prepare_all(&batch.chunks).await?;
                self.decode_and_encode(worker, batch).await
            }
            outcome => outcome,
        }
    }

    /// Somebody to make rows of `shape`; idle ones of another shape go.
    fn worker(&self, shape: Arc<TableShape>) -> Worker {
        let mut idle = self.idle.lock().unwrap();
        idle.retain(|worker| worker.shape.same(&shape));
        let new = || Worker { decoder: Decoder::new(self.registry.clone(), shape.def()), shape };
        idle.pop().unwrap_or_else(new)
    }

    /// Looks at schemas that are met for the first time: fields that the table lacks are told, or become columns.
    async fn meet(&self, decoder: &Decoder) -> Result<(), LandError> {
        let mut met = self.met.lock().await;
        let new: Vec<(u32, Arc<str>)> =
            decoder.schemas().filter(|(id, _)| !met.contains(id)).map(|(id, schema)| (id, schema.clone())).collect();
        for (id, schema) in new {
            let schema = Version { subject: self.subject.clone(), version: 0, id, schema };
            let mut missing = not_in_table(std::slice::from_ref(&schema), self.raw.shape().def());
            if self.evolve == EvolvePolicy::Auto && !missing.fields.is_empty() {
                let grown = evolve::grow(self.registry.as_ref(), &self.subject, &self.raw, schema).await?;
                let added = |name: &str| grown.fields.iter().any(|field| field.column.name == name);
                missing.fields.retain(|field| !added(&field.column.name));
            }
            if !missing.is_empty() {
                let fields = missing.names().join(", ");
                tracing::warn!(
                    schema = id,
                    fields,
                    "messages have fields that the table has no column for, their values are not kept: `contrail tables \
                     evolve` adds the columns, or says why not"
                );
            }
            met.insert(id);
        }
        Ok(())
    }

    /// On a blocking thread; the worker is idle again if all went well.
    async fn decode_and_encode(self: Arc<Self>, mut worker: Worker, batch: Arc<Batch>) -> Result<Work, LandError> {
        tokio::task::spawn_blocking(move || {
            let work = self.encode(&mut worker, &batch)?;
            self.idle.lock().unwrap().push(worker);
            Ok(work)
        })
        .await?
    }

    fn encode(&self, worker: &mut Worker, batch: &Batch) -> Result<Work, LandError> {
        let now = self.clock.now();
        let (mut states, mut dead) = (Vec::new(), Vec::new());
        for chunk in &batch.chunks {
            let (rows, letters) = self.sort_out(&mut worker.decoder, chunk, now)?;
            states.push(rows);
            dead.push(letters);
        }
        crash::point("land.decoded")?;
        let join = |batches: &[RecordBatch], schema: &SchemaRef| {
            concat_batches(schema, batches).map_err(|e| LandError::Codec(CodecError::Arrow(e)))
        };
        let (states, dead) = (join(&states, worker.shape.schema())?, join(&dead, &self.dead.schema())?);
        let letters = dead_letters(&dead);
        if let (DeadLetterPolicy::Stop, Some(letter)) = (self.policy, letters.first()) {
            let (partition, offset, reason) = (letter.partition, letter.offset, letter.reason.clone());
            return Err(LandError::Unreadable { partition, offset, reason });
        }
        let work = Work {
            holes: batch.holes(),
            ranges: batch.ranges.clone(),
            raw: self.raw.encode_under(&worker.shape, &states)?,
            dead: self.dead.encode(&dead)?,
            rows: states.num_rows() as u64,
            letters,
        };
        crash::point("land.encoded")?;
        Ok(work)
    }

    /// Rows and new dead letters of one chunk; below dead-letter progress the table of dead letters decides.
    fn sort_out(
        &self,
        decoder: &mut Decoder,
        chunk: &Chunk,
        now: Micros,
    ) -> Result<(RecordBatch, RecordBatch), LandError> {
        let decoded = decoder.decode(chunk, now)?;
        let settled = self.settled.progress.get(&chunk.partition).copied().unwrap_or(0);
        if chunk.first_offset >= settled {
            return Ok((decoded.states, decoded.dead));
        }
        let known: BTreeSet<i64> =
            self.settled.known.iter().filter(|(p, _)| *p == chunk.partition).map(|(_, offset)| *offset).collect();
        let mut contradiction = None;
        let mut keep = |batch: &RecordBatch, readable: bool| {
            let offsets = batch["log_offset"].as_primitive::<Int64Type>();
            let keep: BooleanArray = offsets
                .values()
                .iter()
                .map(|&offset| match verdict(readable, offset, settled, &known) {
                    Verdict::Row | Verdict::NewDead => Some(true),
                    Verdict::KnownDead => Some(false),
                    Verdict::Contradiction => {
                        contradiction.get_or_insert(offset);
                        Some(false)
                    }
                })
                .collect();
            filter_record_batch(batch, &keep).map_err(|e| LandError::Codec(CodecError::Arrow(e)))
        };
        let (states, dead) = (keep(&decoded.states, true)?, keep(&decoded.dead, false)?);
        match contradiction {
            None => Ok((states, dead)),
            Some(offset) => Err(LandError::Contradiction {
                partition: chunk.partition,
                offset,
                reason: reason(&decoded.dead, offset),
            }),
        }
    }
}

fn reason(dead: &RecordBatch, offset: i64) -> String {
    let offsets = dead["log_offset"].as_primitive::<Int64Type>();
    let at = offsets.values().iter().position(|o| *o == offset);
    at.map_or_else(String::new, |at| dead["reason"].as_string::<i32>().value(at).to_owned())
}

/// (partition, offset) of every row of `stream`.
pub(super) fn offsets_of(rows: &RecordBatch, stream: &str) -> BTreeSet<(i32, i64)> {
    let streams = rows["log_stream"].as_string::<i32>();
    let partitions = rows["log_partition"].as_primitive::<Int32Type>();
    let offsets = rows["log_offset"].as_primitive::<Int64Type>();
    let ours = (0..rows.num_rows()).filter(|&row| !streams.is_null(row) && streams.value(row) == stream);
    ours.map(|row| (partitions.value(row), offsets.value(row))).collect()
}
