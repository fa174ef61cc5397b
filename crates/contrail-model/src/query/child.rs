//! The query process: a DuckDB of its own, locked down, that runs gated statements under limits and streams rows back.

use std::io::Read;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use duckdb::Connection;
use serde::{Deserialize, Serialize};

use super::wire::{self, Done, Failed, Kind, Request, Table, Why};
use super::{CHILD_ENV, gate, process};
use crate::engine::scan::{Lease, Scans};
use crate::engine::{SETTINGS, literal, of_file, relabel, scan};

/// What the parent tells its child in the environment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub socket: PathBuf,
    pub folders: Vec<PathBuf>,
    pub process_memory: u64,
    pub memory: u64,
    pub threads: u32,
}

/// The child's whole life; call it instead of everything else when [`CHILD_ENV`] is set, and exit with what it returns.
pub fn child_main() -> i32 {
    let setup = std::env::var(CHILD_ENV).ok().and_then(|text| serde_json::from_str::<Setup>(&text).ok());
    let Some(setup) = setup else {
        eprintln!("{CHILD_ENV} is for contrail's own use and holds nothing that it wrote");
        return 2;
    };
    // Without a parent there is nobody to answer: its end of our standard input closes with it.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        process::exit_now(0);
    });
    process::limit(setup.process_memory);
    match serve(&setup) {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("query process: {message}");
            1
        }
    }
}

fn serve(setup: &Setup) -> Result<(), String> {
    let scans = Arc::new(Scans::default());
    let root = open(setup, &scans).map_err(|e| e.to_string())?;
    let root = Arc::new(Mutex::new(root));
    let listener = UnixListener::bind(&setup.socket).map_err(|e| format!("{}: {e}", setup.socket.display()))?;
    for socket in listener.incoming() {
        let Ok(socket) = socket else { continue };
        let (root, scans) = (root.clone(), scans.clone());
        // Twice the stack of a main thread: DuckDB parses and binds by recursion.
        let worker = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
            let connection = root.lock().unwrap_or_else(PoisonError::into_inner).try_clone();
            if let Ok(connection) = connection {
                // A parent that has gone away needs no answer.
                let _ = statement(&connection, &scans, socket);
            }
        });
        if let Err(error) = worker {
            eprintln!("query process: no thread for a statement: {error}");
        }
    }
    Ok(())
}

fn open(setup: &Setup, scans: &Arc<Scans>) -> duckdb::Result<Connection> {
    let root = Connection::open_in_memory()?;
    scan::register(&root, scans)?;
    let folders: Vec<String> = setup.folders.iter().map(|f| literal(&f.to_string_lossy())).collect();
    root.execute_batch(&format!(
        "{SETTINGS}
         SET GLOBAL memory_limit = '{}B';
         SET GLOBAL threads = {};
         SET GLOBAL temp_directory = '';
         SET GLOBAL allowed_directories = [{}];
         SET GLOBAL enable_external_access = false;
         SET GLOBAL lock_configuration = true;",
        setup.memory,
        setup.threads.max(1),
        folders.join(", ")
    ))?;
    Ok(root)
}

/// One socket, one statement.
fn statement(connection: &Connection, scans: &Arc<Scans>, mut socket: UnixStream) -> std::io::Result<()> {
    let (_, body) = wire::receive(&mut socket)?;
    let request: Request = wire::parse(&body)?;
    let outcome = match gate::gate(connection, &request.sql, &request.known) {
        Err(failed) => Err(failed),
        Ok(passed) => {
            wire::send(&mut socket, Kind::Named, &wire::json(&passed.named))?;
            let mut leases = Vec::new();
            let tables = tables(connection, scans, &mut socket, &mut leases)?;
            match tables {
                Err(failed) => Err(failed),
                Ok(()) => run(connection, &passed.sql, &request, &mut socket),
            }
        }
    };
    match outcome {
        Ok(done) => wire::send(&mut socket, Kind::Done, &wire::json(&done)),
        Err(failed) => wire::send(&mut socket, Kind::Failed, &wire::json(&failed)),
    }
}

/// Makes a view of this connection for each table that the parent hands over.
fn tables(
    connection: &Connection,
    scans: &Arc<Scans>,
    socket: &mut UnixStream,
    leases: &mut Vec<Lease>,
) -> std::io::Result<Result<(), Failed>> {
    let mut outcome = Ok(());
    loop {
        let (kind, body) = wire::receive(socket)?;
        if kind != Kind::Table {
            return Ok(outcome);
        }
        let table: Table = wire::parse(&body)?;
        let mut parts = table.sql;
        for _ in 0..table.batches {
            let (_, body) = wire::receive(socket)?;
            let invalid = |e| std::io::Error::new(std::io::ErrorKind::InvalidData, e);
            let reader = StreamReader::try_new(body.as_slice(), None).map_err(invalid)?;
            let schema = reader.schema();
            let batches = reader.collect::<Result<Vec<RecordBatch>, _>>().map_err(invalid)?;
            let lease = scans.lease(schema, batches);
            parts.push(format!("SELECT {} FROM {}", table.columns.join(", "), lease.sql()));
            leases.push(lease);
        }
        let sql = format!("CREATE TEMP VIEW \"{}\" AS {}", table.name, parts.join(" UNION ALL "));
        if let Err(error) = connection.execute_batch(&sql) {
            let failed = failed(error);
            outcome = Err(Failed { message: format!("table {}: {}", table.name, failed.message), ..failed });
        }
    }
}

