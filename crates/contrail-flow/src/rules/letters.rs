//! Which dead letters have been replayed: spans of offsets by stream and partition, as a property of the raw table.

use std::collections::{BTreeMap, BTreeSet};

use super::Properties;
use super::landing::Refused;

const PREFIX: &str = "contrail.replayed.";

/// By partition: spans `first..end`, ascending, apart from one another.
pub type Spans = BTreeMap<i32, Vec<(i64, i64)>>;

/// Offsets to be marked, by stream and partition.
pub type Marks = BTreeMap<String, BTreeMap<i32, BTreeSet<i64>>>;

/// What the table says about a stream.
pub fn replayed(properties: &Properties, stream: &str) -> Result<Spans, Refused> {
    let key = format!("{PREFIX}{stream}");
    let Some(value) = properties.get(&key) else { return Ok(Spans::new()) };
    serde_json::from_str(value).map_err(|_| Refused::Unreadable { key, value: value.clone() })
}

/// The streams of which anything has been replayed.
pub fn streams(properties: &Properties) -> impl Iterator<Item = &str> {
    properties.keys().filter_map(|key| key.strip_prefix(PREFIX))
}

pub fn holds(spans: &Spans, partition: i32, offset: i64) -> bool {
    spans.get(&partition).is_some_and(|spans| spans.iter().any(|(first, end)| (*first..*end).contains(&offset)))
}

/// Whether none of these has been replayed.
pub fn none_of(properties: &Properties, marks: &Marks) -> Result<bool, Refused> {
    for (stream, partitions) in marks {
        let spans = replayed(properties, stream)?;
        let any = partitions.iter().any(|(p, offsets)| offsets.iter().any(|offset| holds(&spans, *p, *offset)));
        if any {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The properties to write so that these are marked too.
pub fn add(properties: &Properties, marks: &Marks) -> Result<Vec<(String, String)>, Refused> {
    let mut written = Vec::new();
    for (stream, partitions) in marks {
        let mut spans = replayed(properties, stream)?;
        for (partition, offsets) in partitions {
            let mut all: Vec<(i64, i64)> = spans.remove(partition).unwrap_or_default();
            all.extend(offsets.iter().map(|offset| (*offset, offset + 1)));
            all.sort_unstable();
            let mut joined: Vec<(i64, i64)> = Vec::new();
            for (first, end) in all {
                match joined.last_mut() {
                    Some(last) if first <= last.1 => last.1 = last.1.max(end),
                    _ => joined.push((first, end)),
                }
            }
            spans.insert(*partition, joined);
        }
        let text = serde_json::to_string(&spans).expect("integers serialise");
        written.push((format!("{PREFIX}{stream}"), text));
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_spans_and_are_found_again() {
        let marks = |offsets: &[i64]| Marks::from([("s".into(), [(0, offsets.iter().copied().collect())].into())]);
        let mut properties = Properties::new();
        properties.extend(add(&properties, &marks(&[4, 5, 9])).unwrap());
        assert_eq!(properties["contrail.replayed.s"], r#"{"0":[[4,6],[9,10]]}"#);
        properties.extend(add(&properties, &marks(&[6, 7, 8, 20])).unwrap());
        assert_eq!(properties["contrail.replayed.s"], r#"{"0":[[4,10],[20,21]]}"#);
        for (offsets, free) in [(&[3, 10][..], true), (&[7], false), (&[21], true), (&[1, 20], false)] {
            assert_eq!(none_of(&properties, &marks(offsets)).unwrap(), free, "{offsets:?}");
        }
        assert_eq!(streams(&properties).collect::<Vec<_>>(), ["s"]);
    }
}
