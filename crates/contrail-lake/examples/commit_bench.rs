//! How fast rows get into a table: encoders on blocking threads, one committer, an honest disk.
//!
//! `cargo run --release -p contrail-lake --example commit_bench -- [rows a commit] [commits] [encoders] [folder]`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::record_batch::RecordBatch;
use contrail_kit::Clock;
use contrail_lake::{Change, EncodedFile, Lake, LakeOptions, LakeTable, SqliteCatalog};
use contrail_types::state::raw_table;
use contrail_types::time::{SECOND, ZONE};

/// Aircraft in one answer; a batch is made of whole answers, ten seconds apart.
const AIRCRAFT: usize = 10_000;
const START: i64 = 489_952 * 3_600 * SECOND;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (rows, commits, encoders) = (number(0, 100_000)?, number(1, 100)?, number(2, 2)?);
    let temporary = tempfile::tempdir()?;
    let folder = arguments.get(3).map_or(temporary.path(), std::path::Path::new);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let catalog = Arc::new(SqliteCatalog::open(folder.join("catalog.db"))?);
        let options = LakeOptions {
            namespace: "bench".into(),
            warehouse: folder.join("warehouse"),
            queue: folder.join("catalog.db"),
        };
        let table = Lake::open(catalog, options, Clock::system())?.ensure(&raw_table()).await?;
        let batches: Arc<Vec<RecordBatch>> = Arc::new((0..4).map(|n| batch(&table, rows, n)).collect());
        run(&table, &batches, rows, commits, encoders).await
    })
}

async fn run(
    table: &LakeTable,
    batches: &Arc<Vec<RecordBatch>>,
    rows: usize,
    commits: usize,
    encoders: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let (send, mut encoded) = tokio::sync::mpsc::channel::<(usize, Vec<EncodedFile>)>(encoders);
    let (started, cpu) = (Instant::now(), cpu());
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..encoders {
        let (table, batches, next, send) = (table.clone(), batches.clone(), next.clone(), send.clone());
        tokio::task::spawn_blocking(move || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= commits {
                    return;
                }
                let files = table.encode(&batches[at % batches.len()]).expect("rows fit");
                if send.blocking_send((at, files)).is_err() {
                    return;
                }
            }
        });
    }
    drop(send);
    let (mut waiting, mut turn, mut times) = (BTreeMap::new(), 0, Vec::new());
    while let Some((at, files)) = encoded.recv().await {
        waiting.insert(at, files);
        while let Some(files) = waiting.remove(&turn) {
            turn += 1;
            let begun = Instant::now();
            let change = Change::append(files).set([("contrail.offsets.bench", (turn * rows).to_string())]);
            table.commit(change, |_| Ok(())).await?;
            times.push(begun.elapsed());
            if turn % 100 == 0 {
                table.upkeep().await?;
            }
        }
    }
    report(table, rows, started.elapsed(), self::cpu() - cpu, times).await
}

async fn report(
    table: &LakeTable,
    rows: usize,
    wall: Duration,
    cpu: Duration,
    mut times: Vec<Duration>,
) -> Result<(), Box<dyn std::error::Error>> {
    let total = (rows * times.len()) as f64;
    let (first, last) = (times[..times.len().min(100)].to_vec(), times[times.len().saturating_sub(100)..].to_vec());
    times.sort_unstable();
    let at = |times: &[Duration], part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        at(&times, 0.5)
    };
    let (records, files, bytes) = table.load().await?.totals();
    println!(
        "{} commits x {rows} rows: {:.2} M rows/s wall, {:.2} M rows per CPU second, commit p50 {:.1} ms, p99 {:.1} ms \
         (first hundred p50 {:.1}, last {:.1}), {records} rows in {files} files, {:.1} B a row",
        times.len(),
        total / wall.as_secs_f64() / 1e6,
        total / cpu.as_secs_f64() / 1e6,
        at(&times, 0.5),
        at(&times, 0.99),
        median(first),
        median(last),
        bytes as f64 / records as f64,
    );
    Ok(())
}

/// Processor time of this process so far, all threads.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Numbers without a pattern, the same in every run.
fn mix(value: usize) -> usize {
    let mut x = (value as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) as usize
}

/// Rows as a feed sends them: the same aircraft in every answer, in no order.
fn batch(table: &LakeTable, rows: usize, n: usize) -> RecordBatch {
    let at = |row: usize| {
        let row = n * rows + row;
        (row / AIRCRAFT, mix(row % AIRCRAFT) % 0xff_ffff)
    };
    let text = |f: &dyn Fn(usize, usize) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter((0..rows).map(|row| f(at(row).0, at(row).1))))
    };
    let number = |f: &dyn Fn(usize, usize) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter((0..rows).map(|row| f(at(row).0, at(row).1))))
    };
    let time = |f: &dyn Fn(usize, usize) -> i64| -> ArrayRef {
        let values = (0..rows).map(|row| START + f(at(row).0, at(row).1) * SECOND);
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone(ZONE))
    };
    let flag = |share: usize| -> ArrayRef {
        Arc::new(BooleanArray::from_iter((0..rows).map(|row| Some(at(row).1.is_multiple_of(share)))))
    };
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "feed" => text(&|_, _| Some("opensky".into())),
        "fetch_id" => text(&|call, _| Some(format!("0193a1b2-0000-7000-8000-{call:012x}"))),
        "fetched_at" | "answer_time" => time(&|call, _| (call * 10) as i64 % 3600),
        "icao24" => text(&|_, id| Some(format!("{id:06x}"))),
        "callsign" => {
            text(&|_, id| (id % 20 != 0).then(|| format!("{}{:03}", ["DLH", "AFR", "BAW", "UAL"][id % 4], id % 997)))
        }
        "origin_country" => text(&|_, id| Some(format!("Country number {}", id % 120))),
        "time_position" | "last_contact" => time(&|call, id| ((call * 10 + 3600 - id % 40) % 3600) as i64),
        "longitude" => {
            number(&|call, id| (id % 50 != 0).then(|| ((mix(id) % 3_600_000 + call * 17) as f64) / 1e4 - 180.0))
        }
        "latitude" => {
            number(&|call, id| (id % 50 != 0).then(|| ((mix(id + 1) % 1_800_000 + call * 13) as f64) / 1e4 - 90.0))
        }
        "baro_altitude" | "geo_altitude" => {
            number(&|call, id| (id % 12 != 0).then(|| ((id * 7 + call) % 1600) as f64 * 7.62))
        }
        "velocity" => number(&|call, id| Some(((mix(id + call) % 30_000) as f64) / 100.0)),
        "true_track" => number(&|call, id| Some(((mix(id) % 36_000 + call) as f64) / 100.0)),
        "vertical_rate" => number(&|call, id| Some(((id + call) % 60) as f64 * 0.325 - 9.75)),
        "squawk" => text(&|_, id| (id % 2 == 0).then(|| format!("{:04o}", id % 4096))),
        "on_ground" => flag(11),
        "spi" => flag(1 << 30),
        "position_source" | "category" => {
            Arc::new(Int32Array::from_iter_values((0..rows).map(|row| (at(row).1 % 30 / 29) as i32)))
        }
        "log_stream" => text(&|_, _| Some("0193a1b2-aaaa-7000-8000-000000000000".into())),
        "log_partition" => Arc::new(Int32Array::from(vec![0; rows])),
        "log_offset" => Arc::new(Int64Array::from_iter_values((0..rows).map(|row| (n * rows + row) as i64))),
        _ => new_null_array(field.data_type(), rows),
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns are the table's")
}
