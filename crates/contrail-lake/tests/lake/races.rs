//! The catalog's contract, writers that race, and catalogs that lose requests or answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use contrail_lake::{
    CatalogError, Change, CommitError, CommitFailed, FenceFailure, Loaded, Proposal, SqliteCatalog, TableCatalog,
    Version, conformance,
};
use iceberg::{TableCreation, TableIdent};

use crate::support::{Sandbox, append, def, ids, open, rows};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_catalog_keeps_the_contract() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path().join("warehouse");
    conformance::catalog(sandbox.catalog(), sandbox.catalog(), "conformance", folder.to_str().unwrap()).await;
}

#[tokio::test]
async fn a_damaged_catalog_file_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let cases: [(&str, Vec<u8>); 2] = [
        ("text", b"this is not a database, and it is long enough to be read as a header ".repeat(100)),
        ("cut", {
            let whole = folder.path().join("whole.db");
            drop(SqliteCatalog::open(&whole).unwrap());
            let mut bytes = std::fs::read(&whole).unwrap();
            let middle = bytes.len() / 2;
            bytes[100..middle].fill(0xaa);
            bytes
        }),
    ];
    for (name, bytes) in cases {
        std::fs::write(&path, bytes).unwrap();
        let error = SqliteCatalog::open(&path).unwrap_err();
        assert!(matches!(error, CatalogError::Corrupt { .. }), "{name}: {error}");
        assert!(error.to_string().contains("restore it from a copy"), "{error}");
    }
    // Another program's database.
    std::fs::remove_file(&path).unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE iceberg_tables (a INT, iceberg_type TEXT)").unwrap();
    drop(foreign);
    let error = SqliteCatalog::open(&path).unwrap_err();
    assert!(matches!(error, CatalogError::Corrupt { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_without_fences_lose_nothing() {
    let sandbox = Sandbox::new();
    let tables = [sandbox.table().await, sandbox.table().await];
    let writers = tables.iter().cloned().enumerate().map(|(writer, table)| {
        tokio::spawn(async move {
            for n in 0..40 {
                append(&table, writer as i64 * 1000 + n).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let expected: Vec<i64> = (0..40).chain(1000..1040).collect();
    assert_eq!(ids(&sandbox.table().await).await, expected);
    let fsck = tables[0].fsck().await.unwrap();
    assert_eq!((fsck.orphans, fsck.missing), (vec![], vec![]));
    let version = tables[0].load().await.unwrap();
    let summary = &version.snapshots().pop().unwrap().summary;
    assert_eq!(summary["total-records"], "80");
}

fn next(version: &Version) -> i64 {
    version.property("next").map_or(0, |next| next.parse().unwrap())
}

/// Both try to land each number; the fence sees to it that each lands once and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_with_fences_land_each_range_once() {
    const RANGES: i64 = 40;
    let sandbox = Sandbox::new();
    let mut writers = Vec::new();
    for _ in 0..2 {
        let table = sandbox.table().await;
        writers.push(tokio::spawn(async move {
            let (mut landed, mut fenced) = (0, 0);
            loop {
                let at = next(&table.load().await.unwrap());
                if at == RANGES {
                    return (landed, fenced);
                }
                let files = table.encode(&rows(0, at * 10..at * 10 + 10)).unwrap();
                let change = Change::append(files).set([("next", (at + 1).to_string())]);
                let fence = move |version: &Version| match next(version) {
                    now if now == at => Ok(()),
                    now => Err(FenceFailure::Fenced(format!("{now} instead of {at}"))),
                };
                match table.commit(change, fence).await {
                    Ok(_) => landed += 1,
                    Err(CommitFailed::Fenced { .. }) => fenced += 1,
                    Err(other) => panic!("{other}"),
                }
            }
        }));
    }
    let mut total = 0;
    for writer in writers {
        total += writer.await.unwrap().0;
    }
    assert_eq!(total, RANGES);
    let table = sandbox.table().await;
    assert_eq!(ids(&table).await, (0..RANGES * 10).collect::<Vec<_>>());
    assert_eq!(table.fsck().await.unwrap().orphans, Vec::<String>::new());
}

/// What happens to the next commit requests.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It lands, and the answer is lost.
    LoseAnswer,
    /// It is lost on the way.
    LoseRequest,
    /// It is lost to sight and arrives just before the next one.
    Delay,
    /// It is refused, though nothing has changed.
    Refuse,
}

#[derive(Debug)]
struct Faulty {
    inner: Arc<SqliteCatalog>,
    faults: Mutex<VecDeque<Fault>>,
    delayed: Mutex<Option<(Loaded, Proposal)>>,
    /// Loads that fail from the first fault on.
    failing_loads: Mutex<u32>,
    is_final: bool,
}

impl Faulty {
    fn new(sandbox: &Sandbox, faults: &[Fault], failing_loads: u32, is_final: bool) -> Arc<Self> {
        Arc::new(Self {
            inner: sandbox.catalog(),
            faults: Mutex::new(faults.iter().copied().collect()),
            delayed: Mutex::default(),
            failing_loads: Mutex::new(failing_loads),
            is_final,
        })
    }

    fn struck(&self) -> bool {
        self.faults.lock().unwrap().is_empty()
    }
}

#[async_trait]
impl TableCatalog for Faulty {
    async fn tables(&self, namespace: &str) -> Result<Vec<String>, CatalogError> {
        self.inner.tables(namespace).await
    }

    async fn create(&self, table: &TableIdent, creation: TableCreation) -> Result<Loaded, CatalogError> {
        self.inner.create(table, creation).await
    }

    async fn load(&self, table: &TableIdent, known: Option<&Loaded>) -> Result<Loaded, CatalogError> {
        let fails = self.struck() && {
            let mut left = self.failing_loads.lock().unwrap();
            let fails = *left > 0;
            *left = left.saturating_sub(1);
            fails
        };
        if fails {
            return Err(CatalogError::Metadata { doing: "load".into(), source: "no connection".into() });
        }
        self.inner.load(table, known).await
    }

    async fn commit(&self, table: &TableIdent, base: &Loaded, proposal: Proposal) -> Result<Loaded, CommitError> {
        let delayed = self.delayed.lock().unwrap().take();
        if let Some((base, proposal)) = delayed {
            let _ = self.inner.commit(table, &base, proposal).await;
        }
        let fault = self.faults.lock().unwrap().pop_front();
        match fault {
            None => self.inner.commit(table, base, proposal).await,
            Some(Fault::LoseAnswer) => {
                self.inner.commit(table, base, proposal).await?;
                Err(CommitError::Unknown("connection reset".into()))
            }
            Some(Fault::LoseRequest) => Err(CommitError::Unknown("connection reset".into())),
            Some(Fault::Delay) => {
                *self.delayed.lock().unwrap() = Some((base.clone(), proposal));
                Err(CommitError::Unknown("gateway time-out".into()))
            }
            Some(Fault::Refuse) => Err(CommitError::Conflict),
        }
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<(), CatalogError> {
        self.inner.drop_table(table).await
    }

    fn is_final(&self) -> bool {
        self.is_final
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_lost_on_the_way_rows_land_once() {
    use Fault::{Delay, LoseAnswer, LoseRequest, Refuse};
    let cases: [(&[Fault], u32, u32); 7] = [
        (&[LoseAnswer], 0, 2),
        (&[LoseRequest], 0, 2),
        (&[Delay], 0, 3),
        (&[Refuse, Refuse], 0, 3),
        (&[LoseRequest, LoseAnswer], 0, 3),
        (&[LoseRequest, Delay, Refuse], 0, 4),
        (&[LoseAnswer], 5, 7),
    ];
    for (faults, failing_loads, attempts) in cases {
        for is_final in [true, false] {
            let sandbox = Sandbox::new();
            append(&sandbox.table().await, 1).await.unwrap();
            let faulty = Faulty::new(&sandbox, faults, failing_loads, is_final);
            let table = sandbox.lake_on(faulty).ensure(&def()).await.unwrap();
            let files = table.encode(&rows(0, [2, 3])).unwrap();
            let committed = table.commit(Change::append(files).set([("next", "3")]), open).await.unwrap();
            assert_eq!(committed.attempts, attempts, "{faults:?}");
            assert_eq!(committed.sequence_number, 2, "{faults:?}");
            let seen = sandbox.table().await;
            assert_eq!(ids(&seen).await, [1, 2, 3], "{faults:?}");
            assert_eq!(seen.load().await.unwrap().snapshots().len(), 2, "{faults:?}");
            assert_eq!(seen.fsck().await.unwrap().missing, Vec::<String>::new(), "{faults:?}");
            append(&table, 4).await.unwrap();
            assert_eq!(ids(&seen).await, [1, 2, 3, 4], "{faults:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_nobody_can_tell_nothing_is_deleted_and_the_fence_decides_later() {
    for (fault, landed) in [(Fault::LoseAnswer, true), (Fault::LoseRequest, false)] {
        let sandbox = Sandbox::new();
        let faulty = Faulty::new(&sandbox, &[fault], 1000, true);
        sandbox.table().await;
        let table = sandbox.lake_on(faulty.clone()).ensure(&def()).await.unwrap();
        let fence = |version: &Version| match next(version) {
            0 => Ok(()),
            now => Err(FenceFailure::Fenced(now.to_string())),
        };
        let files = table.encode(&rows(0, [1])).unwrap();
        let path = files[0].path.clone();
        let failed = table.commit(Change::append(files).set([("next", "1")]), fence).await.unwrap_err();
        assert!(matches!(failed, CommitFailed::Unknown { .. }), "{failed}");
        assert!(std::path::Path::new(&path).exists());
        *faulty.failing_loads.lock().unwrap() = 0;
        let files = table.encode(&rows(0, [1])).unwrap();
        let again = table.commit(Change::append(files).set([("next", "1")]), fence).await;
        assert_eq!(again.is_ok(), !landed);
        assert_eq!(ids(&sandbox.table().await).await, [1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_always_overtaken_gives_up_and_tidies() {
    let sandbox = Sandbox::new();
    let faulty = Faulty::new(&sandbox, &[Fault::Refuse; 100], 0, true);
    let table = sandbox.lake_on(faulty).ensure(&def()).await.unwrap();
    let files = table.encode(&rows(0, [1])).unwrap();
    let failed = table.commit(Change::append(files), open).await.unwrap_err();
    assert!(matches!(failed, CommitFailed::Conflicts { .. }), "{failed}");
    assert_eq!(table.fsck().await.unwrap().orphans, Vec::<String>::new());
}
