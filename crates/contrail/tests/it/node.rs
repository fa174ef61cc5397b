//! A real node in a process of its own, on a folder and a port of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub const BINARY: &str = env!("CARGO_BIN_EXE_contrail");

/// Long enough for a machine that does other things as well.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// Recordings are older than rows are kept for.
pub const KEEP: [&str; 3] = [
    "maintain.keep.states_raw=36500days",
    "maintain.keep.dead_letters=36500days",
    "maintain.keep.aircraft_cells=36500days",
];

/// A command of the binary that reads no configuration of the machine's.
pub fn contrail(folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.current_dir(folder).env("XDG_CONFIG_HOME", folder).env("NO_COLOR", "1").env_remove("OPENSKY_CLIENT_ID");
    command
}

/// Runs a command to its end: exit code, standard output, standard error.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A process that announces its address on standard output.
pub struct Node {
    child: Child,
    pub address: String,
}

impl Node {
    /// Starts it and waits for the line with its address.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut errors = child.stderr.take().expect("piped");
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            if out.read_line(&mut line).unwrap_or(0) == 0 {
                let _ = child.wait();
                panic!("the process ended before it said its address:\n{}", said.join().unwrap_or_default());
            }
            if let Some(at) = line.find("http://") {
                let rest = &line[at + 7..];
                break rest.split(['/', '\n', ' ']).next().unwrap_or_default().to_owned();
            }
        };
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Self { child, address }
    }

    /// GET, JSON.
    pub fn get(&self, path: &str) -> Option<Value> {
        get(&self.address, path)
    }

    /// Asks for the status until it is as wanted.
    pub fn wait(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while Instant::now() < until {
            if let Some(status) = self.get("/api/v1/status") {
                if wanted(&status) {
                    return status;
                }
                last = status;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("not within {PATIENCE:?}: {what}; the last status was {last:#}");
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) -> i32 {
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the node did not stop within {PATIENCE:?}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// GET from an address, JSON.
pub fn get(address: &str, path: &str) -> Option<Value> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(socket, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).ok()?;
    let at = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    serde_json::from_slice(&answer[at + 4..]).ok()
}

/// Rows of a statement over a folder on which nothing runs.
pub fn sql(folder: &Path, statement: &str) -> Vec<Value> {
    // Millions of rows after a thousand kills, counted exactly: more than a statement may take by default.
    let room = ["--set", "query.memory=4GB", "--set", "query.process_memory=6GB"];
    let (code, out, error) =
        run(contrail(folder).args(["--data-dir", "data"]).args(room).args(["sql", "--format", "json", statement]));
    assert_eq!(code, 0, "{statement}: {error}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{statement}: {e} in {out}"))
}

/// One number.
pub fn count(folder: &Path, statement: &str) -> i64 {
    let rows = sql(folder, statement);
    let first = rows[0].as_object().and_then(|row| row.values().next().cloned());
    first.and_then(|value| value.as_i64()).unwrap_or_else(|| panic!("{statement}: {rows:?}"))
}

/// `contrail verify` finds nothing wrong.
pub fn verify(folder: &Path) {
    let (code, out, error) = run(contrail(folder).args(["--data-dir", "data", "verify"]));
    assert_eq!(code, 0, "verify: {out}{error}");
}

/// Whether a feed has ended and everything of it has landed.
pub fn played(status: &Value) -> bool {
    let ended = status["feeds"]
        .as_array()
        .is_some_and(|feeds| !feeds.is_empty() && feeds.iter().all(|feed| feed["state"] == "ended"));
    ended && status["log"]["lag_rows"] == 0
}
