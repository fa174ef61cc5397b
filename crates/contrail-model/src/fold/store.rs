//! One column of a growing hour: a value a key, and how two values become one.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use contrail_types::time::ZONE;
use hashbrown::DefaultHashBuilder;

use super::mix;
use crate::project::Op;

/// Values of one column by place. In the `Best` kinds the flag says that the greatest wins, else the least.
pub(super) enum Store {
    Key32(Vec<i32>),
    Key64(Vec<i64>),
    /// Text keys end to end.
    KeyText {
        bytes: Vec<u8>,
        ends: Vec<u32>,
    },
    Sum32(Vec<i32>),
    Sum64(Vec<i64>),
    Best32(bool, Vec<Option<i32>>),
    Best64(bool, Vec<Option<i64>>),
    BestDouble(bool, Vec<Option<f64>>),
    BestText(bool, Vec<Option<Box<str>>>),
}

/// Integers of either width and instants, as i64.
fn wide(column: &ArrayRef, row: usize) -> i64 {
    match column.data_type() {
        DataType::Int32 => i64::from(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row),
        _ => column.as_primitive::<TimestampMicrosecondType>().value(row),
    }
}

/// Mixes a key column into one hash a row.
pub(super) fn hash(hasher: &DefaultHashBuilder, column: &ArrayRef, hashes: &mut [u64]) {
    if let Some(text) = column.as_string_opt::<i32>() {
        for (row, hash) in hashes.iter_mut().enumerate() {
            *hash = mix(hasher, *hash, text.value(row).as_bytes());
        }
    } else {
        for (row, hash) in hashes.iter_mut().enumerate() {
            *hash = mix(hasher, *hash, wide(column, row));
        }
    }
}

impl Store {
    /// A column that holds values of `data_type`.
    pub(super) fn new(data_type: &DataType, op: Op) -> Self {
        let greatest = op == Op::Max;
        match (op, data_type) {
            (Op::Key, DataType::Utf8) => Self::KeyText { bytes: Vec::new(), ends: Vec::new() },
            (Op::Key, DataType::Int32) => Self::Key32(Vec::new()),
            (Op::Key, _) => Self::Key64(Vec::new()),
            (Op::Count | Op::Sum, DataType::Int32) => Self::Sum32(Vec::new()),
            (Op::Count | Op::Sum, _) => Self::Sum64(Vec::new()),
            (_, DataType::Int32) => Self::Best32(greatest, Vec::new()),
            (_, DataType::Float64) => Self::BestDouble(greatest, Vec::new()),
            (_, DataType::Utf8) => Self::BestText(greatest, Vec::new()),
            _ => Self::Best64(greatest, Vec::new()),
        }
    }

