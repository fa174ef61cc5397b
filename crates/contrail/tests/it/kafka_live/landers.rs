//! Several landers on one topic: on the same partitions, asleep and overtaken, and each on its own.

use std::time::Duration;

use contrail_testkit::Services;

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

    /// Waits until there is more in the table than now.
    fn wait_progress(&self) {
        let rows = || self.ground.landed(&self.reads).map_or(0, |(rows, _)| rows);
        let before = rows();
        wait("more lands", || rows() > before);
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

/// It has stopped as a user's matter, in a sentence that names the process of `newer`.
fn superseded(older: Process, newer: &Process) {
    let (code, said) = older.end();
    let name = format!("process {}, lands these partitions", newer.pid());
    assert!(
        code == 2 && said.contains("another lander that was started later") && said.contains(&name),
        "{code}: {said}"
    );
}

/// Whoever commits first wins a batch, the other one drops it and looks again; an older one that lost to a younger one
/// stops.
#[test]
fn two_landers_on_the_same_partitions_land_nothing_twice() {
    let Some(line) = Line::start(60) else { return };
    let mut first = line.ground.roles("first", &["land"]);
    line.wait_progress();
    let second = line.ground.roles("second", &["land"]);
    line.ground.wait_landed(&line.reads);
    let mut landers = Vec::new();
    if first.is_running() {
        assert!(second.said().contains("a batch was dropped"), "they never met: {}", second.said());
        landers.push(first);
    } else {
        superseded(first, &second);
    }
    landers.push(second);
    line.finish(landers);
}

/// `CONTRAIL_LONG` lets it sleep for a minute.
#[test]
fn a_lander_that_slept_stops_when_it_wakes_up() {
    let Some(line) = Line::start(60) else { return };
    let first = line.ground.roles("first", &["land"]);
    line.wait_progress();
    first.signal(libc::SIGSTOP);
    let second = line.ground.roles("second", &["land"]);
    line.wait_progress();
    let long = std::env::var_os("CONTRAIL_LONG").is_some();
    std::thread::sleep(Duration::from_secs(if long { 60 } else { 4 }));
    first.signal(libc::SIGCONT);
    superseded(first, &second);
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
