//! Which fields can be columns, and that rows of a producer with such a field are read with and without the column.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use async_trait::async_trait;

use super::*;
use crate::registry::{Level, Lookup, Registry, RegistryError};
use crate::{Chunk, Decoded, Decoder, Encoder, Message, Messages};

/// Our schema with one field more, given as JSON.
fn with(field: &Value) -> String {
    let mut schema: Value = serde_json::from_str(SCHEMA).unwrap();
    schema["fields"].as_array_mut().unwrap().push(field.clone());
    schema.to_string()
}

fn versions(schemas: &[String]) -> Vec<Version> {
    let version = |(i, schema): (usize, &String)| Version {
        subject: "s".into(),
        version: i as u32 + 1,
        id: i as u32 + 10,
        schema: schema.as_str().into(),
    };
    schemas.iter().enumerate().map(version).collect()
}

fn optional(kind: Value) -> String {
    with(&json!({ "name": "x", "type": ["null", kind], "default": null, "doc": "The x" }))
}

/// The raw table with these columns beyond its definition.
fn grown(columns: &[(&str, DataType)]) -> TableDef {
    let column =
        |(i, (name, kind)): (usize, &(&str, DataType))| (Column::new(name, kind.clone(), true, ""), 40 + i as i32);
    TableDef { gained: columns.iter().enumerate().map(column).collect(), ..state::raw_table() }
}

fn reasons(found: &NotInTable) -> Vec<String> {
    found.unfit.iter().map(|u| format!("{} ({}, {}) {}", u.name, u.since, u.id, u.reason)).collect()
}

#[test]
fn fields_beyond_the_table_are_found_with_their_first_version() {
    let old = SCHEMA.to_owned();
    let found =
        not_in_table(&versions(&[old.clone(), optional(json!("int")), optional(json!("double"))]), &state::raw_table());
    let column = Column::new("x", DataType::Float64, true, "The x");
    assert_eq!(found.fields, [NewField { column, kind: "double", since: 2, id: 11 }]);
    assert_eq!((found.unfit.len(), found.names()), (0, vec!["x"]));
    let table = grown(&[("x", DataType::Float64)]);
    assert!(not_in_table(&versions(&[old, optional(json!("float"))]), &table).is_empty());
}

#[test]
fn what_cannot_be_a_column_says_why() {
    let two = [optional(json!("double")), optional(json!("string"))];
    let found = not_in_table(&versions(&two), &state::raw_table());
    assert_eq!(
        reasons(&found),
        ["x (1, 10) is [null, double] in version 1, [null, string] in version 2: no type reads them all"]
    );
    for (field, reason) in [
        (
            json!({ "name": "log_offset", "type": "long", "default": 0 }),
            "has the name of the table's own column log_offset",
        ),
        (
            json!({ "name": "Callsign", "type": "string", "default": "" }),
            "has the name of the table's own column callsign",
        ),
        (json!({ "name": "answer_time_hour", "type": "int", "default": 0 }), "has the name of the table's partition"),
        (
            json!({ "name": "y", "type": { "type": "long", "logicalType": "timestamp-millis" }, "default": 0 }),
            "is timestamp-millis, and no column can be of that type; write it as timestamp-micros",
        ),
        (
            json!({ "name": "y", "type": ["null", "int", "string"], "default": null }),
            "is [null, int, string], and a column can only be of a plain type",
        ),
        (
            json!({ "name": "y", "type": { "type": "array", "items": "int" }, "default": [] }),
            "is array, and no column can be of that type",
        ),
    ] {
        let found = not_in_table(&versions(&[with(&field)]), &state::raw_table());
        assert_eq!((found.fields.len(), found.unfit.len()), (0, 1), "{field}");
        assert_eq!(found.unfit[0].reason, reason, "{field}");
    }
    // The table has the column, and a later version writes another type.
    let found = not_in_table(&versions(&[optional(json!("string"))]), &grown(&[("x", DataType::Float64)]));
    assert_eq!(
        reasons(&found),
        ["x (1, 10) is written as string and read as double: messages of this version go to the dead letters"]
    );
    // No state at all: its messages are dead letters whatever else it has.
    let other = r#"{"type":"record","name":"Other","fields":[{"name":"x","type":"int"}]}"#.to_owned();
    assert!(not_in_table(&versions(&[other]), &state::raw_table()).is_empty());
}