const RUNNING: u8 = 0;
const TIMED_OUT: u8 = 1;
const CANCELLED: u8 = 2;

/// Runs the statement and streams its rows; a watch beside it interrupts on time-out and when the parent goes away.
fn run(connection: &Connection, sql: &str, request: &Request, socket: &mut UnixStream) -> Result<Done, Failed> {
    let io = |e: std::io::Error| Failed { why: Why::Cancelled, message: e.to_string() };
    let (state, finished) = (Arc::new(AtomicU8::new(RUNNING)), Arc::new(AtomicBool::new(false)));
    let watch = {
        let (state, finished) = (state.clone(), finished.clone());
        let (mut listen, interrupt) = (socket.try_clone().map_err(io)?, connection.interrupt_handle());
        let deadline = Instant::now() + Duration::from_millis(request.time_ms);
        let watch = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                let _ = listen.set_read_timeout(Some(left.max(Duration::from_millis(1))));
                let gone = match listen.read(&mut [0; 1]) {
                    Ok(_) => true,
                    Err(e) => !matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
                };
                if gone || Instant::now() >= deadline {
                    state.store(if gone { CANCELLED } else { TIMED_OUT }, Ordering::SeqCst);
                    break;
                }
            }
            // Said again until heard: an interrupt between two steps of the work is lost.
            while !finished.load(Ordering::SeqCst) {
                interrupt.interrupt();
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        watch.map_err(io)?
    };
    let outcome = stream(connection, sql, request, socket);
    let ended_by = state.load(Ordering::SeqCst);
    finished.store(true, Ordering::SeqCst);
    // The watch must be gone before the connection is: its handle points into it.
    let _ = socket.shutdown(Shutdown::Read);
    let _ = watch.join();
    outcome.map_err(|failed| match ended_by {
        TIMED_OUT => Failed { why: Why::Timeout, ..failed },
        CANCELLED => Failed { why: Why::Cancelled, ..failed },
        _ => failed,
    })
}

fn stream(connection: &Connection, sql: &str, request: &Request, socket: &mut UnixStream) -> Result<Done, Failed> {
    let arrow = |e: arrow::error::ArrowError| Failed { why: Why::Sql, message: e.to_string() };
    let gone = |e: std::io::Error| Failed { why: Why::Cancelled, message: e.to_string() };
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let schema = statement.stream_arrow([]).map_err(failed)?.get_schema();
    let schema = relabel(&RecordBatch::new_empty(schema)).schema();
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).map_err(arrow)?;
    let (mut rows, mut bytes, mut truncated) = (0, 0, false);
    loop {
        if !writer.get_ref().is_empty() {
            wire::send(socket, Kind::Data, writer.get_ref()).map_err(gone)?;
            writer.get_mut().clear();
        }
        // One row more than asked for tells whether the limit cut anything off.
        let Some(next) = statement.step().map_err(failed)? else { break };
        let batch = relabel(&RecordBatch::from(&next));
        let left = request.rows - rows;
        if batch.num_rows() as u64 > left {
            truncated = true;
        }
        let batch = batch.slice(0, (batch.num_rows() as u64).min(left) as usize);
        rows += batch.num_rows() as u64;
        bytes += batch.get_array_memory_size() as u64;
        if batch.num_rows() > 0 {
            writer.write(&batch).map_err(arrow)?;
        }
        truncated |= bytes > request.bytes;
        if truncated {
            break;
        }
    }
    writer.finish().map_err(arrow)?;
    wire::send(socket, Kind::Data, writer.get_ref()).map_err(gone)?;
    Ok(Done { rows, truncated })
}

/// Tells a want of memory and a damaged file from everything else that DuckDB may say.
pub(super) fn failed(error: duckdb::Error) -> Failed {
    let message = error.to_string().trim_end_matches([':', ' ']).to_owned();
    let memory = ["Out of Memory", "bad allocation", "bad_alloc", "could not allocate", "failed to allocate"];
    let why = match &message {
        text if memory.iter().any(|m| text.contains(m)) => Why::Memory,
        text if of_file(text) => Why::File,
        _ => Why::Sql,
    };
    Failed { why, message }
}
