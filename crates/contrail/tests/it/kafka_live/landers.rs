//! Several landers on one topic: on the same partitions, asleep and overtaken, and each on its own.

use std::path::Path;
use std::time::Duration;

use contrail_testkit::Services;
use rusqlite::{Connection, OpenFlags};

use super::super::node::count;
use super::process::Process;
use super::{Ground, moment, wait};

struct Line {
    ground: Ground,
    fetches: Process,
    reads: Process,
}

impl Line {
    /// All but the landers.
    fn start(answers: i64) -> Option<Self> {
        let (kafka, registry) = (Services::kafka()?, Services::registry()?);
        let ground = Ground::new(&kafka.brokers, &[("registry.url", format!("{registry:?}"))], answers, 150);
        let (fetches, reads) = (ground.roles("src", &["source"]), ground.readers());
        Some(Self { fetches, reads: reads.ready(), ground })
    }

    fn rows(&self) -> i64 {
        self.ground.landed(&self.reads).map_or(0, |(rows, _)| rows)
    }

    /// Waits until there is more in the table than there was.
    fn wait_progress(&self, before: i64) {
        wait("more lands", || self.rows() > before);
    }

    fn finish(self, landers: Vec<Process>) {
        self.ground.wait_landed(&self.reads);
        self.fetches.wait_said("feed has ended");
        self.fetches.stop();
        landers.into_iter().for_each(Process::stop);
        self.reads.stop();
        self.ground.check();
    }
}

const OVERTAKEN: &str = "another lander that was started later";

/// Whether it has stopped as a user's matter, in a sentence that names the process of `newer`.
fn is_superseded((code, said): &(i32, String), newer: &Process) -> bool {
    let name = format!("process {}, lands these partitions", newer.pid());
    *code == 2 && said.contains(OVERTAKEN) && said.contains(&name)
}

/// Stops it where it does not hold the catalog's lock: nobody would land anything then.
fn put_to_sleep(lander: &Process, catalog: &Path) {
    let catalog = Connection::open_with_flags(catalog, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    catalog.busy_timeout(Duration::ZERO).unwrap();
    loop {
        lander.signal(libc::SIGSTOP);
        wait("it sleeps", || lander.is_stopped());
        if catalog.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            return;
        }
        lander.signal(libc::SIGCONT);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whoever commits first wins a batch, the other one drops it and looks again; an older one that lost to a younger one
/// stops.
#[test]
fn two_landers_on_the_same_partitions_land_nothing_twice() {
    let Some(line) = Line::start(300) else { return };
    let first = line.ground.roles("first", &["land"]);
    line.wait_progress(0);
    let second = line.ground.roles("second", &["land"]);
    wait("they meet", || second.said().contains("a batch was dropped") || first.said().contains(OVERTAKEN));
    line.ground.wait_landed(&line.reads);
    first.signal(libc::SIGTERM);
    let ended = first.end();
    assert!(ended.0 == 0 || is_superseded(&ended, &second), "{ended:?}");
    line.finish(vec![second]);
}

/// `CONTRAIL_LONG` lets it sleep for a minute.
#[test]
fn a_lander_that_slept_stops_when_it_wakes_up() {
    let sleep = if std::env::var_os("CONTRAIL_LONG").is_some() { 60 } else { 4 };
    let Some(line) = Line::start(250 + 10 * sleep) else { return };
    let first = line.ground.roles("first", &["land"]);
    line.wait_progress(0);
    put_to_sleep(&first, &line.ground.path().join("lake/catalog.db"));
    let before = line.rows();
    let second = line.ground.roles("second", &["land"]);
    line.wait_progress(before);
    std::thread::sleep(Duration::from_secs(sleep as u64));
    first.signal(libc::SIGCONT);
    let ended = first.end();
    assert!(is_superseded(&ended, &second), "{ended:?}");
    line.finish(vec![second]);
}

#[test]
fn three_landers_share_the_partitions_and_one_of_them_is_killed() {
    let Some(line) = Line::start(80) else { return };
    let start = |shard: &str| line.ground.roles(&format!("land-{}", &shard[..1]), &["land", "--shard", shard]);
    let (first, mut second, third) = (start("0/3"), start("1/3"), start("2/3"));
    for kill in 0..4 {
        std::thread::sleep(moment(kill, 200, 1_500));
        second.kill();
        second = start("1/3");
    }
    let each = "SELECT count(DISTINCT log_partition) AS n FROM states_raw";
    wait("rows of all partitions", || count(line.ground.path(), each) == 3);
    line.finish(vec![first, second, third]);
}
