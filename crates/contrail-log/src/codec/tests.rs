//! States there and back, evolution of their schema, and what cannot be read.

use std::sync::Arc;

use arrow::array::{
    Array, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use async_trait::async_trait;
use contrail_types::{state, time};
use proptest::prelude::*;

use super::*;
use crate::registry::Level;
use crate::{Chunk, Lookup, Messages, Registry, Version};

/// Schemas by id; what is not there is missing for good, or for now.
#[derive(Clone, Default)]
struct Fixed {
    schemas: Vec<(u32, String)>,
    wait: bool,
}

#[async_trait]
impl Registry for Fixed {
    async fn register(&self, _: &str, _: &str) -> Result<u32, RegistryError> {
        Ok(7)
    }

    async fn schema(&self, id: u32) -> Result<Lookup, RegistryError> {
        match self.schemas.iter().find(|(known, _)| *known == id) {
            Some((_, schema)) => Ok(Lookup::Found(schema.as_str().into())),
            None if self.wait => Err(RegistryError::Unavailable { what: "down".into(), source: None }),
            None => Ok(Lookup::Never),
        }
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

    async fn peek(&self, _: u32) -> Result<Option<Arc<str>>, RegistryError> {
        Ok(None)
    }

    async fn level(&self, _: Option<&str>) -> Result<Option<Level>, RegistryError> {
        Ok(Some(Level::None))
    }

    async fn set_level(&self, _: Option<&str>, _: Option<Level>) -> Result<(), RegistryError> {
        Ok(())
    }
}

fn ours() -> Fixed {
    Fixed { schemas: vec![(7, SCHEMA.into())], wait: false }
}

/// States with every column filled by `i`, every third value of a nullable column null.
pub(crate) fn states(rows: std::ops::Range<i64>) -> RecordBatch {
    let schema = state::schema();
    let columns = schema.fields().iter().enumerate().map(|(c, field)| {
        let values = || {
            rows.clone().map(move |i| (!field.is_nullable() || (i + c as i64) % 3 != 0).then_some(i * 31 + c as i64))
        };
        let column: Arc<dyn Array> = match field.data_type() {
            DataType::Utf8 => Arc::new(values().map(|v| v.map(|v| format!("é{v}"))).collect::<StringArray>()),
            DataType::Boolean => Arc::new(values().map(|v| v.map(|v| v % 2 == 0)).collect::<BooleanArray>()),
            DataType::Float64 => Arc::new(values().map(|v| v.map(|v| v as f64 / 7.0)).collect::<Float64Array>()),
            DataType::Int32 => Arc::new(values().map(|v| v.map(|v| v as i32 - 50)).collect::<Int32Array>()),
            DataType::Timestamp(..) => Arc::new(
                values()
                    .map(|v| v.map(|v| 1_700_000_000_000_000 + v))
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone(time::ZONE),
            ),
            DataType::List(_) => {
                let list = ListArray::from_iter_primitive::<Int32Type, _, _>(
                    values().map(|v| v.map(|v| (0..v % 4).map(|x| (x != 1).then_some(x as i32)))),
                );
                resolve::relabel(&(Arc::new(list) as Arc<dyn Array>), field.data_type()).unwrap()
            }
            other => panic!("{other} is new among the columns of a state"),
        };
        column
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

async fn encoded(states: &RecordBatch) -> Messages {
    Encoder::new(&ours(), SUBJECT).await.unwrap().encode(states).unwrap()
}

fn chunk(messages: Messages) -> Chunk {
    let appended_at = (0..messages.len() as i64).map(|i| 1000 + i).collect();
    Chunk { stream: "s-1".into(), partition: 3, first_offset: 500, messages, appended_at }
}

async fn decoded(registry: Fixed, messages: &Messages) -> Decoded {
    Decoder::new(Arc::new(registry), &state::raw_table()).read(&chunk(messages.clone()), 42).await.unwrap()
}

fn offsets(batch: &RecordBatch) -> Vec<i64> {
    batch.column_by_name("log_offset").unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn reasons(dead: &RecordBatch) -> Vec<String> {
    dead["reason"].as_string::<i32>().iter().map(|r| r.unwrap().to_owned()).collect()
}

/// The columns of a state of the rows with these offsets.
fn picked(states: &RecordBatch, offsets: &[i64]) -> RecordBatch {
    let rows: Int64Array = offsets.iter().map(|o| o - 500).collect();
    arrow::compute::take_record_batch(states, &rows).unwrap()
}

fn as_states(decoded: &Decoded) -> RecordBatch {
    let n = state::schema().fields().len();
    decoded.states.project(&(0..n).collect::<Vec<_>>()).unwrap()
}

#[test]
fn the_avro_schema_and_the_columns_are_one_list() {
    let json: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    apache_avro::Schema::parse(&json).unwrap();
    let fields = json["fields"].as_array().unwrap();
    let columns = state::columns();
    assert_eq!(fields.len(), columns.len());
    for (field, column) in fields.iter().zip(columns) {
        let plain = match &column.data_type {
            DataType::Utf8 => serde_json::json!("string"),
            DataType::Float64 => serde_json::json!("double"),
            DataType::Int32 => serde_json::json!("int"),
            DataType::Boolean => serde_json::json!("boolean"),
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == time::ZONE => {
                serde_json::json!({"type": "long", "logicalType": "timestamp-micros"})
            }
            DataType::List(item) if *item.data_type() == DataType::Int32 && item.is_nullable() => {
                serde_json::json!({"type": "array", "items": ["null", "int"]})
            }
            other => panic!("{other}"),
        };
        let (name, doc) = (&column.name, &column.doc);
        let expected = if column.nullable {
            serde_json::json!({"name": name, "type": ["null", plain], "default": null, "doc": doc})
        } else {
            serde_json::json!({"name": name, "type": plain, "doc": doc})
        };
        assert_eq!(*field, expected);
    }
}

#[tokio::test]
async fn states_come_back_as_they_were_with_the_logs_address() {
    let states = states(0..1000);
    let messages = encoded(&states).await;
    assert_eq!(messages.len(), 1000);
    assert_eq!(messages.key(3).unwrap(), states["icao24"].as_string::<i32>().value(3).as_bytes());
    assert_eq!(messages.value(3).unwrap()[..5], [0, 0, 0, 0, 7]);
    let decoded = decoded(ours(), &messages).await;
    assert_eq!(decoded.states.schema(), state::raw_table().arrow_schema());
    assert_eq!(decoded.dead.schema(), state::dead_letters_table().arrow_schema());
    assert_eq!((decoded.dead.num_rows(), decoded.next_offset), (0, 1500));
    assert_eq!(as_states(&decoded), states);
    assert_eq!(offsets(&decoded.states), (500..1500).collect::<Vec<_>>());
    assert_eq!(decoded.states["log_stream"].as_string::<i32>().value(999), "s-1");
    assert_eq!(decoded.states["log_partition"].as_primitive::<Int32Type>().value(0), 3);
}

#[tokio::test]
async fn a_slice_and_a_batch_without_metadata_are_written_alike() {
    let all = states(0..20);
    let bare: Vec<_> = all.schema().fields().iter().map(|f| f.as_ref().clone().with_metadata([].into())).collect();
    let bare = RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(bare)), all.columns().to_vec()).unwrap();
    assert_eq!(encoded(&bare.slice(5, 10)).await, encoded(&all).await.slice(5..15));
    let wrong = all.project(&[1, 0]).unwrap();
    let refused = Encoder::new(&ours(), SUBJECT).await.unwrap().encode(&wrong).unwrap_err();
    assert!(refused.to_string().starts_with("column feed of the states is fetch_id Utf8"), "{refused}");
}

#[tokio::test]
async fn each_kind_of_dead_letter_says_what_it_is() {
    let good = encoded(&states(0..1)).await;
    let good = good.value(0).unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut value = good.to_vec();
        change(&mut value);
        value
    };
    let prefix = &good[..5];
    let twice = [good, good].concat();
    let framed = [good, prefix].concat();
    let cases: Vec<(Option<Vec<u8>>, &str)> = vec![
        (None, "no value"),
        (Some(vec![]), "empty value"),
        (Some(b"hello".to_vec()), "not Avro: begins with byte 104, not with 0 and a schema's id"),
        (Some(b"{\"a\":1}".to_vec()), "not Avro: JSON"),
        (Some(rejected::value("no icao24", "opensky", "f", b"[null]")), "no icao24"),
        (Some(prefix.to_vec()), "cut short: 5 bytes do not hold a frame and a record"),
        (Some(with(&|v| v[4] = 9)), "schema 9 does not exist"),
        (Some(with(&|v| v.truncate(v.len() - 1))), "cut short: the record does not end within the message"),
        (Some(with(&|v| v.truncate(6))), "cut short: the record does not end within the message"),
        (Some(with(&|v| v.push(1))), "bytes are left over after the record"),
        (Some(with(&|v| v.push(0))), "bytes are left over after the record"),
        (Some(twice), "bytes are left over after the record"),
        (Some(framed), "bytes are left over after the record"),
        (Some(with(&|v| v[6] = 0xff)), "not a record of its schema: "),
        (Some(with(&|v| v[5..15].fill(0xff))), "not a record of its schema: "),
    ];
    let key = Some(b"k".to_vec());
    for around in [0, 2] {
        // Alone, and between good ones.
        let pad = || (0..around).map(|_| (key.clone(), Some(good.to_vec())));
        for (value, expected) in &cases {
            let messages: Messages = pad().chain([(key.clone(), value.clone())]).chain(pad()).collect();
            let decoded = decoded(ours(), &messages).await;
            let reasons = reasons(&decoded.dead);
            assert!(reasons.len() == 1 && reasons[0].starts_with(expected), "{reasons:?}, expected {expected}");
            assert_eq!(offsets(&decoded.dead), [500 + around]);
            assert_eq!(decoded.states.num_rows() as i64, 2 * around);
            assert_eq!(as_states(&decoded), picked(&states(0..1), &vec![500; 2 * around as usize]));
            let payload = decoded.dead["payload"].as_binary::<i32>();
            assert_eq!(payload.is_valid(0).then(|| payload.value(0)), value.as_deref());
            assert_eq!(decoded.dead["key"].as_binary::<i32>().value(0), b"k");
            let at = |name: &str| decoded.dead[name].as_primitive::<TimestampMicrosecondType>().value(0);
            assert_eq!((at("landed_at"), at("appended_at")), (42, 1000 + around));
        }
    }
}

/// Our schema with one field replaced, dropped or added.
fn changed(change: impl FnOnce(&mut Vec<serde_json::Value>)) -> String {
    let mut json: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    change(json["fields"].as_array_mut().unwrap());
    json.to_string()
}

fn position(fields: &[serde_json::Value], name: &str) -> usize {
    fields.iter().position(|f| f["name"] == name).unwrap()
}

/// A record of `schema` with the values that a state has if all that may be null is, framed with `id`.
fn foreign(id: u32, schema: &str) -> Vec<u8> {
    use apache_avro::types::Value;
    let schema = apache_avro::Schema::parse_str(schema).unwrap();
    let apache_avro::Schema::Record(record) = &schema else { panic!() };
    let fields = record.fields.iter().map(|field| {
        let value = match &field.schema {
            apache_avro::Schema::String => Value::String("text".into()),
            apache_avro::Schema::TimestampMicros => Value::TimestampMicros(5),
            apache_avro::Schema::TimestampMillis => Value::TimestampMillis(5),
            apache_avro::Schema::Long => Value::Long(5),
            apache_avro::Schema::Int => Value::Int(5),
            apache_avro::Schema::Union(_) => Value::Union(0, Box::new(Value::Null)),
            other => panic!("{other:?}"),
        };
        (field.name.clone(), value)
    });
    let body = apache_avro::to_avro_datum(&schema, Value::Record(fields.collect())).unwrap();
    [&[0], &id.to_be_bytes()[..], &body].concat()
}

#[tokio::test]
async fn other_versions_of_the_schema_are_read_as_ours_or_refused_for_good() {
    let field = |name: &str, kind: serde_json::Value| serde_json::json!({"name": name, "type": kind});
    let variants = [
        (changed(|f| f.push(field("new", serde_json::json!("string")))), None),
        (changed(|f| f.insert(0, field("new", serde_json::json!(["null", "int"])))), None),
        (changed(|f| f.truncate(5)), None),
        (changed(|f| f.reverse()), None),
        (
            changed(|f| {
                let i = position(f, "rssi");
                f[i] = field("rssi", serde_json::json!("int"))
            }),
            None,
        ),
        (
            changed(|f| drop(f.remove(position(f, "icao24")))),
            Some("schema 8 is no state: field icao24 is not written and has no default"),
        ),
        (
            changed(|f| {
                let i = position(f, "velocity");
                f[i] = field("velocity", serde_json::json!("string"))
            }),
            Some("schema 8 is no state: field velocity is written as string and read as double"),
        ),
        (
            changed(|f| {
                let i = position(f, "answer_time");
                f[i]["type"] = serde_json::json!({"type": "long", "logicalType": "timestamp-millis"})
            }),
            Some("schema 8 is no state: field answer_time is written as timestamp-millis and read as timestamp-micros"),
        ),
        (
            changed(|f| f.push(field("bomb", serde_json::json!({"type": "array", "items": "null"})))),
            Some("schema 8 is no state: it has an array whose items take no bytes"),
        ),
    ];
    for (schema, refused) in variants {
        let registry = Fixed { schemas: vec![(7, SCHEMA.into()), (8, schema.clone())], wait: false };
        let own = encoded(&states(0..1)).await;
        let other = if schema.contains("bomb") { [0, 0, 0, 0, 8, 1].to_vec() } else { foreign(8, &schema) };
        let values = [own.value(0).unwrap(), &other, own.value(0).unwrap(), &other, &other];
        let messages = values.iter().map(|v| (None::<&[u8]>, Some(*v))).collect();
        let decoded = decoded(registry, &messages).await;
        let (alive, dead): (&[i64], &[i64]) =
            if refused.is_none() { (&[500, 501, 502, 503, 504], &[]) } else { (&[500, 502], &[501, 503, 504]) };
        assert_eq!((offsets(&decoded.states), offsets(&decoded.dead)), (alive.into(), dead.into()), "{schema}");
        if let Some(refused) = refused {
            assert_eq!(reasons(&decoded.dead), [refused; 3]);
        } else {
            assert_eq!(decoded.states["icao24"].as_string::<i32>().value(1), "text");
            assert_eq!(decoded.states["answer_time"].as_primitive::<TimestampMicrosecondType>().value(4), 5);
        }
    }
}

#[tokio::test]
async fn schemas_that_are_strange_are_refused_without_a_crash() {
    for schema in [
        r#""string""#,
        "not json",
        "{}",
        r#"{"type":"record","name":"FlightState","fields":[]}"#,
        r#"{"type":"record","name":"FlightState","namespace":"contrail","fields":[{"name":"me","type":"FlightState"}]}"#,
        r#"{"type":"record","name":"FlightState","fields":[{"name":"feed","type":"Nothing"}]}"#,
        r#"["null",{"type":"record","name":"FlightState","fields":[]}]"#,
    ] {
        let registry = Fixed { schemas: vec![(7, schema.into())], wait: false };
        let decoded = decoded(registry, &encoded(&states(0..2)).await).await;
        assert_eq!((decoded.states.num_rows(), decoded.dead.num_rows()), (0, 2), "{schema}");
    }
}

#[tokio::test]
async fn a_schema_that_cannot_be_had_is_waited_for() {
    use contrail_kit::Classified;
    let messages = encoded(&states(0..2)).await;
    let mut decoder = Decoder::new(Arc::new(Fixed { schemas: vec![], wait: true }), &state::raw_table());
    for _ in 0..2 {
        let waits = decoder.read(&chunk(messages.clone()), 0).await.unwrap_err();
        assert!(waits.class().retry, "{waits}");
    }
    let unprepared = decoder.decode(&chunk(messages), 0).unwrap_err();
    assert!(matches!(unprepared, CodecError::NotPrepared(7)), "{unprepared}");
}

#[tokio::test]
async fn counts_out_of_range_are_dead_letters_too() {
    let plain = foreign(7, SCHEMA);
    // All 22 columns that may be null are: a byte each at the end, the twelfth of them the list of sensors.
    let sensors = plain.len() - 22 + 11;
    let smallest = [&[0xff; 9][..], &[1]].concat();
    let largest = [&[0xfe][..], &[0xff; 8], &[1]].concat();
    for count in [smallest, largest] {
        for size in [&[][..], &[0], &[2]] {
            let list = [&[2], &count[..], size].concat();
            let bad = [&plain[..sensors], &list, &plain[sensors + 1..]].concat();
            let messages = [&plain, &bad, &plain].iter().map(|v| (None::<&[u8]>, Some(*v))).collect();
            let decoded = decoded(ours(), &messages).await;
            assert_eq!((offsets(&decoded.states), offsets(&decoded.dead)), (vec![500, 502], vec![501]));
        }
    }
}

#[tokio::test]
async fn text_that_is_no_utf8_is_found_among_many() {
    let states = states(0..500);
    let messages = encoded(&states).await;
    let bad = [0, 77, 78, 499];
    let messages: Messages = (0..500)
        .map(|i| {
            let mut value = messages.value(i).unwrap().to_vec();
            if bad.contains(&i) {
                // The feed's name begins behind frame and length; its first letter has two bytes.
                value[6] = 0xff;
            }
            (messages.key(i).map(<[u8]>::to_vec), Some(value))
        })
        .collect();
    let decoded = decoded(ours(), &messages).await;
    assert_eq!(offsets(&decoded.dead), bad.map(|i| 500 + i as i64));
    assert_eq!(as_states(&decoded), picked(&states, &offsets(&decoded.states)));
}

fn damage() -> impl Strategy<Value = Vec<(usize, usize, u8, Vec<u8>)>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..40);
    proptest::collection::vec((0..60usize, any::<usize>(), 0..5u8, bytes), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Whatever stands between them, untouched messages are read as they were written; and a message's verdict is the
    /// same alone as among others.
    #[test]
    fn no_bytes_harm_their_neighbours(damage in damage()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let states = states(0..60);
        let good = runtime.block_on(encoded(&states));
        let mut values: Vec<Vec<u8>> = (0..60).map(|i| good.value(i).unwrap().to_vec()).collect();
        for (row, at, kind, bytes) in damage {
            let value = &mut values[row];
            let at = if value.is_empty() { 0 } else { at % value.len() };
            match kind {
                0 => value.truncate(at),
                1 => value.extend(&bytes),
                2 => drop(value.splice(at.., bytes)),
                3 => *value = [&[0, 0, 0, 0, 7], &bytes[..]].concat(),
                _ => value[at..].iter_mut().zip(bytes).for_each(|(v, b)| *v ^= b),
            }
        }
        let messages: Messages = values.iter().map(|v| (None::<&[u8]>, Some(v))).collect();
        let decoded_all = runtime.block_on(decoded(ours(), &messages));
        let (alive, dead) = (offsets(&decoded_all.states), offsets(&decoded_all.dead));
        let mut every = [alive.clone(), dead.clone()].concat();
        every.sort_unstable();
        prop_assert_eq!(every, (500..560).collect::<Vec<_>>());
        let untouched: Vec<i64> =
            (0..60).filter(|i| Some(&values[*i][..]) == good.value(*i)).map(|i| 500 + i as i64).collect();
        for offset in &untouched {
            prop_assert!(alive.contains(offset));
        }
        let found = as_states(&decoded_all);
        for (i, offset) in alive.iter().enumerate() {
            let alone = messages.slice((offset - 500) as usize..(offset - 499) as usize);
            let alone = runtime.block_on(decoded(ours(), &alone));
            prop_assert_eq!(as_states(&alone), found.slice(i, 1));
            if untouched.contains(offset) {
                prop_assert_eq!(found.slice(i, 1), picked(&states, &[*offset]));
            }
        }
        for (i, offset) in dead.iter().enumerate() {
            let alone = messages.slice((offset - 500) as usize..(offset - 499) as usize);
            let alone = runtime.block_on(decoded(ours(), &alone));
            prop_assert_eq!(&reasons(&alone.dead)[0], &reasons(&decoded_all.dead)[i]);
        }
    }
}
