//! The query process under hostile statements: what the gate refuses, what the limits stop, and that life goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use contrail_types::TableDef;

use super::engine;
use super::marts::tables;
use crate::query::{CHILD_ENV, Limits, Plan, QueryError, QueryOptions, QueryService, Span, Tables, child_main};
use crate::{Input, Project};

/// Not a test: what the service starts here instead of the real binary, which looks at the same variable first thing.
#[test]
fn query_process() {
    if std::env::var_os(CHILD_ENV).is_some() {
        std::process::exit(child_main());
    }
}

/// Two tables in files, one of batches, and a count of files in use.
struct Lake {
    defs: Vec<TableDef>,
    folder: PathBuf,
    sky: RecordBatch,
    pinned: Arc<AtomicUsize>,
}

struct Pin(Arc<AtomicUsize>);

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Tables for Lake {
    fn names(&self) -> Vec<TableDef> {
        self.defs.clone()
    }

    async fn plan(&self, table: &str, at: Option<&str>, _: &[Span]) -> Result<Plan, String> {
        if let Some(at) = at {
            // As it was at the first commit, and never at another.
            return match (table, at) {
                ("states", "1" | "2026-01-31" | "first") => Ok(Plan::of(Input::default())),
                _ => Err(format!("table {table} has nothing to show for {at}")),
            };
        }
        let input = match table {
            "sky_now" => Input::batch(self.sky.clone()),
            "daily_trends" => Input::default(),
            "country_stats" => return Err("its metadata cannot be read".into()),
            name => Input::files(vec![self.folder.join(format!("{name}.parquet"))]),
        };
        self.pinned.fetch_add(1, Ordering::SeqCst);
        Ok(Plan { input, shown: None, pin: Box::new(Pin(self.pinned.clone())) })
    }
}

struct Sandbox {
    service: QueryService,
    folder: tempfile::TempDir,
    pinned: Arc<AtomicUsize>,
}

fn sandbox(change: impl FnOnce(&mut QueryOptions)) -> Sandbox {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    std::fs::create_dir(&lake).unwrap();
    std::fs::write(folder.path().join("secret.csv"), "a\nsecret\n").unwrap();
    std::fs::create_dir(folder.path().join("lakeother")).unwrap();
    let engine = engine();
    let [(_, states), (_, hours), _] = tables(&engine);
    write(&lake.join("states.parquet"), &states);
    write(&lake.join("aircraft_hours.parquet"), &hours);
    write(&folder.path().join("lakeother/other.parquet"), &hours);
    let pinned = Arc::new(AtomicUsize::new(0));
    let project = Project::embedded();
    let defs = ["states", "aircraft_hours", "sky_now", "daily_trends", "country_stats"];
    let tables = Lake {
        defs: defs.iter().map(|n| project.get(n).unwrap().def.clone()).collect(),
        folder: lake.clone(),
        sky: states.slice(0, 50),
        pinned: pinned.clone(),
    };
    let arguments = ["tests::query::query_process", "--exact", "--nocapture", "--test-threads=1"];
    let mut options = QueryOptions {
        program: Some((std::env::current_exe().unwrap(), arguments.map(str::to_owned).to_vec())),
        folders: vec![lake],
        ..QueryOptions::default()
    };
    change(&mut options);
    Sandbox { service: QueryService::new(options, Arc::new(tables)), folder, pinned }
}

fn write(path: &Path, batch: &RecordBatch) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

impl Sandbox {
    async fn all(&self, sql: &str, limits: Limits) -> Result<(Vec<RecordBatch>, bool), QueryError> {
        let mut rows = self.service.query(sql, limits).await?;
        let mut batches = Vec::new();
        while let Some(batch) = rows.next().await? {
            batches.push(batch);
        }
        let summary = rows.summary();
        assert_eq!(summary.rows, batches.iter().map(|b| b.num_rows() as u64).sum::<u64>());
        Ok((batches, summary.truncated))
    }

