//! Rows of several sorted inputs in one order, a few at a time: a partition of any size is compacted in little memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};

use crate::error::LakeError;
use crate::shape::TableShape;

/// Rows of an output batch.
const CHUNK: usize = 8192;

pub(super) type Input = Box<dyn Iterator<Item = Result<RecordBatch, LakeError>>>;

/// Batches that hold the rows of all inputs, each of which is in the table's order: nulls first, of equal rows those of
/// the first input.
pub(super) struct Merged<'a> {
    shape: &'a TableShape,
    /// Positions of the sort columns.
    sort: Vec<usize>,
    converter: RowConverter,
    inputs: Vec<Cursor>,
    /// The next row of each input that has one, with the input's number.
    next: BinaryHeap<Reverse<(OwnedRow, usize)>>,
    /// Batches that rows of the chunk in the making stand in.
    held: Vec<RecordBatch>,
    chunk: Vec<(usize, usize)>,
}

struct Cursor {
    batches: Input,
    /// Where the current batch stands in `held`.
    slot: usize,
    keys: Option<Rows>,
    row: usize,
}

impl<'a> Merged<'a> {
    pub fn new(shape: &'a TableShape, inputs: Vec<Input>) -> Result<Self, LakeError> {
        let schema = shape.schema();
        let sort = shape.sort.clone();
        let types = sort.iter().map(|at| schema.field(*at).data_type().clone());
        // Where nothing sorts all rows are equal, and stay as they come.
        let types: Vec<DataType> = if sort.is_empty() { vec![DataType::Null] } else { types.collect() };
        let fields = types.into_iter().map(SortField::new).collect();
        let converter = RowConverter::new(fields).map_err(|error| broken(shape, error))?;
        let inputs: Vec<Cursor> =
            inputs.into_iter().map(|batches| Cursor { batches, slot: 0, keys: None, row: 0 }).collect();
        let next = BinaryHeap::with_capacity(inputs.len());
        let mut merged = Self { shape, sort, converter, inputs, next, held: Vec::new(), chunk: Vec::new() };
        for input in 0..merged.inputs.len() {
            merged.load(input)?;
        }
        Ok(merged)
    }

    /// Takes an input's next batch and offers its first row.
    fn load(&mut self, input: usize) -> Result<(), LakeError> {
        let cursor = &mut self.inputs[input];
        cursor.keys = None;
        for batch in cursor.batches.by_ref() {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let mut columns: Vec<ArrayRef> = self.sort.iter().map(|at| batch.column(*at).clone()).collect();
            if columns.is_empty() {
                columns.push(new_null_array(&DataType::Null, batch.num_rows()));
            }
            let keys = self.converter.convert_columns(&columns).map_err(|error| broken(self.shape, error))?;
            (cursor.slot, cursor.row, cursor.keys) = (self.held.len(), 0, Some(keys));
            self.held.push(batch);
            self.offer(input);
            return Ok(());
        }
        Ok(())
    }

    fn offer(&mut self, input: usize) {
        let cursor = &self.inputs[input];
        if let Some(keys) = &cursor.keys {
            self.next.push(Reverse((keys.row(cursor.row).owned(), input)));
        }
    }

    /// The chunk as a batch. Lets go of batches that no input stands in any more.
    fn flush(&mut self) -> Result<RecordBatch, LakeError> {
        let batches: Vec<&RecordBatch> = self.held.iter().collect();
        let rows = interleave_record_batch(&batches, &self.chunk).map_err(|error| broken(self.shape, error))?;
        self.chunk.clear();
        let mut kept = Vec::new();
        for cursor in self.inputs.iter_mut().filter(|cursor| cursor.keys.is_some()) {
            kept.push(self.held[cursor.slot].clone());
            cursor.slot = kept.len() - 1;
        }
        self.held = kept;
        Ok(rows)
    }

