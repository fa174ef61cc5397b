//! The messages of one writer's schema: reads a run of them at once, and finds out which ones cannot be read.
//!
//! The decoder beneath appends column by column, so a message that fails half-way leaves it misaligned, and text is
//! only checked when a batch is taken out. Hence: after each message one more row and the whole length, or it is bad;
//! with a bad one among them the decoder is thrown away and the good ones are read again.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow_avro::reader::{Decoder, ReaderBuilder};
use arrow_avro::schema::{AvroSchema, Fingerprint, FingerprintAlgorithm, SchemaStore};

use super::super::{CodecError, PREFIX, SCHEMA};
use crate::Messages;
use crate::registry::compat;

/// Reads what one schema has written.
pub(super) struct Writer {
    id: u32,
    schema: Arc<str>,
    /// The schema that it is read by.
    reader: Arc<str>,
    avro: Decoder,
}

/// A message that cannot be read, by its place in the chunk.
pub(super) struct Unreadable {
    pub row: usize,
    pub reason: String,
}

/// What became of some messages: a batch, the rows that are in it, and the others. Both ascend.
pub(super) struct Run {
    pub batch: Option<RecordBatch>,
    pub rows: Vec<usize>,
    pub bad: Vec<Unreadable>,
}

/// Rows of one batch: more than a chunk can have.
const ANY: usize = usize::MAX >> 1;

impl Writer {
    /// Fails, for good, if what `schema` writes cannot be read by `reader`.
    pub fn new(id: u32, schema: Arc<str>, reader: &Arc<str>) -> Result<Self, String> {
        let json: serde_json::Value = serde_json::from_str(&schema).map_err(|e| e.to_string())?;
        if endless(&json) {
            return Err("it has an array whose items take no bytes".into());
        }
        compat::can_read(reader, &schema)?;
        let avro = decoder(id, &schema, reader, ANY)?;
        Ok(Self { id, schema, reader: reader.clone(), avro })
    }

    pub fn schema(&self) -> &Arc<str> {
        &self.schema
    }

    /// Reads `rows` of `messages`, which ascend.
    pub fn read(&mut self, messages: &Messages, mut rows: Vec<usize>) -> Result<Run, CodecError> {
        let mut bad = self.feed_all(messages, &rows)?;
        if !bad.is_empty() {
            drop_rows(&mut rows, &bad);
            self.feed_again(messages, &rows)?;
        }
        if rows.is_empty() {
            return Ok(Run { batch: None, rows, bad });
        }
        if let Ok(batch) = self.take(rows.len()) {
            return Ok(Run { batch: Some(batch), rows, bad });
        }
        // Some text is no UTF-8; the whole batch says so, not the row.
        let mut no_text = Vec::new();
        self.find_no_text(messages, &rows, &mut no_text)?;
        drop_rows(&mut rows, &no_text);
        bad.extend(no_text);
        bad.sort_unstable_by_key(|u| u.row);
        self.feed_again(messages, &rows)?;
        let batch = if rows.is_empty() { None } else { Some(self.take(rows.len())?) };
        Ok(Run { batch, rows, bad })
    }

    /// Feeds all `rows` and says which ones are bad. If any is, the decoder holds nothing of use afterwards.
    fn feed_all(&mut self, messages: &Messages, rows: &[usize]) -> Result<Vec<Unreadable>, CodecError> {
        let mut bad = Vec::new();
        let mut next = 0;
        while let Err((i, reason)) = self.feed(messages, &rows[next..]) {
            let row = rows[next + i];
            bad.push(Unreadable { row, reason });
            next += i + 1;
            self.reset()?;
        }
        Ok(bad)
    }

    /// Feeds rows that are known to be good into a fresh decoder.
    fn feed_again(&mut self, messages: &Messages, rows: &[usize]) -> Result<(), CodecError> {
        self.reset()?;
        self.feed(messages, rows).map_err(|(_, reason)| {
            arrow::error::ArrowError::AvroError(format!("a message was readable once and then not: {reason}")).into()
        })
    }

    /// Feeds `rows` up to the first bad one: its place in `rows` and what is wrong with it.
    fn feed(&mut self, messages: &Messages, rows: &[usize]) -> Result<(), (usize, String)> {
        let at = Cell::new(0);
        let fed = catch_unwind(AssertUnwindSafe(|| {
            for (i, row) in rows.iter().enumerate() {
                at.set(i);
                self.feed_one(messages.value(*row).unwrap_or_default())?;
            }
            Ok(())
        }));
        match fed {
            Ok(fed) => fed.map_err(|reason| (at.get(), reason)),
            Err(_) => Err((at.get(), "not a record of its schema: a count is out of range".into())),
        }
    }

