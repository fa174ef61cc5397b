//! Column metrics of a file for the manifest: counts and bounds of the few columns that planning asks for.
//!
//! Taken from the rows themselves, not from Parquet's statistics, which cut long text and drop bounds row group by row
//! group.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use iceberg::spec::Datum;

/// Longer text and bytes are cut to this many characters or bytes, as Iceberg's `truncate(16)` does.
const CUT: usize = 16;

/// Metrics of the batches of one file.
#[derive(Default)]
pub(super) struct Metrics {
    pub values: HashMap<i32, u64>,
    pub nulls: HashMap<i32, u64>,
    pub nans: HashMap<i32, u64>,
    pub lower: HashMap<i32, Datum>,
    pub upper: HashMap<i32, Datum>,
    /// Columns in which some value has no bound on that side: the file has none then.
    no_lower: HashSet<i32>,
    no_upper: HashSet<i32>,
}

impl Metrics {
    /// Counts one more batch in; `columns` are positions and field ids of those that count.
    pub fn add(&mut self, columns: &[(usize, i32)], batch: &RecordBatch) {
        for (at, id) in columns {
            let column = batch.column(*at);
            *self.values.entry(*id).or_default() += column.len() as u64;
            *self.nulls.entry(*id).or_default() += column.null_count() as u64;
            let float = matches!(column.data_type(), DataType::Float32 | DataType::Float64);
            let (lower, upper) = if float {
                let (nans, bounds) = float_bounds(column);
                *self.nans.entry(*id).or_default() += nans;
                bounds
            } else {
                bounds(column)
            };
            // Without a bound although there are values; NaN needs none.
            let unbounded = !float && column.null_count() < column.len();
            merge(&mut self.lower, &mut self.no_lower, *id, lower, unbounded, |new, kept| new < kept);
            merge(&mut self.upper, &mut self.no_upper, *id, upper, unbounded, |new, kept| new > kept);
        }
    }
}

impl Metrics {
    /// Says that all values of a column are this one, of rows that are not there.
    pub fn bound(&mut self, at: Option<(i32, Datum)>) {
        if let Some((id, value)) = at {
            self.lower.insert(id, value.clone());
            self.upper.insert(id, value);
        }
    }
}

fn merge(
    ends: &mut HashMap<i32, Datum>,
    open: &mut HashSet<i32>,
    id: i32,
    end: Option<Datum>,
    unbounded: bool,
    beyond: impl Fn(&Datum, &Datum) -> bool,
) {
    match end {
        Some(end) if !open.contains(&id) && ends.get(&id).is_none_or(|kept| beyond(&end, kept)) => {
            ends.insert(id, end);
        }
        None if unbounded => {
            open.insert(id);
            ends.remove(&id);
        }
        _ => {}
    }
}

type Bounds = (Option<Datum>, Option<Datum>);

/// Bounds of every type but floating point. A type without a rule here has none, which is always right.
fn bounds(column: &ArrayRef) -> Bounds {
    match column.data_type() {
        DataType::Boolean => ends(column.as_boolean().iter().flatten(), Datum::bool),
        DataType::Int32 => whole::<Int32Type>(column, Datum::int),
        DataType::Int64 => whole::<Int64Type>(column, Datum::long),
        DataType::Date32 => whole::<Date32Type>(column, Datum::date),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            whole::<TimestampMicrosecondType>(column, Datum::timestamptz_micros)
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            whole::<TimestampMicrosecondType>(column, Datum::timestamp_micros)
        }
        DataType::Utf8 => match min_max(column.as_string::<i32>().iter().flatten()) {
            Some((min, max)) => (Some(Datum::string(text_below(min))), text_above(max).map(Datum::string)),
            None => (None, None),
        },
        DataType::Binary => match min_max(column.as_binary::<i32>().iter().flatten()) {
            Some((min, max)) => {
                let lower = min.get(..CUT).unwrap_or(min);
                (Some(Datum::binary(lower.iter().copied())), bytes_above(max).map(Datum::binary))
            }
            None => (None, None),
        },
        _ => (None, None),
    }
}

fn min_max<T: Ord + Copy>(mut values: impl Iterator<Item = T>) -> Option<(T, T)> {
    let first = values.next()?;
    Some(values.fold((first, first), |(min, max), value| (min.min(value), max.max(value))))
}

fn ends<T: Ord + Copy>(values: impl Iterator<Item = T>, datum: impl Fn(T) -> Datum) -> Bounds {
    let (min, max) = min_max(values).unzip();
    (min.map(&datum), max.map(&datum))
}

fn whole<T: ArrowPrimitiveType>(column: &ArrayRef, datum: impl Fn(T::Native) -> Datum) -> Bounds
where
    T::Native: Ord,
{
    let array = column.as_primitive::<T>();
    match array.null_count() {
        // Plain slices are what the compiler vectorises.
        0 => ends(array.values().iter().copied(), datum),
        _ => ends(array.iter().flatten(), datum),
    }
}

/// NaN counts, and bounds over all other numbers. Zeros have a sign in bounds that compare bytes: the lower one takes
/// -0, the upper one +0.
fn float_bounds(column: &ArrayRef) -> (u64, Bounds) {
    let mut nans = 0;
    let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut any = false;
    let mut take = |value: f64| {
        if value.is_nan() {
            nans += 1;
        } else {
            any = true;
            min = min.min(value);
            max = max.max(value);
        }
    };
    let single = column.data_type() == &DataType::Float32;
    if single {
        column.as_primitive::<Float32Type>().iter().flatten().for_each(|value| take(f64::from(value)));
    } else {
        let array = column.as_primitive::<Float64Type>();
        match array.null_count() {
            0 => array.values().iter().copied().for_each(&mut take),
            _ => array.iter().flatten().for_each(&mut take),
        }
    }
    let datum = |value: f64| if single { Datum::float(value as f32) } else { Datum::double(value) };
    let lower = if min == 0.0 { -0.0 } else { min };
    let upper = if max == 0.0 { 0.0 } else { max };
    (nans, (any.then(|| datum(lower)), any.then(|| datum(upper))))
}

