//! The parent's side: starts the child, hands over tables, reads rows, and ends what does not end by itself.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use contrail_types::{Column, TableDef};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::child::Setup;
use super::wire::{self, Done, Failed, Kind, Named, Request, Table, Why};
use super::{CHILD_ENV, Limits, Plan, QueryError, QueryOptions, Span, Tables};
use crate::engine::{empty_sql, files_sql, quoted, sql_type};

/// How long past its time a statement may take to hear that it is over; then the child is killed.
const GRACE: Duration = Duration::from_millis(1500);
/// How long a child may take to listen.
const START: Duration = Duration::from_secs(10);

/// Runs users' statements. Cheap to clone; the child ends with the last clone.
#[derive(Clone)]
pub struct QueryService(Arc<Inner>);

struct Inner {
    options: QueryOptions,
    tables: Arc<dyn Tables>,
    child: tokio::sync::Mutex<Option<Running>>,
    permits: Arc<Semaphore>,
    /// Number of the child that runs now, 0 for none.
    current: AtomicU64,
    started: AtomicU64,
    active: AtomicUsize,
    /// Number of a child whose memory a statement has used up: DuckDB gives little of it back, so it goes when it can.
    spent: AtomicU64,
    used: Mutex<Instant>,
}

struct Running {
    process: Child,
    number: u64,
    folder: PathBuf,
    last_words: Arc<Mutex<Vec<u8>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// How a statement ended, known after its last row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    pub rows: u64,
    /// A limit cut the result off.
    pub truncated: bool,
    pub took: Duration,
}

impl QueryService {
    /// Nothing is started until the first statement.
    pub fn new(options: QueryOptions, tables: Arc<dyn Tables>) -> Self {
        Self(Arc::new(Inner {
            permits: Arc::new(Semaphore::new(options.concurrent.max(1))),
            options,
            tables,
            child: tokio::sync::Mutex::default(),
            current: AtomicU64::new(0),
            started: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            spent: AtomicU64::new(0),
            used: Mutex::new(Instant::now()),
        }))
    }

    /// Gates the statement, plans its tables and starts it; returns once its columns are known.
    pub async fn query(&self, sql: &str, limits: Limits) -> Result<Rows, QueryError> {
        self.query_at(sql, None, limits).await
    }

    /// Like [`QueryService::query`], every table as it was at `as_of` (a snapshot id, a time or a tag), unless the
    /// statement says otherwise of it.
    pub async fn query_at(&self, sql: &str, as_of: Option<&str>, limits: Limits) -> Result<Rows, QueryError> {
        let started = Instant::now();
        let deadline = started + limits.time;
        let permit = tokio::time::timeout_at(deadline.into(), self.0.permits.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(QueryError::Timeout(limits.time)) };
        let mut rows = Rows {
            link: Some(self.0.connect(permit).await?),
            decoder: StreamDecoder::new(),
            schema: Arc::new(arrow::datatypes::Schema::empty()),
            ready: None,
            pins: Vec::new(),
            limits,
            started,
            summary: Summary::default(),
        };
        let defs = self.0.tables.names();
        let left = deadline.saturating_duration_since(Instant::now());
        let request = Request {
            sql: sql.to_owned(),
            known: defs.iter().map(|d| d.name.clone()).collect(),
            rows: limits.rows,
            bytes: limits.bytes,
            time_ms: left.as_millis() as u64,
        };
        rows.send(Kind::Request, &wire::json(&request)).await?;
        let named: Named = match rows.receive().await? {
            (Kind::Named, body) => wire::parse(&body).map_err(|e| QueryError::Ended(e.to_string()))?,
            (kind, body) => return Err(rows.failure(kind, &body)),
        };
        let spans = |name: &str| named.spans.get(name).map_or(&[][..], Vec::as_slice);
        for def in &defs {
            if named.tables.contains(&def.name) {
                rows.hand_over(def, self.0.plan(&def.name, as_of, spans(&def.name)).await?).await?;
            } else if named.catalogue {
                rows.hand_over(def, Plan::of(crate::Input::default())).await?;
            }
        }
        for version in &named.versions {
            let Some(def) = defs.iter().find(|def| def.name == version.table) else { continue };
            let plan = self.0.plan(&def.name, Some(&version.at), spans(&version.name)).await?;
            rows.hand_over(&TableDef { name: version.name.clone(), ..def.clone() }, plan).await?;
        }
        rows.send(Kind::Go, b"").await?;
        rows.ready = rows.read().await?;
        Ok(rows)
    }

