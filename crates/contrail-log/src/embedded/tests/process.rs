//! What only other processes can show: SIGKILL, crash points, a second owner, a file that may not grow.
//!
//! The children are this same test binary, told by the environment to play one of the parts below.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

const PART: &str = "CONTRAIL_LOG_TEST_PART";
const FILE: &str = "CONTRAIL_LOG_TEST_FILE";
const ROWS: i64 = 50;

fn child(part: &str, folder: &Folder, crash_at: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["embedded::tests::process::plays_its_part", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(PART, part).env(FILE, folder.file()).stdout(Stdio::piped());
    if let Some(point) = crash_at {
        command.env(contrail_kit::crash::CRASH_AT, point);
    }
    command.spawn().unwrap()
}

/// The part of a child. In the test run itself it has none.
#[tokio::test]
async fn plays_its_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let file = std::env::var(FILE).unwrap();
    // What the test harness has printed before stands on the same line.
    println!();
    match part.as_str() {
        "append" => append_for_ever(&file).await,
        "open" => match EmbeddedLog::open(&file, Options::default()).await {
            Ok(_) => println!("opened"),
            Err(error) => println!("{error}"),
        },
        "small" => grow_under_a_limit(&file).await,
        other => panic!("no part {other}"),
    }
}

/// The `n`-th batch: its messages say which they are.
fn batch(n: i64) -> Messages {
    (0..ROWS).map(|i| (Some(format!("{i}")), Some(format!("{}", n * ROWS + i)))).collect()
}

async fn append_for_ever(file: &str) {
    let log = EmbeddedLog::open(file, Options::default()).await.unwrap();
    for n in range(&log).await.end / ROWS.. {
        let position = Some(("feed".to_owned(), n.to_string()));
        log.append(Append { messages: batch(n), position, at: n }).await.unwrap();
        println!("acknowledged {n}");
    }
}

/// Everything up to the log's end is there, in order, with the position that belongs to it; how many batches it is.
async fn check_batches(folder: &Folder) -> i64 {
    let log = folder.open(Options::default()).await;
    let end = range(&log).await.end;
    assert_eq!(end % ROWS, 0, "an append is all or nothing");
    let mut next = 0;
    for chunk in all(&log, 0).await {
        for message in chunk.messages.iter() {
            assert_eq!(message.value, Some(next.to_string().as_bytes()));
            next += 1;
        }
    }
    assert_eq!(next, end);
    let position = log.position("feed").await.unwrap();
    assert_eq!(position, (end > 0).then(|| (end / ROWS - 1).to_string()));
    end / ROWS
}

/// The numbers of the batches of which the child says that they were acknowledged. A child whose pipe is dropped while
/// it runs ends with an error of its own.
fn acknowledged(child: &mut Child) -> impl Iterator<Item = i64> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok())
}

#[tokio::test]
async fn what_was_acknowledged_outlives_a_kill() {
    let folder = Folder::new();
    let mut before = 0;
    for lines in [1, 40, 7, 150, 23] {
        let mut child = child("append", &folder, None);
        let mut said = acknowledged(&mut child);
        let last = said.by_ref().take(lines).last();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it ends by the signal");
        let found = check_batches(&folder).await;
        assert!(found > last.unwrap(), "batch {last:?} was acknowledged and {found} are there");
        assert!(found >= before + lines as i64);
        before = found;
    }
}

#[tokio::test]
async fn a_crash_around_the_commit_leaves_all_of_the_append_or_nothing() {
    for (point, left) in [("log.append.before_commit:4", 3), ("log.append.after_commit:4", 4)] {
        let folder = Folder::new();
        let mut child = child("append", &folder, Some(point));
        assert_eq!(acknowledged(&mut child).last(), Some(2), "{point}");
        assert!(!child.wait().unwrap().success());
        assert_eq!(check_batches(&folder).await, left, "{point}");
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let folder = Folder::new();
    let log = folder.open(Options::default()).await;
    let ask = || {
        let said = child("open", &folder, None).wait_with_output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let refused = ask();
    assert!(refused.contains("log.db is in use by another process: stop it"), "{refused}");
    drop(log);
    assert!(ask().contains("opened"));
}

#[tokio::test]
async fn a_file_that_may_not_grow_fails_appends_until_it_may() {
    let folder = Folder::new();
    let said = child("small", &folder, None).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("failed and went on"), "{said}");
    let log = folder.open(Options::default()).await;
    let found: Vec<_> = all(&log, 0).await.into_iter().flat_map(|c| crate::conformance::pairs(&c.messages)).collect();
    let batches = found.len() / 1000;
    let expected: Vec<_> = (0..batches as u64).flat_map(|n| crate::conformance::pairs(&noise(1000, n))).collect();
    assert!(batches > 10 && found == expected, "{batches}");
}

async fn grow_under_a_limit(file: &str) {
    let log = EmbeddedLog::open(file, Options::default()).await.unwrap();
    let limit = |bytes: u64| {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: both take plain values; the child has one test and one purpose.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
        }
    };
    limit(1 << 20);
    let (mut n, mut failures) = (0, 0);
    // After a failure the write-ahead log is brought in, which may make room for some more.
    while failures < 5 {
        match log.append(append(noise(1000, n), 0)).await {
            Ok(_) => (n, failures) = (n + 1, 0),
            Err(error) => {
                assert!(error.class().retry, "{error}");
                failures += 1;
            }
        }
    }
    assert!(n > 3, "{n}");
    assert_eq!(all(&log, 0).await.iter().map(|c| c.messages.len()).sum::<usize>(), n as usize * 1000);
    limit(libc::RLIM_INFINITY);
    for _ in 0..10 {
        log.append(append(noise(1000, n), 0)).await.unwrap();
        n += 1;
    }
    println!("failed and went on");
}
