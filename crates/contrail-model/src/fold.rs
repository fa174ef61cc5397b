//! A fold table's hours in memory: results of a fold model merged by key with count, sum, min and max.
//!
//! The model's SQL run over some rows gives one row a key; merging the results of any split of the rows, in any order,
//! gives what the SQL gives over all of them. Sums and counts are integers, so no order changes them.

use arrow::array::RecordBatch;
use contrail_types::Micros;

use crate::engine::EngineError;
use crate::project::Model;

/// The spans of one fold table that are still growing. See the module's sentence for the law it keeps.
pub struct Fold {
    _todo: (),
}

impl Fold {
    /// An empty fold of a fold model.
    pub fn new(_model: &Model) -> Self {
        Self { _todo: () }
    }

    /// Merges a result of the model (over new rows, or rows read from the table) by key.
    pub fn merge(&mut self, _batch: &RecordBatch) -> Result<(), EngineError> {
        unimplemented!()
    }

    /// The rows of the given hours (starts), sorted as the table is; empty hours give none.
    pub fn batch(&self, _hours: &[Micros]) -> Result<RecordBatch, EngineError> {
        unimplemented!()
    }

    /// The hours that are held.
    pub fn hours(&self) -> Vec<Micros> {
        unimplemented!()
    }

    /// Lets go of an hour.
    pub fn forget(&mut self, _hour: Micros) {
        unimplemented!()
    }

    /// Rows held over all hours.
    pub fn rows(&self) -> usize {
        unimplemented!()
    }
}
