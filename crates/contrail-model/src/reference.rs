//! Reference data that models join with: airlines by ICAO designator, countries as OpenSky writes them.
//!
//! In SQL they are the tables `reference_airlines` (icao, name) and `reference_countries` (origin_country, iso2, name).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch, StringArray};

use crate::engine::scan::{Lease, Scans};

struct Table {
    name: &'static str,
    bytes: &'static [u8],
    batch: LazyLock<RecordBatch>,
}

static TABLES: [Table; 2] = [
    Table {
        name: "reference_airlines",
        bytes: include_bytes!("../../../models/reference/airlines.csv"),
        batch: LazyLock::new(|| parse(include_str!("../../../models/reference/airlines.csv"))),
    },
    Table {
        name: "reference_countries",
        bytes: include_bytes!("../../../models/reference/countries.csv"),
        batch: LazyLock::new(|| parse(include_str!("../../../models/reference/countries.csv"))),
    },
];

/// Name and content of each table, for hashes.
pub(crate) fn files() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    TABLES.iter().map(|t| (t.name, t.bytes))
}

/// The tables that a statement mentions, as SQL relations.
pub(crate) fn relations(sql: &str, scans: &Arc<Scans>, leases: &mut Vec<Lease>) -> Vec<(&'static str, String)> {
    let mut relations = Vec::new();
    for table in TABLES.iter().filter(|t| sql.contains(t.name)) {
        let lease = scans.lease(table.batch.schema(), vec![table.batch.clone()]);
        relations.push((table.name, format!("SELECT * FROM {}", lease.sql())));
        leases.push(lease);
    }
    relations
}

/// Name of an airline by its ICAO designator, such as `DLH`.
pub fn airline_name(icao: &str) -> Option<&'static str> {
    static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| pairs(0, 0, 1));
    NAMES.get(icao).copied()
}

/// ISO 3166 code (two letters) of a country as OpenSky writes it.
pub fn country_code(origin_country: &str) -> Option<&'static str> {
    static CODES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| pairs(1, 0, 1));
    CODES.get(origin_country).copied()
}

/// The usual short name of a country by its two-letter code.
pub fn country_name(iso2: &str) -> Option<&'static str> {
    static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| pairs(1, 1, 2));
    NAMES.get(iso2).copied()
}

fn pairs(table: usize, key: usize, value: usize) -> HashMap<&'static str, &'static str> {
    let text = std::str::from_utf8(TABLES[table].bytes).unwrap_or_default();
    rows(text).filter_map(|row| Some((*row.get(key)?, *row.get(value)?))).collect()
}

/// Rows of a file without quotes: `;` parts the fields, the first line names them.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).filter(|line| !line.is_empty()).map(|line| line.split(';').collect())
}

fn parse(text: &str) -> RecordBatch {
    let names: Vec<&str> = text.lines().next().unwrap_or_default().split(';').collect();
    let rows: Vec<Vec<&str>> = rows(text).collect();
    let column = |i: usize| Arc::new(StringArray::from_iter(rows.iter().map(|r| r.get(i).copied()))) as ArrayRef;
    RecordBatch::try_from_iter(names.iter().enumerate().map(|(i, name)| (*name, column(i))))
        .unwrap_or_else(|_| RecordBatch::new_empty(Arc::new(arrow::datatypes::Schema::empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_found() {
        assert_eq!(airline_name("DLH"), Some("Lufthansa"));
        assert_eq!(country_code("Kingdom of the Netherlands"), Some("NL"));
        assert_eq!(country_name("NL"), Some("Netherlands"));
        assert_eq!(country_code(""), None);
    }

    #[test]
    fn every_row_is_whole_and_no_key_comes_twice() {
        for table in &TABLES {
            let text = std::str::from_utf8(table.bytes).unwrap();
            let width = text.lines().next().unwrap().split(';').count();
            let mut keys = std::collections::HashSet::new();
            for row in rows(text) {
                assert!(row.len() == width && row.iter().all(|f| !f.is_empty()), "{}: {row:?}", table.name);
                assert!(keys.insert(row[0]), "{}: {} twice", table.name, row[0]);
            }
        }
    }
}
