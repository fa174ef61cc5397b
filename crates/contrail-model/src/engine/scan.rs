//! Our table function `contrail_scan('<slot>')`: Arrow batches of this process as a DuckDB table, without a copy in it.
//!
//! The crate's own `ArrowVTab` keeps every batch for ever and takes raw addresses out of SQL text; this one looks a
//! slot up in a map that is emptied when the statement ends. A statement sees the batches that were in the slot when it
//! was bound.

use std::collections::HashMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use duckdb::core::{DataChunkHandle, LogicalTypeHandle, LogicalTypeId};
use duckdb::vtab::{BindInfo, InitInfo, TableFunctionInfo, VTab};
use duckdb::{Connection, vtab};

/// The slots of one DuckDB instance.
#[derive(Default)]
pub(crate) struct Scans {
    next: AtomicU64,
    slots: Mutex<HashMap<String, Slot>>,
}

#[derive(Clone)]
struct Slot {
    schema: SchemaRef,
    batches: Arc<[RecordBatch]>,
}

/// Keeps a slot filled; empties it when dropped.
pub(crate) struct Lease {
    slot: String,
    scans: Arc<Scans>,
}

impl Scans {
    /// Puts batches of one schema into a new slot.
    pub(crate) fn lease(self: &Arc<Self>, schema: SchemaRef, batches: Vec<RecordBatch>) -> Lease {
        let slot = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let entry = Slot { schema, batches: batches.into() };
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).insert(slot.clone(), entry);
        Lease { slot, scans: self.clone() }
    }
}

impl Lease {
    /// The SQL that reads the slot.
    pub(crate) fn sql(&self) -> String {
        format!("contrail_scan('{}')", self.slot)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.scans.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.slot);
    }
}

pub(crate) fn register(connection: &Connection, scans: &Arc<Scans>) -> duckdb::Result<()> {
    connection.register_table_function_with_extra_info::<Scan, Arc<Scans>>("contrail_scan", scans)
}

struct Scan;

struct Cursor {
    /// Columns to give, in the order DuckDB wants them; `None` is one that the batch does not have (a row counter).
    columns: Vec<Option<usize>>,
    /// First row of each batch, and the end.
    starts: Vec<usize>,
    next: AtomicUsize,
    vector: usize,
}

impl VTab for Scan {
    type InitData = Cursor;
    type BindData = Slot;

    fn bind(bind: &BindInfo) -> Result<Slot, Box<dyn Error>> {
        // SAFETY: registered with exactly this type as extra info, which DuckDB keeps as long as the function.
        let scans = unsafe { &*bind.get_extra_info::<Arc<Scans>>() };
        let name = bind.get_parameter(0).to_string();
        let slots = scans.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get(&name).cloned().ok_or("contrail_scan: no such slot")?;
        for field in slot.schema.fields() {
            bind.add_result_column(field.name(), vtab::to_duckdb_logical_type_for_field(field)?);
        }
        let rows: usize = slot.batches.iter().map(RecordBatch::num_rows).sum();
        bind.set_cardinality(rows as u64, true);
        Ok(slot)
    }

    fn init(init: &InitInfo) -> Result<Cursor, Box<dyn Error>> {
        // SAFETY: bind stored a Slot, and DuckDB keeps it until the statement is done.
        let slot = unsafe { &*init.get_bind_data::<Slot>() };
        let width = slot.schema.fields().len();
        let columns = init.get_column_indices().into_iter().map(|i| Some(i as usize).filter(|i| *i < width)).collect();
        let mut starts = vec![0];
        for batch in slot.batches.iter() {
            starts.push(starts[starts.len() - 1] + batch.num_rows());
        }
        // SAFETY: a plain getter.
        let vector = unsafe { duckdb::ffi::duckdb_vector_size() } as usize;
        Ok(Cursor { columns, starts, next: AtomicUsize::new(0), vector })
    }

    fn func(function: &TableFunctionInfo<Self>, output: &mut DataChunkHandle) -> Result<(), Box<dyn Error>> {
        let (slot, cursor) = (function.get_bind_data(), function.get_init_data());
        let end = cursor.starts[cursor.starts.len() - 1];
        let claimed = cursor.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |row| {
            (row < end).then(|| {
                let batch = cursor.starts.partition_point(|start| *start <= row);
                (row + cursor.vector).min(cursor.starts[batch])
            })
        });
        let Ok(row) = claimed else {
            output.set_len(0);
            return Ok(());
        };
        let index = cursor.starts.partition_point(|start| *start <= row) - 1;
        let offset = row - cursor.starts[index];
        let rows = cursor.vector.min(cursor.starts[index + 1] - row);
        let batch = &slot.batches[index];
        for (position, column) in cursor.columns.iter().enumerate() {
            if let Some(column) = column {
                let array = batch.column(*column).slice(offset, rows);
                vtab::arrow::write_arrow_array_to_vector(&array, &mut Target { chunk: output, column: position })?;
            }
        }
        output.set_len(rows);
        Ok(())
    }

    fn supports_pushdown() -> bool {
        true
    }

    fn parameters() -> Option<Vec<LogicalTypeHandle>> {
        Some(vec![LogicalTypeHandle::from(LogicalTypeId::Varchar)])
    }
}

/// One column of the chunk that DuckDB wants filled.
struct Target<'a> {
    chunk: &'a mut DataChunkHandle,
    column: usize,
}

impl vtab::arrow::WritableVector for Target<'_> {
    fn flat_vector(&mut self) -> duckdb::core::FlatVector<'_> {
        self.chunk.flat_vector(self.column)
    }

    fn list_vector(&mut self) -> duckdb::core::ListVector<'_> {
        self.chunk.list_vector(self.column)
    }

    fn array_vector(&mut self) -> duckdb::core::ArrayVector<'_> {
        self.chunk.array_vector(self.column)
    }

    fn struct_vector(&mut self) -> duckdb::core::StructVector<'_> {
        self.chunk.struct_vector(self.column)
    }
}