/// A registry of fixed schemas.
struct Fixed(Vec<(u32, String)>);

#[async_trait]
impl Registry for Fixed {
    async fn register(&self, _: &str, schema: &str) -> Result<u32, RegistryError> {
        Ok(self.0.iter().find(|(_, known)| known == schema).map(|(id, _)| *id).unwrap())
    }
    async fn schema(&self, id: u32) -> Result<Lookup, RegistryError> {
        let found = self.0.iter().find(|(known, _)| *known == id);
        Ok(found.map_or(Lookup::Never, |(_, schema)| Lookup::Found(schema.as_str().into())))
    }
    async fn peek(&self, _: u32) -> Result<Option<Arc<str>>, RegistryError> {
        Ok(None)
    }
    async fn check(&self, _: &str, _: &str) -> Result<(), RegistryError> {
        Ok(())
    }
    async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        Ok(Vec::new())
    }
    async fn versions(&self, _: &str) -> Result<Vec<Version>, RegistryError> {
        Ok(Vec::new())
    }
    async fn level(&self, _: Option<&str>) -> Result<Option<Level>, RegistryError> {
        Ok(None)
    }
    async fn set_level(&self, _: Option<&str>, _: Option<Level>) -> Result<(), RegistryError> {
        Ok(())
    }
}

const OURS: u32 = 1;
const THEIRS: u32 = 2;

/// Our rows, and the same again under a schema whose last field is x, written as `values`.
async fn mixed(schema: &str, values: &[Vec<u8>]) -> (Fixed, Chunk) {
    let registry = Fixed(vec![(OURS, SCHEMA.into()), (THEIRS, schema.into())]);
    let rows = super::super::tests::states(0..values.len() as i64);
    let ours = Encoder::new(&registry, "s").await.unwrap().encode(&rows).unwrap();
    let theirs: Vec<Vec<u8>> = ours
        .iter()
        .zip(values)
        .map(|(message, value)| {
            let mut bytes = message.value.unwrap().to_vec();
            bytes[1..5].copy_from_slice(&THEIRS.to_be_bytes());
            bytes.extend(value);
            bytes
        })
        .collect();
    let own: Vec<Vec<u8>> = ours.iter().map(|Message { value, .. }| value.unwrap().to_vec()).collect();
    let both: Messages =
        own.iter().zip(&theirs).flat_map(|(a, b)| [a, b]).map(|v| (None::<&Vec<u8>>, Some(v))).collect();
    let appended_at = vec![0; both.len()];
    (registry, Chunk { stream: "s".into(), partition: 0, first_offset: 0, messages: both, appended_at })
}

async fn read(registry: Fixed, chunk: &Chunk, table: &TableDef) -> Decoded {
    Decoder::new(Arc::new(registry), table).read(chunk, 0).await.unwrap()
}

/// A number as Avro writes it.
fn long(value: i64) -> Vec<u8> {
    let (mut left, mut bytes) = (((value << 1) ^ (value >> 63)) as u64, Vec::new());
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

fn text(column: &arrow::array::ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "null".into();
    }
    match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => format!("{:?}", column.as_binary::<i32>().value(row)),
        DataType::Date32 => column.as_primitive::<Date32Type>().value(row).to_string(),
        _ => column.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
    }
}

