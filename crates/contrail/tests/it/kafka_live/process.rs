//! A process that need not announce an address, and whose words can be read while it runs.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::node::{PATIENCE, get};

pub struct Process {
    child: Child,
    words: PathBuf,
    /// Where in the file this process began.
    from: usize,
}

impl Process {
    /// Starts it; all that it says is added to a file.
    pub fn start(command: &mut Command, words: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(words).expect("a file for its words");
        let from = file.metadata().expect("a file").len() as usize;
        let errors = file.try_clone().expect("a file");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn().expect("the binary starts");
        Self { child, words: words.into(), from }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(&self.words).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.from..).unwrap_or_default()).into_owned()
    }

    pub fn wait_said(&self, what: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.said().contains(what) {
            assert!(Instant::now() < until, "it does not say {what:?} but:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// GET from the address that it has announced, JSON.
    pub fn get(&self, path: &str) -> Option<Value> {
        get(&self.address()?, path)
    }

    pub fn address(&self) -> Option<String> {
        let said = self.said();
        let rest = said.split_once("Contrail is up: http://")?.1;
        rest.split_once('\n').map(|(address, _)| address.to_owned())
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub fn signal(&self, signal: i32) {
        // SAFETY: a number to a child that has not been waited for.
        let sent = unsafe { libc::kill(self.child.id() as i32, signal) };
        assert_eq!(sent, 0, "the process is there");
    }

    /// Whether a SIGSTOP has taken effect.
    pub fn is_stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.kill_now();
    }

    /// SIGKILL, where another one takes its place.
    pub fn kill_now(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; it must end well.
    pub fn stop(self) {
        self.signal(libc::SIGTERM);
        let (code, said) = self.end();
        assert_eq!(code, 0, "{said}");
    }

    /// Waits until it ends by itself: exit code, and all that it said.
    pub fn end(self) -> (i32, String) {
        self.end_within(PATIENCE)
    }

    pub fn end_within(mut self, patience: Duration) -> (i32, String) {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Ok(Some(status)) = self.child.try_wait() {
                return (status.code().unwrap_or(-1), self.said());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the process did not end within {patience:?}, it said:\n{}", self.said());
    }

    /// Waits until it answers.
    pub fn ready(mut self) -> Self {
        let until = Instant::now() + PATIENCE;
        while self.get("/api/v1/status").is_none() {
            assert!(self.is_running() && Instant::now() < until, "the node does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        self
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {}:\n{}", self.words.display(), self.said());
        }
    }
}
