//! Messages to states: what can be read becomes rows of the raw table, what cannot becomes dead letters.
//!
//! Which of the two a message becomes follows from its bytes and the schema registered under its id, and from nothing
//! else: not from its neighbours, not from how the log was cut into chunks, not from how often it was tried.

mod writer;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use contrail_types::{Micros, TableDef, state};
use futures::StreamExt;

use self::writer::{Run, Unreadable, Writer};
use super::{CodecError, PREFIX, fields, rejected, resolve};
use crate::{Chunk, Lookup, Registry};

/// Reads messages that any schema has written which Avro resolves to ours.
pub struct Decoder {
    registry: Arc<dyn Registry>,
    /// What each schema writes, or why that is no state.
    writers: HashMap<u32, Result<Writer, String>>,
    /// Ids without a schema, as of the last preparation: how long that holds is for the registry to say.
    never: HashSet<u32>,
    /// What messages are read as.
    reader: Arc<str>,
    /// The columns that come of it: those of a state, then the gained ones.
    read: SchemaRef,
    raw: SchemaRef,
    dead: SchemaRef,
}

/// What a chunk held. Every message is in just one of the two batches, each in order of offsets.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Rows of the raw table that the decoder was made for.
    pub states: RecordBatch,
    /// Rows of `state::dead_letters_table()`.
    pub dead: RecordBatch,
    /// The offset after the chunk.
    pub next_offset: i64,
}

/// What the frame of a message says.
enum Frame {
    Schema(u32),
    Dead(String),
}

/// Columns of a state, before the log's own three.
static STATE: LazyLock<usize> = LazyLock::new(|| state::schema().fields().len());
/// Verdicts on ids that cannot be read are forgotten beyond this many: they can be asked for again.
const MANY_IDS: usize = 4096;
/// Ids that are asked for at the same time.
const AT_ONCE: usize = 8;

fn missing(id: u32) -> String {
    format!("schema {id} does not exist")
}

impl Decoder {
    /// A decoder to rows of `raw`: [`state::raw_table`], or that with gained columns.
    pub fn new(registry: Arc<dyn Registry>, raw: &TableDef) -> Self {
        let (reader, schema) = (fields::reader_schema(raw).into(), raw.arrow_schema());
        let (own, gained) = schema.fields().split_at(raw.columns.len());
        let of_state = own[..*STATE].iter().chain(gained).cloned().collect::<Vec<_>>();
        Self {
            registry,
            writers: HashMap::new(),
            never: HashSet::new(),
            reader,
            read: Arc::new(Schema::new(of_state)),
            raw: schema,
            dead: state::dead_letters_table().arrow_schema(),
        }
    }

    /// The schemas that were met so far and can be read, with their ids.
    pub fn schemas(&self) -> impl Iterator<Item = (u32, &Arc<str>)> {
        self.writers.iter().filter_map(|(id, writer)| Some((*id, writer.as_ref().ok()?.schema())))
    }

    /// Gets the schemas that `chunk` was written with; see [`Decoder::prepare_all`].
    pub async fn prepare(&mut self, chunk: &Chunk) -> Result<(), CodecError> {
        self.prepare_all(std::slice::from_ref(chunk)).await
    }

