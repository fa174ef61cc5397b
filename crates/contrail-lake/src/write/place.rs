//! Which of the table's partitions rows go to, whose hour or day is known: under the definition's own spec the same,
//! under another that the table has been given since, whatever that makes of the rows.

use arrow::record_batch::RecordBatch;
use iceberg::arrow::RecordBatchPartitionSplitter;
use iceberg::spec::{Datum, Literal, PartitionField, Struct, Transform};
use iceberg::transform::create_transform_function;

use crate::error::{Doing, LakeError};
use crate::schema;
use crate::shape::TableShape;

/// The partition of all rows of an hour or day (`None`: rows without a time), if they all have the same.
pub(crate) fn of(shape: &TableShape, unit: Option<i32>) -> Result<Option<Struct>, LakeError> {
    if !shape.spec.fields().iter().all(|field| is_of_unit(shape, field)) {
        return Ok(None);
    }
    values(shape, unit).map(Some)
}

/// Rows of one hour or day, as files hold them, by the table's partition.
pub(super) fn pieces(
    shape: &TableShape,
    unit: Option<i32>,
    rows: RecordBatch,
) -> Result<Vec<(Struct, RecordBatch)>, LakeError> {
    if let Some(place) = of(shape, unit)? {
        return Ok(vec![(place, rows)]);
    }
    let doing = || format!("partition rows of {}", shape.def().name);
    let (schema, spec) = (shape.iceberg.clone(), shape.spec.clone());
    let splitter = RecordBatchPartitionSplitter::try_new_with_computed_values(schema, spec).doing(doing)?;
    let pieces = splitter.split(&rows).doing(doing)?;
    Ok(pieces.into_iter().map(|(key, rows)| (key.data().clone(), rows)).collect())
}

/// The partition of a file that only says that an hour or day has no rows.
pub(super) fn without_rows(shape: &TableShape, unit: i32) -> Result<Struct, LakeError> {
    values(shape, Some(unit))
}

/// Where no partition names the hour or day, a file without rows says by its bounds which one it is of.
pub(super) fn told_by_bounds(shape: &TableShape, unit: i32) -> Option<(i32, Datum)> {
    let (id, by) = shape.units.0?;
    let named =
        shape.spec.fields().iter().any(|field| field.source_id == id && field.transform == schema::transform(by));
    (!named).then(|| (id, start(by, unit)))
}

fn start(by: contrail_types::Transform, unit: i32) -> Datum {
    Datum::timestamptz_micros(by.width() * i64::from(unit))
}

/// Whether rows of one hour or day have one value in a partition field.
fn is_of_unit(shape: &TableShape, field: &PartitionField) -> bool {
    let Some((id, by)) = shape.units.0 else { return field.transform == Transform::Void };
    let wider = match by {
        contrail_types::Transform::Hour => &[Transform::Hour, Transform::Day, Transform::Month, Transform::Year][..],
        contrail_types::Transform::Day => &[Transform::Day, Transform::Month, Transform::Year][..],
    };
    field.transform == Transform::Void || (field.source_id == id && wider.contains(&field.transform))
}

/// A value for each partition field that goes by the hour or day; null for the others.
fn values(shape: &TableShape, unit: Option<i32>) -> Result<Struct, LakeError> {
    let value = |field: &PartitionField| {
        let Some(((id, by), unit)) = shape.units.0.zip(unit) else { return Ok(None) };
        if field.source_id != id {
            return Ok(None);
        }
        if field.transform == schema::transform(by) {
            return Ok(Some(Literal::int(unit)));
        }
        let value = create_transform_function(&field.transform)?.transform_literal(&start(by, unit))?;
        iceberg::Result::Ok(value.map(|datum| Literal::Primitive(datum.literal().clone())))
    };
    let values = shape.spec.fields().iter().map(value).collect::<Result<Vec<_>, _>>();
    Ok(Struct::from_iter(values.doing(|| format!("partition rows of {}", shape.def().name))?))
}
