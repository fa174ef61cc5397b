//! A small table, rows for it, and a lake in a temporary folder.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int32Type};
use arrow::record_batch::RecordBatch;
use contrail_kit::{Clock, Secret};
use contrail_lake::{
    CacheOptions, Change, CommitFailed, FenceFailure, Lake, LakeOptions, LakeTable, RemoteOptions, RestCatalog,
    RestOptions, S3Options, SqliteCatalog, TableCatalog, Version,
};
use contrail_testkit::Services;
use contrail_testkit::live::fresh_name;
use contrail_types::time::{DAY, HOUR, ZONE, timestamp};
use contrail_types::{Column, TableDef, Transform};
use object_store::aws::{AmazonS3, AmazonS3Builder};

/// 2025-11-22T16:00:00Z, in hours since the epoch.
pub const FIRST_HOUR: i32 = 489_952;
pub const START: i64 = FIRST_HOUR as i64 * HOUR;

pub fn def() -> TableDef {
    let numbers = DataType::List(Arc::new(Field::new("element", DataType::Int32, true)));
    TableDef {
        name: "observations".into(),
        doc: "A table for tests".into(),
        columns: vec![
            Column::new("icao24", DataType::Utf8, false, "Address"),
            Column::new("last_contact", timestamp(), false, "Time of the last message"),
            Column::new("altitude", DataType::Float64, true, "Altitude in metres"),
            Column::new("sensors", numbers, true, "Receivers"),
            Column::new("row_id", DataType::Int64, false, "Number of the row"),
        ],
        partition: Some(("last_contact".into(), Transform::Hour)),
        sort: vec!["icao24".into(), "last_contact".into()],
        bounds: ["icao24", "last_contact", "altitude", "row_id"].map(Into::into).into(),
        ids: Vec::new(),
        gained: Vec::new(),
    }
}

pub struct Sandbox {
    pub folder: tempfile::TempDir,
    pub clock: Clock,
    /// Where the lake is not on this machine.
    pub remote: Option<Remote>,
}

/// A namespace of its own in a REST catalog over an S3-compatible store.
#[derive(Clone)]
pub struct Remote {
    pub catalog: String,
    pub s3: S3Options,
    pub warehouse: String,
    pub namespace: String,
    pub cache_bytes: u64,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: Clock::fixed(START), remote: None }
    }

    /// On the services of this machine; `None`, and a line that says why, without them. The clock is far behind the
    /// catalog's, so that a test can let days go by: a catalog takes no snapshot from its own future.
    pub fn remote() -> Option<Self> {
        let (store, catalog) = (Services::s3()?, Services::catalog()?);
        let namespace = fresh_name("lake");
        let s3 = S3Options {
            endpoint: Some(store.endpoint),
            region: Some(store.region),
            path_style: Some(true),
            keys: Some((store.access_key, Secret::new(store.secret_key))),
            ca: None,
        };
        let warehouse = format!("s3://{}/tests", store.bucket);
        let remote = Remote { catalog: catalog.s3_uri, s3, warehouse, namespace, cache_bytes: 1 << 30 };
        let clock = Clock::fixed(Clock::system().now() - 60 * DAY);
        Some(Self { folder: tempfile::tempdir().unwrap(), clock, remote: Some(remote) })
    }

    pub fn catalog(&self) -> Arc<SqliteCatalog> {
        Arc::new(SqliteCatalog::open(self.folder.path().join("catalog.db")).unwrap())
    }

    pub fn lake(&self) -> Lake {
        match &self.remote {
            Some(remote) => self.lake_on(Arc::new(remote.catalog())),
            None => self.lake_on(self.catalog()),
        }
    }

    /// A lake of its own on the same files: another process, as far as the lake can tell.
    pub fn lake_on(&self, catalog: Arc<dyn TableCatalog>) -> Lake {
        if let Some(Remote { s3, warehouse, namespace, cache_bytes, .. }) = self.remote.clone() {
            let cache = CacheOptions { folder: self.folder.path().join("cache"), limit_bytes: cache_bytes };
            let (warehouse, queue) = (Some(warehouse), self.folder.path().join("queue.db"));
            let options = RemoteOptions { namespace, warehouse, queue, s3, cache };
            return Lake::open_remote(catalog, options, self.clock.clone()).unwrap();
        }
        let options = LakeOptions {
            namespace: "aviation".into(),
            warehouse: self.folder.path().join("warehouse"),
            queue: self.folder.path().join("catalog.db"),
        };
        Lake::open(catalog, options, self.clock.clone()).unwrap()
    }

    pub async fn table(&self) -> LakeTable {
        self.lake().ensure(&def()).await.unwrap()
    }
}