    /// Whether a child is there, for `status`.
    pub fn running(&self) -> bool {
        self.0.current.load(Ordering::SeqCst) != 0
    }

    /// Statements that have begun.
    #[cfg(test)]
    pub(crate) fn active(&self) -> usize {
        self.0.active.load(Ordering::SeqCst)
    }

    /// Ends the child, if there is one; running statements fail.
    pub async fn stop(&self) {
        self.0.end(None, "stopped").await;
    }
}

impl Inner {
    /// A socket to a child that listens, started if there is none.
    /// A version that is not there is the statement's fault; everything else is the lake's.
    async fn plan(&self, table: &str, at: Option<&str>, spans: &[Span]) -> Result<Plan, QueryError> {
        self.tables.plan(table, at, spans).await.map_err(|message| match at {
            Some(_) => QueryError::Refused(message),
            None => QueryError::Table { table: table.to_owned(), message },
        })
    }

    async fn connect(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Result<Link, QueryError> {
        let mut child = self.child.lock().await;
        if let Some(running) = child.as_mut() {
            let alive = matches!(running.process.try_wait(), Ok(None));
            let spent = self.spent.load(Ordering::SeqCst) == running.number && self.active.load(Ordering::SeqCst) == 0;
            if alive
                && !spent
                && let Ok(socket) = UnixStream::connect(running.folder.join("socket")).await
            {
                return Ok(Link::new(self.clone(), socket, running.number, permit));
            }
            *child = None;
        }
        let mut running = self.start().map_err(QueryError::Start)?;
        let begun = Instant::now();
        let socket = loop {
            if let Ok(socket) = UnixStream::connect(running.folder.join("socket")).await {
                break socket;
            }
            if let Ok(Some(status)) = running.process.try_wait() {
                return Err(QueryError::Ended(format!("at its start, {status}{}", running.said())));
            }
            if begun.elapsed() > START {
                return Err(QueryError::Ended("it did not start to listen".into()));
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        };
        let number = running.number;
        tracing::debug!(number, took_ms = begun.elapsed().as_millis() as u64, "query process started");
        self.current.store(number, Ordering::SeqCst);
        *child = Some(running);
        tokio::spawn(end_when_idle(Arc::downgrade(self), number));
        Ok(Link::new(self.clone(), socket, number, permit))
    }

    fn start(&self) -> std::io::Result<Running> {
        let number = self.started.fetch_add(1, Ordering::SeqCst) + 1;
        let folder = private_folder()?;
        let setup = Setup {
            socket: folder.join("socket"),
            // DuckDB compares resolved paths.
            folders: self.options.folders.iter().map(|f| f.canonicalize().unwrap_or_else(|_| f.clone())).collect(),
            process_memory: self.options.process_memory,
            memory: self.options.memory,
            threads: self.options.threads,
        };
        let (program, arguments) = match &self.options.program {
            Some((program, arguments)) => (program.clone(), arguments.clone()),
            None => (std::env::current_exe()?, Vec::new()),
        };
        let mut command = Command::new(program);
        // Nothing of our environment, secrets least of all, but what the loader needs to find the library.
        command.args(arguments).env_clear().env(CHILD_ENV, String::from_utf8_lossy(&wire::json(&setup)).as_ref());
        for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().inspect_err(|_| {
            let _ = std::fs::remove_dir_all(&folder);
        })?;
        let last_words = Arc::new(Mutex::new(Vec::new()));
        if let Some(mut stderr) = process.stderr.take() {
            let words = last_words.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
                    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
                    words.extend_from_slice(&buffer[..n]);
                    let spare = words.len().saturating_sub(2048);
                    words.drain(..spare);
                }
            });
        }
        Ok(Running { process, number, folder, last_words })
    }

    /// Kills the child (only the one of that number, if given) and says how it ended.
    async fn end(&self, number: Option<u64>, why: &str) -> Option<String> {
        let mut child = self.child.lock().await;
        if number.is_some_and(|n| child.as_ref().is_none_or(|c| c.number != n)) {
            return None;
        }
        let mut running = child.take()?;
        self.current.store(0, Ordering::SeqCst);
        let by_itself = running.process.try_wait().ok().flatten();
        let _ = running.process.kill().await;
        let words = match by_itself {
            Some(status) => format!("{status}{}", running.said()),
            None => why.to_owned(),
        };
        tracing::debug!(number = running.number, words, "query process ended");
        Some(words)
    }
}