    fn feed_one(&mut self, value: &[u8]) -> Result<(), String> {
        // A whole frame behind the record would be swallowed as the beginning of the next message.
        if value.len() >= 2 * PREFIX && value.ends_with(&value[..PREFIX]) {
            self.exact(value)?;
        }
        let before = self.avro.capacity();
        let fed = self.avro.decode(value);
        match (fed, before - self.avro.capacity()) {
            (Ok(taken), 1) if taken == value.len() => Ok(()),
            (_, rows) if rows > 0 => Err("bytes are left over after the record".into()),
            (Ok(_), _) => Err("cut short: the record does not end within the message".into()),
            (Err(error), _) => Err(format!("not a record of its schema: {error}")),
        }
    }

    /// Whether one record takes the whole of `value`, asked of a decoder that stops after one.
    fn exact(&self, value: &[u8]) -> Result<(), String> {
        let taken = decoder(self.id, &self.schema, &self.reader, 1)?.decode(value).map_err(|e| e.to_string())?;
        if taken == value.len() { Ok(()) } else { Err("bytes are left over after the record".into()) }
    }

    /// Finds, by halving, the rows without which a batch can be taken out.
    fn find_no_text(
        &mut self,
        messages: &Messages,
        rows: &[usize],
        bad: &mut Vec<Unreadable>,
    ) -> Result<(), CodecError> {
        for half in [&rows[..rows.len() / 2], &rows[rows.len() / 2..]].into_iter().filter(|half| !half.is_empty()) {
            self.feed_again(messages, half)?;
            match self.take(half.len()) {
                Ok(_) => {}
                Err(error) if half.len() == 1 => {
                    bad.push(Unreadable { row: half[0], reason: format!("not a record of its schema: {error}") });
                }
                Err(_) => self.find_no_text(messages, half, bad)?,
            }
        }
        Ok(())
    }

    /// Takes out what was fed.
    fn take(&mut self, rows: usize) -> Result<RecordBatch, CodecError> {
        let batch = catch_unwind(AssertUnwindSafe(|| self.avro.flush()))
            .map_err(|_| arrow::error::ArrowError::AvroError("a batch cannot be made of it".into()))??;
        match batch {
            Some(batch) if batch.num_rows() == rows => Ok(batch),
            other => {
                let found = other.map_or(0, |b| b.num_rows());
                Err(arrow::error::ArrowError::AvroError(format!("{found} rows came of {rows} messages")).into())
            }
        }
    }

    fn reset(&mut self) -> Result<(), CodecError> {
        self.avro = decoder(self.id, &self.schema, &self.reader, ANY).map_err(arrow::error::ArrowError::AvroError)?;
        Ok(())
    }
}

fn drop_rows(rows: &mut Vec<usize>, bad: &[Unreadable]) {
    rows.retain(|row| bad.binary_search_by_key(row, |u| u.row).is_err());
}

fn decoder(id: u32, schema: &str, reader: &str, rows: usize) -> Result<Decoder, String> {
    let build = || {
        let mut store = SchemaStore::new_with_type(FingerprintAlgorithm::Id);
        store.set(Fingerprint::Id(id), AvroSchema::new(schema.to_owned()))?;
        let builder = ReaderBuilder::new().with_writer_schema_store(store).with_batch_size(rows);
        // What we have written ourselves needs no resolution: faster to read, and twice as fast to build.
        let builder = match reader == SCHEMA && ours(schema) {
            true => builder,
            false => builder.with_reader_schema(AvroSchema::new(reader.to_owned())),
        };
        builder.build_decoder()
    };
    match catch_unwind(build) {
        Ok(decoder) => decoder.map_err(|e| e.to_string()),
        Err(_) => Err("it cannot be resolved".into()),
    }
}

/// Whether `schema` is [`SCHEMA`] but for white space.
fn ours(schema: &str) -> bool {
    static OURS: LazyLock<Option<String>> = LazyLock::new(|| compat::normal(SCHEMA).ok());
    schema == SCHEMA || OURS.as_deref() == Some(schema)
}

/// Whether some array has items that take no bytes: five bytes could then claim 2^62 of them.
fn endless(schema: &serde_json::Value) -> bool {
    use serde_json::Value;
    fn empty(schema: &Value) -> bool {
        match schema {
            Value::String(name) => name == "null",
            Value::Object(o) => match o.get("type").and_then(Value::as_str) {
                Some("null") => true,
                Some("fixed") => o.get("size") == Some(&0.into()),
                Some("record") => o
                    .get("fields")
                    .and_then(Value::as_array)
                    .is_some_and(|fields| fields.iter().all(|f| f.get("type").is_some_and(empty))),
                _ => o.get("type").is_some_and(|t| t.is_object() && empty(t)),
            },
            _ => false,
        }
    }
    match schema {
        Value::Array(branches) => branches.iter().any(endless),
        Value::Object(o) => o.get("items").is_some_and(empty) || o.values().any(endless),
        _ => false,
    }
}