    fn text<'a>(bytes: &'a [u8], ends: &[u32], place: usize) -> &'a [u8] {
        let start = if place == 0 { 0 } else { ends[place - 1] as usize };
        &bytes[start..ends[place] as usize]
    }

    /// Whether the key at `place` equals the column's value in `row`.
    pub(super) fn is(&self, place: usize, column: &ArrayRef, row: usize) -> bool {
        match self {
            Self::Key32(v) => v[place] == column.as_primitive::<Int32Type>().value(row),
            Self::Key64(v) => v[place] == wide(column, row),
            Self::KeyText { bytes, ends } => {
                Self::text(bytes, ends, place) == column.as_string::<i32>().value(row).as_bytes()
            }
            _ => true,
        }
    }

    /// The hash of the key at `place`, mixed into `seed` exactly as [`hash`] does.
    pub(super) fn hash(&self, hasher: &DefaultHashBuilder, place: usize, seed: u64) -> u64 {
        match self {
            Self::Key32(v) => mix(hasher, seed, i64::from(v[place])),
            Self::Key64(v) => mix(hasher, seed, v[place]),
            Self::KeyText { bytes, ends } => mix(hasher, seed, Self::text(bytes, ends, place)),
            _ => seed,
        }
    }

    pub(super) fn push_key(&mut self, column: &ArrayRef, row: usize) {
        match self {
            Self::Key32(v) => v.push(column.as_primitive::<Int32Type>().value(row)),
            Self::Key64(v) => v.push(wide(column, row)),
            Self::KeyText { bytes, ends } => {
                bytes.extend_from_slice(column.as_string::<i32>().value(row).as_bytes());
                ends.push(bytes.len() as u32);
            }
            _ => {}
        }
    }

    /// Room for `rows` keys; new places start neutral.
    pub(super) fn grow(&mut self, rows: usize) {
        match self {
            Self::Key32(_) | Self::Key64(_) | Self::KeyText { .. } => {}
            Self::Sum32(v) => v.resize(rows, 0),
            Self::Sum64(v) => v.resize(rows, 0),
            Self::Best32(_, v) => v.resize(rows, None),
            Self::Best64(_, v) => v.resize(rows, None),
            Self::BestDouble(_, v) => v.resize(rows, None),
            Self::BestText(_, v) => v.resize(rows, None),
        }
    }

    /// Merges the column's `rows` into the values at `places`.
    pub(super) fn merge(&mut self, column: &ArrayRef, rows: &[usize], places: &[u32]) {
        let pairs =
            rows.iter().copied().zip(places.iter().map(|p| *p as usize)).filter(|(row, _)| column.is_valid(*row));
        match self {
            Self::Key32(_) | Self::Key64(_) | Self::KeyText { .. } => {}
            Self::Sum32(v) => {
                let column = column.as_primitive::<Int32Type>().values();
                pairs.for_each(|(row, place)| v[place] = v[place].saturating_add(column[row]));
            }
            Self::Sum64(v) => pairs.for_each(|(row, place)| v[place] = v[place].saturating_add(wide(column, row))),
            Self::Best32(greatest, v) => {
                let column = column.as_primitive::<Int32Type>().values();
                pairs.for_each(|(row, place)| better(*greatest, &mut v[place], column[row]));
            }
            Self::Best64(greatest, v) => {
                pairs.for_each(|(row, place)| better(*greatest, &mut v[place], wide(column, row)));
            }
            Self::BestDouble(greatest, v) => {
                let column = column.as_primitive::<Float64Type>().values();
                pairs.for_each(|(row, place)| better(*greatest, &mut v[place], column[row]));
            }
            Self::BestText(greatest, v) => {
                let column = column.as_string::<i32>();
                for (row, place) in pairs {
                    let (value, old) = (column.value(row), v[place].as_deref());
                    if old.is_none_or(|old| if *greatest { value > old } else { value < old }) {
                        v[place] = Some(value.into());
                    }
                }
            }
        }
    }

    /// All values in order of place, as an array of `data_type`.
    pub(super) fn array(&self, data_type: &DataType) -> ArrayRef {
        let instants = matches!(data_type, DataType::Timestamp(..));
        match self {
            Self::Key32(v) | Self::Sum32(v) => Arc::new(Int32Array::from(v.clone())),
            Self::Key64(v) | Self::Sum64(v) if instants => {
                Arc::new(TimestampMicrosecondArray::from(v.clone()).with_timezone(ZONE))
            }
            Self::Key64(v) | Self::Sum64(v) => Arc::new(Int64Array::from(v.clone())),
            Self::KeyText { bytes, ends } => {
                let offsets: Vec<i32> = std::iter::once(0).chain(ends.iter().map(|e| *e as i32)).collect();
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                // Keys came out of string arrays whole, so they are text; should that ever not hold, a column of nulls
                // fails the schema's null check instead of the process.
                StringArray::try_new(offsets, Buffer::from_vec(bytes.clone()), None)
                    .map_or_else(|_| Arc::new(StringArray::new_null(ends.len())) as ArrayRef, |a| Arc::new(a))
            }
            Self::Best32(_, v) => Arc::new(Int32Array::from(v.clone())),
            Self::Best64(_, v) if instants => Arc::new(TimestampMicrosecondArray::from(v.clone()).with_timezone(ZONE)),
            Self::Best64(_, v) => Arc::new(Int64Array::from(v.clone())),
            Self::BestDouble(_, v) => Arc::new(Float64Array::from(v.clone())),
            Self::BestText(_, v) => Arc::new(v.iter().map(Option::as_deref).collect::<StringArray>()),
        }
    }
}

fn better<T: PartialOrd + Copy>(greatest: bool, old: &mut Option<T>, value: T) {
    if old.is_none_or(|old| if greatest { value > old } else { value < old }) {
        *old = Some(value);
    }
}