    fn advance(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        while let Some(Reverse((_, input))) = self.next.pop() {
            let cursor = &mut self.inputs[input];
            self.chunk.push((cursor.slot, cursor.row));
            cursor.row += 1;
            match cursor.row < self.held[cursor.slot].num_rows() {
                true => self.offer(input),
                false => self.load(input)?,
            }
            if self.chunk.len() == CHUNK {
                return self.flush().map(Some);
            }
        }
        if self.chunk.is_empty() { Ok(None) } else { self.flush().map(Some) }
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

pub(super) fn broken(shape: &TableShape, error: ArrowError) -> LakeError {
    LakeError::Batch { table: shape.def().name.clone(), reason: format!("merge: {error}") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array, StringArray};
    use arrow::compute::concat_batches;
    use arrow::datatypes::Int64Type;
    use contrail_types::{Column, TableDef};
    use iceberg::spec::TableMetadataBuilder;
    use proptest::prelude::*;

    use super::*;
    use crate::schema::creation;
    use crate::shape::Grows;
    use crate::write::sorted;

    fn shape(sort: &[&str]) -> TableShape {
        let def = TableDef {
            name: "merged".into(),
            doc: "A table".into(),
            columns: vec![
                Column::new("name", DataType::Utf8, true, "Sorted by"),
                Column::new("id", DataType::Int64, true, "Then by"),
            ],
            partition: None,
            sort: sort.iter().map(|&name| name.to_owned()).collect(),
            bounds: Vec::new(),
            ids: Vec::new(),
            gained: Vec::new(),
        };
        let made = TableMetadataBuilder::from_table_creation(creation(&def, Some("/nowhere".into())).unwrap()).unwrap();
        TableShape::of(&def, Grows::Never, &made.build().unwrap().metadata).unwrap().0
    }

    fn batch(shape: &TableShape, rows: &[(Option<String>, Option<i64>)]) -> RecordBatch {
        let names = StringArray::from_iter(rows.iter().map(|(name, _)| name.as_deref()));
        let ids = Int64Array::from_iter(rows.iter().map(|(_, id)| *id));
        RecordBatch::try_new(shape.schema().clone(), vec![Arc::new(names), Arc::new(ids)]).unwrap()
    }

    fn merged(shape: &TableShape, inputs: &[RecordBatch], size: usize) -> RecordBatch {
        let pieces = inputs.iter().map(|rows| {
            let starts = (0..rows.num_rows()).step_by(size);
            let pieces: Vec<_> = starts.map(|at| Ok(rows.slice(at, size.min(rows.num_rows() - at)))).collect();
            Box::new(pieces.into_iter()) as Input
        });
        let batches: Vec<_> = Merged::new(shape, pieces.collect()).unwrap().map(Result::unwrap).collect();
        assert!(batches.iter().all(|batch| (1..=CHUNK).contains(&batch.num_rows())));
        concat_batches(shape.schema(), &batches).unwrap()
    }

    proptest! {
        #[test]
        fn merging_sorted_inputs_is_sorting_all_rows(
            inputs in prop::collection::vec(
                prop::collection::vec((prop::option::of("[ab]{0,9}"), prop::option::of(-3i64..3)), 0..40),
                0..9,
            ),
            size in 1usize..50,
        ) {
            let shape = shape(&["name", "id"]);
            let all = batch(&shape, &inputs.concat());
            let sorted_inputs: Vec<_> =
                inputs.iter().map(|rows| sorted(&shape, &batch(&shape, rows), None).unwrap()).collect();
            prop_assert_eq!(merged(&shape, &sorted_inputs, size), sorted(&shape, &all, None).unwrap());
        }
    }

    #[test]
    fn more_rows_than_one_batch_and_tables_without_an_order() {
        let even: Vec<_> = (0..20_000).map(|n| (Some("a".to_owned()), Some(2 * n))).collect();
        let odd: Vec<_> = (0..20_000).map(|n| (Some("a".to_owned()), Some(2 * n + 1))).collect();
        let shape_of_two = shape(&["id"]);
        let inputs = [batch(&shape_of_two, &odd), batch(&shape_of_two, &even)];
        let rows = merged(&shape_of_two, &inputs, 1000);
        let ids = rows.column(1).as_primitive::<Int64Type>();
        assert!(ids.len() == 40_000 && ids.values().is_sorted());
        let unsorted = shape(&[]);
        let rows = merged(&unsorted, &[batch(&unsorted, &odd[..3]), batch(&unsorted, &even[..3])], 2);
        assert_eq!(rows.num_rows(), 6);
    }
}