#[tokio::test]
async fn every_plain_type_is_read_from_every_type_that_becomes_it() {
    let short = |s: &str| [long(s.len() as i64), s.as_bytes().to_vec()].concat();
    let logical = |base: &str, kind: &str| json!({ "type": base, "logicalType": kind });
    let micros = timestamp;
    let cases: Vec<(Value, DataType, Vec<u8>, &str)> = vec![
        (json!("boolean"), DataType::Boolean, vec![1], "true"),
        (json!("int"), DataType::Int32, long(-7), "-7"),
        (json!("int"), DataType::Int64, long(-7), "-7"),
        (json!("int"), DataType::Float32, long(-7), "-7"),
        (json!("int"), DataType::Float64, long(-7), "-7"),
        (json!("long"), DataType::Int64, long(1 << 40), "1099511627776"),
        (json!("long"), DataType::Float32, long(4), "4"),
        (json!("long"), DataType::Float64, long(4), "4"),
        (json!("float"), DataType::Float32, 1.5f32.to_le_bytes().to_vec(), "1.5"),
        (json!("float"), DataType::Float64, 1.5f32.to_le_bytes().to_vec(), "1.5"),
        (json!("double"), DataType::Float64, 2.5f64.to_le_bytes().to_vec(), "2.5"),
        (json!("string"), DataType::Utf8, short("gr\u{fc}n"), "gr\u{fc}n"),
        (json!("bytes"), DataType::Utf8, short("abc"), "abc"),
        (json!("bytes"), DataType::Binary, short("ab"), "[97, 98]"),
        (json!("string"), DataType::Binary, short("ab"), "[97, 98]"),
        (logical("int", "date"), DataType::Date32, long(20_000), "20000"),
        (logical("long", "timestamp-micros"), micros(), long(1_700_000_000_000_000), "1700000000000000"),
        (logical("long", "local-timestamp-micros"), DataType::Timestamp(TimeUnit::Microsecond, None), long(5), "5"),
    ];
    for (kind, column, bytes, expected) in cases {
        let branch = |n: u8| [vec![n], bytes.clone()].concat();
        for (schema, values) in [
            (with(&json!({ "name": "x", "type": kind })), vec![bytes.clone(), bytes.clone()]),
            (with(&json!({ "name": "x", "type": ["null", kind], "default": null })), vec![branch(2), vec![0]]),
            (with(&json!({ "name": "x", "type": [kind, "null"] })), vec![branch(0), vec![2]]),
        ] {
            let table = grown(&[("w", DataType::Utf8), ("x", column.clone())]);
            let (registry, chunk) = mixed(&schema, &values).await;
            let Decoded { states, dead, .. } = read(registry, &chunk, &table).await;
            assert_eq!(dead.num_rows(), 0, "{schema} to {column}: {:?}", dead["reason"]);
            assert_eq!(states.schema(), table.arrow_schema(), "{kind} to {column}");
            let found: Vec<String> = (0..4).map(|row| text(&states["x"], row)).collect();
            let last = if values[0] == values[1] { expected } else { "null" };
            assert_eq!(found, ["null", expected, "null", last], "{schema} to {column}");
            assert_eq!(states["w"].null_count(), 4);
            // The other columns are those that a table without the column gets, whatever the schema.
            let (registry, chunk) = mixed(&schema, &values).await;
            let plain = read(registry, &chunk, &state::raw_table()).await;
            assert_eq!(plain.dead.num_rows(), 0, "{schema}");
            let width = plain.states.num_columns();
            assert_eq!(states.columns()[..width], plain.states.columns()[..], "{schema}");
            assert_eq!(plain.states["icao24"].slice(0, 1).as_ref(), plain.states["icao24"].slice(1, 1).as_ref());
        }
    }
}

#[tokio::test]
async fn a_field_of_a_type_that_the_column_cannot_read_makes_dead_letters() {
    let schema = optional(json!("string"));
    let (registry, chunk) = mixed(&schema, &[vec![0], vec![0]]).await;
    let decoded = read(registry, &chunk, &grown(&[("x", DataType::Float64)])).await;
    assert_eq!((decoded.states.num_rows(), decoded.dead.num_rows()), (2, 2));
    assert_eq!(
        decoded.dead["reason"].as_string::<i32>().value(0),
        "schema 2 is no state: field x is written as string and read as double"
    );
}