impl Remote {
    pub fn catalog(&self) -> RestCatalog {
        RestCatalog::open(RestOptions::new(&self.catalog)).unwrap()
    }

    /// The store itself, past the lake.
    pub fn bucket(&self) -> AmazonS3 {
        let (key, secret) = self.s3.keys.as_ref().unwrap();
        AmazonS3Builder::new()
            .with_endpoint(self.s3.endpoint.as_ref().unwrap())
            .with_region(self.s3.region.as_ref().unwrap())
            .with_access_key_id(key)
            .with_secret_access_key(secret.reveal())
            .with_bucket_name(self.warehouse.split('/').nth(2).unwrap())
            .with_allow_http(true)
            .build()
            .unwrap()
    }
}

/// Commits one row, in the first hour.
pub async fn append(table: &LakeTable, id: i64) -> Result<(), CommitFailed> {
    let files = table.encode(&rows(0, [id]))?;
    table.commit(Change::append(files), open).await.map(drop)
}

/// Puts one row in the place of all that the first hour holds, so that every commit kills a file.
pub async fn overwrite(table: &LakeTable, id: i64) {
    let seen = table.load().await.unwrap().sequence_number();
    let files = table.encode(&rows(0, [id])).unwrap();
    table.commit(Change::overwrite_partitions([FIRST_HOUR], seen, files), open).await.unwrap();
}

/// Rows with ids `ids`, all in the hour `hour` after the first one.
pub fn rows(hour: i32, ids: impl IntoIterator<Item = i64>) -> RecordBatch {
    let ids: Vec<i64> = ids.into_iter().collect();
    let base = (i64::from(FIRST_HOUR) + i64::from(hour)) * HOUR;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(ids.iter().map(|id| format!("{:06x}", (id * 7919) & 0xff_ffff)))),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(ids.iter().map(|id| base + id.rem_euclid(3600) * 1_000_000))
                .with_timezone(ZONE),
        ),
        Arc::new(Float64Array::from_iter(ids.iter().map(|id| (id % 5 != 0).then_some(*id as f64 * 10.0)))),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
            ids.iter().map(|id| (id % 2 == 0).then(|| vec![Some(1), None, Some(*id as i32)])),
        )),
        Arc::new(Int64Array::from(ids)),
    ];
    let schema = def().arrow_schema();
    let mut columns = columns;
    if let DataType::List(element) = schema.field(3).data_type() {
        let (_, offsets, values, nulls) = columns[3].as_any().downcast_ref::<ListArray>().unwrap().clone().into_parts();
        columns[3] = Arc::new(ListArray::new(element.clone(), offsets, values, nulls));
    }
    RecordBatch::try_new(schema, columns).unwrap()
}

pub fn open(_: &Version) -> Result<(), FenceFailure> {
    Ok(())
}

/// The ids of all live rows, sorted.
pub async fn ids(table: &LakeTable) -> Vec<i64> {
    ids_of(table, &table.load().await.unwrap())
}

pub fn ids_of(table: &LakeTable, version: &Version) -> Vec<i64> {
    let batch = table.read(version.live_files().map(|file| &file.path), Some(&["row_id"])).unwrap();
    let column = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    let mut ids: Vec<i64> = column.values().to_vec();
    ids.sort_unstable();
    ids
}

/// A folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { drop(std::fs::copy(entry.path(), target)) }
    }
}
