//! The rule of append models: one row a key wins, the least by a total order; a pure function over batches.

use arrow::array::RecordBatch;

use crate::engine::EngineError;
use crate::project::Model;

/// The winners among all rows of `batches` (all of the model's schema), ordered by key.
pub fn winners(_model: &Model, _batches: &[RecordBatch]) -> Result<RecordBatch, EngineError> {
    unimplemented!()
}
