//! Copies of a store's files on this machine: held while they are read, let go of by age, never believed when they are not
//! whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contrail_lake::{Change, Held, LakeTable, LiveFile};

use crate::support::{Sandbox, open, rows};

fn kept(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

async fn live(table: &LakeTable) -> Vec<Arc<LiveFile>> {
    table.load().await.unwrap().live_files().cloned().collect()
}

async fn hold(table: &LakeTable, files: &[Arc<LiveFile>]) -> Held {
    table.hold(files).await.unwrap()
}

fn whole(held: &Held, files: &[Arc<LiveFile>]) {
    for (path, file) in held.paths().iter().zip(files) {
        assert_eq!(fs::metadata(path).unwrap().len(), file.bytes, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn copies_stay_while_they_are_held_and_the_longest_unused_go_first() {
    let Some(mut sandbox) = Sandbox::remote() else { return };
    let table = sandbox.table().await;
    for hour in 0..4 {
        let files = table.encode(&rows(hour, i64::from(hour) * 500..i64::from(hour) * 500 + 500)).unwrap();
        table.commit(Change::append(files), open).await.unwrap();
    }
    let files = live(&table).await;
    let most = files.iter().map(|file| file.bytes).max().unwrap();
    sandbox.remote.as_mut().unwrap().cache_bytes = 2 * most;
    fs::remove_dir_all(sandbox.folder.path().join("cache")).unwrap();
    let (lake, folder) = (sandbox.lake(), sandbox.folder.path().join("cache"));
    let table = lake.ensure(&crate::support::def()).await.unwrap();

    // Two readers of the same files at once, more than the limit: both have all of them.
    let (one, other) = tokio::join!(hold(&table, &files), hold(&table, &files));
    whole(&one, &files);
    whole(&other, &files);
    assert_eq!(one.paths(), other.paths());
    assert_eq!(kept(&folder).len(), 4, "and no copy is there twice or half");
    let paths = one.paths().to_vec();
    drop(one);
    assert_eq!(kept(&folder).len(), 4, "the other one still reads");
    drop(other);
    assert_eq!(kept(&folder).len(), 2);

    // The first is used again, so the third is what has not been used for longest.
    drop(hold(&table, &files[2..3]).await);
    drop(hold(&table, &files[..1]).await);
    drop(hold(&table, &files[1..2]).await);
    let mut last = paths[..2].to_vec();
    last.sort();
    assert_eq!(kept(&folder), last);

    // Cut short, written to, deleted: what is on the disk is not what was fetched, and is fetched again.
    let cut = |path: &Path| fs::File::options().write(true).open(path).unwrap().set_len(100).unwrap();
    let grown = |path: &Path| fs::write(path, vec![0; 1 << 20]).unwrap();
    let gone = |path: &Path| fs::remove_file(path).unwrap();
    for damage in [&cut as &dyn Fn(&Path), &grown, &gone] {
        damage(&paths[0]);
        let held = hold(&table, &files[..1]).await;
        whole(&held, &files[..1]);
        let read = table.read([&files[0].path], None).unwrap();
        assert_eq!(read.num_rows() as u64, files[0].records);
    }
}

/// A process takes over what the one before it has fetched, without asking the store, and clears what that left half done.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_next_process_takes_over_the_copies_that_are_whole() {
    let Some(mut sandbox) = Sandbox::remote() else { return };
    let table = sandbox.table().await;
    let files = table.encode(&rows(0, 0..500)).unwrap();
    table.commit(Change::append(files), open).await.unwrap();
    let (files, folder) = (live(&table).await, sandbox.folder.path().join("cache"));
    let held = hold(&table, &files).await;
    let (copy, part) = (held.paths()[0].clone(), folder.join("half.parquet.0.part"));
    drop((held, table));
    fs::write(&part, "half").unwrap();
    let again = sandbox.table().await;
    assert!(copy.exists() && !part.exists());
    let bytes = fs::read(&copy).unwrap();
    again.load().await.unwrap();
    // The store has gone away.
    sandbox.remote.as_mut().unwrap().s3.endpoint = Some("http://127.0.0.1:1".into());
    let without = sandbox.table().await;
    let held = hold(&without, &files).await;
    assert_eq!(fs::read(&held.paths()[0]).unwrap(), bytes);
    drop(held);
    fs::remove_file(&copy).unwrap();
    let error = without.hold(&files).await.err().expect("nobody has it").to_string();
    assert!(error.contains("127.0.0.1:1"), "{error}");
    assert_eq!(kept(&folder), Vec::<PathBuf>::new(), "what did not arrive leaves nothing");
}
