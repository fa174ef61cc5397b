//! PyIceberg opens the catalog file that we wrote, checks every table against its files, writes to it, and we go on.
//!
//! The Python is `CONTRAIL_PYTHON`, or `.contrail/venv/bin/python` in the checkout. Without one the test says so and
//! passes, unless `CI` is `true`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use contrail_lake::{Change, Compaction, LakeTable};
use contrail_types::Column;
use contrail_types::state::{dead_letters_table, raw_table};
use contrail_types::time::{DAY, HOUR, MINUTE, ZONE, timestamp};

use crate::support::{FIRST_HOUR, START, Sandbox, ids, open, rows};

pub fn python() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.contrail/venv/bin/python");
    let path = std::env::var_os("CONTRAIL_PYTHON").map_or(default, PathBuf::from);
    let works = Command::new(&path).args(["-c", "import pyiceberg, pyarrow"]).output();
    works.is_ok_and(|output| output.status.success()).then_some(path)
}

/// Rows with awkward values of every type: NaN, both zeros, long text and bytes, nulls where they may be.
fn sample(schema: &SchemaRef, rows: usize) -> RecordBatch {
    let columns = schema.fields().iter().map(|field| {
        let kept = |row: usize| !field.is_nullable() || !row.is_multiple_of(7);
        let numbers = 0..rows;
        match field.data_type() {
            DataType::Utf8 => {
                let text = |row: usize| kept(row).then(|| "\u{e9}\u{10ffff}x".repeat(row % 9) + &row.to_string());
                Arc::new(StringArray::from_iter(numbers.map(text))) as ArrayRef
            }
            DataType::Binary => {
                let bytes = |row: usize| {
                    kept(row).then(|| vec![if row.is_multiple_of(5) { 0xff } else { row as u8 }; row % 40])
                };
                Arc::new(BinaryArray::from_iter(numbers.map(bytes)))
            }
            DataType::Timestamp(_, Some(_)) => {
                let time = |row: usize| kept(row).then(|| START + row as i64 * HOUR / 3);
                Arc::new(TimestampMicrosecondArray::from_iter(numbers.map(time)).with_timezone(ZONE))
            }
            DataType::Float64 => {
                let odd = [f64::NAN, 0.0, -0.0, -7.25, f64::INFINITY];
                Arc::new(Float64Array::from_iter(numbers.map(|row| kept(row).then(|| odd[row % odd.len()]))))
            }
            DataType::Int32 => Arc::new(Int32Array::from_iter(numbers.map(|row| kept(row).then_some(row as i32 - 50)))),
            DataType::Int64 => Arc::new(Int64Array::from_iter(numbers.map(|row| kept(row).then_some(row as i64 - 50)))),
            DataType::Boolean => {
                Arc::new(BooleanArray::from_iter(numbers.map(|row| kept(row).then_some(row % 2 == 0))))
            }
            other => new_null_array(other, rows),
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap()
}

fn plain_columns() -> Vec<Column> {
    use DataType as T;
    let types = [T::Boolean, T::Int32, T::Int64, T::Float32, T::Float64, T::Utf8, T::Binary, T::Date32, timestamp()];
    let all = types.into_iter().chain([T::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None)]);
    all.enumerate().map(|(n, kind)| Column::new(&format!("gained_{n}"), kind, true, "A column gained later")).collect()
}

pub fn check(python: &Path, sandbox: &Sandbox, table: &LakeTable, waiting: &[String], more: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lake/check.py");
    let queued = sandbox.folder.path().join("queued.json");
    std::fs::write(&queued, serde_json::to_vec(waiting).unwrap()).unwrap();
    let mut command = Command::new(python);
    match &sandbox.remote {
        Some(remote) => command.arg(script).arg(&remote.catalog).arg(queued).args(["--namespace", &remote.namespace]),
        None => command.arg(script).arg(sandbox.folder.path().join("catalog.db")).arg(queued),
    };
    let output = command.args(more).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {out}\n{error}", table.name());
    println!("{out}");
}

pub async fn fsck(table: &LakeTable) -> Vec<String> {
    let fsck = table.fsck().await.unwrap();
    assert_eq!((fsck.orphans, fsck.missing), (vec![], vec![]));
    fsck.queued
}

/// The Python, or a line that says that there is none.
pub fn python_or_skip() -> Option<PathBuf> {
    let found = python();
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no Python with pyiceberg");
        println!("SKIPPED: no Python with pyiceberg; run scripts/setup or set CONTRAIL_PYTHON");
    }
    found
}

/// Every rule of the checks is broken once, on a table that breaks none.
#[tokio::test]
async fn the_checks_see_every_damage() {
    let Some(python) = python_or_skip() else { return };
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    for n in 0..3 {
        sandbox.clock.set(START + i64::from(n) * MINUTE);
        let files = table.encode(&rows(n % 2, i64::from(n) * 100..i64::from(n) * 100 + 100)).unwrap();
        table.commit(Change::append(files), open).await.unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lake/damage.py");
    let catalog = sandbox.folder.path().join("catalog.db");
    let output = Command::new(python).arg(script).arg(catalog).arg("aviation.observations").output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
}

#[tokio::test]
async fn pyiceberg_reads_and_writes_what_we_write() {
    let Some(python) = python_or_skip() else { return };
    let sandbox = Sandbox::new();
    let table = sandbox.table().await;
    // The real definitions: every type that we use, hours and days.
    for def in [raw_table(), dead_letters_table()] {
        let table = sandbox.lake().ensure(&def).await.unwrap();
        let files = table.encode(&sample(&table.schema(), 200)).unwrap();
        assert!(files.len() > 1, "several partitions");
        table.commit(Change::append(files), open).await.unwrap();
    }
    // One that has gained a column of every plain type, with files from before and after.
    let raw = sandbox.lake().ensure_grown(&raw_table()).await.unwrap();
    raw.commit(Change::add_columns(plain_columns()), open).await.unwrap();
    assert_eq!(raw.shape().def().gained.len(), plain_columns().len());
    raw.commit(Change::append(raw.encode(&sample(&raw.schema(), 50)).unwrap()), open).await.unwrap();

    for n in 0..40 {
        sandbox.clock.set(START + i64::from(n) * MINUTE);
        let files = table.encode(&rows(n % 3, i64::from(n) * 100..i64::from(n) * 100 + 100)).unwrap();
        let change = Change::append(files).set([("contrail.offsets.test", n.to_string())]);
        table.commit(change, open).await.unwrap();
    }
    let seen = table.load().await.unwrap().sequence_number();
    let files = table.encode(&rows(1, 9000..9100)).unwrap();
    table.commit(Change::overwrite_partitions([FIRST_HOUR + 1, FIRST_HOUR + 7], seen, files), open).await.unwrap();
    table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    let last = table.load().await.unwrap();
    let old: Vec<String> = last.files_in(FIRST_HOUR + 2).take(2).map(|file| file.path.clone()).collect();
    table.commit(Change::delete(old), open).await.unwrap();
    check(&python, &sandbox, &table, &fsck(&table).await, &["--ours"]);

    // Snapshots expired and files deleted.
    for n in 0..130 {
        sandbox.clock.set(START + 9 * DAY + n * HOUR);
        let files = table.encode(&rows(3, 20_000 + n..20_001 + n)).unwrap();
        table.commit(Change::append(files), open).await.unwrap();
    }
    table.upkeep().await.unwrap();
    sandbox.clock.set(START + 20 * DAY);
    table.upkeep().await.unwrap();
    check(&python, &sandbox, &table, &fsck(&table).await, &["--ours"]);

    // It appends and deletes (copy on write); we read that, append, overwrite and compact.
    let before = ids(&table).await;
    check(&python, &sandbox, &table, &fsck(&table).await, &["--write"]);
    let mut after: Vec<i64> = before.iter().copied().filter(|id| *id != 20_000).chain(700_000..700_777).collect();
    after.sort_unstable();
    assert_eq!(ids(&table).await, after);
    table.commit(Change::append(table.encode(&rows(0, [800_000])).unwrap()), open).await.unwrap();
    table.compact(FIRST_HOUR + 3, &Compaction::default()).await.unwrap();
    after.push(800_000);
    assert_eq!(ids(&table).await, after);
    assert_eq!(fsck(&table).await.len(), fsck(&sandbox.table().await).await.len());
    check(&python, &sandbox, &table, &fsck(&table).await, &[]);
}
