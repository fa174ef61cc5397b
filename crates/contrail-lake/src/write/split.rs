//! Which rows belong to which partition.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use contrail_types::Transform;

/// The rows of one partition; `rows: None` is all of them.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub value: Option<i32>,
    pub rows: Option<Vec<u32>>,
}

/// Splits by partition value, ascending, rows in their order. Free when all rows lie in one partition, as they mostly
/// do. Rows without a time form a part of their own. A column of another type counts as without time; the schema check
/// has ruled that out.
pub(super) fn split(column: Option<&ArrayRef>, by: Transform) -> Vec<Part> {
    let Some(times) = column.and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>()) else {
        return vec![Part { value: None, rows: None }];
    };
    if times.null_count() == 0 {
        let values = times.values();
        let (min, max) = values.iter().fold((i64::MAX, i64::MIN), |(min, max), v| (min.min(*v), max.max(*v)));
        if values.is_empty() || by.value(min) == by.value(max) {
            return vec![Part { value: (!values.is_empty()).then(|| by.value(min)), rows: None }];
        }
    }
    let mut parts: BTreeMap<Option<i32>, Vec<u32>> = BTreeMap::new();
    for (row, time) in times.iter().enumerate() {
        parts.entry(time.map(|us| by.value(us))).or_default().push(row as u32);
    }
    if parts.len() == 1 {
        return parts.into_keys().map(|value| Part { value, rows: None }).collect();
    }
    parts.into_iter().map(|(value, rows)| Part { value, rows: Some(rows) }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::TimestampMicrosecondArray;
    use contrail_types::time::HOUR;

    use super::*;

    fn times(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values.to_vec()))
    }

    #[test]
    fn rows_go_where_their_time_lies() {
        let part = |value, rows: Option<&[u32]>| Part { value, rows: rows.map(<[u32]>::to_vec) };
        let cases: [(&[Option<i64>], Vec<Part>); 5] = [
            (&[Some(0), Some(HOUR - 1)], vec![part(Some(0), None)]),
            (&[Some(HOUR), Some(0), Some(HOUR)], vec![part(Some(0), Some(&[1])), part(Some(1), Some(&[0, 2]))]),
            (&[Some(-1), Some(0)], vec![part(Some(-1), Some(&[0])), part(Some(0), Some(&[1]))]),
            (&[None, Some(0)], vec![part(None, Some(&[0])), part(Some(0), Some(&[1]))]),
            (&[None, None], vec![part(None, None)]),
        ];
        for (values, expected) in cases {
            assert_eq!(split(Some(&times(values)), Transform::Hour), expected, "{values:?}");
        }
    }
}
