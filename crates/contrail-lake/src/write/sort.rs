//! The order of rows inside a file: ascending by the table's sort columns, nulls first, equal rows as they came.

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, take};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};

/// The rows to take, in order. `None` when all rows are wanted as they stand: unsorted table, or sorted already.
pub(super) fn order(columns: &[&ArrayRef], all: usize, rows: Option<Vec<u32>>) -> Option<UInt32Array> {
    if columns.is_empty() {
        return rows.map(UInt32Array::from);
    }
    let keys: Option<Vec<Vec<u64>>> = columns.iter().map(|column| key(column)).collect();
    match keys.as_deref() {
        Some([a]) => by_key(rows, all, |row| [a[row]]),
        Some([a, b]) => by_key(rows, all, |row| [a[row], b[row]]),
        Some([a, b, c]) => by_key(rows, all, |row| [a[row], b[row], c[row]]),
        Some([a, b, c, d]) => by_key(rows, all, |row| [a[row], b[row], c[row], d[row]]),
        _ => by_values(columns, rows),
    }
}

/// A number for each row that orders as its value does, where values are short enough for that.
fn key(column: &ArrayRef) -> Option<Vec<u64>> {
    match column.data_type() {
        DataType::Utf8 => text_key(column),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            long_key(column.as_primitive::<TimestampMicrosecondType>().iter())
        }
        DataType::Int64 => long_key(column.as_primitive::<Int64Type>().iter()),
        DataType::Int32 => long_key(column.as_primitive::<Int32Type>().iter().map(|v| v.map(i64::from))),
        DataType::Date32 => long_key(column.as_primitive::<Date32Type>().iter().map(|v| v.map(i64::from))),
        _ => None,
    }
}

/// Up to seven bytes and the length behind them: text that is a prefix of another comes first, and null before both.
fn text_key(column: &ArrayRef) -> Option<Vec<u64>> {
    let texts = column.as_string::<i32>();
    let short = |text: Option<&str>| {
        let Some(text) = text else { return Some(0) };
        let mut bytes = [0; 8];
        bytes.get_mut(..7)?.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        bytes[7] = text.len() as u8 + 1;
        Some(u64::from_be_bytes(bytes))
    };
    texts.iter().map(short).collect()
}

fn long_key(values: impl Iterator<Item = Option<i64>>) -> Option<Vec<u64>> {
    let shift = |value: Option<i64>| match value {
        None => Some(0),
        // The smallest of all numbers would tie with null.
        Some(i64::MIN) => None,
        Some(value) => Some((value as u64) ^ (1 << 63)),
    };
    values.map(shift).collect()
}

fn by_key<const N: usize>(rows: Option<Vec<u32>>, all: usize, key: impl Fn(usize) -> [u64; N]) -> Option<UInt32Array> {
    let whole = rows.is_none();
    let mut keyed: Vec<([u64; N], u32)> = match rows {
        Some(rows) => rows.into_iter().map(|row| (key(row as usize), row)).collect(),
        None => (0..all as u32).map(|row| (key(row as usize), row)).collect(),
    };
    if whole && keyed.is_sorted() {
        return None;
    }
    keyed.sort_unstable();
    Some(keyed.into_iter().map(|(_, row)| row).collect())
}

/// Any types, any number of columns; slower.
fn by_values(columns: &[&ArrayRef], rows: Option<Vec<u32>>) -> Option<UInt32Array> {
    let options = Some(SortOptions { descending: false, nulls_first: true });
    let rows = rows.map(UInt32Array::from);
    let chosen = columns.iter().map(|column| match &rows {
        Some(rows) => take(column, rows, None),
        None => Ok((*column).clone()),
    });
    let columns: Vec<SortColumn> =
        chosen.map(|values| values.map(|values| SortColumn { values, options })).collect::<Result<_, _>>().ok()?;
    let order = lexsort_to_indices(&columns, None).ok()?;
    match &rows {
        Some(rows) => take(rows, &order, None).ok().map(|taken| taken.as_primitive().clone()),
        None => Some(order),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn rows(order: Option<UInt32Array>) -> Option<Vec<u32>> {
        order.map(|order| order.values().to_vec())
    }

    #[test]
    fn text_and_time_nulls_first_and_ties_as_they_came() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a\0"), Some("a"), Some("b")]));
        let time: ArrayRef =
            Arc::new(TimestampMicrosecondArray::from(vec![Some(5), Some(1), Some(1), Some(1), Some(-5)]));
        assert_eq!(rows(order(&[&text, &time], 5, None)), Some(vec![1, 3, 2, 4, 0]));
        assert_eq!(rows(order(&[&text, &time], 5, Some(vec![0, 3, 4]))), Some(vec![3, 4, 0]));
        assert_eq!(rows(order(&[&time], 5, None)), Some(vec![4, 1, 2, 3, 0]));
    }

    #[test]
    fn what_is_sorted_is_left_alone() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![None, Some(""), Some("a"), Some("a")]));
        assert_eq!(order(&[&text], 4, None), None);
        assert_eq!(order(&[], 4, None), None);
        assert_eq!(rows(order(&[], 4, Some(vec![2]))), Some(vec![2]));
    }

    #[test]
    fn long_text_and_other_types_sort_the_slow_way() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("longer than seven"), None, Some("longer still")]));
        assert_eq!(rows(order(&[&text], 3, None)), Some(vec![1, 2, 0]));
        assert_eq!(rows(order(&[&text], 3, Some(vec![0, 2]))), Some(vec![2, 0]));
        let number: ArrayRef = Arc::new(Float64Array::from(vec![2.0, -1.0]));
        assert_eq!(rows(order(&[&number], 2, None)), Some(vec![1, 0]));
    }
}
