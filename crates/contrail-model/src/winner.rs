//! The rule of append models: one row a key wins, the least by a total order; a pure function over batches.

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, partition, take_record_batch};

use crate::engine::EngineError;
use crate::project::Model;

/// The winners among all rows of `batches` (all of the model's schema), ordered by key: what the model's SQL would give
/// over all the rows that the batches came from.
pub fn winners(model: &Model, batches: &[RecordBatch]) -> Result<RecordBatch, EngineError> {
    let arrow = |e| EngineError::Arrow(e, format!("model {}", model.name));
    let all = concat_batches(&model.def.arrow_schema(), batches).map_err(arrow)?;
    let Some(rule) = model.winner.as_ref().filter(|_| all.num_rows() > 1) else { return Ok(all) };
    let column = |name: &String| -> Result<ArrayRef, EngineError> {
        all.column_by_name(name).cloned().ok_or_else(|| EngineError::Shape {
            what: format!("model {}", model.name),
            column: name.clone(),
            message: "is missing".into(),
        })
    };
    let keys = rule.key.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let order = rule.order.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let by: Vec<SortColumn> =
        keys.iter().chain(&order).map(|c| SortColumn { values: c.clone(), options: None }).collect();
    let sorted = lexsort_to_indices(&by, None).map_err(arrow)?;
    let keys: Vec<ArrayRef> =
        keys.iter().map(|k| arrow::compute::take(k, &sorted, None)).collect::<Result<_, _>>().map_err(arrow)?;
    let groups = partition(&keys).map_err(arrow)?;
    let first: UInt64Array = groups.ranges().iter().map(|r| u64::from(sorted.value(r.start))).collect();
    take_record_batch(&all, &first).map_err(arrow)
}