fn text_below(text: &str) -> String {
    text.chars().take(CUT).collect()
}

/// The shortest cut of `text` that sorts after it: the last character that can be raised is raised.
fn text_above(text: &str) -> Option<String> {
    if text.chars().nth(CUT).is_none() {
        return Some(text.to_owned());
    }
    let mut cut: Vec<char> = text.chars().take(CUT).collect();
    while let Some(last) = cut.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            cut.push(next);
            return Some(cut.into_iter().collect());
        }
    }
    None
}

fn bytes_above(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() <= CUT {
        return Some(bytes.to_vec());
    }
    let mut cut = bytes[..CUT].to_vec();
    while let Some(last) = cut.pop() {
        if last < u8::MAX {
            cut.push(last + 1);
            return Some(cut);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray};

    use super::*;

    fn pair(bounds: Bounds) -> (Option<String>, Option<String>) {
        (bounds.0.map(|d| d.to_string()), bounds.1.map(|d| d.to_string()))
    }

    #[test]
    fn bounds_hold_for_every_type() {
        let cases: Vec<(ArrayRef, &str, &str)> = vec![
            (Arc::new(Int32Array::from(vec![Some(3), None, Some(-7)])), "-7", "3"),
            (Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN])), "-9223372036854775808", "9223372036854775807"),
            (Arc::new(BooleanArray::from(vec![true, false])), "false", "true"),
            (Arc::new(StringArray::from(vec!["b", "", "ab"])), "\"\"", "\"b\""),
        ];
        for (column, lower, upper) in cases {
            assert_eq!(pair(bounds(&column)), (Some(lower.into()), Some(upper.into())), "{column:?}");
        }
        let nothing: ArrayRef = Arc::new(Int32Array::from(vec![None, None]));
        assert_eq!(pair(bounds(&nothing)), (None, None));
        let empty: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
        assert_eq!(pair(bounds(&empty)), (None, None));
    }

    #[test]
    fn long_values_are_cut_outwards() {
        assert_eq!(text_below("abcdefghijklmnopqrst"), "abcdefghijklmnop");
        assert_eq!(text_above("abcdefghijklmnopqrst").as_deref(), Some("abcdefghijklmnoq"));
        assert_eq!(text_above("sixteen letters!").as_deref(), Some("sixteen letters!"));
        assert_eq!(text_above(&"\u{10ffff}".repeat(17)), None);
        let topped = format!("a{}x", "\u{10ffff}".repeat(15));
        assert_eq!(text_above(&topped).as_deref(), Some("b"));
        assert_eq!(bytes_above(&[0xff; 17]), None);
        let column: ArrayRef = Arc::new(BinaryArray::from(vec![&[1u8; 20][..], &[2u8; 20][..]]));
        let (lower, upper) = bounds(&column);
        let mut above = [2u8; 16];
        above[15] = 3;
        assert_eq!((lower, upper), (Some(Datum::binary([1; 16])), Some(Datum::binary(above))));
    }

    #[test]
    fn bounds_of_several_batches_hold_for_all_of_them() {
        let columns = [(0, 1), (1, 2)];
        let of = |batches: &[(&[Option<&str>], &[f64])]| {
            let mut metrics = Metrics::default();
            for (names, heights) in batches {
                let names: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
                let heights: ArrayRef = Arc::new(Float64Array::from(heights.to_vec()));
                let batch = RecordBatch::try_from_iter([("name", names), ("height", heights)]).unwrap();
                metrics.add(&columns, &batch);
            }
            metrics
        };
        let metrics = of(&[(&[Some("m"), None], &[0.0, f64::NAN]), (&[None], &[f64::NAN]), (&[Some("c")], &[-2.0])]);
        assert_eq!((metrics.values[&1], metrics.nulls[&1], metrics.nans[&2]), (4, 2, 2));
        assert_eq!((&metrics.lower[&1], &metrics.upper[&1]), (&Datum::string("c"), &Datum::string("m")));
        assert_eq!((&metrics.lower[&2], &metrics.upper[&2]), (&Datum::double(-2.0), &Datum::double(0.0)));
        // Nothing sorts after the second batch's text once it is cut: there is no upper bound, before or after.
        let top = "\u{10ffff}".repeat(17);
        let metrics = of(&[(&[Some("m")], &[1.0]), (&[Some(&top)], &[1.0]), (&[Some("z")], &[1.0])]);
        assert_eq!((&metrics.lower[&1], metrics.upper.get(&1)), (&Datum::string("m"), None));
    }

    #[test]
    fn nan_is_counted_and_zero_keeps_its_sign_outwards() {
        let column: ArrayRef = Arc::new(Float64Array::from(vec![Some(f64::NAN), None, Some(0.0), Some(-0.0)]));
        let (nans, (lower, upper)) = float_bounds(&column);
        assert_eq!((nans, lower, upper), (1, Some(Datum::double(-0.0)), Some(Datum::double(0.0))));
        let column: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN]));
        assert_eq!(float_bounds(&column), (1, (None, None)));
        let column: ArrayRef = Arc::new(Float64Array::from(vec![f64::NEG_INFINITY, 1.0]));
        assert_eq!(float_bounds(&column).1, (Some(Datum::double(f64::NEG_INFINITY)), Some(Datum::double(1.0))));
    }
}