impl Running {
    fn said(&self) -> String {
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let words = String::from_utf8_lossy(&words);
        let lines: Vec<&str> = words.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(3)..].join("; ");
        if last.is_empty() { last } else { format!(": {last}") }
    }
}

/// A folder that only this user can enter, short enough for a socket's path.
fn private_folder() -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
        let name = format!("contrail-{}-{}-{unique:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            outcome => return outcome.map(|()| folder),
        }
    }
}

async fn end_when_idle(inner: Weak<Inner>, number: u64) {
    loop {
        let Some(idle) = inner.upgrade().map(|i| i.options.idle) else { return };
        tokio::time::sleep((idle / 4).max(Duration::from_millis(20))).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.current.load(Ordering::SeqCst) != number {
            return;
        }
        let unused = inner.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        if inner.active.load(Ordering::SeqCst) == 0 && unused >= idle {
            inner.end(Some(number), "idle").await;
            return;
        }
    }
}

/// A socket on which a statement runs, and what it holds while it does.
struct Link {
    inner: Arc<Inner>,
    socket: UnixStream,
    child: u64,
    _permit: OwnedSemaphorePermit,
}

impl Link {
    fn new(inner: Arc<Inner>, socket: UnixStream, child: u64, permit: OwnedSemaphorePermit) -> Self {
        inner.active.fetch_add(1, Ordering::SeqCst);
        Self { inner, socket, child, _permit: permit }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        *self.inner.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.inner.active.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Rows of a running statement. Dropping it cancels the statement.
pub struct Rows {
    link: Option<Link>,
    decoder: StreamDecoder,
    schema: SchemaRef,
    /// The batch that came with the columns.
    ready: Option<RecordBatch>,
    pins: Vec<Box<dyn std::any::Any + Send + Sync>>,
    limits: Limits,
    started: Instant,
    summary: Summary,
}

impl Rows {
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The next rows, `None` after the last; an error ends the stream.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        match self.ready.take() {
            Some(batch) => Ok(Some(batch)),
            None => self.read().await,
        }
    }

    /// How it ended; meaningful once `next` has returned `None`.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Reads on until there are rows or the end; the first call returns as soon as the columns are known.
    async fn read(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        while self.link.is_some() {
            let first = self.schema.fields().is_empty();
            let (kind, body) = self.receive().await?;
            match kind {
                Kind::Data => {
                    if first {
                        // The decoder tells the columns only once it has seen what follows them.
                        let schema = arrow::ipc::convert::try_schema_from_ipc_buffer(&body);
                        self.schema = Arc::new(schema.map_err(|e| QueryError::Ended(e.to_string()))?);
                    }
                    let mut buffer = Buffer::from_vec(body);
                    let mut found = None;
                    while !buffer.is_empty() {
                        let batch = self.decoder.decode(&mut buffer).map_err(|e| QueryError::Ended(e.to_string()))?;
                        // A frame holds at most one batch.
                        found = found.or(batch);
                    }
                    if found.is_some() || first {
                        return Ok(found);
                    }
                }
                Kind::Done => {
                    let done: Done = wire::parse(&body).map_err(|e| QueryError::Ended(e.to_string()))?;
                    self.summary = Summary { rows: done.rows, truncated: done.truncated, took: self.started.elapsed() };
                    self.link = None;
                    self.pins.clear();
                }
                _ => return Err(self.failure(kind, &body)),
            }
        }
        Ok(None)
    }

    async fn hand_over(&mut self, def: &TableDef, plan: Plan) -> Result<(), QueryError> {
        let mut sql = Vec::new();
        let shown = plan.shown.as_ref().unwrap_or(def);
        if !plan.input.files.is_empty() {
            sql.push(files_sql(shown, &plan.input.files));
        } else if plan.input.batches.is_empty() {
            sql.push(empty_sql(shown));
        }
        let rows = TableDef { ids: plan.input.ids.clone(), ..def.clone() };
        let columns = columns_as(&rows, shown);
        let table = Table { name: def.name.clone(), sql, columns, batches: plan.input.batches.len() };
        self.pins.push(plan.pin);
        self.send(Kind::Table, &wire::json(&table)).await?;
        for batch in &plan.input.batches {
            let encode = || -> Result<Vec<u8>, arrow::error::ArrowError> {
                let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
                writer.write(batch)?;
                writer.into_inner()
            };
            let bytes = encode().map_err(|e| QueryError::Table { table: def.name.clone(), message: e.to_string() })?;
            self.send(Kind::Batches, &bytes).await?;
        }
        Ok(())
    }

    /// Until when the child must have said something.
    fn patience(&self) -> tokio::time::Instant {
        (self.started + self.limits.time + GRACE).into()
    }

    async fn send(&mut self, kind: Kind, body: &[u8]) -> Result<(), QueryError> {
        let until = self.patience();
        let Some(link) = self.link.as_mut() else { return Err(QueryError::Cancelled) };
        let all = async {
            link.socket.write_all(&wire::head(kind, body.len())).await?;
            link.socket.write_all(body).await
        };
        match tokio::time::timeout_at(until, all).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.ended().await),
            Err(_) => Err(self.out_of_hand().await),
        }
    }

    async fn receive(&mut self) -> Result<(Kind, Vec<u8>), QueryError> {
        let until = self.patience();
        let Some(link) = self.link.as_mut() else { return Err(QueryError::Cancelled) };
        let frame = async {
            let mut head = [0; 5];
            link.socket.read_exact(&mut head).await?;
            let (kind, length) = wire::read_head(head)?;
            let mut body = vec![0; length];
            link.socket.read_exact(&mut body).await?;
            std::io::Result::Ok((kind, body))
        };
        match tokio::time::timeout_at(until, frame).await {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(_)) => Err(self.ended().await),
            Err(_) => Err(self.out_of_hand().await),
        }
    }

    /// The child closed the socket without an answer.
    async fn ended(&mut self) -> QueryError {
        let Some(link) = self.link.take() else { return QueryError::Cancelled };
        // A process that is dying may not be dead yet.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let words = link.inner.end(Some(link.child), "it stopped answering").await;
        QueryError::Ended(words.unwrap_or_else(|| "it was ended".into()))
    }

    /// The child did not stop when told to.
    async fn out_of_hand(&mut self) -> QueryError {
        if let Some(link) = self.link.take() {
            tracing::warn!("a statement did not stop at its time limit, ending the query process");
            link.inner.end(Some(link.child), "a statement did not stop at its time limit").await;
        }
        QueryError::Timeout(self.limits.time)
    }

    fn failure(&mut self, kind: Kind, body: &[u8]) -> QueryError {
        let link = self.link.take();
        self.pins.clear();
        let Ok(failed) = wire::parse::<Failed>(body) else {
            return QueryError::Ended(format!("unexpected answer {kind:?}"));
        };
        if let (Why::Memory, Some(link)) = (failed.why, link) {
            link.inner.spent.store(link.child, Ordering::SeqCst);
        }
        match failed.why {
            Why::Refused => QueryError::Refused(failed.message),
            Why::Sql => QueryError::Sql(failed.message),
            Why::File => QueryError::File(failed.message),
            Why::Timeout => QueryError::Timeout(self.limits.time),
            Why::Memory => QueryError::Memory,
            Why::Cancelled => QueryError::Cancelled,
        }
    }
}