    async fn error(&self, sql: &str, limits: Limits) -> QueryError {
        match self.all(sql, limits).await {
            Ok((batches, _)) => panic!("{sql} ran: {} batches", batches.len()),
            Err(error) => error,
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        let (batches, _) = self.all(sql, Limits::default()).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let column = arrow::compute::cast(batches[0].column(0), &arrow::datatypes::DataType::Int64).unwrap();
        column.as_primitive::<Int64Type>().value(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_ask_is_answered() {
    let sandbox = sandbox(|_| {});
    assert!(!sandbox.service.running());
    let cases = [
        ("SELECT count(*) FROM states", 4000),
        (
            "select count(*) from States s join aircraft_hours h using (icao24) where s.icao24 = '3c0000' and h.hour > '1990-01-01'",
            66 * 30,
        ),
        ("SELECT count(*) FROM sky_now", 50),
        ("SELECT count(*) FROM daily_trends", 0),
        ("WITH a AS (SELECT 40 AS x), b(y) AS (SELECT x + 2 FROM a) SELECT y FROM b;", 42),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT max(n) FROM t", 10),
        ("FROM range(7) SELECT count(*)", 7),
        ("SELECT count(*) FROM generate_series(1, 5)", 5),
        ("SELECT sum(x) FROM (VALUES (1), (2)) t(x)", 3),
        ("SELECT len([x FOR x IN [1, 2, 3] IF x > 1])", 2),
        ("SELECT count(*) FROM (PIVOT states ON phase IN ('climb', 'descent') USING count(*) GROUP BY icao24)", 61),
        ("SELECT count(*) FROM information_schema.columns WHERE table_name = 'daily_trends'", 11),
        ("SELECT count(*) FROM duckdb_views() WHERE view_name = 'states'", 1),
        ("SELECT count(*) FROM (DESCRIBE states)", 39),
        ("SELECT count(*) FROM (SHOW TABLES)", 5),
        ("SELECT count(*) FROM (SUMMARIZE aircraft_hours)", 52),
        ("SELECT extract(hour FROM TIMESTAMPTZ '2024-06-01 12:00:00Z')", 12),
        ("SELECT 1 -- ; drop table states", 1),
        ("SELECT unnest(range(3)) + 5 LIMIT 1", 5),
    ];
    for (sql, expected) in cases {
        assert_eq!(sandbox.number(sql).await, expected, "{sql}");
    }
    for sql in [
        "EXPLAIN SELECT * FROM states",
        "EXPLAIN ANALYZE SELECT count(*) FROM states",
        "DESCRIBE states",
        "SHOW TABLES",
        "SUMMARIZE states",
    ] {
        let (batches, _) = sandbox.all(sql, Limits::default()).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert!(batches.iter().any(|b| b.num_rows() > 0), "{sql}");
    }
    let (batches, _) = sandbox.all("SELECT last_contact FROM states LIMIT 1", Limits::default()).await.unwrap();
    assert_eq!(batches[0].schema().field(0).data_type(), &contrail_types::time::timestamp());
    // The columns are known even when there is no row.
    let mut none =
        sandbox.service.query("SELECT icao24, altitude FROM states WHERE false", Limits::default()).await.unwrap();
    assert_eq!(none.schema().fields().len(), 2);
    assert!(none.next().await.unwrap().is_none());
    assert!(sandbox.service.running());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(sandbox.pinned.load(Ordering::SeqCst), 0);
}

/// Statement, and what the answer must say. The gate refuses all but those whose part starts with "sql:": DuckDB does.
const ESCAPES: &[(&str, &str)] = &[
    // Not a SELECT, or more than one.
    ("DROP TABLE states", "single SELECT"),
    ("INSERT INTO states SELECT * FROM states", "single SELECT"),
    ("CREATE TABLE t AS SELECT 1", "single SELECT"),
    ("CREATE VIEW v AS SELECT 1", "single SELECT"),
    ("CREATE SCHEMA s", "single SELECT"),
    ("CREATE MACRO f(x) AS x", "single SELECT"),
    ("COPY states TO '{lake}/x.csv'", "single SELECT"),
    ("COPY (SELECT 1) TO '/dev/stdout'", "single SELECT"),
    ("EXPORT DATABASE '{lake}/d'", "single SELECT"),
    ("ATTACH ':memory:' AS m", "single SELECT"),
    ("ATTACH '{lake}/a.db'", "single SELECT"),
    ("USE memory", "single SELECT"),
    ("SET memory_limit = '100GB'", "single SELECT"),
    ("SET search_path = 'main'", "single SELECT"),
    ("SET VARIABLE x = 1", "single SELECT"),
    ("RESET threads", "single SELECT"),
    ("PRAGMA enable_profiling", "single SELECT"),
    ("INSTALL httpfs", "single SELECT"),
    ("LOAD httpfs", "single SELECT"),
    ("CALL enable_logging()", "single SELECT"),
    ("CHECKPOINT", "single SELECT"),
    ("FORCE CHECKPOINT", "single SELECT"),
    ("BEGIN", "single SELECT"),
    ("VACUUM", "single SELECT"),
    ("PREPARE p AS SELECT 1", "single SELECT"),
    ("EXECUTE p", "single SELECT"),
    ("PIVOT states ON phase USING count(*)", "SELECT"),
    ("SELECT 1; SELECT 2", "exactly one"),
    ("SELECT 1; DROP TABLE states", "SELECT"),
    ("DROP TABLE states; SELECT 1", "SELECT"),
    ("", "exactly one"),
    (";;", "exactly one"),
    ("-- nothing", "exactly one"),
    // EXPLAIN that executes.
    ("EXPLAIN ANALYZE DROP TABLE states", "single SELECT"),
    ("EXPLAIN ANALYZE INSERT INTO states SELECT * FROM states", "single SELECT"),
    ("explain /* x */ analyze COPY states TO '{lake}/x.csv'", "single SELECT"),
    ("EXPLAIN (ANALYZE) DROP TABLE states", "sql:"),
    ("EXPLAIN EXPLAIN ANALYZE DROP TABLE states", "single SELECT"),
    ("EXPLAIN SELECT 1; DROP TABLE states", "SELECT"),
    // Table functions with an effect, or that reach files or other text.
    ("SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = '{lake}/dlog')", "enable_logging"),
    ("SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = '/nowhere')", "enable_logging"),
    ("SELECT * FROM enable_logging(storage = 'stdout')", "enable_logging"),
    ("SELECT * FROM \"ENABLE_LOGGING\"()", "enable_logging"),
    ("SELECT * FROM system.main.enable_logging()", "enable_logging"),
    ("SELECT * FROM disable_logging()", "disable_logging"),
    ("SELECT * FROM set_logging('x')", "set_logging"),
    ("SELECT * FROM enable_profiling()", "enable_profiling"),
    ("SELECT * FROM force_checkpoint()", "force_checkpoint"),
    ("SELECT * FROM checkpoint()", "checkpoint"),
    ("SELECT * FROM truncate_duckdb_logs()", "truncate_duckdb_logs"),
    (
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('from enable_logging()'))",
        "json_execute_serialized_sql",
    ),
    ("SELECT * FROM query('from enable_logging()')", "query"),
    ("SELECT * FROM query_table('states')", "query_table"),
    ("SELECT * FROM (SELECT * FROM query('select 1'))", "query"),
    ("WITH a AS (FROM query('select 1')) SELECT * FROM a", "query"),
    ("SELECT (SELECT count(*) FROM read_csv('{outside}/secret.csv'))", "read_csv"),
    ("SELECT * FROM states WHERE icao24 IN (FROM read_text('{lake}/states.parquet'))", "read_text"),
    ("SELECT * FROM read_blob('{lake}/states.parquet')", "read_blob"),
    ("SELECT * FROM read_parquet('{lake}/states.parquet')", "read_parquet"),
    ("SELECT * FROM parquet_scan('{lake}/states.parquet')", "parquet_scan"),
    ("SELECT * FROM parquet_metadata('{lake}/states.parquet')", "parquet_metadata"),
    ("SELECT * FROM read_json_auto('/proc/self/environ')", "read_json_auto"),
    ("SELECT * FROM read_duckdb('{lake}/x.db')", "read_duckdb"),
    ("SELECT * FROM sniff_csv('{outside}/secret.csv')", "sniff_csv"),
    ("SELECT * FROM glob('/**')", "glob"),
    ("SELECT * FROM duckdb_secrets()", "duckdb_secrets"),
    ("SELECT * FROM duckdb_settings()", "duckdb_settings"),
    ("SELECT * FROM duckdb_logs()", "duckdb_logs"),
    ("SELECT * FROM duckdb_extensions()", "duckdb_extensions"),
    ("SELECT * FROM duckdb_temporary_files()", "duckdb_temporary_files"),
    ("SELECT * FROM which_secret('x', 's3')", "which_secret"),
    ("SELECT * FROM contrail_scan('0')", "contrail_scan"),
    ("SELECT * FROM pragma_database_size()", "pragma_database_size"),
    ("SELECT * FROM test_all_types()", "test_all_types"),
    ("SELECT * FROM evil.range(3)", "range"),
    ("SELECT a FROM states, LATERAL (FROM glob('/*')) t(a)", "glob"),
    ("SELECT * FROM states UNION ALL SELECT * FROM read_csv('x')", "read_csv"),
    ("SELECT * FROM states ORDER BY (SELECT file FROM glob('/*'))", "glob"),
    // Functions with an effect.
    ("SELECT write_log('x')", "write_log"),
    ("SELECT WRITE_LOG('x')", "write_log"),
    ("SELECT sleep_ms(100000)", "sleep_ms"),
    ("SELECT pg_sleep(100)", "pg_sleep"),
    ("SELECT nextval('s')", "nextval"),
    ("SELECT setseed(0.5)", "setseed"),
    ("SELECT getvariable('x')", "getvariable"),
    ("SELECT getenv('HOME')", "getenv"),
    ("SELECT json_serialize_plan('select 1')", "json_serialize_plan"),
    ("SELECT * FROM states ORDER BY write_log(icao24)", "write_log"),
    ("SELECT list_transform([1], x -> sleep_ms(x))", "sleep_ms"),
    // Files by name.
    ("SELECT * FROM '{lake}/states.parquet'", "no table"),
    ("SELECT * FROM '{outside}/secret.csv'", "no table"),
    ("SELECT * FROM '/etc/passwd'", "no table"),
    ("SELECT * FROM 'http://127.0.0.1/x.parquet'", "no table"),
    ("SELECT * FROM 's3://b/x.parquet'", "no table"),
    ("SELECT * FROM \"{outside}/secret.csv\"", "no table"),
    ("DESCRIBE '{outside}/secret.csv'", "table"),
    ("SUMMARIZE '{outside}/secret.csv'", "table"),
    ("DESCRIBE SELECT * FROM '{outside}/secret.csv'", "no table"),
    ("SUMMARIZE SELECT * FROM read_csv('{outside}/secret.csv')", "read_csv"),
    ("SELECT * FROM (PIVOT '{outside}/secret.csv' ON a IN ('x'))", "no table"),
    // Unknown names.
    ("SELECT * FROM sates", "no table \"sates\""),
    ("SELECT * FROM other.states", "no table \"other.states\""),
    ("SELECT * FROM contrail_marts", "no table"),
    ("SELECT * FROM temp.states", "no table"),
    ("SELECT wrong FROM states", "sql:"),
    ("SELECT * FROM states WHERE icao24 = ?", "sql:"),
    ("SELEC 1", "sql:"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_way_out_is_refused() {
    let sandbox = sandbox(|_| {});
    let lake = sandbox.folder.path().join("lake").canonicalize().unwrap();
    let (lake, outside) = (lake.display().to_string(), sandbox.folder.path().display().to_string());
    let cases: Vec<(String, &str)> = ESCAPES
        .iter()
        .map(|(sql, part)| (sql.replace("{lake}", &lake).replace("{outside}", &outside), *part))
        .collect();
    for (sql, part) in &cases {
        let error = sandbox.error(sql, Limits::default()).await;
        match (part.strip_prefix("sql:"), &error) {
            (Some(_), QueryError::Sql(_) | QueryError::Refused(_)) => {}
            (None, QueryError::Refused(message)) => assert!(message.contains(part), "{sql}: {message}"),
            _ => panic!("{sql}: {error:?}"),
        }
    }
    // What the gate lets through by a name of its own meets DuckDB's lock.
    let files = [
        "WITH \"{outside}/secret.csv\" AS (SELECT 1) SELECT * FROM (SELECT * FROM \"{outside}/secret.csv\")",
        "SELECT * FROM (WITH \"/etc/passwd\" AS (SELECT 1) SELECT 1), \"/etc/passwd\"",
        "SELECT * FROM (WITH \"{outside}/lakeother/other.parquet\" AS (SELECT 1) SELECT 1), \"{outside}/lakeother/other.parquet\"",
        "SELECT * FROM (WITH \"{lake}/../secret.csv\" AS (SELECT 1) SELECT 1), \"{lake}/../secret.csv\"",
    ];
    for sql in files.map(|s| s.replace("{lake}", &lake).replace("{outside}", &outside)) {
        match sandbox.all(&sql, Limits::default()).await {
            Ok((batches, _)) => assert_eq!(batches[0].num_columns(), 1, "{sql} read a file"),
            Err(error) => assert!(matches!(error, QueryError::Sql(_)), "{sql}: {error}"),
        }
    }
    let mut left: Vec<String> =
        std::fs::read_dir(&lake).unwrap().map(|f| f.unwrap().file_name().to_string_lossy().into_owned()).collect();
    left.sort();
    assert_eq!(left, ["aircraft_hours.parquet", "states.parquet"], "something was written");
    assert_eq!(sandbox.number("SELECT count(*) FROM states").await, 4000);
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_end_and_the_next_statement_runs() {
    let sandbox = sandbox(|_| {});
    let limits = Limits { time: Duration::from_secs(3), ..Limits::default() };
    let deep = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let chain = format!("SELECT {}", vec!["1"; 900].join("+"));
    let nested = format!("SELECT * FROM {}states{}", "(SELECT * FROM ".repeat(400), ")".repeat(400));
    let cases = [
        "SELECT list_sum(range(800000000))",
        "SELECT len(range(200000000))",
        "SELECT len(repeat('x', 3000000000))",
        "SELECT len(repeat('x', 1000000000) || repeat('y', 1000000000))",
        "SELECT string_agg(x::VARCHAR || repeat('z', 1000)) FROM range(10000000) t(x)",
        "SELECT median(x) FROM range(200000000) t(x)",
        "SELECT list(x) FROM range(500000000) t(x)",
        "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000) c WHERE a.range * b.range % 7 = c.range % 3",
        "SELECT count(DISTINCT x * 7919 % 100000007) FROM range(500000000) t(x)",
        "SELECT * FROM range(300000000) t(x) ORDER BY hash(x) LIMIT 1 OFFSET 200000000",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
        "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT max(len(s)) FROM t",
        "SELECT regexp_matches(repeat('a', 100000000), '(a+)+$b')",
        "SELECT max(x) FROM (SELECT unnest(range(1000000000)) AS x)",
        "SELECT a.* FROM states a, states b, states c, states d ORDER BY a.longitude + d.latitude",
        deep.as_str(),
        chain.as_str(),
        nested.as_str(),
    ];
    for sql in cases {
        let short: String = sql.chars().take(80).collect();
        let begun = Instant::now();
        let outcome = sandbox.all(sql, limits).await;
        eprintln!(
            "{short}: {:?} after {:?}",
            outcome.as_ref().map(|_| "rows").map_err(ToString::to_string),
            begun.elapsed()
        );
        assert!(begun.elapsed() < Duration::from_secs(8), "{short} took {:?}", begun.elapsed());
        if let Err(QueryError::Refused(message)) = &outcome {
            panic!("{short} was not meant for the gate: {message}");
        }
        assert_eq!(sandbox.number("SELECT count(*) FROM states").await, 4000, "after {short}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_time_rows_and_bytes() {
    let sandbox = sandbox(|_| {});
    assert_eq!(sandbox.number("SELECT 1").await, 1);
    let begun = Instant::now();
    let limits = Limits { time: Duration::from_millis(300), ..Limits::default() };
    let slow = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7";
    let error = sandbox.error(slow, limits).await;
    assert!(matches!(error, QueryError::Timeout(_)) && error.to_string().contains("0.3 s"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());

    for (rows, expected, cut) in
        [(10, 10, true), (3999, 3999, true), (4000, 4000, false), (4001, 4000, false), (1, 1, true), (0, 0, true)]
    {
        let limits = Limits { rows, ..Limits::default() };
        let (batches, truncated) = sandbox.all("SELECT * FROM states", limits).await.unwrap();
        assert_eq!((batches.iter().map(RecordBatch::num_rows).sum::<usize>(), truncated), (expected, cut), "{rows}");
    }
    let limits = Limits { rows: u64::MAX / 2, bytes: 1 << 20, time: Duration::from_secs(20) };
    let (batches, truncated) =
        sandbox.all("SELECT x, repeat('x', 100) FROM range(50000000) t(x)", limits).await.unwrap();
    let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    assert!(truncated && bytes < 8 << 20, "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_statements_free_their_place_and_their_files() {
    let sandbox = sandbox(|o| o.concurrent = 1);
    let endless = "SELECT a.icao24, b.longitude * c.latitude AS x FROM states a, states b, states c";
    for _ in 0..3 {
        let limits = Limits { rows: u64::MAX / 2, bytes: u64::MAX / 2, time: Duration::from_secs(30) };
        let mut rows = sandbox.service.query(endless, limits).await.unwrap();
        assert!(rows.next().await.unwrap().is_some());
        assert_eq!(sandbox.pinned.load(Ordering::SeqCst), 1);
        drop(rows);
        // There is one place only: this waits for the other to end.
        let begun = Instant::now();
        assert_eq!(sandbox.number("SELECT 7").await, 7);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
    // Given up on before there was a row.
    let slow = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7";
    let waiting = sandbox.service.query(slow, Limits::default());
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    assert_eq!(sandbox.number("SELECT 8").await, 8);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(sandbox.pinned.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_child_is_an_error_and_the_next_statement_starts_another() {
    let sandbox = sandbox(|_| {});
    let slow = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 7";
    assert_eq!(sandbox.number("SELECT 1").await, 1);
    let service = sandbox.service.clone();
    let running = tokio::spawn(async move { service.query(slow, Limits::default()).await.err() });
    while sandbox.service.active() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    sandbox.service.stop().await;
    assert!(!sandbox.service.running());
    let error = running.await.unwrap().unwrap();
    assert!(matches!(error, QueryError::Ended(_)), "{error:?}");
    assert_eq!(sandbox.number("SELECT 2").await, 2);
    assert!(sandbox.service.running());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_child_goes_and_comes_back() {
    let sandbox = sandbox(|o| o.idle = Duration::from_millis(200));
    assert_eq!(sandbox.number("SELECT 1").await, 1);
    let begun = Instant::now();
    while sandbox.service.running() {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sandbox.number("SELECT 2").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_run_side_by_side_and_a_broken_table_says_so() {
    let sandbox = sandbox(|_| {});
    let many = (0..12).map(|i| {
        sandbox.all(
            if i % 3 == 0 { "SELECT sum(hash(a.range)) FROM range(3000000) a" } else { "SELECT * FROM states" },
            Limits::default(),
        )
    });
    for outcome in futures::future::join_all(many).await {
        outcome.unwrap();
    }
    let error = sandbox.error("SELECT * FROM country_stats", Limits::default()).await;
    assert!(matches!(&error, QueryError::Table { table, .. } if table == "country_stats"), "{error}");
    std::fs::write(sandbox.folder.path().join("lake/aircraft_hours.parquet"), b"no parquet").unwrap();
    let error = sandbox.error("SELECT * FROM aircraft_hours", Limits::default()).await;
    assert!(matches!(error, QueryError::File(_)) && error.to_string().contains("contrail tables repair"), "{error}");
    assert_eq!(sandbox.number("SELECT count(*) FROM states").await, 4000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_cannot_start_is_reported() {
    let sandbox = sandbox(|o| o.program = Some(("/nowhere/at/all".into(), Vec::new())));
    assert!(matches!(sandbox.error("SELECT 1", Limits::default()).await, QueryError::Start(_)));
    let sandbox = self::sandbox(|o| o.program = Some(("/bin/false".into(), Vec::new())));
    assert!(matches!(sandbox.error("SELECT 1", Limits::default()).await, QueryError::Ended(_)));
}

#[tokio::test]
async fn tables_as_they_were() {
    let sandbox = sandbox(|_| {});
    let count = async |sql: &str, as_of: Option<&str>| {
        let mut rows = sandbox.service.query_at(sql, as_of, Limits::default()).await?;
        let batch = rows.next().await?.expect("a count is a row");
        Ok::<_, QueryError>(batch.column(0).as_primitive::<Int64Type>().value(0))
    };
    let now = count("SELECT count(*) FROM states", None).await.unwrap();
    assert!(now > 0);
    let of_before = [
        "SELECT count(*) FROM states AT (VERSION => 1)",
        "SELECT count(states.icao24) FROM States AT (VERSION => 'first')",
        "SELECT count(s.icao24) FROM states AS s AT (TIMESTAMP => TIMESTAMP '2026-01-31')",
        "WITH w AS (SELECT * FROM states AT (VERSION => 1)) SELECT count(*) FROM w",
    ];
    for sql in of_before {
        assert_eq!(count(sql, None).await.unwrap(), 0, "{sql}");
    }
    assert_eq!(count("SELECT count(*) FROM states", Some("1")).await.unwrap(), 0);
    let both = "SELECT (SELECT count(*) FROM states) - (SELECT count(*) FROM states AT (VERSION => 1))";
    assert_eq!(count(both, None).await.unwrap(), now);
    for (sql, says) in [
        ("SELECT count(*) FROM states AT (VERSION => 2)", "nothing to show for 2"),
        ("SELECT count(*) FROM states AT (TIMESTAMP => now())", "AT takes a constant"),
        ("SELECT count(*) FROM elsewhere AT (VERSION => 1)", "there is no table"),
        ("SELECT count(*) FROM read_csv('x') AT (VERSION => 1)", ""),
    ] {
        let error = count(sql, None).await.unwrap_err();
        assert!(matches!(error, QueryError::Refused(_) | QueryError::Sql(_)), "{sql}: {error:?}");
        assert!(error.to_string().contains(says), "{sql}: {error}");
    }
}