    /// Gets the schemas that `chunks` were written with; they can be decoded until the next preparation. An error whose
    /// class says retry means that one of them cannot be had at the moment: its messages must wait, they are no dead
    /// letters. All are asked for before the first error is returned, so that the registry waits for all at once.
    pub async fn prepare_all(&mut self, chunks: &[Chunk]) -> Result<(), CodecError> {
        if self.writers.len() > MANY_IDS {
            self.writers.retain(|_, writer| writer.is_ok());
        }
        let said = std::mem::take(&mut self.never);
        let messages = chunks.iter().flat_map(|chunk| chunk.messages.iter());
        let ids = messages.filter_map(|message| match frame(message.value) {
            Frame::Schema(id) if !self.writers.contains_key(&id) => Some(id),
            _ => None,
        });
        let unknown: BTreeSet<u32> = ids.collect();
        let registry = &self.registry;
        let questions = futures::stream::iter(unknown).map(|id| async move { (id, registry.schema(id).await) });
        let answers: Vec<_> = questions.buffered(AT_ONCE).collect().await;
        let mut failed = None;
        for (id, answer) in answers {
            let reason = match answer {
                Ok(Lookup::Found(schema)) => {
                    let writer =
                        Writer::new(id, schema, &self.reader).map_err(|e| format!("schema {id} is no state: {e}"));
                    let reason = writer.as_ref().err().cloned();
                    self.writers.insert(id, writer);
                    reason
                }
                Ok(Lookup::Never) => {
                    self.never.insert(id);
                    (!said.contains(&id)).then(|| missing(id))
                }
                Err(error) => {
                    failed.get_or_insert(error);
                    None
                }
            };
            if let Some(reason) = reason {
                tracing::warn!(id, reason, "messages of this schema go to the dead letters");
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Reads a chunk that was prepared; `landed_at` is what the dead letters will say. Takes about 0.5 ms for 1,000
    /// messages of CPU time and does no I/O.
    pub fn decode(&mut self, chunk: &Chunk, landed_at: Micros) -> Result<Decoded, CodecError> {
        let Sorted { mut dead, by_schema } = sort_out(chunk);
        let mut read = Vec::with_capacity(by_schema.len());
        for (id, rows) in by_schema {
            let dead_for = match self.writers.get_mut(&id) {
                Some(Ok(writer)) => {
                    let Run { batch, rows, bad } = writer.read(&chunk.messages, rows)?;
                    dead.extend(bad.into_iter().map(|Unreadable { row, reason }| (row, reason)));
                    read.extend(batch.map(|batch| (batch, rows)));
                    continue;
                }
                Some(Err(reason)) => reason.clone(),
                None if self.never.contains(&id) => missing(id),
                None => return Err(CodecError::NotPrepared(id)),
            };
            dead.extend(rows.into_iter().map(|row| (row, dead_for.clone())));
        }
        dead.sort_unstable_by_key(|(row, _)| *row);
        let states = self.states(chunk, read)?;
        let dead = self.dead_letters(chunk, &dead, landed_at)?;
        Ok(Decoded { states, dead, next_offset: chunk.next_offset() })
    }

    /// [`Decoder::prepare`] and [`Decoder::decode`] in one, on the caller's thread.
    pub async fn read(&mut self, chunk: &Chunk, landed_at: Micros) -> Result<Decoded, CodecError> {
        self.prepare(chunk).await?;
        self.decode(chunk, landed_at)
    }

    /// What each schema brought, as one batch in order of offsets and with the log's columns.
    fn states(&self, chunk: &Chunk, mut read: Vec<(RecordBatch, Vec<usize>)>) -> Result<RecordBatch, CodecError> {
        let (batch, rows) = match read.len() {
            0 => return Ok(RecordBatch::new_empty(self.raw.clone())),
            1 => read.remove(0),
            _ => {
                let rows: Vec<usize> = read.iter().flat_map(|(_, rows)| rows).copied().collect();
                let mut order: Vec<u64> = (0..rows.len() as u64).collect();
                order.sort_unstable_by_key(|i| rows[*i as usize]);
                let batches: Vec<RecordBatch> =
                    read.iter().map(|(batch, _)| self.relabel(batch)).collect::<Result<_, _>>()?;
                let all = concat_batches(&batches[0].schema(), &batches)?;
                let rows = order.iter().map(|i| rows[*i as usize]).collect();
                (take_record_batch(&all, &UInt64Array::from(order))?, rows)
            }
        };
        let mut columns = self.relabel(&batch)?.columns().to_vec();
        let gained = columns.split_off(*STATE);
        columns.extend(log_columns(chunk, rows.iter().copied()));
        columns.extend(gained);
        Ok(RecordBatch::try_new(self.raw.clone(), columns)?)
    }

    fn relabel(&self, batch: &RecordBatch) -> Result<RecordBatch, CodecError> {
        let fields = self.read.fields();
        let columns = batch.columns().iter().zip(fields).map(|(c, f)| resolve::relabel(c, f.data_type()));
        Ok(RecordBatch::try_new(self.read.clone(), columns.collect::<Result<_, _>>()?)?)
    }

    fn dead_letters(
        &self,
        chunk: &Chunk,
        dead: &[(usize, String)],
        landed_at: Micros,
    ) -> Result<RecordBatch, CodecError> {
        let rows = || dead.iter().map(|(row, _)| *row);
        let times = |at: TimestampMicrosecondArray| Arc::new(at.with_timezone(contrail_types::time::ZONE)) as ArrayRef;
        let mut columns = vec![
            times(TimestampMicrosecondArray::from(vec![landed_at; dead.len()])),
            times(rows().map(|row| chunk.appended_at.get(row).copied()).collect()),
            Arc::new(dead.iter().map(|(_, reason)| Some(reason)).collect::<StringArray>()),
            Arc::new(rows().map(|row| chunk.messages.key(row)).collect::<BinaryArray>()),
            Arc::new(rows().map(|row| chunk.messages.value(row)).collect::<BinaryArray>()),
        ];
        columns.extend(log_columns(chunk, rows()));
        Ok(RecordBatch::try_new(self.dead.clone(), columns)?)
    }
}

/// Messages whose frame alone makes them dead letters, and the rows of each schema in order of its first message.
struct Sorted {
    dead: Vec<(usize, String)>,
    by_schema: Vec<(u32, Vec<usize>)>,
}

fn sort_out(chunk: &Chunk) -> Sorted {
    let mut dead = Vec::new();
    let mut by_schema: Vec<(u32, Vec<usize>)> = Vec::new();
    let mut place = HashMap::new();
    let mut last = None;
    for (row, message) in chunk.messages.iter().enumerate() {
        match frame(message.value) {
            Frame::Dead(reason) => dead.push((row, reason)),
            Frame::Schema(id) => {
                let i = match last {
                    Some((same, i)) if same == id => i,
                    _ => *place.entry(id).or_insert_with(|| {
                        by_schema.push((id, Vec::new()));
                        by_schema.len() - 1
                    }),
                };
                last = Some((id, i));
                by_schema[i].1.push(row);
            }
        }
    }
    Sorted { dead, by_schema }
}

fn frame(value: Option<&[u8]>) -> Frame {
    let Some(value) = value else { return Frame::Dead("no value".into()) };
    match value {
        [0, a, b, c, d, _, ..] => Frame::Schema(u32::from_be_bytes([*a, *b, *c, *d])),
        [0, ..] => Frame::Dead(format!("cut short: {} bytes do not hold a frame and a record", value.len())),
        [] => Frame::Dead("empty value".into()),
        [b'{', ..] => Frame::Dead(rejected::reason(value).unwrap_or_else(|| "not Avro: JSON".into())),
        [first, ..] => Frame::Dead(format!("not Avro: begins with byte {first}, not with 0 and a schema's id")),
    }
}

fn log_columns(chunk: &Chunk, rows: impl ExactSizeIterator<Item = usize> + Clone) -> [ArrayRef; 3] {
    let n = rows.len();
    let offsets: Int64Array = rows.map(|row| chunk.first_offset + row as i64).collect::<Vec<_>>().into();
    [
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&chunk.stream, n))),
        Arc::new(Int32Array::from(vec![chunk.partition; n])),
        Arc::new(offsets),
    ]
}

const _: () = assert!(PREFIX == 5, "frame() matches a frame of five bytes");
