//! How long it takes to say which files hold an hour, among many: from the entries that Contrail keeps decoded, beside the
//! plan that the Iceberg library makes of the same table.
//!
//! `cargo run --release -p contrail-lake --example plan_bench -- [files] [files an hour] [folder]`

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use contrail_kit::Clock;
use contrail_lake::{Change, Lake, LakeOptions, LakeTable, SqliteCatalog};
use contrail_types::state::raw_table;
use contrail_types::time::{HOUR, ZONE};
use futures::TryStreamExt;
use iceberg::TableIdent;
use iceberg::expr::Reference;
use iceberg::io::FileIO;
use iceberg::spec::Datum;
use iceberg::table::StaticTable;

type Failed = Box<dyn std::error::Error>;

const FIRST: i32 = 489_952;
/// Files of one commit, and so of one manifest.
const COMMIT: usize = 1_000;
const TIMES: usize = 200;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (files, an_hour) = (number(0, 20_000)?, number(1, 20)?);
    let temporary = tempfile::tempdir()?;
    let folder = arguments.get(2).map_or(temporary.path(), std::path::Path::new);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let open = || -> Result<Lake, Failed> {
            let catalog = Arc::new(SqliteCatalog::open(folder.join("catalog.db"))?);
            let (warehouse, queue) = (folder.join("warehouse"), folder.join("catalog.db"));
            let options = LakeOptions { namespace: "bench".into(), warehouse, queue };
            Ok(Lake::open(catalog, options, Clock::system())?)
        };
        fill(&open()?.ensure(&raw_table()).await?, files, an_hour).await?;
        let hour = FIRST + (files / an_hour / 2) as i32;

        let table = open()?.ensure(&raw_table()).await?;
        let (cold, found) = ours(&table, hour).await?;
        let mut warm = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            warm.push(ours(&table, hour).await?.0);
        }
        let version = table.load().await?;
        let mut theirs = Vec::with_capacity(TIMES);
        let peer = peer(version.metadata_location()).await?;
        for _ in 0..=TIMES {
            theirs.push(planned(&peer, hour, found).await?);
        }
        let peer_cold = theirs.remove(0);
        let (warm, peer_warm) = (median(warm), median(theirs));
        println!(
            "one hour of {files} files ({found} found): contrail {:.3} ms warm, {:.1} ms cold; the Iceberg library {:.2} ms \
             warm, {:.1} ms cold; ratio {:.0} warm",
            ms(warm),
            ms(cold),
            ms(peer_warm),
            ms(peer_cold),
            peer_warm.as_secs_f64() / warm.as_secs_f64(),
        );
        Ok(())
    })
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The table as it stands now, and the paths of the hour's files.
async fn ours(table: &LakeTable, hour: i32) -> Result<(Duration, usize), Failed> {
    let begun = Instant::now();
    let version = table.load().await?;
    let paths: Vec<&str> = version.files_in(hour).map(|file| file.path.as_str()).collect();
    Ok((begun.elapsed(), std::hint::black_box(paths).len()))
}

async fn peer(metadata: &str) -> Result<iceberg::table::Table, Failed> {
    let ident = TableIdent::from_strs(["bench", "states_raw"])?;
    Ok(StaticTable::from_metadata_file(metadata, ident, FileIO::new_with_fs()).await?.into_table())
}

async fn planned(table: &iceberg::table::Table, hour: i32, wanted: usize) -> Result<Duration, Failed> {
    let start = i64::from(hour) * HOUR;
    let time = || Reference::new("answer_time");
    let inside = time()
        .greater_than_or_equal_to(Datum::timestamptz_micros(start))
        .and(time().less_than(Datum::timestamptz_micros(start + HOUR)));
    let begun = Instant::now();
    let tasks: Vec<_> = table.scan().with_filter(inside).build()?.plan_files().await?.try_collect().await?;
    let took = begun.elapsed();
    assert_eq!(tasks.len(), wanted, "both find the same files");
    Ok(took)
}

/// Files of one row each: only what manifests say of them is looked at.
async fn fill(table: &LakeTable, files: usize, an_hour: usize) -> Result<(), Failed> {
    for first in (0..files).step_by(COMMIT) {
        let numbers = first..files.min(first + COMMIT);
        let table_of_blocking = table.clone();
        let encoded = tokio::task::spawn_blocking(move || {
            let rows = numbers.map(|number| row(&table_of_blocking, (number / an_hour) as i64));
            rows.map(|row| table_of_blocking.encode(&row)).collect::<Result<Vec<_>, _>>()
        });
        let encoded = encoded.await??.into_iter().flatten().collect();
        table.commit(Change::append(encoded), |_| Ok(())).await?;
    }
    Ok(())
}

fn row(table: &LakeTable, hour: i64) -> RecordBatch {
    let at = (i64::from(FIRST) + hour) * HOUR;
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| match field.data_type() {
        kind if field.is_nullable() => new_null_array(kind, 1),
        DataType::Timestamp(..) => Arc::new(TimestampMicrosecondArray::from(vec![at]).with_timezone(ZONE)) as ArrayRef,
        DataType::Int32 => Arc::new(Int32Array::from(vec![0])),
        DataType::Int64 => Arc::new(Int64Array::from(vec![hour])),
        _ => Arc::new(StringArray::from(vec!["bench"])),
    });
    RecordBatch::try_new(schema.clone(), columns.collect()).expect("columns are the table's")
}
