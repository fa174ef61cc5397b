//! Small readers of result batches.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use contrail_types::Micros;

/// One result; columns are read by place.
pub(super) struct Rows(pub(super) RecordBatch);

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// A BIGINT; 0 where null.
    pub(super) fn int(&self, column: usize, row: usize) -> i64 {
        self.0.column(column).as_primitive_opt::<Int64Type>().filter(|c| c.is_valid(row)).map_or(0, |c| c.value(row))
    }

    /// A BIGINT that counts; 0 where null.
    pub(super) fn count(&self, column: usize, row: usize) -> u64 {
        self.int(column, row).try_into().unwrap_or(0)
    }

    pub(super) fn double(&self, column: usize, row: usize) -> Option<f64> {
        self.0.column(column).as_primitive_opt::<Float64Type>().filter(|c| c.is_valid(row)).map(|c| c.value(row))
    }

    pub(super) fn time(&self, column: usize, row: usize) -> Option<Micros> {
        let column = self.0.column(column).as_primitive_opt::<TimestampMicrosecondType>();
        column.filter(|c| c.is_valid(row)).map(|c| c.value(row))
    }

    pub(super) fn text(&self, column: usize, row: usize) -> Option<&str> {
        self.0.column(column).as_string_opt::<i32>().filter(|c| c.is_valid(row)).map(|c| c.value(row))
    }

    pub(super) fn flag(&self, column: usize, row: usize) -> Option<bool> {
        self.0.column(column).as_boolean_opt().filter(|c| c.is_valid(row)).map(|c| c.value(row))
    }
}
