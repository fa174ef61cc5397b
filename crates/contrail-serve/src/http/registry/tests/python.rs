//! Confluent's own Python client against the API: its serialiser writes what our decoder reads, and the other way round.
//!
//! The Python is `CONTRAIL_PYTHON`, or `.contrail/venv/bin/python` in the checkout. Without one the test says so and
//! passes, unless `CI` is `true`.

use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use contrail_log::{Chunk, Decoder, Messages};
use contrail_types::state;

use super::*;
use crate::live::testing::{T0, batch, row};

/// A Python with Confluent's client; without one a line that says so has been printed.
fn python() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.contrail/venv/bin/python");
    let path = std::env::var_os("CONTRAIL_PYTHON").map_or(default, PathBuf::from);
    let probe = "from confluent_kafka.schema_registry import avro";
    let works = std::process::Command::new(&path).args(["-c", probe]).output();
    if works.is_ok_and(|output| output.status.success()) {
        return Some(path);
    }
    let line = "SKIPPED (no Python with confluent-kafka: run scripts/setup test)";
    assert!(!std::env::var("CI").is_ok_and(|ci| ci == "true"), "{line}");
    println!("{line}");
    None
}

/// Runs a script of this folder: one JSON in, one JSON out; none without a Python.
pub(super) async fn run(script: &str, asked: Value) -> Option<Value> {
    let script = format!("{}/src/http/registry/tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let child = tokio::process::Command::new(python()?).arg(script).arg(asked.to_string()).output().await.unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    Some(serde_json::from_slice(&child.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confluents_serialisers_read_and_write_our_messages() {
    let token = Options { token: Some(Secret::new("t0ken")), ..Options::default() };
    let bench = bench(token).await;
    let (url, stop) = bench.listen().await;

    let states = batch(&[row(0x3c6444), row(2)]);
    let mut encoder = Encoder::new(&bench.registry, SUBJECT).await.unwrap();
    let ours = encoder.encode(&states).unwrap();
    let frames: Vec<String> = ours.iter().map(|message| BASE64.encode(message.value.unwrap())).collect();
    let id = encoder.schema_id();
    let asked = json!({ "url": url, "token": "t0ken", "schema": SCHEMA, "id": id, "frames": frames });
    let Some(answer) = run("serialisers.py", asked).await else { return };

    // Read there: what we wrote.
    let addresses: Vec<&str> =
        answer["read"].as_array().unwrap().iter().map(|r| r["icao24"].as_str().unwrap()).collect();
    assert_eq!(addresses, ["3c6444", "000002"]);
    assert_eq!(answer["read"][0]["feed"], states["feed"].as_string::<i32>().value(0));
    // Written there: the same bytes, under the same id; and a schema of its own that ours can read.
    let theirs = |name: &str| {
        let frames = answer[name].as_array().unwrap().iter();
        let frames: Vec<Vec<u8>> = frames.map(|f| BASE64.decode(f.as_str().unwrap()).unwrap()).collect();
        let mut messages = Messages::builder();
        frames.iter().for_each(|frame| messages.push(None, Some(frame)));
        messages.finish()
    };
    let same = theirs("written");
    for (a, b) in ours.iter().zip(same.iter()) {
        assert_eq!(a.value, b.value);
    }
    assert_eq!(same.len(), 2);
    assert_eq!(answer["second_id"], id + 1);
    let newer = theirs("newer");
    let appended_at = vec![T0; newer.len()];
    let chunk = Chunk { stream: "s".into(), partition: 0, first_offset: 0, messages: newer, appended_at };
    let decoded = Decoder::new(Arc::new(bench.registry.clone()), &contrail_types::state::raw_table())
        .read(&chunk, T0)
        .await
        .unwrap();
    assert_eq!((decoded.states.num_rows(), decoded.dead.num_rows()), (2, 0), "{:?}", decoded.dead);
    assert_eq!(decoded.states["icao24"].as_string::<i32>().value(0), "3c6444");
    assert_eq!(decoded.states.num_columns(), state::raw_table().arrow_schema().fields().len());
    assert!(answer["refused"].as_str().unwrap().contains("field icao24"), "{answer}");
    stop.cancel();
}
