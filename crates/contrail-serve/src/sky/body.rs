//! Bodies: written from rows, filtered, cut short, or filled with nonsense.

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Float64Type;
use bytes::Bytes;
use contrail_source::area::Area;
use contrail_source::wire::opensky;
use contrail_types::{Icao24, Micros, time};
use serde_json::{Value, json};

use super::Content;
use super::faults::Kind;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub area: Option<Area>,
    /// Empty is everybody.
    pub icao24: Vec<Icao24>,
    pub extended: bool,
    /// The sky at an earlier time.
    pub time: Option<Micros>,
}

impl Asked {
    fn filters(&self) -> bool {
        self.area.is_some() || !self.icao24.is_empty()
    }

    fn passes(&self, icao24: Option<&str>, position: Option<(f64, f64)>) -> bool {
        let address = icao24.and_then(|text| Icao24::parse(text.as_bytes()));
        let listed = self.icao24.is_empty() || address.is_some_and(|a| self.icao24.contains(&a));
        listed && self.area.is_none_or(|area| position.is_some_and(|(lat, lon)| area.contains(lat, lon)))
    }
}

/// The body of an answer; `fault` may change what is in it.
pub fn body(content: &Content, asked: &Asked, fault: Option<Kind>) -> Bytes {
    let body = match content {
        Content::Empty { time } => null(*time),
        Content::States { time, states } => {
            let options = opensky::WriteOptions { extended: asked.extended, blank_callsigns: true };
            opensky::write(&select(states, asked), *time, options).into()
        }
        Content::Raw(raw) if asked.filters() => edit(raw, |answer| {
            if let Some(rows) = answer["states"].as_array_mut() {
                rows.retain(|row| asked.passes(row[0].as_str(), row[6].as_f64().zip(row[5].as_f64())));
                if rows.is_empty() {
                    answer["states"] = Value::Null;
                }
            }
        }),
        Content::Raw(raw) => raw.clone(),
    };
    match fault {
        Some(Kind::Truncate) => body.slice(..body.len() / 2),
        Some(Kind::Null) => null(opensky::time_of(&body).unwrap_or_default()),
        Some(Kind::ClockBack(seconds)) => edit(&body, |answer| {
            if let Some(time) = answer["time"].as_i64() {
                answer["time"] = (time - i64::try_from(seconds).unwrap_or(i64::MAX)).into();
            }
        }),
        Some(Kind::Nonsense) => edit(&body, |answer| {
            for (at, row) in answer["states"].as_array_mut().into_iter().flatten().enumerate() {
                nonsense(at, row);
            }
        }),
        _ => body,
    }
}

fn null(at: Micros) -> Bytes {
    json!({ "time": at.div_euclid(time::SECOND), "states": null }).to_string().into()
}

fn select(states: &RecordBatch, asked: &Asked) -> RecordBatch {
    if !asked.filters() {
        return states.clone();
    }
    let text = states.column_by_name("icao24").and_then(|c| c.as_string_opt::<i32>());
    let number = |name| states.column_by_name(name).and_then(|c| c.as_primitive_opt::<Float64Type>());
    let (lat, lon) = (number("latitude"), number("longitude"));
    let at = |row: usize| {
        let (lat, lon) = (lat.filter(|c| c.is_valid(row))?, lon.filter(|c| c.is_valid(row))?);
        Some((lat.value(row), lon.value(row)))
    };
    let keep: BooleanArray =
        (0..states.num_rows()).map(|row| Some(asked.passes(text.map(|t| t.value(row)), at(row)))).collect();
    filter_record_batch(states, &keep).unwrap_or_else(|_| RecordBatch::new_empty(states.schema()))
}

/// A body that is no JSON object stays as it is.
fn edit(body: &Bytes, change: impl FnOnce(&mut Value)) -> Bytes {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut answer) if answer.is_object() => {
            change(&mut answer);
            answer.to_string().into()
        }
        _ => body.clone(),
    }
}

/// Every third row or so gets something that no aircraft does, or that is no row at all.
fn nonsense(at: usize, row: &mut Value) {
    if !at.is_multiple_of(3) {
        return;
    }
    if at / 3 % 10 == 8 {
        *row = json!("not a row");
        return;
    }
    let Some(fields) = row.as_array_mut().filter(|f| f.len() >= 17) else { return };
    match at / 3 % 10 {
        0 => fields[9] = json!(2676.0),
        1 => fields[11] = json!(604.2),
        2 => fields[6] = json!(123.4),
        3 => fields[7] = json!(1e308),
        4 => fields[1] = json!(42),
        5 => fields[4] = json!("soon"),
        6 => fields[10] = json!(-179.5),
        7 => fields[0] = Value::Null,
        _ => fields.truncate(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Bytes {
        let row = |icao24: &str, lat: f64, lon: f64| {
            json!([
                icao24, "DLH1    ", "Germany", 100, 100, lon, lat, 1000.0, false, 100.0, 90.0, 0.0, null, 1000.0, null,
                false, 0
            ])
        };
        let rows = [row("3c6444", 50.0, 8.0), row("40621d", 51.0, -0.5), row("a12345", 40.0, -74.0)];
        json!({ "time": 100, "states": rows }).to_string().into()
    }

    fn count(body: &[u8]) -> Option<usize> {
        serde_json::from_slice::<Value>(body).unwrap()["states"].as_array().map(Vec::len)
    }

    #[test]
    fn recorded_bodies_pass_unchanged_unless_filtered() {
        let content = Content::Raw(raw());
        assert_eq!(body(&content, &Asked { extended: true, ..Asked::default() }, None), raw());
        let area = Some(Area::from([49.0, -1.0, 52.0, 9.0]));
        assert_eq!(count(&body(&content, &Asked { area, ..Asked::default() }, None)), Some(2));
        let icao24 = vec!["A12345".parse().unwrap()];
        assert_eq!(count(&body(&content, &Asked { icao24: icao24.clone(), ..Asked::default() }, None)), Some(1));
        assert_eq!(count(&body(&content, &Asked { icao24, area, ..Asked::default() }, None)), None);
    }

    #[test]
    fn faults_change_bodies_as_they_say() {
        let (content, all) = (Content::Raw(raw()), Asked::default());
        let half = body(&content, &all, Some(Kind::Truncate));
        assert_eq!(half, raw().slice(..raw().len() / 2));
        assert_eq!(&body(&content, &all, Some(Kind::Null))[..], br#"{"time":100,"states":null}"#);
        let back = body(&content, &all, Some(Kind::ClockBack(60)));
        assert_eq!(opensky::time_of(&back), Some(40 * time::SECOND));
        let odd: Value = serde_json::from_slice(&body(&content, &all, Some(Kind::Nonsense))).unwrap();
        assert_eq!(odd["states"][0][9], json!(2676.0));
        assert_eq!(body(&content, &all, Some(Kind::Slow(1))), raw());
        // What cannot be edited passes.
        let broken = Content::Raw(Bytes::from_static(b"<html>"));
        assert_eq!(&body(&broken, &all, Some(Kind::ClockBack(1)))[..], b"<html>");
    }
}
