//! A fold table's hours in memory: results of a fold model merged by key with count, sum, min and max.
//!
//! The model's SQL run over some rows gives one row a key; merging the results of any split of the rows, in any order,
//! gives what the SQL gives over all of them. Sums and counts are integers, so no order changes them.

mod store;

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use contrail_types::Micros;
use hashbrown::{DefaultHashBuilder, HashTable};
use store::Store;

use crate::engine::EngineError;
use crate::project::{Model, Op};

/// The spans (hours) of one fold table that are still growing.
pub struct Fold {
    name: String,
    schema: SchemaRef,
    ops: Vec<Op>,
    /// Index of the column that says the hour.
    time: usize,
    spans: BTreeMap<Micros, Span>,
    hasher: DefaultHashBuilder,
}

/// One hour: columns with a place a key, and where each key is.
struct Span {
    columns: Vec<Store>,
    index: HashTable<u32>,
    rows: usize,
}

impl Fold {
    /// An empty fold of a fold model.
    pub fn new(model: &Model) -> Self {
        let schema = model.def.arrow_schema();
        let time = model.span_column.as_deref().and_then(|c| schema.index_of(c).ok()).unwrap_or(0);
        Self {
            name: model.name.clone(),
            ops: model.notes.iter().map(|n| n.op.unwrap_or(Op::Max)).collect(),
            schema,
            time,
            spans: BTreeMap::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Merges a result of the model (over new rows, or rows read from the table) by key.
    pub fn merge(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let columns = self.columns(batch)?;
        let hours = columns[self.time]
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| self.shape(self.time, "is no timestamp"))?
            .values()
            .clone();
        let keys: Vec<usize> = (0..self.ops.len()).filter(|i| self.ops[*i] == Op::Key).collect();
        let hashes = self.hashes(&columns, &keys, batch.num_rows());
        // Rows of an hour are handled together, column by column: the place of each row is found first.
        let mut by_hour: BTreeMap<Micros, Vec<usize>> = BTreeMap::new();
        for (row, hour) in hours.iter().enumerate() {
            by_hour.entry(*hour).or_default().push(row);
        }
        for (hour, rows) in by_hour {
            let span = self.spans.entry(hour).or_insert_with(|| Span::empty(&self.schema, &self.ops));
            let places = span.places(&self.hasher, self.time, &columns, &keys, &hashes, &rows);
            for (store, column) in span.columns.iter_mut().zip(&columns) {
                store.merge(column, &rows, &places);
            }
        }
        Ok(())
    }

    /// The batch's columns in the table's order, of the table's types, keys without nulls.
    fn columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>, EngineError> {
        let mut columns = Vec::with_capacity(self.ops.len());
        for (i, field) in self.schema.fields().iter().enumerate() {
            let column = batch.column_by_name(field.name()).ok_or_else(|| self.shape(i, "is missing"))?;
            if column.data_type() != field.data_type() {
                return Err(self.shape(i, "has another type than the table"));
            }
            if self.ops[i] == Op::Key && column.null_count() > 0 {
                return Err(self.shape(i, "is a key and null in a row"));
            }
            columns.push(column.clone());
        }
        Ok(columns)
    }

    fn shape(&self, column: usize, message: &str) -> EngineError {
        EngineError::Shape {
            what: format!("fold {}", self.name),
            column: self.schema.field(column).name().clone(),
            message: message.into(),
        }
    }

    fn hashes(&self, columns: &[ArrayRef], keys: &[usize], rows: usize) -> Vec<u64> {
        let mut hashes = vec![0; rows];
        for key in keys.iter().filter(|k| **k != self.time) {
            store::hash(&self.hasher, &columns[*key], &mut hashes);
        }
        hashes
    }

    /// The rows of the given hours (starts), in no order; hours that are not held give none.
    pub fn batch(&self, hours: &[Micros]) -> Result<RecordBatch, EngineError> {
        let arrow = |e| EngineError::Arrow(e, format!("fold {}", self.name));
        let mut hours = hours.to_vec();
        hours.sort_unstable();
        hours.dedup();
        let mut batches = Vec::new();
        for span in hours.iter().filter_map(|h| self.spans.get(h)) {
            let columns = span.columns.iter().zip(self.schema.fields()).map(|(c, f)| c.array(f.data_type())).collect();
            batches.push(RecordBatch::try_new(self.schema.clone(), columns).map_err(arrow)?);
        }
        concat_batches(&self.schema, &batches).map_err(arrow)
    }

    /// The hours that are held, those of which it is known that they have no rows as well.
    pub fn hours(&self) -> Vec<Micros> {
        self.spans.keys().copied().collect()
    }

    /// Lets go of an hour.
    pub fn forget(&mut self, hour: Micros) {
        self.spans.remove(&hour);
    }

    /// Puts exactly these rows in the place of what is held of the given hours; one that gets none is held as empty.
    pub fn replace(&mut self, hours: &[Micros], batch: &RecordBatch) -> Result<(), EngineError> {
        for hour in hours {
            self.spans.insert(*hour, Span::empty(&self.schema, &self.ops));
        }
        self.merge(batch)
    }

    /// Rows held over all hours.
    pub fn rows(&self) -> usize {
        self.spans.values().map(|s| s.rows).sum()
    }

    /// Arrow schema of the table.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

impl Span {
    fn empty(schema: &SchemaRef, ops: &[Op]) -> Self {
        let columns = schema.fields().iter().zip(ops).map(|(f, op)| Store::new(f.data_type(), *op)).collect();
        Self { columns, index: HashTable::new(), rows: 0 }
    }

    /// Where each of the rows' keys is; keys not seen before get a place of their own.
    fn places(
        &mut self,
        hasher: &DefaultHashBuilder,
        time: usize,
        columns: &[ArrayRef],
        keys: &[usize],
        hashes: &[u64],
        rows: &[usize],
    ) -> Vec<u32> {
        let mut places = Vec::with_capacity(rows.len());
        for row in rows {
            let stored = &self.columns;
            let same = |place: &u32| keys.iter().all(|k| stored[*k].is(*place as usize, &columns[*k], *row));
            let place = match self.index.find(hashes[*row], same) {
                Some(place) => *place,
                None => {
                    let place = self.rows as u32;
                    self.rows += 1;
                    for key in keys {
                        self.columns[*key].push_key(&columns[*key], *row);
                    }
                    let stored = &self.columns;
                    self.index.insert_unique(hashes[*row], place, |p| {
                        keys.iter().filter(|k| **k != time).fold(0, |h, k| stored[*k].hash(hasher, *p as usize, h))
                    });
                    place
                }
            };
            places.push(place);
        }
        for column in &mut self.columns {
            column.grow(self.rows);
        }
        places
    }
}

/// One step of a hash over several columns.
fn mix(hasher: &DefaultHashBuilder, seed: u64, value: impl std::hash::Hash) -> u64 {
    hasher.hash_one((seed, value))
}
