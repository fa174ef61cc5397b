//! A disk that is full, or may only be read: one clear sentence, nothing damaged, and on it goes when there is room.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use super::kills::{check, up};
use super::node::{Node, contrail, played, run, verify};
use super::sky::record;

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    /// `None`, said loudly, where this user may not mount.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "contrail-test"], at);
        if !mounted {
            eprintln!("SKIPPED: no small disk could be mounted (it takes root on Linux)");
        }
        mounted.then(|| Self(at.to_owned()))
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 1 << 12] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(options: &[&str], at: &Path) -> bool {
    Command::new("mount").args(options).arg(at).output().is_ok_and(|out| out.status.success())
}

#[test]
fn a_full_disk_stops_the_line_and_room_lets_it_go_on() {
    let folder = tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("data"), "96m") else { return };
    let expected = record(&folder.path().join("sky.ndjson"), 80, 400);
    let node = Node::start(up(folder.path()).args(["--set", "feed.rec.interval=300ms"]));
    node.wait("something has landed", |status| status["lake"]["landed_rows"].as_i64().unwrap_or(0) > 0);
    let filler = disk.fill();
    let status = node.wait("a role says that the disk is full", |status| {
        let roles = status["roles"].as_array().unwrap();
        roles
            .iter()
            .any(|role| role["error"].as_str().is_some_and(|error| error.contains("full") || error.contains("space")))
    });
    let waits = |role: &&serde_json::Value| role["state"] == "waiting" && role["retry_at"].is_string();
    assert!(status["roles"].as_array().unwrap().iter().any(|role| waits(&role)), "it tries again: {status:#}");
    fs::remove_file(filler).unwrap();
    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);
    check(folder.path(), &expected);
}

#[test]
fn killed_on_a_full_disk_nothing_is_lost() {
    let folder = tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("data"), "96m") else { return };
    let expected = record(&folder.path().join("sky.ndjson"), 80, 400);
    for _ in 0..3 {
        let node = Node::start(&mut up(folder.path()));
        node.wait("it runs", |status| status["log"]["end"].as_i64().unwrap_or(0) > 0);
        let filler = disk.fill();
        std::thread::sleep(std::time::Duration::from_millis(700));
        node.kill();
        fs::remove_file(filler).unwrap();
    }
    let node = Node::start(&mut up(folder.path()));
    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);
    check(folder.path(), &expected);
}

#[test]
fn a_disk_that_may_only_be_read_is_named_and_left_as_it_is() {
    let folder = tempdir().unwrap();
    let Some(disk) = Disk::mount(&folder.path().join("data"), "96m") else { return };
    let expected = record(&folder.path().join("sky.ndjson"), 10, 50);
    let node = Node::start(&mut up(folder.path()));
    node.wait("the recording has been played", played);
    assert_eq!(node.stop(), 0);
    assert!(mount(&["-o", "remount,ro"], &disk.0));
    let (code, _, error) = run(&mut up(folder.path()));
    assert!(code == 1 || code == 2, "{code}: {error}");
    assert!(error.to_lowercase().contains("read-only"), "{error}");
    let lines = error.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 3, "one clear sentence, not {error}");
    assert!(mount(&["-o", "remount,rw"], &disk.0));
    check(folder.path(), &expected);
    verify(folder.path());
    let (code, out, _) = run(contrail(folder.path()).args(["--data-dir", "data", "tables"]));
    assert!(code == 0 && out.contains("states_raw"), "{out}");
}
