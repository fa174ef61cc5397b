//! How fast states become messages, messages a log, and all of it states again: one line a stage.
//!
//! `cargo run --release -p contrail-log --example codec_bench`

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow::array::{TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::DataType;
use contrail_log::embedded::Options;
use contrail_log::{Append, Decoder, EmbeddedLog, Encoder, Log, Messages, codec};
use contrail_types::{state, time};

const ROWS: usize = 12_000;
const ROUNDS: usize = 50;

/// States that look like a global answer: as many nulls, as long texts.
fn states() -> RecordBatch {
    let schema = state::schema();
    let columns = schema.fields().iter().map(|column| -> ArrayRef {
        let some = |i: usize| !column.is_nullable() || !i.is_multiple_of(12);
        let number = |i: usize| (i * 2_654_435_761 % 1_000_003) as f64 / 700.0;
        match (column.name().as_str(), column.data_type()) {
            ("feed", _) => Arc::new(StringArray::from(vec!["opensky"; ROWS])),
            ("fetch_id", _) => Arc::new(StringArray::from(vec!["01934f2a-7c1e-7d33-9f60-aa55aa55aa55"; ROWS])),
            ("icao24", _) => Arc::new((0..ROWS).map(|i| Some(format!("{:06x}", i * 331))).collect::<StringArray>()),
            ("sensors" | "alert" | "emergency" | "registration" | "type_code" | "rssi", kind) => {
                new_null_array(kind, ROWS)
            }
            (_, DataType::Utf8) => {
                Arc::new((0..ROWS).map(|i| some(i).then(|| format!("DLH{i:04}"))).collect::<StringArray>())
            }
            (_, DataType::Float64) => Arc::new((0..ROWS).map(|i| some(i).then(|| number(i))).collect::<Float64Array>()),
            (_, DataType::Int32) => {
                Arc::new((0..ROWS).map(|i| some(i).then_some(i as i32 % 4)).collect::<Int32Array>())
            }
            (_, DataType::Boolean) => {
                Arc::new((0..ROWS).map(|i| some(i).then_some(i % 9 == 0)).collect::<BooleanArray>())
            }
            (_, DataType::Timestamp(..)) => {
                let at = |i: usize| some(i).then_some(1_700_000_000_000_000 + i as i64 * 1_000_000);
                Arc::new((0..ROWS).map(at).collect::<TimestampMicrosecondArray>().with_timezone(time::ZONE))
            }
            (name, kind) => panic!("no sample for {name}: {kind}"),
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns fit the schema")
}

fn say(stage: &str, took: Duration, rows: usize, bytes: usize) {
    let seconds = took.as_secs_f64();
    let (rows, bytes) = (rows as f64 / seconds / 1e6, bytes as f64 / seconds / 1e6);
    println!("{stage:<34} {rows:>7.2} M rows/s {bytes:>8.0} MB/s {:>8.2} ms a batch", seconds * 1e3 / ROUNDS as f64);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let log = EmbeddedLog::open(folder.path().join("log.db"), Options::default()).await?;
    let registry = log.registry();
    let mut encoder = Encoder::new(&registry, codec::SUBJECT).await?;
    let states = states();
    let messages = encoder.encode(&states)?;
    let (rows, bytes) = (ROWS * ROUNDS, messages.bytes() * ROUNDS);
    println!("{ROUNDS} batches of {ROWS} states, {} bytes a message", messages.bytes() / ROWS);

    let start = Instant::now();
    for _ in 0..ROUNDS {
        encoder.encode(&states)?;
    }
    say("encode", start.elapsed(), rows, bytes);

    let start = Instant::now();
    for at in 0..ROUNDS {
        log.append(Append { messages: messages.clone(), position: None, at: at as i64 }).await?;
    }
    say("append (zstd -1, each synced)", start.elapsed(), rows, bytes);

    let mut reader = log.reader(log.bounds().await?.starts()).await?;
    let start = Instant::now();
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next(ROWS, Duration::ZERO).await? {
        chunks.push(chunk);
    }
    say("read", start.elapsed(), rows, bytes);

    let mut decoder = Decoder::new(Arc::new(registry), &contrail_types::state::raw_table());
    let start = Instant::now();
    for chunk in &chunks {
        let decoded = decoder.read(chunk, 0).await?;
        assert_eq!(decoded.states.num_rows(), ROWS);
    }
    say("decode", start.elapsed(), rows, bytes);

    // One bad message in a hundred, and then nothing but bad ones.
    for (what, every) in [("decode, 1 % cut short", 100), ("decode, all cut short", 1)] {
        let cut: Messages = messages
            .iter()
            .enumerate()
            .map(|(i, m)| (m.key, m.value.map(|v| if i % every == 0 { &v[..v.len() - 1] } else { v })))
            .collect();
        chunks[0].messages = cut;
        let start = Instant::now();
        let decoded = decoder.read(&chunks[0], 0).await?;
        println!(
            "{what:<34} {:>7.1} ms a batch, {} dead",
            start.elapsed().as_secs_f64() * 1e3,
            decoded.dead.num_rows()
        );
    }
    Ok(())
}
