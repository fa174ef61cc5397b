//! How fast states become messages, messages a log, and all of it states again: one line a stage.
//!
//! `cargo run --release -p contrail-log --example codec_bench`

#[path = "sample/states.rs"]
mod states;

use std::sync::Arc;
use std::time::{Duration, Instant};

use contrail_log::embedded::Options;
use contrail_log::{Append, Decoder, EmbeddedLog, Encoder, Log, Messages, codec};

use self::states::{ROWS, states};

const ROUNDS: usize = 50;

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
