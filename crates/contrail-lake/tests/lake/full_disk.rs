//! Compaction on a disk that is full: it fails with a clear error and touches nothing; with room it is done.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use contrail_kit::Classified;
use contrail_lake::{Change, CommitFailed, Compaction};
use contrail_types::time::HOUR;

use crate::support::{FIRST_HOUR, START, Sandbox, ids, open, rows};

/// A small disk of its own.
struct Disk(PathBuf);

impl Disk {
    /// `None`, said loudly, where this user may not mount.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let option = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &option, "contrail-test"]).arg(at).output();
        let mounted = mounted.is_ok_and(|out| out.status.success());
        if !mounted {
            eprintln!("SKIPPED: no small disk could be mounted (it takes root on Linux)");
        }
        mounted.then(|| Self(at.to_owned()))
    }

    /// Takes all the room that is left, but for so many bytes.
    fn fill(&self, but: u64) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 20, 1 << 12] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
        file.set_len(file.metadata().unwrap().len().saturating_sub(but)).unwrap();
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match entry.is_dir() {
            true => found.extend(files_below(&entry)),
            false => found.extend([entry]),
        }
    }
    found
}

#[tokio::test]
async fn compaction_on_a_full_disk_touches_nothing_and_is_done_when_there_is_room() {
    let sandbox = Sandbox::new();
    let warehouse = sandbox.folder.path().join("warehouse");
    let Some(disk) = Disk::mount(&warehouse, "8m") else { return };
    let table = sandbox.table().await;
    for n in 0..8 {
        let files = table.encode(&rows(0, n * 3000..n * 3000 + 3000)).unwrap();
        table.commit(Change::append(files), open).await.unwrap();
    }
    sandbox.clock.set(START + 2 * HOUR);
    let before = ids(&table).await;
    let live = || async { table.load().await.unwrap().live_files().map(|f| f.path.clone()).collect::<BTreeSet<_>>() };
    let live_before = live().await;
    // Without any room the data file fails; with a little the file fits, and some later one does not.
    let whole = fs::metadata(live_before.first().unwrap()).unwrap().len();
    for room in [0, whole, 9 * whole] {
        let filler = disk.fill(room);
        let there = files_below(&warehouse);
        let outcome = table.compact(FIRST_HOUR, &Compaction::default()).await;
        match outcome {
            Err(CommitFailed::Lake(error)) => {
                let text = contrail_kit::class::chain(&error);
                assert!(text.contains("No space left") && text.contains("write"), "{text}");
                assert!(error.class().retry, "the next round tries again: {text}");
                assert_eq!(files_below(&warehouse), there, "nothing half done stays");
                assert_eq!(live().await, live_before);
            }
            Ok(Some(_)) if room > whole => break,
            other => panic!("{room}: {other:?}"),
        }
        assert_eq!(ids(&table).await, before);
        fs::remove_file(filler).unwrap();
    }
    let _ = fs::remove_file(warehouse.join("filler"));
    if live().await == live_before {
        table.compact(FIRST_HOUR, &Compaction::default()).await.unwrap().unwrap();
    }
    assert_eq!(live().await.len(), 1);
    assert_eq!(ids(&table).await, before);
    assert_eq!(table.fsck().await.unwrap().missing, Vec::<String>::new());
}
