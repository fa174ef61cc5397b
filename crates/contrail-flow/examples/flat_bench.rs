//! Whether a table stays quick for ever: one commit after the other, ten seconds of the table's time apart, with the
//! maintain role at work, and every so often what a commit, a plan, the metadata and this process have come to.
//!
//! `cargo run --release -p contrail-flow --example flat_bench -- [commits] [rows a commit] [commits a line] [folder]`
//!
//! Prints comma-separated values: `benches/flat.py` draws them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use contrail_flow::build::raw_tables;
use contrail_flow::ledger::Ledger;
use contrail_flow::maintain::{Maintain, Policy};
use contrail_flow::pulse::Pulse;
use contrail_kit::Clock;
use contrail_lake::{Change, Lake, LakeOptions, LakeTable, SqliteCatalog};
use contrail_model::Project;
use contrail_types::time::{HOUR, MINUTE, SECOND, ZONE};
use contrail_types::{Micros, Transform};
use tokio_util::sync::CancellationToken;

type Failed = Box<dyn std::error::Error>;

const START: Micros = 489_952 * HOUR;
/// As long as the role waits by default.
const ROUND: Micros = MINUTE;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: i64| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (commits, rows, step) = (number(0, 20_000)?, number(1, 500)?, number(2, 500)?);
    let temporary = tempfile::tempdir()?;
    let folder = arguments.get(3).map_or(temporary.path(), Path::new);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(folder, commits, rows, step))
}

fn open(folder: &Path, clock: &Clock) -> Result<Lake, Failed> {
    let catalog = Arc::new(SqliteCatalog::open(folder.join("catalog.db"))?);
    let (warehouse, queue) = (folder.join("warehouse"), folder.join("catalog.db"));
    Ok(Lake::open(catalog, LakeOptions { namespace: "bench".into(), warehouse, queue }, clock.clone())?)
}

async fn run(folder: &Path, commits: i64, rows: i64, step: i64) -> Result<(), Failed> {
    let clock = Clock::fixed(START);
    let lake = open(folder, &clock)?;
    let (raw, dead) = raw_tables(&lake).await?;
    let maintain = Maintain {
        lake: lake.clone(),
        raw: raw.clone(),
        dead,
        // Nothing is made from the table here: whatever stands in it may be rewritten.
        project: Arc::new(Project { models: Vec::new() }),
        policy: Policy {
            interval: Duration::from_secs(60),
            cpu_share: 1.0,
            bytes: 1 << 30,
            keep: std::iter::empty().collect(),
        },
        clock: clock.clone(),
        ledger: Ledger::open(&folder.join("runs.db"))?,
        pulse: Pulse::default(),
    };
    println!(
        "commits,commit_p50_ms,commit_p99_ms,upkeep_s,plan_cold_ms,plan_warm_us,live_files,files_on_disk,metadata_kB,memory_MB"
    );
    let (stop, mut times, mut upkeep, mut looked) = (CancellationToken::new(), Vec::new(), Duration::ZERO, START);
    for commit in 1..=commits {
        clock.set(START + commit * 10 * SECOND);
        let (table, now) = (raw.clone(), clock.now());
        let files = tokio::task::spawn_blocking(move || table.encode(&batch(&table, commit, rows, now))).await??;
        let begun = Instant::now();
        let change = Change::append(files).set([("contrail.offsets.bench", (commit * rows).to_string())]);
        raw.commit(change, |_| Ok(())).await?;
        times.push(begun.elapsed());
        if now - looked >= ROUND {
            looked = now;
            let begun = Instant::now();
            maintain.round(&stop).await?;
            upkeep += begun.elapsed();
        }
        if commit % step == 0 {
            report(folder, &clock, &raw, commit, std::mem::take(&mut times), std::mem::take(&mut upkeep)).await?;
        }
    }
    Ok(())
}

async fn report(
    folder: &Path,
    clock: &Clock,
    table: &LakeTable,
    commit: i64,
    mut times: Vec<Duration>,
    upkeep: Duration,
) -> Result<(), Failed> {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    let hour = Transform::Hour.value(clock.now() - HOUR);
    let plan = async |table: &LakeTable| -> Result<(Duration, usize), Failed> {
        let begun = Instant::now();
        let version = table.load().await?;
        let files = std::hint::black_box(version.files_in(hour).count());
        Ok((begun.elapsed(), files))
    };
    // A process that has never seen the table, and one that has just looked.
    let fresh = raw_tables(&open(folder, clock)?).await?.0;
    let (cold, _) = plan(&fresh).await?;
    let (warm, _) = plan(table).await?;
    let version = table.load().await?;
    let metadata = std::fs::metadata(version.metadata_location().trim_start_matches("file://"))?.len();
    println!(
        "{commit},{:.2},{:.2},{:.2},{:.1},{:.0},{},{},{:.0},{:.0}",
        at(0.5),
        at(0.99),
        upkeep.as_secs_f64(),
        cold.as_secs_f64() * 1e3,
        warm.as_secs_f64() * 1e6,
        version.totals().1,
        files_under(&folder.join("warehouse"))?,
        metadata as f64 / 1e3,
        memory()?,
    );
    Ok(())
}

fn files_under(folder: &Path) -> std::io::Result<usize> {
    std::fs::read_dir(folder)?
        .map(|entry| {
            entry.and_then(|entry| match entry.file_type()?.is_dir() {
                true => files_under(&entry.path()),
                false => Ok(1),
            })
        })
        .sum()
}

/// Resident memory of this process, MB.
fn memory() -> Result<f64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1e3)
}

/// Rows of one answer at `now`; columns without a say in how a table grows are null where they may be.
fn batch(table: &LakeTable, commit: i64, rows: i64, now: Micros) -> RecordBatch {
    let n = rows as usize;
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| match (field.name().as_str(), field.data_type()) {
        ("icao24", _) => {
            Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("{:06x}", row * 7919)))) as ArrayRef
        }
        ("longitude" | "latitude" | "velocity", _) => {
            Arc::new(Float64Array::from_iter_values((0..rows).map(|row| ((row * 37 + commit) % 9_000) as f64 / 100.0)))
        }
        ("log_offset", _) => Arc::new(Int64Array::from_iter_values((0..rows).map(|row| (commit - 1) * rows + row))),
        (_, kind) if field.is_nullable() => new_null_array(kind, n),
        (_, DataType::Timestamp(..)) => Arc::new(TimestampMicrosecondArray::from(vec![now; n]).with_timezone(ZONE)),
        (_, DataType::Int32) => Arc::new(Int32Array::from(vec![0; n])),
        (_, DataType::Int64) => Arc::new(Int64Array::from(vec![0; n])),
        (_, DataType::Boolean) => Arc::new(arrow::array::BooleanArray::from(vec![false; n])),
        _ => Arc::new(StringArray::from(vec!["bench"; n])),
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns are the table's")
}