/// The list that selects rows under the columns that are shown, found by field id.
fn columns_as(rows: &TableDef, shown: &TableDef) -> Vec<String> {
    let expression = |(column, id): (&Column, Option<i32>)| {
        let own = rows.all_columns().find(|(_, own)| own.is_some() && *own == id);
        let (name, kind) = (quoted(&column.name), sql_type(&column.data_type));
        match own {
            Some((own, _)) if own == column => name,
            Some((own, _)) => format!("CAST({} AS {kind}) AS {name}", quoted(&own.name)),
            None => format!("CAST(NULL AS {kind}) AS {name}"),
        }
    };
    shown.all_columns().map(expression).collect()
}

impl Drop for Rows {
    fn drop(&mut self) {
        let (Some(mut link), pins) = (self.link.take(), std::mem::take(&mut self.pins)) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Closing our side tells the child to stop; files stay pinned and the place taken until it has.
        runtime.spawn(async move {
            let _ = link.socket.shutdown().await;
            let mut rest = [0; 8192];
            let drained = async { while let Ok(1..) = link.socket.read(&mut rest).await {} };
            if tokio::time::timeout(GRACE, drained).await.is_err() {
                link.inner.end(Some(link.child), "a statement did not stop when it was cancelled").await;
            }
            drop(pins);
        });
    }
}
